// SPDX-License-Identifier: MIT
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

bool cmd_refuse_memory(struct cmd_parse *parse)
{
	return cmd_refuse(parse, "out of memory");
}

const char *cmd_keep(struct cmd_parse *parse, const char *text, size_t len)
{
	const char *kept = arena_text(&parse->options->arena, text, len);

	if (!kept)
		cmd_refuse_memory(parse);
	return kept;
}

const char *cmd_keep_format(struct cmd_parse *parse, const char *format, ...)
{
	const char *kept;
	char *text;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vasprintf(&text, format, ap);
	va_end(ap);
	if (len < 0) {
		cmd_refuse_memory(parse);
		return NULL;
	}
	kept = cmd_keep(parse, text, (size_t)len);
	free(text);
	return kept;
}

bool cmd_grow(struct cmd_parse *parse, void *list, size_t n, size_t size)
{
	void **at = list;
	void *larger = arena_grow(&parse->options->arena, *at, n, size);

	if (!larger)
		return cmd_refuse_memory(parse);
	*at = larger;
	return true;
}

bool cmd_props_parse(struct cmd_parse *parse, const struct props *props, const char *text,
		     void *target, uint32_t *given)
{
	struct error err;

	return !props_parse(props, text, target, &parse->options->arena, given, &err) ||
	       cmd_refuse(parse, "%s", err.text);
}

bool cmd_asks(const char *value)
{
	return !strcmp(value, "help") || !strcmp(value, "?");
}
