// SPDX-License-Identifier: MIT
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/relay.h"

/* The same thing once more, with flags of our own. -1 if the host refuses. */
static int stream_open_again(int fd, enum stream_way way)
{
	int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[32];
	int again, high;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | (way == STREAM_INPUT ? O_RDONLY : O_WRONLY));
	if (again < 0 || again > STDERR_FILENO)
		return again;
	/* Not in the place of a standard file that is closed. */
	high = fcntl(again, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(again);
	return high;
}

int stream_share(struct stream *stream, int fd, enum stream_way way)
{
	struct stat st;

	*stream = (struct stream){ .fd = -1 };
	if (fstat(fd, &st) < 0)
		return -errno;
	stream->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		stream->fd = stream_open_again(fd, way);
		if (stream->fd >= 0)
			return 0;
		stream->socket = true;
		return relay_start(&stream->relay, &stream->fd, fd, way == STREAM_OUTPUT);
	}
	stream->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return stream->fd < 0 ? -errno : 0;
}

void stream_own(struct stream *stream, int fd)
{
	struct stat st;

	*stream = (struct stream){ .fd = fd };
	stream->socket = !fstat(fd, &st) && S_ISSOCK(st.st_mode);
}

void stream_close(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	if (stream->relay)
		relay_leave(stream->relay);
	*stream = (struct stream){ .fd = -1 };
}

ssize_t stream_read(const struct stream *stream, void *bytes, size_t len)
{
	ssize_t n;

	do {
		n = stream->socket ? recv(stream->fd, bytes, len, MSG_DONTWAIT)
				   : read(stream->fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t stream_write(const struct stream *stream, const void *bytes, size_t len)
{
	ssize_t n;
	int err;

	do {
		n = stream->socket ? send(stream->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				   : write(stream->fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	err = errno;
	/* A relay that gave up knows why. */
	return err != EAGAIN && stream_error(stream) ? stream_error(stream) : -err;
}

short stream_finish(const struct stream *stream)
{
	char byte;

	if (!stream->relay)
		return 0;
	shutdown(stream->fd, SHUT_WR);
	/* It closes its end when it has handed out what it had. */
	return recv(stream->fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? POLLIN : 0;
}

int stream_error(const struct stream *stream)
{
	return stream->relay ? relay_error(stream->relay) : 0;
}

int stream_patience_ms(const struct stream_patience *patience)
{
	int64_t left = CLOCK_NEVER;

	if (patience->until != CLOCK_NEVER)
		left = patience->until - clock_monotonic();
	if (left > patience->idle)
		left = patience->idle;
	if (left <= 0)
		return 0;
	/* Rounded up, so that it does not come to 0 too early. */
	return left / NS_PER_MS < INT_MAX ? (int)(left / NS_PER_MS) + 1 : -1;
}

/* 0 when it is worth trying again. */
static int wait_for(const struct stream *stream, short events,
		    const struct stream_patience *patience)
{
	struct pollfd fds[] = { { .fd = stream->fd, .events = events },
				{ .fd = patience->cancel_fd, .events = POLLIN } };
	int ms = stream_patience_ms(patience), n;

	if (!ms)
		return -ETIMEDOUT;
	n = poll(fds, 2, ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return fds[0].revents ? 0 : -ETIMEDOUT;
}

int stream_write_all(const struct stream *stream, const void *bytes, size_t len,
		     const struct stream_patience *patience)
{
	const char *at = bytes;
	short events;
	int err = 0;

	while (len) {
		ssize_t n = stream_write(stream, at, len);

		if (n == -EAGAIN)
			err = wait_for(stream, POLLOUT, patience);
		else if (n < 0)
			err = (int)n;
		if (err)
			return err;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	while ((events = stream_finish(stream))) {
		err = wait_for(stream, events, patience);
		if (err)
			return err;
	}
	return stream_error(stream);
}
