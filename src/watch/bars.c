// SPDX-License-Identifier: MIT
#include "watch/bars.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "watch/client.h"
#include "watch/text.h"

#define BRIDGES 8 /* one behind another */
#define ROM_BAR 6u

static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

/* False: there is none, or it is negative, as the address of a BAR that is not mapped. */
static bool number(struct json_object *object, const char *name, uint64_t *out)
{
	struct json_object *value = member(object, name, json_type_int);

	if (!value || json_object_get_int64(value) < 0)
		return false;
	*out = json_object_get_uint64(value);
	return true;
}

static bool text(char out[static WATCH_BAR_NAME], struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_string);

	return value && watch_text_safe(out, WATCH_BAR_NAME, json_object_get_string(value),
					(size_t)json_object_get_string_len(value));
}

/* Its id, if the user gave it one; else its class in words; else its place. */
static void device_name(char out[static WATCH_BAR_NAME], struct json_object *device)
{
	uint64_t slot = 0, function = 0;

	if (text(out, device, "qdev_id") ||
	    text(out, member(device, "class_info", json_type_object), "desc"))
		return;
	(void)number(device, "slot", &slot);
	(void)number(device, "function", &function);
	snprintf(out, WATCH_BAR_NAME, "PCI %" PRIu64 ".%" PRIu64, slot, function);
}

static void take_region(struct watch_bars *bars, struct json_object *device,
			struct json_object *region)
{
	struct json_object *type = member(region, "type", json_type_string);
	struct watch_bar bar = { .number = 0 };
	uint64_t size, which;

	if (!type || bars->n == WATCH_BARS || !number(region, "address", &bar.first) ||
	    !number(region, "size", &size) || !size || size - 1 > UINT64_MAX - bar.first ||
	    !number(region, "bar", &which) || which > ROM_BAR)
		return;
	bar.space =
		strcmp(json_object_get_string(type), "io") ? WATCH_SPACE_MEMORY : WATCH_SPACE_PORT;
	bar.last = bar.first + (size - 1);
	bar.number = (unsigned)which;
	device_name(bar.device, device);
	bars->at[bars->n++] = bar;
}

static void take_devices(struct watch_bars *bars, struct json_object *list, unsigned depth)
{
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n && depth; i++) {
		struct json_object *device = json_object_array_get_idx(list, i);
		struct json_object *regions = member(device, "regions", json_type_array);
		size_t regions_n = regions ? json_object_array_length(regions) : 0;

		for (size_t j = 0; j < regions_n; j++)
			take_region(bars, device, json_object_array_get_idx(regions, j));
		take_devices(bars,
			     member(member(device, "pci_bridge", json_type_object), "devices",
				    json_type_array),
			     depth - 1);
	}
}

bool watch_bars_take(struct watch_bars *bars, struct json_object *answer)
{
	if (!json_object_is_type(answer, json_type_array))
		return false;
	bars->n = 0;
	for (size_t i = 0; i < json_object_array_length(answer); i++)
		take_devices(
			bars,
			member(json_object_array_get_idx(answer, i), "devices", json_type_array),
			BRIDGES);
	return true;
}

int watch_bars_ask(struct watch_bars *bars, struct watch_client *client, struct error *err)
{
	struct json_object *answer = NULL;
	int ret = watch_client_command(client, "query-pci", NULL, &answer, err);

	if (!ret && !watch_bars_take(bars, answer))
		ret = error_set(err, -EPROTO, "%s: its query-pci gives no list",
				watch_client_name(client));
	json_object_put(answer);
	return ret;
}

const struct watch_bar *watch_bars_find(const struct watch_bars *bars, enum watch_space space,
					uint64_t addr)
{
	for (size_t i = 0; i < bars->n; i++)
		if (bars->at[i].space == space && addr >= bars->at[i].first &&
		    addr <= bars->at[i].last)
			return &bars->at[i];
	return NULL;
}

bool watch_name_find(struct watch_name *name, const struct watch_bars *bars,
		     const struct watch_key *key)
{
	enum watch_space space = (enum watch_space)key->space;
	const struct watch_bar *bar = bars ? watch_bars_find(bars, space, key->addr) : NULL;
	const struct watch_reg *reg = bar ? NULL : watch_reg_find(space, key->addr);

	if (bar) {
		snprintf(name->part, sizeof(name->part), "%s", bar->device);
		snprintf(name->reg, sizeof(name->reg), "BAR %u + 0x%" PRIx64, bar->number,
			 key->addr - bar->first);
	} else if (reg) {
		snprintf(name->part, sizeof(name->part), "%s", reg->part);
		snprintf(name->reg, sizeof(name->reg), "%s", watch_reg_side(reg, key->write));
	}
	return bar || reg;
}
