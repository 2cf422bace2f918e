// SPDX-License-Identifier: MIT
/*
 * A guest that looks at its clocks all the time, and a stop in the middle. What it has seen pass is
 * compared with what passed for the host outside the stop, never with a duration: however slow the
 * host is, a clock that went on during the stop is ahead by all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hv/timekeeping.h"
#include "machine.h"

#define NS_PER_S INT64_C(1000000000)
#define STOP     (2 * NS_PER_S)
/* Setting a clock is no exact thing, and the host's own clocks are steered. */
#define SLACK (NS_PER_S / 10)

#define STOP_ASKED 0x500u /* written by the test: the guest is to end */
#define SAMPLES_N  0x504u
#define PAGE       0x900u /* the guest's kvmclock page */
#define FIRST      0x600u
#define LAST       0x640u

/*
 * A sample: the TSC and the kvmclock page that goes with it. The page is taken twice, until it has
 * not changed in between; only the first sample and the last are kept.
 */
struct sample {
	uint64_t tsc;
	uint32_t version, pad;
	uint64_t tsc_timestamp, system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, more[2];
};

/* 0x4b564d01 is MSR_KVM_SYSTEM_TIME_NEW; bit 0 turns the page on. */
GUEST(clocks, "	xor %edx, %edx\n"
	      "	mov $0x901, %eax\n"
	      "	mov $0x4b564d01, %ecx\n"
	      "	wrmsr\n"
	      "	xor %ebx, %ebx\n"
	      "	mov $0x600, %di\n"
	      "1:	mov 0x900, %ebp\n"
	      "	rdtsc\n"
	      "	mov %eax, (%di)\n"
	      "	mov %edx, 4(%di)\n"
	      "	mov $0x900, %si\n"
	      "	mov $8, %cx\n"
	      "	push %di\n"
	      "	add $8, %di\n"
	      "	xor %ax, %ax\n"
	      "	mov %ax, %es\n"
	      "	cld\n"
	      "	rep movsl\n"
	      "	pop %di\n"
	      "	cmp 0x900, %ebp\n"
	      "	jne 1b\n"
	      "	mov $0x640, %di\n" /* all but the first go here */
	      "	inc %ebx\n"
	      "	mov %ebx, 0x504\n"
	      "	cmpl $0, 0x500\n"
	      "	je 1b\n"
	      "	mov $0xf4, %dx\n"
	      "	outb %al, %dx\n"
	      "2:	jmp 2b\n");

static uint64_t kvmclock(const struct sample *sample)
{
	uint64_t ticks = sample->tsc - sample->tsc_timestamp;

	ticks = sample->shift < 0 ? ticks >> -sample->shift : ticks << sample->shift;
	return sample->system_time + (uint64_t)((unsigned __int128)ticks * sample->mul >> 32);
}

static void ended_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	sem_post(chip);
}

static const struct mem_port ended_ports[] = { { .at = 0, .len = 1, .write = ended_write } };
static const struct hv_options options = {
	.coalesce = true,
	.irqchip = true,
	.pit = true,
	.vcpus = 1,
};

static uint32_t load(const struct machine *machine, uint32_t at)
{
	return __atomic_load_n((uint32_t *)(void *)(machine->memory + at), __ATOMIC_ACQUIRE);
}

static void store(struct machine *machine, uint32_t at, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(machine->memory + at), value, __ATOMIC_RELEASE);
}

static void wait_for_samples(const struct machine *machine, uint32_t more)
{
	uint32_t n = load(machine, SAMPLES_N);

	while (load(machine, SAMPLES_N) - n < more)
		usleep(100);
}

/* Gives how long time stood still at least, in ns. */
static int64_t stand_still(struct machine *machine)
{
	int64_t begun;

	hv_vcpus_pause(&machine->vm);
	hv_vm_stop_time(&machine->vm);
	hv_vm_stop_time(&machine->vm); /* twice is once */
	begun = clock_monotonic();
	usleep((useconds_t)(STOP / 1000));
	begun = clock_monotonic() - begun;
	hv_vm_start_time(&machine->vm);
	hv_vcpus_resume(&machine->vm);
	return begun;
}

/* Some KVMs run guests by the host's own TSC, and take an offset without using it. */
static bool tsc_can_be_set(const struct hv_vm *vm)
{
	uint64_t offset = 1234567890, got = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};
	int fd = vm->vcpus[0].fd;

	if (vm->sys->ioctl(vm->sys, fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&attr) < 0)
		return true; /* older than that: it is written */
	attr.addr = (uintptr_t)&got;
	return vm->sys->ioctl(vm->sys, fd, KVM_GET_DEVICE_ATTR, (uintptr_t)&attr) >= 0 &&
	       got == offset;
}

