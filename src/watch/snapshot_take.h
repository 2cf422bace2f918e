// SPDX-License-Identifier: MIT
/*
 * Taking members out of a record's JSON, which a stranger may have written: between the parts of
 * watch_snapshot_parse(), not for others. The first thing that is wrong is told in err; from then on what
 * is taken has no meaning but is safe. Memory is the arena's.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/snapshot.h"

struct take {
	struct arena *arena;
	struct error *err;
	int ret; /* of the first thing that was wrong; all others are not looked at any more */
	char where[48]; /* "rows[3]." */
};

/* Members of a struct, by a table. */

enum take_kind {
	TAKE_COUNT, /* uint64_t; missing: 0 */
	TAKE_NUMBER, /* uint32_t; missing: 0 */
	TAKE_REAL, /* double, not negative; missing: 0 */
	TAKE_MAYBE, /* the same; missing: -1 */
	TAKE_TEXT, /* const char *; missing: "" */
	TAKE_FLAG, /* bool; missing: false */
};

struct take_field {
	const char *name;
	enum take_kind kind;
	size_t at; /* in the struct */
};

#define TAKE_FIELD(kind, name, type, member)                                                       \
	{                                                                                          \
		name, TAKE_##kind, offsetof(struct type, member)                                   \
	}

/* What is wrong with a member. */
void take_refuse(struct take *take, int code, const char *name, const char *what);
void take_no_memory(struct take *take);
/* The member, or NULL: there is none, or it is of another type and refused. */
struct json_object *take_member(struct take *take, struct json_object *object, const char *name,
				enum json_type type);
/* Missing: 0. */
uint64_t take_count(struct take *take, struct json_object *object, const char *name);
/* n bytes, made fit to be shown. */
const char *take_copy(struct take *take, const char *text, size_t n);
/* object NULL: all of them are missing. */
void take_fields(struct take *take, struct json_object *object, void *out,
		 const struct take_field *fields, size_t n);
/* "port" or memory, by either of the names that it has. */
enum watch_space take_space(struct take *take, struct json_object *object);
/* True: a write. */
bool take_direction(struct take *take, struct json_object *object);
/* The list's length, with memory for it in *out; 0 if it is missing or empty. */
size_t take_list(struct take *take, struct json_object *list, const char *name, size_t max,
		 size_t size, void **out);
/* An element that has to be an object; what is refused in it is said to be there. */
struct json_object *take_element(struct take *take, struct json_object *list, const char *name,
				 size_t i);
/* Pairs of a limit and a count, ascending. */
void take_buckets(struct take *take, struct json_object *object, const char *name,
		  struct watch_bucket **out, size_t *n);
