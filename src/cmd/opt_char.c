// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/un.h>

#include "cmd/table.h"

enum backend { BACKEND_NULL, BACKEND_STDIO, BACKEND_FILE, BACKEND_SOCKET };

struct backend_options {
	int kind;
	const char *id;
	const char *path;
	bool server, wait, signal, mux;
};

static const char *const backend_words[] = { "null", "stdio", "file", "socket", NULL };
static const char *const off_words[] = { "off", NULL };

static const struct prop chardev_table[] = {
	{ "backend", PROP_WORD, PROP_AT(struct backend_options, kind), .words = backend_words,
	  .form = "null|stdio|file|socket", .help = "the kind of back-end" },
	{ "id", PROP_TEXT, PROP_AT(struct backend_options, id), .form = "id=ID",
	  .help = "the name by which others refer to it" },
	{ "path", PROP_TEXT, PROP_AT(struct backend_options, path), .form = "path=PATH",
	  .help = "file: written from its start; socket: a Unix socket" },
	{ "server", PROP_BOOL, PROP_AT(struct backend_options, server), .form = "server=on|off",
	  .help = "socket: listen instead of connecting (default off)" },
	{ "wait", PROP_BOOL, PROP_AT(struct backend_options, wait), .form = "wait=on|off",
	  .help = "socket server: start only when a client is there (default on)" },
	{ "signal", PROP_BOOL, PROP_AT(struct backend_options, signal), .form = "signal=on|off",
	  .help = "stdio: Ctrl-C ends the program (default on, off with mux)" },
	{ "mux", PROP_BOOL, PROP_AT(struct backend_options, mux), .form = "mux=on|off",
	  .help = "stdio: Ctrl-A x ends the program, Ctrl-A h helps (default off)" },
	{ "append", PROP_ONLY, .words = off_words, .form = "append=off",
	  .help = "file: what was in it goes" },
	{ 0 },
};

const struct props cmd_chardev_props = { .table = chardev_table, .first = "backend" };
/* The same for "unix:PATH,server=on". */
static const struct props unix_props = { .table = chardev_table, .first = "path" };

static const struct prop mon_table[] = {
	{ "chardev", PROP_TEXT, .offset = 0, .size = sizeof(const char *), .form = "chardev=ID",
	  .help = "the -chardev it speaks on" },
	{ "mode", PROP_ONLY, .words = (const char *const[]){ "control", NULL },
	  .form = "mode=control", .help = "QMP" },
	{ 0 },
};
static const struct props mon_props = { .table = mon_table, .first = "chardev" };