static void clocks_stand_still(void **state)
{
	struct machine machine;
	struct mem_region port;
	struct sample first, last;
	sem_t ended;
	int64_t begun, still, ran, by_tsc, by_clock;
	bool movable, failed;

	sem_init(&ended, 0, 0);
	machine_init(&machine);
	mem_region_init_io(&port, "ended", 0, ended_ports, 1, &ended, NULL);
	mem_map_begin(&machine.map);
	mem_region_add(&machine.map.root[MEM_SPACE_PORT], &port, 0xf4, 0);
	assert_int_equal(mem_map_commit(&machine.map), 0);
	machine_create(&machine, &options);
	begun = clock_monotonic();
	machine_start(&machine, clocks_start, clocks_end);
	wait_for_samples(&machine, 100);
	still = stand_still(&machine);
	wait_for_samples(&machine, 100);
	store(&machine, STOP_ASKED, 1);
	while (sem_wait(&ended) < 0) {
	}
	ran = clock_monotonic() - begun - still;
	hv_vcpus_pause(&machine.vm);
	memcpy(&first, machine.memory + FIRST, sizeof(first));
	memcpy(&last, machine.memory + LAST, sizeof(last));
	by_tsc =
		(int64_t)((unsigned __int128)(last.tsc - first.tsc) * 1000000 / machine.vm.tsc_khz);
	by_clock = (int64_t)(kvmclock(&last) - kvmclock(&first));
	movable = tsc_can_be_set(&machine.vm);
	failed = machine.failed;
	machine_destroy(&machine);
	sem_destroy(&ended);
	print_message("outside the stop %.3f s; TSC %.3f, kvmclock %.3f; stopped %.3f\n",
		      (double)ran / NS_PER_S, (double)by_tsc / NS_PER_S,
		      (double)by_clock / NS_PER_S, (double)still / NS_PER_S);
	assert_false(failed);
	assert_true(by_tsc > 0 && by_clock > 0);
	assert_true(by_clock < ran + SLACK);
	if (movable) {
		assert_true(by_tsc < ran + SLACK);
		/* They agree, however long the host was at each of the two. */
		assert_true(by_tsc - by_clock < STOP / 4 && by_clock - by_tsc < STOP / 4);
	} else {
		print_message("this KVM cannot set the TSC: not looked at\n");
	}
}

/*
 * A count that runs down once. The guest starts it and says so, and after the stop says whether it is
 * at its end. Only where the host was quick enough outside the stop is there something to be seen.
 */
GUEST(countdown, "	mov $0xb0, %al\n" /* channel 2, both bytes, mode 0 */
		 "	outb %al, $0x43\n"
		 "	mov $1, %al\n" /* its gate, no sound */
		 "	outb %al, $0x61\n"
		 "	mov $0xff, %al\n" /* 55 ms */
		 "	outb %al, $0x42\n"
		 "	outb %al, $0x42\n"
		 "	incl 0x504\n"
		 "1:	cmpl $0, 0x500\n"
		 "	je 1b\n"
		 "	in $0x61, %al\n"
		 "	and $0x20, %al\n" /* its output */
		 "	mov $0xf4, %dx\n"
		 "	outb %al, %dx\n"
		 "2:	jmp 2b\n");

#define COUNTDOWN (NS_PER_S * 54 / 1000)

struct verdict {
	sem_t ended;
	bool high;
};

static void verdict_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct verdict *verdict = chip;

	verdict->high = value != 0;
	sem_post(&verdict->ended);
}

static const struct mem_port verdict_ports[] = { { .at = 0, .len = 1, .write = verdict_write } };

/* False: the host was too slow to tell anything. late: time is given to run down in between. */
static bool count_down(bool late)
{
	struct machine machine;
	struct mem_region port;
	struct verdict verdict = { .high = false };
	int64_t begun, still, ran;

	sem_init(&verdict.ended, 0, 0);
	machine_init(&machine);
	mem_region_init_io(&port, "verdict", 0, verdict_ports, 1, &verdict, NULL);
	mem_map_begin(&machine.map);
	mem_region_add(&machine.map.root[MEM_SPACE_PORT], &port, 0xf4, 0);
	assert_int_equal(mem_map_commit(&machine.map), 0);
	machine_create(&machine, &options);
	begun = clock_monotonic();
	machine_start(&machine, countdown_start, countdown_end);
	while (load(&machine, SAMPLES_N) == 0)
		usleep(50);
	if (late)
		usleep((useconds_t)(2 * COUNTDOWN / 1000));
	hv_vcpus_pause(&machine.vm);
	hv_vm_stop_time(&machine.vm);
	still = clock_monotonic();
	usleep((useconds_t)(4 * COUNTDOWN / 1000));
	still = clock_monotonic() - still;
	store(&machine, STOP_ASKED, 1);
	hv_vm_start_time(&machine.vm);
	hv_vcpus_resume(&machine.vm);
	while (sem_wait(&verdict.ended) < 0) {
	}
	ran = clock_monotonic() - begun - still;
	machine_destroy(&machine);
	sem_destroy(&verdict.ended);
	assert_false(machine.failed);
	if (late)
		assert_true(verdict.high);
	else if (ran < COUNTDOWN)
		assert_false(verdict.high);
	return late || ran < COUNTDOWN;
}

static void a_count_stands_still(void **state)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < 20 && seen < 3; i++)
		seen += count_down(false);
	if (seen == 0)
		print_message("the host is too slow to see a count of 55 ms\n");
}

static void a_count_that_has_run_out_stays_so(void **state)
{
	(void)count_down(true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_stand_still),
		cmocka_unit_test(a_count_stands_still),
		cmocka_unit_test(a_count_that_has_run_out_stays_so),
	};

	if (!machine_possible())
		return SKIP_STATUS;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
