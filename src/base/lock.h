// SPDX-License-Identifier: MIT
/*
 * Mutexes with a rank and, within the rank, a layer. A thread may take a lock only if its rank is
 * higher than that of every lock it holds, or the rank is the same and the layer higher. So locks are
 * only ever taken upwards, which makes a deadlock impossible; builds without NDEBUG assert it.
 * docs/locking.md names the owner of each rank.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	LOCK_TOPOLOGY, /* the map of a machine: regions, views, listeners */
	LOCK_RING, /* consumer side of a VM's coalesced ring; held across dispatch */
	LOCK_BUS, /* a bus that calls chips with its own lock held (PCI configuration) */
	LOCK_DEVICE, /* one chip's state; layers say which chip may call which (dev/layer.h) */
	LOCK_INTX, /* levels of a PCI bus's interrupt pins: calls the routing */
	LOCK_IRQ, /* interrupt routing: called by chips with their lock held */
	LOCK_LEAF, /* calls nothing that locks */
};

/* Layers of a rank are 0 to LOCK_LAYERS - 1. */
#define LOCK_LAYERS 8

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
	unsigned layer;
	const char *name; /* borrowed; for the assertion's message */
};

/* In layer 0. */
void lock_init(struct lock *lock, enum lock_rank rank, const char *name);
/* With this lock held, locks of the same rank and a higher layer may be taken. */
void lock_init_layer(struct lock *lock, enum lock_rank rank, unsigned layer, const char *name);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* True if the calling thread holds the lock. Always true in builds with NDEBUG: for assert only. */
bool lock_held(const struct lock *lock);
