// SPDX-License-Identifier: MIT
/*
 * Character back-ends: where the bytes of a serial port, a debug console or a monitor go and come
 * from. Output may be given on any thread and never waits for who reads it; a back-end whose other end
 * is slow keeps at most CHARDEV_BUFFER bytes and then drops, counted, and so does one whose other end
 * is gone. A chip that can pace its guest looks at chardev_room() first and loses nothing. Input
 * arrives on the loop's thread.
 *
 * The terminal of stdio is put into raw mode while used and restored by chardev_destroy(), by signals
 * that tell of a crash (threads must not block these), and by chardev_restore_terminal(), which is
 * async-signal-safe. The process must ignore SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/stream.h"

#define CHARDEV_BUFFER   65536
#define CHARDEV_LEAVE    256
#define CHARDEV_NAME_MAX 2200 /* of chardev_describe(): two hosts as long as they may be */

struct chardev;

/*
 * Who uses the back-end. All on the loop's thread, no lock held; none may destroy the back-end. Each
 * may be NULL: without room() everything is taken, without receive() it is thrown away.
 */
struct chardev_user {
	size_t (*room)(void *arg); /* bytes that receive() would take now */
	void (*receive)(void *arg, const uint8_t *bytes, size_t len); /* len <= room() */
	/* A client connected. At once for one that is there, or for back-ends without clients. */
	void (*opened)(void *arg);
	/* The client left, or standard input ended; after its last byte was received. */
	void (*closed)(void *arg);
	/* All that was buffered has been handed out, or is lost: chardev_room() is at its largest. */
	void (*drained)(void *arg);
	/* Ctrl-A h, of a back-end with escapes. NULL: the help is written to it. */
	void (*help)(void *arg);
	/* The other end sent a break, by telnet; it overtakes what is not received yet. */
	void (*broke)(void *arg);
	void *arg;
};

enum chardev_kind {
	CHARDEV_NULL,
	CHARDEV_STDIO,
	CHARDEV_FILE,
	CHARDEV_SOCKET,
	CHARDEV_CONNECTED, /* a socket whose other end is there already; when it leaves, that was all */
	CHARDEV_PTY, /* a new pseudo-terminal, whose other end may be opened, left and opened again */
	CHARDEV_PIPE, /* FIFOs path.in and path.out, or path for both */
	CHARDEV_RINGBUF, /* memory that keeps the last output, for chardev_ringbuf_read() */
};

/* Which of the two a host's name may stand for. */
enum chardev_family { CHARDEV_ANY, CHARDEV_IPV4, CHARDEV_IPV6 };

#define CHARDEV_RINGBUF_SIZE 65536 /* if nobody says */
#define CHARDEV_RINGBUF_MAX  (64u << 20)

struct chardev_options {
	enum chardev_kind kind;
	const char *path; /* FILE: made or emptied. SOCKET: of the Unix kind. PIPE. Copied */
	const struct file_output *file; /* FILE: duplicated, instead of opening path; or NULL */
	/* SOCKET: by TCP instead; "" is any address of this host. Looked up once, which may wait. */
	const char *host, *port; /* the port a number */
	unsigned to; /* server: or the first port that is free, up to this one; 0: port alone */
	enum chardev_family family;
	bool nodelay; /* TCP: small pieces are sent at once */
	bool telnet; /* the other end is a telnet (chardev_telnet.h) */
	/*
	 * SOCKET: a client that is not let in, or whose server has left, tries again after so many
	 * seconds, and chardev_open() does not wait for the first time. 0: it does, once.
	 */
	unsigned reconnect;
	/*
	 * CONNECTED: taken over if chardev_open() succeeds. SOCKET without path and host: one that
	 * listens (server) or is connected; taken over likewise.
	 */
	int fd;
	size_t size; /* RINGBUF: a power of two, up to CHARDEV_RINGBUF_MAX */
	bool server; /* SOCKET: listen; else connect */
	bool wait; /* SOCKET server: chardev_open blocks until a client is there ... */
	/* ... or this descriptor is readable: -ECANCELED. So does connecting to a busy server. 0: none */
	int cancel_fd;
	bool signals; /* STDIO: Ctrl-C still sends SIGINT */
	/*
	 * STDIO: Ctrl-A x quits, Ctrl-A h helps, Ctrl-A Ctrl-A sends Ctrl-A. At a terminal they are seen
	 * however much was typed before: beyond 1 MiB that the user does not take, keys are lost and
	 * it beeps.
	 */
	bool escape;
	void (*quit)(void *arg); /* for escape */
	void *quit_arg;
};

