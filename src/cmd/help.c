// SPDX-License-Identifier: MIT
/* The option table as text: -help, the man page's parts, completion. */
#include <string.h>

#include "cmd/table.h"
#include "hv/cpuid.h"

static const char *const group_titles[CMD_GROUPS_N] = {
	[CMD_GROUP_MACHINE] = "Machine",           [CMD_GROUP_DISK] = "Disks and devices",
	[CMD_GROUP_CHARACTER] = "Consoles",        [CMD_GROUP_MONITOR] = "Control",
	[CMD_GROUP_RUN] = "Running and reporting", [CMD_GROUP_ABOUT] = "About",
};

static const struct {
	const char *form;
	const char *help;
} verbs[] = {
	{ "advise [TARGET|FILE|-p PID] [--try] [--for TIME]",
	  "Says in sentences which exits of a guest need not be, and what to do about each: of a running "
	  "machine, any KVM process, or a recording. With --try the zones that are advised are added, "
	  "measured and taken back." },
	{ "bench rtc [--guests N]",
	  "Measures pairs of index and data accesses to the RTC and to PCI configuration, with coalescing off "
	  "and on in turn: exits a pair, and what a write costs by the guest's own clock." },
	{ "bench boot --disk FILE",
	  "Boots an image by SeaBIOS with coalescing off and on, beside QEMU where it is installed." },
	{ "bench legacy [--rounds N] [--images FOLDER]",
	  "Does what old software does with a screen, an IDE disk and a CD-ROM, with coalescing on and off, "
	  "beside QEMU where it is installed: the trips to user space of each piece of work, counted from "
	  "outside. With the images that scripts/make-legacy-disks.sh makes, GRUB and FreeDOS too." },
	{ "bench ticks [--guests N]",
	  "Lets guests tick on the RTC at 64 and 1024 Hz: host CPU time." },
	{ "bench start",
	  "Measures the time to the first guest instruction, and memory besides the guest's." },
	{ "coalesce add|del|reset|list TARGET [RANGE ...]",
	  "Lets writes to a running machine wait in the kernel, or exit; lists which do. What would harm is "
	  "refused." },
	{ "report FILE [FILE] [--html FILE]",
	  "Shows what records and recordings of exits tell, as text or as a page with plots that needs nothing "
	  "else; two of them beside each other." },
	{ "stats [NAME|PID|SOCKET ...] [--prometheus|--json] [--output FILE] [--interval TIME]",
	  "What the exits of running machines come to: a line each, their records, or metrics for Prometheus, "
	  "which node_exporter's textfile collector finds in FILE." },
	{ "top [NAME|PID|SOCKET] [--interval TIME] [--once|--json]",
	  "Shows live which ports and addresses a running machine leaves the kernel for, how often and for how "
	  "long, and what the ring saves: full screen on a terminal, else as text. h there tells the keys." },
	{ "trace -p PID|--all [--for TIME] [--interval TIME] [--json] [--qmp SOCKET]",
	  "Counts the exits of any KVM guest, QEMU's too, at the kernel's tracepoints: which ports and "
	  "addresses, which left the kernel, how long each took, which raised interrupts. Needs root or "
	  "CAP_PERFMON (and CAP_BPF, to cost the guest little). coalport trace --help has the rest." },
};

static const struct {
	const char *status;
	const char *help;
} statuses[] = {
	{ "0",
	  "The guest powered off, or the program was told to end (SIGTERM, SIGINT, Ctrl-A x, QMP quit)." },
	{ "1", "The host failed us: no /dev/kvm, a file that cannot be opened, no memory." },
	{ "2", "The command line makes no sense; a line on standard error names what." },
	{ "2N+1", "The guest wrote N to isa-debug-exit." },
};

#define HELP_INDENT 16
#define HELP_WIDTH  80

/* Prints text in lines of HELP_WIDTH, all of them indented by indent. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
	int column = 0;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column && column + 1 + len > HELP_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (!column)
			column = fprintf(out, "%*s%.*s", indent, "", len, text);
		else
			column += fprintf(out, " %.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_props(FILE *out, const struct props *props, int indent)
{
	const struct prop *row;

	for (size_t i = 0; (row = props_row(props, i)); i++) {
		char line[512];

		if (!row->help)
			continue;
		snprintf(line, sizeof(line), "%s: %s", row->form, row->help);
		print_wrapped(out, line, indent);
	}
}

/* The devices that -device adds, and what can be said of each. */
static void print_devices(FILE *out, int indent)
{
	for (const struct device_type *const *at = board_device_types; *at; at++) {
		const struct props props = device_props(*at);
		char line[512];

		if (!(*at)->user)
			continue;
		snprintf(line, sizeof(line), "%s: %s", (*at)->name, (*at)->about);
		print_wrapped(out, line, indent);
		print_props(out, &props, indent + 2);
	}
}

