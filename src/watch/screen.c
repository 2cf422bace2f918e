// SPDX-License-Identifier: MIT
#include "watch/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "base/array.h"
#include "base/clock.h"
#include "watch/screen_impl.h"
#include "watch/text.h"

const char *const watch_screen_views[WATCH_SCREEN_VIEWS] = {
	[WATCH_SCREEN_ADDRESSES] = "addresses",
	[WATCH_SCREEN_VCPUS] = "vcpus",
	[WATCH_SCREEN_ZONES] = "zones",
	[WATCH_SCREEN_KERNEL] = "kernel",
};

bool watch_screen_view_find(enum watch_screen_view *view, const char *name)
{
	for (unsigned i = 0; i < WATCH_SCREEN_VIEWS; i++) {
		if (strcmp(watch_screen_views[i], name) != 0)
			continue;
		*view = (enum watch_screen_view)i;
		return true;
	}
	return false;
}

/* Lines */

void screen_line(struct watch_screen *screen)
{
	screen->used = 0;
	if (!array_reserve(screen->lines, screen->lines_n + 1, &screen->lines_room)) {
		screen->failed = true;
		return;
	}
	screen->lines[screen->lines_n++] = (struct watch_screen_line){ .first = screen->spans_n };
}

static void put_bytes(struct watch_screen *screen, enum watch_screen_attr attr, const char *bytes,
		      size_t n)
{
	struct watch_screen_line *line = &screen->lines[screen->lines_n - 1];
	struct watch_screen_span *last;

	if (!array_reserve(screen->text, screen->text_n + n + 1, &screen->text_room) ||
	    !array_reserve(screen->spans, screen->spans_n + 1, &screen->spans_room)) {
		screen->failed = true;
		return;
	}
	memcpy(screen->text + screen->text_n, bytes, n);
	last = line->n ? &screen->spans[screen->spans_n - 1] : NULL;
	if (last && last->attr == attr) {
		last->n += n;
	} else {
		screen->spans[screen->spans_n++] =
			(struct watch_screen_span){ screen->text_n, n, attr };
		line->n++;
	}
	screen->text_n += n;
}

/* One character, as wide as the locale has it. False: there is no room for it. */
static bool put_char(struct watch_screen *screen, enum watch_screen_attr attr, const char *text,
		     size_t n, uint32_t code)
{
	int width = wcwidth((wchar_t)code);

	if (width < 0) {
		text = "?";
		n = 1;
		width = 1;
	}
	/* What joins the character before it could come in thousands. */
	if (!width)
		return true;
	if (screen->used + (unsigned)width > screen->columns)
		return false;
	screen->used += (unsigned)width;
	put_bytes(screen, attr, text, n);
	return true;
}

void screen_put(struct watch_screen *screen, enum watch_screen_attr attr, const char *format, ...)
{
	char text[2 * WATCH_SCREEN_SAFE], safe[WATCH_SCREEN_SAFE];
	va_list args;
	size_t len;

	if (screen->failed || !screen->lines_n)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	len = watch_text_safe(safe, sizeof(safe), text, strlen(text));
	for (size_t at = 0; at < len;) {
		uint32_t code;
		size_t n = watch_text_char(safe + at, len - at, &code);

		if (!put_char(screen, attr, safe + at, n, code))
			return;
		at += n;
	}
}

void screen_pad(struct watch_screen *screen, enum watch_screen_attr attr, unsigned column)
{
	while (screen->used < column && screen->used < screen->columns && !screen->failed)
		screen_put(screen, attr, " ");
}

const char *screen_number(char out[static SCREEN_NUMBER], double value)
{
	static const char units[] = "kMGTPE";
	const char *unit = units;

	if (!(value >= 0))
		value = 0;
	if (value == 0)
		(void)snprintf(out, SCREEN_NUMBER, "0");
	else if (value < 9.995)
		(void)snprintf(out, SCREEN_NUMBER, "%.2f", value);
	else if (value < 99.95)
		(void)snprintf(out, SCREEN_NUMBER, "%.1f", value);
	else if (value < 99999.5)
		(void)snprintf(out, SCREEN_NUMBER, "%.0f", value);
	else {
		for (value /= 1000; value >= 99999.5 && unit[1]; unit++)
			value /= 1000;
		if (value >= 99999.5)
			(void)snprintf(out, SCREEN_NUMBER, ">99999");
		else
			(void)snprintf(out, SCREEN_NUMBER, "%.0f%c", value, *unit);
	}
	return out;
}

const char *screen_range(char out[static SCREEN_RANGE], uint64_t first, uint64_t last)
{
	if (first == last)
		(void)snprintf(out, SCREEN_RANGE, "0x%02" PRIx64, first);
	else
		(void)snprintf(out, SCREEN_RANGE, "0x%02" PRIx64 "-0x%" PRIx64, first, last);
	return out;
}

