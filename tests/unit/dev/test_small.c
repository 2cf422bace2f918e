// SPDX-License-Identifier: MIT
/* The chips of a few registers: 8042, port 92, POST, debug console, debug exit, pvpanic. */
#include "chip.h"

#include <string.h>

#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/i8042.h"
#include "dev/port92.h"
#include "dev/post.h"
#include "dev/pvpanic.h"

static void count(void *arg)
{
	++*(unsigned *)arg;
}

struct log {
	uint8_t bytes[8];
	size_t n;
};

static void note(void *arg, uint8_t byte)
{
	struct log *log = arg;

	assert_true(log->n < sizeof(log->bytes));
	log->bytes[log->n++] = byte;
}

static uint8_t ask(struct i8042 *i8042, uint8_t command)
{
	out8(&i8042->command, 0, command);
	assert_int_equal(in8(&i8042->command, 0) & 0x09, 0x09);
	return in8(&i8042->data, 0);
}

static void tell(struct i8042 *i8042, uint8_t command, uint8_t parameter)
{
	out8(&i8042->command, 0, command);
	out8(&i8042->data, 0, parameter);
}

static void test_i8042_commands(void **state)
{
	static const struct {
		uint8_t command, answer;
	} cases[] = {
		{ 0xaa, 0x55 }, { 0xab, 0x00 }, { 0xa9, 0x00 }, { 0xc0, 0x80 }, { 0xd0, 0xcf }
	};
	struct i8042 i8042;

	i8042_init(&i8042, &(struct i8042_options){ 0 });
	assert_int_equal(in8(&i8042.command, 0), 0x18);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ask(&i8042, cases[i].command), cases[i].answer);
	assert_int_equal(in8(&i8042.command, 0), 0x1c); /* the self-test left its mark */

	/* The command byte: off and on of both devices, and written whole. */
	assert_int_equal(ask(&i8042, 0x20), 0x03);
	out8(&i8042.command, 0, 0xad);
	out8(&i8042.command, 0, 0xa7);
	assert_int_equal(ask(&i8042, 0x20), 0x33);
	out8(&i8042.command, 0, 0xae);
	out8(&i8042.command, 0, 0xa8);
	assert_int_equal(ask(&i8042, 0x20), 0x03);
	tell(&i8042, 0x60, 0x61);
	assert_int_equal(ask(&i8042, 0x20), 0x61);
	assert_int_equal(in8(&i8042.command, 0), 0x18); /* the system flag is its bit 2 */

	/* A command not offered answers nothing, and a parameter goes to the last command only. */
	out8(&i8042.command, 0, 0xd1);
	out8(&i8042.command, 0, 0x33);
	out8(&i8042.data, 0, 0x00);
	assert_int_equal(ask(&i8042, 0xd0), 0xcf);
	i8042_destroy(&i8042);
}

static void test_i8042_a20(void **state)
{
	struct i8042 i8042;

	i8042_init(&i8042, &(struct i8042_options){ 0 });
	tell(&i8042, 0xd1, 0xdd);
	assert_int_equal(ask(&i8042, 0xd0), 0xdd);
	tell(&i8042, 0xd1, 0xdf);
	assert_int_equal(ask(&i8042, 0xd0), 0xdf);
	out8(&i8042.command, 0, 0xdd);
	assert_int_equal(ask(&i8042, 0xd0), 0xdd);
	out8(&i8042.command, 0, 0xdf);
	assert_int_equal(ask(&i8042, 0xd0), 0xdf);
	i8042_reset(&i8042);
	assert_int_equal(ask(&i8042, 0xd0), 0xcf);
	i8042_destroy(&i8042);
}

static void test_i8042_reset_line(void **state)
{
	unsigned resets = 0;
	struct i8042 i8042;

	i8042_init(&i8042, &(struct i8042_options){ .reset = count, .arg = &resets });
	out8(&i8042.command, 0, 0xfe);
	assert_int_equal(resets, 1);
	out8(&i8042.command, 0, 0xff); /* pulses nothing */
	out8(&i8042.command, 0, 0xf1); /* pulses others, among them A20, which is not kept */
	assert_int_equal(resets, 1);
	out8(&i8042.command, 0, 0xf0);
	assert_int_equal(resets, 2);
	tell(&i8042, 0xd1, 0xce);
	assert_int_equal(resets, 3);
	i8042_destroy(&i8042);
}

/* Nothing is plugged in: the controller says so, and does not leave a driver waiting. */
static void test_i8042_no_keyboard(void **state)
{
	struct chip_wire wire = { 0 };
	struct i8042 i8042;

	i8042_init(&i8042, &(struct i8042_options){ .irq = chip_line(&wire) });
	out8(&i8042.command, 0, 0xad);
	out8(&i8042.data, 0, 0xff);
	assert_true(wire.level);
	assert_int_equal(in8(&i8042.command, 0), 0x51);
	assert_int_equal(in8(&i8042.data, 0), 0xfe);
	assert_false(wire.level);
	assert_int_equal(in8(&i8042.command, 0), 0x10);
	assert_int_equal(ask(&i8042, 0x20), 0x03); /* writing to it switched it on */

	tell(&i8042, 0xd2, 0x77);
	assert_int_equal(wire.rises, 3);
	assert_int_equal(in8(&i8042.data, 0), 0x77);
	out8(&i8042.command, 0, 0xad);
	tell(&i8042, 0xd2, 0x78);
	assert_int_equal(wire.rises, 3); /* nor does a keyboard that is off interrupt */
	tell(&i8042, 0x60, 0x00);
	tell(&i8042, 0xd4, 0xf2);
	assert_int_equal(wire.rises, 3); /* interrupts are off */
	tell(&i8042, 0x60, 0x01);
	assert_int_equal(wire.rises, 4); /* what waits is told of */
	wire.level = false;
	i8042_restored(&i8042);
	assert_true(wire.level);
	i8042_reset(&i8042);
	assert_false(wire.level);
	i8042_destroy(&i8042);
}

