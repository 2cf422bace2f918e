// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "board/report.h"
#include "cmd/print.h"
#include "cmd/run_impl.h"

/* For those who read the last output: until nobody takes any of it, or after a signal in all. */
#define IDLE_MAX     NS_PER_SEC
#define SIGNALED_MAX (300 * NS_PER_MS)

/* How long the last output may take: after a signal all of it together. */
static struct stream_patience patience_of(struct run *run)
{
	if (run->signaled && !run->until)
		run->until = clock_monotonic() + SIGNALED_MAX;
	return (struct stream_patience){
		.idle = IDLE_MAX,
		.until = run->until ? run->until : CLOCK_NEVER,
		.cancel_fd = run->signal_fd,
	};
}

static int print_end(struct run *run, struct cmd_print *print, const struct cmd_file *file)
{
	const struct stream_patience patience = patience_of(run);
	int ret = cmd_print_end(print, file ? &file->file : NULL, &patience);

	if (!ret)
		return 0;
	run->stdout_told = !file;
	return run_refuse(file ? file->path : "standard output", cmd_print_why(ret));
}

int run_print_report(struct run *run)
{
	const struct cmd_options *options = run->options;
	enum report_form form = options->exits == CMD_EXITS_JSON ? REPORT_JSON : REPORT_TEXT;
	const char *name = options->exits_file;
	struct cmd_print print;
	int ret, status;

	if (options->exits == CMD_EXITS_NONE || options->exits == CMD_EXITS_OFF)
		return 0;
	ret = cmd_print_begin(&print);
	if (ret)
		return run_refuse("-exits", strerror(-ret));
	ret = machine_report(&run->pc.machine, print.to, form);
	status = print_end(run, &print, name ? cmd_files_find(&run->files, "-exits", name) : NULL);
	return ret ? run_refuse("-exits", strerror(-ret)) : status;
}

int run_list_waits(struct run *run)
{
	struct cmd_print print;
	int ret = cmd_print_begin(&print);

	if (!ret)
		ret = machine_list_waits(&run->pc.machine, print.to);
	return ret ? run_refuse("-machine", strerror(-ret)) : print_end(run, &print, NULL);
}

void run_finish_chardevs(struct run *run)
{
	const struct stream_patience patience = patience_of(run);

	chardev_finish(run->chardevs, run->options->chardevs_n, &patience);
	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		const char *shown = run->options->chardevs[i].shown;

		if (run->chardevs[i] && chardev_unread(run->chardevs[i]))
			log_warn("%s: the last output was not read",
				 shown ? shown : "standard output");
	}
}

int run_check_chardevs(struct run *run)
{
	int status = 0;

	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		const char *shown = run->options->chardevs[i].shown;
		int ret = run->chardevs[i] ? chardev_error(run->chardevs[i]) : 0;

		if (!ret)
			continue;
		if (shown)
			status = run_refuse(shown, strerror(-ret));
		else if (!run->stdout_told)
			status = run_refuse("standard output", strerror(-ret));
	}
	return status;
}

int run_tell_chardev(struct run *run, const struct cmd_chardev *said, struct chardev *chardev)
{
	char name[CHARDEV_NAME_MAX];
	struct cmd_print print;
	int ret;

	if (said->options.kind != CHARDEV_PTY)
		return 0;
	ret = cmd_print_begin(&print);
	if (ret)
		return run_refuse(said->shown, strerror(-ret));
	chardev_describe(chardev, name, sizeof(name));
	fprintf(print.to, "char device redirected to %s (label %s)\n", name + strlen("pty:"),
		said->label);
	return print_end(run, &print, NULL);
}

static ssize_t qtest_log_write(void *cookie, const char *bytes, size_t len)
{
	chardev_write(cookie, bytes, len);
	return (ssize_t)len;
}

int run_open_qtest_log(struct run *run, const char *path)
{
	const struct chardev_options options = {
		.kind = CHARDEV_FILE,
		.path = path,
		.file = &cmd_files_find(&run->files, "-qtest-log", path)->file,
	};
	const char *what;
	int ret = chardev_open(&run->qtest_log_out, &run->loop, &options, &what);

	if (ret)
		return run_refuse(path, strerror(-ret));
	run->qtest_log = fopencookie(run->qtest_log_out, "w",
				     (cookie_io_functions_t){ .write = qtest_log_write });
	return run->qtest_log ? 0 : run_refuse(path, strerror(errno));
}

int run_close_qtest_log(struct run *run)
{
	const struct stream_patience patience = patience_of(run);
	int ret;

	if (run->qtest_log)
		fclose(run->qtest_log);
	if (!run->qtest_log_out)
		return 0;
	chardev_finish(&run->qtest_log_out, 1, &patience);
	ret = chardev_error(run->qtest_log_out);
	chardev_destroy(run->qtest_log_out);
	return ret ? run_refuse(run->options->qtest_log, strerror(-ret)) : 0;
}
