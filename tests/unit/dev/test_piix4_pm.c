// SPDX-License-Identifier: MIT
#include "pc_rig.h"

#include "dev/piix4_pm.h"

#define PM      PCI_DEVFN(1, 3)
#define BASE    0x600
#define STATUS  BASE
#define ENABLE  (BASE + 2)
#define CONTROL (BASE + 4)
#define TIMER   (BASE + 8)

struct machine {
	struct rig rig;
	struct irq_source sci;
	struct piix4_pm pm;
	unsigned sleeps, wakes;
	enum piix4_sleep kind;
};

static void on_sleep(void *arg, enum piix4_sleep kind)
{
	struct machine *machine = arg;

	machine->sleeps++;
	machine->kind = kind;
}

static void on_wake(void *arg)
{
	((struct machine *)arg)->wakes++;
}

static void place(struct machine *machine)
{
	rig_config_write(&machine->rig, PM, 0x40, BASE | 1, 4);
	rig_config_write(&machine->rig, PM, 0x80, 1, 1);
}

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct rig *rig = &machine->rig;

	rig_init(rig);
	piix4_pm_init(
		&machine->pm, &rig->bus,
		&(struct piix4_pm_options){
			.clock = &rig->clock,
			.sci = irq_router_connect(&rig->router, PIIX4_PM_SCI_IRQ, &machine->sci),
			.sleep = on_sleep,
			.wake = on_wake,
			.arg = machine,
		});
	rig_publish(rig);
	place(machine);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	struct machine *machine = *state;

	piix4_pm_destroy(&machine->pm);
	rig_destroy(&machine->rig);
	free(machine);
	return 0;
}

static bool sci(struct machine *machine)
{
	return machine->rig.level[PIIX4_PM_SCI_IRQ];
}

static void test_place(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	assert_int_equal(rig_config_read(rig, PM, PCI_VENDOR_ID, 4), 0x71138086);
	assert_int_equal(rig_config_read(rig, PM, 0x40, 4), BASE | 1);
	assert_int_equal(rig_config_read(rig, PM, 0x58, 4) >> 25 & 1, 1);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, BASE), &machine->pm.ports);
	rig_config_write(rig, PM, 0x40, 0xffffffff, 4);
	assert_int_equal(rig_config_read(rig, PM, 0x40, 4), 0xffc1);
	assert_null(rig_region(rig, MEM_SPACE_PORT, BASE));
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, 0xffff), &machine->pm.ports);
	rig_config_write(rig, PM, 0x41, 0x06, 1);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, 0x6c0), &machine->pm.ports);
	rig_config_write(rig, PM, 0x80, 0, 1);
	assert_null(rig_region(rig, MEM_SPACE_PORT, 0x6c0));
	place(machine);
	pci_all_reset(&rig->bus);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_null(rig_region(rig, MEM_SPACE_PORT, BASE));
}

static void test_timer(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	assert_int_equal(rig_in(rig, TIMER, 4), 0);
	clock_step(&rig->clock, NS_PER_SEC);
	assert_int_equal(rig_in(rig, TIMER, 4), PIIX4_PM_TIMER_HZ);
	assert_int_equal(rig_in(rig, TIMER, 1), PIIX4_PM_TIMER_HZ & 0xff);
	rig_out(rig, TIMER, 0, 4);
	assert_int_equal(rig_in(rig, TIMER, 4), PIIX4_PM_TIMER_HZ);
	/* 24 bits; a year does not overflow anything. */
	clock_set(&rig->clock, 365 * 86400 * NS_PER_SEC + NS_PER_SEC / 2);
	assert_int_equal(rig_in(rig, TIMER, 4),
			 (365ull * 86400 * PIIX4_PM_TIMER_HZ + PIIX4_PM_TIMER_HZ / 2) & 0xffffff);
}

static void test_timer_status(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	const int64_t half = 2343484438; /* 0x800000 ticks, rounded up to ns */

	clock_step(&rig->clock, half - 1);
	assert_int_equal(rig_in(rig, TIMER, 4), 0x7fffff);
	assert_int_equal(rig_in(rig, STATUS, 2), 0);
	clock_step(&rig->clock, 1);
	assert_int_equal(rig_in(rig, TIMER, 4), 0x800000);
	assert_int_equal(rig_in(rig, STATUS, 2), 1);
	assert_false(sci(machine));
	rig_out(rig, ENABLE, 1, 2); /* pending: at once */
	assert_true(sci(machine));
	rig_out(rig, STATUS, 1, 2);
	assert_false(sci(machine));
	assert_int_equal(rig_in(rig, STATUS, 2), 0);
	clock_step(&rig->clock, half - 2);
	assert_false(sci(machine));
	clock_step(&rig->clock, 2); /* nobody looks: by timer */
	assert_true(sci(machine));
	assert_int_equal(rig_in(rig, TIMER, 4), 0);
	rig_out(rig, ENABLE, 0, 2);
	assert_false(sci(machine));
	assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
}

