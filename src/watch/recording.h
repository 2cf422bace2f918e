// SPDX-License-Identifier: MIT
/*
 * Reading a file of records, one after the other: a recording may be larger than memory. Whether a record
 * is on one line or on many does not matter. Who wrote the file is a stranger: a record has a limit.
 *
 * The owner opens, reads on one thread, and closes. Reading a pipe waits for its writer.
 */
#pragma once

#include <stdio.h>

#include "watch/snapshot.h"

#define WATCH_RECORD_BYTES (16u << 20) /* of one record */
/* Objects and arrays of one record: with the bytes, this bounds the memory at some 500 MB. */
#define WATCH_RECORD_BRACKETS (1u << 20)

struct json_tokener;

struct watch_recording {
	FILE *file;
	struct json_tokener *tokener;
	char *chunk;
	size_t at, n; /* of the chunk: what was not looked at yet */
	uint64_t line; /* that the next byte is on, from 1 */
	uint64_t record; /* how many were read */
};

/* path "-": standard input. 0 or -errno, with a line in err that names the file. */
int watch_recording_open(struct watch_recording *recording, const char *path, struct error *err)
	__attribute__((warn_unused_result));
/* The file becomes the recording's, also in failure. */
int watch_recording_take(struct watch_recording *recording, FILE *file, struct error *err)
	__attribute__((warn_unused_result));
/*
 * The next record, to be freed. 1; 0 at the end; or, with a line in err that names the place but not the
 * file: -ENODATA if the file ends within a record, as one does whose writer was killed (what came before
 * is good), -EINVAL or -E2BIG for what is no record, -errno of reading. Nothing can be read after that.
 */
int watch_recording_next(struct watch_recording *recording, struct watch_snapshot *out,
			 struct error *err) __attribute__((warn_unused_result));
void watch_recording_close(struct watch_recording *recording);
