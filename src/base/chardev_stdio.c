// SPDX-License-Identifier: MIT
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/chardev_impl.h"
#include "base/log.h"

/* Those that end a program which is broken, and the one that ends a stop. */
static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGCONT };

#define SIGNALS_N (sizeof(signals) / sizeof(signals[0]))

/*
 * Standard input is one per process, and a signal handler that restores it has no argument: the one
 * place where state belongs to the process and not to a struct.
 */
static struct {
	atomic_bool used;
	atomic_bool raw; /* old is what to go back to */
	struct termios old, now;
	atomic_uint continued; /* times */
	size_t leave_n; /* a screen is shown: what ends that */
	char leave[CHARDEV_LEAVE];
	bool watched; /* and these are the actions to go back to */
	struct sigaction old_actions[SIGNALS_N];
} terminal;

/*
 * A shell that has put the program in the background has the terminal to its own liking; touching it
 * would stop the program instead of ending it.
 */
static bool in_background(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	return group >= 0 && group != getpgrp();
}

/* A terminal that takes nothing (Ctrl-S, a connection that hangs) would hold up our end for as long. */
static void leave_screen(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t n;

	if (terminal.leave_n && poll(&out, 1, 0) == 1 && (out.revents & POLLOUT)) {
		n = write(STDOUT_FILENO, terminal.leave, terminal.leave_n);
		(void)n;
	}
}

void chardev_show_screen(const void *leave, size_t len)
{
	assert(len <= sizeof(terminal.leave));
	if (!atomic_load(&terminal.raw))
		return;
	log_hold();
	memcpy(terminal.leave, leave, len);
	terminal.leave_n = len;
	terminal.now.c_oflag &= ~(tcflag_t)OPOST;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.now);
}

unsigned chardev_continued(void)
{
	return atomic_load(&terminal.continued);
}

void chardev_restore_terminal(void)
{
	int saved = errno;

	if (atomic_exchange(&terminal.raw, false)) {
		if (!in_background()) {
			leave_screen();
			tcsetattr(STDIN_FILENO, TCSANOW, &terminal.old);
		}
		log_release();
	}
	errno = saved;
}

static void unwatch_signals(void)
{
	if (!terminal.watched)
		return;
	terminal.watched = false;
	for (size_t i = 0; i < SIGNALS_N; i++)
		sigaction(signals[i], &terminal.old_actions[i], NULL);
}

/* The shell has set the terminal to its own liking while the program was stopped. */
static void continued(void)
{
	int saved = errno;

	if (atomic_load(&terminal.raw))
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.now);
	atomic_fetch_add(&terminal.continued, 1);
	errno = saved;
}

static void stdio_got_signal(int number, siginfo_t *info, void *context)
{
	if (number == SIGCONT) {
		continued();
		return;
	}
	chardev_restore_terminal();
	unwatch_signals();
	/* A fault comes again when this returns, but not a signal that was sent. */
	if (info->si_code <= 0)
		raise(number);
}

static void stdio_watch_signals(void)
{
	struct sigaction action = { .sa_sigaction = stdio_got_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS_N; i++)
		sigaction(signals[i], &action, &terminal.old_actions[i]);
	terminal.watched = true;
}

static void make_raw(bool keys_signal)
{
	struct termios tty;

	if (tcgetattr(STDIN_FILENO, &terminal.old) < 0)
		return;
	tty = terminal.old;
	cfmakeraw(&tty);
	/* Our own messages end in a bare newline. */
	tty.c_oflag |= OPOST;
	if (keys_signal)
		tty.c_lflag |= ISIG;
	tty.c_cc[VMIN] = 1;
	tty.c_cc[VTIME] = 0;
	terminal.now = tty;
	terminal.leave_n = 0;
	stdio_watch_signals();
	/* First, so that a signal between the two restores what is not changed yet. */
	atomic_store(&terminal.raw, true);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &tty) < 0)
		atomic_store(&terminal.raw, false);
}

int chardev_stdio_open(struct chardev *chardev, const struct chardev_options *options,
		       const char **what)
{
	struct stream in, out;
	int err;

	*what = "standard input";
	if (atomic_exchange(&terminal.used, true))
		return -EBUSY;
	/* Closed standard input is as good as empty. */
	err = stream_share(&in, STDIN_FILENO, STREAM_INPUT);
	if (!err || err == -EBADF) {
		*what = "standard output";
		err = stream_share(&out, STDOUT_FILENO, STREAM_OUTPUT);
	}
	if (err) {
		stream_close(&in);
		atomic_store(&terminal.used, false);
		return err;
	}
	if (in.fd >= 0)
		make_raw(options->signals);
	chardev_connect(chardev, &in, &out);
	return 0;
}

void chardev_stdio_close(void)
{
	chardev_restore_terminal();
	unwatch_signals();
	atomic_store(&terminal.used, false);
}
