// SPDX-License-Identifier: MIT
/* Zones and doorbells against a model of what KVM does with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "hv/bell.h"
#include "hv/vm.h"
#include "hv/zone.h"

#define LIST_MAX 1200u

static const struct mem_region region = { .name = "chip" };

struct rig {
	struct fake_kvm kvm;
	struct hv_zones zones;
	struct hv_bells bells;
	struct hv_zone list[LIST_MAX];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	fake_init(&rig->kvm);
	hv_zones_init(&rig->zones, &rig->kvm.sys, 11);
	hv_bells_init(&rig->bells, &rig->kvm.sys, 11, &rig->zones);
	rig->bells.offered = true;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hv_bells_destroy(&rig->bells);
	hv_zones_destroy(&rig->zones);
	free(rig);
	return 0;
}

static struct mem_wait_range wait_range(uint64_t first, uint64_t size, uint64_t wait)
{
	return (struct mem_wait_range){
		.range = range_make(first, size),
		.wait = wait,
		.region = &region,
		.why = "a latch",
	};
}

static void zone_add(struct rig *rig, enum mem_space space, uint64_t first, uint64_t size,
		     uint64_t wait)
{
	struct mem_wait_range range = wait_range(first, size, wait);

	hv_zones_add(&rig->zones, space, &range);
}

static void zone_del(struct rig *rig, enum mem_space space, uint64_t first, uint64_t size)
{
	struct mem_wait_range range = wait_range(first, size, MEM_LATCH);

	hv_zones_del(&rig->zones, space, &range);
}

/* What the mirror says is registered is exactly what the model has. */
static size_t check_mirror(struct rig *rig)
{
	size_t n = hv_zones_list(&rig->zones, rig->list, LIST_MAX), active = 0;

	for (size_t i = 0; i < n; i++) {
		const struct hv_zone *zone = &rig->list[i];
		bool there =
			fake_has_zone(&rig->kvm, zone->space == MEM_SPACE_PORT, zone->range.first,
				      (uint32_t)(zone->range.last - zone->range.first + 1));

		assert_int_equal(there, zone->state != HV_ZONE_TRAPS);
		assert_int_equal(zone->trap == NULL, zone->state == HV_ZONE_ACTIVE);
		active += zone->state != HV_ZONE_TRAPS;
	}
	assert_int_equal(active, rig->kvm.zones_n);
	return n;
}

/* The reason why the one zone at this address traps. */
static const char *trap_at(struct rig *rig, enum mem_space space, uint64_t first)
{
	size_t n = check_mirror(rig);

	for (size_t i = 0; i < n; i++) {
		if (rig->list[i].space == space && rig->list[i].range.first == first)
			return rig->list[i].trap ? rig->list[i].trap : "";
	}
	return "not listed";
}

static void exact(void **state)
{
	struct rig *rig = *state;

	zone_add(rig, MEM_SPACE_PORT, 0x70, 1, MEM_LATCH);
	zone_add(rig, MEM_SPACE_PORT, 0x72, 1, MEM_LATCH);
	zone_add(rig, MEM_SPACE_MEMORY, 0x70, 1, MEM_LATCH); /* another space */
	assert_int_equal(check_mirror(rig), 3);
	assert_true(fake_has_zone(&rig->kvm, true, 0x70, 1));
	/* Never registered, larger, smaller: KVM is not even asked. */
	zone_del(rig, MEM_SPACE_PORT, 0x74, 1);
	zone_del(rig, MEM_SPACE_PORT, 0x70, 4);
	assert_int_equal(check_mirror(rig), 3);
	zone_del(rig, MEM_SPACE_PORT, 0x70, 1);
	zone_del(rig, MEM_SPACE_PORT, 0x72, 1);
	zone_del(rig, MEM_SPACE_MEMORY, 0x70, 1);
	assert_int_equal(check_mirror(rig), 0);
}

