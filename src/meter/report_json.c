// SPDX-License-Identifier: MIT
#include <cpuid.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>

#include "meter/json.h"
#include "meter/merge.h"

static struct json_object *host(const struct merged *merged, int *err)
{
	struct json_object *object = json_object_new_object();
	unsigned brand[13] = { 0 };
	struct utsname name;

	if (!object)
		return NULL;
	if (!uname(&name))
		meter_json_text(object, "kernel", name.release, err);
	for (unsigned i = 0; i < 3; i++)
		if (!__get_cpuid(0x80000002 + i, &brand[4 * i], &brand[4 * i + 1],
				 &brand[4 * i + 2], &brand[4 * i + 3]))
			brand[0] = 0;
	if (brand[0]) {
		const char *text = (const char *)brand;

		meter_json_text(object, "cpu", text + strspn(text, " "), err);
	}
	meter_json_count(object, "tsc_hz", (uint64_t)merged->tsc_hz, err);
	return object;
}

/* The row "other" stands for many places and so has neither a number nor a direction. */
static struct json_object *row_object(const struct merged *merged, const struct merged_row *row,
				      int *err)
{
	struct json_object *object = json_object_new_object();
	enum meter_space space = meter_key_space(row->key);

	if (!object)
		return NULL;
	if (row->key) {
		const char *in = space == METER_MMIO ? "read" : "in";
		const char *out = space == METER_MMIO ? "write" : "out";

		meter_json_count(object, space == METER_MMIO ? "address" : "port",
				 meter_key_addr(row->key), err);
		meter_json_text(object, "direction", meter_key_write(row->key) ? out : in, err);
	}
	meter_json_count(object, "samples", row->samples, err);
	meter_json_real(object, "time_us", merged_us(merged, (double)row->ticks), err);
	if (row->samples) {
		meter_json_real(object, "min_us", merged_us(merged, (double)row->ticks_min), err);
		meter_json_real(object, "max_us", merged_us(merged, (double)row->ticks_max), err);
		meter_json_real(object, "avg_us", merged_us(merged, merged_avg(row)), err);
		meter_json_real(object, "stderr_percent", merged_stderr_percent(row), err);
	}
	meter_json_count(object, "coalesced", row->coalesced, err);
	return object;
}

static struct json_object *table(const struct merged *merged, enum meter_space space, int *err)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < merged->n; i++)
		if (merged->rows[i].key && merged_in(&merged->rows[i], space))
			meter_json_append(array, row_object(merged, &merged->rows[i], err), err);
	return array;
}

static struct json_object *zone_object(const struct meter_zone *zone, int *err)
{
	static const char *const states[] = {
		[METER_ZONE_ACTIVE] = "active",
		[METER_ZONE_TRAPS] = "traps",
		[METER_ZONE_STUCK] = "stuck",
		[METER_ZONE_RESTS] = "rests",
	};
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_text(object, "space", zone->space == METER_MMIO ? "mmio" : "port", err);
	meter_json_count(object, "first", zone->first, err);
	meter_json_count(object, "last", zone->last, err);
	meter_json_text(object, "region", zone->region, err);
	if (zone->wait == METER_WAIT_LATCH)
		meter_json_text(object, "wait", "latch", err);
	else
		meter_json_count(object, "wait_ns", zone->wait, err);
	meter_json_text(object, "why", zone->why, err);
	meter_json_text(object, "when", zone->when, err);
	meter_json_text(object, "state", states[zone->state], err);
	meter_json_text(object, "trap", zone->trap, err);
	return object;
}

static struct json_object *zone_list(const struct meter_report_options *options, int *err)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < options->zones_n; i++)
		meter_json_append(array, zone_object(&options->zones[i], err), err);
	return array;
}

static int json_build(struct json_object *root, const struct merged *merged,
		      const struct meter_report_options *options)
{
	int err = 0;

	meter_json_put(root, "host", host(merged, &err), &err);
	meter_json_count(root, "exits", merged->totals.exits, &err);
	meter_json_count(root, "coalesced", merged->totals.coalesced, &err);
	meter_json_real(root, "saved_percent", merged_saved_percent(merged), &err);
	meter_json_put(root, "ports", table(merged, METER_PORT, &err), &err);
	meter_json_put(root, "mmio", table(merged, METER_MMIO, &err), &err);
	for (size_t i = 0; i < merged->n; i++)
		if (!merged->rows[i].key)
			meter_json_put(root, "other", row_object(merged, &merged->rows[i], &err),
				       &err);
	meter_json_put(root, "zones", zone_list(options, &err), &err);
	return err;
}

struct json_object *meter_report_json(const struct meter_report_options *options)
{
	struct json_object *root;
	struct merged merged;

	if (merged_make(&merged, options))
		return NULL;
	root = json_object_new_object();
	if (root && json_build(root, &merged, options)) {
		json_object_put(root);
		root = NULL;
	}
	merged_free(&merged);
	return root;
}

int meter_report_print_json(FILE *out, const struct meter_report_options *options)
{
	struct json_object *root = meter_report_json(options);
	const char *text;
	int err = 0;

	if (!root)
		return -ENOMEM;
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
	errno = 0;
	if (!text)
		err = -ENOMEM;
	else if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
		err = errno ? -errno : -EIO;
	json_object_put(root);
	return err;
}
