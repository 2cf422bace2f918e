// SPDX-License-Identifier: MIT
/*
 * A client of a machine's monitor (QMP): of our own machines by the control socket that each of them
 * has, or of any program that speaks QMP at a path.
 *
 * The other end is not trusted: an answer has at most WATCH_CLIENT_LINE bytes and 64 levels, comes
 * within the client's patience, and is JSON by the letter. After an error that is no refusal the
 * connection is of no more use but to be closed.
 *
 * The calls wait. One thread at a time.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct json_object;
struct watch_client;

#define WATCH_CLIENT_LINE     (32u << 20)
#define WATCH_CLIENT_PATIENCE 5000 /* ms, unless another one is set */

/*
 * target: a path (it has a slash), a process's number, a machine's -name, or NULL for the only machine
 * there is. 0, or -errno with one line of why.
 */
int watch_client_open(struct watch_client **client, const char *target, struct error *err)
	__attribute__((warn_unused_result));
/* On a socket that is connected already, which it takes over. what: its name in messages. */
int watch_client_adopt(struct watch_client **client, int fd, const char *what, struct error *err)
	__attribute__((warn_unused_result));
/* NULL is ignored. */
void watch_client_close(struct watch_client *client);
void watch_client_set_patience(struct watch_client *client, int ms);

/*
 * Gives a command and waits for its answer; events that come before it are passed over. arguments are
 * taken over and may be NULL; the caller puts back *result, if result is not NULL. 0; -EREMOTEIO: the
 * machine refuses, in its own words; -ECONNRESET: it is gone; -ETIMEDOUT; -EPROTO: this is no QMP.
 */
int watch_client_command(struct watch_client *client, const char *command,
			 struct json_object *arguments, struct json_object **result,
			 struct error *err) __attribute__((warn_unused_result));

/* Readable between commands: something has come, or the other end is gone. */
int watch_client_fd(const struct watch_client *client);
/* The process at the other end, or 0. */
int watch_client_pid(const struct watch_client *client);
/* What it is called in messages: the path, or "coalport/PID". */
const char *watch_client_name(const struct watch_client *client);

/* Calls found() with the number of each process that has a control socket. 0 or -errno. */
int watch_client_each(void (*found)(void *arg, int pid), void *arg)
	__attribute__((warn_unused_result));
