// SPDX-License-Identifier: MIT
#include "pc_rig.h"

#include "dev/piix3.h"

#define ISA PCI_DEVFN(1, 0)

struct machine {
	struct rig rig;
	struct piix3 bridge;
	struct pci_function cards[2];
	unsigned resets;
};

static void on_reset(void *arg)
{
	((struct machine *)arg)->resets++;
}

static int setup(void **state)
{
	static const struct pci_id id = { .vendor = 1, .interrupt_pin = 1 };
	struct machine *machine = calloc(1, sizeof(*machine));

	rig_init(&machine->rig);
	piix3_init(&machine->bridge, &machine->rig.bus,
		   &(struct piix3_options){ .router = &machine->rig.router,
					    .reset = on_reset,
					    .reset_arg = machine,
					    .elcr = true });
	/* Pin A of device 3 is PIRQ 2, of device 7 too. */
	pci_function_init(&machine->cards[0], &machine->rig.bus, PCI_DEVFN(3, 0), "3", &id, NULL);
	pci_function_init(&machine->cards[1], &machine->rig.bus, PCI_DEVFN(7, 0), "7", &id, NULL);
	pci_function_add(&machine->cards[0]);
	pci_function_add(&machine->cards[1]);
	rig_publish(&machine->rig);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	struct machine *machine = *state;

	piix3_destroy(&machine->bridge);
	rig_destroy(&machine->rig);
	free(machine);
	return 0;
}

static void test_registers(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	assert_int_equal(rig_config_read(rig, ISA, PCI_VENDOR_ID, 4), 0x70008086);
	assert_int_equal(rig_config_read(rig, ISA, PCI_REVISION, 4), 0x06010000);
	assert_int_equal(rig_config_read(rig, ISA, PCI_HEADER_TYPE, 1), 0x80);
	assert_int_equal(rig_config_read(rig, ISA, 0x60, 4), 0x80808080);
	rig_config_write(rig, ISA, 0x60, 0xffffffff, 4);
	assert_int_equal(rig_config_read(rig, ISA, 0x60, 4), 0x8f8f8f8f);
	pci_all_reset(&rig->bus);
	assert_int_equal(rig_config_read(rig, ISA, 0x60, 4), 0x80808080);
}

static void test_routes(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	pci_intx_set(&machine->cards[0], true);
	for (unsigned i = 0; i < IRQ_LINES; i++)
		assert_false(rig->level[i]); /* nowhere after a reset */
	rig_config_write(rig, ISA, 0x62, 10, 1);
	assert_true(rig->level[10]);
	rig_config_write(rig, ISA, 0x62, 11, 1); /* moved while high */
	assert_false(rig->level[10]);
	assert_true(rig->level[11]);
	rig_config_write(rig, ISA, 0x62, 0x8b, 1);
	assert_false(rig->level[11]);
	for (unsigned irq = 0; irq < IRQ_ISA_LINES; irq++) {
		bool reserved = irq <= 2 || irq == 8 || irq == 13;

		rig_config_write(rig, ISA, 0x62, irq, 1);
		assert_int_equal(rig->level[irq], !reserved);
	}
	rig_config_write(rig, ISA, 0x60, 0x0a0a0a0a, 4);
	assert_true(rig->level[10]);
	pci_all_reset(&rig->bus);
	assert_false(rig->level[10]);
}

static void test_sharing(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	struct irq_source sources[2];
	struct irq_line a = irq_router_connect(&rig->router, 9, &sources[0]);
	struct irq_line b = irq_router_connect(&rig->router, 9, &sources[1]);

	rig_config_write(rig, ISA, 0x62, 9, 1);
	assert_int_equal(irq_set(&a, true), IRQ_DELIVERED);
	assert_int_equal(irq_set(&b, true), IRQ_MERGED);
	pci_intx_set(&machine->cards[0], true);
	pci_intx_set(&machine->cards[1], true);
	assert_int_equal(rig->edges[9], 1);
	irq_set(&a, false);
	irq_set(&b, false);
	pci_intx_set(&machine->cards[0], false);
	assert_true(rig->level[9]);
	pci_intx_set(&machine->cards[1], false);
	assert_false(rig->level[9]);
	assert_int_equal(rig->edges[9], 2);
}

static void test_swizzle(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;
	struct pci_intx_sink sink = irq_router_intx(&rig->router);

	rig_config_write(rig, ISA, 0x60, 0x0b0a0605, 4);
	for (unsigned device = 1; device < 32; device++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			static const unsigned irqs[] = { 5, 6, 10, 11 };
			unsigned irq = irqs[(device - 1 + pin) % 4];

			sink.set(sink.arg, device, pin, true);
			assert_true(rig->level[irq]);
			sink.set(sink.arg, device, pin, false);
			assert_false(rig->level[irq]);
		}
	}
}

static void test_router_restore(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	uint8_t saved[128];

	assert_true(state_size(&irq_router_state) <= sizeof(saved));
	rig_config_write(rig, ISA, 0x62, 10, 1);
	pci_intx_set(&machine->cards[0], true);
	state_save(&irq_router_state, &rig->router, saved);
	pci_intx_set(&machine->cards[0], false);
	state_restore(&irq_router_state, &rig->router, saved);
	irq_router_refresh(&rig->router);
	assert_true(rig->level[10]);
}

/* Gates are kept, refresh goes on, and no counter runs. */
static void test_port_b(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	for (unsigned value = 0; value < 256; value++) {
		uint64_t first, second;

		rig_out(rig, 0x61, value, 1);
		first = rig_in(rig, 0x61, 1);
		second = rig_in(rig, 0x61, 1);
		assert_int_equal(first & 0xef, value & 0x0f);
		assert_int_equal(first ^ second, 0x10);
	}
	piix3_reset(&machine->bridge);
	assert_int_equal(rig_in(rig, 0x61, 1) & 0x0f, 0);
}

static void test_elcr(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	rig_out(rig, 0x4d0, 0xff, 1);
	rig_out(rig, 0x4d1, 0xff, 1);
	assert_int_equal(rig_in(rig, 0x4d0, 2), 0xdef8);
	rig_out(rig, 0x4d0, 0x0c20, 2);
	assert_int_equal(rig_in(rig, 0x4d0, 1), 0x20);
	assert_int_equal(rig_in(rig, 0x4d1, 1), 0x0c);
	piix3_reset(&machine->bridge);
	assert_int_equal(rig_in(rig, 0x4d0, 2), 0);
}

static void test_reset_control(void **state)
{
	struct machine *machine = *state;
	struct piix3 *bridge = &machine->bridge;

	piix3_reset_control_write(bridge, 0x02);
	assert_int_equal(machine->resets, 0);
	assert_int_equal(piix3_reset_control_read(bridge), 0x02);
	piix3_reset_control_write(bridge, 0xff);
	assert_int_equal(machine->resets, 1);
	assert_int_equal(piix3_reset_control_read(bridge), 0x06);
	piix3_reset_control_write(bridge, 0x06); /* no edge */
	assert_int_equal(machine->resets, 1);
	piix3_reset_control_write(bridge, 0x00);
	piix3_reset_control_write(bridge, 0x04);
	assert_int_equal(machine->resets, 2);
	piix3_reset(bridge);
	assert_int_equal(piix3_reset_control_read(bridge), 0);
	piix3_reset_control_write(bridge, 0x06);
	assert_int_equal(machine->resets, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sharing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swizzle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_router_restore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_b, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elcr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_control, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
