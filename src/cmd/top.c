// SPDX-License-Identifier: MIT
#include "cmd/top.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/options.h"
#include "cmd/top_face.h"
#include "cmd/top_impl.h"
#include "watch/text.h"

/* From here on an answer is said to be late. */
#define LATE_NS (2 * NS_PER_SEC)

static void help(void)
{
	printf("usage: coalport top [NAME|PID|SOCKET] [--OPTION VALUE ...]\n\n"
	       "Shows live which ports and addresses a running machine leaves the kernel for.\n"
	       "On a terminal, full screen: h there tells the keys. Else tables as text.\n\n"
	       "  --interval TIME  between two tables: 500ms, 2s (if not said), 1m\n"
	       "  --once           one table of one interval, as text\n"
	       "  --for TIME       ends after 10s, 500ms, 2m\n"
	       "  -n N             ends after N tables\n"
	       "  --sort KEY       exits, coalesced, time, avg, p50, p99, max, interrupts, kernel,\n"
	       "                   address, name\n"
	       "  --reverse        the least first\n"
	       "  --filter TEXT    only lines with this text\n"
	       "  --top N          no more than N lines\n"
	       "  --view VIEW      addresses, vcpus, zones, kernel\n"
	       "  --whole          rates since the machine began\n"
	       "  --plain          text on a terminal, too\n"
	       "  --json           the machine's records as they are, one a line; with --once one\n"
	       "  --record FILE    also writes the records to a file, for coalport report\n");
}

void top_end(struct top *top, int status, const char *why)
{
	char safe[ERROR_SIZE];

	(void)watch_text_safe(safe, sizeof(safe), why ? why : "", why ? strlen(why) : 0);
	if (status || !top->status)
		memcpy(top->said, safe, sizeof(safe));
	if (status)
		top->status = status;
	loop_quit(&top->loop);
}

/* The machine is gone, or cannot be asked: the end, unless somebody reads what is frozen. */
static void top_failed(struct top *top, int code, const struct error *err)
{
	char why[ERROR_SIZE];

	timer_disarm(&top->ask);
	if (code != -ECONNRESET || !top->heard) {
		top_end(top, 1, err->text);
		return;
	}
	(void)snprintf(why, sizeof(why), "%s ended after %.1f s",
		       *top->last.name ? top->last.name : "the machine", top->last.seconds);
	(void)watch_text_safe(top->note, sizeof(top->note), why, strlen(why));
	top->gone = true;
	if (top->faced && top->state.frozen)
		top_draw(top);
	else
		top_end(top, 0, why);
}

static void top_answer(void *arg, uint32_t events)
{
	struct top *top = arg;
	struct watch_answer answer;
	struct error err;
	int ret = watch_poller_take(top->poller, &answer, &err);

	if (!ret || top->gone)
		return;
	top->note[0] = '\0';
	if (ret < 0) {
		top_failed(top, ret, &err);
		return;
	}
	top_record(top, &answer);
	free(answer.line);
	timer_arm(&top->look, CLOCK_NEVER);
	if (top->dirty)
		timer_arm(&top->look, clock_monotonic() + 100 * NS_PER_MS);
}

/* Timers */

static void top_ask(void *arg)
{
	struct top *top = arg;

	watch_poller_ask(top->poller);
	timer_arm(&top->ask, clock_monotonic() + top->state.interval);
	if (timer_due(&top->look) == CLOCK_NEVER)
		timer_arm(&top->look, clock_monotonic() + LATE_NS);
}

/* Says that an answer is late, and for how long; draws what the terminal did not take. */
static void top_look(void *arg)
{
	struct top *top = arg;
	int64_t asked = watch_poller_asked(top->poller), now = clock_monotonic();

	if (asked && now - asked >= LATE_NS) {
		(void)snprintf(top->note, sizeof(top->note), "no answer for %llds",
			       (long long)((now - asked) / NS_PER_SEC));
		top->dirty = true;
	}
	if (asked)
		timer_arm(&top->look, now + NS_PER_SEC / 2);
	if (top->dirty)
		top_draw(top);
}

static void top_over(void *arg)
{
	top_end(arg, 0, NULL);
}

/* Signals and keys */

