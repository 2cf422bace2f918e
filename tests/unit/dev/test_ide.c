// SPDX-License-Identifier: MIT
/* IDE as its driver sees it: registers, every way to move data, errors, resets, hostile tables, packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ide_rig.h"

#define BSY  0x80
#define DRDY 0x40
#define DF   0x20
#define DSC  0x10
#define DRQ  0x08
#define ERR  0x01

#define ABRT 0x04
#define IDNF 0x10
#define UNC  0x40

#define PRDS 0x1000u /* where tables lie */

/* Registers of the first channel. */
enum { DATA = 0x1f0, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS, CONTROL = 0x3f6 };

static int setup(void **state)
{
	struct ide_rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	ide_rig_init(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	ide_rig_destroy(*state);
	free(*state);
	return 0;
}

static uint8_t in8(struct ide_rig *rig, unsigned port)
{
	return (uint8_t)ide_rig_in(rig, port, 1);
}

static void out8(struct ide_rig *rig, unsigned port, unsigned value)
{
	ide_rig_out(rig, port, value, 1);
}

/* 28 bits of address. */
static void command(struct ide_rig *rig, uint8_t code, uint32_t at, unsigned count)
{
	out8(rig, COUNT, count & 0xff);
	out8(rig, LOW, at & 0xff);
	out8(rig, MID, at >> 8 & 0xff);
	out8(rig, HIGH, at >> 16 & 0xff);
	out8(rig, DEVICE, 0xe0 | at >> 24);
	out8(rig, STATUS, code);
}

static void command48(struct ide_rig *rig, uint8_t code, uint64_t at, unsigned count)
{
	out8(rig, COUNT, count >> 8);
	out8(rig, LOW, at >> 24 & 0xff);
	out8(rig, MID, at >> 32 & 0xff);
	out8(rig, HIGH, at >> 40 & 0xff);
	command(rig, code, at & 0xffffff, count);
}

static void expect_status(struct ide_rig *rig, uint8_t status)
{
	assert_int_equal(in8(rig, STATUS), status);
}

static void expect_error(struct ide_rig *rig, uint8_t error)
{
	assert_int_equal(in8(rig, STATUS), DRDY | DSC | ERR);
	assert_int_equal(in8(rig, ERROR), error);
}

/* What IDENTIFY and its like have to say. */
static void read_words(struct ide_rig *rig, unsigned data, uint16_t words[256])
{
	for (unsigned i = 0; i < 256; i++)
		words[i] = (uint16_t)ide_rig_in(rig, data, 2);
}

static void test_identify(void **state)
{
	struct ide_rig *rig = *state;
	uint16_t words[256];
	uint8_t sum = 0;

	command(rig, 0xec, 0, 0);
	assert_true(rig->level[0]);
	expect_status(rig, DRDY | DSC | DRQ);
	assert_false(rig->level[0]);
	read_words(rig, DATA, words);
	expect_status(rig, DRDY | DSC);
	assert_int_equal(rig->rises[0], 1);
	assert_int_equal(words[1], 2);
	assert_int_equal(words[3], 16);
	assert_int_equal(words[6], 63);
	assert_int_equal(words[10], 'C' << 8 | 'P');
	assert_int_equal(words[60], IDE_RIG_SECTORS);
	assert_int_equal(words[100], IDE_RIG_SECTORS);
	for (unsigned i = 0; i < 256; i++)
		sum = (uint8_t)(sum + words[i] + (words[i] >> 8));
	assert_int_equal(sum, 0);
}

/* A geometry that somebody said, whatever the partitions do. */
static void test_said_geometry(void **state)
{
	struct ide_rig *rig = *state;
	struct ide_identity identity = {
		.kind = IDE_DISK,
		.block = rig->blocks[0],
		.geometry = { .cylinders = 16, .heads = 4, .sectors = 32 },
	};
	uint16_t words[256];

	ide_detach(&rig->ide, 0, 0);
	ide_attach(&rig->ide, 0, 0, &identity);
	command(rig, 0xec, 0, 0);
	read_words(rig, DATA, words);
	assert_int_equal(words[1], 16);
	assert_int_equal(words[3], 4);
	assert_int_equal(words[6], 32);
	assert_int_equal(words[55], 4);
}

/* Every way to read by the data register: element by element, as strings whole and in part. */
static void test_pio_read(void **state)
{
	static const struct {
		uint8_t code;
		unsigned count;
		bool extended;
		unsigned interrupts;
		unsigned block; /* sectors: 4 for READ MULTIPLE */
	} rows[] = {
		{ 0x20, 1, false, 1, 1 },    { 0x20, 256, false, 256, 1 },
		{ 0x24, 300, true, 300, 1 }, { 0xc4, 10, false, 3, 4 },
		{ 0x29, 8, true, 2, 4 },
	};
	struct ide_rig *rig = *state;
	static uint8_t got[300 * 512];

	command(rig, 0xc6, 0, 4);
	expect_status(rig, DRDY | DSC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned width = 2; width <= 4; width += 2) {
			size_t len = rows[i].count * 512, done = 0, odd = 0;

			rig->rises[0] = 0;
			if (rows[i].extended)
				command48(rig, rows[i].code, 5, rows[i].count);
			else
				command(rig, rows[i].code, 5, rows[i].count);
			memset(got, 0, sizeof(got));
			/* Strings that end in the middle of a block, and elements between them. */
			while (done < len) {
				size_t n = 37 + odd++ % 100, block = 512 * rows[i].block;
				size_t more = block - done % block;

				if (more > len - done)
					more = len - done;
				if (n > more / width)
					n = more / width;
				assert_true(in8(rig, CONTROL) & DRQ);
				if (rig->level[0])
					(void)in8(rig, STATUS);
				if (odd % 3)
					ide_rig_in_string(rig, DATA, width, got + done, n);
				else
					le_put(got + done, ide_rig_in(rig, DATA, width), width);
				done += odd % 3 ? n * width : width;
			}
			expect_status(rig, DRDY | DSC);
			assert_memory_equal(got, rig->disks[0].bytes + 5 * 512, len);
			assert_int_equal(rig->rises[0], rows[i].interrupts);
		}
	}
}

