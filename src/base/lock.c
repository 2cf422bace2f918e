// SPDX-License-Identifier: MIT
#include "base/lock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef NDEBUG

/* Ranks and layers only ever increase, so a thread cannot hold more locks than there are of both. */
#define HELD_MAX ((LOCK_LEAF + 1) * LOCK_LAYERS)

struct held {
	const struct lock *locks[HELD_MAX];
	unsigned n;
};

static _Thread_local struct held held;

static bool lock_above(const struct lock *lock, const struct lock *other)
{
	return lock->rank > other->rank ||
	       (lock->rank == other->rank && lock->layer > other->layer);
}

static void lock_push(const struct lock *lock)
{
	const struct lock *top = held.n ? held.locks[held.n - 1] : NULL;

	if (top && !lock_above(lock, top)) {
		fprintf(stderr,
			"coalport: lock order: %s (rank %d, layer %u) taken while holding %s (rank %d, layer %u)\n",
			lock->name, (int)lock->rank, lock->layer, top->name, (int)top->rank,
			top->layer);
		abort();
	}
	held.locks[held.n++] = lock;
}

static void pop(const struct lock *lock)
{
	unsigned i = held.n;

	while (i && held.locks[i - 1] != lock)
		i--;
	if (!i) {
		fprintf(stderr, "coalport: lock order: %s dropped but not held\n", lock->name);
		abort();
	}
	for (; i < held.n; i++)
		held.locks[i - 1] = held.locks[i];
	held.n--;
}

bool lock_held(const struct lock *lock)
{
	for (unsigned i = 0; i < held.n; i++)
		if (held.locks[i] == lock)
			return true;
	return false;
}

#else

static void lock_push(const struct lock *lock)
{
}

static void pop(const struct lock *lock)
{
}

bool lock_held(const struct lock *lock)
{
	return true;
}

#endif

void lock_init_layer(struct lock *lock, enum lock_rank rank, unsigned layer, const char *name)
{
	assert(layer < LOCK_LAYERS);
	pthread_mutex_init(&lock->mutex, NULL);
	lock->rank = rank;
	lock->layer = layer;
	lock->name = name;
}

void lock_init(struct lock *lock, enum lock_rank rank, const char *name)
{
	lock_init_layer(lock, rank, 0, name);
}

void lock_destroy(struct lock *lock)
{
	int err = pthread_mutex_destroy(&lock->mutex);

	assert(!err);
	(void)err; /* without assertions nobody looks */
}

void lock_take(struct lock *lock)
{
	/* Before waiting: a wrong order is reported instead of becoming the deadlock it is. */
	lock_push(lock);
	pthread_mutex_lock(&lock->mutex);
}

void lock_drop(struct lock *lock)
{
	pop(lock);
	pthread_mutex_unlock(&lock->mutex);
}
