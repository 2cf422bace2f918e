// SPDX-License-Identifier: MIT
#include "ui/curses_face.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
#undef columns

#include "ui/curses_cells.h"

struct curses_face {
	FILE *in, *out; /* what ncurses has for a terminal: nothing, and memory */
	SCREEN *screen;
	off_t taken; /* of what is in the memory */
	bool begun; /* the terminal has been sent something */
	bool unicode;
	unsigned colours;
	unsigned view_column, view_row; /* the first that is shown of a text that is too large */
	const char *keys[CURSES_CAPABILITIES];
};

/* Handlers of newterm() write to the terminal, on whatever thread. */
static const int signals[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };

#define SIGNALS_N (sizeof(signals) / sizeof(signals[0]))

static SCREEN *open_screen(struct curses_face *face)
{
	struct sigaction actions[SIGNALS_N];
	SCREEN *screen;

	for (size_t i = 0; i < SIGNALS_N; i++)
		sigaction(signals[i], NULL, &actions[i]);
	/* What LINES and COLUMNS say is not where a resized terminal ends. */
	use_env(FALSE);
	/* Where a kind of terminal has no size, as Linux's console, there has to be one until the first look. */
	use_tioctl(TRUE);
	screen = newterm(NULL, face->out, face->in);
	for (size_t i = 0; i < SIGNALS_N; i++)
		sigaction(signals[i], &actions[i], NULL);
	return screen;
}

static const char *capability(const char *name)
{
	const char *text = tigetstr(name);

	return text && text != (const char *)-1 && *text ? text : NULL;
}

static void choose_colours(struct curses_face *face)
{
	struct curses_look look = { .front = 0 };
	unsigned n;

	if (!has_colors() || start_color() != OK || COLORS < 8 || COLOR_PAIRS < 64)
		return;
	face->colours = COLORS >= 16 && COLOR_PAIRS >= 256 ? 16 : 8;
	/* White on black, whatever the terminal's own colours are. */
	assume_default_colors(COLOR_WHITE, COLOR_BLACK);
	n = face->colours;
	for (look.back = 0; look.back < n; look.back++) {
		for (look.front = 0; look.front < n; look.front++) {
			unsigned pair = curses_pair(&look, n);

			if (pair)
				init_pair((short)pair, look.front, look.back);
		}
	}
}

/* 0 or -errno with one line. */
static int open_terminal(struct curses_face *face, struct error *err)
{
	const char *name = getenv("TERM");
	int fd = memfd_create("terminal", MFD_CLOEXEC), found = 0;
	bool has_screen = false;

	if (fd < 0)
		return error_set(err, -errno, "-display curses: %s", strerror(errno));
	face->out = fdopen(fd, "w");
	face->in = fopen("/dev/null", "re");
	if (!face->out)
		close(fd);
	if (!face->out || !face->in)
		return error_set(err, -errno, "-display curses: %s", strerror(errno));
	/* newterm() leaves something behind where it fails. */
	if (setupterm(NULL, fd, &found) == OK) {
		has_screen = capability("cup");
		del_curterm(set_curterm(NULL));
		face->screen = has_screen ? open_screen(face) : NULL;
	}
	if (face->screen)
		return 0;
	return error_set(err, -ENOTTY, "-display curses: %s (TERM=%.40s)",
			 found == 1 && !has_screen ? "this terminal has no screen"
						   : "the terminal's kind is not known",
			 name ? name : "");
}

int curses_face_open(struct curses_face **out, struct error *err)
{
	struct curses_face *face = calloc(1, sizeof(*face));
	int ret;

	*out = NULL;
	if (!face)
		return error_set(err, -ENOMEM, "-display curses: out of memory");
	(void)setlocale(LC_CTYPE, "");
	face->unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	ret = open_terminal(face, err);
	if (ret) {
		curses_face_close(face);
		return ret;
	}
	keypad(stdscr, TRUE);
	choose_colours(face);
	for (size_t i = 0; i < CURSES_CAPABILITIES; i++)
		face->keys[i] = capability(curses_capabilities[i].name);
	*out = face;
	return 0;
}

void curses_face_close(struct curses_face *face)
{
	if (!face)
		return;
	if (face->screen) {
		endwin();
		delscreen(face->screen);
	}
	if (face->in)
		fclose(face->in);
	if (face->out)
		fclose(face->out);
	free(face);
}

const char *const *curses_face_keys(const struct curses_face *face)
{
	return face->keys;
}

/* tputs(), which knows of padding, has no argument for this. */
static struct {
	char bytes[128];
	size_t n;
} put;

static int put_byte(int byte)
{
	if (put.n < sizeof(put.bytes))
		put.bytes[put.n++] = (char)byte;
	return byte;
}

