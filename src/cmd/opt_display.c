// SPDX-License-Identifier: MIT
/* What there is to see of the machine, and who sees it: -vga, -display, -nographic, -vnc. */
#include <string.h>
#include <sys/un.h>

#include "cmd/table.h"

struct vnc_words {
	const char *address, *websocket;
	uint32_t to;
	bool password;
};

static const char *const off_words[] = { "off", NULL };
/* In the order of enum cmd_vga, from CMD_VGA_STD on. */
static const char *const vga_words[] = { "std", "none", NULL };
static const char *const ignore_words[] = { "ignore", NULL };

static const struct prop vnc_table[] = {
	{ "vnc", PROP_TEXT, PROP_AT(struct vnc_words, address), .form = "[HOST]:D|unix:PATH|none",
	  .help = "a display of this host or of the address HOST, a Unix socket, or no server" },
	{ "to", PROP_NUMBER, PROP_AT(struct vnc_words, to), .max = UI_VNC_DISPLAY_MAX,
	  .form = "to=N", .help = "if the port is in use, tries the next ones up to display N" },
	{ "password", PROP_BOOL, PROP_AT(struct vnc_words, password), .form = "password=on|off",
	  .help = "asks for a password, and lets nobody in until QMP has set one (default off)" },
	{ "websocket", PROP_TEXT, PROP_AT(struct vnc_words, websocket),
	  .form = "websocket=on|off|PORT",
	  .help = "listens for viewers in browsers, too, at port 5700 + D or PORT (default off)" },
	{ "share", PROP_ONLY, .words = ignore_words, .form = "share=ignore",
	  .help = "viewers share the machine, whatever they ask for" },
	{ "reverse", PROP_ONLY, .words = off_words, .form = "reverse=off",
	  .help = "the server waits for viewers" },
	{ "power-control", PROP_ONLY, .words = off_words, .form = "power-control=off",
	  .help = "viewers cannot switch the machine off" },
	{ 0 },
};
const struct props cmd_vnc_props = { .table = vnc_table, .first = "vnc" };

static bool parse_unix(struct cmd_parse *parse, const char *path, struct ui_vnc_options *vnc)
{
	if (!*path)
		return cmd_refuse(parse, "unix: needs a path");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return cmd_refuse(parse, "%.40s...: too long for a Unix socket (at most %zu bytes)",
				  path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	vnc->path = path;
	return true;
}

/* "HOST:D", HOST in brackets if it has colons itself, or nothing. */
static bool parse_tcp(struct cmd_parse *parse, const char *address, struct ui_vnc_options *vnc)
{
	const char *colon = strrchr(address, ':'), *end = colon;
	int64_t display;

	if (!colon)
		return cmd_refuse(parse, "%.80s: not an address ([HOST]:D, unix:PATH or none)",
				  address);
	if (!prop_parse_number(colon + 1, 0, UI_VNC_DISPLAY_MAX, &display))
		return cmd_refuse(parse, "%.80s: the display is a number from 0 to %u", address,
				  UI_VNC_DISPLAY_MAX);
	if (*address == '[' && end[-1] == ']') {
		address++;
		end--;
	}
	vnc->display = (uint32_t)display;
	if (end == address)
		return true;
	vnc->host = cmd_keep(parse, address, (size_t)(end - address));
	return vnc->host != NULL;
}

static bool parse_websocket(struct cmd_parse *parse, const char *text, struct ui_vnc_options *vnc)
{
	int64_t port;

	if (!text || !strcmp(text, "off"))
		return true;
	if (vnc->path)
		return cmd_refuse(parse, "websocket: not with unix:");
	vnc->websocket = true;
	if (!strcmp(text, "on"))
		return true;
	if (!prop_parse_number(text, 1, 65535, &port))
		return cmd_refuse(parse, "websocket=%.40s: neither on, off nor a port", text);
	vnc->websocket_port = (uint16_t)port;
	return true;
}

bool cmd_parse_vnc(struct cmd_parse *parse, const char *value)
{
	struct ui_vnc_options vnc = { .path = NULL };
	struct vnc_words words = { .address = NULL };
	uint32_t given;

	if (!cmd_props_parse(parse, &cmd_vnc_props, value, &words, &given))
		return false;
	if (!words.address)
		return cmd_refuse(parse, "needs an address ([HOST]:D, unix:PATH or none)");
	parse->options->vnc_wanted = strcmp(words.address, "none");
	if (!parse->options->vnc_wanted)
		return true;
	if (strncmp(words.address, "unix:", 5) ? !parse_tcp(parse, words.address, &vnc)
					       : !parse_unix(parse, words.address + 5, &vnc))
		return false;
	vnc.to = vnc.display;
	if (given & props_bit(&cmd_vnc_props, "to")) {
		if (vnc.path || words.to < vnc.display)
			return cmd_refuse(parse, "to=%u: %s", words.to,
					  vnc.path ? "not with unix:" : "is below the display");
		vnc.to = words.to;
	}
	vnc.password = words.password;
	if (!parse_websocket(parse, words.websocket, &vnc))
		return false;
	parse->options->vnc = vnc;
	return true;
}

bool cmd_parse_display(struct cmd_parse *parse, const char *value)
{
	if (!strncmp(value, "vnc=", 4))
		return cmd_parse_vnc(parse, value + 4);
	if (!strcmp(value, "curses")) {
		parse->options->no_display = false;
		parse->options->curses_wanted = true;
		return true;
	}
	if (strcmp(value, "none"))
		return cmd_refuse(parse, "%.80s: not offered (only none, curses, vnc=ADDRESS)",
				  value);
	parse->options->no_display = true;
	parse->options->curses_wanted = false;
	return true;
}

bool cmd_parse_nographic(struct cmd_parse *parse, const char *value)
{
	parse->options->no_display = true;
	parse->options->nographic = true;
	return true;
}

bool cmd_has_terminal(const struct cmd_options *options)
{
	return options->nographic || (!options->daemonize && !options->no_display &&
				      !options->vnc_wanted && !options->curses_wanted);
}

bool cmd_parse_vga(struct cmd_parse *parse, const char *value)
{
	int word = prop_word(vga_words, value);

	if (word < 0)
		return cmd_refuse(parse, "%.80s: not offered (only std, none)", value);
	parse->vga = (enum cmd_vga)(CMD_VGA_STD + word);
	return true;
}

/* Before all other devices, so that it is at 02.0 whatever else there is. */
static bool add_vga(struct cmd_parse *parse)
{
	for (size_t i = 0; i < parse->devices_n; i++) {
		if (!strcmp(parse->devices[i].spec.type, "VGA"))
			return true;
	}
	if (!cmd_add_device(parse, &(struct cmd_wanted){ .said = "-vga", .spec.type = "VGA" }))
		return false;
	for (size_t i = parse->devices_n - 1; i > 0; i--) {
		struct cmd_wanted last = parse->devices[i];

		parse->devices[i] = parse->devices[i - 1];
		parse->devices[i - 1] = last;
	}
	return true;
}

static bool give_terminal(struct cmd_parse *parse)
{
	parse->said = "-display curses";
	if (parse->options->nographic)
		return cmd_refuse(parse, "not with -nographic");
	return cmd_take_terminal(parse, &parse->options->curses);
}

bool cmd_finish_display(struct cmd_parse *parse)
{
	bool seen = parse->options->vnc_wanted || parse->options->curses_wanted;
	bool wanted = parse->vga == CMD_VGA_STD || (parse->vga == CMD_VGA_UNSAID && seen);

	if (parse->options->curses_wanted && !give_terminal(parse))
		return false;
	return !wanted || add_vga(parse);
}