static void test_interrupt_each_block(void **state)
{
	struct ide_rig *rig = *state;
	uint8_t sector[512];

	command(rig, 0x20, 0, 3);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(rig->rises[0], i);
		expect_status(rig, DRDY | DSC | DRQ);
		ide_rig_in_string(rig, DATA, 2, sector, 256);
	}
	assert_int_equal(rig->rises[0], 3);
	expect_status(rig, DRDY | DSC);
	/* nIEN holds the line, not the interrupt. */
	out8(rig, CONTROL, 2);
	command(rig, 0xe5, 0, 0);
	assert_false(rig->level[0]);
	out8(rig, CONTROL, 0);
	assert_true(rig->level[0]);
	assert_int_equal(in8(rig, COUNT), 0xff);
	expect_status(rig, DRDY | DSC);
}

static void test_pio_write(void **state)
{
	static const struct {
		uint8_t code;
		unsigned count;
		bool extended;
		unsigned block; /* sectors */
	} rows[] = { { 0x30, 1, false, 1 }, { 0x30, 200, false, 1 }, { 0x34, 300, true, 1 },
		     { 0xc5, 9, false, 8 }, { 0x39, 9, true, 8 },    { 0xce, 9, true, 8 } };
	struct ide_rig *rig = *state;
	static uint8_t data[300 * 512];

	command(rig, 0xc6, 0, 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].count * 512, done = 0;

		for (size_t at = 0; at < len; at++)
			data[at] = (uint8_t)(at * 11 + i);
		(void)in8(rig, STATUS);
		if (rows[i].extended)
			command48(rig, rows[i].code, 100, rows[i].count);
		else
			command(rig, rows[i].code, 100, rows[i].count);
		assert_false(rig->level[0]); /* the first block is just asked for */
		while (done < len) {
			size_t block = 512 * rows[i].block, more = block - done % block;
			size_t n = (more < len - done ? more : len - done) / 4;

			n = n < 101 ? n : 101;

			expect_status(rig, DRDY | DSC | DRQ);
			ide_rig_out_string(rig, DATA, 4, data + done, n);
			done += n * 4;
		}
		assert_true(rig->level[0]);
		expect_status(rig, DRDY | DSC);
		assert_memory_equal(rig->disks[0].bytes + 51200, data, len);
	}
	assert_int_equal(rig->disks[0].flushes, 1); /* FUA alone */
}

static void test_flush_and_cache(void **state)
{
	struct ide_rig *rig = *state;
	uint8_t sector[512] = { 1 };

	command(rig, 0xe7, 0, 0);
	command(rig, 0xea, 0, 0);
	assert_int_equal(rig->disks[0].flushes, 2);
	out8(rig, ERROR, 0x82);
	command(rig, 0xef, 0, 0); /* the cache goes off, which empties it */
	assert_int_equal(rig->disks[0].flushes, 3);
	command(rig, 0x30, 0, 1);
	ide_rig_out_string(rig, DATA, 2, sector, 256);
	assert_int_equal(rig->disks[0].flushes, 4);
	rig->disks[0].error = -EIO;
	command(rig, 0xe7, 0, 0);
	expect_error(rig, ABRT);
}

