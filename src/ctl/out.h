// SPDX-License-Identifier: MIT
/*
 * Output of a session of ctl: replies must arrive whole, however slowly the client reads, so what
 * the back-end has no room for waits here, up to a limit. Belongs to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/chardev.h"

struct ctl_out {
	struct chardev *chardev; /* borrowed */
	char *bytes; /* what waits: [at, n) */
	size_t at, n, room;
	size_t limit; /* bytes that may wait */
};

void ctl_out_init(struct ctl_out *out, struct chardev *chardev, size_t limit);
void ctl_out_destroy(struct ctl_out *out);
/* All of it or, beyond the limit or out of memory, nothing: false. */
bool ctl_out_write(struct ctl_out *out, const char *bytes, size_t len);
/* The back-end has room again: gives it more. */
void ctl_out_go_on(struct ctl_out *out);
/* Something waits: no time to take another command. */
bool ctl_out_waits(const struct ctl_out *out);
/* The client is gone, and with it what it did not read. */
void ctl_out_forget(struct ctl_out *out);
