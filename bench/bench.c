// SPDX-License-Identifier: MIT
#include "bench.h"

#include <errno.h>
#include <stddef.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static const struct {
	const char *name;
	int (*run)(const struct bench_options *options);
	struct bench_options defaults;
	const char *help;
} benches[] = {
	{ "rtc",
	  bench_rtc,
	  { .guests = 1, .rounds = 5, .count = 100000 },
	  "RTC and PCI index+data pairs: exits a pair, cost of a write, the whole loop" },
	{ "boot",
	  bench_boot,
	  { .guests = 1, .rounds = 1 },
	  "SeaBIOS and GRUB from a disk image to power-off: exits and time" },
	{ "legacy",
	  bench_legacy,
	  { .guests = 1, .rounds = 3 },
	  "what old software does with a PC's screen, disks and CD-ROM: exits and time" },
	{ "ticks",
	  bench_ticks,
	  { .guests = 12, .rounds = 1, .seconds = 10 },
	  "guests ticking on the RTC at 64 Hz and 1024 Hz: host CPU time" },
	{ "accounting",
	  bench_accounting,
	  { .guests = 1, .rounds = 11, .count = 100000 },
	  "what counting its exits costs a guest that does nothing else: -exits off, on, and with top" },
	{ "start",
	  bench_start,
	  { .guests = 1, .rounds = 21 },
	  "from exec to the first guest instruction, and memory besides the guest's" },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

static const struct {
	const char *name, *value, *help;
	size_t offset; /* of an unsigned in struct bench_options; json and disk are apart */
	unsigned max;
} numbers[] = {
	{ "guests", "N", "guests at once", offsetof(struct bench_options, guests), 256 },
	{ "rounds", "N", "times that everything is compared",
	  offsetof(struct bench_options, rounds), 1000 },
	{ "count", "N", "pairs of accesses in a round (rtc)", offsetof(struct bench_options, count),
	  100000000 },
	{ "seconds", "N", "time that guests tick (ticks)", offsetof(struct bench_options, seconds),
	  86400 },
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void help(void)
{
	printf("usage: coalport bench NAME [--OPTION VALUE ...]\n\n");
	for (size_t i = 0; i < BENCHES; i++)
		printf("  %-10s %s\n", benches[i].name, benches[i].help);
	printf("\noptions:\n");
	for (size_t i = 0; i < NUMBERS; i++)
		printf("  --%-8s %-5s %s\n", numbers[i].name, numbers[i].value, numbers[i].help);
	printf("  --%-8s %-5s %s\n", "disk", "FILE", "raw image with a boot loader (boot)");
	printf("  --%-8s %-5s %s\n", "work", "NAME", "only this, as --json calls it (legacy)");
	printf("  --%-8s %-5s %s\n", "images", "DIR",
	       "what scripts/make-legacy-disks.sh made: GRUB and FreeDOS (legacy)");
	printf("  --%-8s %-5s %s\n", "json", "", "one JSON object instead of text");
	printf("  --%-8s %-5s %s\n", "html", "FILE",
	       "a page with tables, plots and the host (rtc, ticks)");
}

static int bench_refuse(const char *what, const char *why)
{
	log_error("bench: %s: %s (see coalport bench --help)", what, why);
	return BENCH_STATUS_USAGE;
}

/* One option with its value; how many arguments it took, or 0 after a message. */
static int take_option(struct bench_options *options, int argc, char **argv)
{
	const char *name = argv[0] + strspn(argv[0], "-");

	if (name == argv[0]) {
		bench_refuse(argv[0], "unknown argument");
		return 0;
	}
	if (!strcmp(name, "json")) {
		options->json = true;
		return 1;
	}
	if (argc > 1 && !strcmp(name, "html") && *argv[1]) {
		options->html = argv[1];
		return 2;
	}
	if (argc > 1 && !strcmp(name, "work")) {
		if (!bench_legacy_knows(argv[1])) {
			bench_refuse(argv[1], "no such work");
			return 0;
		}
		options->work = argv[1];
		return 2;
	}
	if (argc > 1 && !strcmp(name, "images")) {
		options->images = argv[1];
		return 2;
	}
	if (argc > 1 && !strcmp(name, "disk")) {
		options->disk = argv[1];
		return 2;
	}
	for (size_t i = 0; argc > 1 && i < NUMBERS; i++) {
		char *end;
		unsigned long value;

		if (strcmp(name, numbers[i].name))
			continue;
		value = strtoul(argv[1], &end, 10);
		if (*end || end == argv[1] || *argv[1] == '-' || !value || value > numbers[i].max) {
			bench_refuse(argv[1], "not a number in range");
			return 0;
		}
		*(unsigned *)((char *)options + numbers[i].offset) = (unsigned)value;
		return 2;
	}
	bench_refuse(argv[0], "unknown option, or its value is missing");
	return 0;
}

int bench_main(int argc, char **argv)
{
	struct bench_options options;
	size_t which = 0;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-help") ||
	    !strcmp(argv[1], "-h")) {
		help();
		return argc < 2 ? BENCH_STATUS_USAGE : 0;
	}
	while (which < BENCHES && strcmp(argv[1], benches[which].name))
		which++;
	if (which == BENCHES)
		return bench_refuse(argv[1], "unknown bench");
	options = benches[which].defaults;
	for (int i = 2; i < argc;) {
		int taken = take_option(&options, argc - i, argv + i);

		if (!taken)
			return BENCH_STATUS_USAGE;
		i += taken;
	}
	if (options.html && benches[which].run != bench_rtc && benches[which].run != bench_ticks)
		return bench_refuse("--html", "rtc and ticks write pages");
	if (access("/dev/kvm", R_OK | W_OK)) {
		log_error("bench: /dev/kvm: %s (benches need KVM)", strerror(errno));
		return 1;
	}
	return benches[which].run(&options);
}