static void test_addresses(void **state)
{
	struct ide_rig *rig = *state;
	uint8_t sector[512];

	/* Cylinder 1, head 3, sector 7. */
	command(rig, 0x20, 1 << 8 | 7, 1);
	out8(rig, DEVICE, 0xa3);
	(void)in8(rig, STATUS);
	ide_rig_in_string(rig, DATA, 2, sector, 256);
	out8(rig, COUNT, 1);
	out8(rig, LOW, 7);
	out8(rig, MID, 1);
	out8(rig, HIGH, 0);
	out8(rig, DEVICE, 0xa3);
	out8(rig, STATUS, 0x20);
	ide_rig_in_string(rig, DATA, 2, sector, 256);
	assert_memory_equal(sector, rig->disks[0].bytes + ((16 + 3) * 63 + 6) * 512, 512);
	/* Beyond the track, and sector 0. */
	out8(rig, LOW, 64);
	out8(rig, STATUS, 0x20);
	expect_error(rig, IDNF);
	out8(rig, LOW, 0);
	out8(rig, STATUS, 0x20);
	expect_error(rig, IDNF);
	/* Another geometry, 8 heads of 10 sectors. */
	out8(rig, COUNT, 10);
	out8(rig, DEVICE, 0xa7);
	out8(rig, STATUS, 0x91);
	expect_status(rig, DRDY | DSC);
	out8(rig, COUNT, 1);
	out8(rig, LOW, 10);
	out8(rig, MID, 2);
	out8(rig, STATUS, 0x20);
	ide_rig_in_string(rig, DATA, 2, sector, 256);
	assert_memory_equal(sector, rig->disks[0].bytes + ((2 * 8 + 7) * 10 + 9) * 512, 512);
	/* The last sector, and one too many. */
	command(rig, 0xf8, 0, 0);
	assert_int_equal(in8(rig, LOW) | in8(rig, MID) << 8, IDE_RIG_SECTORS - 1);
	command(rig, 0x40, IDE_RIG_SECTORS - 1, 1);
	expect_status(rig, DRDY | DSC);
	command(rig, 0x40, IDE_RIG_SECTORS - 1, 2);
	expect_error(rig, IDNF);
	command48(rig, 0x42, UINT64_C(1) << 40, 1);
	expect_error(rig, IDNF);
}

static void test_previous_registers(void **state)
{
	struct ide_rig *rig = *state;

	out8(rig, LOW, 0x12);
	out8(rig, LOW, 0x34);
	assert_int_equal(in8(rig, LOW), 0x34);
	out8(rig, CONTROL, 0x80);
	assert_int_equal(in8(rig, LOW), 0x12);
	out8(rig, COUNT, 1); /* any write shows the new ones again */
	assert_int_equal(in8(rig, LOW), 0x34);
}

static void test_host_errors(void **state)
{
	struct ide_rig *rig = *state;
	uint8_t sector[512] = { 0 };

	rig->disks[0].error = -EIO;
	rig->disks[0].bad = 20;
	command(rig, 0x20, 20, 1);
	expect_error(rig, UNC);
	assert_int_equal(in8(rig, LOW), 20);
	command(rig, 0x30, 25, 1);
	ide_rig_out_string(rig, DATA, 2, sector, 256);
	expect_error(rig, ABRT);
	assert_int_equal(in8(rig, LOW), 25);
	command(rig, 0x20, 3, 1); /* and goes on */
	expect_status(rig, DRDY | DSC | DRQ);
}

/* A table of pieces: address, bytes; the last one is marked. */
static void put_table(struct ide_rig *rig, uint32_t at, const uint32_t (*pieces)[2], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		le32_put(rig->ram + at + 8 * i, pieces[i][0]);
		le32_put(rig->ram + at + 8 * i + 4, pieces[i][1] | (i + 1 == n ? 0x80000000 : 0));
	}
	ide_rig_out(rig, IDE_RIG_MASTER + 4, at, 4);
	out8(rig, IDE_RIG_MASTER + 2, 6);
}

static void test_dma(void **state)
{
	static const uint32_t pieces[][2] = {
		{ 0x10000, 510 }, { 0x30000, 2 }, { 0x11000, 0 }, { 0x24000, 0x7c00 }
	};
	struct ide_rig *rig = *state;

	for (unsigned first = 0; first < 2; first++) {
		/* 191 sectors: 512 + 65536 + 31744 bytes. The command may come before the start. */
		memset(rig->ram + 0x10000, 0, 0x20000);
		put_table(rig, PRDS, pieces, 4);
		if (first)
			out8(rig, IDE_RIG_MASTER, 9);
		command(rig, 0xc8, 7, 191);
		if (!first)
			out8(rig, IDE_RIG_MASTER, 9);
		assert_true(rig->level[0]);
		assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 4);
		expect_status(rig, DRDY | DSC);
		assert_memory_equal(rig->ram + 0x10000, rig->disks[0].bytes + 3584, 510);
		assert_memory_equal(rig->ram + 0x30000, rig->disks[0].bytes + 3584 + 510, 2);
		assert_memory_equal(rig->ram + 0x11000, rig->disks[0].bytes + 3584 + 512, 65536);
		assert_memory_equal(rig->ram + 0x24000, rig->disks[0].bytes + 3584 + 66048, 0x7c00);
		out8(rig, IDE_RIG_MASTER, 0);
		/* And back, to somewhere else. */
		put_table(rig, PRDS, pieces, 4);
		command48(rig, first ? 0x35 : 0x3d, 1000, 191);
		out8(rig, IDE_RIG_MASTER, 1);
		expect_status(rig, DRDY | DSC);
		assert_memory_equal(rig->disks[0].bytes + 512000, rig->disks[0].bytes + 3584,
				    191 * 512);
		out8(rig, IDE_RIG_MASTER, 0);
	}
	assert_int_equal(rig->disks[0].flushes, 2); /* FUA alone, each piece of 64 KiB */
}

