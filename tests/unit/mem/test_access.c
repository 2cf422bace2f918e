// SPDX-License-Identifier: MIT
/* What one access does: to a table of registers, to memory, and across the ends of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/view.h"

static const struct range everything = { 0, UINT64_MAX };

/* A chip that tells what was done to it: "r2@4 w1@0=7f ". Reads give 0xe0 + the byte's offset. */
struct chip {
	char name;
	char *log;
	struct lock lock;
	struct lock *expected;
};

#define LOG_SIZE 256

static void note(struct chip *chip, const char *text)
{
	size_t len;

	if (chip->expected)
		assert_true(lock_held(chip->expected));
	len = strlen(chip->log);
	snprintf(chip->log + len, LOG_SIZE - len, "%.1s%s", &chip->name, text);
	assert_true(strlen(chip->log) < LOG_SIZE / 2);
}

static uint64_t chip_read(void *arg, uint64_t offset, unsigned width)
{
	uint64_t value = 0;
	char text[32];

	snprintf(text, sizeof(text), "r%u@%x ", width, (unsigned)offset);
	note(arg, text);
	for (unsigned i = 0; i < 8; i++) /* more than asked for: the rest must be cut off */
		value |= (0xe0 + offset + i) << (8 * i);
	return value;
}

static void chip_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	char text[64];

	snprintf(text, sizeof(text), "w%u@%x=%llx ", width, (unsigned)offset,
		 (unsigned long long)value);
	note(arg, text);
}

#define REGISTERS(first, bytes, set)                                                               \
	.at = (first), .len = (bytes), .widths = (set), .read = chip_read, .write = chip_write

struct bench {
	struct mem_region root;
	struct mem_view *view;
	char log[LOG_SIZE];
};

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){ .view = NULL };
	mem_region_init_container(&bench->root, "root", UINT64_MAX);
}

static void bench_add(struct bench *bench, struct mem_region *region, uint64_t addr, int priority)
{
	mem_region_add(&bench->root, region, addr, priority);
	mem_view_unref(bench->view);
	bench->view = mem_view_render(&bench->root, everything);
	assert_non_null(bench->view);
}

static void expect_read(struct bench *bench, uint64_t addr, unsigned width, uint64_t value,
			const char *log)
{
	bench->log[0] = '\0';
	assert_int_equal(mem_view_read(bench->view, addr, width), value);
	assert_string_equal(bench->log, log);
}

static void expect_write(struct bench *bench, uint64_t addr, unsigned width, uint64_t value,
			 const char *log)
{
	bench->log[0] = '\0';
	mem_view_write(bench->view, addr, value, width);
	assert_string_equal(bench->log, log);
}

static void a_register_of_the_right_width_gets_the_access_whole(void **state)
{
	static const struct mem_port ports[] = {
		{ REGISTERS(0, 1, 0) },
		{ REGISTERS(2, 2, MEM_W2) },
		{ REGISTERS(4, 4, MEM_W1 | MEM_W2 | MEM_W4) },
		{ REGISTERS(8, 8, MEM_W8) },
	};
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&io, "io", 15, ports, 4, &chip, NULL);
	bench_add(&bench, &io, 0x100, 0);
	expect_read(&bench, 0x100, 1, 0xe0, "r1@0 ");
	expect_read(&bench, 0x102, 2, 0xe3e2, "r2@2 ");
	expect_read(&bench, 0x104, 4, 0xe7e6e5e4, "r4@4 ");
	expect_read(&bench, 0x106, 2, 0xe7e6, "r2@6 ");
	expect_read(&bench, 0x107, 1, 0xe7, "r1@7 ");
	expect_read(&bench, 0x108, 8, 0xefeeedecebeae9e8, "r8@8 ");
	expect_write(&bench, 0x100, 1, 0xfff7f, "w1@0=7f ");
	expect_write(&bench, 0x102, 2, 0xfffff1234, "w2@2=1234 ");
	expect_write(&bench, 0x104, 4, 0xff12345678, "w4@4=12345678 ");
	expect_write(&bench, 0x108, 8, 0x123456789abcdef0, "w8@8=123456789abcdef0 ");
	mem_view_unref(bench.view);
}

