// SPDX-License-Identifier: MIT
#include "cmd/duration.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define DURATION_MAX (400 * 86400.0) /* seconds */

bool cmd_duration_parse(int64_t *ns, const char *value)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "m", 60 }, { "h", 3600 } };
	char *end;
	double number = strtod(value, &end);

	if (*value < '0' || *value > '9')
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		number *= units[i].seconds;
		*ns = number <= DURATION_MAX ? (int64_t)(number * 1e9) : 0;
		return *ns >= NS_PER_MS;
	}
	return false;
}