static void listed_in_order(void **state)
{
	struct rig *rig = *state;

	zone_add(rig, MEM_SPACE_PORT, 0x510, 2, MEM_LATCH);
	zone_add(rig, MEM_SPACE_MEMORY, 0xd0000, 0x1000, MEM_DEADLINE(1000));
	zone_add(rig, MEM_SPACE_PORT, 0x70, 1, MEM_LATCH);
	assert_int_equal(check_mirror(rig), 3);
	assert_int_equal(rig->list[0].range.first, 0xd0000);
	assert_int_equal(rig->list[1].range.first, 0x70);
	assert_int_equal(rig->list[2].range.first, 0x510);
	assert_string_equal(rig->list[2].region, "chip");
	assert_string_equal(rig->list[2].why, "a latch");
	assert_int_equal(hv_zones_list(&rig->zones, rig->list, 1), 3);
}

static void never_over_another(void **state)
{
	struct rig *rig = *state;

	rig->zones.irqchip = rig->zones.pit = true;
	zone_add(rig, MEM_SPACE_PORT, 0x40, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x40), "overlaps the kernel's PIT");
	zone_add(rig, MEM_SPACE_PORT, 0x60, 4, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x60), "overlaps the kernel's PIT");
	zone_add(rig, MEM_SPACE_PORT, 0x1f, 2, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x1f), "overlaps the kernel's PIC");
	zone_add(rig, MEM_SPACE_MEMORY, 0xfee00ff0, 0x100, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xfee00ff0),
			    "overlaps the kernel's local APIC");
	zone_add(rig, MEM_SPACE_MEMORY, 0x100000, 0x1000, MEM_LATCH);
	zone_add(rig, MEM_SPACE_MEMORY, 0x100ff0, 0x1000, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0x100ff0), "overlaps another zone");
	zone_del(rig, MEM_SPACE_MEMORY, 0x100000, 0x1000);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0x100ff0), "");
	zone_add(rig, MEM_SPACE_MEMORY, 0x200000000, 0x100000000, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0x200000000),
			    "longer than a zone can be");
}

static void without_the_kernels_devices(void **state)
{
	struct rig *rig = *state;

	zone_add(rig, MEM_SPACE_PORT, 0x40, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x40), "");
}

static void full_bus(void **state)
{
	struct rig *rig = *state;

	rig->kvm.bus_max = 2;
	for (uint64_t port = 0x100; port < 0x500; port += 0x100)
		zone_add(rig, MEM_SPACE_PORT, port, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x200), "");
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x300), "no free bus slot");
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x400), "no free bus slot");
	/* A place that becomes free is taken by one that waited for it. */
	zone_del(rig, MEM_SPACE_PORT, 0x100, 1);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x300), "");
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x400), "no free bus slot");
	/* And one that trapped is not given back to KVM. */
	zone_del(rig, MEM_SPACE_PORT, 0x400, 1);
	assert_int_equal(check_mirror(rig), 2);
}

static void the_thousandth(void **state)
{
	struct rig *rig = *state;
	size_t active = 0;

	rig->kvm.bus_max = 999;
	for (uint64_t i = 0; i < 1100; i++)
		zone_add(rig, MEM_SPACE_PORT, 2 * i, 1, MEM_LATCH);
	assert_int_equal(check_mirror(rig), 1100);
	for (size_t i = 0; i < 1100; i++)
		active += rig->list[i].state == HV_ZONE_ACTIVE;
	assert_int_equal(active, 999);
}

static void refused_by_the_kernel(void **state)
{
	struct rig *rig = *state;

	rig->kvm.fail_request = KVM_REGISTER_COALESCED_MMIO;
	rig->kvm.fail_error = -EINVAL;
	zone_add(rig, MEM_SPACE_PORT, 0x70, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x70), "refused by the kernel");
	rig->kvm.fail_request = 0;
	rig->zones.refused[MEM_SPACE_PORT] = "coalesce=off";
	zone_add(rig, MEM_SPACE_PORT, 0x72, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x72), "coalesce=off");
	zone_add(rig, MEM_SPACE_MEMORY, 0x72, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0x72), "");
}

