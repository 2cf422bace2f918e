// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/sysinfo.h>

#include "cmd/table.h"

#define AT(member) .offset = offsetof(struct cmd_options, member)

static const char *const on_off_words[] = { "on", "off", NULL };
static const char *const none_words[] = { "none", NULL };

static bool parse_audiodev(struct cmd_parse *parse, const char *value);
static bool parse_control(struct cmd_parse *parse, const char *value)
{
	parse->options->no_control = !strcmp(value, "off");
	return true;
}

static bool parse_qtest_log(struct cmd_parse *parse, const char *value);
static bool parse_help(struct cmd_parse *parse, const char *value);
static bool parse_version(struct cmd_parse *parse, const char *value);

/* The values that -serial and its like take, for the help. */
static const struct prop dev_rows[] = {
	{ "stdio", .form = "stdio", .help = "the terminal; Ctrl-C ends the program" },
	{ "mon:stdio", .form = "mon:stdio",
	  .help = "the terminal; Ctrl-C is for the guest, Ctrl-A x ends the program" },
	{ "file", .form = "file:PATH", .help = "a file, written from its start" },
	{ "unix", .form = "unix:PATH[,server=on|off][,wait=on|off]",
	  .help = "a Unix socket, as with -chardev socket" },
	{ "tcp", .form = "tcp:HOST:PORT[,server=on|off][,PROP=VALUE...]",
	  .help = "a TCP connection, as with -chardev socket" },
	{ "telnet", .form = "telnet:HOST:PORT[,server=on|off][,PROP=VALUE...]",
	  .help = "the same for a telnet" },
	{ "pty", .form = "pty",
	  .help = "a new pseudo-terminal, whose name is printed at the start" },
	{ "pipe", .form = "pipe:PATH",
	  .help = "the FIFOs PATH.in and PATH.out, or PATH for both ways" },
	{ "chardev", .form = "chardev:ID", .help = "a -chardev" },
	{ "null", .form = "null", .help = "nothing: what is written is lost" },
	{ "none", .form = "none", .help = "the port or monitor is not there at all" },
	{ 0 },
};
static const struct props dev_forms = { .table = dev_rows };

