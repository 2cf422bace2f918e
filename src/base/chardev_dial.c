// SPDX-License-Identifier: MIT
/* A client that tries again: its server may come later, and leave and come again. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chardev_impl.h"

struct chardev_dial {
	struct loop_watch timer; /* fd -1: none yet */
	struct loop_watch calling; /* a socket that is being connected. fd -1: none */
	unsigned seconds;
	struct addrinfo *list, *next; /* addresses, and the one to try next */
	struct sockaddr_un path; /* list is this: */
	struct addrinfo at_path;
};

static void wait_and_dial(struct chardev_dial *dial)
{
	const struct itimerspec spec = { .it_value.tv_sec = dial->seconds };

	dial->next = dial->list;
	timerfd_settime(dial->timer.fd, 0, &spec, NULL);
}

static void connected(struct chardev *chardev, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0) {
		close(fd);
		wait_and_dial(chardev->dial);
		return;
	}
	chardev_socket_take(chardev, fd, copy);
}

/* From dial->next on, until one answers or is thinking about it. */
static void try_addresses(struct chardev *chardev)
{
	struct chardev_dial *dial = chardev->dial;

	while (dial->next) {
		const struct addrinfo *to = dial->next;
		int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		dial->next = to->ai_next;
		if (fd < 0)
			continue;
		if (!connect(fd, to->ai_addr, to->ai_addrlen)) {
			connected(chardev, fd);
			return;
		}
		if (errno == EINPROGRESS) {
			dial->calling.fd = fd;
			if (!loop_watch(chardev->loop, &dial->calling, EPOLLOUT))
				return;
			dial->calling.fd = -1;
		}
		close(fd);
	}
	wait_and_dial(dial);
}

static void answered(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;
	struct chardev_dial *dial = chardev->dial;
	int fd = dial->calling.fd, error = 0;
	socklen_t len = sizeof(error);

	loop_unwatch(chardev->loop, &dial->calling);
	dial->calling.fd = -1;
	if (!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error) {
		connected(chardev, fd);
		return;
	}
	close(fd);
	try_addresses(chardev);
}

static void time_to_dial(void *arg, uint32_t events)
{
	struct chardev *chardev = arg;
	uint64_t count;

	if (read(chardev->dial->timer.fd, &count, sizeof(count)) > 0 && !chardev->connected)
		try_addresses(chardev);
}

static void set_path(struct chardev_dial *dial, const char *path)
{
	dial->path.sun_family = AF_UNIX;
	strncpy(dial->path.sun_path, path, sizeof(dial->path.sun_path) - 1);
	dial->at_path = (struct addrinfo){ .ai_family = AF_UNIX,
					   .ai_addr = (struct sockaddr *)&dial->path,
					   .ai_addrlen = sizeof(dial->path) };
	dial->list = &dial->at_path;
}

int chardev_dial_open(struct chardev *chardev, unsigned seconds, struct addrinfo *list)
{
	struct chardev_dial *dial = calloc(1, sizeof(*dial));
	int err;

	if (!dial) {
		if (list)
			freeaddrinfo(list);
		return -ENOMEM;
	}
	chardev->dial = dial;
	dial->seconds = seconds;
	dial->list = list;
	if (!list)
		set_path(dial, chardev->path);
	dial->next = dial->list;
	dial->calling = (struct loop_watch){ .fd = -1, .ready = answered, .arg = chardev };
	dial->timer = (struct loop_watch){ .ready = time_to_dial, .arg = chardev };
	dial->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (dial->timer.fd < 0)
		return -errno;
	err = loop_watch(chardev->loop, &dial->timer, EPOLLIN);
	if (!err)
		try_addresses(chardev);
	return err;
}

void chardev_dial_again(struct chardev *chardev)
{
	if (chardev->dial)
		wait_and_dial(chardev->dial);
}

void chardev_dial_close(struct chardev *chardev)
{
	struct chardev_dial *dial = chardev->dial;

	if (!dial)
		return;
	for (size_t i = 0; i < 2; i++) {
		struct loop_watch *watch = i ? &dial->calling : &dial->timer;

		if (watch->fd < 0)
			continue;
		loop_unwatch(chardev->loop, watch);
		close(watch->fd);
	}
	if (dial->list != &dial->at_path)
		freeaddrinfo(dial->list);
	free(dial);
	chardev->dial = NULL;
}
