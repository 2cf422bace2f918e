// SPDX-License-Identifier: MIT
#include "cmd/pidfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* Of a process number with spaces around it, as other programs write it. */
#define CONTENT_MAX 32
/* Each time somebody else removes the file between our looking at it and our locking it. */
#define TRIES 100

static int say(const struct cmd_pidfile *pidfile, int code, const char *why, struct error *err)
{
	return error_set(err, code, "%s: %s", pidfile->path, why);
}

static bool holds_number(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return false;
	while (isdigit((unsigned char)*text))
		text++;
	while (isspace((unsigned char)*text))
		text++;
	return !*text;
}

static int pidfile_open(struct cmd_pidfile *pidfile)
{
	int flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	pidfile->ours = false;
	pidfile->fd = open(pidfile->path, flags);
	if (pidfile->fd >= 0 || errno != ENOENT)
		return pidfile->fd < 0 ? -errno : 0;
	pidfile->fd = open(pidfile->path, flags | O_CREAT | O_EXCL, 0644);
	pidfile->ours = pidfile->fd >= 0;
	return pidfile->fd < 0 ? -errno : 0;
}

/* The file that has the name now is the one that we have open. */
static bool still_there(const struct cmd_pidfile *pidfile)
{
	struct stat mine, there;

	return !fstat(pidfile->fd, &mine) && !stat(pidfile->path, &there) &&
	       mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

/* -ESTALE: it was removed meanwhile, look again. */
static int pidfile_try(struct cmd_pidfile *pidfile, struct error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[CONTENT_MAX + 1] = "";
	struct stat st;
	ssize_t n;
	int ret = pidfile_open(pidfile);

	if (ret)
		return ret == -EEXIST ? -ESTALE : say(pidfile, ret, strerror(-ret), err);
	if (fstat(pidfile->fd, &st))
		return say(pidfile, -errno, strerror(errno), err);
	if (!S_ISREG(st.st_mode))
		return say(pidfile, -EINVAL, "not a regular file", err);
	if (fcntl(pidfile->fd, F_OFD_SETLK, &lock)) {
		ret = -errno;
		return say(pidfile, ret,
			   ret == -EAGAIN || ret == -EACCES ? "another machine uses it"
							    : strerror(-ret),
			   err);
	}
	if (!still_there(pidfile))
		return -ESTALE;
	n = pread(pidfile->fd, text, sizeof(text), 0);
	if (n < 0)
		return say(pidfile, -errno, strerror(errno), err);
	if (n > CONTENT_MAX || (n && (strlen(text) != (size_t)n || !holds_number(text))))
		return say(pidfile, -EEXIST, "holds something else than a process number", err);
	return 0;
}

int cmd_pidfile_claim(struct cmd_pidfile *pidfile, const char *path, struct error *err)
{
	int ret = -ESTALE;

	*pidfile = (struct cmd_pidfile){ .path = path, .fd = -1 };
	for (unsigned i = 0; ret == -ESTALE && i < TRIES; i++) {
		ret = pidfile_try(pidfile, err);
		if (ret && pidfile->fd >= 0) {
			close(pidfile->fd); /* not ours to remove */
			pidfile->fd = -1;
		}
	}
	return ret == -ESTALE ? say(pidfile, ret, "others keep removing it", err) : ret;
}

int cmd_pidfile_write(struct cmd_pidfile *pidfile, struct error *err)
{
	if (ftruncate(pidfile->fd, 0) < 0)
		return say(pidfile, -errno, strerror(errno), err);
	pidfile->ours = true;
	if (dprintf(pidfile->fd, "%ld\n", (long)getpid()) < 0)
		return say(pidfile, -errno, strerror(errno), err);
	return 0;
}

/* Unless somebody has put another file in its place. */
static int pidfile_remove(const struct cmd_pidfile *pidfile)
{
	struct stat mine, there;

	if (fstat(pidfile->fd, &mine) || lstat(pidfile->path, &there))
		return errno == ENOENT ? 0 : -errno;
	if (mine.st_dev != there.st_dev || mine.st_ino != there.st_ino)
		return 0;
	return unlink(pidfile->path) ? -errno : 0;
}

void cmd_pidfile_release(struct cmd_pidfile *pidfile)
{
	int ret;

	if (pidfile->fd < 0)
		return;
	ret = pidfile->ours ? pidfile_remove(pidfile) : 0;
	if (ret)
		log_warn("%s is left behind: %s", pidfile->path, strerror(-ret));
	close(pidfile->fd);
	pidfile->fd = -1;
}
