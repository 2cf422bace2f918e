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
#include "cmd/duration.h"
#include "cmd/options.h"
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

static bool take_rows(struct stats *stats, const char *value)
{
	char *end;

	errno = 0;
	stats->rows = strtoull(value, &end, 10);
	return *value >= '0' && *value <= '9' && !*end && !errno &&
	       stats->rows <= WATCH_SNAPSHOT_ROWS;
}

static bool take_output(struct stats *stats, const char *value)
{
	stats->output = value;
	return *value;
}

static bool take_interval(struct stats *stats, const char *value)
{
	return cmd_duration_parse(&stats->interval, value) && stats->interval >= INTERVAL_LEAST;
}

static bool take_all(struct stats *stats, const char *value)
{
	stats->all = true;
	return true;
}

static bool take_json(struct stats *stats, const char *value)
{
	stats->form = STATS_JSON;
	return true;
}

static bool take_prometheus(struct stats *stats, const char *value)
{
	stats->form = STATS_PROMETHEUS;
	return true;
}

static bool take_help(struct stats *stats, const char *value)
{
	stats->help = true;
	return true;
}

static const struct {
	const char *name;
	bool (*take)(struct stats *stats, const char *value);
	const char *wanted; /* NULL: no value */
} stats_table[] = {
	{ "rows", take_rows, "a number of rows" },
	{ "output", take_output, "a file" },
	{ "o", take_output, "a file" },
	{ "interval", take_interval, "a time from 50ms on, such as 15s, 1m" },
	{ "all", take_all, NULL },
	{ "json", take_json, NULL },
	{ "prometheus", take_prometheus, NULL },
	{ "help", take_help, NULL },
	{ "h", take_help, NULL },
};

/* How many arguments an option took, or 0 after a message. */
static int take_option(struct stats *stats, int argc, char *const argv[])
{
	const char *name = argv[0] + strspn(argv[0], "-");

	for (size_t i = 0; i < sizeof(stats_table) / sizeof(stats_table[0]); i++) {
		bool wants = stats_table[i].wanted;

		if (strcmp(name, stats_table[i].name) != 0)
			continue;
		if ((!wants || argc > 1) && stats_table[i].take(stats, argv[1]))
			return wants ? 2 : 1;
		log_error("stats: %s: wants %s", argv[0], stats_table[i].wanted);
		return 0;
	}
	log_error("stats: %s: unknown argument (see coalport stats --help)", argv[0]);
	return 0;
}

/* 0, or the exit status after a message. */
static int parse(struct stats *stats, int argc, char *const argv[])
{
	for (int i = 1; i < argc;) {
		int taken = 1;

		if (argv[i][0] == '-')
			taken = take_option(stats, argc - i, argv + i);
		else if (watch_fleet_name(&stats->fleet, argv[i]))
			return log_error("stats: %s", strerror(ENOMEM)), 1;
		if (!taken)
			return CMD_STATUS_USAGE;
		i += taken;
	}
	if (!stats->fleet.n)
		stats->all = true;
	return 0;
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
