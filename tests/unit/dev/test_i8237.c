// SPDX-License-Identifier: MIT
/* The DMA controllers alone: registers, what a channel lets, where its bytes go. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "chip.h"
#include "dev/i8237.h"

#define RAM 0x30000u

static struct i8237 dma;
static struct mem_map map;
static struct mem_region ram_region;
static uint8_t *ram;
static unsigned told;

static void ready(void *arg)
{
	told++;
}

static int make(void **state)
{
	memset(&dma, 0, sizeof(dma));
	told = 0;
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(mem_map_init(&map), 0);
	mem_map_begin(&map);
	mem_region_init_ram(&ram_region, "ram", ram, RAM - 1);
	mem_region_add(&map.root[MEM_SPACE_MEMORY], &ram_region, 0, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	i8237_init(&dma, &map);
	i8237_connect(&dma, 2, ready, NULL);
	return 0;
}

static int unmake(void **state)
{
	i8237_destroy(&dma);
	mem_map_begin(&map);
	mem_region_remove(&ram_region);
	assert_int_equal(mem_map_commit(&map), 0);
	mem_map_destroy(&map);
	munmap(ram, RAM);
	return 0;
}

static void out1(unsigned port, uint8_t value)
{
	out8(&dma.ports[0], port, value);
}

static uint8_t in1(unsigned port)
{
	return in8(&dma.ports[0], port);
}

/* Channel 2 as a driver programs it. */
static void program(uint8_t mode, uint32_t address, uint16_t count)
{
	out1(0x0a, 0x06);
	out1(0x0c, 0xff);
	out1(0x0b, mode | 2);
	out1(0x04, (uint8_t)address);
	out1(0x04, (uint8_t)(address >> 8));
	out8(&dma.pages, 0, (uint8_t)(address >> 16));
	out1(0x0c, 0xff);
	out1(0x05, (uint8_t)count);
	out1(0x05, (uint8_t)(count >> 8));
	out1(0x0a, 0x02);
}

static void test_registers(void **state)
{
	for (unsigned port = 0; port < 8; port++) {
		out1(0x0c, 0);
		out1(port, (uint8_t)(0x10 + port));
		out1(port, (uint8_t)(0x80 + port));
		assert_int_equal(in1(port), 0x10 + port);
		assert_int_equal(in1(port), 0x80 + port);
	}
	/* The second controller, at both of its ports. */
	out8(&dma.ports[1], 0x18, 0);
	out8(&dma.ports[1], 0x04, 0x34);
	out8(&dma.ports[1], 0x05, 0x12);
	assert_int_equal(in8(&dma.ports[1], 0x04), 0x34);
	assert_int_equal(in8(&dma.ports[1], 0x04), 0x12);
	for (unsigned i = 0; i < 15; i++) {
		out8(&dma.pages, i, (uint8_t)(i + 1));
		out8(&dma.high_pages, i, (uint8_t)(i + 0x40));
	}
	for (unsigned i = 0; i < 15; i++) {
		assert_int_equal(in8(&dma.pages, i), i + 1);
		assert_int_equal(in8(&dma.high_pages, i), i + 0x40);
	}
	assert_int_equal(in1(0x0f), 0x0f);
	out1(0x0f, 0x05);
	assert_int_equal(in1(0x0f), 0x05);
	out1(0x0e, 0);
	assert_int_equal(in1(0x0f), 0);
	out1(0x09, 0x05);
	assert_int_equal(in1(0x08), 0x20);
	out1(0x0d, 0);
	assert_int_equal(in1(0x0f), 0x0f);
	assert_int_equal(in1(0x08), 0);
}

static void test_to_memory(void **state)
{
	uint8_t buffer[16] = "0123456789abcde";
	struct i8237_moved moved;

	program(0x44, 0x1fffc, 7);
	moved = i8237_transfer(&dma, 2, I8237_WRITE, buffer, 5);
	assert_int_equal(moved.len, 5);
	assert_false(moved.ended);
	assert_int_equal(in1(0x08), 0);
	/* The address runs over inside of its 64 KiB. */
	assert_memory_equal(ram + 0x1fffc, "0123", 4);
	assert_int_equal(ram[0x10000], '4');
	assert_int_equal(ram[0x20000], 0);
	moved = i8237_transfer(&dma, 2, I8237_WRITE, buffer + 5, 11);
	assert_int_equal(moved.len, 3);
	assert_true(moved.ended);
	assert_memory_equal(ram + 0x10000, "4567", 5);
	/* Terminal count is told once, and masks the channel. */
	assert_int_equal(in1(0x08), 0x04);
	assert_int_equal(in1(0x08), 0);
	assert_int_equal(in1(0x0f) & 4, 4);
	out1(0x0c, 0);
	assert_int_equal(in1(0x05), 0xff);
	assert_int_equal(in1(0x05), 0xff);
}

