// SPDX-License-Identifier: MIT
/* The 8042 with its keyboard and mouse, seen from the guest's side and from a person's. */
#include "chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/ps2/i8042.h"
#include "dev/ps2/typist.h"

#define STATUS_OUTPUT 0x01
#define STATUS_MOUSE  0x20

struct rig {
	struct i8042 i8042;
	struct input input;
	struct chip_wire irq, aux_irq;
	unsigned resets;
};

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	*state = rig;
	if (!rig)
		return -1;
	i8042_init(&rig->i8042, &(struct i8042_options){ .irq = chip_line(&rig->irq),
							 .aux_irq = chip_line(&rig->aux_irq),
							 .input = &rig->input,
							 .reset = count,
							 .arg = &rig->resets });
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *rig = *state;

	i8042_destroy(&rig->i8042);
	assert_null(rig->input.key);
	free(rig);
	return 0;
}

static uint8_t status(struct rig *rig)
{
	return in8(&rig->i8042.command, 0);
}

/* What there is to read, all of it, as hexadecimal digits; the mouse's bytes with an apostrophe. */
static const char *drain(struct rig *rig)
{
	static char text[256];
	size_t n = 0;

	text[0] = 0;
	while (status(rig) & STATUS_OUTPUT && n + 8 < sizeof(text)) {
		const char *mark = status(rig) & STATUS_MOUSE ? "'" : "";

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%02x%s", n ? " " : "",
				      in8(&rig->i8042.data, 0), mark);
	}
	return text;
}

static void key(struct rig *rig, enum ps2_key which, bool down)
{
	assert_true(input_key(&rig->input, which, down));
}

static const char *stroke(struct rig *rig, enum ps2_key which)
{
	key(rig, which, true);
	key(rig, which, false);
	return drain(rig);
}

static void to_keyboard(struct rig *rig, uint8_t byte)
{
	out8(&rig->i8042.data, 0, byte);
}

static void to_mouse(struct rig *rig, uint8_t byte)
{
	out8(&rig->i8042.command, 0, 0xd4);
	out8(&rig->i8042.data, 0, byte);
}

static void set_mode(struct rig *rig, uint8_t mode)
{
	out8(&rig->i8042.command, 0, 0x60);
	out8(&rig->i8042.data, 0, mode);
}

static uint8_t ask(struct rig *rig, uint8_t command)
{
	out8(&rig->i8042.command, 0, command);
	assert_int_equal(in8(&rig->i8042.command, 0) & 0x09, 0x09);
	return in8(&rig->i8042.data, 0);
}

static void tell(struct rig *rig, uint8_t command, uint8_t parameter)
{
	out8(&rig->i8042.command, 0, command);
	out8(&rig->i8042.data, 0, parameter);
}

static void test_i8042_commands(void **state)
{
	static const struct {
		uint8_t command, answer;
	} cases[] = {
		{ 0xaa, 0x55 }, { 0xab, 0x00 }, { 0xa9, 0x00 }, { 0xc0, 0x80 }, { 0xd0, 0xcf }
	};
	struct rig *rig = *state;

	assert_int_equal(in8(&rig->i8042.command, 0), 0x18);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ask(rig, cases[i].command), cases[i].answer);
	assert_int_equal(in8(&rig->i8042.command, 0), 0x1c); /* the self-test left its mark */

	/* The command byte: off and on of both devices, and written whole. */
	assert_int_equal(ask(rig, 0x20), 0x03);
	out8(&rig->i8042.command, 0, 0xad);
	out8(&rig->i8042.command, 0, 0xa7);
	assert_int_equal(ask(rig, 0x20), 0x33);
	out8(&rig->i8042.command, 0, 0xae);
	out8(&rig->i8042.command, 0, 0xa8);
	assert_int_equal(ask(rig, 0x20), 0x03);
	tell(rig, 0x60, 0x61);
	assert_int_equal(ask(rig, 0x20), 0x61);
	assert_int_equal(in8(&rig->i8042.command, 0), 0x18); /* the system flag is its bit 2 */

	/* A command not offered answers nothing, and a parameter goes to the last command only. */
	out8(&rig->i8042.command, 0, 0xd1);
	out8(&rig->i8042.command, 0, 0x33);
	out8(&rig->i8042.data, 0,
	     0x00); /* so this is for the keyboard, which knows no such command */
	assert_string_equal(drain(rig), "fe");
	assert_int_equal(ask(rig, 0xd0), 0xcf);
}