/* Tables that lie, and what the bus master says of them. */
static void test_hostile_tables(void **state)
{
	static const struct {
		uint32_t table;
		uint32_t pieces[2][2];
		uint8_t master, status; /* afterwards */
		unsigned rises;
	} rows[] = {
		/* Too short: off, and no interrupt. */
		{ PRDS, { { 0x10000, 512 }, { 0x10200, 256 } }, 0, DRDY | DSC, 0 },
		/* Longer than the data: stays on. */
		{ PRDS, { { 0x10000, 512 }, { 0x10200, 4096 } }, 5, DRDY | DSC, 1 },
		/* Onto itself: what comes next is what the disk said. */
		{ PRDS, { { PRDS, 512 }, { PRDS, 512 } }, 6, DRDY | DSC | ERR, 1 },
		/* Odd addresses and lengths are even ones. */
		{ PRDS, { { 0x10001, 513 }, { 0x10201, 513 } }, 4, DRDY | DSC, 1 },
		/* Behind RAM, at the end of all addresses, and a table that is there. */
		{ PRDS, { { IDE_RIG_RAM - 256, 512 }, { 0, 512 } }, 6, DRDY | DSC | ERR, 1 },
		{ PRDS, { { 0xfffffffe, 512 }, { 0, 512 } }, 6, DRDY | DSC | ERR, 1 },
		{ 0xfffffffc, { { 0 } }, 6, DRDY | DSC | ERR, 1 },
		{ IDE_RIG_RAM - 4, { { 0 } }, 6, DRDY | DSC | ERR, 1 },
	};
	struct ide_rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_table(rig, PRDS, rows[i].pieces, 2);
		ide_rig_out(rig, IDE_RIG_MASTER + 4, rows[i].table, 4);
		rig->rises[0] = 0;
		command(rig, 0xc8, 0, 2);
		out8(rig, IDE_RIG_MASTER, 9);
		assert_int_equal(rig->rises[0], rows[i].rises);
		assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), rows[i].master);
		expect_status(rig, rows[i].status);
		out8(rig, IDE_RIG_MASTER, 0);
		assert_int_equal(in8(rig, IDE_RIG_MASTER + 2) & 1, 0);
	}
}

/* No bus master, no memory: what is read is lost, and nothing is written from nowhere. */
static void test_no_bus_master(void **state)
{
	static const uint32_t pieces[][2] = { { 0x10000, 1024 } };
	struct ide_rig *rig = *state;
	uint8_t was[1024];

	memcpy(was, rig->disks[0].bytes, sizeof(was));
	memset(rig->ram + 0x10000, 0x5a, 1024);
	put_table(rig, PRDS, pieces, 1);
	ide_rig_config(rig, PCI_COMMAND, PCI_COMMAND_IO, 2);
	command(rig, 0xc8, 0, 2);
	out8(rig, IDE_RIG_MASTER, 9);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 5);
	expect_status(rig, DRDY | DSC);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(rig->ram[0x10000 + i], 0x5a);
	out8(rig, IDE_RIG_MASTER, 0);
	out8(rig, IDE_RIG_MASTER + 2, 6);
	command(rig, 0xca, 0, 2);
	out8(rig, IDE_RIG_MASTER, 1);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 6);
	expect_error(rig, ABRT);
	assert_memory_equal(rig->disks[0].bytes, was, sizeof(was));
}

/* The engine is stopped while the disk is at a command: that comes to its end first. */
static void test_stopped_early(void **state)
{
	static const struct {
		unsigned bytes; /* of the table, for two sectors */
		uint8_t master;
		unsigned rises;
	} rows[] = { { 512, 0, 0 }, { 1024, 4, 1 }, { 2048, 4, 1 } };
	struct ide_rig *rig = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t pieces[][2] = { { 0x10000, rows[i].bytes } };

		memset(rig->ram + 0x10000, 0, 1024);
		put_table(rig, PRDS, pieces, 1);
		rig->rises[0] = 0;
		ide_quiesce(&rig->ide);
		command(rig, 0xc8, 3, 2);
		out8(rig, IDE_RIG_MASTER, 9);
		out8(rig, IDE_RIG_MASTER, 0);
		assert_int_equal(in8(rig, IDE_RIG_MASTER), 0);
		assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 1);
		assert_int_equal(in8(rig, CONTROL) & BSY, BSY);
		ide_resume(&rig->ide);
		assert_int_equal(rig->rises[0], rows[i].rises);
		assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), rows[i].master);
		expect_status(rig, DRDY | DSC);
		if (rows[i].rises)
			assert_memory_equal(rig->ram + 0x10000, rig->disks[0].bytes + 1536, 1024);
	}
	/* Nor does a reset leave it on. */
	ide_quiesce(&rig->ide);
	command(rig, 0xc8, 3, 2);
	out8(rig, IDE_RIG_MASTER, 9);
	out8(rig, IDE_RIG_MASTER, 0);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2) & 1, 1);
	out8(rig, CONTROL, 4);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2) & 1, 0);
	ide_resume(&rig->ide);
	out8(rig, CONTROL, 0);
	ide_rig_serve(rig);
	expect_status(rig, DRDY | DSC);
}

