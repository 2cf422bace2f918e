// SPDX-License-Identifier: MIT
#include <string.h>
#include <time.h>

#include "cmd/table.h"

/* What a machine of ours is anyway: scripts that say so need no change. */
static const char *const off_words[] = { "off", NULL };
static const char *const on_words[] = { "on", NULL };
static const char *const accel_words[] = { "kvm", "qtest", NULL };

struct machine_options {
	int accel, coalesce;
	bool coalesced;
};

static const struct prop machine_table[] = {
	{ "type", PROP_ONLY, .words = (const char *const[]){ "pc", NULL }, .form = "pc",
	  .help = "i440FX and PIIX, the only machine there is" },
	{ "coalesce", PROP_WORD, PROP_AT(struct machine_options, coalesce),
	  .words = (const char *const[]){ "on", "off", "list", NULL },
	  .form = "coalesce=on|off|list",
	  .help = "whether writes that only latch wait in the kernel (default on), or which would and why" },
	{ "accel", PROP_WORD, PROP_AT(struct machine_options, accel), .words = accel_words,
	  .form = "accel=kvm|qtest", .help = "as -accel" },
	{ "usb", PROP_ONLY, .words = off_words },
	{ "vmport", PROP_ONLY, .words = off_words },
	{ "hpet", PROP_ONLY, .words = off_words },
	{ "smm", PROP_ONLY, .words = off_words },
	{ "graphics", PROP_ONLY, .words = off_words },
	{ "acpi", PROP_ONLY, .words = on_words },
	{ "kernel-irqchip", PROP_ONLY, .words = on_words },
	{ "kernel_irqchip", PROP_ONLY, .words = on_words },
	{ 0 },
};
const struct props cmd_machine_props = { .table = machine_table, .first = "type" };

static const struct prop accel_table[] = {
	{ "accel", PROP_WORD, PROP_AT(struct machine_options, accel), .words = accel_words,
	  .form = "kvm|qtest",
	  .help = "the kernel's KVM, or no processor at all and a clock that a test moves" },
	{ "coalesced", PROP_BOOL, PROP_AT(struct machine_options, coalesced),
	  .form = "coalesced=on|off",
	  .help = "qtest: whether writes that only latch wait as they do in the kernel (default off)" },
	{ 0 },
};
const struct props cmd_accel_props = { .table = accel_table, .first = "accel" };

static const struct prop memory_table[] = {
	{ "size", PROP_SIZE, .size = sizeof(uint64_t), .form = "[size=]N[bkMGT]",
	  .help = "in MiB without a suffix; at least 1M (default 128)" },
	{ 0 },
};
const struct props cmd_memory_props = { .table = memory_table, .first = "size" };

struct rtc_options {
	const char *base;
	struct cmd_rtc rtc;
};

static const struct prop rtc_table[] = {
	{ "base", PROP_TEXT, PROP_AT(struct rtc_options, base), .form = "base=utc|localtime|DATE",
	  .help = "what the clock shows at the start; DATE is 2006-06-17T16:01:21 or 2006-06-17" },
	{ "clock", PROP_WORD, PROP_AT(struct rtc_options, rtc.clock),
	  .words = (const char *const[]){ "host", "rt", "vm", NULL }, .form = "clock=host|rt|vm",
	  .help = "follows the host's clock, runs at its pace, or stands still with the machine (default host)" },
	{ "driftfix", PROP_WORD, PROP_AT(struct rtc_options, rtc.slew),
	  .words = (const char *const[]){ "none", "slew", NULL }, .form = "driftfix=none|slew",
	  .help = "whether lost ticks are caught up (default none)" },
	{ 0 },
};
const struct props cmd_rtc_props = { .table = rtc_table };

struct global_options {
	bool slew;
	uint16_t debug_port;
	const char *driver, *property, *value;
};

static const struct prop global_table[] = {
	{ "mc146818rtc.lost_tick_policy", PROP_WORD, PROP_AT(struct global_options, slew),
	  .words = (const char *const[]){ "discard", "slew", NULL },
	  .form = "mc146818rtc.lost_tick_policy=discard|slew", .help = "as -rtc driftfix" },
	{ "isa-debugcon.iobase", PROP_NUMBER, PROP_AT(struct global_options, debug_port), .min = 0,
	  .max = 0xffff, .form = "isa-debugcon.iobase=PORT",
	  .help = "where -debugcon is (default 0xe9)" },
	{ 0 },
};
const struct props cmd_global_props = { .table = global_table };

static const struct prop global_long_table[] = {
	{ "driver", PROP_TEXT, PROP_AT(struct global_options, driver), .form = "driver=NAME",
	  .help = "" },
	{ "property", PROP_TEXT, PROP_AT(struct global_options, property), .form = "property=NAME",
	  .help = "" },
	{ "value", PROP_TEXT, PROP_AT(struct global_options, value), .form = "value=VALUE",
	  .help = "" },
	{ 0 },
};
static const struct props global_long_props = { .table = global_long_table };

