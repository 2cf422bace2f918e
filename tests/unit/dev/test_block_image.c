// SPDX-License-Identifier: MIT
/*
 * Images of other formats, by qemu-storage-daemon and qemu-img, which make and read them: skipped where
 * these are missing. What has to be refused without them is tested everywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/block.h"
#include "dev/block_image.h"

#define SIZE (256 * 1024)

struct fixture {
	char folder[64];
	char path[96]; /* with a comma in it */
	struct loop loop;
	bool daemon; /* there is one that serves */
};

struct op {
	struct block_request request;
	struct loop *loop;
	int result;
};

static int in_shell(const struct fixture *f, const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s", f->folder, command);
	return system(line);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->folder, "/tmp/coalport-image-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/a,b", f->folder);
	assert_int_equal(loop_init(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_destroy(&f->loop);
	assert_int_equal(in_shell(f, "rm -f a,b back && rmdir $PWD"), 0);
	free(f);
	return 0;
}

static void need_daemon(void)
{
	if (system("command -v qemu-storage-daemon >/dev/null && command -v qemu-img >/dev/null")) {
		print_message("qemu-storage-daemon or qemu-img is not installed\n");
		skip();
	}
}

static int try_open(struct fixture *f, struct block **block, const char *format, bool readonly,
		    char why[BLOCK_WHY])
{
	const struct block_options options = {
		.path = f->path,
		.format = format,
		.readonly = readonly,
		.loop = &f->loop,
	};

	why[0] = '\0';
	return block_open(block, &options, why);
}

static struct block *open_as(struct fixture *f, const char *format, bool readonly)
{
	struct block *block;
	char why[BLOCK_WHY];

	if (try_open(f, &block, format, readonly, why))
		fail_msg("%s", why);
	assert_int_equal(block_size(block), SIZE);
	return block;
}

static void ended(struct block_request *request, int result)
{
	struct op *op = (struct op *)(void *)request;

	op->result = result;
	loop_quit(op->loop);
}

static int run_op(struct fixture *f, struct block *block, struct op *op)
{
	op->request.done = ended;
	op->loop = &f->loop;
	op->result = 1;
	block_submit(block, &op->request);
	block_kick(block);
	if (op->result == 1)
		assert_int_equal(loop_run(&f->loop), 0);
	return op->result;
}

static int transfer(struct fixture *f, struct block *block, enum block_op what, uint8_t *bytes,
		    size_t len, uint64_t offset)
{
	/* In three parts, of which one is empty. */
	struct iovec iov[] = { { bytes, 512 }, { bytes, 0 }, { bytes + 512, len - 512 } };
	struct op op = { .request = { .op = what, .iov = iov, .iov_n = 3, .offset = offset } };

	return run_op(f, block, &op);
}

static void fill(uint8_t *bytes, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

/* A short qcow2 whose lower half, and nothing else, comes from a raw image beneath. */
static void make_overlay(struct fixture *f)
{
	assert_int_equal(in_shell(f, "printf 'beneath%.0s' $(seq 20000) | head -c 131072 >back && "
				     "qemu-img create -q -f qcow2 -F raw -b back a,b 256K"),
			 0);
}

static void test_backing_file(void **state)
{
	struct fixture *f = *state;
	uint8_t wrote[4096], got[4096];
	struct block *block;

	need_daemon();
	make_overlay(f);
	fill(wrote, sizeof(wrote), 1);
	block = open_as(f, "qcow2", false);
	assert_int_equal(transfer(f, block, BLOCK_READ, got, sizeof(got), 7 * 512), 0);
	assert_memory_equal(got, "beneath", 7);
	assert_int_equal(transfer(f, block, BLOCK_WRITE, wrote, sizeof(wrote), 7 * 512), 0);
	assert_int_equal(transfer(f, block, BLOCK_READ, got, sizeof(got), 7 * 512), 0);
	assert_memory_equal(got, wrote, sizeof(got));
	assert_string_equal(block_engine_name(block), "thread");
	block_close(block);
	/* What is beneath is as it was; QEMU's own tool finds the overlay sound. */
	assert_int_equal(in_shell(f, "cmp -n 7 -i 3584:0 back /dev/stdin <<-X\n\tbeneath\n\tX"), 0);
	assert_int_equal(in_shell(f, "qemu-img check -q a,b"), 0);
	block = open_as(f, "qcow2", true);
	assert_int_equal(transfer(f, block, BLOCK_READ, got, sizeof(got), 7 * 512), 0);
	assert_memory_equal(got, wrote, sizeof(got));
	block_close(block);
}

static void test_ranges(void **state)
{
	struct fixture *f = *state;
	struct block_range ranges[] = { { 0, 65536, true }, { 131072, 512, false } };
	struct op op = { .request = { .op = BLOCK_ZERO, .range = ranges, .range_n = 2 } };
	uint8_t bytes[1024];
	struct block *block;

	need_daemon();
	assert_int_equal(in_shell(f, "qemu-img create -q -f qcow2 a,b 256K"), 0);
	block = open_as(f, "qcow2", false);
	for (uint64_t at = 0; at <= 131072; at += 131072) {
		memset(bytes, 0xaa, sizeof(bytes));
		assert_int_equal(transfer(f, block, BLOCK_WRITE, bytes, sizeof(bytes), at), 0);
	}
	assert_int_equal(run_op(f, block, &op), 0);
	assert_int_equal(transfer(f, block, BLOCK_READ, bytes, sizeof(bytes), 0), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(transfer(f, block, BLOCK_READ, bytes, sizeof(bytes), 131072), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i < 512 ? 0 : 0xaa);
	block_close(block);
}

static void test_each_format(void **state)
{
	static const char *const formats[] = { "qcow2", "vmdk", "vdi", "vpc", "vhdx", "qed" };
	struct fixture *f = *state;
	uint8_t bytes[512] = { 1 };

	need_daemon();
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct block *block;
		char command[128], why[BLOCK_WHY];

		snprintf(command, sizeof(command),
			 "rm -f a,b; qemu-img create -q -f %s %s a,b 256K", formats[i],
			 strcmp(formats[i], "vpc") ? "" : "-o force_size=on");
		assert_int_equal(in_shell(f, command), 0);
		/* Not said: refused, and by its name. */
		assert_int_equal(try_open(f, &block, NULL, false, why), -EINVAL);
		assert_non_null(strstr(why, formats[i]));
		block = open_as(f, formats[i], false);
		assert_int_equal(transfer(f, block, BLOCK_READ, bytes, sizeof(bytes), 1024), 0);
		assert_int_equal(bytes[0], 0);
		block_close(block);
	}
}

/* One line that names the file; and nobody is left who serves it. */
static void refused(struct fixture *f, const char *format, bool readonly, int wanted,
		    const char *words)
{
	struct block *block;
	char why[BLOCK_WHY];
	int err = try_open(f, &block, format, readonly, why);

	if (wanted)
		assert_int_equal(err, wanted);
	assert_true(err < 0);
	assert_non_null(strstr(why, "a,b"));
	assert_non_null(strstr(why, words));
	assert_null(strchr(why, '\n'));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), f->daemon ? 0 : -1);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct block *block;

	need_daemon();
	refused(f, "qcow2", false, -ENOENT, "No such file");
	assert_int_equal(in_shell(f, "head -c 65536 /dev/zero >a,b"), 0);
	refused(f, "qcow2", false, 0, "not in qcow2 format");
	assert_int_equal(in_shell(f, "rm a,b; qemu-img create -q -f qcow2 a,b 256K"), 0);
	block = open_as(f, "qcow2", false);
	f->daemon = true;
	refused(f, "qcow2", false, 0, "locked");
	refused(f, "qcow2", true, 0, "locked");
	block_close(block);
	f->daemon = false;
	assert_int_equal(in_shell(f, "rm a,b; mkfifo a,b"), 0);
	refused(f, "qcow2", false, -ENOTSUP, "neither a regular file");
}

