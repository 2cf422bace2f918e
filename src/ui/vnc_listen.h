// SPDX-License-Identifier: MIT
/*
 * Where a VNC server listens, and who comes in there. Owned by one thread.
 */
#pragma once

#include <sys/socket.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/socket_path.h"
#include "ui/vnc.h"

struct vnc_listener {
	struct loop_watch watch; /* fd -1: it does not listen; ready and arg are the owner's */
	struct socket_path served; /* a Unix socket's name */
	struct ui_vnc_end end;
	bool open_to_others; /* than this host */
};

/*
 * Listens at one address (options->path), or the first free port of [first, last]. 0, or -errno with
 * one line. watch is not watched yet.
 */
int vnc_listen_unix(struct vnc_listener *listener, const char *path, struct error *err)
	__attribute__((warn_unused_result));
int vnc_listen_tcp(struct vnc_listener *listener, const char *host, uint32_t first, uint32_t last,
		   struct error *err) __attribute__((warn_unused_result));
/* The port of a TCP listener. */
uint32_t vnc_listen_port(const struct vnc_listener *listener);
/* One that waits: a descriptor that does not block, and who it is; or -errno, -EAGAIN: nobody. */
int vnc_listen_accept(struct vnc_listener *listener, struct ui_vnc_end *end);
/* Is not watched any more. Nothing to do for one whose watch.fd is -1. */
void vnc_listen_close(struct vnc_listener *listener);
