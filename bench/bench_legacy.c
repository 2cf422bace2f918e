// SPDX-License-Identifier: MIT
/*
 * What old software does with a PC's screen, disk and CD-ROM costs in trips to user space: coalescing on
 * and off, and QEMU where it is installed, run the same images one after the other. Each run boots by
 * SeaBIOS, does one piece of work and ends; what a run without work has is taken off. Trips are counted
 * from outside, the same way for all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "bench_child.h"
#include "bench_figures.h"
#include "bench_outside.h"
#include "guests.h"

#define SECTOR 512
#define STATUS (2 * GUEST_LEGACY_DONE + 1) /* of isa-debug-exit */

static const struct work {
	const char *key; /* in JSON */
	const char *name;
	enum guest_legacy_work work;
	uint8_t each; /* sectors or blocks a command */
	double goal; /* at most this of QEMU's trips; 0: none is set */
} works[] = {
	{ "nothing", "SeaBIOS, and no work", GUEST_LEGACY_NOTHING, 1, 0 },
	{ "teletype", "100 lines of BIOS teletype", GUEST_LEGACY_TELETYPE, 1, 0.01 },
	{ "planar", "mode 0x12, a planar picture", GUEST_LEGACY_PLANAR, 1, 0.2 },
	{ "frames", "mode 0x13, 100 full frames", GUEST_LEGACY_FRAMES, 1, 0.05 },
	{ "palettes", "mode 0x13, 20 palettes", GUEST_LEGACY_PALETTES, 1, 0 },
	{ "pio_1", "1 MiB by PIO, 1 sector each", GUEST_LEGACY_SECTORWISE, 1, 0.5 },
	{ "pio_16", "1 MiB by PIO, 16 sectors each", GUEST_LEGACY_MULTIPLE, 16, 0.5 },
	{ "dma_8", "1 MiB by DMA, 4 KiB each", GUEST_LEGACY_DMA, 8, 0.5 },
	{ "dma_128", "1 MiB by DMA, 64 KiB each", GUEST_LEGACY_DMA, 128, 0.5 },
	{ "cd_1", "1 MiB from CD, 2 KiB each", GUEST_LEGACY_PACKETS, 1, 0.6 },
	{ "cd_16", "1 MiB from CD, 32 KiB each", GUEST_LEGACY_PACKETS, 16, 0.6 },
};

#define WORKS   (sizeof(works) / sizeof(works[0]))
#define NOTHING 0

bool bench_legacy_knows(const char *work)
{
	for (size_t w = 0; w < WORKS; w++) {
		if (!strcmp(works[w].key, work))
			return true;
	}
	return false;
}

/* The run without work is what all others are compared with. */
static bool is_wanted(const struct bench_options *options, size_t work)
{
	return work == NOTHING || !options->work || !strcmp(options->work, works[work].key);
}

/* In the order of the columns. */
static const struct {
	enum bench_program program;
	const char *key;
} columns[] = { { BENCH_ON, "on" }, { BENCH_OFF, "off" }, { BENCH_QEMU, "qemu" } };

#define COLUMNS     (sizeof(columns) / sizeof(columns[0]))
#define COLUMN_QEMU 2

/* By round. */
struct cost {
	double *exits; /* trips to user space of the whole run */
	double *own; /* of them, what the work has besides a run without */
	double *wall; /* seconds of the whole run */
	size_t n;
	bool counted; /* whether exits are known */
};

struct legacy {
	const struct bench_options *options;
	int outside; /* -errno: why nothing is counted from outside */
	struct cost costs[WORKS][COLUMNS];
};

/* A disk, and a disc of the same bytes. A descriptor, or -1 and told. */
static int make_image(const struct work *work)
{
	uint8_t *image = calloc(GUEST_LEGACY_SECTORS, SECTOR);
	int fd;

	if (!image) {
		log_error("no memory");
		return -1;
	}
	for (uint32_t sector = 0; sector < GUEST_LEGACY_SECTORS; sector++)
		le32_put(image + (size_t)sector * SECTOR, sector);
	memcpy(image, guest_legacy, sizeof(guest_legacy));
	image[GUEST_LEGACY_WORK] = (uint8_t)work->work;
	image[GUEST_LEGACY_EACH] = work->each;
	fd = bench_image(image, (size_t)GUEST_LEGACY_SECTORS * SECTOR);
	free(image);
	return fd;
}

