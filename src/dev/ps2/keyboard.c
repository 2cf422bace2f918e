// SPDX-License-Identifier: MIT
#include "dev/ps2/keyboard.h"

#include <string.h>

#define ACK         0xfa
#define TEST_PASSED 0xaa
#define RESEND      0xfe
#define RELEASE     0xf0 /* before the code of a key that goes up, in sets 2 and 3 */
#define EXTENDED    0xe0

enum command {
	SET_LIGHTS = 0xed,
	ECHO = 0xee,
	SELECT_SET = 0xf0,
	IDENTIFY = 0xf2,
	SET_RATE = 0xf3,
	ENABLE = 0xf4,
	DISABLE = 0xf5, /* and defaults */
	SET_DEFAULTS = 0xf6,
	ALL_REPEAT = 0xf7,
	ALL_MAKE_BREAK = 0xf8,
	ALL_MAKE = 0xf9,
	ALL_REPEAT_MAKE_BREAK = 0xfa,
	KEY_REPEAT = 0xfb, /* this and the two below: for the keys whose codes of set 3 follow */
	KEY_MAKE_BREAK = 0xfc,
	KEY_MAKE = 0xfd,
	SEND_AGAIN = 0xfe,
	RESET = 0xff,
};

/* What a key of set 3 tells: going up at all, and being held. */
#define KIND_BREAK  0x01u
#define KIND_REPEAT 0x02u
/* In kinds[], too: whether the key is down, so that a press is known from a repeat. */
#define KIND_DOWN 0x80u

#define RATE_DEFAULT 0x2b /* 10.9 characters a second after half a second */

#define HELD_SHIFT   0x01u
#define HELD_SHIFT_R 0x02u
#define HELD_CTRL    0x04u
#define HELD_CTRL_R  0x08u
#define HELD_ALT     0x10u
#define HELD_ALT_R   0x20u

static const struct state_field keyboard_fields[] = {
	{ STATE_AT(struct ps2_keyboard, set), .on_reset = STATE_CLEAR, .value = 2 },
	{ STATE_AT(struct ps2_keyboard, scanning), .on_reset = STATE_CLEAR, .value = true },
	{ STATE_AT(struct ps2_keyboard, lights), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_keyboard, rate), .on_reset = STATE_CLEAR, .value = RATE_DEFAULT },
	{ STATE_AT(struct ps2_keyboard, awaiting), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_keyboard, last), .on_reset = STATE_CLEAR, .value = TEST_PASSED },
	{ STATE_AT(struct ps2_keyboard, modifiers), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct ps2_keyboard, kinds), .on_reset = STATE_CLEAR,
	  .value = KIND_REPEAT },
};

const struct state_table ps2_keyboard_state = {
	.name = "ps2-keyboard",
	.version = 1,
	.fields = keyboard_fields,
	.fields_n = sizeof(keyboard_fields) / sizeof(keyboard_fields[0]),
};

/*
 * Keys of set 3 whose kind is another one by default: those that tell that they go up (shifts and
 * their like repeat not), and those that neither do that nor repeat.
 */
static void default_kinds(struct ps2_keyboard *keyboard)
{
	static const uint8_t make_break[] = { 0x11, 0x12, 0x14, 0x19, 0x59 };
	static const uint8_t make[] = { 0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f,
					0x47, 0x4f, 0x56, 0x57, 0x58, 0x5e, 0x5f, 0x62, 0x65, 0x67,
					0x6d, 0x6e, 0x6f, 0x76, 0x77, 0x7e, 0x84, 0x79 };

	memset(keyboard->kinds, KIND_REPEAT, sizeof(keyboard->kinds));
	for (size_t i = 0; i < sizeof(make_break); i++)
		keyboard->kinds[make_break[i]] = KIND_BREAK;
	for (size_t i = 0; i < sizeof(make); i++)
		keyboard->kinds[make[i]] = 0;
}

void ps2_keyboard_init(struct ps2_keyboard *keyboard)
{
	state_reset(&ps2_keyboard_state, keyboard);
	ps2_queue_clear(&keyboard->queue);
	default_kinds(keyboard);
}

/* What reset, "disable" and "set defaults" have in common. */
static void set_defaults(struct ps2_keyboard *keyboard)
{
	ps2_queue_clear(&keyboard->queue);
	keyboard->set = 2;
	keyboard->rate = RATE_DEFAULT;
	keyboard->modifiers = 0;
	default_kinds(keyboard);
}