/* The place of a new back-end, or CMD_NONE with the refusal made. */
static int add_chardev(struct cmd_parse *parse, const char *id, const struct chardev_options *what)
{
	struct cmd_options *options = parse->options;

	if (options->chardevs_n == CMD_CHARDEVS_MAX) {
		cmd_refuse(parse, "more than %d character back-ends", CMD_CHARDEVS_MAX);
		return CMD_NONE;
	}
	for (size_t i = 0; i < options->chardevs_n; i++) {
		const struct cmd_chardev *other = &options->chardevs[i];

		if (id && other->id && !strcmp(id, other->id)) {
			cmd_refuse(parse, "id=%s: there is one already", id);
			return CMD_NONE;
		}
		if (what->kind == CHARDEV_STDIO && other->options.kind == CHARDEV_STDIO) {
			cmd_refuse(parse, "stdio is in use by another option");
			return CMD_NONE;
		}
	}
	if (what->kind == CHARDEV_SOCKET &&
	    strlen(what->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		cmd_refuse(parse, "%.40s...: too long for a Unix socket (at most %zu bytes)",
			   what->path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return CMD_NONE;
	}
	options->chardevs[options->chardevs_n] = (struct cmd_chardev){ .id = id, .options = *what };
	return (int)options->chardevs_n++;
}

/* What the properties of a back-end mean; given and props say which of them were there. */
static int add_backend(struct cmd_parse *parse, const struct backend_options *said,
		       const struct props *props, uint32_t given)
{
	static const enum chardev_kind kinds[] = {
		[BACKEND_NULL] = CHARDEV_NULL,
		[BACKEND_STDIO] = CHARDEV_STDIO,
		[BACKEND_FILE] = CHARDEV_FILE,
		[BACKEND_SOCKET] = CHARDEV_SOCKET,
	};
	static const char *const belong[][5] = {
		[BACKEND_NULL] = { NULL },
		[BACKEND_STDIO] = { "signal", "mux", NULL },
		[BACKEND_FILE] = { "path", "append", NULL },
		[BACKEND_SOCKET] = { "path", "server", "wait", NULL },
	};
	struct chardev_options what = { .kind = kinds[said->kind], .path = said->path };
	uint32_t fits = props_bit(props, "backend") | props_bit(props, "id");

	for (const char *const *name = belong[said->kind]; *name; name++)
		fits |= props_bit(props, *name);
	for (const struct prop *row = props->table; row->name; row++) {
		uint32_t bit = props_bit(props, row->name);

		if (given & ~fits & bit) {
			cmd_refuse(parse, "%s: unknown property of %s", row->name,
				   backend_words[said->kind]);
			return CMD_NONE;
		}
	}
	if ((fits & props_bit(props, "path")) && !said->path) {
		cmd_refuse(parse, "%s: needs path=PATH", backend_words[said->kind]);
		return CMD_NONE;
	}
	if (said->kind == BACKEND_STDIO) {
		what.signals = given & props_bit(props, "signal") ? said->signal : !said->mux;
		what.escape = said->mux;
	}
	if (said->kind == BACKEND_SOCKET) {
		what.server = said->server;
		what.wait = given & props_bit(props, "wait") ? said->wait : said->server;
		if ((given & props_bit(props, "wait")) && !said->server) {
			cmd_refuse(parse, "wait: only with server=on");
			return CMD_NONE;
		}
	}
	return add_chardev(parse, said->id, &what);
}

bool cmd_parse_chardev(struct cmd_parse *parse, const char *value)
{
	struct backend_options said = { .kind = -1 };
	uint32_t given;

	if (!cmd_props_parse(parse, &cmd_chardev_props, value, &said, &given))
		return false;
	if (said.kind < 0)
		return cmd_refuse(parse, "needs a back-end (null, stdio, file, socket)");
	if (!said.id)
		return cmd_refuse(parse, "needs id=ID");
	if (!prop_id_ok(said.id))
		return cmd_refuse(parse,
				  "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				  said.id);
	return add_backend(parse, &said, &cmd_chardev_props, given) != CMD_NONE;
}

/*
 * A back-end in one word, as -serial, -debugcon, -qmp and -qtest take it: fills wish->id or
 * wish->place. "none" is the caller's.
 */
static bool parse_short(struct cmd_parse *parse, const char *value, struct cmd_wish *wish)
{
	struct chardev_options what = { .kind = CHARDEV_NULL };

	if (!strncmp(value, "chardev:", 8)) {
		wish->id = cmd_keep(parse, value + 8, strlen(value + 8));
		return wish->id != NULL;
	}
	if (!strncmp(value, "unix:", 5)) {
		struct backend_options said = { .kind = BACKEND_SOCKET };
		uint32_t given;

		if (!cmd_props_parse(parse, &unix_props, value + 5, &said, &given))
			return false;
		if (given & (props_bit(&unix_props, "backend") | props_bit(&unix_props, "id")))
			return cmd_refuse(parse, "unix:PATH takes server and wait only");
		wish->place = add_backend(parse, &said, &unix_props, given);
		return wish->place != CMD_NONE;
	}
	if (!strncmp(value, "file:", 5)) {
		what.kind = CHARDEV_FILE;
		/* No property may follow, so that commas are the path's. */
		what.path = cmd_keep(parse, value + 5, strlen(value + 5));
		if (!what.path)
			return false;
		if (!*what.path)
			return cmd_refuse(parse, "file: needs a path");
	} else if (!strcmp(value, "stdio")) {
		what.kind = CHARDEV_STDIO;
		what.signals = true;
	} else if (!strcmp(value, "mon:stdio")) {
		what.kind = CHARDEV_STDIO;
		what.escape = true;
	} else if (strcmp(value, "null")) {
		return cmd_refuse(
			parse,
			"%.80s: not offered (only stdio, mon:stdio, file:PATH, unix:PATH, chardev:ID, null, none)",
			value);
	}
	wish->place = add_chardev(parse, NULL, &what);
	return wish->place != CMD_NONE;
}

bool cmd_wish(struct cmd_parse *parse, const struct cmd_wish *wish)
{
	if (parse->wishes_n == CMD_WISHES_MAX)
		return cmd_refuse(parse, "too many options of this kind (at most %d)",
				  CMD_WISHES_MAX);
	parse->wishes[parse->wishes_n] = *wish;
	parse->wishes[parse->wishes_n++].said = parse->said;
	return true;
}

static bool wish_short(struct cmd_parse *parse, const char *value, enum cmd_wisher wisher)
{
	struct cmd_wish wish = { .wisher = wisher, .place = CMD_NONE };

	return parse_short(parse, value, &wish) && cmd_wish(parse, &wish);
}

bool cmd_parse_serial(struct cmd_parse *parse, const char *value)
{
	struct cmd_wish none = { .wisher = CMD_WISH_SERIAL, .place = CMD_NONE };

	/* An empty place counts: the next -serial is the next port. */
	return !strcmp(value, "none") ? cmd_wish(parse, &none)
				      : wish_short(parse, value, CMD_WISH_SERIAL);
}

bool cmd_parse_debugcon(struct cmd_parse *parse, const char *value)
{
	return !strcmp(value, "none") || wish_short(parse, value, CMD_WISH_DEBUG);
}

bool cmd_parse_qmp(struct cmd_parse *parse, const char *value)
{
	parse->monitor_said = true;
	return !strcmp(value, "none") || wish_short(parse, value, CMD_WISH_MONITOR);
}

bool cmd_parse_qtest(struct cmd_parse *parse, const char *value)
{
	return !strcmp(value, "none") || wish_short(parse, value, CMD_WISH_QTEST);
}

bool cmd_parse_mon(struct cmd_parse *parse, const char *value)
{
	struct cmd_wish wish = { .wisher = CMD_WISH_MONITOR, .place = CMD_NONE };
	uint32_t given;

	parse->monitor_said = true;
	if (!cmd_props_parse(parse, &mon_props, value, &wish.id, &given))
		return false;
	if (!wish.id)
		return cmd_refuse(parse, "needs chardev=ID");
	if (!(given & props_bit(&mon_props, "mode")))
		return cmd_refuse(parse, "needs mode=control (the human monitor is not offered)");
	return cmd_wish(parse, &wish);
}

/* Finds the back-end of a wish and marks it as taken. */
static bool find_chardev(struct cmd_parse *parse, struct cmd_wish *wish)
{
	struct cmd_options *options = parse->options;

	parse->said = wish->said;
	for (size_t i = 0; wish->id && i < options->chardevs_n && wish->place == CMD_NONE; i++) {
		if (options->chardevs[i].id && !strcmp(options->chardevs[i].id, wish->id))
			wish->place = (int)i;
	}
	if (wish->place == CMD_NONE)
		return !wish->id ||
		       cmd_refuse(parse, "%.60s: there is no -chardev with this id", wish->id);
	if (options->chardevs[wish->place].used)
		return cmd_refuse(parse, "%.60s: this -chardev has a user already", wish->id);
	options->chardevs[wish->place].used = true;
	return true;
}

static bool grant(struct cmd_parse *parse, const struct cmd_wish *wish, size_t *serials_n)
{
	struct cmd_options *options = parse->options;

	switch (wish->wisher) {
	case CMD_WISH_SERIAL:
		if (*serials_n == CMD_SERIALS_MAX)
			return cmd_refuse(parse, "more than %d serial ports", CMD_SERIALS_MAX);
		options->serials[(*serials_n)++] = wish->place;
		return true;
	case CMD_WISH_DEBUG:
		if (options->debug_consoles_n == CMD_DEBUG_MAX)
			return cmd_refuse(parse, "more than %d debug consoles", CMD_DEBUG_MAX);
		options->debug_consoles[options->debug_consoles_n++] = (struct cmd_debug_console){
			.port = wish->port_said ? wish->port : parse->debug_port,
			.chardev = wish->place,
		};
		return true;
	case CMD_WISH_MONITOR:
		if (options->monitors_n == CMD_MONITORS_MAX)
			return cmd_refuse(parse, "more than %d monitors", CMD_MONITORS_MAX);
		options->monitors[options->monitors_n++] = wish->place;
		return true;
	case CMD_WISH_QTEST:
		if (options->qtest != CMD_NONE)
			return cmd_refuse(parse, "only once");
		options->qtest = wish->place;
		if (options->accel != CMD_ACCEL_QTEST)
			return cmd_refuse(parse, "needs -accel qtest");
		return true;
	}
	return false;
}

/*
 * What COM1 is connected to if nobody says: as with QEMU's -nographic the terminal, with Ctrl-A x if
 * no monitor was spoken of; nothing with -display none alone, or if something else has the terminal.
 */
static bool add_default_serial(struct cmd_parse *parse)
{
	struct cmd_options *options = parse->options;
	struct chardev_options what = { .kind = CHARDEV_NULL };
	bool terminal = options->nographic || !options->no_display;

	for (size_t i = 0; i < options->chardevs_n; i++) {
		if (options->chardevs[i].options.kind == CHARDEV_STDIO)
			terminal = false;
	}
	if (terminal) {
		what.kind = CHARDEV_STDIO;
		what.signals = parse->monitor_said;
		what.escape = !parse->monitor_said;
	}
	parse->said = "-serial";
	options->serials[0] = add_chardev(parse, NULL, &what);
	if (options->serials[0] == CMD_NONE)
		return false;
	options->chardevs[options->serials[0]].used = true;
	return true;
}

bool cmd_finish_char(struct cmd_parse *parse)
{
	size_t serials_n = 0;

	for (size_t i = 0; i < parse->wishes_n; i++) {
		if (!find_chardev(parse, &parse->wishes[i]) ||
		    !grant(parse, &parse->wishes[i], &serials_n))
			return false;
	}
	return serials_n || parse->options->nodefaults || add_default_serial(parse);
}
