// SPDX-License-Identifier: MIT
#include "watch/ring.h"

#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "watch/event.h"

int watch_ring_init(struct watch_ring *ring, struct perf_event_mmap_page *page, const void *data,
		    uint64_t size)
{
	assert(size && (size & (size - 1)) == 0);
	*ring = (struct watch_ring){ .page = page, .data = data, .size = size };
	ring->whole = malloc(WATCH_RECORD_MAX);
	return ring->whole ? 0 : -ENOMEM;
}

void watch_ring_destroy(struct watch_ring *ring)
{
	free(ring->whole);
	ring->whole = NULL;
}

static void ring_copy(const struct watch_ring *ring, void *to, size_t n)
{
	uint64_t at = ring->tail & (ring->size - 1), first = ring->size - at;

	if (first > n)
		first = n;
	memcpy(to, ring->data + at, first);
	memcpy((uint8_t *)to + first, ring->data, n - first);
}

/* Looks at the record at the tail. */
static void ring_peek(struct watch_ring *ring)
{
	struct perf_event_header header;
	uint64_t there = ring->head - ring->tail;
	uint64_t at = ring->tail & (ring->size - 1);

	ring->record = NULL;
	if (!there)
		return;
	if (there >= sizeof(header) && there <= ring->size)
		ring_copy(ring, &header, sizeof(header));
	else
		header.size = 0;
	if (header.size < sizeof(header) || header.size > there || header.size % 8) {
		ring->broken++;
		ring->tail = ring->head;
		return;
	}
	ring->record_size = header.size;
	ring->record = ring->data + at;
	if (ring->size - at < header.size) {
		ring_copy(ring, ring->whole, header.size);
		ring->record = ring->whole;
	}
	ring->time = watch_record_time(ring->record, ring->record_size);
}

/* The ring with the oldest record, or NULL; *next: when the next oldest of another ring was made. */
static struct watch_ring *rings_oldest(struct watch_ring *rings, unsigned n, uint64_t *next)
{
	struct watch_ring *oldest = NULL;

	*next = UINT64_MAX;
	for (unsigned i = 0; i < n; i++) {
		struct watch_ring *ring = &rings[i];

		if (!ring->record)
			continue;
		if (!oldest || ring->time < oldest->time) {
			if (oldest)
				*next = oldest->time;
			oldest = ring;
		} else if (ring->time < *next) {
			*next = ring->time;
		}
	}
	return oldest;
}

void watch_rings_drain(struct watch_ring *rings, unsigned n, uint64_t limit,
		       void (*take)(void *arg, const void *record, size_t size), void *arg)
{
	struct watch_ring *ring;
	uint64_t next;

	for (unsigned i = 0; i < n; i++) {
		ring = &rings[i];
		ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
		ring->tail = ring->page->data_tail;
		ring_peek(ring);
	}
	while ((ring = rings_oldest(rings, n, &next)) && ring->time <= limit) {
		do {
			take(arg, ring->record, ring->record_size);
			ring->tail += ring->record_size;
			ring_peek(ring);
		} while (ring->record && ring->time <= next && ring->time <= limit);
	}
	/* What was read is read before the kernel may write there. */
	for (unsigned i = 0; i < n; i++)
		__atomic_store_n(&rings[i].page->data_tail, rings[i].tail, __ATOMIC_RELEASE);
}