double screen_rate(const struct screen_table *table, uint64_t count)
{
	return table->now->seconds > 0 ? (double)count / table->now->seconds : 0;
}

bool screen_wanted(const struct screen_table *table, const char *text, const char *more)
{
	const char *filter = table->state->filter;

	return !*filter || strcasestr(text, filter) || (more && strcasestr(more, filter));
}

bool screen_row(struct screen_table *table)
{
	size_t i = table->n++;

	if (i < table->skip || i - table->skip >= table->room)
		return false;
	screen_line(table->screen);
	return true;
}

/* The head */

#define INTERVAL 24

static const char *interval_text(char out[static INTERVAL], int64_t ns)
{
	if (ns % NS_PER_SEC)
		(void)snprintf(out, INTERVAL, "%" PRId64 "ms", ns / NS_PER_MS);
	else
		(void)snprintf(out, INTERVAL, "%" PRId64 "s", ns / NS_PER_SEC);
	return out;
}

static void put_title(struct watch_screen *screen, const struct watch_screen_input *input,
		      const struct watch_screen_state *state, bool whole)
{
	const struct watch_snapshot *now = input->whole;
	const char *name = now && *now->name ? now->name : input->target;
	char text[INTERVAL];

	screen_line(screen);
	screen_put(screen, WATCH_SCREEN_BOLD, "coalport top: %s", name);
	if (now && now->pid)
		screen_put(screen, WATCH_SCREEN_PLAIN, " (process %u)", now->pid);
	if (state->frozen)
		screen_put(screen, WATCH_SCREEN_WARN, "  FROZEN");
	if (input->note)
		screen_put(screen, WATCH_SCREEN_WARN, "  %s", input->note);
	if (now && whole)
		screen_put(screen, WATCH_SCREEN_PLAIN, "  since the start, %.0fs", now->seconds);
	screen_put(screen, WATCH_SCREEN_DIM, "  every %s", interval_text(text, state->interval));
}

static void put_totals(struct screen_table *table)
{
	struct watch_screen *screen = table->screen;
	const struct watch_snapshot *now = table->now;
	char number[SCREEN_NUMBER];

	screen_line(screen);
	screen_put(screen, WATCH_SCREEN_BOLD, "%s",
		   screen_number(number, screen_rate(table, now->exits)));
	screen_put(screen, WATCH_SCREEN_PLAIN, " exits/s");
	if (now->machine) {
		screen_put(screen, WATCH_SCREEN_BOLD, "  %s",
			   screen_number(number, screen_rate(table, now->coalesced)));
		screen_put(screen, WATCH_SCREEN_PLAIN, " coalesced/s  ");
		screen_put(screen, WATCH_SCREEN_BOLD, "%.1f%%",
			   watch_snapshot_saved(now->exits, now->coalesced));
		screen_put(screen, WATCH_SCREEN_PLAIN, " saved");
	}
	if (now->in_kernel)
		screen_put(screen, WATCH_SCREEN_PLAIN, "  %s/s in the kernel",
			   screen_number(number, screen_rate(table, now->in_kernel)));
	if (now->trace.lost)
		screen_put(screen, WATCH_SCREEN_WARN, "  %" PRIu64 " events lost", now->trace.lost);
}

static int by_value(const void *a, const void *b)
{
	const struct watch_snapshot_stat *x = a, *y = b;

	return (x->value < y->value) - (x->value > y->value);
}

#define REASONS_SHOWN 6

static void put_reasons(struct screen_table *table)
{
	struct watch_snapshot_stat sorted[WATCH_SNAPSHOT_REASONS] = { 0 };
	const struct watch_snapshot_stats *reasons = &table->now->reasons;
	char number[SCREEN_NUMBER];

	screen_line(table->screen);
	screen_put(table->screen, WATCH_SCREEN_PLAIN, "reasons:");
	if (reasons->n)
		memcpy(sorted, reasons->at, reasons->n * sizeof(*sorted));
	qsort(sorted, reasons->n, sizeof(*sorted), by_value);
	for (size_t i = 0; i < reasons->n && i < REASONS_SHOWN && sorted[i].value; i++)
		screen_put(table->screen, WATCH_SCREEN_PLAIN, "  %s %s/s", sorted[i].name,
			   screen_number(number, screen_rate(table, sorted[i].value)));
	if (!reasons->n || !sorted[0].value)
		screen_put(table->screen, WATCH_SCREEN_DIM, " none");
}

