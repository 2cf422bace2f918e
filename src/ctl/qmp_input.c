// SPDX-License-Identifier: MIT
/* Keys and the mouse, as QEMU's commands name them (QAPI schema, "ui"). */
#include <string.h>

#include "ctl/qmp_impl.h"

#define HOLD_MS     100
#define HOLD_MS_MAX 60000
#define EVENTS_MAX  1024
#define STEP_MAX    32767

static bool get(struct json_object *object, const char *name, enum json_type type, const char *path,
		struct json_object **value, struct ctl_qmp_error *err)
{
	if (!json_object_object_get_ex(object, name, value))
		return ctl_qmp_fail(err, "Parameter '%s' is missing", path);
	if (!json_object_is_type(*value, type))
		return ctl_qmp_fail(err, "Invalid parameter type for '%s', expected: %s", path,
				    json_type_to_name(type));
	return true;
}

/* {"type": "qcode", "data": "a"} or {"type": "number", "data": 30} */
static bool parse_key(struct json_object *object, enum ps2_key *key, struct ctl_qmp_error *err)
{
	struct json_object *type, *data;

	if (!json_object_is_type(object, json_type_object))
		return ctl_qmp_fail(err, "Invalid parameter type for 'key', expected: object");
	if (!get(object, "type", json_type_string, "key.type", &type, err))
		return false;
	if (!strcmp(json_object_get_string(type), "qcode")) {
		if (!get(object, "data", json_type_string, "key.data", &data, err))
			return false;
		*key = ps2_key_by_name(json_object_get_string(data));
	} else if (!strcmp(json_object_get_string(type), "number")) {
		int64_t number;

		if (!get(object, "data", json_type_int, "key.data", &data, err))
			return false;
		number = json_object_get_int64(data);
		*key = number < 0 || number > 0xff ? PS2_KEY_NONE
						   : ps2_key_by_number((uint32_t)number);
	} else {
		const char *text = json_object_get_string(type);

		return ctl_qmp_fail(err, "Parameter 'key.type' does not accept value '%.*s'",
				    ctl_qmp_quote(text), text);
	}
	if (*key == PS2_KEY_NONE) {
		const char *text = json_object_get_string(data);

		return ctl_qmp_fail(err, "Parameter 'key.data' does not accept value '%.*s'",
				    ctl_qmp_quote(text), text);
	}
	return true;
}

bool ctl_qmp_send_key(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err)
{
	struct typist_chord chord = { .hold = HOLD_MS * NS_PER_MS };
	struct json_object *keys, *hold;
	size_t n;

	if (!get(arguments, "keys", json_type_array, "keys", &keys, err))
		return false;
	if (json_object_object_get_ex(arguments, "hold-time", &hold)) {
		int64_t ms = json_object_get_int64(hold);

		if (!json_object_is_type(hold, json_type_int))
			return ctl_qmp_fail(
				err, "Invalid parameter type for 'hold-time', expected: int");
		if (ms < 0 || ms > HOLD_MS_MAX)
			return ctl_qmp_fail(err, "Parameter 'hold-time' expects 0 to %d ms",
					    HOLD_MS_MAX);
		chord.hold = ms * NS_PER_MS;
	}
	n = json_object_array_length(keys);
	if (n > TYPIST_CHORD)
		return ctl_qmp_fail(err, "Parameter 'keys' has more than %d keys", TYPIST_CHORD);
	for (size_t i = 0; i < n; i++) {
		enum ps2_key key;

		if (!parse_key(json_object_array_get_idx(keys, i), &key, err))
			return false;
		chord.keys[chord.n++] = (uint8_t)key;
	}
	if (!machine_press(qmp->machine, &chord))
		return ctl_qmp_fail(err, "%d keys wait to be pressed: try later", TYPIST_QUEUE);
	return true;
}

/* input-send-event: all events are understood before the first one is carried out. */

struct act {
	enum ps2_key key; /* PS2_KEY_NONE: the mouse */
	bool down;
	struct input_motion motion; /* .buttons: the one that changes */
};

static const struct {
	const char *name;
	uint32_t button; /* 0: the wheel */
	int32_t wheel;
} buttons[] = {
	{ "left", INPUT_LEFT, 0 }, { "middle", INPUT_MIDDLE, 0 }, { "right", INPUT_RIGHT, 0 },
	{ "side", INPUT_SIDE, 0 }, { "extra", INPUT_EXTRA, 0 },   { "wheel-up", 0, -1 },
	{ "wheel-down", 0, 1 },
};

