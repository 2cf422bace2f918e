// SPDX-License-Identifier: MIT
/*
 * Perf's ring buffers, one a CPU, read in the order of time.
 *
 * A thread's events lie in the rings of all CPUs that it ran on. Merging is exact for each thread,
 * without waiting for stragglers: a limit is taken from the clock before any ring is looked at, and
 * what is younger than it stays in its ring. An event on a second CPU that is older than the limit was
 * made after the thread's events on the first one were written, so those were there to be seen.
 *
 * The rings' owner maps them (source.h); tests lay them out themselves. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_RECORD_MAX 65536 /* perf's records have a 16-bit size */

struct perf_event_mmap_page;

struct watch_ring {
	struct perf_event_mmap_page *page; /* data_head is the kernel's, data_tail ours */
	const uint8_t *data;
	uint64_t size; /* of data, a power of two */
	/* While a drain runs. */
	uint64_t head, tail;
	const void *record; /* the next one, or NULL */
	size_t record_size;
	uint64_t time; /* of the next one */
	uint8_t *whole; /* WATCH_RECORD_MAX bytes: a record that wraps is put together here */
	uint64_t broken; /* times that a record made no sense and all there was was thrown away */
};

/* size: of the data behind the page at data. 0 or -ENOMEM. */
int watch_ring_init(struct watch_ring *ring, struct perf_event_mmap_page *page, const void *data,
		    uint64_t size) __attribute__((warn_unused_result));
void watch_ring_destroy(struct watch_ring *ring);

/*
 * Hands every record made before the time limit to take(), oldest first, and gives its room back
 * to the kernel afterwards. UINT64_MAX: all there are.
 */
void watch_rings_drain(struct watch_ring *rings, unsigned n, uint64_t limit,
		       void (*take)(void *arg, const void *record, size_t size), void *arg);
