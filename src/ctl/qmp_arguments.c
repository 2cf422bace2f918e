// SPDX-License-Identifier: MIT
/* What a command is told: members of its arguments, of the type that they have to have. */
#include "ctl/qmp_impl.h"

bool ctl_qmp_get(struct json_object *from, const char *name, enum json_type type,
		 struct json_object **value, struct ctl_qmp_error *err)
{
	*value = NULL;
	if (!json_object_object_get_ex(from, name, value) || json_object_is_type(*value, type))
		return true;
	return ctl_qmp_fail(err, "Invalid parameter type for '%s', expected: %s", name,
			    type == json_type_int ? "integer" : json_type_to_name(type));
}

bool ctl_qmp_need(struct json_object *from, const char *name, enum json_type type,
		  struct json_object **value, struct ctl_qmp_error *err)
{
	return ctl_qmp_get(from, name, type, value, err) &&
	       (*value || ctl_qmp_fail(err, "Parameter '%s' is missing", name));
}

bool ctl_qmp_get_text(struct json_object *from, const char *name, const char **text,
		      struct ctl_qmp_error *err)
{
	struct json_object *value;

	if (!ctl_qmp_get(from, name, json_type_string, &value, err))
		return false;
	if (value)
		*text = json_object_get_string(value);
	return true;
}

bool ctl_qmp_need_text(struct json_object *from, const char *name, const char **text,
		       struct ctl_qmp_error *err)
{
	struct json_object *value;

	if (!ctl_qmp_need(from, name, json_type_string, &value, err))
		return false;
	*text = json_object_get_string(value);
	return true;
}

bool ctl_qmp_get_flag(struct json_object *from, const char *name, bool *flag,
		      struct ctl_qmp_error *err)
{
	struct json_object *value;

	if (!ctl_qmp_get(from, name, json_type_boolean, &value, err))
		return false;
	if (value)
		*flag = json_object_get_boolean(value);
	return true;
}
