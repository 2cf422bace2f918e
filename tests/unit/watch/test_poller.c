// SPDX-License-Identifier: MIT
/* A machine that answers, does not, leaves, or says nonsense, asked by a thread while this one looks on. */
#include "../base/cm.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "watch/poller.h"

#define PATIENCE_MS 60000

/* One machine of a test: what it does with each question. */
static struct {
	const char *plan; /* a letter each: see machine_ask(); the last one stays */
	atomic_int asked, opened, closed;
	int fds[2];
} machine;

static int machine_open(void **client, const char *target, struct error *err)
{
	if (!strcmp(target, "nowhere"))
		return error_set(err, -ENOENT, "nowhere: no such machine");
	assert_string_equal(target, "vm1");
	*client = &machine;
	machine.opened++;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, machine.fds) ? -errno : 0;
}

static int machine_ask(void *client, struct json_object **record, struct error *err)
{
	int n = machine.asked++;
	size_t last = strlen(machine.plan) - 1;
	char byte;

	switch (machine.plan[(size_t)n < last ? (size_t)n : last]) {
	case 'a': /* answers */
		*record = json_tokener_parse(
			"{\"record\":1,\"source\":\"machine\",\"name\":\"a\\u001bb\"}");
		json_object_object_add(*record, "exits", json_object_new_int(n));
		return 0;
	case 'n': /* nonsense */
		*record = json_tokener_parse("{\"record\":1,\"source\":\"machine\",\"exits\":[]}");
		return 0;
	case 't': /* not in time */
		return error_set(err, -ETIMEDOUT, "no answer");
	case 'l': /* leaves */
		return error_set(err, -ECONNRESET, "the machine is gone");
	default: /* says nothing until somebody ends the connection */
		if (read(machine.fds[0], &byte, 1))
			return error_set(err, -EIO, "a byte");
		return error_set(err, -ECONNRESET, "the machine is gone");
	}
}

static int machine_fd(void *client)
{
	return machine.fds[0];
}

static void machine_close(void *client)
{
	machine.closed++;
	close(machine.fds[0]);
	close(machine.fds[1]);
}

static const struct watch_poller_ops ops = { machine_open, machine_ask, machine_fd, machine_close };

static struct watch_poller *start(const char *target, const char *plan, unsigned flags)
{
	struct watch_poller *poller;
	struct error err;

	machine.plan = plan;
	machine.asked = machine.opened = machine.closed = 0;
	assert_int_equal(watch_poller_start(&poller, &ops, target, flags, &err), 0);
	return poller;
}

/* What watch_poller_take() says as soon as there is something. */
static int wait_for(struct watch_poller *poller, struct watch_answer *answer, struct error *err)
{
	struct pollfd fd = { .fd = watch_poller_fd(poller), .events = POLLIN };
	int ret;

	do {
		assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
		ret = watch_poller_take(poller, answer, err);
	} while (!ret);
	return ret;
}

static void test_answers(void **state)
{
	struct watch_poller *poller = start("vm1", "a", WATCH_POLLER_LINES);
	struct watch_answer answer;
	struct error err;

	assert_int_equal(watch_poller_take(poller, &answer, &err), 0);
	for (unsigned i = 0; i < 200; i++) {
		watch_poller_ask(poller);
		watch_poller_ask(poller); /* one at a time */
		assert_int_equal(wait_for(poller, &answer, &err), 1);
		assert_int_equal(answer.snapshot.exits, i);
		assert_string_equal(answer.snapshot.name, "a?b");
		assert_non_null(strstr(answer.line, "\"name\":\"a\\u001bb\""));
		assert_null(strchr(answer.line, '\n'));
		watch_answer_free(&answer);
		assert_int_equal(watch_poller_asked(poller), 0);
		assert_int_equal(watch_poller_take(poller, &answer, &err), 0);
	}
	assert_int_equal(machine.opened, 1);
	/* An answer that nobody takes is freed, and holds up the next question. */
	watch_poller_ask(poller);
	while (watch_poller_asked(poller))
		usleep(100);
	watch_poller_ask(poller);
	assert_int_equal(watch_poller_asked(poller), 0);
	watch_poller_stop(poller);
	assert_int_equal(machine.closed, 1);
	assert_int_equal(machine.asked, 201);
}

