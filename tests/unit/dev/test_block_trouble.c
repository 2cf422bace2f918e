// SPDX-License-Identifier: MIT
/*
 * The block back-end where the host is slow, short of something or broken, and where the requests
 * are more than anybody should wait for.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/block.h"

#define DISK_SIZE (UINT64_C(1) << 30) /* sparse */
#define MIB       (UINT64_C(1) << 20)
#define MANY      300

/* A host that counts, fails and waits as it is told; otherwise it does what was asked. */
struct host {
	struct block_system system;
	pthread_mutex_t lock; /* the counts */
	unsigned reads, writes, flushes, submits;
	uint64_t longest; /* bytes of a read */
	int flush_result, io_result; /* 0: as the host has it */
	int submit_result; /* 1: as the host has it */
	unsigned submit_fails; /* so often */
	bool gated;
	sem_t entered, go; /* gated: each read and flush */
};
static struct host host;

struct fixture {
	char path[64];
	struct loop loop;
	struct loop_task quit;
	struct block *block;
};

struct op {
	struct block_request request;
	struct fixture *f;
	struct iovec iov[4];
	struct block_range range;
	unsigned calls;
	int result;
	unsigned order; /* among those done */
};
static unsigned done_n;

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		;
}

static void pass_gate(void)
{
	if (!host.gated)
		return;
	sem_post(&host.entered);
	wait_for(&host.go);
}

static void count(unsigned *counter)
{
	pthread_mutex_lock(&host.lock);
	*counter += 1;
	pthread_mutex_unlock(&host.lock);
}

static ssize_t host_read(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset)
{
	uint64_t len = 0;

	count(&host.reads);
	for (unsigned i = 0; i < iov_n; i++)
		len += iov[i].iov_len;
	pthread_mutex_lock(&host.lock);
	if (len > host.longest)
		host.longest = len;
	pthread_mutex_unlock(&host.lock);
	pass_gate();
	return host.io_result ? host.io_result : block_host.read(file, iov, iov_n, offset);
}

static ssize_t host_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	count(&host.writes);
	return host.io_result ? host.io_result : block_host.write(file, iov, iov_n, offset);
}

static int host_flush(const struct block_file *file)
{
	count(&host.flushes);
	pass_gate();
	return host.flush_result;
}

static int host_submit(const struct block_file *file, struct io_uring *ring)
{
	host.submits++;
	if (host.submit_result <= 0 && host.submit_fails > 0) {
		host.submit_fails--;
		return host.submit_result;
	}
	return block_host.submit(file, ring);
}

static void quit(void *arg)
{
	struct fixture *f = arg;

	loop_quit(&f->loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	assert_non_null(f);
	strcpy(f->path, "/tmp/coalport-trouble-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)DISK_SIZE), 0);
	close(fd);
	assert_int_equal(loop_init(&f->loop), 0);
	f->quit = (struct loop_task){ .run = quit, .arg = f };
	memset(&host, 0, sizeof(host));
	host.system = block_host;
	host.system.read = host_read;
	host.system.write = host_write;
	host.system.flush = host_flush;
	host.system.submit = host_submit;
	host.submit_result = 1;
	host.submit_fails = UINT_MAX;
	pthread_mutex_init(&host.lock, NULL);
	sem_init(&host.entered, 0, 0);
	sem_init(&host.go, 0, 0);
	done_n = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	block_close(f->block);
	loop_destroy(&f->loop);
	unlink(f->path);
	sem_destroy(&host.entered);
	sem_destroy(&host.go);
	pthread_mutex_destroy(&host.lock);
	free(f);
	return 0;
}

static void open_block(struct fixture *f, enum block_engine engine)
{
	struct block_options options = {
		.path = f->path,
		.id = "drive",
		.engine = engine,
		.loop = &f->loop,
		.system = &host.system,
	};
	char why[BLOCK_WHY];

	block_close(f->block);
	assert_int_equal(block_open(&f->block, &options, why), 0);
}

static void op_done(struct block_request *request, int result)
{
	struct op *op = (struct op *)(void *)request;

	op->calls++;
	op->result = result;
	op->order = ++done_n;
}

static void submit(struct fixture *f, struct op *op, enum block_op kind, uint64_t offset, void *to,
		   size_t len)
{
	*op = (struct op){ .request = { .op = kind, .offset = offset }, .f = f };
	op->request.done = op_done;
	if (kind == BLOCK_READ || kind == BLOCK_WRITE) {
		op->iov[0] = (struct iovec){ to, len };
		op->request.iov = op->iov;
		op->request.iov_n = 1;
	}
	block_submit(f->block, &op->request);
}

/* A turn of the loop, with whatever is ready in it. */
static void turn(struct fixture *f)
{
	loop_post(&f->loop, &f->quit);
	assert_int_equal(loop_run(&f->loop), 0);
}

static void run_all(struct fixture *f)
{
	block_kick(f->block);
	while (block_in_flight(f->block) > 0)
		turn(f);
}

static int flush(struct fixture *f)
{
	struct op op;

	submit(f, &op, BLOCK_FLUSH, 0, NULL, 0);
	run_all(f);
	assert_int_equal(op.calls, 1);
	return op.result;
}

static int write_one(struct fixture *f, bool stable)
{
	static uint8_t bytes[4096];
	struct op op;

	submit(f, &op, BLOCK_WRITE, 0, bytes, sizeof(bytes));
	op.request.stable = stable;
	run_all(f);
	assert_int_equal(op.calls, 1);
	return op.result;
}

static void test_failed_flush_is_remembered(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_THREAD, BLOCK_ENGINE_SYNC };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		open_block(f, engines[i % 2]);
		host.flushes = 0;
		assert_int_equal(flush(f), 0);
		assert_int_equal(write_one(f, true), 0);
		assert_int_equal(host.flushes, 2);
		host.flush_result = -ENOSPC;
		assert_int_equal(i < 2 ? flush(f) : write_one(f, true), -ENOSPC);
		/* As Linux has it: said once, and forgotten. */
		host.flush_result = 0;
		assert_int_equal(flush(f), -ENOSPC);
		assert_int_equal(write_one(f, true), -ENOSPC);
		assert_int_equal(flush(f), -ENOSPC);
		assert_int_equal(write_one(f, false), 0);
	}
}

