// SPDX-License-Identifier: MIT
#include "watch/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/snapshot_order.h"
#include "watch/text.h"

#define VERSION         1
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct take {
	struct arena *arena;
	struct error *err;
	int ret; /* of the first thing that was wrong; all others are not looked at any more */
	char where[48]; /* "rows[3]." */
};

static void refuse(struct take *take, int code, const char *name, const char *what)
{
	if (!take->ret)
		take->ret =
			error_set(take->err, code, "a record's %s%s: %s", take->where, name, what);
}

static void no_memory(struct take *take)
{
	if (!take->ret)
		take->ret = error_set(take->err, -ENOMEM, "out of memory");
}

/* Single members, by tables. */

enum kind {
	KIND_COUNT, /* uint64_t; missing: 0 */
	KIND_NUMBER, /* uint32_t; missing: 0 */
	KIND_REAL, /* double, not negative; missing: 0 */
	KIND_MAYBE, /* the same; missing: -1 */
	KIND_TEXT, /* const char *; missing: "" */
	KIND_FLAG, /* bool; missing: false */
};

struct field {
	const char *name;
	enum kind kind;
	size_t at; /* in the struct */
};

#define FIELD(kind, name, type, member)                                                            \
	{                                                                                          \
		name, KIND_##kind, offsetof(struct type, member)                                   \
	}

/* The member, or NULL: there is none, or it is of another type and refused. */
static struct json_object *member(struct take *take, struct json_object *object, const char *name,
				  enum json_type type)
{
	struct json_object *value = NULL;

	if (!object || !json_object_object_get_ex(object, name, &value))
		return NULL;
	if (json_object_is_type(value, type))
		return value;
	refuse(take, -EINVAL, name, "of the wrong type");
	return NULL;
}

static uint64_t take_count(struct take *take, struct json_object *object, const char *name)
{
	struct json_object *value = member(take, object, name, json_type_int);

	if (!value)
		return 0;
	/* What is negative is below zero as a signed number and zero as an unsigned one. */
	if (json_object_get_int64(value) < 0)
		refuse(take, -EINVAL, name, "negative");
	return json_object_get_uint64(value);
}

static uint32_t take_number(struct take *take, struct json_object *object, const char *name)
{
	uint64_t value = take_count(take, object, name);

	if (value >= UINT32_MAX)
		refuse(take, -EINVAL, name, "too large");
	return (uint32_t)value;
}

static double take_real(struct take *take, struct json_object *object, const char *name,
			double missing)
{
	struct json_object *value = NULL;
	double number;

	if (!object || !json_object_object_get_ex(object, name, &value))
		return missing;
	if (!json_object_is_type(value, json_type_double) &&
	    !json_object_is_type(value, json_type_int)) {
		refuse(take, -EINVAL, name, "of the wrong type");
		return missing;
	}
	number = json_object_get_double(value);
	if (!isfinite(number) || number < 0) {
		refuse(take, -EINVAL, name, "no amount");
		return missing;
	}
	return number;
}

static const char *copy_text(struct take *take, const char *text, size_t n)
{
	char safe[WATCH_SNAPSHOT_TEXT];
	const char *copy;
	size_t len = watch_text_safe(safe, sizeof(safe), text, n);

	if (!len)
		return "";
	copy = arena_text(take->arena, safe, len);
	if (!copy)
		no_memory(take);
	return copy ? copy : "";
}

static const char *take_text(struct take *take, struct json_object *object, const char *name)
{
	struct json_object *value = member(take, object, name, json_type_string);

	if (!value)
		return "";
	return copy_text(take, json_object_get_string(value),
			 (size_t)json_object_get_string_len(value));
}

static void take_field(struct take *take, struct json_object *object, const struct field *field,
		       void *at)
{
	switch (field->kind) {
	case KIND_COUNT:
		*(uint64_t *)at = take_count(take, object, field->name);
		break;
	case KIND_NUMBER:
		*(uint32_t *)at = take_number(take, object, field->name);
		break;
	case KIND_REAL:
		*(double *)at = take_real(take, object, field->name, 0);
		break;
	case KIND_MAYBE:
		*(double *)at = take_real(take, object, field->name, -1);
		break;
	case KIND_TEXT:
		*(const char **)at = take_text(take, object, field->name);
		break;
	case KIND_FLAG:
		*(bool *)at = json_object_get_boolean(
			member(take, object, field->name, json_type_boolean));
		break;
	}
}

