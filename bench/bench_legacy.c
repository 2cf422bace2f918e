// SPDX-License-Identifier: MIT
/*
 * What old software does with a PC's screen, disk, CD-ROM and floppy disk costs in trips to user space:
 * coalescing on and off, and QEMU where it is installed, run the same images one after the other. Each run
 * boots by SeaBIOS, does one piece of work and ends. Trips are counted from outside, the same way for all:
 * from one mark of the guest's to the other, or, where the boot itself is the work, all of them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "bench_child.h"
#include "bench_figures.h"
#include "bench_host.h"
#include "bench_outside.h"
#include "guests.h"

#define SECTOR    512
#define STATUS    (2 * GUEST_LEGACY_DONE + 1) /* of isa-debug-exit */
#define IMAGE_MAX (64u << 20)

static const struct work {
	const char *key; /* in JSON */
	const char *name;
	enum guest_legacy_work work;
	uint8_t each; /* sectors or blocks a command; 0: 1 */
	double goal; /* at most this of QEMU's trips; 0: none is set */
	/* Of somebody else's: a file in the folder of images, how it is attached, what boots. */
	const char *image, *drive, *boot;
	bool whole; /* the boot is the work: no marks */
} works[] = {
	{ "nothing", "SeaBIOS, and no work", .work = GUEST_LEGACY_NOTHING },
	{ "teletype", "100 lines of BIOS teletype", .work = GUEST_LEGACY_TELETYPE, .goal = 0.01 },
	{ "planar", "mode 0x12, plane by plane", .work = GUEST_LEGACY_PLANAR, .goal = 0.2 },
	{ "bytes", "mode 0x12, planes byte by byte", .work = GUEST_LEGACY_BYTES, .goal = 0.2 },
	{ "frames", "mode 0x13, 100 full frames", .work = GUEST_LEGACY_FRAMES, .goal = 0.05 },
	{ "palettes", "mode 0x13, 20 palettes", .work = GUEST_LEGACY_PALETTES },
	{ "pio_1", "1 MiB by PIO, 1 sector each", .work = GUEST_LEGACY_SECTORWISE, .goal = 0.5 },
	{ "pio_16", "1 MiB by PIO, 16 sectors each", .work = GUEST_LEGACY_MULTIPLE, .each = 16,
	  .goal = 0.5 },
	{ "dma_8", "1 MiB by DMA, 4 KiB each", .work = GUEST_LEGACY_DMA, .each = 8, .goal = 0.5 },
	{ "dma_128", "1 MiB by DMA, 64 KiB each", .work = GUEST_LEGACY_DMA, .each = 128,
	  .goal = 0.5 },
	{ "cd_1", "1 MiB from CD, 2 KiB each", .work = GUEST_LEGACY_PACKETS, .goal = 0.6 },
	{ "cd_16", "1 MiB from CD, 32 KiB each", .work = GUEST_LEGACY_PACKETS, .each = 16,
	  .goal = 0.6 },
	{ "grub", "GRUB's console, 55 lines", .goal = 0.15, .image = "grub-console.img",
	  .drive = "if=ide,index=0", .boot = "c" },
	{ "dos_floppy", "FreeDOS, floppy, to the prompt", .goal = 0.5,
	  .image = "freedos-floppy.img", .drive = "if=floppy,index=0", .boot = "a", .whole = true },
	{ "dos_ide", "FreeDOS, IDE disk, DIR", .goal = 0.1, .image = "freedos-disk.img",
	  .drive = "if=ide,index=0", .boot = "c", .whole = true },
	{ "dos_virtio", "FreeDOS, virtio disk, DIR", .goal = 0.1, .image = "freedos-disk.img",
	  .drive = "if=virtio", .boot = "c", .whole = true },
};

#define WORKS (sizeof(works) / sizeof(works[0]))

bool bench_legacy_knows(const char *work)
{
	for (size_t w = 0; w < WORKS; w++) {
		if (!strcmp(works[w].key, work))
			return true;
	}
	return false;
}

static bool is_wanted(const struct bench_options *options, size_t work)
{
	return !options->work || !strcmp(options->work, works[work].key);
}

/* In the order of the columns. */
static const struct {
	enum bench_program program;
	const char *key;
} columns[] = { { BENCH_ON, "on" }, { BENCH_OFF, "off" }, { BENCH_QEMU, "qemu" } };

