// SPDX-License-Identifier: MIT
#include "meter/json.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define RECORD_VERSION 1

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

void meter_json_head(struct json_object *record, const char *source, int *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	meter_json_count(record, "record", RECORD_VERSION, err);
	meter_json_text(record, "source", source, err);
	meter_json_real(record, "at", (double)now.tv_sec + (double)now.tv_nsec / 1e9, err);
}

struct json_object *meter_json_host(uint64_t tsc_hz)
{
	struct json_object *object = json_object_new_object();
	unsigned brand[13] = { 0 };
	struct utsname name;
	int err = 0;

	if (!object)
		return NULL;
	if (!uname(&name))
		meter_json_text(object, "kernel", name.release, &err);
	for (unsigned i = 0; i < 3; i++)
		if (!__get_cpuid(0x80000002 + i, &brand[4 * i], &brand[4 * i + 1],
				 &brand[4 * i + 2], &brand[4 * i + 3]))
			brand[0] = 0;
	if (brand[0]) {
		const char *text = (const char *)brand;

		meter_json_text(object, "cpu", text + strspn(text, " "), &err);
	}
	if (tsc_hz)
		meter_json_count(object, "tsc_hz", tsc_hz, &err);
	if (!err)
		return object;
	json_object_put(object);
	return NULL;
}

int meter_json_print(FILE *out, struct json_object *root, bool compact)
{
	const char *text;
	int err = 0;

	if (!root)
		return -ENOMEM;
	text = json_object_to_json_string_ext(
		root, (compact ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY) |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	errno = 0;
	if (!text)
		err = -ENOMEM;
	else if (fputs(text, out) < 0 || fputc('\n', out) < 0 || fflush(out))
		err = errno ? -errno : -EIO;
	json_object_put(root);
	return err;
}
