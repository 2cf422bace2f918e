// SPDX-License-Identifier: MIT
/* Making a VM on a KVM that lacks things or fails, and what a VM tells KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "fake.h"
#include "hv/power_on.h"
#include "hv/stats.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mem/overrule.h"

static const struct hv_options whole = {
	.coalesce = true,
	.irqchip = true,
	.pit = true,
	.vcpus = 3,
};

static void nop_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	*(uint64_t *)chip = value;
}

static const struct mem_port latch[] = {
	{ .at = 0, .len = 1, .write = nop_write, .wait = MEM_LATCH, .why = "index" },
};

/* A VM and a map with memory, a latch in each space and a doorbell. */
struct rig {
	struct fake_kvm kvm;
	struct mem_map map;
	uint8_t *memory;
	uint64_t port_value, window_value;
	struct mem_region ram, rom, odd, port, window;
	struct hv_vm vm;
	struct error err;
	char failure[ERROR_SIZE];
	unsigned failures;
};

static void on_failed(void *arg, const char *message)
{
	struct rig *rig = arg;

	rig->failures++;
	strcpy(rig->failure, message);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	fake_init(&rig->kvm);
	assert_int_equal(mem_map_init(&rig->map), 0);
	rig->memory =
		mmap(NULL, 0x40000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem_region_init_ram(&rig->ram, "ram", rig->memory, 0x1ffff);
	mem_region_init_rom(&rig->rom, "rom", rig->memory + 0x20000, 0xffff);
	mem_region_init_ram(&rig->odd, "odd", rig->memory + 0x30000, 0x17ff);
	mem_region_init_io(&rig->port, "port", 0, latch, 1, &rig->port_value, NULL);
	mem_region_init_io(&rig->window, "window", 0, latch, 1, &rig->window_value, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->ram, 0, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->rom, 0xf0000, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->odd, 0x200000, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->window, 0xd0000, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->port, 0x70, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig->kvm.fds, 0);
	assert_int_equal(rig->kvm.maps, 0);
	mem_map_destroy(&rig->map);
	munmap(rig->memory, 0x40000);
	free(rig);
	return 0;
}

static int create(struct rig *rig, const struct hv_options *options)
{
	struct hv_options mine = *options;

	mine.events = (struct hv_events){ .failed = on_failed, .arg = rig };
	memset(&rig->err, 0, sizeof(rig->err));
	return hv_vm_create(&rig->vm, &rig->kvm.sys, &mine, &rig->err);
}

static void messages(void **state)
{
	struct rig *rig = *state;

	rig->kvm.open_error = -ENOENT;
	assert_int_equal(create(rig, &whole), -ENOENT);
	assert_string_equal(rig->err.text,
			    "/dev/kvm: No such file or directory (load kvm_intel or kvm_amd)");
	rig->kvm.open_error = -EACCES;
	assert_int_equal(create(rig, &whole), -EACCES);
	assert_string_equal(rig->err.text, "/dev/kvm: Permission denied (add yourself to group "
					   "kvm, or run as root)");
	rig->kvm.open_error = 0;
	rig->kvm.api = 11;
	assert_int_equal(create(rig, &whole), -EPROTO);
	assert_string_equal(rig->err.text, "/dev/kvm: API version 11, needed is 12");
	rig->kvm.api = -ENOTTY;
	assert_int_equal(create(rig, &whole), -ENOTTY);
	assert_string_equal(rig->err.text, "/dev/kvm: not KVM (KVM_GET_API_VERSION: "
					   "Inappropriate ioctl for device)");
	rig->kvm.api = 12;
	rig->kvm.caps[KVM_CAP_MAX_VCPUS] = 2;
	assert_int_equal(create(rig, &whole), -EINVAL);
	assert_string_equal(rig->err.text, "/dev/kvm: 3 vCPUs, but the kernel offers 2");
}

/* The ring's page has to be one of those that are mapped, and not the first. */
static void ring_out_of_place(void **state)
{
	struct rig *rig = *state;

	rig->kvm.caps[KVM_CAP_COALESCED_MMIO] = 3;
	assert_int_equal(create(rig, &whole), -EPROTO);
	assert_string_equal(rig->err.text, "/dev/kvm: no ring of coalesced writes at page 3 of 3");
}

static void required_capabilities(void **state)
{
	struct rig *rig = *state;
	static const int always[] = { KVM_CAP_USER_MEMORY, KVM_CAP_READONLY_MEM,
				      KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SET_TSS_ADDR };

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		rig->kvm.caps[always[i]] = 0;
		assert_int_equal(create(rig, &whole), -ENOTSUP);
		assert_non_null(strstr(rig->err.text, "the kernel's KVM has no KVM_CAP_"));
		rig->kvm.caps[always[i]] = 1;
	}
	/* What is not wanted need not be there. */
	rig->kvm.caps[KVM_CAP_IRQCHIP] = rig->kvm.caps[KVM_CAP_PIT2] = 0;
	assert_int_equal(create(rig, &whole), -ENOTSUP);
	assert_string_equal(rig->err.text, "/dev/kvm: the kernel's KVM has no KVM_CAP_IRQCHIP");
	assert_int_equal(create(rig, &(struct hv_options){ .vcpus = 1 }), 0);
	hv_vm_destroy(&rig->vm);
}

