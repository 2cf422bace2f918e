// SPDX-License-Identifier: MIT
#include "ctl/line.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/library.h"

#define EDIT_CALLS(call)                                                                           \
	call(el_init_fd) call(el_end) call(el_set) call(el_get) call(el_gets) call(el_line)        \
		call(el_insertstr) call(history_init) call(history_end) call(history)

#define EDIT_SYMBOL(name) LIBRARY_SYMBOL(struct edit_calls, name)

struct edit_calls {
	EDIT_CALLS(LIBRARY_MEMBER)
};

static const struct library_symbol edit_symbols[] = { EDIT_CALLS(EDIT_SYMBOL) };

static const struct library edit_library = {
	.file = "libedit.so.2",
	.package = "libedit2",
	.symbols = edit_symbols,
	.symbols_n = sizeof(edit_symbols) / sizeof(edit_symbols[0]),
};

#define ESC      0x1b
#define BEEP     "\a"
#define KEYS_MAX 16 /* of a sequence that one key sends */

/*
 * libedit and the library of terminals below it keep some kilobytes of each editor for good; whoever looks
 * for leaks of ours is not to see them.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define LEAKS_EXPECTED(yes) ((yes) ? __lsan_disable() : __lsan_enable())
#endif
#endif
#ifndef LEAKS_EXPECTED
#define LEAKS_EXPECTED(yes) ((void)0)
#endif

/* The same for every line: libedit's callbacks are given nothing else. */
static struct edit_calls edit;

struct ctl_line {
	struct ctl_line_user user;
	const char *prompt;
	void *library;
	EditLine *edit;
	History *history;
	FILE *in, *out; /* libedit wants them: nothing, and user.write() */
	/*
	 * It also wants a terminal to set the modes of. A pseudo terminal that nobody reads or writes is
	 * one.
	 */
	int terminal, terminal_end;
	bool silent; /* what is written now goes nowhere */
	uint8_t keys[KEYS_MAX]; /* of one key, not taken by libedit yet: [keys_at, keys_n) */
	size_t keys_at, keys_n;
	char text[CTL_LINE_MAX];
};

/* What libedit calls */

static struct ctl_line *line_of(EditLine *el)
{
	void *line = NULL;

	edit.el_get(el, EL_CLIENTDATA, &line);
	return line;
}

static char *line_prompt(EditLine *el)
{
	return (char *)(uintptr_t)line_of(el)->prompt;
}

/* 1, or 0 at the end: it is only asked while there is something. */
static int next_key(EditLine *el, wchar_t *out)
{
	struct ctl_line *line = line_of(el);

	if (line->keys_at == line->keys_n)
		return 0;
	*out = line->keys[line->keys_at++];
	return 1;
}

static void line_write(struct ctl_line *line, const char *bytes, size_t n)
{
	if (!line->silent)
		line->user.write(line->user.arg, bytes, n);
}

/* A terminal that nobody has set to do so does not return at the end of a line. */
static ssize_t write_out(void *cookie, const char *bytes, size_t n)
{
	struct ctl_line *line = cookie;

	for (size_t at = 0; at < n;) {
		const char *end = memchr(bytes + at, '\n', n - at);
		size_t len = end ? (size_t)(end - bytes) - at : n - at;

		line_write(line, bytes + at, len);
		if (end)
			line_write(line, "\r\n", 2);
		at += len + !!end;
	}
	return (ssize_t)n;
}

/* Completion */

/* The longest beginning that all candidates for word share, at most size - 1 bytes; how many there are. */
static size_t common_start(struct ctl_line *line, const char *before, const char *word,
			   char *common, size_t size)
{
	const char *name;
	size_t n = 0, len = strlen(word);

	for (size_t i = 0; (name = line->user.candidate(line->user.arg, before, i)); i++) {
		size_t same = 0;

		if (strncmp(name, word, len) != 0)
			continue;
		if (!n++) {
			snprintf(common, size, "%s", name);
			continue;
		}
		while (common[same] && common[same] == name[same])
			same++;
		common[same] = '\0';
	}
	return n;
}

