// SPDX-License-Identifier: MIT
#include "watch/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 65536u
#define DEPTH 16 /* a record has six */

int watch_recording_take(struct watch_recording *recording, FILE *file, struct error *err)
{
	*recording = (struct watch_recording){ .file = file, .line = 1 };
	recording->tokener = json_tokener_new_ex(DEPTH);
	recording->chunk = malloc(CHUNK);
	if (recording->tokener && recording->chunk)
		return 0;
	watch_recording_close(recording);
	return error_set(err, -ENOMEM, "out of memory");
}

int watch_recording_open(struct watch_recording *recording, const char *path, struct error *err)
{
	FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
	struct stat st;
	int code;

	*recording = (struct watch_recording){ 0 };
	if (file && !fstat(fileno(file), &st) && !S_ISDIR(st.st_mode))
		return watch_recording_take(recording, file, err);
	code = file ? -EISDIR : -errno;
	if (file && file != stdin)
		(void)fclose(file);
	return error_set(err, code, "%s: %s", path, strerror(-code));
}

/* Makes sure that there is something to look at. 1, 0 at the end of the file, or -errno. */
static int fill(struct watch_recording *recording)
{
	if (recording->at < recording->n)
		return 1;
	recording->at = 0;
	errno = 0;
	recording->n = fread(recording->chunk, 1, CHUNK, recording->file);
	if (recording->n)
		return 1;
	return ferror(recording->file) ? (errno ? -errno : -EIO) : 0;
}

/* 1 with the first byte of a record ahead, else as above. */
static int skip_blanks(struct watch_recording *recording)
{
	int ret;

	while ((ret = fill(recording)) == 1) {
		char c = recording->chunk[recording->at];

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
		recording->line += c == '\n';
		recording->at++;
	}
	return ret;
}

/* One JSON text into *root. 1, or -errno with err set. */
static int read_text(struct watch_recording *recording, struct json_object **root,
		     struct error *err)
{
	size_t bytes = 0, brackets = 0;
	uint64_t begun = recording->line;

	json_tokener_reset(recording->tokener);
	for (;;) {
		int ret = fill(recording);
		enum json_tokener_error error;
		size_t used;

		if (ret < 0)
			return error_set(err, ret, "%s", strerror(-ret));
		if (!ret)
			return error_set(err, -ENODATA, "line %" PRIu64 ": ends within a record",
					 begun);
		/* Before the parser makes objects of them. */
		for (size_t i = recording->at; i < recording->n; i++)
			brackets += recording->chunk[i] == '[' || recording->chunk[i] == '{';
		bytes += recording->n - recording->at;
		if (bytes > WATCH_RECORD_BYTES + CHUNK || brackets > WATCH_RECORD_BRACKETS + CHUNK)
			return error_set(err, -E2BIG,
					 "line %" PRIu64 ": a record of more than %u MB", begun,
					 WATCH_RECORD_BYTES >> 20);
		*root = json_tokener_parse_ex(recording->tokener, recording->chunk + recording->at,
					      (int)(recording->n - recording->at));
		error = json_tokener_get_error(recording->tokener);
		used = error == json_tokener_continue
			       ? recording->n - recording->at
			       : json_tokener_get_parse_end(recording->tokener);
		for (size_t i = 0; i < used; i++)
			recording->line += recording->chunk[recording->at + i] == '\n';
		recording->at += used;
		if (error == json_tokener_success)
			return 1;
		if (error != json_tokener_continue)
			return error_set(err, -EINVAL, "line %" PRIu64 ": no JSON: %s",
					 recording->line, json_tokener_error_desc(error));
	}
}

int watch_recording_next(struct watch_recording *recording, struct watch_snapshot *out,
			 struct error *err)
{
	struct json_object *root = NULL;
	struct error why;
	uint64_t line;
	int ret = skip_blanks(recording);

	*out = (struct watch_snapshot){ 0 };
	if (ret < 0)
		return error_set(err, ret, "%s", strerror(-ret));
	if (!ret)
		return 0;
	line = recording->line;
	/* A number or a word has no end that one could tell, and is no record. */
	if (recording->chunk[recording->at] != '{')
		return error_set(err, -EINVAL, "line %" PRIu64 ": no record", line);
	ret = read_text(recording, &root, err);
	if (ret < 0)
		return ret;
	ret = watch_snapshot_parse(out, root, &why);
	json_object_put(root);
	if (ret)
		return error_set(err, ret, "line %" PRIu64 ": %.250s", line, why.text);
	recording->record++;
	return 1;
}

void watch_recording_close(struct watch_recording *recording)
{
	if (recording->file && recording->file != stdin)
		(void)fclose(recording->file);
	if (recording->tokener)
		json_tokener_free(recording->tokener);
	free(recording->chunk);
	*recording = (struct watch_recording){ 0 };
}
