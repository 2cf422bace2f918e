// SPDX-License-Identifier: MIT
/*
 * Between the chip that makes the machine's picture and those who show it to a person.
 *
 * There is one picture. It is drawn only when somebody looks: screen_look() asks the chip to bring it
 * up to date, and the chip says which parts of it are different now. So a machine that nobody looks at
 * spends nothing on its picture, and one that is looked at draws what changed once for all viewers.
 *
 * Belongs to the loop's thread, with no lock held; the chip takes its own. Writes that wait are
 * delivered first: machine_look() does both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define SCREEN_WIDTH_MAX     2560u
#define SCREEN_HEIGHT_MAX    1600u
#define SCREEN_COLUMNS_MAX   132u /* of text */
#define SCREEN_TEXT_ROWS_MAX 100u

/* In pixels from the picture's upper left corner; inside of it and not empty. */
struct screen_rect {
	uint32_t x, y, width, height;
};

/* What a text mode shows, for those who have glyphs of their own. */
struct screen_text {
	uint32_t width,
		height; /* of the picture in pixels, in graphics modes too; 0: the screen is blank */
	uint32_t columns, rows;
	bool cursor; /* it is seen, at: */
	uint32_t cursor_column, cursor_row;
	bool blinks; /* the attribute's highest bit means that, and not a bright background */
	struct screen_cell {
		uint8_t glyph, attribute; /* code page 437; as in the VGA's memory */
	} cells[SCREEN_TEXT_ROWS_MAX * SCREEN_COLUMNS_MAX]; /* row by row, columns to a row */
};

struct screen_listener {
	/* The picture has another size and other memory. All of it is different. */
	void (*resized)(void *arg);
	void (*changed)(void *arg, const struct screen_rect *rect);
	void *arg;
	LIST_ENTRY(screen_listener) link;
};

struct screen {
	/* Filled in by a chip that has a picture; NULL: there is none. */
	void (*draw)(void *arg); /* calls screen_resize() and screen_changed() */
	/* False: it shows no text now, and only the picture's size is filled in. */
	bool (*text)(void *arg, struct screen_text *out);
	void *arg; /* of both */

	/* The picture, or NULL before the first look: 0x00RRGGBB, row by row without gaps. */
	uint32_t *pixels;
	uint32_t width, height;
	LIST_HEAD(screen_listeners, screen_listener) listeners;
};

void screen_init(struct screen *screen);
/* Listeners are forgotten. */
void screen_destroy(struct screen *screen);

/* Brings the picture up to date and tells the listeners. False if there is none. */
bool screen_look(struct screen *screen);
/* False if there is no text to be had; out has the size of what there is instead. */
bool screen_read_text(struct screen *screen, struct screen_text *out);

/* It hears of nothing that was drawn before. May not be called by a listener. */
void screen_listen(struct screen *screen, struct screen_listener *listener);
void screen_unlisten(struct screen_listener *listener);

/*
 * For the chip, from draw(). A picture of another size is new and black. Sides are 1 to
 * SCREEN_WIDTH_MAX and SCREEN_HEIGHT_MAX. 0, or -ENOMEM and nothing has changed.
 */
int screen_resize(struct screen *screen, uint32_t width, uint32_t height)
	__attribute__((warn_unused_result));
/* These pixels are different now. */
void screen_changed(struct screen *screen, const struct screen_rect *rect);
