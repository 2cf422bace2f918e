// SPDX-License-Identifier: MIT
#include "base/chardev.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/chardev_impl.h"

/* Output */

/* With the lock held. What was given and nobody will ever take. */
static void fail(struct chardev *chardev, int err, size_t len)
{
	chardev->dropped += len;
	if (!chardev_comes_and_goes(chardev) && !chardev->error)
		chardev->error = err;
}

/* With the lock held. How much the other end took: all of it, or less if it would block; -errno. */
static ssize_t chardev_put(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = stream_write(&chardev->out_stream, bytes + done, len - done);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return n;
		done += (size_t)n;
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

/* With the lock held. What telnet would take for a command goes twice, whole or not at all. */
static void write_telnet(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		static const uint8_t pair[] = { CHARDEV_TELNET_IAC, CHARDEV_TELNET_IAC };
		size_t n = bytes[i] == CHARDEV_TELNET_IAC ? 2 : 1;

		if (sizeof(chardev->out) - chardev->out_n < n)
			flush(chardev);
		if (sizeof(chardev->out) - chardev->out_n < n)
			chardev->dropped++;
		else
			keep(chardev, n == 2 ? pair : &bytes[i], n);
	}
	flush(chardev);
}

void chardev_write(struct chardev *chardev, const void *bytes, size_t len)
{
	bool was_empty, post;
	ssize_t n = 0;

	if (chardev->kind == CHARDEV_NULL || !len)
		return;
	lock_take(&chardev->lock);
	was_empty = !chardev->out_n;
	if (chardev->kind == CHARDEV_RINGBUF)
		chardev_ringbuf_put(chardev, bytes, len);
	else if (chardev->out_stream.fd < 0)
		chardev->dropped += len;
	else if (chardev->speaks_telnet)
		write_telnet(chardev, bytes, len);
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
	return chardev->speaks_telnet ? room / 2 : room;
}

bool chardev_has_user(const struct chardev *chardev)
{
	return chardev->has_user;
}

bool chardev_serves(const struct chardev *chardev)
{
	return chardev->acceptor.socket.fd >= 0 || chardev->master >= 0 || chardev->dial;
}

