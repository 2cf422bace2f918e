// SPDX-License-Identifier: MIT
/* Back-ends whose other end comes and goes by pseudo-terminal, TCP and telnet; pipes and ring buffers. */
#include "cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/chardev_set.h"

struct fixture {
	struct loop loop;
	struct chardev *chardev;
	char dir[64], path[96], port[16];
	uint8_t got[8192];
	size_t got_n;
	unsigned opened, closed, broke;
	struct loop_task stop;
};

static void user_receive(void *arg, const uint8_t *bytes, size_t len)
{
	struct fixture *f = arg;

	assert_true(f->got_n + len <= sizeof(f->got));
	memcpy(f->got + f->got_n, bytes, len);
	f->got_n += len;
}

static void user_opened(void *arg)
{
	((struct fixture *)arg)->opened++;
}

static void user_closed(void *arg)
{
	((struct fixture *)arg)->closed++;
}

static void user_broke(void *arg)
{
	((struct fixture *)arg)->broke++;
}

static void stop_run(void *arg)
{
	loop_quit(&((struct fixture *)arg)->loop);
}

static void turn(struct fixture *f)
{
	loop_post(&f->loop, &f->stop);
	assert_int_equal(loop_run(&f->loop), 0);
}

/* Turns until it holds; the kernel delivers by its own time. */
#define WAIT_FOR(f, condition)                                                                     \
	do {                                                                                       \
		bool holds_ = (condition);                                                         \
		for (unsigned i_ = 0; !holds_ && i_ < 60000; i_++) {                               \
			turn(f);                                                                   \
			holds_ = (condition);                                                      \
			if (!holds_)                                                               \
				poll(NULL, 0, 1);                                                  \
		}                                                                                  \
		assert_true(holds_);                                                               \
	} while (0)

static void use(struct fixture *f)
{
	chardev_set_user(f->chardev, &(struct chardev_user){ .receive = user_receive,
							     .opened = user_opened,
							     .closed = user_closed,
							     .broke = user_broke,
							     .arg = f });
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	snprintf(f->dir, sizeof(f->dir), "/tmp/coalport-ends-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/x", f->dir);
	assert_int_equal(loop_init(&f->loop), 0);
	f->stop = (struct loop_task){ .run = stop_run, .arg = f };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char name[128];

	chardev_destroy(f->chardev);
	loop_destroy(&f->loop);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", f->path,
			 (const char *[]){ "", ".in", ".out" }[i]);
		unlink(name);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static void start(struct fixture *f, struct chardev_options options)
{
	const char *what;

	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), 0);
	use(f);
}

static const char *name_of(struct fixture *f)
{
	static char name[CHARDEV_NAME_MAX];

	chardev_describe(f->chardev, name, sizeof(name));
	return name;
}

static bool read_more(int fd, uint8_t *got, size_t *n, size_t len)
{
	ssize_t some = read(fd, got + *n, len - *n);

	if (some > 0)
		*n += (size_t)some;
	return *n == len;
}

/* Takes so many bytes as they come. */
static void expect(struct fixture *f, int fd, const void *bytes, size_t len)
{
	uint8_t got[256];
	size_t n = 0;

	assert_true(len <= sizeof(got));
	WAIT_FOR(f, read_more(fd, got, &n, len));
	assert_memory_equal(got, bytes, len);
}

static void expect_got(struct fixture *f, const void *bytes, size_t len)
{
	WAIT_FOR(f, f->got_n >= len);
	assert_int_equal(f->got_n, len);
	assert_memory_equal(f->got, bytes, len);
	f->got_n = 0;
}

/* A listening socket at a port of this host that was free. */
static int listen_local(struct fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(f->port, sizeof(f->port), "%u", ntohs(addr.sin_port));
	return fd;
}

static int call(struct fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)atoi(f->port)),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void test_pty_clients_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct termios tty;

	start(f, (struct chardev_options){ .kind = CHARDEV_PTY });
	assert_int_equal(strncmp(name_of(f), "pty:/dev/pts/", 13), 0);
	chardev_write(f->chardev, "lost", 4);
	for (unsigned i = 1; i <= 3; i++) {
		int fd = open(name_of(f) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);

		assert_true(fd >= 0);
		assert_int_equal(tcgetattr(fd, &tty), 0);
		assert_int_equal(tty.c_lflag & (tcflag_t)(ECHO | ICANON), 0);
		WAIT_FOR(f, f->opened == i);
		chardev_write(f->chardev, "to\n", 3);
		expect(f, fd, "to\n", 3);
		assert_int_equal(write(fd, "from\r", 5), 5);
		expect_got(f, "from\r", 5);
		close(fd);
		WAIT_FOR(f, f->closed == i);
	}
	assert_int_equal(chardev_dropped(f->chardev), 4);
	assert_int_equal(chardev_error(f->chardev), 0);
}

