// SPDX-License-Identifier: MIT
/* Whom to talk to: from what the user says, or what /proc/net/unix lists, to a connection. */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "watch/client_impl.h"

#define ADDRESS "coalport/" /* ctl/control.h */
#define MANY    4096 /* machines that are looked through for a name */
/* A server whose queue is full is asked again this often and so many times. */
#define RETRY_MS 50
#define RETRIES  40

const char *watch_client_printable(char out[static WATCH_CLIENT_NAME], const char *text)
{
	size_t n = 0;

	for (; text[n] && n + 1 < WATCH_CLIENT_NAME; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	out[n] = '\0';
	return out;
}

int watch_client_each(void (*found)(void *arg, int pid), void *arg)
{
	FILE *list = fopen("/proc/net/unix", "re");
	char *line = NULL;
	size_t room = 0;

	if (!list)
		return -errno;
	while (getline(&line, &room, list) > 0) {
		const char *at = strstr(line, " @" ADDRESS);
		char *end;
		long pid;

		if (!at)
			continue;
		pid = strtol(at + 2 + strlen(ADDRESS), &end, 10);
		/* Connections have a line of the same name each; the one that listens has a flag set. */
		if (*end == '\n' && pid > 0 && pid <= INT_MAX && strstr(line, " 00010000 "))
			found(arg, (int)pid);
	}
	free(line);
	fclose(list);
	return 0;
}

/* A connected socket, or -errno. */
static int connect_to(const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < RETRIES; i++) {
		error = connect(fd, (const struct sockaddr *)address, len) < 0 ? errno : 0;
		if (error != EAGAIN && error != EINTR)
			break;
		(void)poll(NULL, 0, RETRY_MS);
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

static int open_path(struct watch_client **client, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	memcpy(address.sun_path, path, strlen(path));
	fd = connect_to(&address, sizeof(address));
	if (fd < 0)
		return error_set(err, fd, "%s: %s", path, strerror(-fd));
	return watch_client_adopt(client, fd, path, err);
}

/* Any user may take the address of a number that is not his: who answers has to be who it says. */
static int open_pid(struct watch_client **client, int pid, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, ADDRESS "%d", pid);
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);
	int fd = connect_to(&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));

	if (fd == -ECONNREFUSED)
		return error_set(err, fd, "process %d is no coalport machine that can be reached",
				 pid);
	if (fd < 0)
		return error_set(err, fd, "process %d: %s", pid, strerror(-fd));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid != pid) {
		close(fd);
		return error_set(err, -EACCES, "process %d does not answer for itself", pid);
	}
	return watch_client_adopt(client, fd, address.sun_path + 1, err);
}

struct search {
	const char *name; /* NULL: any */
	int pids[MANY];
	unsigned n;
	struct watch_client *client; /* the first one that fits */
	char list[128]; /* of those that fit */
	unsigned fits;
};

static void note_pid(void *arg, int pid)
{
	struct search *search = arg;

	if (search->n < MANY)
		search->pids[search->n++] = pid;
}

static bool has_name(struct watch_client *client, const char *name)
{
	struct json_object *answer = NULL, *value = NULL;
	struct error err;
	bool same;

	if (watch_client_command(client, "query-name", NULL, &answer, &err))
		return false;
	same = json_object_object_get_ex(answer, "name", &value) &&
	       json_object_is_type(value, json_type_string) &&
	       !strcmp(json_object_get_string(value), name);
	json_object_put(answer);
	return same;
}

static void look_at(struct search *search, int pid)
{
	struct watch_client *client;
	struct error err;
	size_t len = strlen(search->list);

	/* Those of others do not answer; of those that do not answer any more there is nothing to say. */
	if (open_pid(&client, pid, &err))
		return;
	if (search->name && !has_name(client, search->name)) {
		watch_client_close(client);
		return;
	}
	search->fits++;
	snprintf(search->list + len, sizeof(search->list) - len, "%s%d", len ? ", " : "", pid);
	if (search->client)
		watch_client_close(client);
	else
		search->client = client;
}

static int open_found(struct watch_client **client, const char *name, struct error *err)
{
	struct search *search = calloc(1, sizeof(*search));
	int ret;

	if (!search)
		return error_set(err, -ENOMEM, "out of memory");
	search->name = name;
	ret = watch_client_each(note_pid, search);
	if (ret)
		error_set(err, ret, "/proc/net/unix: %s", strerror(-ret));
	for (unsigned i = 0; !ret && i < search->n; i++)
		look_at(search, search->pids[i]);
	if (!ret && search->fits == 1) {
		*client = search->client;
		search->client = NULL;
	} else if (!ret && !search->fits) {
		ret = name ? error_set(err, -ENOENT,
				       "no machine that can be reached has the name '%s'", name)
			   : error_set(err, -ENOENT,
				       "no coalport machine that can be reached is running");
	} else if (!ret) {
		ret = error_set(err, -EEXIST, "several machines%s%s: say which process: %s",
				name ? " have the name " : " are running", name ? name : "",
				search->list);
	}
	watch_client_close(search->client);
	free(search);
	return ret;
}

int watch_client_open(struct watch_client **client, const char *target, struct error *err)
{
	size_t len = target ? strlen(target) : 0;

	if (target && !strncmp(target, "unix:", 5))
		return open_path(client, target + 5, err);
	if (target && strchr(target, '/'))
		return open_path(client, target, err);
	if (len && len < 10 && strspn(target, "0123456789") == len)
		return open_pid(client, atoi(target), err);
	return open_found(client, target, err);
}
