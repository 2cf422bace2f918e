// SPDX-License-Identifier: MIT
#include "watch/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/snapshot_order.h"
#include "watch/snapshot_take.h"

#define VERSION         1
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void take_times(struct take *take, struct json_object *object,
		       struct watch_snapshot_times *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(COUNT, "samples", watch_snapshot_times, samples),
		TAKE_FIELD(REAL, "sum_us", watch_snapshot_times, sum_us),
		TAKE_FIELD(MAYBE, "avg_us", watch_snapshot_times, avg_us),
		TAKE_FIELD(MAYBE, "p50_us", watch_snapshot_times, p50_us),
		TAKE_FIELD(MAYBE, "p99_us", watch_snapshot_times, p99_us),
		TAKE_FIELD(MAYBE, "min_us", watch_snapshot_times, min_us),
		TAKE_FIELD(MAYBE, "max_us", watch_snapshot_times, max_us),
		TAKE_FIELD(MAYBE, "stderr_percent", watch_snapshot_times, stderr_percent),
	};
	struct json_object *times = take_member(take, object, "times", json_type_object), *bound;

	take_fields(take, times, out, fields, COUNT_OF(fields));
	if (!times)
		return;
	bound = take_member(take, times, "bound", json_type_string);
	out->upper = bound && !strcmp(json_object_get_string(bound), "upper");
	take_buckets(take, times, "buckets", &out->buckets, &out->buckets_n);
	/* What leaves out the sum or the average means the other one. */
	if (out->avg_us < 0)
		out->avg_us = out->samples ? out->sum_us / (double)out->samples : 0;
	else if (out->sum_us <= 0)
		out->sum_us = out->avg_us * (double)out->samples;
}

static void take_next(struct take *take, struct json_object *object,
		      struct watch_snapshot_next *out)
{
	struct json_object *next = take_member(take, object, "next", json_type_object);

	if (!next)
		return;
	out->known = true;
	out->space = take_space(take, next);
	out->addr = take_count(take, next, "addr");
	out->write = take_direction(take, next);
	out->count = take_count(take, next, "count");
}

static void take_row(struct take *take, struct json_object *object, struct watch_snapshot_row *row)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(COUNT, "addr", watch_snapshot_row, addr),
		TAKE_FIELD(COUNT, "size", watch_snapshot_row, size),
		TAKE_FIELD(NUMBER, "width", watch_snapshot_row, width),
		TAKE_FIELD(NUMBER, "vcpu", watch_snapshot_row, vcpu),
		TAKE_FIELD(NUMBER, "pid", watch_snapshot_row, pid),
		TAKE_FIELD(TEXT, "device", watch_snapshot_row, device),
		TAKE_FIELD(TEXT, "register", watch_snapshot_row, reg),
		TAKE_FIELD(COUNT, "exits", watch_snapshot_row, exits),
		TAKE_FIELD(COUNT, "coalesced", watch_snapshot_row, coalesced),
		TAKE_FIELD(COUNT, "in_kernel", watch_snapshot_row, in_kernel),
		TAKE_FIELD(COUNT, "interrupts", watch_snapshot_row, interrupts),
	};

	take_fields(take, object, row, fields, COUNT_OF(fields));
	row->space = take_space(take, object);
	row->write = take_direction(take, object);
	if (!json_object_object_get_ex(object, "addr", NULL))
		take_refuse(take, -EINVAL, "addr", "missing");
	if (!json_object_object_get_ex(object, "vcpu", NULL))
		row->vcpu = WATCH_SNAPSHOT_NO_VCPU;
	if (!row->size)
		row->size = 1;
	if (row->addr > UINT64_MAX - (row->size - 1))
		take_refuse(take, -EINVAL, "size", "beyond the end of all addresses");
	take_next(take, object, &row->next);
	take_times(take, object, &row->times);
}

