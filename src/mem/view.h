// SPDX-License-Identifier: MIT
/*
 * Views: what the guest sees at each address of one space, as a sorted array without overlaps that
 * never changes once made. Rendering is a pure function of the region tree.
 *
 * A view is reference-counted; whoever holds a reference may look up and dispatch from any thread
 * without a lock. The regions it points to are kept alive by their owners (see mem/region.h).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range.h"
#include "mem/region.h"

/* A stretch of the space that shows one region: RAM, ROM or I/O, never a container or an alias. */
struct mem_section {
	struct range range;
	const struct mem_region *region;
	uint64_t offset; /* in the region, of range.first */
	bool readonly; /* writes go nowhere */
};

/* A stretch whose writes may wait: the waiting entries of one table where the view shows them. */
struct mem_wait_range {
	struct range range;
	uint64_t wait; /* the shortest of the entries inside */
	const struct mem_region *region;
	const char *why;
};

/* A doorbell where the view shows it. */
struct mem_bell_range {
	uint64_t addr;
	struct mem_doorbell bell;
};

struct mem_view {
	atomic_uint refs;
	size_t sections_n, waits_n, bells_n;
	const struct mem_section *sections; /* by address; all three in the same allocation */
	const struct mem_wait_range *waits;
	const struct mem_bell_range *bells;
};

/*
 * Renders the tree under root, clipped to space. NULL if memory ran out. The caller owns the one
 * reference. Waiting ranges never overlap; a part of an entry that another region hides does not
 * wait, except that bytes decoded by address alone (see mem_view_write) count as shown where the
 * entry's first byte is shown.
 */
struct mem_view *mem_view_render(const struct mem_region *root, struct range space)
	__attribute__((warn_unused_result));
struct mem_view *mem_view_ref(struct mem_view *view);
void mem_view_unref(struct mem_view *view);

/* The section that holds addr, or NULL. */
const struct mem_section *mem_view_find(const struct mem_view *view, uint64_t addr);

/*
 * One access of the guest: width 1, 2, 4 or 8 bytes at addr, little-endian. An I/O region is chosen by
 * the first address alone and gets the whole width; RAM is split at section ends. What is not there
 * reads as ones. Takes the region's lock around its handler.
 */
uint64_t mem_view_read(const struct mem_view *view, uint64_t addr, unsigned width);
void mem_view_write(const struct mem_view *view, uint64_t addr, uint64_t value, unsigned width);

/* The same on a section already found. */
uint64_t mem_section_read(const struct mem_section *section, uint64_t addr, unsigned width);
void mem_section_write(const struct mem_section *section, uint64_t addr, uint64_t value, unsigned width);

/*
 * Access by a device or a debugger: any length, RAM and ROM by copying, chips in the widest aligned
 * accesses (up to 4 bytes, or 8). True if every byte was there (and, for a write, writable).
 */
bool mem_view_read_bytes(const struct mem_view *view, uint64_t addr, void *out, size_t len);
bool mem_view_write_bytes(const struct mem_view *view, uint64_t addr, const void *in, size_t len);

/*
 * Host memory of guest RAM at addr: NULL if it is not RAM (or ROM, if only read). *len goes in as
 * the wish and comes out as what is contiguous.
 */
void *mem_view_ram(const struct mem_view *view, uint64_t addr, uint64_t *len, bool write);

/* What differs between two views; gone and come in address order. Either may be NULL (empty). */
struct mem_view_diff_ops {
	void (*section_gone)(void *arg, const struct mem_section *section);
	void (*section_come)(void *arg, const struct mem_section *section);
	void (*wait_gone)(void *arg, const struct mem_wait_range *wait);
	void (*wait_come)(void *arg, const struct mem_wait_range *wait);
	void (*bell_gone)(void *arg, const struct mem_bell_range *bell);
	void (*bell_come)(void *arg, const struct mem_bell_range *bell);
};
/* Calls the operations that are not NULL. Equal entries are never reported. */
void mem_view_diff(const struct mem_view *from, const struct mem_view *to,
		   const struct mem_view_diff_ops *ops, void *arg);
