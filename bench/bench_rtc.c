// SPDX-License-Identifier: MIT
/*
 * The experiment of the patch that brought coalesced port I/O: what a write to an index port costs
 * with and without it. The guest (guests/rtcbench) times itself with RDTSC, less the empty loop;
 * exits are counted by the program, exactly.
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

#define SAMPLES    1000
#define ROUNDS_MAX 1000

/* What one guest says, in microseconds. */
struct said {
	double write_0x70[3], write_0xcf8[3]; /* minimum, median, average */
	double pair; /* of the bare loop, 0x70 and 0x71 */
	double pci_pair;
};

/* The ports whose exits the patch's tables would have. */
static const struct rtc_port {
	unsigned port;
	const char *direction, *name;
} rtc_ports[] = {
	{ 0x70, "write", "0x70:POUT" },
	{ 0x71, "read", "0x71:PIN" },
	{ 0xcf8, "write", "0xcf8:POUT" },
	{ 0xcfc, "read", "0xcfc:PIN" },
};

#define PORTS (sizeof(rtc_ports) / sizeof(rtc_ports[0]))

/* What the program's own meter says of a port, all guests together. */
struct rtc_exits {
	double exits, coalesced;
	double us[ROUNDS_MAX]; /* on average, from KVM_RUN's return until the guest runs on */
};

/* Medians over guests, then over rounds, for each program. */
struct result {
	struct rtc_exits ports[PORTS]; /* BENCH_OFF, BENCH_ON */
	double values[sizeof(struct said) / sizeof(double)][ROUNDS_MAX];
	double user_per_exit[ROUNDS_MAX]; /* by getrusage() */
	double outside_per_exit[ROUNDS_MAX]; /* by the program's own meter */
	size_t n;
};

struct bench {
	const struct bench_options *options;
	int rom_fd;
	double tsc_hz;
	struct result *results; /* BENCH_PROGRAMS */
	uint64_t exits_per_count[2]; /* off, on: counted by difference */
	double exits[2]; /* off, on: of a whole guest */
};

static int parse_line(const char *text, const char *name, double hz, double out[3])
{
	const char *at = strstr(text, name);
	unsigned long a, b, c;

	if (!at || sscanf(at + strlen(name), " min=%lu median=%lu avg=%lu", &a, &b, &c) != 3)
		return -EINVAL;
	out[0] = (double)a / hz * 1e6;
	out[1] = (double)b / hz * 1e6;
	out[2] = (double)c / hz * 1e6;
	return 0;
}

static int parse_pairs(const char *text, const char *name, double hz, double *out)
{
	const char *at = strstr(text, name);
	unsigned long count, total;

	if (!at || sscanf(at + strlen(name), " count=%lu total=%lu", &count, &total) != 2 || !count)
		return -EINVAL;
	*out = (double)total / (double)count / hz * 1e6;
	return 0;
}

static int parse_said(const char *text, double hz, struct said *said)
{
	if (parse_line(text, "write_0x70", hz, said->write_0x70) ||
	    parse_line(text, "write_0xcf8", hz, said->write_0xcf8) ||
	    parse_pairs(text, "pairs_0x70_0x71", hz, &said->pair) ||
	    parse_pairs(text, "pairs_0xcf8_0xcfc", hz, &said->pci_pair)) {
		log_error("bench: the guest's output is not understood");
		return -EINVAL;
	}
	return 0;
}

static void command(const struct bench *bench, struct bench_child *child,
		    enum bench_program program, unsigned count)
{
	bench_command(child, program);
	bench_arg(child, "-bios");
	bench_arg(child, "/proc/self/fd/%d", bench->rom_fd);
	if (program == BENCH_FLOOR)
		return;
	bench_arg(child, "-m");
	bench_arg(child, "16");
	bench_arg(child, "-fw_cfg");
	bench_arg(child, "name=" GUEST_PARAMS ",string=count=%u samples=%u", count, SAMPLES);
	if (program == BENCH_QEMU) {
		bench_arg(child, "-device");
		bench_arg(child, "isa-debug-exit,iobase=0xf4,iosize=1");
	}
}

/* Trips to user space for the pair's two ports. */
static uint64_t pair_exits(const struct bench_child *child)
{
	return bench_samples(child, 0x70, "write") + bench_samples(child, 0x71, "read");
}

