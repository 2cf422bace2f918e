// SPDX-License-Identifier: MIT
/*
 * A client of a machine's control socket: QMP, one command at a time. What the machine says is
 * checked and bounded; nothing waits for ever. One thread.
 */
#pragma once

#include "base/error.h"

struct json_object;
struct watch_client;

/* target: a socket's path. 0, or -errno with one line of why. */
int watch_client_open(struct watch_client **client, const char *target, struct error *err)
	__attribute__((warn_unused_result));
/* NULL is ignored. */
void watch_client_close(struct watch_client *client);

/*
 * Gives a command and waits for its answer; events that come before it are passed over. arguments are
 * taken over and may be NULL; the caller puts back *result, if result is not NULL. 0; -EREMOTEIO: the
 * machine refuses, in its own words; another -errno: it is gone, or does not answer.
 */
int watch_client_command(struct watch_client *client, const char *command,
			 struct json_object *arguments, struct json_object **result,
			 struct error *err) __attribute__((warn_unused_result));
