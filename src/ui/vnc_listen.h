// SPDX-License-Identifier: MIT
/*
 * Where a VNC server listens, and who comes in there. Owned by one thread.
 */
#pragma once

#include <sys/socket.h>

#include "base/acceptor.h"
#include "base/error.h"
#include "base/socket_path.h"
#include "ui/vnc.h"

struct vnc_listener {
	struct acceptor acceptor; /* name, let_in and arg are the owner's to fill in */
	struct ui_vnc *vnc; /* the owner */
	struct socket_path served; /* a Unix socket's name */
	struct ui_vnc_end end; /* websocket is the owner's */
	bool open_to_others; /* than this host */
};

/*
 * Takes one address (options->path), or the first free port of [first, last]. 0, or -errno with one
 * line. The acceptor does not listen yet.
 */
int vnc_listen_unix(struct vnc_listener *listener, struct loop *loop, const char *path,
		    struct error *err) __attribute__((warn_unused_result));
int vnc_listen_tcp(struct vnc_listener *listener, struct loop *loop, const char *host,
		   uint32_t first, uint32_t last, struct error *err)
	__attribute__((warn_unused_result));
/* The port of a TCP listener. */
uint32_t vnc_listen_port(const struct vnc_listener *listener);
/* One that waits: a descriptor that does not block, and who it is; or -errno, -EAGAIN: nobody. */
int vnc_listen_accept(struct vnc_listener *listener, struct ui_vnc_end *end);
void vnc_listen_close(struct vnc_listener *listener);
