// SPDX-License-Identifier: MIT
/* Pages and their plots: whatever the texts and the numbers are, the markup is whole. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch/page.h"

#define HOSTILE "<script>alert(\"1\")</script>&\x1b[31m\xff"
#define ESCAPED "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;?[31m?"
#define DEPTH   32

struct page {
	FILE *out;
	char *text;
	size_t len;
};

static void begin(struct page *page)
{
	page->out = open_memstream(&page->text, &page->len);
	assert_non_null(page->out);
	watch_page_begin(page->out, HOSTILE);
}

static bool stands_alone(const char *name)
{
	return !strncmp(name, "meta", 4) || !strncmp(name, "link", 4) ||
	       !strncmp(name, "!DOCTYPE", 8);
}

/* Elements close in order, attributes have quotes, and no number is none. */
static void check_markup(const char *text)
{
	const char *open[DEPTH] = { NULL };
	size_t depth = 0;

	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	for (const char *at = text; (at = strchr(at, '<')); at++) {
		const char *end = at + 1;

		for (; *end != '>'; end++) {
			assert_true(*end && *end != '<');
			if (*end == '=') {
				assert_int_equal(end[1], '"');
				end = strchr(end + 2, '"');
				assert_non_null(end);
			}
		}
		if (at[1] == '/') {
			size_t len = (size_t)(end - at) - 2;

			assert_true(depth > 0);
			depth--;
			assert_memory_equal(open[depth], at + 2, len);
		} else if (end[-1] != '/' && !stands_alone(at + 1)) {
			assert_true(depth < DEPTH);
			open[depth++] = at + 1;
		}
		at = end;
	}
	assert_int_equal(depth, 0);
}

/* The text, to be freed. */
static char *end(struct page *page)
{
	watch_page_end(page->out);
	fclose(page->out);
	check_markup(page->text);
	return page->text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void test_text(void **state)
{
	static const struct watch_page_column columns[] = { { HOSTILE, false }, { "n", true } };
	struct page page;
	char *text;

	begin(&page);
	watch_page_heading(page.out, 2, HOSTILE);
	watch_page_paragraph(page.out, "%d %s", 7, HOSTILE);
	watch_page_table_begin(page.out, columns, 2);
	for (int i = 0; i < 3; i++) {
		watch_page_row_begin(page.out);
		watch_page_cell(page.out, HOSTILE);
		if (i < 2)
			watch_page_cell_number(page.out, i ? NAN : 1234567);
		else
			watch_page_cell_share(page.out, 1e9);
		watch_page_row_end(page.out);
	}
	watch_page_table_end(page.out);
	text = end(&page);
	assert_int_equal(count(text, "<script"), 0);
	assert_int_equal(count(text, ESCAPED), 2 + 1 + 1 + 1 + 3);
	assert_int_equal(count(text, "<td class=\"n\">1,234,567</td>"), 1);
	assert_int_equal(count(text, "<td class=\"n\"></td>"), 1);
	assert_int_equal(count(text, "--p:100.0%"), 1);
	/* Nothing is asked for elsewhere. */
	assert_int_equal(count(text, "//"), 0);
	assert_int_equal(count(text, "default-src 'none'"), 1);
	free(text);
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} numbers[] = {
		{ 0, "0" },          { 0.012345, "0.0123" }, { 4.567, "4.57" },
		{ 45.67, "45.7" },   { 999.4, "999" },       { 999.6, "1,000" },
		{ 12345, "12,345" }, { 1e6, "1,000,000" },   { 1e15, "1e+15" },
	};
	char text[WATCH_PAGE_NUMBER];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_string_equal(watch_page_number(text, numbers[i].value), numbers[i].text);
}

static void test_plots(void **state)
{
	static const double x[] = { 0, 1, 2 }, y[] = { 0, 10, 5 };
	static const double first[] = { 1, 10, 100 }, last[] = { 10, 20, 1000 },
			    percent[] = { 20, 50, 30 };
	static const char *const rows[] = { "one", HOSTILE };
	static const double heat[] = { 0, 100, 0, 1, 0, 0 };
	struct page page;
	char *text;

	begin(&page);
	watch_page_lines(page.out, HOSTILE, "s", "1/s",
			 &(struct watch_page_line){ HOSTILE, x, y, 3, 2, true }, 1);
	watch_page_steps(page.out, "steps", "us",
			 &(struct watch_page_steps){ "all", first, last, percent, 3, 1, false }, 1);
	watch_page_bars(page.out, "bars", "us",
			(struct watch_page_bar[]){ { HOSTILE, 4, 3, 5, 0 }, { "b", 8, 0, 0, 1 } },
			2);
	watch_page_heat(page.out, "heat",
			&(struct watch_page_heat){ rows, 2, 3, heat, 0, 0, 9, "s", "exits/s" });
	text = end(&page);
	assert_int_equal(count(text, "<svg"), 4);
	/* The plot is from 70 to 940 and from 220 up to 12; the highest is a little below the top. */
	assert_int_equal(count(text, "d=\"M70.0 220.0L505.0 21.9L940.0 121.0\""), 1);
	assert_int_equal(count(text, "stroke:var(--c2)"), 1);
	/* A gap between 20 and 100 is one in the steps as well. */
	assert_int_equal(count(text, "V220.0H650.0"), 1);
	/* An interval, and two bars of which the second is as long as there is room. */
	assert_int_equal(count(text, "stroke:var(--text)"), 1);
	assert_int_equal(count(text, "width=\"620.0\""), 1);
	assert_int_equal(count(text, "width=\"310.0\""), 1);
	/* Cells of nothing are not drawn; the most is full. */
	assert_int_equal(count(text, "rgba(var(--heat)"), 2);
	assert_int_equal(count(text, "rgba(var(--heat),1.00)\"><title>one: 100 exits/s"), 1);
	free(text);
}

/* From a file comes anything. */
static void test_odd_numbers(void **state)
{
	static const double odd[] = { 0,     -1,      1e-320,   1e-30,    1,  1e15,
				      1e300, 1.7e308, -1.7e308, INFINITY, NAN };
	enum { N = sizeof(odd) / sizeof(odd[0]) };

	for (size_t i = 0; i < N * N; i++) {
		const double a[] = { odd[i / N], odd[i % N] }, b[] = { odd[i % N], odd[i / N] };
		const double c[] = { 1e12, odd[i % N] };
		const char *const row = "a";
		struct page page;

		begin(&page);
		watch_page_lines(page.out, "a", "s", "n",
				 &(struct watch_page_line){ "a", a, b, 2, 0, false }, 1);
		watch_page_steps(page.out, "a", "s",
				 &(struct watch_page_steps){ "a", a, c, b, 2, 0, false }, 1);
		watch_page_bars(page.out, "a", "s",
				&(struct watch_page_bar){ "a", a[0], b[0], a[0], 0 }, 1);
		watch_page_heat(
			page.out, "a",
			&(struct watch_page_heat){ &row, 1, 2, a, a[1], a[0], b[0], "s", "n" });
		watch_page_heat(page.out, "a",
				&(struct watch_page_heat){ .x_name = "", .unit = "" });
		free(end(&page));
		assert_in_range(page.len, 1000, 40000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_plots),
		cmocka_unit_test(test_odd_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
