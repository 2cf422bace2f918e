// SPDX-License-Identifier: MIT
#include "board/soft_cpu.h"

#include "base/clock.h"
#include "base/log.h"

#define ACCESS_NS INT64_C(10000) /* what an access takes */

/* What a write leads to may ask for a drain again: the rest of the ring has to wait behind it. */
static void deliver_all(struct soft_cpu *cpu, bool tell)
{
	if (cpu->draining)
		return;
	cpu->draining = true;
	for (size_t i = 0; i < cpu->waiting; i++) {
		const struct soft_cpu_write *write = &cpu->ring[i];

		mem_view_write(mem_hold_view(&cpu->hold, write->space), write->addr, write->value,
			       write->width);
		if (tell && cpu->came)
			cpu->came(cpu->came_arg);
	}
	cpu->waiting = 0;
	cpu->draining = false;
}

/* The map is about to change: what waits belongs to the views that are still published. */
static void map_drains(void *arg)
{
	deliver_all(arg, false);
}

/* More than it were, so nothing counts as idle while anything waits. */
static uint64_t soft_uses(void *arg, enum mem_space space, struct range range)
{
	return ((struct soft_cpu *)arg)->coalesced;
}

void soft_cpu_init(struct soft_cpu *cpu, struct mem_map *map, bool coalesce)
{
	*cpu = (struct soft_cpu){ .map = map, .coalesce = coalesce };
	mem_hot_init(&cpu->hot, NS_PER_SEC);
	if (coalesce && mem_map_start_lending(map))
		log_error("out of memory for the guest's address map; only what latches waits");
	mem_hold_init(&cpu->hold, map);
	cpu->listener = (struct mem_listener){
		.order = MEM_ORDER_ZONES,
		.arg = cpu,
		.drain = map_drains,
		.uses = soft_uses,
	};
	mem_map_listen(map, &cpu->listener);
}

void soft_cpu_destroy(struct soft_cpu *cpu)
{
	mem_map_unlisten(cpu->map, &cpu->listener);
	mem_hold_drop(&cpu->hold);
}

static void settle(struct soft_cpu *cpu)
{
	if (mem_map_settle(cpu->map))
		log_error(
			"out of memory for the guest's address map; its change waits for another try");
}

void soft_cpu_drain(struct soft_cpu *cpu)
{
	deliver_all(cpu, true);
	settle(cpu);
}

static bool soft_cpu_may_wait(const struct mem_view *view, uint64_t addr, unsigned width)
{
	struct range access;

	if (addr > UINT64_MAX - (width - 1))
		return false;
	access = range_make(addr, width);
	for (size_t i = 0; i < view->waits_n; i++) {
		if (range_covers(view->waits[i].range, access))
			return true;
	}
	return false;
}

/* A processor reaches memory by itself: nobody delivers anything for that. */
static bool is_memory(const struct mem_view *view, enum mem_space space, uint64_t addr,
		      unsigned width, bool write)
{
	const struct mem_section *section;

	if (space != MEM_SPACE_MEMORY || addr > UINT64_MAX - (width - 1))
		return false;
	section = mem_view_find(view, addr);
	if (!section || !range_covers(section->range, range_make(addr, width)))
		return false;
	return section->region->kind == MEM_RAM ? !write || !section->readonly
						: section->region->kind == MEM_ROM && !write;
}

uint64_t soft_cpu_read(struct soft_cpu *cpu, enum mem_space space, uint64_t addr, unsigned width)
{
	const struct mem_view *view = mem_hold_view(&cpu->hold, space);
	uint64_t value;

	if (is_memory(view, space, addr, width, false))
		return mem_view_read(view, addr, width);
	cpu->now += ACCESS_NS;
	soft_cpu_drain(cpu);
	value = mem_view_read(mem_hold_view(&cpu->hold, space), addr, width);
	settle(cpu);
	return value;
}

void soft_cpu_write(struct soft_cpu *cpu, enum mem_space space, uint64_t addr, uint64_t value,
		    unsigned width)
{
	const struct mem_view *view = mem_hold_view(&cpu->hold, space);

	if (is_memory(view, space, addr, width, true)) {
		mem_view_write(view, addr, value, width);
		return;
	}
	cpu->now += ACCESS_NS;
	if (cpu->coalesce && cpu->waiting < SOFT_CPU_RING && soft_cpu_may_wait(view, addr, width)) {
		cpu->ring[cpu->waiting++] = (struct soft_cpu_write){ space, width, addr, value };
		cpu->coalesced++;
		return;
	}
	soft_cpu_drain(cpu);
	mem_view_write(mem_hold_view(&cpu->hold, space), addr, value, width);
	if (cpu->coalesce && mem_hot_write(&cpu->hot, space, addr, (uint64_t)cpu->now))
		(void)mem_map_lend(&cpu->hold, space, addr, width, cpu->now);
	settle(cpu);
}

bool soft_cpu_read_bytes(struct soft_cpu *cpu, uint64_t addr, void *out, size_t len)
{
	bool whole;

	soft_cpu_drain(cpu);
	whole = mem_view_read_bytes(mem_hold_view(&cpu->hold, MEM_SPACE_MEMORY), addr, out, len);
	settle(cpu);
	return whole;
}

bool soft_cpu_write_bytes(struct soft_cpu *cpu, uint64_t addr, const void *in, size_t len)
{
	bool whole;

	soft_cpu_drain(cpu);
	whole = mem_view_write_bytes(mem_hold_view(&cpu->hold, MEM_SPACE_MEMORY), addr, in, len);
	settle(cpu);
	return whole;
}
