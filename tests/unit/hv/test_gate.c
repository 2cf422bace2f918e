// SPDX-License-Identifier: MIT
/*
 * Memory slots that go while vCPUs run, on a model of KVM that notes who is inside. The threads are
 * real, so each test also says that nobody waits for ever.
 *
 *	0          0x10000    0x20000    0x30000    0x40000
 *	[ main     ][ window[0] ][ window[1] ] ...         aliases of one RAM, opened and closed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

#define VCPUS  4u
#define WINDOW 0x10000u
#define RAM    (WINDOW * (VCPUS + 1))
#define PORT   0x100u /* and up: each opens and closes the vCPU's own window */

struct window {
	struct rig *rig;
	bool open;
	struct mem_region alias, port;
	struct mem_request request;
	uint64_t asked; /* times */
	_Atomic uint64_t missing; /* times the change was not there when the guest was entered */
};

struct rig {
	struct fake_kvm kvm;
	struct mem_map map;
	uint8_t *memory;
	struct mem_region ram, main;
	struct window windows[VCPUS];
	struct hv_vm vm;
	struct error err;
	atomic_uint failures;
};

static void window_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct window *window = chip;

	window->asked++;
	window->request.enabled = window->open = value & 1;
	mem_map_request(&window->rig->map, &window->request);
}

static const struct mem_port window_ports[] = { { .at = 0, .len = 1, .write = window_write } };

static void on_failed(void *arg, const char *message)
{
	atomic_fetch_add(&((struct rig *)arg)->failures, 1);
}

static void add_windows(struct rig *rig)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		struct window *window = &rig->windows[i];
		uint64_t at = WINDOW * (i + 1);

		window->rig = rig;
		mem_region_init_alias(&window->alias, "window", &rig->ram, at, WINDOW - 1);
		mem_region_set_enabled(&window->alias, false);
		mem_region_init_io(&window->port, "port", 0, window_ports, 1, window, NULL);
		window->request = (struct mem_request){ .region = &window->alias, .offset = at };
		mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &window->alias, at, 0);
		mem_region_add(&rig->map.root[MEM_SPACE_PORT], &window->port, PORT + i, 0);
	}
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct hv_options options = {
		.vcpus = VCPUS,
		.events = { .failed = on_failed, .arg = rig },
	};

	fake_init(&rig->kvm);
	rig->kvm.arg = rig;
	rig->memory = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_ram(&rig->ram, "ram", rig->memory, RAM - 1);
	mem_region_init_alias(&rig->main, "main", &rig->ram, 0, WINDOW - 1);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->main, 0, 0);
	add_windows(rig);
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
	assert_int_equal(rig->failures, 0);
	assert_int_equal(rig->kvm.fds, 0);
	mem_map_destroy(&rig->map);
	munmap(rig->memory, RAM);
	free(rig);
	return 0;
}

static void start(struct rig *rig, int (*guest)(struct fake_kvm *, unsigned, struct kvm_run *))
{
	rig->kvm.guest = guest;
	assert_int_equal(hv_vcpus_start(&rig->vm, false, &rig->err), 0);
}

static void wait_for_inside(struct rig *rig)
{
	while (rig->kvm.inside < VCPUS)
		usleep(20);
}

/* Each vCPU's first trip only finishes an access that there may have been: that one is not meant. */
static void wait_for_sleep(struct rig *rig)
{
	while (rig->kvm.interrupted < VCPUS)
		usleep(20);
	wait_for_inside(rig);
}

static void open_window(struct rig *rig, unsigned i, bool open)
{
	mem_map_begin(&rig->map);
	mem_region_set_enabled(&rig->windows[i].alias, open);
	assert_int_equal(mem_map_commit(&rig->map), 0);
}