static void test_pty_client_that_leaves_at_once(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, (struct chardev_options){ .kind = CHARDEV_PTY });
	fd = open(name_of(f) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_int_equal(write(fd, "brief", 5), 5);
	close(fd);
	expect_got(f, "brief", 5);
	WAIT_FOR(f, f->closed == 1);
}

static void test_pty_client_that_does_not_read(void **state)
{
	struct fixture *f = *state;
	static const uint8_t flood[4096];
	int fd;

	start(f, (struct chardev_options){ .kind = CHARDEV_PTY });
	fd = open(name_of(f) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
	WAIT_FOR(f, f->opened == 1);
	for (unsigned i = 0; i < 100; i++)
		chardev_write(f->chardev, flood, sizeof(flood));
	assert_true(chardev_dropped(f->chardev) > 0);
	assert_int_equal(chardev_room(f->chardev), 0);
	turn(f);
	close(fd);
	WAIT_FOR(f, f->closed == 1);
	assert_int_equal(chardev_room(f->chardev), CHARDEV_BUFFER);
}

static void test_tcp_server(void **state)
{
	struct fixture *f = *state;
	char want[64];
	int fd = listen_local(f);

	close(fd);
	start(f, (struct chardev_options){ .kind = CHARDEV_SOCKET,
					   .host = "127.0.0.1",
					   .port = f->port,
					   .server = true,
					   .nodelay = true });
	snprintf(want, sizeof(want), "disconnected:tcp:127.0.0.1:%s,server=on", f->port);
	assert_string_equal(name_of(f), want);
	for (unsigned i = 1; i <= 2; i++) {
		fd = call(f);
		WAIT_FOR(f, f->opened == i);
		snprintf(want, sizeof(want), "tcp:127.0.0.1:%s,server=on <-> 127.0.0.1:", f->port);
		assert_int_equal(strncmp(name_of(f), want, strlen(want)), 0);
		chardev_write(f->chardev, "hello", 5);
		expect(f, fd, "hello", 5);
		assert_int_equal(write(fd, "\xff\xf3", 2), 2);
		expect_got(f, "\xff\xf3", 2);
		close(fd);
		WAIT_FOR(f, f->closed == i);
	}
}

static void test_tcp_port_that_is_taken(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_SOCKET,
					   .host = "127.0.0.1",
					   .server = true };
	const char *what;
	int fd = listen_local(f);

	options.port = f->port;
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -EADDRINUSE);
	assert_string_equal(what, "bind");
	options.to = 65535;
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), 0);
	close(fd);
}

static void test_tcp_client(void **state)
{
	struct fixture *f = *state;
	int listener = listen_local(f), fd = -1;
	struct chardev_options options = {
		.kind = CHARDEV_SOCKET, .host = "localhost", .port = f->port, .family = CHARDEV_IPV4
	};
	const char *what;

	start(f, options);
	WAIT_FOR(f, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	chardev_write(f->chardev, "x", 1);
	expect(f, fd, "x", 1);
	close(fd);
	WAIT_FOR(f, f->closed == 1);
	chardev_destroy(f->chardev);
	f->chardev = NULL;
	close(listener);
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -ECONNREFUSED);
	assert_string_equal(what, "connect");
}

static void test_client_that_comes_again(void **state)
{
	struct fixture *f = *state;
	int listener = listen_local(f), fd = -1;

	close(listener);
	start(f, (struct chardev_options){ .kind = CHARDEV_SOCKET,
					   .host = "127.0.0.1",
					   .port = f->port,
					   .reconnect = 1 });
	turn(f);
	assert_int_equal(f->opened, 0);
	/* The same port: nobody was ever connected there. */
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)),
			 0);
	assert_int_equal(bind(listener,
			      (struct sockaddr *)&(struct sockaddr_in){
				      .sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(f->port)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
			      sizeof(struct sockaddr_in)),
			 0);
	assert_int_equal(listen(listener, 8), 0);
	for (unsigned i = 1; i <= 2; i++) {
		WAIT_FOR(f, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
		WAIT_FOR(f, f->opened == i);
		chardev_write(f->chardev, "here", 4);
		expect(f, fd, "here", 4);
		close(fd);
		WAIT_FOR(f, f->closed == i);
	}
	close(listener);
}

static void test_descriptors(void **state)
{
	struct fixture *f = *state;
	const char *what;
	int ends[2], fd = listen_local(f);
	struct chardev_options options = { .kind = CHARDEV_SOCKET, .fd = fd };

	/* One that listens is a server's. */
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -EINVAL);
	options.server = true;
	start(f, options);
	fd = call(f);
	WAIT_FOR(f, f->opened == 1);
	close(fd);
	WAIT_FOR(f, f->closed == 1);
	chardev_destroy(f->chardev);
	f->chardev = NULL;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	start(f, (struct chardev_options){ .kind = CHARDEV_SOCKET, .fd = ends[0] });
	chardev_write(f->chardev, "x", 1);
	expect(f, ends[1], "x", 1);
	close(ends[1]);
	WAIT_FOR(f, f->closed == 2);
	chardev_destroy(f->chardev);
	f->chardev = NULL;

	fd = open("/dev/null", O_RDWR);
	options = (struct chardev_options){ .kind = CHARDEV_SOCKET, .fd = fd };
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -ENOTSOCK);
	close(fd);
	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -EBADF);
}

