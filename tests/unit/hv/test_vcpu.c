// SPDX-License-Identifier: MIT
/*
 * A vCPU's life on a model of KVM: what makes it stop and go on, and what it still does on the way.
 * The threads are real. Each guest is a function of the test, called for KVM_RUN; where it matters
 * which thread comes first, the guest or the chip waits until the other is where it has to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define VCPUS 2u

/* What a write to the chip does besides being counted. */
enum {
	PORT_PLAIN = 0x100,
	PORT_PAUSE, /* asks for a pause, as power-off does */
	PORT_RESET, /* asks for one and a reset */
	PORT_WAIT, /* waits until somebody wants the vCPUs out */
	PORTS_END,
};
#define PORTS_N (PORTS_END - PORT_PLAIN)

struct rig {
	struct fake_kvm kvm;
	struct mem_map map;
	struct mem_region ports;
	struct hv_vm vm;
	struct error err;
	_Atomic unsigned writes[PORTS_N];
	_Atomic unsigned runs[VCPUS]; /* KVM_RUN, of each */
	_Atomic unsigned step; /* where the guest of vCPU 0 is */
	_Atomic unsigned left; /* accesses that its instruction still has to make */
	atomic_bool half; /* an access was carried out and KVM has not been told yet */
	atomic_bool missed; /* the guest was let in though somebody wanted it out */
	_Atomic unsigned failures, halts;
	char failure[128];
};

static void port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rig *rig = chip;

	atomic_fetch_add(&rig->writes[offset], 1);
	switch (PORT_PLAIN + offset) {
	case PORT_PAUSE:
		hv_vcpus_ask_pause(&rig->vm);
		break;
	case PORT_RESET:
		hv_vcpus_ask_reset(&rig->vm);
		break;
	case PORT_WAIT:
		while (!atomic_load(&rig->vm.vcpus[0].asked))
			usleep(20);
		break;
	default:
		break;
	}
}

static const struct mem_port ports[] = { { .at = 0, .len = PORTS_N, .write = port_write } };

static void on_failed(void *arg, const char *message)
{
	struct rig *rig = arg;

	if (atomic_fetch_add(&rig->failures, 1) == 0)
		strncpy(rig->failure, message, sizeof(rig->failure) - 1);
}

