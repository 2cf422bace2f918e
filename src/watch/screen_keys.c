// SPDX-License-Identifier: MIT
/* What keys do, and what is told about them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "watch/screen_impl.h"

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b

static const int64_t intervals[] = {
	100 * NS_PER_MS, 200 * NS_PER_MS, 500 * NS_PER_MS, 1 * NS_PER_SEC,  2 * NS_PER_SEC,
	5 * NS_PER_SEC,  10 * NS_PER_SEC, 30 * NS_PER_SEC, 60 * NS_PER_SEC,
};

#define INTERVALS (sizeof(intervals) / sizeof(intervals[0]))

/* Letters that sort; < and > go through all. */
static const struct {
	char letter;
	enum watch_sort sort;
} sorts[] = {
	{ 'e', WATCH_SORT_EXITS }, { 'c', WATCH_SORT_COALESCED },  { 't', WATCH_SORT_TIME },
	{ 'a', WATCH_SORT_AVG },   { 'm', WATCH_SORT_P50 },        { 'p', WATCH_SORT_P99 },
	{ 'x', WATCH_SORT_MAX },   { 'i', WATCH_SORT_INTERRUPTS }, { 'k', WATCH_SORT_IN_KERNEL },
	{ 'd', WATCH_SORT_ADDR },  { 'n', WATCH_SORT_NAME },
};

static const char *const help[] = {
	"Keys                                        coalport top",
	"",
	"< >      sort by the column before, behind",
	"e c t a  sort by exits, coalesced writes, time in all, average",
	"m p x    sort by p50, p99, max",
	"i k d n  sort by interrupts, in the kernel, address, name",
	"r        the other way round",
	"/        filter: text of address or name; Enter keeps, Esc forgets",
	"v Tab    next view; 1 addresses 2 vCPUs 3 zones 4 kernel",
	"w        rates since the start, and back to the interval",
	"Space    freeze, and go on",
	"+ -      longer, shorter interval",
	"arrows   scroll, also PgUp PgDn Home End",
	"Ctrl-L   draw anew",
	"q        quit",
	"",
	"EXITS/s  trips to user space; SHARE of all of them",
	"COAL/s   writes that waited in the kernel; SAVED of all accesses",
	"us       of an exit, until the guest runs on",
	"MIN MAX  since the start: of an interval nobody knows them",
};

void screen_help(struct watch_screen *screen)
{
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++) {
		screen_line(screen);
		screen_put(screen, i ? WATCH_SCREEN_PLAIN : WATCH_SCREEN_BOLD, "%s", help[i]);
	}
}

void screen_help_line(struct watch_screen *screen)
{
	screen_line(screen);
	screen_put(
		screen, WATCH_SCREEN_DIM,
		"q quit  h help  < > sort  r reverse  / filter  space freeze  v view  + - interval  "
		"w since start");
}

static enum watch_screen_act edit(struct watch_screen_state *state, uint32_t key)
{
	size_t len = strlen(state->filter);

	if (key == '\r' || key == '\n') {
		state->editing = false;
	} else if (key == ESCAPE) {
		memcpy(state->filter, state->before, sizeof(state->filter));
		state->editing = false;
	} else if (key == WATCH_KEY_BACKSPACE || key == 0x7f || key == '\b') {
		if (len)
			state->filter[len - 1] = '\0';
	} else if (key == CONTROL('u')) {
		state->filter[0] = '\0';
	} else if (key >= ' ' && key < 0x7f && len + 1 < sizeof(state->filter)) {
		state->filter[len] = (char)key;
		state->filter[len + 1] = '\0';
	} else {
		return WATCH_ACT_NONE;
	}
	state->scroll = 0;
	return WATCH_ACT_SHOW;
}

static enum watch_screen_act scroll(struct watch_screen_state *state, uint32_t key, unsigned rows)
{
	size_t page = rows > 8 ? rows - 8 : 1;

