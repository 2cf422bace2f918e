// SPDX-License-Identifier: MIT
#include "cmd/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/replace.h"
#include "cmd/options.h"
#include "cmd/verb.h"
#include "watch/summary.h"

#define TOP_DEFAULT 40
#define TOP_MOST    1000

struct report {
	const char *files[WATCH_SUMMARY_RUNS];
	size_t files_n;
	const char *html; /* a file; NULL: text on standard output */
	uint64_t top;
	enum watch_sort sort;
	bool reverse, help;
};

static void help(void)
{
	printf("usage: coalport report FILE [FILE] [--OPTION VALUE ...]\n\n"
	       "Shows what the exits of a guest were, from records: of -exits json,file=FILE, of\n"
	       "coalport top --record, of coalport trace --json. FILE is - for standard input.\n"
	       "Two files are shown beside each other.\n\n"
	       "  --html FILE  a page with plots, which needs nothing else, instead of text\n"
	       "  --top N      ports and pages that are shown (default %d)\n"
	       "  --sort KEY   exits, coalesced, time, avg, p50, p99, max, interrupts, kernel,\n"
	       "               address or name\n"
	       "  --reverse    the least first\n",
	       TOP_DEFAULT);
}

static bool take_sort(void *arg, const char *value)
{
	struct report *report = arg;

	return watch_sort_find(&report->sort, value);
}

static const struct verb_option table[] = {
	VERB_OPTION_TEXT("html", struct report, html, "a file"),
	VERB_OPTION_NUMBER("top", struct report, top, 1, TOP_MOST,
			   "a number of rows from 1 to 1000"),
	VERB_OPTION_CALL(
		"sort", take_sort,
		"exits, coalesced, time, avg, p50, p99, max, interrupts, kernel, address or name"),
	VERB_OPTION_FLAG("reverse", struct report, reverse),
	VERB_OPTION_FLAG("help", struct report, help),
	VERB_OPTION_FLAG("h", struct report, help),
};

static int take_word(void *arg, const char *word)
{
	struct report *report = arg;

	if (report->files_n == WATCH_SUMMARY_RUNS) {
		log_error("report: %s: more than two files", word);
		return CMD_STATUS_USAGE;
	}
	report->files[report->files_n++] = word;
	return 0;
}

static bool parse(struct report *report, int argc, char *const argv[])
{
	static const struct verb verb = { "report", table, sizeof(table) / sizeof(table[0]),
					  take_word };

	if (verb_parse(&verb, report, argc, argv))
		return false;
	if (report->files_n || report->help)
		return true;
	log_error("report: wants a file (see coalport report --help)");
	return false;
}

static const char *file_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int read_run(struct watch_series *series, const char *path)
{
	struct watch_recording recording;
	struct error err;
	bool cut;
	int ret = watch_recording_open(&recording, path, &err);

	if (ret) {
		log_error("report: %s", err.text);
		return ret;
	}
	ret = watch_series_read(series, &recording, &cut, &err);
	watch_recording_close(&recording);
	if (ret)
		log_error("report: %s: %s", file_name(path), err.text);
	else if (cut)
		log_warn("report: %s: ends within a record, which is left out", file_name(path));
	return ret;
}

/* 0, or -errno after a message. */
static int write_report(const struct report *report, const struct watch_summary *summary)
{
	struct replace replace;
	struct error err;
	int ret;

	if (!report->html) {
		ret = watch_summary_text(stdout, summary);
		if (ret)
			log_error("report: standard output: %s", strerror(-ret));
		return ret;
	}
	ret = replace_begin(&replace, report->html, &err);
	if (!ret) {
		ret = watch_summary_page(replace.out, summary);
		if (ret) {
			replace_abandon(&replace);
			error_set(&err, ret, "%s: %s", report->html, strerror(-ret));
		} else {
			ret = replace_commit(&replace, &err);
		}
	}
	if (ret)
		log_error("report: %s", err.text);
	return ret;
}

int cmd_report(int argc, char **argv)
{
	struct report report = { .top = TOP_DEFAULT };
	struct watch_series series[WATCH_SUMMARY_RUNS] = { 0 };
	struct watch_summary summary = { .runs_n = 0 };
	int ret = 0;

	signal(SIGPIPE, SIG_IGN);
	if (!parse(&report, argc, argv))
		return CMD_STATUS_USAGE;
	if (report.help) {
		help();
		return 0;
	}
	summary.top = (size_t)report.top;
	summary.sort = report.sort;
	summary.reverse = report.reverse;
	for (size_t i = 0; i < report.files_n && !ret; i++) {
		ret = read_run(&series[i], report.files[i]);
		summary.runs[summary.runs_n++] =
			(struct watch_summary_run){ file_name(report.files[i]), &series[i] };
	}
	if (!ret)
		ret = write_report(&report, &summary);
	for (size_t i = 0; i < WATCH_SUMMARY_RUNS; i++)
		watch_series_free(&series[i]);
	return ret ? 1 : 0;
}
