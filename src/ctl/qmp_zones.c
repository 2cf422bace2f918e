// SPDX-License-Identifier: MIT
/* Which writes wait on a running machine, as its user wants it: adding, taking away, listing. */
#include <inttypes.h>
#include <string.h>

#include "board/report.h"
#include "ctl/qmp_impl.h"
#include "mem/overrule.h"

#define SIZE_MAX_ZONE UINT32_MAX
#define DEADLINE_MAX  UINT64_C(60000000) /* us: a minute */

/* Arguments */

struct zone_args {
	struct mem_wish wish; /* wait: MEM_LATCH unless a deadline is said */
	bool ranged; /* a range is said */
};

static bool take_number(struct json_object *arguments, const char *name, bool *given, uint64_t *out,
			struct ctl_qmp_error *err)
{
	struct json_object *value = NULL;

	*given = json_object_object_get_ex(arguments, name, &value);
	if (!*given)
		return true;
	if (!json_object_is_type(value, json_type_int) ||
	    (json_object_get_int64(value) < 0 && json_object_get_uint64(value) == 0))
		return ctl_qmp_fail(err, "Parameter '%s' expects a number from 0 on", name);
	*out = json_object_get_uint64(value);
	return true;
}

static bool take_space(struct json_object *arguments, enum mem_space *space,
		       struct ctl_qmp_error *err)
{
	struct json_object *value = NULL;
	const char *text;

	*space = MEM_SPACE_PORT;
	if (!json_object_object_get_ex(arguments, "space", &value))
		return true;
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	if (!strcmp(text, "mmio") || !strcmp(text, "memory"))
		*space = MEM_SPACE_MEMORY;
	else if (strcmp(text, "port"))
		return ctl_qmp_fail(err, "Parameter 'space' is \"port\" or \"mmio\"");
	return true;
}

/* first, with last or size; first alone is one byte. */
static bool take_range(struct json_object *arguments, struct zone_args *args,
		       struct ctl_qmp_error *err)
{
	struct range *range = &args->wish.range;
	bool last, sized;
	uint64_t size = 1;

	if (!take_number(arguments, "first", &args->ranged, &range->first, err) ||
	    !take_number(arguments, "last", &last, &range->last, err) ||
	    !take_number(arguments, "size", &sized, &size, err))
		return false;
	if ((last || sized) && !args->ranged)
		return ctl_qmp_fail(err, "Parameter 'first' is missing");
	if (last && sized)
		return ctl_qmp_fail(err, "Parameters 'last' and 'size' exclude each other");
	if (last)
		return true;
	if (!size || size > SIZE_MAX_ZONE || size - 1 > UINT64_MAX - range->first)
		return ctl_qmp_fail(err, "Parameter 'size' is out of range");
	range->last = range->first + (size - 1);
	return true;
}

static bool take_limits(struct json_object *arguments, struct mem_wish *wish,
			struct ctl_qmp_error *err)
{
	struct json_object *force = NULL;
	uint64_t deadline = 0;
	bool limited;

	if (!take_number(arguments, "deadline-us", &limited, &deadline, err))
		return false;
	if (limited && (!deadline || deadline > DEADLINE_MAX))
		return ctl_qmp_fail(err, "Parameter 'deadline-us' is from 1 to %" PRIu64,
				    DEADLINE_MAX);
	wish->wait = limited ? MEM_DEADLINE(deadline * 1000) : MEM_LATCH;
	if (json_object_object_get_ex(arguments, "force", &force) &&
	    !json_object_is_type(force, json_type_boolean))
		return ctl_qmp_fail(err, "Parameter 'force' expects true or false");
	wish->force = force && json_object_get_boolean(force);
	return true;
}

static bool take_zone(struct json_object *arguments, struct zone_args *args,
		      struct ctl_qmp_error *err)
{
	*args = (struct zone_args){ .wish.wait = 0 };
	if (!take_space(arguments, &args->wish.space, err) || !take_range(arguments, args, err))
		return false;
	return args->ranged || ctl_qmp_fail(err, "Parameter 'first' is missing");
}

/* Commands */

static bool overrule(struct ctl_qmp *qmp, const struct mem_wish *wish, struct ctl_qmp_error *err)
{
	struct error why;

	if (mem_map_overrule(&qmp->machine->map, wish, &why))
		return ctl_qmp_fail(err, "%s", why.text);
	/* What the drain delivered may have asked for something. */
	machine_drain(qmp->machine);
	return true;
}

bool ctl_qmp_zone_add(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err)
{
	struct accel *accel = qmp->machine->accel;
	struct zone_args args;
	const char *obstacle;

	if (!take_zone(arguments, &args, err) || !take_limits(arguments, &args.wish, err))
		return false;
	if (args.wish.range.last >= args.wish.range.first) {
		obstacle = accel->ops->obstacle(accel, args.wish.space, args.wish.range);
		if (obstacle && args.wish.range.first == args.wish.range.last)
			return ctl_qmp_fail(err, "0x%" PRIx64 ": %s", args.wish.range.first,
					    obstacle);
		if (obstacle)
			return ctl_qmp_fail(err, "0x%" PRIx64 "-0x%" PRIx64 ": %s",
					    args.wish.range.first, args.wish.range.last, obstacle);
	}
	return overrule(qmp, &args.wish, err);
}

bool ctl_qmp_zone_del(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err)
{
	struct zone_args args;

	return take_zone(arguments, &args, err) && overrule(qmp, &args.wish, err);
}

bool ctl_qmp_zone_reset(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	struct zone_args args = { .wish.wait = 0 };
	struct mem_map *map = &qmp->machine->map;
	struct error why;
	unsigned n = 1;

	if (!take_space(arguments, &args.wish.space, err) || !take_range(arguments, &args, err))
		return false;
	if (args.ranged && mem_map_take_back(map, args.wish.space, args.wish.range, &why))
		return ctl_qmp_fail(err, "%s", why.text);
	if (!args.ranged && mem_map_take_all_back(map, &n))
		return ctl_qmp_fail(err, "out of memory for the guest's address map");
	machine_drain(qmp->machine);
	*result = json_object_new_object();
	ctl_qmp_put(*result, "taken-back", json_object_new_int64(n));
	return true;
}

bool ctl_qmp_zone_list(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err)
{
	return machine_zones_object(qmp->machine, result) ? ctl_qmp_fail(err, "out of memory")
							  : true;
}
