// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/options.h"
#include "cmd/top.h"
#include "cmd/verb.h"

#define INTERVAL_LEAST (50 * NS_PER_MS)
#define INTERVAL       "a time from 50ms on, such as 500ms, 2s, 1m"

static bool take_sort(void *arg, const char *value)
{
	struct top_options *options = arg;

	return watch_sort_find(&options->state.sort, value);
}

static bool take_view(void *arg, const char *value)
{
	struct top_options *options = arg;

	return watch_screen_view_find(&options->state.view, value);
}

static bool take_filter(void *arg, const char *value)
{
	struct top_options *options = arg;
	size_t n = strlen(value);

	if (n >= sizeof(options->state.filter))
		return false;
	memcpy(options->state.filter, value, n + 1);
	return true;
}

static const struct verb_option table[] = {
	VERB_OPTION_TIME("interval", struct top_options, state.interval, INTERVAL_LEAST, INT64_MAX,
			 INTERVAL),
	VERB_OPTION_TIME("d", struct top_options, state.interval, INTERVAL_LEAST, INT64_MAX,
			 INTERVAL),
	VERB_OPTION_TIME("for", struct top_options, duration, 0, INT64_MAX,
			 "a time from 1ms on, such as 10s, 500ms, 2m"),
	VERB_OPTION_NUMBER("n", struct top_options, count, 1, UINT64_MAX, "a number of tables"),
	VERB_OPTION_NUMBER("top", struct top_options, state.top, 1, SIZE_MAX, "a number of lines"),
	VERB_OPTION_CALL(
		"sort", take_sort,
		"exits, coalesced, time, avg, p50, p99, max, interrupts, kernel, address or name"),
	VERB_OPTION_CALL("view", take_view, "addresses, vcpus, zones or kernel"),
	VERB_OPTION_CALL("filter", take_filter, "a text of up to 63 bytes"),
	VERB_OPTION_TEXT("record", struct top_options, record, "a file"),
	VERB_OPTION_FLAG("reverse", struct top_options, state.reverse),
	VERB_OPTION_FLAG("whole", struct top_options, state.whole),
	VERB_OPTION_FLAG("once", struct top_options, once),
	VERB_OPTION_FLAG("json", struct top_options, json),
	VERB_OPTION_FLAG("plain", struct top_options, plain),
	VERB_OPTION_FLAG("b", struct top_options, plain),
	VERB_OPTION_FLAG("help", struct top_options, help),
	VERB_OPTION_FLAG("h", struct top_options, help),
};

static int take_word(void *arg, const char *word)
{
	struct top_options *options = arg;

	if (options->target) {
		log_error("top: %s: one machine at a time", word);
		return CMD_STATUS_USAGE;
	}
	options->target = word;
	return 0;
}

bool top_options_parse(struct top_options *options, int argc, char *const argv[])
{
	static const struct verb verb = { "top", table, sizeof(table) / sizeof(table[0]),
					  take_word };

	*options = (struct top_options){ .state.interval = 2 * NS_PER_SEC };
	if (verb_parse(&verb, options, argc, argv))
		return false;
	if (options->once) {
		options->count = 1;
		options->plain = true;
	}
	return true;
}
