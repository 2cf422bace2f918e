// SPDX-License-Identifier: MIT
/* What the parts of a screen share. */
#pragma once

#include "watch/screen.h"

/* A line that others are put behind. */
void screen_line(struct watch_screen *screen);
/* Appends to the last line, made safe and cut at the right edge. */
void screen_put(struct watch_screen *screen, enum watch_screen_attr attr, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends spaces until the line has so many columns, as far as the screen goes. */
void screen_pad(struct watch_screen *screen, enum watch_screen_attr attr, unsigned column);

#define SCREEN_NUMBER 8

/* At most six characters for any amount: "0", "1.25", "31.4", "2600", "1234k", "98.7M". Returns out. */
const char *screen_number(char out[static SCREEN_NUMBER], double value);

/* "0x71", "0xfeb00000-0xfeb0000f". Returns out. */
#define SCREEN_RANGE 48
const char *screen_range(char out[static SCREEN_RANGE], uint64_t first, uint64_t last);

struct screen_table {
	struct watch_screen *screen;
	const struct watch_snapshot *now; /* the interval, or the whole */
	const struct watch_screen_state *state;
	bool whole; /* of which now is */
	size_t skip; /* lines of the table that are not shown */
	size_t room; /* lines that are; SIZE_MAX: no limit */
	size_t n; /* lines that the table has: what the makers count */
};

/* A count as a rate. */
double screen_rate(const struct screen_table *table, uint64_t count);
/* The filter's text is in one of the two. */
bool screen_wanted(const struct screen_table *table, const char *text, const char *more);
/* Whether the next line of the table is on the screen: then it is begun. */
bool screen_row(struct screen_table *table);

/* Each puts a header and then its lines. */
void screen_addresses(struct screen_table *table);
void screen_vcpus(struct screen_table *table);
void screen_zones(struct screen_table *table);
void screen_kernel(struct screen_table *table);
void screen_help(struct watch_screen *screen);
/* Keys, in one line. */
void screen_help_line(struct watch_screen *screen);