static void stuck(void **state)
{
	struct rig *rig = *state;

	zone_add(rig, MEM_SPACE_PORT, 0x70, 2, MEM_DEADLINE(5));
	rig->kvm.fail_request = KVM_UNREGISTER_COALESCED_MMIO;
	rig->kvm.fail_error = -ENOMEM;
	zone_del(rig, MEM_SPACE_PORT, 0x70, 2);
	rig->kvm.fail_request = 0;
	assert_int_equal(check_mirror(rig), 1);
	assert_int_equal(rig->list[0].state, HV_ZONE_STUCK);
	assert_int_equal(hv_zones_deadline(&rig->zones), 0);
	/* Nothing is laid over it, and the same zone finds itself registered. */
	zone_add(rig, MEM_SPACE_PORT, 0x71, 1, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_PORT, 0x71), "overlaps another zone");
	zone_del(rig, MEM_SPACE_PORT, 0x71, 1);
	zone_add(rig, MEM_SPACE_PORT, 0x70, 2, MEM_LATCH);
	assert_int_equal(check_mirror(rig), 1);
	assert_int_equal(rig->list[0].state, HV_ZONE_ACTIVE);
	zone_del(rig, MEM_SPACE_PORT, 0x70, 2);
	assert_int_equal(check_mirror(rig), 0);
}

static void deadline(void **state)
{
	struct rig *rig = *state;

	zone_add(rig, MEM_SPACE_PORT, 0x70, 1, MEM_LATCH);
	assert_int_equal(hv_zones_deadline(&rig->zones), 0);
	zone_add(rig, MEM_SPACE_PORT, 0x80, 1, MEM_DEADLINE(5000));
	zone_add(rig, MEM_SPACE_PORT, 0x402, 1, MEM_DEADLINE(1000));
	assert_int_equal(hv_zones_deadline(&rig->zones), 1000);
	zone_del(rig, MEM_SPACE_PORT, 0x402, 1);
	assert_int_equal(hv_zones_deadline(&rig->zones), 5000);
	/* One that traps needs nobody to look after it. */
	rig->kvm.bus_max = 2;
	zone_add(rig, MEM_SPACE_PORT, 0xe9, 1, MEM_DEADLINE(1));
	assert_int_equal(hv_zones_deadline(&rig->zones), 5000);
	zone_del(rig, MEM_SPACE_PORT, 0x80, 1);
	assert_int_equal(hv_zones_deadline(&rig->zones), 1); /* now it got the place */
}

static struct mem_bell_range bell_at(uint64_t addr, unsigned width, int fd)
{
	return (struct mem_bell_range){ .addr = addr, .bell = { .width = width, .fd = fd } };
}

static void bell_before_zone(void **state)
{
	struct rig *rig = *state;
	struct mem_bell_range bell = bell_at(0xd0010, 2, 5);

	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &bell);
	assert_int_equal(rig->kvm.bells_n, 1);
	zone_add(rig, MEM_SPACE_MEMORY, 0xd0000, 0x100, MEM_LATCH);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xd0000), "overlaps an ioeventfd");
	hv_bells_del(&rig->bells, MEM_SPACE_MEMORY, &bell);
	assert_int_equal(rig->kvm.bells_n, 0);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xd0000), "");
}

static void bell_after_zone(void **state)
{
	struct rig *rig = *state;
	struct mem_bell_range bell = bell_at(0xd0010, 2, 5), other = bell_at(0xd0010, 2, 6);

	zone_add(rig, MEM_SPACE_MEMORY, 0xd0000, 0x100, MEM_DEADLINE(7));
	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &bell);
	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &other);
	assert_int_equal(rig->kvm.zones_n, 0);
	assert_int_equal(hv_zones_deadline(&rig->zones), 0);
	hv_bells_del(&rig->bells, MEM_SPACE_MEMORY, &bell);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xd0000), "overlaps an ioeventfd");
	hv_bells_del(&rig->bells, MEM_SPACE_MEMORY, &other);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xd0000), "");
	assert_int_equal(hv_zones_deadline(&rig->zones), 7);
}

