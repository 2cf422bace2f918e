// SPDX-License-Identifier: MIT
/*
 * What top shows, without a terminal: screens of the records in records/ are compared with the texts in
 * screens/. UPDATE_SCREENS=1 in the environment writes those anew; look at the difference then.
 */
#include "../base/cm.h"

#include <errno.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/clock.h"
#include "watch/recording.h"
#include "watch/screen.h"
#include "watch/text.h"

static struct watch_snapshot first, second, interval, trace;
static struct error err;

static int setup(void **state)
{
	struct watch_recording recording;

	assert_int_equal(watch_recording_open(&recording, RECORDS_DIR "/machine.json", &err), 0);
	assert_int_equal(watch_recording_next(&recording, &first, &err), 1);
	assert_int_equal(watch_recording_next(&recording, &second, &err), 1);
	watch_recording_close(&recording);
	assert_int_equal(watch_recording_open(&recording, RECORDS_DIR "/trace.json", &err), 0);
	assert_int_equal(watch_recording_next(&recording, &trace, &err), 1);
	watch_recording_close(&recording);
	assert_int_equal(watch_snapshot_diff(&interval, &second, &first, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	watch_snapshot_free(&first);
	watch_snapshot_free(&second);
	watch_snapshot_free(&interval);
	watch_snapshot_free(&trace);
	return 0;
}

/* The lines, to be freed. */
static char *text_of(const struct watch_screen *screen)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (size_t y = 0; y < screen->lines_n; y++) {
		const struct watch_screen_line *line = &screen->lines[y];

		for (size_t i = line->first; i < line->first + line->n; i++)
			fwrite(screen->text + screen->spans[i].at, 1, screen->spans[i].n, out);
		putc('\n', out);
	}
	fclose(out);
	return text;
}

static char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, 65535, file) < 65535);
		fclose(file);
	}
	return text;
}

static void compare(const char *name, const struct watch_screen *screen)
{
	char path[512], *is = text_of(screen), *wanted;

	snprintf(path, sizeof(path), "%s/%s.txt", SCREENS_DIR, name);
	if (getenv("UPDATE_SCREENS")) {
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		fputs(is, file);
		fclose(file);
	}
	wanted = file_text(path);
	if (strcmp(is, wanted) != 0)
		fail_msg("%s is\n%s--- and not\n%s---", name, is, wanted);
	free(wanted);
	free(is);
}

#define TWO_SECONDS (2 * NS_PER_SEC)

