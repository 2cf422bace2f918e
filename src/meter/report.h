// SPDX-License-Identifier: MIT
/*
 * Reports of what accesses cost, merged from the meters of all vCPUs and of the ring: as text in
 * the form of `perf kvm stat report --event=ioport`, or as one JSON object. Everything given is
 * borrowed for the call. Any thread, also while the meters' owners write.
 */
#pragma once

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
};

/* A range whose writes may wait. Texts may be NULL. */
struct meter_zone {
	enum meter_space space;
	uint64_t first, last; /* inclusive */
	uint64_t wait; /* at most this many ns, or METER_WAIT_LATCH */
	enum meter_zone_state state;
	const char *region;
	const char *why; /* it may wait */
	const char *trap; /* why it is not active */
	const char *when; /* it waits while this holds; NULL: always */
};

struct meter_report_options {
	const struct meter *const *meters; /* of vCPUs */
	size_t meters_n;
	const struct meter *ring; /* coalesced writes; may be NULL */
	const struct meter_zone *zones;
	size_t zones_n;
	struct meter_stamp start, end; /* of the machine's run, the further apart the better */
};

/* What the counters say in sum. */
struct meter_totals {
	uint64_t exits; /* returns of KVM_RUN */
	uint64_t coalesced; /* writes that were no exits */
};

struct meter_stamp meter_stamp_now(void);
struct meter_totals meter_total(const struct meter_report_options *options);

/* The caller puts it back. NULL: out of memory. */
struct json_object *meter_report_json(const struct meter_report_options *options)
	__attribute__((warn_unused_result));

/* Written and flushed. 0, or -errno of what failed: -ENOMEM, or of writing, such as -ENOSPC. */
int meter_report_text(FILE *out, const struct meter_report_options *options)
	__attribute__((warn_unused_result));
int meter_report_print_json(FILE *out, const struct meter_report_options *options)
	__attribute__((warn_unused_result));
