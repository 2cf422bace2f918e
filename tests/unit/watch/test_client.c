// SPDX-License-Identifier: MIT
/* The monitor's client against servers that keep to the protocol, and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "watch/client.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define READY    GREETING "{\"return\": {}}\r\n"

/* Says its text, whatever it hears. */
struct server {
	int fd;
	const char *says;
	size_t endless; /* so many times more of the last byte */
	bool hangs_up; /* says no more than that */
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *server = arg;
	char heard[256], more[4096];

	(void)!send(server->fd, server->says, strlen(server->says), MSG_NOSIGNAL);
	memset(more, 'x', sizeof(more));
	while (server->endless) {
		ssize_t n = send(server->fd, more, sizeof(more), MSG_NOSIGNAL);

		if (n < 0)
			break;
		server->endless -= server->endless < (size_t)n ? server->endless : (size_t)n;
	}
	/* What the client says still finds an open end, so that it always gets to read this. */
	if (server->hangs_up)
		shutdown(server->fd, SHUT_WR);
	while (recv(server->fd, heard, sizeof(heard), 0) > 0) {
	}
	close(server->fd);
	return NULL;
}

/* What watch_client_adopt() makes of the server. */
static int meet(struct server *server, struct watch_client **client, struct error *err)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	server->fd = fds[1];
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	return watch_client_adopt(client, fds[0], "test\nsocket", err);
}

static void part(struct server *server, struct watch_client *client)
{
	watch_client_close(client);
	pthread_join(server->thread, NULL);
}

static void test_commands(void **state)
{
	struct server server = {
		.says = READY
		"{\"event\": \"STOP\"}\r\n\r\n{\"return\": {\"name\": \"vm1\"}}\n"
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\\u0007\"}}\n"
		"{\"return\": []}\n"
	};
	struct watch_client *client;
	struct json_object *answer, *name;
	struct error err;

	assert_int_equal(meet(&server, &client, &err), 0);
	assert_int_equal(watch_client_pid(client), getpid());
	assert_string_equal(watch_client_name(client), "test?socket");
	assert_int_equal(watch_client_command(client, "query-name", NULL, &answer, &err), 0);
	assert_true(json_object_object_get_ex(answer, "name", &name));
	assert_string_equal(json_object_get_string(name), "vm1");
	json_object_put(answer);
	assert_int_equal(watch_client_command(client, "x", json_object_new_object(), NULL, &err),
			 -EREMOTEIO);
	assert_string_equal(err.text, "test?socket: no?");
	assert_int_equal(watch_client_command(client, "y", NULL, NULL, &err), 0);
	part(&server, client);
}

static void test_who_does_not_keep_to_it(void **state)
{
	static const struct {
		const char *says;
		int error;
		const char *text;
	} rows[] = {
		{ "", -ECONNRESET, "test?socket: it is gone" },
		{ GREETING, -ECONNRESET, "test?socket: it is gone" },
		{ GREETING "{\"return\"", -ECONNRESET, "test?socket: it is gone" },
		{ "SSH-2.0-OpenSSH\r\n", -EPROTO,
		  "test?socket: what it says is not QMP: an unknown keyword" },
		{ "{\"QMX\": {}}\n", -EPROTO, "test?socket: what it says is not QMP: no greeting" },
		{ "[]\n", -EPROTO,
		  "test?socket: what it says is not QMP: no object in a line of its own" },
		{ "{\"QMP\": {\"a\": NaN}}\n", -EPROTO,
		  "test?socket: what it says is not QMP: an unknown keyword" },
		{ GREETING "{\"id\": 3}\n", -EPROTO,
		  "test?socket: what it says is not QMP: neither an answer nor an event" },
		{ "{\"error\": {\"desc\": \"Too many\"}}\n", -EREMOTEIO, "test?socket: Too many" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server server = { .says = rows[i].says, .hangs_up = true };
		struct watch_client *client;
		struct error err;

		assert_int_equal(meet(&server, &client, &err), rows[i].error);
		assert_string_equal(err.text, rows[i].text);
		pthread_join(server.thread, NULL);
	}
}

static void test_patience(void **state)
{
	struct server server = { .says = READY };
	struct watch_client *client;
	struct error err;

	assert_int_equal(meet(&server, &client, &err), 0);
	watch_client_set_patience(client, 30);
	assert_int_equal(watch_client_command(client, "x", NULL, NULL, &err), -ETIMEDOUT);
	part(&server, client);
}

static void test_an_answer_without_end(void **state)
{
	struct server server = { .says = READY "{\"return\": \"",
				 .endless = (size_t)WATCH_CLIENT_LINE * 2 };
	struct watch_client *client;
	struct error err;

	assert_int_equal(meet(&server, &client, &err), 0);
	watch_client_set_patience(client, 60000); /* it is much to send */
	assert_int_equal(watch_client_command(client, "x", NULL, NULL, &err), -EPROTO);
	assert_string_equal(err.text, "test?socket: an answer without end");
	part(&server, client);
}

static void test_targets(void **state)
{
	struct watch_client *client;
	struct error err;

	assert_true(watch_client_open(&client, "/nonexistent/socket", &err) < 0);
	assert_string_equal(err.text, "/nonexistent/socket: No such file or directory");
	assert_true(watch_client_open(&client, "1", &err) < 0);
	assert_string_equal(err.text, "process 1 is no coalport machine that can be reached");
	assert_int_equal(watch_client_open(&client, "nobody-has-this-name", &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands), cmocka_unit_test(test_who_does_not_keep_to_it),
		cmocka_unit_test(test_patience), cmocka_unit_test(test_an_answer_without_end),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
