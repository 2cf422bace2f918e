// SPDX-License-Identifier: MIT
#include "watch/account.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH   16
#define VERSION 1
#define CHUNK   65536

/* Members, as far as they are what they should be; else 0 and NULL. */

static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static uint64_t count(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_int);

	return value ? json_object_get_uint64(value) : 0;
}

static double real(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_double);
	double number = value ? json_object_get_double(value) : (double)count(object, name);

	return isfinite(number) && number > 0 ? number : 0;
}

static const char *text(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

static enum watch_space space(struct json_object *object)
{
	const char *name = text(object, "space");

	return !name || !strcmp(name, "port") ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY;
}

static bool is_write(struct json_object *object)
{
	const char *direction = text(object, "direction");

	return direction && (!strcmp(direction, "write") || !strcmp(direction, "out"));
}

static void take_row(struct watch_account_row *out, struct json_object *object)
{
	struct json_object *next = member(object, "next", json_type_object);
	struct json_object *times = member(object, "times", json_type_object);
	uint64_t size = count(object, "size"), width = count(object, "width");

	*out = (struct watch_account_row){
		.row = {
			.space = space(object),
			.addr = count(object, "addr"),
			.size = size && size <= UINT32_MAX ? size : 1,
			.width = width <= 8 ? (unsigned)width : 0,
			.write = is_write(object),
			.device = text(object, "device"),
			.reg = text(object, "register"),
			.exits = count(object, "exits"),
			.coalesced = count(object, "coalesced"),
			.interrupts = count(object, "interrupts"),
		},
		.owner = count(object, "pid") << 16 ^ count(object, "vcpu"),
		.sum_us = real(times, "sum_us"),
		.samples = count(times, "samples"),
	};
	if (out->row.addr > UINT64_MAX - (out->row.size - 1))
		out->row.size = 1;
	if (!out->samples)
		out->samples = out->sum_us > 0 ? out->row.exits : 0;
	if (!next)
		return;
	out->row.next.known = true;
	out->row.next.space = space(next);
	out->row.next.addr = count(next, "addr");
	out->row.next.write = is_write(next);
	out->row.next.count = count(next, "count");
}

static void take_zone(struct watch_advice_range *out, struct json_object *object)
{
	*out = (struct watch_advice_range){
		.space = space(object),
		.first = count(object, "first"),
		.last = count(object, "last"),
		.region = text(object, "region"),
		.why = text(object, "why"),
		.when = text(object, "when"),
		.state = text(object, "state"),
		.trap = text(object, "trap"),
		.wait_ns = count(object, "wait_ns"),
	};
	if (out->last < out->first)
		out->last = out->first;
}

static int compare_rows(const void *a, const void *b)
{
	const struct watch_account_row *x = a, *y = b;

	if (x->row.space != y->row.space)
		return x->row.space < y->row.space ? -1 : 1;
	if (x->row.addr != y->row.addr)
		return x->row.addr < y->row.addr ? -1 : 1;
	if (x->row.width != y->row.width)
		return x->row.width < y->row.width ? -1 : 1;
	if (x->row.write != y->row.write)
		return x->row.write ? 1 : -1;
	return (x->owner > y->owner) - (x->owner < y->owner);
}

static size_t length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

static int take_lists(struct watch_account *record, struct json_object *json, struct error *err)
{
	struct json_object *rows = member(json, "rows", json_type_array);
	struct json_object *zones = member(json, "zones", json_type_array);

	record->rows_n = length(rows);
	record->zones_n = length(zones);
	if (record->rows_n > WATCH_ACCOUNT_ROWS || record->zones_n > WATCH_ACCOUNT_ZONES)
		return error_set(err, -E2BIG, "a record of %zu rows and %zu zones is too large",
				 record->rows_n, record->zones_n);
	record->rows = calloc(record->rows_n + 1, sizeof(*record->rows));
	record->zones = calloc(record->zones_n + 1, sizeof(*record->zones));
	if (!record->rows || !record->zones)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < record->rows_n; i++)
		take_row(&record->rows[i], json_object_array_get_idx(rows, i));
	for (size_t i = 0; i < record->zones_n; i++)
		take_zone(&record->zones[i], json_object_array_get_idx(zones, i));
	qsort(record->rows, record->rows_n, sizeof(*record->rows), compare_rows);
	return 0;
}

int watch_account_take(struct watch_account *record, struct json_object *json, struct error *err)
{
	struct json_object *ring = member(json, "ring", json_type_object);
	const char *source = text(json, "source");
	int ret;

	*record = (struct watch_account){ .seconds = real(json, "seconds") };
	if (count(json, "record") != VERSION || !source)
		return error_set(err, -EINVAL, "no record of version %d (see docs/records.md)",
				 VERSION);
	if (record->seconds <= 0)
		return error_set(err, -EINVAL, "a record of no time");
	record->machine = !strcmp(source, "machine");
	record->at = real(json, "at");
	record->pid = count(json, "pid");
	record->exits = count(json, "exits");
	record->coalesced = count(json, "coalesced");
	record->ring_full = count(ring, "full");
	record->ring_deadline = count(ring, "deadline");
	ret = take_lists(record, json, err);
	if (ret) {
		watch_account_free(record);
		return ret;
	}
	record->json = json_object_get(json);
	return 0;
}

