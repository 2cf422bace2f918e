// SPDX-License-Identifier: MIT
/*
 * A boot that nobody here wrote: SeaBIOS and GRUB from a disk image to power-off, with coalescing
 * off and on and, where it is installed, under QEMU; the same image, one after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/bench_child.h"

struct boot {
	bool there;
	double wall, user, system; /* seconds */
	long exits, coalesced; /* -1: not known */
};

static int boot(const struct bench_options *options, enum bench_program program, struct boot *out)
{
	struct bench_child child;
	int ret;

	bench_command(&child, program);
	bench_arg(&child, "-m");
	bench_arg(&child, "64");
	bench_arg(&child, "-drive");
	bench_arg(&child, "file=%s,format=raw,if=virtio", options->disk);
	if (program == BENCH_QEMU)
		bench_count_outside(&child);
	ret = bench_spawn(&child);
	if (!ret)
		ret = bench_wait(&child, bench_program_names[program]);
	if (!ret) {
		bool ours = program <= BENCH_ON;

		*out = (struct boot){
			.there = true,
			.wall = child.wall,
			.user = child.user,
			.system = child.system,
			.exits = ours ? (long)bench_total(&child, "exits") : child.exits_outside,
			.coalesced = ours ? (long)bench_total(&child, "coalesced") : -1,
		};
	}
	bench_drop(&child);
	return ret;
}

static void print_count(long count)
{
	if (count < 0)
		printf(" %12s", "-");
	else
		printf(" %12ld", count);
}

static void boot_print_text(const struct boot boots[BENCH_PROGRAMS])
{
	printf("%-14s %9s %9s %9s %12s %12s\n", "", "wall s", "user s", "system s", "exits",
	       "coalesced");
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		if (!boots[p].there)
			continue;
		printf("%-14s %9.2f %9.3f %9.2f", bench_program_names[p], boots[p].wall,
		       boots[p].user, boots[p].system);
		print_count(boots[p].exits);
		print_count(boots[p].coalesced);
		printf("\n");
	}
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

	if (!options->disk || access(options->disk, R_OK | W_OK)) {
		log_error("bench boot: --disk %s: %s (make one with scripts/make-grub-disk.sh)",
			  options->disk ? options->disk : "FILE",
			  options->disk ? strerror(errno) : "not given");
		return options->disk ? 1 : 2;
	}
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		int ret;

		if (p == BENCH_FLOOR || !bench_has(p))
			continue;
		bench_progress("booting, %s", bench_program_names[p]);
		ret = boot(options, p, &boots[p]);
		if (ret) {
			bench_progress_end();
			return 1;
		}
	}
	bench_progress_end();
	if (options->json)
		boot_print_json(boots);
	else
		boot_print_text(boots);
	return 0;
}