static void put_capability(const char *text)
{
	put.n = 0;
	if (text)
		(void)tputs(text, 1, put_byte);
}

size_t curses_face_leave(const struct curses_face *face, char *out, size_t size)
{
	const char *texts[] = {
		capability("sgr0"),
		capability("op"),
		/* The last row, if what was there before does not come back. */
		tiparm(capability("cup"), (int)CURSES_ROWS_MAX, 0),
		capability("el"),
		capability("cnorm"),
		capability("rmkx"),
		capability("rmcup"),
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_capability(texts[i]);
		if (put.n > size - n)
			break;
		memcpy(out + n, put.bytes, put.n);
		n += put.n;
	}
	return n;
}

/*
 * ncurses begins with the size that the terminal's description has, and tells the terminal to
 * scroll only that. It does not scroll here, but whoever comes after us may.
 */
static void begin(struct curses_face *face, unsigned rows)
{
	const char *text = capability("csr");
	ssize_t n;

	refresh();
	if (text) {
		put_capability(tiparm(text, 0, (int)rows - 1));
		n = write(fileno(face->out), put.bytes, put.n);
		(void)n;
	}
	face->begun = true;
}

void curses_face_resize(struct curses_face *face, unsigned columns, unsigned rows)
{
	if (!columns || !rows)
		return;
	columns = columns < CURSES_COLUMNS_MAX ? columns : CURSES_COLUMNS_MAX;
	rows = rows < CURSES_ROWS_MAX ? rows : CURSES_ROWS_MAX;
	if (!face->begun)
		begin(face, rows);
	resize_term((int)rows, (int)columns);
	curses_face_redraw(face);
}

void curses_face_redraw(struct curses_face *face)
{
	clearok(curscr, TRUE);
}

static void draw_cell(const struct curses_face *face, struct screen_cell cell, bool blinks)
{
	struct curses_look look = curses_look(cell.attribute, blinks, face->colours);
	wchar_t text[2] = { face->unicode ? (wchar_t)curses_glyphs[cell.glyph]
					  : (wchar_t)curses_ascii[cell.glyph] };
	attr_t attr = A_NORMAL;
	cchar_t at;

	attr |= look.bold ? A_BOLD : 0;
	attr |= look.blink ? A_BLINK : 0;
	attr |= look.reverse ? A_REVERSE : 0;
	setcchar(&at, text, attr, (short)(face->colours ? curses_pair(&look, face->colours) : 0),
		 NULL);
	/* Behind the last cell of a row there is no place for the cursor: that is no error. */
	(void)add_wch(&at);
}

/* In the middle, or the part around the cursor. */
static void draw_text(struct curses_face *face, const struct screen_text *text)
{
	unsigned columns = (unsigned)COLS, rows = (unsigned)LINES;
	unsigned left = text->columns < columns ? (columns - text->columns) / 2 : 0;
	unsigned top = text->rows < rows ? (rows - text->rows) / 2 : 0;

	face->view_column = curses_view(face->view_column, text->columns, columns, text->cursor,
					text->cursor_column);
	face->view_row =
		curses_view(face->view_row, text->rows, rows, text->cursor, text->cursor_row);
	for (unsigned y = 0; y < rows && face->view_row + y < text->rows; y++) {
		const struct screen_cell *row =
			&text->cells[(face->view_row + y) * text->columns + face->view_column];

		move((int)(top + y), (int)left);
		for (unsigned x = 0; x < columns && face->view_column + x < text->columns; x++)
			draw_cell(face, row[x], text->blinks);
	}
	(void)curs_set(text->cursor);
	if (text->cursor)
		move((int)(top + text->cursor_row - face->view_row),
		     (int)(left + text->cursor_column - face->view_column));
}

void curses_face_draw(struct curses_face *face, const struct curses_picture *picture)
{
	int note = (int)strlen(picture->note), y, x;

	erase();
	if (picture->text) {
		draw_text(face, picture->text);
	} else {
		(void)curs_set(0);
		mvaddnstr(LINES / 2, note < COLS ? (COLS - note) / 2 : 0, picture->note, COLS);
	}
	getyx(stdscr, y, x);
	if (picture->help) {
		attrset(A_REVERSE);
		mvaddnstr(LINES - 1, 0, picture->help, COLS);
		attrset(A_NORMAL);
		move(y, x);
	}
	refresh();
}

size_t curses_face_take(struct curses_face *face, void *bytes, size_t size)
{
	int fd = fileno(face->out);
	ssize_t n = pread(fd, bytes, size, face->taken);

	if (n > 0) {
		face->taken += n;
		return (size_t)n;
	}
	/* All is taken: the memory is free for what comes next. */
	if (face->taken && !ftruncate(fd, 0) && !lseek(fd, 0, SEEK_SET))
		face->taken = 0;
	return 0;
}
