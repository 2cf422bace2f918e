// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/qmp_impl.h"

#define QUOTE_MAX 64
/* The release of QEMU whose protocol this is: clients choose by it what they may ask for. */
#define VERSION_MAJOR   7
#define VERSION_MINOR   2
#define VERSION_MICRO   0
#define VERSION_PACKAGE "coalport"

/* Errors */

static void set_error(struct ctl_qmp_error *err, const char *class, const char *format,
		      va_list args)
{
	err->class = class;
	vsnprintf(err->desc, sizeof(err->desc), format, args);
}

bool ctl_qmp_fail(struct ctl_qmp_error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_error(err, "GenericError", format, args);
	va_end(args);
	return false;
}

bool ctl_qmp_fail_class(struct ctl_qmp_error *err, const char *class, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_error(err, class, format, args);
	va_end(args);
	return false;
}

int ctl_qmp_quote(const char *text)
{
	size_t n = strnlen(text, QUOTE_MAX + 1);

	if (n <= QUOTE_MAX)
		return (int)n;
	/* Not in front of a byte that continues a character. */
	for (n = QUOTE_MAX; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return (int)n;
}

struct json_object *ctl_qmp_error_object(const struct ctl_qmp_error *err)
{
	struct json_object *object = json_object_new_object();

	ctl_qmp_put(object, "class", json_object_new_string(err->class));
	ctl_qmp_put(object, "desc", json_object_new_string(err->desc));
	return object;
}

/* Commands: false with *err set, or true with *result set or left NULL for an empty object. */

typedef bool command_fn(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);

static bool qmp_capabilities(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *enable = NULL;

	if (json_object_object_get_ex(arguments, "enable", &enable)) {
		if (!json_object_is_type(enable, json_type_array))
			return ctl_qmp_fail(err,
					    "Invalid parameter type for 'enable', expected: array");
		if (json_object_array_length(enable)) {
			const char *name =
				json_object_get_string(json_object_array_get_idx(enable, 0));

			return ctl_qmp_fail(err, "Capability %.*s not available",
					    ctl_qmp_quote(name ? name : "null"),
					    name ? name : "null");
		}
	}
	qmp->negotiated = true;
	return true;
}

struct json_object *ctl_qmp_version(void)
{
	struct json_object *version = json_object_new_object(), *qemu = json_object_new_object();

	ctl_qmp_put(qemu, "micro", json_object_new_int(VERSION_MICRO));
	ctl_qmp_put(qemu, "minor", json_object_new_int(VERSION_MINOR));
	ctl_qmp_put(qemu, "major", json_object_new_int(VERSION_MAJOR));
	ctl_qmp_put(version, "qemu", qemu);
	ctl_qmp_put(version, "package", json_object_new_string(VERSION_PACKAGE));
	return version;
}

static bool query_version(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err)
{
	*result = ctl_qmp_version();
	return true;
}

static const char *status(const struct machine *machine)
{
	switch (machine->state) {
	case MACHINE_RUNNING:
		return "running";
	case MACHINE_ASLEEP:
		return "suspended";
	case MACHINE_SHUT_DOWN:
		return "shutdown";
	case MACHINE_PAUSED:
		break;
	}
	if (machine->panicked)
		return "guest-panicked";
	if (machine->disk_failed)
		return "io-error";
	return machine->begun ? "paused" : "prelaunch";
}

static bool query_status(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	const struct machine *machine = qmp->machine;

	*result = json_object_new_object();
	ctl_qmp_put(*result, "running", json_object_new_boolean(machine->state == MACHINE_RUNNING));
	ctl_qmp_put(*result, "singlestep", json_object_new_boolean(false));
	ctl_qmp_put(*result, "status", json_object_new_string(status(machine)));
	return true;
}

static bool query_kvm(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err)
{
	*result = json_object_new_object();
	ctl_qmp_put(*result, "enabled", json_object_new_boolean(qmp->machine->accel->ops->kvm));
	ctl_qmp_put(*result, "present", json_object_new_boolean(true));
	return true;
}

static bool query_name(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err)
{
	const char *name = qmp->machine->options.name;

	*result = json_object_new_object();
	if (name)
		ctl_qmp_put(*result, "name", json_object_new_string(name));
	return true;
}

static bool stop(struct ctl_qmp *qmp, struct json_object *arguments, struct json_object **result,
		 struct ctl_qmp_error *err)
{
	machine_stop(qmp->machine);
	return true;
}

/* One that sleeps goes on when it wakes. */
static bool cont(struct ctl_qmp *qmp, struct json_object *arguments, struct json_object **result,
		 struct ctl_qmp_error *err)
{
	if (qmp->machine->state == MACHINE_SHUT_DOWN)
		return ctl_qmp_fail(err, "Resetting the Virtual Machine is required");
	machine_continue(qmp->machine);
	return true;
}

static bool system_reset(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	machine_request_reset(qmp->machine, MACHINE_BY_HOST);
	return true;
}

static bool system_powerdown(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err)
{
	machine_power_button(qmp->machine);
	return true;
}

static bool system_wakeup(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err)
{
	if (qmp->machine->state != MACHINE_ASLEEP)
		return ctl_qmp_fail(err, "Unable to wake up: guest is not in suspended state");
	machine_request_wake(qmp->machine);
	return true;
}

/* The end, whatever -no-shutdown says. */
static bool qmp_quit(struct ctl_qmp *qmp, struct json_object *arguments,
		     struct json_object **result, struct ctl_qmp_error *err)
{
	qmp->machine->options.no_shutdown = false;
	machine_request_shutdown(qmp->machine, MACHINE_BY_HOST);
	return true;
}

static command_fn query_commands;

static const struct command {
	const char *name;
	command_fn *run;
	const char *arguments[6]; /* names of those it knows */
} commands[] = {
	{ "qmp_capabilities", qmp_capabilities, { "enable" } },
	{ "query-version", query_version, { 0 } },
	{ "query-commands", query_commands, { 0 } },
	{ "query-status", query_status, { 0 } },
	{ "query-kvm", query_kvm, { 0 } },
	{ "query-name", query_name, { 0 } },
	{ "query-cpus-fast", ctl_qmp_query_cpus_fast, { 0 } },
	{ "query-pci", ctl_qmp_query_pci, { 0 } },
	{ "query-stats", ctl_qmp_query_stats, { "target", "vcpus", "providers" } },
	{ "query-stats-schemas", ctl_qmp_query_stats_schemas, { "provider" } },
	{ "qom-list-types", ctl_qmp_list_types, { "implements", "abstract" } },
	{ "device-list-properties", ctl_qmp_list_properties, { "typename" } },
	{ "query-mice", ctl_qmp_query_mice, { 0 } },
	{ "send-key", ctl_qmp_send_key, { "keys", "hold-time" } },
	{ "input-send-event", ctl_qmp_input_send_event, { "device", "head", "events" } },
	{ "screendump", ctl_qmp_screendump, { "filename", "format" } },
	{ "query-vnc", ctl_qmp_query_vnc, { 0 } },
	{ "set_password",
	  ctl_qmp_set_password,
	  { "protocol", "password", "connected", "display" } },
	{ "change-vnc-password", ctl_qmp_change_vnc_password, { "password" } },
	{ "query-block", ctl_qmp_query_block, { 0 } },
	{ "eject", ctl_qmp_eject, { "device", "id", "force" } },
	{ "blockdev-open-tray", ctl_qmp_open_tray, { "device", "id", "force" } },
	{ "blockdev-close-tray", ctl_qmp_close_tray, { "device", "id" } },
	{ "blockdev-change-medium",
	  ctl_qmp_change_medium,
	  { "device", "id", "filename", "format", "force", "read-only-mode" } },
	{ "query-chardev", ctl_qmp_query_chardev, { 0 } },
	{ "query-chardev-backends", ctl_qmp_query_chardev_backends, { 0 } },
	{ "chardev-add", ctl_qmp_chardev_add, { "id", "backend" } },
	{ "chardev-remove", ctl_qmp_chardev_remove, { "id" } },
	{ "ringbuf-read", ctl_qmp_ringbuf_read, { "device", "size", "format" } },
	{ "ringbuf-write", ctl_qmp_ringbuf_write, { "device", "data", "format" } },
	{ "device_del", ctl_qmp_device_del, { "id" } },
	{ "human-monitor-command", ctl_qmp_human_monitor_command, { "command-line", "cpu-index" } },
	{ "stop", stop, { 0 } },
	{ "cont", cont, { 0 } },
	{ "system_reset", system_reset, { 0 } },
	{ "system_powerdown", system_powerdown, { 0 } },
	{ "system_wakeup", system_wakeup, { 0 } },
	{ "quit", qmp_quit, { 0 } },
	{ "__org.coalport_query-report", ctl_qmp_query_report, { "per-vcpu" } },
	{ "__org.coalport_coalesce-add",
	  ctl_qmp_zone_add,
	  { "space", "first", "last", "size", "deadline-us", "force" } },
	{ "__org.coalport_coalesce-del", ctl_qmp_zone_del, { "space", "first", "last", "size" } },
	{ "__org.coalport_coalesce-list", ctl_qmp_zone_list, { 0 } },
	{ "__org.coalport_coalesce-reset",
	  ctl_qmp_zone_reset,
	  { "space", "first", "last", "size" } },
};

#define COMMANDS_N (sizeof(commands) / sizeof(commands[0]))

static bool query_commands(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err)
{
	*result = json_object_new_array();
	for (size_t i = 0; i < COMMANDS_N; i++) {
		struct json_object *entry = json_object_new_object();

		ctl_qmp_put(entry, "name", json_object_new_string(commands[i].name));
		ctl_qmp_append(*result, entry);
	}
	return true;
}

/* Requests */

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && names[i]; i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

/* The form of a request, whatever it asks for. */
static bool check_request(struct json_object *request, struct ctl_qmp_error *err)
{
	static const char *const members[] = { "execute", "arguments", "id" };
	struct json_object *member;

	if (!json_object_is_type(request, json_type_object))
		return ctl_qmp_fail(err, "QMP input must be a JSON object");
	json_object_object_foreach(request, name, value)
	{
		if (!is_one_of(name, members, sizeof(members) / sizeof(members[0])))
			return ctl_qmp_fail(err, "QMP input member '%.*s' is unexpected",
					    ctl_qmp_quote(name), name);
	}
	if (!json_object_object_get_ex(request, "execute", &member))
		return ctl_qmp_fail(err, "QMP input lacks member 'execute'");
	if (!json_object_is_type(member, json_type_string))
		return ctl_qmp_fail(err, "QMP input member 'execute' must be a string");
	if (json_object_object_get_ex(request, "arguments", &member) &&
	    !json_object_is_type(member, json_type_object))
		return ctl_qmp_fail(err, "QMP input member 'arguments' must be an object");
	return true;
}

static const struct command *qmp_find(const struct ctl_qmp *qmp, const char *name,
				      struct ctl_qmp_error *err)
{
	const struct command *command = NULL;

	for (size_t i = 0; i < COMMANDS_N && !command; i++) {
		if (!strcmp(commands[i].name, name))
			command = &commands[i];
	}
	if (!command)
		ctl_qmp_fail_class(err, "CommandNotFound", "The command %.*s has not been found",
				   ctl_qmp_quote(name), name);
	else if (!qmp->negotiated && command->run != qmp_capabilities)
		ctl_qmp_fail_class(err, "CommandNotFound",
				   "Expecting capabilities negotiation with 'qmp_capabilities'");
	else if (qmp->negotiated && command->run == qmp_capabilities)
		ctl_qmp_fail_class(err, "CommandNotFound",
				   "Capabilities negotiation is already complete, command ignored");
	else
		return command;
	return NULL;
}

static bool qmp_run(struct ctl_qmp *qmp, struct json_object *request, struct json_object **result,
		    struct ctl_qmp_error *err)
{
	struct json_object *name, *arguments = NULL;
	const struct command *command;

	if (!check_request(request, err))
		return false;
	json_object_object_get_ex(request, "execute", &name);
	command = qmp_find(qmp, json_object_get_string(name), err);
	if (!command)
		return false;
	json_object_object_get_ex(request, "arguments", &arguments);
	if (arguments) {
		json_object_object_foreach(arguments, argument, value)
		{
			if (!is_one_of(argument, command->arguments,
				       sizeof(command->arguments) / sizeof(char *)))
				return ctl_qmp_fail(err, "Parameter '%.*s' is unexpected",
						    ctl_qmp_quote(argument), argument);
		}
	}
	return command->run(qmp, arguments, result, err);
}

struct json_object *ctl_qmp_execute(struct ctl_qmp *qmp, struct json_object *request)
{
	struct json_object *answer = json_object_new_object(), *result = NULL, *id = NULL;
	struct ctl_qmp_error err = { .class = NULL };

	if (qmp_run(qmp, request, &result, &err))
		ctl_qmp_put(answer, "return", result ? result : json_object_new_object());
	else
		ctl_qmp_put(answer, "error", ctl_qmp_error_object(&err));
	if (json_object_is_type(request, json_type_object) &&
	    json_object_object_get_ex(request, "id", &id))
		ctl_qmp_put(answer, "id", json_object_get(id));
	return answer;
}
