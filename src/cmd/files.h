// SPDX-License-Identifier: MIT
/*
 * The files that a run writes to (-D, -exits, -qtest-log, file: back-ends): all of them are opened and
 * looked at before any of them is emptied, so that a start that is refused has destroyed nothing, and
 * none is also a file that the machine reads. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "cmd/options.h"

/* What cmd_files_find() knows those by. */
#define CMD_FILE_LOG     "-D"
#define CMD_FILE_EXITS   "-exits"
#define CMD_FILE_QTEST   "-qtest-log"
#define CMD_FILE_BACKEND "a file: back-end"

struct cmd_file {
	const char *option, *path; /* borrowed; the option as messages name it */
	struct file_output file;
	bool append; /* what is in it stays */
	bool others; /* appended to: another machine does so, too */
};

struct cmd_files {
	struct cmd_file *all;
	size_t n, room;
	int stderr_before; /* what -D has replaced; -1: nothing */
};

void cmd_files_init(struct cmd_files *files);
/*
 * Opens all that the options name. Refused: what file_open_output() refuses, a regular file that another
 * machine writes to, one that has two uses here or is what standard output or error is directed to,
 * too. From then on messages go to the file of -D; but if a machine that runs writes to the same, not
 * before cmd_files_begin(). bios is the path of the firmware. 0 or -errno.
 */
int cmd_files_open_all(struct cmd_files *files, const struct cmd_options *options, const char *bios,
		       struct error *err) __attribute__((warn_unused_result));
/* Nothing can fail any more: empties those that are not appended to. 0 or -errno. */
int cmd_files_begin(struct cmd_files *files, struct error *err) __attribute__((warn_unused_result));
/* One that was opened for an option with a path, or NULL. */
const struct cmd_file *cmd_files_find(const struct cmd_files *files, const char *option,
				      const char *path);
/*
 * Standard error is again what it was before -D. Tells of lines that could not be written: 1, the status
 * that the program should end with, or 0.
 */
int cmd_files_end_log(struct cmd_files *files);
void cmd_files_close(struct cmd_files *files);
