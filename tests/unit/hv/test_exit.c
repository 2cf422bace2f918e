// SPDX-License-Identifier: MIT
/*
 * Each way out of KVM_RUN and what is done about it. No thread runs: the test writes into a vCPU's
 * shared page what KVM would, and calls what the vCPU's thread would call.
 *
 *	ports   0x100 to 0x10f   a chip that notes what is done to it
 *	memory  0x1000           one page of RAM
 *	        0x2000 to 0x200f the same chip
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "hv/exit.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define PORT 0x100u
#define RAM  0x1000u
#define MMIO 0x2000u
#define VCPU 1u /* of two */

struct rig {
	struct fake_kvm kvm;
	struct mem_map map;
	uint8_t *memory;
	struct mem_region ram, ports, registers;
	char log[256]; /* "w2@4=1234 r1@0 " */
	uint64_t next; /* what the next read gives: each byte is one more than the one before */
	struct hv_vm vm;
	struct hv_vcpu *vcpu;
	struct kvm_run *run;
	char told[256]; /* "reset halted1 failed: ... " */
	struct error err;
};

static void chip_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rig *rig = chip;
	size_t at = strlen(rig->log);

	(void)snprintf(rig->log + at, sizeof(rig->log) - at, "w%u@%x=%llx ", width,
		       (unsigned)offset, (unsigned long long)value);
}

static uint64_t chip_read(void *chip, uint64_t offset, unsigned width)
{
	struct rig *rig = chip;
	size_t at = strlen(rig->log);
	uint64_t value = 0;

	(void)snprintf(rig->log + at, sizeof(rig->log) - at, "r%u@%x ", width, (unsigned)offset);
	for (unsigned i = 0; i < width; i++)
		value |= rig->next++ << (8 * i);
	return value;
}

static const struct mem_port chip_ports[] = {
	{ .at = 0,
	  .len = 16,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4 | MEM_W8,
	  .read = chip_read,
	  .write = chip_write },
};

static void tell(struct rig *rig, const char *what)
{
	size_t at = strlen(rig->told);

	(void)snprintf(rig->told + at, sizeof(rig->told) - at, "%s ", what);
}

static void on_reset(void *arg)
{
	tell(arg, "reset");
}

static void on_shutdown(void *arg)
{
	tell(arg, "shutdown");
}

static void on_halted(void *arg, unsigned vcpu)
{
	tell(arg, vcpu == VCPU ? "halted" : "another halted");
}

static void on_failed(void *arg, const char *message)
{
	tell(arg, message);
}

static void map_fill(struct rig *rig)
{
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_ram(&rig->ram, "ram", rig->memory, FAKE_PAGE - 1);
	mem_region_init_io(&rig->ports, "chip", 15, chip_ports, 1, rig, NULL);
	mem_region_init_io(&rig->registers, "chip", 15, chip_ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->ram, RAM, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->registers, MMIO, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->ports, PORT, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
}

static int setup_with(void **state, const struct hv_events *events)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct hv_options options = { .vcpus = VCPU + 1, .events = *events };

	options.events.arg = rig;
	fake_init(&rig->kvm);
	rig->next = 0x11;
	rig->memory = aligned_alloc(FAKE_PAGE, FAKE_PAGE);
	for (unsigned i = 0; i < FAKE_PAGE; i++)
		rig->memory[i] = (uint8_t)i;
	map_fill(rig);
	assert_int_equal(hv_vm_create(&rig->vm, &rig->kvm.sys, &options, &rig->err), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	rig->vcpu = &rig->vm.vcpus[VCPU];
	rig->run = rig->vcpu->run;
	mem_hold_init(&rig->vcpu->hold, &rig->map);
	*state = rig;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, &(struct hv_events){
					 .reset = on_reset,
					 .shutdown = on_shutdown,
					 .halted = on_halted,
					 .failed = on_failed,
				 });
}

static int setup_nobody_listens(void **state)
{
	return setup_with(state, &(struct hv_events){ 0 });
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	mem_hold_drop(&rig->vcpu->hold);
	hv_vm_destroy(&rig->vm);
	mem_map_destroy(&rig->map);
	free(rig->memory);
	free(rig);
	return 0;
}