struct trim {
	uint64_t first;
	unsigned count;
};

static void trim(struct ide_rig *rig, const struct trim *ranges, unsigned n)
{
	static const uint32_t pieces[][2] = { { 0x10000, 512 } };

	memset(rig->ram + 0x10000, 0, 512);
	for (unsigned i = 0; i < n; i++)
		le64_put(rig->ram + 0x10000 + 8 * (size_t)i,
			 ranges[i].first | (uint64_t)ranges[i].count << 48);
	put_table(rig, PRDS, pieces, 1);
	out8(rig, ERROR, 1);
	command(rig, 0x06, 0, 1);
	out8(rig, IDE_RIG_MASTER, 1);
	assert_true(rig->level[0]);
	out8(rig, IDE_RIG_MASTER, 0);
}

/* TRIM: what IDENTIFY says of it, ranges in any order, one behind the disk, a host that does not want to. */
static void test_trim(void **state)
{
	static const struct trim good[] = {
		{ 9, 3 }, { 0, 0 }, { IDE_RIG_SECTORS - 1, 1 }, { 4, 1 }
	};
	static const struct trim bad[] = { { 20, 1 }, { IDE_RIG_SECTORS - 1, 2 } };
	static const struct trim far[] = { { UINT64_C(0xffffffffffff), 0xffff } };
	struct ide_rig *rig = *state;
	const uint8_t *disk = rig->disks[0].bytes;
	static uint8_t was[IDE_RIG_DISK];
	uint16_t words[256];

	command(rig, 0xec, 0, 0);
	read_words(rig, DATA, words);
	assert_int_equal(words[169] & 1, 1);
	assert_int_equal(words[105], 1);
	assert_int_equal(words[80] & 0x80, 0x80);

	memcpy(was, disk, sizeof(was));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		memset(was + good[i].first * 512, 0xff, good[i].count * (size_t)512);
	trim(rig, good, 4);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 4);
	expect_status(rig, DRDY | DSC);
	assert_memory_equal(disk, was, sizeof(was));

	trim(rig, bad, 2);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 2), 4);
	expect_error(rig, ABRT);
	trim(rig, far, 1);
	expect_error(rig, ABRT);
	assert_memory_equal(disk, was, sizeof(was));

	rig->disks[0].error = -EOPNOTSUPP;
	trim(rig, bad, 1);
	expect_status(rig, DRDY | DSC);
	rig->disks[0].error = -EIO;
	trim(rig, bad, 1);
	expect_error(rig, ABRT);
	assert_memory_equal(disk, was, sizeof(was));

	/* Anything else that the command could mean, and more ranges than one sector of them. */
	out8(rig, ERROR, 2);
	command(rig, 0x06, 0, 1);
	expect_error(rig, ABRT);
	out8(rig, ERROR, 1);
	command(rig, 0x06, 0, 2);
	expect_error(rig, ABRT);
}

static void expect_signature(struct ide_rig *rig, unsigned base, bool packet)
{
	assert_int_equal(in8(rig, base + 1), 1);
	assert_int_equal(in8(rig, base + 2), 1);
	assert_int_equal(in8(rig, base + 3), 1);
	assert_int_equal(in8(rig, base + 4), packet ? 0x14 : 0);
	assert_int_equal(in8(rig, base + 5), packet ? 0xeb : 0);
	assert_int_equal(in8(rig, base + 7), packet ? 0 : DRDY | DSC);
}

static void test_resets(void **state)
{
	struct ide_rig *rig = *state;

	expect_signature(rig, 0x1f0, false);
	expect_signature(rig, 0x170, true);
	/* In the middle of a command. */
	command(rig, 0x20, 9, 4);
	assert_true(rig->level[0]);
	out8(rig, CONTROL, 4);
	assert_false(rig->level[0]);
	assert_int_equal(in8(rig, STATUS), BSY);
	out8(rig, CONTROL, 0);
	expect_signature(rig, 0x1f0, false);
	assert_int_equal(ide_rig_in(rig, DATA, 2), 0);
	out8(rig, DEVICE, 0xb0);
	out8(rig, STATUS, 0x90);
	assert_true(rig->level[0]);
	expect_signature(rig, 0x1f0, false);
	assert_int_equal(in8(rig, DEVICE) & 0x10, 0);
	/* Nobody is the secondary slave: the master answers, with a status of 0, and nothing is done. */
	out8(rig, 0x176, 0xb0);
	assert_int_equal(in8(rig, 0x177), 0);
	out8(rig, 0x177, 0xec);
	assert_int_equal(in8(rig, 0x177), 0);
	/* A disk that does not know a command. */
	out8(rig, DEVICE, 0xa0);
	out8(rig, STATUS, 0xa1);
	expect_error(rig, ABRT);
	ide_reset(&rig->ide);
	expect_signature(rig, 0x1f0, false);
}

