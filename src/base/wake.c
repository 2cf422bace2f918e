// SPDX-License-Identifier: MIT
#include "base/wake.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wake_init(struct wake *wake)
{
	wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wake->fd < 0 ? -errno : 0;
}

void wake_destroy(struct wake *wake)
{
	close(wake->fd);
	wake->fd = -1;
}

int wake_give(const struct wake *wake)
{
	const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(wake->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* A counter that is full has been given often enough. */
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

int wake_take(const struct wake *wake)
{
	uint64_t count;
	ssize_t n;

	do {
		n = read(wake->fd, &count, sizeof(count));
	} while (n < 0 && errno == EINTR);
	return n < 0 && errno != EAGAIN ? -errno : 0;
}
