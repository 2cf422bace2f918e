// SPDX-License-Identifier: MIT
/*
 * Messages for the person who runs the program: one line each, "coalport: " in front, to standard
 * error or to the file of -D. Any thread. Nothing that a guest does may call these without bound:
 * use counters for the guest's doings.
 */
#pragma once

/* Sends messages to the file, appending. 0 or -errno. Call before other threads exist. */
int log_to_file(const char *path) __attribute__((warn_unused_result));

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
