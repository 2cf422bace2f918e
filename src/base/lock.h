// SPDX-License-Identifier: MIT
/*
 * Mutexes with a rank. A thread may take a lock only if its rank is higher than that of every lock
 * it holds, which makes a deadlock impossible; builds without NDEBUG assert it. docs/locking.md
 * names the owner of each rank.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	LOCK_TOPOLOGY, /* the map of a machine: regions, views, listeners */
	LOCK_RING, /* consumer side of a VM's coalesced ring; held across dispatch */
	LOCK_BUS, /* a bus that calls chips with its own lock held (PCI configuration) */
	LOCK_DEVICE, /* one chip's state */
	LOCK_INTX, /* levels of a PCI bus's interrupt pins: calls the routing */
	LOCK_IRQ, /* interrupt routing: called by chips with their lock held */
	LOCK_LEAF, /* calls nothing that locks */
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
	const char *name; /* borrowed; for the assertion's message */
};

void lock_init(struct lock *lock, enum lock_rank rank, const char *name);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* True if the calling thread holds the lock. Always true in builds with NDEBUG: for assert only. */
bool lock_held(const struct lock *lock);
