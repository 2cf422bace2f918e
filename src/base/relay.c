// SPDX-License-Identifier: MIT
#include "base/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the socket pair; the kernel makes it a few KiB. */
#define BUFFER 2048

struct relay {
	int from, to; /* the thread's, which closes them */
	atomic_int error;
	atomic_uint users; /* the thread and the owner; the last one frees */
};

void relay_leave(struct relay *relay)
{
	if (atomic_fetch_sub(&relay->users, 1) == 1)
		free(relay);
}

int relay_error(struct relay *relay)
{
	return atomic_load(&relay->error);
}

/* Whether to try again after a call failed: others may have set O_NONBLOCK on what they share. */
static bool relay_waits(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	return errno == EAGAIN && (poll(&pollfd, 1, -1) > 0 || errno == EINTR);
}

static int hand_out(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && !relay_waits(fd, POLLOUT))
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void *relay_run(void *arg)
{
	struct relay *relay = arg;
	char bytes[BUFFER];
	int err = 0;

	while (!err) {
		ssize_t n = read(relay->from, bytes, sizeof(bytes));

		if (!n)
			break;
		if (n > 0)
			err = hand_out(relay->to, bytes, (size_t)n);
		else if (!relay_waits(relay->from, POLLIN))
			err = -errno;
	}
	atomic_store(&relay->error, err);
	close(relay->from);
	close(relay->to);
	relay_leave(relay);
	return NULL;
}

/*
 * Signals are for the threads that expect them, but for those of the thread's own faults and those
 * by which a terminal stops the programs in its background.
 */
static int start_thread(struct relay *relay)
{
	static const int taken[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGABRT,
				     SIGSYS,  SIGTTIN, SIGTTOU, SIGTSTP };
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t set, old;
	int err;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigdelset(&set, taken[i]);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	err = pthread_create(&thread, &attr, relay_run, relay);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int relay_start(struct relay **out, int *end, int fd, bool output)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int pair[2], copy, err, size = BUFFER;

	if (!relay)
		return -ENOMEM;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0) {
		err = -errno;
		goto free_relay;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		err = -errno;
		goto close_copy;
	}
	/* What lies in between counts as handed out, so it shall be little. */
	for (unsigned i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	atomic_init(&relay->users, 2);
	relay->from = output ? pair[1] : copy;
	relay->to = output ? copy : pair[1];
	err = start_thread(relay);
	if (err)
		goto close_pair;
	*out = relay;
	*end = pair[0];
	return 0;

close_pair:
	close(pair[0]);
	close(pair[1]);
close_copy:
	close(copy);
free_relay:
	free(relay);
	return err;
}