/* The round's exits, added up over its guests; the last round's counts stay. */
static void note_exits(struct result *result, const struct bench_child *children, unsigned n,
		       size_t round)
{
	for (size_t i = 0; i < PORTS; i++) {
		const struct rtc_port *port = &rtc_ports[i];
		struct rtc_exits *exits = &result->ports[i];
		double us = 0;

		exits->exits = exits->coalesced = 0;
		for (unsigned j = 0; j < n; j++) {
			exits->exits +=
				(double)bench_samples(&children[j], port->port, port->direction);
			us += bench_port_us(&children[j], port->port, port->direction);
			if (!strcmp(port->direction, "write"))
				exits->coalesced +=
					(double)bench_coalesced(&children[j], port->port);
		}
		exits->us[round] = exits->exits > 0 ? us / exits->exits : 0;
	}
}

/* Runs as many guests at once as asked; keeps the median guest. */
static int rtc_run_guests(struct bench *bench, enum bench_program program, size_t round)
{
	unsigned guests = bench->options->guests;
	struct bench_child *children = calloc(guests, sizeof(*children));
	double *column = calloc(guests, sizeof(*column));
	struct said *said = calloc(guests, sizeof(*said));
	struct result *result = &bench->results[program];
	double user = 0, outside = 0;
	int ret = children && column && said ? 0 : -ENOMEM;
	unsigned started = 0;

	for (; !ret && started < guests; started++) {
		command(bench, &children[started], program, bench->options->count);
		ret = bench_spawn(&children[started]);
	}
	for (unsigned i = 0; !ret && i < started; i++) {
		ret = bench_wait(&children[i], bench_program_names[program]);
		if (!ret && program <= BENCH_ON)
			bench->tsc_hz = bench_tsc_hz(&children[i]);
		if (!ret)
			ret = parse_said(children[i].output, bench->tsc_hz, &said[i]);
		user += children[i].user;
		if (!ret && program <= BENCH_ON) {
			bench->exits[program] = (double)bench_total(&children[i], "exits");
			outside += bench_outside_us(&children[i]) / guests;
		}
	}
	for (size_t v = 0; !ret && v < sizeof(said[0]) / sizeof(double); v++) {
		for (unsigned i = 0; i < guests; i++)
			column[i] = ((const double *)&said[i])[v];
		result->values[v][round] = bench_median(column, guests);
	}
	if (!ret && program <= BENCH_ON)
		note_exits(result, children, guests, round);
	if (!ret) {
		/* The bare loop has the exits of coalescing; QEMU's are not known. */
		double exits = bench->exits[program == BENCH_OFF ? BENCH_OFF : BENCH_ON];

		result->user_per_exit[round] = user / guests / exits * 1e6;
		result->outside_per_exit[round] = outside;
		result->n = round + 1;
	}
	for (unsigned i = 0; i < started; i++)
		bench_drop(&children[i]);
	free(children);
	free(column);
	free(said);
	return ret;
}

/* Exits of exactly count pairs: the difference to a run without them. */
static int count_exits(struct bench *bench, enum bench_program program)
{
	uint64_t exits[2] = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		struct bench_child child;
		int ret;

		command(bench, &child, program, i ? bench->options->count : 0);
		ret = bench_spawn(&child);
		if (!ret)
			ret = bench_wait(&child, bench_program_names[program]);
		if (!ret)
			exits[i] = pair_exits(&child);
		bench_drop(&child);
		if (ret)
			return ret;
	}
	bench->exits_per_count[program] = exits[1] - exits[0];
	return 0;
}

static struct bench_figure figure_of(const struct bench *bench, enum bench_program p, size_t offset)
{
	const struct result *result = &bench->results[p];

	return bench_figure(result->values[offset / sizeof(double)], result->n);
}

#define MEDIAN(bench, program, member)                                                             \
	figure_of(bench, program, offsetof(struct said, member)).median

static struct bench_figure ratio_of(const struct bench *bench, enum bench_program a,
				    enum bench_program b, size_t offset)
{
	size_t v = offset / sizeof(double), n = bench->results[a].n;

	return bench_ratio(bench->results[a].values[v], bench->results[b].values[v],
			   n == bench->results[b].n ? n : 0);
}

static double median_ratio(const struct bench *bench, enum bench_program a, enum bench_program b,
			   size_t offset)
{
	struct bench_figure ratio = ratio_of(bench, a, b, offset);

	return ratio.n ? ratio.median : NAN;
}

