// SPDX-License-Identifier: MIT
/*
 * Properties: what can be said about a thing as "NAME=VALUE,NAME=VALUE", and where in a struct it
 * goes, as a constant table. Options of the command line and devices have such tables; parsing,
 * help, the man page and the monitor all read them. Names, words and sizes follow QEMU's rules.
 *
 * Pure functions on the caller's memory. Texts that are parsed are copied into an arena of the
 * caller's and live as long as that. Errors are one line about the property, without the name of
 * the option or device: whoever asked puts that in front.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum prop_kind {
	PROP_TEXT, /* const char *; not empty */
	PROP_ANY_TEXT, /* const char *; may be empty */
	PROP_CHARDEV, /* const char *: the id of a character back-end, which has one user */
	PROP_DRIVE, /* const char *: the id of a disk, which has one user */
	PROP_BOOL, /* bool; "on", "off", and as QEMU: "NAME" and "noNAME" */
	PROP_WORD, /* an enum or bool: the place in words[] */
	PROP_ONLY, /* nothing is stored: words[] are what we do anyway, the rest is refused */
	PROP_NUMBER, /* an integer of 1, 2, 4 or 8 bytes from min to max; decimal, 0x or octal */
	PROP_SIZE, /* uint64_t; QEMU's sizes, mebibytes if there is no suffix */
	PROP_SLOT, /* int32_t: a place on a PCI bus, "SLOT" or "SLOT.FUNCTION" in hexadecimal,
		    * as slot << 3 | function */
};

struct prop {
	const char *name;
	enum prop_kind kind;
	uint8_t size; /* of the member it goes to */
	uint16_t offset; /* of that member in the target */
	const char *const *words; /* ends with NULL */
	int64_t min, max;
	int64_t value; /* what it is if nobody says; of a text: NULL */
	bool required; /* it has to be said */
	const char *form; /* for the help: "file=PATH" */
	const char *help; /* NULL: not shown */
};

#define PROP_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct props {
	const struct prop *table; /* ends with a NULL name */
	const struct prop
		*common; /* more rows, which other tables have too; or NULL. At most 32 in all */
	const char *first; /* the property that a first value without a name goes to, or NULL */
};

/* Gives what the tables describe in target the values that it has if nobody says. */
void props_default(const struct props *props, void *target);

/*
 * Parses all of text into target; *given, if not NULL, gets a bit for each row that was there. 0, -EINVAL or -ENOMEM.
 */
int props_parse(const struct props *props, const char *text, void *target, struct arena *arena,
		uint32_t *given, struct error *err) __attribute__((warn_unused_result));
/* The bit of the row of that name, which there is. */
uint32_t props_bit(const struct props *props, const char *name);
/* One value for one row. 0, -EINVAL or -ENOMEM. */
int prop_set(const struct prop *row, const char *value, void *target, struct arena *arena,
	     struct error *err) __attribute__((warn_unused_result));
/* The row of that name, or NULL. */
const struct prop *props_find(const struct props *props, const char *name);
/* Says that there is no such property, and which there are; -EINVAL. */
int props_unknown(const struct props *props, const char *name, struct error *err);
/* Row i of both tables, counted from 0; NULL behind the last. */
const struct prop *props_row(const struct props *props, size_t i);

/* What the row's member of target holds: a text (or NULL), or a number. */
const char *prop_text(const struct prop *row, const void *target);
int64_t prop_number(const struct prop *row, const void *target);
bool prop_is_text(const struct prop *row);
/* The type of its values as QEMU calls it: "str", "bool", "int32", "size"; one of some words: "enum". */
const char *prop_type(const struct prop *row);

/*
 * Takes the next NAME=VALUE off *rest: ",," in a value is a comma. Without a "=", *name is NULL and
 * *value the word; it is the first value or a flag. 1, 0 at the end, or -ENOMEM.
 */
int prop_take(const char **rest, const char **name, const char **value, struct arena *arena)
	__attribute__((warn_unused_result));

/* -1, or the place of word in words. */
int prop_word(const char *const *words, const char *word);
bool prop_parse_size(const char *text, uint64_t unit, uint64_t *out);
bool prop_parse_number(const char *text, int64_t min, int64_t max, int64_t *out);
/* As QEMU wants names of things: a letter, then letters, digits, "-", "." and "_". */
bool prop_id_ok(const char *id);
