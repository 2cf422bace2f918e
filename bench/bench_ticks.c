// SPDX-License-Identifier: MIT
/*
 * What guests that tick on the RTC cost their host: the CPU time of all of them together, at the
 * rates of an idle and of a busy Windows.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench_child.h"
#include "bench_page.h"
#include "guests.h"

static const unsigned rates[] = { 64, 1024 };

#define RATES (sizeof(rates) / sizeof(rates[0]))

/* By round, of all guests together, for each second that they tick. */
struct cost {
	double *user, *system; /* seconds of CPU */
	double *exits; /* trips to user space; 0: not known */
	size_t n;
};

struct ticks {
	const struct bench_options *options;
	int rom_fd;
	struct cost costs[RATES][BENCH_PROGRAMS];
};

static int ticks_run_guests(struct ticks *bench, enum bench_program program, size_t rate)
{
	const struct bench_options *options = bench->options;
	struct bench_child *children = calloc(options->guests, sizeof(*children));
	struct cost *cost = &bench->costs[rate][program];
	double user = 0, system = 0, exits = 0;
	unsigned started = 0;
	int ret = children ? 0 : -ENOMEM;

	for (; !ret && started < options->guests; started++) {
		struct bench_child *child = &children[started];

		bench_command(child, program);
		bench_arg(child, "-bios");
		bench_arg(child, "/proc/self/fd/%d", bench->rom_fd);
		bench_arg(child, "-m");
		bench_arg(child, "16");
		bench_arg(child, "-fw_cfg");
		bench_arg(child, "name=" GUEST_PARAMS ",string=rate=%u seconds=%u", rates[rate],
			  options->seconds);
		ret = bench_spawn(child);
	}
	for (unsigned i = 0; !ret && i < started; i++) {
		ret = bench_wait(&children[i], bench_program_names[program]);
		user += children[i].user;
		system += children[i].system;
		if (!ret && program <= BENCH_ON)
			exits += (double)bench_total(&children[i], "exits");
	}
	if (!ret) {
		cost->user[cost->n] = user / options->seconds;
		cost->system[cost->n] = system / options->seconds;
		cost->exits[cost->n] = exits / options->seconds;
		cost->n++;
	}
	for (unsigned i = 0; i < started; i++)
		bench_drop(&children[i]);
	free(children);
	return ret;
}

enum part { PART_USER, PART_SYSTEM, PART_SUM, PART_EXITS };

static struct bench_figure figure_of(const struct cost *cost, enum part part)
{
	double values[1000];

	for (size_t i = 0; i < cost->n; i++) {
		const double parts[] = { cost->user[i], cost->system[i],
					 cost->user[i] + cost->system[i], cost->exits[i] };

		values[i] = parts[part] * (part == PART_EXITS ? 1 : 1e3);
	}
	return bench_figure(values, cost->n);
}

static void ticks_print_text(const struct ticks *bench)
{
	const struct bench_options *options = bench->options;

	printf("%u guests for %u s: CPU of the host, ms a second for all guests together",
	       options->guests, options->seconds);
	if (options->rounds > 1)
		printf("; medians of %u rounds", options->rounds);
	printf("\n\n%-14s %9s %9s %9s %9s %14s\n", "", "rate", "user", "system", "sum",
	       "exits/s/guest");
	for (size_t r = 0; r < RATES; r++) {
		for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
			const struct cost *cost = &bench->costs[r][p];
			double exits = figure_of(cost, PART_EXITS).median;

			if (!cost->n)
				continue;
			printf("%-14s %6u Hz %9.1f %9.1f %9.1f ", bench_program_names[p], rates[r],
			       figure_of(cost, PART_USER).median,
			       figure_of(cost, PART_SYSTEM).median,
			       figure_of(cost, PART_SUM).median);
			if (exits > 0)
				printf("%14.1f\n", exits / options->guests);
			else
				printf("%14s\n", "-");
		}
	}
}

static struct json_object *ticks_object(const struct ticks *bench)
{
	static const char *const names[] = { "off", "on", "floor", "qemu" };
	const struct bench_options *options = bench->options;
	struct json_object *object = json_object_new_object();
	char name[64];

	json_object_object_add(object, "guests", json_object_new_int((int)options->guests));
	json_object_object_add(object, "seconds", json_object_new_int((int)options->seconds));
	json_object_object_add(object, "rounds", json_object_new_int((int)options->rounds));
	for (size_t r = 0; r < RATES; r++) {
		for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
			const struct cost *cost = &bench->costs[r][p];
			double exits = figure_of(cost, PART_EXITS).median;

			if (!cost->n)
				continue;
			snprintf(name, sizeof(name), "cpu_s_%u_hz_%s", rates[r], names[p]);
			json_object_object_add(
				object, name,
				json_object_new_double(figure_of(cost, PART_SUM).median / 1e3 *
						       options->seconds));
			if (exits <= 0)
				continue;
			snprintf(name, sizeof(name), "exits_%u_hz_%s", rates[r], names[p]);
			json_object_object_add(object, name,
					       json_object_new_double(exits * options->seconds));
		}
	}
	return object;
}

