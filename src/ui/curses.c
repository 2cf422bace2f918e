// SPDX-License-Identifier: MIT
#include "ui/curses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ui/curses_face.h"
#include "ui/curses_keys.h"

#define LOOKS_A_SECOND 30
/* How long ESC may be the beginning of something: what a terminal sends for a key comes at once. */
#define ESCAPE_NS (25 * NS_PER_MS)
/* A terminal tells of no key that goes up. */
#define HOLD_NS (10 * NS_PER_MS)

static const char help_text[] =
	"Ctrl-A x ends the program, Ctrl-A Ctrl-A sends Ctrl-A. Any key goes on.";

struct ui_curses {
	struct machine *machine; /* borrowed, */
	struct chardev *chardev; /* too */
	struct curses_face *face;
	struct timer look; /* again */
	struct timer escape; /* what began with ESC is all there is */
	bool begun; /* the terminal shows our screen, */
	bool stale; /* ... and all of it is to be drawn */
	bool held; /* keys wait until the machine takes them */
	bool help; /* is shown */
	unsigned continued; /* chardev_continued(), last time */
	struct winsize size; /* likewise, of the terminal */
	uint8_t typed[2 * CURSES_KEY_MAX]; /* no whole key yet */
	size_t typed_n;
	struct screen_text shown, now;
	bool shown_text; /* what is shown is text */
};

/* What is seen */

/* Hands out as much as is taken. False: some is left. */
static bool pump(struct ui_curses *curses)
{
	char bytes[4096];
	size_t n, room;

	while ((room = chardev_room(curses->chardev))) {
		n = curses_face_take(curses->face, bytes,
				     room < sizeof(bytes) ? room : sizeof(bytes));
		if (!n)
			return true;
		chardev_write(curses->chardev, bytes, n);
	}
	return false;
}

static void begin_screen(struct ui_curses *curses)
{
	char leave[CHARDEV_LEAVE];

	chardev_show_screen(leave, curses_face_leave(curses->face, leave, sizeof(leave)));
	curses->begun = true;
}

/* The size is asked for each time: a signal would be one more that others have to know of. */
static void look_at_terminal(struct ui_curses *curses)
{
	unsigned continued = chardev_continued();
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) &&
	    (size.ws_col != curses->size.ws_col || size.ws_row != curses->size.ws_row)) {
		curses->size = size;
		curses_face_resize(curses->face, size.ws_col, size.ws_row);
		curses->stale = true;
	}
	if (continued != curses->continued) {
		curses->continued = continued;
		curses_face_redraw(curses->face);
		curses->stale = true;
	}
}

static bool is_same(const struct screen_text *a, const struct screen_text *b, bool cells)
{
	return !memcmp(a, b, offsetof(struct screen_text, cells)) &&
	       (!cells || !memcmp(a->cells, b->cells, sizeof(a->cells[0]) * a->columns * a->rows));
}

static void draw(struct ui_curses *curses)
{
	struct screen_text *now = &curses->now;
	struct curses_picture picture = { .help = curses->help ? help_text : NULL };
	bool is_text;

	memset(now, 0, offsetof(struct screen_text, cells));
	is_text = machine_read_text(curses->machine, now);
	if (!curses->stale && is_text == curses->shown_text &&
	    is_same(now, &curses->shown, is_text))
		return;
	if (is_text)
		picture.text = now;
	else if (now->width)
		(void)snprintf(picture.note, sizeof(picture.note), "%u x %u Graphic mode",
			       now->width, now->height);
	curses_face_draw(curses->face, &picture);
	curses->shown = *now;
	curses->shown_text = is_text;
	curses->stale = false;
}

static void arm_look(struct ui_curses *curses)
{
	timer_arm(&curses->look,
		  clock_now(&curses->machine->monotonic) + NS_PER_SEC / LOOKS_A_SECOND);
}

/* A terminal that has not taken yet what was drawn before is not drawn to. */
static void look_due(void *arg)
{
	struct ui_curses *curses = arg;

	if (!curses->begun)
		begin_screen(curses);
	if (curses->held) {
		curses->held = false;
		chardev_accept_input(curses->chardev);
	}
	arm_look(curses);
	if (!pump(curses) || chardev_room(curses->chardev) < CHARDEV_BUFFER)
		return;
	look_at_terminal(curses);
	draw(curses);
	(void)pump(curses);
}

