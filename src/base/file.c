// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The descriptor that has it open already, or -1. */
static int standard_fd_of(const struct stat *st)
{
	struct stat standard;

	for (int fd = STDERR_FILENO; fd >= STDOUT_FILENO; fd--) {
		if (!fstat(fd, &standard) && same_file(&standard, st))
			return fd;
	}
	return -1;
}

static const char *kind_refused(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory";
	if (S_ISBLK(mode))
		return "is a block device, not a file";
	if (S_ISSOCK(mode))
		return "is a socket, not a file";
	return NULL;
}

static int say_errno(struct error *err, const char *path)
{
	int code = -errno;

	/* What a FIFO says that nobody has open for reading. */
	return error_set(err, code, "%s: %s", path,
			 code == -ENXIO ? "nobody reads it" : strerror(-code));
}

int file_open_output(struct file_output *out, const char *path, struct error *err)
{
	/* Without waiting for the reader of a FIFO. */
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	const char *why;
	int fd;

	*out = (struct file_output){ .fd = -1 };
	fd = stat(path, &out->st) ? -1 : standard_fd_of(&out->st);
	if (fd >= 0) {
		out->shared = true;
		out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return out->fd < 0 ? say_errno(err, path) : 0;
	}
	why = out->st.st_mode ? kind_refused(out->st.st_mode) : NULL;
	if (why)
		return error_set(err, -EINVAL, "%s: %s", path, why);
	out->fd = open(path, flags, 0666);
	return out->fd < 0 || fstat(out->fd, &out->st) ? say_errno(err, path) : 0;
}

int file_lock_output(const struct file_output *out)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (out->shared || !S_ISREG(out->st.st_mode) || !fcntl(out->fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : 0;
}

int file_empty_output(const struct file_output *out)
{
	if (out->shared || !S_ISREG(out->st.st_mode))
		return 0;
	return ftruncate(out->fd, 0) < 0 ? -errno : 0;
}

int file_stream_output(const struct file_output *out, struct stream *stream)
{
	int fd;

	if (out->shared)
		return stream_share(stream, out->fd, STREAM_OUTPUT);
	fd = fcntl(out->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	stream_own(stream, fd);
	return fd < 0 ? -errno : 0;
}

void file_close_output(struct file_output *out)
{
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
}

static int read_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_read_whole(const char *path, size_t max, uint8_t **bytes, size_t *len)
{
	/* Without waiting for a writer, should it be a FIFO. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int ret;

	*bytes = NULL;
	*len = 0;
	if (fd < 0)
		return -errno;
	ret = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (ret)
		goto out;
	*len = (size_t)st.st_size;
	if (*len > max) {
		ret = -EFBIG;
		goto out;
	}
	*bytes = malloc(*len + 1);
	if (!*bytes) {
		ret = -ENOMEM;
		goto out;
	}
	(*bytes)[*len] = '\0';
	ret = read_all(fd, *bytes, *len);
	if (ret) {
		free(*bytes);
		*bytes = NULL;
	}
out:
	close(fd);
	return ret;
}
