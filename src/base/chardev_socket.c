// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chardev_impl.h"

#define BACKLOG      8
#define RETRY_MS     100 /* until a full server is asked again */
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

/*
 * Both descriptors are there before a client leaves the queue, so that nobody is let in and sent away.
 */
static int let_in(void *arg)
{
	struct chardev *chardev = arg;
	int listening = chardev->acceptor.socket.fd;
	int copy = fcntl(listening, F_DUPFD_CLOEXEC, 3), fd, err;

	if (copy < 0)
		return -errno;
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || dup3(fd, copy, O_CLOEXEC) < 0) {
		err = -errno;
		close(copy);
		if (fd >= 0)
			close(fd);
		return err;
	}
	acceptor_went_well(&chardev->acceptor);
	/* One that has left, but whose last bytes nobody took yet. */
	chardev_disconnect(chardev);
	acceptor_pause(&chardev->acceptor);
	chardev_socket_take(chardev, fd, copy);
	return 0;
}

void chardev_socket_listen(struct chardev *chardev)
{
	if (chardev->acceptor.socket.fd >= 0)
		acceptor_listen(&chardev->acceptor);
}

static int wait_for_client(struct chardev *chardev, int cancel_fd)
{
	int err = 0;

	while (!err && !chardev->connected)
		err = acceptor_wait(&chardev->acceptor, cancel_fd > 0 ? cancel_fd : -1);
	return err;
}

int chardev_socket_serve(struct chardev *chardev, const struct chardev_options *options, int fd,
			 const char **what)
{
	int err;

	*what = "listen";
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	*what = "timer";
	chardev->acceptor.name = chardev->path;
	chardev->acceptor.let_in = let_in;
	chardev->acceptor.arg = chardev;
	err = acceptor_init(&chardev->acceptor, chardev->loop, fd);
	if (err)
		return err;
	*what = "accept";
	acceptor_listen(&chardev->acceptor);
	return options->wait ? wait_for_client(chardev, options->cancel_fd) : 0;
}

/* 0 after so many ms, or -ECANCELED when cancel_fd can be read. 0: none. */
static int wait_ms(int ms, int cancel_fd)
{
	struct pollfd fd = { .fd = cancel_fd > 0 ? cancel_fd : -1, .events = POLLIN };

	if (poll(&fd, 1, ms) < 0 && errno != EINTR)
		return -errno;
	return fd.revents ? -ECANCELED : 0;
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
		err = wait_ms(RETRY_MS, cancel_fd);
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
		if (err && chardev->acceptor.socket.fd < 0)
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
	acceptor_close(&chardev->acceptor);
}
