// SPDX-License-Identifier: MIT
/* The floppy controller on a manual clock: commands, results, interrupts, disks, resets in flight. */
#include <errno.h>

#include "floppy_rig.h"

#define SIZE FLOPPY_SECTOR

static struct floppy_rig *rig;

static int make(void **state)
{
	rig = malloc(sizeof(*rig));
	floppy_rig_make(rig, false);
	for (unsigned i = 0; i < FLOPPY_RIG_DISK; i++)
		rig->disk[i] = (uint8_t)(i / SIZE * 7 + i);
	return 0;
}

static int make_readonly(void **state)
{
	rig = malloc(sizeof(*rig));
	floppy_rig_make(rig, true);
	return 0;
}

static int unmake(void **state)
{
	floppy_rig_end(rig);
	free(rig);
	return 0;
}

static uint8_t status(void)
{
	return in8(&rig->fdc.low, 4);
}

static void send(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(status() & 0xc0, 0x80);
		out8(&rig->fdc.low, 5, bytes[i]);
	}
}

#define SEND(...) send((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void expect(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte;

		assert_int_equal(status() & 0xd0, 0xd0);
		byte = in8(&rig->fdc.low, 5);
		if (byte != bytes[i])
			fail_msg("byte %zu: 0x%02x instead of 0x%02x", i, byte, bytes[i]);
	}
	assert_int_equal(status(), 0x80);
}