static void a_wider_access_is_halved_low_address_first(void **state)
{
	static const struct mem_port ports[] = {
		{ REGISTERS(0, 2, MEM_W1) },
		{ REGISTERS(2, 2, MEM_W2) },
		{ REGISTERS(4, 4, MEM_W4) },
	};
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&io, "io", 15, ports, 3, &chip, NULL);
	bench_add(&bench, &io, 0, 0);
	expect_read(&bench, 0, 8, 0xe7e6e5e4e3e2e1e0, "r1@0 r1@1 r2@2 r4@4 ");
	expect_write(&bench, 0, 8, 0x0807060504030201, "w1@0=1 w1@1=2 w2@2=403 w4@4=8070605 ");
	/* What nothing covers: ones, and nowhere. */
	expect_read(&bench, 8, 8, UINT64_MAX, "");
	expect_write(&bench, 8, 4, 0, "");
	expect_read(&bench, 4, 8, 0xffffffffe7e6e5e4, "r4@4 ");
	mem_view_unref(bench.view);
}

static void registers_of_a_run_lie_at_multiples_of_their_width(void **state)
{
	static const struct mem_port ports[] = { { REGISTERS(1, 7, MEM_W2), .merge = true } };
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&io, "io", 15, ports, 1, &chip, NULL);
	bench_add(&bench, &io, 0, 0);
	expect_read(&bench, 1, 2, 0xe2e1, "r2@1 ");
	expect_read(&bench, 3, 4, 0xe6e5e4e3, "r2@3 r2@5 ");
	/* Across two registers: as bytes, each from its own. */
	expect_read(&bench, 2, 2, 0xe3e2, "r2@1 r2@3 ");
	expect_write(&bench, 2, 2, 0xbbaa, "r2@1 w2@1=aae1 r2@3 w2@3=e4bb ");
	/* The byte left over at the end belongs to no register. */
	expect_read(&bench, 7, 1, 0xff, "");
	expect_write(&bench, 7, 1, 0, "");
	mem_view_unref(bench.view);
}

static void a_byte_of_a_wider_register_is_taken_from_it(void **state)
{
	static const struct mem_port ports[] = {
		{ REGISTERS(0, 4, MEM_W4) },
		{ REGISTERS(4, 4, MEM_W4 | MEM_W2), .merge = true },
		{ .at = 8, .len = 2, .widths = MEM_W2, .write = chip_write, .merge = true },
		{ .at = 10, .len = 2, .widths = MEM_W2, .read = chip_read, .merge = true },
	};
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&io, "io", 15, ports, 4, &chip, NULL);
	bench_add(&bench, &io, 0, 0);
	expect_read(&bench, 2, 1, 0xe2, "r4@0 ");
	expect_read(&bench, 1, 2, 0xe2e1, "r4@0 r4@0 ");
	expect_write(&bench, 2, 1, 0x12, ""); /* no .merge */
	expect_read(&bench, 7, 1, 0xe7, "r2@6 ");
	expect_write(&bench, 7, 1, 0x12, "r2@6 w2@6=12e6 ");
	expect_write(&bench, 8, 1, 0x12, "w2@8=ff12 ");
	expect_write(&bench, 10, 1, 0x12, "");
	expect_read(&bench, 8, 1, 0xff, "");
	mem_view_unref(bench.view);
}

/* The 32-bit register at 0xcf8 and the 8-bit one within it. */
static void one_byte_may_have_two_registers(void **state)
{
	static const struct mem_port ports[] = {
		{ REGISTERS(0, 4, MEM_W4) },
		{ REGISTERS(1, 1, MEM_W1) },
	};
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&io, "io", 7, ports, 2, &chip, NULL);
	bench_add(&bench, &io, 0xcf8, 0);
	expect_write(&bench, 0xcf8, 4, 0x80001234, "w4@0=80001234 ");
	expect_write(&bench, 0xcf9, 1, 6, "w1@1=6 ");
	expect_write(&bench, 0xcf8, 1, 6, "");
	expect_write(&bench, 0xcf8, 2, 0x0605, "w1@1=6 ");
	expect_read(&bench, 0xcf8, 2, 0xe1e0, "r4@0 r1@1 ");
	expect_read(&bench, 0xcf8, 4, 0xe3e2e1e0, "r4@0 ");
	mem_view_unref(bench.view);
}

