// SPDX-License-Identifier: MIT
/*
 * The kernel's statistics with anything in them: what is read has names that end, values that are
 * there, and kinds that are known.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct meter_stats stats;
	uint64_t sum = 0;
	int ret = hv_stats_parse(data, size, &stats);

	CHECK(ret == 0 || ret == -EPROTO);
	CHECK(!ret || (!stats.at && !stats.values && !stats.n));
	for (size_t i = 0; i < stats.n; i++) {
		const struct meter_stat *stat = &stats.at[i];

		CHECK(memchr(stat->name, '\0', sizeof(stat->name)) && stat->name[0]);
		CHECK(stat->type <= METER_STAT_LOG2 && stat->unit <= METER_STAT_BOOLEAN);
		CHECK(stat->n && (stat->base == 2 || stat->base == 10));
		for (unsigned j = 0; j < stat->n; j++)
			sum += stat->values[j];
	}
	meter_stats_free(&stats);
	(void)*(volatile uint64_t *)&sum; /* every value was read */
	return 0;
}