static void test_from_memory(void **state)
{
	uint8_t buffer[8];

	memcpy(ram + 0x2fffc, "wxyz", 4);
	/* Memory ends there: what is behind reads as ones. */
	program(0x48, 0x2fffc, 5);
	out8(&dma.high_pages, 0, 0);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_READ, buffer, 4).len, 4);
	assert_memory_equal(buffer, "wxyz", 4);
	out8(&dma.high_pages, 0, 0x7f);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_READ, buffer, 8).len, 2);
	assert_int_equal(buffer[0], 0xff);
	assert_int_equal(buffer[1], 0xff);
}

static void test_downwards_and_again(void **state)
{
	uint8_t buffer[4] = "abc";
	struct i8237_moved moved;

	program(0x74, 0x1002, 2);
	moved = i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4);
	assert_int_equal(moved.len, 3);
	assert_true(moved.ended);
	assert_memory_equal(ram + 0x1000, "cba", 3);
	/* Initialised anew by itself, and not masked. */
	assert_int_equal(in1(0x0f) & 4, 0);
	memset(ram, 0, 0x2000);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 3);
	assert_memory_equal(ram + 0x1000, "cba", 3);
}

static void test_words(void **state)
{
	uint8_t buffer[8] = "1234567";
	struct i8237_moved moved;

	out8(&dma.ports[1], 0x16, 0x45);
	out8(&dma.ports[1], 0x18, 0);
	out8(&dma.ports[1], 0x04, 0x00); /* words */
	out8(&dma.ports[1], 0x04, 0x40);
	out8(&dma.ports[1], 0x06, 0x02);
	out8(&dma.ports[1], 0x06, 0x00);
	out8(&dma.pages, 0x8b - 0x81, 0x01); /* its lowest bit is the address's */
	out8(&dma.ports[1], 0x14, 0x01);
	assert_int_equal(i8237_left(&dma, 5), 6);
	moved = i8237_transfer(&dma, 5, I8237_WRITE, buffer, 8);
	assert_int_equal(moved.len, 6);
	assert_true(moved.ended);
	assert_memory_equal(ram + 0x8000, "123456", 7);
	assert_int_equal(in8(&dma.ports[1], 0x10), 0x02);
}

/* A device that the channel does not let is told when it may try again. */
static void test_waiting(void **state)
{
	const struct mem_condition *nobody = &dma.conditions[I8237_NOBODY_WAITS];
	uint8_t buffer[4] = "abc";

	program(0x44, 0x1000, 3);
	out1(0x0a, 0x06);
	assert_true(nobody->holds);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 0);
	assert_false(nobody->holds);
	assert_int_equal(in1(0x08), 0x40);
	out1(0x0a, 0x05); /* another channel's */
	assert_int_equal(told, 0);
	out1(0x0a, 0x02);
	assert_int_equal(told, 1);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 4);
	assert_true(nobody->holds);

	/* The other direction, the controller switched off, the channel of another master. */
	program(0x48, 0x1000, 3);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 0);
	program(0x44, 0x1000, 3);
	out1(0x08, 0x04);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 0);
	out1(0x08, 0x00);
	out1(0x0b, 0xc6);
	assert_int_equal(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).len, 0);
	i8237_withdraw(&dma, 2);
	assert_true(nobody->holds);
	told = 0;
	out1(0x0b, 0x46);
	assert_int_equal(told, 0);

	/* Verify: counts, moves nothing. */
	program(0x40, 0x1800, 3);
	assert_true(i8237_transfer(&dma, 2, I8237_WRITE, buffer, 4).ended);
	assert_int_equal(ram[0x1800], 0);
}

static void test_reset_equals_start(void **state)
{
	struct i8237_state fresh = dma.state;
	size_t index;

	for (unsigned i = 0; i < 2000; i++)
		out8(&dma.ports[i & 1], (unsigned)rand() % (i & 1 ? 32 : 16), (uint8_t)rand());
	i8237_reset(&dma);
	assert_null(state_differs(&i8237_state_table, &dma.state, &fresh, &index));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),           TEST(test_to_memory),
		TEST(test_from_memory),         TEST(test_words),
		TEST(test_downwards_and_again), TEST(test_waiting),
		TEST(test_reset_equals_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