/* object NULL: all of them are missing. */
static void take_fields(struct take *take, struct json_object *object, void *out,
			const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take_field(take, object, &fields[i], (char *)out + fields[i].at);
}

/* "port" or memory, by either of the names that it has. */
static enum watch_space take_space(struct take *take, struct json_object *object)
{
	struct json_object *value = member(take, object, "space", json_type_string);
	const char *name = value ? json_object_get_string(value) : "";

	if (!strcmp(name, "mmio") || !strcmp(name, "memory"))
		return WATCH_SPACE_MEMORY;
	if (strcmp(name, "port") != 0)
		refuse(take, -EINVAL, "space", "neither port nor mmio");
	return WATCH_SPACE_PORT;
}

static bool take_direction(struct take *take, struct json_object *object)
{
	struct json_object *value = member(take, object, "direction", json_type_string);
	const char *name = value ? json_object_get_string(value) : "";

	if (strcmp(name, "read") != 0 && strcmp(name, "write") != 0)
		refuse(take, -EINVAL, "direction", "neither read nor write");
	return !strcmp(name, "write");
}

/* Lists */

/* The list's length, with memory for it in *out; 0 if it is missing or empty. */
static size_t take_list(struct take *take, struct json_object *list, const char *name, size_t max,
			size_t size, void **out)
{
	size_t n = list ? json_object_array_length(list) : 0;

	*out = NULL;
	if (n > max) {
		refuse(take, -E2BIG, name, "too many");
		return 0;
	}
	if (!n)
		return 0;
	*out = arena_alloc(take->arena, n * size);
	if (!*out)
		no_memory(take);
	return *out ? n : 0;
}

/* An element that has to be an object; what is refused in it is said to be there. */
static struct json_object *take_element(struct take *take, struct json_object *list,
					const char *name, size_t i)
{
	struct json_object *element = json_object_array_get_idx(list, i);

	snprintf(take->where, sizeof(take->where), "%s[%zu].", name, i);
	if (json_object_is_type(element, json_type_object))
		return element;
	refuse(take, -EINVAL, "", "no object");
	return NULL;
}

static bool take_pair(struct json_object *pair, struct watch_bucket *out)
{
	struct json_object *first, *count;

	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return false;
	first = json_object_array_get_idx(pair, 0);
	count = json_object_array_get_idx(pair, 1);
	if (!json_object_is_type(first, json_type_int) ||
	    !json_object_is_type(count, json_type_int) || json_object_get_int64(first) < 0 ||
	    json_object_get_int64(count) < 0)
		return false;
	out->first = json_object_get_uint64(first);
	out->count = json_object_get_uint64(count);
	return true;
}

static void take_buckets(struct take *take, struct json_object *object, const char *name,
			 struct watch_bucket **out, size_t *n)
{
	struct json_object *list = member(take, object, name, json_type_array);
	void *memory;

	*n = take_list(take, list, name, WATCH_SNAPSHOT_BUCKETS, sizeof(**out), &memory);
	*out = memory;
	for (size_t i = 0; i < *n && !take->ret; i++)
		if (!take_pair(json_object_array_get_idx(list, i), &(*out)[i]) ||
		    (i && (*out)[i].first <= (*out)[i - 1].first))
			refuse(take, -EINVAL, name, "not pairs of a limit and a count, ascending");
	if (take->ret)
		*n = 0;
}

static void take_times(struct take *take, struct json_object *object,
		       struct watch_snapshot_times *out)
{
	static const struct field fields[] = {
		FIELD(COUNT, "samples", watch_snapshot_times, samples),
		FIELD(REAL, "sum_us", watch_snapshot_times, sum_us),
		FIELD(MAYBE, "avg_us", watch_snapshot_times, avg_us),
		FIELD(MAYBE, "p50_us", watch_snapshot_times, p50_us),
		FIELD(MAYBE, "p99_us", watch_snapshot_times, p99_us),
		FIELD(MAYBE, "min_us", watch_snapshot_times, min_us),
		FIELD(MAYBE, "max_us", watch_snapshot_times, max_us),
		FIELD(MAYBE, "stderr_percent", watch_snapshot_times, stderr_percent),
	};
	struct json_object *times = member(take, object, "times", json_type_object), *bound;

