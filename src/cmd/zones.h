// SPDX-License-Identifier: MIT
/*
 * Ranges of a running machine whose writes wait or exit, as its user types them, and what is said to
 * the machine about them (ctl/qmp_zones.c). One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "watch/client.h"
#include "watch/table.h"

struct json_object;

struct cmd_zone {
	enum watch_space space;
	uint64_t first, last; /* inclusive */
};

#define CMD_ZONE_TEXT 64

/* "0x70", "0x1f2-0x1f6", "0x3f8+8", "mmio:0xd0000-0xd00ff". False if it is none. */
bool cmd_zone_parse(struct cmd_zone *zone, const char *text);
/* The same the other way round. Returns out. */
const char *cmd_zone_text(char out[static CMD_ZONE_TEXT], const struct cmd_zone *zone);

/* What can be said of a zone: the last part of the QMP command. */
#define CMD_ZONE_ADD   "add"
#define CMD_ZONE_DEL   "del"
#define CMD_ZONE_RESET "reset"

/* wait_ns: 0 for no limit; with force only for "add". 0, -EREMOTEIO if the machine refuses, or another -errno, with a line in err. */
int cmd_zone_say(struct watch_client *client, const char *verb, const struct cmd_zone *zone,
		 uint64_t wait_ns, bool force, struct error *err)
	__attribute__((warn_unused_result));
/* An array of zones, the caller's. 0 or -errno with a line in err. */
int cmd_zone_list(struct watch_client *client, struct json_object **list, struct error *err)
	__attribute__((warn_unused_result));
