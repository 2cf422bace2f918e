// SPDX-License-Identifier: MIT
/*
 * The machines that somebody asks about together, and what each of them last told of itself. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "watch/snapshot.h"

struct json_object;

struct watch_machine {
	char target[128]; /* as it was named, or the number of its process */
	bool named; /* by somebody, who wants to know if it cannot be asked */
	bool up; /* it told: the members below; else why not */
	struct json_object *record;
	struct watch_snapshot snapshot;
	struct error why;
};

struct watch_fleet {
	struct watch_machine *at;
	size_t n, room;
};

/* A machine that is to be asked every time, for which watch_client_open() has a word. 0 or -ENOMEM. */
int watch_fleet_name(struct watch_fleet *fleet, const char *target)
	__attribute__((warn_unused_result));
/*
 * Asks every one that was named and, if all, each that has a control socket; those of an earlier call
 * that nobody named are gone. Waits for each, at most for a client's patience. A machine is asked once,
 * however often it was named. 0, or -ENOMEM or what finding them failed with, in err.
 */
int watch_fleet_ask(struct watch_fleet *fleet, bool all, struct error *err)
	__attribute__((warn_unused_result));
void watch_fleet_free(struct watch_fleet *fleet);