const struct cmd_option cmd_option_table[] = {
	{ "machine", "M", CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_machine,
	  .form = "[type=]pc[,PROP=VALUE...]", .props = &cmd_machine_props,
	  .help = "Selects the machine and how it is run." },
	{ "accel", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_accel,
	  .form = "kvm|qtest", .props = &cmd_accel_props,
	  .help = "Selects what runs the guest (default kvm). Of several, the first counts." },
	{ "enable-kvm", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_enable_kvm,
	  .help = "The same as -accel kvm." },
	{ "cpu", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_cpu,
	  .form = "host|max[,+FLAG][,-FLAG][,FLAG=on|off]",
	  .help = "The processor: the host's, with features added or taken away by name (-cpu help lists them)." },
	{ "smp", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_smp,
	  .form = "[cpus=]1", .props = &cmd_smp_props, .help = "How many processors: one." },
	{ "m", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_memory,
	  .form = "[size=]N", .props = &cmd_memory_props, .help = "The guest's memory." },
	{ "bios", NULL, CMD_OPTION_TEXT, CMD_GROUP_MACHINE, AT(bios), .form = "FILE",
	  .help = "The firmware's image, looked for as given and then in the folders of -L." },
	{ "L", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_dir, .form = "DIR",
	  .help = "A folder with firmware. May be given several times." },
	{ "rtc", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_rtc,
	  .form = "[base=BASE][,clock=CLOCK][,driftfix=FIX]", .props = &cmd_rtc_props,
	  .help = "The real-time clock." },
	{ "global", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_global,
	  .form = "DEVICE.PROP=VALUE",
	  .help = "A property of every device of that name; driver=,property=,value= says the same. Besides those "
		  "of -device there are:" },
	{ "fw_cfg", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_fw_cfg,
	  .form = "[name=]NAME,string=TEXT|file=PATH", .props = &cmd_fw_cfg_props,
	  .help = "Gives the guest a named piece of data through the firmware's configuration device." },
	{ "boot", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_boot,
	  .form = "[order=]LETTERS[,PROP=VALUE...]", .props = &cmd_boot_props,
	  .help = "How the firmware starts." },
	{ "uuid", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_uuid, .form = "UUID",
	  .help = "The machine's UUID." },
	{ "name", NULL, CMD_OPTION_CALL, CMD_GROUP_MACHINE, .parse = cmd_parse_name,
	  .form = "[guest=]NAME", .props = &cmd_name_props, .help = "The machine's name." },

	{ "mem-path", NULL, CMD_OPTION_TEXT, CMD_GROUP_MACHINE, AT(pc.ram_folder), .form = "DIR",
	  .help = "The guest's memory is a file without a name in this folder, which may be one of large pages." },
	{ "mem-prealloc", NULL, CMD_OPTION_FLAG, CMD_GROUP_MACHINE, AT(pc.ram_populate),
	  .help = "The guest's memory is taken from the host at the start." },
	{ "no-hpet", NULL, CMD_OPTION_ONLY, CMD_GROUP_MACHINE, .help = "There is none anyway." },
	{ "k", NULL, CMD_OPTION_ONLY, CMD_GROUP_MACHINE,
	  .words = (const char *const[]){ "en-us", NULL }, .form = "en-us",
	  .help = "The layout of the keyboard that names of keys are those of." },

	{ "drive", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_drive,
	  .form = "file=PATH[,PROP=VALUE...]", .props = &cmd_drive_props,
	  .help = "A disk or a CD-ROM." },
	{ "hda", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_hd, .form = "PATH",
	  .help = "The first IDE disk: -drive file=PATH,index=0 in short." },
	{ "hdb", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_hd, .form = "PATH",
	  .help = "The second, index=1." },
	{ "hdc", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_hd, .form = "PATH",
	  .help = "The third, index=2." },
	{ "hdd", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_hd, .form = "PATH",
	  .help = "The fourth, index=3." },
	{ "cdrom", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_cdrom, .form = "PATH",
	  .help = "An IDE CD-ROM: -drive file=PATH,index=2,media=cdrom in short." },
	{ "fda", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_fda, .form = "FILE",
	  .help = "A floppy disk in drive A, as -drive if=floppy,index=0; its size says which kind it is." },
	{ "fdb", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_fdb, .form = "FILE",
	  .help = "The same in drive B." },
	{ "device", NULL, CMD_OPTION_CALL, CMD_GROUP_DISK, .parse = cmd_parse_device,
	  .form = "DEVICE[,PROP=VALUE...]", .help = "Adds a device:" },

	{ "chardev", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_chardev,
	  .form = "null|stdio|file|socket|pty|pipe|ringbuf,id=ID[,PROP=VALUE...]",
	  .props = &cmd_chardev_props,
	  .help = "A character back-end for others to use; each has one user." },
	{ "serial", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_serial,
	  .form = "DEV", .props = &dev_forms,
	  .help = "Connects the next serial port. Without it the first port is at mon:stdio, as with -nographic, "
		  "or at null if -display none is given or somebody is to see the machine (curses, -vnc). DEV is one of:" },
	{ "parallel", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_parallel,
	  .form = "DEV",
	  .help = "Connects the next parallel port to a printer. Without it there is none. DEV as with -serial." },
	{ "debugcon", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_debugcon,
	  .form = "DEV",
	  .help = "A debug console at port 0xe9, or where -global isa-debugcon.iobase says. "
		  "DEV as with -serial." },
	{ "display", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_display,
	  .form = "none|curses|vnc=ADDRESS[,PROP=VALUE...]",
	  .help = "Who sees the machine's picture. none also takes the serial port off the terminal; "
		  "curses shows the machine's text modes there and takes its keys, until Ctrl-A x; "
		  "vnc= is the same as -vnc." },
	{ "nographic", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_nographic,
	  .help = "No display, and the first serial port at the terminal." },
	{ "vnc", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_vnc,
	  .form = "[HOST]:D|unix:PATH|none[,PROP=VALUE...]", .props = &cmd_vnc_props,
	  .help = "Shows the machine's picture to VNC viewers and takes their keys and mouse, at TCP port "
		  "5900 + D of HOST, or of this host alone if none is given." },
	{ "vga", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = cmd_parse_vga,
	  .form = "std|none",
	  .help = "A graphics adapter with the Bochs VBE extensions, as -device VGA, or none. It is there if "
		  "nothing is said and somebody is to see it (-vnc, -display curses)." },
	{ "audio", NULL, CMD_OPTION_ONLY, CMD_GROUP_CHARACTER,
	  .words = (const char *const[]){ "none", "driver=none", NULL }, .form = "none",
	  .help = "There is no sound." },
	{ "audiodev", NULL, CMD_OPTION_CALL, CMD_GROUP_CHARACTER, .parse = parse_audiodev,
	  .form = "none[,id=ID]", .help = "There is no sound." },
	{ "nic", NULL, CMD_OPTION_ONLY, CMD_GROUP_CHARACTER, .words = none_words, .form = "none",
	  .help = "There is no network." },
	{ "net", NULL, CMD_OPTION_ONLY, CMD_GROUP_CHARACTER, .words = none_words, .form = "none",
	  .help = "There is no network." },

	{ "qmp", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .parse = cmd_parse_qmp, .form = "DEV",
	  .help = "A QMP monitor, for example at unix:PATH,server=on,wait=off. DEV as with -serial." },
	{ "mon", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .parse = cmd_parse_mon,
	  .form = "[chardev=]ID[,mode=readline|control]", .props = &cmd_mon_props,
	  .help = "A monitor at a -chardev." },
	{ "monitor", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .parse = cmd_parse_monitor,
	  .form = "DEV",
	  .help = "A monitor for people (help there tells its commands), for example at "
		  "stdio. There is none if nothing is said. DEV as with -serial." },
	{ "control", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .words = on_off_words,
	  .parse = parse_control, .form = "on|off",
	  .help = "A QMP monitor at the abstract socket @coalport/PID, for the tools that look at this "
		  "machine; only the same user and root get in (default on; off with -accel qtest)." },
	{ "qtest", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .parse = cmd_parse_qtest,
	  .form = "DEV",
	  .help = "Takes commands of the qtest protocol; needs -accel qtest. DEV as with -serial." },
	{ "qtest-log", NULL, CMD_OPTION_CALL, CMD_GROUP_MONITOR, .parse = parse_qtest_log,
	  .form = "PATH|none",
	  .help = "Where the commands and answers of -qtest are written down (default none)." },

	{ "exits", NULL, CMD_OPTION_CALL, CMD_GROUP_RUN, .parse = cmd_parse_exits,
	  .form = "text|json[,file=PATH]|off", .props = &cmd_exits_props,
	  .help = "At the end, reports which port and memory accesses left the kernel, how often and for how long, "
		  "and which writes coalescing kept in it." },
	{ "S", NULL, CMD_OPTION_FLAG, CMD_GROUP_RUN, AT(paused),
	  .help = "Starts paused; a monitor's cont lets it go." },
	{ "no-reboot", NULL, CMD_OPTION_FLAG, CMD_GROUP_RUN, AT(pc.machine.no_reboot),
	  .help = "Ends the program when the guest resets the machine." },
	{ "no-shutdown", NULL, CMD_OPTION_FLAG, CMD_GROUP_RUN, AT(pc.machine.no_shutdown),
	  .help = "Pauses when the guest powers off, instead of ending the program." },
	{ "action", NULL, CMD_OPTION_CALL, CMD_GROUP_RUN, .parse = cmd_parse_action,
	  .form = "EVENT=WHAT[,...]", .props = &cmd_action_props,
	  .help = "What is done when the guest wants something." },
	{ "nodefaults", NULL, CMD_OPTION_FLAG, CMD_GROUP_RUN, AT(nodefaults),
	  .help = "Leaves out the serial port that nobody asked for." },
	{ "no-user-config", NULL, CMD_OPTION_ONLY, CMD_GROUP_RUN,
	  .help = "No configuration files are read anyway." },
	{ "pidfile", NULL, CMD_OPTION_TEXT, CMD_GROUP_RUN, AT(pidfile), .form = "FILE",
	  .help = "Writes the process's number to a file, which goes when the program ends." },
	{ "daemonize", NULL, CMD_OPTION_FLAG, CMD_GROUP_RUN, AT(daemonize),
	  .help = "Goes on in the background when the machine is ready; the status tells whether it is." },
	{ "chroot", NULL, CMD_OPTION_TEXT, CMD_GROUP_RUN, AT(chroot_dir), .form = "DIR",
	  .help = "Sees nothing outside of this folder once everything is open." },
	{ "runas", NULL, CMD_OPTION_TEXT, CMD_GROUP_RUN, AT(runas), .form = "USER|UID:GID",
	  .help = "Becomes this user once everything is open." },
	{ "msg", NULL, CMD_OPTION_CALL, CMD_GROUP_RUN, .parse = cmd_parse_msg,
	  .form = "timestamp=on|off", .props = &cmd_msg_props, .help = "How messages look." },
	{ "overcommit", NULL, CMD_OPTION_CALL, CMD_GROUP_RUN, .parse = cmd_parse_overcommit,
	  .form = "mem-lock=on|off", .props = &cmd_overcommit_props,
	  .help = "What of the host is the machine's alone." },
	{ "readconfig", NULL, CMD_OPTION_CALL, CMD_GROUP_RUN, .parse = cmd_parse_readconfig,
	  .form = "FILE",
	  .help = "Reads options from a file: [drive \"ID\"] and lines such as file = \"PATH\" stand for "
		  "-drive id=ID,file=PATH." },
	{ "D", NULL, CMD_OPTION_TEXT, CMD_GROUP_RUN, AT(log_file), .form = "FILE",
	  .help = "Writes messages to a file instead of standard error." },

	{ "help", "h", CMD_OPTION_CALL, CMD_GROUP_ABOUT, .parse = parse_help,
	  .help = "Prints this and ends." },
	{ "version", NULL, CMD_OPTION_CALL, CMD_GROUP_ABOUT, .parse = parse_version,
	  .help = "Prints the version and ends." },
	{ 0 },
};

