// SPDX-License-Identifier: MIT
/*
 * The accesses of a vCPU without a vCPU: for machines whose chips are driven by a test. With
 * coalescing on, a write that may wait goes into a ring in this process and is delivered as KVM
 * would deliver it: before the next access that is not coalesced, when somebody drains, and when the
 * map changes. Memory is reached past all that, as a processor does. A machine driven with and without it must answer alike to the last byte, which is how
 * the tests show that waiting harms nothing. What is lent, is lent as by a vCPU; only nobody sits there
 * who takes it back when it is idle: a test calls mem_map_review() on the same clock.
 *
 * One thread drives it; soft_cpu_drain() is for that thread too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/lend.h"
#include "mem/map.h"

/* As many as KVM's own page-sized ring can use. */
#define SOFT_CPU_RING 169

struct soft_cpu {
	struct mem_map *map;
	struct mem_hold hold;
	struct mem_listener listener;
	bool coalesce;
	bool draining;
	struct soft_cpu_write {
		enum mem_space space;
		unsigned width;
		uint64_t addr, value;
	} ring[SOFT_CPU_RING];
	size_t waiting;
	uint64_t coalesced; /* writes that went through the ring */
	struct mem_hot hot;
	int64_t now; /* by which lending goes, in ns: accesses take time, nothing else does */
	/* A waiting write was delivered, what comes behind it not yet. No lock held. May be NULL. */
	void (*came)(void *arg);
	void *came_arg;
};

void soft_cpu_init(struct soft_cpu *cpu, struct mem_map *map, bool coalesce);
void soft_cpu_destroy(struct soft_cpu *cpu);

/* One access, width 1, 2, 4 or 8. A change of the map that a chip asked for is carried out behind it. */
uint64_t soft_cpu_read(struct soft_cpu *cpu, enum mem_space space, uint64_t addr, unsigned width);
void soft_cpu_write(struct soft_cpu *cpu, enum mem_space space, uint64_t addr, uint64_t value,
		    unsigned width);

/* Memory as a block; false if a part of it is not there (reads as ones, writes go nowhere). */
bool soft_cpu_read_bytes(struct soft_cpu *cpu, uint64_t addr, void *out, size_t len);
bool soft_cpu_write_bytes(struct soft_cpu *cpu, uint64_t addr, const void *in, size_t len);

void soft_cpu_drain(struct soft_cpu *cpu);
