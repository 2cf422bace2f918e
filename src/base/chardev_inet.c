// SPDX-License-Identifier: MIT
/* Sockets by TCP, and those that whoever started us has opened. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chardev_impl.h"

static int look_up(const struct chardev_options *options, struct addrinfo **list, const char **what)
{
	static const int families[] = {
		[CHARDEV_ANY] = AF_UNSPEC, [CHARDEV_IPV4] = AF_INET, [CHARDEV_IPV6] = AF_INET6
	};
	const struct addrinfo hints = {
		.ai_flags = options->server ? AI_PASSIVE : 0,
		.ai_family = families[options->family],
		.ai_socktype = SOCK_STREAM,
	};
	int ret = getaddrinfo(*options->host ? options->host : NULL, options->port, &hints, list);

	if (!ret)
		return 0;
	*what = ret == EAI_SYSTEM ? "look-up" : gai_strerror(ret);
	return ret == EAI_SYSTEM ? -errno : -EADDRNOTAVAIL;
}

static void set_port(struct sockaddr *addr, unsigned port)
{
	if (addr->sa_family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
}

/* The socket, or -errno. */
static int bind_to(const struct addrinfo *at, unsigned port, bool only_ipv6)
{
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	int on = 1, only = only_ipv6;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	set_port(at->ai_addr, port);
	/* Listening tells whether the port is another's that also said SO_REUSEADDR. */
	if (!bind(fd, at->ai_addr, at->ai_addrlen) && !listen(fd, 1))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int serve(struct chardev *chardev, const struct chardev_options *options,
		 const struct addrinfo *list, const char **what)
{
	unsigned port = (unsigned)strtoul(options->port, NULL, 10);
	unsigned to = options->to > port ? options->to : port;
	int fd = -EADDRNOTAVAIL, err;

	*what = "bind";
	for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
		fd = -EADDRINUSE;
		for (unsigned try = port; try <= to && fd == -EADDRINUSE; try++)
			fd = bind_to(at, try, options->family == CHARDEV_IPV6);
	}
	if (fd < 0)
		return fd;
	err = chardev_socket_serve(chardev, options, fd, what);
	/* From then on it is closed with the back-end. */
	if (err && chardev->acceptor.socket.fd < 0)
		close(fd);
	return err;
}

/* A connected socket, or -errno; -ECANCELED if cancel_fd is readable first. */
static int connect_to(const struct addrinfo *to, int cancel_fd)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -errno;
	if (!connect(fd, to->ai_addr, to->ai_addrlen))
		return fd;
	err = -errno;
	if (err == -EINPROGRESS)
		err = chardev_socket_wait_out(fd, cancel_fd);
	if (!err && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = -err;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int connect_any(struct chardev *chardev, const struct chardev_options *options,
		       const struct addrinfo *list, const char **what)
{
	int fd = -EADDRNOTAVAIL, copy;

	*what = "connect";
	for (const struct addrinfo *to = list; to && fd < 0 && fd != -ECANCELED; to = to->ai_next)
		fd = connect_to(to, options->cancel_fd);
	if (fd < 0)
		return fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	chardev_socket_take(chardev, fd, copy);
	return 0;
}

/* One that does not block for us, which it does for others that have it, too; it was given to us. */
static int inherit(struct chardev *chardev, const struct chardev_options *options,
		   const char **what)
{
	int flags = fcntl(options->fd, F_GETFL), listens = 0, type = 0, copy;
	socklen_t len = sizeof(type);

	*what = "descriptor";
	if (flags < 0)
		return -errno;
	if (getsockopt(options->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	getsockopt(options->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	if (type != SOCK_STREAM || (listens && !options->server))
		return -EINVAL;
	if (fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(options->fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	if (options->server)
		return chardev_socket_serve(chardev, options, options->fd, what);
	copy = fcntl(options->fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	chardev_socket_take(chardev, options->fd, copy);
	return 0;
}

int chardev_inet_open(struct chardev *chardev, const struct chardev_options *options,
		      const char **what)
{
	struct addrinfo *list;
	int err;

	*what = "memory";
	if (options->host ? asprintf(&chardev->path, "%s:%s", options->host, options->port) < 0
			  : asprintf(&chardev->path, "%d", options->fd) < 0) {
		chardev->path = NULL;
		return -ENOMEM;
	}
	if (!options->host)
		return inherit(chardev, options, what);
	err = look_up(options, &list, what);
	if (err)
		return err;
	*what = "connect";
	if (options->reconnect && !options->server)
		return chardev_dial_open(chardev, options->reconnect, list);
	err = options->server ? serve(chardev, options, list, what)
			      : connect_any(chardev, options, list, what);
	freeaddrinfo(list);
	return err;
}