/*
 * Makes and opens a back-end. 0 or -errno, with *what naming the step that failed ("bind", "open").
 * -EBUSY: standard input belongs to another back-end, or another process listens on the socket.
 * A socket file that nobody listens on is replaced; any other file is left alone (-EEXIST). A server
 * talks to one client at a time, the next one is let in when it has left; where the host refuses to
 * (no descriptors, no memory), it is told once and tried again. A client waits up to 5 s for a server
 * whose queue is full: -ETIMEDOUT.
 */
int chardev_open(struct chardev **out, struct loop *loop, const struct chardev_options *options,
		 const char **what) __attribute__((warn_unused_result));
/* Without a user (NULL) input waits. On the loop's thread. */
void chardev_set_user(struct chardev *chardev, const struct chardev_user *user);
/* Any thread; the caller's locks rank below LOCK_LEAF. */
void chardev_write(struct chardev *chardev, const void *bytes, size_t len);
/*
 * What it is, as QEMU's query-chardev calls it: "stdio", "pty:/dev/pts/4",
 * "disconnected:tcp:localhost:4444,server=on". On the loop's thread.
 */
void chardev_describe(const struct chardev *chardev, char *name, size_t size);
/* Somebody uses it. On the loop's thread. */
bool chardev_has_user(const struct chardev *chardev);
/* RINGBUF: takes up to len of the oldest bytes that are kept. How many. Any thread. */
size_t chardev_ringbuf_read(struct chardev *chardev, void *bytes, size_t len);
/* How many bytes chardev_write() takes now without dropping any. Any thread. */
size_t chardev_room(struct chardev *chardev);
/* A client may come when this one has left. */
bool chardev_serves(const struct chardev *chardev);
/* The user has room again: input that was held back may come. Any thread. */
void chardev_accept_input(struct chardev *chardev);
/* Bytes dropped because nobody took them. Any thread. */
uint64_t chardev_dropped(struct chardev *chardev);
/*
 * 0, or -errno of the first output that failed for good: -ENOSPC (full disk), -EPIPE (reader gone),
 * -EBADF (closed standard output). A client that leaves a socket is no error. Any thread.
 */
int chardev_error(struct chardev *chardev);
/* 0, or -errno: the host does not let us wait for input, which has ended by that. On the loop's thread. */
int chardev_input_error(const struct chardev *chardev);
/*
 * No more output will follow: waits until all that is buffered in the n back-ends (of which some may be
 * NULL) has been handed out or patience ends. On the loop's thread while the loop does not run.
 */
void chardev_finish(struct chardev *const *chardevs, size_t n,
		    const struct stream_patience *patience);
/* After chardev_finish(): something is left that nobody took. */
bool chardev_unread(struct chardev *chardev);
/*
 * Restores the terminal, removes the socket file and frees; what is still buffered is lost. On the loop's
 * thread or after it; no other thread may be using the back-end.
 */
void chardev_destroy(struct chardev *chardev);
/*
 * From now on the terminal that the back-end of kind STDIO has put into raw mode shows a screen.
 * What is written goes to it as it is, newlines too; messages wait until it is restored
 * (log_hold()), and before that it is sent leave, if it takes it: at most CHARDEV_LEAVE bytes,
 * copied. On the loop's thread.
 */
void chardev_show_screen(const void *leave, size_t len);
/* How often the process went on after it was stopped: the screen is not what it was. */
unsigned chardev_continued(void);
/* Async-signal-safe. Nothing happens if no terminal is in raw mode. */
void chardev_restore_terminal(void);
