// SPDX-License-Identifier: MIT
/* What KVM is told when time stops and goes on: of the clocks of a model that do nothing themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake.h"
#include "hv/timekeeping.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define VCPUS  3u
#define PIT_HZ 1193182

struct rig {
	struct fake_kvm kvm;
	struct hv_vm vm;
	struct error err;
};

static void create(struct rig *rig)
{
	const struct hv_options options = { .irqchip = true, .pit = true, .vcpus = VCPUS };

	assert_int_equal(hv_vm_create(&rig->vm, &rig->kvm.sys, &options, &rig->err), 0);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	fake_init(&rig->kvm);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hv_vm_destroy(&rig->vm);
	assert_int_equal(rig->kvm.fds, 0);
	free(rig);
	return 0;
}

/* Every vCPU is set back by the same number of ticks: those that went by. */
static void tsc_by_its_offset(void **state)
{
	struct rig *rig = *state;
	uint64_t before, stopped, started, after, gone;

	create(rig);
	for (unsigned i = 0; i < VCPUS; i++)
		rig->kvm.tsc_offset[i] = UINT64_C(1000) * i - 5000;
	before = meter_ticks();
	hv_vm_stop_time(&rig->vm);
	stopped = meter_ticks();
	usleep(1000);
	started = meter_ticks();
	hv_vm_start_time(&rig->vm);
	after = meter_ticks();
	gone = 0 - UINT64_C(5000) - rig->kvm.tsc_offset[0];
	assert_in_range(gone, started - stopped, after - before);
	for (unsigned i = 0; i < VCPUS; i++)
		assert_true(rig->kvm.tsc_offset[i] == UINT64_C(1000) * i - 5000 - gone);
	/* It goes on already. */
	hv_vm_start_time(&rig->vm);
	assert_true(rig->kvm.tsc_offset[0] == 0 - UINT64_C(5000) - gone);
}

static void tsc_by_writing_it(void **state)
{
	struct rig *rig = *state;

	rig->kvm.no_tsc_offset = true;
	create(rig);
	for (unsigned i = 0; i < VCPUS; i++)
		rig->kvm.tsc[i] = 77 + i;
	hv_vm_stop_time(&rig->vm);
	for (unsigned i = 0; i < VCPUS; i++)
		rig->kvm.tsc[i] += 1000000;
	hv_vm_start_time(&rig->vm);
	for (unsigned i = 0; i < VCPUS; i++)
		assert_int_equal(rig->kvm.tsc[i], 77 + i);
}

static void kvmclock_and_those_who_use_it(void **state)
{
	struct rig *rig = *state;

	create(rig);
	rig->kvm.clock = (struct kvm_clock_data){ .clock = 12345, .flags = KVM_CLOCK_TSC_STABLE };
	hv_vm_stop_time(&rig->vm);
	rig->kvm.clock.clock = 99999;
	assert_int_equal(rig->kvm.clock_ctrls, 0);
	hv_vm_start_time(&rig->vm);
	assert_int_equal(rig->kvm.clock.clock, 12345);
	assert_int_equal(rig->kvm.clock.flags, 0);
	assert_int_equal(rig->kvm.clock_ctrls, VCPUS);
}

static void kernels_without(void **state)
{
	struct rig *rig = *state;

	rig->kvm.caps[KVM_CAP_ADJUST_CLOCK] = rig->kvm.caps[KVM_CAP_KVMCLOCK_CTRL] = 0;
	create(rig);
	rig->kvm.clock.clock = 5;
	hv_vm_stop_time(&rig->vm);
	rig->kvm.clock.clock = 6;
	hv_vm_start_time(&rig->vm);
	assert_int_equal(rig->kvm.clock.clock, 6);
	assert_int_equal(rig->kvm.clock_ctrls, 0);
}

static struct kvm_pit_channel_state counting(uint8_t mode, uint32_t count, int64_t ns_ago)
{
	return (struct kvm_pit_channel_state){
		.mode = mode,
		.count = count,
		.gate = 1,
		.count_load_time = clock_monotonic() - ns_ago,
	};
}

static void pit_with_the_rest_of_its_counts(void **state)
{
	struct rig *rig = *state;
	const struct kvm_pit_channel_state *channels = rig->kvm.pit.channels;
	int64_t begun, took;

	create(rig);
	begun = clock_monotonic();
	rig->kvm.pit.channels[0] = counting(2, 1000, 0);
	rig->kvm.pit.channels[1] = counting(3, 18, 5000000);
	rig->kvm.pit.channels[2] = counting(0, 65536, 10000000);
	rig->kvm.pit.flags = KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	hv_vm_stop_time(&rig->vm);
	took = clock_monotonic() - begun;
	/* Nothing interrupts meanwhile. */
	assert_int_equal(channels[0].mode, 5);
	hv_vm_start_time(&rig->vm);
	assert_int_equal(channels[0].mode, 2);
	assert_int_equal(channels[0].count, 1000);
	assert_int_equal(channels[1].count, 18);
	assert_int_equal(rig->kvm.pit.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	/* A hundredth of a second is 11,931 counts and a bit, and some time has passed here as well. */
	if (took < 40000000)
		assert_in_range(channels[2].count, 65536 - 11932 - took * PIT_HZ / 1000000000 - 1,
				65536 - 11931);
	else
		assert_in_range(channels[2].count, 1, 65536 - 11931);
}

static void pit_that_has_run_out(void **state)
{
	struct rig *rig = *state;
	static const int64_t ago[] = { 55000000, 999999999, 1000000000, INT64_C(1) << 40 };

	create(rig);
	for (size_t i = 0; i < sizeof(ago) / sizeof(ago[0]); i++) {
		rig->kvm.pit.channels[2] = counting(4, 0, ago[i]); /* 0 is 65536 */
		hv_vm_stop_time(&rig->vm);
		hv_vm_start_time(&rig->vm);
		assert_int_equal(rig->kvm.pit.channels[2].count, 1);
	}
}

/* A reset while time stands still is not undone when it goes on. */
static void reset_while_stopped(void **state)
{
	struct rig *rig = *state;

	rig->kvm.pit.channels[0] = counting(0xff, 65536, 0); /* at power-on */
	create(rig);
	rig->kvm.pit.channels[0] = counting(2, 1000, 0);
	hv_vm_stop_time(&rig->vm);
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	assert_int_equal(rig->kvm.pit.channels[0].mode, 0xff);
	hv_vm_start_time(&rig->vm);
	assert_int_equal(rig->kvm.pit.channels[0].mode, 0xff);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(tsc_by_its_offset),    TEST(tsc_by_writing_it),
		TEST(kernels_without),      TEST(kvmclock_and_those_who_use_it),
		TEST(pit_that_has_run_out), TEST(pit_with_the_rest_of_its_counts),
		TEST(reset_while_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
