// SPDX-License-Identifier: MIT
#include "cmd/advise.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/options.h"
#include "cmd/verb.h"

#define MEASURE_NS (5 * NS_PER_SEC)

static void help(void)
{
	printf("usage: coalport advise [TARGET|FILE|-p PID] [--OPTION VALUE ...]\n\n"
	       "Says which exits of a guest need not be, why, and what to do about each.\n\n"
	       "  TARGET      a running coalport machine: its name, process or control socket;\n"
	       "              without one, the only machine that runs\n"
	       "  FILE        a record or a recording (-exits json, trace --json); - is standard input\n"
	       "  -p PID      any process that runs a KVM guest, by tracing it\n"
	       "  --for TIME  how long to look, 5s if not said: 10s, 500ms, 2m\n"
	       "  --top N     no more than N pieces of advice\n"
	       "  --try       TARGET: adds the zones that are advised, measures the same time again,\n"
	       "              and takes them back\n"
	       "  --keep      with --try: leaves them\n"
	       "  --json      one object instead of text\n");
}

/* Options */

static const struct verb_option table[] = {
	VERB_OPTION_NUMBER("p", struct advise_options, pid, 1, INT_MAX, "the number of a process"),
	VERB_OPTION_NUMBER("pid", struct advise_options, pid, 1, INT_MAX,
			   "the number of a process"),
	VERB_OPTION_TIME("for", struct advise_options, duration, 0, INT64_MAX,
			 "a time from 1ms on, such as 10s, 500ms, 2m"),
	VERB_OPTION_NUMBER("top", struct advise_options, top, 1, UINT32_MAX,
			   "a number of pieces of advice"),
	VERB_OPTION_FLAG("try", struct advise_options, try),
	VERB_OPTION_FLAG("keep", struct advise_options, keep),
	VERB_OPTION_FLAG("json", struct advise_options, json),
	VERB_OPTION_FLAG("help", struct advise_options, help),
	VERB_OPTION_FLAG("h", struct advise_options, help),
};

static int take_word(void *arg, const char *word)
{
	struct advise_options *options = arg;

	if (options->target) {
		log_error("advise: %s: one target at a time", word);
		return CMD_STATUS_USAGE;
	}
	options->target = word;
	return 0;
}

static bool parse(struct advise_options *options, int argc, char *const argv[])
{
	static const struct verb verb = { "advise", table, sizeof(table) / sizeof(table[0]),
					  take_word };

	*options = (struct advise_options){ .duration = MEASURE_NS };
	if (verb_parse(&verb, options, argc, argv))
		return false;
	if (options->help)
		return true;
	if (options->target && options->pid) {
		log_error("advise: %s or -p: one at a time", options->target);
		return false;
	}
	if (options->keep && !options->try) {
		log_error("advise: --keep goes with --try");
		return false;
	}
	if (options->try && options->pid) {
		log_error("advise: --try is for coalport's own machines");
		return false;
	}
	return true;
}

static bool is_file(const char *target)
{
	struct stat status;

	return target &&
	       (!strcmp(target, "-") || (!stat(target, &status) && S_ISREG(status.st_mode)));
}

/* What was counted. False after a message. */
static bool measure(struct advise *advise, struct watch_snapshot *record)
{
	const struct advise_options *options = &advise->options;
	struct error err = { .text = "" };
	int ret;

	if (options->pid) {
		ret = advise_measure_trace(advise, record, &err);
	} else if (is_file(options->target)) {
		if (options->try) {
			log_error("advise: %s: --try is for a running machine", options->target);
			return false;
		}
		ret = advise_read_file(options->target, record, &err);
	} else {
		ret = watch_client_open(&advise->client, options->target, &err);
		if (!ret)
			ret = advise_measure_machine(advise, record, &err);
	}
	if (ret && err.text[0])
		log_error("advise: %s", err.text);
	return !ret;
}

static int print(const struct advise *advise, const struct watch_advices *advices,
		 const struct advise_tried *tried)
{
	struct json_object *root, *part;
	int err = 0;

	if (!advise->options.json) {
		watch_advices_text(stdout, advices, advise->options.top);
		if (tried)
			advise_tried_text(stdout, tried);
		return 0;
	}
	root = watch_advices_json(advices, advise->options.top);
	part = root && tried ? advise_tried_json(tried) : NULL;
	if (root && tried && (!part || json_object_object_add(root, "tried", part))) {
		json_object_put(part);
		err = -ENOMEM;
	}
	if (!root || err) {
		log_error("advise: out of memory");
		json_object_put(root);
		return 1;
	}
	printf("%s\n", json_object_to_json_string_ext(
			       root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return 0;
}

static int advise_record(struct advise *advise, const struct watch_snapshot *record)
{
	struct watch_advices advices = { .at = NULL };
	struct advise_tried *tried = NULL;
	struct error err;
	int status = 1, ret;

	ret = watch_advise(&advices, record, advise->client ? advise->options.target : NULL);
	if (!ret && advise->options.try && !advise->stopped) {
		tried = calloc(1, sizeof(*tried));
		ret = tried ? 0 : -ENOMEM;
	}
	if (ret) {
		log_error("advise: %s", strerror(-ret));
		goto free;
	}
	status = 0;
	if (tried && advise_try(advise, &advices, tried, &err)) {
		log_error("advise: %s", err.text);
		status = 1;
	}
	if (print(advise, &advices, tried))
		status = 1;
free:
	free(tried);
	watch_advices_free(&advices);
	return status;
}

int cmd_advise(int argc, char **argv)
{
	struct advise advise = { .client = NULL };
	struct watch_snapshot record;
	sigset_t signals;
	int status = 1;

	signal(SIGPIPE, SIG_IGN);
	if (!parse(&advise.options, argc, argv))
		return CMD_STATUS_USAGE;
	if (advise.options.help) {
		help();
		return 0;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	if (!advise.options.pid && !is_file(advise.options.target)) {
		sigaddset(&signals, SIGTERM);
		sigaddset(&signals, SIGHUP);
	}
	/* They end a measurement, our own or the tracing child's, behind which there is more to do. */
	if (advise.options.pid || !is_file(advise.options.target))
		sigprocmask(SIG_BLOCK, &signals, NULL);
	advise.progress = isatty(STDERR_FILENO);
	if (measure(&advise, &record)) {
		status = advise_record(&advise, &record);
		watch_snapshot_free(&record);
	}
	watch_client_close(advise.client);
	return status;
}
