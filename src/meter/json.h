// SPDX-License-Identifier: MIT
/*
 * Building a JSON report: each call takes its value over, and a value that could not be made (NULL) or
 * put into place sets *err to -ENOMEM, so that whoever builds looks once, at the end. Any thread, on the
 * caller's objects.
 */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

void meter_json_put(struct json_object *object, const char *name, struct json_object *value,
		    int *err);
void meter_json_count(struct json_object *object, const char *name, uint64_t value, int *err);
/* Nothing is put if there is no text (NULL). */
void meter_json_text(struct json_object *object, const char *name, const char *value, int *err);
/* With three decimals: the digits behind them are noise. */
void meter_json_real(struct json_object *object, const char *name, double value, int *err);
void meter_json_append(struct json_object *array, struct json_object *value, int *err);
