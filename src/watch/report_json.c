// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <json-c/json.h>

#include "meter/json.h"
#include "meter/meter.h"
#include "watch/report.h"

static void put_us(struct json_object *object, const char *name, uint64_t ns, int *err)
{
	meter_json_real(object, name, (double)ns / 1000, err);
}

static struct json_object *buckets_array(const struct watch_times *times, int *err)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; array && i < WATCH_BUCKETS; i++) {
		struct json_object *pair;

		if (!times->buckets[i])
			continue;
		pair = json_object_new_array_ext(2);
		if (pair) {
			meter_json_append(pair, json_object_new_uint64(watch_times_from(i)), err);
			meter_json_append(pair, json_object_new_uint64(times->buckets[i]), err);
		}
		meter_json_append(array, pair, err);
	}
	return array;
}

static struct json_object *times_object(const struct watch_times *times, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_count(object, "samples", times->n, err);
	meter_json_text(object, "bound", times->upper ? "upper" : "exact", err);
	put_us(object, "sum_us", times->sum, err);
	put_us(object, "min_us", times->min, err);
	put_us(object, "avg_us", times->sum / times->n, err);
	put_us(object, "p50_us", watch_times_percentile(times, 50), err);
	put_us(object, "p99_us", watch_times_percentile(times, 99), err);
	put_us(object, "max_us", times->max, err);
	meter_json_put(object, "buckets", buckets_array(times, err), err);
	return object;
}

static void put_counts(struct json_object *object, const struct watch_counts *counts, int *err)
{
	meter_json_count(object, "exits", counts->exits, err);
	if (counts->in_kernel)
		meter_json_count(object, "in_kernel", counts->in_kernel, err);
	if (counts->interrupts)
		meter_json_count(object, "interrupts", counts->interrupts, err);
	if (counts->times.n)
		meter_json_put(object, "times", times_object(&counts->times, err), err);
}

static void put_place(struct json_object *object, const struct watch_key *key, int *err)
{
	meter_json_text(object, "space", key->space == WATCH_SPACE_PORT ? "port" : "memory", err);
	meter_json_count(object, "addr", key->addr, err);
	meter_json_text(object, "direction", key->write ? "write" : "read", err);
}

static struct json_object *next_object(const struct watch_next *next, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	put_place(object, &next->key, err);
	meter_json_count(object, "count", next->hits, err);
	return object;
}

static struct json_object *row_object(const struct watch_report *report,
				      const struct watch_row *row, int *err)
{
	const struct watch_key *key = &row->key;
	struct watch_name name;
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	if (report->by_process)
		meter_json_count(object, "pid", report->processes[key->process].pid, err);
	put_place(object, key, err);
	meter_json_count(object, "size", watch_key_is_page(key->space, key->addr) ? WATCH_PAGE : 1,
			 err);
	meter_json_count(object, "width", key->width, err);
	if (watch_name_find(&name, report->bars, key)) {
		meter_json_text(object, "device", name.part, err);
		meter_json_text(object, "register", name.reg, err);
	}
	put_counts(object, &row->counts, err);
	if (row->counts.next.hits)
		meter_json_put(object, "next", next_object(&row->counts.next, err), err);
	return object;
}

static uint32_t rows_shown(const struct watch_report *report)
{
	uint32_t n = report->table->rows_n;

	return report->top && report->top < n ? report->top : n;
}

static struct json_object *rows_array(const struct watch_report *report, int *err)
{
	uint32_t n = rows_shown(report);
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; array && i < n; i++)
		meter_json_append(array, row_object(report, &report->table->rows[i], err), err);
	return array;
}

/* What was folded, and rows that are not to be shown. */
static struct json_object *other_object(const struct watch_report *report, int *err)
{
	const struct watch_table *table = report->table;
	struct json_object *object = json_object_new_object();
	struct watch_counts sum = table->other;
	uint32_t shown = rows_shown(report);