static const struct prop fw_cfg_table[] = {
	{ "name", PROP_TEXT, PROP_AT(struct cmd_fw_cfg, name), .form = "[name=]NAME",
	  .help = "at most 55 characters; opt/ is the place for one's own" },
	{ "string", PROP_ANY_TEXT, PROP_AT(struct cmd_fw_cfg, string), .form = "string=TEXT",
	  .help = "its content, without a closing zero" },
	{ "file", PROP_TEXT, PROP_AT(struct cmd_fw_cfg, file), .form = "file=PATH",
	  .help = "or the file that holds its content" },
	{ 0 },
};
const struct props cmd_fw_cfg_props = { .table = fw_cfg_table, .first = "name" };

static const struct prop name_table[] = {
	{ "guest", PROP_TEXT, .size = sizeof(char *), .form = "[guest=]NAME",
	  .help = "what query-name says" },
	{ 0 },
};
const struct props cmd_name_props = { .table = name_table, .first = "guest" };

static const struct prop boot_table[] = {
	{ "order", PROP_ONLY, .words = (const char *const[]){ "c", NULL }, .form = "[order=]c",
	  .help = "from the first disk, or as bootindex says" },
	{ "menu", PROP_BOOL, PROP_AT(struct cmd_options, boot_menu), .form = "menu=on|off",
	  .help = "whether the firmware offers a menu (default off)" },
	{ "splash-time", PROP_NUMBER, PROP_AT(struct cmd_options, splash_time), .min = 0,
	  .max = 0xffff, .form = "splash-time=MS", .help = "and for how long" },
	{ "reboot-timeout", PROP_NUMBER, PROP_AT(struct cmd_options, reboot_timeout), .min = -1,
	  .max = 0xffff, .form = "reboot-timeout=MS",
	  .help = "when the firmware tries again after it found nothing to boot (-1: never)" },
	{ 0 },
};
const struct props cmd_boot_props = { .table = boot_table, .first = "order" };

static const char *const one_words[] = { "1", NULL };

static const struct prop smp_table[] = {
	{ "cpus", PROP_ONLY, .words = one_words, .form = "[cpus=]1",
	  .help = "as many as there are" },
	{ "maxcpus", PROP_ONLY, .words = one_words },
	{ "sockets", PROP_ONLY, .words = one_words },
	{ "cores", PROP_ONLY, .words = one_words },
	{ "threads", PROP_ONLY, .words = one_words },
	{ 0 },
};
const struct props cmd_smp_props = { .table = smp_table, .first = "cpus" };

/* What is said changes; the rest stays as it was. */
static const struct prop action_table[] = {
	{ "reboot", PROP_WORD, PROP_AT(struct cmd_options, no_reboot),
	  .words = (const char *const[]){ "reset", "shutdown", NULL },
	  .form = "reboot=reset|shutdown", .help = "shutdown is -no-reboot" },
	{ "shutdown", PROP_WORD, PROP_AT(struct cmd_options, no_shutdown),
	  .words = (const char *const[]){ "poweroff", "pause", NULL },
	  .form = "shutdown=poweroff|pause", .help = "pause is -no-shutdown" },
	{ "panic", PROP_WORD, PROP_AT(struct cmd_options, panic),
	  .words = (const char *const[]){ "shutdown", "pause", "none", NULL },
	  .form = "panic=shutdown|pause|none",
	  .help = "when the guest tells that its kernel panicked (default shutdown)" },
	{ 0 },
};
const struct props cmd_action_props = { .table = action_table };

bool cmd_parse_action(struct cmd_parse *parse, const char *value)
{
	return cmd_props_parse(parse, &cmd_action_props, value, parse->options, NULL);
}

struct exits_options {
	int form;
	const char *file;
};

static const struct prop exits_table[] = {
	{ "form", PROP_WORD, PROP_AT(struct exits_options, form),
	  .words = (const char *const[]){ "none", "text", "json", NULL }, .form = "text|json",
	  .help = "as a table or as one JSON object" },
	{ "file", PROP_TEXT, PROP_AT(struct exits_options, file), .form = "file=PATH",
	  .help = "where to (default standard output)" },
	{ 0 },
};
const struct props cmd_exits_props = { .table = exits_table, .first = "form" };

bool cmd_parse_machine(struct cmd_parse *parse, const char *value)
{
	struct machine_options said = { .accel = (int)parse->machine_accel,
					.coalesce = (int)parse->options->coalesce };
	uint32_t given;

	if (cmd_asks(value)) {
		parse->options->action = CMD_LIST_MACHINES;
		return true;
	}
	if (!cmd_props_parse(parse, &cmd_machine_props, value, &said, &given))
		return false;
	parse->options->coalesce = (enum cmd_coalesce)said.coalesce;
	parse->machine_accel = (enum cmd_accel)said.accel;
	parse->machine_accel_given |= (given & props_bit(&cmd_machine_props, "accel")) != 0;
	return true;
}