#define COLUMNS     (sizeof(columns) / sizeof(columns[0]))
#define COLUMN_OFF  1
#define COLUMN_QEMU 2

/* What a run came to. Of the work alone: from mark to mark. */
enum measure { EXITS, EXITS_WORK, WALL, WALL_WORK, MEASURES };

/* By round. */
struct cost {
	double *values[MEASURES];
	size_t n;
	bool known[MEASURES];
};

struct legacy {
	const struct bench_options *options;
	int outside; /* -errno: why nothing is counted from outside */
	bool skipped[WORKS]; /* its image is not there */
	struct cost costs[WORKS][COLUMNS];
};

static bool is_shown(const struct legacy *bench, size_t work)
{
	return is_wanted(bench->options, work) && !bench->skipped[work];
}

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
	image[GUEST_LEGACY_EACH] = work->each ? work->each : 1;
	fd = bench_image(image, (size_t)GUEST_LEGACY_SECTORS * SECTOR);
	free(image);
	return fd;
}

static void image_path(char path[static PATH_MAX], const struct legacy *bench,
		       const struct work *work)
{
	snprintf(path, PATH_MAX, "%s/%s", bench->options->images, work->image);
}

/* A copy of an image, which is all that a guest may write to. A descriptor, or -1 and told. */
static int copy_image(const struct legacy *bench, const struct work *work)
{
	char path[PATH_MAX];
	uint8_t *bytes;
	size_t len;
	int ret, fd;

	image_path(path, bench, work);
	ret = file_read_whole(path, IMAGE_MAX, &bytes, &len);
	if (ret) {
		log_error("%s: %s", path, strerror(-ret));
		return -1;
	}
	fd = bench_image(bytes, len);
	free(bytes);
	return fd;
}

/* disc: -1 if the work has none. */
static void command(struct bench_child *child, enum bench_program program, const struct work *work,
		    int disk, int disc)
{
	bench_command(child, program);
	bench_args(child, (const char *const[]){ "-m", "64", "-vga", "std", "-device",
						 "isa-debug-exit,iobase=0xf4,iosize=4", "-boot",
						 work->boot ? work->boot : "c", "-drive", NULL });
	bench_arg(child, "file=/proc/self/fd/%d,format=raw,%s", disk,
		  work->drive ? work->drive : "if=ide,index=0");
	if (disc >= 0) {
		bench_arg(child, "-drive");
		bench_arg(child, "file=/proc/self/fd/%d,format=raw,if=ide,index=2,media=cdrom",
			  disc);
	}
	if (program == BENCH_QEMU) {
		/* Its default injects the ticks again that a slow host lost, and boots fail. */
		bench_arg(child, "-global");
		bench_arg(child, "kvm-pit.lost_tick_policy=discard");
	}
}

static void book(struct cost *cost, enum measure measure, bool known, double value)
{
	cost->known[measure] = known;
	cost->values[measure][cost->n] = value;
}

/* What a run that is over came to; 0, or -EIO and told if it is not what it should be. */
static int book_run(struct legacy *bench, const struct work *work, size_t column,
		    const struct bench_child *child, const struct bench_outside_count *count)
{
	struct cost *cost = &bench->costs[work - works][column];
	const char *name = bench_program_names[columns[column].program];
	bool ours = columns[column].program != BENCH_QEMU;
	bool marked = count->between >= 0;
	double own = ours ? (double)bench_total(child, "exits") : 0;

	if (WEXITSTATUS(child->status) != STATUS) {
		bench_progress_end();
		log_error("%s: %s was not done (status %d)", name, work->name,
			  WEXITSTATUS(child->status));
		return -EIO;
	}
	if (count->exits >= 0 && !work->whole && !marked) {
		bench_progress_end();
		log_error("%s: %s: not seen to begin and to end", name, work->name);
		return -EIO;
	}
	book(cost, EXITS, ours || count->exits >= 0,
	     count->exits >= 0 ? (double)count->exits : own);
	book(cost, EXITS_WORK, marked, (double)count->between);
	book(cost, WALL, true, child->wall);
	book(cost, WALL_WORK, marked, count->seconds);
	cost->n++;
	return 0;
}

