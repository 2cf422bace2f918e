// SPDX-License-Identifier: MIT
/* A drain that is wrong: somebody else is at it, but has not come to this thread's writes yet. */
#include <linux/kvm.h>

#include "hv/ring.h"

unsigned hv_ring_drain(struct hv_ring *ring)
{
	uint32_t first, last;

	if (pthread_mutex_trylock(&ring->lock.mutex))
		return 0;
	last = hv_ring_last(ring);
	first = ring->first;
	while (first != last) {
		hv_ring_deliver(ring, first);
		first = hv_ring_advance(ring, first);
	}
	pthread_mutex_unlock(&ring->lock.mutex);
	return 0;
}