	take_fields(take, times, out, fields, COUNT_OF(fields));
	if (!times)
		return;
	bound = member(take, times, "bound", json_type_string);
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
	struct json_object *next = member(take, object, "next", json_type_object);

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
	static const struct field fields[] = {
		FIELD(COUNT, "addr", watch_snapshot_row, addr),
		FIELD(COUNT, "size", watch_snapshot_row, size),
		FIELD(NUMBER, "width", watch_snapshot_row, width),
		FIELD(NUMBER, "vcpu", watch_snapshot_row, vcpu),
		FIELD(NUMBER, "pid", watch_snapshot_row, pid),
		FIELD(TEXT, "device", watch_snapshot_row, device),
		FIELD(TEXT, "register", watch_snapshot_row, reg),
		FIELD(COUNT, "exits", watch_snapshot_row, exits),
		FIELD(COUNT, "coalesced", watch_snapshot_row, coalesced),
		FIELD(COUNT, "in_kernel", watch_snapshot_row, in_kernel),
		FIELD(COUNT, "interrupts", watch_snapshot_row, interrupts),
	};

	take_fields(take, object, row, fields, COUNT_OF(fields));
	row->space = take_space(take, object);
	row->write = take_direction(take, object);
	if (!json_object_object_get_ex(object, "addr", NULL))
		refuse(take, -EINVAL, "addr", "missing");
	if (!json_object_object_get_ex(object, "vcpu", NULL))
		row->vcpu = WATCH_SNAPSHOT_NO_VCPU;
	if (!row->size)
		row->size = 1;
	if (row->addr > UINT64_MAX - (row->size - 1))
		refuse(take, -EINVAL, "size", "beyond the end of all addresses");
	take_next(take, object, &row->next);
	take_times(take, object, &row->times);
}

static void take_rows(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *list = member(take, root, "rows", json_type_array);
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
			refuse(take, -EINVAL, "rows", "two of one address, width and direction");
}

static void take_other(struct take *take, struct json_object *root,
		       struct watch_snapshot_other *out)
{
	static const struct field fields[] = {
		FIELD(COUNT, "rows", watch_snapshot_other, rows),
		FIELD(COUNT, "exits", watch_snapshot_other, exits),
		FIELD(COUNT, "coalesced", watch_snapshot_other, coalesced),
		FIELD(COUNT, "in_kernel", watch_snapshot_other, in_kernel),
	};
	struct json_object *other = member(take, root, "other", json_type_object);

	snprintf(take->where, sizeof(take->where), "other.");
	take_fields(take, other, out, fields, COUNT_OF(fields));
	take_times(take, other, &out->times);
	take->where[0] = '\0';
}

static void take_zone(struct take *take, struct json_object *object,
		      struct watch_snapshot_zone *zone)
{
	static const struct field fields[] = {
		FIELD(COUNT, "first", watch_snapshot_zone, first),
		FIELD(COUNT, "last", watch_snapshot_zone, last),
		FIELD(TEXT, "region", watch_snapshot_zone, region),
		FIELD(TEXT, "why", watch_snapshot_zone, why),
		FIELD(TEXT, "when", watch_snapshot_zone, when),
		FIELD(TEXT, "state", watch_snapshot_zone, state),
		FIELD(TEXT, "trap", watch_snapshot_zone, trap),
		FIELD(COUNT, "wait_ns", watch_snapshot_zone, wait_ns),
		FIELD(FLAG, "user", watch_snapshot_zone, user),
		FIELD(FLAG, "forced", watch_snapshot_zone, forced),
	};

	take_fields(take, object, zone, fields, COUNT_OF(fields));
	zone->space = take_space(take, object);
	if (member(take, object, "wait", json_type_string))
		zone->wait_ns = UINT64_MAX;
	if (zone->last < zone->first)
		refuse(take, -EINVAL, "last", "before the first");
}