/* Runs it once and books it. 0 or -errno, told. */
static int run_work(struct legacy *bench, const struct work *work, size_t column)
{
	enum bench_program program = columns[column].program;
	int disk = work->image ? copy_image(bench, work) : make_image(work);
	int disc = work->image ? -1 : make_image(work), ret = -EIO;
	struct bench_child child = { .output_fd = -1, .report_fd = -1 };
	struct bench_outside outside;
	struct bench_outside_count count;

	if (disk < 0 || (disc < 0 && !work->image))
		goto out;
	command(&child, program, work, disk, disc);
	bench_outside_begin(&outside, GUEST_LEGACY_MARK);
	if (outside.total < 0)
		bench->outside = outside.total;
	ret = bench_spawn(&child);
	if (!ret && !work->whole)
		ret = bench_outside_watch(&outside, child.pid);
	if (!ret)
		ret = bench_wait(&child, bench_program_names[program]);
	count = bench_outside_end(&outside);
	if (!ret)
		ret = book_run(bench, work, column, &child, &count);
out:
	bench_drop(&child);
	if (disk >= 0)
		close(disk);
	if (disc >= 0)
		close(disc);
	return ret;
}

static void find_images(struct legacy *bench)
{
	char path[PATH_MAX];

	for (size_t w = 0; w < WORKS; w++) {
		if (!works[w].image)
			continue;
		bench->skipped[w] = true;
		if (!bench->options->images)
			continue;
		image_path(path, bench, &works[w]);
		bench->skipped[w] = access(path, R_OK);
	}
}

