// SPDX-License-Identifier: MIT
/* What there is to make a machine of: types of devices and their properties, as QEMU tells them. */
#include <string.h>

#include "ctl/qmp_impl.h"
#include "dev/device.h"

/* The classes above our types, as tools know them. */
static const struct {
	const char *name, *parent;
} classes[] = {
	{ "object", NULL },         { "device", "object" },     { "isa-device", "device" },
	{ "pci-device", "device" }, { "ide-device", "device" },
};

#define CLASSES_N (sizeof(classes) / sizeof(classes[0]))

static const char *parent_of(const struct device_type *type)
{
	static const char *const parents[DEVICE_BUSES] = {
		[DEVICE_BUS_NONE] = "device",
		[DEVICE_BUS_ISA] = "isa-device",
		[DEVICE_BUS_PCI] = "pci-device",
		[DEVICE_BUS_IDE] = "ide-device",
	};

	return parents[type->bus];
}

/* The class of that name or one above it is the wanted one. */
static bool is_a(const char *name, const char *parent, const char *wanted)
{
	if (!strcmp(name, wanted))
		return true;
	for (size_t i = CLASSES_N; i-- > 0;) {
		if (!parent || strcmp(classes[i].name, parent))
			continue;
		if (!strcmp(parent, wanted))
			return true;
		parent = classes[i].parent;
	}
	return false;
}

static void add_type(struct json_object *array, const char *name, const char *parent, bool abstract)
{
	struct json_object *entry = json_object_new_object();

	ctl_qmp_put(entry, "name", json_object_new_string(name));
	if (parent)
		ctl_qmp_put(entry, "parent", json_object_new_string(parent));
	if (abstract)
		ctl_qmp_put(entry, "abstract", json_object_new_boolean(true));
	ctl_qmp_append(array, entry);
}

bool ctl_qmp_list_types(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	const char *implements = "object";
	bool abstract = false;

	if (!ctl_qmp_get_text(arguments, "implements", &implements, err) ||
	    !ctl_qmp_get_flag(arguments, "abstract", &abstract, err))
		return false;
	*result = json_object_new_array();
	for (size_t i = 0; abstract && i < CLASSES_N; i++) {
		if (is_a(classes[i].name, classes[i].parent, implements))
			add_type(*result, classes[i].name, classes[i].parent, true);
	}
	for (const struct device_type *const *at = qmp->machine->options.types; *at; at++) {
		if (is_a((*at)->name, parent_of(*at), implements))
			add_type(*result, (*at)->name, parent_of(*at), false);
	}
	return true;
}

static struct json_object *default_of(const struct prop *row)
{
	switch (row->kind) {
	case PROP_BOOL:
		return json_object_new_boolean(row->value != 0);
	case PROP_WORD:
		return json_object_new_string(row->words[row->value]);
	case PROP_NUMBER:
	case PROP_SIZE:
		return json_object_new_int64(row->value);
	case PROP_SLOT:
	case PROP_TEXT:
	case PROP_ANY_TEXT:
	case PROP_CHARDEV:
	case PROP_DRIVE:
	case PROP_ONLY:
		break;
	}
	return NULL;
}

bool ctl_qmp_list_properties(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err)
{
	const struct device_type *type;
	const struct prop *row;
	struct props props;
	const char *name;

	if (!ctl_qmp_need_text(arguments, "typename", &name, err))
		return false;
	type = device_find_type(qmp->machine->options.types, name);
	if (!type)
		return ctl_qmp_fail_class(err, "DeviceNotFound", "Device '%.*s' not found",
					  ctl_qmp_quote(name), name);
	props = device_props(type);
	*result = json_object_new_array();
	for (size_t i = 0; (row = props_row(&props, i)); i++) {
		struct json_object *entry, *standard;

		if (!row->help)
			continue;
		entry = json_object_new_object();
		standard = default_of(row);
		ctl_qmp_put(entry, "name", json_object_new_string(row->name));
		ctl_qmp_put(entry, "type", json_object_new_string(prop_type(row)));
		ctl_qmp_put(entry, "description", json_object_new_string(row->help));
		if (standard)
			ctl_qmp_put(entry, "default-value", standard);
		ctl_qmp_append(*result, entry);
	}
	return true;
}

/* The bus that a device is on, as QEMU names it; NULL: none with a name. */
static const char *bus_of(const struct device *device)
{
	const struct props props = device_props(device->type);
	const struct prop *row = props_find(&props, "bus");

	if (row && row->kind == PROP_WORD)
		return row->words[prop_number(row, device)];
	if (device->type->bus == DEVICE_BUS_ISA)
		return "isa.0";
	return device->type->bus == DEVICE_BUS_PCI ? "pci.0" : NULL;
}

/* Devices stay for the machine's life. */
bool ctl_qmp_device_del(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	const struct device *device, *found = NULL;
	const char *id;

	if (!ctl_qmp_need_text(arguments, "id", &id, err))
		return false;
	for (device = qmp->machine->devices ? TAILQ_FIRST(qmp->machine->devices) : NULL; device;
	     device = TAILQ_NEXT(device, next)) {
		if (device->id && !strcmp(device->id, id))
			found = device;
	}
	if (!found)
		return ctl_qmp_fail_class(err, "DeviceNotFound", "Device '%.*s' not found",
					  ctl_qmp_quote(id), id);
	if (bus_of(found))
		return ctl_qmp_fail(err, "Bus '%s' does not support hotplugging", bus_of(found));
	return ctl_qmp_fail(err, "Device '%s' does not support hotplugging", found->type->name);
}
