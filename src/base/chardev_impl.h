// SPDX-License-Identifier: MIT
/*
 * The inside of a character back-end, shared by chardev*.c and nobody else.
 *
 * Every kind is reduced to a stream to read and one to write (a socket's descriptor is duplicated for
 * that) with the same code between them and the user; what differs is where the two come from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/acceptor.h"
#include "base/chardev.h"
#include "base/socket_path.h"
#include "base/stream.h"

#define CHARDEV_PENDING 4096
/* With escapes more is read ahead: Ctrl-A x must be found behind what the user does not take. */
#define CHARDEV_PENDING_ESCAPE (1u << 20)

struct chardev {
	struct loop *loop;
	enum chardev_kind kind;
	bool escape;
	void (*quit)(void *arg);
	void *quit_arg;

	/* Output: any thread, under the lock. The watch is the loop's. */
	struct lock lock; /* LOCK_LEAF */
	struct stream out_stream; /* fd -1: nobody is there */
	uint8_t out[CHARDEV_BUFFER]; /* a ring of what the stream did not take yet */
	size_t out_at, out_n;
	uint64_t dropped;
	int error;
	struct loop_watch out_watch;
	struct loop_task out_task; /* watch out_stream */

	/* Input: the loop's thread. */
	struct chardev_user user;
	bool has_user;
	bool connected; /* closed() is due when it ends */
	struct stream in_stream;
	struct loop_watch in_watch; /* of it; fd -1: no input */
	bool in_ready; /* worth reading without waiting: not pollable, new, or the other end is gone */
	bool in_eof, in_hup;
	int in_error; /* why it could not be watched; see chardev_input_error() */
	bool escaped; /* Ctrl-A was the last byte */
	bool typed; /* escapes by a person, who cannot be made to wait */
	uint8_t *pending; /* read, but not taken by the user yet: [pending_at, pending_n) */
	size_t pending_at, pending_n, pending_room, pending_max;
	struct loop_task in_task; /* go on with input */

	/* Socket server. */
	struct acceptor acceptor; /* of one client at a time; socket.fd -1: none */
	char *path;
	struct socket_path served; /* a server's name of it */
};

/* Takes over the streams, either may be closed, and tells the user. The loop's thread. */
void chardev_connect(struct chardev *chardev, const struct stream *in, const struct stream *out);
/* Closes both and tells the user if it was connected. */
void chardev_disconnect(struct chardev *chardev);

/* Input. The loop's thread. */
int chardev_input_init(struct chardev *chardev) __attribute__((warn_unused_result));
void chardev_input_destroy(struct chardev *chardev);
/* The stream that is connected now; the user has been told. */
void chardev_input_open(struct chardev *chardev, const struct stream *in);
void chardev_input_begin(struct chardev *chardev);
/* Closes it; what the user did not take is lost. */
void chardev_input_close(struct chardev *chardev);

int chardev_socket_open(struct chardev *chardev, const struct chardev_options *options,
			const char **what) __attribute__((warn_unused_result));
int chardev_socket_adopt(struct chardev *chardev, int fd, const char **what)
	__attribute__((warn_unused_result));
void chardev_socket_close(struct chardev *chardev);
/* The client is gone or about to be: lets the next one in. */
void chardev_socket_listen(struct chardev *chardev);

/* Only one back-end may have standard input. 0 or -EBUSY. */
int chardev_stdio_open(struct chardev *chardev, const struct chardev_options *options,
		       const char **what) __attribute__((warn_unused_result));
void chardev_stdio_close(void);
