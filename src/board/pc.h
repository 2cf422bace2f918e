// SPDX-License-Identifier: MIT
/*
 * The machine "pc": an i440FX/PIIX PC as firmware and kernels of the last thirty years know it.
 * pc.c has the table of what is always there and makes the machine of it; pc_place.c is what a
 * device finds there; pc_memory.c has RAM and firmware, pc_firmware.c what firmware is told (CMOS,
 * fw_cfg, ACPI); types.c names the devices that there are.
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
#include "dev/device.h"
#include "dev/fw_cfg.h"
#include "dev/irq_router.h"
#include "dev/piix4_pm.h"
#include "dev/rtc.h"
#include "dev/rtc_time.h"

#define PC_RAM_MIN      (UINT64_C(1) << 20)
#define PC_RAM_MAX      (UINT64_C(1) << 40)
#define PC_BELOW_4G     UINT64_C(0xe0000000) /* where RAM makes room for PCI */
#define PC_ROM_MAX      (UINT64_C(16) << 20)
#define PC_DEFAULT_BIOS "bios-256k.bin"
#define PC_BOOT_LETTERS                                                                            \
	"acdn" /* what a boot order can name, numbered as CMOS has it: floppy disks, disks, CD-ROMs, networks */

enum pc_rtc_clock { PC_RTC_HOST, PC_RTC_RT, PC_RTC_VM };

/* A -fw_cfg item: a string or the contents of a file. */
struct pc_fw_cfg_item {
	const char *name;
	const char *string; /* or */
	const char *file;
};

/* Back-ends by the names that devices say. They stay the caller's and are closed after pc_destroy(). */
struct pc_chardev {
	const char *id;
	struct chardev *chardev;
};

struct pc_disk {
	const char *id;
	struct block *block; /* NULL: nothing is in the drive */
	bool readonly; /* what is put in later is */
	struct block_policy policy; /* for devices that do not say their own */
};

/* What the machine is made of; texts are borrowed for its life, lists until pc_create() returns. */
struct pc_options {
	struct machine_options machine; /* what is the board's part is filled in */
	const char *name; /* or NULL */
	const uint8_t *uuid; /* 16 bytes, or NULL */
	uint64_t ram; /* bytes, a multiple of 4096, PC_RAM_MIN to PC_RAM_MAX */

	const char *ram_folder; /* it is a file without a name in there; NULL: anonymous memory */
	bool ram_populate; /* the host gives it all at once */

	const char *bios; /* path of the firmware, or */
	const uint8_t *rom; /* an image of rom_size bytes in this process */
	size_t rom_size;

	/* For firmware, in ms where it is a time. */
	bool serial_console; /* the firmware's console is the first serial port */
	const char *boot_order; /* of PC_BOOT_LETTERS, none twice; NULL: "cad" */
	bool boot_strict; /* nothing is tried that is not in the list of those that have a place */
	bool boot_menu;
	int32_t boot_menu_wait; /* -1: its own choice */
	bool boot_fail_wait_given;
	int32_t boot_fail_wait; /* until it tries again; -1: never */

	struct rtc_base rtc_base;
	enum pc_rtc_clock rtc_clock;

	const struct device_type *const *types; /* NULL: board_device_types */
	/* Besides those that are always there, in the order in which slots are given. */
	const struct device_spec *devices;
	size_t devices_n;
	const struct device_global *globals;
	size_t globals_n;
	const struct pc_chardev *chardevs;
	size_t chardevs_n;
	/* Kept for the machine's life: the block of one that is ejected is closed, and NULL here. */
	struct pc_disk *disks;
	size_t disks_n;
	/* As struct place has it; NULL: nothing comes with firmware. */
	bool (*find_file)(void *arg, const char *name, char *out, size_t size);
	void *find_file_arg;
	const struct pc_fw_cfg_item *fw_cfg;
	size_t fw_cfg_n;
};

struct pc {
	struct machine machine;
	struct pc_options options;

	/* Memory. */
	uint8_t *ram_host, *rom_host;
	uint64_t rom_size;
	struct mem_region ram, ram_low, ram_middle, ram_high, rom, rom_isa, pci_memory;

	struct place place;
	struct device_list devices;
	/* Those of them that the board itself speaks to. */
	struct irq_router *router;
	struct piix4_pm *pm;
	struct rtc *rtc;
	struct fw_cfg *fw_cfg;

	struct irq_source inputs[IRQ_LINES]; /* of lines that a test drives */
};

/* types.c: every type of device that there is; ends with NULL. */
extern const struct device_type *const board_device_types[];

/* Makes the machine, paused. 0 or -errno with one line in err; then nothing is left behind. */
int pc_create(struct pc *pc, const struct pc_options *options, struct error *err)
	__attribute__((warn_unused_result));
void pc_destroy(struct pc *pc);

/* pc_place.c: what devices find, once the machine and its memory are there. */
void pc_place_init(struct pc *pc);

/* pc_memory.c: RAM and firmware into the map. */
int pc_memory_init(struct pc *pc, struct error *err) __attribute__((warn_unused_result));
void pc_memory_destroy(struct pc *pc);

/* pc_firmware.c: what firmware reads of the machine. */
void pc_cmos_init(struct pc *pc);
int pc_fw_cfg_fill(struct pc *pc, struct error *err) __attribute__((warn_unused_result));
