// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/duration.h"
#include "cmd/top.h"

#define INTERVAL_LEAST (50 * NS_PER_MS)

static bool take_number(uint64_t *out, const char *value)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 10);
	return *value >= '0' && *value <= '9' && !*end && !errno && *out > 0;
}

static bool take_interval(struct top_options *options, const char *value)
{
	return cmd_duration_parse(&options->state.interval, value) &&
	       options->state.interval >= INTERVAL_LEAST;
}

static bool take_for(struct top_options *options, const char *value)
{
	return cmd_duration_parse(&options->duration, value);
}

static bool take_count(struct top_options *options, const char *value)
{
	return take_number(&options->count, value);
}

static bool take_top(struct top_options *options, const char *value)
{
	return take_number(&options->state.top, value);
}

static bool take_sort(struct top_options *options, const char *value)
{
	return watch_sort_find(&options->state.sort, value);
}

static bool take_view(struct top_options *options, const char *value)
{
	return watch_screen_view_find(&options->state.view, value);
}

static bool take_filter(struct top_options *options, const char *value)
{
	size_t n = strlen(value);

	if (n >= sizeof(options->state.filter))
		return false;
	memcpy(options->state.filter, value, n + 1);
	return true;
}

static bool take_record(struct top_options *options, const char *value)
{
	options->record = value;
	return *value;
}

static const struct {
	const char *name;
	bool (*take)(struct top_options *options, const char *value); /* NULL: a flag */
	size_t flag; /* offset of a bool */
	const char *wanted;
} table[] = {
	{ "interval", take_interval, 0, "a time from 50ms on, such as 500ms, 2s, 1m" },
	{ "d", take_interval, 0, "a time from 50ms on, such as 500ms, 2s, 1m" },
	{ "for", take_for, 0, "a time from 1ms on, such as 10s, 500ms, 2m" },
	{ "n", take_count, 0, "a number of tables" },
	{ "top", take_top, 0, "a number of lines" },
	{ "sort", take_sort, 0,
	  "exits, coalesced, time, avg, p50, p99, max, interrupts, kernel, address or name" },
	{ "view", take_view, 0, "addresses, vcpus, zones or kernel" },
	{ "filter", take_filter, 0, "a text of up to 63 bytes" },
	{ "record", take_record, 0, "a file" },
	{ "reverse", NULL, offsetof(struct top_options, state.reverse), NULL },
	{ "whole", NULL, offsetof(struct top_options, state.whole), NULL },
	{ "once", NULL, offsetof(struct top_options, once), NULL },
	{ "json", NULL, offsetof(struct top_options, json), NULL },
	{ "plain", NULL, offsetof(struct top_options, plain), NULL },
	{ "b", NULL, offsetof(struct top_options, plain), NULL },
	{ "help", NULL, offsetof(struct top_options, help), NULL },
	{ "h", NULL, offsetof(struct top_options, help), NULL },
};

/* How many arguments an option took, or 0 after a message. */
static int take_option(struct top_options *options, int argc, char *const argv[])
{
	const char *name = argv[0] + strspn(argv[0], "-");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(name, table[i].name) != 0)
			continue;
		if (!table[i].take) {
			*(bool *)((char *)options + table[i].flag) = true;
			return 1;
		}
		if (argc > 1 && table[i].take(options, argv[1]))
			return 2;
		log_error("top: %s: wants %s", argv[0], table[i].wanted);
		return 0;
	}
	log_error("top: %s: unknown argument (see coalport top --help)", argv[0]);
	return 0;
}

bool top_options_parse(struct top_options *options, int argc, char *const argv[])
{
	*options = (struct top_options){ .state.interval = 2 * NS_PER_SEC };
	for (int i = 1; i < argc;) {
		int taken = 1;

		if (argv[i][0] == '-')
			taken = take_option(options, argc - i, argv + i);
		else if (options->target)
			taken = (log_error("top: %s: one machine at a time", argv[i]), 0);
		else
			options->target = argv[i];
		if (!taken)
			return false;
		i += taken;
	}
	if (options->once) {
		options->count = 1;
		options->plain = true;
	}
	return true;
}
