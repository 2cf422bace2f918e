// SPDX-License-Identifier: MIT
/* A drain that is wrong: nothing keeps two threads from taking the same entry. */
#include <linux/kvm.h>

#include "hv/ring.h"

unsigned hv_ring_drain(struct hv_ring *ring)
{
	uint32_t first = ring->first, last = hv_ring_last(ring);

	while (first != last) {
		hv_ring_deliver(ring, first);
		first = hv_ring_advance(ring, first);
	}
	return 0;
}
