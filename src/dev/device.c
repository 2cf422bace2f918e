// SPDX-License-Identifier: MIT
#include "dev/device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_ROW                                                                                     \
	{                                                                                          \
		"id", PROP_TEXT, PROP_AT(struct device, id), .form = "id=ID", .help = "its name"   \
	}

static const struct prop board_rows[] = { ID_ROW, { 0 } };
static const struct prop isa_rows[] = {
	ID_ROW,
	{ "bus", PROP_ONLY, .words = (const char *const[]){ "isa.0", NULL } },
	{ 0 },
};
static const struct prop pci_rows[] = {
	ID_ROW,
	{ "bus", PROP_ONLY, .words = (const char *const[]){ "pci.0", NULL } },
	{ 0 },
};
static const struct prop no_rows[] = { { 0 } };

static const struct {
	const char *name;
	const struct prop *rows;
} buses[DEVICE_BUSES] = {
	[DEVICE_BUS_NONE] = { NULL, board_rows },
	[DEVICE_BUS_ISA] = { "ISA", isa_rows },
	[DEVICE_BUS_PCI] = { "PCI", pci_rows },
	[DEVICE_BUS_IDE] = { "IDE", board_rows },
};

struct props device_props(const struct device_type *type)
{
	return (struct props){ .table = type->props ? type->props : no_rows,
			       .common = buses[type->bus].rows };
}

const char *device_bus_name(enum device_bus bus)
{
	return buses[bus].name;
}

const struct device_type *device_find_type(const struct device_type *const *types, const char *name)
{
	for (; *types; types++) {
		if (!strcmp((*types)->name, name))
			return *types;
	}
	return NULL;
}

static int apply_global(struct device *device, const struct device_global *global,
			struct error *err)
{
	const struct props props = device_props(device->type);
	const struct prop *row = props_find(&props, global->prop);

	if (!row)
		return props_unknown(&props, global->prop, err);
	return prop_set(row, global->value, device, &device->texts, err);
}

/* Every value that -global or its like gives to the type. */
static int apply_globals(struct device *device, const struct device_types *types, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < types->globals_n; i++) {
		if (!strcmp(types->globals[i].type, device->type->name))
			ret = apply_global(device, &types->globals[i], err);
	}
	return ret;
}

int device_check_global(const struct device_type *type, const struct device_global *global,
			struct error *err)
{
	struct device *device = calloc(1, type->size);
	int ret;

	if (!device)
		return error_set(err, -ENOMEM, "%s: out of memory", global->prop);
	device->type = type;
	ret = apply_global(device, global, err);
	device_free(device);
	return ret;
}

static int check_said(const struct device *device, struct error *err)
{
	const struct props props = device_props(device->type);
	const struct prop *row;

	if (device->id && !prop_id_ok(device->id))
		return error_set(err, -EINVAL,
				 "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				 device->id);
	for (size_t i = 0; (row = props_row(&props, i)); i++) {
		if (row->required && !prop_text(row, device))
			return error_set(err, -EINVAL, "%s: needs %s", device->type->name,
					 row->form);
	}
	return device->type->check ? device->type->check(device, err) : 0;
}

struct device *device_new(const struct device_types *types, const struct device_spec *spec,
			  struct error *err)
{
	const struct device_type *type = device_find_type(types->types, spec->type);
	struct device *device;
	struct props props;
	int ret;

	if (!type) {
		error_set(err, -ENOENT, "%.80s: unknown device (see -device help)", spec->type);
		return NULL;
	}
	props = device_props(type);
	device = calloc(1, type->size);
	if (!device) {
		error_set(err, -ENOMEM, "%s: out of memory", type->name);
		return NULL;
	}
	device->type = type;
	props_default(&props, device);
	ret = apply_globals(device, types, err);
	if (!ret && spec->props && *spec->props)
		ret = props_parse(&props, spec->props, device, &device->texts, NULL, err);
	if (!ret)
		ret = check_said(device, err);
	if (!ret)
		return device;
	device_free(device);
	return NULL;
}

void device_free(struct device *device)
{
	if (!device)
		return;
	arena_free(&device->texts);
	free(device);
}

int device_make(struct device_list *list, const struct device_types *types,
		const struct device_spec *spec, struct place *place, struct error *err)
{
	struct device *device = device_new(types, spec, err);
	int ret;

	if (!device)
		return -EINVAL;
	ret = device->type->create(device, place, err);
	if (ret) {
		device_free(device);
		return ret;
	}
	TAILQ_INSERT_TAIL(list, device, next);
	return 0;
}

struct device *device_find(const struct device_list *list, const struct device_type *type)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		if (device->type == type)
			return device;
	}
	return NULL;
}

void device_list_reset(struct device_list *list)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		if (device->type->reset)
			device->type->reset(device);
	}
}

void device_list_quiesce(struct device_list *list)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		if (device->type->quiesce)
			device->type->quiesce(device);
	}
}

void device_list_resume(struct device_list *list)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		if (device->type->resume)
			device->type->resume(device);
	}
}

void device_list_destroy(struct device_list *list)
{
	struct device *device;

	while ((device = TAILQ_LAST(list, device_list))) {
		TAILQ_REMOVE(list, device, next);
		if (device->type->destroy)
			device->type->destroy(device);
		device_free(device);
	}
}

/* State. One loop for all that is done with the parts of a device. */

static void *part_at(const struct device *device, const struct device_part *part)
{
	return (char *)device + part->at;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): what is declared cannot stand in parentheses. */
#define FOR_EACH_PART(device, part)                                                                \
	for (const struct device_part *part = (device)->type->state; part && part->table; part++)
/* NOLINTEND(bugprone-macro-parentheses) */

static size_t device_size(const struct device *device)
{
	size_t size = 0;

	FOR_EACH_PART(device, part)
	size += state_size(part->table);
	return size;
}

size_t device_list_size(const struct device_list *list)
{
	const struct device *device;
	size_t size = 0;

	TAILQ_FOREACH(device, list, next)
	size += device_size(device);
	return size;
}

static void device_save(struct device *device, uint8_t *out)
{
	if (device->type->save) {
		device->type->save(device, out);
		return;
	}
	FOR_EACH_PART(device, part)
	{
		state_save(part->table, part_at(device, part), out);
		out += state_size(part->table);
	}
}

static void device_restore(struct device *device, const uint8_t *in)
{
	if (device->type->restore) {
		device->type->restore(device, in);
		return;
	}
	FOR_EACH_PART(device, part)
	{
		state_restore(part->table, part_at(device, part), in);
		in += state_size(part->table);
	}
	if (device->type->restored)
		device->type->restored(device);
}

void device_list_save(struct device_list *list, uint8_t *out)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		device_save(device, out);
		out += device_size(device);
	}
}

void device_list_restore(struct device_list *list, const uint8_t *in)
{
	struct device *device;

	TAILQ_FOREACH(device, list, next)
	{
		device_restore(device, in);
		in += device_size(device);
	}
}

void device_print(const struct device *device, FILE *out)
{
	FOR_EACH_PART(device, part)
	state_print(part->table, part_at(device, part), out);
}

bool device_differs(const struct device *a, const struct device *b,
		    struct device_difference *difference)
{
	assert(a->type == b->type);
	FOR_EACH_PART(a, part)
	{
		difference->part = part;
		difference->field = state_differs(part->table, part_at(a, part), part_at(b, part),
						  &difference->index);
		if (difference->field)
			return true;
	}
	return false;
}
