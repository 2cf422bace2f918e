// SPDX-License-Identifier: MIT
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/chardev.h"

/* A user that collects what it gets, and the loop it lives on. */
struct fixture {
	struct loop loop;
	char dir[64], path[96];
	struct chardev *chardev;
	uint8_t got[8192];
	size_t got_n, room;
	unsigned opened, closed, drained;
	bool quit;
	unsigned helped;
	struct loop_task stop;
	struct clock clock;
	struct timer rest;
};

static size_t user_room(void *arg)
{
	struct fixture *f = arg;

	return f->room;
}

static void user_receive(void *arg, const uint8_t *bytes, size_t len)
{
	struct fixture *f = arg;

	assert_true(len <= f->room);
	assert_true(f->got_n + len <= sizeof(f->got));
	memcpy(f->got + f->got_n, bytes, len);
	f->got_n += len;
	f->room -= len;
}

static void user_opened(void *arg)
{
	((struct fixture *)arg)->opened++;
}

static void user_closed(void *arg)
{
	((struct fixture *)arg)->closed++;
}

static void quit_called(void *arg)
{
	((struct fixture *)arg)->quit = true;
}

static void stop_run(void *arg)
{
	struct fixture *f = arg;

	loop_quit(&f->loop);
}

/* Everything that is ready now, and what follows from it, has been handled when this returns. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 8; i++) {
		loop_post(&f->loop, &f->stop);
		assert_int_equal(loop_run(&f->loop), 0);
	}
}

/* True if nothing spins: the wake-ups of a while are that of its end and one left from before. */
static bool rests(struct fixture *f)
{
	uint64_t wakeups = f->loop.wakeups;

	timer_arm(&f->rest, clock_now(&f->clock) + 2 * NS_PER_MS);
	return !loop_run(&f->loop) && f->loop.wakeups <= wakeups + 2;
}

static void use(struct fixture *f)
{
	struct chardev_user user = {
		.room = user_room,
		.receive = user_receive,
		.opened = user_opened,
		.closed = user_closed,
		.arg = f,
	};

	chardev_set_user(f->chardev, &user);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	snprintf(f->dir, sizeof(f->dir), "/tmp/coalport-chardev-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/x", f->dir);
	assert_int_equal(loop_init(&f->loop), 0);
	f->stop = (struct loop_task){ .run = stop_run, .arg = f };
	clock_init(&f->clock, CLOCK_KIND_MONOTONIC);
	timer_init(&f->rest, &f->clock, stop_run, f);
	assert_int_equal(loop_add_clock(&f->loop, &f->clock), 0);
	f->room = sizeof(f->got);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	chardev_destroy(f->chardev);
	loop_destroy(&f->loop);
	clock_destroy(&f->clock);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static int open_kind(struct fixture *f, struct chardev_options options)
{
	const char *what;

	options.path = options.path ? options.path : f->path;
	return chardev_open(&f->chardev, &f->loop, &options, &what);
}

/* Hands out what there is to hand out, and waits for nobody who sleeps. */
static void finish(struct fixture *f)
{
	const struct stream_patience patience = {
		.idle = 20 * NS_PER_MS,
		.until = CLOCK_NEVER,
		.cancel_fd = -1,
	};

	chardev_finish(&f->chardev, 1, &patience);
}

static size_t slurp(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, out, room);

	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

static int dial(const char *path)
{
	struct sockaddr_un addr = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Without waiting: everything here has happened before it is asked for. */
static void expect(int fd, const char *text)
{
	char got[256] = "";

	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void test_null(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_kind(f, (struct chardev_options){ .kind = CHARDEV_NULL }), 0);
	use(f);
	chardev_write(f->chardev, "abc", 3);
	turn(f);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->closed, 0);
	assert_int_equal(chardev_dropped(f->chardev), 0);
}

static void test_file_is_emptied_and_written(void **state)
{
	struct fixture *f = *state;
	char text[16] = "";
	int fd = open(f->path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "old old old", 11), 11);
	close(fd);
	assert_int_equal(open_kind(f, (struct chardev_options){ .kind = CHARDEV_FILE }), 0);
	chardev_write(f->chardev, "new", 3);
	chardev_write(f->chardev, "er", 2);
	assert_int_equal(slurp(f->path, text, sizeof(text)), 5);
	assert_string_equal(text, "newer");
	assert_int_equal(chardev_error(f->chardev), 0);
}