/* User time for an exit, by getrusage(), which samples: compare it with the bare loop's. */
static double user_per_exit(const struct bench *bench, enum bench_program program)
{
	const struct result *result = &bench->results[program];

	return result->n ? bench_figure(result->user_per_exit, result->n).median : NAN;
}

static double outside_per_exit(const struct bench *bench)
{
	const struct result *result = &bench->results[BENCH_ON];

	return bench_figure(result->outside_per_exit, result->n).median;
}

static void rtc_print_text(const struct bench *bench)
{
	const double pairs = (double)bench->options->count;

	printf("%u guest%s, %zu rounds of %u pairs; medians in us by the guest's own clock\n\n",
	       bench->options->guests, bench->options->guests == 1 ? "" : "s at once",
	       bench->results[BENCH_ON].n, bench->options->count);
	printf("%-14s %10s %10s %10s %10s %11s %12s %12s\n", "", "0x70 min", "0x70 med", "0x70 avg",
	       "0xcf8 min", "0xcf8 med", "0x70+0x71", "0xcf8+0xcfc");
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		if (!bench->results[p].n)
			continue;
		printf("%-14s %10.2f %10.2f %10.2f %10.2f %11.2f %12.2f %12.2f\n",
		       bench_program_names[p], MEDIAN(bench, p, write_0x70[0]),
		       MEDIAN(bench, p, write_0x70[1]), MEDIAN(bench, p, write_0x70[2]),
		       MEDIAN(bench, p, write_0xcf8[0]), MEDIAN(bench, p, write_0xcf8[1]),
		       MEDIAN(bench, p, pair), MEDIAN(bench, p, pci_pair));
	}
	printf("\nexits to user space for a pair: %.4f off, %.4f on\n",
	       (double)bench->exits_per_count[BENCH_OFF] / pairs,
	       (double)bench->exits_per_count[BENCH_ON] / pairs);
	printf("a write is cheaper by: 0x70 %.1f times, 0xcf8 (32 bits) %.1f times\n",
	       median_ratio(bench, BENCH_OFF, BENCH_ON, offsetof(struct said, write_0x70[1])),
	       median_ratio(bench, BENCH_OFF, BENCH_ON, offsetof(struct said, write_0xcf8[1])));
	if (bench->results[BENCH_FLOOR].n)
		printf("the loop of pairs against a bare KVM_RUN loop: %.3f\n",
		       median_ratio(bench, BENCH_ON, BENCH_FLOOR, offsetof(struct said, pair)));
	else
		printf("the bare KVM_RUN loop (bench/floor) is not here to compare with\n");
	printf("from KVM_RUN's return to the next KVM_RUN: %.3f us on average\n",
	       outside_per_exit(bench));
	printf("user time for an exit by getrusage: %.3f us", user_per_exit(bench, BENCH_ON));
	if (bench->results[BENCH_FLOOR].n)
		printf("; the bare loop's: %.3f us", user_per_exit(bench, BENCH_FLOOR));
	printf("\n");
}

static void rtc_add(struct json_object *object, const char *name, double value)
{
	json_object_object_add(object, name,
			       isfinite(value) ? json_object_new_double(value) : NULL);
}

static struct json_object *rtc_object(const struct bench *bench)
{
	static const struct {
		const char *name;
		size_t offset;
	} values[] = {
		{ "write_0x70_us", offsetof(struct said, write_0x70[1]) },
		{ "write_0x70_min_us", offsetof(struct said, write_0x70[0]) },
		{ "write_0x70_avg_us", offsetof(struct said, write_0x70[2]) },
		{ "write_0xcf8_us", offsetof(struct said, write_0xcf8[1]) },
		{ "write_0xcf8_min_us", offsetof(struct said, write_0xcf8[0]) },
		{ "write_0xcf8_avg_us", offsetof(struct said, write_0xcf8[2]) },
		{ "pair_us", offsetof(struct said, pair) },
		{ "pci_pair_us", offsetof(struct said, pci_pair) },
	};
	static const char *const suffixes[] = { "off", "on", "floor", "qemu" };
	const double pairs = (double)bench->options->count;
	struct json_object *object = json_object_new_object();
	char name[64];

