// SPDX-License-Identifier: MIT
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/table.h"

bool cmd_refuse(struct cmd_parse *parse, const char *format, ...)
{
	char *error = parse->options->error;
	va_list ap;
	int n;

	n = snprintf(error, CMD_ERROR_MAX, "%.80s: ", parse->said);
	va_start(ap, format);
	vsnprintf(error + n, CMD_ERROR_MAX - (size_t)n, format, ap);
	va_end(ap);
	/* One line, whatever was typed. */
	for (char *c = error; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return false;
}

const char *cmd_keep(struct cmd_parse *parse, const char *text, size_t len)
{
	struct cmd_options *options = parse->options;
	char *kept = options->text + options->text_used;

	if (len >= CMD_TEXT_MAX - options->text_used) {
		cmd_refuse(parse, "the command line is too long (at most %d bytes)", CMD_TEXT_MAX);
		return NULL;
	}
	memcpy(kept, text, len);
	kept[len] = 0;
	options->text_used += len + 1;
	return kept;
}

bool cmd_take(struct cmd_parse *parse, const char **rest, const char **name, const char **value)
{
	const char *at = *rest;
	size_t len = strcspn(at, "=,");
	char *kept;

	*name = NULL;
	if (!*at)
		return false;
	if (at[len] == '=') {
		*name = cmd_keep(parse, at, len);
		if (!*name)
			return false;
		at += len + 1;
	}
	kept = (char *)cmd_keep(parse, at, strlen(at));
	if (!kept)
		return false;
	*value = kept;
	/* The copy shrinks in place: a comma is written twice. */
	while (*at && (*at != ',' || at[1] == ',')) {
		if (*at == ',')
			at++;
		*kept++ = *at++;
	}
	*kept = 0;
	parse->options->text_used = (size_t)(kept + 1 - parse->options->text);
	*rest = *at ? at + 1 : at;
	return true;
}

int cmd_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word))
			return i;
	}
	return -1;
}

bool cmd_asks(const char *value)
{
	return !strcmp(value, "help") || !strcmp(value, "?");
}

bool cmd_id_ok(const char *id)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	return *id && strchr(letters, *id) && !id[strspn(id, more)];
}

bool cmd_number(const char *text, int64_t min, int64_t max, int64_t *out)
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

bool cmd_size(const char *text, uint64_t unit, uint64_t *out)
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

/* The names of a table or words, as far as they fit, for a message. */
static const char *join_words(char *out, size_t size, const char *const *words)
{
	size_t used = 0;

	out[0] = 0;
	for (; *words && used < size; words++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", *words);
	return out;
}

static bool refuse_name(struct cmd_parse *parse, const struct cmd_props *props, const char *name)
{
	char names[CMD_ERROR_MAX];
	size_t used = 0;

	names[0] = 0;
	for (const struct cmd_prop *row = props->table; row->name && used < sizeof(names); row++) {
		if (row->help)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", row->name);
	}
	return cmd_refuse(parse, "%.60s: unknown property (there are: %s)", name, names);
}

static bool parse_value(struct cmd_parse *parse, const struct cmd_prop *row, const char *value,
			void *at)
{
	static const char *const off_on[] = { "off", "on", NULL };
	const char *const *words = row->kind == CMD_PROP_BOOL ? off_on : row->words;
	char names[CMD_ERROR_MAX];
	uint64_t size;
	int64_t number;
	int place;

	switch (row->kind) {
	case CMD_PROP_TEXT:
		if (!*value)
			return cmd_refuse(parse, "%s: needs a value (%s)", row->name, row->form);
		*(const char **)at = value;
		return true;
	case CMD_PROP_ANY_TEXT:
		*(const char **)at = value;
		return true;
	case CMD_PROP_BOOL:
	case CMD_PROP_WORD:
	case CMD_PROP_ONLY:
		place = cmd_word(words, value);
		if (place < 0)
			return cmd_refuse(parse, "%s=%.80s: not offered (only %s)", row->name,
					  value, join_words(names, sizeof(names), words));
		if (row->kind != CMD_PROP_ONLY)
			store_number(at, row->size, place);
		return true;
	case CMD_PROP_NUMBER:
		if (!cmd_number(value, row->min, row->max, &number))
			return cmd_refuse(parse, "%s=%.80s: not a number from %lld to %lld",
					  row->name, value, (long long)row->min,
					  (long long)row->max);
		store_number(at, row->size, number);
		return true;
	case CMD_PROP_SIZE:
		if (!cmd_size(value, UINT64_C(1) << 20, &size))
			return cmd_refuse(parse, "%.80s: not a size (64, 64M, 1.5G)", value);
		*(uint64_t *)at = size;
		return true;
	}
	return false;
}

static const struct cmd_prop *find_row(const struct cmd_props *props, const char *name)
{
	for (const struct cmd_prop *row = props->table; row->name; row++) {
		if (!strcmp(row->name, name))
			return row;
	}
	return NULL;
}

/* A word without "=": the row it means, with its value; NULL if none. */
static const struct cmd_prop *find_word(const struct cmd_props *props, bool is_first,
					const char **value)
{
	const char *word = *value;
	const struct cmd_prop *row;

	if (is_first && props->first)
		return find_row(props, props->first);
	row = find_row(props, word);
	*value = "on";
	if (!row && !strncmp(word, "no", 2)) {
		row = find_row(props, word + 2);
		*value = "off";
	}
	return row;
}

uint32_t cmd_props_bit(const struct cmd_props *props, const char *name)
{
	return UINT32_C(1) << (find_row(props, name) - props->table);
}

bool cmd_props_parse(struct cmd_parse *parse, const struct cmd_props *props, const char *text,
		     void *target, uint32_t *given)
{
	const char *rest = text, *name, *value;
	uint32_t seen = 0;

	if (!*text)
		return cmd_refuse(parse, "needs a value");
	for (bool first = true; cmd_take(parse, &rest, &name, &value); first = false) {
		const char *word = name ? name : value;
		const struct cmd_prop *row =
			name ? find_row(props, name) : find_word(props, first, &value);

		if (!row)
			return refuse_name(parse, props, word);
		/* A bare word is a switch; "file" alone would otherwise be a file called "on". */
		if (!name && value != word && row->kind != CMD_PROP_BOOL)
			return cmd_refuse(parse, "%s: needs a value (%s)", row->name, row->form);
		if (!parse_value(parse, row, value, (char *)target + row->offset))
			return false;
		seen |= UINT32_C(1) << (row - props->table);
	}
	if (given)
		*given = seen;
	return !parse->options->error[0];
}
