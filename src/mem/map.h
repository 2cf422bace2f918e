// SPDX-License-Identifier: MIT
/*
 * The map of a machine: a memory space and a port space, their current views, and the listeners that
 * mirror them elsewhere (memory slots, doorbells, coalescing zones of an accelerator).
 *
 * Changes are made in transactions under the topology lock. At the end of the outermost one:
 *
 *	render the new views; if nothing differs from the old ones, that was all
 *	listeners, last registered order first: wait_del, bell_del
 *	listeners: drain, if anything waited (waiting writes land in the old view)
 *	publish: the generation counter moves, holders of the old view reload
 *	listeners, last registered order first: region_del
 *	listeners: region_add, bell_add, wait_add
 *	listeners: finish
 *
 * Each step is done for all listeners before the next begins.
 *
 * A chip's handler runs with locks of a higher rank held, so it may not start a transaction: it
 * leaves a request, and the thread that dispatched it commits after the handler has returned.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "mem/loan.h"
#include "mem/override.h"
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
	void (*drain)(
		void *arg); /* deliver every waiting write through the views still published */
	void (*finish)(void *arg); /* that was all of this change */
	/* How many writes waited in this range so far, or more; never goes back. */
	uint64_t (*uses)(void *arg, enum mem_space space, struct range range);
	struct mem_listener *next, *prev; /* the map's */
};

/*
 * A change of the map that a chip asks for. Embedded in the chip; one per region that can move. The
 * chip fills in the upper part, under its own lock if it has one: mem_map_request() takes a copy.
 */
struct mem_request {
	struct mem_region *region;
	bool enabled;
	uint64_t offset; /* in its parent */
	/*
	 * Instead of the two above, if set; runs inside the transaction, no other lock held, so it
	 * may take the chip's and look at its state. What it asks for itself is done in the next one.
	 */
	void (*apply)(void *arg);
	void *arg;

	/* The map's, under its leaf lock. */
	struct {
		bool enabled;
		uint64_t offset;
	} asked;
	struct mem_request *next;
	bool queued;
};

struct mem_map {
	struct lock lock; /* LOCK_TOPOLOGY */
	struct mem_region root[MEM_SPACES]; /* containers that fill their space */
	struct mem_listener *listeners, *listeners_last; /* by order, then as registered */
	struct mem_view *retired; /* views of before that somebody still held at the last look */
	bool lends; /* mem/lend.h */
	struct mem_loans loans[MEM_SPACES];
	bool only_overrides; /* mem/overrule.h */
	struct mem_overrides overrides[MEM_SPACES]; /* change under both locks */
	unsigned depth; /* of transactions */
	atomic_ulong owner; /* the thread inside them, 0: none */

	struct lock leaf; /* LOCK_LEAF: what follows; views change under both locks */
	struct mem_view *view[MEM_SPACES];
	const struct mem_write_hook *_Atomic write_hook; /* read without a lock */
	struct mem_request *requests, **requests_tail;
	struct mem_request look_again; /* something that the map lends by has ended */
	atomic_uint generation; /* moves with every publication; read without a lock */
	/*
	 * Something was asked for that is not yet in the views and with the listeners, be it still in
	 * the queue or under way on some thread. Read without a lock.
	 */
	atomic_bool requested;
};

/* Both spaces empty. 0 or -ENOMEM. */
int mem_map_init(struct mem_map *map) __attribute__((warn_unused_result));
/*
 * No listener and no transaction may be left. Views that somebody holds live on, but only for reading
 * and looking up.
 */
void mem_map_destroy(struct mem_map *map);

/*
 * Transactions nest. Rendering may fail: then nothing is published, the old views stay and the next
 * commit shows what the tree is by then. 0 or -ENOMEM. A region that is initialised anew must have
 * been out of the map in between, or nobody is told.
 */
void mem_map_begin(struct mem_map *map);
int mem_map_commit(struct mem_map *map) __attribute__((warn_unused_result));

/*
 * A listener, early or late, is told of everything that is already there, and when it leaves, that
 * all of it is gone (and is asked to drain in between, if anything waited).
 */
void mem_map_listen(struct mem_map *map, struct mem_listener *listener);
void mem_map_unlisten(struct mem_map *map, struct mem_listener *listener);

/* Any thread, a chip's lock held or not: asks for a change. A request still queued takes the new values. */
void mem_map_request(struct mem_map *map, struct mem_request *request);
/* Takes back what is queued; for a chip that goes away, in a transaction or where nobody settles. */
void mem_map_cancel(struct mem_map *map, struct mem_request *request);
/*
 * Whoever dispatched calls this, with no lock held, before the next dispatch. When it returns 0,
 * whatever was asked for before the call is in the views and the listeners have followed, no matter
 * which thread carried it out: a vCPU that moved a BAR finds it moved. Costs one load if nothing is
 * asked for or under way; otherwise it waits for the thread that is at it, or does the work itself,
 * in the order of the requests. 0, or -ENOMEM as mem_map_commit(): then it is tried again by whoever
 * calls next.
 */
int mem_map_settle(struct mem_map *map) __attribute__((warn_unused_result));
/*
 * A piece of it, kept apart so that a test can put a wrong one in its place: inside a transaction,
 * changes the tree as was asked.
 */
void mem_map_apply_requests(struct mem_map *map);

/*
 * Who is told of writes to RAM in the memory space from now on, through views old and new; NULL:
 * nobody. Any thread, any lock. A hook that was taken back may still be called by who is writing at
 * that moment: it lives on until all who write have been stopped once.
 */
void mem_map_set_write_hook(struct mem_map *map, const struct mem_write_hook *hook);

/* A reference to the current view, to be given back with mem_view_unref(). Any thread, any lock but a leaf. */
struct mem_view *mem_map_view(struct mem_map *map, enum mem_space space);

/*
 * Whether a region that has left the map may be freed, with its chip: true once nobody holds a view
 * any more that shows it, so that no access to it runs or can begin. It stays true until the region
 * is added again. Until then whoever asks has to ask again later: a processor that makes no access
 * holds its view for as long. Any thread, outside of a transaction, no lock held.
 */
bool mem_map_forgot(struct mem_map *map, const struct mem_region *region);

/*
 * A thread's own hold on both views: refresh compares one counter and reloads when it moved.
 * Owned by one thread. A view got from it is good until the next call.
 */
struct mem_hold {
	struct mem_map *map;
	unsigned generation;
	struct mem_view *view[MEM_SPACES];
};
void mem_hold_init(struct mem_hold *hold, struct mem_map *map);
void mem_hold_drop(struct mem_hold *hold);
void mem_hold_reload(struct mem_hold *hold);

static inline struct mem_view *mem_hold_view(struct mem_hold *hold, enum mem_space space)
{
	if (hold->generation != atomic_load_explicit(&hold->map->generation, memory_order_acquire))
		mem_hold_reload(hold);
	return hold->view[space];
}
