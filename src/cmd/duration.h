// SPDX-License-Identifier: MIT
/* How people write a time on the command line of a verb. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "10", "10s", "1.5s", "500ms", "2m", "1h": in ns, from a millisecond on. False if it is none. */
bool cmd_duration_parse(int64_t *ns, const char *value);