static void command(struct bench_child *child, enum bench_program program, int disk, int disc)
{
	bench_command(child, program);
	bench_args(child,
		   (const char *const[]){ "-m", "64", "-vga", "std", "-boot", "c", "-device",
					  "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", NULL });
	bench_arg(child, "file=/proc/self/fd/%d,format=raw,if=ide,index=0", disk);
	bench_arg(child, "-drive");
	bench_arg(child, "file=/proc/self/fd/%d,format=raw,if=ide,index=2,media=cdrom", disc);
	if (program == BENCH_QEMU) {
		/* Its default injects the ticks again that a slow host lost, and boots fail. */
		bench_arg(child, "-global");
		bench_arg(child, "kvm-pit.lost_tick_policy=discard");
	}
}

/* Runs it once and books it. 0 or -errno, told. */
static int run_work(struct legacy *bench, const struct work *work, size_t column)
{
	enum bench_program program = columns[column].program;
	struct cost *cost = &bench->costs[work - works][column];
	int disk = make_image(work), disc = make_image(work), outside, ret = -EIO;
	struct bench_child child = { .output_fd = -1, .report_fd = -1 };
	long exits = -1;

	if (disk < 0 || disc < 0)
		goto out;
	command(&child, program, disk, disc);
	outside = bench_outside_begin();
	if (outside < 0)
		bench->outside = outside;
	ret = bench_spawn(&child);
	if (!ret)
		ret = bench_wait(&child, bench_program_names[program]);
	exits = bench_outside_end(outside);
	if (ret)
		goto out;
	if (WEXITSTATUS(child.status) != STATUS) {
		bench_progress_end();
		log_error("%s: %s was not done (status %d)", bench_program_names[program],
			  work->name, WEXITSTATUS(child.status));
		ret = -EIO;
		goto out;
	}
	if (exits < 0 && program != BENCH_QEMU)
		exits = (long)bench_total(&child, "exits");
	cost->counted = exits >= 0;
	cost->exits[cost->n] = (double)exits;
	cost->own[cost->n] = (double)exits - bench->costs[NOTHING][column].exits[cost->n];
	cost->wall[cost->n] = child.wall;
	cost->n++;
out:
	bench_drop(&child);
	if (disk >= 0)
		close(disk);
	if (disc >= 0)
		close(disc);
	return ret;
}

static int legacy_measure(struct legacy *bench)
{
	unsigned rounds = bench->options->rounds;
	int ret = 0;

	for (unsigned round = 0; !ret && round < rounds; round++) {
		for (size_t i = 0; !ret && i < WORKS * COLUMNS; i++) {
			const struct work *work = &works[i / COLUMNS];
			enum bench_program program = columns[i % COLUMNS].program;

			if (!bench_has(program) || !is_wanted(bench->options, i / COLUMNS))
				continue;
			bench_progress("round %u of %u: %s, %s", round + 1, rounds, work->name,
				       bench_program_names[program]);
			ret = run_work(bench, work, i % COLUMNS);
		}
	}
	bench_progress_end();
	return ret;
}

/* Of coalport's work against another column's; nothing is known where the other has none. */
static struct bench_figure ratio_to(const struct legacy *bench, size_t work, size_t column)
{
	const struct cost *on = &bench->costs[work][0], *other = &bench->costs[work][column];

	if (work == NOTHING)
		return on->counted && other->counted
			       ? bench_ratio(on->exits, other->exits, other->n)
			       : (struct bench_figure){ .n = 0 };
	for (size_t i = 0; i < other->n; i++) {
		if (!on->counted || !other->counted || other->own[i] <= 0)
			return (struct bench_figure){ .n = 0 };
	}
	return bench_ratio(on->own, other->own, other->n);
}

static void print_cells(const struct cost costs[COLUMNS], bool own)
{
	for (size_t c = 0; c < COLUMNS; c++) {
		const struct cost *cost = &costs[c];

		if (cost->n && cost->counted)
			printf(" %8.0f",
			       bench_figure(own ? cost->own : cost->exits, cost->n).median);
		else
			printf(" %8s", "-");
	}
}

static void print_ratio(const struct bench_figure *ratio)
{
	if (ratio->n)
		printf(" %8.4f", ratio->median);
	else
		printf(" %8s", "-");
}

