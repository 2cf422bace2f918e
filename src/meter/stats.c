// SPDX-License-Identifier: MIT
#include "meter/stats.h"

#include <stdlib.h>

#include "meter/json.h"

void meter_stats_free(struct meter_stats *stats)
{
	free(stats->at);
	free(stats->values);
	*stats = (struct meter_stats){ 0 };
}

int meter_stats_json(const struct meter_stats *stats, struct json_object *object)
{
	int err = 0;

	for (size_t i = 0; i < stats->n; i++) {
		const struct meter_stat *stat = &stats->at[i];

		if (stat->type != METER_STAT_LINEAR && stat->type != METER_STAT_LOG2)
			meter_json_count(object, stat->name, stat->values[0], &err);
	}
	return err;
}