static bool parse_words(struct cmd_parse *parse, const char *value)
{
	const char *const *words = parse->option->words;
	char names[64];
	size_t used = 0;

	if (!words || prop_word(words, value) >= 0)
		return true;
	for (size_t i = 0; words[i] && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 words[i]);
	return cmd_refuse(parse, "%.80s: not offered (only %s)", value, names);
}

static bool parse_audiodev(struct cmd_parse *parse, const char *value)
{
	static const struct prop rows[] = {
		{ "driver", PROP_ONLY, .words = none_words, .form = "none", .help = "" },
		{ "id", PROP_TEXT, .size = sizeof(char *), .form = "id=ID", .help = "" },
		{ 0 },
	};
	static const struct props props = { .table = rows, .first = "driver" };
	const char *id;

	return cmd_props_parse(parse, &props, value, &id, NULL);
}

static bool parse_qtest_log(struct cmd_parse *parse, const char *value)
{
	struct cmd_options *options = parse->options;

	options->qtest_log = strcmp(value, "none") ? cmd_keep(parse, value, strlen(value)) : NULL;
	return !options->error[0];
}

static bool parse_help(struct cmd_parse *parse, const char *value)
{
	parse->options->action = CMD_HELP;
	return true;
}

static bool parse_version(struct cmd_parse *parse, const char *value)
{
	parse->options->action = CMD_VERSION;
	return true;
}

