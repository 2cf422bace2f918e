// SPDX-License-Identifier: MIT
/*
 * For tests of one chip: the guest's accesses, by the way they take in a machine (port table, splits,
 * the region's lock), and an interrupt line that remembers what happened to it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev/irq.h"
#include "mem/view.h"

static inline uint64_t chip_read(const struct mem_region *region, uint64_t at, unsigned width)
{
	struct mem_section section = { .range = { 0, region->last }, .region = region };

	return mem_section_read(&section, at, width);
}

static inline void chip_write(const struct mem_region *region, uint64_t at, uint64_t value,
			      unsigned width)
{
	struct mem_section section = { .range = { 0, region->last }, .region = region };

	mem_section_write(&section, at, value, width);
}

static inline uint8_t in8(const struct mem_region *region, uint64_t at)
{
	return (uint8_t)chip_read(region, at, 1);
}

static inline void out8(const struct mem_region *region, uint64_t at, uint8_t value)
{
	chip_write(region, at, value, 1);
}

struct chip_wire {
	bool level;
	unsigned rises, calls;
};

static inline enum irq_status chip_wire_set(void *arg, unsigned line, bool level)
{
	struct chip_wire *wire = arg;

	wire->calls++;
	wire->rises += level && !wire->level;
	wire->level = level;
	return IRQ_DELIVERED;
}

static inline struct irq_line chip_line(struct chip_wire *wire)
{
	return (struct irq_line){ .set = chip_wire_set, .arg = wire };
}
