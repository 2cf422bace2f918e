// SPDX-License-Identifier: MIT
/* The monitor's commands, and how a line becomes a call of one. */
#include <errno.h>
#include <string.h>

#include "ctl/hmp_impl.h"
#include "ctl/line.h"

static void help(struct hmp_call *call);

const struct hmp_command ctl_hmp_commands[] = {
	{ "balloon", NULL, "target", "request VM to change its memory allocation (in MB)",
	  ctl_hmp_balloon, 1, 1, "target" },
	{ "change", NULL, "device filename [format]", "change a removable medium", ctl_hmp_change,
	  2, 3, "device and filename" },
	{ "cont", "c", "", "resume emulation", NULL, 0, 0, NULL },
	{ "cpu", NULL, "index", "set the default CPU", ctl_hmp_cpu, 1, 1, "index" },
	{ "eject", NULL, "[-f] device",
	  "eject a removable medium (use -f to force it), by the name of its drive", ctl_hmp_eject,
	  1, 2, "block device name" },
	{ "help", "?", "[cmd]", "show the help", help, 0, 2, NULL },
	{ "info", NULL, "[subcommand]", "show various information about the system state",
	  ctl_hmp_info, 0, 3, NULL },
	{ "quit", "q", "", "quit the emulator", NULL, 0, 0, NULL },
	{ "screendump", NULL, "filename [format]", "save screen into PPM image 'filename', or PNG",
	  ctl_hmp_screendump, 1, 2, "filename" },
	{ "sendkey", NULL, "keys [hold_ms]",
	  "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)",
	  ctl_hmp_sendkey, 1, 2, "keys" },
	{ "stop", "s", "", "stop emulation", NULL, 0, 0, NULL },
	{ "system_powerdown", NULL, "", "send system power down event", NULL, 0, 0, NULL },
	{ "system_reset", NULL, "", "reset the system", NULL, 0, 0, NULL },
	{ "system_wakeup", NULL, "", "wakeup guest from suspend", NULL, 0, 0, NULL },
	{ "x", NULL, "/fmt addr", "virtual memory dump starting at 'addr'", ctl_hmp_look_linear, 1,
	  2, "address" },
	{ "xp", NULL, "/fmt addr", "physical memory dump starting at 'addr'", ctl_hmp_look_physical,
	  1, 2, "address" },
	{ 0 },
};

/* Asking QMP */

struct json_object *ctl_hmp_member(struct json_object *object, const char *path)
{
	struct json_object *value = object;

	for (const char *at = path; value && at;) {
		const char *end = strchr(at, '.');
		char name[64];

		snprintf(name, sizeof(name), "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
		if (!json_object_object_get_ex(value, name, &value))
			value = NULL;
		at = end ? end + 1 : NULL;
	}
	return value;
}

const char *ctl_hmp_text(struct json_object *object, const char *path)
{
	struct json_object *value = ctl_hmp_member(object, path);

	return value ? json_object_get_string(value) : "";
}

int64_t ctl_hmp_number(struct json_object *object, const char *path)
{
	return json_object_get_int64(ctl_hmp_member(object, path));
}

bool ctl_hmp_bool(struct json_object *object, const char *path)
{
	return json_object_get_boolean(ctl_hmp_member(object, path));
}

bool ctl_hmp_ask(struct hmp_call *call, const char *name, struct json_object *arguments,
		 struct json_object **result)
{
	struct json_object *request = json_object_new_object(), *answer;
	struct json_object *error, *value = NULL;