/* An access: the meter is told which, and the vCPU goes on. */
static void expect_access(struct rig *rig, enum meter_space space, bool write, uint64_t addr,
			  const char *log)
{
	struct hv_access access;

	rig->log[0] = '\0';
	assert_true(hv_exit(rig->vcpu, &access));
	assert_int_equal(access.space, space);
	assert_int_equal(access.write, write);
	assert_int_equal(access.addr, addr);
	assert_string_equal(rig->log, log);
	assert_string_equal(rig->told, "");
	assert_false(rig->vcpu->held);
}

/* Anything else: what is told, and whether the vCPU is held. */
static void expect_exit(struct rig *rig, uint32_t reason, bool held, const char *told)
{
	struct hv_access access;

	rig->told[0] = '\0';
	rig->vcpu->held = false;
	atomic_store(&rig->vcpu->asked, false);
	rig->run->exit_reason = reason;
	assert_false(hv_exit(rig->vcpu, &access));
	assert_string_equal(rig->told, told);
	assert_int_equal(rig->vcpu->held, held);
	/* Or the thread would not notice. */
	assert_int_equal(atomic_load(&rig->vcpu->asked), held);
	assert_false(rig->vm.vcpus[0].held);
}

static void port_out(void **state)
{
	static const uint8_t data[] = { 0x78, 0x56, 0x34, 0x12 };
	struct rig *rig = *state;

	fake_exit_io(rig->run, true, PORT + 1, 1, 1, data);
	expect_access(rig, METER_PORT, true, PORT + 1, "w1@1=78 ");
	fake_exit_io(rig->run, true, PORT + 2, 2, 1, data);
	expect_access(rig, METER_PORT, true, PORT + 2, "w2@2=5678 ");
	fake_exit_io(rig->run, true, PORT + 4, 4, 1, data);
	expect_access(rig, METER_PORT, true, PORT + 4, "w4@4=12345678 ");
	fake_exit_io(rig->run, true, 0x80, 1, 1, data);
	expect_access(rig, METER_PORT, true, 0x80, "");
}

static void port_in(void **state)
{
	static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff };
	struct rig *rig = *state;
	const uint8_t *data = fake_io_data(rig->run);

	fake_exit_io(rig->run, false, PORT + 1, 1, 1, NULL);
	expect_access(rig, METER_PORT, false, PORT + 1, "r1@1 ");
	assert_memory_equal(data, "\x11\0\0\0", 4); /* nothing behind the width */
	fake_exit_io(rig->run, false, PORT + 2, 2, 1, NULL);
	expect_access(rig, METER_PORT, false, PORT + 2, "r2@2 ");
	assert_memory_equal(data, "\x12\x13\0\0", 4);
	fake_exit_io(rig->run, false, PORT + 4, 4, 1, NULL);
	expect_access(rig, METER_PORT, false, PORT + 4, "r4@4 ");
	assert_memory_equal(data, "\x14\x15\x16\x17", 4);
	fake_exit_io(rig->run, false, 0x80, 4, 1, NULL);
	expect_access(rig, METER_PORT, false, 0x80, "");
	assert_memory_equal(data, ones, 4);
}

/* All elements in one exit, each at the same port. */
static void port_strings(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct rig *rig = *state;

	fake_exit_io(rig->run, true, PORT, 1, 3, data);
	expect_access(rig, METER_PORT, true, PORT, "w1@0=1 w1@0=2 w1@0=3 ");
	fake_exit_io(rig->run, true, PORT, 2, 3, data);
	expect_access(rig, METER_PORT, true, PORT, "w2@0=201 w2@0=403 w2@0=605 ");
	fake_exit_io(rig->run, true, PORT, 4, 2, data);
	expect_access(rig, METER_PORT, true, PORT, "w4@0=4030201 w4@0=8070605 ");
	memset(fake_io_data(rig->run), 0, 16);
	fake_exit_io(rig->run, false, PORT + 4, 2, 3, NULL);
	expect_access(rig, METER_PORT, false, PORT + 4, "r2@4 r2@4 r2@4 ");
	assert_memory_equal(fake_io_data(rig->run), "\x11\x12\x13\x14\x15\x16\0\0", 8);
	fake_exit_io(rig->run, true, PORT, 1, 0, data);
	expect_access(rig, METER_PORT, true, PORT, "");
}

