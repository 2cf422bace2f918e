// SPDX-License-Identifier: MIT
/*
 * A thread that waits in our place: it copies between a descriptor that may block for ever and a
 * small socket pair, whose other end never does. For streams (base/stream.h) and nobody else.
 *
 * The thread cannot be called back from a read or a write that waits, so its owner does not wait for
 * it but leaves it behind: it lives on what it has, and ends when the other end moves, at the latest
 * with the process. An input relay that is left behind may take one more piece of input.
 */
#pragma once

#include <stdbool.h>

struct relay;

/*
 * Copies from or, with output, to a duplicate of fd. *end becomes the socket to use, which the caller
 * closes before relay_leave(). 0 or -errno.
 */
int relay_start(struct relay **out, int *end, int fd, bool output)
	__attribute__((warn_unused_result));
void relay_leave(struct relay *relay);
/* 0, or -errno of what ended it; final once the socket reads as ended. Any thread. */
int relay_error(struct relay *relay);
