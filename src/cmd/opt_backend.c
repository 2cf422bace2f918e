// SPDX-License-Identifier: MIT
/* Character back-ends: -chardev, and the short forms of the options that want one. */
#include <string.h>
#include <sys/un.h>

#include "cmd/table.h"

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

bool cmd_add_chardev(struct cmd_parse *parse, const char *id, const struct chardev_options *what)
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

const char *cmd_make_chardev_id(struct cmd_parse *parse)
{
	return cmd_keep_format(parse, "#chr%zu", parse->options->chardevs_n);
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
	return cmd_add_chardev(parse, said->id, &what) && show(parse);
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

const char *cmd_parse_short(struct cmd_parse *parse, const char *value)
{
	struct chardev_options what = { .kind = CHARDEV_NULL };
	const char *id;
	bool ok;

	if (!strncmp(value, "chardev:", 8))
		return cmd_keep(parse, value + 8, strlen(value + 8));
	id = cmd_make_chardev_id(parse);
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
	return cmd_add_chardev(parse, id, &what) && show(parse) ? id : NULL;
}
