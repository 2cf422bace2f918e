// SPDX-License-Identifier: MIT
/*
 * -readconfig: QEMU's files of options.
 *
 *	# a comment
 *	[drive "disk0"]
 *	  file = "/images/a.img"
 *	  format = "raw"
 *
 * Each section becomes the value of the option that its name stands for, and takes the same way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmd/table.h"

#define CONFIG_MAX  (1u << 20)
#define SECTION_MAX 63 /* of a section or a property */

struct config {
	struct cmd_parse *parse;
	const char *path;
	unsigned line;
	const struct cmd_option *option; /* of the section; NULL: none yet */
	char *value; /* what was collected of it */
	size_t len, room;
};

static bool refuse_line(struct config *config, const char *why)
{
	config->parse->said = "-readconfig";
	return cmd_refuse(config->parse, "%.160s:%u: %s", config->path, config->line, why);
}

static bool collect(struct config *config, const char *text, size_t len, bool is_value)
{
	size_t need = config->len + 2 * len + 1;

	if (need > config->room) {
		char *larger = realloc(config->value, 2 * need);

		if (!larger) {
			refuse_line(config, "out of memory");
			return false;
		}
		config->value = larger;
		config->room = 2 * need;
	}
	for (size_t i = 0; i < len; i++) {
		config->value[config->len++] = text[i];
		/* A comma of the value, not one that ends it. */
		if (is_value && text[i] == ',')
			config->value[config->len++] = ',';
	}
	config->value[config->len] = '\0';
	return true;
}

static bool put_pair(struct config *config, const char *name, size_t name_len, const char *value,
		     size_t value_len)
{
	return (!config->len || collect(config, ",", 1, false)) &&
	       collect(config, name, name_len, false) && collect(config, "=", 1, false) &&
	       collect(config, value, value_len, true);
}

/* In front of what is there: a device's kind has to be said first. */
static bool put_first(struct config *config, const char *name, size_t name_len, const char *value,
		      size_t value_len)
{
	char *before = config->len ? strdup(config->value) : NULL;
	bool ok = true;

	if (config->len && !before)
		return refuse_line(config, "out of memory");
	config->len = 0;
	ok = put_pair(config, name, name_len, value, value_len);
	if (ok && before)
		ok = collect(config, ",", 1, false) &&
		     collect(config, before, strlen(before), false);
	free(before);
	return ok;
}

/* The section is complete. */
static bool end_section(struct config *config)
{
	struct cmd_parse *parse = config->parse;
	const char *said = parse->said;
	const struct cmd_option *option = parse->option;
	bool ok;

	if (!config->option)
		return true;
	parse->option = config->option;
	parse->said = cmd_keep_format(parse, "%.100s: [%s]", config->path, config->option->name);
	ok = parse->said && cmd_parse_option(parse, config->len ? config->value : "");
	if (ok)
		parse->said = said;
	parse->option = option;
	config->option = NULL;
	config->len = 0;
	return ok;
}

/* What QEMU calls the list of options whose name on the command line is another. */
static const struct {
	const char *section, *option;
} names[] = {
	{ "smp-opts", "-smp" },
	{ "boot-opts", "-boot" },
	{ "memory", "-m" },
};

static const struct cmd_option *find_section(const char *section)
{
	char typed[SECTION_MAX + 2];
	const struct cmd_option *option;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(section, names[i].section))
			return cmd_find_option(names[i].option);
	}
	snprintf(typed, sizeof(typed), "-%s", section);
	option = cmd_find_option(typed);
	/* Those whose value is a list of properties; [device] has as many tables as there are devices. */
	return option && (option->props || !strcmp(section, "device") ||
			  !strcmp(section, "global") || !strcmp(section, "mon"))
		       ? option
		       : NULL;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

static size_t name_len(const char *at)
{
	size_t len = 0;

	while (is_name(at[len]))
		len++;
	return len <= SECTION_MAX ? len : 0;
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r");
}

/* [name] or [name "id"]. */
static bool begin_section(struct config *config, const char *line)
{
	const char *at = skip_space(line + 1), *end;
	size_t len = name_len(at);
	char name[SECTION_MAX + 1];

	if (!end_section(config))
		return false;
	if (!len)
		return refuse_line(config, "parse error");
	memcpy(name, at, len);
	name[len] = '\0';
	at = skip_space(at + len);
	config->option = find_section(name);
	if (!config->option)
		return refuse_line(config, "there is no such group of options");
	if (*at == '"') {
		end = strchr(at + 1, '"');
		if (!end || !put_pair(config, "id", 2, at + 1, (size_t)(end - at - 1)))
			return refuse_line(config, "parse error");
		at = skip_space(end + 1);
	}
	return (*at == ']' && !*skip_space(at + 1)) || refuse_line(config, "parse error");
}

/* name = "value" */
static bool take_pair(struct config *config, const char *line)
{
	size_t len = name_len(line);
	const char *at = skip_space(line + len), *end;

	if (!config->option)
		return refuse_line(config, "no group defined");
	if (!len || *at != '=')
		return refuse_line(config, "parse error");
	at = skip_space(at + 1);
	end = *at == '"' ? strchr(at + 1, '"') : NULL;
	if (!end || *skip_space(end + 1))
		return refuse_line(config, "parse error");
	return (len == 6 && !memcmp(line, "driver", 6) ? put_first : put_pair)(
		config, line, len, at + 1, (size_t)(end - at - 1));
}

static bool take_lines(struct config *config, char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *at = skip_space(line);

		config->line++;
		if (!*at || *at == '#')
			continue;
		if (*at == '[' ? !begin_section(config, at) : !take_pair(config, at))
			return false;
	}
	return end_section(config);
}

bool cmd_parse_readconfig(struct cmd_parse *parse, const char *path)
{
	struct config config = { .parse = parse, .path = path };
	uint8_t *text;
	size_t len;
	bool ok;
	int ret = file_read_whole(path, CONFIG_MAX, &text, &len);

	if (ret)
		return cmd_refuse(parse, "%.160s: %s", path,
				  ret == -EINVAL ? "not a regular file" : strerror(-ret));
	/* A NUL would hide what is behind it. */
	ok = strlen((const char *)text) == len ? take_lines(&config, (char *)text)
					       : refuse_line(&config, "parse error");
	free(text);
	free(config.value);
	return ok;
}
