// SPDX-License-Identifier: MIT
/* Plots, as SVG. Coordinates are those of the view box: y goes down. */
#include <math.h>
#include <stdlib.h>

#include "watch/page_impl.h"

#define WIDTH  960.0
#define LEFT   70.0
#define RIGHT  20.0
#define TOP    12.0
#define BOTTOM 40.0
#define HEIGHT 260.0 /* of lines and steps */

#define TICKS_MAX 12
#define MOST      1e300 /* of a scale: sums of what is on it are numbers */

#define BAR_EACH  26.0
#define BAR_LEFT  230.0
#define HEAT_EACH 18.0
#define HEAT_LEFT 260.0

/* A scale from values to coordinates. */
struct scale {
	double first, last; /* values */
	double from, to; /* where they are */
	bool log;
};

static double place(const struct scale *scale, double value)
{
	double first = scale->first, last = scale->last, part;

	if (scale->log) {
		first = log10(first);
		last = log10(last);
		value = value > 0 ? log10(value) : first;
	}
	part = last > first ? (value - first) / (last - first) : 0;
	part = isfinite(part) ? fmin(fmax(part, 0), 1) : 0;
	return scale->from + part * (scale->to - scale->from);
}

/* 1, 2 or 5 times a power of ten, of which some five go into the range. */
static double step_of(double range)
{
	double power, part;

	if (!(range > 0) || !isfinite(range))
		return 1;
	power = pow(10, floor(log10(range / 5)));
	if (!(power > 0) || !isfinite(power))
		return range;
	part = range / 5 / power;
	return power * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
}

static void figure_begin(FILE *out, const char *title, double height)
{
	fputs("<figure><figcaption>", out);
	watch_page_escape(out, title);
	fprintf(out,
		"</figcaption><div class=\"wide\"><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		"aria-label=\"",
		WIDTH, height);
	watch_page_escape(out, title);
	fputs("\">\n", out);
}

static void figure_end(FILE *out)
{
	fputs("</svg></div></figure>\n", out);
}

static void text_at(FILE *out, double x, double y, const char *anchor, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	watch_page_escape(out, text);
	fputs("</text>\n", out);
}

static void grid_line(FILE *out, double x1, double y1, double x2, double y2)
{
	fprintf(out, "<line class=\"g\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1,
		y1, x2, y2);
}

static void x_axis(FILE *out, const struct scale *x, double bottom, const char *name)
{
	char text[WATCH_PAGE_NUMBER];
	double step = step_of(x->last - x->first);

	if (x->log) {
		int first = (int)ceil(log10(x->first)), last = (int)floor(log10(x->last));
		int each = 1 + (last - first) / TICKS_MAX;

		for (int i = first; i <= last; i += each) {
			double at = pow(10, i);

			grid_line(out, place(x, at), TOP, place(x, at), bottom);
			text_at(out, place(x, at), bottom + 16, "middle",
				watch_page_number(text, at));
		}
	} else {
		for (int i = 0; i <= TICKS_MAX; i++) {
			double at = (ceil(x->first / step) + i) * step;

			if (!(at <= x->last))
				break;
			text_at(out, place(x, at), bottom + 16, "middle",
				watch_page_number(text, at));
		}
	}
	text_at(out, (x->from + x->to) / 2, bottom + 33, "middle", name);
}

static void y_axis(FILE *out, const struct scale *y, const char *name)
{
	char text[WATCH_PAGE_NUMBER];
	double step = step_of(y->last);

	for (int i = 0; i <= TICKS_MAX && i * step <= y->last; i++) {
		grid_line(out, LEFT, place(y, i * step), WIDTH - RIGHT, place(y, i * step));
		text_at(out, LEFT - 6, place(y, i * step) + 4, "end",
			watch_page_number(text, i * step));
	}
	fprintf(out, "<text transform=\"translate(13 %.0f) rotate(-90)\" text-anchor=\"middle\">",
		(y->from + y->to) / 2);
	watch_page_escape(out, name);
	fputs("</text>\n", out);
}

static void key_begin(FILE *out)
{
	fputs("<ul class=\"k\">", out);
}

