// SPDX-License-Identifier: MIT
/* The parallel port: what is printed, when it interrupts, and a printer that is slow. */
#include <stdlib.h>

#include "chip.h"
#include "dev/parallel.h"

struct rig {
	struct parallel parallel;
	struct chip_wire wire;
	uint8_t printed[16];
	unsigned printed_n;
	size_t room;
};

static void print(void *arg, uint8_t byte)
{
	struct rig *rig = arg;

	assert_true(rig->printed_n < sizeof(rig->printed));
	rig->printed[rig->printed_n++] = byte;
}

static size_t room(void *arg)
{
	return ((struct rig *)arg)->room;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->room = 1;
	parallel_init(&rig->parallel, &(struct parallel_options){ .name = "lpt1",
								  .irq = chip_line(&rig->wire),
								  .send = print,
								  .room = room,
								  .arg = rig });
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	parallel_destroy(&rig->parallel);
	free(rig);
	return 0;
}

static void strobe(struct rig *rig, uint8_t control)
{
	out8(&rig->parallel.region, 2, control | 0x01);
	out8(&rig->parallel.region, 2, control);
}

static void test_registers(void **state)
{
	struct rig *rig = *state;
	const struct mem_region *region = &rig->parallel.region;

	assert_int_equal(in8(region, 0), 0xff);
	assert_int_equal(in8(region, 1), 0xd8);
	assert_int_equal(in8(region, 2), 0xcc);
	for (unsigned value = 0; value < 256; value++) {
		out8(region, 0, (uint8_t)value);
		assert_int_equal(in8(region, 0), value);
		out8(region, 1, (uint8_t)value);
	}
	assert_int_equal(in8(region, 1), 0xd8);
	/* Nobody drives the lines if we do not. */
	out8(region, 0, 0x5a);
	out8(region, 2, 0x2c);
	assert_int_equal(in8(region, 2), 0xec);
	assert_int_equal(in8(region, 0), 0xff);
	out8(region, 2, 0x0c);
	assert_int_equal(in8(region, 0), 0x5a);
	/* A printer that is being reset, or is not meant, is not ready. */
	out8(region, 2, 0x08);
	assert_int_equal(in8(region, 1), 0x58);
	out8(region, 2, 0x04);
	assert_int_equal(in8(region, 1), 0x58);
	assert_int_equal(rig->printed_n, 0);
}

static void test_printing(void **state)
{
	struct rig *rig = *state;
	const struct mem_region *region = &rig->parallel.region;

	out8(region, 0, 'a');
	assert_int_equal(rig->printed_n, 0);
	out8(region, 2, 0x0d);
	assert_int_equal(rig->printed_n, 1);
	assert_int_equal(in8(region, 1), 0x58); /* until the strobe ends */
	out8(region, 0, 'x');
	out8(region, 2, 0x0d); /* no edge */
	out8(region, 2, 0x0c);
	assert_int_equal(in8(region, 1), 0xd8);
	out8(region, 0, 'b');
	strobe(rig, 0x0c);
	/* It does not listen. */
	strobe(rig, 0x04);
	strobe(rig, 0x08);
	assert_int_equal(rig->printed_n, 2);
	assert_memory_equal(rig->printed, "ab", 2);
	assert_int_equal(rig->wire.calls, 0);
}

static void test_interrupts(void **state)
{
	struct rig *rig = *state;
	const struct mem_region *region = &rig->parallel.region;

	out8(region, 2, 0x1c);
	assert_false(rig->wire.level);
	out8(region, 2, 0x1d);
	assert_false(rig->wire.level);
	out8(region, 2, 0x1c);
	assert_true(rig->wire.level);
	/* An edge for each, whether somebody looked or not. */
	strobe(rig, 0x1c);
	assert_int_equal(rig->wire.rises, 2);
	assert_true(rig->wire.level);
	(void)in8(region, 1);
	assert_false(rig->wire.level);
	strobe(rig, 0x1c);
	out8(region, 2, 0x0c);
	assert_false(rig->wire.level);
	out8(region, 2, 0x1c); /* it was not seen yet */
	assert_true(rig->wire.level);
	parallel_reset(&rig->parallel);
	assert_false(rig->wire.level);
	assert_int_equal(in8(region, 2), 0xcc);
}

static void test_slow_printer(void **state)
{
	struct rig *rig = *state;
	const struct mem_region *region = &rig->parallel.region;

	rig->room = 0;
	out8(region, 0, 'a');
	strobe(rig, 0x1c);
	assert_int_equal(rig->printed_n, 1);
	assert_int_equal(in8(region, 1), 0x58);
	assert_false(rig->wire.level);
	/* Who does not wait loses the byte. */
	out8(region, 0, 'b');
	strobe(rig, 0x1c);
	assert_int_equal(rig->printed_n, 1);
	parallel_printed(&rig->parallel); /* a mistake: there is none yet */
	assert_int_equal(in8(region, 1), 0x58);
	rig->room = 1;
	parallel_printed(&rig->parallel);
	assert_true(rig->wire.level);
	assert_int_equal(in8(region, 1), 0xd8);
	parallel_printed(&rig->parallel);
	assert_false(rig->wire.level);
	strobe(rig, 0x1c);
	assert_memory_equal(rig->printed, "ab", 2);
}

/* Only the data may wait: what the others do is seen at once, by the printer or the interrupt. */
static void test_waiting(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < rig->parallel.region.ports_n; i++) {
		const struct mem_port *port = &rig->parallel.region.ports[i];

		assert_true(port->wait == (port->at == 0 ? MEM_LATCH : 0));
	}
}

static void test_restored(void **state)
{
	struct rig *rig = *state;
	struct parallel_state saved;

	strobe(rig, 0x1c);
	saved = rig->parallel.state;
	(void)in8(&rig->parallel.region, 1);
	assert_false(rig->wire.level);
	rig->parallel.state = saved;
	parallel_restored(&rig->parallel);
	assert_true(rig->wire.level);
	/* One that was busy is not any more. */
	rig->parallel.state.busy = true;
	parallel_restored(&rig->parallel);
	assert_int_equal(in8(&rig->parallel.region, 1), 0xd8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_registers),    TEST(test_printing), TEST(test_interrupts),
		TEST(test_slow_printer), TEST(test_waiting),  TEST(test_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
