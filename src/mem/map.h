// SPDX-License-Identifier: MIT
/*
 * The map of a machine: a memory space and a port space, their current views, and the listeners that
 * mirror them elsewhere (memory slots, doorbells, coalescing zones of an accelerator).
 *
 * Changes are made in transactions under the topology lock. At the end of the outermost one:
 *
 *	render the new views
 *	listeners, last registered order first: wait_del, bell_del
 *	listeners: drain                     (waiting writes land in the old view)
 *	publish: the generation counter moves, holders of the old view reload
 *	listeners: region_del, region_add, bell_add, wait_add
 *
 * A chip's handler runs with locks of a higher rank held, so it may not start a transaction: it
 * leaves a request, and the thread that dispatched it commits after the handler has returned.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "mem/region.h"
#include "mem/view.h"

enum mem_space {
	MEM_SPACE_MEMORY, /* guest physical addresses, 64 bits */
	MEM_SPACE_PORT, /* 16 bits */
	MEM_SPACES,
};

/*
 * Why listeners have an order: a slot must exist before a doorbell or a zone on it makes sense, and
 * where a doorbell and a zone overlap the one registered first wins in KVM, which has to be the
 * doorbell.
 */
enum mem_order {
	MEM_ORDER_SLOTS,
	MEM_ORDER_BELLS,
	MEM_ORDER_ZONES,
	MEM_ORDER_OBSERVERS, /* tests, monitors: see everything else done */
};

struct mem_listener {
	enum mem_order order;
	void *arg;
	/* Each may be NULL. Called with the topology lock held. */
	void (*region_add)(void *arg, enum mem_space space, const struct mem_section *section);
	void (*region_del)(void *arg, enum mem_space space, const struct mem_section *section);
	void (*wait_add)(void *arg, enum mem_space space, const struct mem_wait_range *wait);
	void (*wait_del)(void *arg, enum mem_space space, const struct mem_wait_range *wait);
	void (*bell_add)(void *arg, enum mem_space space, const struct mem_bell_range *bell);
	void (*bell_del)(void *arg, enum mem_space space, const struct mem_bell_range *bell);
	void (*drain)(void *arg); /* deliver every waiting write through the views still published */
	struct mem_listener *next; /* the map's */
};

/* A change of the map that a chip asks for. Embedded in the chip; one per region that can move. */
struct mem_request {
	struct mem_region *region;
	bool enabled;
	uint64_t offset; /* in its parent */
	void (*apply)(void *arg); /* instead of the two above, if set; runs inside the transaction */
	void *arg;
	struct mem_request *next;
	bool queued;
};

struct mem_map {
	struct lock lock; /* LOCK_TOPOLOGY */
	struct mem_region root[MEM_SPACES]; /* containers that fill their space */
	_Atomic(struct mem_view *) view[MEM_SPACES];
	atomic_uint generation; /* moves with every publication */
	unsigned depth;
	struct mem_listener *listeners;

	struct lock request_lock; /* LOCK_LEAF */
	struct mem_request *requests, **requests_tail;
	atomic_bool requested;
};

/* Both spaces empty. 0 or -ENOMEM. */
int mem_map_init(struct mem_map *map) __attribute__((warn_unused_result));
void mem_map_destroy(struct mem_map *map);

/* Transactions nest. Rendering may fail: then nothing is published and the old views stay. 0 or -ENOMEM. */
void mem_map_begin(struct mem_map *map);
int mem_map_commit(struct mem_map *map) __attribute__((warn_unused_result));

/* A listener, early or late, is told of everything that is already there. */
void mem_map_listen(struct mem_map *map, struct mem_listener *listener);
void mem_map_unlisten(struct mem_map *map, struct mem_listener *listener);

/* Any thread, a chip's lock held or not: asks for a change. A request still queued takes the new values. */
void mem_map_request(struct mem_map *map, struct mem_request *request);
/* Whoever dispatched calls this with no lock held; carries out what was asked. Cheap if nothing was. */
int mem_map_settle(struct mem_map *map) __attribute__((warn_unused_result));

/* A reference to the current view, to be given back with mem_view_unref(). */
struct mem_view *mem_map_view(struct mem_map *map, enum mem_space space);

/*
 * A thread's own hold on both views: refresh compares one counter and reloads when it moved.
 * Owned by one thread.
 */
struct mem_hold {
	struct mem_map *map;
	unsigned generation;
	struct mem_view *view[MEM_SPACES];
};
void mem_hold_init(struct mem_hold *hold, struct mem_map *map);
void mem_hold_drop(struct mem_hold *hold);
static inline struct mem_view *mem_hold_view(struct mem_hold *hold, enum mem_space space);
void mem_hold_reload(struct mem_hold *hold);

static inline struct mem_view *mem_hold_view(struct mem_hold *hold, enum mem_space space)
{
	if (hold->generation != atomic_load_explicit(&hold->map->generation, memory_order_acquire))
		mem_hold_reload(hold);
	return hold->view[space];
}