static void drained(void *arg)
{
	(void)pump(arg);
}

/* Keys */

static void press(struct ui_curses *curses, const struct curses_chord *said)
{
	static const struct {
		uint8_t with;
		uint8_t key;
	} held[] = {
		{ CURSES_CTRL, PS2_KEY_CTRL },
		{ CURSES_ALT, PS2_KEY_ALT },
		{ CURSES_SHIFT, PS2_KEY_SHIFT },
	};
	struct typist_chord chord = { .hold = HOLD_NS };

	if (said->key == PS2_KEY_NONE)
		return;
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (said->with & held[i].with)
			chord.keys[chord.n++] = held[i].key;
	}
	chord.keys[chord.n++] = (uint8_t)said->key;
	/* There is room for it, unless somebody else types, too. */
	(void)machine_press(curses->machine, &chord);
}

static void take_keys(struct ui_curses *curses, bool all)
{
	const char *const *own = curses_face_keys(curses->face);
	struct curses_chord chord;
	size_t n;

	while (curses->typed_n &&
	       (n = curses_key(curses->typed, curses->typed_n,
			       all || curses->typed_n == sizeof(curses->typed), own, &chord))) {
		curses->typed_n -= n;
		memmove(curses->typed, curses->typed + n, curses->typed_n);
		press(curses, &chord);
	}
	if (curses->typed_n)
		timer_arm(&curses->escape, clock_now(&curses->machine->monotonic) + ESCAPE_NS);
	else
		timer_disarm(&curses->escape);
}

static void escape_due(void *arg)
{
	take_keys(arg, true);
}

/* As many as can be pressed, at worst one a byte. */
static size_t room(void *arg)
{
	struct ui_curses *curses = arg;
	size_t taken = curses->machine->typist.n + curses->typed_n;

	curses->held = taken >= TYPIST_QUEUE;
	return curses->held ? 0 : TYPIST_QUEUE - taken;
}

static void receive(void *arg, const uint8_t *bytes, size_t len)
{
	struct ui_curses *curses = arg;

	curses->stale |= curses->help;
	curses->help = false;
	while (len) {
		size_t n = sizeof(curses->typed) - curses->typed_n;

		n = n < len ? n : len;
		memcpy(curses->typed + curses->typed_n, bytes, n);
		curses->typed_n += n;
		bytes += n;
		len -= n;
		take_keys(curses, false);
	}
}

static void help(void *arg)
{
	struct ui_curses *curses = arg;

	curses->help = curses->stale = true;
}

int ui_curses_open(struct ui_curses **out, struct machine *machine, struct chardev *chardev,
		   struct error *err)
{
	struct ui_curses *curses;
	int ret;

	*out = NULL;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, -ENOTTY, "-display curses: standard %s is not a terminal",
				 isatty(STDIN_FILENO) ? "output" : "input");
	curses = calloc(1, sizeof(*curses));
	if (!curses)
		return error_set(err, -ENOMEM, "-display curses: out of memory");
	ret = curses_face_open(&curses->face, err);
	if (ret) {
		free(curses);
		return ret;
	}
	curses->machine = machine;
	curses->chardev = chardev;
	curses->stale = true;
	curses->continued = chardev_continued();
	timer_init(&curses->look, &machine->monotonic, look_due, curses);
	timer_init(&curses->escape, &machine->monotonic, escape_due, curses);
	chardev_set_user(chardev, &(struct chardev_user){ .room = room,
							  .receive = receive,
							  .drained = drained,
							  .help = help,
							  .arg = curses });
	timer_arm(&curses->look, 0);
	*out = curses;
	return 0;
}

void ui_curses_close(struct ui_curses *curses)
{
	if (!curses)
		return;
	timer_disarm(&curses->look);
	timer_disarm(&curses->escape);
	chardev_set_user(curses->chardev, NULL);
	chardev_restore_terminal();
	curses_face_close(curses->face);
	free(curses);
}
