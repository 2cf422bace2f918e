// SPDX-License-Identifier: MIT
/*
 * The machine "pc": an i440FX/PIIX PC as firmware and kernels of the last thirty years know it.
 * pc_create() in pc.c is the wiring, readable from top to bottom; pc_memory.c has RAM and firmware,
 * pc_firmware.c what firmware is told (CMOS, fw_cfg, ACPI).
 *
 * Belongs to the thread that runs the machine's loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chardev.h"
#include "board/machine.h"
#include "dev/block.h"
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/fw_cfg.h"
#include "dev/i440fx.h"
#include "dev/i8042.h"
#include "dev/irq_router.h"
#include "dev/piix3.h"
#include "dev/piix4_pm.h"
#include "dev/port92.h"
#include "dev/post.h"
#include "dev/pvpanic.h"
#include "dev/rtc.h"
#include "dev/rtc_time.h"
#include "dev/serial.h"
#include "dev/virtio_blk.h"

#define PC_DISKS_MAX    16
#define PC_FW_CFG_MAX   64
#define PC_SERIALS      4 /* COM1 to COM4 */
#define PC_DEBUG_MAX    4
#define PC_RAM_MIN      (UINT64_C(1) << 20)
#define PC_RAM_MAX      (UINT64_C(1) << 40)
#define PC_BELOW_4G     UINT64_C(0xe0000000) /* where RAM makes room for PCI */
#define PC_ROM_MAX      (UINT64_C(16) << 20)
#define PC_DEFAULT_BIOS "bios-256k.bin"

enum pc_rtc_clock { PC_RTC_HOST, PC_RTC_RT, PC_RTC_VM };

/* A -fw_cfg item: a string or the contents of a file. */
struct pc_fw_cfg_item {
	const char *name;
	const char *string; /* or */
	const char *file;
};

struct pc_disk {
	struct block *block; /* opened by the caller, closed by pc_destroy() */
	const char *serial; /* or NULL */
	int32_t bootindex; /* lowest first; -1: after all those that have one */
};

/* What the machine is made of; strings are borrowed for its life. */
struct pc_options {
	struct machine_options machine; /* what is the board's part is filled in */
	const char *name; /* or NULL */
	const uint8_t *uuid; /* 16 bytes, or NULL */
	uint64_t ram; /* bytes, a multiple of 4096, PC_RAM_MIN to PC_RAM_MAX */

	const char *bios; /* path of the firmware, or */
	const uint8_t *rom; /* an image of rom_size bytes in this process */
	size_t rom_size;

	/* For firmware, in ms where it is a time. */
	bool serial_console; /* the firmware's console is the first serial port */
	bool boot_menu;
	int32_t boot_menu_wait; /* -1: its own choice */
	bool boot_fail_wait_given;
	int32_t boot_fail_wait; /* until it tries again; -1: never */

	struct rtc_base rtc_base;
	enum pc_rtc_clock rtc_clock;
	bool rtc_slew;

	/* The back-ends stay the caller's and are closed after pc_destroy(). */
	struct pc_serial {
		bool present;
		struct chardev *chardev; /* NULL: the port is there, nobody listens */
	} serials[PC_SERIALS];
	struct pc_debugcon {
		uint16_t port;
		struct chardev *chardev;
	} debugcons[PC_DEBUG_MAX];
	size_t debugcons_n;
	struct pc_debugexit {
		uint16_t port, size;
	} debugexits[PC_DEBUG_MAX];
	size_t debugexits_n;

	struct pc_disk disks[PC_DISKS_MAX];
	size_t disks_n;
	struct pc_fw_cfg_item fw_cfg[PC_FW_CFG_MAX];
	size_t fw_cfg_n;
};

struct pc {
	struct machine machine;
	struct pc_options options;

	/* Memory. */
	uint8_t *ram_host, *rom_host;
	uint64_t rom_size;
	struct mem_region ram, ram_low, ram_middle, ram_high, rom, rom_isa, pci_memory;

	/* Chips. */
	struct irq_router router;
	struct pci_bus pci;
	struct i440fx bridge;
	struct piix3 isa;
	struct piix4_pm pm;
	struct rtc rtc;
	struct serial serials[PC_SERIALS];
	struct i8042 i8042;
	struct port92 port92;
	struct post post;
	struct debugcon debugcons[PC_DEBUG_MAX];
	struct debugexit debugexits[PC_DEBUG_MAX];
	struct pvpanic pvpanic;
	struct fw_cfg fw_cfg;
	struct virtio_blk disks[PC_DISKS_MAX];
};

/* Makes the machine, paused. 0 or -errno with one line in err; then nothing is left behind. */
int pc_create(struct pc *pc, const struct pc_options *options, struct error *err)
	__attribute__((warn_unused_result));
void pc_destroy(struct pc *pc);

/* The PCI device number of disk i. */
unsigned pc_disk_device(size_t i);

/* pc_memory.c: RAM and firmware into the map. */
int pc_memory_init(struct pc *pc, struct error *err) __attribute__((warn_unused_result));
void pc_memory_destroy(struct pc *pc);

/* pc_firmware.c: what firmware reads of the machine. */
void pc_cmos_init(struct pc *pc);
int pc_fw_cfg_init(struct pc *pc, struct error *err) __attribute__((warn_unused_result));
