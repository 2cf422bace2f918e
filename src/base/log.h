// SPDX-License-Identifier: MIT
/*
 * Messages for the person who runs the program: one line each, "coalport: " in front, to standard
 * error. Any thread; a line is one write, so lines of two threads do not mix. A reader of standard error
 * who sleeps is waited for a second at most, then the line is lost; those behind it wait 100 ms. Nothing
 * that a guest does may call these without bound: use counters for the guest's doings.
 */
#pragma once

#include <stdbool.h>

/*
 * Makes a duplicate of fd standard error from now on (-D): what a library or a sanitizer has to say
 * goes there too, and no state is needed to remember it. 0 or -errno.
 */
int log_to(int fd) __attribute__((warn_unused_result));

/*
 * While standard output shows a screen: if standard error is the same terminal, what is written to
 * it (by a library or a sanitizer, too) is kept, and log_release() lets it out. Where the host
 * refuses that, it is not kept. One thread; log_release() is async-signal-safe, and twice is once.
 */
void log_hold(void);
void log_release(void);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Likewise, with "warning: " in front of the message. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on each line begins with the time, as QEMU's do. Any thread. */
void log_stamp(bool on);

/* 0, or -errno of the first line that could not be written. Any thread. */
int log_failure(void);
