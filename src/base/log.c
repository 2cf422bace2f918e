// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"

#define LINE_MAX_LEN 1024
#define PATIENCE     (100 * NS_PER_MS)

/* Like standard error itself, the process's. */
static atomic_int failure;

int log_to(int fd)
{
	return dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;
}

int log_failure(void)
{
	return atomic_load(&failure);
}

/* Where no descriptor is left for a stream. */
static int log_write_plain(const char *line, size_t len)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pollfd, 1, 0) <= 0)
		return -EAGAIN;
	return write(STDERR_FILENO, line, len) < 0 ? -errno : 0;
}

/* Standard error is looked at anew for each line: it is changed by -D, and lines are rare. */
static int log_write(const char *line, size_t len)
{
	const struct stream_patience patience = { .idle = PATIENCE,
						  .until = CLOCK_NEVER,
						  .cancel_fd = -1 };
	struct stream stream;
	int err = stream_share(&stream, STDERR_FILENO, STREAM_OUTPUT);

	if (err == -EBADF)
		return err;
	if (err)
		return log_write_plain(line, len);
	err = stream_write_all(&stream, line, len, &patience);
	stream_close(&stream);
	return err;
}

static void put_line(const char *prefix, const char *format, va_list args)
{
	char line[LINE_MAX_LEN];
	size_t len = strlen(prefix);
	int n, err, none = 0;

	memcpy(line, prefix, len);
	n = vsnprintf(line + len, sizeof(line) - len, format, args);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n';
	err = log_write(line, len);
	if (err)
		atomic_compare_exchange_strong(&failure, &none, err);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line("coalport: ", format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line("coalport: warning: ", format, args);
	va_end(args);
}