static void on_halted(void *arg, unsigned vcpu)
{
	atomic_fetch_add(&((struct rig *)arg)->halts, 1);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct hv_options options = {
		.coalesce = true,
		.vcpus = VCPUS,
		.events = { .failed = on_failed, .halted = on_halted, .arg = rig },
	};

	fake_init(&rig->kvm);
	rig->kvm.arg = rig;
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_io(&rig->ports, "chip", PORTS_N - 1, ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->ports, PORT_PLAIN, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(hv_vm_create(&rig->vm, &rig->kvm.sys, &options, &rig->err), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hv_vm_destroy(&rig->vm);
	assert_int_equal(rig->kvm.fds, 0);
	mem_map_destroy(&rig->map);
	free(rig);
	return 0;
}

typedef int guest_fn(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run);

static void start(struct rig *rig, bool paused, guest_fn *guest)
{
	rig->kvm.guest = guest;
	assert_int_equal(hv_vcpus_start(&rig->vm, paused, &rig->err), 0);
}

static unsigned writes(const struct rig *rig, unsigned port)
{
	return atomic_load(&rig->writes[port - PORT_PLAIN]);
}

static void wait_for(const _Atomic unsigned *counter, unsigned value)
{
	while (atomic_load(counter) < value)
		usleep(20);
}

static int out(struct kvm_run *run, unsigned port)
{
	return fake_exit_io(run, true, (uint16_t)port, 1, 1, "");
}

/* Comes out all the time. */
static int writer(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	atomic_fetch_add(&rig->runs[vcpu], 1);
	return fake_must_exit(run) ? -EINTR : out(run, PORT_PLAIN);
}

static void started_paused_nobody_enters(void **state)
{
	struct rig *rig = *state;

	start(rig, true, writer);
	/* Each is let in once, with the flag set, to finish what is half done. */
	for (unsigned i = 0; i < VCPUS; i++)
		wait_for(&rig->runs[i], 1);
	usleep(1000);
	assert_int_equal(rig->kvm.runs, VCPUS);
	assert_int_equal(writes(rig, PORT_PLAIN), 0);
	hv_vcpus_resume(&rig->vm);
	wait_for(&rig->writes[0], 100);
}

static void stopped_in_any_state(void **state)
{
	struct rig *rig = *state;

	start(rig, true, NULL);
	hv_vcpus_stop(&rig->vm);
	start(rig, true, NULL);
	hv_vcpus_pause(&rig->vm);
	hv_vcpus_stop(&rig->vm);
	start(rig, false, NULL);
	wait_for(&rig->kvm.inside, VCPUS);
	hv_vcpus_pause(&rig->vm);
	hv_vcpus_stop(&rig->vm);
	start(rig, false, NULL);
	wait_for(&rig->kvm.inside, VCPUS);
	hv_vcpus_stop(&rig->vm);
	assert_int_equal(rig->kvm.inside, 0);
	hv_vcpus_stop(&rig->vm); /* nothing is left to stop */
	start(rig, false, writer);
	wait_for(&rig->writes[0], 100);
	hv_vcpus_stop(&rig->vm);
	assert_int_equal(rig->failures, 0);
}

static int interrupted_often(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;
	unsigned n = atomic_fetch_add(&rig->runs[vcpu], 1);

	if (fake_must_exit(run) || n % 3 == 0)
		return -EINTR;
	return n % 3 == 1 ? -EAGAIN : out(run, PORT_PLAIN);
}

/* The shared page still has the last exit in it: that one is not to be carried out again. */
static void ended_without_an_exit(void **state)
{
	struct rig *rig = *state;
	unsigned exits = 0;

	start(rig, false, interrupted_often);
	wait_for(&rig->runs[0], 3000);
	wait_for(&rig->runs[1], 3000);
	hv_vcpus_stop(&rig->vm);
	for (unsigned i = 0; i < VCPUS; i++)
		exits += rig->runs[i] / 3;
	assert_true(writes(rig, PORT_PLAIN) > 0);
	assert_true(writes(rig, PORT_PLAIN) <= exits);
	assert_int_equal(rig->failures, 0);
}

static int failing(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	if (atomic_load(&rig->step) || fake_must_exit(run))
		return writer(kvm, vcpu, run);
	atomic_fetch_add(&rig->runs[vcpu], 1);
	atomic_fetch_add(&rig->left, 1);
	return -EFAULT;
}

static void run_fails(void **state)
{
	struct rig *rig = *state;
	unsigned runs;

	start(rig, false, failing);
	wait_for(&rig->left, VCPUS);
	hv_vcpus_pause(&rig->vm);
	assert_int_equal(rig->failures, 1);
	assert_non_null(strstr(rig->failure, ": KVM_RUN: Bad address"));
	/* Both are held, whatever is asked of them. */
	runs = rig->kvm.runs;
	hv_vcpus_resume(&rig->vm);
	hv_vcpus_pause(&rig->vm);
	hv_vcpus_resume(&rig->vm);
	hv_vcpus_pause(&rig->vm);
	assert_int_equal(rig->kvm.runs, runs);
	assert_int_equal(rig->left, VCPUS);
	/* Until there is a reset. */
	rig->step = 1;
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	hv_vcpus_resume(&rig->vm);
	for (unsigned i = 0; i < VCPUS; i++)
		wait_for(&rig->runs[i], rig->runs[i] + 10);
	assert_int_equal(rig->failures, 1);
}

/* Halts even if it is let in only to finish something, which may end in any way. */
static int halting(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	if (vcpu != 0)
		return writer(kvm, vcpu, run);
	atomic_fetch_add(&rig->runs[0], 1);
	run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

/* Its accesses are all done, so it is not let in to finish any. */
static void held_until_a_reset(void **state)
{
	struct rig *rig = *state;

	start(rig, false, halting);
	for (unsigned resets = 1; resets <= 3; resets++) {
		wait_for(&rig->halts, resets);
		for (unsigned i = 0; i < 3; i++) {
			wait_for(&rig->writes[0], writes(rig, PORT_PLAIN) + 50);
			hv_vcpus_pause(&rig->vm);
			assert_int_equal(rig->runs[0], resets);
			if (i < 2)
				hv_vcpus_resume(&rig->vm);
		}
		assert_int_equal(rig->halts, resets);
		assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
		hv_vcpus_resume(&rig->vm);
	}
}

#define PIECES 5u

/*
 * An instruction of several accesses. KVM goes on with it before it looks at the flag, and is told
 * that an access was carried out by being entered again.
 */
static int pieces(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	if (vcpu != 0)
		return fake_sleep(kvm, vcpu, run);
	atomic_store(&rig->half, false);
	if (atomic_load(&rig->left) == 0) {
		if (fake_must_exit(run))
			return -EINTR;
		if (atomic_load(&rig->step) == 1)
			return fake_sleep(kvm, vcpu, run);
		atomic_store(&rig->step, 1);
		atomic_store(&rig->left, PIECES);
	}
	atomic_store(&rig->half, true);
	/* The first keeps the thread until a pause is wanted. */
	return out(run, atomic_fetch_sub(&rig->left, 1) == PIECES ? PORT_WAIT : PORT_PLAIN);
}

static void half_done_accesses_are_finished(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 1; i <= 20; i++) {
		rig->step = 0;
		if (i == 1)
			start(rig, false, pieces);
		else
			hv_vcpus_resume(&rig->vm);
		wait_for(&rig->writes[PORT_WAIT - PORT_PLAIN], i);
		hv_vcpus_pause(&rig->vm);
		assert_int_equal(rig->left, 0);
		assert_false(rig->half);
		assert_int_equal(writes(rig, PORT_PLAIN), i * (PIECES - 1));
	}
}

static void stopping_finishes_them_too(void **state)
{
	struct rig *rig = *state;

	start(rig, false, pieces);
	wait_for(&rig->writes[PORT_WAIT - PORT_PLAIN], 1);
	hv_vcpus_stop(&rig->vm);
	assert_int_equal(rig->left, 0);
	assert_false(rig->half);
	assert_int_equal(writes(rig, PORT_PLAIN), PIECES - 1);
}

/*
 * vCPU 0 asks with its first access and has more to make; vCPU 1 is on its way out of the guest by
 * then, with one of its own.
 */
static int last_words(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	/* Done with the first access, it comes out with the second whatever is asked of it. */
	if (vcpu == 0 && atomic_load(&rig->step) == 1) {
		atomic_store(&rig->step, 2);
		return out(run, PORT_PLAIN);
	}
	if (fake_must_exit(run))
		return -EINTR;
	if (atomic_load(&rig->step) == 2)
		return out(run, PORT_PLAIN);
	if (vcpu == 0) {
		while (!atomic_load(&rig->half))
			usleep(20);
		atomic_store(&rig->step, 1);
		return out(run, atomic_load(&rig->left));
	}
	atomic_store(&rig->half, true);
	while (!atomic_load(&rig->vm.over))
		usleep(20);
	return out(run, PORT_PLAIN);
}

static void expect_last_words(struct rig *rig, unsigned port)
{
	rig->left = port;
	start(rig, false, last_words);
	wait_for(&rig->step, 2);
	hv_vcpus_pause(&rig->vm);
	assert_int_equal(writes(rig, port), 1);
	assert_int_equal(writes(rig, PORT_PLAIN), 0);
	/* It is over until the machine runs again. */
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	hv_vcpus_resume(&rig->vm);
	wait_for(&rig->writes[0], 100);
}

static void nothing_is_carried_out_behind_a_wish_to_pause(void **state)
{
	expect_last_words(*state, PORT_PAUSE);
}

static void nothing_is_carried_out_behind_a_wish_to_reset(void **state)
{
	expect_last_words(*state, PORT_RESET);
}

/* A write that waits. */
static void put(struct rig *rig, unsigned port)
{
	struct kvm_coalesced_mmio_ring *ring = fake_ring(&rig->kvm);

	ring->coalesced_mmio[ring->last] =
		(struct kvm_coalesced_mmio){ .phys_addr = port, .len = 1, .pio = 1 };
	__atomic_store_n(&ring->last, ring->last + 1, __ATOMIC_RELEASE);
}

/* A reset throws away what waits behind the write that asked; a pause delivers it. */
static void writes_that_wait_behind_the_last(void **state)
{
	struct rig *rig = *state;

	start(rig, false, NULL);
	wait_for(&rig->kvm.inside, VCPUS);
	put(rig, PORT_PLAIN);
	put(rig, PORT_PAUSE);
	put(rig, PORT_PLAIN);
	hv_vm_drain(&rig->vm);
	hv_vcpus_pause(&rig->vm);
	assert_int_equal(writes(rig, PORT_PLAIN), 2);
	hv_vcpus_resume(&rig->vm);
	put(rig, PORT_PLAIN);
	put(rig, PORT_RESET);
	put(rig, PORT_PLAIN);
	hv_vm_drain(&rig->vm);
	hv_vcpus_pause(&rig->vm);
	put(rig, PORT_PLAIN);
	hv_vm_drain(&rig->vm);
	assert_int_equal(writes(rig, PORT_PLAIN), 3);
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	put(rig, PORT_PLAIN);
	hv_vm_drain(&rig->vm);
	assert_int_equal(writes(rig, PORT_PLAIN), 4);
}

/* Is asked to stop after it decided to enter and before KVM looks for signals. */
static int about_to_enter(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;

	if (vcpu == 0 && !fake_must_exit(run) && atomic_load(&rig->step) == 0) {
		atomic_store(&rig->step, 1);
		while (!atomic_load(&rig->vm.vcpus[0].asked))
			usleep(20);
		/* The flag is set under the lock, which is free again once all was done. */
		lock_take(&rig->vm.run_lock);
		lock_drop(&rig->vm.run_lock);
		if (!fake_must_exit(run))
			atomic_store(&rig->missed, true);
		return -EINTR;
	}
	return fake_sleep(kvm, vcpu, run);
}

static void asked_just_before_it_enters(void **state)
{
	struct rig *rig = *state;

	start(rig, false, about_to_enter);
	for (unsigned i = 0; i < 100; i++) {
		wait_for(&rig->step, 1);
		hv_vcpus_pause(&rig->vm);
		assert_int_equal(rig->kvm.inside, 0);
		rig->step = 0;
		hv_vcpus_resume(&rig->vm);
	}
	assert_false(rig->missed);
}

/* In the guest nobody looks at the flag: only the signal takes them out (see fake_sleep()). */
static void asked_when_inside(void **state)
{
	struct rig *rig = *state;

	start(rig, false, NULL);
	for (unsigned i = 0; i < 200; i++) {
		if (i % 2)
			wait_for(&rig->kvm.inside, VCPUS);
		hv_vcpus_pause(&rig->vm);
		assert_int_equal(rig->kvm.inside, 0);
		hv_vcpus_resume(&rig->vm);
	}
	wait_for(&rig->kvm.inside, VCPUS);
}

static void where_it_starts(void **state)
{
	struct rig *rig = *state;
	const struct kvm_sregs *sregs = &rig->kvm.sregs;
	struct hv_entry entry = { .mode = HV_REAL, .cs = 0x7c0, .ds = 0x123, .rip = 5, .rsp = 6 };

	assert_int_equal(hv_vcpu_set_entry(&rig->vm, 1, &entry, &rig->err), 0);
	assert_int_equal(sregs->cs.base, 0x7c00);
	assert_int_equal(sregs->cs.selector, 0x7c0);
	assert_int_equal(sregs->cs.limit, 0xffff);
	assert_int_equal(sregs->ss.base, 0x1230);
	assert_int_equal(sregs->cr0, 0);
	assert_int_equal(rig->kvm.regs.rip, 5);
	assert_int_equal(rig->kvm.regs.rsp, 6);
	assert_int_equal(rig->kvm.regs.rflags, 2);
	assert_int_equal(hv_vcpu_rip(&rig->vm, 1), 0x7c05);

	entry = (struct hv_entry){
		.mode = HV_FLAT32, .rip = 0x100000, .rax = 1, .rbx = 2, .rsi = 3
	};
	assert_int_equal(hv_vcpu_set_entry(&rig->vm, 1, &entry, &rig->err), 0);
	assert_int_equal(sregs->cs.selector, 8);
	assert_int_equal(sregs->cs.limit, UINT32_MAX);
	assert_true(sregs->cs.db && sregs->cs.g && !sregs->cs.l);
	assert_int_equal(sregs->ds.selector, 0x10);
	assert_int_equal(sregs->cr0, 0x31);
	assert_int_equal(sregs->efer, 0);
	assert_int_equal(rig->kvm.regs.rax, 1);
	assert_int_equal(rig->kvm.regs.rbx, 2);
	assert_int_equal(rig->kvm.regs.rsi, 3);

	entry = (struct hv_entry){
		.mode = HV_LONG64, .rip = 0x100000, .cr3 = 0x9000, .gdt = 0x8000, .gdt_limit = 23
	};
	assert_int_equal(hv_vcpu_set_entry(&rig->vm, 1, &entry, &rig->err), 0);
	assert_true(sregs->cs.l && !sregs->cs.db && !sregs->ds.l);
	assert_int_equal(sregs->cr0, 0x80000031);
	assert_int_equal(sregs->cr3, 0x9000);
	assert_int_equal(sregs->cr4, 0x20);
	assert_int_equal(sregs->efer, 0x500);
	assert_int_equal(sregs->gdt.base, 0x8000);
	assert_int_equal(sregs->gdt.limit, 23);
}

static void registers_that_cannot_be_set(void **state)
{
	static const unsigned long requests[] = { KVM_SET_SREGS, KVM_SET_REGS };
	const struct hv_entry entry = { .mode = HV_REAL };
	struct rig *rig = *state;

	for (unsigned i = 0; i < 2; i++) {
		rig->kvm.fail_request = requests[i];
		rig->kvm.fail_error = -EINVAL;
		rig->kvm.fail_after = 0;
		assert_int_equal(hv_vcpu_set_entry(&rig->vm, 1, &entry, &rig->err), -EINVAL);
		assert_string_equal(rig->err.text,
				    "vCPU 1: setting its registers: Invalid argument");
	}
}

static void registers_and_addresses(void **state)
{
	struct rig *rig = *state;
	struct cpu_registers regs;
	uint64_t physical;

	rig->kvm.regs.rip = 5;
	rig->kvm.sregs.cs.base = 0x7c00;
	assert_int_equal(hv_vcpu_registers(&rig->vm, 1, &regs), 0);
	assert_int_equal(regs.rip, 5);
	assert_int_equal(regs.segments[CPU_CS].base, 0x7c00);
	assert_int_equal(hv_vcpu_rip(&rig->vm, 1), 0x7c05);
	rig->kvm.linear = 0x1000;
	rig->kvm.physical = 0x2000;
	assert_int_equal(hv_vcpu_translate(&rig->vm, 1, 0x1000, &physical), 0);
	assert_int_equal(physical, 0x2000);
	assert_int_equal(hv_vcpu_translate(&rig->vm, 1, 0x1001, &physical), -EFAULT);
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned long requests[] = { KVM_GET_REGS, KVM_GET_SREGS,
							  KVM_TRANSLATE };

		rig->kvm.fail_request = requests[i];
		rig->kvm.fail_error = -EINTR;
		rig->kvm.fail_after = 0;
		if (requests[i] == KVM_TRANSLATE)
			assert_int_equal(hv_vcpu_translate(&rig->vm, 1, 0x1000, &physical), -EINTR);
		else
			assert_int_equal(hv_vcpu_registers(&rig->vm, 1, &regs), -EINTR);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(started_paused_nobody_enters),
		TEST(stopped_in_any_state),
		TEST(ended_without_an_exit),
		TEST(run_fails),
		TEST(held_until_a_reset),
		TEST(half_done_accesses_are_finished),
		TEST(stopping_finishes_them_too),
		TEST(nothing_is_carried_out_behind_a_wish_to_pause),
		TEST(nothing_is_carried_out_behind_a_wish_to_reset),
		TEST(writes_that_wait_behind_the_last),
		TEST(asked_just_before_it_enters),
		TEST(asked_when_inside),
		TEST(where_it_starts),
		TEST(registers_that_cannot_be_set),
		TEST(registers_and_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