static void test_file_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_FILE, .path = "/nonexistent/x" };
	const char *what;

	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -ENOENT);
	assert_string_equal(what, "open");
	assert_null(f->chardev);
}

static void test_full_disk_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_FILE, .path = "/dev/full" };

	assert_int_equal(open_kind(f, options), 0);
	chardev_write(f->chardev, "abc", 3);
	chardev_write(f->chardev, "de", 2);
	assert_int_equal(chardev_error(f->chardev), -ENOSPC);
	assert_int_equal(chardev_dropped(f->chardev), 5);
}

static void test_slow_pipe_is_buffered_then_drops(void **state)
{
	struct fixture *f = *state;
	static uint8_t block[4096], back[4096];
	size_t sent = 0, got = 0;
	int fd;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	fd = open(f->path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(open_kind(f, (struct chardev_options){ .kind = CHARDEV_FILE }), 0);
	while (!chardev_dropped(f->chardev)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)((sent + i) * 7 >> 3);
		chardev_write(f->chardev, block, sizeof(block));
		sent += sizeof(block);
		assert_true(sent < 16 << 20);
	}
	sent -= chardev_dropped(f->chardev);
	assert_true(sent >= CHARDEV_BUFFER);
	while (got < sent) {
		ssize_t n = read(fd, back, sizeof(back));

		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		for (ssize_t i = 0; i < n; i++, got++)
			assert_int_equal(back[i], (uint8_t)(got * 7 >> 3));
		turn(f);
	}
	assert_int_equal(chardev_error(f->chardev), 0);
	/* It goes on as before. */
	chardev_write(f->chardev, "end", 3);
	assert_int_equal(read(fd, back, sizeof(back)), 3);
	close(fd);
	chardev_write(f->chardev, "end", 3);
	assert_int_equal(chardev_error(f->chardev), -EPIPE);
}

static void test_finish_hands_out_what_is_left(void **state)
{
	struct fixture *f = *state;
	static uint8_t block[4096];
	size_t total = 0;
	int fd;
	ssize_t n;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	fd = open(f->path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(open_kind(f, (struct chardev_options){ .kind = CHARDEV_FILE }), 0);
	fcntl(fd, F_SETPIPE_SZ, 4096);
	chardev_write(f->chardev, block, sizeof(block));
	chardev_write(f->chardev, block, 100);
	assert_int_equal(read(fd, block, sizeof(block)), 4096);
	finish(f);
	assert_false(chardev_unread(f->chardev));
	while ((n = read(fd, block, sizeof(block))) > 0)
		total += (size_t)n;
	assert_int_equal(total, 100);
	close(fd);
}

static void open_server(struct fixture *f)
{
	struct chardev_options options = { .kind = CHARDEV_SOCKET, .server = true };

	assert_int_equal(open_kind(f, options), 0);
	use(f);
	turn(f);
}

static void test_server_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	int one, two;

	open_server(f);
	assert_int_equal(f->opened, 0);
	chardev_write(f->chardev, "lost", 4);
	assert_int_equal(chardev_dropped(f->chardev), 4);

	one = dial(f->path);
	two = dial(f->path);
	turn(f);
	assert_int_equal(f->opened, 1);
	chardev_write(f->chardev, "hello", 5);
	expect(one, "hello");
	assert_int_equal(write(two, "second", 6), 6);
	assert_int_equal(write(one, "first ", 6), 6);
	turn(f);
	assert_memory_equal(f->got, "first ", 6);
	assert_int_equal(f->got_n, 6);

	close(one);
	turn(f);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->opened, 2);
	assert_int_equal(f->got_n, 12);
	assert_memory_equal(f->got, "first second", 12);
	chardev_write(f->chardev, "again", 5);
	expect(two, "again");
	close(two);
	turn(f);
	assert_int_equal(f->closed, 2);
	assert_int_equal(chardev_error(f->chardev), 0);
}

