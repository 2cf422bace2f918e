// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"

#define LINE_MAX_LEN 1024
/* The reader may be a thread of ours (base/relay.h) on a busy host. One that has slept once still sleeps. */
#define PATIENCE       NS_PER_SEC
#define PATIENCE_AFTER (100 * NS_PER_MS)
#define STAMP_MAX      128
#define RELEASE_MS     100

/* Like standard error itself, the process's. */
static atomic_int failure;
static atomic_bool stamped;
static struct {
	atomic_int kept; /* standard error for now: memory; -1: it is what it is */
	int before; /* ... and what it was */
} held = { .kept = -1 };

int log_to(int fd)
{
	return dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;
}

static bool is_same_terminal(int a, int b)
{
	struct stat one, other;

	return isatty(a) && isatty(b) && !fstat(a, &one) && !fstat(b, &other) &&
	       one.st_rdev == other.st_rdev;
}

void log_hold(void)
{
	int kept, before;

	if (atomic_load(&held.kept) >= 0 || !is_same_terminal(STDOUT_FILENO, STDERR_FILENO))
		return;
	kept = memfd_create("messages", MFD_CLOEXEC);
	before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (kept >= 0 && before >= 0 && dup2(kept, STDERR_FILENO) >= 0) {
		held.before = before;
		atomic_store(&held.kept, kept);
		return;
	}
	if (kept >= 0)
		close(kept);
	if (before >= 0)
		close(before);
}

void log_release(void)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	int kept = atomic_exchange(&held.kept, -1), saved = errno;
	char bytes[512];
	ssize_t n;
	off_t at = 0;

	if (kept < 0)
		return;
	dup2(held.before, STDERR_FILENO);
	close(held.before);
	while ((n = pread(kept, bytes, sizeof(bytes), at)) > 0 &&
	       poll(&pollfd, 1, RELEASE_MS) > 0) {
		n = write(STDERR_FILENO, bytes, (size_t)n);
		if (n <= 0)
			break;
		at += n;
	}
	close(kept);
	errno = saved;
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
	const struct stream_patience patience = { .idle = log_failure() ? PATIENCE_AFTER : PATIENCE,
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

void log_stamp(bool on)
{
	atomic_store(&stamped, on);
}

/* "2026-03-01T12:34:56.123456Z " if that is wanted; how many characters. */
static size_t put_stamp(char *line)
{
	struct timespec now;
	struct tm tm;

	if (!atomic_load(&stamped) || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    !gmtime_r(&now.tv_sec, &tm))
		return 0;
	return (size_t)snprintf(line, STAMP_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ ",
				tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
				tm.tm_sec, now.tv_nsec / 1000);
}

static void put_line(const char *prefix, const char *format, va_list args)
{
	char line[LINE_MAX_LEN];
	size_t len = put_stamp(line);
	int n, err, none = 0;

	memcpy(line + len, prefix, strlen(prefix));
	len += strlen(prefix);
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