void watch_account_free(struct watch_account *record)
{
	free(record->rows);
	free(record->zones);
	json_object_put(record->json);
	*record = (struct watch_account){ 0 };
}

static uint64_t less(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void row_minus(struct watch_account_row *row, const struct watch_account_row *before)
{
	bool same_next = row->row.next.addr == before->row.next.addr &&
			 row->row.next.space == before->row.next.space &&
			 row->row.next.write == before->row.next.write;

	if (row->row.exits < before->row.exits || row->row.coalesced < before->row.coalesced)
		return;
	row->row.exits -= before->row.exits;
	row->row.coalesced -= before->row.coalesced;
	row->row.interrupts = less(row->row.interrupts, before->row.interrupts);
	row->samples = less(row->samples, before->samples);
	row->sum_us = row->sum_us >= before->sum_us ? row->sum_us - before->sum_us : row->sum_us;
	if (row->row.next.known && before->row.next.known && same_next)
		row->row.next.count = less(row->row.next.count, before->row.next.count);
}

int watch_account_minus(struct watch_account *record, const struct watch_account *earlier,
			struct error *err)
{
	if (record->machine != earlier->machine || record->pid != earlier->pid)
		return error_set(err, -EINVAL, "records of different machines");
	if (record->seconds <= earlier->seconds)
		return error_set(err, -EINVAL, "records of two runs, or not in order");
	record->seconds -= earlier->seconds;
	record->exits = less(record->exits, earlier->exits);
	record->coalesced = less(record->coalesced, earlier->coalesced);
	record->ring_full = less(record->ring_full, earlier->ring_full);
	record->ring_deadline = less(record->ring_deadline, earlier->ring_deadline);
	for (size_t i = 0; i < record->rows_n; i++) {
		const struct watch_account_row *before =
			bsearch(&record->rows[i], earlier->rows, earlier->rows_n,
				sizeof(*earlier->rows), compare_rows);

		if (before)
			row_minus(&record->rows[i], before);
	}
	return 0;
}

/* The first record of a recording stays, of the others only the last. */
static int keep(struct watch_account *first, struct watch_account *last, unsigned *n,
		struct json_object *json, struct error *err)
{
	struct watch_account *at = *n ? last : first;

	if (*n > 1)
		watch_account_free(last);
	(*n)++;
	return watch_account_take(at, json, err);
}

static int read_records(FILE *file, struct json_tokener *tokener, struct watch_account *first,
			struct watch_account *last, unsigned *n, struct error *err)
{
	char chunk[CHUNK];
	size_t got, begun = 0; /* bytes of the record that is being read */
	int ret = 0;

	while (!ret && (got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		for (size_t at = 0; !ret && at < got;) {
			struct json_object *json;
			enum json_tokener_error error;

			if (!begun && strchr(" \t\r\n", chunk[at])) {
				at++;
				continue;
			}
			json = json_tokener_parse_ex(tokener, chunk + at, (int)(got - at));
			error = json_tokener_get_error(tokener);
			begun += got - at;
			if (error == json_tokener_continue) {
				at = got;
				if (begun > WATCH_ACCOUNT_BYTES)
					ret = error_set(err, -E2BIG,
							"a record longer than %u bytes",
							WATCH_ACCOUNT_BYTES);
				continue;
			}
			if (error != json_tokener_success)
				return error_set(err, -EINVAL, "no JSON: %s",
						 json_tokener_error_desc(error));
			at += json_tokener_get_parse_end(tokener);
			begun = 0;
			ret = keep(first, last, n, json, err);
			json_object_put(json);
		}
	}
	if (!ret && ferror(file))
		return error_set(err, -EIO, "%s", strerror(errno ? errno : EIO));
	if (!ret && begun)
		return error_set(err, -EINVAL, "the last record is not complete");
	return ret;
}

int watch_account_read(struct watch_account *record, FILE *file, struct error *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct watch_account first = { 0 }, last = { 0 };
	unsigned n = 0;
	int ret;

	if (!tokener)
		return error_set(err, -ENOMEM, "out of memory");
	errno = 0;
	ret = read_records(file, tokener, &first, &last, &n, err);
	json_tokener_free(tokener);
	if (!ret && !n)
		ret = error_set(err, -EINVAL, "no record in it");
	if (!ret && n > 1)
		ret = watch_account_minus(&last, &first, err);
	if (ret || n > 1)
		watch_account_free(&first);
	if (ret)
		watch_account_free(&last);
	else
		*record = n > 1 ? last : first;
	return ret;
}

int watch_account_input(const struct watch_account *record, struct watch_advice_input *input,
			struct watch_advice_row **rows)
{
	*rows = calloc(record->rows_n + 1, sizeof(**rows));
	if (!*rows)
		return -ENOMEM;
	for (size_t i = 0; i < record->rows_n; i++) {
		const struct watch_account_row *row = &record->rows[i];

		(*rows)[i] = row->row;
		if (row->samples)
			(*rows)[i].avg_us = row->sum_us / (double)row->samples;
	}
	*input = (struct watch_advice_input){
		.machine = record->machine,
		.seconds = record->seconds,
		.exits = record->exits,
		.coalesced = record->coalesced,
		.rows = *rows,
		.rows_n = record->rows_n,
		.zones = record->zones,
		.zones_n = record->zones_n,
		.ring_full = record->ring_full,
	};
	return 0;
}
