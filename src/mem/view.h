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
#include "mem/override.h"
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
	const struct mem_region *region; /* &mem_nowhere: no chip takes these writes */
	uint64_t offset; /* in the region, of range.first; 0 for mem_nowhere */
	struct mem_condition *when; /* it waits only while this holds; NULL: always */
	const char *why; /* of the entry that begins the range */
};

/* True if the range is shown only while it is lent (mem/loan.h). */
static inline bool mem_wait_is_lent(const struct mem_wait_range *wait)
{
	return wait->wait != MEM_LATCH || wait->when || wait->region == &mem_nowhere;
}

/* A doorbell where the view shows it. */
struct mem_bell_range {
	uint64_t addr;
	struct mem_doorbell bell;
};

/*
 * Who wants to know what is written to guest RAM from here: by chips, for the guest (accesses that an
 * accelerator hands over), by a debugger. What the guest writes itself is the accelerator's to tell.
 * Told by whoever wrote, after the write, on its thread and with its locks held: wrote() may take no
 * lock but a leaf. addr and len, more than 0, are of guest addresses; a little more may be told than
 * was written, never less.
 */
struct mem_write_hook {
	void (*wrote)(void *arg, uint64_t addr, uint64_t len);
	void *arg;
};

struct mem_view {
	atomic_uint refs;
	const struct mem_write_hook *_Atomic *hook; /* the map's; NULL: of no map, or without RAM */
	struct mem_view *retired; /* the map's: the next of those that it no longer publishes */
	size_t sections_n, waits_n, bells_n;
	const struct mem_section *sections; /* by address; all three in the same allocation */
	const struct mem_wait_range *waits;
	const struct mem_bell_range *bells;
};

/*
 * Renders the tree under root, clipped to space. NULL if memory ran out. The caller owns the one
 * reference.
 *
 * Neighbouring sections stay apart even where the second shows the same region from where the first
 * ends: they came by different aliases, and each may go without the other. Were they one, a small
 * window that opens beside a gigabyte of RAM would replace the memory slot of all of it. Waiting
 * ranges never overlap, and a range waits only where one section shows every byte of it: one byte
 * hidden by another region and none of it waits.
 */
struct mem_view *mem_view_render(const struct mem_region *root, struct range space)
	__attribute__((warn_unused_result));
/*
 * The same where ranges are lent: those that may not wait for ever or not always are shown only if
 * they are in the table and what must hold does, and where the table has an address that leads nowhere
 * in this tree, that waits, too. What the user has said of a range comes first (mem/override.h). With
 * NULL all unconditional ranges are shown.
 */
struct mem_view *mem_view_render_lent(const struct mem_region *root, struct range space,
				      const struct mem_waiting *waiting)
	__attribute__((warn_unused_result));
struct mem_view *mem_view_ref(struct mem_view *view);
void mem_view_unref(struct mem_view *view);

/* The section that holds addr, or NULL. Logarithmic, takes no lock. */
const struct mem_section *mem_view_find(const struct mem_view *view, uint64_t addr);

/*
 * The lowest range that may wait in what a section shows of a chip, beginning in the region at from or
 * later, lent or not. False if there is none; the next one begins behind it.
 */
bool mem_section_wait(const struct mem_section *section, uint64_t from, struct mem_wait_range *out);

/* Whether a write to all of range may wait now: it lies wholly in a range that does. Any thread. */
bool mem_view_waits(const struct mem_view *view, struct range range);

/*
 * One access of the guest: width 1, 2, 4 or 8 bytes at addr, little-endian; bits of value above the
 * width are ignored. An I/O region is chosen by the first address alone and gets the whole width, even
 * where another region hides part of it; what passes the region's own end goes on as single bytes
 * wherever they lead. RAM and ROM are left at the end of their section in the same way, and so is a
 * hole after its first byte. What is not there reads as ones. Takes the region's lock.
 */
uint64_t mem_view_read(const struct mem_view *view, uint64_t addr, unsigned width);
void mem_view_write(const struct mem_view *view, uint64_t addr, uint64_t value, unsigned width);

/*
 * A string instruction: n accesses of that width to the one address, of a width that buses have; data
 * holds the elements side by side. The same as n single ones, but a chip may take them all at once.
 */
void mem_view_read_string(const struct mem_view *view, uint64_t addr, unsigned width, void *data,
			  size_t n);
void mem_view_write_string(const struct mem_view *view, uint64_t addr, unsigned width,
			   const void *data, size_t n);

/*
 * The same on a section already found, mostly for chips; what lies past its end (RAM) or its region's
 * (I/O) is not there. Nobody is told of what is written to RAM.
 */
uint64_t mem_section_read(const struct mem_section *section, uint64_t addr, unsigned width);
void mem_section_write(const struct mem_section *section, uint64_t addr, uint64_t value,
		       unsigned width);

/*
 * Access by a device or a debugger: any length, RAM and ROM by copying, chips in aligned accesses
 * of up to 4 bytes. True if every byte was there (and, for a write, writable); the rest is done anyway.
 */
bool mem_view_read_bytes(const struct mem_view *view, uint64_t addr, void *out, size_t len);
bool mem_view_write_bytes(const struct mem_view *view, uint64_t addr, const void *in, size_t len);

/*
 * Host memory of guest RAM at addr: NULL if it is not RAM (or ROM, if only read). *len goes in as
 * the wish, more than 0, and comes out as what of it is contiguous, across sections too. Good as long
 * as the view is held. Whoever maps to write calls mem_view_wrote() after each write.
 */
void *mem_view_map(const struct mem_view *view, uint64_t addr, uint64_t *len, bool write);

/*
 * Something was, or may have been, written to RAM that was mapped to write: len bytes of guest memory
 * from addr on; 0 for none. Costs a load or two if nobody wants to know. Any view of the same map
 * will do.
 */
static inline void mem_view_wrote(const struct mem_view *view, uint64_t addr, uint64_t len)
{
	const struct mem_write_hook *hook =
		view->hook ? atomic_load_explicit(view->hook, memory_order_acquire) : NULL;

	if (hook && len)
		hook->wrote(hook->arg, addr, len);
}

/* Host memory behind a section of RAM or ROM, NULL for I/O. */
static inline uint8_t *mem_section_host(const struct mem_section *section)
{
	return section->region->host ? section->region->host + section->offset : NULL;
}

/* What differs between two views, in the order of the calls. */
struct mem_view_diff_ops {
	void (*wait_gone)(void *arg, const struct mem_wait_range *wait);
	void (*bell_gone)(void *arg, const struct mem_bell_range *bell);
	void (*section_gone)(void *arg, const struct mem_section *section);
	void (*section_come)(void *arg, const struct mem_section *section);
	void (*bell_come)(void *arg, const struct mem_bell_range *bell);
	void (*wait_come)(void *arg, const struct mem_wait_range *wait);
};
/*
 * Calls the operations that are not NULL, each for all of its entries in address order before the
 * next begins. Equal entries are never reported. Either view may be NULL (empty).
 */
void mem_view_diff(const struct mem_view *from, const struct mem_view *to,
		   const struct mem_view_diff_ops *ops, void *arg);
