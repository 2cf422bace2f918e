// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/duration.h"
#include "cmd/trace.h"

static bool take_pid(struct trace_options *options, const char *value)
{
	char *end;
	long pid = strtol(value, &end, 10);

	options->pid = (pid_t)pid;
	return *value >= '0' && *value <= '9' && !*end && pid > 0 && pid <= INT_MAX;
}

static bool take_top(struct trace_options *options, const char *value)
{
	char *end;
	unsigned long top = strtoul(value, &end, 10);

	options->top = (uint32_t)top;
	return *value >= '0' && *value <= '9' && !*end && top > 0 && top <= UINT32_MAX;
}

static bool take_method(struct trace_options *options, const char *value)
{
	static const char *const names[] = {
		[WATCH_METHOD_AUTO] = "auto",
		[WATCH_METHOD_BPF] = "bpf",
		[WATCH_METHOD_RECORDS] = "records",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i])) {
			options->method = (enum watch_method)i;
			return true;
		}
	return false;
}

static bool take_qmp(struct trace_options *options, const char *value)
{
	options->qmp = value;
	return *value != '\0';
}

static bool take_for(struct trace_options *options, const char *value)
{
	return cmd_duration_parse(&options->duration, value);
}

static bool take_interval(struct trace_options *options, const char *value)
{
	return cmd_duration_parse(&options->interval, value);
}

static const struct {
	const char *name;
	bool (*take)(struct trace_options *options, const char *value); /* NULL: a flag */
	size_t flag; /* offset of a bool */
	const char *wanted;
} table[] = {
	{ "p", take_pid, 0, "the number of a process" },
	{ "pid", take_pid, 0, "the number of a process" },
	{ "for", take_for, 0, "a time from 1ms on, such as 10s, 500ms, 2m" },
	{ "interval", take_interval, 0, "a time from 1ms on, such as 10s, 500ms, 2m" },
	{ "top", take_top, 0, "a number of rows" },
	{ "qmp", take_qmp, 0, "the socket of a monitor (QMP)" },
	{ "method", take_method, 0, "auto, bpf or records" },
	{ "all", NULL, offsetof(struct trace_options, all), NULL },
	{ "once", NULL, offsetof(struct trace_options, once), NULL },
	{ "json", NULL, offsetof(struct trace_options, json), NULL },
	{ "help", NULL, offsetof(struct trace_options, help), NULL },
	{ "h", NULL, offsetof(struct trace_options, help), NULL },
};

/* How many arguments an option took, or 0 after a message. */
static int take_option(struct trace_options *options, int argc, char *const argv[])
{
	const char *name = argv[0] + strspn(argv[0], "-");

	for (size_t i = 0; name != argv[0] && i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(name, table[i].name))
			continue;
		if (!table[i].take) {
			*(bool *)((char *)options + table[i].flag) = true;
			return 1;
		}
		if (argc > 1 && table[i].take(options, argv[1]))
			return 2;
		log_error("trace: %s: wants %s", argv[0], table[i].wanted);
		return 0;
	}
	log_error("trace: %s: unknown argument (see coalport trace --help)", argv[0]);
	return 0;
}

bool trace_options_parse(struct trace_options *options, int argc, char *const argv[])
{
	*options = (struct trace_options){ 0 };
	for (int i = 1; i < argc;) {
		int taken = take_option(options, argc - i, argv + i);

		if (!taken)
			return false;
		i += taken;
	}
	if (!options->help && options->all == (options->pid != 0)) {
		log_error("trace: say whose exits: -p PID or --all");
		return false;
	}
	if (!options->help && options->qmp && !options->pid) {
		log_error("trace: --qmp goes with -p: it names one guest's devices");
		return false;
	}
	if (options->once) {
		if (!options->duration)
			options->duration = options->interval ? options->interval : NS_PER_SEC;
		options->interval = 0;
	}
	return true;
}
