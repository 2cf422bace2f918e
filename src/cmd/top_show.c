// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/top_face.h"
#include "cmd/top_impl.h"

/* Showing */

static struct watch_screen_input top_input(struct top *top)
{
	return (struct watch_screen_input){
		.interval = top->shown.compared ? &top->shown.interval : NULL,
		.whole = top->shown.any ? &top->shown.whole : NULL,
		.target = top->options.target ? top->options.target : "the only machine",
		.note = top->note[0] ? top->note : NULL,
	};
}

void top_draw(struct top *top)
{
	const struct watch_screen_input input = top_input(top);
	unsigned columns, rows;

	if (!top->faced)
		return;
	top_face_size(&columns, &rows);
	watch_screen_render(&top->screen, &input, &top->state, columns, rows);
	top->dirty = !top_face_draw(&top->screen);
	if (top->dirty)
		timer_arm(&top->look, clock_monotonic() + 100 * NS_PER_MS);
}

/* What is printed reached nobody. */
static void top_output_failed(struct top *top)
{
	char why[ERROR_SIZE];

	(void)snprintf(why, sizeof(why), "standard output: %s", strerror(errno ? errno : EIO));
	top_end(top, 1, why);
}

static void top_count(struct top *top)
{
	if (++top->printed == top->options.count)
		top_end(top, 0, NULL);
}

static void top_print(struct top *top)
{
	const struct watch_screen_input input = top_input(top);

	watch_screen_render(&top->screen, &input, &top->state, WATCH_SCREEN_COLUMNS, 0);
	errno = 0;
	if (top->printed)
		putchar('\n');
	for (size_t y = 0; y < top->screen.lines_n; y++) {
		const struct watch_screen_line *line = &top->screen.lines[y];

		for (size_t i = line->first; i < line->first + line->n; i++)
			fwrite(top->screen.text + top->screen.spans[i].at, 1,
			       top->screen.spans[i].n, stdout);
		putchar('\n');
	}
	if (fflush(stdout) || ferror(stdout))
		top_output_failed(top);
	else
		top_count(top);
}

/* Records */

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

static void top_keep_line(struct top *top, char *line)
{
	size_t n = strlen(line);
	char why[ERROR_SIZE];
	int ret;

	if (top->recording.fd >= 0) {
		line[n] = '\n'; /* instead of its end: there is no line without one in the file */
		ret = write_all(top->recording.fd, line, n + 1);
		line[n] = '\0';
		if (ret) {
			(void)snprintf(why, sizeof(why), "%s: %s", top->options.record,
				       strerror(-ret));
			top_end(top, 1, why);
		}
	}
	if (!top->options.json)
		return;
	errno = 0;
	if (puts(line) == EOF || fflush(stdout))
		top_output_failed(top);
	else
		top_count(top);
}

static void view_free(struct view *view)
{
	if (view->any)
		watch_snapshot_free(&view->whole);
	if (view->compared)
		watch_snapshot_free(&view->interval);
	*view = (struct view){ 0 };
}

/* A new record comes to be the one that is shown. It belongs to the view then. */
static void top_show(struct top *top, struct watch_snapshot *whole, struct watch_snapshot *interval)
{
	view_free(&top->shown);
	top->shown.any = true;
	top->shown.whole = *whole;
	if (interval) {
		top->shown.interval = *interval;
		top->shown.compared = true;
	}
	top_draw(top);
	if (!top->faced && !top->options.json && (interval || top->state.whole))
		top_print(top);
}

void top_record(struct top *top, struct watch_answer *answer)
{
	struct watch_snapshot interval = { 0 }, whole;
	bool compared = false;
	struct error err;

	if (answer->line)
		top_keep_line(top, answer->line);
	/* A difference to an empty one is a copy. */
	if (top->heard && !top->state.frozen)
		compared = !watch_snapshot_diff(&interval, &answer->snapshot, &top->last, &err);
	if (top->heard)
		watch_snapshot_free(&top->last);
	top->last = answer->snapshot;
	top->heard = true;
	if (top->state.frozen)
		return;
	if (watch_snapshot_copy(&whole, &top->last)) {
		if (compared)
			watch_snapshot_free(&interval);
		top_end(top, 1, "out of memory");
		return;
	}
	top_show(top, &whole, compared ? &interval : NULL);
}

bool top_open_recording(struct top *top)
{
	struct error err;
	int ret;

	top->recording.fd = -1;
	if (!top->options.record)
		return true;
	if (file_open_output(&top->recording, top->options.record, &err)) {
		log_error("top: %s", err.text);
		return false;
	}
	ret = file_lock_output(&top->recording);
	if (!ret)
		ret = file_empty_output(&top->recording);
	if (ret)
		log_error("top: %s: %s", top->options.record,
			  ret == -EBUSY ? "another program writes to it" : strerror(-ret));
	return !ret;
}

void top_forget(struct top *top)
{
	view_free(&top->shown);
	if (top->heard)
		watch_snapshot_free(&top->last);
	watch_screen_free(&top->screen);
}