static void memory_writes(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct {
		uint32_t len;
		const char *log;
	} writes[] = {
		{ 1, "w1@8=1 " },
		{ 2, "w2@8=201 " },
		{ 3, "w1@8=1 w1@9=2 w1@a=3 " },
		{ 4, "w4@8=4030201 " },
		{ 5, "w1@8=1 w1@9=2 w1@a=3 w1@b=4 w1@c=5 " },
		{ 6, "w1@8=1 w1@9=2 w1@a=3 w1@b=4 w1@c=5 w1@d=6 " },
		{ 7, "w1@8=1 w1@9=2 w1@a=3 w1@b=4 w1@c=5 w1@d=6 w1@e=7 " },
		{ 8, "w8@8=807060504030201 " },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		fake_exit_mmio(rig->run, true, MMIO + 8, writes[i].len, data);
		expect_access(rig, METER_MMIO, true, MMIO + 8, writes[i].log);
	}
	/* What KVM could not do itself, though there is RAM. */
	fake_exit_mmio(rig->run, true, RAM + 4, 3, data);
	expect_access(rig, METER_MMIO, true, RAM + 4, "");
	assert_memory_equal(rig->memory + 3, "\3\1\2\3\7", 5);
}

static void memory_reads(void **state)
{
	static const uint8_t in[] = { 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 };
	static const char *const logs[] = {
		[1] = "r1@8 ",
		[2] = "r2@8 ",
		[3] = "r1@8 r1@9 r1@a ",
		[4] = "r4@8 ",
		[5] = "r1@8 r1@9 r1@a r1@b r1@c ",
		[6] = "r1@8 r1@9 r1@a r1@b r1@c r1@d ",
		[7] = "r1@8 r1@9 r1@a r1@b r1@c r1@d r1@e ",
		[8] = "r8@8 ",
	};
	struct rig *rig = *state;
	uint8_t expected[8];

	for (uint32_t len = 1; len <= 8; len++) {
		memset(rig->run->mmio.data, 0xaa, 8);
		memset(expected, 0xaa, 8);
		memcpy(expected, in, len);
		rig->next = in[0];
		fake_exit_mmio(rig->run, false, MMIO + 8, len, NULL);
		expect_access(rig, METER_MMIO, false, MMIO + 8, logs[len]);
		assert_memory_equal(rig->run->mmio.data, expected, 8);
	}
	fake_exit_mmio(rig->run, false, MMIO - 1, 3, NULL);
	expect_access(rig, METER_MMIO, false, MMIO - 1, "r1@0 r1@1 ");
	assert_memory_equal(rig->run->mmio.data, "\xff\x19\x1a", 3);
}

static void the_guest_stops_or_resets_itself(void **state)
{
	struct rig *rig = *state;

	expect_exit(rig, KVM_EXIT_HLT, true, "halted ");
	expect_exit(rig, KVM_EXIT_SHUTDOWN, true, "reset ");
	rig->run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	expect_exit(rig, KVM_EXIT_SYSTEM_EVENT, true, "reset ");
	rig->run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	expect_exit(rig, KVM_EXIT_SYSTEM_EVENT, true, "shutdown ");
	rig->run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
	expect_exit(rig, KVM_EXIT_SYSTEM_EVENT, true, "vCPU 1: system event 3 of the guest ");
}

static void exits_that_mean_nothing(void **state)
{
	struct rig *rig = *state;

	expect_exit(rig, KVM_EXIT_INTR, false, "");
	expect_exit(rig, KVM_EXIT_IRQ_WINDOW_OPEN, false, "");
	expect_exit(rig, KVM_EXIT_SET_TPR, false, "");
}

/* Code at cs:rip, which is where the page of RAM is. */
static void set_place(struct rig *rig, uint64_t rip)
{
	rig->kvm.sregs.cs.selector = 0xf000;
	rig->kvm.sregs.cs.base = 0xf0000;
	rig->kvm.regs.rip = rip;
	rig->kvm.linear = 0xf0000 + rip;
	rig->kvm.physical = RAM + (rip & 0xfff);
}

/* Only a machine's first failure is told. */
static void forget_failure(struct rig *rig)
{
	rig->vm.failed = false;
}

#define AT_FFF0 " at cs 0xf000 rip 0xfff0, instruction bytes"