/* Every call of a creation fails once: each says something and leaves nothing behind. */
static void every_failure(void **state)
{
	struct rig *rig = *state;
	unsigned optional = 0;
	int calls;

	assert_int_equal(create(rig, &whole), 0);
	hv_vm_destroy(&rig->vm);
	calls = rig->kvm.calls;
	for (int i = 1; i <= calls; i++) {
		rig->kvm.calls = 0;
		rig->kvm.fail_call = i;
		if (create(rig, &whole) == 0) {
			optional++;
			/* Writes that wait are seen. */
			assert_true(rig->vm.ring.page ||
				    !(rig->vm.coalesced_mmio || rig->vm.coalesced_pio));
			if (rig->vm.ring.page)
				assert_ptr_equal((void *)rig->vm.ring.page,
						 (uint8_t *)rig->vm.vcpus[0].run +
							 RING_PAGE * FAKE_PAGE);
			hv_vm_destroy(&rig->vm);
		} else {
			assert_true(strlen(rig->err.text) > 10);
			assert_null(strchr(rig->err.text, '\n'));
		}
		assert_int_equal(rig->kvm.fds, 0);
		assert_int_equal(rig->kvm.maps, 0);
	}
	/* What a processor need not have: single registers, and four groups, of each vCPU. */
	assert_in_range(optional, 1, whole.vcpus * 20);
}

static void check_whose(const struct hv_vm *vm, int vcpu, uint64_t whose)
{
	struct meter_stats stats;

	assert_int_equal(hv_vm_stats(vm, vcpu, &stats), 0);
	assert_int_equal(stats.n, 1);
	assert_string_equal(stats.at[0].name, "whose");
	assert_int_equal(stats.at[0].values[0], whose);
	meter_stats_free(&stats);
}

static void statistics(void **state)
{
	struct rig *rig = *state;
	struct meter_stats stats;

	assert_int_equal(create(rig, &whole), 0);
	check_whose(&rig->vm, -1, 0);
	for (unsigned i = 0; i < whole.vcpus; i++)
		check_whose(&rig->vm, (int)i, i + 1);
	rig->kvm.pread_error = -EIO;
	assert_int_equal(hv_vm_stats(&rig->vm, 0, &stats), -EIO);
	assert_int_equal(stats.n, 0);
	hv_vm_destroy(&rig->vm);
	/* A kernel without them: the machine is the same. */
	fake_init(&rig->kvm);
	rig->kvm.caps[KVM_CAP_BINARY_STATS_FD] = 0;
	assert_int_equal(create(rig, &whole), 0);
	assert_int_equal(hv_vm_stats(&rig->vm, -1, &stats), -ENOTSUP);
	assert_int_equal(hv_vm_stats(&rig->vm, 0, &stats), -ENOTSUP);
	hv_vm_destroy(&rig->vm);
}