/* The last words of a client that is gone are heard, however late there is room for them. */
static void test_last_bytes_of_one_who_left(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f);
	f->room = 3;
	fd = dial(f->path);
	assert_int_equal(write(fd, "goodbye", 7), 7);
	close(fd);
	turn(f);
	assert_int_equal(f->got_n, 3);
	assert_int_equal(f->closed, 0);
	assert_true(rests(f));

	f->room = 4;
	chardev_accept_input(f->chardev);
	turn(f);
	assert_memory_equal(f->got, "goodbye", 7);
	assert_int_equal(f->closed, 1);
}

/* ... unless the next one wants to come in. */
static void test_next_one_ends_the_wait(void **state)
{
	struct fixture *f = *state;
	int one, two;

	open_server(f);
	f->room = 0;
	one = dial(f->path);
	assert_int_equal(write(one, "never heard", 11), 11);
	close(one);
	turn(f);
	assert_int_equal(f->closed, 0);
	two = dial(f->path);
	turn(f);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->opened, 2);
	f->room = 100;
	assert_int_equal(write(two, "me", 2), 2);
	turn(f);
	assert_int_equal(f->got_n, 2);
	assert_memory_equal(f->got, "me", 2);
	close(two);
}

static void test_half_closed_still_listens(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f);
	fd = dial(f->path);
	assert_int_equal(write(fd, "ask", 3), 3);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn(f);
	assert_int_equal(f->got_n, 3);
	assert_int_equal(f->closed, 0);
	assert_true(rests(f));
	chardev_write(f->chardev, "answer", 6);
	expect(fd, "answer");
	close(fd);
	turn(f);
	assert_int_equal(f->closed, 1);
}

/* One that does not listen any more but goes on talking. */
static void test_deaf_client(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f);
	fd = dial(f->path);
	turn(f);
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	chardev_write(f->chardev, "anybody?", 8);
	assert_int_equal(chardev_dropped(f->chardev), 8);
	assert_int_equal(write(fd, "talk", 4), 4);
	turn(f);
	assert_int_equal(f->got_n, 4);
	assert_int_equal(chardev_error(f->chardev), 0);
	close(fd);
	turn(f);
	assert_int_equal(f->closed, 1);
}

static void test_input_waits_for_room(void **state)
{
	struct fixture *f = *state;
	static uint8_t block[6000];
	int fd;

	open_server(f);
	fd = dial(f->path);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i % 251);
	f->room = 0;
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	turn(f);
	assert_int_equal(f->got_n, 0);
	assert_true(rests(f));
	while (f->got_n < sizeof(block)) {
		size_t before = f->got_n;

		f->room = 1500;
		chardev_accept_input(f->chardev);
		turn(f);
		assert_true(f->got_n > before);
	}
	assert_memory_equal(f->got, block, sizeof(block));
	close(fd);
}

static void test_input_waits_for_a_user(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_SOCKET, .server = true };
	int fd;

	assert_int_equal(open_kind(f, options), 0);
	fd = dial(f->path);
	assert_int_equal(write(fd, "early", 5), 5);
	turn(f);
	use(f);
	assert_int_equal(f->opened, 1);
	turn(f);
	assert_int_equal(f->got_n, 5);
	chardev_set_user(f->chardev, NULL);
	close(fd);
	turn(f);
	assert_int_equal(f->closed, 0);
	fd = dial(f->path);
	use(f);
	turn(f);
	assert_int_equal(f->opened, 2);
	close(fd);
}

static void test_socket_file(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_SOCKET,
					   .server = true,
					   .path = f->path };
	struct chardev *other = NULL;
	struct sockaddr_un addr = address(f->path);
	const char *what;
	int fd;

	/* Left behind by one that died. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	open_server(f);
	/* In use. */
	assert_int_equal(chardev_open(&other, &f->loop, &options, &what), -EBUSY);
	assert_string_equal(what, "bind");
	assert_int_equal(access(f->path, F_OK), 0);
	/* Removed at the end, but not a successor's. */
	chardev_destroy(f->chardev);
	f->chardev = NULL;
	assert_int_equal(access(f->path, F_OK), -1);
	open_server(f);
	unlink(f->path);
	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	chardev_destroy(f->chardev);
	f->chardev = NULL;
	assert_int_equal(access(f->path, F_OK), 0);
	/* No socket at all: somebody's file. */
	assert_int_equal(chardev_open(&other, &f->loop, &options, &what), -EEXIST);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void test_socket_path_too_long(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct chardev_options options = { .kind = CHARDEV_SOCKET, .path = path };

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(open_kind(f, options), -ENAMETOOLONG);
}

