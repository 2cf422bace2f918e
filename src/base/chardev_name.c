// SPDX-License-Identifier: MIT
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/chardev_impl.h"

struct end {
	char host[NI_MAXHOST], port[NI_MAXSERV];
};

static bool name_end(const struct sockaddr_storage *addr, socklen_t len, struct end *end)
{
	char host[NI_MAXHOST];
	bool six = addr->ss_family == AF_INET6;

	if ((addr->ss_family != AF_INET && !six) ||
	    getnameinfo((const struct sockaddr *)addr, len, host, sizeof(host), end->port,
			sizeof(end->port), NI_NUMERICHOST | NI_NUMERICSERV))
		return false;
	snprintf(end->host, sizeof(end->host), six ? "[%.*s]" : "%.*s", NI_MAXHOST - 3, host);
	return true;
}

/* Where the two ends are; false if they have no such addresses. */
static bool name_ends(const struct chardev *chardev, char *name, size_t size)
{
	struct sockaddr_storage addr[2] = { 0 };
	socklen_t len[2] = { sizeof(addr[0]), sizeof(addr[1]) };
	struct end ours, theirs;
	int fd = chardev->in_stream.fd;

	if (!chardev->connected || getsockname(fd, (struct sockaddr *)&addr[0], &len[0]) ||
	    getpeername(fd, (struct sockaddr *)&addr[1], &len[1]) ||
	    !name_end(&addr[0], len[0], &ours) || !name_end(&addr[1], len[1], &theirs))
		return false;
	snprintf(name, size, "%s:%s:%s%s <-> %s:%s", chardev->speaks_telnet ? "telnet" : "tcp",
		 ours.host, ours.port, chardev->server ? ",server=on" : "", theirs.host,
		 theirs.port);
	return true;
}

static void name_socket(const struct chardev *chardev, char *name, size_t size)
{
	const char *way = "unix";

	if (name_ends(chardev, name, size))
		return;
	if (chardev->kind == CHARDEV_SOCKET && !strchr(chardev->path, '/'))
		way = strchr(chardev->path, ':') ? chardev->speaks_telnet ? "telnet" : "tcp" : "fd";
	snprintf(name, size, "%s%s:%s%s", chardev->connected ? "" : "disconnected:", way,
		 chardev->path, chardev->server ? ",server=on" : "");
}

void chardev_describe(const struct chardev *chardev, char *name, size_t size)
{
	static const char *const names[] = {
		[CHARDEV_NULL] = "null",       [CHARDEV_STDIO] = "stdio",
		[CHARDEV_FILE] = "file",       [CHARDEV_PIPE] = "pipe",
		[CHARDEV_RINGBUF] = "ringbuf", [CHARDEV_CONNECTED] = "socket",
	};

	if (chardev->kind == CHARDEV_SOCKET)
		name_socket(chardev, name, size);
	else if (chardev->kind == CHARDEV_PTY)
		snprintf(name, size, "pty:%s", chardev->path);
	else
		snprintf(name, size, "%s", names[chardev->kind]);
}
