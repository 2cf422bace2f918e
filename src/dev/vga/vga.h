// SPDX-License-Identifier: MIT
/*
 * The graphics adapter "VGA": a PCI function (1234:1111) with the VGA's registers at 0x3b0 to 0x3df
 * and its window at 0xa0000, the Bochs VBE extensions at 0x1ce to 0x1d0, and three BARs: display memory
 * (0), all registers and the monitor's EDID by memory (2), and the video BIOS as expansion ROM.
 *
 * regs.h has the registers and the window, picture.h what they show; ports.c and vbe.c are the
 * guest's way to them, window.c lends the window to the guest as plain memory where it is such, draw.c
 * is the screen's side (dev/screen.h).
 *
 * The lock (LOCK_DEVICE) protects the registers and display memory where a handler reaches it. The
 * guest also writes to memory by itself, so whoever looks takes a copy and draws from that.
 *
 * docs/devices-vga.md has a row for each register.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "dev/device.h"
#include "dev/pci.h"
#include "dev/screen.h"
#include "dev/vga/edid.h"
#include "dev/vga/picture.h"
#include "dev/vga/regs.h"
#include "mem/loan.h"
#include "mem/map.h"

#define VGA_WINDOW      UINT64_C(0xa0000)
#define VGA_WINDOW_SIZE 0x20000u
#define VGA_TEXT_SIZE   0x8000u
#define VGA_PORTS       0x3b0
#define VGA_PORTS_SIZE  0x30u
#define VGA_VBE_PORTS   0x1ce
#define VGA_MMIO_SIZE   0x1000u
#define VGA_MEMORY_MAX  256 /* MiB */

struct vga {
	struct device device;
	/* Properties. */
	struct pci_slot slot;
	uint32_t vgamem_mb;
	const char *romfile; /* NULL: the default's; empty: none */
	bool has_edid;
	uint32_t xres, yres; /* what the monitor likes best, in pixels */

	struct pci_function function;
	struct mem_map *map;
	struct clock *clock;
	struct lock lock;
	struct vga_regs regs;

	uint8_t *memory; /* display memory, as regs.h has it */
	uint32_t memory_size;
	uint8_t *rom_host; /* or NULL */
	size_t rom_size;
	uint8_t edid[EDID_SIZE]; /* what the monitor says of itself */

	struct mem_region ports, vbe, mmio, rom;
	struct mem_region ram; /* all of memory: in no place by itself, */
	struct mem_region framebuffer; /* but at BAR 0, wherever that is */

	/* window.c. Text is kept in a copy while the guest has it as plain memory. */
	struct mem_region window; /* trapped: what lies under the two others */
	struct mem_region text_window, linear_window;
	uint8_t *text;
	struct vga_window asked, shown; /* of the map */
	bool text_left; /* the copy is newer than planes 0 and 1, and the guest has it no more */
	struct mem_condition conditions[1];
	struct mem_budget budget;
	struct mem_request request;

	/* draw.c. The loop's thread. */
	struct screen *screen; /* or NULL */
	struct vga_picture picture; /* what was drawn last */
	bool drawn;
	uint8_t *seen; /* of the memory it showed */
	size_t seen_size;
};

/* Places in .conditions, for MEM_WHEN(). */
#define VGA_TRAPPED 0

extern const struct device_type vga_type;

/* Why a write may wait that only the picture shows. */
extern const char vga_why_shown[];
/* ports.c. The regions of ports and of the MMIO BAR. */
void vga_ports_init(struct vga *vga);
uint8_t vga_port_read(struct vga *vga, unsigned port);
void vga_port_write(struct vga *vga, unsigned port, uint8_t value);
/* vbe.c, with the lock held. */
void vga_vbe_init(struct vga *vga);
void vga_vbe_reset(struct vga *vga);
/* Registers were restored: brings them into range, whoever saved them. */
void vga_vbe_restored(struct vga *vga);
uint16_t vga_vbe_read(const struct vga *vga, unsigned index);
void vga_vbe_write(struct vga *vga, unsigned index, uint16_t value);

/* window.c. 0 or -ENOMEM; in a transaction of the map. */
int vga_window_init(struct vga *vga, struct mem_region *memory) __attribute__((warn_unused_result));
void vga_window_destroy(struct vga *vga);
/* Registers have changed: asks the map for what follows from them. With the lock held. */
void vga_window_follow(struct vga *vga);
/* Planes 0 and 1 are as the guest left its text. With the lock held. */
void vga_window_sync(struct vga *vga);
/* Somebody else has written to planes 0 and 1 since: text is as they are. With the lock held. */
void vga_window_refresh(struct vga *vga);

/* retrace.c: input status register 1 but for its fixed bits, at a time of the machine's clock. */
uint8_t vga_retrace(const struct vga_regs *regs, int64_t now);

/* draw.c */
void vga_draw_init(struct vga *vga, struct screen *screen);
void vga_draw_destroy(struct vga *vga);