/* Those that came while the file is flushed share the next one, which a failure spares. */
static void test_flushes_share(void **state)
{
	struct fixture *f = *state;
	struct op first, more[3];

	for (unsigned fails = 0; fails < 2; fails++) {
		open_block(f, BLOCK_ENGINE_THREAD);
		host.gated = true;
		host.flushes = 0;
		host.flush_result = fails ? -EIO : 0;
		submit(f, &first, BLOCK_FLUSH, 0, NULL, 0);
		block_kick(f->block);
		wait_for(&host.entered);
		for (unsigned i = 0; i < 3; i++) {
			submit(f, &more[i], BLOCK_FLUSH, 0, NULL, 0);
			block_kick(f->block);
		}
		sem_post(&host.go);
		sem_post(&host.go);
		run_all(f);
		assert_int_equal(first.result, host.flush_result);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(more[i].result, host.flush_result);
		assert_int_equal(host.flushes, fails ? 1 : 2);
		host.gated = false;
	}
}

static struct block_error told[8];
static unsigned told_n;

static void tell(void *arg, const struct block_error *error)
{
	assert_ptr_equal(arg, &host);
	assert_true(told_n < 8);
	told[told_n++] = *error;
}

static void test_errors_are_told(void **state)
{
	static uint8_t bytes[512];
	struct fixture *f = *state;
	struct op ops[8];

	told_n = 0;
	open_block(f, BLOCK_ENGINE_THREAD);
	block_set_error(f->block, tell, &host);
	host.io_result = -EIO;
	host.flush_result = -ENOSPC;
	for (unsigned i = 0; i < 6; i++)
		submit(f, &ops[i], i % 2 ? BLOCK_READ : BLOCK_WRITE, 0, bytes, sizeof(bytes));
	run_all(f);
	assert_int_equal(flush(f), -ENOSPC);
	assert_int_equal(flush(f), -ENOSPC);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(ops[i].result, -EIO);
	/* One for each operation: the others came within a second (or the machine is very slow). */
	assert_in_range(told_n, 3, 8);
	assert_string_equal(told[0].id, "drive");
	assert_int_equal(told[0].op, BLOCK_WRITE);
	assert_int_equal(told[0].error, EIO);
	assert_int_equal(told[told_n - 1].op, BLOCK_FLUSH);
	assert_int_equal(told[told_n - 1].error, ENOSPC);
}

static void wait_until_kept(struct fixture *f)
{
	while (block_status(f->block) == BLOCK_OK)
		turn(f);
}

static void stop_and_go(struct fixture *f)
{
	block_pause(f->block);
	block_resume(f->block);
}