/* Several are a list of preferences: the first counts, as both always can be had. */
static bool set_accel(struct cmd_parse *parse, enum cmd_accel accel)
{
	if (!parse->accel_given)
		parse->options->accel = accel;
	parse->accel_given = true;
	return true;
}

bool cmd_parse_accel(struct cmd_parse *parse, const char *value)
{
	struct machine_options said = { 0 };

	if (cmd_asks(value)) {
		parse->options->action = CMD_LIST_ACCELS;
		return true;
	}
	if (!cmd_props_parse(parse, &cmd_accel_props, value, &said, NULL))
		return false;
	if (said.coalesced && said.accel != CMD_ACCEL_QTEST)
		return cmd_refuse(parse, "coalesced is for qtest (see -machine coalesce)");
	parse->options->qtest_coalesced |= said.coalesced;
	return set_accel(parse, (enum cmd_accel)said.accel);
}

bool cmd_parse_enable_kvm(struct cmd_parse *parse, const char *value)
{
	return set_accel(parse, CMD_ACCEL_KVM);
}

bool cmd_parse_cpu(struct cmd_parse *parse, const char *value)
{
	static const char prefix[] = "-cpu: ";
	struct error err;
	const char *text = err.text;

	if (cmd_asks(value)) {
		parse->options->action = CMD_LIST_CPUS;
		return true;
	}
	if (!hv_cpu_parse(&parse->options->cpu, value, &err))
		return true;
	/* It names the option as the manual does; we as it was typed. */
	if (!strncmp(text, prefix, strlen(prefix)))
		text += strlen(prefix);
	return cmd_refuse(parse, "%s", text);
}

bool cmd_parse_memory(struct cmd_parse *parse, const char *value)
{
	const uint64_t grain = 8192;
	uint64_t size = 0;

	if (!cmd_props_parse(parse, &cmd_memory_props, value, &size, NULL))
		return false;
	if (size < UINT64_C(1) << 20)
		return cmd_refuse(parse, "%.80s: less than 1 MiB", value);
	if (size > parse->memory_max)
		return cmd_refuse(parse, "%.80s: more than this host has (%llu MiB)", value,
				  (unsigned long long)(parse->memory_max >> 20));
	parse->options->memory = (size + grain - 1) / grain * grain;
	parse->options->memory_given = true;
	return true;
}

