// SPDX-License-Identifier: MIT
#include "base/chardev.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/chardev_impl.h"

#define CTRL_A          1
#define DESTROY_WAIT_MS 100

static const char help_text[] = "\n"
				"Ctrl-A h       this help\n"
				"Ctrl-A x       end the program\n"
				"Ctrl-A Ctrl-A  send Ctrl-A\n";

/* Output */

/* With the lock held. What was given and nobody will ever take. */
static void fail(struct chardev *chardev, int err, size_t len)
{
	chardev->dropped += len;
	if (chardev->kind != CHARDEV_SOCKET && !chardev->error)
		chardev->error = err;
}

/* With the lock held. How much out_fd took: all of it, or less if it would block; -errno. */
static ssize_t chardev_put(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(chardev->out_fd, bytes + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)done;
}

/* With the lock held. Hands out what is buffered, as far as it goes without waiting. */
static void flush(struct chardev *chardev)
{
	while (chardev->out_n) {
		size_t len = sizeof(chardev->out) - chardev->out_at;
		ssize_t n;

		if (len > chardev->out_n)
			len = chardev->out_n;
		n = chardev_put(chardev, chardev->out + chardev->out_at, len);
		if (n < 0) {
			fail(chardev, (int)n, chardev->out_n);
			chardev->out_n = 0;
			return;
		}
		chardev->out_at = (chardev->out_at + (size_t)n) % sizeof(chardev->out);
		chardev->out_n -= (size_t)n;
		if ((size_t)n < len)
			return;
	}
}

/* With the lock held. Keeps what fits, drops the rest. */
static void keep(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	size_t room = sizeof(chardev->out) - chardev->out_n;

	if (len > room) {
		chardev->dropped += len - room;
		len = room;
	}
	for (size_t i = 0; i < len; i++)
		chardev->out[(chardev->out_at + chardev->out_n++) % sizeof(chardev->out)] =
			bytes[i];
}

void chardev_write(struct chardev *chardev, const void *bytes, size_t len)
{
	bool was_empty, post;
	ssize_t n = 0;

	if (chardev->kind == CHARDEV_NULL || !len)
		return;
	lock_take(&chardev->lock);
	was_empty = !chardev->out_n;
	if (chardev->out_fd < 0)
		chardev->dropped += len;
	else if (was_empty && (n = chardev_put(chardev, bytes, len)) < 0)
		fail(chardev, (int)n, len);
	else if ((size_t)n < len)
		keep(chardev, (const uint8_t *)bytes + n, len - (size_t)n);
	post = was_empty && chardev->out_n;
	lock_drop(&chardev->lock);
	if (post)
		loop_post(chardev->loop, &chardev->out_task);
}

size_t chardev_room(struct chardev *chardev)
{
	size_t room;

	lock_take(&chardev->lock);
	room = sizeof(chardev->out) - chardev->out_n;
	lock_drop(&chardev->lock);
	return room;
}

bool chardev_serves(const struct chardev *chardev)
{
	return chardev->listen_watch.fd >= 0;
}

/* Watches out_fd as long as something waits for it. */
static void out_go_on(void *arg)
{
	struct chardev *chardev = arg;
	bool waiting;
	int err = 0;

	lock_take(&chardev->lock);
	if (chardev->out_fd >= 0)
		flush(chardev);
	waiting = chardev->out_n;
	lock_drop(&chardev->lock);
	if (!waiting) {
		loop_unwatch(chardev->loop, &chardev->out_watch);
		if (chardev->has_user && chardev->user.drained)
			chardev->user.drained(chardev->user.arg);
	} else if (!chardev->out_watch.active) {
		err = loop_watch(chardev->loop, &chardev->out_watch, EPOLLOUT);
	}
	if (!err)
		return;
	lock_take(&chardev->lock);
	fail(chardev, err, chardev->out_n);
	chardev->out_n = 0;
	lock_drop(&chardev->lock);
}

static void out_ready(void *arg, uint32_t events)
{
	out_go_on(arg);
}

/* Input */

/* Takes the escapes out of the bytes just read; returns how many are left. */
static size_t unescape(struct chardev *chardev, uint8_t *bytes, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		bool escaped = chardev->escaped;

		chardev->escaped = !escaped && bytes[i] == CTRL_A;
		if (chardev->escaped)
			continue;
		if (!escaped || bytes[i] == CTRL_A)
			bytes[kept++] = bytes[i];
		else if (bytes[i] == 'h')
			chardev_write(chardev, help_text, sizeof(help_text) - 1);
		else if (bytes[i] == 'x' && chardev->quit)
			chardev->quit(chardev->quit_arg);
	}
	return kept;
}