static void legacy_print_text(const struct legacy *bench)
{
	printf("Trips to user space, %s; %u round%s\n\n",
	       bench->outside < 0 ? "by coalport's own count" : "counted from outside",
	       bench->options->rounds, bench->options->rounds > 1 ? "s, medians" : "");
	printf("%-30s %26s %26s %17s\n%-30s", "", "boot and work", "the work alone", "on against",
	       "");
	printf(" %8s %8s %8s %8s %8s %8s %8s %8s %6s\n", "on", "off", "QEMU", "on", "off", "QEMU",
	       "off", "QEMU", "goal");
	for (size_t w = 0; w < WORKS; w++) {
		struct bench_figure to_off = ratio_to(bench, w, 1);
		struct bench_figure to_qemu = ratio_to(bench, w, COLUMN_QEMU);

		if (!is_wanted(bench->options, w))
			continue;
		printf("%-30s", works[w].name);
		print_cells(bench->costs[w], false);
		if (w == NOTHING)
			printf(" %8s %8s %8s", "", "", "");
		else
			print_cells(bench->costs[w], true);
		print_ratio(&to_off);
		print_ratio(&to_qemu);
		if (works[w].goal > 0)
			printf(" %6.2f", works[w].goal);
		printf("\n");
	}
	printf("\nSeconds of the whole run%s\n\n", bench->options->rounds > 1 ? ", medians" : "");
	printf("%-30s %8s %8s %8s\n", "", "on", "off", "QEMU");
	for (size_t w = 0; w < WORKS; w++) {
		if (!is_wanted(bench->options, w))
			continue;
		printf("%-30s", works[w].name);
		for (size_t c = 0; c < COLUMNS; c++) {
			const struct cost *cost = &bench->costs[w][c];

			if (cost->n)
				printf(" %8.2f", bench_figure(cost->wall, cost->n).median);
			else
				printf(" %8s", "-");
		}
		printf("\n");
	}
	if (bench->outside < 0)
		printf("nothing was counted from outside: %s\n", strerror(-bench->outside));
	if (!bench->costs[NOTHING][COLUMN_QEMU].n)
		printf("QEMU is not installed; nothing to compare with.\n");
}

static struct json_object *work_object(const struct legacy *bench, size_t work)
{
	struct json_object *object = json_object_new_object();
	struct bench_figure ratio;

	for (size_t c = 0; c < COLUMNS; c++) {
		const struct cost *cost = &bench->costs[work][c];
		struct json_object *one;

		if (!cost->n)
			continue;
		one = json_object_new_object();
		json_object_object_add(
			one, "wall_s",
			json_object_new_double(bench_figure(cost->wall, cost->n).median));
		if (cost->counted) {
			json_object_object_add(
				one, "exits",
				json_object_new_double(bench_figure(cost->exits, cost->n).median));
			json_object_object_add(
				one, "work",
				json_object_new_double(bench_figure(cost->own, cost->n).median));
		}
		json_object_object_add(object, columns[c].key, one);
		ratio = ratio_to(bench, work, c);
		if (c && ratio.n)
			json_object_object_add(one, "ratio", json_object_new_double(ratio.median));
	}
	if (works[work].goal > 0)
		json_object_object_add(object, "goal", json_object_new_double(works[work].goal));
	return object;
}

static void legacy_print_json(const struct legacy *bench)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "rounds", json_object_new_int((int)bench->options->rounds));
	json_object_object_add(object, "from_outside",
			       json_object_new_boolean(bench->outside >= 0));
	for (size_t w = 0; w < WORKS; w++) {
		if (is_wanted(bench->options, w))
			json_object_object_add(object, works[w].key, work_object(bench, w));
	}
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

/* Each cost has a part of values, which the caller frees. NULL without memory. */
static double *make_costs(struct legacy *bench)
{
	size_t rounds = bench->options->rounds;
	double *values = calloc(3 * WORKS * COLUMNS * rounds, sizeof(*values)), *at = values;

	for (size_t i = 0; values && i < WORKS * COLUMNS; i++, at += 3 * rounds)
		bench->costs[i / COLUMNS][i % COLUMNS] =
			(struct cost){ .exits = at, .own = at + rounds, .wall = at + 2 * rounds };
	return values;
}

int bench_legacy(const struct bench_options *options)
{
	struct legacy bench = { .options = options };
	double *values = make_costs(&bench);
	int ret = -ENOMEM;

	if (values)
		ret = legacy_measure(&bench);
	else
		log_error("no memory");
	if (!ret && options->json)
		legacy_print_json(&bench);
	else if (!ret)
		legacy_print_text(&bench);
	free(values);
	if (!ret && (fflush(stdout) || ferror(stdout))) {
		log_error("standard output: %s", strerror(errno));
		ret = -EIO;
	}
	return ret ? 1 : 0;
}
