// SPDX-License-Identifier: MIT
/* The disk as its driver sees it: every request, on every engine, and what it must not do. */
#include "virtio_guest.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "pci_all.h"

#define FLUSH (UINT64_C(1) << VIRTIO_BLK_F_FLUSH)

struct fixture {
	struct machine m;
	struct disk disk;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
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

static void expect(struct outcome outcome, uint8_t status, uint32_t written)
{
	assert_true(outcome.answered);
	assert_int_equal(outcome.status, status);
	assert_int_equal(outcome.written, written);
}

static void expect_image(struct machine *m, size_t offset, const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(m->path, "rb");
	uint8_t *got = malloc(len);

	assert_non_null(file);
	assert_non_null(got);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	assert_int_equal(fread(got, 1, len, file), len);
	assert_memory_equal(got, bytes, len);
	fclose(file);
	free(got);
}

static int refuse_uring(const struct block_file *file, unsigned entries, struct io_uring *ring)
{
	return -EPERM;
}

static void put_range(struct disk *disk, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	le64_put(data(disk), sector);
	le32_put(data(disk) + 8, sectors);
	le32_put(data(disk) + 12, flags);
}

static void all_requests(struct disk *disk)
{
	static uint8_t zeroes[4096];
	struct outcome outcome;

	expect(request(disk, VIRTIO_BLK_T_IN, 3, 4096), VIRTIO_BLK_S_OK, 4097);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(data(disk)[i], disk_byte(3 * 512 + i));
	memset(data(disk), 0xa5, 8192);
	expect(request(disk, VIRTIO_BLK_T_OUT, 100, 8192), VIRTIO_BLK_S_OK, 1);
	expect_image(disk->m, 100 * 512, data(disk), 8192);
	expect(request(disk, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK, 1);
	expect(request(disk, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK, 21);
	assert_memory_equal(data(disk), "coalport-disk-012345", 20);

	put_range(disk, 200, 8, 0);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK, 1);
	expect_image(disk->m, 200 * 512, zeroes, 4096);
	put_range(disk, 300, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK, 1);
	expect_image(disk->m, 300 * 512, zeroes, 4096);
	put_range(disk, 400, 8, 0);
	outcome = request(disk, VIRTIO_BLK_T_DISCARD, 0, 16);
	assert_true(outcome.answered && outcome.status != VIRTIO_BLK_S_IOERR);

	/* Unknown, and the flags no request may carry. */
	expect(request(disk, 77, 0, 512), VIRTIO_BLK_S_UNSUPP, 1);
	put_range(disk, 400, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	expect(request(disk, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_UNSUPP, 1);
	put_range(disk, 400, 8, 2);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_UNSUPP, 1);
}

static void test_requests_on_every_engine(void **state)
{
	struct block_system refusing = block_host;
	const struct block_options options[] = {
		{ .engine = BLOCK_ENGINE_AUTO },
		{ .engine = BLOCK_ENGINE_AUTO, .system = &refusing },
		{ .engine = BLOCK_ENGINE_THREAD },
		{ .engine = BLOCK_ENGINE_SYNC },
	};
	struct fixture *f = *state;

	refusing.uring = refuse_uring;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		disk_init(&f->disk, &f->m, 3, options[i]);
		driver_start(&f->disk, FLUSH, true);
		all_requests(&f->disk);
		if (options[i].system)
			assert_string_equal(block_engine_name(f->disk.block), "thread");
		assert_int_equal(driver_status(&f->disk), 0xf);
		disk_destroy(&f->disk);
	}
}

static void test_config_space(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	disk_init(disk, &f->m, 3, (struct block_options){ 0 });
	driver_find(disk);
	assert_int_equal(guest_read(&f->m, disk->device, 4), DISK_SIZE / 512);
	assert_int_equal(guest_read(&f->m, disk->device + 4, 4), 0);
	assert_int_equal(guest_read(&f->m, disk->device + 12, 4), 254); /* seg_max */
	assert_int_equal(guest_read(&f->m, disk->device + 20, 4), 512); /* blk_size */
	assert_int_equal(guest_read(&f->m, disk->device + 21, 1), 2);
	assert_int_equal(guest_read(&f->m, disk->device + 40, 4), 256); /* max_discard_seg */
	/* Behind the end there is nothing, and nothing can be written. */
	assert_int_equal(guest_read(&f->m, disk->device + sizeof(struct virtio_blk_config), 4), 0);
	assert_int_equal(guest_read(&f->m, disk->device + 0xffc, 4), 0);
	guest_write(&f->m, disk->device, 7, 4);
	assert_int_equal(guest_read(&f->m, disk->device, 4), DISK_SIZE / 512);
	disk_destroy(disk);
}

/* What QEMU tells of the same image, where drivers find it. */
static void test_geometry(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	uint8_t table[66] = { 0 };
	FILE *file = fopen(f->m.path, "r+b");

	disk_init(disk, &f->m, 3, (struct block_options){ 0 });
	driver_find(disk);
	common_set(disk, VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
	assert_true(common_get(disk, VIRTIO_PCI_COMMON_DF, 4) & 1u << VIRTIO_BLK_F_GEOMETRY);
	assert_int_equal(guest_read(&f->m, disk->device + 16, 4), 2 | 16 << 16 | 63 << 24);
	disk_destroy(disk);

	/* A partition that ends with head 7 and sector 32. */
	table[5] = 7;
	table[6] = 32;
	le32_put(table + 12, 100);
	le16_put(table + 64, 0xaa55);
	assert_non_null(file);
	assert_int_equal(fseek(file, 0x1be, SEEK_SET), 0);
	assert_int_equal(fwrite(table, 1, sizeof(table), file), sizeof(table));
	assert_int_equal(fclose(file), 0);
	disk_init(disk, &f->m, 3, (struct block_options){ 0 });
	driver_find(disk);
	assert_int_equal(guest_read(&f->m, disk->device + 16, 4), 8 | 8 << 16 | 32 << 24);
	disk_destroy(disk);
}

/* Discards and zeroes of several segments, one of them empty. */
static void test_segments(void **state)
{
	static const struct {
		unsigned sector, sectors;
	} parts[] = { { 40, 8 }, { 10, 3 }, { 20, 0 }, { 0, 1 }, { 2047, 1 } };
	static uint8_t bytes[DISK_SIZE];
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	disk_init(disk, &f->m, 3, (struct block_options){ 0 });
	driver_start(disk, FLUSH, true);
	for (size_t i = 0; i < DISK_SIZE; i++)
		bytes[i] = disk_byte(i);
	for (size_t i = 0; i < 5; i++) {
		le64_put(data(disk) + 16 * i, parts[i].sector);
		le32_put(data(disk) + 16 * i + 8, parts[i].sectors);
		le32_put(data(disk) + 16 * i + 12, i % 2);
		memset(bytes + parts[i].sector * 512, 0, parts[i].sectors * 512);
	}
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 5 * 16), VIRTIO_BLK_S_OK, 1);
	expect_image(&f->m, 0, bytes, DISK_SIZE);
	/* One that is not on the disk: none of them is carried out. */
	le64_put(data(disk), 100);
	le64_put(data(disk) + 4 * 16, 2048);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 5 * 16), VIRTIO_BLK_S_IOERR, 1);
	expect_image(&f->m, 0, bytes, DISK_SIZE);
	disk_destroy(disk);
}

