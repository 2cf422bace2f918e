// SPDX-License-Identifier: MIT
/* The block back-end on real files, with each of its engines, and on a host that misbehaves. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/block.h"

#define DISK_SIZE (1024 * 1024)

static const struct {
	enum block_engine engine;
	bool refuse; /* io_uring */
	const char *name;
} engines[] = {
	{ BLOCK_ENGINE_AUTO, false, "io_uring" },
	{ BLOCK_ENGINE_AUTO, true, "thread" },
	{ BLOCK_ENGINE_THREAD, false, "thread" },
	{ BLOCK_ENGINE_SYNC, false, "sync" },
};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

struct fixture {
	char folder[64];
	char path[96];
	struct loop loop;
	uint8_t bytes[DISK_SIZE]; /* what the image holds */
};

static void make_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void check_file(const char *path, const void *bytes, size_t len)
{
	uint8_t *got = malloc(len + 1);
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_non_null(got);
	assert_int_equal(fread(got, 1, len + 1, file), len);
	assert_memory_equal(got, bytes, len);
	fclose(file);
	free(got);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint32_t random = 1;

	if (!f)
		return -1;
	strcpy(f->folder, "/tmp/coalport-block-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(chmod(f->folder, 0755), 0);
	snprintf(f->path, sizeof(f->path), "%s/disk", f->folder);
	for (size_t i = 0; i < DISK_SIZE; i++) {
		random = random * 1664525 + 1013904223;
		f->bytes[i] = (uint8_t)(random >> 24);
	}
	make_file(f->path, f->bytes, DISK_SIZE);
	assert_int_equal(loop_init(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_destroy(&f->loop);
	unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int refuse_uring(const struct block_file *file, unsigned entries, struct io_uring *ring)
{
	return -EPERM;
}

static struct block *open_with(struct fixture *f, size_t engine, struct block_system *system)
{
	struct block_options options = {
		.path = f->path,
		.engine = engines[engine].engine,
		.loop = &f->loop,
		.system = system,
	};
	char why[BLOCK_WHY] = "";
	struct block *block;

	if (engines[engine].refuse)
		system->uring = refuse_uring;
	assert_int_equal(block_open(&block, &options, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(block_size(block), DISK_SIZE);
	return block;
}

struct op {
	struct block_request request;
	struct fixture *f;
	unsigned *left; /* the loop ends at 0 */
	int result;
	bool is_done;
	struct iovec iov[8];
};

static void op_done(struct block_request *request, int result)
{
	struct op *op = (struct op *)(void *)request;

	assert_false(op->is_done);
	op->is_done = true;
	op->result = result;
	if (--*op->left == 0)
		loop_quit(&op->f->loop);
}

static void submit(struct fixture *f, struct block *block, struct op *op, unsigned *left)
{
	op->request.done = op_done;
	op->f = f;
	op->left = left;
	op->is_done = false;
	(*left)++;
	block_submit(block, &op->request);
}

static int run_one(struct fixture *f, struct block *block, struct op *op)
{
	unsigned left = 0;

	submit(f, block, op, &left);
	assert_false(op->is_done);
	assert_int_equal(block_in_flight(block), 1);
	block_kick(block);
	assert_int_equal(loop_run(&f->loop), 0);
	assert_true(op->is_done);
	assert_int_equal(block_in_flight(block), 0);
	return op->result;
}

static struct op transfer(enum block_op kind, uint64_t offset, void *bytes, size_t len)
{
	/* In three uneven pieces, one of them empty. */
	struct op op = { .request = { .op = kind, .offset = offset } };

	op.iov[0] = (struct iovec){ bytes, 100 };
	op.iov[1] = (struct iovec){ bytes, 0 };
	op.iov[2] = (struct iovec){ (uint8_t *)bytes + 100, len - 100 };
	return op;
}

static int run_transfer(struct fixture *f, struct block *block, struct op op)
{
	op.request.iov = op.iov;
	op.request.iov_n = 3;
	return run_one(f, block, &op);
}

static int run_plain(struct fixture *f, struct block *block, enum block_op kind, uint64_t offset,
		     uint64_t len, bool unmap)
{
	struct block_range range = { .offset = offset, .len = len, .unmap = unmap };
	struct op op = { .request = { .op = kind } };

	if (kind != BLOCK_FLUSH) {
		op.request.range = &range;
		op.request.range_n = 1;
	}

	return run_one(f, block, &op);
}

static void test_all_operations(void **state)
{
	static uint8_t buffer[65536];

	for (size_t i = 0; i < ENGINES; i++) {
		struct fixture *f = *state;
		struct block_system system = block_host;
		struct block *block = open_with(f, i, &system);

		if (engines[i].engine != BLOCK_ENGINE_SYNC)
			assert_string_equal(block_engine_name(block), "idle");
		assert_int_equal(
			run_transfer(f, block, transfer(BLOCK_READ, 512, buffer, sizeof(buffer))),
			0);
		assert_memory_equal(buffer, f->bytes + 512, sizeof(buffer));
		if (strcmp(block_engine_name(block), engines[i].name) != 0)
			print_message("%s instead of %s: refused by this host\n",
				      block_engine_name(block), engines[i].name);

		memset(buffer, (int)(0x40 + i), sizeof(buffer));
		memset(f->bytes + 4096, (int)(0x40 + i), sizeof(buffer));
		assert_int_equal(
			run_transfer(f, block, transfer(BLOCK_WRITE, 4096, buffer, sizeof(buffer))),
			0);
		assert_int_equal(run_plain(f, block, BLOCK_FLUSH, 0, 0, false), 0);
		check_file(f->path, f->bytes, DISK_SIZE);

		/* The last sector, and the whole disk's bounds. */
		assert_int_equal(
			run_transfer(f, block, transfer(BLOCK_READ, DISK_SIZE - 512, buffer, 512)),
			0);
		assert_memory_equal(buffer, f->bytes + DISK_SIZE - 512, 512);

		memset(f->bytes + 8192, 0, 4096 + 512);
		assert_int_equal(run_plain(f, block, BLOCK_ZERO, 8192, 4096 + 512, false), 0);
		memset(f->bytes + 65536, 0, 8192);
		assert_int_equal(run_plain(f, block, BLOCK_ZERO, 65536, 8192, true), 0);
		check_file(f->path, f->bytes, DISK_SIZE);
		block_close(block);
	}
}

/* A file system that cannot zero a range (tmpfs): zeroes are written. */
static void test_zeroes_by_writing(void **state)
{
	const uint64_t offset = 512, len = 3 * 262144 + 1024; /* more than one write takes */
	struct fixture *f = *state;
	struct block_options options = { .path = "/dev/shm/coalport-test-disk", .loop = &f->loop };
	char why[BLOCK_WHY] = "";
	struct block *block;

	if (access("/dev/shm", W_OK) < 0)
		skip();
	make_file(options.path, f->bytes, DISK_SIZE);
	assert_int_equal(block_open(&block, &options, why), 0);
	assert_int_equal(run_plain(f, block, BLOCK_ZERO, offset, len, false), 0);
	memset(f->bytes + offset, 0, len);
	check_file(options.path, f->bytes, DISK_SIZE);
	block_close(block);
	unlink(options.path);
}

static void test_discard_gives_room_back(void **state)
{
	struct fixture *f = *state;
	struct block_system system = block_host;
	struct block *block = open_with(f, 0, &system);
	struct stat before, after;
	int err;

	assert_int_equal(run_plain(f, block, BLOCK_FLUSH, 0, 0, false), 0);
	assert_int_equal(stat(f->path, &before), 0);
	err = run_plain(f, block, BLOCK_DISCARD, 65536, 524288, false);
	if (err == -EOPNOTSUPP) {
		block_close(block);
		print_message("the file system here cannot discard\n");
		skip();
	}
	assert_int_equal(err, 0);
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(after.st_size, DISK_SIZE);
	assert_true(after.st_blocks <= before.st_blocks - 524288 / 512);
	block_close(block);
}

static void test_many_at_once(void **state)
{
	enum { N = 300, LEN = 2048 }; /* more than the ring holds */
	static struct op ops[N];
	static uint8_t buffers[N][LEN];

	for (size_t i = 0; i < ENGINES; i++) {
		struct fixture *f = *state;
		struct block_system system = block_host;
		struct block *block = open_with(f, i, &system);
		unsigned left = 0;

		for (size_t n = 0; n < N; n++) {
			ops[n] = transfer(BLOCK_READ, n * LEN, buffers[n], LEN);
			ops[n].request.iov = ops[n].iov;
			ops[n].request.iov_n = 3;
			submit(f, block, &ops[n], &left);
		}
		assert_int_equal(block_in_flight(block), N);
		block_kick(block);
		assert_int_equal(loop_run(&f->loop), 0);
		for (size_t n = 0; n < N; n++) {
			assert_true(ops[n].is_done);
			assert_int_equal(ops[n].result, 0);
			assert_memory_equal(buffers[n], f->bytes + n * LEN, LEN);
		}
		block_close(block);
	}
}

/* The file is cut short while it is open: an error, not invented bytes. */
static void test_file_cut_short(void **state)
{
	static uint8_t buffer[8192];
	static struct op op;

	for (size_t i = 0; i < ENGINES; i++) {
		struct fixture *f = *state;
		struct block_system system = block_host;
		struct block *block = open_with(f, i, &system);

		assert_int_equal(truncate(f->path, 4096), 0);
		op = transfer(BLOCK_READ, 0, buffer, sizeof(buffer));
		assert_int_equal(run_transfer(f, block, op), -EIO);
		op = transfer(BLOCK_READ, 8192, buffer, sizeof(buffer));
		assert_int_equal(run_transfer(f, block, op), -EIO);
		block_close(block);
		make_file(f->path, f->bytes, DISK_SIZE);
	}
}

/* A host that is interrupted all the time and moves at most 1000 bytes in one call. */
static unsigned awkward_calls;

static unsigned cut(const struct iovec *iov, unsigned iov_n, struct iovec out[8])
{
	size_t left = 1000;
	unsigned n = 0;

	for (; n < iov_n && n < 8 && left > 0; n++) {
		out[n] = iov[n];
		if (out[n].iov_len > left)
			out[n].iov_len = left;
		left -= out[n].iov_len;
	}
	return n;
}

static ssize_t awkward_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			    uint64_t offset)
{
	struct iovec some[8];

	if (awkward_calls++ % 2)
		return -EINTR;
	iov_n = cut(iov, iov_n, some);
	return block_host.read(file, some, iov_n, offset);
}

static ssize_t awkward_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			     uint64_t offset)
{
	struct iovec some[8];

	if (awkward_calls++ % 2)
		return -EINTR;
	iov_n = cut(iov, iov_n, some);
	return block_host.write(file, some, iov_n, offset);
}

static void test_short_and_interrupted(void **state)
{
	static uint8_t buffer[65536];

	for (size_t i = 1; i < ENGINES; i++) {
		struct fixture *f = *state;
		struct block_system system = block_host;
		struct block *block;

		system.read = awkward_read;
		system.write = awkward_write;
		block = open_with(f, i, &system);
		awkward_calls = 0;
		assert_int_equal(
			run_transfer(f, block, transfer(BLOCK_READ, 1024, buffer, sizeof(buffer))),
			0);
		assert_memory_equal(buffer, f->bytes + 1024, sizeof(buffer));
		memset(buffer, (int)i, sizeof(buffer));
		memset(f->bytes + 2048, (int)i, sizeof(buffer));
		assert_int_equal(
			run_transfer(f, block, transfer(BLOCK_WRITE, 2048, buffer, sizeof(buffer))),
			0);
		assert_true(awkward_calls > 2 * 2 * sizeof(buffer) / 1000);
		check_file(f->path, f->bytes, DISK_SIZE);
		block_close(block);
	}
}

static int no_room(const struct block_file *file)
{
	return -ENOSPC;
}

static int cannot(const struct block_file *file, uint64_t offset, uint64_t len)
{
	return -EOPNOTSUPP;
}

static void test_host_errors_arrive(void **state)
{
	struct fixture *f = *state;
	struct block_system system = block_host;
	struct block *block;

	system.flush = no_room;
	system.discard = cannot;
	block = open_with(f, 1, &system);
	assert_int_equal(run_plain(f, block, BLOCK_FLUSH, 0, 0, false), -ENOSPC);
	assert_int_equal(run_plain(f, block, BLOCK_DISCARD, 0, 4096, false), -EOPNOTSUPP);
	block_close(block);
	check_file(f->path, f->bytes, DISK_SIZE);
}

static void expect_refused(const char *path, bool readonly, int err, const char *text)
{
	struct block_options options = { .path = path, .readonly = readonly };
	char why[BLOCK_WHY] = "";
	struct block *block = NULL;

	assert_int_equal(block_open(&block, &options, why), err);
	assert_null(block);
	if (strncmp(why, path, strlen(path)) != 0 || !strstr(why, text) || strchr(why, '\n'))
		fail_msg("message: %s", why);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	char path[96];

	expect_refused("/nonexistent/disk", false, -ENOENT, ": No such file or directory");
	expect_refused(f->folder, false, -EISDIR, "is a directory");
	expect_refused("/dev/null", false, -ENOTSUP, "neither a regular file nor a block device");
	snprintf(path, sizeof(path), "%s/fifo", f->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(path, true, -ENOTSUP, "neither a regular file nor a block device");
	unlink(path);
	snprintf(path, sizeof(path), "%s/short", f->folder);
	make_file(path, "", 0);
	expect_refused(path, false, -EINVAL, "empty");
	make_file(path, f->bytes, 1000);
	expect_refused(path, false, -EINVAL, "1000 bytes is not a multiple of 512");
	check_file(path, f->bytes, 1000);
	unlink(path);
}

/* Root may open anything, so somebody else asks. */
static void test_readonly_file(void **state)
{
	struct fixture *f = *state;
	struct block_options options = { .path = f->path, .readonly = true };
	char why[BLOCK_WHY] = "";
	struct block *block;
	uid_t me = geteuid();

	assert_int_equal(chmod(f->path, 0444), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	expect_refused(f->path, false, -EACCES, "Permission denied for writing (readonly=on");
	assert_int_equal(block_open(&block, &options, why), 0);
	assert_true(block_readonly(block));
	if (me == 0)
		assert_int_equal(seteuid(0), 0);
	block_close(block);
}

static void test_locked(void **state)
{
	struct fixture *f = *state;
	struct block_options rw = { .path = f->path };
	struct block_options ro = { .path = f->path, .readonly = true };
	char why[BLOCK_WHY] = "";
	struct block *first, *second;

	/* Two writers; the locks belong to the open files, so one process is enough to see it. */
	assert_int_equal(block_open(&first, &rw, why), 0);
	expect_refused(f->path, false, -EAGAIN, "locked by another process");
	expect_refused(f->path, true, -EAGAIN, "locked by another process");
	block_close(first);
	/* Readers share, a writer waits for none of them. */
	assert_int_equal(block_open(&first, &ro, why), 0);
	assert_int_equal(block_open(&second, &ro, why), 0);
	expect_refused(f->path, false, -EAGAIN, "locked by another process");
	block_close(second);
	block_close(first);
	assert_int_equal(block_open(&first, &rw, why), 0);
	block_close(first);
	check_file(f->path, f->bytes, DISK_SIZE);
}

/* What is open in another process for writing stays locked when that process opens it again. */
static void test_locked_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct block_options rw = { .path = f->path };
	int ready[2], leave[2], status;
	char byte = 0;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(leave), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char why[BLOCK_WHY];
		struct block *block;
		int err = block_open(&block, &rw, why), again = open(f->path, O_RDONLY);

		close(again);
		if (write(ready[1], &byte, 1) != 1 || read(leave[0], &byte, 1) != 1)
			_exit(2);
		_exit(err ? 1 : 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	expect_refused(f->path, false, -EAGAIN, "locked by another process");
	assert_int_equal(write(leave[1], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(leave[i]);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_all_operations),          T(test_zeroes_by_writing),
		T(test_discard_gives_room_back), T(test_many_at_once),
		T(test_file_cut_short),          T(test_short_and_interrupted),
		T(test_host_errors_arrive),      T(test_refused),
		T(test_readonly_file),           T(test_locked),
		T(test_locked_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
