// SPDX-License-Identifier: MIT
/*
 * Reports of what accesses cost, merged from the meters of all vCPUs and of the ring: as text in
 * the form of `perf kvm stat report --event=ioport`, or as a record, which is one JSON object. Everything given is
 * borrowed for the call. Any thread, also while the meters' owners write.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "meter/meter.h"

struct json_object;

/* The time-stamp counter and CLOCK_MONOTONIC read together: two of them tell the counter's rate. */
struct meter_stamp {
	uint64_t ticks;
	int64_t ns;
};

#define METER_WAIT_LATCH UINT64_MAX

enum meter_zone_state {
	METER_ZONE_ACTIVE,
	METER_ZONE_TRAPS,
	METER_ZONE_STUCK,
	METER_ZONE_RESTS, /* nothing is wrong, but its writes exit until it is used (again) */
	METER_ZONE_EXITS, /* the user said so */
};

/* A range whose writes may wait. Texts may be NULL. */
struct meter_zone {
	enum meter_space space;
	uint64_t first, last; /* inclusive */
	uint64_t wait; /* at most this many ns, or METER_WAIT_LATCH; 0: its writes exit */
	enum meter_zone_state state;
	const char *region;
	const char *why; /* it may wait */
	const char *trap; /* why it is not active */
	const char *when; /* it waits while this holds; NULL: always */
	bool user; /* the user said something of just this range; else it is the machine's own */
	bool forced; /* against the chip's table */
};

/* What stands at an address, for a reader. Texts live as long as the machine, or are empty. */
struct meter_name {
	const char *device, *reg;
};

/* How the ring was drained. */
#define METER_BATCHES 9 /* of 1, 2 to 3, 4 to 7, ... 256 and more writes */

struct meter_ring {
	uint32_t entries; /* that find room; 0: there is no ring */
	uint64_t batches[METER_BATCHES];
	uint64_t full; /* writes to a zone that left the kernel because the ring had no room */
	uint64_t deadline; /* drains that nothing but a deadline caused */
};

struct meter_report_options {
	const struct meter *const *meters; /* of vCPUs */
	size_t meters_n;
	const struct meter *ring; /* coalesced writes; may be NULL */
	const struct meter_zone *zones;
	size_t zones_n;
	struct meter_stamp start, end; /* of the machine's run, the further apart the better */
	struct meter_ring drains;
	const char *machine; /* its name, or NULL */
	bool per_vcpu; /* rows of each vCPU apart; those of the ring are of none */
	/* Fills in what is known; NULL: nothing is. */
	void (*name)(void *arg, enum meter_space space, uint64_t addr, unsigned width,
		     struct meter_name *name);
	/* Adds what others know to the object; NULL: nothing. 0 or -ENOMEM. */
	int (*more)(void *arg, struct json_object *record);
	void *arg; /* of both */
};

/* What the counters say in sum. */
struct meter_totals {
	uint64_t exits; /* returns of KVM_RUN */
	uint64_t coalesced; /* writes that were no exits */
};

/* The array "zones" of a record. The caller puts it back. NULL: out of memory. */
struct json_object *meter_zones_json(const struct meter_zone *zones, size_t n)
	__attribute__((warn_unused_result));

struct meter_stamp meter_stamp_now(void);
struct meter_totals meter_total(const struct meter_report_options *options);

/* A record (docs/records.md). The caller puts it back. NULL: out of memory. */
struct json_object *meter_report_json(const struct meter_report_options *options)
	__attribute__((warn_unused_result));

/* Written and flushed. 0, or -errno of what failed: -ENOMEM, or of writing, such as -ENOSPC. */
int meter_report_text(FILE *out, const struct meter_report_options *options)
	__attribute__((warn_unused_result));
int meter_report_print_json(FILE *out, const struct meter_report_options *options)
	__attribute__((warn_unused_result));