static void key_entry(FILE *out, unsigned colour, bool dashed, const char *name)
{
	fprintf(out, "<li><i style=\"background:%svar(--c%u)%s\"></i>",
		dashed ? "repeating-linear-gradient(to right," : "", colour,
		dashed ? " 0 4px,transparent 4px 7px)" : "");
	watch_page_escape(out, name);
	fputs("</li>", out);
}

static void path_begin(FILE *out, unsigned colour, bool dashed)
{
	fprintf(out, "<path class=\"l%s\" style=\"stroke:var(--c%u)\" d=\"", dashed ? " d" : "",
		colour);
}

/* The name of what the mouse is over. */
static void path_end(FILE *out, const char *name)
{
	fputs("\"><title>", out);
	watch_page_escape(out, name);
	fputs("</title></path>\n", out);
}

static struct scale make_y(double most)
{
	return (struct scale){ .last = most > 0 && most < MOST ? 1.05 * most
				       : most > 0              ? MOST
							       : 1,
			       .from = HEIGHT - BOTTOM,
			       .to = TOP };
}

static bool is_point(const struct watch_page_line *line, size_t i)
{
	return fabs(line->x[i]) <= MOST && fabs(line->y[i]) <= MOST;
}

void watch_page_lines(FILE *out, const char *title, const char *x_name, const char *y_name,
		      const struct watch_page_line *lines, size_t n)
{
	struct scale x = {
		.first = INFINITY, .last = -INFINITY, .from = LEFT, .to = WIDTH - RIGHT
	};
	struct scale y;
	double most = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < lines[i].n; j++) {
			if (!is_point(&lines[i], j))
				continue;
			x.first = fmin(x.first, lines[i].x[j]);
			x.last = fmax(x.last, lines[i].x[j]);
			most = fmax(most, lines[i].y[j]);
		}
	}
	if (!isfinite(x.first))
		x.first = x.last = 0;
	y = make_y(most);
	figure_begin(out, title, HEIGHT);
	y_axis(out, &y, y_name);
	x_axis(out, &x, HEIGHT - BOTTOM, x_name);
	for (size_t i = 0; i < n; i++) {
		char pen = 'M';

		path_begin(out, lines[i].colour, lines[i].dashed);
		for (size_t j = 0; j < lines[i].n; j++) {
			if (!is_point(&lines[i], j))
				continue;
			fprintf(out, "%c%.1f %.1f", pen, place(&x, lines[i].x[j]),
				place(&y, lines[i].y[j]));
			pen = 'L';
		}
		path_end(out, lines[i].name);
	}
	fputs("</svg></div>", out);
	key_begin(out);
	for (size_t i = 0; i < n; i++)
		key_entry(out, lines[i].colour, lines[i].dashed, lines[i].name);
	fputs("</ul></figure>\n", out);
}

/* On a logarithmic axis. */
static bool has_place(const struct watch_page_steps *steps, size_t i)
{
	return steps->first[i] > 0 && steps->last[i] > steps->first[i] && steps->last[i] <= MOST &&
	       steps->percent[i] >= 0 && steps->percent[i] <= MOST;
}

void watch_page_steps(FILE *out, const char *title, const char *x_name,
		      const struct watch_page_steps *steps, size_t n)
{
	struct scale x = {
		.first = INFINITY, .last = 0, .from = LEFT, .to = WIDTH - RIGHT, .log = true
	};
	struct scale y;
	double most = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < steps[i].n; j++) {
			if (!has_place(&steps[i], j))
				continue;
			x.first = fmin(x.first, steps[i].first[j]);
			x.last = fmax(x.last, steps[i].last[j]);
			most = fmax(most, steps[i].percent[j]);
		}
	}
	if (!isfinite(x.first) || !(x.last > x.first)) {
		x.first = 1;
		x.last = 10;
	}
	y = make_y(most);
	figure_begin(out, title, HEIGHT);
	y_axis(out, &y, "% of all");
	x_axis(out, &x, HEIGHT - BOTTOM, x_name);
	for (size_t i = 0; i < n; i++) {
		double end = -1;

		path_begin(out, steps[i].colour, steps[i].dashed);
		for (size_t j = 0; j < steps[i].n; j++) {
			double left = place(&x, steps[i].first[j]);
			double right = place(&x, steps[i].last[j]);
			double top = place(&y, steps[i].percent[j]);

			if (!has_place(&steps[i], j))
				continue;
			if (end < 0)
				fprintf(out, "M%.1f %.1f", left, y.from);
			else if (left > end)
				fprintf(out, "V%.1fH%.1f", y.from, left);
			fprintf(out, "V%.1fH%.1f", top, right);
			end = right;
		}
		if (end >= 0)
			fprintf(out, "V%.1f", y.from);
		path_end(out, steps[i].name);
	}
	fputs("</svg></div>", out);
	key_begin(out);
	for (size_t i = 0; i < n; i++)
		key_entry(out, steps[i].colour, steps[i].dashed, steps[i].name);
	fputs("</ul></figure>\n", out);
}

