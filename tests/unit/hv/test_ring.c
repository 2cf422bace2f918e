// SPDX-License-Identifier: MIT
/* The ring without KVM: a page, a producer that behaves like the kernel, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "hv/ring.h"

#define PAGE    4096u
#define ENTRIES 170u
#define PORT    0x1000u
#define WINDOW  0xd0000u

struct seen {
	uint64_t offset, value;
	unsigned width;
	bool port;
};

struct rig {
	struct mem_map map;
	struct mem_region ports, window;
	struct lock lock;
	struct meter *meter;
	struct kvm_coalesced_mmio_ring *page;
	struct hv_ring ring;
	struct seen seen[2 * ENTRIES];
	size_t seen_n;
	unsigned again; /* while this is not 0, each delivered write puts another into the ring */
};

/* As the kernel adds: false if there is no room or the index is impossible. */
static bool add(struct rig *rig, bool port, uint64_t addr, uint32_t len, uint64_t value)
{
	uint32_t last = rig->page->last, next = (last + 1) % ENTRIES;

	if (last >= ENTRIES || next == rig->page->first)
		return false;
	rig->page->coalesced_mmio[last] = (struct kvm_coalesced_mmio){
		.phys_addr = addr,
		.len = len,
		.pio = port,
	};
	memcpy(rig->page->coalesced_mmio[last].data, &value, 8);
	__atomic_store_n(&rig->page->last, next, __ATOMIC_RELEASE);
	return true;
}

static void see(struct rig *rig, bool port, uint64_t offset, uint64_t value, unsigned width)
{
	if (rig->seen_n < 2 * ENTRIES)
		rig->seen[rig->seen_n] = (struct seen){ offset, value, width, port };
	rig->seen_n++;
	if (rig->again) {
		rig->again--;
		assert_true(add(rig, true, PORT, 1, 0xee) || rig->page->last != rig->page->first);
	}
}

static void port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	see(chip, true, offset, value, width);
}

static void window_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	see(chip, false, offset, value, width);
}

static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 0x100,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4,
	  .write = port_write,
	  .wait = MEM_LATCH,
	  .why = "test" },
};
static const struct mem_port window[] = {
	{ .at = 0,
	  .len = 0x1000,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4 | MEM_W8,
	  .write = window_write,
	  .wait = MEM_LATCH,
	  .why = "test" },
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	lock_init(&rig->lock, LOCK_DEVICE, "rig");
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_io(&rig->ports, "ports", 0xff, ports, 1, rig, &rig->lock);
	mem_region_init_io(&rig->window, "window", 0xfff, window, 1, rig, &rig->lock);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->ports, PORT, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->window, WINDOW, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	rig->meter = meter_new();
	rig->page = aligned_alloc(PAGE, PAGE);
	memset(rig->page, 0, PAGE);
	hv_ring_init(&rig->ring, rig->page, PAGE, rig->meter);
	assert_int_equal(rig->ring.max, ENTRIES);
	hv_ring_attach(&rig->ring, &rig->map);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	hv_ring_destroy(&rig->ring);
	mem_map_destroy(&rig->map);
	lock_destroy(&rig->lock);
	free(rig->page);
	meter_free(rig->meter);
	free(rig);
	return 0;
}

/* The whole ring as if it had always stood there. */
static void move_to(struct rig *rig, uint32_t index)
{
	rig->page->first = rig->page->last = index;
	rig->ring.first = index;
	rig->seen_n = 0;
}

static void every_start_and_count(void **state)
{
	struct rig *rig = *state;

	for (uint32_t start = 0; start < ENTRIES; start++) {
		for (uint32_t n = 0; n < ENTRIES; n++) {
			move_to(rig, start);
			for (uint32_t i = 0; i < n; i++)
				assert_true(add(rig, i & 1, i & 1 ? PORT + i : WINDOW + i, 1, i));
			assert_int_equal(add(rig, true, PORT, 1, 0), n < ENTRIES - 1);
			rig->page->last = (start + n) % ENTRIES;
			hv_ring_drain(&rig->ring);
			assert_int_equal(rig->seen_n, n);
			for (uint32_t i = 0; i < n; i++) {
				assert_int_equal(rig->seen[i].value, i);
				assert_int_equal(rig->seen[i].offset, i);
				assert_int_equal(rig->seen[i].port, i & 1);
			}
			assert_int_equal(rig->page->first, (start + n) % ENTRIES);
			assert_int_equal(rig->ring.first, rig->page->first);
		}
	}
	assert_int_equal(rig->ring.bad_index, 0);
	assert_int_equal(rig->ring.bad_entry, 0);
}

static void empty_takes_no_lock(void **state)
{
	struct rig *rig = *state;

	/* The rank checker would abort if it took the lock of the ring below that of a chip. */
	lock_take(&rig->lock);
	hv_ring_drain(&rig->ring);
	lock_drop(&rig->lock);
	assert_int_equal(rig->seen_n, 0);
}

static void bounded_by_its_snapshot(void **state)
{
	struct rig *rig = *state;

	/* Each write that is delivered brings another: a guest that never stops. */
	for (uint32_t start = 0; start < ENTRIES; start += 13) {
		move_to(rig, start);
		for (unsigned i = 0; i < 5; i++)
			assert_true(add(rig, true, PORT, 1, i));
		rig->again = 100;
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->seen_n, 5);
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->seen_n, 10);
		rig->again = 0;
		hv_ring_drain(&rig->ring);
	}
}

