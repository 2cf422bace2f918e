// SPDX-License-Identifier: MIT
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/options.h"
#include "cmd/trace.h"
#include "cmd/verb.h"

#define TIME "a time from 1ms on, such as 10s, 500ms, 2m"

static bool take_method(void *arg, const char *value)
{
	static const char *const names[] = {
		[WATCH_METHOD_AUTO] = "auto",
		[WATCH_METHOD_BPF] = "bpf",
		[WATCH_METHOD_RECORDS] = "records",
	};
	struct trace_options *options = arg;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i])) {
			options->method = (enum watch_method)i;
			return true;
		}
	return false;
}

static const struct verb_option table[] = {
	VERB_OPTION_NUMBER("p", struct trace_options, pid, 1, INT_MAX, "the number of a process"),
	VERB_OPTION_NUMBER("pid", struct trace_options, pid, 1, INT_MAX, "the number of a process"),
	VERB_OPTION_TIME("for", struct trace_options, duration, 0, INT64_MAX, TIME),
	VERB_OPTION_TIME("interval", struct trace_options, interval, 0, INT64_MAX, TIME),
	VERB_OPTION_NUMBER("top", struct trace_options, top, 1, UINT32_MAX, "a number of rows"),
	VERB_OPTION_TEXT("qmp", struct trace_options, qmp, "the socket of a monitor (QMP)"),
	VERB_OPTION_CALL("method", take_method, "auto, bpf or records"),
	VERB_OPTION_FLAG("all", struct trace_options, all),
	VERB_OPTION_FLAG("once", struct trace_options, once),
	VERB_OPTION_FLAG("json", struct trace_options, json),
	VERB_OPTION_FLAG("help", struct trace_options, help),
	VERB_OPTION_FLAG("h", struct trace_options, help),
};

bool trace_options_parse(struct trace_options *options, int argc, char *const argv[])
{
	static const struct verb verb = { "trace", table, sizeof(table) / sizeof(table[0]), NULL };

	*options = (struct trace_options){ 0 };
	if (verb_parse(&verb, options, argc, argv))
		return false;
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
