// SPDX-License-Identifier: MIT
/*
 * KVM's ring of coalesced writes: one per virtual machine, in a page shared with the kernel. The
 * kernel adds at "last", this module takes away at "first" and hands each write to the chip that
 * the view shows at its address.
 *
 * Any thread may drain. The ring lock is held across the dispatch and "first" moves only when a
 * write has been delivered; so whoever finds the ring empty, without taking a lock, knows that every
 * write which was in it has reached its chip. The page is not trusted: an index out of range or an
 * impossible length is counted and survived.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "mem/map.h"
#include "meter/meter.h"

struct kvm_coalesced_mmio_ring;

#define HV_RING_BATCHES 9 /* the last one: 256 writes and more */

struct hv_ring {
	struct lock lock; /* LOCK_RING: taking out, hold, meter */
	struct kvm_coalesced_mmio_ring *page; /* NULL: no ring, nothing ever waits */
	uint32_t max; /* entries that fit in the page */
	_Atomic uint32_t first; /* our own, the page's copy is for the kernel only */
	struct mem_hold hold;
	bool attached;
	atomic_bool discard; /* a reset is on its way: what guests do reaches no chip any more */
	struct meter *meter;

	/* For reports and tests; written with the lock held. */
	_Atomic uint64_t delivered; /* writes handed to the view */
	_Atomic uint64_t bad_index; /* times an index in the page was impossible */
	_Atomic uint64_t bad_entry; /* entries thrown away for their length or address */
	_Atomic uint64_t
		batches[HV_RING_BATCHES]; /* drains, by log2 of how many writes they found */
	_Atomic uint64_t full; /* writes that left the kernel for want of room; any thread adds */
};

/* page: the shared page of page_size bytes, or NULL; borrowed, as is the meter. */
void hv_ring_init(struct hv_ring *ring, void *page, size_t page_size, struct meter *meter);
/* From now on writes go to the map's views. Before that a drain finds nothing. */
void hv_ring_attach(struct hv_ring *ring, struct mem_map *map);
void hv_ring_destroy(struct hv_ring *ring);

/*
 * Delivers every write that was in the ring when it was called, and no more than that: at most one
 * ring-full. Returns with all of them delivered, by this thread or another: how many by this one. Takes LOCK_RING and,
 * below it, the locks of chips; the caller holds at most LOCK_TOPOLOGY. A handler may have asked for
 * a change of the map: call mem_map_settle() afterwards where no lock is held.
 */
unsigned hv_ring_drain(struct hv_ring *ring);

/*
 * Whether a drain that found so many writes may have found the ring full: kernels before 6.12 use
 * half of it only.
 */
static inline bool hv_ring_was_full(const struct hv_ring *ring, unsigned drained)
{
	return drained && drained + 1 >= ring->max / 2;
}

/* The pieces of a drain, kept apart so that tests can put wrong ones in their place. */

/* The kernel's index, brought back into range if it is not. */
uint32_t hv_ring_last(struct hv_ring *ring);
/* Hands the entry at the index to the view. */
void hv_ring_deliver(struct hv_ring *ring, uint32_t index);
/* The entry at the index before this one is done with. Returns index. */
uint32_t hv_ring_advance(struct hv_ring *ring, uint32_t index);
/* A drain found n writes. With the lock held. */
void hv_ring_count_batch(struct hv_ring *ring, unsigned n);