static void test_i8042_a20(void **state)
{
	struct rig *rig = *state;

	tell(rig, 0xd1, 0xdd);
	assert_int_equal(ask(rig, 0xd0), 0xdd);
	tell(rig, 0xd1, 0xdf);
	assert_int_equal(ask(rig, 0xd0), 0xdf);
	out8(&rig->i8042.command, 0, 0xdd);
	assert_int_equal(ask(rig, 0xd0), 0xdd);
	out8(&rig->i8042.command, 0, 0xdf);
	assert_int_equal(ask(rig, 0xd0), 0xdf);
	i8042_reset(&rig->i8042);
	assert_int_equal(ask(rig, 0xd0), 0xcf);
}

static void test_i8042_reset_line(void **state)
{
	struct rig *rig = *state;

	out8(&rig->i8042.command, 0, 0xfe);
	assert_int_equal(rig->resets, 1);
	out8(&rig->i8042.command, 0, 0xff); /* pulses nothing */
	out8(&rig->i8042.command, 0, 0xf1); /* pulses others, among them A20, which is not kept */
	assert_int_equal(rig->resets, 1);
	out8(&rig->i8042.command, 0, 0xf0);
	assert_int_equal(rig->resets, 2);
	tell(rig, 0xd1, 0xce);
	assert_int_equal(rig->resets, 3);
}

/* The controller's answer comes before what the keyboard has to say, and never over a byte unread. */
static void test_one_byte_at_a_time(void **state)
{
	struct rig *rig = *state;

	key(rig, PS2_KEY_A, true);
	assert_true(rig->irq.level);
	key(rig, PS2_KEY_B, true);
	out8(&rig->i8042.command, 0, 0x20);
	assert_string_equal(drain(rig), "1c 03 32");
	assert_int_equal(rig->irq.rises, 3);
	assert_false(rig->irq.level);
	assert_int_equal(in8(&rig->i8042.data, 0),
			 0x32); /* with nothing there, the last once more */
}

static void test_interrupts(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, 0x00);
	key(rig, PS2_KEY_A, true);
	assert_false(rig->irq.level);
	set_mode(rig, 0x01);
	assert_true(rig->irq.level);
	set_mode(rig, 0x11); /* a keyboard that is off interrupts not */
	assert_false(rig->irq.level);
	i8042_restored(&rig->i8042);
	assert_false(rig->irq.level);
	set_mode(rig, 0x03);
	assert_string_equal(drain(rig), "1c");

	to_mouse(rig, 0xf4);
	assert_true(rig->aux_irq.level);
	assert_false(rig->irq.level);
	rig->aux_irq.level = false;
	i8042_restored(&rig->i8042);
	assert_true(rig->aux_irq.level);
	i8042_reset(&rig->i8042);
	assert_false(rig->aux_irq.level);

	/* As if a device had said it. */
	out8(&rig->i8042.command, 0, 0xd3);
	out8(&rig->i8042.data, 0, 0x77);
	assert_true(rig->aux_irq.level);
	assert_string_equal(drain(rig), "77'");
	out8(&rig->i8042.command, 0, 0xd2);
	out8(&rig->i8042.data, 0, 0x78);
	assert_true(rig->irq.level);
	assert_string_equal(drain(rig), "78");
}

