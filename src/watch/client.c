// SPDX-License-Identifier: MIT
#include "watch/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DEPTH    32
#define PATIENCE 10 /* seconds for an answer */
#define CHUNK    65536
#define BYTES    (64u << 20)

struct watch_client {
	int fd;
	struct json_tokener *tokener;
};

static int gone(struct error *err, int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return error_set(err, -ETIMEDOUT, "no answer within %d s", PATIENCE);
	return error_set(err, -error, "the machine is gone (%s)", strerror(error));
}

/* The next object that the machine says. Byte by byte behind its end is never needed: one at a time. */
static int hear(struct watch_client *client, struct json_object **out, struct error *err)
{
	char chunk[CHUNK];
	size_t all = 0;

	json_tokener_reset(client->tokener);
	for (;;) {
		ssize_t got = recv(client->fd, chunk, sizeof(chunk), MSG_PEEK);
		enum json_tokener_error error;
		size_t used;

		if (got < 0 && errno == EINTR)
			return error_set(err, -EINTR, "interrupted");
		if (got < 0)
			return gone(err, errno);
		if (!got)
			return gone(err, ECONNRESET);
		*out = json_tokener_parse_ex(client->tokener, chunk, (int)got);
		error = json_tokener_get_error(client->tokener);
		used = error == json_tokener_success ? json_tokener_get_parse_end(client->tokener)
						     : (size_t)got;
		all += used;
		if (recv(client->fd, chunk, used, 0) != (ssize_t)used)
			return gone(err, EPIPE);
		if (error == json_tokener_success)
			return 0;
		if (error != json_tokener_continue || all > BYTES)
			return error_set(err, -EBADMSG, "it does not speak QMP");
	}
}

static int say(struct watch_client *client, const char *text, struct error *err)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t put = send(client->fd, text, len, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return gone(err, errno);
		text += put;
		len -= (size_t)put;
	}
	return 0;
}

static int greet(struct watch_client *client, const char *target, struct error *err)
{
	struct json_object *greeting = NULL;
	int ret = hear(client, &greeting, err);

	if (!ret && !json_object_object_get_ex(greeting, "QMP", NULL))
		ret = error_set(err, -EBADMSG, "%s does not speak QMP", target);
	json_object_put(greeting);
	return ret ? ret : watch_client_command(client, "qmp_capabilities", NULL, NULL, err);
}

int watch_client_open(struct watch_client **client, const char *target, struct error *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct watch_client *made;
	int ret;

	if (!target)
		return error_set(err, -ENOENT, "say which machine, by its control socket");
	if (strlen(target) >= sizeof(addr.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s: too long for a socket", target);
	strcpy(addr.sun_path, target);
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(err, -ENOMEM, "out of memory");
	made->tokener = json_tokener_new_ex(DEPTH);
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!made->tokener || made->fd < 0 ||
	    setsockopt(made->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(made->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(made->fd, (struct sockaddr *)&addr, sizeof(addr)))
		ret = error_set(err, made->tokener ? -errno : -ENOMEM, "%s: %s", target,
				strerror(errno));
	else
		ret = greet(made, target, err);
	if (ret)
		watch_client_close(made);
	else
		*client = made;
	return ret;
}

static int answer(struct watch_client *client, struct json_object **result, struct error *err)
{
	for (;;) {
		struct json_object *heard = NULL, *part = NULL, *desc = NULL;
		int ret = hear(client, &heard, err);

		if (ret)
			return ret;
		if (json_object_object_get_ex(heard, "return", &part)) {
			if (result)
				*result = json_object_get(part);
		} else if (json_object_object_get_ex(heard, "error", &part)) {
			json_object_object_get_ex(part, "desc", &desc);
			ret = error_set(err, -EREMOTEIO, "%s",
					desc ? json_object_get_string(desc) : "refused");
		} else {
			json_object_put(heard); /* an event */
			continue;
		}
		json_object_put(heard);
		return ret;
	}
}

int watch_client_command(struct watch_client *client, const char *command,
			 struct json_object *arguments, struct json_object **result,
			 struct error *err)
{
	struct json_object *request = json_object_new_object();
	int ret;

	if (!request) {
		json_object_put(arguments);
		return error_set(err, -ENOMEM, "out of memory");
	}
	json_object_object_add(request, "execute", json_object_new_string(command));
	if (arguments)
		json_object_object_add(request, "arguments", arguments);
	ret = say(client, json_object_to_json_string(request), err);
	json_object_put(request);
	return ret ? ret : answer(client, result, err);
}

void watch_client_close(struct watch_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	if (client->tokener)
		json_tokener_free(client->tokener);
	free(client);
}
