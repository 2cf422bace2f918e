// SPDX-License-Identifier: MIT
/*
 * Overruling the chips' tables on a running machine (mem/override.h). Each of these is one ordinary
 * transaction of the map: zones go, the ring is drained through the old views, then new ones come. So
 * writes that wait meanwhile arrive, once and in order. For the thread that looks at chips (the
 * machine's loop), with no lock held; what a drain asked for has to be settled behind it, as after any.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "mem/map.h"

/* For the accelerator of a machine where nothing waits but what is said, before it listens. 0 or -ENOMEM. */
int mem_map_wait_only_if_said(struct mem_map *map) __attribute__((warn_unused_result));

struct mem_wish {
	enum mem_space space;
	struct range range;
	uint64_t wait; /* as in struct mem_override; a table's shorter limit stays */
	bool force; /* the user knows better than the table */
};

/*
 * Says that writes to the range wait, or exit (wait 0). What was said of just this range is replaced.
 *
 * Exiting is always allowed. Waiting is, where nobody is, or where the table of the chip has just this
 * range; with force over any registers of one chip. Never over RAM and ROM, or a doorbell.
 *
 * 0, or with a line in err and nothing changed: -EINVAL (no such range), -EEXIST (overlaps another one),
 * -ENOSPC (too many), -EPERM (it may not wait), -EACCES (the same, but could be forced), -ENOMEM.
 */
int mem_map_overrule(struct mem_map *map, const struct mem_wish *wish, struct error *err)
	__attribute__((warn_unused_result));

/* Takes back what was said of just this range. 0, or -ENOENT or -ENOMEM with a line in err. */
int mem_map_take_back(struct mem_map *map, enum mem_space space, struct range range,
		      struct error *err) __attribute__((warn_unused_result));
/* All of it, in both spaces; how many there were goes to *n. 0, or -ENOMEM with nothing changed. */
int mem_map_take_all_back(struct mem_map *map, unsigned *n) __attribute__((warn_unused_result));

/* A copy of what is said in a space, and for each if a view shows it as a range that waits now. */
struct mem_said {
	unsigned n;
	struct {
		struct mem_override override;
		bool shown;
	} at[MEM_OVERRIDES];
};
void mem_map_said(struct mem_map *map, enum mem_space space, struct mem_said *out);

/* For mem_map_commit(): before the rendering; and after it, true if there has to be another one. */
void mem_overrule_sample(struct mem_map *map);
bool mem_overrule_resolve(struct mem_map *map);
/* True if something is said to wait under this condition. */
bool mem_overrule_watches(const struct mem_map *map, const struct mem_condition *when);