bool cmd_parse_option(struct cmd_parse *parse, const char *value)
{
	const struct cmd_option *option = parse->option;
	void *at = (char *)parse->options + option->offset;

	if (option->form && !*value)
		return cmd_refuse(parse, "needs a value (%s)", option->form);
	switch (option->kind) {
	case CMD_OPTION_FLAG:
		*(bool *)at = true;
		return true;
	case CMD_OPTION_TEXT:
		*(const char **)at = cmd_keep(parse, value, strlen(value));
		return *(const char **)at != NULL;
	case CMD_OPTION_ONLY:
		return parse_words(parse, value);
	case CMD_OPTION_CALL:
		return option->parse(parse, value);
	}
	return false;
}

/* The row of an option as typed, with one dash or two. */
const struct cmd_option *cmd_find_option(const char *typed)
{
	const char *name = typed + (typed[1] == '-' ? 2 : 1);

	for (const struct cmd_option *row = cmd_option_table; row->name; row++) {
		if (!strcmp(row->name, name) || (row->alias && !strcmp(row->alias, name)))
			return row;
	}
	return NULL;
}

/* What needs a terminal that is left. */
static bool finish_daemon(struct cmd_parse *parse)
{
	const struct cmd_options *options = parse->options;

	parse->said = "-daemonize";
	if (!options->daemonize)
		return true;
	if (options->nographic)
		return cmd_refuse(parse, "-nographic cannot be used with -daemonize");
	if (options->curses_wanted)
		return cmd_refuse(parse, "curses display cannot be used with -daemonize");
	if (options->exits != CMD_EXITS_NONE && options->exits != CMD_EXITS_OFF &&
	    !options->exits_file)
		return cmd_refuse(parse, "-exits needs file=PATH, since nobody reads the output");
	return true;
}

