// SPDX-License-Identifier: MIT
#include "meter/json.h"

#include <errno.h>

void meter_json_put(struct json_object *object, const char *name, struct json_object *value,
		    int *err)
{
	if (!value || json_object_object_add(object, name, value)) {
		json_object_put(value);
		*err = -ENOMEM;
	}
}

void meter_json_count(struct json_object *object, const char *name, uint64_t value, int *err)
{
	meter_json_put(object, name, json_object_new_uint64(value), err);
}

void meter_json_text(struct json_object *object, const char *name, const char *value, int *err)
{
	if (value)
		meter_json_put(object, name, json_object_new_string(value), err);
}

void meter_json_real(struct json_object *object, const char *name, double value, int *err)
{
	struct json_object *real = json_object_new_double(value);

	if (real)
		json_object_set_serializer(real, json_object_double_to_json_string,
					   (void *)(uintptr_t) "%.3f", NULL);
	meter_json_put(object, name, real, err);
}

void meter_json_append(struct json_object *array, struct json_object *value, int *err)
{
	if (!value || json_object_array_add(array, value)) {
		json_object_put(value);
		*err = -ENOMEM;
	}
}
