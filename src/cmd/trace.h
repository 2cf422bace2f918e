// SPDX-License-Identifier: MIT
/*
 * "coalport trace": the exits of any KVM process as a table, from the kernel's tracepoints
 * (src/watch). One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "watch/watch.h"

struct trace_options {
	bool help;
	bool all; /* else pid */
	pid_t pid;
	int64_t duration; /* ns, or 0: until the process ends or a signal comes */
	int64_t interval; /* ns between tables, or 0: one at the end */
	bool once; /* one table of one interval */
	bool json;
	uint32_t top; /* rows at most, or 0: all */
	enum watch_method method;
	const char *qmp; /* the socket of the guest's monitor, or NULL */
};

/* argv[0] is "trace". False after a message. */
bool trace_options_parse(struct trace_options *options, int argc, char *const argv[]);

/* argv[0] is "trace". The program's exit status. */
int cmd_trace(int argc, char **argv);
