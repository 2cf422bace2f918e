// SPDX-License-Identifier: MIT
/* A drain that is wrong: an entry is gone from the ring before its chip has seen it. */
#include <linux/kvm.h>

#include "hv/ring.h"

unsigned hv_ring_drain(struct hv_ring *ring)
{
	for (;;) {
		uint32_t first, last;

		lock_take(&ring->lock);
		last = hv_ring_last(ring);
		first = ring->first;
		if (first != last)
			(void)hv_ring_advance(ring, first);
		lock_drop(&ring->lock);
		if (first == last)
			return 0;
		hv_ring_deliver(ring, first);
	}
}
