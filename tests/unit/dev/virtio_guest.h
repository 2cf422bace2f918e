// SPDX-License-Identifier: MIT
/*
 * A machine of RAM, a PCI bus and virtio disks, and the guest's driver for one of them, which finds
 * its way as real drivers do: configuration space, capabilities, BARs, rings in RAM.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "dev/block.h"
#include "dev/pci.h"
#include "dev/virtio_blk.h"

#define RAM_SIZE  0x200000u
#define DISK_SIZE 0x100000u

/* Where the driver of a disk keeps its things, from its base in RAM on. */
#define AT_DESC     0x0000
#define AT_AVAIL    0x2000
#define AT_USED     0x4000
#define AT_HEADER   0x8000
#define AT_STATUS   0x9000
#define AT_INDIRECT 0xa000
#define AT_DATA     0x10000

#define MSI_LOG 64

struct machine {
	struct mem_map map;
	struct mem_region ram, bars, ports;
	uint8_t *host;
	struct pci_bus bus;
	struct loop loop;
	struct loop_task quit;
	bool intx[4]; /* levels of the pins of device 3 */
	unsigned intx_raised;
	struct {
		uint64_t addr;
		uint32_t data;
	} msi[MSI_LOG];
	unsigned msi_n;
	char path[64];
	/* Plays the accelerator: delivers the writes that wait. NULL: there are none. */
	void (*drain)(struct machine *m);
	void *drain_arg;
};

/* One disk and its driver. */
struct disk {
	struct machine *m;
	struct block *block;
	struct virtio_blk blk;
	uint8_t devfn;
	uint64_t base; /* of the driver's memory */
	uint64_t common, notify, isr, device; /* guest addresses, as the capabilities say */
	uint64_t msix_table, msix_pending;
	unsigned msix, window; /* offsets of capabilities */
	uint32_t notify_each;
	uint16_t size; /* of the queue */
	uint16_t avail, seen; /* free-running */
};

void machine_init(struct machine *m);
void machine_destroy(struct machine *m);
/* Lets the loop do what there is to do, until the disk has nothing in flight. */
void machine_run(struct machine *m, struct disk *disk);
uint32_t guest_read(struct machine *m, uint64_t addr, unsigned width);
void guest_write(struct machine *m, uint64_t addr, uint64_t value, unsigned width);

/* The image is made anew, its byte i being disk_byte(i). */
uint8_t disk_byte(size_t i);
/* device: on the bus. Options that are NULL or 0 are defaults. */
void disk_init(struct disk *disk, struct machine *m, unsigned device, struct block_options options);
void disk_destroy(struct disk *disk);

/* The driver. */
uint32_t config_get(struct disk *disk, unsigned offset, unsigned width);
void config_set(struct disk *disk, unsigned offset, uint32_t value, unsigned width);
uint32_t common_get(struct disk *disk, unsigned offset, unsigned width);
void common_set(struct disk *disk, unsigned offset, uint32_t value, unsigned width);
/* BAR, capabilities, memory decoding and bus mastering. */
void driver_find(struct disk *disk);
void driver_msix(struct disk *disk, bool on);
/* Up to FEATURES_OK, with these features and VERSION_1; true if the device agreed. */
bool driver_features(struct disk *disk, uint64_t features);
/* The queue, with both vectors given. */
void driver_queue(struct disk *disk, uint16_t size, uint16_t vector);
void driver_ok(struct disk *disk);
/* All of that; MSI-X with the queue's vector 1, or INTx. */
void driver_start(struct disk *disk, uint64_t features, bool msix);
uint8_t driver_status(struct disk *disk);

void put_desc(struct disk *disk, unsigned index, uint64_t addr, uint32_t len, uint16_t flags,
	      uint16_t next);
/* Makes a head available without ringing. */
void make_available(struct disk *disk, uint16_t head);
void ring(struct disk *disk);
uint16_t used_idx(struct disk *disk);

/* A request of header, data and status in three descriptors, rung for; false: no answer came. */
struct outcome {
	bool answered;
	uint8_t status;
	uint32_t written;
};
struct outcome request(struct disk *disk, uint32_t type, uint64_t sector, uint32_t len);
/* The driver's data buffer. */
uint8_t *data(struct disk *disk);