static void test_no_daemon(void **state)
{
	struct fixture *f = *state;
	char path[1024];

	snprintf(path, sizeof(path), "%s", getenv("PATH"));
	assert_int_equal(in_shell(f, "head -c 65536 /dev/zero >a,b"), 0);
	setenv("PATH", "/nowhere", 1);
	refused(f, "qcow2", false, -ENOENT, "install the package qemu-system-common");
	setenv("PATH", path, 1);
}

/* What a guest was told is on the disk is there after kill -9, and the image can be used again. */
static void test_killed(void **state)
{
	struct fixture *f = *state;
	uint8_t wrote[4096], got[4096];
	struct block *block;
	char why[BLOCK_WHY];
	pid_t between;
	int tries = 0;

	need_daemon();
	make_overlay(f);
	fill(wrote, sizeof(wrote), 2);
	between = fork();
	assert_true(between >= 0);
	if (!between) {
		struct op flush = { .request = { .op = BLOCK_FLUSH } };

		block = open_as(f, "qcow2", false);
		if (!transfer(f, block, BLOCK_WRITE, wrote, sizeof(wrote), 4096) &&
		    !run_op(f, block, &flush))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(between, &tries, 0), between);
	assert_true(WIFSIGNALED(tries));
	/* The daemon ends by itself, and its lock with it. */
	for (tries = 0; try_open(f, &block, "qcow2", false, why) && tries < 1000; tries++)
		usleep(10000);
	assert_true(tries < 1000);
	assert_int_equal(transfer(f, block, BLOCK_READ, got, sizeof(got), 4096), 0);
	assert_memory_equal(got, wrote, sizeof(got));
	block_close(block);
}

