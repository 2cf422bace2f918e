// SPDX-License-Identifier: MIT
/* The verb top: a live table of a running machine's exits. One thread, and one that asks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "watch/screen.h"

struct top_options {
	const char *target; /* NULL: the only machine there is */
	const char *record; /* a file, or NULL */
	int64_t duration; /* ns; 0: no end */
	uint64_t count; /* tables, or records, to the end; 0: no end */
	bool once, json, plain, help;
	struct watch_screen_state state; /* what is seen first */
};

/* argv[0] is the verb. False after a message. Texts are borrowed. */
bool top_options_parse(struct top_options *options, int argc, char *const argv[]);

int cmd_top(int argc, char **argv);
