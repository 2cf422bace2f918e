// SPDX-License-Identifier: MIT
/*
 * Building a JSON report: each call takes its value over, and a value that could not be made (NULL) or
 * put into place sets *err to -ENOMEM, so that whoever builds looks once, at the end. Any thread, on the
 * caller's objects.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void meter_json_put(struct json_object *object, const char *name, struct json_object *value,
		    int *err);
void meter_json_count(struct json_object *object, const char *name, uint64_t value, int *err);
/* Nothing is put if there is no text (NULL). */
void meter_json_text(struct json_object *object, const char *name, const char *value, int *err);
/* With three decimals: the digits behind them are noise. */
void meter_json_real(struct json_object *object, const char *name, double value, int *err);
void meter_json_append(struct json_object *array, struct json_object *value, int *err);

/* What every record begins with (docs/records.md): its version, its source, and what time it is. */
void meter_json_head(struct json_object *record, const char *source, int *err);
/* A record's "host"; tsc_hz 0: not known. NULL: out of memory. */
struct json_object *meter_json_host(uint64_t tsc_hz) __attribute__((warn_unused_result));

/*
 * Writes root, on one line if compact, flushes, and puts root back. 0, or -errno of what failed: -ENOMEM,
 * also if root is NULL, or of writing, such as -ENOSPC.
 */
int meter_json_print(FILE *out, struct json_object *root, bool compact)
	__attribute__((warn_unused_result));
