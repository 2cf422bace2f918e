// SPDX-License-Identifier: MIT
/*
 * A client of a machine's control socket: QMP, one command at a time. What the machine says is
 * checked and bounded; nothing waits for ever. One thread.
 */
#pragma once

#include "base/error.h"

struct json_object;
struct json_tokener;

struct watch_client {
	int fd;
	struct json_tokener *tokener;
};

/* target: the path of a socket. 0 or -errno with a line in err. */
int watch_client_open(struct watch_client *client, const char *target, struct error *err)
	__attribute__((warn_unused_result));
/*
 * args is borrowed, or NULL. What the machine returned goes to *result, the caller's to put back. 0;
 * -EPROTO with the machine's own words if it refuses; another -errno if it is gone or talks nonsense.
 */
int watch_client_command(struct watch_client *client, const char *command, struct json_object *args,
			 struct json_object **result, struct error *err)
	__attribute__((warn_unused_result));
void watch_client_close(struct watch_client *client);
