// SPDX-License-Identifier: MIT
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void drop(struct replace *replace)
{
	free(replace->path);
	free(replace->beside);
	*replace = (struct replace){ 0 };
}

/* Where the content is to be: behind the links, if there are any. 0 or -errno. */
static int find_place(struct replace *replace, const char *path)
{
	struct stat st;

	replace->path = realpath(path, NULL);
	if (!replace->path && errno != ENOENT)
		return -errno;
	if (!replace->path)
		replace->path = strdup(path);
	if (!replace->path || asprintf(&replace->beside, "%s.tmp", replace->path) < 0) {
		replace->beside = NULL;
		return -ENOMEM;
	}
	if (stat(replace->path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

/* The file is still the one of that name, not one that its writer has put in its place meanwhile. */
static bool is_named(int fd, const char *path)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev &&
	       mine.st_ino == named.st_ino;
}

/* The file beside, locked, for us alone. Its descriptor or -errno. */
static int open_beside(const char *path)
{
	for (;;) {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
		int err;

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			err = errno == EWOULDBLOCK ? -EBUSY : -errno;
			close(fd);
			return err;
		}
		if (is_named(fd, path)) {
			if (ftruncate(fd, 0) == 0)
				return fd;
			err = -errno;
			close(fd);
			return err;
		}
		close(fd);
	}
}

int replace_begin(struct replace *replace, const char *path, struct error *err)
{
	int ret, fd;

	*replace = (struct replace){ 0 };
	ret = find_place(replace, path);
	if (ret) {
		drop(replace);
		return error_set(err, ret, "%s: %s", path,
				 ret == -EINVAL ? "not a regular file" : strerror(-ret));
	}
	fd = open_beside(replace->beside);
	if (fd < 0) {
		drop(replace);
		return error_set(err, fd, "%s.tmp: %s", path,
				 fd == -EBUSY ? "another process is writing it" : strerror(-fd));
	}
	replace->out = fdopen(fd, "w");
	if (!replace->out) {
		ret = -errno;
		close(fd);
		drop(replace);
		return error_set(err, ret, "%s: %s", path, strerror(-ret));
	}
	return 0;
}

int replace_commit(struct replace *replace, struct error *err)
{
	int ret = 0;

	errno = 0;
	if (ferror(replace->out) || fflush(replace->out) || fsync(fileno(replace->out)) < 0 ||
	    rename(replace->beside, replace->path) < 0)
		ret = error_set(err, errno ? -errno : -EIO, "%s: %s", replace->path,
				strerror(errno ? errno : EIO));
	if (ret) {
		replace_abandon(replace);
		return ret;
	}
	(void)fclose(replace->out); /* which gives back the lock: nothing is left to write */
	drop(replace);
	return 0;
}

void replace_abandon(struct replace *replace)
{
	(void)unlink(replace->beside); /* before the lock goes with the stream */
	(void)fclose(replace->out);
	drop(replace);
}
