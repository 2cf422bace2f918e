// SPDX-License-Identifier: MIT
/*
 * Unix sockets that we serve under a name in the file system: binding takes a name that is free or a
 * dead server's, and removing takes it away only if it is still ours. Owned by one thread.
 */
#pragma once

#include <sys/types.h>

struct socket_path {
	const char *path; /* borrowed */
	dev_t dev; /* of the socket that we made, */
	ino_t ino; /* 0: none */
};

/*
 * Makes the socket fd known as path. 0 or -errno: -EEXIST: something else is there, -EBUSY: another
 * process serves it, -ENAMETOOLONG.
 */
int socket_path_bind(struct socket_path *socket_path, const char *path, int fd)
	__attribute__((warn_unused_result));
/* Nothing to do if it was never bound, or for one that is all zero. */
void socket_path_remove(struct socket_path *socket_path);
