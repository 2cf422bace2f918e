// SPDX-License-Identifier: MIT
/*
 * Writing a file that others read at any time: they find the old content or the new one, whole. What is
 * written goes to a file beside it, which takes its place at the end. There is one such file for each
 * name, NAME.tmp, which is locked while somebody writes it: what a killed writer left is used again.
 *
 * Owned by one thread. Between begin and the end that is commit or abandon nothing else is to be done.
 */
#pragma once

#include <stdio.h>

#include "base/error.h"

struct replace {
	FILE *out; /* what to write to */
	char *path, *beside;
};

/*
 * path may be a link, which stays; what is there must be a regular file or nothing. 0, or -errno with a
 * line that names the path: -EBUSY if another process writes the same.
 */
int replace_begin(struct replace *replace, const char *path, struct error *err)
	__attribute__((warn_unused_result));
/* All of it is on the disk and under its name; or the old content stays: -errno with a line. */
int replace_commit(struct replace *replace, struct error *err) __attribute__((warn_unused_result));
/* As if nothing had been written. */
void replace_abandon(struct replace *replace);