static void test_out_of_range(void **state)
{
	const uint64_t end = DISK_SIZE / 512;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	disk_init(disk, &f->m, 3, (struct block_options){ 0 });
	driver_start(disk, FLUSH, true);
	expect(request(disk, VIRTIO_BLK_T_IN, end - 1, 512), VIRTIO_BLK_S_OK, 513);
	expect(request(disk, VIRTIO_BLK_T_IN, end - 1, 1024), VIRTIO_BLK_S_IOERR, 0);
	expect(request(disk, VIRTIO_BLK_T_IN, end, 512), VIRTIO_BLK_S_IOERR, 0);
	expect(request(disk, VIRTIO_BLK_T_OUT, UINT64_MAX, 512), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_OUT, UINT64_MAX / 512 + 1, 512), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_IN, 0, 511), VIRTIO_BLK_S_IOERR, 0);
	expect(request(disk, VIRTIO_BLK_T_OUT, 0, 513), VIRTIO_BLK_S_IOERR, 1);
	put_range(disk, end - 1, 2, 0);
	expect(request(disk, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR, 1);
	put_range(disk, UINT64_MAX, UINT32_MAX, 0);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR, 1);
	/* Half a segment, none, and more than are allowed. */
	put_range(disk, 0, 1, 0);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 24), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 0), VIRTIO_BLK_S_IOERR, 1);
	memset(data(disk), 0, 257 * 16);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 257 * 16), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 256 * 16), VIRTIO_BLK_S_OK, 1);
	assert_int_equal(driver_status(disk), 0xf);
	disk_destroy(disk);
}