static void take_rows(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *list = take_member(take, root, "rows", json_type_array);
	void *memory;

	out->rows_n =
		take_list(take, list, "rows", WATCH_SNAPSHOT_ROWS, sizeof(*out->rows), &memory);
	out->rows = memory;
	for (size_t i = 0; i < out->rows_n && !take->ret; i++) {
		struct json_object *object = take_element(take, list, "rows", i);

		if (object)
			take_row(take, object, &out->rows[i]);
	}
	take->where[0] = '\0';
	if (take->ret || !out->rows_n)
		return;
	qsort(out->rows, out->rows_n, sizeof(*out->rows), watch_snapshot_row_order);
	for (size_t i = 1; i < out->rows_n; i++)
		if (!watch_snapshot_row_order(&out->rows[i - 1], &out->rows[i]))
			take_refuse(take, -EINVAL, "rows",
				    "two of one address, width and direction");
}

static void take_other(struct take *take, struct json_object *root,
		       struct watch_snapshot_other *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(COUNT, "rows", watch_snapshot_other, rows),
		TAKE_FIELD(COUNT, "exits", watch_snapshot_other, exits),
		TAKE_FIELD(COUNT, "coalesced", watch_snapshot_other, coalesced),
		TAKE_FIELD(COUNT, "in_kernel", watch_snapshot_other, in_kernel),
	};
	struct json_object *other = take_member(take, root, "other", json_type_object);

	snprintf(take->where, sizeof(take->where), "other.");
	take_fields(take, other, out, fields, COUNT_OF(fields));
	take_times(take, other, &out->times);
	take->where[0] = '\0';
}

static void take_zone(struct take *take, struct json_object *object,
		      struct watch_snapshot_zone *zone)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(COUNT, "first", watch_snapshot_zone, first),
		TAKE_FIELD(COUNT, "last", watch_snapshot_zone, last),
		TAKE_FIELD(TEXT, "region", watch_snapshot_zone, region),
		TAKE_FIELD(TEXT, "why", watch_snapshot_zone, why),
		TAKE_FIELD(TEXT, "when", watch_snapshot_zone, when),
		TAKE_FIELD(TEXT, "state", watch_snapshot_zone, state),
		TAKE_FIELD(TEXT, "trap", watch_snapshot_zone, trap),
		TAKE_FIELD(COUNT, "wait_ns", watch_snapshot_zone, wait_ns),
		TAKE_FIELD(FLAG, "user", watch_snapshot_zone, user),
		TAKE_FIELD(FLAG, "forced", watch_snapshot_zone, forced),
	};

	take_fields(take, object, zone, fields, COUNT_OF(fields));
	zone->space = take_space(take, object);
	if (take_member(take, object, "wait", json_type_string))
		zone->wait_ns = UINT64_MAX;
	if (zone->last < zone->first)
		take_refuse(take, -EINVAL, "last", "before the first");
}

static void take_zones(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *list = take_member(take, root, "zones", json_type_array);
	void *memory;

	out->zones_n =
		take_list(take, list, "zones", WATCH_SNAPSHOT_ZONES, sizeof(*out->zones), &memory);
	out->zones = memory;
	for (size_t i = 0; i < out->zones_n && !take->ret; i++) {
		struct json_object *object = take_element(take, list, "zones", i);

		if (object)
			take_zone(take, object, &out->zones[i]);
	}
	take->where[0] = '\0';
}

static void take_vcpus(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(NUMBER, "vcpu", watch_snapshot_vcpu, vcpu),
		TAKE_FIELD(NUMBER, "thread", watch_snapshot_vcpu, thread),
		TAKE_FIELD(COUNT, "exits", watch_snapshot_vcpu, exits),
	};
	struct json_object *list = take_member(take, root, "vcpus", json_type_array);
	void *memory;

	out->vcpus_n =
		take_list(take, list, "vcpus", WATCH_SNAPSHOT_VCPUS, sizeof(*out->vcpus), &memory);
	out->vcpus = memory;
	for (size_t i = 0; i < out->vcpus_n && !take->ret; i++) {
		struct json_object *object = take_element(take, list, "vcpus", i);

		if (object)
			take_fields(take, object, &out->vcpus[i], fields, COUNT_OF(fields));
	}
	take->where[0] = '\0';
	if (!take->ret && out->vcpus_n)
		qsort(out->vcpus, out->vcpus_n, sizeof(*out->vcpus), watch_snapshot_vcpu_order);
}