/* What is held back by the command byte comes when it may, in order. */
static void test_held_back(void **state)
{
	struct rig *rig = *state;

	to_mouse(rig, 0xf4);
	assert_string_equal(drain(rig), "fa'");
	set_mode(rig, 0x33);
	key(rig, PS2_KEY_A, true);
	input_motion(&rig->input, &(struct input_motion){ .right = 3 });
	assert_string_equal(drain(rig), "");
	out8(&rig->i8042.command, 0, 0xa8);
	assert_string_equal(drain(rig), "08' 03' 00'");
	out8(&rig->i8042.command, 0, 0xae);
	assert_string_equal(drain(rig), "1c");
	/* Writing to one of them switches it on. */
	set_mode(rig, 0x33);
	to_keyboard(rig, 0xee);
	assert_string_equal(drain(rig), "ee");
	to_mouse(rig, 0xe6);
	assert_string_equal(drain(rig), "fa'");
}

static void test_scan_code_sets(void **state)
{
	static const struct {
		enum ps2_key key;
		const char *translated, *set1, *set2, *set3;
	} rows[] = {
		{ PS2_KEY_A, "1e 9e", "1e 9e", "1c f0 1c", "1c" },
		{ PS2_KEY_F7, "41 c1", "41 c1", "83 f0 83", "37" },
		{ PS2_KEY_RIGHT, "e0 4d e0 cd", "e0 4d e0 cd", "e0 74 e0 f0 74", "6a" },
		{ PS2_KEY_CTRL_R, "e0 1d e0 9d", "e0 1d e0 9d", "e0 14 e0 f0 14", "58" },
		{ PS2_KEY_SHIFT, "2a aa", "2a aa", "12 f0 12", "12 f0 12" },
		{ PS2_KEY_PRINT, "e0 2a e0 37 e0 b7 e0 aa", "e0 2a e0 37 e0 b7 e0 aa",
		  "e0 12 e0 7c e0 f0 7c e0 f0 12", "57" },
		{ PS2_KEY_PAUSE, "e1 1d 45 e1 9d c5", "e1 1d 45 e1 9d c5",
		  "e1 14 77 e1 f0 14 f0 77", "62" },
		{ PS2_KEY_VOLUMEUP, "e0 30 e0 b0", "e0 30 e0 b0", "e0 32 e0 f0 32", "" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_mode(rig, 0x41);
		assert_string_equal(stroke(rig, rows[i].key), rows[i].translated);
		set_mode(rig, 0x01);
		assert_string_equal(stroke(rig, rows[i].key), rows[i].set2);
		to_keyboard(rig, 0xf0);
		to_keyboard(rig, 1);
		assert_string_equal(drain(rig), "fa fa");
		assert_string_equal(stroke(rig, rows[i].key), rows[i].set1);
		to_keyboard(rig, 0xf0);
		to_keyboard(rig, 3);
		drain(rig);
		assert_string_equal(stroke(rig, rows[i].key), rows[i].set3);
		to_keyboard(rig, 0xf0);
		to_keyboard(rig, 0);
		assert_string_equal(drain(rig), "fa fa 03");
		to_keyboard(rig, 0xf6);
		drain(rig);
	}
}

static void test_print_and_pause_with_others(void **state)
{
	struct rig *rig = *state;

	key(rig, PS2_KEY_CTRL, true);
	drain(rig);
	assert_string_equal(stroke(rig, PS2_KEY_PAUSE), "e0 7e e0 f0 7e");
	assert_string_equal(stroke(rig, PS2_KEY_PRINT), "e0 7c e0 f0 7c");
	key(rig, PS2_KEY_CTRL, false);
	key(rig, PS2_KEY_ALT, true);
	drain(rig);
	assert_string_equal(stroke(rig, PS2_KEY_PRINT), "84 f0 84");
}

/* Set 3: a key that is held repeats, goes up silently, or does both, as the host says. */
static void test_kinds_of_set_3(void **state)
{
	struct rig *rig = *state;

	to_keyboard(rig, 0xf0);
	to_keyboard(rig, 3);
	drain(rig);
	key(rig, PS2_KEY_A, true);
	key(rig, PS2_KEY_A, true);
	key(rig, PS2_KEY_A, false);
	assert_string_equal(drain(rig), "1c 1c");
	key(rig, PS2_KEY_F1, true);
	key(rig, PS2_KEY_F1, true);
	key(rig, PS2_KEY_F1, false);
	assert_string_equal(drain(rig), "07");
	for (int i = 0; i < 3; i++) { /* F1 and A are to tell that they go up */
		to_keyboard(rig, (const uint8_t[]){ 0xfc, 0x07, 0x1c }[i]);
		assert_string_equal(drain(rig), "fa");
	}
	to_keyboard(rig, 0xf4);
	drain(rig);
	assert_string_equal(stroke(rig, PS2_KEY_F1), "07 f0 07");
	assert_string_equal(stroke(rig, PS2_KEY_A), "1c f0 1c");
	to_keyboard(rig, 0xf9);
	drain(rig);
	assert_string_equal(stroke(rig, PS2_KEY_A), "1c");
	to_keyboard(rig, 0xfa);
	drain(rig);
	key(rig, PS2_KEY_A, true);
	key(rig, PS2_KEY_A, true);
	key(rig, PS2_KEY_A, false);
	assert_string_equal(drain(rig), "1c 1c f0 1c");
}

static void test_keyboard_commands(void **state)
{
	struct rig *rig = *state;

	to_keyboard(rig, 0xff);
	assert_string_equal(drain(rig), "fa aa");
	to_keyboard(rig, 0xf2);
	assert_string_equal(drain(rig), "fa ab 83");
	set_mode(rig, 0x41);
	to_keyboard(rig, 0xf2);
	assert_string_equal(drain(rig), "fa ab 41"); /* a real 8042 translates this as well */
	set_mode(rig, 0x01);
	to_keyboard(rig, 0xee);
	assert_string_equal(drain(rig), "ee");
	to_keyboard(rig, 0xed);
	to_keyboard(rig, 0x05);
	assert_string_equal(drain(rig), "fa fa");
	assert_int_equal(rig->input.lights, INPUT_LIGHT_CAPS | INPUT_LIGHT_SCROLL);
	to_keyboard(rig, 0x00);
	assert_string_equal(drain(rig), "fe"); /* no command */
	to_keyboard(rig, 0xf5);
	assert_string_equal(drain(rig), "fa");
	assert_string_equal(stroke(rig, PS2_KEY_A), "");
	to_keyboard(rig, 0xf4);
	assert_string_equal(drain(rig), "fa");
	key(rig, PS2_KEY_A, true);
	assert_string_equal(drain(rig), "1c");
	to_keyboard(rig, 0xfe);
	assert_string_equal(drain(rig), "1c"); /* again */
	/* A command in place of a parameter is a command. */
	to_keyboard(rig, 0xed);
	drain(rig);
	to_keyboard(rig, 0xf2);
	assert_string_equal(drain(rig), "fa ab 83");
	/* A host that does not wait for an answer loses what it did not read, but for one byte. */
	to_keyboard(rig, 0xf2);
	to_keyboard(rig, 0xee);
	assert_string_equal(drain(rig), "fa ee");
	i8042_reset(&rig->i8042);
	assert_int_equal(rig->input.lights, 0);
}

/* A guest that does not read gets what fits, a mark for what is lost, and then the present again. */
static void test_overrun(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, 0x11);
	for (int i = 0; i < 40; i++)
		key(rig, PS2_KEY_A, true);
	set_mode(rig, 0x01);
	assert_string_equal(drain(rig), "1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 1c 00");
	key(rig, PS2_KEY_B, true);
	assert_string_equal(drain(rig), "32");
}

