// SPDX-License-Identifier: MIT
/*
 * A virtio disk (Virtual I/O Device 1.2, 5.2): reads, writes, flush, discard, write zeroes and the
 * identification string, over the modern PCI transport, on a block of the host.
 *
 * The chip is embedded in its board and uses a block that nobody else uses meanwhile; the block
 * stays the board's and is closed after virtio_blk_destroy(). The functions here are called on the
 * loop's thread, or on any while the loop does not run; the guest's accesses may come meanwhile.
 *
 * A driver that does not ask for flushes gets a disk whose writes are stable when they are done.
 */
#pragma once

#include <linux/virtio_blk.h>

#include "dev/block.h"
#include "dev/virtio_pci.h"

struct virtio_blk {
	struct virtio_pci pci;
	struct block *block;
	struct virtio_blk_config config;
	uint8_t serial[VIRTIO_BLK_ID_BYTES];
};

struct virtio_blk_options {
	struct pci_bus *bus;
	uint8_t devfn;
	bool multifunction; /* other functions may share the slot */
	struct mem_map *map;
	struct loop *loop; /* the block's; NULL: somebody calls virtio_blk_serve() */
	void (*drain)(void *arg); /* as struct virtio_pci_options says */
	void *drain_arg;
	struct block *block;
	const char *serial; /* the first 20 bytes count; NULL: none */
};

/* Puts the disk on the bus. 0 or -errno. */
int virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_options *options)
	__attribute__((warn_unused_result));
/* Cancels what is in flight, as a reset does; nobody hears of the block's errors any more. */
void virtio_blk_destroy(struct virtio_blk *blk);

/*
 * As after power-on. What is in flight is cancelled, without an answer; waits for the little of it
 * that the host is at (see block_cancel()).
 */
void virtio_blk_reset(struct virtio_blk *blk);
/*
 * For pausing: waits for the little that the host is at (see block_pause()); then nothing more is
 * started or taken from the queue, and no memory is touched until virtio_blk_resume(). Requests that
 * are not answered go on then.
 */
void virtio_blk_quiesce(struct virtio_blk *blk);
void virtio_blk_resume(struct virtio_blk *blk);

/* Looks at the queue now, as when the driver has rung. */
void virtio_blk_serve(struct virtio_blk *blk);