static void take_zones(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *list = member(take, root, "zones", json_type_array);
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
	static const struct field fields[] = {
		FIELD(NUMBER, "vcpu", watch_snapshot_vcpu, vcpu),
		FIELD(NUMBER, "thread", watch_snapshot_vcpu, thread),
		FIELD(COUNT, "exits", watch_snapshot_vcpu, exits),
	};
	struct json_object *list = member(take, root, "vcpus", json_type_array);
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
		refuse(take, -E2BIG, name, "too many");
		return;
	}
	out->at = n ? arena_alloc(take->arena, n * sizeof(*out->at)) : NULL;
	if (n && !out->at) {
		no_memory(take);
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
			refuse(take, -EINVAL, name, "not all counts");
			return;
		}
		stat->name = copy_text(take, key, strlen(key));
		stat->value = json_object_get_uint64(value);
		stat->level = is_level(stat->name);
		out->n++;
	}
	qsort(out->at, out->n, sizeof(*out->at), watch_snapshot_stat_order);
}

static void take_kvm(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	struct json_object *kvm = member(take, root, "kvm", json_type_object), *list;
	void *memory;

	snprintf(take->where, sizeof(take->where), "kvm.");
	take_stats(take, member(take, kvm, "vm", json_type_object), "vm", WATCH_SNAPSHOT_STATS,
		   &out->kvm_vm);
	list = member(take, kvm, "vcpus", json_type_array);
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
	static const struct field fields[] = {
		FIELD(COUNT, "entries", watch_snapshot_ring, entries),
		FIELD(COUNT, "full", watch_snapshot_ring, full),
		FIELD(COUNT, "deadline", watch_snapshot_ring, deadline),
	};
	struct json_object *ring = member(take, root, "ring", json_type_object);

	out->known = ring != NULL;
	snprintf(take->where, sizeof(take->where), "ring.");
	take_fields(take, ring, out, fields, COUNT_OF(fields));
	take_buckets(take, ring, "batches", &out->batches, &out->batches_n);
	take->where[0] = '\0';
}

static void take_trace(struct take *take, struct json_object *root,
		       struct watch_snapshot_trace *out)
{
	static const struct field fields[] = {
		FIELD(TEXT, "method", watch_snapshot_trace, method),
		FIELD(TEXT, "ended", watch_snapshot_trace, ended),
		FIELD(COUNT, "lost", watch_snapshot_trace, lost),
		FIELD(COUNT, "bad_records", watch_snapshot_trace, bad_records),
		FIELD(COUNT, "unmatched", watch_snapshot_trace, unmatched),
		FIELD(COUNT, "undecided", watch_snapshot_trace, undecided),
		FIELD(COUNT, "interrupted", watch_snapshot_trace, interrupted),
		FIELD(COUNT, "vm_exits", watch_snapshot_trace, vm_exits),
		FIELD(FLAG, "kvm_entry", watch_snapshot_trace, kvm_entry),
		FIELD(FLAG, "kvm_exit", watch_snapshot_trace, kvm_exit),
	};
	struct json_object *trace = member(take, root, "trace", json_type_object);

	out->known = trace != NULL;
	snprintf(take->where, sizeof(take->where), "trace.");
	take_fields(take, trace, out, fields, COUNT_OF(fields));
	take->where[0] = '\0';
}

static void take_head(struct take *take, struct json_object *root, struct watch_snapshot *out)
{
	static const struct field fields[] = {
		FIELD(REAL, "at", watch_snapshot, at),
		FIELD(REAL, "seconds", watch_snapshot, seconds),
		FIELD(TEXT, "name", watch_snapshot, name),
		FIELD(NUMBER, "pid", watch_snapshot, pid),
		FIELD(COUNT, "exits", watch_snapshot, exits),
		FIELD(COUNT, "coalesced", watch_snapshot, coalesced),
		FIELD(COUNT, "in_kernel", watch_snapshot, in_kernel),
	};
	static const struct field host[] = {
		FIELD(TEXT, "kernel", watch_snapshot, kernel),
		FIELD(TEXT, "cpu", watch_snapshot, cpu),
		FIELD(COUNT, "tsc_hz", watch_snapshot, tsc_hz),
	};
	struct json_object *source = member(take, root, "source", json_type_string);
	const char *text = source ? json_object_get_string(source) : "";

	out->machine = !strcmp(text, "machine");
	if (!out->machine && strcmp(text, "trace") != 0)
		refuse(take, -EINVAL, "source", "neither machine nor trace");
	take_fields(take, root, out, fields, COUNT_OF(fields));
	snprintf(take->where, sizeof(take->where), "host.");
	take_fields(take, member(take, root, "host", json_type_object), out, host, COUNT_OF(host));
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
	take_stats(&take, member(&take, root, "reasons", json_type_object), "reasons",
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