static int legacy_measure(struct legacy *bench)
{
	unsigned rounds = bench->options->rounds;
	int ret = 0;

	for (unsigned round = 0; !ret && round < rounds; round++) {
		for (size_t i = 0; !ret && i < WORKS * COLUMNS; i++) {
			const struct work *work = &works[i / COLUMNS];
			enum bench_program program = columns[i % COLUMNS].program;

			if (!bench_has(program) || !is_shown(bench, i / COLUMNS))
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
static struct bench_figure ratio_to(const struct legacy *bench, size_t work, size_t column,
				    enum measure whole, enum measure alone)
{
	const struct cost *on = &bench->costs[work][0], *other = &bench->costs[work][column];
	enum measure measure = on->known[alone] && other->known[alone] ? alone : whole;

	if (!on->known[measure] || !other->known[measure])
		return (struct bench_figure){ .n = 0 };
	for (size_t i = 0; i < other->n; i++) {
		if (other->values[measure][i] <= 0)
			return (struct bench_figure){ .n = 0 };
	}
	return bench_ratio(on->values[measure], other->values[measure], other->n);
}

static struct bench_figure exits_to(const struct legacy *bench, size_t work, size_t column)
{
	return ratio_to(bench, work, column, EXITS, EXITS_WORK);
}

static double median_of(const struct cost *cost, enum measure measure)
{
	return bench_figure(cost->values[measure], cost->n).median;
}

static void print_cells(const struct cost costs[COLUMNS], enum measure measure, int decimals)
{
	for (size_t c = 0; c < COLUMNS; c++) {
		if (costs[c].n && costs[c].known[measure])
			printf(" %8.*f", decimals, median_of(&costs[c], measure));
		else
			printf(" %8s", "-");
	}
}

static void print_ratio(const struct bench_figure *ratio, int decimals)
{
	if (ratio->n)
		printf(" %8.*f", decimals, ratio->median);
	else
		printf(" %8s", "-");
}

static void print_exits(const struct legacy *bench)
{
	printf("Trips to user space, %s; %u round%s\n\n",
	       bench->outside < 0 ? "by coalport's own count" : "counted from outside",
	       bench->options->rounds, bench->options->rounds > 1 ? "s, medians" : "");
	printf("%-31s %26s %26s %17s\n%-31s", "", "boot and work", "the work alone", "on against",
	       "");
	printf(" %8s %8s %8s %8s %8s %8s %8s %8s %6s\n", "on", "off", "QEMU", "on", "off", "QEMU",
	       "off", "QEMU", "goal");
	for (size_t w = 0; w < WORKS; w++) {
		struct bench_figure to_off = exits_to(bench, w, COLUMN_OFF);
		struct bench_figure to_qemu = exits_to(bench, w, COLUMN_QEMU);

		if (!is_shown(bench, w))
			continue;
		printf("%-31s", works[w].name);
		print_cells(bench->costs[w], EXITS, 0);
		print_cells(bench->costs[w], EXITS_WORK, 0);
		print_ratio(&to_off, 4);
		print_ratio(&to_qemu, 4);
		if (works[w].goal > 0)
			printf(" %6.2f", works[w].goal);
		printf("\n");
	}
}

static void print_seconds(const struct legacy *bench)
{
	printf("\nSeconds%s\n\n", bench->options->rounds > 1 ? ", medians" : "");
	printf("%-31s %26s %26s %17s\n%-31s", "", "boot and work", "the work alone", "on against",
	       "");
	printf(" %8s %8s %8s %8s %8s %8s %8s %8s\n", "on", "off", "QEMU", "on", "off", "QEMU",
	       "off", "QEMU");
	for (size_t w = 0; w < WORKS; w++) {
		struct bench_figure to_off = ratio_to(bench, w, COLUMN_OFF, WALL, WALL_WORK);
		struct bench_figure to_qemu = ratio_to(bench, w, COLUMN_QEMU, WALL, WALL_WORK);

		if (!is_shown(bench, w))
			continue;
		printf("%-31s", works[w].name);
		print_cells(bench->costs[w], WALL, 2);
		print_cells(bench->costs[w], WALL_WORK, 3);
		print_ratio(&to_off, 2);
		print_ratio(&to_qemu, 2);
		printf("\n");
	}
}

static void legacy_print_text(const struct legacy *bench)
{
	struct bench_fact facts[BENCH_FACTS_MAX];
	char host[3 * BENCH_FACT_TEXT];

	bench_host_line(host, sizeof(host), facts, bench_host(facts, ""));
	printf("Host: %s\n", host);
	print_exits(bench);
	print_seconds(bench);
	for (size_t w = 0; w < WORKS; w++) {
		if (is_wanted(bench->options, w) && bench->skipped[w])
			printf("%s: skipped, no %s in the folder of --images (scripts/make-legacy-disks.sh)\n",
			       works[w].name, works[w].image);
	}
	if (bench->outside < 0)
		printf("nothing was counted from outside: %s\n", strerror(-bench->outside));
	if (!bench_has(BENCH_QEMU))
		printf("QEMU is not installed; nothing to compare with.\n");
}

static struct json_object *work_object(const struct legacy *bench, size_t work)
{
	static const char *const keys[MEASURES] = { "exits", "exits_work", "wall_s",
						    "wall_work_s" };
	struct json_object *object = json_object_new_object();
	struct bench_figure ratio;

	for (size_t c = 0; c < COLUMNS; c++) {
		const struct cost *cost = &bench->costs[work][c];
		struct json_object *one;

		if (!cost->n)
			continue;
		one = json_object_new_object();
		for (enum measure m = 0; m < MEASURES; m++) {
			if (cost->known[m])
				json_object_object_add(one, keys[m],
						       json_object_new_double(median_of(cost, m)));
		}
		json_object_object_add(object, columns[c].key, one);
		ratio = exits_to(bench, work, c);
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
	struct bench_fact facts[BENCH_FACTS_MAX];

	json_object_object_add(object, "host", bench_host_object(facts, bench_host(facts, "")));
	json_object_object_add(object, "rounds", json_object_new_int((int)bench->options->rounds));
	json_object_object_add(object, "from_outside",
			       json_object_new_boolean(bench->outside >= 0));
	for (size_t w = 0; w < WORKS; w++) {
		if (is_shown(bench, w))
			json_object_object_add(object, works[w].key, work_object(bench, w));
	}
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

/* Each cost has a part of values, which the caller frees. NULL without memory. */
static double *make_costs(struct legacy *bench)
{
	size_t rounds = bench->options->rounds;
	double *values = calloc(MEASURES * WORKS * COLUMNS * rounds, sizeof(*values)), *at = values;

	for (size_t i = 0; values && i < WORKS * COLUMNS * MEASURES; i++, at += rounds)
		bench->costs[i / MEASURES / COLUMNS][i / MEASURES % COLUMNS].values[i % MEASURES] =
			at;
	return values;
}

int bench_legacy(const struct bench_options *options)
{
	struct legacy bench = { .options = options };
	double *values = make_costs(&bench);
	int ret = -ENOMEM;

	find_images(&bench);
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