static void the_first_address_decides_and_the_rest_goes_on_behind_the_region(void **state)
{
	static const struct mem_port wide[] = { { REGISTERS(0, 4, MEM_W1 | MEM_W4) } };
	static const struct mem_port bytes[] = { { REGISTERS(0, 4, MEM_W1) } };
	struct mem_region a, b, c;
	struct bench bench;
	struct chip chip_a = { .name = 'a', .log = bench.log };
	struct chip chip_b = { .name = 'b', .log = bench.log };
	struct chip chip_c = { .name = 'c', .log = bench.log };

	bench_init(&bench);
	mem_region_init_io(&a, "a", 3, wide, 1, &chip_a, NULL);
	mem_region_init_io(&b, "b", 3, bytes, 1, &chip_b, NULL);
	mem_region_init_io(&c, "c", 3, bytes, 1, &chip_c, NULL);
	bench_add(&bench, &a, 0x10, 0);
	bench_add(&bench, &b, 0x11, 1); /* hides 0x11 to 0x14 */
	expect_read(&bench, 0x10, 4, 0xe3e2e1e0, "ar4@0 ");
	expect_write(&bench, 0x10, 4, 1, "aw4@0=1 ");
	expect_read(&bench, 0x11, 1, 0xe0, "br1@0 ");
	/* Behind a's end the view is asked again, byte by byte. */
	expect_read(&bench, 0x10, 8, 0xffffffe3e3e2e1e0, "ar4@0 br1@3 ");
	bench_add(&bench, &c, 0x15, 0);
	expect_write(&bench, 0x13, 4, 0x44332211, "bw1@2=11 bw1@3=22 cw1@0=33 cw1@1=44 ");
	expect_read(&bench, 0x17, 8, 0xffffffffffffe3e2, "cr1@2 cr1@3 ");
	/* A hole takes only its first byte. */
	expect_read(&bench, 0xf, 2, 0xe0ff, "ar1@0 ");
	expect_write(&bench, 0xe, 4, 0x44332211, "aw1@0=33 bw1@0=44 ");
	mem_view_unref(bench.view);
}

static void nothing_wraps_at_the_end_of_the_space(void **state)
{
	static const struct mem_port ports[] = { { REGISTERS(0, 2, MEM_W1 | MEM_W2) } };
	struct mem_region low, high;
	struct bench bench;
	struct chip chip = { .log = bench.log };
	uint8_t bytes[4] = { 1, 2, 3, 4 };

	bench_init(&bench);
	mem_region_init_io(&low, "low", 1, ports, 1, &chip, NULL);
	mem_region_init_io(&high, "high", 1, ports, 1, &chip, NULL);
	bench_add(&bench, &low, 0, 0);
	bench_add(&bench, &high, UINT64_MAX - 1, 0);
	expect_read(&bench, UINT64_MAX - 1, 4, 0xffffe1e0, "r2@0 ");
	expect_read(&bench, UINT64_MAX, 8, 0xffffffffffffffe1, "r1@1 ");
	expect_write(&bench, UINT64_MAX, 2, 0x2211, "w1@1=11 ");
	bench.log[0] = '\0';
	assert_false(mem_view_write_bytes(bench.view, UINT64_MAX - 1, bytes, 4));
	assert_false(mem_view_read_bytes(bench.view, UINT64_MAX - 1, bytes, 4));
	assert_string_equal(bench.log, "w2@0=201 r2@0 ");
	assert_memory_equal(bytes, "\xe0\xe1\xff\xff", 4);
	/* A region that reaches the end itself. */
	mem_region_remove(&high);
	mem_region_init_io(&high, "high", UINT64_MAX, ports, 1, &chip, NULL);
	mem_region_remove(&low);
	bench_add(&bench, &high, 0, 0);
	expect_read(&bench, UINT64_MAX - 2, 8, UINT64_MAX, "");
	expect_write(&bench, UINT64_MAX, 8, 0, "");
	mem_view_unref(bench.view);
}

static void the_lock_is_held_around_the_handlers(void **state)
{
	static const struct mem_port ports[] = { { REGISTERS(0, 2, MEM_W1) } };
	struct mem_region io;
	struct bench bench;
	struct chip chip = { .log = bench.log };

	bench_init(&bench);
	lock_init(&chip.lock, LOCK_DEVICE, "chip");
	chip.expected = &chip.lock;
	mem_region_init_io(&io, "io", 1, ports, 1, &chip, &chip.lock);
	bench_add(&bench, &io, 0, 0);
	expect_read(&bench, 0, 2, 0xe1e0, "r1@0 r1@1 ");
	expect_write(&bench, 0, 2, 0x0201, "w1@0=1 w1@1=2 ");
	lock_destroy(&chip.lock);
	mem_view_unref(bench.view);
}