static void list_candidates(struct ctl_line *line, const char *before, const char *word)
{
	const char *name;

	fputc('\n', line->out);
	for (size_t i = 0; (name = line->user.candidate(line->user.arg, before, i)); i++) {
		if (!strncmp(name, word, strlen(word)))
			fprintf(line->out, "%s\n", name);
	}
	fflush(line->out);
}

static unsigned char complete(EditLine *el, int key)
{
	struct ctl_line *line = line_of(el);
	const LineInfo *info = edit.el_line(el);
	char before[CTL_LINE_MAX], word[CTL_LINE_MAX], common[CTL_LINE_MAX];
	const char *start = info->cursor;
	size_t found;

	while (start > info->buffer && start[-1] != ' ')
		start--;
	snprintf(before, sizeof(before), "%.*s", (int)(start - info->buffer), info->buffer);
	snprintf(word, sizeof(word), "%.*s", (int)(info->cursor - start), start);
	found = common_start(line, before, word, common, sizeof(common));
	if (!found)
		return CC_ERROR;
	if (found > 1 && !strcmp(common, word)) {
		list_candidates(line, before, word);
		return CC_REDISPLAY;
	}
	edit.el_insertstr(el, common + strlen(word));
	if (found == 1)
		edit.el_insertstr(el, " ");
	return CC_REFRESH;
}

/* Life */

static int open_terminal(struct ctl_line *line)
{
	char name[64];

	line->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line->terminal < 0 || grantpt(line->terminal) || unlockpt(line->terminal) ||
	    ptsname_r(line->terminal, name, sizeof(name)))
		return -errno;
	line->terminal_end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return line->terminal_end < 0 ? -errno : 0;
}

static int open_streams(struct ctl_line *line)
{
	line->in = fopencookie(line, "r", (cookie_io_functions_t){ 0 });
	line->out = fopencookie(line, "w", (cookie_io_functions_t){ .write = write_out });
	return line->in && line->out ? 0 : -ENOMEM;
}

static int open_edit(struct ctl_line *line)
{
	/* Neither of them a monitor's business: a command line of libedit's own, and ends of input. */
	static const char *const unbound[] = { "\\ex", "^D" };
	HistEvent event;

	line->edit = edit.el_init_fd("coalport", line->in, line->out, line->out, line->terminal_end,
				     line->terminal_end, line->terminal_end);
	line->history = edit.history_init();
	if (!line->edit || !line->history)
		return -ENOMEM;
	edit.history(line->history, &event, H_SETSIZE, CTL_LINE_HISTORY);
	edit.history(line->history, &event, H_SETUNIQUE, 1);
	edit.el_set(line->edit, EL_CLIENTDATA, line);
	edit.el_set(line->edit, EL_TERMINAL, "vt100");
	edit.el_set(line->edit, EL_EDITOR, "emacs");
	edit.el_set(line->edit, EL_SIGNAL, 0);
	edit.el_set(line->edit, EL_PROMPT, line_prompt);
	edit.el_set(line->edit, EL_HIST, edit.history, line->history);
	edit.el_set(line->edit, EL_GETCFN, next_key);
	edit.el_set(line->edit, EL_ADDFN, "complete", "complete the word", complete);
	edit.el_set(line->edit, EL_BIND, "^I", "complete", NULL);
	for (size_t i = 0; i < sizeof(unbound) / sizeof(unbound[0]); i++)
		edit.el_set(line->edit, EL_BIND, unbound[i], "ed-unassigned", NULL);
	return 0;
}

int ctl_line_open(struct ctl_line **out, const char *prompt, const struct ctl_line_user *user,
		  struct error *err)
{
	struct ctl_line *line = calloc(1, sizeof(*line));
	int ret;

