// SPDX-License-Identifier: MIT
#include "cmd/zones.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND "__org.coalport_coalesce-"

static bool parse_number(const char **text, uint64_t *out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*out = strtoull(*text, &end, 0);
	*text = end;
	return !errno;
}

bool cmd_zone_parse(struct cmd_zone *zone, const char *text)
{
	static const struct {
		const char *name;
		enum watch_space space;
	} spaces[] = { { "port:", WATCH_SPACE_PORT },
		       { "mmio:", WATCH_SPACE_MEMORY },
		       { "memory:", WATCH_SPACE_MEMORY } };
	uint64_t size;

	*zone = (struct cmd_zone){ .space = WATCH_SPACE_PORT };
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		if (strncmp(text, spaces[i].name, strlen(spaces[i].name)))
			continue;
		zone->space = spaces[i].space;
		text += strlen(spaces[i].name);
		break;
	}
	if (!parse_number(&text, &zone->first))
		return false;
	zone->last = zone->first;
	if (*text == '-') {
		text++;
		return parse_number(&text, &zone->last) && !*text && zone->last >= zone->first;
	}
	if (*text == '+') {
		text++;
		if (!parse_number(&text, &size) || *text || !size ||
		    size - 1 > UINT64_MAX - zone->first)
			return false;
		zone->last = zone->first + (size - 1);
	}
	return !*text;
}

const char *cmd_zone_text(char out[static CMD_ZONE_TEXT], const struct cmd_zone *zone)
{
	const char *space = zone->space == WATCH_SPACE_MEMORY ? "mmio:" : "";

	if (zone->first == zone->last)
		snprintf(out, CMD_ZONE_TEXT, "%s0x%" PRIx64, space, zone->first);
	else
		snprintf(out, CMD_ZONE_TEXT, "%s0x%" PRIx64 "-0x%" PRIx64, space, zone->first,
			 zone->last);
	return out;
}

static bool put(struct json_object *object, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(object, name, value))
		return true;
	json_object_put(value);
	return false;
}

int cmd_zone_say(struct watch_client *client, const char *verb, const struct cmd_zone *zone,
		 uint64_t wait_ns, bool force, struct error *err)
{
	struct json_object *args = json_object_new_object();
	const char *space = zone->space == WATCH_SPACE_MEMORY ? "mmio" : "port";
	char command[64];
	bool made = args && put(args, "space", json_object_new_string(space)) &&
		    put(args, "first", json_object_new_uint64(zone->first)) &&
		    put(args, "last", json_object_new_uint64(zone->last));

	if (made && wait_ns)
		made = put(args, "deadline-us", json_object_new_uint64(wait_ns / 1000));
	if (made && force)
		made = put(args, "force", json_object_new_boolean(true));
	if (!made) {
		json_object_put(args);
		return error_set(err, -ENOMEM, "out of memory");
	}
	snprintf(command, sizeof(command), COMMAND "%s", verb);
	return watch_client_command(client, command, args, NULL, err);
}

int cmd_zone_list(struct watch_client *client, struct json_object **list, struct error *err)
{
	int ret = watch_client_command(client, COMMAND "list", NULL, list, err);

	if (ret || json_object_is_type(*list, json_type_array))
		return ret;
	json_object_put(*list);
	*list = NULL;
	return error_set(err, -EBADMSG, "no list of zones came");
}
