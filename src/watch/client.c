// SPDX-License-Identifier: MIT
#include "watch/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "watch/client_impl.h"

#define DEPTH     64
#define READ_SIZE 65536u

struct watch_client {
	int fd, pid, patience;
	char name[WATCH_CLIENT_NAME];
	char *bytes; /* received: [at, n), and a NUL behind them */
	size_t at, n, room;
};

int watch_client_fd(const struct watch_client *client)
{
	return client->fd;
}

int watch_client_pid(const struct watch_client *client)
{
	return client->pid;
}

const char *watch_client_name(const struct watch_client *client)
{
	return client->name;
}

void watch_client_set_patience(struct watch_client *client, int ms)
{
	client->patience = ms;
}

void watch_client_close(struct watch_client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->bytes);
	free(client);
}

static int gone(const struct watch_client *client, struct error *err)
{
	return error_set(err, -ECONNRESET, "%s: it is gone", client->name);
}

/* Until fd is ready for events, at most until the time end. 0 or -errno with err set. */
static int await(const struct watch_client *client, short events, int64_t end, struct error *err)
{
	for (;;) {
		int64_t left = end - clock_monotonic();
		struct pollfd poll_fd = { .fd = client->fd, .events = events };
		int n;

		if (left <= 0)
			return error_set(err, -ETIMEDOUT, "%s: no answer for %d s", client->name,
					 client->patience / 1000);
		n = poll(&poll_fd, 1, (int)(left / NS_PER_MS) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return error_set(err, -errno, "%s: %s", client->name, strerror(errno));
	}
}

static int send_all(struct watch_client *client, const char *text, size_t len, int64_t end,
		    struct error *err)
{
	while (len) {
		ssize_t n = send(client->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int ret;

		if (n > 0) {
			text += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return gone(client, err);
		if (errno != EAGAIN && errno != EINTR)
			return error_set(err, -errno, "%s: %s", client->name, strerror(errno));
		ret = await(client, POLLOUT, end, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* More bytes behind those that there are. */
static int receive(struct watch_client *client, int64_t end, struct error *err)
{
	ssize_t n;
	int ret;

	if (client->bytes)
		memmove(client->bytes, client->bytes + client->at, client->n - client->at);
	client->n -= client->at;
	client->at = 0;
	if (client->n >= WATCH_CLIENT_LINE)
		return error_set(err, -EPROTO, "%s: an answer without end", client->name);
	if (!array_reserve(client->bytes, client->n + READ_SIZE + 1, &client->room))
		return error_set(err, -ENOMEM, "%s: out of memory", client->name);
	ret = await(client, POLLIN, end, err);
	if (ret)
		return ret;
	n = recv(client->fd, client->bytes + client->n, READ_SIZE, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return gone(client, err);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_set(err, -errno, "%s: %s", client->name, strerror(errno));
	client->n += n > 0 ? (size_t)n : 0;
	return 0;
}

static int no_qmp(const struct watch_client *client, const char *why, struct error *err)
{
	return error_set(err, -EPROTO, "%s: what it says is not QMP: %s", client->name, why);
}

/* A line, which has to be an object. */
static int parse_line(const struct watch_client *client, const char *line, size_t len,
		      struct json_object **out, struct error *err)
{
	struct json_tokener *tokener;
	struct json_object *object;
	const char *wrong = strlen(line) == len ? json_text_check(line) : "a byte of zero";
	bool whole;

	if (wrong)
		return no_qmp(client, wrong, err);
	tokener = json_tokener_new_ex(DEPTH);
	if (!tokener)
		return error_set(err, -ENOMEM, "%s: out of memory", client->name);
	object = json_tokener_parse_ex(tokener, line, (int)len + 1);
	whole = json_tokener_get_error(tokener) == json_tokener_success;
	json_tokener_free(tokener);
	if (whole && json_object_is_type(object, json_type_object)) {
		*out = object;
		return 0;
	}
	json_object_put(object);
	return no_qmp(client, "no object in a line of its own", err);
}

/* The next object that comes. */
static int next_object(struct watch_client *client, int64_t end, struct json_object **out,
		       struct error *err)
{
	size_t looked = 0;

	for (;;) {
		char *line = client->bytes ? client->bytes + client->at : NULL, *stop;
		int ret;

		stop = line ? memchr(line + looked, '\n', client->n - client->at - looked) : NULL;
		if (stop) {
			size_t len = (size_t)(stop - line);

			*stop = '\0';
			client->at += len + 1;
			if (len == strspn(line, " \t\r"))
				continue; /* an empty one */
			return parse_line(client, line, len, out, err);
		}
		looked = client->n - client->at;
		ret = receive(client, end, err);
		if (ret)
			return ret;
	}
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* What became of a command, if the object tells. 1: it does not. */
static int take_answer(struct watch_client *client, struct json_object *object,
		       struct json_object **result, struct error *err)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(object, "return", &value)) {
		if (result)
			*result = json_object_get(value);
		return 0;
	}
	if (json_object_object_get_ex(object, "error", &value)) {
		const char *desc = text_of(value, "desc");
		char safe[160];

		return error_set(err, -EREMOTEIO, "%s: %s", client->name,
				 watch_client_printable(safe, desc ? desc : "it refuses"));
	}
	return json_object_object_get_ex(object, "event", &value)
		       ? 1
		       : no_qmp(client, "neither an answer nor an event", err);
}

int watch_client_command(struct watch_client *client, const char *command,
			 struct json_object *arguments, struct json_object **result,
			 struct error *err)
{
	int64_t end = clock_monotonic() + client->patience * NS_PER_MS;
	struct json_object *request = json_object_new_object(), *answer = NULL;
	const char *text = NULL;
	int ret;

	if (request &&
	    !json_object_object_add(request, "execute", json_object_new_string(command)) &&
	    (!arguments ||
	     !json_object_object_add(request, "arguments", json_object_get(arguments))))
		text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	ret = text ? send_all(client, text, strlen(text), end, err)
		   : error_set(err, -ENOMEM, "%s: out of memory", client->name);
	if (!ret)
		ret = send_all(client, "\n", 1, end, err);
	json_object_put(arguments);
	json_object_put(request);
	while (!ret) {
		ret = next_object(client, end, &answer, err);
		if (ret)
			break;
		ret = take_answer(client, answer, result, err);
		json_object_put(answer);
		if (ret != 1)
			break;
		ret = 0;
	}
	return ret;
}

/* The greeting, and the answer to it. */
static int greet(struct watch_client *client, struct error *err)
{
	int64_t end = clock_monotonic() + client->patience * NS_PER_MS;
	struct json_object *greeting = NULL;
	int ret = next_object(client, end, &greeting, err);

	if (ret)
		return ret;
	/* Too many clients: a refusal comes in its place. */
	if (json_object_object_get_ex(greeting, "error", NULL))
		ret = take_answer(client, greeting, NULL, err);
	else if (!json_object_object_get_ex(greeting, "QMP", NULL))
		ret = no_qmp(client, "no greeting", err);
	json_object_put(greeting);
	return ret ? ret : watch_client_command(client, "qmp_capabilities", NULL, NULL, err);
}

int watch_client_adopt(struct watch_client **client, int fd, const char *what, struct error *err)
{
	struct watch_client *made = calloc(1, sizeof(*made));
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);
	int ret;

	if (!made) {
		close(fd);
		return error_set(err, -ENOMEM, "%s: out of memory", what);
	}
	made->fd = fd;
	made->patience = WATCH_CLIENT_PATIENCE;
	(void)watch_client_printable(made->name, what);
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		made->pid = peer.pid;
	ret = greet(made, err);
	if (ret) {
		watch_client_close(made);
		return ret;
	}
	*client = made;
	return 0;
}
