// SPDX-License-Identifier: MIT
/*
 * Messages for the person who runs the program: one line each, "coalport: " in front, to standard
 * error. Any thread; a line is one write, so lines of two threads do not mix. Nothing that a guest
 * does may call these without bound: use counters for the guest's doings.
 */
#pragma once

/*
 * Makes the file standard error from now on, appending to it (-D): what a library or a sanitizer has
 * to say goes there too, and no state is needed to remember it. 0 or -errno.
 */
int log_to_file(const char *path) __attribute__((warn_unused_result));

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Likewise, with "warning: " in front of the message. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