#define EXPECT(...)                                                                                \
	expect((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* The result of a command that moved data, which comes with an interrupt. */
#define EXPECT_RESULT(...)                                                                         \
	do {                                                                                       \
		assert_true(rig->wire.level);                                                      \
		EXPECT(__VA_ARGS__);                                                               \
		assert_false(rig->wire.level);                                                     \
	} while (0)

static void program_dma(uint8_t mode, uint32_t address, uint32_t bytes)
{
	const struct mem_region *ports = &rig->dma.ports[0];

	out8(ports, 0x0a, 0x06);
	out8(ports, 0x0c, 0);
	out8(ports, 0x0b, mode | 2);
	out8(ports, 0x04, (uint8_t)address);
	out8(ports, 0x04, (uint8_t)(address >> 8));
	out8(&rig->dma.pages, 0, (uint8_t)(address >> 16));
	out8(ports, 0x05, (uint8_t)(bytes - 1));
	out8(ports, 0x05, (uint8_t)((bytes - 1) >> 8));
	out8(ports, 0x0a, 0x02);
}

#define TO_MEMORY   0x44
#define FROM_MEMORY 0x48

static void seek(uint8_t drive, uint8_t cylinder)
{
	SEND(0x0f, drive, cylinder);
	assert_true(rig->wire.level);
	SEND(0x08);
	EXPECT(0x20 | drive, cylinder);
	assert_false(rig->wire.level);
}

static void test_reset(void **state)
{
	out8(&rig->fdc.low, 2, 0x00);
	assert_int_equal(status(), 0x00);
	assert_false(rig->wire.level);
	out8(&rig->fdc.low, 2, 0x1c);
	assert_true(rig->wire.level);
	assert_int_equal(status(), 0x80);
	for (uint8_t i = 0; i < 4; i++) {
		SEND(0x08);
		EXPECT(0xc0 | i, 0);
		assert_false(rig->wire.level);
	}
	SEND(0x08);
	EXPECT(0x80);
	/* By DSR the same; its bit falls by itself. */
	out8(&rig->fdc.low, 4, 0x80);
	assert_true(rig->wire.level);
	assert_int_equal(in8(&rig->fdc.low, 2), 0x1c);
}

static void test_short_commands(void **state)
{
	SEND(0x10);
	EXPECT(0x90);
	SEND(0x18);
	EXPECT(0x41);
	SEND(0x01);
	EXPECT(0x80);
	SEND(0x94);
	EXPECT(0x10);
	SEND(0x03, 0xaf, 0x1e);
	SEND(0x13, 0x00, 0x57, 0x12);
	SEND(0x12, 0x84);
	seek(0, 5);
	SEND(0x0e);
	EXPECT(5, 0, 0, 0, 0xaf, 0x1e, 0, 0x84, 0x57, 0x12);
	SEND(0x2e);
	EXPECT(0, 0, 5, 0, 0, 0, 0xaf, 0x1e, 0, 0x84, 0x57, 0x12, 0, 0, 0);
	SEND(0x4e, 0, 0, 7, 9, 0, 0, 0x11, 0x22, 18, 0x08, 0x60, 0x33, 0, 0, 0, 0, 0);
	SEND(0x0e);
	EXPECT(7, 9, 0, 0, 0x11, 0x22, 18, 0x08, 0x60, 0x33);
	SEND(0x04, 0x05);
	EXPECT(0x2d); /* drive 1, head 1, not on track 0 */
	SEND(0x07, 0x01);
	SEND(0x08);
	EXPECT(0x21, 0);
	SEND(0x04, 0x01);
	EXPECT(0x39);
	/* There is no third drive: its head never gets to track 0. */
	SEND(0x07, 0x02);
	SEND(0x08);
	EXPECT(0x72, 0);
}

static void test_relative_seek(void **state)
{
	seek(0, 10);
	SEND(0xcf, 0, 4);
	SEND(0x08);
	EXPECT(0x20, 14);
	SEND(0xcf, 0, 200);
	SEND(0x08);
	EXPECT(0x20, 79);
	SEND(0x8f, 0, 9);
	SEND(0x08);
	EXPECT(0x20, 70);
	SEND(0x8f, 0, 255);
	SEND(0x08);
	EXPECT(0x20, 0);
}

static void test_disk_change(void **state)
{
	assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
	seek(0, 0);
	assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
	seek(0, 1);
	assert_int_equal(in8(&rig->fdc.high, 0), 0x00);
	seek(1, 1); /* nothing is in it */
	assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
}

/* A disk that is taken out while the controller is at it, and one that is put in. */
/* The head of an empty drive goes where a command wants it, if the seek is implied. */
static void test_empty_drive_seeks(void **state)
{
	SEND(0x46, 0x01, 5, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT_RESULT(0x41, 0x01, 0, 5, 0, 1, 2);
	assert_int_equal(rig->drives[1].state.cylinder, 5);
	assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
	SEND(0x13, 0, 0x20, 0);
	SEND(0x46, 0x01, 7, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT_RESULT(0x41, 0x01, 0, 7, 0, 1, 2);
	assert_int_equal(rig->drives[1].state.cylinder, 5);
}

static void test_disk_goes(void **state)
{
	seek(0, 1);
	assert_int_equal(in8(&rig->fdc.high, 0), 0x00);
	/* Before the loop's turn, and while the host has the request. */
	for (unsigned i = 0; i < 2; i++) {
		program_dma(TO_MEMORY, 0x1000, SIZE);
		SEND(0x46, 0x00, 1, 0, 1, 2, 18, 0x1b, 0xff);
		if (i) {
			block_pause(rig->block);
			floppy_rig_turn(rig);
			block_resume(rig->block);
		}
		fdc_change_disk(&rig->fdc, &rig->drives[0], NULL);
		floppy_rig_turn(rig);
		EXPECT_RESULT(0x40, 0x01, 0, 1, 0, 1, 2);
		assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
		/* Nothing can be read of none, and a step does not hide that there is none. */
		SEND(0x46, 0x00, 1, 0, 1, 2, 18, 0x1b, 0xff);
		floppy_rig_turn(rig);
		EXPECT_RESULT(0x40, 0x01, 0, 1, 0, 1, 2);
		seek(0, 0);
		assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
		fdc_change_disk(&rig->fdc, &rig->drives[0], rig->block);
		assert_int_equal(in8(&rig->fdc.high, 0), 0x80);
		seek(0, 1);
		assert_int_equal(in8(&rig->fdc.high, 0), 0x00);
	}
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0x46, 0x00, 1, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 1, 0, 2, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk + 36 * SIZE, SIZE);
}

/* From the middle of a track over both sides, until terminal count. */
static void test_read(void **state)
{
	program_dma(TO_MEMORY, 0x1000, 6 * SIZE);
	seek(0, 3);
	SEND(0xe6, 0x00, 3, 0, 16, 2, 18, 0x1b, 0xff);
	assert_int_equal(status(), 0x10);
	assert_false(rig->wire.level);
	floppy_rig_turn(rig);
	assert_memory_equal(rig->ram + 0x1000, rig->disk + (3 * 36 + 15) * SIZE, 6 * SIZE);
	EXPECT_RESULT(0x04, 0, 0, 3, 1, 4, 2);
	assert_int_equal(rig->ram[0x1000 + 6 * SIZE], 0);
	assert_int_equal(rig->reads, 1);
}

static void test_read_ends(void **state)
{
	/* The last sector of the last head: the next one is on the next cylinder. */
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0xe6, 0x04, 0, 1, 18, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x04, 0, 0, 1, 0, 1, 2);
	/* Without a terminal count the last sector is one too few. */
	program_dma(TO_MEMORY, 0x1000, 8 * SIZE);
	SEND(0x46, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x40, 0x80, 0, 1, 0, 1, 2);
	/* A terminal count in the middle of a sector. */
	memset(rig->ram, 0, 0x4000);
	program_dma(TO_MEMORY, 0x1000, 100);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 0, 0, 2, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk, 100);
	assert_int_equal(rig->ram[0x1000 + 100], 0);
	/* READ TRACK begins with the first sector. */
	program_dma(TO_MEMORY, 0x1000, 2 * SIZE);
	SEND(0x42, 0x00, 0, 0, 9, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 0, 0, 3, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk, 2 * SIZE);
}

static void test_not_found(void **state)
{
	static const struct {
		uint8_t command[9], status0, status1, status2;
	} rows[] = {
		{ { 0x46, 0x01, 0, 0, 1, 2, 18, 0x1b, 0xff }, 0x41, 0x01, 0 }, /* no disk */
		{ { 0x46, 0x03, 0, 0, 1, 2, 18, 0x1b, 0xff }, 0x43, 0x01, 0 }, /* no drive */
		{ { 0x46, 0x00, 80, 0, 1, 2, 18, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x46, 0x00, 0, 2, 1, 2, 18, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x46, 0x00, 0, 0, 19, 2, 19, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x46, 0x00, 0, 0, 0, 2, 18, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x46, 0x00, 0, 0, 1, 3, 18, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x46, 0x00, 0, 0, 5, 2, 4, 0x1b, 0xff }, 0x40, 0x04, 0 },
		{ { 0x4c, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff }, 0x60, 0, 0 }, /* deleted */
		{ { 0x49, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff }, 0x60, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send(rows[i].command, 9);
		floppy_rig_turn(rig);
		EXPECT_RESULT(rows[i].status0, rows[i].status1, rows[i].status2, rows[i].command[2],
			      rows[i].command[3], rows[i].command[4], 2);
	}
	/* Another rate than the disk's, which nobody knows before the head is there. */
	out8(&rig->fdc.high, 0, 0x02);
	SEND(0x46, 0x00, 4, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT_RESULT(0x40, 0x01, 0, 4, 0, 1, 2);
	assert_int_equal(rig->drives[0].state.cylinder, 4);
	out8(&rig->fdc.high, 0, 0x00);
	/* No seek is implied. */
	SEND(0x13, 0, 0x20, 0);
	SEND(0x46, 0x00, 2, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT_RESULT(0x40, 0x04, 0x10, 2, 0, 1, 2);
	assert_int_equal(rig->reads, 0);
}

static void test_write(void **state)
{
	for (unsigned i = 0; i < 3 * SIZE; i++)
		rig->ram[0x2000 + i] = (uint8_t)(i * 3);
	/* An implied seek; two and a half sectors, over the side's end. */
	program_dma(FROM_MEMORY, 0x2000, 2 * SIZE + SIZE / 2);
	SEND(0xc5, 0x00, 2, 0, 17, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x24, 0, 0, 2, 1, 2, 2);
	assert_memory_equal(rig->disk + (2 * 36 + 16) * SIZE, rig->ram + 0x2000,
			    2 * SIZE + SIZE / 2);
	assert_int_equal(rig->disk[(2 * 36 + 18) * SIZE + SIZE / 2], 0);
	assert_int_equal(rig->disk[(2 * 36 + 18) * SIZE + SIZE - 1], 0);
	assert_int_equal(rig->disk[(2 * 36 + 19) * SIZE], (uint8_t)((2 * 36 + 19) * 7));
	/* It lasts when the motor has stopped. */
	out8(&rig->fdc.low, 2, 0x1c);
	floppy_rig_turn(rig);
	assert_int_equal(rig->flushes, 0);
	for (unsigned i = 0; i < 2; i++) {
		out8(&rig->fdc.low, 2, 0x0c);
		floppy_rig_turn(rig);
		assert_int_equal(rig->flushes, 1);
	}
}

static void test_readonly(void **state)
{
	program_dma(FROM_MEMORY, 0x2000, SIZE);
	SEND(0xc5, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	EXPECT_RESULT(0x40, 0x02, 0, 0, 0, 1, 2);
	SEND(0x4d, 0x00, 2, 18, 0x50, 0xf6);
	EXPECT_RESULT(0x40, 0x02, 0, 0, 0, 1, 2);
	SEND(0x04, 0x00);
	EXPECT(0x78);
	floppy_rig_turn(rig);
	assert_int_equal(rig->writes, 0);
}

/* Without DMA: the guest takes and gives each byte itself. */
static void test_by_fifo(void **state)
{
	out8(&rig->fdc.low, 2, 0x14);
	SEND(0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	for (unsigned i = 0; i < 36 * SIZE; i++) {
		assert_int_equal(status(), 0xf0);
		assert_int_equal(in8(&rig->fdc.low, 5), rig->disk[i]);
	}
	EXPECT_RESULT(0x04, 0, 0, 1, 0, 1, 2);
	SEND(0xc5, 0x00, 0, 1, 18, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	for (unsigned i = 0; i < SIZE; i++) {
		assert_int_equal(status(), 0xb0);
		out8(&rig->fdc.low, 5, (uint8_t)(i ^ 0x55));
	}
	assert_int_equal(status(), 0x10);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x04, 0, 0, 1, 0, 1, 2);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(rig->disk[35 * SIZE + i], (uint8_t)(i ^ 0x55));
}

static void test_verify_and_scan(void **state)
{
	SEND(0xf6, 0x80, 0, 0, 17, 2, 18, 0x1b, 3);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x04, 0, 0, 0, 1, 2, 2);
	/* The third sector is the one that is looked for. */
	for (unsigned i = 0; i < 4; i++)
		memcpy(rig->ram + 0x1000 + i * SIZE, rig->disk + 2 * SIZE, SIZE);
	program_dma(FROM_MEMORY, 0x1000, 4 * SIZE);
	SEND(0x51, 0x00, 0, 0, 1, 2, 18, 0x1b, 1);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0x08, 0, 0, 4, 2);
	memset(rig->ram + 0x1000, 0xff, SIZE);
	rig->ram[0x1000 + SIZE - 1] = 0xfe;
	memset(rig->disk, 0xff, SIZE);
	program_dma(FROM_MEMORY, 0x1000, SIZE);
	SEND(0x59, 0x00, 0, 0, 1, 2, 1, 0x1b, 1);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0x04, 1, 0, 1, 2);
	program_dma(FROM_MEMORY, 0x1000, SIZE);
	SEND(0x5d, 0x00, 0, 0, 1, 2, 1, 0x1b, 1);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0x00, 1, 0, 1, 2);
}

static void test_format(void **state)
{
	for (uint8_t i = 0; i < 18; i++) {
		const uint8_t name[] = { 4, 1, (uint8_t)(i * 5 % 18 + 1), 2 };

		memcpy(rig->ram + 0x1000 + 4 * i, name, 4);
	}
	seek(0, 4);
	program_dma(FROM_MEMORY, 0x1000, 18 * 4);
	SEND(0x4d, 0x04, 2, 18, 0x50, 0xf6);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x04, 0, 0, 4, 1, 1, 2);
	for (unsigned i = 0; i < 18 * SIZE; i++)
		assert_int_equal(rig->disk[(4 * 36 + 18) * SIZE + i], 0xf6);
	assert_int_equal(rig->disk[(4 * 36 + 36) * SIZE], (uint8_t)((4 * 36 + 36) * 7));
	/* A form that the image does not have. */
	rig->ram[0x1003] = 3;
	program_dma(FROM_MEMORY, 0x1000, 18 * 4);
	SEND(0x4d, 0x04, 3, 18, 0x50, 0xf6);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x44, 0x04, 0, 4, 1, 1, 2);
}

