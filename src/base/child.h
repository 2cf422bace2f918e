// SPDX-License-Identifier: MIT
/*
 * Another program that serves this one and does not outlive it: it gets SIGTERM when the thread that
 * started it ends, however that happens (prctl(2), PR_SET_PDEATHSIG). So it is started by a thread that
 * stays. Owned by the caller; one thread at a time.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Where the program finds the descriptor that it is handed. */
#define CHILD_FD 3

struct child {
	pid_t pid;
	int said; /* what it writes to standard error; more than a pipe holds is lost. -1: that is shared */
};

/*
 * Starts argv[0], which is looked for in PATH, with standard input and output at /dev/null and a
 * duplicate of fd as CHILD_FD. It is out of the terminal's reach: Ctrl-C is for us to hand on. 0, or -errno:
 * -ENOENT if there is no such program. Ends with child_end().
 */
int child_start(struct child *child, const char *const argv[], int fd)
	__attribute__((warn_unused_result));
/*
 * The same of one that does a part of this program's work and ends by itself: its standard output is a
 * duplicate of out, and it has our standard error and our terminal, so that Ctrl-C is for both. Ends with
 * child_wait().
 */
int child_run(struct child *child, const char *const argv[], int out)
	__attribute__((warn_unused_result));
/* Waits until it has ended. The status as waitpid() has it. */
int child_wait(struct child *child);
/*
 * Asks it to end, waits until it has, and copies the end of what it said, NUL behind it, into text (len
 * bytes; NULL: nobody asks). The status as waitpid() has it.
 */
int child_end(struct child *child, char *text, size_t len);