static void all_kinds(struct ps2_keyboard *keyboard, uint8_t kind)
{
	memset(keyboard->kinds, kind, sizeof(keyboard->kinds));
}

static void parameter(struct ps2_keyboard *keyboard, uint8_t command, uint8_t byte)
{
	ps2_queue_reply(&keyboard->queue, ACK);
	switch (command) {
	case SET_LIGHTS:
		keyboard->lights = byte & 7;
		break;
	case SET_RATE:
		keyboard->rate = byte & 0x7f;
		break;
	case SELECT_SET:
		if (!byte) {
			ps2_queue_reply(&keyboard->queue, keyboard->set);
		} else if (byte <= 3) {
			keyboard->set = byte;
		}
		break;
	default: /* more codes may follow, until a command does */
		if (byte < PS2_SET3_CODES)
			keyboard->kinds[byte] = command == KEY_REPEAT       ? KIND_REPEAT
						: command == KEY_MAKE_BREAK ? KIND_BREAK
									    : 0;
		keyboard->awaiting = command;
		break;
	}
}

static void command(struct ps2_keyboard *keyboard, uint8_t byte)
{
	struct ps2_queue *queue = &keyboard->queue;

	switch (byte) {
	case ECHO:
		ps2_queue_reply(queue, ECHO);
		return;
	case SEND_AGAIN:
		ps2_queue_reply(queue, keyboard->last);
		return;
	case SET_LIGHTS:
	case SELECT_SET:
	case SET_RATE:
	case KEY_REPEAT:
	case KEY_MAKE_BREAK:
	case KEY_MAKE:
		keyboard->awaiting = byte;
		break;
	case ENABLE:
		ps2_queue_clear(queue);
		keyboard->scanning = true;
		break;
	case DISABLE:
	case SET_DEFAULTS:
		set_defaults(keyboard);
		keyboard->scanning = byte == SET_DEFAULTS;
		break;
	case ALL_REPEAT:
		all_kinds(keyboard, KIND_REPEAT);
		break;
	case ALL_MAKE_BREAK:
		all_kinds(keyboard, KIND_BREAK);
		break;
	case ALL_MAKE:
		all_kinds(keyboard, 0);
		break;
	case ALL_REPEAT_MAKE_BREAK:
		all_kinds(keyboard, KIND_REPEAT | KIND_BREAK);
		break;
	case IDENTIFY:
	case RESET:
		break;
	default:
		ps2_queue_reply(queue, RESEND);
		return;
	}
	if (byte == RESET) {
		set_defaults(keyboard);
		keyboard->scanning = true;
		keyboard->lights = 0;
	}
	ps2_queue_reply(queue, ACK);
	if (byte == RESET) {
		ps2_queue_reply(queue, TEST_PASSED);
	} else if (byte == IDENTIFY) {
		ps2_queue_reply(queue, 0xab);
		ps2_queue_reply(queue, 0x83);
	}
}

void ps2_keyboard_write(struct ps2_keyboard *keyboard, uint8_t byte)
{
	uint8_t awaiting = keyboard->awaiting;

	ps2_queue_begin_reply(&keyboard->queue);
	keyboard->awaiting = 0;
	/* Every command is a number that no parameter can be. */
	if (awaiting && byte < SET_LIGHTS)
		parameter(keyboard, awaiting, byte);
	else
		command(keyboard, byte);
}

/* A sequence of bytes that is being put together. */
struct sequence {
	uint8_t bytes[8];
	size_t n;
};

static void add(struct sequence *sequence, uint8_t byte)
{
	sequence->bytes[sequence->n++] = byte;
}

/* A code of set 2 in the keyboard's set, which is 1 or 2. */
static void add_code(const struct ps2_keyboard *keyboard, struct sequence *sequence, bool extended,
		     uint8_t code, bool down)
{
	if (extended)
		add(sequence, EXTENDED);
	if (keyboard->set == 1) {
		add(sequence, (uint8_t)(ps2_translate(code) | (down ? 0 : 0x80)));
		return;
	}
	if (!down)
		add(sequence, RELEASE);
	add(sequence, code);
}