/* It takes its time, and another sector comes each time. */
static void test_read_id(void **state)
{
	seek(0, 8);
	for (uint8_t i = 1; i <= 3; i++) {
		SEND(0x4a, 0x04);
		assert_int_equal(status(), 0x10);
		clock_step(&rig->clock, 19 * NS_PER_MS);
		assert_false(rig->wire.level);
		clock_step(&rig->clock, NS_PER_MS);
		EXPECT_RESULT(0x04, 0, 0, 8, 1, i, 2);
	}
	SEND(0x4a, 0x01);
	clock_step(&rig->clock, 20 * NS_PER_MS);
	EXPECT_RESULT(0x41, 0x01, 0, 0, 0, 1, 2);
}

/* The DMA controller does not let it yet: it waits, however long. */
static void test_dma_later(void **state)
{
	program_dma(TO_MEMORY, 0x1000, SIZE);
	out8(&rig->dma.ports[0], 0x0a, 0x06);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	assert_int_equal(status(), 0x10);
	assert_int_equal(in8(&rig->dma.ports[0], 8), 0x40);
	out8(&rig->dma.ports[0], 0x0a, 0x02);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 0, 0, 2, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk, SIZE);
}

static void test_host_errors(void **state)
{
	rig->error = -EIO;
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x40, 0x20, 0x20, 0, 0, 1, 2);
	program_dma(FROM_MEMORY, 0x1000, SIZE);
	SEND(0x45, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x40, 0x20, 0x20, 0, 0, 1, 2);
}

