// SPDX-License-Identifier: MIT
/*
 * Where a guest put the BARs of its PCI devices, as its monitor tells (QMP query-pci, QEMU's and ours), so
 * that addresses in them have names. What the monitor says is hostile: texts are made fit to be shown, more
 * than WATCH_BARS are passed over.
 *
 * Plain memory of its owner; a zeroed one knows nothing. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "watch/regs.h"
#include "watch/table.h"

struct json_object;
struct watch_client;

#define WATCH_BARS     512u
#define WATCH_BAR_NAME 32u

struct watch_bar {
	uint8_t space; /* enum watch_space */
	uint64_t first, last; /* addresses, inclusive */
	unsigned number; /* of the BAR; 6: the ROM's */
	char device[WATCH_BAR_NAME]; /* its id, else what it is */
};

struct watch_bars {
	struct watch_bar at[WATCH_BARS];
	size_t n;
};

/* Asks the monitor. 0, or -errno with a line in err: then bars are what they were. */
int watch_bars_ask(struct watch_bars *bars, struct watch_client *client, struct error *err)
	__attribute__((warn_unused_result));
/* The answer to query-pci, which is only read. False, with bars as they were: it is none. */
bool watch_bars_take(struct watch_bars *bars, struct json_object *answer);

/* NULL: no BAR is there. */
const struct watch_bar *watch_bars_find(const struct watch_bars *bars, enum watch_space space,
					uint64_t addr);

struct watch_name {
	char part[WATCH_BAR_NAME], reg[WATCH_BAR_NAME];
};

/* What stands at a key's address: a BAR (bars may be NULL), or what a PC always has there. False: not known. */
bool watch_name_find(struct watch_name *name, const struct watch_bars *bars,
		     const struct watch_key *key);