static void deliver(struct chardev *chardev)
{
	while (chardev->pending_n && chardev->has_user) {
		const struct chardev_user user = chardev->user;
		size_t n = user.room ? user.room(user.arg) : chardev->pending_n;

		if (!n)
			return;
		if (n > chardev->pending_n)
			n = chardev->pending_n;
		if (user.receive)
			user.receive(user.arg, chardev->pending, n);
		chardev->pending_n -= n;
		memmove(chardev->pending, chardev->pending + n, chardev->pending_n);
	}
}

static bool wants_input(const struct chardev *chardev)
{
	return chardev->in_watch.fd >= 0 && !chardev->in_eof && chardev->has_user &&
	       chardev->pending_n < sizeof(chardev->pending);
}

/* One read only: standard input is not ours to make non-blocking. */
static void read_some(struct chardev *chardev)
{
	uint8_t *to = chardev->pending + chardev->pending_n;
	ssize_t n = read(chardev->in_watch.fd, to, sizeof(chardev->pending) - chardev->pending_n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		chardev->in_hup = true; /* the terminal or the client is gone */
	if (n <= 0)
		chardev->in_eof = true;
	else if (chardev->escape)
		chardev->pending_n += unescape(chardev, to, (size_t)n);
	else
		chardev->pending_n += (size_t)n;
}

static bool input_ended(const struct chardev *chardev)
{
	if (!chardev->in_eof)
		return chardev->in_hup && !chardev->has_user;
	/* A client that closed only its sending half still listens. */
	return (!chardev->pending_n || !chardev->has_user) &&
	       (chardev->in_hup || chardev->kind != CHARDEV_SOCKET);
}

static void end_input(struct chardev *chardev)
{
	if (chardev->kind == CHARDEV_SOCKET) {
		chardev_disconnect(chardev);
		return;
	}
	loop_unwatch(chardev->loop, &chardev->in_watch);
	close(chardev->in_watch.fd);
	chardev->in_watch.fd = -1;
	chardev->connected = false;
	if (chardev->has_user && chardev->user.closed)
		chardev->user.closed(chardev->user.arg);
}

/* Waits for what may come next: bytes, the end, or nothing until the user has room. */
static void await_input(struct chardev *chardev)
{
	int err;

	if (chardev->in_watch.fd < 0)
		return;
	if (input_ended(chardev)) {
		end_input(chardev);
		return;
	}
	if (chardev->in_hup) {
		/* There is always something to tell about it, so it is not watched any more. */
		loop_unwatch(chardev->loop, &chardev->in_watch);
		chardev->in_ready = true;
		chardev_socket_listen(chardev);
	}
	if (!chardev->in_ready) {
		/* Watched for no event, a socket still tells when it is closed. */
		if (!wants_input(chardev) && chardev->kind == CHARDEV_STDIO) {
			loop_unwatch(chardev->loop, &chardev->in_watch);
			return;
		}
		err = loop_watch(chardev->loop, &chardev->in_watch,
				 wants_input(chardev) ? EPOLLIN : 0);
		chardev->in_ready = err == -EPERM; /* a file, which is always ready */
		if (err && !chardev->in_ready) {
			chardev->in_eof = chardev->in_hup = true;
			loop_post(chardev->loop, &chardev->in_task);
		}
	}
	if (chardev->in_ready && wants_input(chardev))
		loop_post(chardev->loop, &chardev->in_task);
}

static void in_ready(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;

	if (events & (EPOLLHUP | EPOLLERR))
		chardev->in_hup = true;
	if (events & EPOLLIN && wants_input(chardev))
		read_some(chardev);
	deliver(chardev);
	await_input(chardev);
}

static void in_go_on(void *arg)
{
	struct chardev *chardev = arg;

	deliver(chardev);
	if (chardev->in_ready && wants_input(chardev)) {
		read_some(chardev);
		deliver(chardev);
	}
	await_input(chardev);
}

void chardev_accept_input(struct chardev *chardev)
{
	loop_post(chardev->loop, &chardev->in_task);
}

/* Connections */

void chardev_connect(struct chardev *chardev, int in_fd, int out_fd)
{
	assert(!chardev->connected);
	lock_take(&chardev->lock);
	chardev->out_fd = out_fd;
	chardev->out_at = chardev->out_n = 0;
	lock_drop(&chardev->lock);
	chardev->out_watch =
		(struct loop_watch){ .fd = out_fd, .ready = out_ready, .arg = chardev };
	chardev->in_watch = (struct loop_watch){ .fd = in_fd, .ready = in_ready, .arg = chardev };
	chardev->in_ready = chardev->in_eof = chardev->in_hup = chardev->escaped = false;
	chardev->pending_n = 0;
	chardev->connected = true;
	if (chardev->has_user && chardev->user.opened)
		chardev->user.opened(chardev->user.arg);
	await_input(chardev);
}

static void close_both(struct chardev *chardev)
{
	int out_fd;

	loop_unwatch(chardev->loop, &chardev->in_watch);
	loop_unwatch(chardev->loop, &chardev->out_watch);
	loop_unpost(chardev->loop, &chardev->in_task);
	loop_unpost(chardev->loop, &chardev->out_task);
	lock_take(&chardev->lock);
	out_fd = chardev->out_fd;
	chardev->out_fd = -1;
	chardev->dropped += chardev->out_n;
	chardev->out_n = 0;
	lock_drop(&chardev->lock);
	if (out_fd >= 0)
		close(out_fd);
	if (chardev->in_watch.fd >= 0)
		close(chardev->in_watch.fd);
	chardev->in_watch.fd = -1;
	chardev->pending_n = 0;
}

void chardev_disconnect(struct chardev *chardev)
{
	if (!chardev->connected)
		return;
	close_both(chardev);
	chardev->connected = false;
	if (chardev->has_user && chardev->user.closed)
		chardev->user.closed(chardev->user.arg);
	chardev_socket_listen(chardev);
}

void chardev_set_user(struct chardev *chardev, const struct chardev_user *user)
{
	chardev->has_user = user;
	chardev->user = user ? *user : (struct chardev_user){ 0 };
	if (!user)
		return;
	if (chardev->connected && user->opened)
		user->opened(user->arg);
	loop_post(chardev->loop, &chardev->in_task);
}

static int chardev_open_file(struct chardev *chardev, const char *path, const char **what)
{
	/* Without waiting: a pipe that nobody reads is an error and not a stop. */
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd;

	*what = "open";
	fd = open(path, flags, 0666);
	if (fd < 0)
		return -errno;
	chardev_connect(chardev, -1, fd);
	return 0;
}

int chardev_open(struct chardev **out, struct loop *loop, const struct chardev_options *options,
		 const char **what)
{
	struct chardev *chardev = calloc(1, sizeof(*chardev));
	int err = 0;

	*what = "memory";
	if (!chardev)
		return -ENOMEM;
	chardev->loop = loop;
	chardev->kind = options->kind;
	chardev->escape = options->escape;
	chardev->quit = options->quit;
	chardev->quit_arg = options->quit_arg;
	chardev->out_fd = chardev->in_watch.fd = chardev->listen_watch.fd = -1;
	chardev->out_task = (struct loop_task){ .run = out_go_on, .arg = chardev };
	chardev->in_task = (struct loop_task){ .run = in_go_on, .arg = chardev };
	lock_init(&chardev->lock, LOCK_LEAF, "chardev");

	switch (options->kind) {
	case CHARDEV_NULL:
		chardev->connected = true;
		break;
	case CHARDEV_STDIO:
		err = chardev_stdio_open(chardev, options, what);
		break;
	case CHARDEV_FILE:
		err = chardev_open_file(chardev, options->path, what);
		break;
	case CHARDEV_SOCKET:
		err = chardev_socket_open(chardev, options, what);
		break;
	}
	if (err) {
		/* Standard input is another's. */
		chardev->kind = options->kind == CHARDEV_STDIO ? CHARDEV_NULL : options->kind;
		chardev_destroy(chardev);
		return err;
	}
	*out = chardev;
	return 0;
}

uint64_t chardev_dropped(struct chardev *chardev)
{
	uint64_t dropped;

	lock_take(&chardev->lock);
	dropped = chardev->dropped;
	lock_drop(&chardev->lock);
	return dropped;
}

int chardev_error(struct chardev *chardev)
{
	int error;

	lock_take(&chardev->lock);
	error = chardev->error;
	lock_drop(&chardev->lock);
	return error;
}

static void flush_for_a_while(struct chardev *chardev)
{
	struct pollfd pollfd = { .fd = chardev->out_fd, .events = POLLOUT };
	struct clock clock;
	int64_t end;

	clock_init(&clock, CLOCK_KIND_MONOTONIC);
	end = clock_now(&clock) + DESTROY_WAIT_MS * NS_PER_MS;
	while (chardev->out_n) {
		int64_t left = (end - clock_now(&clock)) / NS_PER_MS;

		if (left <= 0 || poll(&pollfd, 1, (int)left) <= 0)
			break;
		lock_take(&chardev->lock);
		flush(chardev);
		lock_drop(&chardev->lock);
	}
	clock_destroy(&clock);
}

void chardev_destroy(struct chardev *chardev)
{
	if (!chardev)
		return;
	if (chardev->out_fd >= 0)
		flush_for_a_while(chardev);
	close_both(chardev);
	if (chardev->kind == CHARDEV_SOCKET)
		chardev_socket_close(chardev);
	if (chardev->kind == CHARDEV_STDIO)
		chardev_stdio_close();
	lock_destroy(&chardev->lock);
	free(chardev->path);
	free(chardev);
}
