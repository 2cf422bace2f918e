// SPDX-License-Identifier: MIT
#include "hv/ring.h"

#include <linux/kvm.h>

unsigned hv_ring_drain(struct hv_ring *ring)
{
	uint32_t first, last;
	unsigned n = 0;

	if (!ring->attached)
		return 0;

	/*
	 * First moves on only behind a delivered write. So if it has reached what last was a moment
	 * ago, everything up to there is delivered, by whomever, and there is nothing to wait for.
	 */
	last = __atomic_load_n(&ring->page->last, __ATOMIC_ACQUIRE);
	if (last == atomic_load_explicit(&ring->first, memory_order_acquire))
		return 0;

	/*
	 * Held across the handlers: another thread that comes now has earlier writes of its own in
	 * the ring, perhaps the one being delivered, and may not go on before that is done.
	 */
	lock_take(&ring->lock);
	last = hv_ring_last(ring);
	first = atomic_load_explicit(&ring->first, memory_order_relaxed);
	while (first != last) {
		hv_ring_deliver(ring, first);
		first = hv_ring_advance(ring, first);
		n++;
	}
	hv_ring_count_batch(ring, n);
	lock_drop(&ring->lock);
	return n;
}