static void test_smart_and_features(void **state)
{
	struct ide_rig *rig = *state;
	uint8_t page[512], sum = 0;

	out8(rig, ERROR, 0xd0);
	command(rig, 0xb0, 0xc24f00, 0);
	ide_rig_in_string(rig, DATA, 2, page, 256);
	for (unsigned i = 0; i < 512; i++)
		sum = (uint8_t)(sum + page[i]);
	assert_int_equal(sum, 0);
	out8(rig, ERROR, 0xda);
	command(rig, 0xb0, 0xc24f00, 0);
	expect_status(rig, DRDY | DSC);
	assert_int_equal(in8(rig, MID) | in8(rig, HIGH) << 8, 0xc24f);
	command(rig, 0xb0, 0, 0); /* without the key */
	expect_error(rig, ABRT);
	out8(rig, ERROR, 3);
	command(rig, 0xef, 0, 0x7f); /* a mode that there is not */
	expect_error(rig, ABRT);
	command(rig, 0xc6, 0, 3); /* no power of two */
	expect_error(rig, ABRT);
	command(rig, 0xc4, 0, 1); /* and none is set */
	expect_error(rig, ABRT);
}

/* Packets, on the second channel. */

static void packet_with(struct ide_rig *rig, const uint8_t packet[12], unsigned features,
			unsigned limit)
{
	out8(rig, 0x176, 0xa0);
	out8(rig, 0x171, features);
	out8(rig, 0x174, limit & 0xff);
	out8(rig, 0x175, limit >> 8);
	out8(rig, 0x177, 0xa0);
	assert_int_equal(in8(rig, 0x177), DRDY | DRQ);
	assert_int_equal(in8(rig, 0x172), 1);
	ide_rig_out_string(rig, 0x170, 2, packet, 6);
}

/* All data of a packet command, in pieces of at most limit; its length, or -1 with an error. */
static int packet(struct ide_rig *rig, const uint8_t packet[12], unsigned limit, uint8_t *out)
{
	unsigned done = 0;

	packet_with(rig, packet, 0, limit);
	for (;;) {
		uint8_t status = in8(rig, 0x177);
		unsigned len = in8(rig, 0x174) | (unsigned)in8(rig, 0x175) << 8;

		if (!(status & DRQ)) {
			assert_int_equal(in8(rig, 0x172), 3);
			return status & ERR ? -1 : (int)done;
		}
		assert_int_equal(in8(rig, 0x172), 2);
		assert_in_range(len, 1, limit);
		ide_rig_in_string(rig, 0x170, 2, out + done, (len + 1) / 2);
		done += len;
	}
}

static void expect_sense(struct ide_rig *rig, uint8_t key, uint8_t asc)
{
	uint8_t sense[64] = { 0 };

	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x03, 0, 0, 0, 18 }, 64, sense), 18);
	assert_int_equal(sense[2], key);
	assert_int_equal(sense[12], asc);
}

static void test_packets(void **state)
{
	struct ide_rig *rig = *state;
	static uint8_t data[IDE_RIG_CD + 16];

	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x00 }, 0xfffe, data), 0);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x12, 0, 0, 0, 36 }, 64, data), 36);
	assert_int_equal(data[0], 5);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x12, 0, 0, 0, 5 }, 64, data), 5);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x25 }, 64, data), 8);
	assert_int_equal(be32_get(data), 39);
	assert_int_equal(be32_get(data + 4), 2048);
	/* Forty sectors, which are more than the buffer, by limits that divide nothing. */
	for (unsigned limit = 30; limit < 0xfffe; limit = limit * 5 + 2) {
		memset(data, 0, sizeof(data));
		assert_int_equal(packet(rig, (const uint8_t[12]){ 0x28, 0, 0, 0, 0, 0, 0, 0, 40 },
					limit, data),
				 IDE_RIG_CD);
		assert_memory_equal(data, rig->disks[2].bytes, IDE_RIG_CD);
	}
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 1 }, 2048, data),
		2048);
	assert_memory_equal(data, rig->disks[2].bytes + 3 * 2048, 2048);
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0xbe, 0, 0, 0, 0, 3, 0, 0, 1, 0x10 }, 2048, data),
		2048);
	/* One too many; no such command; a field that says nonsense. */
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0x28, 0, 0, 0, 0, 39, 0, 0, 2 }, 2048, data), -1);
	expect_sense(rig, 5, 0x21);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0xff }, 2048, data), -1);
	expect_sense(rig, 5, 0x20);
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0x5a, 0, 0x33, 0, 0, 0, 0, 0, 64 }, 64, data), -1);
	expect_sense(rig, 5, 0x24);
	expect_sense(rig, 0, 0);
	rig->disks[2].error = -EIO;
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0x28, 0, 0, 0, 0, 0, 0, 0, 1 }, 2048, data), -1);
	expect_sense(rig, 3, 0x11);
}

