// SPDX-License-Identifier: MIT
/* Opening files, and streams that do not wait. */
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/relay.h"

struct fixture {
	char dir[64], path[96];
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	/* Ends what would wait for ever. */
	alarm(120);
	snprintf(f->dir, sizeof(f->dir), "/tmp/coalport-file-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/x", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void expect_content(const char *path, const char *text)
{
	uint8_t *bytes;
	size_t len;

	assert_int_equal(file_read_whole(path, 1000, &bytes, &len), 0);
	assert_string_equal((const char *)bytes, text);
	free(bytes);
}

static void test_read_whole(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes;
	size_t len;

	assert_int_equal(file_read_whole(f->path, 10, &bytes, &len), -ENOENT);
	put(f->path, "0123456789");
	assert_int_equal(file_read_whole(f->path, 10, &bytes, &len), 0);
	assert_int_equal(len, 10);
	assert_string_equal((const char *)bytes, "0123456789");
	free(bytes);
	assert_int_equal(file_read_whole(f->path, 9, &bytes, &len), -EFBIG);
	assert_int_equal(len, 10);
	assert_null(bytes);
	put(f->path, "");
	assert_int_equal(file_read_whole(f->path, 0, &bytes, &len), 0);
	assert_int_equal(len, 0);
	free(bytes);
	assert_int_equal(file_read_whole(f->dir, 10, &bytes, &len), -EINVAL);
	assert_int_equal(file_read_whole("/dev/zero", 10, &bytes, &len), -EINVAL);
	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(file_read_whole(f->path, 10, &bytes, &len), -EINVAL);
}

static void test_output_is_touched_late(void **state)
{
	struct fixture *f = *state;
	struct file_output one, two;
	struct stream stream;

	put(f->path, "old");
	assert_int_equal(file_open_output(&one, f->path, &f->err), 0);
	assert_int_equal(file_lock_output(&one), 0);
	assert_int_equal(file_open_output(&two, f->path, &f->err), 0);
	assert_int_equal(file_lock_output(&two), -EBUSY);
	file_close_output(&two);
	expect_content(f->path, "old");
	assert_int_equal(file_empty_output(&one), 0);
	expect_content(f->path, "");
	assert_int_equal(file_stream_output(&one, &stream), 0);
	file_close_output(&one);
	assert_int_equal(stream_write(&stream, "new", 3), 3);
	stream_close(&stream);
	expect_content(f->path, "new");
}

static void expect_refusal(struct fixture *f, const char *path, int code, const char *says)
{
	struct file_output out;

	assert_int_equal(file_open_output(&out, path, &f->err), code);
	assert_int_equal(out.fd, -1);
	assert_non_null(strstr(f->err.text, says));
}

static void test_output_refused(void **state)
{
	struct fixture *f = *state;
	struct file_output out;
	int fd;

	expect_refusal(f, f->dir, -EINVAL, "is a directory");
	expect_refusal(f, "/nonexistent/x", -ENOENT, "/nonexistent/x: No such file");
	assert_int_equal(mkfifo(f->path, 0600), 0);
	expect_refusal(f, f->path, -ENXIO, "nobody reads it");
	fd = open(f->path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(file_open_output(&out, f->path, &f->err), 0);
	assert_int_equal(file_lock_output(&out), 0);
	assert_int_equal(file_empty_output(&out), 0);
	file_close_output(&out);
	close(fd);
}

/* What standard error is open on keeps its place and its content. */
static void test_output_that_is_standard_error(void **state)
{
	struct fixture *f = *state;
	int saved = dup(STDERR_FILENO), fd;
	struct file_output out;
	struct stream stream;

	put(f->path, "old");
	fd = open(f->path, O_WRONLY | O_APPEND);
	dup2(fd, STDERR_FILENO);
	assert_int_equal(file_open_output(&out, "/dev/stderr", &f->err), 0);
	assert_true(out.shared);
	assert_int_equal(file_lock_output(&out), 0);
	assert_int_equal(file_empty_output(&out), 0);
	assert_int_equal(file_stream_output(&out, &stream), 0);
	file_close_output(&out);
	assert_int_equal(stream_write(&stream, "new", 3), 3);
	stream_close(&stream);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	expect_content(f->path, "oldnew");
}

static const struct stream_patience little = { .idle = 10 * NS_PER_MS,
					       .until = CLOCK_NEVER,
					       .cancel_fd = -1 };

/* For what does happen, however busy the host is. */
static const struct stream_patience much = { .idle = 60 * NS_PER_SEC,
					     .until = CLOCK_NEVER,
					     .cancel_fd = -1 };

static void test_patience(void **state)
{
	static const char block[1 << 20];
	struct stream_patience patience = little;
	struct stream stream;
	int fds[2], cancel[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(cancel), 0);
	assert_int_equal(stream_share(&stream, fds[1], STREAM_OUTPUT), 0);
	assert_int_equal(stream_write_all(&stream, "all", 3, &much), 0);
	assert_int_equal(stream_write_all(&stream, block, sizeof(block), &patience), -ETIMEDOUT);
	/* Endless patience, but for a signal. */
	assert_int_equal(write(cancel[1], "x", 1), 1);
	patience = (struct stream_patience){ .idle = CLOCK_NEVER,
					     .until = CLOCK_NEVER,
					     .cancel_fd = cancel[0] };
	assert_int_equal(stream_write_all(&stream, block, 1, &patience), -ETIMEDOUT);
	close(fds[0]);
	assert_int_equal(stream_write_all(&stream, block, 1, &patience), -EPIPE);
	stream_close(&stream);
	close(fds[1]);
	close(cancel[0]);
	close(cancel[1]);
}

/* As stream_share() makes one of what may not be opened again. */
static struct stream relayed(int fd, bool output)
{
	struct stream stream = { .socket = true };

	assert_int_equal(relay_start(&stream.relay, &stream.fd, fd, output), 0);
	return stream;
}

static void test_relay_output(void **state)
{
	static const char block[1 << 20];
	struct stream stream;
	char got[8] = "";
	int fds[2], full = open("/dev/full", O_WRONLY);

	assert_int_equal(pipe(fds), 0);
	stream = relayed(fds[1], true);
	assert_int_equal(stream_write_all(&stream, "bytes", 5, &much), 0);
	stream_close(&stream);
	assert_int_equal(read(fds[0], got, sizeof(got)), 5);
	assert_string_equal(got, "bytes");
	/* Nobody reads: neither does it wait nor does leaving it behind. */
	stream = relayed(fds[1], true);
	assert_int_equal(stream_write_all(&stream, block, sizeof(block), &little), -ETIMEDOUT);
	assert_true(stream_finish(&stream) != 0);
	stream_close(&stream);
	close(fds[0]);
	close(fds[1]);
	/* What goes wrong out of sight is told. */
	stream = relayed(full, true);
	assert_int_equal(stream_write_all(&stream, "bytes", 5, &much), -ENOSPC);
	assert_int_equal(stream_error(&stream), -ENOSPC);
	stream_close(&stream);
	close(full);
}

static void test_relay_input(void **state)
{
	struct stream stream;
	char got[8] = "";
	ssize_t n;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	stream = relayed(fds[0], false);
	assert_int_equal(stream_read(&stream, got, sizeof(got)), -EAGAIN);
	assert_int_equal(write(fds[1], "bytes", 5), 5);
	close(fds[1]);
	while ((n = stream_read(&stream, got, sizeof(got))) == -EAGAIN)
		usleep(1000);
	assert_int_equal(n, 5);
	while ((n = stream_read(&stream, got, sizeof(got))) == -EAGAIN)
		usleep(1000);
	assert_int_equal(n, 0);
	stream_close(&stream);
	close(fds[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_whole),     TEST(test_output_is_touched_late),
		TEST(test_output_refused), TEST(test_output_that_is_standard_error),
		TEST(test_patience),       TEST(test_relay_output),
		TEST(test_relay_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