/* Takes digits of exactly this width. */
static bool take_digits(const char **at, int width, int *out)
{
	*out = 0;
	for (; width > 0; width--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool parse_date(const char *at, int64_t *out)
{
	struct tm said = { 0 }, is;

	if (!take_digits(&at, 4, &said.tm_year) || !take_char(&at, '-') ||
	    !take_digits(&at, 2, &said.tm_mon) || !take_char(&at, '-') ||
	    !take_digits(&at, 2, &said.tm_mday))
		return false;
	if (*at && (!take_char(&at, 'T') || !take_digits(&at, 2, &said.tm_hour) ||
		    !take_char(&at, ':') || !take_digits(&at, 2, &said.tm_min) ||
		    !take_char(&at, ':') || !take_digits(&at, 2, &said.tm_sec)))
		return false;
	said.tm_year -= 1900;
	said.tm_mon--;
	/* A day, hour or the like that there is none of becomes one of the next month, day, ... */
	is = said;
	*out = timegm(&is);
	return !*at && said.tm_year >= 0 && is.tm_mon == said.tm_mon &&
	       is.tm_mday == said.tm_mday && is.tm_hour == said.tm_hour &&
	       is.tm_min == said.tm_min && is.tm_sec == said.tm_sec;
}

bool cmd_parse_rtc(struct cmd_parse *parse, const char *value)
{
	struct rtc_options said = { .rtc = parse->options->rtc };

	if (!cmd_props_parse(parse, &cmd_rtc_props, value, &said, NULL))
		return false;
	if (said.base) {
		if (!strcmp(said.base, "utc"))
			said.rtc.base = CMD_RTC_UTC;
		else if (!strcmp(said.base, "localtime"))
			said.rtc.base = CMD_RTC_LOCALTIME;
		else if (parse_date(said.base, &said.rtc.date))
			said.rtc.base = CMD_RTC_DATE;
		else
			return cmd_refuse(
				parse,
				"base=%.80s: not utc, localtime or a date like 2006-06-17T16:01:21",
				said.base);
	}
	parse->options->rtc = said.rtc;
	return true;
}

bool cmd_parse_global(struct cmd_parse *parse, const char *value)
{
	struct global_options said = { .slew = parse->options->rtc.slew,
				       .debug_port = parse->debug_port };
	char joined[CMD_ERROR_MAX];

	if (!strncmp(value, "driver=", 7)) {
		if (!cmd_props_parse(parse, &global_long_props, value, &said, NULL))
			return false;
		if (!said.property || !said.value)
			return cmd_refuse(parse, "needs driver=, property= and value=");
		if (snprintf(joined, sizeof(joined), "%s.%s=%s", said.driver, said.property,
			     said.value) >= (int)sizeof(joined))
			return cmd_refuse(parse, "%.60s.%.60s: unknown property", said.driver,
					  said.property);
		value = joined;
	}
	if (!cmd_props_parse(parse, &cmd_global_props, value, &said, NULL))
		return false;
	parse->options->rtc.slew = said.slew;
	parse->debug_port = said.debug_port;
	return true;
}

bool cmd_parse_fw_cfg(struct cmd_parse *parse, const char *value)
{
	struct cmd_options *options = parse->options;
	struct cmd_fw_cfg blob = { 0 };

	if (options->fw_cfg_n == CMD_FW_CFG_MAX)
		return cmd_refuse(parse, "more than %d blobs", CMD_FW_CFG_MAX);
	if (!cmd_props_parse(parse, &cmd_fw_cfg_props, value, &blob, NULL))
		return false;
	if (!blob.name)
		return cmd_refuse(parse, "needs name=NAME");
	if (strlen(blob.name) > 55)
		return cmd_refuse(parse, "name=%.80s: longer than 55 characters", blob.name);
	if (!blob.string == !blob.file)
		return cmd_refuse(parse, "needs string=TEXT or file=PATH, one of them");
	for (size_t i = 0; i < options->fw_cfg_n; i++) {
		if (!strcmp(options->fw_cfg[i].name, blob.name))
			return cmd_refuse(parse, "name=%.80s: there is one already", blob.name);
	}
	options->fw_cfg[options->fw_cfg_n++] = blob;
	return true;
}

bool cmd_parse_name(struct cmd_parse *parse, const char *value)
{
	return cmd_props_parse(parse, &cmd_name_props, value, &parse->options->name, NULL);
}

bool cmd_parse_boot(struct cmd_parse *parse, const char *value)
{
	uint32_t given;

	if (!cmd_props_parse(parse, &cmd_boot_props, value, parse->options, &given))
		return false;
	if (given & props_bit(&cmd_boot_props, "reboot-timeout"))
		parse->options->reboot_timeout_given = true;
	return true;
}

bool cmd_parse_smp(struct cmd_parse *parse, const char *value)
{
	char nothing;

	return cmd_props_parse(parse, &cmd_smp_props, value, &nothing, NULL);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cmd_parse_uuid(struct cmd_parse *parse, const char *value)
{
	uint8_t uuid[16] = { 0 };
	size_t digits = 0;

	for (const char *at = value; *at; at++) {
		int digit = hex_digit(*at);
		size_t place = (size_t)(at - value);
		bool dash = place == 8 || place == 13 || place == 18 || place == 23;

		if (place >= 36 || (dash ? *at != '-' : digit < 0))
			return cmd_refuse(parse, "%.80s: not a UUID", value);
		if (dash)
			continue;
		uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | digit);
		digits++;
	}
	if (digits != 32)
		return cmd_refuse(parse, "%.80s: not a UUID", value);
	memcpy(parse->options->uuid, uuid, sizeof(uuid));
	parse->options->uuid_given = true;
	return true;
}

bool cmd_parse_dir(struct cmd_parse *parse, const char *value)
{
	struct cmd_options *options = parse->options;

	if (options->dirs_n == CMD_DIRS_MAX)
		return cmd_refuse(parse, "more than %d folders", CMD_DIRS_MAX);
	options->dirs[options->dirs_n] = cmd_keep(parse, value, strlen(value));
	return options->dirs[options->dirs_n++] != NULL;
}

bool cmd_parse_exits(struct cmd_parse *parse, const char *value)
{
	struct exits_options said = { 0 };

	if (!cmd_props_parse(parse, &cmd_exits_props, value, &said, NULL))
		return false;
	if (said.form == CMD_EXITS_NONE && said.file)
		return cmd_refuse(parse, "needs text or json");
	parse->options->exits = (enum cmd_exits)said.form;
	parse->options->exits_file = said.file;
	return true;
}

bool cmd_finish_machine(struct cmd_parse *parse)
{
	if (parse->machine_accel_given) {
		if (parse->accel_given && parse->machine_accel != parse->options->accel) {
			parse->said = "-accel";
			return cmd_refuse(parse, "-machine accel= says otherwise");
		}
		parse->options->accel = parse->machine_accel;
	}
	return true;
}
