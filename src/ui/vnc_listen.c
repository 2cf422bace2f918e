// SPDX-License-Identifier: MIT
#include "ui/vnc_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG    8
#define THIS_HOST  "127.0.0.1"
#define SOCKET_ALL (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static void describe(struct ui_vnc_end *end, const struct sockaddr_storage *address, socklen_t len)
{
	end->host[0] = end->service[0] = '\0';
	end->family = address->ss_family == AF_INET6 ? "ipv6" : "ipv4";
	if (getnameinfo((const struct sockaddr *)address, len, end->host, sizeof(end->host),
			end->service, sizeof(end->service), NI_NUMERICHOST | NI_NUMERICSERV))
		end->family = "unknown";
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

int vnc_listen_unix(struct vnc_listener *listener, struct loop *loop, const char *path,
		    struct error *err)
{
	int fd = socket(AF_UNIX, SOCKET_ALL, 0), ret;

	if (fd < 0)
		return error_set(err, -errno, "-vnc: socket: %s", strerror(errno));
	ret = socket_path_bind(&listener->served, path, fd);
	if (!ret && listen(fd, BACKLOG) < 0)
		ret = -errno;
	if (!ret)
		ret = acceptor_init(&listener->acceptor, loop, fd);
	if (ret) {
		socket_path_remove(&listener->served);
		close(fd);
		return error_set(err, ret, "%s: %s", path,
				 ret == -EBUSY ? "another server listens there" : strerror(-ret));
	}
	listener->end.family = "unix";
	snprintf(listener->end.service, sizeof(listener->end.service), "%s", path);
	return 0;
}

/* A socket that listens, or -errno. */
static int try_port(const struct addrinfo *info, uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	int fd = socket(info->ai_family, SOCKET_ALL, 0), one = 1, ret;

	if (fd < 0)
		return -errno;
	memcpy(&address, info->ai_addr, info->ai_addrlen);
	/* Both kinds have it at the same place. */
	((struct sockaddr_in *)&address)->sin_port = htons(port);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (info->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, (const struct sockaddr *)&address, info->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int vnc_listen_tcp(struct vnc_listener *listener, struct loop *loop, const char *host,
		   uint32_t first, uint32_t last, struct error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct addrinfo *info;
	int fd = -EADDRINUSE, ret;

	/* That name has two addresses on many hosts: the one that all have. */
	if (!host || !strcmp(host, "localhost"))
		host = THIS_HOST;
	ret = getaddrinfo(host, NULL, &hints, &info);
	if (ret)
		return error_set(err, -EADDRNOTAVAIL, "-vnc %s: %s", host, gai_strerror(ret));
	for (uint32_t port = first; port <= last && fd == -EADDRINUSE; port++)
		fd = try_port(info, (uint16_t)port);
	freeaddrinfo(info);
	if (fd < 0 && first != last)
		return error_set(err, fd, "-vnc %s: ports %u to %u: %s", host, first, last,
				 strerror(-fd));
	if (fd < 0)
		return error_set(err, fd, "-vnc %s: port %u: %s", host, first, strerror(-fd));
	memset(&address, 0, sizeof(address));
	ret = getsockname(fd, (struct sockaddr *)&address, &len) < 0 ? -errno : 0;
	if (!ret)
		ret = acceptor_init(&listener->acceptor, loop, fd);
	if (ret) {
		close(fd);
		return error_set(err, ret, "-vnc %s: %s", host, strerror(-ret));
	}
	listener->open_to_others = !is_loopback(&address);
	describe(&listener->end, &address, len);
	return 0;
}

uint32_t vnc_listen_port(const struct vnc_listener *listener)
{
	return (uint32_t)strtoul(listener->end.service, NULL, 10);
}

int vnc_listen_accept(struct vnc_listener *listener, struct ui_vnc_end *end)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	int fd = accept4(listener->acceptor.socket.fd, (struct sockaddr *)&address, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	*end = listener->end;
	if (address.ss_family == AF_INET || address.ss_family == AF_INET6)
		describe(end, &address, len);
	else
		end->service[0] = '\0';
	end->websocket = listener->end.websocket;
	return fd;
}

void vnc_listen_close(struct vnc_listener *listener)
{
	socket_path_remove(&listener->served);
	acceptor_close(&listener->acceptor);
}
