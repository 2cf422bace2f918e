// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>

#include "meter/json.h"
#include "meter/meter.h"
#include "watch/regs.h"
#include "watch/report.h"

static void put_us(struct json_object *object, const char *name, uint64_t ns, int *err)
{
	meter_json_real(object, name, (double)ns / 1000, err);
}

static struct json_object *times_object(const struct watch_times *times, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_count(object, "samples", times->n, err);
	meter_json_text(object, "bound", times->upper ? "upper" : "exact", err);
	put_us(object, "min_us", times->min, err);
	put_us(object, "avg_us", times->sum / times->n, err);
	put_us(object, "p50_us", watch_times_percentile(times, 50), err);
	put_us(object, "p99_us", watch_times_percentile(times, 99), err);
	put_us(object, "max_us", times->max, err);
	return object;
}

static void put_counts(struct json_object *object, const struct watch_report *report,
		       const struct watch_counts *counts, uint64_t all, int *err)
{
	meter_json_count(object, "exits", counts->exits, err);
	meter_json_count(object, "in_kernel", counts->in_kernel, err);
	meter_json_real(object, "exits_per_second",
			report->seconds > 0 ? (double)counts->exits / report->seconds : 0, err);
	meter_json_real(object, "share_percent",
			all ? 100 * (double)counts->exits / (double)all : 0, err);
	if (counts->times.n)
		meter_json_put(object, "times", times_object(&counts->times, err), err);
}

static struct json_object *row_object(const struct watch_report *report,
				      const struct watch_row *row, uint64_t all, int *err)
{
	const struct watch_key *key = &row->key;
	const struct watch_reg *reg = watch_reg_find((enum watch_space)key->space, key->addr);
	struct json_object *object = json_object_new_object();
	bool port = key->space == WATCH_SPACE_PORT;

	if (!object)
		return NULL;
	meter_json_count(object, "pid", report->processes[key->process].pid, err);
	meter_json_count(object, port ? "port" : "address", key->addr, err);
	meter_json_text(object, "direction",
			port ? (key->write ? "out" : "in") : (key->write ? "write" : "read"), err);
	meter_json_count(object, "width", key->width, err);
	if (reg) {
		meter_json_text(object, "device", reg->part, err);
		meter_json_text(object, "register", watch_reg_side(reg, key->write), err);
	}
	put_counts(object, report, &row->counts, all, err);
	return object;
}

static struct json_object *rows_array(const struct watch_report *report, uint64_t all, int *err)
{
	const struct watch_table *table = report->table;
	uint32_t n = report->top && report->top < table->rows_n ? report->top : table->rows_n;
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; array && i < n; i++)
		meter_json_append(array, row_object(report, &table->rows[i], all, err), err);
	return array;
}

static struct json_object *other_object(const struct watch_report *report, uint64_t all, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_count(object, "folded_rows", report->table->folded, err);
	put_counts(object, report, &report->table->other, all, err);
	return object;
}

static void put_totals(struct json_object *object, const struct watch_totals *totals, int *err)
{
	struct json_object *reasons = json_object_new_object();

	meter_json_count(object, "userspace_exits", watch_totals_left(totals), err);
	meter_json_count(object, "interrupted", totals->interrupted, err);
	meter_json_count(object, "unmatched", totals->unmatched, err);
	meter_json_count(object, "undecided", totals->undecided, err);
	for (uint32_t i = 0; reasons && i < WATCH_REASONS; i++) {
		char number[16];

		if (!totals->left[i])
			continue;
		snprintf(number, sizeof(number), "%" PRIu32, i);
		meter_json_count(reasons, meter_reason_name(i) ? meter_reason_name(i) : number,
				 totals->left[i], err);
	}
	meter_json_put(object, "reasons", reasons, err);
}

static struct json_object *processes_array(const struct watch_report *report, int *err)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; array && i < report->processes_n; i++) {
		const struct watch_process *process = &report->processes[i];
		struct json_object *object = json_object_new_object();

		if (object) {
			meter_json_count(object, "pid", process->pid, err);
			meter_json_text(object, "name", process->name, err);
			meter_json_count(object, "vcpus", process->threads, err);
			put_totals(object, &report->table->totals[i], err);
		}
		meter_json_append(array, object, err);
	}
	return array;
}

static int json_build(struct json_object *root, const struct watch_report *report)
{
	struct watch_totals totals = watch_table_totals(report->table);
	struct watch_counts sum = watch_table_sum(report->table);
	int err = 0;

	meter_json_real(root, "seconds", report->seconds, &err);
	if (report->ended)
		meter_json_text(root, "ended", report->ended, &err);
	meter_json_put(root, "kvm_entry", json_object_new_boolean(report->entered), &err);
	meter_json_put(root, "kvm_exit", json_object_new_boolean(report->counted), &err);
	if (report->counted)
		meter_json_count(root, "vm_exits", report->vm_exits, &err);
	meter_json_count(root, "lost", report->lost, &err);
	meter_json_count(root, "bad_records", report->bad, &err);
	put_totals(root, &totals, &err);
	meter_json_count(root, "in_kernel", sum.in_kernel, &err);
	meter_json_put(root, "processes", processes_array(report, &err), &err);
	meter_json_count(root, "rows_total", report->table->rows_n, &err);
	meter_json_put(root, "rows", rows_array(report, sum.exits, &err), &err);
	meter_json_put(root, "other", other_object(report, sum.exits, &err), &err);
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
	struct json_object *root = watch_report_json(report);
	const char *text;
	int err = 0;

	if (!root)
		return -ENOMEM;
	text = json_object_to_json_string_ext(
		root, (compact ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY) |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	errno = 0;
	if (!text)
		err = -ENOMEM;
	else if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
		err = errno ? -errno : -EIO;
	json_object_put(root);
	return err;
}