static void test_screens(void **state)
{
	static const struct {
		const char *name;
		unsigned columns, rows;
		const char *note;
		struct watch_screen_state state;
	} cases[] = {
		{ "wide", 132, 24, NULL, { .interval = TWO_SECONDS } },
		{ "usual", 80, 24, NULL, { .interval = TWO_SECONDS } },
		{ "narrow", 40, 16, NULL, { .interval = TWO_SECONDS } },
		{ "low", 80, 7, NULL, { .interval = TWO_SECONDS } },
		{ "least", 24, 4, NULL, { .interval = TWO_SECONDS } },
		{ "too-small", 23, 4, NULL, { .interval = TWO_SECONDS } },
		{ "text", 500, 0, NULL, { .interval = TWO_SECONDS } },
		{ "text-top", 500, 0, NULL, { .interval = TWO_SECONDS, .top = 2 } },
		{ "whole", 132, 16, NULL, { .interval = TWO_SECONDS, .whole = true } },
		{ "by-p99", 80, 16, NULL, { .interval = TWO_SECONDS, .sort = WATCH_SORT_P99 } },
		{ "by-name-reversed",
		  80,
		  16,
		  NULL,
		  { .interval = TWO_SECONDS, .sort = WATCH_SORT_NAME, .reverse = true } },
		{ "filter", 80, 16, NULL, { .interval = TWO_SECONDS, .filter = "RTC" } },
		{ "filter-address", 80, 16, NULL, { .interval = TWO_SECONDS, .filter = "0x7" } },
		{ "editing",
		  80,
		  16,
		  NULL,
		  { .interval = TWO_SECONDS, .filter = "no such", .editing = true } },
		{ "scrolled", 80, 16, NULL, { .interval = TWO_SECONDS, .scroll = 3 } },
		{ "scrolled-far", 80, 10, NULL, { .interval = TWO_SECONDS, .scroll = 1000 } },
		{ "frozen",
		  80,
		  10,
		  "no answer for 4s",
		  { .interval = TWO_SECONDS, .frozen = true } },
		{ "vcpus", 100, 12, NULL, { .interval = TWO_SECONDS, .view = WATCH_SCREEN_VCPUS } },
		{ "zones", 110, 12, NULL, { .interval = TWO_SECONDS, .view = WATCH_SCREEN_ZONES } },
		{ "zones-filter",
		  110,
		  12,
		  NULL,
		  { .interval = TWO_SECONDS, .view = WATCH_SCREEN_ZONES, .filter = "i440" } },
		{ "kernel",
		  80,
		  16,
		  NULL,
		  { .interval = TWO_SECONDS, .view = WATCH_SCREEN_KERNEL } },
		{ "help", 80, 24, NULL, { .interval = TWO_SECONDS, .view = WATCH_SCREEN_HELP } },
		{ "interval", 80, 6, NULL, { .interval = 200 * NS_PER_MS } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct watch_screen_state now = cases[i].state;
		struct watch_screen screen = { 0 };
		const struct watch_screen_input input = { .interval = &interval,
							  .whole = &second,
							  .target = "/run/vm1",
							  .note = cases[i].note };

		watch_screen_render(&screen, &input, &now, cases[i].columns, cases[i].rows);
		compare(cases[i].name, &screen);
		/* Nothing is left of the one before. */
		watch_screen_render(&screen, &input, &now, cases[i].columns, cases[i].rows);
		compare(cases[i].name, &screen);
		watch_screen_free(&screen);
	}
}

static void test_inputs(void **state)
{
	const struct watch_screen_input inputs[] = {
		{ .target = "vm1" },
		{ .target = "vm1", .whole = &first },
		{ .target = "77", .whole = &trace },
	};
	static const char *const names[] = { "nothing-yet", "first", "trace" };

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		struct watch_screen_state now = { .interval = TWO_SECONDS };
		struct watch_screen screen = { 0 };

		watch_screen_render(&screen, &inputs[i], &now, 110, 16);
		compare(names[i], &screen);
		watch_screen_free(&screen);
	}
}

/* The looks of a line, a letter for each byte. */
static void looks_of(char *out, const struct watch_screen *screen, size_t y)
{
	static const char letters[WATCH_SCREEN_ATTRS + 1] = ".bdhsw";

	for (size_t i = screen->lines[y].first; i < screen->lines[y].first + screen->lines[y].n;
	     i++)
		for (size_t n = 0; n < screen->spans[i].n; n++)
			*out++ = letters[screen->spans[i].attr];
	*out = '\0';
}

static void test_looks(void **state)
{
	const struct watch_screen_input input = { .interval = &interval,
						  .whole = &second,
						  .target = "" };
	struct watch_screen_state now = { .interval = TWO_SECONDS };
	struct watch_screen screen = { 0 };
	char looks[512];

	watch_screen_render(&screen, &input, &now, 80, 24);
	looks_of(looks, &screen, 3); /* writes found the ring full */
	assert_memory_equal(looks, "............wwwwwwww....", 20);
	looks_of(looks, &screen, 5); /* ADDRESS, ACCESS, and what is sorted by */
	assert_memory_equal(looks, "hhhhhhhhhhhhhhhhhhhsssssssh", 27);
	assert_true(screen.lines[5].fill);
	assert_false(screen.lines[6].fill);
	now.sort = WATCH_SORT_NAME;
	watch_screen_render(&screen, &input, &now, 80, 24);
	looks_of(looks, &screen, 5);
	assert_memory_equal(looks, "hhhhhhhhhhhhhhhhhhhhhhhhhhh", 27);
	assert_string_equal(looks + strlen(looks) - 5, "hssss");
	/* A zone that does not do what it is for. */
	now.view = WATCH_SCREEN_ZONES;
	watch_screen_render(&screen, &input, &now, 80, 24);
	looks_of(looks, &screen, 6);
	assert_int_equal(strspn(looks, "w"), strlen(looks));
	watch_screen_free(&screen);
}

