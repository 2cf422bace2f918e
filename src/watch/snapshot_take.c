// SPDX-License-Identifier: MIT
#include "watch/snapshot_take.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "watch/text.h"

void take_refuse(struct take *take, int code, const char *name, const char *what)
{
	if (!take->ret)
		take->ret =
			error_set(take->err, code, "a record's %s%s: %s", take->where, name, what);
}

void take_no_memory(struct take *take)
{
	if (!take->ret)
		take->ret = error_set(take->err, -ENOMEM, "out of memory");
}

/* Single members, by tables */

struct json_object *take_member(struct take *take, struct json_object *object, const char *name,
				enum json_type type)
{
	struct json_object *value = NULL;

	if (!object || !json_object_object_get_ex(object, name, &value))
		return NULL;
	if (json_object_is_type(value, type))
		return value;
	take_refuse(take, -EINVAL, name, "of the wrong type");
	return NULL;
}

uint64_t take_count(struct take *take, struct json_object *object, const char *name)
{
	struct json_object *value = take_member(take, object, name, json_type_int);

	if (!value)
		return 0;
	/* What is negative is below zero as a signed number and zero as an unsigned one. */
	if (json_object_get_int64(value) < 0)
		take_refuse(take, -EINVAL, name, "negative");
	return json_object_get_uint64(value);
}

static uint32_t take_number(struct take *take, struct json_object *object, const char *name)
{
	uint64_t value = take_count(take, object, name);

	if (value >= UINT32_MAX)
		take_refuse(take, -EINVAL, name, "too large");
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
		take_refuse(take, -EINVAL, name, "of the wrong type");
		return missing;
	}
	number = json_object_get_double(value);
	if (!isfinite(number) || number < 0) {
		take_refuse(take, -EINVAL, name, "no amount");
		return missing;
	}
	return number;
}

const char *take_copy(struct take *take, const char *text, size_t n)
{
	char safe[WATCH_SNAPSHOT_TEXT];
	const char *copy;
	size_t len = watch_text_safe(safe, sizeof(safe), text, n);

	if (!len)
		return "";
	copy = arena_text(take->arena, safe, len);
	if (!copy)
		take_no_memory(take);
	return copy ? copy : "";
}

static const char *take_text(struct take *take, struct json_object *object, const char *name)
{
	struct json_object *value = take_member(take, object, name, json_type_string);

	if (!value)
		return "";
	return take_copy(take, json_object_get_string(value),
			 (size_t)json_object_get_string_len(value));
}

static void take_one(struct take *take, struct json_object *object, const struct take_field *field,
		     void *at)
{
	switch (field->kind) {
	case TAKE_COUNT:
		*(uint64_t *)at = take_count(take, object, field->name);
		break;
	case TAKE_NUMBER:
		*(uint32_t *)at = take_number(take, object, field->name);
		break;
	case TAKE_REAL:
		*(double *)at = take_real(take, object, field->name, 0);
		break;
	case TAKE_MAYBE:
		*(double *)at = take_real(take, object, field->name, -1);
		break;
	case TAKE_TEXT:
		*(const char **)at = take_text(take, object, field->name);
		break;
	case TAKE_FLAG:
		*(bool *)at = json_object_get_boolean(
			take_member(take, object, field->name, json_type_boolean));
		break;
	}
}

void take_fields(struct take *take, struct json_object *object, void *out,
		 const struct take_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take_one(take, object, &fields[i], (char *)out + fields[i].at);
}

enum watch_space take_space(struct take *take, struct json_object *object)
{
	struct json_object *value = take_member(take, object, "space", json_type_string);
	const char *name = value ? json_object_get_string(value) : "";

	if (!strcmp(name, "mmio") || !strcmp(name, "memory"))
		return WATCH_SPACE_MEMORY;
	if (strcmp(name, "port") != 0)
		take_refuse(take, -EINVAL, "space", "neither port nor mmio");
	return WATCH_SPACE_PORT;
}

bool take_direction(struct take *take, struct json_object *object)
{
	struct json_object *value = take_member(take, object, "direction", json_type_string);
	const char *name = value ? json_object_get_string(value) : "";

	if (strcmp(name, "read") != 0 && strcmp(name, "write") != 0)
		take_refuse(take, -EINVAL, "direction", "neither read nor write");
	return !strcmp(name, "write");
}

/* Lists */

size_t take_list(struct take *take, struct json_object *list, const char *name, size_t max,
		 size_t size, void **out)
{
	size_t n = list ? json_object_array_length(list) : 0;

	*out = NULL;
	if (n > max) {
		take_refuse(take, -E2BIG, name, "too many");
		return 0;
	}
	if (!n)
		return 0;
	*out = arena_alloc(take->arena, n * size);
	if (!*out)
		take_no_memory(take);
	return *out ? n : 0;
}

struct json_object *take_element(struct take *take, struct json_object *list, const char *name,
				 size_t i)
{
	struct json_object *element = json_object_array_get_idx(list, i);

	snprintf(take->where, sizeof(take->where), "%s[%zu].", name, i);
	if (json_object_is_type(element, json_type_object))
		return element;
	take_refuse(take, -EINVAL, "", "no object");
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

void take_buckets(struct take *take, struct json_object *object, const char *name,
		  struct watch_bucket **out, size_t *n)
{
	struct json_object *list = take_member(take, object, name, json_type_array);
	void *memory;

	*n = take_list(take, list, name, WATCH_SNAPSHOT_BUCKETS, sizeof(**out), &memory);
	*out = memory;
	for (size_t i = 0; i < *n && !take->ret; i++)
		if (!take_pair(json_object_array_get_idx(list, i), &(*out)[i]) ||
		    (i && (*out)[i].first <= (*out)[i - 1].first))
			take_refuse(take, -EINVAL, name,
				    "not pairs of a limit and a count, ascending");
	if (take->ret)
		*n = 0;
}
