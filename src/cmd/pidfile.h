// SPDX-License-Identifier: MIT
/*
 * -pidfile: a file that holds the number of the process while the machine runs. A lock tells one that is
 * in use from one that a killed machine left behind. One thread.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct cmd_pidfile {
	const char *path; /* borrowed */
	int fd; /* -1: none; else open and locked */
	bool ours; /* made or written by us, so that we remove it */
};

/*
 * Opens and locks it and changes nothing but that it is made if it is not there. Refused: what is no
 * regular file, holds anything but a process number, or is locked by another machine. 0 or -errno.
 */
int cmd_pidfile_claim(struct cmd_pidfile *pidfile, const char *path, struct error *err)
	__attribute__((warn_unused_result));
/* Writes our number. 0 or -errno. */
int cmd_pidfile_write(struct cmd_pidfile *pidfile, struct error *err)
	__attribute__((warn_unused_result));
/* Removes it if it is ours, and lets go of it. Nothing to do for fd -1. */
void cmd_pidfile_release(struct cmd_pidfile *pidfile);