static void test_events(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	piix4_pm_power_button(&machine->pm);
	assert_int_equal(rig_in(rig, STATUS, 2), 0x0100);
	assert_int_equal(rig_in(rig, STATUS + 1, 1), 0x01);
	assert_false(sci(machine));
	rig_out(rig, ENABLE, 0xffff, 2);
	assert_int_equal(rig_in(rig, ENABLE, 2), 0x0521);
	assert_true(sci(machine));
	piix4_pm_rtc_alarm(&machine->pm);
	rig_out(rig, STATUS + 1, 0x01, 1); /* a byte clears what it names only */
	assert_int_equal(rig_in(rig, STATUS, 2), 0x0400);
	assert_true(sci(machine));
	rig_out(rig, STATUS, 0xfbff, 2);
	assert_true(sci(machine));
	rig_out(rig, ENABLE + 1, 0x01, 1);
	assert_int_equal(rig_in(rig, STATUS, 4), 0x01210400);
	assert_false(sci(machine));
	assert_int_equal(machine->wakes, 0);
}

static void test_control(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	assert_int_equal(rig_in(rig, CONTROL, 2), 0x0001);
	rig_out(rig, CONTROL, 0x1c02, 2);
	assert_int_equal(rig_in(rig, CONTROL, 2), 0x1c03);
	rig_out(rig, CONTROL, 0x3c00, 2); /* no such sleep */
	assert_int_equal(machine->sleeps, 0);
	rig_out(rig, CONTROL, 0x2000, 2);
	assert_int_equal(machine->sleeps, 1);
	assert_int_equal(machine->kind, PIIX4_SLEEP_OFF);
	assert_int_equal(rig_in(rig, CONTROL, 2), 0x0001);
	piix4_pm_power_button(&machine->pm); /* off is off */
	rig_out(rig, ENABLE, 0x0100, 2);
	assert_int_equal(machine->wakes, 0);
	rig_out(rig, CONTROL + 1, 0x20, 1);
	assert_int_equal(machine->sleeps, 2);
}

static void test_wake(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	rig_out(rig, ENABLE, 0x0400, 2);
	rig_out(rig, CONTROL, 0x2400, 2);
	assert_int_equal(machine->kind, PIIX4_SLEEP_TO_RAM);
	piix4_pm_power_button(&machine->pm); /* not enabled */
	assert_int_equal(machine->wakes, 0);
	piix4_pm_rtc_alarm(&machine->pm);
	assert_int_equal(machine->wakes, 1);
	assert_int_equal(rig_in(rig, STATUS, 2), 0x8500);
	piix4_pm_rtc_alarm(&machine->pm);
	assert_int_equal(machine->wakes, 1);
	piix4_pm_reset(&machine->pm); /* that of waking */
	assert_int_equal(rig_in(rig, STATUS, 2), 0x8500);
	assert_int_equal(rig_in(rig, ENABLE, 2), 0);
	assert_false(sci(machine));
	piix4_pm_reset(&machine->pm);
	assert_int_equal(rig_in(rig, STATUS, 2), 0);

	/* Standby needs no reset; an event that is pending already ends it at once. */
	piix4_pm_power_button(&machine->pm);
	rig_out(rig, ENABLE, 0x0100, 2);
	rig_out(rig, CONTROL, 0x3000, 2);
	assert_int_equal(machine->kind, PIIX4_SLEEP_STANDBY);
	assert_int_equal(machine->wakes, 2);
	piix4_pm_reset(&machine->pm);
	assert_int_equal(rig_in(rig, STATUS, 2), 0);
}

static void test_restore(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	uint8_t saved[64];

	assert_true(state_size(&piix4_pm_state) <= sizeof(saved));
	rig_out(rig, ENABLE, 1, 2);
	state_save(&piix4_pm_state, &machine->pm, saved);
	piix4_pm_reset(&machine->pm);
	assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
	state_restore(&piix4_pm_state, &machine->pm, saved);
	piix4_pm_refresh(&machine->pm);
	clock_step(&rig->clock, 3 * NS_PER_SEC);
	assert_true(sci(machine));
}

static void test_gpe(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	rig_out(rig, PIIX4_PM_GPE_PORT, 0xffff, 2);
	assert_int_equal(rig_in(rig, PIIX4_PM_GPE_PORT, 2), 0);
	rig_out(rig, PIIX4_PM_GPE_PORT + 2, 0x12, 1);
	rig_out(rig, PIIX4_PM_GPE_PORT + 3, 0x34, 1);
	assert_int_equal(rig_in(rig, PIIX4_PM_GPE_PORT, 4), 0x34120000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gpe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
