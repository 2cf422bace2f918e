// SPDX-License-Identifier: MIT
/* Between finding what there is to advise (advice.c) and saying it (advice_say.c). */
#pragma once

#include "watch/advice.h"

/* Rows that get one piece of advice together. */
struct watch_advice_group {
	enum watch_advice_kind kind;
	const struct watch_known *known; /* one of the two, or neither */
	const struct watch_snapshot_zone *zone;
	const struct watch_snapshot_row *row; /* the one with most exits */
	uint64_t first, last; /* addresses of rows */
	uint64_t exits;
	double cpu; /* seconds a second */
	struct {
		uint64_t first, last;
	} zones[WATCH_ADVICE_ZONES];
	unsigned zones_n;
};

struct watch_advice_groups {
	struct watch_advice_group *at;
	size_t n, room;
};

/* True if the row's writes are followed so often by an access to the same chip that they look like an index. */
bool watch_advice_precedes(const struct watch_snapshot_row *row);

/*
 * Fills in everything but of_device. seconds: of what was counted; target: what to call the machine in
 * commands, NULL if its zones cannot be changed.
 */
void watch_advice_say(struct watch_advice *out, const struct watch_advice_group *group,
		      double seconds, const char *target);
/* Of so many writes a second that left for want of room. Leaves cpu 0. */
void watch_advice_say_ring(struct watch_advice *out, double rate);

/* "reads of 0x71 (mc146818rtc data)", cut to size. */
void watch_advice_row_name(char *out, size_t size, const struct watch_snapshot_row *row);
