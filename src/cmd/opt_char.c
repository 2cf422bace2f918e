// SPDX-License-Identifier: MIT
/* Who uses which character back-end: ports, consoles, monitors. */
#include <string.h>

#include "cmd/table.h"
#include "dev/parallel_isa.h"
#include "dev/serial_isa.h"

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

bool cmd_take_terminal(struct cmd_parse *parse, size_t *at)
{
	const struct chardev_options what = { .kind = CHARDEV_STDIO, .escape = true };
	const char *id = cmd_make_chardev_id(parse);

	*at = parse->options->chardevs_n;
	return id && cmd_add_chardev(parse, id, &what) && cmd_take_chardev(parse, id);
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
		[CMD_WISH_SERIAL] = "serial",          [CMD_WISH_PARALLEL] = "parallel",
		[CMD_WISH_DEBUG] = "debugcon",         [CMD_WISH_MONITOR] = "compat_monitor",
		[CMD_WISH_CONTROL] = "compat_monitor", [CMD_WISH_QTEST] = "qtest",
	};

	if (wisher == CMD_WISH_DEBUG || wisher == CMD_WISH_QTEST)
		return names[wisher];
	return cmd_keep_format(parse, "%s%u", names[wisher], n);
}

/* QEMU numbers monitors of both kinds together. */
static bool is_counted_with(enum cmd_wisher other, enum cmd_wisher wisher)
{
	if (wisher == CMD_WISH_CONTROL)
		wisher = CMD_WISH_MONITOR;
	return other == wisher || (wisher == CMD_WISH_MONITOR && other == CMD_WISH_CONTROL);
}

static bool wish_short(struct cmd_parse *parse, const char *value, enum cmd_wisher wisher)
{
	size_t before = parse->options->chardevs_n;
	const char *id = cmd_parse_short(parse, value);
	unsigned n = 0;

	for (size_t i = 0; i < parse->wishes_n; i++)
		n += is_counted_with(parse->wishes[i].wisher, wisher);
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
	struct cmd_wish wish = { .said = "-serial", .chardev = cmd_make_chardev_id(parse) };
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
	if (!wish.chardev || !cmd_add_chardev(parse, wish.chardev, &what))
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
