// SPDX-License-Identifier: MIT
/*
 * A chip's state as data. Each chip keeps what makes it this chip at this moment in one plain
 * struct and describes it by a table; reset, comparison, saving, restoring and printing work on the
 * table and need no code of the chip. Pure functions on the caller's memory: the caller holds the
 * chip's lock.
 *
 * Saved form: for each field in table order, each element as little-endian bytes of its size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum state_reset {
	STATE_KEEP, /* a reset leaves it alone (time, RAM, format) */
	STATE_CLEAR, /* every element becomes .value */
};

struct state_field {
	const char *name;
	size_t offset;
	size_t size; /* of one element: 1, 2, 4 or 8 */
	size_t count;
	enum state_reset on_reset;
	uint64_t value;
};

struct state_table {
	const char *name;
	uint32_t version;
	const struct state_field *fields;
	size_t fields_n;
};

#define STATE_AT(type, member)                                                                     \
	.name = #member, .offset = offsetof(type, member), .size = sizeof(((type *)0)->member),    \
	.count = 1
#define STATE_ARRAY_AT(type, member)                                                               \
	.name = #member, .offset = offsetof(type, member), .size = sizeof(((type *)0)->member[0]), \
	.count = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0])

/* Gives every STATE_CLEAR field its value. */
void state_reset(const struct state_table *table, void *state);

/* The first field that differs, with its index, or NULL if the two are equal. */
const struct state_field *state_differs(const struct state_table *table, const void *a,
					const void *b, size_t *index);

/* Bytes of the saved form. */
size_t state_size(const struct state_table *table);
void state_save(const struct state_table *table, const void *state, uint8_t *out);
void state_restore(const struct state_table *table, void *state, const uint8_t *in);

/* The table's name and one "name=hex" a field, elements of an array side by side; one line. */
void state_print(const struct state_table *table, const void *state, FILE *out);