/*
 * What the kernel's statistics have that is no count of events (KVM_STATS_TYPE_INSTANT and PEAK of
 * arch/x86/kvm/x86.c and include/linux/kvm_host.h): their names are all that a record says of them.
 */
static bool is_level(const char *name)
{
	static const char *const levels[] = {
		"blocking",   "guest_mode",        "max_mmu_page_hash_collisions",
		"mmu_unsync", "max_mmu_rmap_size", "nx_lpage_splits",
		"pages_1g",   "pages_2m",          "pages_4k",
	};

	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (!strcmp(name, levels[i]))
			return true;
	return false;
}

/* An object of numbers by names that the author chose. Histograms of the kernel's are left out. */
static void take_stats(struct take *take, struct json_object *object, const char *name, size_t max,
		       struct watch_snapshot_stats *out)
{
	size_t n = object ? (size_t)json_object_object_length(object) : 0;

	if (n > max) {
		take_refuse(take, -E2BIG, name, "too many");
		return;
	}
	out->at = n ? arena_alloc(take->arena, n * sizeof(*out->at)) : NULL;
	if (n && !out->at) {
		take_no_memory(take);
		return;
	}
	if (!n)
		return;
	json_object_object_foreach(object, key, value)
	{
		struct watch_snapshot_stat *stat = &out->at[out->n];

		if (json_object_is_type(value, json_type_array))
			continue;
		if (!json_object_is_type(value, json_type_int) ||
		    json_object_get_int64(value) < 0) {
			take_refuse(take, -EINVAL, name, "not all counts");
			return;
		}
		stat->name = take_copy(take, key, strlen(key));
		stat->value = json_object_get_uint64(value);
		stat->level = is_level(stat->name);
		out->n++;
	}
	qsort(out->at, out->n, sizeof(*out->at), watch_snapshot_stat_order);
}

static void take_kvm(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *kvm = take_member(take, root, "kvm", json_type_object), *list;
	void *memory;

	snprintf(take->where, sizeof(take->where), "kvm.");
	take_stats(take, take_member(take, kvm, "vm", json_type_object), "vm", WATCH_SNAPSHOT_STATS,
		   &out->kvm_vm);
	list = take_member(take, kvm, "vcpus", json_type_array);
	out->kvm_vcpus_n = take_list(take, list, "vcpus", WATCH_SNAPSHOT_VCPUS,
				     sizeof(*out->kvm_vcpus), &memory);
	out->kvm_vcpus = memory;
	for (size_t i = 0; i < out->kvm_vcpus_n && !take->ret; i++) {
		struct json_object *object = take_element(take, list, "kvm.vcpus", i);

		if (object)
			take_stats(take, object, "", WATCH_SNAPSHOT_STATS, &out->kvm_vcpus[i]);
	}
	take->where[0] = '\0';
}

static void take_ring(struct take *take, struct json_object *root, struct watch_snapshot_ring *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(COUNT, "entries", watch_snapshot_ring, entries),
		TAKE_FIELD(COUNT, "full", watch_snapshot_ring, full),
		TAKE_FIELD(COUNT, "deadline", watch_snapshot_ring, deadline),
	};
	struct json_object *ring = take_member(take, root, "ring", json_type_object);

	out->known = ring != NULL;
	snprintf(take->where, sizeof(take->where), "ring.");
	take_fields(take, ring, out, fields, COUNT_OF(fields));
	take_buckets(take, ring, "batches", &out->batches, &out->batches_n);
	take->where[0] = '\0';
}