/* A record whose author is hostile, with as many wide and broken characters as a name holds. */
static void parse_hostile(struct watch_snapshot *out)
{
	static const char *const names[] = {
		"\\u001b]0;x\\u0007\\u001b[2J",
		"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2",
		"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81z",
		"%s%n%1000000d",
		"\xff\xfe\xc2\x9b\\u202e",
	};
	char text[8192];
	int n = snprintf(
		text, sizeof(text),
		"{\"record\":1,\"source\":\"machine\",\"name\":\"%s\",\"seconds\":0.000001,"
		"\"exits\":18446744073709551615,\"ring\":{\"full\":1,\"batches\":[[1,1]]},"
		"\"reasons\":{\"%s\":18446744073709551615},\"rows\":[",
		names[0], names[4]);
	struct json_object *root;

	for (int i = 0; i < 40; i++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n,
			"%s{\"space\":\"mmio\",\"addr\":%llu,\"direction\":\"read\",\"width\":4294967294,"
			"\"device\":\"%s\",\"exits\":18446744073709551615}",
			i ? "," : "", 18446744073709551615ull - (unsigned)i, names[i % 5]);
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		      "],\"zones\":[{\"space\":\"port\",\"region\":\"%s\",\"state\":\"%s\"}],"
		      "\"vcpus\":[{\"exits\":18446744073709551615}],\"kvm\":{\"vm\":{\"%s\":1}}}",
		      names[1], names[0], names[4]);
	assert_true(n < (int)sizeof(text));
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_int_equal(watch_snapshot_parse(out, root, &err), 0);
	json_object_put(root);
}

/* No wider than the terminal, whatever is in it; and nothing in it that a terminal would obey. */
static void check_line(const struct watch_screen *screen, size_t y, unsigned columns)
{
	const struct watch_screen_line *line = &screen->lines[y];
	unsigned width = 0;

	for (size_t i = line->first; i < line->first + line->n; i++) {
		const struct watch_screen_span *span = &screen->spans[i];

		for (size_t at = 0; at < span->n;) {
			uint32_t code;

			at += watch_text_char(screen->text + span->at + at, span->n - at, &code);
			assert_true(wcwidth((wchar_t)code) > 0);
			width += (unsigned)wcwidth((wchar_t)code);
		}
	}
	assert_true(width <= columns);
}

static void check_sizes(const struct watch_snapshot *snapshot)
{
	const struct watch_screen_input input = { .interval = snapshot,
						  .whole = snapshot,
						  .target = "\xff\x1b[2J",
						  .note = "\x1b]\x9b" };
	struct watch_screen screen = { 0 };

	for (unsigned columns = 1; columns < 600; columns += columns < 140 ? 1 : 97) {
		for (unsigned rows = 0; rows < 60; rows += rows < 26 ? 1 : 9) {
			for (int view = 0; view <= WATCH_SCREEN_HELP; view++) {
				struct watch_screen_state now = { .interval = TWO_SECONDS };

				now.view = (enum watch_screen_view)view;
				now.scroll = columns % 7;
				now.editing = columns % 2;
				watch_screen_render(&screen, &input, &now, columns, rows);
				assert_false(screen.failed);
				assert_true(!rows || screen.lines_n <= rows);
				for (size_t y = 0; y < screen.lines_n; y++)
					check_line(&screen, y, columns);
			}
		}
	}
	watch_screen_free(&screen);
}

