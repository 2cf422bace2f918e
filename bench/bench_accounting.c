// SPDX-License-Identifier: MIT
/*
 * What counting costs: a guest that does nothing but access ports (guests/rtcbench), with -exits off and
 * with the counting that is on by default, in turn. The guest times its own loop of pairs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench_child.h"
#include "bench_figures.h"
#include "guests.h"

struct accounting {
	const struct bench_options *options;
	int rom_fd;
	double hz; /* of the time-stamp counter */
	double *off, *on; /* a pair's ticks, by round */
};

/* One guest; the ticks of a pair, or a negative number after a message. */
static double accounting_run(struct accounting *bench, bool counted)
{
	unsigned long count, total;
	struct bench_child child;
	double ticks = -1;
	const char *at;

	if (counted)
		bench_command(&child, BENCH_ON);
	else
		bench_command_uncounted(&child);
	bench_arg(&child, "-m");
	bench_arg(&child, "16");
	bench_arg(&child, "-bios");
	bench_arg(&child, "/proc/self/fd/%d", bench->rom_fd);
	bench_arg(&child, "-fw_cfg");
	bench_arg(&child, "name=" GUEST_PARAMS ",string=count=%u samples=1", bench->options->count);
	if (!bench_spawn(&child) && !bench_wait(&child, counted ? "-exits on" : "-exits off")) {
		if (counted)
			bench->hz = bench_tsc_hz(&child);
		at = strstr(child.output, "pairs_0x70_0x71 count=");
		if (at && sscanf(at, "pairs_0x70_0x71 count=%lu total=%lu", &count, &total) == 2 &&
		    count)
			ticks = (double)total / (double)count;
		else
			log_error("bench: the guest's output is not understood");
	}
	bench_drop(&child);
	return ticks;
}

static int accounting_measure(struct accounting *bench)
{
	unsigned rounds = bench->options->rounds;

	for (unsigned i = 0; i < rounds; i++) {
		/* Neither is always the first, which finds the host as the other one left it. */
		for (unsigned turn = 0; turn < 2; turn++) {
			bool counted = (i + turn) % 2;
			double ticks;

			bench_progress("round %u of %u, %s", i + 1, rounds,
				       counted ? "counted" : "not counted");
			ticks = accounting_run(bench, counted);
			if (ticks < 0) {
				bench_progress_end();
				return -EIO;
			}
			(counted ? bench->on : bench->off)[i] = ticks;
		}
	}
	bench_progress_end();
	return 0;
}

static void print_figure(const char *name, const struct bench_figure *figure, double scale)
{
	printf("%-34s %8.3f  [%.3f, %.3f]\n", name, figure->median * scale, figure->low * scale,
	       figure->high * scale);
}

static void put_figure(struct json_object *object, const char *name,
		       const struct bench_figure *figure, double scale)
{
	struct json_object *value = json_object_new_object();

	json_object_object_add(value, "median", json_object_new_double(figure->median * scale));
	json_object_object_add(value, "low", json_object_new_double(figure->low * scale));
	json_object_object_add(value, "high", json_object_new_double(figure->high * scale));
	json_object_object_add(value, "confidence", json_object_new_double(figure->confidence));
	json_object_object_add(object, name, value);
}

static void accounting_print(const struct accounting *bench)
{
	const struct bench_options *options = bench->options;
	struct bench_figure off = bench_figure(bench->off, options->rounds);
	struct bench_figure on = bench_figure(bench->on, options->rounds);
	struct bench_figure ratio = bench_ratio(bench->on, bench->off, options->rounds);
	double us = 1e6 / bench->hz;

	if (options->json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "rounds", json_object_new_int64(options->rounds));
		json_object_object_add(object, "pairs", json_object_new_int64(options->count));
		put_figure(object, "pair_us_off", &off, us);
		put_figure(object, "pair_us_on", &on, us);
		put_figure(object, "ratio", &ratio, 1);
		printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
		json_object_put(object);
		return;
	}
	printf("%u rounds of %u pairs of a write to 0x70, which waits, and a read of 0x71, which exits;\n"
	       "medians in us by the guest's own clock, with intervals of %.1f%% confidence\n\n",
	       options->rounds, options->count, 100 * on.confidence);
	print_figure("a pair, -exits off", &off, us);
	print_figure("a pair, counted as by default", &on, us);
	print_figure("counted against not counted", &ratio, 1);
}

int bench_accounting(const struct bench_options *options)
{
	struct accounting bench = { .options = options, .rom_fd = -1 };
	int ret;

	bench.off = calloc(options->rounds, sizeof(*bench.off));
	bench.on = calloc(options->rounds, sizeof(*bench.on));
	ret = bench.off && bench.on ? 0 : -ENOMEM;
	if (!ret) {
		bench.rom_fd = bench_image(guest_rtcbench, GUEST_ROM_SIZE);
		ret = bench.rom_fd < 0 ? -EIO : accounting_measure(&bench);
	}
	if (!ret) {
		accounting_print(&bench);
		if (fflush(stdout) || ferror(stdout)) {
			log_error("standard output: %s", strerror(errno));
			ret = -EIO;
		}
	}
	if (bench.rom_fd >= 0)
		close(bench.rom_fd);
	free(bench.off);
	free(bench.on);
	return ret ? 1 : 0;
}
