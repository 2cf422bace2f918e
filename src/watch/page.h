// SPDX-License-Identifier: MIT
/*
 * Pages of HTML that need nothing else: no network, no script, no other file. Tables and plots (inline
 * SVG) of numbers, legible in light and dark and on narrow screens, in colours that people tell apart who
 * see few.
 *
 * Every text is escaped, whoever wrote it, and every number is drawn within its plot: what is no number
 * is left out. Nothing here fails: the stream remembers errors. Pure; one thread a stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WATCH_PAGE_COLOURS 8 /* series of a plot that have one of their own */

void watch_page_begin(FILE *out, const char *title);
void watch_page_end(FILE *out);
/* level 2 or 3. */
void watch_page_heading(FILE *out, unsigned level, const char *text);
void watch_page_paragraph(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Data for other programs, JSON, which a reader does not see. */
void watch_page_data(FILE *out, const char *json);

/* A table: begin; for each row row_begin, as many cells as there are columns, row_end; then end. */
struct watch_page_column {
	const char *name;
	bool number; /* stands right */
};

void watch_page_table_begin(FILE *out, const struct watch_page_column *columns, size_t n);
void watch_page_row_begin(FILE *out);
void watch_page_row_end(FILE *out);
void watch_page_cell(FILE *out, const char *text);
/* Formats as watch_page_number() does; negative or no number: an empty cell. */
void watch_page_cell_number(FILE *out, double value);
/* A part of 100 as a number with a bar behind it; percent is cut to 0 to 100. */
void watch_page_cell_share(FILE *out, double percent);
void watch_page_table_end(FILE *out);

/* Three significant digits, and groups of three above a thousand: "0.0123", "4.56", "12,345"; "-". */
#define WATCH_PAGE_NUMBER 32
const char *watch_page_number(char text[WATCH_PAGE_NUMBER], double value);

/* A line of a plot: n points, x ascending. */
struct watch_page_line {
	const char *name;
	const double *x, *y;
	size_t n;
	unsigned colour; /* less than WATCH_PAGE_COLOURS */
	bool dashed;
};

/* y begins at 0. */
void watch_page_lines(FILE *out, const char *title, const char *x_name, const char *y_name,
		      const struct watch_page_line *lines, size_t n);

/* Values beside each other; low and high, if high is more, are the ends of an interval around value. */
struct watch_page_bar {
	const char *name;
	double value, low, high;
	unsigned colour;
};

void watch_page_bars(FILE *out, const char *title, const char *unit,
		     const struct watch_page_bar *bars, size_t n);

/* A histogram as steps over a logarithmic axis: n buckets from first[i] to last[i], with parts of 100. */
struct watch_page_steps {
	const char *name;
	const double *first, *last, *percent;
	size_t n;
	unsigned colour;
	bool dashed;
};

void watch_page_steps(FILE *out, const char *title, const char *x_name,
		      const struct watch_page_steps *steps, size_t n);

/*
 * Rows by columns of values from 0 up, the darker the more, on a logarithmic scale up to most; 0: up to the
 * largest. The columns stretch from x_first to x_last.
 */
struct watch_page_heat {
	const char *const *rows;
	size_t rows_n, columns_n;
	const double *values; /* row by row */
	double most;
	double x_first, x_last;
	const char *x_name, *unit;
};

void watch_page_heat(FILE *out, const char *title, const struct watch_page_heat *heat);