	if (!object)
		return NULL;
	for (uint32_t i = shown; i < table->rows_n; i++)
		watch_counts_merge(&sum, &table->rows[i].counts);
	meter_json_count(object, "rows", table->folded + (table->rows_n - shown), err);
	put_counts(object, &sum, err);
	return object;
}

static struct json_object *reasons_object(const struct watch_totals *totals, int *err)
{
	struct json_object *reasons = json_object_new_object();

	for (uint32_t i = 0; reasons && i < WATCH_REASONS; i++) {
		char number[16];

		if (!totals->left[i])
			continue;
		snprintf(number, sizeof(number), "%" PRIu32, i);
		meter_json_count(reasons, meter_reason_name(i) ? meter_reason_name(i) : number,
				 totals->left[i], err);
	}
	return reasons;
}

static void put_doubts(struct json_object *object, const struct watch_totals *totals, int *err)
{
	meter_json_count(object, "unmatched", totals->unmatched, err);
	meter_json_count(object, "undecided", totals->undecided, err);
	meter_json_count(object, "interrupted", totals->interrupted, err);
}

static struct json_object *processes_array(const struct watch_report *report, int *err)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; array && i < report->processes_n; i++) {
		const struct watch_process *process = &report->processes[i];
		const struct watch_totals *totals = &report->table->totals[i];
		struct json_object *object = json_object_new_object();

		if (object) {
			meter_json_count(object, "pid", process->pid, err);
			meter_json_text(object, "name", process->name, err);
			meter_json_count(object, "vcpus", process->threads, err);
			meter_json_count(object, "exits", watch_totals_left(totals), err);
			put_doubts(object, totals, err);
			meter_json_put(object, "reasons", reasons_object(totals, err), err);
		}
		meter_json_append(array, object, err);
	}
	return array;
}

/* How far the numbers can be trusted, and what there is only in a trace. */
static struct json_object *trace_object(const struct watch_report *report,
					const struct watch_totals *totals, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_text(object, "method", report->method, err);
	meter_json_text(object, "ended", report->ended, err);
	meter_json_count(object, "lost", report->lost, err);
	meter_json_count(object, "bad_records", report->bad, err);
	put_doubts(object, totals, err);
	meter_json_put(object, "kvm_entry", json_object_new_boolean(report->entered), err);
	meter_json_put(object, "kvm_set_irq", json_object_new_boolean(report->raises), err);
	meter_json_put(object, "kvm_exit", json_object_new_boolean(report->counted), err);
	if (report->counted)
		meter_json_count(object, "vm_exits", report->vm_exits, err);
	meter_json_put(object, "processes", processes_array(report, err), err);
	return object;
}

static int json_build(struct json_object *root, const struct watch_report *report)
{
	struct watch_totals totals = watch_table_totals(report->table);
	struct watch_counts sum = watch_table_sum(report->table);
	int err = 0;

	meter_json_head(root, "trace", &err);
	meter_json_real(root, "seconds", report->seconds, &err);
	if (!report->by_process && report->processes_n) {
		meter_json_text(root, "name", report->processes[0].name, &err);
		meter_json_count(root, "pid", report->processes[0].pid, &err);
	}
	meter_json_put(root, "host", meter_json_host(0), &err);
	meter_json_count(root, "exits", watch_totals_left(&totals), &err);
	meter_json_count(root, "in_kernel", sum.in_kernel, &err);
	meter_json_put(root, "rows", rows_array(report, &err), &err);
	meter_json_put(root, "other", other_object(report, &err), &err);
	meter_json_put(root, "reasons", reasons_object(&totals, &err), &err);
	meter_json_put(root, "trace", trace_object(report, &totals, &err), &err);
	return err;
}

struct json_object *watch_report_json(const struct watch_report *report)
{
	struct json_object *root = json_object_new_object();

	watch_table_sort(report->table);
	if (root && json_build(root, report)) {
		json_object_put(root);
		root = NULL;
	}
	return root;
}

int watch_report_print_json(FILE *out, const struct watch_report *report, bool compact)
{
	return meter_json_print(out, watch_report_json(report), compact);
}
