// SPDX-License-Identifier: MIT
/*
 * A boot that nobody here wrote: SeaBIOS and GRUB from a disk image to power-off, with coalescing
 * off and on and, where it is installed, under QEMU; the same image, one after the other.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bench_child.h"
#include "bench_outside.h"

#define DRIVE_END ",format=raw,if=virtio"
#define DRIVE_MAX (2 * PATH_MAX + 64)

struct boot {
	bool there;
	double wall, user, system; /* seconds */
	long exits, outside,
		coalesced; /* -1: not known. By its own table, and as the kernel counts */
	char *output; /* of the console */
};

/* -drive's value for the image: a comma in its path is written twice, or it would end the path. */
static void drive_of(char out[DRIVE_MAX], const char *disk)
{
	out = stpcpy(out, "file=");
	for (; *disk; disk++) {
		if (*disk == ',')
			*out++ = ',';
		*out++ = *disk;
	}
	strcpy(out, DRIVE_END);
}

static int boot(const struct bench_options *options, enum bench_program program, struct boot *out,
		struct bench_outside *outside)
{
	struct bench_child child;
	struct bench_outside_count counted;
	char drive[DRIVE_MAX];
	int ret;

	drive_of(drive, options->disk);
	bench_command(&child, program);
	bench_arg(&child, "-nographic"); /* the firmware's console is the serial port, too */
	bench_args(&child, (const char *const[]){ "-m", "64", "-drive", drive, NULL });
	if (program == BENCH_QEMU) {
		/* Its default injects the ticks again that a slow host lost, and boots fail. */
		bench_arg(&child, "-global");
		bench_arg(&child, "kvm-pit.lost_tick_policy=discard");
	}
	bench_outside_begin(outside, 0);
	ret = bench_spawn(&child);
	if (!ret)
		ret = bench_wait(&child, bench_program_names[program]);
	counted = bench_outside_end(outside);
	if (!ret) {
		bool ours = program <= BENCH_ON;

		*out = (struct boot){
			.there = true,
			.wall = child.wall,
			.user = child.user,
			.system = child.system,
			.exits = ours ? (long)bench_total(&child, "exits") : -1,
			.outside = counted.exits,
			.coalesced = ours ? (long)bench_total(&child, "coalesced") : -1,
			.output = strdup(child.output),
		};
	}
	bench_drop(&child);
	return ret;
}

/* The same but for what the clock said. */
static bool alike(const char *a, const char *b)
{
	if (!a || !b)
		return false;
	for (; *a && *b; a++, b++) {
		if (*a != *b && !(isxdigit((unsigned char)*a) && isxdigit((unsigned char)*b)))
			return false;
	}
	return *a == *b;
}

static void print_count(long count)
{
	if (count < 0)
		printf(" %12s", "-");
	else
		printf(" %12ld", count);
}

/* outside: -errno, why nothing was counted from there. */
static void boot_print_text(const struct boot boots[BENCH_PROGRAMS], int outside)
{
	const struct boot *off = &boots[BENCH_OFF], *on = &boots[BENCH_ON];

	printf("%-14s %9s %9s %9s %12s %12s %12s\n", "", "wall s", "user s", "system s", "exits",
	       "from outside", "coalesced");
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		if (!boots[p].there)
			continue;
		printf("%-14s %9.2f %9.3f %9.2f", bench_program_names[p], boots[p].wall,
		       boots[p].user, boots[p].system);
		print_count(boots[p].exits);
		print_count(boots[p].outside);
		print_count(boots[p].coalesced);
		printf("\n");
	}
	printf("with coalescing %.2f of the exits; the console says %s\n",
	       (double)on->exits / (double)off->exits,
	       alike(off->output, on->output) ? "the same" : "something else");
	if (outside < 0)
		printf("exits from outside: not counted: %s\n", strerror(-outside));
	if (!boots[BENCH_QEMU].there)
		printf("QEMU is not installed; nothing to compare with.\n");
}

static void boot_print_json(const struct boot boots[BENCH_PROGRAMS])
{
	static const char *const names[] = { "off", "on", "floor", "qemu" };
	struct json_object *object = json_object_new_object();

	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "wall_s", json_object_new_double(boots[p].wall));
		json_object_object_add(one, "user_s", json_object_new_double(boots[p].user));
		json_object_object_add(one, "system_s", json_object_new_double(boots[p].system));
		json_object_object_add(one, "exits", json_object_new_int64(boots[p].exits));
		json_object_object_add(one, "exits_outside",
				       json_object_new_int64(boots[p].outside));
		json_object_object_add(one, "coalesced", json_object_new_int64(boots[p].coalesced));
		if (boots[p].there)
			json_object_object_add(object, names[p], one);
		else
			json_object_put(one);
	}
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

int bench_boot(const struct bench_options *options)
{
	struct boot boots[BENCH_PROGRAMS] = { 0 };
	struct bench_outside outside = { 0 };
	int ret = 0;

	/* access() accepts no path of PATH_MAX bytes or more. */
	if (!options->disk || access(options->disk, R_OK | W_OK)) {
		log_error("bench boot: --disk %s: %s (make one with scripts/make-grub-disk.sh)",
			  options->disk ? options->disk : "FILE",
			  options->disk ? strerror(errno) : "not given");
		return options->disk ? 1 : BENCH_STATUS_USAGE;
	}
	for (enum bench_program p = 0; p < BENCH_PROGRAMS && !ret; p++) {
		if (p == BENCH_FLOOR || !bench_has(p))
			continue;
		bench_progress("booting, %s", bench_program_names[p]);
		ret = boot(options, p, &boots[p], &outside);
	}
	bench_progress_end();
	if (!ret && options->json)
		boot_print_json(boots);
	else if (!ret)
		boot_print_text(boots, outside.total);
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++)
		free(boots[p].output);
	return ret ? 1 : 0;
}