/* Kept until the block is resumed, then begun again; how often does not matter. */
static void test_kept_requests(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_THREAD, BLOCK_ENGINE_SYNC };
	static uint8_t bytes[4][4096], back[4][4096];
	static struct op ops[5];
	struct fixture *f = *state;

	for (unsigned e = 0; e < 2; e++) {
		open_block(f, engines[e]);
		block_set_policy(f->block, (struct block_policy){ 0 });
		block_set_error(f->block, tell, &host);
		told_n = 0;
		host.io_result = -ENOSPC;
		for (unsigned i = 0; i < 4; i++) {
			memset(bytes[i], (int)(e * 16 + i + 1), sizeof(bytes[i]));
			submit(f, &ops[i], BLOCK_WRITE, i * sizeof(bytes[i]), bytes[i],
			       sizeof(bytes[i]));
			ops[i].request.stable = i % 2;
		}
		block_kick(f->block);
		for (unsigned i = 0; i < 2; i++) {
			wait_until_kept(f);
			stop_and_go(f);
		}
		wait_until_kept(f);
		assert_int_equal(block_status(f->block), BLOCK_NO_SPACE);
		assert_int_equal(told[0].action, BLOCK_ACTION_STOP);
		assert_int_equal(told[0].error, ENOSPC);
		assert_in_range(told_n, 3, 8); /* always the first after each resuming */
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(ops[i].calls, 0);
		host.io_result = 0;
		host.flushes = 0;
		stop_and_go(f);
		run_all(f);
		assert_int_equal(block_status(f->block), BLOCK_OK);
		assert_true(host.flushes > 0);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(ops[i].calls, 1);
			assert_int_equal(ops[i].result, 0);
			submit(f, &ops[i], BLOCK_READ, i * sizeof(back[i]), back[i],
			       sizeof(back[i]));
		}
		run_all(f);
		assert_memory_equal(back, bytes, sizeof(bytes));
		/* Other errors than a lack of room are the guest's. */
		host.io_result = -EIO;
		assert_int_equal(write_one(f, false), -EIO);
		host.io_result = 0;
		/* One that is kept is cancelled like any other. */
		host.io_result = -ENOSPC;
		submit(f, &ops[4], BLOCK_WRITE, 0, bytes[0], sizeof(bytes[0]));
		block_kick(f->block);
		wait_until_kept(f);
		block_cancel(f->block);
		assert_int_equal(ops[4].result, -ECANCELED);
		assert_int_equal(block_in_flight(f->block), 0);
		host.io_result = 0;
		told_n = 0;
	}
}

static void test_ignored_errors(void **state)
{
	struct fixture *f = *state;

	open_block(f, BLOCK_ENGINE_THREAD);
	block_set_policy(f->block, (struct block_policy){ .write = BLOCK_ACTION_IGNORE });
	host.io_result = -EIO;
	assert_int_equal(write_one(f, false), 0);
	assert_int_equal(block_status(f->block), BLOCK_OK);
}

/* A host that puts a request off for ever: an error, in the end. */
static void test_lasting_eagain(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_THREAD, BLOCK_ENGINE_SYNC };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		open_block(f, engines[i]);
		host.writes = 0;
		host.io_result = -EAGAIN;
		assert_int_equal(write_one(f, false), -EAGAIN);
		assert_in_range(host.writes, 2, 200);
		host.io_result = 0;
		assert_int_equal(write_one(f, false), 0);
	}
}

static bool ring_here(struct fixture *f)
{
	uint8_t bytes[512];
	struct op op;

	open_block(f, BLOCK_ENGINE_AUTO);
	submit(f, &op, BLOCK_READ, 0, bytes, sizeof(bytes));
	run_all(f);
	if (!strcmp(block_engine_name(f->block), "io_uring"))
		return true;
	print_message("this host refuses io_uring\n");
	return false;
}

static void many_requests(struct fixture *f)
{
	static uint8_t bytes[MANY][2048], back[MANY][2048];
	static struct op ops[MANY];

	for (unsigned n = 0; n < MANY; n++) {
		memset(bytes[n], (int)n + 1, sizeof(bytes[n]));
		submit(f, &ops[n], n % 20 == 19 ? BLOCK_FLUSH : BLOCK_WRITE, n * sizeof(bytes[n]),
		       bytes[n], sizeof(bytes[n]));
	}
	run_all(f);
	/* Entries left in the ring must not be carried out now. */
	memset(bytes, 0xee, sizeof(bytes));
	for (unsigned n = 0; n < MANY; n++) {
		assert_int_equal(ops[n].calls, 1);
		assert_int_equal(ops[n].result, 0);
		submit(f, &ops[n], BLOCK_READ, n * sizeof(back[n]), back[n], sizeof(back[n]));
	}
	run_all(f);
	for (unsigned n = 0; n < MANY; n++) {
		assert_int_equal(ops[n].calls, 1);
		assert_int_equal(ops[n].result, 0);
		if (n % 20 != 19)
			assert_int_equal(back[n][n], (uint8_t)(n + 1));
	}
}