	ctl_qmp_put(request, "execute", json_object_new_string(name));
	if (arguments)
		ctl_qmp_put(request, "arguments", arguments);
	answer = ctl_qmp_execute(call->qmp, request);
	json_object_put(request);
	error = ctl_hmp_member(answer, "error.desc");
	if (error || !json_object_object_get_ex(answer, "return", &value)) {
		fprintf(call->out, "Error: %s\n",
			error ? json_object_get_string(error) : strerror(ENOMEM));
		json_object_put(answer);
		return false;
	}
	if (result)
		*result = json_object_get(value);
	json_object_put(answer);
	return true;
}

/* Help */

static void help_line(FILE *out, const char *prefix, const struct hmp_command *command)
{
	fprintf(out, "%s%s%s%s%s%s -- %s\n", prefix, command->name, command->alias ? "|" : "",
		command->alias ? command->alias : "", " ", command->form, command->help);
}

static bool is_called(const struct hmp_command *command, const char *name)
{
	return !strcmp(command->name, name) || (command->alias && !strcmp(command->alias, name));
}

static const struct hmp_command *find(const struct hmp_command *table, const char *name)
{
	for (const struct hmp_command *row = table; row->name; row++) {
		if (is_called(row, name))
			return row;
	}
	return NULL;
}

static void help_infos(FILE *out)
{
	for (const struct hmp_command *row = ctl_hmp_infos; row->name; row++)
		help_line(out, "info ", row);
}

static void help(struct hmp_call *call)
{
	const struct hmp_command *command;

	if (!call->n) {
		for (const struct hmp_command *row = ctl_hmp_commands; row->name; row++)
			help_line(call->out, "", row);
		return;
	}
	command = find(ctl_hmp_commands, call->args[0]);
	if (command && command->run == ctl_hmp_info) {
		command = call->n > 1 ? find(ctl_hmp_infos, call->args[1]) : NULL;
		if (command)
			help_line(call->out, "info ", command);
		else
			help_infos(call->out);
		return;
	}
	if (command)
		help_line(call->out, "", command);
	else
		fprintf(call->out, "unknown command: '%s'\n", call->args[0]);
}

/* A line */

/* The words of a line, which is cut up for that. */
struct words {
	char *at[HMP_ARGS_MAX + 1];
	size_t n;
	const char *wrong; /* or NULL */
};

/* The end of a word in quotes; they and the backslashes in it are taken out. NULL: it has none. */
static char *unquote(char *word)
{
	char *to = word;

	for (char *from = word + 1; *from; from++) {
		if (*from == '"') {
			*to = '\0';
			return from + 1;
		}
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	return NULL;
}

/* Words are apart by spaces; a format begins with "/", behind the command's name without a space, too. */
static struct words split(char *line)
{
	struct words words = { .n = 0 };

	for (char *at = line + strspn(line, " \t"); *at; at += strspn(at, " \t")) {
		char *end = at + (words.n ? strcspn(at, " \t") : strcspn(at, " \t/"));

		if (words.n == HMP_ARGS_MAX + 1) {
			words.wrong = "extraneous characters at the end of line";
			return words;
		}
		words.at[words.n++] = at;
		if (*at == '"' && !(end = unquote(at))) {
			words.wrong = "unterminated string";
			return words;
		}
		if (*end == '/' && words.n == 1) {
			/* The name's end is the format's begin: the name moves to make room for one. */
			memmove(at - 1, at, (size_t)(end - at));
			words.at[0] = at - 1;
			end[-1] = '\0';
			at = end;
			continue;
		}
		at = *end ? end + 1 : end;
		*end = '\0';
	}
	return words;
}

static void refuse(FILE *out, const char *prefix, const char *name, const char *why)
{
	fprintf(out, "%s%s: %s\nTry \"help %s%s\" for more information\n", prefix, name, why,
		prefix, name);
}

/* Runs the row that the first argument names. */
static void run(struct hmp_call *call, const struct hmp_command *table, const char *prefix,
		const char *name)
{
	const struct hmp_command *command = find(table, name);
	char why[64];

	if (!command) {
		fprintf(call->out, "unknown command: '%s%s'\n", prefix, name);
		return;
	}
	if (call->n < command->min) {
		snprintf(why, sizeof(why), "%s expected", command->wants);
		refuse(call->out, prefix, command->name, why);
	} else if (call->n > command->max) {
		refuse(call->out, prefix, command->name,
		       "extraneous characters at the end of line");
	} else if (command->run) {
		command->run(call);
	} else {
		ctl_hmp_ask(call, command->name, NULL, NULL);
	}
}

void ctl_hmp_info(struct hmp_call *call)
{
	struct hmp_call inner = *call;
	const char *name = call->n ? call->args[0] : NULL;

	if (!name) {
		help_infos(call->out);
		return;
	}
	inner.n--;
	for (size_t i = 0; i < inner.n; i++)
		inner.args[i] = call->args[i + 1];
	run(&inner, ctl_hmp_infos, "info ", name);
}

void ctl_hmp_execute(struct ctl_qmp *qmp, unsigned *cpu, const char *line, FILE *out)
{
	/* With room in front, for split(). */
	char copy[CTL_LINE_MAX + 1] = " ";
	struct hmp_call call = { .qmp = qmp, .out = out, .cpu = cpu };
	struct words words;

	snprintf(copy + 1, sizeof(copy) - 1, "%s", line);
	words = split(copy);
	if (!words.n)
		return;
	if (words.wrong) {
		fprintf(out, "%s: %s\n", words.at[0], words.wrong);
		return;
	}
	call.n = words.n - 1;
	for (size_t i = 0; i < call.n; i++)
		call.args[i] = words.at[i + 1];
	run(&call, ctl_hmp_commands, "", words.at[0]);
}

/* Completion */

static const char *row_name(const struct hmp_command *table, size_t i)
{
	for (const struct hmp_command *row = table; row->name; row++) {
		if (!i--)
			return row->name;
	}
	return NULL;
}

static const char *drive_name(const struct machine *machine, size_t i)
{
	const struct drive *drive;

	TAILQ_FOREACH(drive, &machine->drives.list, link)
	{
		if (drive->type->removable && !i--)
			return drive->name;
	}
	return NULL;
}

const char *ctl_hmp_candidate(const struct machine *machine, const char *before, size_t i)
{
	char copy[CTL_LINE_MAX + 1] = " ";
	struct words words;

	snprintf(copy + 1, sizeof(copy) - 1, "%s", before);
	words = split(copy);
	if (!words.n)
		return row_name(ctl_hmp_commands, i);
	if (words.n == 1 && !strcmp(words.at[0], "info"))
		return row_name(ctl_hmp_infos, i);
	if (words.n == 1 && (!strcmp(words.at[0], "help") || !strcmp(words.at[0], "?")))
		return row_name(ctl_hmp_commands, i);
	if (words.n == 2 && !strcmp(words.at[0], "help") && !strcmp(words.at[1], "info"))
		return row_name(ctl_hmp_infos, i);
	if (!strcmp(words.at[0], "eject") || !strcmp(words.at[0], "change"))
		return drive_name(machine, i);
	return NULL;
}
