// SPDX-License-Identifier: MIT
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "meter/json.h"
#include "meter/merge.h"

static const char *space_name(enum meter_space space)
{
	return space == METER_MMIO ? "memory" : "port";
}

static void put_place(struct json_object *object, uint64_t key, int *err)
{
	meter_json_text(object, "space", space_name(meter_key_space(key)), err);
	meter_json_count(object, "addr", meter_key_addr(key), err);
	meter_json_text(object, "direction", meter_key_write(key) ? "write" : "read", err);
}

static struct json_object *buckets(const struct merged *merged, const struct merged_row *row,
				   int *err)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; array && i < METER_BUCKETS; i++) {
		double from = merged_us(merged, (double)meter_bucket_from(i)) * 1000;
		struct json_object *pair;

		if (!row->buckets[i])
			continue;
		pair = json_object_new_array_ext(2);
		if (pair) {
			meter_json_append(pair, json_object_new_uint64((uint64_t)from), err);
			meter_json_append(pair, json_object_new_uint64(row->buckets[i]), err);
		}
		meter_json_append(array, pair, err);
	}
	return array;
}

static struct json_object *times(const struct merged *merged, const struct merged_row *row,
				 int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_count(object, "samples", row->samples, err);
	meter_json_text(object, "bound", "exact", err);
	meter_json_real(object, "sum_us", merged_us(merged, (double)row->ticks), err);
	meter_json_real(object, "min_us", merged_us(merged, (double)row->ticks_min), err);
	meter_json_real(object, "avg_us", merged_us(merged, merged_avg(row)), err);
	meter_json_real(object, "p50_us", merged_us(merged, merged_percentile(row, 50)), err);
	meter_json_real(object, "p99_us", merged_us(merged, merged_percentile(row, 99)), err);
	meter_json_real(object, "max_us", merged_us(merged, (double)row->ticks_max), err);
	meter_json_real(object, "stderr_percent", merged_stderr_percent(row), err);
	meter_json_put(object, "buckets", buckets(merged, row, err), err);
	return object;
}

static void put_counts(struct json_object *object, const struct merged *merged,
		       const struct merged_row *row, int *err)
{
	meter_json_count(object, "exits", row->samples, err);
	if (row->coalesced)
		meter_json_count(object, "coalesced", row->coalesced, err);
	if (row->interrupts)
		meter_json_count(object, "interrupts", row->interrupts, err);
	if (row->samples)
		meter_json_put(object, "times", times(merged, row, err), err);
}

static struct json_object *next_object(const struct merged_row *row, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	put_place(object, row->next_key, err);
	meter_json_count(object, "count", row->next_hits, err);
	return object;
}

static struct json_object *row_object(const struct merged *merged, const struct merged_row *row,
				      const struct meter_report_options *options, int *err)
{
	struct json_object *object = json_object_new_object();
	enum meter_space space = meter_key_space(row->key);
	struct meter_name name = { 0 };

	if (!object)
		return NULL;
	if (options->per_vcpu && row->vcpu != MERGED_RING)
		meter_json_count(object, "vcpu", row->vcpu, err);
	put_place(object, row->key, err);
	meter_json_count(object, "size", meter_unit(space, meter_key_addr(row->key)), err);
	meter_json_count(object, "width", meter_key_width(row->key), err);
	if (options->name)
		options->name(options->arg, space, meter_key_addr(row->key),
			      meter_key_width(row->key), &name);
	meter_json_text(object, "device", name.device, err);
	meter_json_text(object, "register", name.reg, err);
	put_counts(object, merged, row, err);
	if (row->next_key)
		meter_json_put(object, "next", next_object(row, err), err);
	return object;
}

static struct json_object *rows(const struct merged *merged,
				const struct meter_report_options *options, int *err)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < merged->n; i++)
		if (merged->rows[i].key)
			meter_json_append(array, row_object(merged, &merged->rows[i], options, err),
					  err);
	return array;
}

/* Many places in one row, which so has neither a number nor a direction. */
static void put_other(struct json_object *root, const struct merged *merged, int *err)
{
	for (size_t i = 0; i < merged->n; i++) {
		struct json_object *object;

		if (merged->rows[i].key)
			continue;
		object = json_object_new_object();
		if (object) {
			meter_json_count(object, "rows", merged->folded, err);
			put_counts(object, merged, &merged->rows[i], err);
		}
		meter_json_put(root, "other", object, err);
		return;
	}
}

static void put_reasons(struct json_object *object, const struct meter *const *meters, size_t n,
			int *err)
{
	struct json_object *reasons = json_object_new_object();
	uint64_t interrupted = 0;

	for (uint32_t reason = 0; reasons && reason < METER_REASONS; reason++) {
		uint64_t sum = 0;
		char number[16];

		for (size_t i = 0; i < n; i++)
			sum += atomic_load_explicit(&meters[i]->reasons[reason],
						    memory_order_relaxed);
		if (!sum)
			continue;
		snprintf(number, sizeof(number), "%u", (unsigned)reason);
		meter_json_count(reasons,
				 meter_reason_name(reason) ? meter_reason_name(reason) : number,
				 sum, err);
	}
	for (size_t i = 0; i < n; i++)
		interrupted += atomic_load_explicit(&meters[i]->interrupted, memory_order_relaxed);
	if (reasons && interrupted)
		meter_json_count(reasons, "interrupted", interrupted, err);
	meter_json_put(object, "reasons", reasons, err);
}