/* What can be said of the devices of every machine. */
static void print_globals(FILE *out, int indent)
{
	for (const struct device_type *const *at = board_device_types; *at; at++) {
		for (const struct prop *row = (*at)->props; row && row->name; row++) {
			char line[512];

			if ((*at)->user || !row->help)
				continue;
			snprintf(line, sizeof(line), "%s.%s: %s", (*at)->name, row->form,
				 row->help);
			print_wrapped(out, line, indent);
		}
	}
}

/* In QEMU's form, which tools read. */
static void list_devices(FILE *out)
{
	static const char *const titles[DEVICE_GROUPS] = {
		[DEVICE_BRIDGE] = "Controller/Bridge/Hub",
		[DEVICE_STORAGE] = "Storage",
		[DEVICE_INPUT] = "Input",
		[DEVICE_DISPLAY] = "Display",
		[DEVICE_MISC] = "Misc",
	};
	bool any = false;

	for (int group = 0; group < DEVICE_GROUPS; group++) {
		bool titled = false;

		for (const struct device_type *const *at = board_device_types; *at; at++) {
			if (!(*at)->user || (int)(*at)->group != group)
				continue;
			if (!titled)
				fprintf(out, "%s%s devices:\n", any ? "\n" : "", titles[group]);
			titled = any = true;
			fprintf(out, "name \"%s\", bus %s, desc \"%s\"\n", (*at)->name,
				device_bus_name((*at)->bus), (*at)->about);
		}
	}
}

static void list_prop(FILE *out, const struct prop *row)
{
	char line[128];

	snprintf(line, sizeof(line), "  %s=<%s>", row->name, prop_type(row));
	fprintf(out, "%-24s - %s\n", line, row->help);
}

/* The same of one device's properties, by name. */
static void list_props(FILE *out, const struct device_type *type)
{
	const struct props props = device_props(type);
	const struct prop *row, *last = NULL, *next;

	fprintf(out, "%s options:\n", type->name);
	do {
		next = NULL;
		for (size_t i = 0; (row = props_row(&props, i)); i++) {
			if (row->help && (!last || strcmp(row->name, last->name) > 0) &&
			    (!next || strcmp(row->name, next->name) < 0))
				next = row;
		}
		if (next)
			list_prop(out, next);
		last = next;
	} while (last);
}

static void print_cpu_flags(FILE *out)
{
	int column = 0;
	const char *name;

	for (size_t i = 0; (name = hv_cpu_flag_name(i)); i++) {
		if (column + 1 + (int)strlen(name) > HELP_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		column += fprintf(out, " %s", name);
	}
	fputc('\n', out);
}

static void print_option(FILE *out, const struct cmd_option *option)
{
	if (option->alias)
		fprintf(out, "-%s, ", option->alias);
	fprintf(out, "-%s%s%s\n", option->name, option->form ? " " : "",
		option->form ? option->form : "");
	print_wrapped(out, option->help, HELP_INDENT);
	if (option->props)
		print_props(out, option->props, HELP_INDENT + 2);
	if (option->parse == cmd_parse_device)
		print_devices(out, HELP_INDENT + 2);
	if (option->parse == cmd_parse_global)
		print_globals(out, HELP_INDENT + 2);
}

static void print_help(FILE *out)
{
	fprintf(out,
		"usage: coalport [OPTIONS]\n"
		"       coalport VERB ...\n"
		"Without options: runs a small guest of its own that shows what coalescing saves.\n\n"
		"Verbs:\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		fprintf(out, "%s\n", verbs[i].form);
		print_wrapped(out, verbs[i].help, HELP_INDENT);
	}
	for (int group = 0; group < CMD_GROUPS_N; group++) {
		fprintf(out, "\n%s:\n", group_titles[group]);
		for (const struct cmd_option *row = cmd_option_table; row->name; row++) {
			if ((int)row->group == group)
				print_option(out, row);
		}
	}
	fprintf(out,
		"\nOptions are QEMU's where QEMU has them, with one dash or two. A comma in a value is "
		"written twice.\n");
}

void cmd_options_print(const struct cmd_options *options, FILE *out)
{
	switch (options->action) {
	case CMD_RUN:
		break;
	case CMD_HELP:
		print_help(out);
		break;
	case CMD_VERSION:
		fprintf(out, "coalport version %s\n", CMD_VERSION_TEXT);
		break;
	case CMD_LIST_MACHINES:
		fprintf(out,
			"Supported machines are:\npc                   Standard PC (i440FX + PIIX) (default)\n");
		break;
	case CMD_LIST_ACCELS:
		fprintf(out, "Accelerators supported in coalport binary:\nkvm\nqtest\n");
		break;
	case CMD_LIST_CPUS:
		fprintf(out,
			"Available CPUs:\nhost                  what KVM offers of the host's processor\n"
			"max                   the same\n\nRecognized CPUID flags:\n");
		print_cpu_flags(out);
		break;
	case CMD_LIST_DEVICES:
		list_devices(out);
		break;
	case CMD_LIST_PROPS:
		list_props(out, options->device_type);
		break;
	}
}

/* Text with what roff would take for its own made harmless. */
static void man_text(FILE *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '-')
			fputs("\\-", out);
		else if (*at == '\\')
			fputs("\\e", out);
		else if (at == text && (*at == '.' || *at == '\''))
			fprintf(out, "\\&%c", *at);
		else
			fputc(*at, out);
	}
}