static bool check_stdio(struct cmd_parse *parse)
{
	const struct cmd_options *options = parse->options;

	parse->said = "-daemonize";
	for (size_t i = 0; i < options->chardevs_n && options->daemonize; i++) {
		if (options->chardevs[i].options.kind == CHARDEV_STDIO)
			return cmd_refuse(parse, "cannot use stdio with -daemonize");
	}
	return true;
}

static bool parse_all(struct cmd_parse *parse, int argc, char *const argv[])
{
	struct cmd_options *options = parse->options;

	for (int i = 1; i < argc && options->action == CMD_RUN; i++) {
		const char *value = "";

		parse->said = argv[i];
		if (argv[i][0] != '-')
			return cmd_refuse(
				parse,
				"not an option (a disk is -drive file=PATH,format=raw,if=virtio)");
		parse->option = cmd_find_option(argv[i]);
		if (!parse->option)
			return cmd_refuse(parse, "unknown option (see coalport -help)");
		if (parse->option->form) {
			if (++i == argc)
				return cmd_refuse(parse, "needs a value (%s)", parse->option->form);
			value = argv[i];
		}
		if (!cmd_parse_option(parse, value))
			return false;
	}
	return options->action != CMD_RUN ||
	       (finish_daemon(parse) && cmd_finish_machine(parse) && cmd_finish_char(parse) &&
		cmd_finish_display(parse) && cmd_finish_devices(parse) && check_stdio(parse));
}

static uint64_t host_memory(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return UINT64_MAX;
	return ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
}

bool cmd_options_parse(struct cmd_options *options, int argc, char *const argv[],
		       uint64_t memory_max)
{
	struct cmd_parse parse = {
		.options = options,
		.memory_max = memory_max ? memory_max : host_memory(),
	};

	memset(options, 0, sizeof(*options));
	options->pc.ram = UINT64_C(128) << 20;
	options->pc.boot_menu_wait = -1;
	return parse_all(&parse, argc, argv);
}

void cmd_options_free(struct cmd_options *options)
{
	arena_free(&options->arena);
}
