// SPDX-License-Identifier: MIT
/* Commands of the monitor that rule the machine, where QMP's have other arguments. */
#include <string.h>

#include "base/prop.h"
#include "ctl/hmp_impl.h"
#include "dev/ps2/keys.h"

static struct json_object *text_argument(struct json_object *arguments, const char *name,
					 const char *text)
{
	if (!arguments)
		arguments = json_object_new_object();
	ctl_qmp_put(arguments, name, json_object_new_string(text));
	return arguments;
}

/* There is no such device. */
void ctl_hmp_balloon(struct hmp_call *call)
{
	fputs("Error: No balloon device has been activated\n", call->out);
}

void ctl_hmp_cpu(struct hmp_call *call)
{
	int64_t index;

	if (!prop_parse_number(call->args[0], 0, (int64_t)machine_vcpus(call->qmp->machine) - 1,
			       &index))
		fputs("Error: invalid CPU index\n", call->out);
	else
		*call->cpu = (unsigned)index;
}

void ctl_hmp_eject(struct hmp_call *call)
{
	bool force = !strcmp(call->args[0], "-f");
	struct json_object *arguments;

	if (call->n != 1 + (size_t)force) {
		fputs("eject: block device name expected\nTry \"help eject\" for more information\n",
		      call->out);
		return;
	}
	arguments = text_argument(NULL, "device", call->args[force]);
	ctl_qmp_put(arguments, "force", json_object_new_boolean(force));
	ctl_hmp_ask(call, "eject", arguments, NULL);
}

void ctl_hmp_change(struct hmp_call *call)
{
	struct json_object *arguments = text_argument(NULL, "device", call->args[0]);

	text_argument(arguments, "filename", call->args[1]);
	if (call->n > 2)
		text_argument(arguments, "format", call->args[2]);
	ctl_hmp_ask(call, "blockdev-change-medium", arguments, NULL);
}

void ctl_hmp_screendump(struct hmp_call *call)
{
	struct json_object *arguments = text_argument(NULL, "filename", call->args[0]);

	if (call->n > 1)
		text_argument(arguments, "format", call->args[1]);
	ctl_hmp_ask(call, "screendump", arguments, NULL);
}

/* "ctrl-alt-delete", with "<" for its key; numbers are those of PC scan codes. NULL if one is none. */
static struct json_object *key_list(struct hmp_call *call, const char *said)
{
	struct json_object *keys = json_object_new_array();

	for (const char *at = said, *end; at; at = end ? end + 1 : NULL) {
		struct json_object *key;
		char name[32];
		int64_t number;

		end = strchr(at, '-');
		snprintf(name, sizeof(name), "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
		if (!strcmp(name, "<"))
			strcpy(name, "less");
		key = text_argument(NULL, "type", "qcode");
		if (ps2_key_by_name(name) != PS2_KEY_NONE) {
			text_argument(key, "data", name);
		} else if (prop_parse_number(name, 1, 0xff, &number) &&
			   ps2_key_by_number((uint32_t)number) != PS2_KEY_NONE) {
			text_argument(key, "type", "number");
			ctl_qmp_put(key, "data", json_object_new_int64(number));
		} else {
			fprintf(call->out, "invalid parameter: %s\n", name);
			json_object_put(key);
			json_object_put(keys);
			return NULL;
		}
		ctl_qmp_append(keys, key);
	}
	return keys;
}

void ctl_hmp_sendkey(struct hmp_call *call)
{
	struct json_object *keys = key_list(call, call->args[0]), *arguments;
	int64_t hold;

	if (!keys)
		return;
	arguments = json_object_new_object();
	ctl_qmp_put(arguments, "keys", keys);
	if (call->n > 1) {
		if (!prop_parse_number(call->args[1], 0, INT32_MAX, &hold)) {
			fprintf(call->out, "invalid parameter: %s\n", call->args[1]);
			json_object_put(arguments);
			return;
		}
		ctl_qmp_put(arguments, "hold-time", json_object_new_int64(hold));
	}
	ctl_hmp_ask(call, "send-key", arguments, NULL);
}