/* io_uring_enter is refused though the ring could be made. */
static void test_submit_refused(void **state)
{
	static const int lasting[] = { -EPERM, -ENOSYS, -EAGAIN, -EBUSY, 0 };
	struct fixture *f = *state;

	if (!ring_here(f))
		skip();
	for (unsigned i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
		open_block(f, BLOCK_ENGINE_AUTO);
		host.submit_result = lasting[i];
		host.submit_fails = UINT_MAX;
		host.submits = 0;
		/* A few refusals in a row, and it is not tried again. */
		for (unsigned n = 0; n < 8; n++)
			many_requests(f);
		assert_string_equal(block_engine_name(f->block), "thread");
		assert_in_range(host.submits, 1, 20);
	}
	/* It passes. */
	for (unsigned fails = 1; fails < 8; fails++) {
		open_block(f, BLOCK_ENGINE_AUTO);
		host.submit_result = -EAGAIN;
		host.submit_fails = fails;
		many_requests(f);
		assert_string_equal(block_engine_name(f->block), "io_uring");
	}
}

static int forbid_enter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* The same by the kernel itself, in a process that can be thrown away. */
static void test_enter_forbidden(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t child;

	if (!ring_here(f))
		skip();
	block_close(f->block);
	f->block = NULL;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!ring_here(f) || forbid_enter())
			_exit(2);
		for (unsigned n = 0; n < 8; n++)
			many_requests(f);
		_exit(strcmp(block_engine_name(f->block), "thread") ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* However large a request is, the host sees a little of it at a time. */
static void test_large_requests(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_THREAD, BLOCK_ENGINE_SYNC,
						     BLOCK_ENGINE_AUTO };
	static struct iovec iov[3000];
	static uint8_t bytes[4 * MIB];
	struct fixture *f = *state;
	struct op large, small;

	for (unsigned i = 0; i < 3; i++) {
		open_block(f, engines[i]);
		host.longest = 0;
		/* More pieces of memory than a system call takes, the last of them large. */
		for (unsigned n = 0; n < 3000; n++)
			iov[n] = (struct iovec){ bytes + 512 * (n % 100), 512 };
		iov[2999] = (struct iovec){ bytes, sizeof(bytes) };
		submit(f, &large, BLOCK_READ, 0, NULL, 0);
		large.request.iov = iov;
		large.request.iov_n = 3000;
		submit(f, &small, BLOCK_READ, 0, bytes, 512);
		run_all(f);
		assert_int_equal(large.result, 0);
		assert_int_equal(small.result, 0);
		assert_true(small.order < large.order);
		assert_true(host.longest <= MIB);
	}
}

/* All of the memory that a request names is read and written, at its place. */
static void test_large_contents(void **state)
{
	static const enum block_engine engines[] = { BLOCK_ENGINE_THREAD, BLOCK_ENGINE_AUTO };
	const size_t len = 5 * MIB + 12345, at = 7 * 512;
	struct fixture *f = *state;
	uint8_t *out = malloc(len), *back = malloc(len);
	struct op op;

	assert_non_null(out);
	assert_non_null(back);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + i / 4096);
	for (unsigned i = 0; i < 2; i++) {
		open_block(f, engines[i]);
		for (unsigned reads = 0; reads < 2; reads++) {
			uint8_t *memory = reads ? back : out;

			submit(f, &op, reads ? BLOCK_READ : BLOCK_WRITE, at, NULL, 0);
			op.iov[0] = (struct iovec){ memory, MIB - 100 };
			op.iov[1] = (struct iovec){ memory, 0 };
			op.iov[2] = (struct iovec){ memory + MIB - 100, 3 * MIB };
			op.iov[3] = (struct iovec){ memory + 4 * MIB - 100, len - 4 * MIB + 100 };
			op.request.iov_n = 4;
			run_all(f);
			assert_int_equal(op.result, 0);
		}
		assert_memory_equal(out, back, len);
		memset(back, 0, len);
	}
	free(out);
	free(back);
}

static void *open_gate_soon(void *arg)
{
	usleep(20000);
	sem_post(&host.go);
	return NULL;
}

/* One read has begun, of a request that needs many; others wait. */
static void start_gated(struct fixture *f, struct op ops[4], uint8_t *bytes)
{
	open_block(f, BLOCK_ENGINE_THREAD);
	host.gated = true;
	host.reads = 0;
	for (unsigned i = 0; i < 4; i++)
		submit(f, &ops[i], BLOCK_READ, 0, bytes, 16 * MIB);
	block_kick(f->block);
	wait_for(&host.entered);
}