static void test_mouse_commands(void **state)
{
	struct rig *rig = *state;

	to_mouse(rig, 0xff);
	assert_string_equal(drain(rig), "fa' aa' 00'");
	to_mouse(rig, 0xf2);
	assert_string_equal(drain(rig), "fa' 00'");
	to_mouse(rig, 0xe9);
	assert_string_equal(drain(rig), "fa' 00' 02' 64'");
	input_motion(&rig->input, &(struct input_motion){ .buttons = INPUT_LEFT | INPUT_MIDDLE });
	assert_string_equal(drain(rig), ""); /* it does not report yet */
	to_mouse(rig, 0xe7);
	to_mouse(rig, 0xf4);
	to_mouse(rig, 0xe8);
	to_mouse(rig, 0x03);
	drain(rig);
	to_mouse(rig, 0xe9);
	assert_string_equal(drain(rig), "fa' 36' 03' 64'");
	to_mouse(rig, 0xee); /* wrap */
	drain(rig);
	to_mouse(rig, 0x5a);
	to_mouse(rig, 0xf4);
	assert_string_equal(drain(rig), "5a' f4'");
	to_mouse(rig, 0xec);
	assert_string_equal(drain(rig), "fa'");
	to_mouse(rig, 0x12);
	assert_string_equal(drain(rig), "fe'");
	to_mouse(rig, 0xf0); /* remote: only when asked */
	drain(rig);
	input_motion(&rig->input, &(struct input_motion){ .right = 5, .down = 6 });
	assert_string_equal(drain(rig), "");
	to_mouse(rig, 0xeb);
	assert_string_equal(drain(rig), "fa' 28' 05' fa'");
	to_mouse(rig, 0xfe);
	assert_string_equal(drain(rig), "fa'");
}

