// SPDX-License-Identifier: MIT
#include "base/socket_path.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The address is ours to bind if it is free or a dead server's socket. */
static int clear_path(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* Without waiting: a live server whose queue is full answers EAGAIN. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED)
		return -EBUSY;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

int socket_path_bind(struct socket_path *socket_path, const char *path, int fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	struct stat st;
	int err;

	*socket_path = (struct socket_path){ .path = path };
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, len);
	err = clear_path(&addr);
	if (err)
		return err;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	socket_path->dev = st.st_dev;
	socket_path->ino = st.st_ino;
	return 0;
}

void socket_path_remove(struct socket_path *socket_path)
{
	struct stat st;

	if (socket_path->ino && !lstat(socket_path->path, &st) && st.st_dev == socket_path->dev &&
	    st.st_ino == socket_path->ino)
		unlink(socket_path->path);
	socket_path->ino = 0;
}
