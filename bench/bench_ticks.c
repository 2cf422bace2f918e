// SPDX-License-Identifier: MIT
/*
 * What guests that tick on the RTC cost their host: the CPU time of all of them together, at the
 * rates of an idle and of a busy Windows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "bench_child.h"
#include "guests.h"

static const unsigned rates[] = { 64, 1024 };

#define RATES (sizeof(rates) / sizeof(rates[0]))

struct cost {
	bool there;
	double user, system; /* seconds of CPU for all guests */
	double exits; /* trips to user space of all guests; 0: not known */
};

static int ticks_run_guests(const struct bench_options *options, int rom_fd,
			    enum bench_program program, unsigned rate, struct cost *cost)
{
	struct bench_child *children = calloc(options->guests, sizeof(*children));
	unsigned started = 0;
	int ret = children ? 0 : -ENOMEM;

	for (; !ret && started < options->guests; started++) {
		struct bench_child *child = &children[started];

		bench_command(child, program);
		bench_arg(child, "-bios");
		bench_arg(child, "/proc/self/fd/%d", rom_fd);
		bench_arg(child, "-m");
		bench_arg(child, "16");
		bench_arg(child, "-fw_cfg");
		bench_arg(child, "name=" GUEST_PARAMS ",string=rate=%u seconds=%u", rate,
			  options->seconds);
		ret = bench_spawn(child);
	}
	for (unsigned i = 0; !ret && i < started; i++) {
		ret = bench_wait(&children[i], bench_program_names[program]);
		cost->user += children[i].user;
		cost->system += children[i].system;
		if (!ret && program <= BENCH_ON)
			cost->exits += (double)bench_total(&children[i], "exits");
	}
	cost->there = !ret;
	for (unsigned i = 0; i < started; i++)
		bench_drop(&children[i]);
	free(children);
	return ret;
}

static void ticks_print_text(const struct bench_options *options,
			     struct cost costs[RATES][BENCH_PROGRAMS])
{
	printf("%u guests for %u s: CPU of the host, ms a second for all guests together\n\n",
	       options->guests, options->seconds);
	printf("%-14s %9s %9s %9s %9s %14s\n", "", "rate", "user", "system", "sum",
	       "exits/s/guest");
	for (size_t r = 0; r < RATES; r++) {
		for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
			const struct cost *c = &costs[r][p];
			double scale = 1e3 / options->seconds;

			if (!c->there)
				continue;
			printf("%-14s %6u Hz %9.1f %9.1f %9.1f ", bench_program_names[p], rates[r],
			       c->user * scale, c->system * scale, (c->user + c->system) * scale);
			if (c->exits > 0)
				printf("%14.1f\n", c->exits / options->seconds / options->guests);
			else
				printf("%14s\n", "-");
		}
	}
}

static void ticks_print_json(const struct bench_options *options,
			     struct cost costs[RATES][BENCH_PROGRAMS])
{
	static const char *const names[] = { "off", "on", "floor", "qemu" };
	struct json_object *object = json_object_new_object();
	char name[64];

	json_object_object_add(object, "guests", json_object_new_int((int)options->guests));
	json_object_object_add(object, "seconds", json_object_new_int((int)options->seconds));
	for (size_t r = 0; r < RATES; r++) {
		for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
			const struct cost *c = &costs[r][p];

			if (!c->there)
				continue;
			snprintf(name, sizeof(name), "cpu_s_%u_hz_%s", rates[r], names[p]);
			json_object_object_add(object, name,
					       json_object_new_double(c->user + c->system));
			if (c->exits <= 0)
				continue;
			snprintf(name, sizeof(name), "exits_%u_hz_%s", rates[r], names[p]);
			json_object_object_add(object, name, json_object_new_double(c->exits));
		}
	}
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

int bench_ticks(const struct bench_options *options)
{
	struct cost costs[RATES][BENCH_PROGRAMS] = { 0 };
	int rom_fd = bench_image(guest_ticker, GUEST_ROM_SIZE);
	int ret = rom_fd < 0 ? -EIO : 0;

	for (size_t r = 0; r < RATES; r++) {
		for (enum bench_program p = 0; !ret && p < BENCH_PROGRAMS; p++) {
			if (p == BENCH_FLOOR || !bench_has(p))
				continue;
			bench_progress("%u guests at %u Hz for %u s, %s", options->guests, rates[r],
				       options->seconds, bench_program_names[p]);
			ret = ticks_run_guests(options, rom_fd, p, rates[r], &costs[r][p]);
		}
	}
	bench_progress_end();
	if (!ret && options->json)
		ticks_print_json(options, costs);
	else if (!ret)
		ticks_print_text(options, costs);
	if (rom_fd >= 0)
		close(rom_fd);
	return ret ? 1 : 0;
}
