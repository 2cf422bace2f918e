// SPDX-License-Identifier: MIT
/* Who comes is let in; what the host refuses is told once and tried again later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/log.h"
#include "cm.h"

struct fixture {
	struct loop loop;
	struct acceptor acceptor;
	struct loop_task stop;
	struct sockaddr_un address;
	socklen_t address_len;
	int client;
	/* What let_in() does: refuses so many times, and with what. */
	unsigned refusals;
	int refusal;
	unsigned calls, let_in;
};

static void stop_run(void *arg)
{
	struct fixture *f = arg;

	loop_quit(&f->loop);
}

static int let_in(void *arg)
{
	struct fixture *f = arg;
	int fd;

	f->calls++;
	if (f->refusals) {
		f->refusals--;
		return f->refusal;
	}
	fd = accept(f->acceptor.socket.fd, NULL, NULL);
	if (fd < 0)
		return -errno;
	close(fd);
	f->let_in++;
	loop_quit(&f->loop);
	return 0;
}

/* An address that the kernel chooses. */
static int listen_somewhere(struct fixture *f)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 8), 0);
	f->address_len = sizeof(f->address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&f->address, &f->address_len), 0);
	return fd;
}

static void dial(struct fixture *f)
{
	f->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->client >= 0);
	assert_int_equal(connect(f->client, (const struct sockaddr *)&f->address, f->address_len),
			 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(loop_init(&f->loop), 0);
	f->client = -1;
	f->stop = (struct loop_task){ .run = stop_run, .arg = f };
	f->acceptor = (struct acceptor){ .name = "a door", .let_in = let_in, .arg = f };
	assert_int_equal(acceptor_init(&f->acceptor, &f->loop, listen_somewhere(f)), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	acceptor_close(&f->acceptor);
	acceptor_close(&f->acceptor);
	loop_destroy(&f->loop);
	if (f->client >= 0)
		close(f->client);
	free(f);
	return 0;
}

/* Everything that is ready now has been handled when this returns. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 4; i++) {
		loop_post(&f->loop, &f->stop);
		assert_int_equal(loop_run(&f->loop), 0);
	}
}

static void run(struct fixture *f)
{
	assert_int_equal(loop_run(&f->loop), 0);
}

static void test_lets_in(void **state)
{
	struct fixture *f = *state;

	acceptor_listen(&f->acceptor);
	dial(f);
	run(f);
	assert_int_equal(f->let_in, 1);
}

static void test_pause(void **state)
{
	struct fixture *f = *state;

	dial(f);
	turn(f);
	assert_int_equal(f->calls, 0);
	acceptor_listen(&f->acceptor);
	acceptor_pause(&f->acceptor);
	acceptor_pause(&f->acceptor);
	turn(f);
	assert_int_equal(f->calls, 0);
	acceptor_listen(&f->acceptor);
	acceptor_listen(&f->acceptor);
	run(f);
	assert_int_equal(f->let_in, 1);
}

/* One call for each time that it is tried: those who wait make no flood. */
static void test_refused(void **state)
{
	struct fixture *f = *state;
	int64_t begun = clock_monotonic();

	f->refusals = 3;
	f->refusal = -EMFILE;
	acceptor_listen(&f->acceptor);
	dial(f);
	run(f);
	assert_int_equal(f->calls, 4);
	assert_true(clock_monotonic() - begun >= INT64_C(3) * ACCEPTOR_RETRY_MS * NS_PER_MS);
	assert_true(f->acceptor.told);
	acceptor_went_well(&f->acceptor);
	assert_false(f->acceptor.told);
}

/* Who has paused is not made to listen by a retry that was due. */
static void test_refused_then_paused(void **state)
{
	struct fixture *f = *state;

	f->refusals = 1;
	f->refusal = -EMFILE;
	acceptor_listen(&f->acceptor);
	dial(f);
	while (!f->acceptor.told)
		turn(f);
	acceptor_pause(&f->acceptor);
	usleep(2 * ACCEPTOR_RETRY_MS * 1000);
	turn(f);
	assert_int_equal(f->calls, 1);
}

/* One that left before it was let in is nobody's failure. */
static void test_nobody(void **state)
{
	static const int errors[] = { -EAGAIN, -EINTR, -ECONNABORTED };
	struct fixture *f = *state;

	acceptor_listen(&f->acceptor);
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		f->refusals = 1;
		f->refusal = errors[i];
		dial(f);
		run(f);
		assert_int_equal(f->let_in, i + 1);
		assert_int_equal(f->calls, 2 * (i + 1));
		close(f->client);
	}
	f->client = -1;
	assert_false(f->acceptor.told);
}

static void test_wait(void **state)
{
	struct fixture *f = *state;
	int cancel[2];

	f->refusals = 2;
	f->refusal = -ENOMEM;
	acceptor_listen(&f->acceptor);
	dial(f);
	while (!f->let_in)
		assert_int_equal(acceptor_wait(&f->acceptor, -1), 0);
	assert_int_equal(f->calls, 3);
	assert_int_equal(pipe(cancel), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(acceptor_wait(&f->acceptor, cancel[0]), -ECANCELED);
	close(cancel[0]);
	close(cancel[1]);
}

/* Without a descriptor for its timer there is no acceptor, and the socket is the caller's. */
static void test_no_timer(void **state)
{
	struct fixture *f = *state;
	struct acceptor acceptor = { .name = "another", .let_in = let_in, .arg = f };
	struct rlimit limit, none;
	int fd = listen_somewhere(f);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(acceptor_init(&acceptor, &f->loop, fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(acceptor.socket.fd, -1);
	acceptor_close(&acceptor);
	assert_int_equal(close(fd), 0);
}

/* What is said, on a pipe in the place of standard error. */
static void test_told_once(void **state)
{
	struct fixture *f = *state;
	int pair[2], kept = dup(STDERR_FILENO);
	char text[512];
	ssize_t n;

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(log_to(pair[1]), 0);
	acceptor_tell(&f->acceptor, -EMFILE, "first");
	acceptor_tell(&f->acceptor, -EMFILE, "second");
	acceptor_went_well(&f->acceptor);
	acceptor_tell(&f->acceptor, -ENOMEM, "third");
	assert_int_equal(log_to(kept), 0);
	close(pair[1]);
	n = read(pair[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "coalport: warning: a door: Too many open files (first)\n"
				  "coalport: warning: a door: Cannot allocate memory (third)\n");
	close(pair[0]);
	close(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lets_in),  TEST(test_pause),
		TEST(test_refused),  TEST(test_refused_then_paused),
		TEST(test_nobody),   TEST(test_wait),
		TEST(test_no_timer), TEST(test_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