/* Whatever a reset finds: nothing comes of it later. */
static void test_reset_in_flight(void **state)
{
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	out8(&rig->fdc.low, 2, 0x08);
	out8(&rig->fdc.low, 2, 0x0c);
	SEND(0x08);
	EXPECT(0xc0, 0);
	floppy_rig_turn(rig);
	assert_int_equal(status(), 0x80);
	assert_false(rig->wire.level);
	assert_int_equal(rig->ram[0x1000], 0);
	/* While a drive is not selected any more, nor where it was. */
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	out8(&rig->fdc.low, 2, 0x0f);
	out8(&rig->fdc.low, 3, 0x04);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 0, 0, 2, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk, SIZE);
}

static void test_pause(void **state)
{
	program_dma(TO_MEMORY, 0x1000, SIZE);
	SEND(0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
	fdc_quiesce(&rig->fdc);
	floppy_rig_turn(rig);
	assert_int_equal(rig->ram[0x1001], 0);
	assert_int_equal(status(), 0x10);
	fdc_resume(&rig->fdc);
	floppy_rig_turn(rig);
	EXPECT_RESULT(0x00, 0, 0, 0, 0, 2, 2);
	assert_memory_equal(rig->ram + 0x1000, rig->disk, SIZE);
}

/* Saved in the middle of a command, and restored in a controller that was at another one. */
static void test_restored_goes_on(void **state)
{
	struct floppy_rig *other = malloc(sizeof(*other));
	size_t size = state_size(&fdc_state_table);
	uint8_t *saved = malloc(size), dma[256];

	floppy_rig_make(other, false);
	memcpy(other->disk, rig->disk, FLOPPY_RIG_DISK);
	assert_true(state_size(&i8237_state_table) <= sizeof(dma));
	program_dma(TO_MEMORY, 0x1000, 4 * SIZE);
	SEND(0x46, 0x00, 0, 0, 5, 2, 18, 0x1b, 0xff);
	state_save(&fdc_state_table, &rig->fdc.state, saved);
	state_save(&i8237_state_table, &rig->dma.state, dma);
	state_restore(&i8237_state_table, &other->dma.state, dma);
	state_restore(&fdc_state_table, &other->fdc.state, saved);
	fdc_restored(&other->fdc);
	floppy_rig_turn(other);
	assert_true(other->wire.level);
	assert_memory_equal(other->ram + 0x1000, rig->disk + 4 * SIZE, 4 * SIZE);
	free(saved);
	floppy_rig_end(other);
	free(other);
}

static void test_reset_equals_start(void **state)
{
	struct fdc_state *fresh = malloc(sizeof(*fresh));
	size_t index;

	*fresh = rig->fdc.state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned port = (unsigned)rand() % 6;

		if (rand() & 1)
			out8(&rig->fdc.low, port, (uint8_t)rand());
		else
			in8(&rig->fdc.low, port);
		if (!(rand() & 7))
			floppy_rig_turn(rig);
	}
	fdc_reset(&rig->fdc);
	floppy_rig_turn(rig);
	assert_null(state_differs(&fdc_state_table, &rig->fdc.state, fresh, &index));
	assert_false(rig->wire.level);
	free(fresh);
}

