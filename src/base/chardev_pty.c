// SPDX-License-Identifier: MIT
/*
 * Pseudo-terminals and named pipes. Of a pseudo-terminal nobody has open, the kernel says for ever that
 * it is hung up; that somebody opens it is told by inotify, or where the host has no more of those, by
 * a look each second, as QEMU does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/chardev_impl.h"

static void pty_begin(struct chardev *chardev)
{
	int in = fcntl(chardev->master, F_DUPFD_CLOEXEC, 3);
	int out = fcntl(chardev->master, F_DUPFD_CLOEXEC, 3);
	struct stream in_stream, out_stream;

	if (in < 0 || out < 0) { /* the next time that somebody opens it */
		if (in >= 0)
			close(in);
		if (out >= 0)
			close(out);
		return;
	}
	stream_own(&in_stream, in);
	stream_own(&out_stream, out);
	chardev_connect(chardev, &in_stream, &out_stream);
}

/* hurried: one who has left again already may have left bytes. */
static void pty_look(struct chardev *chardev, bool hurried)
{
	struct pollfd master = { .fd = chardev->master, .events = POLLIN };

	if (chardev->connected || poll(&master, 1, 0) < 0)
		return;
	if (!(master.revents & POLLHUP) || (hurried && master.revents & POLLIN))
		pty_begin(chardev);
}

static void pty_opened(void *arg, uint32_t events)
{
	char bytes[sizeof(struct inotify_event) + NAME_MAX + 1];
	struct chardev *chardev = arg;

	while (read(chardev->opened_watch.fd, bytes, sizeof(bytes)) > 0)
		;
	pty_look(chardev, true);
}

static int pty_make_inotify(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 && inotify_add_watch(fd, path, IN_OPEN) >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int pty_make_timer(void)
{
	const struct itimerspec spec = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &spec, NULL);
	return fd;
}

/* Its other side keeps these settings as long as we hold ours. */
static int make_raw(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC), err = 0;
	struct termios tty;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &tty) < 0) {
		err = -errno;
	} else {
		cfmakeraw(&tty);
		if (tcsetattr(fd, TCSANOW, &tty) < 0)
			err = -errno;
	}
	close(fd);
	return err;
}

int chardev_pty_open(struct chardev *chardev, const char **what)
{
	char path[64];
	int err;

	*what = "pseudo-terminal";
	chardev->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (chardev->master < 0 || grantpt(chardev->master) || unlockpt(chardev->master))
		return -errno;
	err = -ptsname_r(chardev->master, path, sizeof(path));
	if (err)
		return err;
	chardev->path = strdup(path);
	if (!chardev->path)
		return -ENOMEM;
	err = make_raw(chardev->path);
	if (err)
		return err;
	*what = "timer";
	chardev->opened_watch = (struct loop_watch){ .fd = pty_make_inotify(chardev->path),
						     .ready = pty_opened,
						     .arg = chardev };
	if (chardev->opened_watch.fd < 0)
		chardev->opened_watch.fd = pty_make_timer();
	if (chardev->opened_watch.fd < 0)
		return -errno;
	err = loop_watch(chardev->loop, &chardev->opened_watch, EPOLLIN);
	if (!err)
		chardev_pty_listen(chardev);
	return err;
}

void chardev_pty_listen(struct chardev *chardev)
{
	if (chardev->master >= 0)
		pty_look(chardev, false);
}

void chardev_pty_close(struct chardev *chardev)
{
	if (chardev->opened_watch.fd >= 0) {
		loop_unwatch(chardev->loop, &chardev->opened_watch);
		close(chardev->opened_watch.fd);
	}
	if (chardev->master >= 0)
		close(chardev->master);
}

/* For both ways, so that neither waits for somebody to open the other end, nor ends when he leaves. */
static int open_end(const char *path, const char *suffix)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s%s", path, suffix), fd;

	if (n >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int chardev_pipe_open(struct chardev *chardev, const struct chardev_options *options,
		      const char **what)
{
	int in = open_end(options->path, ".in"), out = open_end(options->path, ".out");
	struct stream in_stream, out_stream;

	*what = "open";
	chardev->path = strdup(options->path);
	if (in < 0 || out < 0) {
		if (in >= 0)
			close(in);
		if (out >= 0)
			close(out);
		in = open_end(options->path, "");
		if (in < 0)
			return in;
		out = fcntl(in, F_DUPFD_CLOEXEC, 3);
	}
	if (out < 0 || !chardev->path) {
		int err = out < 0 ? -errno : -ENOMEM;

		close(in);
		if (out >= 0)
			close(out);
		return err;
	}
	stream_own(&in_stream, in);
	stream_own(&out_stream, out);
	chardev_connect(chardev, &in_stream, &out_stream);
	return 0;
}