	if (!line)
		return error_set(err, -ENOMEM, "a line to edit: %s", strerror(ENOMEM));
	line->user = *user;
	line->prompt = prompt;
	line->silent = true;
	line->terminal = line->terminal_end = -1;
	ret = library_load(&edit_library, &line->library, &edit, err);
	if (ret) {
		ctl_line_close(line);
		return ret;
	}
	ret = open_terminal(line);
	if (ret) {
		ctl_line_close(line);
		return error_set(err, ret, "a pseudo terminal: %s", strerror(-ret));
	}
	ret = open_streams(line);
	LEAKS_EXPECTED(true);
	if (!ret)
		ret = open_edit(line);
	LEAKS_EXPECTED(false);
	if (ret) {
		ctl_line_close(line);
		return error_set(err, ret, "a line to edit: %s", strerror(-ret));
	}
	*out = line;
	return 0;
}

void ctl_line_close(struct ctl_line *line)
{
	if (!line)
		return;
	line->silent = true;
	if (line->edit)
		edit.el_end(line->edit);
	if (line->history)
		edit.history_end(line->history);
	if (line->in)
		fclose(line->in);
	if (line->out)
		fclose(line->out);
	if (line->terminal_end >= 0)
		close(line->terminal_end);
	if (line->terminal >= 0)
		close(line->terminal);
	if (line->library)
		library_unload(line->library);
	free(line);
}

void ctl_line_begin(struct ctl_line *line)
{
	line->keys_at = line->keys_n = 0;
	fflush(line->out);
	line->silent = false;
	/* Unbuffered: a key at a time. That it begins is what makes libedit forget and write the prompt. */
	edit.el_set(line->edit, EL_UNBUFFERED, 0);
	edit.el_set(line->edit, EL_UNBUFFERED, 1);
	fflush(line->out);
}

void ctl_line_forget(struct ctl_line *line)
{
	HistEvent event;

	edit.history(line->history, &event, H_CLEAR);
}

/* Keys */

/* Whether the bytes so far are all that the key sends (ECMA-48, 5.4: control sequences; SS3). */
static bool key_complete(const struct ctl_line *line)
{
	uint8_t last = line->keys[line->keys_n - 1];

	if (line->keys_n == KEYS_MAX || line->keys[0] != ESC)
		return true;
	if (line->keys_n == 1)
		return false;
	if (line->keys_n == 2)
		return last != '[' && last != 'O';
	return last >= 0x40 && last <= 0x7e;
}

static bool line_full(const struct ctl_line *line)
{
	const LineInfo *info = edit.el_line(line->edit);

	return (size_t)(info->lastchar - info->buffer) >= CTL_LINE_MAX - 1;
}

/* Keeps the line in the history and for the caller. */
static const char *line_ended(struct ctl_line *line, const char *text, size_t n)
{
	HistEvent event;

	snprintf(line->text, sizeof(line->text), "%.*s", (int)n, text);
	if (line->text[strspn(line->text, " ")])
		edit.history(line->history, &event, H_ENTER, line->text);
	fflush(line->out);
	return line->text;
}

const char *ctl_line_key(struct ctl_line *line, uint8_t byte)
{
	const char *text = NULL;
	int n = 0;

	if (!byte || byte >= 0x80)
		return NULL;
	if (byte >= ' ' && byte < 0x7f && !line->keys_n && line_full(line)) {
		line_write(line, BEEP, strlen(BEEP));
		return NULL;
	}
	line->keys[line->keys_n++] = byte;
	if (!key_complete(line))
		return NULL;
	while (line->keys_at < line->keys_n && (n <= 0 || !text || text[n - 1] != '\n'))
		text = edit.el_gets(line->edit, &n);
	line->keys_at = line->keys_n = 0;
	fflush(line->out);
	if (!text || n <= 0 || text[n - 1] != '\n')
		return NULL;
	return line_ended(line, text, (size_t)n - 1);
}
