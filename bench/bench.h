// SPDX-License-Identifier: MIT
/*
 * "coalport bench": measurements that compare, in one run, coalescing on with off, with a bare
 * KVM_RUN loop (bench/floor.c) and with QEMU where they are installed. Each guest is a process of
 * its own, as users run them. One thread.
 */
#pragma once

#include <stdbool.h>

#define BENCH_STATUS_USAGE 2 /* as for any other wrong command line */

struct bench_options {
	unsigned guests; /* at once */
	unsigned rounds; /* each compares everything once; medians are of these */
	unsigned count; /* pairs of accesses in a round */
	unsigned seconds; /* that ticking guests run */
	bool json; /* one object on standard output instead of text */
	const char *disk; /* image for "boot" */
	const char *work; /* the only piece of "legacy"; NULL: all of them */
	const char *images; /* folder of those that "legacy" boots; NULL: none */
	const char *html; /* file of a page with the figures; NULL: none */
};

/* argv[0] is "bench". The program's exit status. */
int bench_main(int argc, char **argv);

int bench_rtc(const struct bench_options *options);
int bench_boot(const struct bench_options *options);
int bench_legacy(const struct bench_options *options);
/* Whether "legacy" knows a piece of work of that name. */
bool bench_legacy_knows(const char *work);
int bench_ticks(const struct bench_options *options);
int bench_start(const struct bench_options *options);
int bench_accounting(const struct bench_options *options);
