// SPDX-License-Identifier: MIT
#include "dev/block_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "dev/block_engine.h"
#include "dev/block_nbd.h"

#define DAEMON  "qemu-storage-daemon"
#define PACKAGE "qemu-system-common"

/* What images of a format begin with, or end with, by QEMU's names. */
static const struct image_mark {
	const char *format;
	size_t at;
	bool in_tail;
	const char *bytes;
	size_t len;
} image_marks[] = {
	{ "qcow2", 0, false, "QFI\xfb", 4 }, /* version 1, "qcow", has the same */
	{ "qed", 0, false, "QED\0", 4 },
	{ "vmdk", 0, false, "KDMV", 4 },
	{ "vmdk", 0, false, "COWD", 4 },
	{ "vmdk", 0, false, "# Disk DescriptorFile", 21 },
	{ "vdi", 0x40, false, "\x7f\x10\xda\xbe", 4 },
	{ "vpc", 0, false, "conectix", 8 },
	{ "vpc", 0, true, "conectix", 8 }, /* of fixed size */
	{ "vhdx", 0, false, "vhdxfile", 8 },
	{ "parallels", 0, false, "WithoutFreeSpace", 16 },
	{ "parallels", 0, false, "WithouFreSpacExt", 16 },
	{ "luks", 0, false, "LUKS\xba\xbe", 6 },
	{ "dmg", 0, true, "koly", 4 },
};

/* What Debian's daemon reads; luks would need a secret. */
static const char *const image_formats[] = { "raw", "qcow2", "qcow",      "qed",   "vmdk",  "vdi",
					     "vpc", "vhdx",  "parallels", "bochs", "cloop", "dmg" };

struct block_image {
	struct block_nbd nbd;
	struct child daemon;
};

const char *block_format_known(const char *format)
{
	for (size_t i = 0; i < sizeof(image_formats) / sizeof(image_formats[0]); i++) {
		if (!strcmp(format, image_formats[i]))
			return image_formats[i];
	}
	return NULL;
}

const char *block_image_guess(const uint8_t head[BLOCK_IMAGE_HEAD],
			      const uint8_t tail[BLOCK_IMAGE_TAIL])
{
	for (size_t i = 0; i < sizeof(image_marks) / sizeof(image_marks[0]); i++) {
		const struct image_mark *mark = &image_marks[i];
		const uint8_t *bytes = mark->in_tail ? tail : head;

		if (!memcmp(bytes + mark->at, mark->bytes, mark->len))
			return mark->format;
	}
	return NULL;
}

static int image_no_uring(const struct block_file *file, unsigned entries, struct io_uring *ring)
{
	return -EOPNOTSUPP;
}

static int image_no_submit(const struct block_file *file, struct io_uring *ring)
{
	return -EOPNOTSUPP;
}

static struct block_nbd *image_nbd(const struct block_file *file)
{
	struct block_image *image = file->arg;

	return &image->nbd;
}

static ssize_t image_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	return block_nbd_read(image_nbd(file), iov, iov_n, offset);
}

static ssize_t image_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			   uint64_t offset)
{
	return block_nbd_write(image_nbd(file), iov, iov_n, offset);
}

static int image_flush(const struct block_file *file)
{
	return block_nbd_flush(image_nbd(file));
}

static int image_discard(const struct block_file *file, uint64_t offset, uint64_t len)
{
	return block_nbd_discard(image_nbd(file), offset, len);
}

static int image_zero(const struct block_file *file, uint64_t offset, uint64_t len, bool unmap)
{
	return block_nbd_zero(image_nbd(file), offset, len, unmap);
}

static void image_close(const struct block_file *file)
{
	struct block_image *image = file->arg;

	/* In this order: the daemon writes what it still has when its client has gone. */
	block_nbd_close(&image->nbd);
	(void)child_end(&image->daemon, NULL, 0);
	free(image);
}

static const struct block_system block_image = {
	.uring = image_no_uring,
	.submit = image_no_submit,
	.read = image_read,
	.write = image_write,
	.flush = image_flush,
	.discard = image_discard,
	.zero = image_zero,
	.close = image_close,
};

/*
 * A listening socket and the one connection to it that there will be: its name is gone from the file
 * system before anybody serves it.
 */
static int make_sockets(int *listening, int *connected)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/coalport-XXXXXX";
	int err = 0;

	*listening = *connected = -1;
	if (!mkdtemp(folder))
		return -errno;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/nbd", folder);
	*listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listening < 0 || *connected < 0 ||
	    bind(*listening, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(*listening, 1) < 0 ||
	    connect(*connected, (struct sockaddr *)&name, sizeof(name)) < 0)
		err = -errno;
	unlink(name.sun_path);
	rmdir(folder);
	if (err && *listening >= 0)
		close(*listening);
	if (err && *connected >= 0)
		close(*connected);
	return err;
}

