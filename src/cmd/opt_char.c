// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/un.h>

#include "cmd/table.h"
#include "dev/parallel_isa.h"
#include "dev/serial_isa.h"

enum backend {
	BACKEND_NULL,
	BACKEND_STDIO,
	BACKEND_FILE,
	BACKEND_SOCKET,
	BACKEND_PTY,
	BACKEND_PIPE,
	BACKEND_RINGBUF,
};

struct backend_options {
	int kind;
	const char *id;
	const char *path, *host;
	const char *address; /* of "tcp:HOST:PORT" */
	bool server, wait, signal, mux, telnet, ipv4, ipv6, nodelay;
	unsigned port, to, fd, reconnect;
	const char *size;
};

static const char *const backend_words[] = { "null", "stdio", "file",    "socket",
					     "pty",  "pipe",  "ringbuf", NULL };
static const char *const off_words[] = { "off", NULL };

static const struct prop chardev_table[] = {
	{ "backend", PROP_WORD, PROP_AT(struct backend_options, kind), .words = backend_words,
	  .form = "null|stdio|file|socket|pty|pipe|ringbuf", .help = "the kind of back-end" },
	{ "id", PROP_TEXT, PROP_AT(struct backend_options, id), .form = "id=ID",
	  .help = "the name by which others refer to it" },
	{ "path", PROP_TEXT, PROP_AT(struct backend_options, path), .form = "path=PATH",
	  .help = "file: written from its start; socket: a Unix socket; pipe: the FIFOs PATH.in and PATH.out, "
		  "or PATH for both ways" },
	{ "host", PROP_ANY_TEXT, PROP_AT(struct backend_options, host), .form = "host=HOST",
	  .help = "socket: by TCP instead; empty: any address of this host" },
	{ "port", PROP_NUMBER, PROP_AT(struct backend_options, port), .max = 65535,
	  .form = "port=N", .help = "and the port" },
	{ "to", PROP_NUMBER, PROP_AT(struct backend_options, to), .max = 65535, .form = "to=N",
	  .help = "TCP server: or the first that is free, up to this one" },
	{ "ipv4", PROP_BOOL, PROP_AT(struct backend_options, ipv4), .form = "ipv4=on|off",
	  .help = "TCP: the host's name stands for such an address only" },
	{ "ipv6", PROP_BOOL, PROP_AT(struct backend_options, ipv6), .form = "ipv6=on|off",
	  .help = "likewise" },
	{ "nodelay", PROP_BOOL, PROP_AT(struct backend_options, nodelay), .form = "nodelay=on|off",
	  .help = "TCP: small pieces are sent at once (default off)" },
	{ "fd", PROP_NUMBER, PROP_AT(struct backend_options, fd), .max = INT32_MAX, .form = "fd=N",
	  .help = "socket: one that coalport was started with, which listens or is connected" },
	{ "telnet", PROP_BOOL, PROP_AT(struct backend_options, telnet), .form = "telnet=on|off",
	  .help = "socket: the other end is a telnet (default off)" },
	{ "reconnect", PROP_NUMBER, PROP_AT(struct backend_options, reconnect), .max = 86400,
	  .form = "reconnect=SECONDS",
	  .help = "socket client: the server may come later and leave; tried again after so long (0: not)" },
	{ "size", PROP_TEXT, PROP_AT(struct backend_options, size), .form = "size=N[kM]",
	  .help = "ringbuf: bytes, a power of two (default 64k)" },
	{ "address", PROP_TEXT, PROP_AT(struct backend_options, address) },
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
static const struct props tcp_props = { .table = chardev_table, .first = "address" };

enum mon_mode { MON_READLINE, MON_CONTROL };

struct mon_options {
	const char *chardev;
	int mode;
};

static const char *const mode_words[] = { "readline", "control", NULL };

static const struct prop mon_table[] = {
	{ "chardev", PROP_TEXT, PROP_AT(struct mon_options, chardev), .form = "chardev=ID",
	  .help = "the -chardev it speaks on" },
	{ "mode", PROP_WORD, PROP_AT(struct mon_options, mode), .words = mode_words,
	  .form = "mode=readline|control", .help = "for people, or QMP (default readline)" },
	{ 0 },
};
const struct props cmd_mon_props = { .table = mon_table, .first = "chardev" };

/* False, with the refusal made. The id lives as long as the options. */
static bool add_chardev(struct cmd_parse *parse, const char *id, const struct chardev_options *what)
{
	struct cmd_options *options = parse->options;

	for (size_t i = 0; i < options->chardevs_n; i++) {
		const struct cmd_chardev *other = &options->chardevs[i];

		if (!strcmp(id, other->id))
			return cmd_refuse(parse, "id=%s: there is one already", id);
		if (what->kind == CHARDEV_STDIO && other->options.kind == CHARDEV_STDIO)
			return cmd_refuse(parse, "stdio is in use by another option");
	}
	if (what->kind == CHARDEV_SOCKET && what->path &&
	    strlen(what->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return cmd_refuse(parse, "%.40s...: too long for a Unix socket (at most %zu bytes)",
				  what->path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if (!cmd_grow(parse, &options->chardevs, options->chardevs_n, sizeof(*options->chardevs)))
		return false;
	options->chardevs[options->chardevs_n++] = (struct cmd_chardev){
		.id = id, .label = id, .shown = what->path, .options = *what
	};
	return true;
}

/* A name for a back-end that was not given one: none that prop_id_ok() would let somebody type. */
static const char *make_id(struct cmd_parse *parse)
{
	return cmd_keep_format(parse, "#chr%zu", parse->options->chardevs_n);
}

bool cmd_take_terminal(struct cmd_parse *parse, size_t *at)
{
	const struct chardev_options what = { .kind = CHARDEV_STDIO, .escape = true };
	const char *id = make_id(parse);

	*at = parse->options->chardevs_n;
	return id && add_chardev(parse, id, &what) && cmd_take_chardev(parse, id);
}

/* Which properties belong to which kind. */
static const char *const belong[][16] = {
	[BACKEND_NULL] = { NULL },
	[BACKEND_STDIO] = { "signal", "mux", NULL },
	[BACKEND_FILE] = { "path", "append", NULL },
	[BACKEND_SOCKET] = { "path", "host", "port", "to", "ipv4", "ipv6", "nodelay", "fd",
			     "server", "wait", "telnet", "reconnect", "address", NULL },
	[BACKEND_PTY] = { NULL },
	[BACKEND_PIPE] = { "path", NULL },
	[BACKEND_RINGBUF] = { "size", NULL },
};

/* What was given, and does not belong. */
static bool check_belongs(struct cmd_parse *parse, const struct backend_options *said,
			  const struct props *props, uint32_t given)
{
	uint32_t fits = props_bit(props, "backend") | props_bit(props, "id");

	for (const char *const *name = belong[said->kind]; *name; name++)
		fits |= props_bit(props, *name);
	for (const struct prop *row = props->table; row->name; row++) {
		if (given & ~fits & props_bit(props, row->name))
			return cmd_refuse(parse, "%s: unknown property of %s", row->name,
					  backend_words[said->kind]);
	}
	if ((fits & props_bit(props, "path")) && said->kind != BACKEND_SOCKET && !said->path)
		return cmd_refuse(parse, "%s: needs path=PATH", backend_words[said->kind]);
	return true;
}

/* A property that was given and means something only with another one. */
static bool check_only(struct cmd_parse *parse, const struct props *props, uint32_t given,
		       const char *name, bool makes_sense, const char *with)
{
	if (!(given & props_bit(props, name)) || makes_sense)
		return true;
	return cmd_refuse(parse, "%s: only with %s", name, with);
}

/* "HOST:PORT" or "[HOST]:PORT"; the host may be empty. */
static bool split_address(struct cmd_parse *parse, const char *address,
			  struct chardev_options *what)
{
	const char *colon = strrchr(address, ':'), *host = address;
	size_t len = colon ? (size_t)(colon - address) : 0;
	int64_t port;

	if (!colon || !prop_parse_number(colon + 1, 0, 65535, &port))
		return cmd_refuse(parse, "%.80s: not HOST:PORT", address);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	what->host = cmd_keep(parse, host, len);
	what->port = cmd_keep_format(parse, "%lld", (long long)port);
	return what->host && what->port;
}

static bool set_family(struct cmd_parse *parse, const struct backend_options *said,
		       const struct props *props, uint32_t given, struct chardev_options *what)
{
	bool four = given & props_bit(props, "ipv4"), six = given & props_bit(props, "ipv6");

	if (four && six && !said->ipv4 && !said->ipv6)
		return cmd_refuse(parse, "ipv4, ipv6: one of them is needed");
	if ((four && six && said->ipv4 && said->ipv6) || (!four && !six))
		return true;
	what->family = (four && said->ipv4) || (six && !said->ipv6) ? CHARDEV_IPV4 : CHARDEV_IPV6;
	return true;
}

static bool set_tcp(struct cmd_parse *parse, const struct backend_options *said,
		    const struct props *props, uint32_t given, struct chardev_options *what)
{
	static const char *const tcp[] = { "port", "to", "ipv4", "ipv6", "nodelay" };

	if (said->host && !(given & props_bit(props, "port")))
		return cmd_refuse(parse, "host: needs port=N");
	if (said->host) {
		what->host = said->host;
		what->port = cmd_keep_format(parse, "%u", said->port);
		if (!what->port)
			return false;
	}
	for (size_t i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++) {
		if (!check_only(parse, props, given, tcp[i], what->host, "host=HOST"))
			return false;
	}
	if (!check_only(parse, props, given, "to", said->server, "server=on"))
		return false;
	what->to = said->to;
	what->nodelay = said->nodelay;
	return set_family(parse, said, props, given, what);
}

static bool set_socket(struct cmd_parse *parse, const struct backend_options *said,
		       const struct props *props, uint32_t given, struct chardev_options *what)
{
	bool has_fd = given & props_bit(props, "fd");

	if (said->address && !split_address(parse, said->address, what))
		return false;
	if ((said->path != NULL) + (said->host || said->address) + has_fd != 1)
		return cmd_refuse(parse, "socket: needs path=PATH, host=HOST or fd=N, one of them");
	what->server = said->server;
	what->wait = given & props_bit(props, "wait") ? said->wait : said->server;
	what->fd = (int)said->fd;
	what->telnet = said->telnet;
	what->reconnect = said->reconnect;
	return set_tcp(parse, said, props, given, what) &&
	       check_only(parse, props, given, "wait", said->server, "server=on") &&
	       check_only(parse, props, given, "reconnect", !said->server && !has_fd,
			  "a client of path or host");
}

/* How messages name it. */
static bool show(struct cmd_parse *parse)
{
	struct cmd_chardev *chardev = &parse->options->chardevs[parse->options->chardevs_n - 1];
	const struct chardev_options *what = &chardev->options;

	if (what->kind == CHARDEV_SOCKET && what->host)
		chardev->shown = cmd_keep_format(parse, "%s:%s", what->host, what->port);
	else if (what->kind == CHARDEV_SOCKET && !what->path)
		chardev->shown = cmd_keep_format(parse, "fd=%d", what->fd);
	else if (what->kind == CHARDEV_PTY)
		chardev->shown = "pty";
	return chardev->shown || !parse->options->error[0];
}

/* What the properties of a back-end mean; given and props say which of them were there. */
static bool add_backend(struct cmd_parse *parse, const struct backend_options *said,
			const struct props *props, uint32_t given)
{
	static const enum chardev_kind kinds[] = {
		[BACKEND_NULL] = CHARDEV_NULL,       [BACKEND_STDIO] = CHARDEV_STDIO,
		[BACKEND_FILE] = CHARDEV_FILE,       [BACKEND_SOCKET] = CHARDEV_SOCKET,
		[BACKEND_PTY] = CHARDEV_PTY,         [BACKEND_PIPE] = CHARDEV_PIPE,
		[BACKEND_RINGBUF] = CHARDEV_RINGBUF,
	};
	struct chardev_options what = { .kind = kinds[said->kind], .path = said->path };

	if (!check_belongs(parse, said, props, given))
		return false;
	if (said->kind == BACKEND_STDIO) {
		what.signals = given & props_bit(props, "signal") ? said->signal : !said->mux;
		what.escape = said->mux;
	}
	if (said->kind == BACKEND_SOCKET && !set_socket(parse, said, props, given, &what))
		return false;
	if (said->kind == BACKEND_RINGBUF) {
		uint64_t size = CHARDEV_RINGBUF_SIZE;

		/* In bytes if nothing else is said, unlike other sizes. */
		if (said->size && !prop_parse_size(said->size, 1, &size))
			return cmd_refuse(parse, "size=%.80s: not a size (4096, 64k, 1M)",
					  said->size);
		what.size = size;
		if (!what.size || what.size > CHARDEV_RINGBUF_MAX || what.size & (what.size - 1))
			return cmd_refuse(parse, "size: not a power of two, up to 64M");
	}
	return add_chardev(parse, said->id, &what) && show(parse);
}

bool cmd_parse_chardev(struct cmd_parse *parse, const char *value)
{
	struct backend_options said = { .kind = -1 };
	uint32_t given;

	if (!cmd_props_parse(parse, &cmd_chardev_props, value, &said, &given))
		return false;
	if (said.kind < 0)
		return cmd_refuse(
			parse, "needs a back-end (null, stdio, file, socket, pty, pipe, ringbuf)");
	if (!said.id)
		return cmd_refuse(parse, "needs id=ID");
	if (!prop_id_ok(said.id))
		return cmd_refuse(parse,
				  "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				  said.id);
	return add_backend(parse, &said, &cmd_chardev_props, given);
}

/* "unix:PATH[,server=on][,wait=off]", "tcp:HOST:PORT..." and "telnet:...", the part behind the colon. */
static bool parse_socket(struct cmd_parse *parse, const char *value, const char *id,
			 const struct props *props, bool telnet)
{
	struct backend_options said = { .kind = BACKEND_SOCKET, .telnet = telnet };
	uint32_t given, others;

	if (!cmd_props_parse(parse, props, value, &said, &given))
		return false;
	others = props_bit(props, "backend") | props_bit(props, "id") | props_bit(props, "host") |
		 props_bit(props, "port") | props_bit(props, "fd");
	others |= props == &unix_props ? props_bit(props, "address") : props_bit(props, "path");
	if (given & others)
		return cmd_refuse(parse, "%.80s: the address is said already", value);
	said.id = id;
	return add_backend(parse, &said, props, given);
}

/* Those with properties behind the colon. True if value is one; *ok says whether it was added. */
static bool parse_short_socket(struct cmd_parse *parse, const char *value, const char *id, bool *ok)
{
	static const struct {
		const char *prefix;
		const struct props *props;
		bool telnet;
	} forms[] = {
		{ "unix:", &unix_props, false },
		{ "tcp:", &tcp_props, false },
		{ "telnet:", &tcp_props, true },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t len = strlen(forms[i].prefix);

		if (strncmp(value, forms[i].prefix, len))
			continue;
		*ok = parse_socket(parse, value + len, id, forms[i].props, forms[i].telnet);
		return true;
	}
	return false;
}

/* A form that ends in a path, commas and all, as no property may follow. */
static bool take_path(struct cmd_parse *parse, const char *path, enum chardev_kind kind,
		      struct chardev_options *what)
{
	what->kind = kind;
	what->path = cmd_keep(parse, path, strlen(path));
	return what->path && (*what->path || cmd_refuse(parse, "%s: needs a path",
							kind == CHARDEV_FILE ? "file" : "pipe"));
}

/*
 * A back-end in one word, as -serial, -debugcon, -qmp and -qtest take it: its id, or NULL with the
 * refusal made. "none" is the caller's.
 */
static const char *parse_short(struct cmd_parse *parse, const char *value)
{
	struct chardev_options what = { .kind = CHARDEV_NULL };
	const char *id;
	bool ok;

	if (!strncmp(value, "chardev:", 8))
		return cmd_keep(parse, value + 8, strlen(value + 8));
	id = make_id(parse);
	if (!id)
		return NULL;
	if (parse_short_socket(parse, value, id, &ok))
		return ok ? id : NULL;
	if (!strncmp(value, "file:", 5)) {
		if (!take_path(parse, value + 5, CHARDEV_FILE, &what))
			return NULL;
	} else if (!strncmp(value, "pipe:", 5)) {
		if (!take_path(parse, value + 5, CHARDEV_PIPE, &what))
			return NULL;
	} else if (!strcmp(value, "pty")) {
		what.kind = CHARDEV_PTY;
	} else if (!strcmp(value, "stdio")) {
		what.kind = CHARDEV_STDIO;
		what.signals = true;
	} else if (!strcmp(value, "mon:stdio")) {
		what.kind = CHARDEV_STDIO;
		what.escape = true;
	} else if (strcmp(value, "null")) {
		cmd_refuse(
			parse,
			"%.80s: not offered (only stdio, mon:stdio, pty, file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID, null, none)",
			value);
		return NULL;
	}
	return add_chardev(parse, id, &what) && show(parse) ? id : NULL;
}

static bool add_wish(struct cmd_parse *parse, enum cmd_wisher wisher, const char *chardev)
{
	if (!cmd_grow(parse, &parse->wishes, parse->wishes_n, sizeof(*parse->wishes)))
		return false;
	parse->wishes[parse->wishes_n++] = (struct cmd_wish){
		.wisher = wisher,
		.said = parse->said,
		.chardev = chardev,
	};
	return true;
}

/* How QEMU calls the back-end of an option's n-th use. */
static const char *make_label(struct cmd_parse *parse, enum cmd_wisher wisher, unsigned n)
{
	static const char *const names[] = {
		[CMD_WISH_SERIAL] = "serial",  [CMD_WISH_PARALLEL] = "parallel",
		[CMD_WISH_DEBUG] = "debugcon", [CMD_WISH_MONITOR] = "compat_monitor",
		[CMD_WISH_QTEST] = "qtest",
	};

	if (wisher == CMD_WISH_DEBUG || wisher == CMD_WISH_QTEST)
		return names[wisher];
	return cmd_keep_format(parse, "%s%u", names[wisher], n);
}

static bool wish_short(struct cmd_parse *parse, const char *value, enum cmd_wisher wisher)
{
	size_t before = parse->options->chardevs_n;
	const char *id = parse_short(parse, value);
	unsigned n = 0;

	for (size_t i = 0; i < parse->wishes_n; i++)
		n += parse->wishes[i].wisher == wisher;
	if (id && parse->options->chardevs_n > before) {
		const char *label = make_label(parse, wisher, n);

		if (!label)
			return false;
		parse->options->chardevs[before].label = label;
	}
	return id && add_wish(parse, wisher, id);
}

bool cmd_parse_serial(struct cmd_parse *parse, const char *value)
{
	/* An empty place counts: the next -serial is the next port. */
	return !strcmp(value, "none") ? add_wish(parse, CMD_WISH_SERIAL, NULL)
				      : wish_short(parse, value, CMD_WISH_SERIAL);
}

bool cmd_parse_parallel(struct cmd_parse *parse, const char *value)
{
	return !strcmp(value, "none") ? add_wish(parse, CMD_WISH_PARALLEL, NULL)
				      : wish_short(parse, value, CMD_WISH_PARALLEL);
}

bool cmd_parse_debugcon(struct cmd_parse *parse, const char *value)
{
	return !strcmp(value, "none") || wish_short(parse, value, CMD_WISH_DEBUG);
}

bool cmd_parse_qmp(struct cmd_parse *parse, const char *value)
{
	parse->monitor_said = true;
	return !strcmp(value, "none") || wish_short(parse, value, CMD_WISH_CONTROL);
}

bool cmd_parse_monitor(struct cmd_parse *parse, const char *value)
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
	struct mon_options said = { 0 };

	parse->monitor_said = true;
	props_default(&cmd_mon_props, &said);
	if (!cmd_props_parse(parse, &cmd_mon_props, value, &said, NULL))
		return false;
	if (!said.chardev)
		return cmd_refuse(parse, "needs chardev=ID");
	return add_wish(parse, said.mode == MON_CONTROL ? CMD_WISH_CONTROL : CMD_WISH_MONITOR,
			said.chardev);
}

static struct cmd_chardev *find_chardev(struct cmd_parse *parse, const char *id)
{
	struct cmd_options *options = parse->options;

	for (size_t i = 0; i < options->chardevs_n; i++) {
		if (!strcmp(options->chardevs[i].id, id))
			return &options->chardevs[i];
	}
	cmd_refuse(parse, "%.60s: there is no -chardev with this id", id);
	return NULL;
}

struct cmd_chardev *cmd_take_chardev(struct cmd_parse *parse, const char *id)
{
	struct cmd_chardev *chardev = find_chardev(parse, id);

	if (chardev && chardev->used) {
		cmd_refuse(parse, "%.60s: this -chardev has a user already", id);
		return NULL;
	}
	if (chardev)
		chardev->used = true;
	return chardev;
}

/* A device on a back-end. */
static bool want_device(struct cmd_parse *parse, const struct cmd_wish *wish, const char *type,
			const char *more)
{
	struct cmd_wanted wanted = { .said = wish->said, .spec.type = type, .taken = true };

	if (!cmd_take_chardev(parse, wish->chardev))
		return false;
	wanted.spec.props = cmd_keep_format(parse, "chardev=%s%s", wish->chardev, more);
	return wanted.spec.props && cmd_add_device(parse, &wanted);
}

/* One that has a number. */
static bool want_port(struct cmd_parse *parse, const struct cmd_wish *wish, const char *type,
		      unsigned index)
{
	char more[32];

	if (!wish->chardev)
		return true;
	snprintf(more, sizeof(more), ",index=%u", index);
	return want_device(parse, wish, type, more);
}

static bool want_serial(struct cmd_parse *parse, const struct cmd_wish *wish, unsigned index)
{
	if (index >= SERIAL_ISA_MAX)
		return cmd_refuse(parse, "more than %d serial ports", SERIAL_ISA_MAX);
	return want_port(parse, wish, "isa-serial", index);
}

static bool want_parallel(struct cmd_parse *parse, const struct cmd_wish *wish, unsigned index)
{
	if (index >= PARALLEL_ISA_MAX)
		return cmd_refuse(parse, "more than %d parallel ports", PARALLEL_ISA_MAX);
	return want_port(parse, wish, "isa-parallel", index);
}

static bool want_monitor(struct cmd_parse *parse, const struct cmd_wish *wish)
{
	struct cmd_options *options = parse->options;
	struct cmd_chardev *chardev = cmd_take_chardev(parse, wish->chardev);

	if (!chardev ||
	    !cmd_grow(parse, &options->monitors, options->monitors_n, sizeof(*options->monitors)))
		return false;
	options->monitors[options->monitors_n++] =
		(struct cmd_monitor){ .chardev = (size_t)(chardev - options->chardevs),
				      .control = wish->wisher == CMD_WISH_CONTROL };
	return true;
}

static bool want_qtest(struct cmd_parse *parse, const struct cmd_wish *wish)
{
	struct cmd_options *options = parse->options;
	struct cmd_chardev *chardev = cmd_take_chardev(parse, wish->chardev);

	if (!chardev)
		return false;
	if (options->has_qtest)
		return cmd_refuse(parse, "only once");
	options->has_qtest = true;
	options->qtest = (size_t)(chardev - options->chardevs);
	return options->accel == CMD_ACCEL_QTEST || cmd_refuse(parse, "needs -accel qtest");
}

/* How many of each kind there were. */
struct ports {
	unsigned serials, parallels;
};

static bool grant(struct cmd_parse *parse, const struct cmd_wish *wish, struct ports *ports)
{
	parse->said = wish->said;
	switch (wish->wisher) {
	case CMD_WISH_SERIAL:
		return want_serial(parse, wish, ports->serials++);
	case CMD_WISH_PARALLEL:
		return want_parallel(parse, wish, ports->parallels++);
	case CMD_WISH_DEBUG:
		return want_device(parse, wish, "isa-debugcon", "");
	case CMD_WISH_MONITOR:
	case CMD_WISH_CONTROL:
		return want_monitor(parse, wish);
	case CMD_WISH_QTEST:
		return want_qtest(parse, wish);
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
	struct cmd_wish wish = { .said = "-serial", .chardev = make_id(parse) };
	struct chardev_options what = { .kind = CHARDEV_NULL };
	bool terminal = cmd_has_terminal(options);

	for (size_t i = 0; i < options->chardevs_n; i++) {
		if (options->chardevs[i].options.kind == CHARDEV_STDIO)
			terminal = false;
	}
	if (terminal) {
		what.kind = CHARDEV_STDIO;
		what.signals = parse->monitor_said;
		what.escape = !parse->monitor_said;
	}
	parse->said = wish.said;
	if (!wish.chardev || !add_chardev(parse, wish.chardev, &what))
		return false;
	options->chardevs[options->chardevs_n - 1].label = "serial0";
	return want_serial(parse, &wish, 0);
}

/* A port that somebody asked for by -device is one, too. */
static bool has_serial(const struct cmd_parse *parse)
{
	for (size_t i = 0; i < parse->devices_n; i++) {
		if (!strcmp(parse->devices[i].spec.type, serial_isa_type.name))
			return true;
	}
	return false;
}

bool cmd_finish_char(struct cmd_parse *parse)
{
	bool default_serial = !parse->options->nodefaults && !has_serial(parse);
	struct ports ports = { 0 };

	for (size_t i = 0; i < parse->wishes_n; i++) {
		if (!grant(parse, &parse->wishes[i], &ports))
			return false;
	}
	return ports.serials || !default_serial || add_default_serial(parse);
}
