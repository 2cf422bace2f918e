// SPDX-License-Identifier: MIT
/* The chips of a few registers: port 92, POST, debug console, debug exit, pvpanic. */
#include "chip.h"

#include <string.h>

#include "dev/debugcon.h"
#include "dev/debugexit.h"
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
		cmocka_unit_test(test_port92),   cmocka_unit_test(test_post),
		cmocka_unit_test(test_debugcon), cmocka_unit_test(test_debugexit),
		cmocka_unit_test(test_pvpanic),
	};

	return cmocka_run_group_tests_name("small chips", tests, NULL, NULL);
}
