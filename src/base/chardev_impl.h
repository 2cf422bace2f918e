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
#include "base/chardev_telnet.h"
#include "base/socket_path.h"
#include "base/stream.h"

#define CHARDEV_PENDING 4096
/* With escapes more is read ahead: Ctrl-A x must be found behind what the user does not take. */
#define CHARDEV_PENDING_ESCAPE (1u << 20)

struct chardev_dial;

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
	char *path; /* how messages name it, and of a Unix socket where it is */
	struct socket_path served; /* a server's name of it */
	bool server;
	bool eof_leaves; /* TCP: nothing tells a client that left from one that only listens */
	bool nodelay;
	bool speaks_telnet;
	struct chardev_telnet telnet; /* of the client that is there */
	struct chardev_dial *dial; /* a client that connects again, or NULL */

	/* Pseudo-terminal. */
	int master; /* -1: none */
	struct loop_watch opened_watch; /* tells that somebody may have opened it. fd -1: none */

	/* Ring buffer, under the lock. */
	uint8_t *ring;
	size_t ring_size, ring_at, ring_n;
};

/* The other end may leave and another one come: that is no end, and losing what it did not take no error. */
static inline bool chardev_comes_and_goes(const struct chardev *chardev)
{
	return chardev->kind == CHARDEV_SOCKET || chardev->kind == CHARDEV_PTY;
}

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
/* Serves at a socket that has its address; it is taken over unless this fails before the acceptor has it. */
int chardev_socket_serve(struct chardev *chardev, const struct chardev_options *options, int fd,
			 const char **what) __attribute__((warn_unused_result));
/* Takes over both descriptors of the other end. */
void chardev_socket_take(struct chardev *chardev, int fd, int copy);
/* Waits until fd can be written, -ECANCELED if cancel_fd (0: none) is readable first. 0 or -errno. */
int chardev_socket_wait_out(int fd, int cancel_fd) __attribute__((warn_unused_result));
void chardev_socket_close(struct chardev *chardev);
/* The client is gone or about to be: lets the next one in. */
void chardev_socket_listen(struct chardev *chardev);

/* A socket by TCP, or one that was inherited. */
int chardev_inet_open(struct chardev *chardev, const struct chardev_options *options,
		      const char **what) __attribute__((warn_unused_result));

/*
 * A client that tries again and again. The addresses are taken over in any case: list from getaddrinfo(),
 * or NULL for the Unix socket at path.
 */
struct addrinfo;
int chardev_dial_open(struct chardev *chardev, unsigned seconds, struct addrinfo *list)
	__attribute__((warn_unused_result));
/* The server is gone. */
void chardev_dial_again(struct chardev *chardev);
void chardev_dial_close(struct chardev *chardev);

int chardev_pty_open(struct chardev *chardev, const char **what)
	__attribute__((warn_unused_result));
void chardev_pty_close(struct chardev *chardev);
/* Whoever had it open has left: waits for the next. */
void chardev_pty_listen(struct chardev *chardev);
int chardev_pipe_open(struct chardev *chardev, const struct chardev_options *options,
		      const char **what) __attribute__((warn_unused_result));

int chardev_ringbuf_open(struct chardev *chardev, size_t size) __attribute__((warn_unused_result));
/* With the lock held. The oldest bytes make room. */
void chardev_ringbuf_put(struct chardev *chardev, const uint8_t *bytes, size_t len);

/* Only one back-end may have standard input. 0 or -EBUSY. */
int chardev_stdio_open(struct chardev *chardev, const struct chardev_options *options,
		       const char **what) __attribute__((warn_unused_result));
void chardev_stdio_close(void);