static void page_rate(struct bench_page *page, const struct ticks *bench, size_t rate)
{
	static const struct watch_page_column columns[] = {
		{ "", false },    { "user", false },         { "system", false },
		{ "sum", false }, { "exits/s/guest", true },
	};
	struct watch_page_bar bars[BENCH_PROGRAMS];
	struct bench_figure figures[BENCH_PROGRAMS];
	char title[64];
	size_t n = 0;

	snprintf(title, sizeof(title), "%u Hz", rates[rate]);
	watch_page_heading(page->replace.out, 2, title);
	watch_page_table_begin(page->replace.out, columns, 5);
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		const struct cost *cost = &bench->costs[rate][p];
		double exits = figure_of(cost, PART_EXITS).median;

		if (!cost->n)
			continue;
		watch_page_row_begin(page->replace.out);
		watch_page_cell(page->replace.out, bench_program_names[p]);
		for (enum part part = PART_USER; part <= PART_SUM; part++) {
			figures[n] = figure_of(cost, part);
			bench_page_cell(page, &figures[n]);
		}
		watch_page_cell_number(page->replace.out,
				       exits > 0 ? exits / bench->options->guests : -1);
		watch_page_row_end(page->replace.out);
		bars[n] = bench_page_bar(bench_program_names[p], &figures[n], p);
		n++;
	}
	watch_page_table_end(page->replace.out);
	watch_page_bars(page->replace.out, "CPU of the host, all guests together", "ms/s", bars, n);
}

static int ticks_page(const struct ticks *bench)
{
	struct json_object *figures = ticks_object(bench);
	struct bench_figure on = figure_of(&bench->costs[0][BENCH_ON], PART_SUM);
	struct bench_page page;
	int ret =
		bench_page_begin(&page, bench->options, "Guests that tick on the real-time clock");

	if (ret) {
		json_object_put(figures);
		return ret;
	}
	watch_page_paragraph(
		page.replace.out,
		"%u guests at once that tick on the real-time clock for %u s, at the rates of an idle "
		"and of a busy Windows: CPU of the host in ms a second, for all guests together.",
		bench->options->guests, bench->options->seconds);
	bench_page_explain(&page, &on);
	for (size_t r = 0; r < RATES; r++)
		page_rate(&page, bench, r);
	ret = bench_page_end(&page, figures);
	json_object_put(figures);
	return ret;
}

static int ticks_measure(struct ticks *bench)
{
	const struct bench_options *options = bench->options;
	int ret = 0;

	for (unsigned round = 0; !ret && round < options->rounds; round++) {
		for (size_t i = 0; !ret && i < RATES * BENCH_PROGRAMS; i++) {
			enum bench_program p = (enum bench_program)(i % BENCH_PROGRAMS);
			size_t rate = i / BENCH_PROGRAMS;

			if (p == BENCH_FLOOR || !bench_has(p))
				continue;
			bench_progress("round %u of %u: %u guests at %u Hz for %u s, %s", round + 1,
				       options->rounds, options->guests, rates[rate],
				       options->seconds, bench_program_names[p]);
			ret = ticks_run_guests(bench, p, rate);
		}
	}
	bench_progress_end();
	return ret;
}

/* Each cost has a part of values, which the caller frees. NULL without memory. */
static double *make_costs(struct ticks *bench)
{
	size_t rounds = bench->options->rounds;
	double *values = calloc(3 * RATES * BENCH_PROGRAMS * rounds, sizeof(*values)), *at = values;

	for (size_t i = 0; values && i < RATES * BENCH_PROGRAMS; i++, at += 3 * rounds)
		bench->costs[i / BENCH_PROGRAMS][i % BENCH_PROGRAMS] = (struct cost){
			.user = at, .system = at + rounds, .exits = at + 2 * rounds
		};
	return values;
}

int bench_ticks(const struct bench_options *options)
{
	struct ticks bench = { .options = options };
	double *values;
	int ret;

	if (options->html && bench_page_try(options))
		return 1;
	values = make_costs(&bench);
	bench.rom_fd = bench_image(guest_ticker, GUEST_ROM_SIZE);
	ret = values && bench.rom_fd >= 0 ? ticks_measure(&bench) : -ENOMEM;
	if (!ret && options->json) {
		struct json_object *object = ticks_object(&bench);

		printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
		json_object_put(object);
	} else if (!ret) {
		ticks_print_text(&bench);
	}
	if (!ret && options->html)
		ret = ticks_page(&bench);
	if (bench.rom_fd >= 0)
		close(bench.rom_fd);
	free(values);
	if (!ret && (fflush(stdout) || ferror(stdout))) {
		log_error("standard output: %s", strerror(errno));
		ret = -EIO;
	}
	return ret ? 1 : 0;
}
