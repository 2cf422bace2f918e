// SPDX-License-Identifier: MIT
#include "base/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"

void acceptor_tell(struct acceptor *acceptor, int error, const char *next)
{
	if (!acceptor->told)
		log_warn("%s: %s (%s)", acceptor->name, strerror(-error), next);
	acceptor->told = true;
}

void acceptor_went_well(struct acceptor *acceptor)
{
	acceptor->told = false;
}

static int set_timer(struct acceptor *acceptor, int64_t ns)
{
	const struct itimerspec spec = { .it_value.tv_nsec = ns };

	return timerfd_settime(acceptor->again.fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

static void try_later(struct acceptor *acceptor, int error)
{
	int ret;

	acceptor_pause(acceptor);
	ret = set_timer(acceptor, ACCEPTOR_RETRY_MS * NS_PER_MS);
	if (ret)
		acceptor_tell(acceptor, ret, "nobody is let in any more");
	else
		acceptor_tell(acceptor, error, "trying again");
}

static void somebody_waits(void *arg, uint32_t events)
{
	struct acceptor *acceptor = arg;
	int error = acceptor->let_in(acceptor->arg);

	if (error && error != -EAGAIN && error != -EINTR && error != -ECONNABORTED)
		try_later(acceptor, error);
}

static void try_again(void *arg, uint32_t events)
{
	struct acceptor *acceptor = arg;
	uint64_t count;

	if (read(acceptor->again.fd, &count, sizeof(count)) > 0)
		acceptor_listen(acceptor);
}

int acceptor_init(struct acceptor *acceptor, struct loop *loop, int fd)
{
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), ret;

	acceptor->loop = loop;
	acceptor->told = false;
	acceptor->socket =
		(struct loop_watch){ .fd = -1, .ready = somebody_waits, .arg = acceptor };
	acceptor->again = (struct loop_watch){ .fd = timer, .ready = try_again, .arg = acceptor };
	if (timer < 0)
		return -errno;
	ret = loop_watch(loop, &acceptor->again, EPOLLIN);
	if (ret)
		close(timer);
	else
		acceptor->socket.fd = fd;
	return ret;
}

void acceptor_close(struct acceptor *acceptor)
{
	if (acceptor->socket.fd < 0)
		return;
	acceptor_pause(acceptor);
	loop_unwatch(acceptor->loop, &acceptor->again);
	close(acceptor->again.fd);
	close(acceptor->socket.fd);
	acceptor->socket.fd = -1;
}

void acceptor_listen(struct acceptor *acceptor)
{
	int error = loop_watch(acceptor->loop, &acceptor->socket, EPOLLIN);

	if (error)
		try_later(acceptor, error);
}

void acceptor_pause(struct acceptor *acceptor)
{
	(void)set_timer(acceptor, 0); /* cannot fail with these values */
	if (acceptor->socket.active)
		loop_unwatch(acceptor->loop, &acceptor->socket);
}

int acceptor_wait(struct acceptor *acceptor, int cancel_fd)
{
	bool listens = acceptor->socket.active;
	struct pollfd fds[] = {
		{ .fd = listens ? acceptor->socket.fd : acceptor->again.fd, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};

	if (poll(fds, 2, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		return -ECANCELED;
	if (listens)
		somebody_waits(acceptor, EPOLLIN);
	else
		try_again(acceptor, EPOLLIN);
	return 0;
}