static void test_port92(void **state)
{
	struct port92 port92;
	unsigned resets = 0;

	port92_init(&port92, &(struct port92_options){ .reset = count, .arg = &resets });
	assert_int_equal(in8(&port92.region, 0), 0x00);
	out8(&port92.region, 0, 0x02);
	assert_int_equal(in8(&port92.region, 0), 0x02);
	assert_int_equal(resets, 0);
	out8(&port92.region, 0, 0x03);
	assert_int_equal(resets, 1);
	out8(&port92.region, 0, 0x03); /* no change, no reset */
	assert_int_equal(resets, 1);
	port92_reset(&port92);
	assert_int_equal(in8(&port92.region, 0), 0x00);
	out8(&port92.region, 0, 0x01);
	assert_int_equal(resets, 2);
	port92_destroy(&port92);
}

static void test_post(void **state)
{
	struct log log = { 0 };
	struct post post;

	post_init(&post, &(struct post_options){ .show = note, .arg = &log });
	out8(&post.region, 0, 0x12);
	out8(&post.region, 0, 0x34);
	assert_int_equal(in8(&post.region, 0), 0x34);
	assert_int_equal(post_code(&post), 0x34);
	assert_memory_equal(log.bytes, "\x12\x34", 2);
	assert_true(post.region.ports[0].wait == MEM_DEADLINE(20000000));
	post_reset(&post);
	assert_int_equal(post_code(&post), 0);
	post_destroy(&post);

	/* What nobody sees may wait for ever. */
	post_init(&post, &(struct post_options){ 0 });
	out8(&post.region, 0, 0x56);
	assert_int_equal(post_code(&post), 0x56);
	assert_true(post.region.ports[0].wait == MEM_LATCH);
	post_destroy(&post);
}

static void test_debugcon(void **state)
{
	struct debugcon debugcon;
	struct log log = { 0 };

	debugcon_init(&debugcon, &(struct debugcon_options){ .send = note, .arg = &log });
	assert_int_equal(in8(&debugcon.region, 0), 0xe9);
	out8(&debugcon.region, 0, 'o');
	out8(&debugcon.region, 0, 'k');
	assert_int_equal(log.n, 2);
	assert_memory_equal(log.bytes, "ok", 2);
	assert_true(debugcon.region.ports[0].wait == MEM_DEADLINE(20000000));
	debugcon_destroy(&debugcon);

	debugcon_init(&debugcon, &(struct debugcon_options){ 0 });
	assert_int_equal(in8(&debugcon.region, 0), 0xe9);
	out8(&debugcon.region, 0, 'o');
	assert_true(debugcon.region.ports[0].wait == MEM_LATCH);
	debugcon_destroy(&debugcon);
}

struct exits {
	unsigned n;
	uint32_t status;
};

static void exits(void *arg, uint32_t status)
{
	struct exits *e = arg;

	e->n++;
	e->status = status;
}

static void test_debugexit(void **state)
{
	struct debugexit debugexit;
	struct exits e = { 0 };

	debugexit_init(&debugexit,
		       &(struct debugexit_options){ .size = 4, .exit = exits, .arg = &e });
	assert_int_equal(chip_read(&debugexit.region, 0, 4), 0);
	out8(&debugexit.region, 0, 0);
	assert_int_equal(e.status, 1);
	out8(&debugexit.region, 3, 0x10);
	assert_int_equal(e.status, 0x21);
	chip_write(&debugexit.region, 2, 0x1234, 2);
	assert_int_equal(e.status, 0x2469);
	chip_write(&debugexit.region, 0, 0x80000001, 4);
	assert_int_equal(e.status, 3);
	assert_int_equal(e.n, 4);

	/* One port: a wide write comes in bytes, the first of which is what counts. */
	debugexit_init(&debugexit,
		       &(struct debugexit_options){ .size = 1, .exit = exits, .arg = &e });
	chip_write(&debugexit.region, 0, 0x55, 4);
	assert_int_equal(e.n, 5);
	assert_int_equal(e.status, 0xab);
}

static void test_pvpanic(void **state)
{
	struct log log = { 0 };
	struct pvpanic pvpanic;

	pvpanic_init(&pvpanic, &(struct pvpanic_options){ .event = note, .arg = &log });
	assert_int_equal(in8(&pvpanic.region, 0), 3);
	out8(&pvpanic.region, 0, 0xf0);
	assert_int_equal(log.n, 0);
	out8(&pvpanic.region, 0, 1);
	out8(&pvpanic.region, 0, 0x82);
	assert_int_equal(log.n, 2);
	assert_memory_equal(log.bytes, "\x01\x02", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_i8042_commands),   cmocka_unit_test(test_i8042_a20),
		cmocka_unit_test(test_i8042_reset_line), cmocka_unit_test(test_i8042_no_keyboard),
		cmocka_unit_test(test_port92),           cmocka_unit_test(test_post),
		cmocka_unit_test(test_debugcon),         cmocka_unit_test(test_debugexit),
		cmocka_unit_test(test_pvpanic),
	};

	return cmocka_run_group_tests_name("small chips", tests, NULL, NULL);
}