static bool parse_button(struct json_object *data, struct act *act, struct ctl_qmp_error *err)
{
	struct json_object *down, *button;
	const char *name;

	if (!get(data, "down", json_type_boolean, "btn.down", &down, err) ||
	    !get(data, "button", json_type_string, "btn.button", &button, err))
		return false;
	act->down = json_object_get_boolean(down);
	name = json_object_get_string(button);
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		if (strcmp(buttons[i].name, name))
			continue;
		act->motion.buttons = buttons[i].button;
		act->motion.wheel = act->down ? buttons[i].wheel : 0;
		return true;
	}
	return ctl_qmp_fail(err, "Parameter 'btn.button' does not accept value '%.*s'",
			    ctl_qmp_quote(name), name);
}

static bool parse_step(struct json_object *data, struct act *act, struct ctl_qmp_error *err)
{
	struct json_object *axis, *value;
	const char *name;
	int64_t step;

	if (!get(data, "axis", json_type_string, "rel.axis", &axis, err) ||
	    !get(data, "value", json_type_int, "rel.value", &value, err))
		return false;
	name = json_object_get_string(axis);
	step = json_object_get_int64(value);
	if (step < -STEP_MAX || step > STEP_MAX)
		return ctl_qmp_fail(err, "Parameter 'rel.value' is out of range");
	if (!strcmp(name, "x"))
		act->motion.right = (int32_t)step;
	else if (!strcmp(name, "y"))
		act->motion.down = (int32_t)step;
	else
		return ctl_qmp_fail(err, "Parameter 'rel.axis' does not accept value '%.*s'",
				    ctl_qmp_quote(name), name);
	return true;
}

static bool parse_event(struct json_object *event, struct act *act, struct ctl_qmp_error *err)
{
	struct json_object *type, *data, *down, *key;
	const char *name;

	*act = (struct act){ .key = PS2_KEY_NONE };
	if (!json_object_is_type(event, json_type_object))
		return ctl_qmp_fail(err, "Invalid parameter type for 'events', expected: object");
	if (!get(event, "type", json_type_string, "events[].type", &type, err) ||
	    !get(event, "data", json_type_object, "events[].data", &data, err))
		return false;
	name = json_object_get_string(type);
	if (!strcmp(name, "btn"))
		return parse_button(data, act, err);
	if (!strcmp(name, "rel"))
		return parse_step(data, act, err);
	if (!strcmp(name, "abs"))
		return ctl_qmp_fail(err, "Input handler not found for event type abs");
	if (strcmp(name, "key"))
		return ctl_qmp_fail(err, "Parameter 'events[].type' does not accept value '%.*s'",
				    ctl_qmp_quote(name), name);
	if (!get(data, "down", json_type_boolean, "key.down", &down, err) ||
	    !get(data, "key", json_type_object, "key.key", &key, err))
		return false;
	act->down = json_object_get_boolean(down);
	return parse_key(key, &act->key, err);
}

static void carry_out(struct machine *machine, const struct act *act)
{
	struct input_motion motion = act->motion;

	if (act->key != PS2_KEY_NONE) {
		machine_key(machine, act->key, act->down);
		return;
	}
	motion.buttons = act->down ? machine->input.buttons | motion.buttons
				   : machine->input.buttons & ~motion.buttons;
	machine_motion(machine, &motion);
}

bool ctl_qmp_input_send_event(struct ctl_qmp *qmp, struct json_object *arguments,
			      struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *events;
	struct act act;
	size_t n;

	if (!get(arguments, "events", json_type_array, "events", &events, err))
		return false;
	n = json_object_array_length(events);
	if (n > EVENTS_MAX)
		return ctl_qmp_fail(err, "Parameter 'events' has more than %d events", EVENTS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!parse_event(json_object_array_get_idx(events, i), &act, err))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (parse_event(json_object_array_get_idx(events, i), &act, err))
			carry_out(qmp->machine, &act);
	}
	return true;
}

bool ctl_qmp_query_mice(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *mouse;

	*result = json_object_new_array();
	if (!*result || !qmp->machine->input.motion)
		return true;
	mouse = json_object_new_object();
	ctl_qmp_put(mouse, "name", json_object_new_string("PS/2 Mouse"));
	ctl_qmp_put(mouse, "index", json_object_new_int(0));
	ctl_qmp_put(mouse, "current", json_object_new_boolean(true));
	ctl_qmp_put(mouse, "absolute", json_object_new_boolean(false));
	if (json_object_array_add(*result, mouse))
		json_object_put(mouse);
	return true;
}
