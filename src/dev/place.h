// SPDX-License-Identifier: MIT
/*
 * What a machine offers to the devices that are put into it: address spaces, interrupt lines, the PCI
 * bus, clocks, the loop, memory, the back-ends that the user named, and what a device may ask of the
 * machine. Wires between two chips are here as well: the one whose pin it is fills it in when it is
 * created, and those behind it on the list find it.
 *
 * The board makes it and keeps it, with what it points to, until the last device is destroyed.
 * Devices read it; only a device that provides a wire writes, in its create().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/chardev.h"
#include "base/clock.h"
#include "base/loop.h"
#include "dev/block.h"
#include "dev/irq.h"
#include "mem/map.h"

struct drives;
struct fdc;
struct i8237;
struct ide;
struct input;
struct irq_router;
struct pci_bus;
struct screen;

enum place_sleep {
	PLACE_SLEEP_STANDBY, /* everything stays */
	PLACE_SLEEP_TO_RAM, /* waking goes through a reset */
};

/*
 * What a device may ask of the machine. From any thread, with the device's lock held: the wish is
 * noted and carried out later on the loop's thread.
 */
struct place_ask {
	void *arg; /* of all of them */
	void (*reset)(void *arg);
	void (*shutdown)(void *arg);
	void (*exit)(void *arg, uint32_t status); /* of the program; its low 8 bits count */
	void (*sleep)(void *arg, enum place_sleep kind);
	void (*wake)(void *arg);
	void (*panic)(void *arg); /* the guest says that it has panicked */
	void (*rtc_change)(void *arg, int64_t offset); /* seconds ahead of the reference */
};

/* The byte-wide register inside CONFIG_ADDRESS, 0xcf9. Called with the bus lock held. */
struct place_reset_control {
	uint8_t (*read)(void *arg); /* NULL: ones */
	void (*write)(void *arg, uint8_t value); /* NULL: nothing */
	void *arg;
};

/* A -drive, for the device that shows it. */
struct place_disk {
	const char *name; /* its id; as long as the place */
	struct block *block; /* NULL: nothing is in it */
	bool readonly; /* what is put into it later is so */
	struct block_policy policy;
};

struct place {
	struct mem_map *map;
	struct mem_region *memory, *ports; /* roots of the two spaces: offset = address */
	struct mem_region *pci_memory; /* where memory BARs go; bus address = offset */
	struct mem_region *ram; /* all of it, offset 0 is address 0; at least 1 MiB */
	struct loop *loop;
	struct clock *clock; /* the machine's own: stands still with it */

	/* What the user said of the real-time clock. */
	struct clock *rtc_clock;
	int64_t rtc_seconds; /* what it shows now, as in rtc_time.h */
	int32_t rtc_ns; /* and how far the second has gone */

	/* Where interrupts leave the machine for the accelerator. */
	struct irq_line (*irq_line)(void *arg, unsigned line);
	void *irq_arg; /* of the one above */
	struct msi_sink msi;
	bool elcr; /* nobody else has the edge/level registers 0x4d0 and 0x4d1 */

	struct input *input; /* what a person does; a keyboard and a mouse listen there */

	struct screen *screen; /* what a person sees; a chip that has a picture fills it in */

	struct place_ask ask;

	/* Delivers every write of the guest that waits. Loop's thread, no lock held. */
	void (*drain)(void *arg);
	void *drain_arg;

	/* The back-end of that id; NULL, or -ENOENT: there is none. */
	struct chardev *(*chardev)(void *arg, const char *id);
	int (*disk)(void *arg, const char *id, struct place_disk *out);
	/* A file that comes with firmware: where it is, to out; false, and out is the name: nowhere. */
	bool (*find_file)(void *arg, const char *name, char *out, size_t size);
	void *arg; /* of the three */
	struct drives *drives; /* devices that show a disk put it on the list (dev/drive.h) */

	/* Filled in by devices. */
	struct irq_router *router; /* "irq-router" */
	struct pci_bus *pci; /* "i440FX-pcihost" */
	struct ide *ide; /* "piix3-ide" */
	struct i8237 *dma; /* "i8257" */
	struct fdc *fdc; /* "isa-fdc" */
	unsigned serials; /* a bit for each number that an "isa-serial" has */
	unsigned parallels; /* likewise of "isa-parallel" */
	struct place_reset_control reset_control; /* "PIIX3" */
	struct place_alarm {
		/* Any thread; a chip of DEV_LAYER_CHIP may call. NULL: nobody hears it. */
		void (*ring)(void *arg);
		void *arg;
	} rtc_alarm; /* "PIIX4_PM" */
};
