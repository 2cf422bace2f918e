// SPDX-License-Identifier: MIT
/*
 * Text for standard output or a file while signals that end the program are blocked: it is made in
 * memory and then handed out without ever waiting for longer than is said. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/file.h"
#include "base/stream.h"

struct cmd_print {
	FILE *to; /* what is printed goes here */
	char *text;
	size_t len;
};

/* 0 or -errno. */
int cmd_print_begin(struct cmd_print *print) __attribute__((warn_unused_result));
/*
 * Hands it out, to file or, with NULL, to standard output, and frees. 0 or -errno:
 * -ETIMEDOUT if nobody took it.
 */
int cmd_print_end(struct cmd_print *print, const struct file_output *file,
		  const struct stream_patience *patience) __attribute__((warn_unused_result));
/* Why it did not get out, in words. */
const char *cmd_print_why(int err);
