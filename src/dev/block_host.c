// SPDX-License-Identifier: MIT
/*
 * The host's side of the block back-end: opening with every check that can be made without touching
 * the contents, and the system calls.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "dev/block_engine.h"
#include "dev/block_image.h"

#define ZEROES_LEN   4096
#define ZEROES_PARTS 64 /* so many of them in one write */

static int say(char *why, const char *path, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int say(char *why, const char *path, int err, const char *format, ...)
{
	char what[160]; /* a long path does not push it out */
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(why, BLOCK_WHY, "%.*s: %s", BLOCK_WHY - (int)sizeof(what) - 2, path, what);
	return err;
}

static int wrong_kind(mode_t mode, const char *path, char *why)
{
	if (S_ISDIR(mode))
		return say(why, path, -EISDIR, "is a directory, not a disk image");
	return say(why, path, -ENOTSUP, "is neither a regular file nor a block device");
}

int block_host_check(struct block_file *file, const char *path, char why[BLOCK_WHY])
{
	struct stat st;

	if (stat(path, &st) < 0)
		return say(why, path, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return wrong_kind(st.st_mode, path, why);
	file->device = S_ISBLK(st.st_mode);
	return 0;
}

/* Opens only what has been shown to be a file or a block device: a FIFO would block. */
static int host_open_file(struct block_file *file, const char *path, char *why)
{
	int flags = (file->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	struct stat st;
	int err;

	err = block_host_check(file, path, why);
	if (err)
		return err;
	/* Claims a block device: a mounted one would be damaged by a second writer. */
	if (file->device && !file->readonly)
		flags |= O_EXCL;
	file->fd = open(path, flags);
	if (file->fd < 0) {
		err = -errno;
		if (!file->readonly && (err == -EACCES || err == -EROFS || err == -EPERM))
			return say(why, path, err, "%s for writing (readonly=on only reads)",
				   strerror(-err));
		if (file->device && err == -EBUSY)
			return say(why, path, err,
				   "in use by the host (mounted, or part of a volume?)");
		return say(why, path, err, "%s", strerror(-err));
	}
	if (fstat(file->fd, &st) < 0)
		return say(why, path, -errno, "%s", strerror(errno));
	if (file->device ? !S_ISBLK(st.st_mode) : !S_ISREG(st.st_mode))
		return say(why, path, -ESTALE, "was replaced while it was being opened");
	file->size = (uint64_t)st.st_size;
	return 0;
}

/* A lock of the open file, not of the process: closing another descriptor does not lose it. */
static int lock_file(const struct block_file *file, const char *path, char *why)
{
	struct flock lock = {
		.l_type = file->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(file->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return say(why, path, -EAGAIN,
			   "locked by another process (is it open in another machine?)");
	/* A file system that knows no locks: the user has been warned. */
	log_warn("%s: cannot be locked against other users (%s)", path, strerror(errno));
	return 0;
}

static int find_size(struct block_file *file, const char *path, char *why)
{
	if (file->device && ioctl(file->fd, BLKGETSIZE64, &file->size) < 0)
		return say(why, path, -errno, "size unknown: %s", strerror(errno));
	if (file->device && ioctl(file->fd, BLKSSZGET, &file->sector) < 0)
		return say(why, path, -errno, "sector size unknown: %s", strerror(errno));
	return 0;
}

static int check_size(const struct block_file *file, const char *path, char *why)
{
	if (file->size == 0)
		return say(why, path, -EINVAL, "empty: a disk has at least %d bytes", BLOCK_SECTOR);
	if (file->size % BLOCK_SECTOR != 0)
		return say(why, path, -EINVAL,
			   "%llu bytes is not a multiple of %d (is it a raw image, all of it?)",
			   (unsigned long long)file->size, BLOCK_SECTOR);
	return 0;
}

/*
 * A raw disk may hold anything: if it holds what other formats begin with, then either the user took it
 * for one of those, or a guest wants it to be taken for one the next time.
 */
static int check_format(const struct block_file *file, const char *path, char *why)
{
	uint8_t head[BLOCK_IMAGE_HEAD] = { 0 }, tail[BLOCK_IMAGE_TAIL] = { 0 };
	const char *format;

	if (pread(file->fd, head, sizeof(head), 0) < 0 ||
	    (file->size >= sizeof(tail) &&
	     pread(file->fd, tail, sizeof(tail), (off_t)(file->size - sizeof(tail))) < 0))
		return say(why, path, -errno, "%s", strerror(errno));
	format = block_image_guess(head, tail);
	if (!format)
		return 0;
	return say(why, path, -EINVAL,
		   "looks like a %s image (say format=%s, or format=raw if it is the bare disk)",
		   format, format);
}

int block_open(struct block **out, const struct block_options *options, char why[BLOCK_WHY])
{
	struct block_file file = { .fd = -1, .readonly = options->readonly, .name = options->path };
	int err;

	if (options->format && strcmp(options->format, "raw"))
		return block_image_open(out, options, why);
	err = host_open_file(&file, options->path, why);
	if (!err)
		err = lock_file(&file, options->path, why);
	if (!err)
		err = find_size(&file, options->path, why);
	if (!err && !options->format)
		err = check_format(&file, options->path, why);
	if (!err)
		err = check_size(&file, options->path, why);
	if (err) {
		if (file.fd >= 0)
			close(file.fd);
		return err;
	}
	err = block_make(out, &file, options);
	return err ? say(why, options->path, err, "%s", strerror(-err)) : 0;
}

static int host_uring(const struct block_file *file, unsigned entries, struct io_uring *ring)
{
	return io_uring_queue_init(entries, ring, 0);
}

static int host_submit(const struct block_file *file, struct io_uring *ring)
{
	return io_uring_submit(ring);
}

static ssize_t host_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset)
{
	ssize_t n = preadv(file->fd, iov, (int)iov_n, (off_t)offset);

	return n < 0 ? -errno : n;
}

static ssize_t host_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	ssize_t n = pwritev(file->fd, iov, (int)iov_n, (off_t)offset);

	return n < 0 ? -errno : n;
}

static int host_flush(const struct block_file *file)
{
	return fdatasync(file->fd) < 0 ? -errno : 0;
}

/* With EINTR nothing tells how far it got; doing it again is harmless. */
static int change_range(const struct block_file *file, int mode, uint64_t offset, uint64_t len)
{
	int err;

	do {
		err = fallocate(file->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	} while (err < 0 && errno == EINTR);
	return err < 0 ? -errno : 0;
}

static int change_device(const struct block_file *file, unsigned long request, uint64_t offset,
			 uint64_t len)
{
	uint64_t range[2] = { offset, len };

	return len > 0 && ioctl(file->fd, request, range) < 0 ? -errno : 0;
}

/* The whole sectors of the device in a range, whose sectors may be larger than the guest's. */
static void whole_sectors(const struct block_file *file, uint64_t offset, uint64_t len,
			  uint64_t *first, uint64_t *end)
{
	*first = (offset + file->sector - 1) / file->sector * file->sector;
	*end = (offset + len) / file->sector * file->sector;
	if (*end < *first)
		*first = *end = offset + len;
}

static int host_discard(const struct block_file *file, uint64_t offset, uint64_t len)
{
	uint64_t first, end;

	if (!file->device)
		return change_range(file, FALLOC_FL_PUNCH_HOLE, offset, len);
	/* Parts of sectors keep what they have: nobody minds. */
	whole_sectors(file, offset, len, &first, &end);
	return change_device(file, BLKDISCARD, first, end - first);
}

/* Where the file system knows no better way. */
static int write_zeroes(const struct block_file *file, uint64_t offset, uint64_t len)
{
	static const uint8_t zeroes[ZEROES_LEN];
	struct iovec iov[ZEROES_PARTS];

	while (len > 0) {
		uint64_t wish = len;
		unsigned parts = 0;
		ssize_t n;

		while (wish > 0 && parts < ZEROES_PARTS) {
			size_t part = wish < ZEROES_LEN ? (size_t)wish : ZEROES_LEN;

			iov[parts].iov_base = (void *)zeroes;
			iov[parts++].iov_len = part;
			wish -= part;
		}
		n = host_write(file, iov, parts, offset);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* The whole sectors by the device itself, parts of sectors by writing. */
static int zero_device(const struct block_file *file, uint64_t offset, uint64_t len)
{
	uint64_t first, end;
	int err;

	whole_sectors(file, offset, len, &first, &end);
	err = change_device(file, BLKZEROOUT, first, end - first);
	if (!err)
		err = write_zeroes(file, offset, first - offset);
	if (!err)
		err = write_zeroes(file, end, offset + len - end);
	return err;
}

static int host_zero(const struct block_file *file, uint64_t offset, uint64_t len, bool unmap)
{
	int err;

	if (file->device)
		err = zero_device(file, offset, len);
	else
		err = change_range(file, unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE,
				   offset, len);
	return err == -EOPNOTSUPP ? write_zeroes(file, offset, len) : err;
}

const struct block_system block_host = {
	.uring = host_uring,
	.submit = host_submit,
	.read = host_read,
	.write = host_write,
	.flush = host_flush,
	.discard = host_discard,
	.zero = host_zero,
};