/* What comes is there at once and disturbs nobody; what goes is waited for. */
static void only_what_goes_takes_vcpus_out(void **state)
{
	struct rig *rig = *state;
	unsigned runs;

	start(rig, NULL);
	wait_for_sleep(rig);
	rig->kvm.interrupted = 0;
	runs = rig->kvm.runs;
	open_window(rig, 0, true);
	open_window(rig, 1, true);
	assert_int_equal(rig->kvm.slots_taken, 0);
	assert_int_equal(rig->kvm.interrupted, 0);
	assert_int_equal(rig->kvm.inside, VCPUS);
	open_window(rig, 0, false);
	assert_int_equal(rig->kvm.slots_taken, 1);
	assert_int_equal(rig->kvm.slots_taken_inside, 0);
	assert_int_equal(rig->kvm.interrupted, VCPUS);
	wait_for_inside(rig); /* they go on, and stay: nobody's mark is left behind */
	assert_int_equal(rig->kvm.runs, runs + VCPUS);
}

/* Comes out now and then by itself, so that it is met at every point of its way. */
static int restless(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	if (kvm->runs % 3 == 0)
		return fake_sleep(kvm, vcpu, run);
	if (fake_must_exit(run))
		return -EINTR;
	run->exit_reason = KVM_EXIT_INTR;
	return 0;
}

static void slots_go_while_nobody_is_inside(void **state)
{
	struct rig *rig = *state;

	start(rig, restless);
	for (unsigned i = 0; i < 6000; i++)
		open_window(rig, i / 2 % VCPUS, i % 2 == 0);
	assert_int_equal(rig->kvm.slots_taken, 3000);
	assert_int_equal(rig->kvm.slots_taken_inside, 0);
	wait_for_inside(rig); /* they go on */
}

/* Opens and closes its window, each time with a look at what it asked for last. */
static int selfish(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	struct rig *rig = kvm->arg;
	struct window *window = &rig->windows[vcpu];
	uint8_t value = !window->open;
	bool there = false;

	if (fake_must_exit(run))
		return -EINTR;
	pthread_mutex_lock(&kvm->lock);
	for (unsigned i = 0; i < FAKE_SLOTS_MAX; i++)
		there |= kvm->slots[i].memory_size &&
			 kvm->slots[i].guest_phys_addr == window->request.offset;
	pthread_mutex_unlock(&kvm->lock);
	window->missing += there != window->open;
	return fake_exit_io(run, true, (uint16_t)(PORT + vcpu), 1, 1, &value);
}

static void vcpus_change_slots_themselves(void **state)
{
	struct rig *rig = *state;
	unsigned taken;

	start(rig, selfish);
	/* And somebody else pauses them meanwhile. */
	for (unsigned i = 0; i < 200; i++) {
		taken = rig->kvm.slots_taken;
		while (rig->kvm.slots_taken < taken + i % 4)
			usleep(20);
		hv_vcpus_pause(&rig->vm);
		assert_int_equal(rig->kvm.inside, 0);
		assert_int_equal(rig->kvm.slots_taken_inside, 0);
		hv_vcpus_resume(&rig->vm);
	}
	taken = rig->kvm.slots_taken;
	while (rig->kvm.slots_taken < taken + 1000)
		usleep(20);
	hv_vcpus_stop(&rig->vm);
	assert_int_equal(rig->kvm.slots_taken_inside, 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_true(rig->windows[i].asked > 0);
		assert_int_equal(rig->windows[i].missing, 0);
	}
}

/* A pause is asked for by a handler while another thread changes slots: both get what they want. */
static void pausing_and_changing_at_once(void **state)
{
	struct rig *rig = *state;

	start(rig, restless);
	for (unsigned i = 0; i < 500; i++) {
		hv_vcpus_ask_pause(&rig->vm);
		open_window(rig, i / 2 % VCPUS, i % 2 == 0);
		hv_vcpus_pause(&rig->vm);
		open_window(rig, (i / 2 + 1) % VCPUS, i % 2 == 0);
		assert_int_equal(rig->kvm.inside, 0);
		hv_vcpus_resume(&rig->vm);
	}
	assert_int_equal(rig->kvm.slots_taken_inside, 0);
	wait_for_inside(rig); /* they go on */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(only_what_goes_takes_vcpus_out),
		TEST(slots_go_while_nobody_is_inside),
		TEST(vcpus_change_slots_themselves),
		TEST(pausing_and_changing_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