static void test_readonly(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	uint8_t before[1024];

	for (size_t i = 0; i < sizeof(before); i++)
		before[i] = disk_byte(i);
	disk_init(disk, &f->m, 3, (struct block_options){ .readonly = true });
	driver_start(disk, 0, true);
	common_set(disk, VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
	assert_true(common_get(disk, VIRTIO_PCI_COMMON_DF, 4) & 1u << VIRTIO_BLK_F_RO);
	assert_false(common_get(disk, VIRTIO_PCI_COMMON_DF, 4) & 1u << VIRTIO_BLK_F_DISCARD);
	memset(data(disk), 0x11, 512);
	expect(request(disk, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR, 1);
	put_range(disk, 0, 1, 0);
	expect(request(disk, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR, 1);
	expect(request(disk, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK, 513);
	expect_image(&f->m, 0, before, sizeof(before));
	disk_destroy(disk);
}

/* Header and status cut up in every way, data in pieces of odd lengths, through a table elsewhere. */
static void test_any_layout(void **state)
{
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	disk_init(disk, &f->m, 3, (struct block_options){ .engine = BLOCK_ENGINE_SYNC });
	driver_start(disk, FLUSH | 1u << VIRTIO_RING_F_INDIRECT_DESC, true);
	for (uint32_t cut = 1; cut < 16; cut++) {
		uint64_t base = disk->base;
		uint8_t *ram = f->m.host + base;
		uint32_t piece = 512 + cut; /* status is the last byte of the last piece */
		bool indirect = cut % 2;

		le32_put(ram + AT_HEADER, VIRTIO_BLK_T_IN);
		le64_put(ram + AT_HEADER + 8, cut);
		memset(data(disk), 0, 2048);
		put_desc(disk, 0, base + AT_HEADER, cut, VRING_DESC_F_NEXT, 1);
		put_desc(disk, 1, base + AT_HEADER + cut, 16 - cut, VRING_DESC_F_NEXT, 2);
		put_desc(disk, 2, base + AT_DATA, piece, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 3);
		put_desc(disk, 3, base + AT_DATA + piece, 1024 - piece + 1, VRING_DESC_F_WRITE, 0);
		if (indirect) {
			memcpy(ram + AT_INDIRECT + 3, ram + AT_DESC, 64);
			put_desc(disk, 5, base + AT_INDIRECT + 3, 64, VRING_DESC_F_INDIRECT, 0);
		}
		data(disk)[1024] = 0xff;
		make_available(disk, indirect ? 5 : 0);
		ring(disk);
		machine_run(&f->m, disk);
		assert_int_equal(used_idx(disk), cut);
		assert_int_equal(data(disk)[1024], VIRTIO_BLK_S_OK);
		for (size_t i = 0; i < 1024; i++)
			assert_int_equal(data(disk)[i], disk_byte(cut * 512 + i));
	}
	disk_destroy(disk);
}

/* A chain without room for header or status is no request at all. */
static void test_no_header(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct disk *disk = &f->disk;

		disk_init(disk, &f->m, 3, (struct block_options){ 0 });
		driver_start(disk, FLUSH, true);
		put_desc(disk, 0, disk->base + AT_HEADER, i ? 16 : 15, i ? 0 : VRING_DESC_F_NEXT,
			 1);
		put_desc(disk, 1, disk->base + AT_STATUS, 1, VRING_DESC_F_WRITE, 0);
		make_available(disk, 0);
		ring(disk);
		machine_run(&f->m, disk);
		assert_int_equal(used_idx(disk), 0);
		assert_true(driver_status(disk) & VIRTIO_CONFIG_S_NEEDS_RESET);
		disk_destroy(disk);
	}
}

/* A host that works only when it is let, and remembers what it was asked. */
static struct gate {
	sem_t entered, go;
	unsigned flushes;
} gate;

static ssize_t gated_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	sem_post(&gate.entered);
	while (sem_wait(&gate.go) < 0)
		;
	return block_host.read(file, iov, iov_n, offset);
}

static int noting_flush(const struct block_file *file)
{
	gate.flushes++;
	return block_host.flush(file);
}

static void test_stable_without_flush(void **state)
{
	struct block_system system = block_host;
	struct block_options options = { .engine = BLOCK_ENGINE_SYNC, .system = &system };
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	system.flush = noting_flush;
	for (unsigned with = 0; with < 2; with++) {
		disk_init(disk, &f->m, 3, options);
		driver_start(disk, with ? FLUSH : 0, true);
		gate.flushes = 0;
		expect(request(disk, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK, 1);
		assert_int_equal(gate.flushes, with ? 0 : 1);
		put_range(disk, 0, 1, 0);
		expect(request(disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK, 1);
		assert_int_equal(gate.flushes, with ? 0 : 2);
		disk_destroy(disk);
	}
}

/* A read is with the host; the gate is closed behind it. */
static void start_gated(struct fixture *f, struct block_system *system)
{
	struct block_options options = { .engine = BLOCK_ENGINE_THREAD, .system = system };
	struct disk *disk = &f->disk;
	uint8_t *ram;

	sem_init(&gate.entered, 0, 0);
	sem_init(&gate.go, 0, 0);
	*system = block_host;
	disk_init(disk, &f->m, 3, options);
	system->read = gated_read;
	driver_start(disk, FLUSH, true);
	ram = f->m.host + disk->base;
	le32_put(ram + AT_HEADER, VIRTIO_BLK_T_IN);
	le64_put(ram + AT_HEADER + 8, 0);
	ram[AT_STATUS] = 0xff;
	put_desc(disk, 0, disk->base + AT_HEADER, 16, VRING_DESC_F_NEXT, 1);
	put_desc(disk, 1, disk->base + AT_DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	put_desc(disk, 2, disk->base + AT_STATUS, 1, VRING_DESC_F_WRITE, 0);
	make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), 1);
	while (sem_wait(&gate.entered) < 0)
		;
}

static void end_gated(struct fixture *f)
{
	disk_destroy(&f->disk);
	sem_destroy(&gate.entered);
	sem_destroy(&gate.go);
}

static void test_driver_reset_in_flight(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	start_gated(f, &system);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	/* Not over yet, and nothing else goes on meanwhile. */
	assert_int_not_equal(driver_status(disk), 0);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0x81, 1);
	assert_int_equal(driver_status(disk), 0xf);
	common_set(disk, VIRTIO_PCI_COMMON_MSIX, 1, 2);
	common_set(disk, VIRTIO_PCI_COMMON_Q_MSIX, 0, 2);
	make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), 1);
	sem_post(&gate.go);
	machine_run(&f->m, disk);
	assert_int_equal(driver_status(disk), 0);
	assert_int_equal(used_idx(disk), 0);
	assert_int_equal(f->m.host[disk->base + AT_STATUS], 0xff);
	assert_int_equal(f->m.msi_n, 0);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	assert_int_equal(common_get(disk, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	/* It works again. */
	sem_post(&gate.go);
	driver_start(disk, FLUSH, true);
	expect(request(disk, VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK, 513);
	end_gated(f);
}

/* A driver's reset does not wait for all that is queued, only for what the host is at. */
static void test_driver_reset_abandons(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	start_gated(f, &system);
	for (unsigned n = 1; n < disk->size; n++)
		make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), disk->size);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), 1);
	assert_int_not_equal(driver_status(disk), 0);
	sem_post(&gate.go);
	machine_run(&f->m, disk);
	assert_int_equal(driver_status(disk), 0);
	assert_int_equal(used_idx(disk), 0);
	assert_int_equal(f->m.host[disk->base + AT_STATUS], 0xff);
	end_gated(f);
}