static void test_media(void **state)
{
	assert_int_equal(floppy_media_find(163840)->sectors, 8);
	assert_int_equal(floppy_media_find(737280)->sectors, 9);
	assert_int_equal(floppy_media_find(1228800)->drive, FLOPPY_120);
	assert_int_equal(floppy_media_find(1474560)->cylinders, 80);
	assert_int_equal(floppy_media_find(2949120)->rate, FLOPPY_1M);
	assert_null(floppy_media_find(1474561));
	assert_null(floppy_media_find(0));
	assert_true(floppy_media_fits(floppy_media_find(1474560), FLOPPY_288));
	assert_false(floppy_media_fits(floppy_media_find(2949120), FLOPPY_144));
	assert_int_equal(fdc_drives(&rig->fdc), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset),
		TEST(test_short_commands),
		TEST(test_relative_seek),
		TEST(test_disk_change),
		TEST(test_empty_drive_seeks),
		TEST(test_disk_goes),
		TEST(test_read),
		TEST(test_read_ends),
		TEST(test_not_found),
		TEST(test_write),
		TEST(test_by_fifo),
		TEST(test_verify_and_scan),
		TEST(test_format),
		TEST(test_read_id),
		TEST(test_dma_later),
		TEST(test_host_errors),
		TEST(test_reset_in_flight),
		TEST(test_pause),
		TEST(test_restored_goes_on),
		TEST(test_reset_equals_start),
		TEST(test_media),
		cmocka_unit_test_setup_teardown(test_readonly, make_readonly, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