static void internal_errors(void **state)
{
	struct rig *rig = *state;

	set_place(rig, 0xff20);
	rig->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	expect_exit(
		rig, KVM_EXIT_INTERNAL_ERROR, true,
		"vCPU 1: KVM internal error, suberror 1 (an instruction it cannot emulate) at cs "
		"0xf000 rip 0xff20, instruction bytes 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d "
		"2e ");
	/* A page's last bytes; what follows may be mapped elsewhere. */
	set_place(rig, 0xfffd);
	forget_failure(rig);
	rig->run->internal.suberror = KVM_INTERNAL_ERROR_SIMUL_EX;
	expect_exit(
		rig, KVM_EXIT_INTERNAL_ERROR, true,
		"vCPU 1: KVM internal error, suberror 2 (exceptions at the same time) at cs 0xf000 "
		"rip 0xfffd, instruction bytes fd fe ff ");
	/* A place where no memory is known. */
	rig->kvm.linear = 0;
	forget_failure(rig);
	rig->run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	expect_exit(rig, KVM_EXIT_INTERNAL_ERROR, true,
		    "vCPU 1: KVM internal error, suberror 3 (delivering an event) at cs 0xf000 rip "
		    "0xfffd ");
	/* Not even the place. */
	rig->kvm.fail_request = KVM_GET_SREGS;
	rig->kvm.fail_error = -EIO;
	forget_failure(rig);
	rig->run->internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
	expect_exit(rig, KVM_EXIT_INTERNAL_ERROR, true,
		    "vCPU 1: KVM internal error, suberror 4 (an exit unknown to it) ");
	for (unsigned i = 0; i < 2; i++) {
		rig->kvm.fail_request = KVM_GET_REGS;
		rig->kvm.fail_after = 0;
		forget_failure(rig);
		rig->run->internal.suberror = i ? UINT32_MAX : 0;
		expect_exit(rig, KVM_EXIT_INTERNAL_ERROR, true,
			    i ? "vCPU 1: KVM internal error, suberror 4294967295 "
			      : "vCPU 1: KVM internal error, suberror 0 ");
	}
}

static void failed_entries(void **state)
{
	struct rig *rig = *state;

	set_place(rig, 0xfff0);
	rig->run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	expect_exit(rig, KVM_EXIT_FAIL_ENTRY, true,
		    "vCPU 1: the processor refuses to enter the guest, reason 0x80000021" AT_FFF0
		    " f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ");
}

static void unknown_exits(void **state)
{
	static const uint32_t reasons[] = { KVM_EXIT_UNKNOWN, KVM_EXIT_DEBUG,
					    KVM_EXIT_SYSTEM_EVENT + 1, UINT32_MAX };
	struct rig *rig = *state;
	char expected[256];

	set_place(rig, 0xfff0);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		forget_failure(rig);
		(void)snprintf(expected, sizeof(expected),
			       "vCPU 1: KVM exit %u is unknown" AT_FFF0
			       " f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ",
			       reasons[i]);
		expect_exit(rig, reasons[i], true, expected);
	}
}

static void only_the_first_failure_is_told(void **state)
{
	struct rig *rig = *state;

	rig->kvm.fail_request = KVM_GET_REGS;
	rig->kvm.fail_error = -EIO;
	expect_exit(rig, KVM_EXIT_DEBUG, true, "vCPU 1: KVM exit 4 is unknown ");
	expect_exit(rig, KVM_EXIT_INTERNAL_ERROR, true, "");
	expect_exit(rig, KVM_EXIT_DEBUG, true, "");
}

static void where_nobody_listens_the_vcpu_is_held(void **state)
{
	struct rig *rig = *state;

	expect_exit(rig, KVM_EXIT_HLT, true, "");
	expect_exit(rig, KVM_EXIT_SHUTDOWN, true, "");
	rig->run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	expect_exit(rig, KVM_EXIT_SYSTEM_EVENT, true, "");
	expect_exit(rig, KVM_EXIT_DEBUG, true, "");
	forget_failure(rig);
	/* That a guest wants to be switched off must not be taken for a guest that goes on. */
	rig->run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	expect_exit(rig, KVM_EXIT_SYSTEM_EVENT, true, "");
	assert_true(rig->vm.failed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(port_out),
		TEST(port_in),
		TEST(port_strings),
		TEST(memory_writes),
		TEST(memory_reads),
		TEST(the_guest_stops_or_resets_itself),
		TEST(exits_that_mean_nothing),
		TEST(internal_errors),
		TEST(failed_entries),
		TEST(unknown_exits),
		TEST(only_the_first_failure_is_told),
		cmocka_unit_test_setup_teardown(where_nobody_listens_the_vcpu_is_held,
						setup_nobody_listens, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