static void test_what_a_disc_says(void **state)
{
	static const struct {
		uint8_t packet[12];
		int len;
	} rows[] = {
		{ { 0x43, 2, 0, 0, 0, 0, 0, 0, 64 }, 20 }, /* tracks, by minute */
		{ { 0x43, 0, 0, 0, 0, 0, 0xaa, 0, 64 }, 12 }, /* the lead-out */
		{ { 0x43, 0, 1, 0, 0, 0, 0, 0, 64 }, 12 }, /* sessions */
		{ { 0x43, 2, 2, 0, 0, 0, 0, 0, 64 }, 48 }, /* the lead-in */
		{ { 0x46, 2, 0, 0, 0, 0, 0, 0, 64 }, 40 }, /* features */
		{ { 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 }, 8 }, /* events */
		{ { 0x51, 0, 0, 0, 0, 0, 0, 0, 34 }, 34 },
		{ { 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64 }, 28 },
		{ { 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 64 }, 36 },
		{ { 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8 }, 8 },
	};
	struct ide_rig *rig = *state;
	uint8_t data[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(packet(rig, rows[i].packet, 128, data), rows[i].len);
	/* A tray that is locked stays shut; an open one has no disc. */
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1e, 0, 0, 0, 1 }, 64, data), 0);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1b, 0, 0, 0, 2 }, 64, data), -1);
	expect_sense(rig, 5, 0x53);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1e }, 64, data), 0);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1b, 0, 0, 0, 2 }, 64, data), 0);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x00 }, 64, data), -1);
	expect_sense(rig, 2, 0x3a);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1b, 0, 0, 0, 3 }, 64, data), 0);
	/* It may be another one by now. */
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x00 }, 64, data), -1);
	expect_sense(rig, 6, 0x28);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x00 }, 64, data), 0);
}

static void expect_event(struct ide_rig *rig, uint8_t event, uint8_t state)
{
	uint8_t data[8];

	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 }, 64, data), 8);
	assert_int_equal(data[4], event);
	assert_int_equal(data[5], state);
}

static unsigned tray_moves;

static void count_moves(void *arg)
{
	tray_moves++;
}

/* What the guest sees of a disc that somebody takes out and puts in. */
static void test_disc_change(void **state)
{
	static const uint8_t ready[12] = { 0x00 };
	struct ide_rig *rig = *state;
	uint8_t data[2048];

	tray_moves = 0;
	rig->ide.channels[1].drives[0].tray_moved = count_moves;
	ide_move_tray(&rig->ide, 1, 0, true);
	assert_int_equal(packet(rig, ready, 64, data), -1);
	expect_sense(rig, 2, 0x3a);
	expect_event(rig, 3, 1);
	expect_event(rig, 0, 1);
	ide_set_medium(&rig->ide, 1, 0, NULL);
	ide_move_tray(&rig->ide, 1, 0, false);
	ide_move_tray(&rig->ide, 1, 0, false);
	assert_int_equal(tray_moves, 2);
	/* Nothing is in it: no attention, no disc. */
	assert_int_equal(packet(rig, ready, 64, data), -1);
	expect_sense(rig, 2, 0x3a);
	expect_event(rig, 3, 0);
	/* The guest's own moves are told as well. */
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1b, 0, 0, 0, 2 }, 64, data), 0);
	assert_int_equal(tray_moves, 3);
	ide_set_medium(&rig->ide, 1, 0, rig->blocks[2]);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1b, 0, 0, 0, 3 }, 64, data), 0);
	expect_event(rig, 2, 2);
	assert_int_equal(packet(rig, ready, 64, data), -1);
	expect_sense(rig, 6, 0x28);
	assert_int_equal(
		packet(rig, (const uint8_t[12]){ 0x28, 0, 0, 0, 0, 3, 0, 0, 1 }, 2048, data), 2048);
	/* A locked one: the guest is asked, and forced. */
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x1e, 0, 0, 0, 1 }, 64, data), 0);
	assert_true(ide_tray(&rig->ide, 1, 0).locked);
	ide_ask_eject(&rig->ide, 1, 0, false);
	assert_true(ide_tray(&rig->ide, 1, 0).locked);
	expect_event(rig, 1, 2);
	ide_ask_eject(&rig->ide, 1, 0, true);
	assert_false(ide_tray(&rig->ide, 1, 0).locked);
}

/* A disc that goes while it is read, at whatever point: the command fails, and nothing else does. */
static void test_disc_goes_in_a_read(void **state)
{
	static const uint8_t read[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 40 };
	struct ide_rig *rig = *state;
	uint8_t *data = malloc(IDE_RIG_CD);

	assert_non_null(data);
	/* The first 64 KiB are in the buffer, the rest is asked for when they are taken. */
	packet_with(rig, read, 0, 0xfffe);
	assert_int_equal(in8(rig, 0x177) & DRQ, DRQ);
	ide_set_medium(&rig->ide, 1, 0, NULL);
	for (unsigned i = 0; i < IDE_BUFFER / 2 && in8(rig, 0x177) & DRQ; i++)
		(void)ide_rig_in(rig, 0x170, 2);
	assert_int_equal(in8(rig, 0x177), DRDY | DSC | ERR);
	expect_sense(rig, 2, 0x3a);
	/* And while the disk itself is at it. */
	ide_set_medium(&rig->ide, 1, 0, rig->blocks[2]);
	(void)packet(rig, (const uint8_t[12]){ 0x00 }, 64, data);
	ide_quiesce(&rig->ide);
	packet_with(rig, read, 0, 0xfffe);
	assert_int_equal(in8(rig, 0x177) & BSY, BSY);
	ide_set_medium(&rig->ide, 1, 0, NULL);
	assert_int_equal(in8(rig, 0x177), DRDY | DSC | ERR);
	ide_set_medium(&rig->ide, 1, 0, rig->blocks[2]);
	ide_resume(&rig->ide);
	expect_sense(rig, 2, 0x3a);
	assert_int_equal(packet(rig, (const uint8_t[12]){ 0x00 }, 64, data), -1);
	expect_sense(rig, 6, 0x28);
	assert_int_equal(packet(rig, read, IDE_RIG_CD, data), IDE_RIG_CD);
	assert_memory_equal(data, rig->disks[2].bytes, IDE_RIG_CD);
	free(data);
}

