// SPDX-License-Identifier: MIT
/*
 * "coalport advise": which exits of a guest need not be, in sentences (watch/advice.h). One thread.
 *
 * advise.c has the verb and its options, advise_measure.c where records come from, advise_try.c what
 * --try does.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/advice.h"
#include "watch/client.h"
#include "watch/snapshot.h"

struct json_object;

struct advise_options {
	bool help, json, try, keep;
	const char *target; /* a machine (NULL: the only one), or a file; or */
	pid_t pid; /* any KVM process, by trace; 0: none */
	int64_t duration; /* ns of each measurement */
	uint32_t top; /* pieces at most, or 0: all */
};

struct advise {
	struct advise_options options;
	struct watch_client *client; /* NULL: not connected */
	bool stopped; /* by a signal */
	bool progress; /* to a terminal */
};

/* argv[0] is "advise". The program's exit status. */
int cmd_advise(int argc, char **argv);

/* What is counted from now on for the time of the options, or until a signal. 0 or -errno with a line in err. */
int advise_measure_machine(struct advise *advise, struct watch_snapshot *out, struct error *err)
	__attribute__((warn_unused_result));
int advise_measure_trace(struct advise *advise, struct watch_snapshot *out, struct error *err)
	__attribute__((warn_unused_result));
/*
 * What is in a file, "-" for standard input: of one record all that it counts, of several what happened
 * between the first and the last.
 */
int advise_read_file(const char *path, struct watch_snapshot *out, struct error *err)
	__attribute__((warn_unused_result));

/* One zone that was tried. */
struct advise_tried_zone {
	enum watch_space space;
	uint64_t first, last;
	bool added;
	char refusal[ERROR_SIZE]; /* empty if added */
};

#define ADVISE_TRIED 64 /* as many as a machine takes */

struct advise_rates {
	double exits, coalesced; /* a second */
};

struct advise_tried {
	struct advise_tried_zone zones[ADVISE_TRIED];
	unsigned zones_n, added;
	bool measured; /* after is known */
	struct advise_rates before, after;
	bool kept;
	bool left; /* could not be taken back */
};

/*
 * Adds the zones of advice, measures, and takes them back unless they are to be kept or that is not
 * possible. 0 or -errno with a line in err; *out is good either way.
 */
int advise_try(struct advise *advise, const struct watch_advices *advices, struct advise_tried *out,
	       struct error *err) __attribute__((warn_unused_result));
void advise_tried_text(FILE *out, const struct advise_tried *tried);
struct json_object *advise_tried_json(const struct advise_tried *tried)
	__attribute__((warn_unused_result));
