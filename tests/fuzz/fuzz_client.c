// SPDX-License-Identifier: MIT
/*
 * A monitor that says anything: greeting, answers and events, whole, in pieces or cut short. What a command
 * gives back is either a result or a line of why, and a record in it is taken apart as any stranger's.
 *
 * Input: what the other end says, all of it at once; then it says no more.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "watch/client.h"
#include "watch/snapshot.h"

#define SAID_MAX 65536 /* a socket takes so much without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_why(const struct error *err)
{
	CHECK(err->text[0] && memchr(err->text, '\0', sizeof(err->text)) &&
	      !strchr(err->text, '\n'));
}

static int ask(struct watch_client *client, const char *command)
{
	struct json_object *result = NULL;
	struct watch_snapshot snapshot;
	struct error err = { "" };
	int ret = watch_client_command(client, command, NULL, &result, &err);

	if (ret) {
		CHECK(!result);
		check_why(&err);
		return ret;
	}
	if (watch_snapshot_parse(&snapshot, result, &err))
		check_why(&err);
	else
		watch_snapshot_free(&snapshot);
	json_object_put(result);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_client *client;
	struct error err = { "" };
	int ends[2], ret;

	if (size > SAID_MAX)
		return 0;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	CHECK(size == 0 || write(ends[0], data, size) == (ssize_t)size);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	ret = watch_client_adopt(&client, ends[1], "fuzzed", &err);
	if (ret) {
		check_why(&err);
	} else {
		for (int i = 0; i < 3; i++) {
			ret = ask(client, "query-x");
			if (ret && ret != -EREMOTEIO)
				break;
		}
		watch_client_close(client);
	}
	close(ends[0]);
	return 0;
}