	rtc_add(object, "guests", bench->options->guests);
	rtc_add(object, "rounds", (double)bench->results[BENCH_ON].n);
	rtc_add(object, "pairs", pairs);
	rtc_add(object, "exits_per_pair_off", (double)bench->exits_per_count[BENCH_OFF] / pairs);
	rtc_add(object, "exits_per_pair_on", (double)bench->exits_per_count[BENCH_ON] / pairs);
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
			if (!bench->results[p].n)
				continue;
			snprintf(name, sizeof(name), "%s_%s", values[v].name, suffixes[p]);
			rtc_add(object, name, figure_of(bench, p, values[v].offset).median);
		}
	}
	rtc_add(object, "write_0x70_ratio",
		median_ratio(bench, BENCH_OFF, BENCH_ON, offsetof(struct said, write_0x70[1])));
	rtc_add(object, "write_0xcf8_ratio",
		median_ratio(bench, BENCH_OFF, BENCH_ON, offsetof(struct said, write_0xcf8[1])));
	rtc_add(object, "loop_over_floor",
		median_ratio(bench, BENCH_ON, BENCH_FLOOR, offsetof(struct said, pair)));
	rtc_add(object, "user_us_per_exit", user_per_exit(bench, BENCH_ON));
	rtc_add(object, "user_us_per_exit_floor", user_per_exit(bench, BENCH_FLOOR));
	rtc_add(object, "outside_us_per_exit", outside_per_exit(bench));
	return object;
}

static void rtc_print_json(const struct bench *bench)
{
	struct json_object *object = rtc_object(bench);

	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

/* The page */

/* As perf kvm stat had it for the patch, of exits only: a write that waits makes none. */
static void page_exits(struct bench_page *page, const struct bench *bench, enum bench_program p)
{
	static const struct watch_page_column columns[] = {
		{ "IO port access", false }, { "exits", true },
		{ "% of exits", true },      { "% of time", true },
		{ "us an exit", false },     { "writes that waited", true },
	};
	const struct result *result = &bench->results[p];
	double exits = 0, time = 0;
	struct bench_figure us[PORTS];

	for (size_t i = 0; i < PORTS; i++) {
		us[i] = bench_figure(result->ports[i].us, result->n);
		exits += result->ports[i].exits;
		time += result->ports[i].exits * us[i].median;
	}
	watch_page_heading(page->replace.out, 3, bench_program_names[p]);
	watch_page_table_begin(page->replace.out, columns, 6);
	for (size_t i = 0; i < PORTS; i++) {
		const struct rtc_exits *port = &result->ports[i];

		watch_page_row_begin(page->replace.out);
		watch_page_cell(page->replace.out, rtc_ports[i].name);
		watch_page_cell_number(page->replace.out, port->exits);
		watch_page_cell_share(page->replace.out, exits > 0 ? 100 * port->exits / exits : 0);
		watch_page_cell_share(page->replace.out,
				      time > 0 ? 100 * port->exits * us[i].median / time : 0);
		bench_page_cell(page, port->exits > 0 ? &us[i] : &(struct bench_figure){ .n = 0 });
		watch_page_cell_number(page->replace.out, port->coalesced);
		watch_page_row_end(page->replace.out);
	}
	watch_page_table_end(page->replace.out);
}

static void page_writes(struct bench_page *page, const struct bench *bench)
{
	static const struct watch_page_column columns[] = {
		{ "", false },
		{ "0x70 write, us", false },
		{ "off / this", false },
		{ "0xcf8 write, us", false },
		{ "off / this", false },
		{ "0x70+0x71, us", false },
		{ "0xcf8+0xcfc, us", false },
	};
	static const size_t writes[] = { offsetof(struct said, write_0x70[1]),
					 offsetof(struct said, write_0xcf8[1]) };

	watch_page_table_begin(page->replace.out, columns, 7);
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		struct bench_figure pair = figure_of(bench, p, offsetof(struct said, pair));
		struct bench_figure pci = figure_of(bench, p, offsetof(struct said, pci_pair));

		if (!pair.n)
			continue;
		watch_page_row_begin(page->replace.out);
		watch_page_cell(page->replace.out, bench_program_names[p]);
		for (size_t i = 0; i < 2; i++) {
			struct bench_figure write = figure_of(bench, p, writes[i]);
			struct bench_figure ratio = ratio_of(bench, BENCH_OFF, p, writes[i]);

			bench_page_cell(page, &write);
			bench_page_cell(page, &ratio);
		}
		bench_page_cell(page, &pair);
		bench_page_cell(page, &pci);
		watch_page_row_end(page->replace.out);
	}
	watch_page_table_end(page->replace.out);
}