static void test_client(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_SOCKET };
	struct sockaddr_un addr = address(f->path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;

	assert_int_equal(open_kind(f, options), -ENOENT);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(open_kind(f, options), 0);
	fd = accept(listener, NULL, NULL);
	use(f);
	assert_int_equal(f->opened, 1);
	chardev_write(f->chardev, "ping", 4);
	expect(fd, "ping");
	assert_int_equal(write(fd, "pong", 4), 4);
	turn(f);
	assert_int_equal(f->got_n, 4);
	close(fd);
	turn(f);
	assert_int_equal(f->closed, 1);
	chardev_write(f->chardev, "ping", 4);
	assert_int_equal(chardev_dropped(f->chardev), 4);
	close(listener);
	/* It is the server's file. */
	chardev_destroy(f->chardev);
	f->chardev = NULL;
	assert_int_equal(access(f->path, F_OK), 0);
}

static void *dial_and_talk(void *arg)
{
	const char *path = arg;
	struct sockaddr_un addr = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		sched_yield();
	return (void *)(intptr_t)fd;
}

static void test_server_waits(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_SOCKET, .server = true, .wait = true };
	pthread_t thread;
	void *fd;

	assert_int_equal(pthread_create(&thread, NULL, dial_and_talk, f->path), 0);
	assert_int_equal(open_kind(f, options), 0);
	pthread_join(thread, &fd);
	use(f);
	assert_int_equal(f->opened, 1);
	chardev_write(f->chardev, "hi", 2);
	expect((int)(intptr_t)fd, "hi");
	close((int)(intptr_t)fd);
}

struct traffic {
	struct fixture *f;
	int fd;
	atomic_uint writers;
	_Atomic uint64_t read;
};

#define LINES 5000

static void *write_lines(void *arg)
{
	struct traffic *traffic = arg;

	for (int i = 0; i < LINES; i++)
		chardev_write(traffic->f->chardev, "0123456789abcdef", 16);
	if (atomic_fetch_sub(&traffic->writers, 1) == 1)
		loop_quit(&traffic->f->loop);
	return NULL;
}

static void *read_all(void *arg)
{
	struct traffic *traffic = arg;
	char block[4096];
	ssize_t n;

	while ((n = read(traffic->fd, block, sizeof(block))) > 0)
		traffic->read += (uint64_t)n;
	return NULL;
}

/* Writers on two threads, the loop draining on a third: every byte is read or counted as dropped. */
static void test_threads(void **state)
{
	struct traffic traffic = { .f = *state, .writers = 2 };
	struct fixture *f = *state;
	pthread_t threads[3];

	open_server(f);
	traffic.fd = dial(f->path);
	turn(f);
	assert_int_equal(f->opened, 1);
	pthread_create(&threads[0], NULL, write_lines, &traffic);
	pthread_create(&threads[1], NULL, write_lines, &traffic);
	pthread_create(&threads[2], NULL, read_all, &traffic);
	assert_int_equal(loop_run(&f->loop), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	while (traffic.read + chardev_dropped(f->chardev) < 2 * LINES * 16)
		turn(f);
	assert_int_equal(traffic.read + chardev_dropped(f->chardev), 2 * LINES * 16);
	chardev_destroy(f->chardev);
	f->chardev = NULL;
	pthread_join(threads[2], NULL);
	close(traffic.fd);
}

/*
 * Standard input and output belong to a process, so each of these runs in its own. It ends with
 * the number of the line that was wrong, which the parent shows.
 */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(line_(__LINE__));                                                    \
	} while (0)

static int line_(int line)
{
	fprintf(stderr, "check failed in line %d\n", line);
	return 1;
}

