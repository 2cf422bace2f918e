// SPDX-License-Identifier: MIT
/*
 * The measure of the house: a device of a kind that src/ does not know is added from this file alone.
 * It is made by name, driven by a processor, interrupts, is reset, saved and restored, and its
 * properties are listed, by the same walks that serve every other device.
 */
#include <stdlib.h>
#include <string.h>

#include "pc_bench.h"

/* A doorbell with a counter: a write rings, reading says how often it has rung. */
struct toy {
	struct device device;
	struct irq_source wire;
	uint16_t port;
	uint8_t irq;
	struct lock lock;
	struct mem_region region;
	struct irq_line line;
	uint8_t rung; /* state */
};

static uint64_t toy_read(void *chip, uint64_t offset, unsigned width)
{
	struct toy *toy = chip;

	irq_set(&toy->line, false);
	return toy->rung;
}

static void toy_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct toy *toy = chip;

	toy->rung++;
	irq_set(&toy->line, true);
}

static const struct mem_port toy_ports[] = {
	{ .at = 0, .len = 1, .read = toy_read, .write = toy_write },
};

static int toy_create(struct device *device, struct place *place, struct error *err)
{
	struct toy *toy = (struct toy *)device;

	lock_init(&toy->lock, LOCK_DEVICE, "toy");
	toy->line = irq_router_connect(place->router, toy->irq, &toy->wire);
	mem_region_init_io(&toy->region, "toy", 0, toy_ports, 1, toy, &toy->lock);
	mem_region_add(place->ports, &toy->region, toy->port, 0);
	return 0;
}

static const struct state_field toy_fields[] = {
	{ STATE_AT(struct toy, rung), .on_reset = STATE_CLEAR },
};
static const struct state_table toy_state = { "toy", 1, toy_fields, 1 };

static void toy_reset(struct device *device)
{
	struct toy *toy = (struct toy *)device;

	state_reset(&toy_state, toy);
	irq_set(&toy->line, false);
}

static void toy_destroy(struct device *device)
{
	lock_destroy(&((struct toy *)device)->lock);
}

static const struct prop toy_props[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct toy, port), .max = 0xffff, .value = 0x300,
	  .form = "iobase=PORT", .help = "where it is" },
	{ "irq", PROP_NUMBER, PROP_AT(struct toy, irq), .max = 23, .value = 5, .form = "irq=N",
	  .help = "its interrupt" },
	{ 0 },
};

static const struct device_type toy_type = {
	.name = "toy",
	.about = "a doorbell with a counter",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.user = true,
	.size = sizeof(struct toy),
	.props = toy_props,
	.create = toy_create,
	.reset = toy_reset,
	.state = (const struct device_part[]){ DEVICE_PART_SELF(toy_state), { 0 } },
	.destroy = toy_destroy,
};

static const struct device_type *types[64];
static bool levels[IRQ_LINES];

static void watch(void *arg, unsigned line, bool level)
{
	levels[line] = level;
}

static int setup(void **state)
{
	static const struct device_spec devices[] = {
		{ "toy", NULL },
		{ "toy", "iobase=0x310,irq=18,id=second" },
	};
	struct pc_bench *bench = calloc(1, sizeof(*bench));
	size_t n = 0;

	assert_non_null(bench);
	while (board_device_types[n]) {
		types[n] = board_device_types[n];
		n++;
	}
	types[n] = &toy_type;
	pc_bench_make(bench,
		      (struct pc_options){ .types = types, .devices = devices, .devices_n = 2 });
	machine_watch_irqs(&bench->pc.machine, watch, NULL);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	pc_bench_end(*state);
	free(*state);
	return 0;
}

static void test_driven(void **state)
{
	struct pc_bench *bench = *state;

	pc_bench_out(bench, 0x300, 1, 1);
	assert_true(levels[5]);
	assert_int_equal(pc_bench_in(bench, 0x300, 1), 1);
	assert_false(levels[5]);
	pc_bench_out(bench, 0x310, 1, 1);
	assert_true(levels[18]);
	assert_int_equal(pc_bench_in(bench, 0x300, 1), 1);
}

static void test_reset(void **state)
{
	struct pc_bench *bench = *state;

	pc_bench_out(bench, 0x310, 1, 1);
	pc_bench_reset(bench);
	assert_false(levels[18]);
	assert_int_equal(pc_bench_in(bench, 0x310, 1), 0);
}

static void test_saved(void **state)
{
	struct pc_bench *bench = *state;
	struct device_list *list = &bench->pc.devices;
	size_t size = device_list_size(list);
	uint8_t *saved = malloc(size), *again = malloc(size);

	pc_bench_out(bench, 0x300, 1, 1);
	pc_bench_out(bench, 0x300, 1, 1);
	machine_drain(&bench->pc.machine);
	device_list_save(list, saved);
	pc_bench_reset(bench);
	pc_bench_out(bench, 0x310, 1, 1);
	device_list_restore(list, saved);
	device_list_save(list, again);
	assert_int_equal(pc_bench_in(bench, 0x300, 1), 2);
	assert_int_equal(pc_bench_in(bench, 0x310, 1), 0);
	free(saved);
	free(again);
}

static void test_listed(void **state)
{
	struct pc_bench *bench = *state;
	struct device *device = device_find(&bench->pc.devices, &toy_type);
	const struct props props = device_props(device_find_type(types, "toy"));
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(prop_number(props_find(&props, "iobase"), device), 0x300);
	device = TAILQ_NEXT(device, next);
	assert_ptr_equal(device->type, &toy_type);
	assert_string_equal(prop_text(props_find(&props, "id"), device), "second");
	assert_int_equal(prop_number(props_find(&props, "irq"), device), 18);
	pc_bench_out(bench, 0x310, 1, 1);
	device_print(device, out);
	fclose(out);
	assert_string_equal(text, "toy: rung=01\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_driven, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
