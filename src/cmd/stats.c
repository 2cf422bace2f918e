// SPDX-License-Identifier: MIT
#include "cmd/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/replace.h"
#include "cmd/verb.h"
#include "watch/prometheus.h"

#define INTERVAL_LEAST (50 * NS_PER_MS)

enum stats_form { STATS_TEXT, STATS_JSON, STATS_PROMETHEUS };

struct stats {
	enum stats_form form;
	struct watch_fleet fleet;
	bool all, help;
	const char *output; /* a file; NULL: standard output */
	int64_t interval; /* ns; 0: once */
	uint64_t rows;
};

static void help(void)
{
	printf("usage: coalport stats [NAME|PID|SOCKET ... | --all] [--OPTION VALUE ...]\n\n"
	       "Tells what the exits of running machines come to: of those that are named, else of\n"
	       "all that this user can reach.\n\n"
	       "  --all            besides those that are named, all others\n"
	       "  --json           their records, one a line (see docs/records.md)\n"
	       "  --prometheus     metrics in Prometheus' text format (see docs/stats.md)\n"
	       "  --rows N         with --prometheus: ports and pages told one by one, the most used\n"
	       "                   (default %d)\n"
	       "  --output FILE    to a file, which is replaced as a whole, as node_exporter's\n"
	       "                   textfile collector wants it\n"
	       "  --interval TIME  again and again, until SIGINT or SIGTERM: 15s, 1m\n",
	       WATCH_PROMETHEUS_ROWS);
}

/* Arguments */

static bool take_json(void *arg, const char *value)
{
	struct stats *stats = arg;

	stats->form = STATS_JSON;
	return true;
}

static bool take_prometheus(void *arg, const char *value)
{
	struct stats *stats = arg;

	stats->form = STATS_PROMETHEUS;
	return true;
}

static const struct verb_option table[] = {
	VERB_OPTION_NUMBER("rows", struct stats, rows, 0, WATCH_SNAPSHOT_ROWS, "a number of rows"),
	VERB_OPTION_TEXT("output", struct stats, output, "a file"),
	VERB_OPTION_TEXT("o", struct stats, output, "a file"),
	VERB_OPTION_TIME("interval", struct stats, interval, INTERVAL_LEAST, INT64_MAX,
			 "a time from 50ms on, such as 15s, 1m"),
	VERB_OPTION_FLAG("all", struct stats, all),
	VERB_OPTION_CALL("json", take_json, NULL),
	VERB_OPTION_CALL("prometheus", take_prometheus, NULL),
	VERB_OPTION_FLAG("help", struct stats, help),
	VERB_OPTION_FLAG("h", struct stats, help),
};

static int take_word(void *arg, const char *word)
{
	struct stats *stats = arg;
	int ret = watch_fleet_name(&stats->fleet, word);

	if (ret)
		log_error("stats: %s", strerror(-ret));
	return ret ? 1 : 0;
}

/* 0, or the exit status after a message. */
static int parse(struct stats *stats, int argc, char *const argv[])
{
	static const struct verb verb = { "stats", table, sizeof(table) / sizeof(table[0]),
					  take_word };
	int ret = verb_parse(&verb, stats, argc, argv);

	if (!ret && !stats->fleet.n)
		stats->all = true;
	return ret;
}

/* Forms */

static void print_text(FILE *out, const struct watch_fleet *fleet)
{
	fprintf(out, "%8s %-24s %10s %14s %14s %8s\n", "PID", "NAME", "SECONDS", "EXITS",
		"COALESCED", "SAVED");
	for (size_t i = 0; i < fleet->n; i++) {
		const struct watch_snapshot *snapshot = &fleet->at[i].snapshot;

		if (!fleet->at[i].up)
			continue;
		fprintf(out, "%8" PRIu32 " %-24s %10.1f %14" PRIu64 " %14" PRIu64 " %7.1f%%\n",
			snapshot->pid, *snapshot->name ? snapshot->name : "-", snapshot->seconds,
			snapshot->exits, snapshot->coalesced,
			watch_snapshot_saved(snapshot->exits, snapshot->coalesced));
	}
}

static void print_json(FILE *out, const struct watch_fleet *fleet)
{
	for (size_t i = 0; i < fleet->n; i++) {
		if (fleet->at[i].up)
			fprintf(out, "%s\n",
				json_object_to_json_string_ext(
					fleet->at[i].record,
					JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

/* 0 or -errno. */
static int print(const struct stats *stats, FILE *out)
{
	const struct watch_prometheus_options options = { .rows = (size_t)stats->rows };

	if (stats->form == STATS_PROMETHEUS)
		return watch_prometheus(out, &stats->fleet, &options);
	if (stats->form == STATS_JSON)
		print_json(out, &stats->fleet);
	else
		print_text(out, &stats->fleet);
	errno = 0;
	return ferror(out) || fflush(out) ? (errno ? -errno : -EIO) : 0;
}

static int write_output(const struct stats *stats, struct error *err)
{
	struct replace replace;
	int ret;

	if (!stats->output) {
		ret = print(stats, stdout);
		return ret ? error_set(err, ret, "standard output: %s", strerror(-ret)) : 0;
	}
	ret = replace_begin(&replace, stats->output, err);
	if (ret)
		return ret;
	ret = print(stats, replace.out);
	if (ret) {
		replace_abandon(&replace);
		return error_set(err, ret, "%s: %s", stats->output, strerror(-ret));
	}
	return replace_commit(&replace, err);
}

/* The exit status: 1 if something could not be told, which was said. */
static int once(struct stats *stats)
{
	struct error err;
	int status = 0;

	if (watch_fleet_ask(&stats->fleet, stats->all, &err)) {
		log_error("stats: %s", err.text);
		return 1;
	}
	for (size_t i = 0; i < stats->fleet.n; i++) {
		if (stats->fleet.at[i].up)
			continue;
		log_error("stats: %s", stats->fleet.at[i].why.text);
		status = 1;
	}
	if (write_output(stats, &err)) {
		log_error("stats: %s", err.text);
		return 1;
	}
	return status;
}

/* A machine that cannot be asked now is asked again the next time; what cannot be written is the end. */
static int again_and_again(struct stats *stats)
{
	int64_t due = clock_monotonic();
	sigset_t ends;
	struct error err;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	for (;;) {
		int64_t left;
		struct timespec wait;

		if (watch_fleet_ask(&stats->fleet, stats->all, &err) || write_output(stats, &err)) {
			log_error("stats: %s", err.text);
			return 1;
		}
		due += stats->interval;
		left = due - clock_monotonic();
		if (left < 0) {
			due -= left;
			left = 0;
		}
		wait = (struct timespec){ .tv_sec = left / NS_PER_SEC,
					  .tv_nsec = left % NS_PER_SEC };
		if (sigtimedwait(&ends, NULL, &wait) > 0)
			return 0;
	}
}

int cmd_stats(int argc, char **argv)
{
	struct stats stats = { .rows = WATCH_PROMETHEUS_ROWS };
	int status;

	signal(SIGPIPE, SIG_IGN);
	status = parse(&stats, argc, argv);
	if (!status && stats.help)
		help();
	else if (!status)
		status = stats.interval ? again_and_again(&stats) : once(&stats);
	watch_fleet_free(&stats.fleet);
	return status;
}