static void *open_gate_soon(void *arg)
{
	usleep(20000);
	sem_post(&gate.go);
	return NULL;
}

/* Nor does a pause: what the host has not begun is answered after it. */
static void test_quiesce_keeps_the_queue(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	pthread_t opener;

	start_gated(f, &system);
	for (unsigned n = 1; n < disk->size; n++)
		make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
	virtio_blk_quiesce(&disk->blk);
	pthread_join(opener, NULL);
	assert_int_equal(used_idx(disk), 1);
	machine_run(&f->m, NULL);
	assert_int_equal(used_idx(disk), 1);
	for (unsigned n = 1; n < disk->size; n++)
		sem_post(&gate.go);
	virtio_blk_resume(&disk->blk);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), disk->size);
	end_gated(f);
}

static void test_machine_reset_in_flight(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	pthread_t opener;

	start_gated(f, &system);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
	pci_all_reset(&f->m.bus);
	virtio_blk_reset(&disk->blk);
	pthread_join(opener, NULL);
	assert_int_equal(block_in_flight(disk->block), 0);
	assert_int_equal(used_idx(disk), 0);
	assert_int_equal(f->m.msi_n, 0);
	assert_int_equal(mem_map_settle(&f->m.map), 0);
	assert_int_equal(guest_read(&f->m, disk->common, 4), UINT32_MAX); /* the BAR is gone */
	driver_find(disk);
	assert_int_equal(driver_status(disk), 0);
	assert_int_equal(guest_read(&f->m, disk->msix_table + 12, 4), 1); /* masked */
	assert_int_equal(guest_read(&f->m, disk->msix_table, 4), 0);
	sem_post(&gate.go);
	driver_start(disk, FLUSH, true);
	expect(request(disk, VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK, 513);
	end_gated(f);
}

static void test_quiesce(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;
	pthread_t opener;

	start_gated(f, &system);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
	virtio_blk_quiesce(&disk->blk);
	pthread_join(opener, NULL);
	assert_int_equal(block_in_flight(disk->block), 0);
	assert_int_equal(used_idx(disk), 1);
	assert_int_equal(f->m.msi_n, 1);
	/* What the guest rang for just before it was stopped waits. */
	make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 1);
	sem_post(&gate.go);
	virtio_blk_resume(&disk->blk);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 2);
	end_gated(f);
}

