// SPDX-License-Identifier: MIT
#include "base/prop.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int prop_take(const char **rest, const char **name, const char **value, struct arena *arena)
{
	const char *at = *rest;
	size_t len = strcspn(at, "=,");
	char *copy;

	*name = NULL;
	if (!*at)
		return 0;
	if (at[len] == '=') {
		*name = arena_text(arena, at, len);
		if (!*name)
			return -ENOMEM;
		at += len + 1;
	}
	for (len = 0; at[len] && (at[len] != ',' || at[len + 1] == ',');)
		len += at[len] == ',' ? 2 : 1;
	copy = arena_text(arena, at, len);
	if (!copy)
		return -ENOMEM;
	*value = copy;
	/* A comma is written twice: the copy shrinks in place. */
	for (const char *from = copy; *from; from += *from == ',' ? 2 : 1)
		*copy++ = *from;
	*copy = 0;
	*rest = at[len] ? at + len + 1 : at + len;
	return 1;
}

int prop_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word))
			return i;
	}
	return -1;
}

bool prop_id_ok(const char *id)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	return *id && strchr(letters, *id) && !id[strspn(id, more)];
}

bool prop_parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	/* strtoll would skip white space and take a "+". */
	if (!strchr("-0123456789", *text) || !*text)
		return false;
	errno = 0;
	*out = strtoll(text, &end, 0);
	return !errno && !*end && *out >= min && *out <= max;
}

/* The unit a suffix stands for, or 0. */
static uint64_t unit_of(char suffix)
{
	static const char suffixes[] = "bkmgtpe";
	const char *at;

	if (suffix >= 'A' && suffix <= 'Z')
		suffix = (char)(suffix - 'A' + 'a');
	at = suffix ? strchr(suffixes, suffix) : NULL;
	return at ? UINT64_C(1) << (10 * (at - suffixes)) : 0;
}

bool prop_parse_size(const char *text, uint64_t unit, uint64_t *out)
{
	uint64_t whole = 0, part = 0, part_of = 1;
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	whole = strtoull(text, &end, hex ? 16 : 10);
	if (errno || (hex && end == text + 2))
		return false;
	if (*end == '.' && !hex) {
		for (end++; *end >= '0' && *end <= '9'; end++) {
			/* Nine digits are more than any suffix can make use of. */
			if (part_of < 1000000000) {
				part = part * 10 + (uint64_t)(*end - '0');
				part_of *= 10;
			}
		}
		if (part_of == 1)
			return false;
	}
	/* As in QEMU, a hexadecimal number has no suffix: 0x1b. */
	if (*end && !hex) {
		unit = unit_of(*end++);
		if (!unit)
			return false;
	}
	if (*end || __builtin_mul_overflow(whole, unit, out))
		return false;
	/* Sixteenths of an exabyte, times part, would not fit; a 128-bit product does. */
	part = (uint64_t)((unsigned __int128)part * unit / part_of);
	return !__builtin_add_overflow(*out, part, out);
}

/* One or two digits in hexadecimal, at most max. */
static bool take_hex(const char **at, unsigned max, unsigned *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t len = strspn(*at, digits);

	if (len < 1 || len > 2)
		return false;
	*out = (unsigned)strtoul(*at, NULL, 16);
	*at += len;
	return *out <= max;
}

static bool parse_slot(const char *text, int64_t *out)
{
	unsigned slot, function = 0;

	if (!take_hex(&text, 31, &slot))
		return false;
	if (*text == '.') {
		text++;
		if (!take_hex(&text, 7, &function))
			return false;
	}
	*out = slot << 3 | function;
	return !*text;
}

static void store_number(void *at, size_t size, int64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		assert(size == 8);
		*(uint64_t *)at = (uint64_t)value;
	}
}

bool prop_is_text(const struct prop *row)
{
	return row->kind == PROP_TEXT || row->kind == PROP_ANY_TEXT || row->kind == PROP_CHARDEV ||
	       row->kind == PROP_DRIVE;
}

const char *prop_text(const struct prop *row, const void *target)
{
	assert(prop_is_text(row));
	return *(const char *const *)(const void *)((const char *)target + row->offset);
}

const char *prop_type(const struct prop *row)
{
	bool negative = row->min < 0 || row->value < 0;

	switch (row->kind) {
	case PROP_TEXT:
	case PROP_ANY_TEXT:
	case PROP_CHARDEV:
	case PROP_DRIVE:
	case PROP_SLOT:
		return "str";
	case PROP_BOOL:
		return "bool";
	case PROP_WORD:
	case PROP_ONLY:
		return "enum";
	case PROP_SIZE:
		return "size";
	case PROP_NUMBER:
		break;
	}
	switch (row->size) {
	case 1:
		return negative ? "int8" : "uint8";
	case 2:
		return negative ? "int16" : "uint16";
	case 4:
		return negative ? "int32" : "uint32";
	default:
		return negative ? "int64" : "uint64";
	}
}

