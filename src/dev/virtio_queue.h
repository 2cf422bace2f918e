// SPDX-License-Identifier: MIT
/*
 * Split virtqueues, the device's side (Virtual I/O Device 1.2, section 2.7). The guest owns the
 * memory that rings and descriptors are in and may change it at any moment: every index, address
 * and length is read once, checked, and used from the copy. What breaks a rule of the
 * specification is reported as such, and the device stops serving the queue.
 *
 * The caller holds the chip's lock and a view of memory; nothing is remembered of the view between
 * calls except the pointers in struct virtio_rings, which are good as long as the view is held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/range.h"
#include "base/state.h"
#include "mem/view.h"

#define VIRTIO_QUEUE_MAX 256 /* entries, and descriptors in a chain */
/* Pieces of host memory in a chain: a buffer may lie across several areas of RAM. */
#define VIRTIO_CHAIN_MAX (VIRTIO_QUEUE_MAX + 64)

struct virtio_queue {
	/* As the driver set it up (4.1.4.3); frozen once enabled. */
	uint64_t desc, driver, device; /* guest addresses */
	uint16_t size; /* entries: a power of two, at most VIRTIO_QUEUE_MAX */
	uint16_t vector; /* VIRTIO_MSI_NO_VECTOR or a vector */
	uint8_t enabled;
	uint8_t event_idx, indirect; /* VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC negotiated */
	/* Where the device stands; free-running. */
	uint16_t next_avail, next_used;
	uint16_t told_used; /* next_used when the driver was last considered for an interrupt */
	uint16_t outstanding; /* chains taken and not given back */
};

extern const struct state_table virtio_queue_state;

/* Host pointers to the three parts, for one pass over a queue. */
struct virtio_rings {
	const struct mem_view *view; /* in which they were found */
	const uint8_t *desc; /* 16 bytes each */
	const uint16_t *avail; /* flags, idx, ring[size], used_event */
	uint16_t *used; /* flags, idx, then pairs of 32-bit words, avail_event */
};

/* A chain of descriptors as pieces of host memory: first what the device reads, then what it writes. */
struct virtio_chain {
	uint16_t head;
	unsigned out_n, in_n;
	uint64_t out_len, in_len; /* bytes */
	struct iovec iov[VIRTIO_CHAIN_MAX];
	struct range at[VIRTIO_CHAIN_MAX]; /* guest addresses of the pieces, as they came */
};

/* As after a reset, with the size offered. */
void virtio_queue_reset(struct virtio_queue *queue, uint16_t size);

/* Finds the rings in guest RAM. False: they are misaligned, or not in RAM. */
bool virtio_queue_open(const struct virtio_queue *queue, const struct mem_view *view,
		       struct virtio_rings *rings) __attribute__((warn_unused_result));

enum virtio_pop { VIRTIO_POP_NONE, VIRTIO_POP_CHAIN, VIRTIO_POP_BROKEN };

/* Takes the next available chain. BROKEN: the driver broke a rule; nothing more may be taken. */
enum virtio_pop virtio_queue_pop(struct virtio_queue *queue, const struct virtio_rings *rings,
				 const struct mem_view *view, struct virtio_chain *chain)
	__attribute__((warn_unused_result));

/* Gives a chain back, with len bytes written to it from its first writable byte on. */
void virtio_queue_push(struct virtio_queue *queue, const struct virtio_rings *rings, uint16_t head,
		       uint32_t len);

/* After some pushes: true if the driver wants to be interrupted for them (2.7.7). */
bool virtio_queue_interrupts(struct virtio_queue *queue, const struct virtio_rings *rings)
	__attribute__((warn_unused_result));

/* Asks for a notification of the next chain (2.7.10). True if one has become available meanwhile. */
bool virtio_queue_rearm(const struct virtio_queue *queue, const struct virtio_rings *rings)
	__attribute__((warn_unused_result));

/*
 * Copies len bytes off the front, or off the back, of pieces of memory and takes them away. False:
 * there are not as many, and nothing was changed. The copy is taken once: the guest
 * cannot change it afterwards.
 */
bool virtio_take_front(struct iovec **iov, unsigned *iov_n, void *to, size_t len)
	__attribute__((warn_unused_result));
/* The last byte, which leaves the pieces. NULL: there is none. */
uint8_t *virtio_take_last(struct iovec *iov, unsigned *iov_n) __attribute__((warn_unused_result));
/* Copies to the pieces what fits; bytes copied. */
size_t virtio_put(const struct iovec *iov, unsigned iov_n, const void *from, size_t len);
