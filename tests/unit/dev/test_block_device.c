// SPDX-License-Identifier: MIT
/*
 * The block back-end on block devices of the host's: loop devices, which only root can make. Each
 * test runs in a process of its own, so that what it mounts and attaches goes with it; that says by
 * its status what happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/block.h"

#define CANNOT    77 /* the child's status if this host lacks something */
#define DISK_SIZE (8 * 1024 * 1024)

/* Said by the child: which line, and what. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void cannot(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(CANNOT);
}

/* A file system of this size, seen by this process alone. */
static void mount_small(const char *folder, const char *size)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		cannot("no mounts of our own");
	if (mount("none", folder, "tmpfs", 0, size))
		cannot("tmpfs");
}

/* A loop device on a new sparse file. It goes when nobody has it open any more: *keep is that. */
static void make_loop(const char *file, unsigned sector, char path[32], int *keep)
{
	struct loop_config config = {
		.block_size = sector,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number;

	if (control < 0)
		cannot("/dev/loop-control");
	config.fd = (uint32_t)open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK((int)config.fd >= 0);
	CHECK(ftruncate((int)config.fd, DISK_SIZE) == 0);
	number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		cannot("no loop device is free");
	snprintf(path, 32, "/dev/loop%d", number);
	*keep = open(path, O_RDWR | O_CLOEXEC);
	if (*keep < 0 || ioctl(*keep, LOOP_CONFIGURE, &config))
		cannot(path);
	close((int)config.fd);
	close(control);
}

struct disk {
	struct loop loop;
	struct block *block;
	struct loop_task quit;
	int result;
};

static void quit(void *arg)
{
	struct disk *disk = arg;

	loop_quit(&disk->loop);
}

static void disk_open(struct disk *disk, const char *path, enum block_engine engine)
{
	struct block_options options = { .path = path, .engine = engine, .loop = &disk->loop };
	char why[BLOCK_WHY] = "";

	*disk = (struct disk){ .quit = { .run = quit, .arg = disk } };
	CHECK(loop_init(&disk->loop) == 0);
	if (block_open(&disk->block, &options, why))
		fprintf(stderr, "%s\n", why);
	CHECK(disk->block);
}

static void disk_close(struct disk *disk)
{
	block_close(disk->block);
	loop_destroy(&disk->loop);
}

static struct disk *waiting;

static void done(struct block_request *request, int result)
{
	waiting->result = result;
}

static int disk_run(struct disk *disk, struct block_request request)
{
	waiting = disk;
	request.done = done;
	block_submit(disk->block, &request);
	block_kick(disk->block);
	while (block_in_flight(disk->block) > 0) {
		loop_post(&disk->loop, &disk->quit);
		CHECK(loop_run(&disk->loop) == 0);
	}
	return disk->result;
}

static int disk_move(struct disk *disk, enum block_op op, uint64_t offset, void *bytes, size_t len)
{
	struct iovec iov = { bytes, len };

	return disk_run(disk, (struct block_request){
				      .op = op, .offset = offset, .iov = &iov, .iov_n = 1 });
}

static int disk_range(struct disk *disk, enum block_op op, uint64_t offset, uint64_t len)
{
	struct block_range range = { .offset = offset, .len = len };

	return disk_run(disk, (struct block_request){ .op = op, .range = &range, .range_n = 1 });
}

static void in_a_child(void (*child_main)(const char *folder))
{
	char folder[] = "/tmp/coalport-device-XXXXXX";
	char path[64];
	pid_t child;
	int status;

	assert_non_null(mkdtemp(folder));
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		child_main(folder);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(path, sizeof(path), "%s/file", folder);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(status, 0);
}

/* Writes go to the page cache, and only a flush finds that there is no room behind the device. */
static void full_store(const char *folder)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_AUTO, BLOCK_ENGINE_THREAD };
	static uint8_t bytes[1 << 20];
	char file[64], path[32];
	struct disk disk;
	int keep;

	mount_small(folder, "size=1m");
	snprintf(file, sizeof(file), "%s/file", folder);
	memset(bytes, 0xa5, sizeof(bytes));
	for (unsigned i = 0; i < 2; i++) {
		make_loop(file, 512, path, &keep);
		disk_open(&disk, path, engines[i]);
		for (uint64_t at = 0; at < DISK_SIZE; at += sizeof(bytes))
			CHECK(disk_move(&disk, BLOCK_WRITE, at, bytes, sizeof(bytes)) == 0);
		for (unsigned n = 0; n < 10; n++)
			CHECK(disk_run(&disk, (struct block_request){ .op = BLOCK_FLUSH }) < 0);
		disk_close(&disk);
		close(keep);
		unlink(file);
	}
}

static void test_full_store(void **state)
{
	in_a_child(full_store);
}

/* Sectors of 4 KiB: the device refuses anything else, the guest has sectors of 512 bytes. */
static void large_sectors(const char *folder)
{
	static const uint64_t ranges[][2] = {
		{ 8192, 8192 }, /* just right */
		{ 8192 + 512, 16384 }, /* parts of sectors at both ends */
		{ 8192 + 3584, 512 + 4096 }, /* at the start */
		{ 8192, 4096 + 512 }, /* at the end */
		{ 8192 + 512, 1024 }, /* inside of one */
		{ 8192 + 3584, 1024 }, /* of two, all of none */
		{ 0, DISK_SIZE }, /* more than a piece */
	};
	static uint8_t bytes[DISK_SIZE], back[DISK_SIZE];
	char file[64], path[32];
	struct disk disk;
	int keep;

	snprintf(file, sizeof(file), "%s/file", folder);
	make_loop(file, 4096, path, &keep);
	disk_open(&disk, path, BLOCK_ENGINE_AUTO);
	for (unsigned i = 0; i < 2 * sizeof(ranges) / sizeof(ranges[0]); i++) {
		enum block_op op = i % 2 ? BLOCK_ZERO : BLOCK_DISCARD;
		uint64_t offset = ranges[i / 2][0], len = ranges[i / 2][1];
		int err;

		memset(bytes, (int)(0x10 + i), sizeof(bytes));
		CHECK(disk_move(&disk, BLOCK_WRITE, 0, bytes, sizeof(bytes)) == 0);
		err = disk_range(&disk, op, offset, len);
		CHECK(err == 0 || (op == BLOCK_DISCARD && err == -EOPNOTSUPP));
		CHECK(disk_move(&disk, BLOCK_READ, 0, back, sizeof(back)) == 0);
		/* What was discarded may be anything. */
		if (op == BLOCK_DISCARD)
			memset(back + offset, 0, len);
		memset(bytes + offset, 0, len);
		CHECK(memcmp(bytes, back, sizeof(bytes)) == 0);
	}
	disk_close(&disk);
	close(keep);
}

static void test_large_sectors(void **state)
{
	in_a_child(large_sectors);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_store),
		cmocka_unit_test(test_large_sectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