static void page_bars(struct bench_page *page, const struct bench *bench, const char *title,
		      size_t offset)
{
	struct watch_page_bar bars[BENCH_PROGRAMS];
	size_t n = 0;

	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		struct bench_figure figure = figure_of(bench, p, offset);

		if (figure.n)
			bars[n++] = bench_page_bar(bench_program_names[p], &figure, p);
	}
	watch_page_bars(page->replace.out, title, "us", bars, n);
}

static int rtc_page(const struct bench *bench)
{
	const double pairs = (double)bench->options->count;
	struct json_object *figures = rtc_object(bench);
	struct bench_figure on = figure_of(bench, BENCH_ON, offsetof(struct said, pair));
	FILE *out;
	struct bench_page page;
	int ret =
		bench_page_begin(&page, bench->options, "Coalesced port I/O: index and data ports");

	if (ret) {
		json_object_put(figures);
		return ret;
	}
	out = page.replace.out;
	watch_page_paragraph(
		out,
		"%u guests at once, each with %u pairs of a write to an index port and a read of "
		"its data port, by a guest that times itself.",
		bench->options->guests, bench->options->count);
	bench_page_explain(&page, &on);
	watch_page_heading(out, 2, "What one write costs the guest");
	page_writes(&page, bench);
	page_bars(&page, bench, "A write to 0x70 (median)", offsetof(struct said, write_0x70[1]));
	page_bars(&page, bench, "A write to 0xcf8 (median)", offsetof(struct said, write_0xcf8[1]));
	watch_page_paragraph(out, "Exits to user space for a pair: %.4f off, %.4f on.",
			     (double)bench->exits_per_count[BENCH_OFF] / pairs,
			     (double)bench->exits_per_count[BENCH_ON] / pairs);
	watch_page_heading(out, 2, "Exits by port");
	watch_page_paragraph(
		out,
		"Counted by coalport, in the form of perf kvm stat: counts of the last round, all "
		"guests together; times from KVM_RUN's return until the guest runs on.");
	page_exits(&page, bench, BENCH_OFF);
	page_exits(&page, bench, BENCH_ON);
	watch_page_paragraph(
		out,
		"The patch that brought coalesced port I/O to QEMU (2018, 12 Windows guests): 67.15 us "
		"+- 7.93 %% before, 6.37 us +- 20.37 %% after, for a write to 0x70.");
	ret = bench_page_end(&page, figures);
	json_object_put(figures);
	return ret;
}

static int measure(struct bench *bench)
{
	int ret = 0;

	for (enum bench_program p = BENCH_OFF; !ret && p <= BENCH_ON; p++) {
		bench_progress("counting exits, %s", bench_program_names[p]);
		ret = count_exits(bench, p);
	}
	for (size_t round = 0; !ret && round < bench->options->rounds; round++) {
		for (enum bench_program p = 0; !ret && p < BENCH_PROGRAMS; p++) {
			if (!bench_has(p))
				continue;
			bench_progress("round %zu of %u, %s", round + 1, bench->options->rounds,
				       bench_program_names[p]);
			ret = rtc_run_guests(bench, p, round);
		}
	}
	bench_progress_end();
	return ret;
}

int bench_rtc(const struct bench_options *options)
{
	struct bench bench = { .options = options };
	int ret;

	if (options->html && bench_page_try(options))
		return 1;
	bench.results = calloc(BENCH_PROGRAMS, sizeof(*bench.results));
	bench.rom_fd = bench_image(guest_rtcbench, GUEST_ROM_SIZE);
	ret = bench.results && bench.rom_fd >= 0 ? measure(&bench) : -ENOMEM;
	if (!ret && options->json)
		rtc_print_json(&bench);
	else if (!ret)
		rtc_print_text(&bench);
	if (!ret && options->html)
		ret = rtc_page(&bench);
	if (bench.rom_fd >= 0)
		close(bench.rom_fd);
	free(bench.results);
	if (!ret && (fflush(stdout) || ferror(stdout))) {
		log_error("standard output: %s", strerror(errno));
		ret = -EIO;
	}
	return ret ? 1 : 0;
}
