// SPDX-License-Identifier: MIT
/* A map with some RAM, a bus and interrupt lines, and accesses as a processor makes them. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dev/irq_router.h"
#include "dev/pci.h"
#include "mem/map.h"
#include "pci_all.h"

#define RIG_RAM (2u << 20)

struct rig {
	struct mem_map map;
	struct clock clock;
	struct pci_bus bus;
	struct irq_router router;
	struct mem_region ram, low, high;
	uint8_t *host;
	bool level[IRQ_LINES];
	unsigned edges[IRQ_LINES]; /* changes told to the sink */
};

static inline enum irq_status rig_irq(void *arg, unsigned line, bool level)
{
	struct rig *rig = arg;

	rig->level[line] = level;
	rig->edges[line]++;
	return IRQ_DELIVERED;
}

/* RAM at 0-640 KiB and from 1 MiB on, as a board with a host bridge leaves it. */
static inline void rig_init(struct rig *rig)
{
	struct irq_line sinks[IRQ_LINES];
	struct mem_region *memory = &rig->map.root[MEM_SPACE_MEMORY];

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(mem_map_init(&rig->map), 0);
	clock_init(&rig->clock, CLOCK_KIND_MANUAL);
	for (unsigned i = 0; i < IRQ_LINES; i++)
		sinks[i] = (struct irq_line){ .set = rig_irq, .arg = rig, .line = i };
	irq_router_init(&rig->router, sinks);
	pci_bus_init(&rig->bus, &rig->map, memory, &rig->map.root[MEM_SPACE_PORT],
		     irq_router_intx(&rig->router), (struct msi_sink){ .send = NULL });
	rig->host = aligned_alloc(4096, RIG_RAM);
	assert_non_null(rig->host);
	memset(rig->host, 0, RIG_RAM);
	mem_region_init_ram(&rig->ram, "ram", rig->host, RIG_RAM - 1);
	mem_region_init_alias(&rig->low, "low", &rig->ram, 0, 0x9ffff);
	mem_region_init_alias(&rig->high, "high", &rig->ram, 0x100000, RIG_RAM - 0x100001);
	mem_region_add(memory, &rig->low, 0, 0);
	mem_region_add(memory, &rig->high, 0x100000, 0);
}

/* Everything is in the tree: show it. */
static inline void rig_publish(struct rig *rig)
{
	mem_map_begin(&rig->map);
	assert_int_equal(mem_map_commit(&rig->map), 0);
}

static inline void rig_destroy(struct rig *rig)
{
	pci_bus_destroy(&rig->bus);
	irq_router_destroy(&rig->router);
	mem_map_destroy(&rig->map);
	clock_destroy(&rig->clock);
	free(rig->host);
}

static inline uint64_t rig_read(struct rig *rig, enum mem_space space, uint64_t addr,
				unsigned width)
{
	struct mem_view *view = mem_map_view(&rig->map, space);
	uint64_t value = mem_view_read(view, addr, width);

	mem_view_unref(view);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	return value;
}

static inline void rig_write(struct rig *rig, enum mem_space space, uint64_t addr, uint64_t value,
			     unsigned width)
{
	struct mem_view *view = mem_map_view(&rig->map, space);

	mem_view_write(view, addr, value, width);
	mem_view_unref(view);
	assert_int_equal(mem_map_settle(&rig->map), 0);
}

static inline uint64_t rig_in(struct rig *rig, unsigned port, unsigned width)
{
	return rig_read(rig, MEM_SPACE_PORT, port, width);
}

static inline void rig_out(struct rig *rig, unsigned port, uint64_t value, unsigned width)
{
	rig_write(rig, MEM_SPACE_PORT, port, value, width);
}

static inline void rig_config_write(struct rig *rig, unsigned devfn, unsigned offset,
				    uint32_t value, unsigned width)
{
	pci_bus_write(&rig->bus, devfn, offset, value, width);
	assert_int_equal(mem_map_settle(&rig->map), 0);
}

static inline uint32_t rig_config_read(struct rig *rig, unsigned devfn, unsigned offset,
				       unsigned width)
{
	return pci_bus_read(&rig->bus, devfn, offset, width);
}

/* The region that an address shows, or NULL. */
static inline const struct mem_region *rig_region(struct rig *rig, enum mem_space space,
						  uint64_t addr)
{
	struct mem_view *view = mem_map_view(&rig->map, space);
	const struct mem_section *section = mem_view_find(view, addr);
	const struct mem_region *region = section ? section->region : NULL;

	mem_view_unref(view);
	return region;
}