/* --- memory --- */

struct memory {
	struct bench bench;
	uint8_t *host; /* 8 KiB: RAM, then ROM */
	struct mem_region ram, rom, shadow, back, io;
	struct chip chip;
};

/*
 *	0x1000                 0x1010                 0x1020          0x1028
 *	ram rrrr....rrrrrrrr   rom oooooooooooooooo                   io cccccccc
 *	        ssss: ram through a read-only alias, at its own place
 */
static void memory_make(struct memory *memory)
{
	static const struct mem_port ports[] = { { REGISTERS(0, 8, MEM_W1 | MEM_W2 | MEM_W4) } };

	bench_init(&memory->bench);
	memory->host = aligned_alloc(4096, 8192);
	assert_non_null(memory->host);
	for (int i = 0; i < 8192; i++)
		memory->host[i] = (uint8_t)(i < 4096 ? i : 0xc0 + i);
	memory->chip = (struct chip){ .log = memory->bench.log };
	mem_region_init_ram(&memory->ram, "ram", memory->host, 15);
	mem_region_init_rom(&memory->rom, "rom", memory->host + 4096, 15);
	mem_region_init_alias(&memory->shadow, "shadow", &memory->ram, 4, 3);
	memory->shadow.readonly = true;
	mem_region_init_io(&memory->io, "io", 7, ports, 1, &memory->chip, NULL);
	bench_add(&memory->bench, &memory->ram, 0x1000, 0);
	bench_add(&memory->bench, &memory->rom, 0x1010, 0);
	bench_add(&memory->bench, &memory->shadow, 0x1004, 1);
	bench_add(&memory->bench, &memory->io, 0x1028, 0);
}

static void memory_drop(struct memory *memory)
{
	mem_view_unref(memory->bench.view);
	free(memory->host);
}

static void memory_is_split_at_section_ends(void **state)
{
	struct memory m;

	memory_make(&m);
	expect_read(&m.bench, 0x1000, 1, 0x00, "");
	expect_read(&m.bench, 0x1001, 2, 0x0201, "");
	expect_read(&m.bench, 0x1003, 4, 0x06050403, "");
	expect_read(&m.bench, 0x1008, 8, 0x0f0e0d0c0b0a0908, "");
	expect_read(&m.bench, 0x100d, 8, 0xc4c3c2c1c00f0e0d, "");
	expect_read(&m.bench, 0x101c, 8, 0xffffffffcfcecdcc, "");
	expect_read(&m.bench, 0x0ffd, 8, 0x0403020100ffffff, "");
	expect_read(&m.bench, 0x1024, 8, 0xe3e2e1e0ffffffff, "r1@0 r1@1 r1@2 r1@3 ");

	expect_write(&m.bench, 0x1000, 8, 0xa7a6a5a4a3a2a1a0, "");
	assert_memory_equal(m.host, "\xa0\xa1\xa2\xa3\x04\x05\x06\x07\x08", 9);
	expect_write(&m.bench, 0x1006, 4, 0xb9b8b7b6, "");
	assert_memory_equal(m.host, "\xa0\xa1\xa2\xa3\x04\x05\x06\x07\xb8\xb9\x0a", 11);
	expect_write(&m.bench, 0x100e, 4, 0xc1c0bfbe, "");
	assert_memory_equal(m.host + 14, "\xbe\xbf", 2);
	assert_memory_equal(m.host + 4096, "\xc0\xc1\xc2\xc3", 4);
	assert_int_equal(m.host[16], 16); /* not written behind the region */
	memory_drop(&m);
}