int64_t prop_number(const struct prop *row, const void *target)
{
	const void *at = (const char *)target + row->offset;
	bool negative = row->min < 0 || row->value < 0;

	assert(!prop_is_text(row) && row->kind != PROP_ONLY);
	switch (row->size) {
	case 1:
		return negative ? *(const int8_t *)at : *(const uint8_t *)at;
	case 2:
		return negative ? *(const int16_t *)at : *(const uint16_t *)at;
	case 4:
		if (negative)
			return *(const int32_t *)at;
		return *(const uint32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

const struct prop *props_row(const struct props *props, size_t i)
{
	const struct prop *const tables[] = { props->table, props->common };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct prop *row = tables[t]; row && row->name; row++) {
			if (!i--)
				return row;
		}
	}
	return NULL;
}

/* Where the row of that name is, for props_row(); behind the end if there is none. */
static size_t find_place(const struct props *props, const char *name)
{
	const struct prop *row;
	size_t i;

	for (i = 0; (row = props_row(props, i)); i++) {
		if (!strcmp(row->name, name))
			break;
	}
	return i;
}

const struct prop *props_find(const struct props *props, const char *name)
{
	return props_row(props, find_place(props, name));
}

void props_default(const struct props *props, void *target)
{
	const struct prop *row;

	for (size_t i = 0; (row = props_row(props, i)); i++) {
		void *at = (char *)target + row->offset;

		if (prop_is_text(row))
			*(const char **)at = NULL;
		else if (row->kind != PROP_ONLY)
			store_number(at, row->size, row->value);
	}
}

/* Words, or the names of a table, as far as they fit, for a message. */
static void join(char *out, size_t size, const char *word)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s%s", used ? ", " : "", word);
}

int props_unknown(const struct props *props, const char *name, struct error *err)
{
	char names[ERROR_SIZE] = "";
	const struct prop *row;

	for (size_t i = 0; (row = props_row(props, i)); i++) {
		if (row->help)
			join(names, sizeof(names), row->name);
	}
	return error_set(err, -EINVAL, "%.60s: unknown property (there are: %s)", name, names);
}

static int set_word(const struct prop *row, const char *value, void *at, struct error *err)
{
	static const char *const off_on[] = { "off", "on", NULL };
	const char *const *words = row->kind == PROP_BOOL ? off_on : row->words;
	int place = prop_word(words, value);
	char names[ERROR_SIZE] = "";

	if (place >= 0) {
		if (row->kind != PROP_ONLY)
			store_number(at, row->size, place);
		return 0;
	}
	for (; *words; words++)
		join(names, sizeof(names), *words);
	return error_set(err, -EINVAL, "%s=%.80s: not offered (only %s)", row->name, value, names);
}

static int set_text(const struct prop *row, const char *value, void *at, struct arena *arena,
		    struct error *err)
{
	const char *copy;

	if (!*value && row->kind != PROP_ANY_TEXT)
		return error_set(err, -EINVAL, "%s: needs a value (%s)", row->name, row->form);
	copy = arena_text(arena, value, strlen(value));
	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	*(const char **)at = copy;
	return 0;
}

int prop_set(const struct prop *row, const char *value, void *target, struct arena *arena,
	     struct error *err)
{
	void *at = (char *)target + row->offset;
	uint64_t size;
	int64_t number;

	switch (row->kind) {
	case PROP_TEXT:
	case PROP_ANY_TEXT:
	case PROP_CHARDEV:
	case PROP_DRIVE:
		return set_text(row, value, at, arena, err);
	case PROP_BOOL:
	case PROP_WORD:
	case PROP_ONLY:
		return set_word(row, value, at, err);
	case PROP_NUMBER:
		if (!prop_parse_number(value, row->min, row->max, &number))
			return error_set(err, -EINVAL, "%s=%.80s: not a number from %lld to %lld",
					 row->name, value, (long long)row->min,
					 (long long)row->max);
		store_number(at, row->size, number);
		return 0;
	case PROP_SIZE:
		if (!prop_parse_size(value, UINT64_C(1) << 20, &size))
			return error_set(err, -EINVAL, "%.80s: not a size (64, 64M, 1.5G)", value);
		*(uint64_t *)at = size;
		return 0;
	case PROP_SLOT:
		if (!parse_slot(value, &number))
			return error_set(
				err, -EINVAL,
				"%s=%.80s: not a PCI slot (00 to 1f, or with a function: 1f.7)",
				row->name, value);
		store_number(at, row->size, number);
		return 0;
	}
	return error_set(err, -EINVAL, "%s: no such kind", row->name);
}

/* A word without "=": the row it means, with its value; NULL if none. */
static const struct prop *find_word(const struct props *props, bool is_first, const char **value)
{
	const char *word = *value;
	const struct prop *row;

	if (is_first && props->first)
		return props_find(props, props->first);
	row = props_find(props, word);
	*value = "on";
	if (!row && !strncmp(word, "no", 2)) {
		row = props_find(props, word + 2);
		*value = "off";
	}
	return row;
}

uint32_t props_bit(const struct props *props, const char *name)
{
	size_t i = find_place(props, name);

	assert(props_row(props, i) && i < 32);
	return UINT32_C(1) << i;
}

int props_parse(const struct props *props, const char *text, void *target, struct arena *arena,
		uint32_t *given, struct error *err)
{
	const char *rest = text, *name, *value;
	uint32_t seen = 0;
	int ret;

	if (!*text)
		return error_set(err, -EINVAL, "needs a value");
	for (bool first = true; (ret = prop_take(&rest, &name, &value, arena)) > 0; first = false) {
		const char *word = name ? name : value;
		const struct prop *row =
			name ? props_find(props, name) : find_word(props, first, &value);

		if (!row)
			return props_unknown(props, word, err);
		/* A bare word is a switch; "file" alone would otherwise be a file called "on". */
		if (!name && value != word && row->kind != PROP_BOOL)
			return error_set(err, -EINVAL, "%s: needs a value (%s)", row->name,
					 row->form ? row->form : row->name);
		ret = prop_set(row, value, target, arena, err);
		if (ret)
			return ret;
		seen |= props_bit(props, row->name);
	}
	if (given)
		*given = seen;
	return ret ? error_set(err, ret, "out of memory") : 0;
}