static void reporting(struct rig *rig, const uint8_t rates[3])
{
	for (int i = 0; rates && i < 3; i++) {
		to_mouse(rig, 0xf3);
		to_mouse(rig, rates[i]);
	}
	to_mouse(rig, 0xf4);
	drain(rig);
}

static void test_movements(void **state)
{
	struct rig *rig = *state;

	reporting(rig, NULL);
	input_motion(&rig->input,
		     &(struct input_motion){ .right = -2, .down = 3, .buttons = INPUT_RIGHT });
	assert_string_equal(drain(rig), "3a' fe' fd'");
	/* More than one packet can tell comes in several; what does not change is not told. */
	input_motion(&rig->input, &(struct input_motion){ .right = 300, .buttons = INPUT_RIGHT });
	assert_string_equal(drain(rig), "0a' ff' 00' 0a' 2d' 00'");
	input_motion(&rig->input, &(struct input_motion){ .wheel = 1, .buttons = INPUT_RIGHT });
	assert_string_equal(drain(rig), "");
	to_mouse(rig, 0xe7);
	drain(rig);
	input_motion(&rig->input, &(struct input_motion){ .right = 3, .down = -20 });
	assert_string_equal(drain(rig), "08' 03' 28'");
}

static void test_wheel(void **state)
{
	static const uint8_t wheel[] = { 200, 100, 80 }, explorer[] = { 200, 200, 80 };
	struct rig *rig = *state;

	reporting(rig, wheel);
	to_mouse(rig, 0xf2);
	assert_string_equal(drain(rig), "fa' 03'");
	input_motion(&rig->input, &(struct input_motion){ .wheel = -1 });
	assert_string_equal(drain(rig), "08' 00' 00' ff'");
	input_motion(&rig->input, &(struct input_motion){ .wheel = 9 });
	assert_string_equal(drain(rig), "08' 00' 00' 07' 08' 00' 00' 02'");
	reporting(rig, explorer);
	to_mouse(rig, 0xf2);
	assert_string_equal(drain(rig), "fa' 04'");
	input_motion(&rig->input, &(struct input_motion){ .buttons = INPUT_SIDE, .wheel = -1 });
	assert_string_equal(drain(rig), "08' 00' 00' 1f'");
	input_motion(&rig->input, &(struct input_motion){ .buttons = INPUT_EXTRA });
	assert_string_equal(drain(rig), "08' 00' 00' 20'");
	to_mouse(rig, 0xff);
	drain(rig);
	to_mouse(rig, 0xf2);
	assert_string_equal(drain(rig), "fa' 00'");
}

