// SPDX-License-Identifier: MIT
#include "cmd/top_face.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

/* Those that end a program which is broken. */
static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };

#define FATAL_N (sizeof(fatal) / sizeof(fatal[0]))

/* A signal's handler has no argument, and ncurses is one for a process. */
static struct {
	atomic_bool open;
	SCREEN *screen;
	struct termios old; /* what to go back to */
	char leave[256]; /* what the terminal is sent then */
	size_t leave_n;
	struct sigaction old_actions[FATAL_N];
	attr_t attrs[WATCH_SCREEN_ATTRS];
} face;

static void crashed(int number)
{
	ssize_t n;

	if (atomic_exchange(&face.open, false)) {
		n = write(STDOUT_FILENO, face.leave, face.leave_n);
		(void)n;
		tcsetattr(STDIN_FILENO, TCSANOW, &face.old);
	}
	/* SA_RESETHAND: what it would have done without us. */
	raise(number);
}

static void watch_crashes(void)
{
	struct sigaction action = { .sa_handler = crashed,
				    .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

	face.leave_n = 0;
	for (const char *const *name =
		     (const char *const[]){ "sgr0", "cnorm", "rmkx", "rmcup", NULL };
	     *name; name++) {
		const char *text = tigetstr(*name);
		size_t n = text && text != (char *)-1 ? strlen(text) : 0;

		if (n && n <= sizeof(face.leave) - face.leave_n) {
			memcpy(face.leave + face.leave_n, text, n);
			face.leave_n += n;
		}
	}
	for (size_t i = 0; i < FATAL_N; i++)
		sigaction(fatal[i], &action, &face.old_actions[i]);
}

static void choose_looks(void)
{
	attr_t *attrs = face.attrs;

	attrs[WATCH_SCREEN_PLAIN] = A_NORMAL;
	attrs[WATCH_SCREEN_BOLD] = A_BOLD;
	attrs[WATCH_SCREEN_DIM] = A_DIM;
	attrs[WATCH_SCREEN_HEADER] = A_REVERSE;
	attrs[WATCH_SCREEN_SORTED] = A_REVERSE | A_BOLD;
	attrs[WATCH_SCREEN_WARN] = A_BOLD;
	if (has_colors() && start_color() == OK && use_default_colors() == OK) {
		init_pair(1, COLOR_RED, -1);
		init_pair(2, COLOR_CYAN, -1);
		attrs[WATCH_SCREEN_WARN] = A_BOLD | (attr_t)COLOR_PAIR(1);
		attrs[WATCH_SCREEN_SORTED] = A_REVERSE | A_BOLD | (attr_t)COLOR_PAIR(2);
	}
}

int top_face_open(struct error *err)
{
	const char *cup;

	if (tcgetattr(STDIN_FILENO, &face.old))
		return error_set(err, -errno, "the terminal: %s", strerror(errno));
	face.screen = newterm(NULL, stdout, stdin);
	if (!face.screen)
		return error_set(err, -ENOTTY,
				 "the terminal's kind (TERM) is not known; --plain does "
				 "without");
	cup = tigetstr("cup");
	if (!cup || cup == (char *)-1) {
		endwin();
		delscreen(face.screen);
		return error_set(err, -ENOTTY, "this terminal has no screen; --plain does without");
	}
	watch_crashes();
	atomic_store(&face.open, true);
	cbreak();
	noecho();
	nonl();
	set_escdelay(25);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	curs_set(0);
	choose_looks();
	return 0;
}

static bool is_writable(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
}

void top_face_close(void)
{
	if (!atomic_exchange(&face.open, false))
		return;
	for (size_t i = 0; i < FATAL_N; i++)
		sigaction(fatal[i], &face.old_actions[i], NULL);
	/* A terminal that takes nothing would hold up our end for as long. */
	if (!is_writable()) {
		tcsetattr(STDIN_FILENO, TCSANOW, &face.old);
		return;
	}
	endwin();
	delscreen(face.screen);
}

void top_face_size(unsigned *columns, unsigned *rows)
{
	*columns = (unsigned)getmaxx(stdscr);
	*rows = (unsigned)getmaxy(stdscr);
}

bool top_face_draw(const struct watch_screen *screen)
{
	if (!is_writable())
		return false;
	erase();
	for (size_t y = 0; y < screen->lines_n && y < (size_t)getmaxy(stdscr); y++) {
		const struct watch_screen_line *line = &screen->lines[y];
		attr_t attr = A_NORMAL;

		if (move((int)y, 0) == ERR)
			break;
		for (size_t i = line->first; i < line->first + line->n; i++) {
			const struct watch_screen_span *span = &screen->spans[i];

			attr = face.attrs[span->attr];
			attrset((int)attr);
			addnstr(screen->text + span->at, (int)span->n);
		}
		/* A line that is full has moved on to the next one. */
		if (line->fill && getcury(stdscr) == (int)y)
			hline(' ' | face.attrs[WATCH_SCREEN_HEADER], getmaxx(stdscr));
		attrset(A_NORMAL);
	}
	refresh();
	return true;
}

bool top_face_key(uint32_t *key)
{
	static const struct {
		int code;
		uint32_t key;
	} keys[] = {
		{ KEY_UP, WATCH_KEY_UP },
		{ KEY_DOWN, WATCH_KEY_DOWN },
		{ KEY_PPAGE, WATCH_KEY_PAGE_UP },
		{ KEY_NPAGE, WATCH_KEY_PAGE_DOWN },
		{ KEY_HOME, WATCH_KEY_HOME },
		{ KEY_END, WATCH_KEY_END },
		{ KEY_BTAB, WATCH_KEY_BACK_TAB },
		{ KEY_BACKSPACE, WATCH_KEY_BACKSPACE },
		{ KEY_ENTER, '\r' },
	};
	int code = getch();

	if (code == ERR)
		return false;
	*key = code < KEY_MIN ? (uint32_t)code : 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].code == code)
			*key = keys[i].key;
	return true;
}

void top_face_resized(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

void top_face_stop(void)
{
	sigset_t stop;

	if (is_writable())
		endwin();
	/* By default, which knows of processes that nobody could continue. */
	signal(SIGTSTP, SIG_DFL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	top_face_continued();
}

void top_face_continued(void)
{
	reset_prog_mode();
	top_face_resized();
	top_face_clear();
}

void top_face_clear(void)
{
	clearok(curscr, TRUE);
}
