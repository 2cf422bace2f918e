// SPDX-License-Identifier: MIT
/*
 * Memory regions: the mutable tree from which the immutable views of mem/view.h are rendered.
 *
 * A region is RAM, ROM, a chip's registers, a container of other regions, or an alias of a part of
 * another region. Regions are embedded in their owners (chips, boards), who keep them alive as long
 * as they are part of a map. Offsets and sizes are in bytes; a port is an offset in the 16-bit port
 * space. The tree is protected by the topology lock of its map (mem/map.h); before the map is
 * published it belongs to whoever builds it.
 *
 * Where regions overlap, the higher priority wins; among equals the one added later. A container is
 * transparent where none of its children is; a child is clipped to its container. A disabled region
 * is as good as absent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/range.h"
#include "mem/loan.h"

enum mem_kind {
	MEM_CONTAINER,
	MEM_RAM,
	MEM_ROM, /* host memory; guest writes go nowhere */
	MEM_IO,
	MEM_ALIAS,
};

/* How long a write may stay undelivered, in ns. 0 (nothing said): not at all. */
#define MEM_LATCH        UINT64_MAX /* until the next access or look at the machine, however late */
#define MEM_DEADLINE(ns) ((uint64_t)(ns)) /* somebody outside sees it: at most this long */

/* For .when: the condition at this place of mem_region.conditions. */
#define MEM_WHEN(place) (1u + (place))

/* Access widths in bytes, as a set. 0 in a table means MEM_W1. */
#define MEM_W1 0x1u
#define MEM_W2 0x2u
#define MEM_W4 0x4u
#define MEM_W8 0x8u

/*
 * One register (or a run of like registers) of a chip. Tables of these are constant data.
 *
 * An access is served by the first entry that has its width and contains it wholly, at a multiple
 * of that width counted from .at. If there is none, it is split in two halves, low address first, as
 * a bus does for a narrower device. A byte that only wider entries contain reads the whole register
 * (of the first such entry, in its narrowest width) and takes its byte; written, it does a
 * read-modify-write if the entry has .merge, and goes nowhere otherwise. What no entry covers reads
 * as ones and ignores writes.
 *
 * Two entries may cover the same bytes with different widths (0xcf8: a 32-bit register of the host
 * bridge, an 8-bit one of the ISA bridge at 0xcf9).
 *
 * .wait makes waiting ranges (mem/view.h). An accelerator delays every write that lies wholly inside
 * such a range, whatever its width, so:
 *
 *  - an entry does not wait after all if one of its bytes belongs to another entry, of any width,
 *    whose write may not wait, or if a doorbell rings on one of them;
 *  - entries that wait and overlap make one range; entries that only touch do not;
 *  - the range's limit is the shortest .wait of all the entries that have a byte in it;
 *  - the range waits only while the condition holds that one of these entries names with .when (all
 *    of them the same one). A condition says nothing about who answers: entries come before others
 *    by their place in the table alone, and a handler that finds its chip in another state acts by
 *    that state.
 *
 *	offset      0   1   2   3                       0   1   2   3
 *	W4 latch    A   A   A   A          W4 latch     A   A   A   A
 *	W1 20 ms        B                  W1 at once       B
 *	range       [.............] 20 ms  range        none
 */
struct mem_port {
	uint32_t at; /* offset in the region */
	uint32_t len; /* bytes; the entry lies inside its region */
	uint32_t widths;
	bool merge;
	uint64_t (*read)(void *chip, uint64_t offset, unsigned width); /* NULL: ones */
	void (*write)(void *chip, uint64_t offset, uint64_t value,
		      unsigned width); /* NULL: nothing */
	/*
	 * What one string instruction moves: n elements of the width at the one offset, one after the
	 * other. NULL: as many single accesses.
	 */
	void (*read_string)(void *chip, uint64_t offset, unsigned width, void *out, size_t n);
	void (*write_string)(void *chip, uint64_t offset, unsigned width, const void *in, size_t n);
	uint64_t wait; /* MEM_LATCH, MEM_DEADLINE(ns) or 0 */
	unsigned when; /* MEM_WHEN(place in the region's conditions), or 0: always. Needs .wait */
	const char *why; /* for coalesce=list: why the write may wait; set if .wait is */
	const char *name; /* the register's, for reports: the data sheet's; NULL: it has none */
};

/*
 * A doorbell: writes of this width at this offset wake whoever holds the eventfd, from inside the
 * kernel where the accelerator can do that; otherwise the write reaches its port as any other.
 */
struct mem_doorbell {
	uint32_t at;
	unsigned width; /* bytes; 0: any */
	bool match; /* only writes of this value */
	uint64_t value;
	int fd; /* eventfd, owned by the chip */
};

struct mem_region {
	const char *name; /* borrowed */
	enum mem_kind kind;
	uint64_t last; /* size - 1: a region may fill the 64-bit space */
	bool enabled;

	/* Place in the tree. */
	struct mem_region *parent;
	uint64_t offset; /* in the parent */
	int priority;
	struct mem_region *children; /* highest priority first, then latest first */
	struct mem_region *next;

	/* MEM_RAM, MEM_ROM: host memory, owned by the creator, page-aligned. */
	uint8_t *host;

	/* MEM_ALIAS */
	struct mem_region *target;
	uint64_t target_offset;
	bool readonly; /* what is RAM behind the alias ignores writes; chips are not concerned */

	/* MEM_IO */
	const struct mem_port *ports;
	size_t ports_n;
	const struct mem_doorbell *doorbells;
	size_t doorbells_n;
	struct mem_condition *conditions; /* as many as the ports name */
	size_t conditions_n;
	void *chip;
	struct lock *lock; /* held for a whole access; NULL: the handlers need none */
};

void mem_region_init_container(struct mem_region *region, const char *name, uint64_t last);
/* host: last + 1 bytes, page-aligned, owned by the caller. */
void mem_region_init_ram(struct mem_region *region, const char *name, uint8_t *host, uint64_t last);
void mem_region_init_rom(struct mem_region *region, const char *name, uint8_t *host, uint64_t last);
/* target[offset .. offset + last] seen somewhere else. */
void mem_region_init_alias(struct mem_region *region, const char *name, struct mem_region *target,
			   uint64_t offset, uint64_t last);
/*
 * A chip's registers. ports is a constant table; chip is handed to its handlers with lock held.
 * Asserts that the table is sound: no entry empty, beyond the region or narrower than its widths,
 * every waiting entry writable and with its reason. Doorbells and conditions, if any, are set in the
 * region later, before it is shown.
 */
void mem_region_init_io(struct mem_region *region, const char *name, uint64_t last,
			const struct mem_port *ports, size_t ports_n, void *chip,
			struct lock *lock);

/*
 * Building and changing the tree: before publication, or inside a transaction of its map. The child
 * must have no parent yet; it may pass the parent's end, where it is cut off. A child that moves
 * keeps its rank among those of its priority. Aliases must not lead back to themselves.
 */
void mem_region_add(struct mem_region *parent, struct mem_region *child, uint64_t offset,
		    int priority);
void mem_region_remove(struct mem_region *child);
void mem_region_set_enabled(struct mem_region *region, bool enabled);
/*
 * The register that an access of this width at an offset of an I/O region goes to first: its name, or
 * NULL. Width 0: of any width.
 */
const char *mem_region_register(const struct mem_region *region, uint64_t offset, unsigned width);

void mem_region_set_offset(struct mem_region *region, uint64_t offset);