static void top_signal(void *arg, uint32_t events)
{
	struct top *top = arg;
	struct signalfd_siginfo info;

	if (read(top->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		if (top->faced)
			top_face_resized();
		break;
	case SIGTSTP:
		if (top->faced)
			top_face_stop();
		break;
	case SIGCONT:
		if (top->faced)
			top_face_continued();
		break;
	default:
		top_end(top, 0, NULL);
		return;
	}
	top_draw(top);
}

static void top_press(struct top *top, uint32_t key)
{
	unsigned columns, rows;

	top_face_size(&columns, &rows);
	switch (watch_screen_press(&top->state, key, rows)) {
	case WATCH_ACT_QUIT:
		top_end(top, 0, top->gone ? top->note : NULL);
		break;
	case WATCH_ACT_INTERVAL:
		timer_arm(&top->ask, clock_monotonic() + top->state.interval);
		break;
	case WATCH_ACT_REDRAW:
		top_face_clear();
		break;
	case WATCH_ACT_SHOW:
	case WATCH_ACT_NONE:
		break;
	}
	if (top->gone && !top->state.frozen)
		top_end(top, 0, top->note);
}

static void top_keys(void *arg, uint32_t events)
{
	struct top *top = arg;
	uint32_t key;
	bool any = false;

	while (top_face_key(&key)) {
		top_press(top, key);
		any = true;
	}
	/* The terminal is closed. */
	if (!any && events & (EPOLLHUP | EPOLLERR))
		top_end(top, 0, NULL);
	else
		top_draw(top);
}

/* Beginning and end */

static int top_watch_fd(struct top *top, struct loop_watch *watch, int fd,
			void (*ready)(void *, uint32_t))
{
	*watch = (struct loop_watch){ .fd = fd, .ready = ready, .arg = top };
	return loop_watch(&top->loop, watch, EPOLLIN);
}

/* Before there is a thread that could get them. */
static int top_block_signals(void)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH };
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int top_arm(struct top *top)
{
	int ret = top_watch_fd(top, &top->signals, top->signals.fd, top_signal);

	if (!ret)
		ret = top_watch_fd(top, &top->answers, watch_poller_fd(top->poller), top_answer);
	if (!ret && top->faced)
		ret = top_watch_fd(top, &top->keys, STDIN_FILENO, top_keys);
	if (!ret)
		ret = loop_add_clock(&top->loop, &top->clock);
	if (ret)
		return ret;
	top_ask(top);
	if (top->options.duration)
		timer_arm(&top->end, clock_monotonic() + top->options.duration);
	return 0;
}

static void top_disarm(struct top *top)
{
	struct loop_watch *const watches[] = { &top->signals, &top->answers, &top->keys };

	timer_disarm(&top->ask);
	timer_disarm(&top->look);
	timer_disarm(&top->end);
	for (size_t i = 0; i < sizeof(watches) / sizeof(watches[0]); i++)
		if (watches[i]->active)
			loop_unwatch(&top->loop, watches[i]);
}

static void top_run(struct top *top)
{
	struct error err;
	int ret;

	if (top->faced && top_face_open(&err)) {
		top->faced = false;
		top_end(top, 1, err.text);
		return;
	}
	ret = top_arm(top);
	if (!ret)
		ret = loop_run(&top->loop);
	if (ret)
		top_end(top, 1, strerror(-ret));
	top_disarm(top);
	top_face_close();
}

static int top_main(struct top *top)
{
	const struct top_options *options = &top->options;
	unsigned flags = options->json || options->record ? WATCH_POLLER_LINES : 0;
	struct error err;
	int ret;

	top->state = options->state;
	top->faced =
		!options->plain && !options->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	/* Who waits for a number of tables is no one who looks on. */
	if (options->count && !top->faced)
		flags |= WATCH_POLLER_STRICT;
	top->signals.fd = top_block_signals();
	ret = top->signals.fd < 0 ? top->signals.fd : loop_init(&top->loop);
	if (ret) {
		log_error("top: %s", strerror(-ret));
		return 1;
	}
	clock_init(&top->clock, CLOCK_KIND_MONOTONIC);
	timer_init(&top->ask, &top->clock, top_ask, top);
	timer_init(&top->look, &top->clock, top_look, top);
	timer_init(&top->end, &top->clock, top_over, top);
	if (watch_poller_start(&top->poller, &watch_poller_machine, options->target, flags, &err)) {
		top_end(top, 1, err.text);
	} else {
		top_run(top);
		watch_poller_stop(top->poller);
	}
	if (*top->said) {
		if (top->status)
			log_error("top: %s", top->said);
		else
			fprintf(stderr, "coalport: top: %s\n", top->said);
	}
	loop_destroy(&top->loop);
	clock_destroy(&top->clock);
	close(top->signals.fd);
	return top->status;
}

int cmd_top(int argc, char **argv)
{
	struct top *top = calloc(1, sizeof(*top));
	int status;

	if (!top) {
		log_error("top: out of memory");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	(void)setlocale(LC_CTYPE, "");
	if (!top_options_parse(&top->options, argc, argv)) {
		status = CMD_STATUS_USAGE;
	} else if (top->options.help) {
		help();
		status = 0;
	} else if (!top_open_recording(top)) {
		status = 1;
	} else {
		status = top_main(top);
		file_close_output(&top->recording);
	}
	top_forget(top);
	free(top);
	return status;
}