	switch (key) {
	case WATCH_KEY_UP:
		state->scroll -= state->scroll > 0;
		return WATCH_ACT_SHOW;
	case WATCH_KEY_DOWN:
		state->scroll++;
		return WATCH_ACT_SHOW;
	case WATCH_KEY_PAGE_UP:
		state->scroll -= state->scroll < page ? state->scroll : page;
		return WATCH_ACT_SHOW;
	case WATCH_KEY_PAGE_DOWN:
		state->scroll += page;
		return WATCH_ACT_SHOW;
	case WATCH_KEY_HOME:
		state->scroll = 0;
		return WATCH_ACT_SHOW;
	case WATCH_KEY_END:
		/* Rendering brings it back to where the last page is. */
		state->scroll = WATCH_SNAPSHOT_ROWS + WATCH_SNAPSHOT_ZONES;
		return WATCH_ACT_SHOW;
	default:
		return WATCH_ACT_NONE;
	}
}

static enum watch_screen_act set_view(struct watch_screen_state *state, unsigned view)
{
	state->view = (enum watch_screen_view)(view % WATCH_SCREEN_VIEWS);
	state->scroll = 0;
	return WATCH_ACT_SHOW;
}

static enum watch_screen_act set_sort(struct watch_screen_state *state, unsigned sort)
{
	state->sort = (enum watch_sort)(sort % WATCH_SORTS);
	state->scroll = 0;
	return WATCH_ACT_SHOW;
}

/* The next one of the list that is longer, or shorter; else as it is. */
static enum watch_screen_act set_interval(struct watch_screen_state *state, bool longer)
{
	int64_t best = state->interval;

	for (size_t i = 0; i < INTERVALS; i++) {
		size_t at = longer ? i : INTERVALS - 1 - i;

		if (longer ? intervals[at] <= best : intervals[at] >= best)
			continue;
		best = intervals[at];
		break;
	}
	state->interval = best;
	return WATCH_ACT_INTERVAL;
}

static enum watch_screen_act press_letter(struct watch_screen_state *state, uint32_t key)
{
	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if ((uint32_t)sorts[i].letter == key)
			return set_sort(state, sorts[i].sort);
	if (key >= '1' && key < '1' + (uint32_t)WATCH_SCREEN_VIEWS)
		return set_view(state, key - '1');
	return WATCH_ACT_NONE;
}

static enum watch_screen_act press(struct watch_screen_state *state, uint32_t key)
{
	switch (key) {
	case '>':
		return set_sort(state, state->sort + 1u);
	case '<':
		return set_sort(state, state->sort + WATCH_SORTS - 1u);
	case 'r':
		state->reverse = !state->reverse;
		return WATCH_ACT_SHOW;
	case 'w':
		state->whole = !state->whole;
		return WATCH_ACT_SHOW;
	case ' ':
		state->frozen = !state->frozen;
		return WATCH_ACT_SHOW;
	case '/':
		state->editing = true;
		memcpy(state->before, state->filter, sizeof(state->before));
		return WATCH_ACT_SHOW;
	case '+':
	case '-':
		return set_interval(state, key == '+');
	case 'v':
	case '\t':
		return set_view(state, state->view + 1u);
	case WATCH_KEY_BACK_TAB:
		return set_view(state, state->view + WATCH_SCREEN_VIEWS - 1u);
	default:
		return press_letter(state, key);
	}
}

enum watch_screen_act watch_screen_press(struct watch_screen_state *state, uint32_t key,
					 unsigned rows)
{
	enum watch_screen_act act;

	if (key == CONTROL('l'))
		return WATCH_ACT_REDRAW;
	if (state->editing)
		return edit(state, key);
	if (key == 'q' || key == 'Q')
		return WATCH_ACT_QUIT;
	if (state->view == WATCH_SCREEN_HELP) { /* any key leads back */
		state->view = state->behind_help;
		return WATCH_ACT_SHOW;
	}
	if (key == 'h' || key == '?') {
		state->behind_help = state->view;
		state->view = WATCH_SCREEN_HELP;
		return WATCH_ACT_SHOW;
	}
	act = scroll(state, key, rows);
	return act != WATCH_ACT_NONE ? act : press(state, key);
}