/* The reason of the zone in the space. */
static const char *trap(struct rig *rig, enum mem_space space)
{
	static struct hv_zone list[2];

	assert_int_equal(hv_zones_list(&rig->vm.zones, list, 2), 2);
	assert_int_equal(list[space].space, space);
	return list[space].trap ? list[space].trap : "";
}

static void check_zones(struct rig *rig, const struct hv_options *options, const char *memory,
			const char *port)
{
	assert_int_equal(create(rig, options), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	assert_string_equal(trap(rig, MEM_SPACE_MEMORY), memory);
	assert_string_equal(trap(rig, MEM_SPACE_PORT), port);
	assert_int_equal(rig->vm.coalesced_mmio, !*memory);
	assert_int_equal(rig->vm.coalesced_pio, !*port);
	assert_int_equal(fake_zones(&rig->kvm, false), !*memory);
	assert_int_equal(fake_zones(&rig->kvm, true), !*port);
	hv_vm_destroy(&rig->vm);
	assert_int_equal(rig->kvm.zones_n, 0);
}

static void degrading(void **state)
{
	struct rig *rig = *state;
	struct hv_options off = whole;

	check_zones(rig, &whole, "", "");
	rig->kvm.caps[KVM_CAP_COALESCED_PIO] = 0;
	check_zones(rig, &whole, "", "kernel without KVM_CAP_COALESCED_PIO");
	rig->kvm.caps[KVM_CAP_COALESCED_MMIO] = 0;
	/* The ring comes with this one, so that without it ports cannot wait either. */
	check_zones(rig, &whole, "kernel without KVM_CAP_COALESCED_MMIO",
		    "kernel without KVM_CAP_COALESCED_MMIO");
	fake_init(&rig->kvm);
	/* Where it is switched off there is none, but one that the user adds. */
	off.coalesce = false;
	assert_int_equal(create(rig, &off), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	assert_int_equal(hv_zones_list(&rig->vm.zones, NULL, 0), 0);
	assert_int_equal(rig->kvm.zones_n, 0);
	assert_int_equal(mem_map_overrule(&rig->map,
					  &(struct mem_wish){ .space = MEM_SPACE_PORT,
							      .range = { 0x2340, 0x2340 },
							      .wait = MEM_LATCH },
					  &rig->err),
			 0);
	assert_int_equal(fake_zones(&rig->kvm, true), 1);
	hv_vm_destroy(&rig->vm);
	assert_int_equal(rig->kvm.zones_n, 0);
}

/* Either kind of zone is enough for a ring. */
static void ring_of_the_vm(struct rig *rig)
{
	struct kvm_coalesced_mmio_ring *ring;

	rig->port_value = rig->window_value = 0;
	assert_int_equal(create(rig, &whole), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	ring = fake_ring(&rig->kvm);
	ring->coalesced_mmio[0] = (struct kvm_coalesced_mmio){
		.phys_addr = 0x70, .len = 1, .pio = 1, .data = { 0x0b }
	};
	ring->coalesced_mmio[1] =
		(struct kvm_coalesced_mmio){ .phys_addr = 0xd0000, .len = 1, .data = { 0x5a } };
	ring->last = 2;
	hv_vm_drain(&rig->vm);
	assert_int_equal(rig->port_value, 0x0b);
	assert_int_equal(rig->window_value, 0x5a);
	assert_int_equal(ring->first, 2);
	hv_vm_destroy(&rig->vm);
}

static void ring_of_both_kinds(void **state)
{
	ring_of_the_vm(*state);
}

static void ring_of_memory_only(void **state)
{
	struct rig *rig = *state;

	rig->kvm.caps[KVM_CAP_COALESCED_PIO] = 0;
	ring_of_the_vm(rig);
}

static void slots(void **state)
{
	struct rig *rig = *state;
	const struct kvm_userspace_memory_region *slot = rig->kvm.slots;
	size_t used = 0;

	assert_int_equal(create(rig, &whole), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	for (size_t i = 0; i < FAKE_SLOTS_MAX; i++)
		used += slot[i].memory_size != 0;
	assert_int_equal(used, 3);
	assert_int_equal(slot[0].guest_phys_addr, 0);
	assert_int_equal(slot[0].memory_size, 0x20000);
	assert_int_equal(slot[0].flags, 0);
	assert_int_equal(slot[1].guest_phys_addr, 0xf0000);
	assert_int_equal(slot[1].flags, KVM_MEM_READONLY);
	/* Whole pages only: the rest exits. */
	assert_int_equal(slot[2].guest_phys_addr, 0x200000);
	assert_int_equal(slot[2].memory_size, 0x1000);

	/* Moving over another: the hidden part goes, and comes back. */
	mem_map_begin(&rig->map);
	mem_region_set_offset(&rig->rom, 0x1f000);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	mem_map_begin(&rig->map);
	/* A whole page of the guest, but not of the host. */
	mem_region_set_offset(&rig->odd, 0x2ff800);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	used = 0;
	for (size_t i = 0; i < FAKE_SLOTS_MAX; i++)
		used += slot[i].memory_size != 0;
	assert_int_equal(used, 2);
	assert_int_equal(rig->failures, 0);
	hv_vm_destroy(&rig->vm);
	for (size_t i = 0; i < FAKE_SLOTS_MAX; i++)
		assert_int_equal(slot[i].memory_size, 0);
}

static void failed_slot(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(create(rig, &whole), 0);
	rig->kvm.fail_request = KVM_SET_USER_MEMORY_REGION;
	rig->kvm.fail_error = -EEXIST;
	rig->kvm.fail_after = 1;
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), -EIO);
	assert_string_equal(rig->err.text,
			    "memory slot for rom at 0xf0000 to 0xfffff: File exists");
	/* Whoever attaches has been told. */
	assert_int_equal(rig->failures, 0);
	rig->kvm.fail_request = 0;
	hv_vm_destroy(&rig->vm);
}

/* Of a machine that runs: once, though more goes wrong after it. */
static void slots_that_fail_later(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(create(rig, &whole), 0);
	assert_int_equal(hv_vm_attach(&rig->vm, &rig->map, &rig->err), 0);
	for (unsigned i = 0; i < 3; i++) {
		rig->kvm.fail_request = KVM_SET_USER_MEMORY_REGION;
		rig->kvm.fail_error = -ENOMEM;
		rig->kvm.fail_after = 0;
		mem_map_begin(&rig->map);
		mem_region_set_offset(&rig->rom, 0xe0000 - i * 0x10000);
		assert_int_equal(mem_map_commit(&rig->map), 0);
		assert_int_equal(rig->failures, 1);
	}
	assert_string_equal(rig->failure,
			    "memory slot for rom at 0xf0000 to 0xfffff: Cannot allocate memory");
	rig->kvm.fail_request = 0;
	hv_vm_destroy(&rig->vm);
}

static void interrupts(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(create(rig, &whole), 0);
	for (int status = -1; status <= 2; status++) {
		rig->kvm.irq_status = status;
		assert_int_equal(hv_vm_irq_line(&rig->vm, 8, true), status > 1 ? 1 : status);
		assert_int_equal(rig->kvm.level.irq, 8);
		assert_int_equal(rig->kvm.level.level, 1);
	}
	rig->kvm.fail_request = KVM_IRQ_LINE_STATUS;
	rig->kvm.fail_error = -EIO;
	rig->kvm.fail_after = 0;
	assert_int_equal(hv_vm_irq_line(&rig->vm, 8, true), -1);
	assert_string_equal(rig->vm.failure.text, "interrupt line 8: Input/output error");
	rig->kvm.fail_request = 0;
	assert_int_equal(hv_vm_msi(&rig->vm, UINT64_C(0x1fee00000), 0x4041), 1);
	assert_int_equal(rig->kvm.msi.address_lo, 0xfee00000);
	assert_int_equal(rig->kvm.msi.address_hi, 1);
	assert_int_equal(rig->kvm.msi.data, 0x4041);
	assert_int_equal(hv_vm_irqfd(&rig->vm, 5, 7, true), 0);
	hv_vm_destroy(&rig->vm);
	rig->kvm.caps[KVM_CAP_IRQFD] = rig->kvm.caps[KVM_CAP_SIGNAL_MSI] = 0;
	rig->kvm.caps[KVM_CAP_IRQ_INJECT_STATUS] = 0;
	assert_int_equal(create(rig, &whole), 0);
	assert_int_equal(hv_vm_irqfd(&rig->vm, 5, 7, true), -ENOTSUP);
	assert_int_equal(hv_vm_msi(&rig->vm, 0, 0), -ENOTSUP);
	assert_int_equal(hv_vm_irq_line(&rig->vm, 8, true), 1);
	hv_vm_destroy(&rig->vm);
}

static void reset(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(create(rig, &whole), 0);
	rig->kvm.sregs_set = 0;
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	assert_int_equal(rig->kvm.sregs_set, 3);
	assert_int_equal(rig->kvm.irqchips_set, 3);
	assert_int_equal(rig->kvm.pits_set, 1);
	rig->kvm.fail_request = KVM_SET_SREGS;
	rig->kvm.fail_error = -EINVAL;
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), -EINVAL);
	assert_string_equal(rig->err.text, "reset: KVM_SET_SREGS: Invalid argument");
	hv_vm_destroy(&rig->vm);
}