static void test_sizes(void **state)
{
	struct watch_snapshot hostile;
	struct watch_screen screen = { 0 };
	struct watch_screen_state now = { .interval = TWO_SECONDS };
	struct watch_screen_input input;

	parse_hostile(&hostile);
	check_sizes(&hostile);
	check_sizes(&second);
	/* A locale that has these characters. */
	if (setlocale(LC_CTYPE, "C.UTF-8")) {
		check_sizes(&hostile);
		input = (struct watch_screen_input){ .whole = &hostile, .target = "" };
		watch_screen_render(&screen, &input, &now, 100, 30);
		compare("hostile", &screen);
		setlocale(LC_CTYPE, "C");
		watch_screen_free(&screen);
	} else {
		print_message("no locale C.UTF-8 here\n");
	}
	watch_snapshot_free(&hostile);
}

static void press(struct watch_screen_state *state, const char *keys)
{
	for (; *keys; keys++)
		(void)watch_screen_press(state, (unsigned char)*keys, 24);
}

static void test_keys(void **state)
{
	struct watch_screen_state now = { .interval = TWO_SECONDS };

	press(&now, ">");
	assert_int_equal(now.sort, WATCH_SORT_COALESCED);
	press(&now, "<<");
	assert_int_equal(now.sort, WATCH_SORTS - 1);
	press(&now, "pr");
	assert_int_equal(now.sort, WATCH_SORT_P99);
	assert_true(now.reverse);
	press(&now, "rv");
	assert_false(now.reverse);
	assert_int_equal(now.view, WATCH_SCREEN_VCPUS);
	press(&now, "\t\t\t");
	assert_int_equal(now.view, WATCH_SCREEN_ADDRESSES);
	press(&now, "4");
	assert_int_equal(now.view, WATCH_SCREEN_KERNEL);
	press(&now, "5");
	assert_int_equal(now.view, WATCH_SCREEN_KERNEL);
	(void)watch_screen_press(&now, WATCH_KEY_BACK_TAB, 24);
	assert_int_equal(now.view, WATCH_SCREEN_ZONES);
	press(&now, "h");
	assert_int_equal(now.view, WATCH_SCREEN_HELP);
	press(&now, "4");
	assert_int_equal(now.view, WATCH_SCREEN_ZONES);
	press(&now, " w");
	assert_true(now.frozen && now.whole);
	assert_int_equal(watch_screen_press(&now, 'q', 24), WATCH_ACT_QUIT);
	assert_int_equal(watch_screen_press(&now, 'Z', 24), WATCH_ACT_NONE);
	assert_int_equal(watch_screen_press(&now, 0, 24), WATCH_ACT_NONE);
	assert_int_equal(watch_screen_press(&now, 'L' & 0x1f, 24), WATCH_ACT_REDRAW);
}

static void test_interval_keys(void **state)
{
	struct watch_screen_state now = { .interval = TWO_SECONDS };

	assert_int_equal(watch_screen_press(&now, '+', 24), WATCH_ACT_INTERVAL);
	assert_int_equal(now.interval, 5 * NS_PER_SEC);
	press(&now, "+++++++++");
	assert_int_equal(now.interval, 60 * NS_PER_SEC);
	press(&now, "--------------------");
	assert_int_equal(now.interval, 100 * NS_PER_MS);
	now.interval = 3 * NS_PER_SEC;
	press(&now, "-");
	assert_int_equal(now.interval, 2 * NS_PER_SEC);
	now.interval = 90 * NS_PER_SEC;
	press(&now, "+");
	assert_int_equal(now.interval, 90 * NS_PER_SEC);
}

