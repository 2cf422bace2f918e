// SPDX-License-Identifier: MIT
/* Where the records come from of which advice is made. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/advise.h"
#include "watch/recording.h"

#define REPORT "__org.coalport_query-report"
#define SELF   "/proc/self/exe"

/* Sleeps, or is stopped by a signal. The signals are blocked. */
static void wait_for(struct advise *advise, int64_t ns)
{
	int64_t end = clock_monotonic() + ns, left;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	while (!advise->stopped && (left = end - clock_monotonic()) > 0) {
		int64_t part = left < NS_PER_SEC ? left : NS_PER_SEC;
		const struct timespec timeout = {
			.tv_sec = part / NS_PER_SEC,
			.tv_nsec = part % NS_PER_SEC,
		};

		if (advise->progress && ns > 2 * NS_PER_SEC)
			fprintf(stderr, "\rmeasuring, %lld s more ",
				(long long)((left + NS_PER_SEC - 1) / NS_PER_SEC));
		advise->stopped = sigtimedwait(&signals, NULL, &timeout) > 0;
	}
	if (advise->progress && ns > 2 * NS_PER_SEC)
		fprintf(stderr, "\r%30s\r", "");
}

static int ask(struct advise *advise, struct watch_snapshot *out, struct error *err)
{
	struct json_object *json = NULL;
	int ret = watch_client_command(advise->client, REPORT, NULL, &json, err);

	if (!ret)
		ret = watch_snapshot_parse(out, json, err);
	json_object_put(json);
	return ret;
}

int advise_measure_machine(struct advise *advise, struct watch_snapshot *out, struct error *err)
{
	struct watch_snapshot before, after;
	int ret = ask(advise, &before, err);

	if (ret)
		return ret;
	wait_for(advise, advise->options.duration);
	ret = ask(advise, &after, err);
	if (!ret) {
		ret = watch_snapshot_diff(out, &after, &before, err);
		watch_snapshot_free(&after);
	}
	watch_snapshot_free(&before);
	return ret;
}

/* Of a recording the first and the last record count, whatever is between. */
static int read_recording(struct watch_recording *recording, struct watch_snapshot *out,
			  struct error *err)
{
	struct watch_snapshot first = { 0 }, last = { 0 }, next;
	unsigned n = 0;
	int ret;

	while ((ret = watch_recording_next(recording, &next, err)) > 0) {
		if (n)
			watch_snapshot_free(&last);
		*(n ? &last : &first) = next;
		n++;
	}
	if (ret == -ENODATA && n) {
		log_warn("advise: %s; what came before is good", err->text);
		ret = 0;
	}
	if (!ret && !n)
		ret = error_set(err, -EINVAL, "no record in it");
	if (!ret && n > 1)
		ret = watch_snapshot_diff(out, &last, &first, err);
	else if (!ret)
		*out = first;
	if (ret || n > 1) {
		watch_snapshot_free(&first);
		watch_snapshot_free(&last);
	}
	if (!ret && out->seconds <= 0) {
		watch_snapshot_free(out);
		return error_set(err, -EINVAL, "a record of no time");
	}
	return ret;
}

/*
 * Another process of this program traces; its table is a record. Ctrl-C reaches it as well, and it ends
 * with what it has. Where its output comes to *out. 0, or -errno with a line in err.
 */
static int trace_start(const struct advise_options *options, struct child *child, FILE **out,
		       struct error *err)
{
	char pid[24], time[40];
	const char *const argv[] = { SELF, "trace", "-p", pid, "--for", time, "--json", NULL };
	int pipes[2], ret;

	snprintf(pid, sizeof(pid), "%d", (int)options->pid);
	snprintf(time, sizeof(time), "%.9fs", (double)options->duration / 1e9);
	if (pipe2(pipes, O_CLOEXEC))
		return error_set(err, -errno, "pipe: %s", strerror(errno));
	*out = fdopen(pipes[0], "r");
	ret = *out ? child_run(child, argv, pipes[1]) : -errno;
	close(pipes[1]);
	if (!ret)
		return 0;
	if (*out)
		fclose(*out);
	else
		close(pipes[0]);
	return error_set(err, ret, "starting a trace: %s", strerror(-ret));
}

int advise_measure_trace(struct advise *advise, struct watch_snapshot *out, struct error *err)
{
	struct watch_recording recording;
	struct child child;
	int status, ret;
	FILE *file = NULL;

	ret = trace_start(&advise->options, &child, &file, err);
	if (ret)
		return ret;
	ret = watch_recording_take(&recording, file, err);
	if (!ret) {
		ret = read_recording(&recording, out, err);
		watch_recording_close(&recording);
	}
	status = child_wait(&child);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		if (!ret)
			watch_snapshot_free(out);
		/* It has said why. */
		err->text[0] = '\0';
		return -ECHILD;
	}
	return ret;
}

int advise_read_file(const char *path, struct watch_snapshot *out, struct error *err)
{
	struct watch_recording recording;
	struct error why;
	int ret = watch_recording_open(&recording, path, err);

	if (ret)
		return ret;
	ret = read_recording(&recording, out, &why);
	watch_recording_close(&recording);
	return ret ? error_set(err, ret, "%s: %s", strcmp(path, "-") ? path : "standard input",
			       why.text)
		   : 0;
}
