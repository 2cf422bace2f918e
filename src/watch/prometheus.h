// SPDX-License-Identifier: MIT
/*
 * What machines told, as metrics in Prometheus' text format, version 0.0.4: docs/stats.md lists them.
 * Texts of strangers are escaped. How many series a machine makes is bounded: of its rows the most used
 * are told one by one, the others together. Pure.
 */
#pragma once

#include <stdio.h>

#include "watch/fleet.h"

#define WATCH_PROMETHEUS_ROWS                                                                      \
	64 /* of a machine, one by one, unless somebody wants another number */

struct watch_prometheus_options {
	size_t rows; /* of a machine, one by one */
};

/* 0, -ENOMEM, or -errno of writing. */
int watch_prometheus(FILE *out, const struct watch_fleet *fleet,
		     const struct watch_prometheus_options *options)
	__attribute__((warn_unused_result));