/* Takes what was logged by now. */
static void take_log(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	fclose(file);
}

static void refused_registers(void **state)
{
	struct rig *rig = *state;
	char path[] = "/tmp/coalport-log-XXXXXX", text[4096];
	int fd = mkstemp(path), standard_error = dup(STDERR_FILENO);

	assert_true(fd >= 0 && standard_error >= 0);
	/* What take_log() empties is written from its start again. */
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(log_to(fd), 0);
	assert_int_equal(create(rig, &whole), 0);
	/* One line, not one for each vCPU. */
	take_log(path, text, sizeof(text));
	assert_non_null(strstr(text, "/dev/kvm: KVM refuses 3 model-specific registers, which keep "
				     "their values over a reset: 0x32 0x96 0xfa\n"));
	assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
	/* What cannot be set and is as it was is no matter. */
	rig->kvm.fixed_msr = 0x11;
	rig->kvm.fixed_value = 0;
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	take_log(path, text, sizeof(text));
	assert_string_equal(text, "");
	rig->kvm.fixed_value = 5;
	for (int i = 0; i < 3; i++)
		assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), 0);
	take_log(path, text, sizeof(text));
	assert_non_null(strstr(text, "reset: KVM refuses 1 model-specific"));
	assert_non_null(strstr(text, " 0x11\n"));
	assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
	/* A call that fails as a whole is a failure. */
	rig->kvm.fail_request = KVM_SET_MSRS;
	rig->kvm.fail_error = -EFAULT;
	assert_int_equal(hv_vm_reset(&rig->vm, &rig->err), -EFAULT);
	assert_string_equal(rig->err.text, "reset: KVM_SET_MSRS: Bad address");
	hv_vm_destroy(&rig->vm);
	assert_int_equal(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
	close(standard_error);
	close(fd);
	unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(messages),
		TEST(ring_out_of_place),
		TEST(required_capabilities),
		TEST(every_failure),
		TEST(statistics),
		TEST(degrading),
		TEST(ring_of_both_kinds),
		TEST(ring_of_memory_only),
		TEST(slots),
		TEST(failed_slot),
		TEST(interrupts),
		TEST(reset),
		TEST(refused_registers),
		TEST(slots_that_fail_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