static void run_child(struct fixture *f, int in, int out, void (*body)(struct fixture *f))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (in >= 0)
			dup2(in, STDIN_FILENO);
		else
			close(STDIN_FILENO);
		if (out >= 0)
			dup2(out, STDOUT_FILENO);
		else
			close(STDOUT_FILENO);
		body(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_stdio(struct fixture *f, bool escape)
{
	struct chardev_options options = {
		.kind = CHARDEV_STDIO,
		.escape = escape,
		.quit = quit_called,
		.quit_arg = f,
	};

	CHECK(!open_kind(f, options));
	use(f);
}

static void closed_output_child(struct fixture *f)
{
	CHECK(open_kind(f, (struct chardev_options){ .kind = CHARDEV_STDIO }) == -EBADF);
}

static void test_stdio_closed_output(void **state)
{
	int fd = open("/dev/null", O_RDWR);

	run_child(*state, fd, -1, closed_output_child);
	close(fd);
}

static void full_output_child(struct fixture *f)
{
	open_stdio(f, false);
	chardev_write(f->chardev, "x", 1);
	CHECK(chardev_error(f->chardev) == -ENOSPC);
	chardev_destroy(f->chardev);
}

static void test_stdio_full_output(void **state)
{
	int in = open("/dev/null", O_RDWR), out = open("/dev/full", O_WRONLY);

	run_child(*state, in, out, full_output_child);
	close(in);
	close(out);
}

static void broken_pipe_child(struct fixture *f)
{
	open_stdio(f, false);
	chardev_write(f->chardev, "x", 1);
	CHECK(chardev_error(f->chardev) == -EPIPE);
	CHECK(chardev_dropped(f->chardev) == 1);
	/* The flag of what others share stays as it was. */
	CHECK(!(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK));
	chardev_destroy(f->chardev);
}

static void test_stdio_broken_pipe(void **state)
{
	int fds[2], in = open("/dev/null", O_RDWR);

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	run_child(*state, in, fds[1], broken_pipe_child);
	close(fds[1]);
	close(in);
}

static void slow_output_child(struct fixture *f)
{
	static const uint8_t block[4096];

	/* Ends it if a write waits. */
	alarm(10);
	open_stdio(f, false);
	for (unsigned i = 0; i < 1000; i++)
		chardev_write(f->chardev, block, sizeof(block));
	CHECK(chardev_dropped(f->chardev));
	CHECK(!chardev_error(f->chardev));
	turn(f);
	CHECK(rests(f));
	chardev_destroy(f->chardev);
}

/* A reader that does not read, of a pipe that others may have open as well. */
static void test_stdio_slow_output(void **state)
{
	int fds[2], in = open("/dev/null", O_RDWR);

	assert_int_equal(pipe(fds), 0);
	run_child(*state, in, fds[1], slow_output_child);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
	close(in);
}

static void file_input_child(struct fixture *f)
{
	struct chardev *other;
	const char *what;
	struct chardev_options options = { .kind = CHARDEV_STDIO };

	open_stdio(f, false);
	CHECK(chardev_open(&other, &f->loop, &options, &what) == -EBUSY);
	f->room = 2;
	turn(f);
	CHECK(f->got_n == 2 && f->closed == 0);
	f->room = 100;
	chardev_accept_input(f->chardev);
	turn(f);
	turn(f);
	CHECK(f->got_n == 5 && !memcmp(f->got, "lines", 5));
	CHECK(f->closed == 1);
	chardev_write(f->chardev, "out", 3);
	chardev_destroy(f->chardev);
	/* Free for another. */
	CHECK(!chardev_open(&other, &f->loop, &options, &what));
	chardev_destroy(other);
}

/* A file cannot be waited for, and ends. */
static void test_stdio_from_file(void **state)
{
	struct fixture *f = *state;
	int fds[2], in = open(f->path, O_RDWR | O_CREAT, 0600);
	char text[8] = "";

	assert_int_equal(write(in, "lines", 5), 5);
	lseek(in, 0, SEEK_SET);
	assert_int_equal(pipe(fds), 0);
	run_child(f, in, fds[1], file_input_child);
	assert_int_equal(read(fds[0], text, sizeof(text)), 3);
	assert_string_equal(text, "out");
	close(fds[0]);
	close(fds[1]);
	close(in);
}

static void escapes_child(struct fixture *f)
{
	open_stdio(f, true);
	turn(f);
	CHECK(f->got_n == 5 && !memcmp(f->got, "ab\1cd", 5));
	CHECK(f->quit);
	CHECK(f->closed == 1);
	chardev_destroy(f->chardev);
}

static void test_stdio_escapes(void **state)
{
	int in[2], out[2];
	char text[256] = "";

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(write(in[1], "a\1hb\1\1c\1?d\1x", 12), 12);
	close(in[1]);
	run_child(*state, in[0], out[1], escapes_child);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "Ctrl-A x"));
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void help_called(void *arg)
{
	((struct fixture *)arg)->helped++;
}

