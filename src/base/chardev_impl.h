// SPDX-License-Identifier: MIT
/*
 * The inside of a character back-end, shared by chardev*.c and nobody else.
 *
 * Every kind is reduced to a descriptor to read and one to write (a socket's is duplicated for that)
 * with the same code between them and the user; what differs is where the two come from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/chardev.h"

#define CHARDEV_PENDING 4096

struct chardev {
	struct loop *loop;
	enum chardev_kind kind;
	bool escape;
	void (*quit)(void *arg);
	void *quit_arg;

	/* Output: any thread, under the lock. The watch is the loop's. */
	struct lock lock; /* LOCK_LEAF */
	int out_fd; /* -1: nobody is there */
	uint8_t out[CHARDEV_BUFFER]; /* a ring of what out_fd did not take yet */
	size_t out_at, out_n;
	uint64_t dropped;
	int error;
	struct loop_watch out_watch;
	struct loop_task out_task; /* watch out_fd */

	/* Input: the loop's thread. */
	struct chardev_user user;
	bool has_user;
	bool connected; /* closed() is due when it ends */
	struct loop_watch in_watch; /* fd -1: no input */
	bool in_ready; /* read without waiting: not pollable, or the other end is gone */
	bool in_eof, in_hup;
	bool escaped; /* Ctrl-A was the last byte */
	uint8_t pending[CHARDEV_PENDING]; /* read, but not taken by the user yet */
	size_t pending_n;
	struct loop_task in_task; /* go on with input */

	/* Socket server. */
	struct loop_watch listen_watch; /* fd -1: none */
	char *path;
	dev_t dev; /* of our socket file, so that a successor's is not removed */
	ino_t ino;
};

/* Takes over the descriptors, either may be -1, and tells the user. The loop's thread. */
void chardev_connect(struct chardev *chardev, int in_fd, int out_fd);
/* Closes both and tells the user if it was connected. */
void chardev_disconnect(struct chardev *chardev);

int chardev_socket_open(struct chardev *chardev, const struct chardev_options *options,
			const char **what) __attribute__((warn_unused_result));
void chardev_socket_close(struct chardev *chardev);
/* The client is gone or about to be: lets the next one in. */
void chardev_socket_listen(struct chardev *chardev);

/* Only one back-end may have standard input. 0 or -EBUSY. */
int chardev_stdio_open(struct chardev *chardev, const struct chardev_options *options,
		       const char **what) __attribute__((warn_unused_result));
void chardev_stdio_close(void);
