// SPDX-License-Identifier: MIT
/*
 * Waking a thread that waits in poll() or epoll: an eventfd. However often it is given before it is
 * taken, it is taken once. Owned by whoever embeds it. Giving is for any thread and never blocks;
 * the rest is for one thread at a time.
 */
#pragma once

#include <stdint.h>

struct wake {
	int fd; /* readable (EPOLLIN) between a give and the take that follows */
};

/* 0 or -errno. */
int wake_init(struct wake *wake) __attribute__((warn_unused_result));
void wake_destroy(struct wake *wake);
/* 0, or -errno if the host refused and nobody is woken. */
int wake_give(const struct wake *wake) __attribute__((warn_unused_result));
/* 0, also if nothing was given; or -errno: then the descriptor stays readable. */
int wake_take(const struct wake *wake) __attribute__((warn_unused_result));
