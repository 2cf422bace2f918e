// SPDX-License-Identifier: MIT
#include "cmd/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_print_begin(struct cmd_print *print)
{
	*print = (struct cmd_print){ 0 };
	print->to = open_memstream(&print->text, &print->len);
	return print->to ? 0 : -errno;
}

int cmd_print_end(struct cmd_print *print, const struct file_output *file,
		  const struct stream_patience *patience)
{
	struct stream stream = { .fd = -1 };
	int ret = fclose(print->to) ? -errno : 0;

	if (!ret)
		ret = file ? file_stream_output(file, &stream)
			   : stream_share(&stream, STDOUT_FILENO, STREAM_OUTPUT);
	if (!ret)
		ret = stream_write_all(&stream, print->text, print->len, patience);
	stream_close(&stream);
	free(print->text);
	*print = (struct cmd_print){ 0 };
	return ret;
}

const char *cmd_print_why(int err)
{
	return err == -ETIMEDOUT ? "nobody reads it" : strerror(-err);
}
