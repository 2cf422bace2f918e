// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chardev_impl.h"
#include "base/log.h"

#define BACKLOG 8

/* A server: the caller's address is ours to bind if it is free or a dead server's socket. */
static int clear_path(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* Without waiting: a live server whose queue is full answers EAGAIN. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return -EBUSY;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

static int serve(struct chardev *chardev, const struct sockaddr_un *addr, int fd, const char **what)
{
	struct stat st;
	int err;

	*what = "bind";
	err = clear_path(addr);
	if (err)
		return err;
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return -errno;
	if (stat(addr->sun_path, &st) < 0)
		return -errno;
	chardev->dev = st.st_dev;
	chardev->ino = st.st_ino;
	*what = "listen";
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

/* The descriptor of a client, for both directions. -errno leaves it open. */
static int take_client(struct chardev *chardev, int fd)
{
	int out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (out_fd < 0)
		return -errno;
	chardev_connect(chardev, fd, out_fd);
	return 0;
}

static void client_ready(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;
	int fd = accept4(chardev->listen_watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return;
	/* Whatever else is wrong stays wrong: looking again at once would never end. */
	loop_unwatch(chardev->loop, &chardev->listen_watch);
	if (fd < 0) {
		log_warn("%s: accept: %s", chardev->path, strerror(errno));
		return;
	}
	/* One that has left, but whose last bytes nobody took yet. */
	chardev_disconnect(chardev);
	loop_unwatch(chardev->loop, &chardev->listen_watch);
	err = take_client(chardev, fd);
	if (err) {
		log_warn("%s: accept: %s", chardev->path, strerror(-err));
		close(fd);
		chardev_socket_listen(chardev);
	}
}

void chardev_socket_listen(struct chardev *chardev)
{
	int err;

	if (chardev->listen_watch.fd < 0)
		return;
	err = loop_watch(chardev->loop, &chardev->listen_watch, EPOLLIN);
	if (err)
		log_warn("%s: listen: %s", chardev->path, strerror(-err));
}

static int wait_for_client(struct chardev *chardev, int cancel_fd)
{
	struct pollfd fds[] = {
		{ .fd = chardev->listen_watch.fd, .events = POLLIN },
		{ .fd = cancel_fd > 0 ? cancel_fd : -1, .events = POLLIN },
	};

	while (!chardev->connected) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents)
			return -ECANCELED;
		client_ready(chardev, EPOLLIN);
	}
	return 0;
}

int chardev_socket_open(struct chardev *chardev, const struct chardev_options *options,
			const char **what)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(options->path);
	int fd, err;

	*what = "path";
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, options->path, len);
	*what = "socket";
	chardev->path = strdup(options->path);
	if (!chardev->path)
		return -ENOMEM;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (options->server) {
		err = serve(chardev, &addr, fd, what);
		if (!err && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			err = -errno;
		if (err)
			goto close_fd;
		chardev->listen_watch.fd = fd;
		chardev->listen_watch.ready = client_ready;
		chardev->listen_watch.arg = chardev;
		*what = "accept";
		chardev_socket_listen(chardev);
		return options->wait ? wait_for_client(chardev, options->cancel_fd) : 0;
	}
	*what = "connect";
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		err = -errno;
	else
		err = take_client(chardev, fd);
	if (!err)
		return 0;
close_fd:
	close(fd);
	return err;
}

void chardev_socket_close(struct chardev *chardev)
{
	struct stat st;

	if (chardev->ino && !lstat(chardev->path, &st) && st.st_dev == chardev->dev &&
	    st.st_ino == chardev->ino)
		unlink(chardev->path);
	if (chardev->listen_watch.fd < 0)
		return;
	loop_unwatch(chardev->loop, &chardev->listen_watch);
	close(chardev->listen_watch.fd);
	chardev->listen_watch.fd = -1;
}
