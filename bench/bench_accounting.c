// SPDX-License-Identifier: MIT
/*
 * What counting costs: a guest that does nothing but access ports (guests/rtcbench), with -exits off, with
 * the counting that is on by default, and with coalport top looking on, in turn. The guest times its own
 * loop of pairs.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench_child.h"
#include "bench_figures.h"
#include "guests.h"

#define TOP_INTERVAL "100ms"

enum way { WAY_OFF, WAY_ON, WAY_TOP, WAYS };

static const struct {
	const char *told, *key, *row, *ratio, *ratio_key;
} ways[WAYS] = {
	[WAY_OFF] = { "not counted", "pair_us_off", "a pair, -exits off", NULL, NULL },
	[WAY_ON] = { "counted", "pair_us_on", "a pair, counted as by default",
		     "counted against not counted", "ratio" },
	[WAY_TOP] = { "watched", "pair_us_top", "a pair, with coalport top, every " TOP_INTERVAL,
		      "with top against not counted", "ratio_top" },
};

struct accounting {
	const struct bench_options *options;
	int rom_fd;
	char folder[32], socket[48]; /* of the guest that is looked at */
	double hz; /* of the time-stamp counter */
	double *memory; /* of all of ticks */
	double *ticks[WAYS]; /* of a pair, by round */
	uint64_t
		records; /* that coalport top got, in all rounds; a short guest may end before the first */
};

static bool has_ended(const struct bench_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

/*
 * Runs coalport top beside a guest that waits for it, until the guest ends. The socket is there a moment
 * before somebody listens on it, so top may have to try again. 0 or -errno after a message.
 */
static int accounting_look(struct accounting *bench, const struct bench_child *guest)
{
	const struct timespec moment = { .tv_nsec = NS_PER_MS };
	struct bench_child top = { .output_fd = -1, .report_fd = -1 };
	int ret = 0;

	while (!ret && !has_ended(guest)) {
		if (!access(bench->socket, F_OK) && (top.pid <= 0 || has_ended(&top))) {
			bench_drop(&top);
			bench_arg(&top, "/proc/self/exe");
			bench_args(&top, (const char *const[]){ "top", bench->socket, "--json",
								"--interval", TOP_INTERVAL, NULL });
			ret = bench_spawn(&top);
		}
		nanosleep(&moment, NULL);
	}
	if (!ret && top.pid > 0) {
		ret = bench_wait(&top, "top");
		for (const char *at = ret ? "" : top.output; (at = strchr(at, '\n')); at++)
			bench->records++;
	}
	bench_drop(&top);
	return ret;
}

/* One guest; the ticks of a pair, or a negative number after a message. */
static double accounting_run(struct accounting *bench, enum way way)
{
	unsigned long count, total;
	struct bench_child child;
	double ticks = -1;
	const char *at;
	int ret;

	if (way == WAY_OFF)
		bench_command_uncounted(&child);
	else
		bench_command(&child, BENCH_ON);
	bench_arg(&child, "-m");
	bench_arg(&child, "16");
	bench_arg(&child, "-bios");
	bench_arg(&child, "/proc/self/fd/%d", bench->rom_fd);
	bench_arg(&child, "-fw_cfg");
	bench_arg(&child, "name=" GUEST_PARAMS ",string=count=%u samples=1", bench->options->count);
	if (way == WAY_TOP) {
		bench_arg(&child, "-qmp");
		bench_arg(&child, "unix:%s,server=on,wait=on", bench->socket);
	}
	ret = bench_spawn(&child);
	if (!ret && way == WAY_TOP)
		ret = accounting_look(bench, &child);
	if (!ret && !bench_wait(&child, ways[way].told)) {
		if (way != WAY_OFF)
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
		/* None is always the first, which finds the host as another one left it. */
		for (unsigned turn = 0; turn < WAYS; turn++) {
			enum way way = (i + turn) % WAYS;
			double ticks;

			bench_progress("round %u of %u, %s", i + 1, rounds, ways[way].told);
			ticks = accounting_run(bench, way);
			if (ticks < 0) {
				bench_progress_end();
				return -EIO;
			}
			bench->ticks[way][i] = ticks;
		}
	}
	bench_progress_end();
	return 0;
}

static void print_figure(const char *name, const struct bench_figure *figure, double scale)
{
	printf("%-38s %8.3f  [%.3f, %.3f]\n", name, figure->median * scale, figure->low * scale,
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
	struct bench_figure pair[WAYS], ratio[WAYS];
	double us = 1e6 / bench->hz;

	for (enum way way = 0; way < WAYS; way++) {
		pair[way] = bench_figure(bench->ticks[way], options->rounds);
		ratio[way] = bench_ratio(bench->ticks[way], bench->ticks[WAY_OFF], options->rounds);
	}
	if (options->json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "rounds", json_object_new_int64(options->rounds));
		json_object_object_add(object, "pairs", json_object_new_int64(options->count));
		for (enum way way = 0; way < WAYS; way++) {
			put_figure(object, ways[way].key, &pair[way], us);
			if (ways[way].ratio_key)
				put_figure(object, ways[way].ratio_key, &ratio[way], 1);
		}
		json_object_object_add(object, "top_records",
				       json_object_new_uint64(bench->records));
		printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
		json_object_put(object);
		return;
	}
	printf("%u rounds of %u pairs of a write to 0x70, which waits, and a read of 0x71, which exits;\n"
	       "medians in us by the guest's own clock, with intervals of %.1f%% confidence\n\n",
	       options->rounds, options->count, 100 * pair[WAY_ON].confidence);
	for (enum way way = 0; way < WAYS; way++)
		print_figure(ways[way].row, &pair[way], us);
	for (enum way way = 0; way < WAYS; way++) {
		if (ways[way].ratio)
			print_figure(ways[way].ratio, &ratio[way], 1);
	}
	printf("coalport top asked %.1f times a round\n", (double)bench->records / options->rounds);
}

/* 0 or -errno after a message. */
static int accounting_prepare(struct accounting *bench)
{
	size_t rounds = bench->options->rounds;

	strcpy(bench->folder, "/tmp/coalport-bench-XXXXXX");
	if (!mkdtemp(bench->folder)) {
		int ret = -errno;

		log_error("bench: %s: %s", bench->folder, strerror(errno));
		bench->folder[0] = '\0';
		return ret;
	}
	snprintf(bench->socket, sizeof(bench->socket), "%s/qmp", bench->folder);
	bench->memory = calloc(WAYS * rounds, sizeof(*bench->memory));
	if (!bench->memory) {
		log_error("bench: out of memory");
		return -ENOMEM;
	}
	for (enum way way = 0; way < WAYS; way++)
		bench->ticks[way] = bench->memory + way * rounds;
	bench->rom_fd = bench_image(guest_rtcbench, GUEST_ROM_SIZE);
	return bench->rom_fd < 0 ? -EIO : 0;
}

int bench_accounting(const struct bench_options *options)
{
	struct accounting bench = { .options = options, .rom_fd = -1 };
	int ret = accounting_prepare(&bench);

	if (!ret)
		ret = accounting_measure(&bench);
	if (!ret) {
		accounting_print(&bench);
		if (fflush(stdout) || ferror(stdout)) {
			log_error("standard output: %s", strerror(errno));
			ret = -EIO;
		}
	}
	if (bench.rom_fd >= 0)
		close(bench.rom_fd);
	if (bench.folder[0]) {
		/* Of a guest that was killed. */
		unlink(bench.socket);
		rmdir(bench.folder);
	}
	free(bench.memory);
	return ret ? 1 : 0;
}