static void bytes_of_any_length(void **state)
{
	struct memory m;
	uint8_t out[64], in[64];

	memory_make(&m);
	memset(in, 0x77, sizeof(in));
	assert_true(mem_view_read_bytes(m.bench.view, 0x1000, out, 32));
	for (int i = 0; i < 32; i++)
		assert_int_equal(out[i], i < 16 ? i : 0xc0 + i - 16);
	assert_true(mem_view_read_bytes(m.bench.view, 0x5000, out, 0));
	assert_false(mem_view_read_bytes(m.bench.view, 0x1018, out, 16));
	assert_memory_equal(out, "\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
			    16);
	m.bench.log[0] = '\0';
	assert_false(mem_view_read_bytes(m.bench.view, 0x1027, out, 9));
	assert_string_equal(m.bench.log, "r4@0 r4@4 ");
	m.bench.log[0] = '\0';
	assert_true(mem_view_read_bytes(m.bench.view, 0x1029, out, 7));
	assert_string_equal(m.bench.log, "r1@1 r2@2 r4@4 ");
	assert_memory_equal(out, "\xe1\xe2\xe3\xe4\xe5\xe6\xe7", 7);
	m.bench.log[0] = '\0';
	assert_true(mem_view_write_bytes(m.bench.view, 0x1028, in, 7));
	assert_string_equal(m.bench.log, "w4@0=77777777 w2@4=7777 w1@6=77 ");

	assert_true(mem_view_write_bytes(m.bench.view, 0x1000, in, 4));
	assert_false(mem_view_write_bytes(m.bench.view, 0x1000, in, 5));
	assert_false(mem_view_write_bytes(m.bench.view, 0x1010, in, 1));
	assert_false(mem_view_write_bytes(m.bench.view, 0x0fff, in, 32));
	assert_memory_equal(m.host, "\x77\x77\x77\x77\x04\x05\x06\x07\x77\x77\x77\x77", 12);
	assert_int_equal(m.host[4096], 0xc0);
	memory_drop(&m);
}

static void host_memory_is_handed_out_as_far_as_it_goes_on(void **state)
{
	struct memory m;
	struct mem_region left, right;
	uint64_t len = 100;

	memory_make(&m);
	/* For reading, the read-only part goes on where the rest was; the ROM is elsewhere. */
	assert_ptr_equal(mem_view_map(m.bench.view, 0x1002, &len, false), m.host + 2);
	assert_int_equal(len, 14);
	len = 100;
	assert_ptr_equal(mem_view_map(m.bench.view, 0x1002, &len, true), m.host + 2);
	assert_int_equal(len, 2);
	len = 1;
	assert_ptr_equal(mem_view_map(m.bench.view, 0x1002, &len, true), m.host + 2);
	assert_int_equal(len, 1);
	assert_null(mem_view_map(m.bench.view, 0x1004, &len, true));
	assert_null(mem_view_map(m.bench.view, 0x1010, &len, true));
	assert_ptr_equal(mem_view_map(m.bench.view, 0x101f, &len, false), m.host + 4096 + 15);
	assert_null(mem_view_map(m.bench.view, 0x1028, &len, false));
	assert_null(mem_view_map(m.bench.view, 0x2000, &len, false));
	len = UINT64_MAX;
	assert_ptr_equal(mem_view_map(m.bench.view, 0x1010, &len, false), m.host + 4096);
	assert_int_equal(len, 16);
	assert_ptr_equal(mem_section_host(mem_view_find(m.bench.view, 0x1005)), m.host + 4);
	assert_null(mem_section_host(mem_view_find(m.bench.view, 0x1028)));

	/* A hole ends it, though the memory behind the hole is where it would be without one. */
	mem_region_init_alias(&left, "left", &m.ram, 0, 3);
	mem_region_init_alias(&right, "right", &m.ram, 8, 3);
	bench_add(&m.bench, &left, 0x2000, 0);
	bench_add(&m.bench, &right, 0x2008, 0);
	len = 16;
	assert_ptr_equal(mem_view_map(m.bench.view, 0x2001, &len, true), m.host + 1);
	assert_int_equal(len, 3);
	memory_drop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_register_of_the_right_width_gets_the_access_whole),
		cmocka_unit_test(a_wider_access_is_halved_low_address_first),
		cmocka_unit_test(registers_of_a_run_lie_at_multiples_of_their_width),
		cmocka_unit_test(a_byte_of_a_wider_register_is_taken_from_it),
		cmocka_unit_test(one_byte_may_have_two_registers),
		cmocka_unit_test(the_first_address_decides_and_the_rest_goes_on_behind_the_region),
		cmocka_unit_test(nothing_wraps_at_the_end_of_the_space),
		cmocka_unit_test(the_lock_is_held_around_the_handlers),
		cmocka_unit_test(memory_is_split_at_section_ends),
		cmocka_unit_test(bytes_of_any_length),
		cmocka_unit_test(host_memory_is_handed_out_as_far_as_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