/* Watches the stream as long as something waits for it. */
static void out_go_on(void *arg)
{
	struct chardev *chardev = arg;
	bool waiting;
	int err = 0;

	lock_take(&chardev->lock);
	if (chardev->out_stream.fd >= 0)
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

/* Connections */

void chardev_connect(struct chardev *chardev, const struct stream *in, const struct stream *out)
{
	assert(!chardev->connected);
	lock_take(&chardev->lock);
	chardev->out_stream = *out;
	chardev->out_at = chardev->out_n = 0;
	lock_drop(&chardev->lock);
	chardev->out_watch =
		(struct loop_watch){ .fd = out->fd, .ready = out_ready, .arg = chardev };
	chardev_input_open(chardev, in);
	chardev->connected = true;
	if (chardev->has_user && chardev->user.opened)
		chardev->user.opened(chardev->user.arg);
	chardev_input_begin(chardev);
}

static void close_both(struct chardev *chardev)
{
	struct stream out;

	loop_unwatch(chardev->loop, &chardev->out_watch);
	loop_unpost(chardev->loop, &chardev->out_task);
	lock_take(&chardev->lock);
	out = chardev->out_stream;
	chardev->out_stream.fd = -1;
	chardev->out_stream.relay = NULL;
	chardev->dropped += chardev->out_n;
	chardev->out_n = 0;
	lock_drop(&chardev->lock);
	stream_close(&out);
	chardev_input_close(chardev);
}

void chardev_disconnect(struct chardev *chardev)
{
	if (!chardev->connected)
		return;
	close_both(chardev);
	chardev->connected = false;
	if (chardev->has_user && chardev->user.closed)
		chardev->user.closed(chardev->user.arg);
	if (chardev->has_user && chardev->user.drained)
		chardev->user.drained(chardev->user.arg);
	/* Whichever it has. */
	chardev_socket_listen(chardev);
	chardev_dial_again(chardev);
	chardev_pty_listen(chardev);
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

static int chardev_open_file(struct chardev *chardev, const struct chardev_options *options,
			     const char **what)
{
	const struct stream none = { .fd = -1 };
	struct file_output own = { .fd = -1 };
	struct stream out;
	int err = 0;

	*what = "open";
	if (!options->file) {
		err = file_open_output(&own, options->path, NULL);
		if (!err)
			err = file_empty_output(&own);
	}
	if (!err)
		err = file_stream_output(options->file ? options->file : &own, &out);
	file_close_output(&own);
	if (!err)
		chardev_connect(chardev, &none, &out);
	return err;
}

static int open_kind(struct chardev *chardev, const struct chardev_options *options,
		     const char **what)
{
	int err = 0;

	switch (options->kind) {
	case CHARDEV_NULL:
		chardev->connected = true;
		break;
	case CHARDEV_STDIO:
		err = chardev_stdio_open(chardev, options, what);
		break;
	case CHARDEV_FILE:
		err = chardev_open_file(chardev, options, what);
		break;
	case CHARDEV_SOCKET:
		err = chardev_socket_open(chardev, options, what);
		break;
	case CHARDEV_CONNECTED:
		err = chardev_socket_adopt(chardev, options->fd, what);
		break;
	case CHARDEV_PTY:
		err = chardev_pty_open(chardev, what);
		break;
	case CHARDEV_PIPE:
		err = chardev_pipe_open(chardev, options, what);
		break;
	case CHARDEV_RINGBUF:
		err = chardev_ringbuf_open(chardev, options->size);
		break;
	}
	return err;
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
	chardev->out_stream.fd = chardev->acceptor.socket.fd = -1;
	chardev->master = chardev->opened_watch.fd = -1;
	chardev->out_task = (struct loop_task){ .run = out_go_on, .arg = chardev };
	err = chardev_input_init(chardev);
	if (err) {
		free(chardev);
		return err;
	}
	lock_init(&chardev->lock, LOCK_LEAF, "chardev");

	err = open_kind(chardev, options, what);
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
	error = chardev->error ? chardev->error : stream_error(&chardev->out_stream);
	lock_drop(&chardev->lock);
	return error;
}

/* What is worth waiting for, after doing what can be done without; 0: nothing any more. */
static short finish(struct chardev *chardev)
{
	short events = 0;

	lock_take(&chardev->lock);
	if (chardev->out_stream.fd >= 0) {
		flush(chardev);
		events = chardev->out_n ? POLLOUT : stream_finish(&chardev->out_stream);
	}
	lock_drop(&chardev->lock);
	return events;
}

/* fds: of each back-end, and of patience->cancel_fd behind them. True if there is something to wait for. */
static bool finish_all(struct chardev *const *chardevs, size_t n, struct pollfd *fds)
{
	bool waiting = false;

	for (size_t i = 0; i < n; i++) {
		fds[i].events = chardevs[i] ? finish(chardevs[i]) : 0;
		fds[i].fd = fds[i].events ? chardevs[i]->out_stream.fd : -1;
		waiting |= fds[i].events != 0;
	}
	return waiting;
}

void chardev_finish(struct chardev *const *chardevs, size_t n,
		    const struct stream_patience *patience)
{
	struct pollfd *fds = calloc(n + 1, sizeof(*fds));

	if (!fds)
		return;
	fds[n] = (struct pollfd){ .fd = patience->cancel_fd, .events = POLLIN };
	while (finish_all(chardevs, n, fds)) {
		int ms = stream_patience_ms(patience);

		if (!ms || poll(fds, n + 1, ms) <= 0 || fds[n].revents)
			break;
	}
	free(fds);
}

bool chardev_unread(struct chardev *chardev)
{
	return finish(chardev);
}

void chardev_destroy(struct chardev *chardev)
{
	if (!chardev)
		return;
	close_both(chardev);
	if (chardev->kind == CHARDEV_SOCKET)
		chardev_socket_close(chardev);
	chardev_dial_close(chardev);
	chardev_pty_close(chardev);
	if (chardev->kind == CHARDEV_STDIO)
		chardev_stdio_close();
	lock_destroy(&chardev->lock);
	chardev_input_destroy(chardev);
	free(chardev->ring);
	free(chardev->path);
	free(chardev);
}
