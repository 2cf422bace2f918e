// SPDX-License-Identifier: MIT
#include "cmd/trace.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "cmd/options.h"
#include "watch/client.h"
#include "watch/proc.h"
#include "watch/report.h"
#include "watch/watch.h"

/* Rings are emptied when a quarter full, and at the latest after this. */
#define DRAIN_NS (100 * NS_PER_MS)

/* Events wait in their rings while the monitor is asked. */
#define MONITOR_MS 1000

struct trace {
	struct trace_options options;
	struct watch watch;
	struct loop loop;
	struct clock clock;
	struct timer drain, interval, end;
	struct loop_watch signals, process;
	struct loop_watch *rings; /* one a CPU */
	struct watch_client *monitor; /* of the guest, or NULL: it is not asked (any more) */
	struct watch_bars bars;
	int64_t started, folded; /* when the first and the present table began */
	const char *ended; /* why, or NULL */
	bool progress; /* to a terminal */
	int status;
};

static void help(void)
{
	printf("usage: coalport trace -p PID|--all [--OPTION VALUE ...]\n\n"
	       "Counts the exits of KVM guests, of any program's, by the kernel's tracepoints.\n\n"
	       "  -p PID           the process that runs the guest\n"
	       "  --all            every process that runs one\n"
	       "  --for TIME       ends after 10s, 500ms, 2m; else with the process, or on Ctrl-C\n"
	       "  --interval TIME  a table of each such time, and one of all at the end\n"
	       "  --once           one table of one interval, or of 1s\n"
	       "  --qmp SOCKET     the guest's monitor: PCI devices get names\n"
	       "  --method METHOD  bpf: counts in the kernel, which costs the guest little; records: reads\n"
	       "                   a record of each event; auto (the default): the first that works\n"
	       "  --top N          no more than N rows\n"
	       "  --json           a record instead of text, which advise reads; with --interval one\n"
	       "                   a line, each of all since the beginning\n");
}

static void trace_quit(struct trace *trace, const char *why)
{
	if (!trace->ended)
		trace->ended = why;
	loop_quit(&trace->loop);
}

/* Where devices are now. A monitor that does not answer is not asked again. */
static void trace_ask(struct trace *trace)
{
	struct error err;

	if (!trace->monitor || !watch_bars_ask(&trace->bars, trace->monitor, &err))
		return;
	/* It ends with its process. */
	if (!trace->ended)
		log_warn("trace: %s; names of PCI devices are as they were", err.text);
	watch_client_close(trace->monitor);
	trace->monitor = NULL;
}

/* False after a message. */
static bool trace_open_monitor(struct trace *trace)
{
	const char *socket = trace->options.qmp;
	char path[PATH_MAX];
	struct error err;
	int ret;

	if (!socket)
		return true;
	/* What has no slash would be a machine's name. */
	snprintf(path, sizeof(path), "%s%s", strchr(socket, '/') ? "" : "./", socket);
	ret = watch_client_open(&trace->monitor, path, &err);
	if (!ret) {
		watch_client_set_patience(trace->monitor, MONITOR_MS);
		ret = watch_bars_ask(&trace->bars, trace->monitor, &err);
	}
	if (ret)
		log_error("trace: %s", err.text);
	return !ret;
}

/* Prints a table that began at the time since. */
static bool trace_print(struct trace *trace, struct watch_table *table, int64_t since)
{
	const struct watch *watch = &trace->watch;
	struct watch_report report = {
		.table = table,
		.processes = watch->pairs.processes,
		.processes_n = watch->pairs.processes_n,
		.by_process = trace->options.all,
		.seconds = (double)(clock_monotonic() - since) / 1e9,
		.top = trace->options.top,
		.bars = trace->options.qmp ? &trace->bars : NULL,
		.method = watch->method == WATCH_METHOD_BPF ? "bpf" : "records",
		.lost = watch->lost,
		.bad = watch->bad,
		.entered = watch->pairs.entered,
		.raises = watch->formats.of[WATCH_LINE].there,
		.vm_exits = watch_vm_exits(watch),
		.ended = trace->ended,
	};
	int err;

	trace_ask(trace);
	report.counted = report.vm_exits;
	if (trace->options.json)
		err = watch_report_print_json(stdout, &report, trace->options.interval);
	else
		err = watch_report_text(stdout, &report);
	if (!err)
		return true;
	log_error("trace: standard output: %s", strerror(-err));
	trace->status = 1;
	return false;
}

