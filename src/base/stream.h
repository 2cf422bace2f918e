// SPDX-License-Identifier: MIT
/*
 * Reading and writing without ever waiting for the other end, on descriptors that others share with
 * us. Standard input and output belong to the shell and to other programs as well, so O_NONBLOCK is
 * not ours to set on them. What is done instead depends on what the descriptor is:
 *
 *	socket			each call says MSG_DONTWAIT
 *	pipe, terminal, ...	is opened a second time, with O_NONBLOCK for us alone
 *	file, block device	is used as it is: it has no other end
 *	one that we may not	a thread does the waiting (base/relay.h)
 *	open again
 *
 * A stream belongs to its owner, who keeps threads apart. The process must ignore SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct relay;

enum stream_way { STREAM_INPUT, STREAM_OUTPUT };

struct stream {
	int fd; /* to poll; -1: closed */
	bool socket;
	struct relay *relay; /* NULL: none */
};

/* How long stream_write_all() is patient. */
struct stream_patience {
	int64_t idle; /* ns in which nobody takes a byte */
	int64_t until; /* CLOCK_MONOTONIC; CLOCK_NEVER: no limit to the whole */
	int cancel_fd; /* readable: no more patience. -1: none */
};

/* How long poll() may wait: milliseconds, -1: for ever, 0: no longer. */
int stream_patience_ms(const struct stream_patience *patience);

/* A stream for what fd stands for, which stays the caller's. 0 or -errno: -EBADF if fd is closed. */
int stream_share(struct stream *stream, int fd, enum stream_way way)
	__attribute__((warn_unused_result));
/* Takes over a descriptor that nobody else has and that is a file or does not block. */
void stream_own(struct stream *stream, int fd);
/* Nothing to do for one that is closed. What a relay still has it goes on to hand out. */
void stream_close(struct stream *stream);

/* Bytes, 0 at the end of input, or -errno: -EAGAIN if there is nothing now, or no room. */
ssize_t stream_read(const struct stream *stream, void *bytes, size_t len);
ssize_t stream_write(const struct stream *stream, const void *bytes, size_t len);

/*
 * Nothing will be written any more. 0 if all is handed out (or never will be: see stream_error()), or
 * the poll() event of fd that is worth waiting for before this is asked again.
 */
short stream_finish(const struct stream *stream);
/* 0, or -errno of what failed behind the back of stream_write(). Any thread. */
int stream_error(const struct stream *stream);

/* All of it, and stream_finish(). 0 or -errno: -ETIMEDOUT if patience ended. Waits. */
int stream_write_all(const struct stream *stream, const void *bytes, size_t len,
		     const struct stream_patience *patience) __attribute__((warn_unused_result));
