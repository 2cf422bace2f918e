// SPDX-License-Identifier: MIT
#include "hv/ring.h"

#include <linux/kvm.h>
#include <string.h>

void hv_ring_init(struct hv_ring *ring, void *page, size_t page_size, struct meter *meter)
{
	memset(ring, 0, sizeof(*ring));
	lock_init(&ring->lock, LOCK_RING, "ring");
	ring->page = page;
	ring->meter = meter;
	if (page) {
		ring->max = (uint32_t)((page_size - sizeof(*ring->page)) /
				       sizeof(struct kvm_coalesced_mmio));
		ring->first = ring->page->first < ring->max ? ring->page->first : 0;
	}
}

void hv_ring_attach(struct hv_ring *ring, struct mem_map *map)
{
	if (!ring->page)
		return;
	mem_hold_init(&ring->hold, map);
	ring->attached = true;
}

void hv_ring_destroy(struct hv_ring *ring)
{
	if (ring->attached)
		mem_hold_drop(&ring->hold);
	lock_destroy(&ring->lock);
}

/* Only the holder of the lock writes these counters, so an atomic addition would be wasted. */
static void ring_count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

uint32_t hv_ring_last(struct hv_ring *ring)
{
	uint32_t first = atomic_load_explicit(&ring->first, memory_order_relaxed);
	uint32_t last = __atomic_load_n(&ring->page->last, __ATOMIC_ACQUIRE);

	/* Its own index is the kernel's to advance, ours only matters if somebody wrote into the page. */
	if (__atomic_load_n(&ring->page->first, __ATOMIC_RELAXED) != first) {
		ring_count(&ring->bad_index);
		__atomic_store_n(&ring->page->first, first, __ATOMIC_RELEASE);
	}
	if (last < ring->max)
		return last;

	/* With an impossible index the kernel adds nothing: an empty ring lets it go on. */
	ring_count(&ring->bad_index);
	(void)__atomic_compare_exchange_n(&ring->page->last, &last, first, false, __ATOMIC_ACQ_REL,
					  __ATOMIC_RELAXED);
	return first;
}

uint32_t hv_ring_advance(struct hv_ring *ring, uint32_t index)
{
	uint32_t next = index + 1 < ring->max ? index + 1 : 0;

	/* Release: who sees the new index sees what the handler did. */
	atomic_store_explicit(&ring->first, next, memory_order_release);
	__atomic_store_n(&ring->page->first, next, __ATOMIC_RELEASE);
	return next;
}

void hv_ring_deliver(struct hv_ring *ring, uint32_t index)
{
	/* A copy, so that what was checked is what is used. */
	struct kvm_coalesced_mmio entry = ring->page->coalesced_mmio[index];
	enum mem_space space = entry.pio ? MEM_SPACE_PORT : MEM_SPACE_MEMORY;
	uint64_t end = entry.pio ? UINT16_MAX : UINT64_MAX;
	const struct mem_view *view;
	uint64_t value = 0;

	if (entry.len == 0 || entry.len > sizeof(entry.data) || entry.phys_addr > end ||
	    entry.len - 1 > end - entry.phys_addr) {
		ring_count(&ring->bad_entry);
		return;
	}
	if (atomic_load_explicit(&ring->discard, memory_order_acquire))
		return;
	view = mem_hold_view(&ring->hold, space);
	memcpy(&value, entry.data, entry.len); /* bytes past the length are left over from others */
	if ((entry.len & (entry.len - 1)) == 0) {
		mem_view_write(view, entry.phys_addr, value, entry.len);
	} else {
		/* A store across the end of a page comes in pieces of any length. */
		for (uint32_t i = 0; i < entry.len; i++)
			mem_view_write(view, entry.phys_addr + i, entry.data[i], 1);
	}
	meter_coalesced(ring->meter, entry.pio ? METER_PORT : METER_MMIO, entry.phys_addr,
			entry.len);
	ring_count(&ring->delivered);
}

void hv_ring_count_batch(struct hv_ring *ring, unsigned n)
{
	unsigned log2;

	if (!n)
		return;
	log2 = 31u - (unsigned)__builtin_clz(n);
	ring_count(&ring->batches[log2 < HV_RING_BATCHES ? log2 : HV_RING_BATCHES - 1]);
}
