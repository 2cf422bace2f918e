// SPDX-License-Identifier: MIT
/*
 * Leaving the terminal (-daemonize), the root folder (-chroot) and the user (-runas), in QEMU's order and
 * words. The process that was started waits until the machine is ready, and ends with 0, or 1 if it failed,
 * which has been said by then. Before any other thread is there; then on the loop's.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct cmd_options;

struct cmd_daemon {
	int ready_fd; /* to whoever waits; -1: nobody does */
	bool changes_user;
	const char *user; /* its name; NULL: numbers were given */
	uid_t uid;
	gid_t gid;
	bool null_stderr; /* there is no -D */
};

/*
 * Looks up the user, makes paths absolute that are needed after the folder has changed, and forks. 0: this
 * process is the one to run the machine, 1: it is not, and *status is what it should end with. -errno: refused.
 */
int cmd_daemon_begin(struct cmd_daemon *daemon, struct cmd_options *options, int *status,
		     struct error *err) __attribute__((warn_unused_result));
/* All is open: leaves what is to be left, and tells who waits. 0 or -errno. */
int cmd_daemon_ready(struct cmd_daemon *daemon, const struct cmd_options *options,
		     struct error *err) __attribute__((warn_unused_result));