static void put_ring(struct screen_table *table)
{
	struct watch_screen *screen = table->screen;
	const struct watch_snapshot_ring *ring = &table->now->ring;
	char number[SCREEN_NUMBER];

	if (!ring->known)
		return;
	screen_line(screen);
	screen_put(screen, WATCH_SCREEN_PLAIN, "ring of %" PRIu64 ":", ring->entries);
	screen_put(screen, ring->full ? WATCH_SCREEN_WARN : WATCH_SCREEN_PLAIN, "  full %s/s",
		   screen_number(number, screen_rate(table, ring->full)));
	screen_put(screen, WATCH_SCREEN_PLAIN, "  deadline %s/s  batches",
		   screen_number(number, screen_rate(table, ring->deadline)));
	for (size_t i = 0; i < ring->batches_n; i++)
		screen_put(screen, WATCH_SCREEN_PLAIN, " %" PRIu64 "%s: %s/s",
			   ring->batches[i].first, ring->batches[i].first > 1 ? "+" : "",
			   screen_number(number, screen_rate(table, ring->batches[i].count)));
	if (!ring->batches_n)
		screen_put(screen, WATCH_SCREEN_DIM, " none");
}

static void put_order(struct screen_table *table)
{
	const struct watch_screen_state *state = table->state;
	struct watch_screen *screen = table->screen;

	screen_line(screen);
	screen_put(screen, WATCH_SCREEN_DIM, "%s", watch_screen_views[state->view]);
	if (state->view == WATCH_SCREEN_ADDRESSES)
		screen_put(screen, WATCH_SCREEN_DIM, " by %s%s", watch_sort_keys[state->sort].name,
			   state->reverse ? ", the least first" : "");
	if (state->editing)
		screen_put(screen, WATCH_SCREEN_BOLD, "  filter: %s_", state->filter);
	else if (*state->filter)
		screen_put(screen, WATCH_SCREEN_WARN, "  filter: %s", state->filter);
}

/* All lines above the table that there is room for, the most important ones first. */
static void put_head(struct screen_table *table, const struct watch_screen_input *input,
		     unsigned rows)
{
	put_title(table->screen, input, table->state, table->whole);
	if (!rows || rows >= 6)
		put_totals(table);
	if (!rows || rows >= 12) {
		put_reasons(table);
		put_ring(table);
	}
	if ((!rows && *table->state->filter) || rows >= 8 || table->state->editing)
		put_order(table);
}

/* Tables */

static void (*const tables[WATCH_SCREEN_VIEWS])(struct screen_table *table) = {
	[WATCH_SCREEN_ADDRESSES] = screen_addresses,
	[WATCH_SCREEN_VCPUS] = screen_vcpus,
	[WATCH_SCREEN_ZONES] = screen_zones,
	[WATCH_SCREEN_KERNEL] = screen_kernel,
};

static void put_table(struct screen_table *table, struct watch_screen_state *state, unsigned rows)
{
	struct watch_screen *screen = table->screen;
	struct watch_screen copy = *screen;
	size_t shown;

	table->room = SIZE_MAX;
	if (rows) /* a header above, a line about keys below */
		table->room = rows > screen->lines_n + 2 ? rows - screen->lines_n - 2 : 1;
	if (state->top && state->top < table->room)
		table->room = state->top;
	table->skip = state->scroll;
	tables[state->view](table);
	shown = state->top && state->top < table->n ? state->top : table->n;
	if (!state->scroll || state->scroll + table->room <= shown)
		return;
	/* Less is there than was: the last page, and once more from where the table began. */
	state->scroll = shown > table->room ? shown - table->room : 0;
	screen->lines_n = copy.lines_n;
	screen->spans_n = copy.spans_n;
	screen->text_n = copy.text_n;
	table->skip = state->scroll;
	table->n = 0;
	tables[state->view](table);
}

void watch_screen_render(struct watch_screen *screen, const struct watch_screen_input *input,
			 struct watch_screen_state *state, unsigned columns, unsigned rows)
{
	struct screen_table table = { .screen = screen, .state = state };

	screen->text_n = screen->spans_n = screen->lines_n = 0;
	screen->failed = false;
	screen->columns = columns < WATCH_SCREEN_COLUMNS ? columns : WATCH_SCREEN_COLUMNS;
	if (rows && (columns < WATCH_SCREEN_COLUMNS_LEAST || rows < WATCH_SCREEN_ROWS_LEAST)) {
		screen_line(screen);
		screen_put(screen, WATCH_SCREEN_WARN, "too small");
		return;
	}
	if (state->view == WATCH_SCREEN_HELP) {
		screen_help(screen);
		if (rows && screen->lines_n > rows)
			screen->lines_n = rows;
		return;
	}
	table.whole = state->whole || !input->interval;
	table.now = table.whole ? input->whole : input->interval;
	if (!table.now) {
		put_title(screen, input, state, false);
		screen_line(screen);
		screen_put(screen, WATCH_SCREEN_DIM, "waiting for the machine");
	} else {
		put_head(&table, input, rows);
		put_table(&table, state, rows);
	}
	if (!rows)
		return;
	while (screen->lines_n + 1 < rows && !screen->failed)
		screen_line(screen);
	if (screen->lines_n < rows)
		screen_help_line(screen);
}

void watch_screen_free(struct watch_screen *screen)
{
	free(screen->text);
	free(screen->spans);
	free(screen->lines);
	*screen = (struct watch_screen){ 0 };
}
