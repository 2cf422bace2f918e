// SPDX-License-Identifier: MIT
/*
 * Waiting that is not for ever: conditions of chips, and the table of what is lent.
 *
 * A range that simply latches is shown to accelerators as long as it is there. Others have a price:
 * one with a deadline needs somebody to wake up for it, one under a condition has to be taken back
 * the moment the condition ends, and there are far too many addresses where nobody is. Those are lent:
 * mem/lend.h gives them to a guest that keeps writing there, and takes them back.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range.h"

struct mem_map;
struct mem_region;
struct mem_view;
struct mem_wait_range;

/* Changes that are allowed in a second, and as many at once after a quiet second. */
#define MEM_LENDINGS_PER_SECOND 16

/* Keeps the number of changes bounded, on whatever clock the caller has, in ns. */
struct mem_budget {
	int64_t spent_until;
};

/* True if one more change is within the budget, which then has it. now never goes back. */
bool mem_budget_take(struct mem_budget *budget, int64_t now);

/*
 * What must hold for the writes to some registers to wait: "the transmit interrupt is off". Embedded
 * in the chip, named by the entries of its register table (struct mem_port).
 *
 * The chip says when it changes. When it ends, writes that still wait are delivered and the zone is
 * gone before the vCPU whose access ended it goes on (mem_map_settle()). Another vCPU's write may
 * meet the change in the ring: it is delivered behind it, to a chip that handles it by the state it
 * has then, just as if it had come so much later on the bus. What that vCPU did before it let the
 * first one know of its write, the first one's access has drained.
 */
struct mem_condition {
	const char *name; /* constant text that goes on "while ..." */
	atomic_bool holds; /* what the chip says */
	struct mem_map *_Atomic watcher; /* whoever lends by it, to be asked when it ends */
	atomic_bool often; /* not lent, because it changed too often */
	/* With the topology lock of the map held: */
	bool sampled; /* what a rendering goes by: one look for both spaces */
	struct mem_budget budget;
};

void mem_condition_init(struct mem_condition *condition, const char *name, bool holds);
/*
 * For the chip, under its own lock, with every change of its state that matters; cheap if nothing
 * changes. Who caused it settles the map as after any request.
 */
void mem_condition_set(struct mem_condition *condition, bool holds);

/* The most that is lent in one space; when all of it is in use nothing more is. */
#define MEM_LOANS 32

struct mem_loan {
	struct range range;
	const struct mem_region *region; /* only compared; &mem_nowhere: nobody is there */
	struct mem_condition *when; /* or NULL */
	bool deadline; /* taken back when idle */
	uint64_t uses; /* writes that came this way when last looked at */
	int64_t used_at; /* the last look that found new ones */
};

struct mem_loans {
	struct mem_loan at[MEM_LOANS];
	unsigned n;
	struct mem_budget budget; /* for what has no condition of its own */
};

/* Stands for the chip where there is none. */
extern const struct mem_region mem_nowhere;
extern const char mem_nowhere_why[]; /* that writes there may wait */

/*
 * True if a view shows the range: nothing has to be lent for it, or it is lent and what must hold
 * does. NULL loans: nobody lends, so everything is shown that waits without a condition.
 */
bool mem_loans_show(const struct mem_loans *loans, const struct mem_wait_range *wait);

/*
 * True if every write that lies in the range, whatever its width, goes nowhere in this view: one hole,
 * or registers of one chip that take no writes and hear no doorbell. RAM and ROM are never nowhere.
 */
bool mem_view_goes_nowhere(const struct mem_view *view, struct range range);

/* True if a write in this part of the region, of whatever width, may ring a doorbell. */
bool mem_region_rings(const struct mem_region *region, struct range part);
