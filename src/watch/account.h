// SPDX-License-Identifier: MIT
/*
 * Records (docs/records.md) as they come from a machine, a trace or a file, taken apart for whoever
 * makes advice of them. What comes from outside is hostile: numbers, texts and sizes are checked, and
 * memory is bounded.
 *
 * A record owns the JSON that its texts point into. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "watch/advice.h"

struct json_object;

#define WATCH_ACCOUNT_ROWS  16384u
#define WATCH_ACCOUNT_ZONES 4096u
#define WATCH_ACCOUNT_BYTES (64u << 20) /* of one record in a file */

struct watch_account_row {
	struct watch_advice_row row;
	uint64_t owner; /* of the vCPU or process whose row it is, where told apart; else 0 */
	double sum_us;
	uint64_t samples;
};

struct watch_account {
	struct json_object *json;
	bool machine;
	double at, seconds;
	uint64_t pid;
	uint64_t exits, coalesced, ring_full, ring_deadline;
	struct watch_account_row *rows; /* by address and so on */
	size_t rows_n;
	struct watch_advice_range *zones;
	size_t zones_n;
};

/* Takes a record apart; keeps a reference to json. 0, or -EINVAL, -E2BIG, -ENOMEM with a line in err. */
int watch_account_take(struct watch_account *record, struct json_object *json, struct error *err)
	__attribute__((warn_unused_result));
void watch_account_free(struct watch_account *record);

/*
 * Subtracts an earlier record of the same machine: then the counts are of the time between. What counts
 * less than before has begun anew. 0, or -EINVAL with a line in err: not the same, or not earlier.
 */
int watch_account_minus(struct watch_account *record, const struct watch_account *earlier,
			struct error *err) __attribute__((warn_unused_result));

/*
 * Reads a recording: objects, one after the other. Of several records the counts are those between the
 * first and the last. 0, or -errno with a line in err that does not name the file.
 */
int watch_account_read(struct watch_account *record, FILE *file, struct error *err)
	__attribute__((warn_unused_result));

/* What advice is made of. *rows is an array of the caller's, to be freed. 0 or -ENOMEM. */
int watch_account_input(const struct watch_account *record, struct watch_advice_input *input,
			struct watch_advice_row **rows) __attribute__((warn_unused_result));