/* The daemon is gone while the guest runs: its disk has errors, and nothing hangs or crashes. */
static void test_daemon_dies(void **state)
{
	struct fixture *f = *state;
	struct op flush = { .request = { .op = BLOCK_FLUSH } };
	uint8_t bytes[1024];
	struct block *block;
	char command[64];

	need_daemon();
	make_overlay(f);
	block = open_as(f, "qcow2", false);
	snprintf(command, sizeof(command), "pkill -KILL -P %d qemu-storage", (int)getpid());
	assert_int_equal(system(command), 0);
	assert_int_equal(transfer(f, block, BLOCK_WRITE, bytes, sizeof(bytes), 0), -EIO);
	assert_int_equal(transfer(f, block, BLOCK_READ, bytes, sizeof(bytes), 0), -EIO);
	assert_int_equal(run_op(f, block, &flush), -EIO);
	block_close(block);
}

static void test_looks(void **state)
{
	struct fixture *f = *state;
	struct block *block;
	char why[BLOCK_WHY];

	/* A guest wrote another format's beginning into its raw disk. */
	assert_int_equal(in_shell(f, "{ printf 'QFI\\373'; head -c 65532 /dev/zero; } >a,b"), 0);
	refused(f, NULL, false, -EINVAL, "say format=qcow2, or format=raw");
	assert_int_equal(try_open(f, &block, "raw", false, why), 0);
	block_close(block);
	/* A VHD of fixed size has its mark at the end. */
	assert_int_equal(in_shell(f, "{ head -c 65536 /dev/zero; printf conectix; "
				     "head -c 504 /dev/zero; } >a,b"),
			 0);
	refused(f, NULL, false, -EINVAL, "vpc");
	assert_int_equal(in_shell(f, "head -c 65536 /dev/zero >a,b"), 0);
	assert_int_equal(try_open(f, &block, NULL, false, why), 0);
	block_close(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_backing_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_format, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_looks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