static void take_trace(struct take *take, struct json_object *root,
		       struct watch_snapshot_trace *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(TEXT, "method", watch_snapshot_trace, method),
		TAKE_FIELD(TEXT, "ended", watch_snapshot_trace, ended),
		TAKE_FIELD(COUNT, "lost", watch_snapshot_trace, lost),
		TAKE_FIELD(COUNT, "bad_records", watch_snapshot_trace, bad_records),
		TAKE_FIELD(COUNT, "unmatched", watch_snapshot_trace, unmatched),
		TAKE_FIELD(COUNT, "undecided", watch_snapshot_trace, undecided),
		TAKE_FIELD(COUNT, "interrupted", watch_snapshot_trace, interrupted),
		TAKE_FIELD(COUNT, "vm_exits", watch_snapshot_trace, vm_exits),
		TAKE_FIELD(FLAG, "kvm_entry", watch_snapshot_trace, kvm_entry),
		TAKE_FIELD(FLAG, "kvm_exit", watch_snapshot_trace, kvm_exit),
	};
	struct json_object *trace = take_member(take, root, "trace", json_type_object);

	out->known = trace != NULL;
	snprintf(take->where, sizeof(take->where), "trace.");
	take_fields(take, trace, out, fields, COUNT_OF(fields));
	take->where[0] = '\0';
}

static void take_head(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	static const struct take_field fields[] = {
		TAKE_FIELD(REAL, "at", watch_snapshot, at),
		TAKE_FIELD(REAL, "seconds", watch_snapshot, seconds),
		TAKE_FIELD(TEXT, "name", watch_snapshot, name),
		TAKE_FIELD(NUMBER, "pid", watch_snapshot, pid),
		TAKE_FIELD(COUNT, "exits", watch_snapshot, exits),
		TAKE_FIELD(COUNT, "coalesced", watch_snapshot, coalesced),
		TAKE_FIELD(COUNT, "in_kernel", watch_snapshot, in_kernel),
	};
	static const struct take_field host[] = {
		TAKE_FIELD(TEXT, "kernel", watch_snapshot, kernel),
		TAKE_FIELD(TEXT, "cpu", watch_snapshot, cpu),
		TAKE_FIELD(COUNT, "tsc_hz", watch_snapshot, tsc_hz),
	};
	struct json_object *source = take_member(take, root, "source", json_type_string);
	const char *text = source ? json_object_get_string(source) : "";

	out->machine = !strcmp(text, "machine");
	if (!out->machine && strcmp(text, "trace") != 0)
		take_refuse(take, -EINVAL, "source", "neither machine nor trace");
	take_fields(take, root, out, fields, COUNT_OF(fields));
	snprintf(take->where, sizeof(take->where), "host.");
	take_fields(take, take_member(take, root, "host", json_type_object), out, host,
		    COUNT_OF(host));
	take->where[0] = '\0';
}

int watch_snapshot_parse(struct watch_snapshot *snapshot, struct json_object *root,
			 struct error *err)
{
	struct take take = { .arena = &snapshot->arena, .err = err };
	struct json_object *version = NULL;

	*snapshot = (struct watch_snapshot){ 0 };
	if (!json_object_is_type(root, json_type_object) ||
	    !json_object_object_get_ex(root, "record", &version) ||
	    !json_object_is_type(version, json_type_int))
		return error_set(err, -EINVAL, "no record as docs/records.md describes it");
	if (json_object_get_int64(version) != VERSION)
		return error_set(err, -EINVAL,
				 "a record of version %" PRId64 ": only %d is known here",
				 json_object_get_int64(version), VERSION);
	take_head(&take, root, snapshot);
	take_rows(&take, root, snapshot);
	take_other(&take, root, &snapshot->other);
	take_stats(&take, take_member(&take, root, "reasons", json_type_object), "reasons",
		   WATCH_SNAPSHOT_REASONS, &snapshot->reasons);
	take_vcpus(&take, root, snapshot);
	take_ring(&take, root, &snapshot->ring);
	take_zones(&take, root, snapshot);
	take_kvm(&take, root, snapshot);
	take_trace(&take, root, &snapshot->trace);
	if (take.ret)
		watch_snapshot_free(snapshot);
	return take.ret;
}

void watch_snapshot_free(struct watch_snapshot *snapshot)
{
	arena_free(&snapshot->arena);
	*snapshot = (struct watch_snapshot){ 0 };
}