/* Mastering is taken away while the host works: no answer is written, and the driver has to reset. */
static void test_master_lost_in_flight(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	start_gated(f, &system);
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	sem_post(&gate.go);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 0);
	assert_int_equal(f->m.host[disk->base + AT_STATUS], 0xff);
	assert_true(driver_status(disk) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(f->m.msi_n, 0); /* a message is a write to memory too */
	config_set(disk, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_int_equal(f->m.msi_n, 1);
	assert_int_equal(f->m.msi[0].data, 0x40); /* the configuration's vector */
	sem_post(&gate.go);
	driver_start(disk, FLUSH, true);
	expect(request(disk, VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK, 513);
	end_gated(f);
}

/* The same descriptors over and over: no more are taken than a driver can have. */
static void test_more_than_all_in_flight(void **state)
{
	struct block_system system;
	struct fixture *f = *state;
	struct disk *disk = &f->disk;

	start_gated(f, &system);
	for (unsigned n = 1; n < disk->size; n++)
		make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), disk->size);
	assert_int_equal(driver_status(disk), 0xf);
	make_available(disk, 0);
	ring(disk);
	machine_run(&f->m, NULL);
	assert_int_equal(block_in_flight(disk->block), disk->size);
	assert_int_equal(driver_status(disk), 0xf | VIRTIO_CONFIG_S_NEEDS_RESET);
	for (unsigned n = 0; n < disk->size; n++)
		sem_post(&gate.go);
	machine_run(&f->m, disk);
	assert_int_equal(used_idx(disk), 0);
	common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_int_equal(driver_status(disk), 0);
	end_gated(f);
}