static struct json_object *vcpus(const struct meter_report_options *options, int *err)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < options->meters_n; i++) {
		const struct meter *meter = options->meters[i];
		struct json_object *object = json_object_new_object();

		if (object) {
			meter_json_count(object, "vcpu", i, err);
			meter_json_count(object, "thread",
					 atomic_load_explicit(&meter->thread, memory_order_relaxed),
					 err);
			meter_json_count(object, "exits",
					 atomic_load_explicit(&meter->exits, memory_order_relaxed),
					 err);
			put_reasons(object, &meter, 1, err);
		}
		meter_json_append(array, object, err);
	}
	return array;
}

static struct json_object *ring_object(const struct meter_ring *ring, int *err)
{
	struct json_object *object = json_object_new_object();
	struct json_object *batches = json_object_new_array();

	if (!object)
		return NULL;
	meter_json_count(object, "entries", ring->entries, err);
	for (unsigned i = 0; batches && i < METER_BATCHES; i++) {
		struct json_object *pair;

		if (!ring->batches[i])
			continue;
		pair = json_object_new_array_ext(2);
		if (pair) {
			meter_json_append(pair, json_object_new_int(1 << i), err);
			meter_json_append(pair, json_object_new_uint64(ring->batches[i]), err);
		}
		meter_json_append(batches, pair, err);
	}
	meter_json_put(object, "batches", batches, err);
	meter_json_count(object, "full", ring->full, err);
	meter_json_count(object, "deadline", ring->deadline, err);
	return object;
}

static struct json_object *zone_object(const struct meter_zone *zone, int *err)
{
	static const char *const states[] = {
		[METER_ZONE_ACTIVE] = "active", [METER_ZONE_TRAPS] = "traps",
		[METER_ZONE_STUCK] = "stuck",   [METER_ZONE_RESTS] = "rests",
		[METER_ZONE_EXITS] = "exits",
	};
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_text(object, "space", space_name(zone->space), err);
	meter_json_count(object, "first", zone->first, err);
	meter_json_count(object, "last", zone->last, err);
	meter_json_text(object, "region", zone->region, err);
	if (zone->wait == METER_WAIT_LATCH)
		meter_json_text(object, "wait", "latch", err);
	else if (zone->wait)
		meter_json_count(object, "wait_ns", zone->wait, err);
	meter_json_text(object, "why", zone->why, err);
	meter_json_text(object, "when", zone->when, err);
	meter_json_text(object, "state", states[zone->state], err);
	meter_json_text(object, "trap", zone->trap, err);
	if (zone->user)
		meter_json_put(object, "user", json_object_new_boolean(true), err);
	if (zone->forced)
		meter_json_put(object, "forced", json_object_new_boolean(true), err);
	return object;
}

struct json_object *meter_zones_json(const struct meter_zone *zones, size_t n)
{
	struct json_object *array = json_object_new_array();
	int err = 0;

	for (size_t i = 0; array && i < n; i++)
		meter_json_append(array, zone_object(&zones[i], &err), &err);
	if (!err)
		return array;
	json_object_put(array);
	return NULL;
}

static int json_build(struct json_object *root, const struct merged *merged,
		      const struct meter_report_options *options)
{
	int err = 0;

	meter_json_head(root, "machine", &err);
	meter_json_real(root, "seconds", (double)(options->end.ns - options->start.ns) / 1e9, &err);
	meter_json_text(root, "name", options->machine, &err);
	meter_json_count(root, "pid", (uint64_t)getpid(), &err);
	meter_json_put(root, "host", meter_json_host((uint64_t)merged->tsc_hz), &err);
	meter_json_count(root, "exits", merged->totals.exits, &err);
	meter_json_count(root, "coalesced", merged->totals.coalesced, &err);
	meter_json_real(root, "saved_percent", merged_saved_percent(merged), &err);
	meter_json_put(root, "rows", rows(merged, options, &err), &err);
	put_other(root, merged, &err);
	put_reasons(root, options->meters, options->meters_n, &err);
	meter_json_put(root, "vcpus", vcpus(options, &err), &err);
	if (options->drains.entries)
		meter_json_put(root, "ring", ring_object(&options->drains, &err), &err);
	meter_json_put(root, "zones", meter_zones_json(options->zones, options->zones_n), &err);
	if (!err && options->more)
		err = options->more(options->arg, root);
	return err;
}

struct json_object *meter_report_json(const struct meter_report_options *options)
{
	struct json_object *root;
	struct merged merged;

	if (merged_make(&merged, options, MERGED_WHOLE))
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
	return meter_json_print(out, meter_report_json(options), false);
}