static void test_no_lines(void **state)
{
	struct watch_poller *poller = start("vm1", "a", 0);
	struct watch_answer answer;
	struct error err;

	watch_poller_ask(poller);
	assert_int_equal(wait_for(poller, &answer, &err), 1);
	assert_null(answer.line);
	watch_answer_free(&answer);
	watch_poller_stop(poller);
}

static void test_failures(void **state)
{
	static const struct {
		const char *target, *plan, *says;
		int good, ret;
		unsigned flags;
	} cases[] = {
		{ "nowhere", "a", "no such machine", 0, -ENOENT, 0 },
		{ "vm1", "l", "the machine is gone", 0, -ECONNRESET, 0 },
		{ "vm1", "aal", "the machine is gone", 2, -ECONNRESET, 0 },
		{ "vm1", "an", "exits: of the wrong type", 1, -EINVAL, 0 },
		{ "vm1", "t", "no answer", 0, -ETIMEDOUT, 0 }, /* the first one only */
		{ "vm1", "at", "no answer", 1, -ETIMEDOUT, WATCH_POLLER_STRICT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct watch_poller *poller = start(cases[i].target, cases[i].plan, cases[i].flags);
		struct watch_answer answer;
		struct error err;
		int good = 0, ret;

		do {
			watch_poller_ask(poller);
			ret = wait_for(poller, &answer, &err);
			if (ret == 1)
				watch_answer_free(&answer);
			good += ret == 1;
		} while (ret == 1);
		assert_int_equal(ret, cases[i].ret);
		assert_int_equal(good, cases[i].good);
		assert_non_null(strstr(err.text, cases[i].says));
		/* For good. */
		watch_poller_ask(poller);
		assert_int_equal(watch_poller_take(poller, &answer, &err), cases[i].ret);
		watch_poller_stop(poller);
		assert_int_equal(machine.closed, machine.opened);
	}
}

/* One that does not answer in time is asked again, over a new connection. */
static void test_late(void **state)
{
	struct watch_poller *poller = start("vm1", "atta", 0);
	struct watch_answer answer;
	struct error err;

	for (int i = 0; i < 2; i++) {
		watch_poller_ask(poller);
		assert_int_equal(wait_for(poller, &answer, &err), 1);
		watch_answer_free(&answer);
	}
	assert_int_equal(machine.asked, 4);
	assert_int_equal(machine.opened, 3);
	watch_poller_stop(poller);
}

/* Ends at once, though the machine says nothing. */
static void test_silent(void **state)
{
	struct watch_poller *poller = start("vm1", "s", 0);
	struct watch_answer answer;
	struct error err;

	watch_poller_ask(poller);
	while (!machine.asked)
		usleep(100);
	assert_int_equal(watch_poller_take(poller, &answer, &err), 0);
	assert_true(watch_poller_asked(poller) > 0);
	watch_poller_stop(poller);
	assert_int_equal(machine.closed, 1);
}

/* Whatever the thread does just then. */
static void test_stopped_any_time(void **state)
{
	for (unsigned i = 0; i < 300; i++) {
		struct watch_poller *poller =
			start("vm1", i & 1 ? "s" : "a", i & 2 ? WATCH_POLLER_LINES : 0);

		if (i % 3)
			watch_poller_ask(poller);
		usleep(i % 7 * 20);
		watch_poller_stop(poller);
		assert_int_equal(machine.closed, machine.opened);
	}
}

/* It is noticed that the machine left, though nobody asks. */
static void test_left(void **state)
{
	struct watch_poller *poller = start("vm1", "a", 0);
	struct watch_answer answer;
	struct error err;

	watch_poller_ask(poller);
	assert_int_equal(wait_for(poller, &answer, &err), 1);
	watch_answer_free(&answer);
	shutdown(machine.fds[1], SHUT_RDWR);
	assert_int_equal(wait_for(poller, &answer, &err), -ECONNRESET);
	assert_string_equal(err.text, "the machine is gone");
	watch_poller_stop(poller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),  cmocka_unit_test(test_no_lines),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_late),
		cmocka_unit_test(test_silent),   cmocka_unit_test(test_stopped_any_time),
		cmocka_unit_test(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