static void trace_drain(void *arg)
{
	struct trace *trace = arg;
	int64_t now = clock_monotonic();

	watch_drain(&trace->watch);
	if (trace->progress &&
	    (now - trace->started) / NS_PER_SEC > (now - DRAIN_NS - trace->started) / NS_PER_SEC) {
		struct watch_counts sum = watch_table_sum(&trace->watch.now);

		fprintf(stderr, "\r%lld s, %llu exits, %llu in the kernel, %llu events lost ",
			(long long)((now - trace->started) / NS_PER_SEC),
			(unsigned long long)sum.exits, (unsigned long long)sum.in_kernel,
			(unsigned long long)trace->watch.lost);
	}
	timer_arm(&trace->drain, now + DRAIN_NS);
}

static void trace_ring(void *arg, uint32_t events)
{
	watch_drain(arg);
}

/* As text what happened in the interval, as a record what happened since the beginning. */
static void trace_interval(void *arg)
{
	struct trace *trace = arg;
	bool printed;

	watch_drain(&trace->watch);
	if (trace->options.json) {
		watch_fold(&trace->watch);
		printed = trace_print(trace, &trace->watch.total, trace->started);
	} else {
		printed = trace_print(trace, &trace->watch.now, trace->folded) &&
			  putchar('\n') != EOF;
		watch_fold(&trace->watch);
	}
	trace->folded = clock_monotonic();
	timer_arm(&trace->interval, trace->folded + trace->options.interval);
	if (!printed)
		trace_quit(trace, "output closed");
}

static void trace_end(void *arg)
{
	trace_quit(arg, NULL);
}

static void trace_signal(void *arg, uint32_t events)
{
	trace_quit(arg, "stopped by a signal");
}

static void trace_process(void *arg, uint32_t events)
{
	trace_quit(arg, "the process ended");
}

/* Refuses processes without a guest; where one may not look, the kernel decides. */
static bool trace_check(const struct trace_options *options)
{
	char name[WATCH_NAME];
	int ret;

	if (kill(options->pid, 0) && errno == ESRCH) {
		log_error("trace: there is no process %d", (int)options->pid);
		return false;
	}
	ret = watch_proc_has_kvm(options->pid);
	if (ret) {
		if (ret == -ENOENT)
			log_error("trace: process %d ended", (int)options->pid);
		return ret != -ENOENT;
	}
	watch_proc_name((uint32_t)options->pid, name);
	log_error("trace: process %d (%s) runs no KVM guest", (int)options->pid, name);
	return false;
}

static void trace_found(void *arg, uint32_t pid)
{
	(void)watch_pairs_process(arg, pid);
}

/* The processes that are known beforehand, so that a table names them even if nothing happens. */
static bool trace_census(struct trace *trace)
{
	struct watch_pairs *pairs = &trace->watch.pairs;
	const char *why = trace->watch.why.text, *by = *why ? ", by records; " : "";
	int ret;

	if (trace->options.pid) {
		trace_found(pairs, (uint32_t)trace->options.pid);
		fprintf(stderr, "coalport: trace: watching process %d (%s)%s%s\n",
			(int)trace->options.pid, pairs->processes[0].name, by, why);
		return true;
	}
	ret = watch_proc_each(trace_found, pairs);
	if (ret)
		log_error("trace: /proc: %s", strerror(-ret));
	else if (!pairs->processes_n)
		log_error("trace: no process runs a KVM guest, or none that you may look into");
	if (ret || !pairs->processes_n)
		return false;
	fprintf(stderr, "coalport: trace: watching all, now %u%s%s\n", pairs->processes_n, by, why);
	return true;
}

static int trace_watch_fd(struct trace *trace, struct loop_watch *watch, int fd,
			  void (*ready)(void *, uint32_t), void *arg)
{
	*watch = (struct loop_watch){ .fd = fd, .ready = ready, .arg = arg };
	return loop_watch(&trace->loop, watch, EPOLLIN);
}

