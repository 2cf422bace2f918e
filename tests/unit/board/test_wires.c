// SPDX-License-Identifier: MIT
/* Wires from one chip of the PC to another: what one does the other shows at once, no loop between. */
#include <string.h>

#include "../base/cm.h"
#include "board/accel_none.h"
#include "board/pc.h"

#define PM_BASE    0xb000
#define PM_STATUS  PM_BASE
#define PM_ENABLE  (PM_BASE + 2)
#define PM_CONTROL (PM_BASE + 4)
#define RTC_STS    0x0400
#define STANDBY    (4 << 10 | 1 << 13) /* SUS_TYP and SUS_EN */

struct rig {
	struct loop loop;
	struct loop_task quit;
	struct accel_none none;
	struct pc pc;
};

static void rig_quit(void *arg)
{
	loop_quit(arg);
}

static void turn(struct rig *rig)
{
	loop_post(&rig->loop, &rig->quit);
	assert_int_equal(loop_run(&rig->loop), 0);
}

static void out(struct rig *rig, uint16_t port, uint32_t value, unsigned width)
{
	soft_cpu_write(&rig->none.cpu, MEM_SPACE_PORT, port, value, width);
}

static uint64_t in(struct rig *rig, uint16_t port, unsigned width)
{
	return soft_cpu_read(&rig->none.cpu, MEM_SPACE_PORT, port, width);
}

static void rtc_write(struct rig *rig, uint8_t index, uint8_t value)
{
	out(rig, 0x70, index, 1);
	out(rig, 0x71, value, 1);
}

static void make(struct rig *rig)
{
	struct pc_options options = {
		.machine = { .loop = &rig->loop, .accel = &rig->none.accel },
		.ram = PC_RAM_MIN,
		.rtc_base = { .kind = RTC_BASE_DATE, .seconds = 1000000000 },
	};
	struct error err;

	memset(rig, 0, sizeof(*rig));
	rig->quit = (struct loop_task){ .run = rig_quit, .arg = &rig->loop };
	accel_none_init(&rig->none, true);
	assert_int_equal(loop_init(&rig->loop), 0);
	if (pc_create(&rig->pc, &options, &err))
		fail_msg("%s", err.text);
	machine_continue(&rig->pc.machine);
	/* Power management where the BIOS would put it; an alarm at every second. */
	out(rig, 0xcf8, 0x80000b40, 4);
	out(rig, 0xcfc, PM_BASE | 1, 4);
	out(rig, 0xcf8, 0x80000b80, 4);
	out(rig, 0xcfc, 1, 1);
	out(rig, PM_ENABLE, RTC_STS, 2);
	for (uint8_t index = 1; index <= 5; index = (uint8_t)(index + 2))
		rtc_write(rig, index, 0xff);
	rtc_write(rig, 0x0b, 0x22);
	turn(rig);
}

static void end(struct rig *rig)
{
	pc_destroy(&rig->pc);
	assert_true(LIST_EMPTY(&rig->loop.clocks));
	loop_destroy(&rig->loop);
}

/* The clock calls power management with its own lock held. */
static void test_alarm_reaches_power_management(void **state)
{
	static struct rig rig;

	make(&rig);
	assert_int_equal(in(&rig, PM_STATUS, 2) & RTC_STS, 0);
	assert_true(machine_step_clock(&rig.pc.machine, 2 * NS_PER_SEC));
	assert_false(loop_has_tasks(&rig.loop));
	assert_int_equal(in(&rig, PM_STATUS, 2) & RTC_STS, RTC_STS);
	end(&rig);
}

static void test_alarm_wakes(void **state)
{
	static struct rig rig;

	make(&rig);
	out(&rig, PM_CONTROL, STANDBY, 2);
	turn(&rig);
	assert_int_equal(rig.pc.machine.state, MACHINE_ASLEEP);
	assert_true(machine_step_clock(&rig.pc.machine, 2 * NS_PER_SEC));
	turn(&rig);
	assert_int_equal(rig.pc.machine.state, MACHINE_RUNNING);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alarm_reaches_power_management),
		cmocka_unit_test(test_alarm_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