static void test_telnet(void **state)
{
	static const uint8_t greeting[] = { 255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0 };
	static const char said[] = "x\xff\xfd\x01y\xff\xff\xff\xf3\xff\xfa\x18junk\xff\xf0z";
	struct fixture *f = *state;
	static uint8_t flood[CHARDEV_BUFFER];
	int fd = listen_local(f);

	close(fd);
	start(f, (struct chardev_options){ .kind = CHARDEV_SOCKET,
					   .host = "127.0.0.1",
					   .port = f->port,
					   .server = true,
					   .telnet = true });
	fd = call(f);
	WAIT_FOR(f, f->opened == 1);
	expect(f, fd, greeting, sizeof(greeting));
	chardev_write(f->chardev,
		      "a\xff"
		      "b",
		      3);
	expect(f, fd,
	       "a\xff\xff"
	       "b",
	       4);
	assert_int_equal(write(fd, said, sizeof(said) - 1), (ssize_t)sizeof(said) - 1);
	expect_got(f, "xy\xffz", 4);
	assert_int_equal(f->broke, 1);

	/* A client that reads nothing gets whole escapes or none. */
	memset(flood, 255, sizeof(flood));
	assert_true(chardev_room(f->chardev) <= CHARDEV_BUFFER / 2);
	while (!chardev_dropped(f->chardev))
		chardev_write(f->chardev, flood, sizeof(flood));
	close(fd);
	WAIT_FOR(f, f->closed == 1);
}

static void test_pipe_of_two(void **state)
{
	struct fixture *f = *state;
	char name[128];
	int in, out;

	snprintf(name, sizeof(name), "%s.in", f->path);
	assert_int_equal(mkfifo(name, 0600), 0);
	in = open(name, O_RDWR | O_NONBLOCK);
	snprintf(name, sizeof(name), "%s.out", f->path);
	assert_int_equal(mkfifo(name, 0600), 0);
	out = open(name, O_RDWR | O_NONBLOCK);
	start(f, (struct chardev_options){ .kind = CHARDEV_PIPE, .path = f->path });
	assert_string_equal(name_of(f), "pipe");
	assert_int_equal(write(in, "ping", 4), 4);
	expect_got(f, "ping", 4);
	chardev_write(f->chardev, "pong", 4);
	expect(f, out, "pong", 4);
	/* Nobody's leaving ends it. */
	close(in);
	close(out);
	turn(f);
	assert_int_equal(f->closed, 0);
}

static void test_pipe_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_PIPE, .path = f->path };
	const char *what;

	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -ENOENT);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	start(f, options);
	chardev_write(f->chardev, "both ways", 9);
	expect_got(f, "both ways", 9);
}

static void test_ringbuf_keeps_the_last(void **state)
{
	struct fixture *f = *state;
	struct chardev_options options = { .kind = CHARDEV_RINGBUF, .size = 12 };
	const char *what;
	char text[16] = "";

	assert_int_equal(chardev_open(&f->chardev, &f->loop, &options, &what), -EINVAL);
	options.size = 8;
	start(f, options);
	assert_int_equal(chardev_ringbuf_read(f->chardev, text, 8), 0);
	chardev_write(f->chardev, "0123456789", 10);
	assert_int_equal(chardev_ringbuf_read(f->chardev, text, 3), 3);
	assert_string_equal(text, "234");
	chardev_write(f->chardev, "ab", 2);
	assert_int_equal(chardev_ringbuf_read(f->chardev, text, sizeof(text)), 7);
	assert_memory_equal(text, "56789ab", 7);
	assert_int_equal(chardev_dropped(f->chardev), 0);
	assert_int_equal(chardev_room(f->chardev), CHARDEV_BUFFER);
}

static void test_set(void **state)
{
	struct fixture *f = *state;
	struct chardev_set set;
	struct chardev *slot;

	start(f, (struct chardev_options){ .kind = CHARDEV_NULL });
	slot = f->chardev;
	chardev_set_init(&set, &f->loop);
	assert_int_equal(chardev_set_add(&set, "a", f->chardev, &slot, true), 0);
	assert_int_equal(chardev_set_add(&set, "a", f->chardev, NULL, false), -EEXIST);
	assert_null(chardev_set_find(&set, "b"));
	assert_true(chardev_set_find(&set, "a")->used);
	f->chardev = NULL;
	chardev_set_destroy(&set);
	assert_null(slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pty_clients_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pty_client_that_leaves_at_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_pty_client_that_does_not_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_tcp_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_port_that_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_that_comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_telnet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe_of_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipe_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ringbuf_keeps_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