static void help_child(struct fixture *f)
{
	const struct chardev_user user = { .help = help_called, .arg = f };

	open_stdio(f, true);
	chardev_set_user(f->chardev, &user);
	turn(f);
	CHECK(f->helped == 2);
	chardev_destroy(f->chardev);
}

/* A user with a screen of its own shows the help there. */
static void test_stdio_help(void **state)
{
	int in[2], out[2];
	char byte;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(write(in[1], "a\1h\1h", 5), 5);
	close(in[1]);
	run_child(*state, in[0], out[1], help_child);
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 0);
	close(in[0]);
	close(out[0]);
}

/* More than the pipe and one read hold, of which the user takes nothing: Ctrl-A x is found. */
static void *feed(void *arg)
{
	static const char typed[1000] = { [0 ... 999] = 'k' };
	int fd = *(int *)arg;

	for (int i = 0; i < 500; i++)
		if (write(fd, typed, sizeof(typed)) != sizeof(typed))
			return NULL;
	if (write(fd, "\1x", 2) != 2)
		return NULL;
	close(fd);
	return NULL;
}

static void far_escape_child(struct fixture *f)
{
	int fds[2];
	pthread_t thread;

	alarm(20);
	CHECK(!pipe(fds) && dup2(fds[0], STDIN_FILENO) == STDIN_FILENO);
	pthread_create(&thread, NULL, feed, &fds[1]);
	open_stdio(f, true);
	f->room = 0;
	while (!f->quit)
		turn(f);
	/* And nothing in front of it is lost. */
	for (int i = 0; i < 500; i++) {
		f->got_n = 0;
		f->room = 1000;
		chardev_accept_input(f->chardev);
		turn(f);
		CHECK(f->got_n == 1000 && f->got[999] == 'k');
	}
	pthread_join(thread, NULL);
	chardev_destroy(f->chardev);
}

static void test_stdio_escape_far_behind(void **state)
{
	int fd = open("/dev/null", O_RDWR);

	run_child(*state, fd, fd, far_escape_child);
	close(fd);
}

static void steal(void *arg)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) != 1)
		_exit(line_(__LINE__));
	loop_set_before(arg, NULL, NULL);
}

static void robbed_child(struct fixture *f)
{
	alarm(20);
	open_stdio(f, false);
	turn(f);
	loop_set_before(&f->loop, steal, &f->loop);
	CHECK(write(STDOUT_FILENO, "x", 1) == 1);
	turn(f);
	CHECK(f->got_n == 0);
	CHECK(write(STDOUT_FILENO, "y", 1) == 1);
	turn(f);
	CHECK(f->got_n == 1 && f->got[0] == 'y');
	chardev_destroy(f->chardev);
}

/* Somebody else reads what the event was about. A pipe and a socket, the other end as output. */
static void test_stdio_shared_input(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	run_child(*state, fds[0], fds[1], robbed_child);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	run_child(*state, fds[0], fds[1], robbed_child);
	close(fds[0]);
	close(fds[1]);
}

static void ended_fifo_child(struct fixture *f)
{
	open_stdio(f, false);
	turn(f);
	CHECK(f->got_n == 4 && f->closed == 1);
	chardev_destroy(f->chardev);
}

/* Whoever wrote into it has left before it is opened. */
static void test_stdio_from_a_fifo(void **state)
{
	struct fixture *f = *state;
	int in, writer, out = open("/dev/null", O_RDWR);

	assert_int_equal(mkfifo(f->path, 0600), 0);
	in = open(f->path, O_RDONLY | O_NONBLOCK);
	writer = open(f->path, O_WRONLY);
	assert_int_equal(write(writer, "left", 4), 4);
	close(writer);
	run_child(f, in, out, ended_fifo_child);
	close(in);
	close(out);
}

/* A socket that nobody reads, whose flags are others' too. */
static void test_stdio_slow_socket(void **state)
{
	int fds[2], in = open("/dev/null", O_RDWR);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	run_child(*state, in, fds[1], slow_output_child);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
	close(in);
}

static void count_drained(void *arg)
{
	((struct fixture *)arg)->drained++;
}