/* While nobody reads, movements add up, within bounds, and come out as one way. */
static void test_movements_add_up(void **state)
{
	struct rig *rig = *state;
	int sum = 0;

	reporting(rig, NULL);
	for (int i = 0; i < 100; i++)
		input_motion(&rig->input, &(struct input_motion){ .right = 9 });
	while (status(rig) & STATUS_OUTPUT) {
		assert_int_equal(in8(&rig->i8042.data, 0) & 0x38, 0x08);
		sum += in8(&rig->i8042.data, 0);
		in8(&rig->i8042.data, 0);
	}
	assert_int_equal(sum, 900);
	for (int i = 0; i < 100; i++)
		input_motion(&rig->input, &(struct input_motion){ .right = INT32_MAX });
	assert_in_range(rig->i8042.mouse.right, 1, 0xffff);
}

static void test_key_names(void **state)
{
	for (unsigned i = 0; i < PS2_KEYS; i++)
		assert_int_equal(ps2_key_by_name(ps2_keys[i].name), i);
	assert_int_equal(ps2_key_by_name("menu"), PS2_KEY_COMPOSE);
	assert_int_equal(ps2_key_by_name("nonsense"), PS2_KEY_NONE);
	assert_int_equal(ps2_key_by_number(0x1e), PS2_KEY_A);
	assert_int_equal(ps2_key_by_number(0xcd), PS2_KEY_RIGHT);
	assert_int_equal(ps2_key_by_number(0xc6), PS2_KEY_PAUSE);
	assert_int_equal(ps2_key_by_number(0x45), PS2_KEY_NUM_LOCK);
	assert_int_equal(ps2_key_by_number(0xff), PS2_KEY_NONE);
}

/* Keys of a chord go down in order, are held, and go up in the opposite order; the next one follows. */
static void test_typist(void **state)
{
	struct rig *rig = *state;
	struct typist typist;
	struct clock clock;
	struct typist_chord chord = { .hold = 100, .keys = { PS2_KEY_CTRL, PS2_KEY_C }, .n = 2 };

	clock_init(&clock, CLOCK_KIND_MANUAL);
	typist_init(&typist, &clock, &rig->input);
	assert_true(typist_press(&typist, &chord));
	chord.n = 1;
	assert_true(typist_press(&typist, &chord));
	assert_string_equal(drain(rig), "14 21");
	clock_step(&clock, 99);
	assert_string_equal(drain(rig), "");
	clock_step(&clock, 1);
	assert_string_equal(drain(rig), "f0 21 f0 14");
	clock_step(&clock, 100);
	assert_string_equal(drain(rig), "14");
	typist_stop(&typist); /* nothing stays down */
	assert_string_equal(drain(rig), "f0 14");
	for (int i = 0; i < TYPIST_QUEUE; i++)
		assert_true(typist_press(&typist, &chord));
	assert_false(typist_press(&typist, &chord));
	typist_stop(&typist);
	clock_destroy(&clock);
}

static void test_saved_nonsense(void **state)
{
	struct rig *rig = *state;

	memset(&rig->i8042.keyboard, 0xff, sizeof(rig->i8042.keyboard));
	memset(&rig->i8042.mouse, 0xff, sizeof(rig->i8042.mouse));
	rig->i8042.mouse.right = INT32_MIN;
	i8042_restored(&rig->i8042);
	key(rig, PS2_KEY_PRINT, true);
	input_motion(&rig->input, &(struct input_motion){ .right = -5 });
	drain(rig);
	to_keyboard(rig, 0x10);
	to_mouse(rig, 0x10);
	drain(rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_i8042_commands),   TEST(test_i8042_a20),
		TEST(test_i8042_reset_line), TEST(test_one_byte_at_a_time),
		TEST(test_interrupts),       TEST(test_held_back),
		TEST(test_scan_code_sets),   TEST(test_print_and_pause_with_others),
		TEST(test_kinds_of_set_3),   TEST(test_keyboard_commands),
		TEST(test_overrun),          TEST(test_mouse_commands),
		TEST(test_movements),        TEST(test_wheel),
		TEST(test_movements_add_up), TEST(test_typist),
		TEST(test_saved_nonsense),   cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