static void widths_and_left_overs(void **state)
{
	struct rig *rig = *state;
	static const uint64_t value = UINT64_C(0x8877665544332211);
	static const unsigned lens[] = { 1, 2, 4, 8 };

	/* Bytes past the length are not part of the write. */
	for (unsigned i = 0; i < 4; i++) {
		uint64_t mask = lens[i] == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * lens[i]) - 1;

		assert_true(add(rig, false, WINDOW + 8 * i, lens[i], value));
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->seen_n, i + 1);
		assert_int_equal(rig->seen[i].width, lens[i]);
		assert_true(rig->seen[i].value == (value & mask));
	}
	/* A part of a store across pages may have any length: it goes as bytes. */
	rig->seen_n = 0;
	assert_true(add(rig, false, WINDOW + 1, 3, value));
	hv_ring_drain(&rig->ring);
	assert_int_equal(rig->seen_n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig->seen[i].offset, 1 + i);
		assert_int_equal(rig->seen[i].width, 1);
		assert_int_equal(rig->seen[i].value, 0x11 * (i + 1));
	}
	assert_int_equal(rig->ring.delivered, 5);
}

static void impossible_entries(void **state)
{
	struct rig *rig = *state;
	static const struct {
		bool port;
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ true, PORT, 0 },
		{ true, PORT, 9 },
		{ false, WINDOW, UINT32_MAX },
		{ true, 0x10000, 1 },
		{ true, 0xffff, 2 },
		{ true, UINT64_MAX, 1 },
		{ false, UINT64_MAX, 2 },
		{ false, UINT64_MAX - 2, 4 },
	};
	size_t n = sizeof(bad) / sizeof(bad[0]);

	for (size_t i = 0; i < n; i++) {
		assert_true(add(rig, bad[i].port, bad[i].addr, bad[i].len, 1));
		assert_true(add(rig, true, PORT, 1, i));
	}
	hv_ring_drain(&rig->ring);
	assert_int_equal(rig->ring.bad_entry, n);
	assert_int_equal(rig->seen_n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rig->seen[i].value, i);
}

static void impossible_last(void **state)
{
	struct rig *rig = *state;
	static const uint32_t bad[] = { ENTRIES, ENTRIES + 1, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		move_to(rig, 100);
		rig->page->last = bad[i];
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->ring.bad_index, i + 1);
		assert_int_equal(rig->seen_n, 0);
		/* It works again. */
		assert_true(add(rig, true, PORT, 1, 7));
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->seen_n, 1);
		assert_int_equal(rig->seen[0].value, 7);
	}
}

static void overwritten_first(void **state)
{
	struct rig *rig = *state;
	static const uint32_t bad[] = { 0, 50, ENTRIES, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		move_to(rig, 100);
		assert_true(add(rig, true, PORT, 1, 7));
		rig->page->first = bad[i];
		hv_ring_drain(&rig->ring);
		assert_int_equal(rig->ring.bad_index, i + 1);
		assert_int_equal(rig->seen_n, 1);
		assert_int_equal(rig->page->first, 101);
	}
}

static void junk(void **state)
{
	struct rig *rig = *state;
	uint32_t seed = 1;

	/* Whatever the page says, a drain ends and stays inside it. */
	for (unsigned round = 0; round < 5000; round++) {
		uint8_t *bytes = (uint8_t *)rig->page;

		for (size_t i = round & 1 ? 8 : 0; i < PAGE; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24);
			/* Half of the lengths possible, half of the addresses ours. */
			if (i >= 8 && (i - 8) % 24 == 8 && seed & 0x10000)
				memcpy(&bytes[i], (uint8_t[4]){ bytes[i] & 7 }, 4), i += 3;
		}
		if (round & 1)
			rig->page->last = seed % ENTRIES;
		rig->seen_n = 0;
		hv_ring_drain(&rig->ring);
		assert_true(rig->seen_n <= 8 * ENTRIES);
		assert_true(rig->ring.first < ENTRIES);
		assert_int_equal(rig->ring.first, rig->page->last);
	}
}

static void counted(void **state)
{
	struct rig *rig = *state;
	uint64_t coalesced = 0, exits = 0;

	for (unsigned i = 0; i < 30; i++)
		assert_true(add(rig, i % 3 == 0, i % 3 == 0 ? PORT : WINDOW, 1, i));
	hv_ring_drain(&rig->ring);
	for (size_t i = 0; i < METER_ROWS; i++) {
		coalesced += rig->meter->rows[i].coalesced;
		exits += rig->meter->rows[i].exits;
	}
	assert_int_equal(coalesced, 30);
	assert_int_equal(exits, 0);
}

static void no_ring(void **state)
{
	struct rig *rig = *state;
	struct hv_ring none;

	hv_ring_init(&none, NULL, 0, NULL);
	hv_ring_attach(&none, &rig->map);
	hv_ring_drain(&none);
	hv_ring_destroy(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_start_and_count),
		TEST(empty_takes_no_lock),
		TEST(bounded_by_its_snapshot),
		TEST(widths_and_left_overs),
		TEST(impossible_entries),
		TEST(impossible_last),
		TEST(overwritten_first),
		TEST(junk),
		TEST(counted),
		TEST(no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
