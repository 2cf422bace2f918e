// SPDX-License-Identifier: MIT
#include "bench_page.h"

#include "base/log.h"
#include "bench_host.h"

int bench_page_try(const struct bench_options *options)
{
	struct replace replace;
	struct error err;
	int ret = replace_begin(&replace, options->html, &err);

	if (ret)
		log_error("bench: %s", err.text);
	else
		replace_abandon(&replace);
	return ret;
}

int bench_page_begin(struct bench_page *page, const struct bench_options *options,
		     const char *title)
{
	struct error err;
	int ret = replace_begin(&page->replace, options->html, &err);

	if (ret) {
		log_error("bench: %s", err.text);
		return ret;
	}
	watch_page_begin(page->replace.out, title);
	return 0;
}

/* The host's facts as a table, and in the figures. */
static void put_host(struct bench_page *page, struct json_object *figures)
{
	static const struct watch_page_column columns[] = { { "", false }, { "", false } };
	struct bench_fact facts[BENCH_FACTS_MAX];
	size_t n = bench_host(facts, "");

	watch_page_heading(page->replace.out, 2, "The host");
	watch_page_table_begin(page->replace.out, columns, 2);
	for (size_t i = 0; i < n; i++) {
		watch_page_row_begin(page->replace.out);
		watch_page_cell(page->replace.out, facts[i].name);
		watch_page_cell(page->replace.out, facts[i].value);
		watch_page_row_end(page->replace.out);
	}
	watch_page_table_end(page->replace.out);
	json_object_object_add(figures, "host", bench_host_object(facts, n));
}

int bench_page_end(struct bench_page *page, struct json_object *figures)
{
	struct error err;
	int ret;

	put_host(page, figures);
	watch_page_data(page->replace.out,
			json_object_to_json_string_ext(figures, JSON_C_TO_STRING_PRETTY));
	watch_page_end(page->replace.out);
	ret = replace_commit(&page->replace, &err);
	if (ret)
		log_error("bench: %s", err.text);
	return ret;
}

void bench_page_cell(struct bench_page *page, const struct bench_figure *figure)
{
	char median[WATCH_PAGE_NUMBER], low[WATCH_PAGE_NUMBER], high[WATCH_PAGE_NUMBER];
	char text[3 * WATCH_PAGE_NUMBER + 8] = "";

	if (figure->n > 1)
		snprintf(text, sizeof(text), "%s [%s, %s]",
			 watch_page_number(median, figure->median),
			 watch_page_number(low, figure->low),
			 watch_page_number(high, figure->high));
	else if (figure->n)
		watch_page_number(text, figure->median);
	watch_page_cell(page->replace.out, text);
}

struct watch_page_bar bench_page_bar(const char *name, const struct bench_figure *figure,
				     unsigned colour)
{
	return (struct watch_page_bar){ .name = name,
					.value = figure->median,
					.low = figure->low,
					.high = figure->high,
					.colour = colour };
}

void bench_page_explain(struct bench_page *page, const struct bench_figure *figure)
{
	if (figure->n < 2) {
		watch_page_paragraph(
			page->replace.out,
			"One round: no interval can be given. --rounds 11 and more give one.");
		return;
	}
	watch_page_paragraph(
		page->replace.out,
		"Figures are medians of %zu rounds. In brackets, and as lines on the bars, is the interval that "
		"holds the true median with %.1f %% confidence, by order statistics, whatever the distribution "
		"is%s. Ratios are taken round by round.",
		figure->n, 100 * figure->confidence,
		figure->confidence < 0.95 ? " (less than 95 %: six rounds are the least for that)"
					  : "");
}
