// SPDX-License-Identifier: MIT
/*
 * A socket that listens, and those who come there. It is watched on a loop; whoever waits is let in by its
 * owner. What the host refuses (no descriptor, no memory) is told once and tried again ACCEPTOR_RETRY_MS
 * later: until then those who wait stay in the queue, of which the loop would hear without end.
 *
 * Belongs to the loop's thread, or to any while the loop does not run.
 */
#pragma once

#include <stdbool.h>

#include "base/loop.h"

#define ACCEPTOR_RETRY_MS 100

struct acceptor {
	const char *name; /* borrowed: before its messages */
	/*
	 * Takes one who waits, with accept(2), which does not block. 0, or -errno: -EAGAIN, -EINTR and
	 * -ECONNABORTED: there is none; any other: the host refuses. It may call acceptor_pause(), but not
	 * acceptor_close().
	 */
	int (*let_in)(void *arg);
	void *arg;

	/* Its own. */
	struct loop *loop;
	struct loop_watch socket; /* fd -1: there is none */
	struct loop_watch again; /* a timer's descriptor: to listen again */
	bool told; /* of a failure, since it last went well */
};

/*
 * name, let_in and arg are filled in; fd is a socket that listens and does not block. It belongs to the
 * acceptor if this returns 0; else, with -errno, socket.fd is -1. Nobody is let in yet.
 */
int acceptor_init(struct acceptor *acceptor, struct loop *loop, int fd)
	__attribute__((warn_unused_result));
/* Nothing to do for one whose socket.fd is -1. */
void acceptor_close(struct acceptor *acceptor);

/* From now on whoever comes is let in. Saying it twice changes nothing. */
void acceptor_listen(struct acceptor *acceptor);
/* From now on whoever comes waits, until acceptor_listen(). */
void acceptor_pause(struct acceptor *acceptor);
/*
 * For who listens while the loop does not run: waits until somebody comes or it is time to try again, and
 * does what is due then. 0, -ECANCELED as soon as cancel_fd (-1: none) can be read, or -errno.
 */
int acceptor_wait(struct acceptor *acceptor, int cancel_fd) __attribute__((warn_unused_result));

/* Warns of a failure, and of what follows from it, unless that was done since it last went well. */
void acceptor_tell(struct acceptor *acceptor, int error, const char *next);
/* It went well: the next failure is worth a word. Not by itself, since owners differ in what that is. */
void acceptor_went_well(struct acceptor *acceptor);
