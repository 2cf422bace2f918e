// SPDX-License-Identifier: MIT
/*
 * Character back-ends: where the bytes of a serial port, a debug console or a monitor go and come
 * from. Output may be given on any thread and never blocks a vCPU for longer than a write to the
 * host does; a back-end whose other end is slow or gone keeps at most CHARDEV_BUFFER bytes and then
 * drops, counted. Input arrives on the loop's thread.
 *
 * The terminal of stdio is put into raw mode while used and restored by chardev_destroy() and by
 * chardev_restore_terminal(), which is async-signal-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/loop.h"

#define CHARDEV_BUFFER 65536

struct chardev;

/* Who uses the back-end. All on the loop's thread, no lock held. Each may be NULL. */
struct chardev_user {
	size_t (*room)(void *arg); /* bytes that receive() would take now */
	void (*receive)(void *arg, const uint8_t *bytes, size_t len);
	void (*opened)(void *arg); /* a client connected (at once for back-ends without clients) */
	void (*closed)(void *arg);
	void *arg;
};

enum chardev_kind { CHARDEV_NULL, CHARDEV_STDIO, CHARDEV_FILE, CHARDEV_SOCKET };

struct chardev_options {
	enum chardev_kind kind;
	const char *path; /* FILE, SOCKET */
	bool server; /* SOCKET: listen; else connect */
	bool wait; /* SOCKET server: chardev_open blocks until a client is there */
	bool signals; /* STDIO: Ctrl-C still sends SIGINT */
	bool escape; /* STDIO: Ctrl-A x quits, Ctrl-A h helps, Ctrl-A Ctrl-A sends Ctrl-A */
	void (*quit)(void *arg); /* for escape */
	void *quit_arg;
};

/* Makes and opens a back-end. 0 or -errno, with *what naming the step that failed ("bind", "open"). */
int chardev_open(struct chardev **out, struct loop *loop, const struct chardev_options *options,
		 const char **what) __attribute__((warn_unused_result));
void chardev_set_user(struct chardev *chardev, const struct chardev_user *user);
void chardev_write(struct chardev *chardev, const void *bytes, size_t len);
/* The user has room again: input that was held back may come. Any thread. */
void chardev_accept_input(struct chardev *chardev);
/* Bytes dropped because nobody took them. */
uint64_t chardev_dropped(const struct chardev *chardev);
/* Tries to hand out what is buffered, for at most 100 ms, then frees. */
void chardev_destroy(struct chardev *chardev);
void chardev_restore_terminal(void);