static void bell_refused(void **state)
{
	struct rig *rig = *state;
	struct mem_bell_range bell = bell_at(0xd0010, 2, 5), any = bell_at(0xd0020, 0, 5);

	zone_add(rig, MEM_SPACE_MEMORY, 0xd0000, 0x100, MEM_LATCH);
	rig->kvm.fail_request = KVM_IOEVENTFD;
	rig->kvm.fail_error = -ENOSPC;
	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &bell);
	rig->kvm.fail_request = 0;
	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &any); /* a width it cannot have */
	assert_int_equal(rig->kvm.bells_n, 0);
	assert_int_equal(rig->bells.refused, 2);
	assert_string_equal(trap_at(rig, MEM_SPACE_MEMORY, 0xd0000), "");
	hv_bells_del(&rig->bells, MEM_SPACE_MEMORY, &bell); /* nothing to take away */
	rig->bells.any_width = true;
	hv_bells_add(&rig->bells, MEM_SPACE_MEMORY, &any);
	assert_int_equal(rig->kvm.bells_n, 1);
}

/* Chips that come, go and move, through a real map. Nobody writes to them. */
static void chip_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	abort();
}

static const struct mem_port chip_ports[] = {
	{ .at = 0, .len = 1, .write = chip_write, .wait = MEM_LATCH, .why = "index" },
	{ .at = 4,
	  .len = 4,
	  .widths = MEM_W4,
	  .write = chip_write,
	  .wait = MEM_DEADLINE(100),
	  .why = "screen" },
};

static void thousand_map_changes(void **state)
{
	struct rig *rig = *state;
	static struct mem_region chips[24];
	static const struct hv_options options = { .coalesce = true, .vcpus = 1 };
	struct mem_map map;
	struct error err;
	struct hv_vm vm;
	uint32_t seed = 7;
	size_t most = 0;

	rig->kvm.bus_max = 20;
	assert_int_equal(mem_map_init(&map), 0);
	assert_int_equal(hv_vm_create(&vm, &rig->kvm.sys, &options, &err), 0);
	mem_map_begin(&map);
	for (size_t i = 0; i < 24; i++) {
		mem_region_init_io(&chips[i], "chip", 15, chip_ports, 2, NULL, NULL);
		mem_region_add(&map.root[i % 2], &chips[i], 0x1000 + 16 * i, (int)(i % 3));
	}
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(hv_vm_attach(&vm, &map, &err), 0);
	for (unsigned round = 0; round < 1000; round++) {
		size_t n, active = 0;

		mem_map_begin(&map);
		for (unsigned i = 0; i < 1 + round % 3; i++) {
			seed = seed * 1664525 + 1013904223;
			mem_region_set_offset(&chips[(seed >> 8) % 24],
					      0x1000 + (seed >> 16) % 256);
			mem_region_set_enabled(&chips[(seed >> 4) % 24], seed & 0x80000000);
		}
		assert_int_equal(mem_map_commit(&map), 0);
		n = hv_zones_list(&vm.zones, rig->list, LIST_MAX);
		for (size_t i = 0; i < n; i++) {
			const struct range *range = &rig->list[i].range;

			if (rig->list[i].state == HV_ZONE_ACTIVE) {
				assert_true(fake_has_zone(
					&rig->kvm, rig->list[i].space == MEM_SPACE_PORT,
					range->first, (uint32_t)(range->last - range->first + 1)));
				active++;
			}
			most = active > most ? active : most;
		}
		/* None too many, none doubled. */
		assert_int_equal(active, rig->kvm.zones_n);
	}
	assert_true(most > 20);
	hv_vm_destroy(&vm);
	assert_int_equal(rig->kvm.zones_n, 0);
	assert_int_equal(rig->kvm.fds, 0);
	mem_map_destroy(&map);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(exact),
		TEST(listed_in_order),
		TEST(never_over_another),
		TEST(without_the_kernels_devices),
		TEST(full_bus),
		TEST(the_thousandth),
		TEST(refused_by_the_kernel),
		TEST(stuck),
		TEST(deadline),
		TEST(bell_before_zone),
		TEST(bell_after_zone),
		TEST(bell_refused),
		TEST(thousand_map_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
