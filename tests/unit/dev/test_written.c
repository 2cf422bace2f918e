// SPDX-License-Identifier: MIT
/* That a disk says of all that it writes to memory that it wrote it: rings, data and status. */
#include "virtio_guest.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "../mem/shadow.h"
#include "base/bytes.h"

#define FEATURES                                                                                   \
	(UINT64_C(1) << VIRTIO_BLK_F_FLUSH | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |              \
	 UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

#define DATA_LEN 4096u

struct fixture {
	struct machine m;
	struct disk disk;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	machine_init(&f->m);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	machine_destroy(&f->m);
	free(f);
	return 0;
}

/* A request in pieces: header, data in two, status; through a table elsewhere if indirect. */
static void put_request(struct disk *disk, uint32_t type, uint64_t sector, bool indirect)
{
	uint8_t *ram = disk->m->host + disk->base;
	bool reads = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint16_t data_flags = (uint16_t)(VRING_DESC_F_NEXT | (reads ? VRING_DESC_F_WRITE : 0));

	le32_put(ram + AT_HEADER, type);
	le64_put(ram + AT_HEADER + 8, sector);
	memset(data(disk), 0xee, 2 * DATA_LEN);
	ram[AT_STATUS] = 0xee;
	put_desc(disk, 0, disk->base + AT_HEADER, 16, VRING_DESC_F_NEXT, 1);
	put_desc(disk, 1, disk->base + AT_DATA + 1, 512 + 7, data_flags, 2);
	put_desc(disk, 2, disk->base + AT_DATA + 2048, DATA_LEN - 512 - 7, data_flags, 3);
	put_desc(disk, 3, disk->base + AT_STATUS, 1, VRING_DESC_F_WRITE, 0);
	if (indirect) {
		memcpy(ram + AT_INDIRECT, ram + AT_DESC, 64);
		put_desc(disk, 5, disk->base + AT_INDIRECT, 64, VRING_DESC_F_INDIRECT, 0);
	}
	make_available(disk, indirect ? 5 : 0);
}

static void expect_told(struct disk *disk, uint32_t type, uint64_t sector, uint8_t status)
{
	struct shadow shadow;

	for (unsigned indirect = 0; indirect < 2; indirect++) {
		put_request(disk, type, sector, indirect);
		shadow_begin(&shadow, &disk->m->map, disk->m->host, RAM_SIZE);
		ring(disk);
		machine_run(disk->m, disk);
		assert_int_equal(used_idx(disk), ++disk->seen);
		assert_int_equal(disk->m->host[disk->base + AT_STATUS], status);
		/* Nor is all of memory said to be written: the answer, its place, index and wish. */
		assert_in_range(shadow.told, 1 + 8 + 2 + 2, DATA_LEN + 1 + 8 + 2 + 8);
		shadow_end(&shadow);
	}
}

static void every_request_on_every_engine(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_AUTO, BLOCK_ENGINE_THREAD,
						     BLOCK_ENGINE_SYNC };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		disk_init(&f->disk, &f->m, 3, (struct block_options){ .engine = engines[i] });
		driver_start(&f->disk, FEATURES, true);
		expect_told(&f->disk, VIRTIO_BLK_T_IN, 3, VIRTIO_BLK_S_OK);
		expect_told(&f->disk, VIRTIO_BLK_T_OUT, 9, VIRTIO_BLK_S_OK);
		expect_told(&f->disk, VIRTIO_BLK_T_FLUSH, 0, VIRTIO_BLK_S_OK);
		expect_told(&f->disk, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_S_OK);
		expect_told(&f->disk, VIRTIO_BLK_T_IN, UINT64_MAX, VIRTIO_BLK_S_IOERR);
		expect_told(&f->disk, 77, 0, VIRTIO_BLK_S_UNSUPP);
		disk_destroy(&f->disk);
	}
}

static ssize_t read_half(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset)
{
	memset(iov[0].iov_base, 0x55, iov[0].iov_len / 2);
	return -EIO;
}

/* What was read before it failed is there all the same. */
static void reads_that_fail(void **state)
{
	struct block_system system = block_host;
	struct fixture *f = *state;

	disk_init(&f->disk, &f->m, 3,
		  (struct block_options){ .engine = BLOCK_ENGINE_SYNC, .system = &system });
	driver_start(&f->disk, FEATURES, true);
	system.read = read_half;
	expect_told(&f->disk, VIRTIO_BLK_T_IN, 3, VIRTIO_BLK_S_IOERR);
	system.read = block_host.read;
	disk_destroy(&f->disk);
}

static sem_t began;

static ssize_t read_little(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			   uint64_t offset)
{
	const struct iovec first = { .iov_base = iov[0].iov_base, .iov_len = 16 };

	sem_post(&began);
	return block_host.read(file, &first, 1, offset);
}

/* A part of the data came before the reset took away who waited for the rest. */
static void reads_that_a_reset_ends(void **state)
{
	struct block_system system = block_host;
	struct fixture *f = *state;
	struct shadow shadow;

	sem_init(&began, 0, 0);
	for (unsigned i = 0; i < 10; i++) {
		system.read = block_host.read;
		disk_init(
			&f->disk, &f->m, 3,
			(struct block_options){ .engine = BLOCK_ENGINE_THREAD, .system = &system });
		driver_start(&f->disk, FEATURES, true);
		system.read = read_little;
		put_request(&f->disk, VIRTIO_BLK_T_IN, 3, i % 2);
		shadow_begin(&shadow, &f->m.map, f->m.host, RAM_SIZE);
		virtio_blk_serve(&f->disk.blk);
		sem_wait(&began);
		virtio_blk_reset(&f->disk.blk);
		shadow_end(&shadow);
		disk_destroy(&f->disk);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_request_on_every_engine),
		TEST(reads_that_fail),
		TEST(reads_that_a_reset_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
