// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/chardev_impl.h"

#define CTRL_A 1

static const char help_text[] = "\n"
				"Ctrl-A h       this help\n"
				"Ctrl-A x       end the program\n"
				"Ctrl-A Ctrl-A  send Ctrl-A\n";

static size_t pending_len(const struct chardev *chardev)
{
	return chardev->pending_n - chardev->pending_at;
}

static void help(struct chardev *chardev)
{
	if (chardev->has_user && chardev->user.help)
		chardev->user.help(chardev->user.arg);
	else
		chardev_write(chardev, help_text, sizeof(help_text) - 1);
}

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
			help(chardev);
		else if (bytes[i] == 'x' && chardev->quit)
			chardev->quit(chardev->quit_arg);
	}
	return kept;
}

/* The same with the commands of telnet. */
static size_t take_telnet(struct chardev *chardev, uint8_t *bytes, size_t len)
{
	unsigned breaks;
	size_t kept = chardev_telnet_take(&chardev->telnet, bytes, len, &breaks);

	if (breaks && chardev->has_user && chardev->user.broke)
		chardev->user.broke(chardev->user.arg);
	return kept;
}

/* Room for len bytes behind what is pending; false if the limit or the memory is reached. */
static bool make_pending_room(struct chardev *chardev, size_t len)
{
	size_t n = pending_len(chardev), room = chardev->pending_room;
	uint8_t *pending;

	if (chardev->pending_n + len <= room)
		return true;
	if (n + len > chardev->pending_max)
		return false;
	if (n + len > room) {
		while (n + len > room)
			room *= 2;
		pending = realloc(chardev->pending, room);
		if (!pending) {
			chardev->pending_max = chardev->pending_room;
			return false;
		}
		chardev->pending = pending;
		chardev->pending_room = room;
	}
	memmove(chardev->pending, chardev->pending + chardev->pending_at, n);
	chardev->pending_at = 0;
	chardev->pending_n = n;
	return true;
}

/* What a terminal does with keys that nobody takes: they are lost, and it beeps. */
static void put_pending(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	if (!make_pending_room(chardev, len)) {
		chardev_write(chardev, "\a", 1);
		return;
	}
	memcpy(chardev->pending + chardev->pending_n, bytes, len);
	chardev->pending_n += len;
}

static void deliver(struct chardev *chardev)
{
	while (pending_len(chardev) && chardev->has_user) {
		const struct chardev_user user = chardev->user;
		size_t n = user.room ? user.room(user.arg) : pending_len(chardev);

		if (!n)
			return;
		if (n > pending_len(chardev))
			n = pending_len(chardev);
		if (user.receive)
			user.receive(user.arg, chardev->pending + chardev->pending_at, n);
		chardev->pending_at += n;
	}
	if (!pending_len(chardev))
		chardev->pending_at = chardev->pending_n = 0;
}

/* A person at a terminal is always listened to. */
static bool wants_input(const struct chardev *chardev)
{
	if (chardev->in_watch.fd < 0 || chardev->in_eof)
		return false;
	if (chardev->typed)
		return true;
	return chardev->has_user && pending_len(chardev) + CHARDEV_PENDING <= chardev->pending_max;
}

static void read_some(struct chardev *chardev)
{
	uint8_t bytes[CHARDEV_PENDING];
	ssize_t n;

	/* What may not be lost is read only if it has a place. */
	if (!chardev->typed && !make_pending_room(chardev, sizeof(bytes)))
		return;
	n = stream_read(&chardev->in_stream, bytes, sizeof(bytes));
	if (n == -EAGAIN) {
		/* Somebody has opened the pseudo-terminal that another had left. */
		if (chardev->kind == CHARDEV_PTY)
			chardev->in_hup = false;
		chardev->in_ready = chardev->in_hup;
		return;
	}
	if (n < 0)
		chardev->in_hup = true; /* the terminal or the client is gone */
	if (n > 0 && chardev->speaks_telnet)
		n = (ssize_t)take_telnet(chardev, bytes, (size_t)n);
	else if (n <= 0)
		chardev->in_eof = true;
	if (n <= 0)
		return;
	if (chardev->escape)
		put_pending(chardev, bytes, unescape(chardev, bytes, (size_t)n));
	else
		put_pending(chardev, bytes, (size_t)n);
}

static bool input_ended(const struct chardev *chardev)
{
	if (!chardev->in_eof)
		return chardev->in_hup && !chardev->has_user;
	/* A client that closed only its sending half still listens. */
	return (!pending_len(chardev) || !chardev->has_user) &&
	       (chardev->in_hup || chardev->eof_leaves || chardev->kind != CHARDEV_SOCKET);
}

static void end_input(struct chardev *chardev)
{
	if (chardev_comes_and_goes(chardev)) {
		chardev_disconnect(chardev);
		return;
	}
	chardev_input_close(chardev);
	chardev->connected = false;
	if (chardev->has_user && chardev->user.closed)
		chardev->user.closed(chardev->user.arg);
}

/* Waits for what may come next: bytes, the end, or nothing until the user has room. */
void chardev_input_begin(struct chardev *chardev)
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
			chardev->in_error = err;
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
	chardev_input_begin(chardev);
}

static void in_go_on(void *arg)
{
	struct chardev *chardev = arg;

	deliver(chardev);
	if (chardev->in_ready && wants_input(chardev)) {
		read_some(chardev);
		deliver(chardev);
	}
	chardev_input_begin(chardev);
}

void chardev_accept_input(struct chardev *chardev)
{
	loop_post(chardev->loop, &chardev->in_task);
}

int chardev_input_error(const struct chardev *chardev)
{
	return chardev->in_error;
}

int chardev_input_init(struct chardev *chardev)
{
	chardev->in_watch.fd = chardev->in_stream.fd = -1;
	chardev->in_task = (struct loop_task){ .run = in_go_on, .arg = chardev };
	chardev->pending = malloc(CHARDEV_PENDING);
	chardev->pending_room = CHARDEV_PENDING;
	chardev->pending_max = chardev->escape ? CHARDEV_PENDING_ESCAPE : CHARDEV_PENDING;
	return chardev->pending ? 0 : -ENOMEM;
}

void chardev_input_destroy(struct chardev *chardev)
{
	free(chardev->pending);
}

void chardev_input_open(struct chardev *chardev, const struct stream *in)
{
	chardev->in_stream = *in;
	chardev->in_watch = (struct loop_watch){ .fd = in->fd, .ready = in_ready, .arg = chardev };
	chardev->in_eof = chardev->in_hup = chardev->escaped = false;
	chardev->in_error = 0;
	/*
	 * What is shared may have ended before it was opened again, which no event tells of such a
	 * FIFO, so it is read first.
	 */
	chardev->in_ready = chardev->kind == CHARDEV_STDIO;
	chardev->typed = chardev->escape && isatty(STDIN_FILENO);
	chardev->pending_at = chardev->pending_n = 0;
}

void chardev_input_close(struct chardev *chardev)
{
	loop_unwatch(chardev->loop, &chardev->in_watch);
	loop_unpost(chardev->loop, &chardev->in_task);
	stream_close(&chardev->in_stream);
	chardev->in_watch.fd = -1;
	chardev->pending_at = chardev->pending_n = 0;
}