/* A vCPU thread and the loop's thread at once: every request answered, with the right bytes. */
static void *run_loop(void *arg)
{
	struct machine *m = arg;

	return loop_run(&m->loop) ? m : NULL;
}

static uint16_t load16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void threaded_requests(struct disk *disk, unsigned rounds)
{
	enum { EACH = 4, LEN = 1024 };
	uint8_t *ram = disk->m->host + disk->base;

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < EACH; i++) {
			uint8_t *header = ram + AT_HEADER + 16 * i;
			uint64_t at = disk->base + AT_DATA + LEN * i;

			le32_put(header, VIRTIO_BLK_T_IN);
			le64_put(header + 8, (round + i) % 1000);
			ram[AT_STATUS + i] = 0xff;
			put_desc(disk, 3 * i, disk->base + AT_HEADER + 16 * i, 16,
				 VRING_DESC_F_NEXT, (uint16_t)(3 * i + 1));
			put_desc(disk, 3 * i + 1, at, LEN, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
				 (uint16_t)(3 * i + 2));
			put_desc(disk, 3 * i + 2, disk->base + AT_STATUS + i, 1, VRING_DESC_F_WRITE,
				 0);
			le16_put(ram + AT_AVAIL + 4 + 2 * (disk->avail % disk->size),
				 (uint16_t)(3 * i));
			disk->avail++;
			__atomic_store_n((uint16_t *)(void *)(ram + AT_AVAIL + 2), disk->avail,
					 __ATOMIC_RELEASE);
			ring(disk);
		}
		while (load16(ram + AT_USED + 2) != disk->avail)
			sched_yield();
		for (unsigned i = 0; i < EACH; i++) {
			assert_int_equal(ram[AT_STATUS + i], VIRTIO_BLK_S_OK);
			assert_int_equal(ram[AT_DATA + LEN * i],
					 disk_byte((round + i) % 1000 * 512));
			assert_int_equal(ram[AT_DATA + LEN * i + LEN - 1],
					 disk_byte((round + i) % 1000 * 512 + LEN - 1));
		}
	}
}

static void test_two_threads(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_AUTO, BLOCK_ENGINE_THREAD };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct disk *disk = &f->disk;
		pthread_t loop;
		void *failed;

		disk_init(disk, &f->m, 3, (struct block_options){ .engine = engines[i] });
		driver_start(disk, FLUSH, true);
		assert_int_equal(pthread_create(&loop, NULL, run_loop, &f->m), 0);
		threaded_requests(disk, 200);
		/* A driver's reset with something on the way, as often as it takes to hit it. */
		for (unsigned n = 0; n < 20; n++) {
			ring(disk);
			common_set(disk, VIRTIO_PCI_COMMON_STATUS, 0, 1);
			while (driver_status(disk) != 0)
				sched_yield();
			assert_true(driver_features(disk, FLUSH));
			driver_queue(disk, 16, 1);
			driver_ok(disk);
			threaded_requests(disk, 2);
		}
		loop_quit(&f->m.loop);
		pthread_join(loop, &failed);
		assert_null(failed);
		disk_destroy(disk);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_requests_on_every_engine),
		T(test_config_space),
		T(test_geometry),
		T(test_segments),
		T(test_out_of_range),
		T(test_readonly),
		T(test_any_layout),
		T(test_no_header),
		T(test_stable_without_flush),
		T(test_driver_reset_in_flight),
		T(test_driver_reset_abandons),
		T(test_machine_reset_in_flight),
		T(test_quiesce_keeps_the_queue),
		T(test_quiesce),
		T(test_master_lost_in_flight),
		T(test_more_than_all_in_flight),
		T(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