/* Everything that the loop waits for. 0 or -errno. */
static int trace_arm(struct trace *trace)
{
	const struct trace_options *options = &trace->options;
	sigset_t signals;
	int ret, fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	ret = fd < 0 ? -errno : trace_watch_fd(trace, &trace->signals, fd, trace_signal, trace);
	if (!ret && options->pid) {
		fd = (int)syscall(SYS_pidfd_open, options->pid, 0);
		ret = fd < 0 ? -errno
			     : trace_watch_fd(trace, &trace->process, fd, trace_process, trace);
	}
	for (unsigned i = 0; !ret && i < trace->watch.source.cpus_n; i++)
		ret = trace_watch_fd(trace, &trace->rings[i], trace->watch.source.cpus[i].fd,
				     trace_ring, &trace->watch);
	if (!ret)
		ret = loop_add_clock(&trace->loop, &trace->clock);
	return ret;
}

static void trace_timers(struct trace *trace)
{
	trace->started = trace->folded = clock_monotonic();
	timer_arm(&trace->drain, trace->started + DRAIN_NS);
	if (trace->options.interval)
		timer_arm(&trace->interval, trace->started + trace->options.interval);
	if (trace->options.duration)
		timer_arm(&trace->end, trace->started + trace->options.duration);
}

static void trace_run(struct trace *trace)
{
	struct error err;
	int ret = trace_arm(trace);

	if (ret) {
		log_error("trace: %s", strerror(-ret));
		trace->status = 1;
		return;
	}
	if (watch_start(&trace->watch, &err)) {
		log_error("trace: %s", err.text);
		trace->status = 1;
		return;
	}
	if (!trace_census(trace)) {
		trace->status = 1;
		return;
	}
	trace_timers(trace);
	ret = loop_run(&trace->loop);
	if (trace->progress)
		fputc('\n', stderr);
	if (ret) {
		log_error("trace: %s", strerror(-ret));
		trace->status = 1;
	}
	watch_stop(&trace->watch);
	watch_fold(&trace->watch);
	if (!trace->status)
		(void)trace_print(trace, &trace->watch.total, trace->started);
}

static void trace_disarm(struct trace *trace)
{
	timer_disarm(&trace->drain);
	timer_disarm(&trace->interval);
	timer_disarm(&trace->end);
	if (trace->signals.active)
		loop_unwatch(&trace->loop, &trace->signals);
	if (trace->process.active)
		loop_unwatch(&trace->loop, &trace->process);
	if (trace->signals.fd >= 0)
		close(trace->signals.fd);
	if (trace->process.fd >= 0)
		close(trace->process.fd);
	for (unsigned i = 0; i < trace->watch.source.cpus_n; i++)
		if (trace->rings[i].active)
			loop_unwatch(&trace->loop, &trace->rings[i]);
}

static int trace_main(struct trace *trace)
{
	struct error err;
	int ret;

	trace->progress = !trace->options.interval && isatty(STDERR_FILENO);
	trace->signals.fd = trace->process.fd = -1;
	if (watch_open(&trace->watch, trace->options.pid, trace->options.method, &err)) {
		log_error("trace: %s", err.text);
		return 1;
	}
	trace->rings = calloc(trace->watch.source.cpus_n + 1, sizeof(*trace->rings));
	ret = trace->rings ? loop_init(&trace->loop) : -ENOMEM;
	if (ret) {
		log_error("trace: %s", strerror(-ret));
		trace->status = 1;
		goto close_watch;
	}
	clock_init(&trace->clock, CLOCK_KIND_MONOTONIC);
	timer_init(&trace->drain, &trace->clock, trace_drain, trace);
	timer_init(&trace->interval, &trace->clock, trace_interval, trace);
	timer_init(&trace->end, &trace->clock, trace_end, trace);
	if (trace_open_monitor(trace))
		trace_run(trace);
	else
		trace->status = 1;
	trace_disarm(trace);
	watch_client_close(trace->monitor);
	loop_destroy(&trace->loop);
	clock_destroy(&trace->clock);
close_watch:
	free(trace->rings);
	watch_close(&trace->watch);
	return trace->status;
}

int cmd_trace(int argc, char **argv)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int status;

	if (!trace) {
		log_error("trace: out of memory");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!trace_options_parse(&trace->options, argc, argv)) {
		status = CMD_STATUS_USAGE;
	} else if (trace->options.help) {
		help();
		status = fflush(stdout) ? 1 : 0;
	} else if (trace->options.pid && !trace_check(&trace->options)) {
		status = 1;
	} else {
		status = trace_main(trace);
	}
	free(trace);
	return status;
}