/* A value for QEMU's options, where a comma ends it and two are one. Allocated; NULL: no memory. */
static char *double_commas(const char *value)
{
	char *doubled = malloc(2 * strlen(value) + 1), *to = doubled;

	for (; doubled && *value; value++) {
		*to++ = *value;
		if (*value == ',')
			*to++ = ',';
	}
	if (doubled)
		*to = '\0';
	return doubled;
}

static int start_daemon(struct child *daemon, const struct block_options *options, int listening)
{
	const char *writable = options->readonly ? "off" : "on";
	const char *readonly = options->readonly ? "on" : "off";
	char *path = double_commas(options->path), *disk = NULL, server[64], export[64];
	const char *argv[] = { DAEMON, "--blockdev", NULL,   "--nbd-server",
			       server, "--export",   export, NULL };
	int err = -ENOMEM;

	snprintf(server, sizeof(server), "addr.type=fd,addr.str=%d,max-connections=1", CHILD_FD);
	snprintf(export, sizeof(export), "nbd,id=disk,node-name=disk,name=,writable=%s", writable);
	if (path && asprintf(&disk,
			     "driver=%s,node-name=disk,read-only=%s,discard=unmap,"
			     "file.driver=file,file.filename=%s",
			     options->format, readonly, path) > 0) {
		argv[2] = disk;
		err = child_start(daemon, argv, listening);
	}
	free(path);
	free(disk);
	return err;
}

/* The last line of what the daemon said, without its name and the option that it repeats. */
static void image_say(char why[BLOCK_WHY], const char *path, char *said, const char *otherwise)
{
	char *line = said, *end, *lock = strstr(said, "lock\n");

	if (lock) {
		snprintf(why, BLOCK_WHY, "%.300s: %s", path,
			 "locked by another process (is it open in another machine?)");
		return;
	}
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	for (char *part; (part = strstr(line, ": "));)
		line = part + 2;
	snprintf(why, BLOCK_WHY, "%.200s: %.280s", path, *line ? line : otherwise);
}

/* The daemon serves, or has said why not. */
static int image_serve(struct block_image *image, const struct block_options *options,
		       uint64_t *size, char why[BLOCK_WHY])
{
	char said[1024], reason[BLOCK_WHY];
	int listening, connected, err;

	err = make_sockets(&listening, &connected);
	if (err) {
		snprintf(why, BLOCK_WHY, "%.300s: a socket in /tmp: %s", options->path,
			 strerror(-err));
		return err;
	}
	err = start_daemon(&image->daemon, options, listening);
	close(listening);
	if (err) {
		close(connected);
		snprintf(why, BLOCK_WHY, "%.200s: format=%.20s needs " DAEMON ": %s%s",
			 options->path, options->format, strerror(-err),
			 err == -ENOENT ? " (install the package " PACKAGE ")" : "");
		return err;
	}
	err = block_nbd_open(&image->nbd, connected, options->readonly, size, reason);
	if (err) {
		child_end(&image->daemon, said, sizeof(said));
		image_say(why, options->path, said, reason);
	}
	return err;
}

int block_image_open(struct block **out, const struct block_options *options, char why[BLOCK_WHY])
{
	struct block_file file = { .fd = -1, .readonly = options->readonly, .name = options->path };
	struct block_options own = *options;
	int err;

	err = block_host_check(&file, options->path, why);
	if (err)
		return err;
	file.device = false; /* the daemon's business */
	file.arg = calloc(1, sizeof(struct block_image));
	if (!file.arg) {
		snprintf(why, BLOCK_WHY, "%.300s: %s", options->path, strerror(ENOMEM));
		return -ENOMEM;
	}
	err = image_serve(file.arg, options, &file.size, why);
	if (err) {
		free(file.arg);
		return err;
	}
	if (file.size == 0 || file.size % BLOCK_SECTOR != 0) {
		snprintf(why, BLOCK_WHY, "%.300s: %llu bytes are no disk's size", options->path,
			 (unsigned long long)file.size);
		image_close(&file);
		return -EINVAL;
	}
	own.system = &block_image;
	err = block_make(out, &file, &own);
	if (err)
		snprintf(why, BLOCK_WHY, "%.300s: %s", options->path, strerror(-err));
	return err;
}