void watch_page_bars(FILE *out, const char *title, const char *unit,
		     const struct watch_page_bar *bars, size_t n)
{
	struct scale x = { .from = BAR_LEFT, .to = WIDTH - 110, .last = 0 };

	for (size_t i = 0; i < n; i++)
		x.last = fmin(fmax(x.last, fmax(bars[i].value, bars[i].high)), MOST);
	if (!(x.last > 0))
		x.last = 1;
	figure_begin(out, title, (double)n * BAR_EACH + 8);
	for (size_t i = 0; i < n; i++) {
		double top = 4 + (double)i * BAR_EACH, end = place(&x, bars[i].value);
		char number[WATCH_PAGE_NUMBER], text[WATCH_PAGE_NUMBER + 32];

		text_at(out, BAR_LEFT - 8, top + 15, "end", bars[i].name);
		fprintf(out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
			"style=\"fill:var(--c%u)\"/>\n",
			x.from, top + 2, end - x.from, BAR_EACH - 8, bars[i].colour);
		if (bars[i].high > bars[i].low) {
			double low = place(&x, bars[i].low), high = place(&x, bars[i].high);

			fprintf(out,
				"<path style=\"stroke:var(--text);fill:none\" "
				"d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>\n",
				low, top + 11, high, low, top + 7, high, top + 7);
			end = fmax(end, high);
		}
		snprintf(text, sizeof(text), "%s %.30s", watch_page_number(number, bars[i].value),
			 unit);
		text_at(out, end + 6, top + 15, "start", text);
	}
	figure_end(out);
}

static double heat_value(const struct watch_page_heat *heat, size_t row, size_t column)
{
	double value = heat->values[row * heat->columns_n + column];

	return value > 0 ? fmin(value, MOST) : 0;
}

static double heat_most(const struct watch_page_heat *heat)
{
	double most = 0;

	if (heat->most > 0)
		return fmin(heat->most, MOST);
	for (size_t i = 0; i < heat->rows_n * heat->columns_n; i++)
		most = fmax(most, fmin(heat->values[i], MOST));
	return most;
}

void watch_page_heat(FILE *out, const char *title, const struct watch_page_heat *heat)
{
	struct scale x = { .first = fabs(heat->x_first) <= MOST ? heat->x_first : 0,
			   .last = fabs(heat->x_last) <= MOST ? heat->x_last : 0,
			   .from = HEAT_LEFT,
			   .to = WIDTH - RIGHT };
	double bottom = TOP + (double)heat->rows_n * HEAT_EACH, most = heat_most(heat);
	double each = (x.to - x.from) / (double)(heat->columns_n ? heat->columns_n : 1);

	figure_begin(out, title, bottom + BOTTOM);
	for (size_t i = 0; i < heat->rows_n; i++) {
		double top = TOP + (double)i * HEAT_EACH;

		text_at(out, HEAT_LEFT - 8, top + 13, "end", heat->rows[i]);
		for (size_t j = 0; j < heat->columns_n; j++) {
			double value = heat_value(heat, i, j);
			char number[WATCH_PAGE_NUMBER];

			if (value <= 0)
				continue;
			fprintf(out,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" "
				"style=\"fill:rgba(var(--heat),%.2f)\"><title>",
				x.from + (double)j * each, top, each + 0.3, HEAT_EACH - 1,
				0.1 + 0.9 * fmin(log1p(value) / log1p(most), 1));
			watch_page_escape(out, heat->rows[i]);
			fprintf(out, ": %s ", watch_page_number(number, value));
			watch_page_escape(out, heat->unit);
			fputs("</title></rect>\n", out);
		}
	}
	x_axis(out, &x, bottom, heat->x_name);
	figure_end(out);
}