static void test_filter_keys(void **state)
{
	struct watch_screen_state now = { .interval = TWO_SECONDS, .scroll = 5 };

	press(&now, "/qh 0");
	assert_true(now.editing);
	assert_string_equal(now.filter, "qh 0");
	assert_int_equal(now.scroll, 0);
	press(&now, "\x7f\b");
	assert_string_equal(now.filter, "qh");
	(void)watch_screen_press(&now, WATCH_KEY_BACKSPACE, 24);
	(void)watch_screen_press(&now, WATCH_KEY_UP, 24);
	press(&now, "\xc3\r");
	assert_false(now.editing);
	assert_string_equal(now.filter, "q");
	/* Escape goes back to it. */
	press(&now, "/\x15zzz\x1b");
	assert_false(now.editing);
	assert_string_equal(now.filter, "q");
	/* No more than there is room for. */
	press(&now, "/");
	for (int i = 0; i < 1000; i++)
		press(&now, "y");
	assert_int_equal(strlen(now.filter), WATCH_SCREEN_FILTER - 1);
}

static void test_scroll_keys(void **state)
{
	const struct watch_screen_input input = { .interval = &interval,
						  .whole = &second,
						  .target = "" };
	struct watch_screen_state now = { .interval = TWO_SECONDS };
	struct watch_screen screen = { 0 };

	(void)watch_screen_press(&now, WATCH_KEY_UP, 10);
	assert_int_equal(now.scroll, 0);
	(void)watch_screen_press(&now, WATCH_KEY_DOWN, 10);
	assert_int_equal(now.scroll, 1);
	(void)watch_screen_press(&now, WATCH_KEY_PAGE_DOWN, 10);
	assert_int_equal(now.scroll, 3);
	(void)watch_screen_press(&now, WATCH_KEY_PAGE_UP, 10);
	(void)watch_screen_press(&now, WATCH_KEY_PAGE_UP, 10);
	assert_int_equal(now.scroll, 0);
	(void)watch_screen_press(&now, WATCH_KEY_END, 10);
	watch_screen_render(&screen, &input, &now, 80, 10);
	/* Eight lines, of which a screen of ten rows has five: title, totals, order, header, keys. */
	assert_int_equal(now.scroll, 3);
	(void)watch_screen_press(&now, WATCH_KEY_HOME, 10);
	assert_int_equal(now.scroll, 0);
	watch_screen_free(&screen);
}

static void test_numbers(void **state)
{
	/* By way of what is shown: the share of a row and its rate, at most six characters each. */
	static const struct {
		const char *exits, *is;
	} cases[] = {
		{ "0", "      0 " },
		{ "5", "   5.00 " },
		{ "31", "   31.0 " },
		{ "99999", "  99999 " },
		{ "100000", "   100k " },
		{ "123456789", " 123M " },
		{ "18446744073709551615", "18447P " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct watch_snapshot snapshot;
		struct watch_screen screen = { 0 };
		struct watch_screen_state now = { .interval = TWO_SECONDS };
		struct watch_screen_input input = { .whole = &snapshot, .target = "" };
		char text[512], *is;
		struct json_object *root;

		snprintf(
			text, sizeof(text),
			"{\"record\":1,\"source\":\"machine\",\"seconds\":1,\"rows\":[{\"space\":\"port\","
			"\"addr\":1,\"direction\":\"read\",\"exits\":%s}]}",
			cases[i].exits);
		root = json_tokener_parse(text);
		assert_int_equal(watch_snapshot_parse(&snapshot, root, &err), 0);
		json_object_put(root);
		watch_screen_render(&screen, &input, &now, 80, 0);
		is = text_of(&screen);
		if (!strstr(is, cases[i].is))
			fail_msg("%s exits/s: no \"%s\" in\n%s", cases[i].exits, cases[i].is, is);
		free(is);
		watch_screen_free(&screen);
		watch_snapshot_free(&snapshot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_screens),     cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_looks),       cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_keys),        cmocka_unit_test(test_interval_keys),
		cmocka_unit_test(test_filter_keys), cmocka_unit_test(test_scroll_keys),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
