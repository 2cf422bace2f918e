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

#include "base/clock.h"
#include "cmd/advise.h"

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

static int ask(struct advise *advise, struct watch_account *out, struct error *err)
{
	struct json_object *json = NULL;
	int ret = watch_client_command(&advise->client, REPORT, NULL, &json, err);

	if (!ret)
		ret = watch_account_take(out, json, err);
	json_object_put(json);
	return ret;
}

int advise_measure_machine(struct advise *advise, struct watch_account *out, struct error *err)
{
	struct watch_account before;
	int ret = ask(advise, &before, err);

	if (ret)
		return ret;
	wait_for(advise, advise->options.duration);
	ret = ask(advise, out, err);
	if (!ret) {
		ret = watch_account_minus(out, &before, err);
		if (ret)
			watch_account_free(out);
	}
	watch_account_free(&before);
	return ret;
}

/*
 * Another process of this program traces; its table is a record. A signal to the group reaches it as
 * well, one to us alone is handed on: either way it ends with what it has.
 */
static pid_t trace_start(const struct advise_options *options, int *out, struct error *err)
{
	char pid[24], time[40];
	sigset_t none;
	int pipes[2];
	pid_t child;

	snprintf(pid, sizeof(pid), "%d", (int)options->pid);
	snprintf(time, sizeof(time), "%.9fs", (double)options->duration / 1e9);
	*out = -1;
	if (pipe2(pipes, O_CLOEXEC))
		return error_set(err, -errno, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0) {
		close(pipes[0]);
		close(pipes[1]);
		return error_set(err, -errno, "fork: %s", strerror(errno));
	}
	if (!child) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		close(pipes[0]);
		if (dup2(pipes[1], STDOUT_FILENO) >= 0)
			execl(SELF, "coalport", "trace", "-p", pid, "--for", time, "--json",
			      (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	*out = pipes[0];
	return child;
}

int advise_measure_trace(struct advise *advise, struct watch_account *out, struct error *err)
{
	int fd, status = 0, ret;
	pid_t child = trace_start(&advise->options, &fd, err);
	FILE *file;

	if (child < 0)
		return (int)child;
	file = fdopen(fd, "r");
	ret = file ? watch_account_read(out, file, err)
		   : error_set(err, -errno, "%s", strerror(errno));
	if (file)
		fclose(file);
	else
		close(fd);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		if (!ret)
			watch_account_free(out);
		/* It has said why. */
		err->text[0] = '\0';
		return -ECHILD;
	}
	return ret;
}

int advise_read_file(const char *path, struct watch_account *out, struct error *err)
{
	bool input = !strcmp(path, "-");
	FILE *file = input ? stdin : fopen(path, "re");
	struct error why;
	int ret;

	if (!file)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	ret = watch_account_read(out, file, &why);
	if (!input)
		fclose(file);
	return ret ? error_set(err, ret, "%s: %s", input ? "standard input" : path, why.text) : 0;
}
