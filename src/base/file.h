// SPDX-License-Identifier: MIT
/*
 * Opening files by name: for output, always the same way and never waiting, and reading small ones
 * whole. No state; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/stream.h"

/* A file opened for writing. Nothing that was in it is touched. */
struct file_output {
	int fd;
	bool shared; /* it is our standard output or error: the description is others', too */
	struct stat st;
};

/*
 * Opens path for writing behind its end, and makes it if it is not there. Regular files, FIFOs that
 * somebody reads, terminals and other character devices will do. What standard output or standard
 * error has open already ("/dev/stderr") is used through that. 0, or -errno with err telling path and
 * reason.
 */
int file_open_output(struct file_output *out, const char *path, struct error *err)
	__attribute__((warn_unused_result));
/*
 * Locks it against other machines, as long as the descriptor or a duplicate is open. 0; -EBUSY: one has
 * it. What cannot be locked, or is shared, is not.
 */
int file_lock_output(const struct file_output *out) __attribute__((warn_unused_result));
/* Takes away what was in it, if it is a file of its own. 0 or -errno. */
int file_empty_output(const struct file_output *out) __attribute__((warn_unused_result));
/* A stream to it, by a descriptor of its own. 0 or -errno. */
int file_stream_output(const struct file_output *out, struct stream *stream)
	__attribute__((warn_unused_result));
void file_close_output(struct file_output *out);

/*
 * The content of a regular file, allocated, *len bytes and a NUL behind them. 0 or -errno: -EINVAL: not a
 * regular file, -EFBIG: more than max (then *len says how many), -EIO: it became shorter meanwhile.
 */
int file_read_whole(const char *path, size_t max, uint8_t **bytes, size_t *len)
	__attribute__((warn_unused_result));