/* A write that the host has no room for is kept; nothing is lost of it. */
static void test_kept_write(void **state)
{
	struct ide_rig *rig = *state;

	block_set_policy(rig->blocks[0], (struct block_policy){ .write = BLOCK_ACTION_STOP });
	rig->disks[0].error = -ENOSPC;
	rig->disks[0].bad = 7;
	command(rig, 0x30, 5, 4);
	for (unsigned i = 0; i < 4 * 256; i++)
		ide_rig_out(rig, DATA, i ^ 0x5a5a, 2);
	assert_int_equal(in8(rig, STATUS) & BSY, BSY);
	assert_int_equal(block_status(rig->blocks[0]), BLOCK_NO_SPACE);
	ide_quiesce(&rig->ide);
	ide_resume(&rig->ide); /* still no room */
	assert_int_equal(in8(rig, STATUS) & BSY, BSY);
	rig->disks[0].error = 0;
	ide_quiesce(&rig->ide);
	ide_resume(&rig->ide);
	expect_status(rig, DRDY | DSC);
	assert_int_equal(block_status(rig->blocks[0]), BLOCK_OK);
	for (unsigned i = 0; i < 4 * 256; i++)
		assert_int_equal(rig->disks[0].bytes[5 * 512 + 2 * i] |
					 rig->disks[0].bytes[5 * 512 + 2 * i + 1] << 8,
				 i ^ 0x5a5a);
	/* A reset of the drive lets go of one that is kept. */
	rig->disks[0].error = -ENOSPC;
	command(rig, 0x30, 5, 1);
	for (unsigned i = 0; i < 256; i++)
		ide_rig_out(rig, DATA, 0, 2);
	out8(rig, CONTROL, 4);
	out8(rig, CONTROL, 0);
	ide_rig_serve(rig);
	assert_int_equal(block_in_flight(rig->blocks[0]), 0);
	assert_int_equal(in8(rig, STATUS) & BSY, 0);
}

static void test_packet_dma(void **state)
{
	static const uint32_t pieces[][2] = { { 0x10000, 0 }, { 0x20000, 16384 } };
	struct ide_rig *rig = *state;

	put_table(rig, PRDS, pieces, 2);
	ide_rig_out(rig, IDE_RIG_MASTER + 12, PRDS, 4);
	packet_with(rig, (const uint8_t[12]){ 0x28, 0, 0, 0, 0, 0, 0, 0, 40 }, 1, 0);
	out8(rig, IDE_RIG_MASTER + 8, 9);
	assert_true(rig->level[1]);
	assert_int_equal(in8(rig, IDE_RIG_MASTER + 10), 4);
	assert_int_equal(in8(rig, 0x172), 3);
	assert_int_equal(in8(rig, 0x177), DRDY | DSC);
	assert_memory_equal(rig->ram + 0x10000, rig->disks[2].bytes, IDE_RIG_CD);
}

static void test_packet_identity(void **state)
{
	struct ide_rig *rig = *state;
	uint16_t words[256];

	out8(rig, 0x177, 0xec); /* it is no disk, and says what it is */
	assert_int_equal(in8(rig, 0x177) & ERR, ERR);
	assert_int_equal(in8(rig, 0x174) | in8(rig, 0x175) << 8, 0xeb14);
	out8(rig, 0x177, 0xa1);
	read_words(rig, 0x170, words);
	assert_int_equal(words[0], 0x85c0);
	out8(rig, 0x177, 0x08);
	expect_signature(rig, 0x170, true);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_identify),        CASE(test_said_geometry),
		CASE(test_pio_read),        CASE(test_interrupt_each_block),
		CASE(test_pio_write),       CASE(test_flush_and_cache),
		CASE(test_addresses),       CASE(test_previous_registers),
		CASE(test_host_errors),     CASE(test_dma),
		CASE(test_hostile_tables),  CASE(test_no_bus_master),
		CASE(test_stopped_early),   CASE(test_trim),
		CASE(test_resets),          CASE(test_smart_and_features),
		CASE(test_packets),         CASE(test_what_a_disc_says),
		CASE(test_disc_change),     CASE(test_disc_goes_in_a_read),
		CASE(test_kept_write),      CASE(test_packet_dma),
		CASE(test_packet_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