/* Print is another key with Alt held, and stands between two shifts without Ctrl or Shift. */
static void add_print(const struct ps2_keyboard *keyboard, struct sequence *sequence, bool down)
{
	if (keyboard->modifiers & (HELD_ALT | HELD_ALT_R)) {
		add_code(keyboard, sequence, false, 0x84, down);
		return;
	}
	if (keyboard->modifiers) {
		add_code(keyboard, sequence, true, 0x7c, down);
		return;
	}
	add_code(keyboard, sequence, true, down ? 0x12 : 0x7c, down);
	add_code(keyboard, sequence, true, down ? 0x7c : 0x12, down);
}

/* Pause says all at once when it is pressed and nothing when it is let go; with Ctrl it is Break. */
static void add_pause(const struct ps2_keyboard *keyboard, struct sequence *sequence, bool down)
{
	if (!down)
		return;
	if (keyboard->modifiers & (HELD_CTRL | HELD_CTRL_R)) {
		add_code(keyboard, sequence, true, 0x7e, true);
		add_code(keyboard, sequence, true, 0x7e, false);
		return;
	}
	for (int up = 0; up < 2; up++) {
		add(sequence, PS2_PAUSE >> 8);
		add_code(keyboard, sequence, false, 0x14, !up);
		add_code(keyboard, sequence, false, 0x77, !up);
	}
}

static void add_set3(struct ps2_keyboard *keyboard, struct sequence *sequence, uint8_t code,
		     bool down)
{
	uint8_t *kind = &keyboard->kinds[code];
	bool told = down ? !(*kind & KIND_DOWN) || *kind & KIND_REPEAT : *kind & KIND_BREAK;

	*kind = (uint8_t)(down ? *kind | KIND_DOWN : *kind & ~KIND_DOWN);
	if (!told)
		return;
	if (!down)
		add(sequence, RELEASE);
	add(sequence, code);
}

static void note_modifier(struct ps2_keyboard *keyboard, enum ps2_key key, bool down)
{
	static const struct {
		enum ps2_key key;
		uint8_t held;
	} modifiers[] = {
		{ PS2_KEY_SHIFT, HELD_SHIFT }, { PS2_KEY_SHIFT_R, HELD_SHIFT_R },
		{ PS2_KEY_CTRL, HELD_CTRL },   { PS2_KEY_CTRL_R, HELD_CTRL_R },
		{ PS2_KEY_ALT, HELD_ALT },     { PS2_KEY_ALT_R, HELD_ALT_R },
	};

	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (modifiers[i].key != key)
			continue;
		if (down)
			keyboard->modifiers |= modifiers[i].held;
		else
			keyboard->modifiers &= (uint8_t)~modifiers[i].held;
	}
}

void ps2_keyboard_key(struct ps2_keyboard *keyboard, enum ps2_key key, bool down)
{
	const struct ps2_key_codes *codes = &ps2_keys[key];
	struct sequence sequence = { .n = 0 };

	note_modifier(keyboard, key, down);
	if (!keyboard->scanning)
		return;
	if (keyboard->set == 3) {
		if (codes->set3)
			add_set3(keyboard, &sequence, codes->set3, down);
	} else if (key == PS2_KEY_PRINT) {
		add_print(keyboard, &sequence, down);
	} else if (key == PS2_KEY_PAUSE) {
		add_pause(keyboard, &sequence, down);
	} else {
		add_code(keyboard, &sequence, codes->set2 > 0xff, (uint8_t)codes->set2, down);
	}
	/* The last place is kept for the code that says that keys were lost. */
	if (sequence.n < ps2_queue_room(&keyboard->queue)) {
		ps2_queue_put(&keyboard->queue, sequence.bytes, sequence.n);
	} else if (sequence.n && ps2_queue_room(&keyboard->queue)) {
		uint8_t overrun = keyboard->set == 1 ? 0xff : 0x00;

		ps2_queue_put(&keyboard->queue, &overrun, 1);
	}
}

bool ps2_keyboard_take(struct ps2_keyboard *keyboard, uint8_t *byte)
{
	if (!ps2_queue_take(&keyboard->queue, byte))
		return false;
	keyboard->last = *byte;
	return true;
}

void ps2_keyboard_restored(struct ps2_keyboard *keyboard)
{
	ps2_queue_restored(&keyboard->queue);
	if (keyboard->set < 1 || keyboard->set > 3)
		keyboard->set = 2;
	if (keyboard->awaiting < SET_LIGHTS)
		keyboard->awaiting = 0;
}
