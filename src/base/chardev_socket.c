// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chardev_impl.h"
#include "base/log.h"

#define BACKLOG 8
/* Until a client is let in again that the host did not allow, and a full server is asked again. */
#define RETRY_MS     100
#define CONNECT_WAIT (5 * NS_PER_SEC)

static int serve(struct chardev *chardev, int fd, const char **what)
{
	*what = "bind";
	return socket_path_bind(&chardev->served, chardev->path, fd);
}

void chardev_socket_take(struct chardev *chardev, int fd, int copy)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);
	struct stream in, out;
	int on = 1;

	getsockname(fd, (struct sockaddr *)&addr, &len);
	chardev->eof_leaves = addr.ss_family == AF_INET || addr.ss_family == AF_INET6;
	if (chardev->eof_leaves && chardev->nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (chardev->speaks_telnet)
		chardev_telnet_begin(&chardev->telnet, fd);
	stream_own(&in, fd);
	stream_own(&out, copy);
	chardev_connect(chardev, &in, &out);
}

/* Told once until it works again: a client that waits would make a flood of it. */
static void tell(struct chardev *chardev, const char *what, int err)
{
	if (!chardev->listen_told)
		log_warn("%s: %s: %s (trying again)", chardev->path, what, strerror(-err));
	chardev->listen_told = true;
}

/* The client stays in the queue, of which there is an event at once, so look again only later. */
static void retry_later(struct chardev *chardev)
{
	const struct itimerspec spec = { .it_value.tv_nsec = RETRY_MS * NS_PER_MS };

	loop_unwatch(chardev->loop, &chardev->listen_watch);
	if (timerfd_settime(chardev->retry_watch.fd, 0, &spec, NULL) < 0)
		tell(chardev, "timer", -errno);
}

static void retry_due(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;
	uint64_t count;

	if (read(chardev->retry_watch.fd, &count, sizeof(count)) > 0)
		chardev_socket_listen(chardev);
}

/*
 * Lets one client in: 0, -EAGAIN if there is none, or -errno. Both descriptors are there before it leaves
 * the queue, so that nobody is let in and sent away.
 */
static int accept_client(struct chardev *chardev)
{
	int copy = fcntl(chardev->listen_watch.fd, F_DUPFD_CLOEXEC, 3), fd, err;

	if (copy < 0)
		return -errno;
	fd = accept4(chardev->listen_watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || dup3(fd, copy, O_CLOEXEC) < 0) {
		err = -errno;
		close(copy);
		if (fd >= 0)
			close(fd);
		return err;
	}
	/* One that has left, but whose last bytes nobody took yet. */
	chardev_disconnect(chardev);
	loop_unwatch(chardev->loop, &chardev->listen_watch);
	chardev_socket_take(chardev, fd, copy);
	return 0;
}

static void client_ready(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;
	int err = accept_client(chardev);

	if (!err)
		chardev->listen_told = false;
	if (!err || err == -EAGAIN || err == -EINTR || err == -ECONNABORTED)
		return;
	tell(chardev, "accept", err);
	retry_later(chardev);
}

void chardev_socket_listen(struct chardev *chardev)
{
	int err;

	if (chardev->listen_watch.fd < 0)
		return;
	err = loop_watch(chardev->loop, &chardev->listen_watch, EPOLLIN);
	if (!err)
		return;
	tell(chardev, "listen", err);
	retry_later(chardev);
}

/* 0 after so many ms or when fd is readable, -ECANCELED when cancel_fd is. -1: none. */
static int wait_ms(int fd, int cancel_fd, int ms)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = cancel_fd > 0 ? cancel_fd : -1, .events = POLLIN } };

	if (poll(fds, 2, ms) < 0 && errno != EINTR)
		return -errno;
	return fds[1].revents ? -ECANCELED : 0;
}

int chardev_socket_wait_out(int fd, int cancel_fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLOUT },
				{ .fd = cancel_fd > 0 ? cancel_fd : -1, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return fds[1].revents ? -ECANCELED : 0;
}

static int wait_for_client(struct chardev *chardev, int cancel_fd)
{
	int err = 0;

	while (!err && !chardev->connected) {
		/* After a failure the listener is not watched, but for when it is time again. */
		if (chardev->listen_watch.active)
			err = wait_ms(chardev->listen_watch.fd, cancel_fd, -1);
		else
			err = wait_ms(chardev->retry_watch.fd, cancel_fd, -1);
		if (!err && !chardev->listen_watch.active)
			retry_due(chardev, EPOLLIN);
		else if (!err)
			client_ready(chardev, EPOLLIN);
	}
	return err;
}

static int make_retry_timer(struct chardev *chardev)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	chardev->retry_watch = (struct loop_watch){ .fd = fd, .ready = retry_due, .arg = chardev };
	return loop_watch(chardev->loop, &chardev->retry_watch, EPOLLIN);
}

int chardev_socket_serve(struct chardev *chardev, const struct chardev_options *options, int fd,
			 const char **what)
{
	int err;

	*what = "listen";
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*what = "timer";
	err = make_retry_timer(chardev);
	if (err)
		return err;
	*what = "accept";
	chardev->listen_watch =
		(struct loop_watch){ .fd = fd, .ready = client_ready, .arg = chardev };
	chardev_socket_listen(chardev);
	return options->wait ? wait_for_client(chardev, options->cancel_fd) : 0;
}

/* A server whose queue is full answers at once that one should ask again. */
static int connect_to(const struct sockaddr_un *addr, int fd, int cancel_fd)
{
	int64_t end = clock_monotonic() + CONNECT_WAIT;

	while (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		int err = -errno;

		if (err != -EAGAIN && err != -EINTR)
			return err;
		if (clock_monotonic() > end)
			return -ETIMEDOUT;
		err = wait_ms(-1, cancel_fd, RETRY_MS);
		if (err)
			return err;
	}
	return 0;
}

int chardev_socket_open(struct chardev *chardev, const struct chardev_options *options,
			const char **what)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len;
	int fd, copy, err;

	chardev->server = options->server;
	chardev->nodelay = options->nodelay;
	chardev->speaks_telnet = options->telnet;
	if (!options->path)
		return chardev_inet_open(chardev, options, what);
	*what = "path";
	len = strlen(options->path);
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, options->path, len);
	*what = "socket";
	chardev->path = strdup(options->path);
	if (!chardev->path)
		return -ENOMEM;
	if (options->reconnect && !options->server)
		return chardev_dial_open(chardev, options->reconnect, NULL);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (options->server) {
		err = serve(chardev, fd, what);
		if (!err)
			err = chardev_socket_serve(chardev, options, fd, what);
		/* From then on it is closed with the back-end. */
		if (err && chardev->listen_watch.fd < 0)
			close(fd);
		return err;
	}
	*what = "connect";
	err = connect_to(&addr, fd, options->cancel_fd);
	copy = err ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0) {
		err = err ? err : -errno;
		close(fd);
		return err;
	}
	chardev_socket_take(chardev, fd, copy);
	return 0;
}

int chardev_socket_adopt(struct chardev *chardev, int fd, const char **what)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	*what = "descriptor";
	if (copy < 0)
		return -errno;
	chardev_socket_take(chardev, fd, copy);
	return 0;
}

void chardev_socket_close(struct chardev *chardev)
{
	socket_path_remove(&chardev->served);
	for (size_t i = 0; i < 2; i++) {
		struct loop_watch *watch = i ? &chardev->retry_watch : &chardev->listen_watch;

		if (watch->fd < 0)
			continue;
		loop_unwatch(chardev->loop, watch);
		close(watch->fd);
		watch->fd = -1;
	}
}