/* Whoever holds something back is told when a client that does not read is gone. */
static void test_drained_by_leaving(void **state)
{
	struct fixture *f = *state;
	static const uint8_t block[4096];
	const struct chardev_user user = { .drained = count_drained, .arg = f };
	int fd;

	open_server(f);
	chardev_set_user(f->chardev, &user);
	fd = dial(f->path);
	turn(f);
	while (chardev_room(f->chardev) >= sizeof(block))
		chardev_write(f->chardev, block, sizeof(block));
	turn(f);
	assert_int_equal(f->drained, 0);
	finish(f);
	assert_true(chardev_unread(f->chardev));
	close(fd);
	turn(f);
	assert_true(f->drained > 0);
	assert_int_equal(chardev_room(f->chardev), CHARDEV_BUFFER);
}

/* Asking a full server again ends with a signal. */
static void test_client_of_a_full_server(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = address(f->path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), one, fds[2];
	struct chardev_options options = { .kind = CHARDEV_SOCKET };

	alarm(60);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 0), 0);
	one = dial(f->path);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	options.cancel_fd = fds[0];
	assert_int_equal(open_kind(f, options), -ECANCELED);
	alarm(0);
	close(one);
	close(listener);
	close(fds[0]);
	close(fds[1]);
}

static void plain_child(struct fixture *f)
{
	open_stdio(f, false);
	turn(f);
	CHECK(f->got_n == 3 && !memcmp(f->got, "a\1x", 3));
	CHECK(!f->quit);
	chardev_destroy(f->chardev);
}

static void test_stdio_without_escapes(void **state)
{
	int in[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(write(in[1], "a\1x", 3), 3);
	run_child(*state, in[0], in[1], plain_child);
	close(in[0]);
	close(in[1]);
}

static struct termios mode(void)
{
	struct termios tty;

	CHECK(!tcgetattr(STDIN_FILENO, &tty));
	return tty;
}

static void terminal_child(struct fixture *f)
{
	struct termios before = mode(), now;

	CHECK(before.c_lflag & ICANON);
	open_stdio(f, true);
	now = mode();
	CHECK(!(now.c_lflag & (ICANON | ECHO | ISIG)));
	CHECK(now.c_oflag & OPOST);
	chardev_restore_terminal();
	now = mode();
	CHECK(now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag);
	chardev_destroy(f->chardev);

	open_stdio(f, true);
	CHECK(!(mode().c_lflag & ICANON));
	chardev_write(f->chardev, "to the screen", 13);
	chardev_destroy(f->chardev);
	CHECK(mode().c_lflag == before.c_lflag);
}

static void test_stdio_terminal(void **state)
{
	char text[32] = "";
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		skip();
	run_child(*state, slave, slave, terminal_child);
	assert_int_equal(read(master, text, sizeof(text)), 13);
	assert_string_equal(text, "to the screen");
	close(slave);
	close(master);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_null),
		TEST(test_file_is_emptied_and_written),
		TEST(test_file_that_cannot_be),
		TEST(test_full_disk_is_remembered),
		TEST(test_slow_pipe_is_buffered_then_drops),
		TEST(test_finish_hands_out_what_is_left),
		TEST(test_server_one_after_the_other),
		TEST(test_last_bytes_of_one_who_left),
		TEST(test_next_one_ends_the_wait),
		TEST(test_half_closed_still_listens),
		TEST(test_deaf_client),
		TEST(test_input_waits_for_room),
		TEST(test_input_waits_for_a_user),
		TEST(test_socket_file),
		TEST(test_socket_path_too_long),
		TEST(test_client),
		TEST(test_server_waits),
		TEST(test_threads),
		TEST(test_stdio_closed_output),
		TEST(test_stdio_full_output),
		TEST(test_stdio_broken_pipe),
		TEST(test_stdio_slow_output),
		TEST(test_stdio_from_file),
		TEST(test_stdio_escapes),
		TEST(test_stdio_help),
		TEST(test_stdio_without_escapes),
		TEST(test_stdio_terminal),
		TEST(test_stdio_escape_far_behind),
		TEST(test_stdio_shared_input),
		TEST(test_stdio_from_a_fifo),
		TEST(test_stdio_slow_socket),
		TEST(test_drained_by_leaving),
		TEST(test_client_of_a_full_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