static void test_pause_and_resume(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(16 * MIB);
	struct op ops[4], flushes[2];
	pthread_t opener;

	assert_non_null(bytes);
	start_gated(f, ops, bytes);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
	/* Waits for the piece that the host has, and for no other. */
	block_pause(f->block);
	pthread_join(opener, NULL);
	assert_int_equal(host.reads, 1);
	submit(f, &flushes[0], BLOCK_FLUSH, 0, NULL, 0);
	block_kick(f->block);
	for (unsigned i = 0; i < 10; i++)
		turn(f);
	assert_int_equal(host.reads, 1);
	assert_int_equal(host.flushes, 0);
	assert_int_equal(done_n, 0);
	assert_int_equal(block_in_flight(f->block), 5);
	host.gated = false;
	block_resume(f->block);
	run_all(f);
	assert_int_equal(host.reads, 4 * 16);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(ops[i].result, 0);
	assert_int_equal(flushes[0].result, 0);
	free(bytes);
}

/* A flush may take long: a pause does not wait for it, and hears of its end afterwards. */
static void test_pause_during_flush(void **state)
{
	struct fixture *f = *state;
	struct op op;

	open_block(f, BLOCK_ENGINE_THREAD);
	host.gated = true;
	submit(f, &op, BLOCK_FLUSH, 0, NULL, 0);
	block_kick(f->block);
	wait_for(&host.entered);
	block_pause(f->block);
	sem_post(&host.go);
	for (unsigned i = 0; i < 20; i++) {
		usleep(1000);
		turn(f);
	}
	assert_int_equal(op.calls, 0);
	block_resume(f->block);
	run_all(f);
	assert_int_equal(op.calls, 1);
	assert_int_equal(op.result, 0);
	host.gated = false;
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(16 * MIB);
	struct op ops[4], op;
	pthread_t opener;

	assert_non_null(bytes);
	for (unsigned paused = 0; paused < 2; paused++) {
		start_gated(f, ops, bytes);
		assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
		if (paused)
			block_pause(f->block);
		block_cancel(f->block);
		pthread_join(opener, NULL);
		assert_int_equal(block_in_flight(f->block), 0);
		assert_int_equal(host.reads, 1);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(ops[i].calls, 1);
			assert_int_equal(ops[i].result, -ECANCELED);
		}
		/* It works on, unless it is paused. */
		host.gated = false;
		submit(f, &op, BLOCK_READ, 0, bytes, 512);
		block_kick(f->block);
		for (unsigned i = 0; i < 10; i++)
			turn(f);
		if (paused) {
			assert_int_equal(op.calls, 0);
			block_resume(f->block);
		}
		run_all(f);
		assert_int_equal(op.result, 0);
	}
	free(bytes);
}

/* Not even a flush that hangs keeps requests; only closing waits for it. */
static void test_cancel_during_flush(void **state)
{
	struct fixture *f = *state;
	struct op first, second;
	pthread_t opener;

	open_block(f, BLOCK_ENGINE_THREAD);
	host.gated = true;
	submit(f, &first, BLOCK_FLUSH, 0, NULL, 0);
	block_kick(f->block);
	wait_for(&host.entered);
	submit(f, &second, BLOCK_FLUSH, 0, NULL, 0);
	block_cancel(f->block);
	assert_int_equal(first.result, -ECANCELED);
	assert_int_equal(second.result, -ECANCELED);
	assert_int_equal(block_in_flight(f->block), 0);
	assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
	block_close(f->block);
	f->block = NULL;
	pthread_join(opener, NULL);
	assert_int_equal(host.flushes, 1);
}

/* Without waiting: what the host is at ends when it ends. */
static void test_abandon(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = malloc(16 * MIB);
	struct op ops[4];

	assert_non_null(bytes);
	start_gated(f, ops, bytes);
	block_abandon(f->block);
	assert_int_equal(done_n, 3);
	assert_int_equal(ops[0].calls, 0);
	sem_post(&host.go);
	run_all(f);
	assert_int_equal(ops[0].result, -ECANCELED);
	assert_int_equal(host.reads, 1);
	host.gated = false;
	free(bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_failed_flush_is_remembered),
		T(test_flushes_share),
		T(test_errors_are_told),
		T(test_kept_requests),
		T(test_ignored_errors),
		T(test_lasting_eagain),
		T(test_submit_refused),
		T(test_enter_forbidden),
		T(test_large_requests),
		T(test_large_contents),
		T(test_pause_and_resume),
		T(test_pause_during_flush),
		T(test_cancel),
		T(test_cancel_during_flush),
		T(test_abandon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
