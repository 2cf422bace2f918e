// SPDX-License-Identifier: MIT
#include <string.h>
#include <uuid.h>

#include "cmd/table.h"

/* What a machine of ours is anyway: scripts that say so need no change. */
static const char *const off_words[] = { "off", NULL };
static const char *const on_words[] = { "on", NULL };
static const char *const accel_words[] = { "kvm", "qtest", NULL };

struct run_options {
	int accel, coalesce;
	bool coalesced;
};

static const struct prop machine_table[] = {
	{ "type", PROP_ONLY, .words = (const char *const[]){ "pc", NULL }, .form = "pc",
	  .help = "i440FX and PIIX, the only machine there is" },
	{ "coalesce", PROP_WORD, PROP_AT(struct run_options, coalesce),
	  .words = (const char *const[]){ "on", "off", "list", NULL },
	  .form = "coalesce=on|off|list",
	  .help = "whether writes that only latch wait in the kernel (default on), or which would and why" },
	{ "accel", PROP_WORD, PROP_AT(struct run_options, accel), .words = accel_words,
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
	{ "accel", PROP_WORD, PROP_AT(struct run_options, accel), .words = accel_words,
	  .form = "kvm|qtest",
	  .help = "the kernel's KVM, or no processor at all and a clock that a test moves" },
	{ "coalesced", PROP_BOOL, PROP_AT(struct run_options, coalesced),
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

struct rtc_said {
	const char *base, *driftfix;
	enum pc_rtc_clock clock;
};

static const struct prop rtc_table[] = {
	{ "base", PROP_TEXT, PROP_AT(struct rtc_said, base), .form = "base=utc|localtime|DATE",
	  .help = "what the clock shows at the start; DATE is 2006-06-17T16:01:21 or 2006-06-17" },
	{ "clock", PROP_WORD, PROP_AT(struct rtc_said, clock),
	  .words = (const char *const[]){ "host", "rt", "vm", NULL }, .form = "clock=host|rt|vm",
	  .help = "follows the host's clock, runs at its pace, or stands still with the machine (default host)" },
	{ "driftfix", PROP_TEXT, PROP_AT(struct rtc_said, driftfix), .form = "driftfix=none|slew",
	  .help = "whether lost ticks are caught up (default none)" },
	{ 0 },
};
const struct props cmd_rtc_props = { .table = rtc_table };

static const struct prop fw_cfg_table[] = {
	{ "name", PROP_TEXT, PROP_AT(struct pc_fw_cfg_item, name), .form = "[name=]NAME",
	  .help = "at most 55 characters; opt/ is the place for one's own" },
	{ "string", PROP_ANY_TEXT, PROP_AT(struct pc_fw_cfg_item, string), .form = "string=TEXT",
	  .help = "its content, without a closing zero" },
	{ "file", PROP_TEXT, PROP_AT(struct pc_fw_cfg_item, file), .form = "file=PATH",
	  .help = "or the file that holds its content" },
	{ 0 },
};
const struct props cmd_fw_cfg_props = { .table = fw_cfg_table, .first = "name" };

struct name_said {
	const char *guest, *process;
	bool debug_threads;
};

static const struct prop name_table[] = {
	{ "guest", PROP_TEXT, PROP_AT(struct name_said, guest), .form = "[guest=]NAME",
	  .help = "what query-name says" },
	{ "process", PROP_TEXT, PROP_AT(struct name_said, process), .form = "process=NAME",
	  .help = "how ps calls the process" },
	{ "debug-threads", PROP_BOOL, PROP_AT(struct name_said, debug_threads),
	  .form = "debug-threads=on|off", .help = "threads have names in any case" },
	{ 0 },
};
const struct props cmd_name_props = { .table = name_table, .first = "guest" };

static const struct prop boot_table[] = {
	{ "order", PROP_TEXT, PROP_AT(struct pc_options, boot_order), .form = "[order=]LETTERS",
	  .help = "what is tried first where no bootindex says: c disks, d CD-ROMs, a floppy disks (default cad)" },
	{ "strict", PROP_BOOL, PROP_AT(struct pc_options, boot_strict), .form = "strict=on|off",
	  .help = "whether the firmware stops behind what it was told to try (default off)" },
	{ "menu", PROP_BOOL, PROP_AT(struct pc_options, boot_menu), .form = "menu=on|off",
	  .help = "whether the firmware offers a menu (default off)" },
	{ "splash-time", PROP_NUMBER, PROP_AT(struct pc_options, boot_menu_wait), .min = 0,
	  .max = 0xffff, .form = "splash-time=MS", .help = "and for how long" },
	{ "reboot-timeout", PROP_NUMBER, PROP_AT(struct pc_options, boot_fail_wait), .min = -1,
	  .max = 0xffff, .form = "reboot-timeout=MS",
	  .help = "when the firmware tries again after it found nothing to boot (-1: never)" },
	{ 0 },
};
const struct props cmd_boot_props = { .table = boot_table, .first = "order" };

static const struct prop msg_table[] = {
	{ "timestamp", PROP_BOOL, PROP_AT(struct cmd_options, timestamps),
	  .form = "timestamp=on|off", .help = "the time in front of each (default off)" },
	{ 0 },
};
const struct props cmd_msg_props = { .table = msg_table };

static const struct prop overcommit_table[] = {
	{ "mem-lock", PROP_BOOL, PROP_AT(struct cmd_options, lock_memory),
	  .form = "mem-lock=on|off", .help = "none of our memory is swapped out (default off)" },
	{ "cpu-pm", PROP_ONLY, .words = off_words },
	{ 0 },
};
const struct props cmd_overcommit_props = { .table = overcommit_table };

bool cmd_parse_msg(struct cmd_parse *parse, const char *value)
{
	return cmd_props_parse(parse, &cmd_msg_props, value, parse->options, NULL);
}

bool cmd_parse_overcommit(struct cmd_parse *parse, const char *value)
{
	return cmd_props_parse(parse, &cmd_overcommit_props, value, parse->options, NULL);
}

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
	{ "reboot", PROP_WORD, PROP_AT(struct machine_options, no_reboot),
	  .words = (const char *const[]){ "reset", "shutdown", NULL },
	  .form = "reboot=reset|shutdown", .help = "shutdown is -no-reboot" },
	{ "shutdown", PROP_WORD, PROP_AT(struct machine_options, no_shutdown),
	  .words = (const char *const[]){ "poweroff", "pause", NULL },
	  .form = "shutdown=poweroff|pause", .help = "pause is -no-shutdown" },
	{ "panic", PROP_WORD, PROP_AT(struct machine_options, panic),
	  .words = (const char *const[]){ "shutdown", "pause", "none", NULL },
	  .form = "panic=shutdown|pause|none",
	  .help = "when the guest tells that its kernel panicked (default shutdown)" },
	{ 0 },
};
const struct props cmd_action_props = { .table = action_table };

bool cmd_parse_action(struct cmd_parse *parse, const char *value)
{
	return cmd_props_parse(parse, &cmd_action_props, value, &parse->options->pc.machine, NULL);
}

struct exits_options {
	int form;
	const char *file;
};

static const struct prop exits_table[] = {
	{ "form", PROP_WORD, PROP_AT(struct exits_options, form),
	  .words = (const char *const[]){ "none", "text", "json", "off", NULL },
	  .form = "text|json|off",
	  .help = "as a table, or as a record (one JSON object); off: nothing is counted" },
	{ "file", PROP_TEXT, PROP_AT(struct exits_options, file), .form = "file=PATH",
	  .help = "where to (default standard output)" },
	{ 0 },
};
const struct props cmd_exits_props = { .table = exits_table, .first = "form" };

bool cmd_parse_machine(struct cmd_parse *parse, const char *value)
{
	struct run_options said = { .accel = (int)parse->machine_accel,
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
	struct run_options said = { 0 };

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
	if (size > PC_RAM_MAX)
		return cmd_refuse(parse, "%.80s: more than a PC has (%llu MiB)", value,
				  (unsigned long long)(PC_RAM_MAX >> 20));
	parse->options->pc.ram = (size + grain - 1) / grain * grain;
	return true;
}

/* As in QEMU, -global says the same of lost ticks; the later of the two counts. */
static bool parse_driftfix(struct cmd_parse *parse, const char *value)
{
	static const char *const words[] = { "none", "slew", NULL };
	const struct device_global global = {
		"mc146818rtc",
		"lost_tick_policy",
		strcmp(value, "slew") ? "discard" : "slew",
	};

	if (prop_word(words, value) < 0)
		return cmd_refuse(parse, "driftfix=%.80s: not offered (only none, slew)", value);
	return cmd_add_global(parse, &global);
}

bool cmd_parse_rtc(struct cmd_parse *parse, const char *value)
{
	struct pc_options *pc = &parse->options->pc;
	struct rtc_said said = { .clock = pc->rtc_clock };
	const char *why;

	if (!cmd_props_parse(parse, &cmd_rtc_props, value, &said, NULL))
		return false;
	if (said.base && rtc_base_parse(said.base, &pc->rtc_base, &why))
		return cmd_refuse(parse, "base=%.80s: %s", said.base, why);
	pc->rtc_clock = said.clock;
	return !said.driftfix || parse_driftfix(parse, said.driftfix);
}

bool cmd_parse_fw_cfg(struct cmd_parse *parse, const char *value)
{
	struct pc_fw_cfg_item blob = { 0 };

	if (!cmd_props_parse(parse, &cmd_fw_cfg_props, value, &blob, NULL))
		return false;
	if (!blob.name)
		return cmd_refuse(parse, "needs name=NAME");
	if (strlen(blob.name) > FW_CFG_NAME_MAX)
		return cmd_refuse(parse, "name=%.80s: longer than %d characters", blob.name,
				  FW_CFG_NAME_MAX);
	if (!blob.string == !blob.file)
		return cmd_refuse(parse, "needs string=TEXT or file=PATH, one of them");
	for (size_t i = 0; i < parse->fw_cfg_n; i++) {
		if (!strcmp(parse->fw_cfg[i].name, blob.name))
			return cmd_refuse(parse, "name=%.80s: there is one already", blob.name);
	}
	if (!cmd_grow(parse, &parse->fw_cfg, parse->fw_cfg_n, sizeof(*parse->fw_cfg)))
		return false;
	parse->fw_cfg[parse->fw_cfg_n++] = blob;
	return true;
}

bool cmd_parse_name(struct cmd_parse *parse, const char *value)
{
	struct name_said said = { .guest = parse->options->pc.name,
				  .process = parse->options->process_name };

	if (!cmd_props_parse(parse, &cmd_name_props, value, &said, NULL))
		return false;
	parse->options->pc.name = said.guest;
	parse->options->process_name = said.process;
	return true;
}

static bool check_boot_order(struct cmd_parse *parse, const char *order)
{
	for (const char *at = order; at && *at; at++) {
		if (!strchr(PC_BOOT_LETTERS, *at))
			return cmd_refuse(parse, "order=%.80s: not offered (only letters of %s)",
					  order, PC_BOOT_LETTERS);
		if (strchr(at + 1, *at))
			return cmd_refuse(parse, "order=%.80s: %c is there twice", order, *at);
	}
	return true;
}

bool cmd_parse_boot(struct cmd_parse *parse, const char *value)
{
	uint32_t given;

	if (!cmd_props_parse(parse, &cmd_boot_props, value, &parse->options->pc, &given))
		return false;
	if (!check_boot_order(parse, parse->options->pc.boot_order))
		return false;
	if (given & props_bit(&cmd_boot_props, "reboot-timeout"))
		parse->options->pc.boot_fail_wait_given = true;
	return true;
}

bool cmd_parse_smp(struct cmd_parse *parse, const char *value)
{
	char nothing;

	return cmd_props_parse(parse, &cmd_smp_props, value, &nothing, NULL);
}

bool cmd_parse_uuid(struct cmd_parse *parse, const char *value)
{
	struct cmd_options *options = parse->options;

	if (uuid_parse(value, options->uuid))
		return cmd_refuse(parse, "%.80s: not a UUID", value);
	options->pc.uuid = options->uuid;
	return true;
}

bool cmd_parse_dir(struct cmd_parse *parse, const char *value)
{
	struct cmd_options *options = parse->options;
	const char *dir = cmd_keep(parse, value, strlen(value));

	if (!dir || !cmd_grow(parse, &options->dirs, options->dirs_n, sizeof(*options->dirs)))
		return false;
	options->dirs[options->dirs_n++] = dir;
	return true;
}

bool cmd_parse_exits(struct cmd_parse *parse, const char *value)
{
	struct exits_options said = { 0 };

	if (!cmd_props_parse(parse, &cmd_exits_props, value, &said, NULL))
		return false;
	if ((said.form == CMD_EXITS_NONE || said.form == CMD_EXITS_OFF) && said.file)
		return cmd_refuse(parse, "needs text or json");
	parse->options->exits = (enum cmd_exits)said.form;
	parse->options->exits_file = said.file;
	return true;
}

bool cmd_finish_machine(struct cmd_parse *parse)
{
	struct cmd_options *options = parse->options;

	if (parse->machine_accel_given) {
		if (parse->accel_given && parse->machine_accel != options->accel) {
			parse->said = "-accel";
			return cmd_refuse(parse, "-machine accel= says otherwise");
		}
		options->accel = parse->machine_accel;
	}
	if (options->exits != CMD_EXITS_NONE && options->accel == CMD_ACCEL_QTEST) {
		parse->said = "-exits";
		return cmd_refuse(parse,
				  "there is no processor to leave the kernel (-accel qtest)");
	}
	options->pc.fw_cfg = parse->fw_cfg;
	options->pc.fw_cfg_n = parse->fw_cfg_n;
	/* With -display none alone it would have the display that is not shown. */
	options->pc.serial_console = cmd_has_terminal(options);
	return true;
}