static void man_item(FILE *out, const char *term, const char *help)
{
	fputs(".TP\n\\fB", out);
	man_text(out, term);
	fputs("\\fR\n", out);
	man_text(out, help);
	fputc('\n', out);
}

static void man_props(FILE *out, const struct props *props)
{
	const struct prop *row;

	fputs(".RS\n", out);
	for (size_t i = 0; (row = props_row(props, i)); i++) {
		if (row->help)
			man_item(out, row->form, row->help);
	}
	fputs(".RE\n", out);
}

static void man_devices(FILE *out)
{
	fputs(".RS\n", out);
	for (const struct device_type *const *at = board_device_types; *at; at++) {
		const struct props props = device_props(*at);

		if (!(*at)->user)
			continue;
		man_item(out, (*at)->name, (*at)->about);
		man_props(out, &props);
	}
	fputs(".RE\n", out);
}

static void man_globals(FILE *out)
{
	fputs(".RS\n", out);
	for (const struct device_type *const *at = board_device_types; *at; at++) {
		for (const struct prop *row = (*at)->props; row && row->name; row++) {
			char term[128];

			if ((*at)->user || !row->help)
				continue;
			snprintf(term, sizeof(term), "%s.%s", (*at)->name, row->form);
			man_item(out, term, row->help);
		}
	}
	fputs(".RE\n", out);
}

static void man_option(FILE *out, const struct cmd_option *option)
{
	fputs(".TP\n", out);
	if (option->alias)
		fprintf(out, "\\fB\\-%s\\fR, ", option->alias);
	fputs("\\fB\\-", out);
	man_text(out, option->name);
	fputs("\\fR", out);
	if (option->form) {
		fputc(' ', out);
		man_text(out, option->form);
	}
	fputc('\n', out);
	man_text(out, option->help);
	fputc('\n', out);
	if (option->props)
		man_props(out, option->props);
	if (option->parse == cmd_parse_device)
		man_devices(out);
	if (option->parse == cmd_parse_global)
		man_globals(out);
}

void cmd_options_man(FILE *out)
{
	fputs(".SH OPTIONS\n", out);
	for (int group = 0; group < CMD_GROUPS_N; group++) {
		fputs(".SS ", out);
		man_text(out, group_titles[group]);
		fputc('\n', out);
		for (const struct cmd_option *row = cmd_option_table; row->name; row++) {
			if ((int)row->group == group)
				man_option(out, row);
		}
	}
	fputs(".SH VERBS\n", out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		man_item(out, verbs[i].form, verbs[i].help);
	fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		man_item(out, statuses[i].status, statuses[i].help);
}

void cmd_options_completion(FILE *out)
{
	fputs("# bash completion for coalport\n"
	      "_coalport()\n{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]}\n"
	      "\tif [[ $word == -* ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W '",
	      out);
	for (const struct cmd_option *row = cmd_option_table; row->name; row++) {
		fprintf(out, "-%s ", row->name);
		if (row->alias)
			fprintf(out, "-%s ", row->alias);
	}
	fputs("' -- \"$word\")\n"
	      "\telif [[ $COMP_CWORD == 1 ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W 'advise bench coalesce report stats top trace' -- \"$word\")\n"
	      "\tfi\n}\n"
	      "complete -o default -F _coalport coalport\n",
	      out);
}
