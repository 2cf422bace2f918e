// SPDX-License-Identifier: MIT
/*
 * What a machine costs before its guest does anything: CPU time from exec to the end of a guest
 * whose first instruction ends it, and the private memory of the process besides the guest's RAM.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "bench_child.h"
#include "bench_figures.h"
#include "guests.h"

#define ROUNDS_MAX 1000
#define RAM_KIB    16384

struct start {
	size_t n;
	double cpu[ROUNDS_MAX], wall[ROUNDS_MAX]; /* ms */
};

/* A ROM whose first instruction after the reset vector's is the last: out of port 0xf4. */
static void make_rom(uint8_t rom[GUEST_ROM_SIZE])
{
	static const uint8_t code[] = {
		0x31, 0xc0, /* xor %ax, %ax */
		0xe6, 0xf4, /* out %al, $0xf4 */
		0xf4, /* hlt */
		0xeb, 0xfd, /* jmp to the hlt */
	};

	memset(rom, 0, GUEST_ROM_SIZE);
	memcpy(rom + GUEST_ROM_SIZE - 16, code, sizeof(code));
}

static int start_once(int rom_fd, enum bench_program program, struct start *start, size_t round)
{
	struct bench_child child;
	int ret;

	bench_command(&child, program);
	if (program == BENCH_FLOOR) {
		bench_arg(&child, "0");
	} else {
		bench_arg(&child, "-bios");
		bench_arg(&child, "/proc/self/fd/%d", rom_fd);
		bench_arg(&child, "-m");
		bench_arg(&child, "16");
		bench_arg(&child, "-device");
		bench_arg(&child, "isa-debug-exit,iobase=0xf4,iosize=1");
	}
	ret = bench_spawn(&child);
	if (!ret)
		ret = bench_wait(&child, bench_program_names[program]);
	if (!ret) {
		start->cpu[round] = (child.user + child.system) * 1e3;
		start->wall[round] = child.wall * 1e3;
		start->n = round + 1;
	}
	bench_drop(&child);
	return ret;
}

/* Private memory in KiB, without the mapping that is as large as the guest's RAM; -1: not known. */
static long private_kib(pid_t pid)
{
	char path[64], line[512];
	long size = 0, sum = 0, value;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/smaps", (long)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Size: %ld kB", &value) == 1)
			size = value;
		else if (size != RAM_KIB && (sscanf(line, "Private_Clean: %ld kB", &value) == 1 ||
					     sscanf(line, "Private_Dirty: %ld kB", &value) == 1))
			sum += value;
	}
	fclose(file);
	return sum;
}

/* Looks at a guest that ticks, one second into its run. */
static long measure_memory(enum bench_program program)
{
	int rom_fd = bench_image(guest_ticker, GUEST_ROM_SIZE);
	struct bench_child child;
	long kib = -1;

	if (rom_fd < 0)
		return -1;
	bench_command(&child, program);
	bench_arg(&child, "-bios");
	bench_arg(&child, "/proc/self/fd/%d", rom_fd);
	bench_arg(&child, "-m");
	bench_arg(&child, "16");
	if (!bench_spawn(&child)) {
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
		kib = private_kib(child.pid);
	}
	bench_drop(&child);
	close(rom_fd);
	return kib;
}

static void print(const struct bench_options *options, struct start *starts,
		  const long kib[BENCH_PROGRAMS])
{
	static const char *const names[] = { "off", "on", "floor", "qemu" };
	struct json_object *object = json_object_new_object();
	char name[64];

	if (!options->json)
		printf("%-14s %12s %12s %22s\n", "", "CPU ms", "wall ms",
		       "private KiB besides RAM");
	for (enum bench_program p = 0; p < BENCH_PROGRAMS; p++) {
		double cpu = bench_median(starts[p].cpu, starts[p].n);
		double wall = bench_median(starts[p].wall, starts[p].n);

		if (!starts[p].n)
			continue;
		if (!options->json) {
			printf("%-14s %12.2f %12.2f", bench_program_names[p], cpu, wall);
			if (kib[p] >= 0)
				printf(" %22ld", kib[p]);
			printf("\n");
		}
		snprintf(name, sizeof(name), "cpu_ms_%s", names[p]);
		json_object_object_add(object, name, json_object_new_double(cpu));
		snprintf(name, sizeof(name), "wall_ms_%s", names[p]);
		json_object_object_add(object, name, json_object_new_double(wall));
		snprintf(name, sizeof(name), "private_kib_%s", names[p]);
		if (kib[p] >= 0)
			json_object_object_add(object, name, json_object_new_int64(kib[p]));
	}
	if (options->json)
		printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
	else if (starts[BENCH_FLOOR].n)
		printf("CPU time over the bare loop's: %.2f ms\n",
		       bench_median(starts[BENCH_ON].cpu, starts[BENCH_ON].n) -
			       bench_median(starts[BENCH_FLOOR].cpu, starts[BENCH_FLOOR].n));
	json_object_put(object);
}

int bench_start(const struct bench_options *options)
{
	static uint8_t rom[GUEST_ROM_SIZE];
	struct start *starts = calloc(BENCH_PROGRAMS, sizeof(*starts));
	long kib[BENCH_PROGRAMS] = { -1, -1, -1, -1 };
	int rom_fd, ret = 0;

	make_rom(rom);
	rom_fd = bench_image(rom, sizeof(rom));
	if (!starts || rom_fd < 0) {
		free(starts);
		return 1;
	}
	for (size_t round = 0; !ret && round < options->rounds; round++) {
		for (enum bench_program p = BENCH_ON; !ret && p < BENCH_PROGRAMS; p++) {
			if (!bench_has(p))
				continue;
			bench_progress("round %zu of %u, %s", round + 1, options->rounds,
				       bench_program_names[p]);
			ret = start_once(rom_fd, p, &starts[p], round);
		}
	}
	for (enum bench_program p = BENCH_ON; !ret && p < BENCH_PROGRAMS; p++) {
		if (p == BENCH_FLOOR || !bench_has(p))
			continue;
		bench_progress("memory, %s", bench_program_names[p]);
		kib[p] = measure_memory(p);
	}
	bench_progress_end();
	if (!ret)
		print(options, starts, kib);
	close(rom_fd);
	free(starts);
	return ret ? 1 : 0;
}
