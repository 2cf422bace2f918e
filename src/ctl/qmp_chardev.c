// SPDX-License-Identifier: MIT
/* The character back-ends: telling of them, adding and removing them, and the ring buffers' content. */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/chardev_set.h"
#include "base/utf8.h"
#include "ctl/base64.h"
#include "ctl/qmp_impl.h"

/* What chardev-add makes; a file is not among them, since only a start keeps files of two uses apart. */
static const struct {
	const char *name;
	enum chardev_kind kind;
} kinds[] = {
	{ "null", CHARDEV_NULL },       { "pipe", CHARDEV_PIPE },     { "pty", CHARDEV_PTY },
	{ "ringbuf", CHARDEV_RINGBUF }, { "socket", CHARDEV_SOCKET },
};

#define KINDS_N (sizeof(kinds) / sizeof(kinds[0]))

/* The members of what a socket is told, checked against what is known. */
static const char *const socket_members[] = { "addr",    "server", "wait",
					      "nodelay", "telnet", "reconnect" };

static bool get_number(struct json_object *from, const char *name, int64_t min, int64_t max,
		       int64_t *out, struct ctl_qmp_error *err)
{
	struct json_object *value;

	if (!ctl_qmp_get(from, name, json_type_int, &value, err))
		return false;
	if (!value)
		return true;
	*out = json_object_get_int64(value);
	return (*out >= min && *out <= max) ||
	       ctl_qmp_fail(err, "Parameter '%s' is out of range", name);
}

static struct chardev_named *find_named(struct ctl_qmp *qmp, const char *label,
					struct ctl_qmp_error *err)
{
	const struct chardev_set *set = qmp->machine->options.chardevs;
	struct chardev_named *named = set ? chardev_set_find(set, label) : NULL;

	if (!named)
		ctl_qmp_fail(err, "Chardev '%.*s' not found", ctl_qmp_quote(label), label);
	return named;
}

bool ctl_qmp_query_chardev(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err)
{
	const struct chardev_set *set = qmp->machine->options.chardevs;
	const struct chardev_named *named;
	char name[CHARDEV_NAME_MAX];

	*result = json_object_new_array();
	if (!set)
		return true;
	TAILQ_FOREACH(named, &set->all, next)
	{
		struct json_object *entry = json_object_new_object();

		chardev_describe(named->chardev, name, sizeof(name));
		ctl_qmp_put(entry, "frontend-open",
			    json_object_new_boolean(chardev_has_user(named->chardev)));
		ctl_qmp_put(entry, "filename", json_object_new_string(name));
		ctl_qmp_put(entry, "label", json_object_new_string(named->label));
		ctl_qmp_append(*result, entry);
	}
	return true;
}

bool ctl_qmp_query_chardev_backends(struct ctl_qmp *qmp, struct json_object *arguments,
				    struct json_object **result, struct ctl_qmp_error *err)
{
	*result = json_object_new_array();
	for (size_t i = 0; i < KINDS_N; i++) {
		struct json_object *entry = json_object_new_object();

		ctl_qmp_put(entry, "name", json_object_new_string(kinds[i].name));
		ctl_qmp_append(*result, entry);
	}
	return true;
}

static bool take_inet(struct json_object *data, struct chardev_options *what,
		      struct ctl_qmp_error *err)
{
	int64_t to = 0;

	if (!ctl_qmp_need_text(data, "host", &what->host, err) ||
	    !ctl_qmp_need_text(data, "port", &what->port, err) ||
	    !get_number(data, "to", 0, 65535, &to, err))
		return false;
	what->to = (unsigned)to;
	return true;
}

static bool take_address(struct json_object *data, struct chardev_options *what,
			 struct ctl_qmp_error *err)
{
	struct json_object *addr, *inner;
	const char *type;

	if (!ctl_qmp_need(data, "addr", json_type_object, &addr, err) ||
	    !ctl_qmp_need_text(addr, "type", &type, err) ||
	    !ctl_qmp_need(addr, "data", json_type_object, &inner, err))
		return false;
	if (!strcmp(type, "inet"))
		return take_inet(inner, what, err);
	if (strcmp(type, "unix"))
		return ctl_qmp_fail(err, "Invalid parameter '%.*s'", ctl_qmp_quote(type), type);
	if (!ctl_qmp_need_text(inner, "path", &what->path, err))
		return false;
	return strlen(what->path) < sizeof(((struct sockaddr_un *)0)->sun_path) ||
	       ctl_qmp_fail(err, "UNIX socket path is too long");
}

static bool take_socket(struct json_object *data, struct chardev_options *what,
			struct ctl_qmp_error *err)
{
	int64_t reconnect = 0;

	json_object_object_foreach(data, name, value)
	{
		size_t i = 0, n = sizeof(socket_members) / sizeof(socket_members[0]);

		while (i < n && strcmp(name, socket_members[i]))
			i++;
		if (i == n)
			return ctl_qmp_fail(err, "Parameter '%.*s' is unexpected",
					    ctl_qmp_quote(name), name);
	}
	what->server = true;
	if (!take_address(data, what, err) ||
	    !ctl_qmp_get_flag(data, "server", &what->server, err) ||
	    !ctl_qmp_get_flag(data, "wait", &what->wait, err) ||
	    !ctl_qmp_get_flag(data, "nodelay", &what->nodelay, err) ||
	    !ctl_qmp_get_flag(data, "telnet", &what->telnet, err) ||
	    !get_number(data, "reconnect", 0, 86400, &reconnect, err))
		return false;
	what->reconnect = (unsigned)reconnect;
	if (what->server && reconnect)
		return ctl_qmp_fail(
			err,
			"'reconnect' option is incompatible with socket in server listen mode");
	/* The machine would stand still meanwhile. */
	if (what->wait)
		return ctl_qmp_fail(err, "'wait' is not offered while the machine is there");
	return true;
}

static bool take_backend(struct json_object *backend, struct chardev_options *what,
			 struct ctl_qmp_error *err)
{
	struct json_object *data;
	int64_t size = CHARDEV_RINGBUF_SIZE;
	const char *type;
	size_t i = 0;

	if (!ctl_qmp_need_text(backend, "type", &type, err) ||
	    !ctl_qmp_need(backend, "data", json_type_object, &data, err))
		return false;
	while (i < KINDS_N && strcmp(kinds[i].name, type))
		i++;
	if (i == KINDS_N)
		return ctl_qmp_fail(err, "Invalid parameter '%.*s'", ctl_qmp_quote(type), type);
	what->kind = kinds[i].kind;
	if (what->kind == CHARDEV_SOCKET)
		return take_socket(data, what, err);
	if (what->kind == CHARDEV_PIPE)
		return ctl_qmp_need_text(data, "device", &what->path, err);
	if (what->kind != CHARDEV_RINGBUF)
		return true;
	if (!get_number(data, "size", 1, CHARDEV_RINGBUF_MAX, &size, err))
		return false;
	what->size = (size_t)size;
	return !(size & (size - 1)) ||
	       ctl_qmp_fail(err, "size of ringbuf chardev must be power of two");
}

bool ctl_qmp_chardev_add(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	struct chardev_set *set = qmp->machine->options.chardevs;
	struct chardev_options what = { .kind = CHARDEV_NULL };
	struct json_object *backend;
	struct chardev *chardev;
	char name[CHARDEV_NAME_MAX];
	const char *id, *step;
	int ret;

	if (!ctl_qmp_need_text(arguments, "id", &id, err) ||
	    !ctl_qmp_need(arguments, "backend", json_type_object, &backend, err))
		return false;
	if (!prop_id_ok(id))
		return ctl_qmp_fail(err, "Parameter 'id' expects an identifier");
	if (!set)
		return ctl_qmp_fail(err, "This machine takes no character back-ends");
	if (chardev_set_find(set, id))
		return ctl_qmp_fail(err, "Chardev with id '%.*s' already exists", ctl_qmp_quote(id),
				    id);
	if (!take_backend(backend, &what, err))
		return false;
	ret = chardev_open(&chardev, set->loop, &what, &step);
	if (ret)
		return ctl_qmp_fail(err, "Failed to add chardev '%.*s': %s: %s", ctl_qmp_quote(id),
				    id, step, strerror(-ret));
	ret = chardev_set_add(set, id, chardev, NULL, false);
	if (ret) {
		chardev_destroy(chardev);
		return ctl_qmp_fail(err, "%s", strerror(-ret));
	}
	*result = json_object_new_object();
	chardev_describe(chardev, name, sizeof(name));
	if (what.kind == CHARDEV_PTY)
		ctl_qmp_put(*result, "pty", json_object_new_string(name + strlen("pty:")));
	return true;
}

bool ctl_qmp_chardev_remove(struct ctl_qmp *qmp, struct json_object *arguments,
			    struct json_object **result, struct ctl_qmp_error *err)
{
	struct chardev_named *named;
	const char *id;

	if (!ctl_qmp_need_text(arguments, "id", &id, err))
		return false;
	named = find_named(qmp, id, err);
	if (!named)
		return false;
	if (named->used || chardev_has_user(named->chardev))
		return ctl_qmp_fail(err, "Chardev '%.*s' is busy", ctl_qmp_quote(id), id);
	chardev_set_remove(qmp->machine->options.chardevs, named);
	return true;
}

/* The ring buffer that the arguments name, and whether what is in JSON is in base64. */
static bool take_ring(struct ctl_qmp *qmp, struct json_object *arguments, struct chardev **chardev,
		      bool *base64, struct ctl_qmp_error *err)
{
	struct chardev_named *named;
	const char *device, *format = "utf8";
	char name[CHARDEV_NAME_MAX];

	if (!ctl_qmp_need_text(arguments, "device", &device, err) ||
	    !ctl_qmp_get_text(arguments, "format", &format, err))
		return false;
	*base64 = !strcmp(format, "base64");
	if (!*base64 && strcmp(format, "utf8"))
		return ctl_qmp_fail(err, "Invalid parameter '%.*s'", ctl_qmp_quote(format), format);
	named = find_named(qmp, device, err);
	if (!named)
		return false;
	chardev_describe(named->chardev, name, sizeof(name));
	if (strcmp(name, "ringbuf"))
		return ctl_qmp_fail(err, "%.*s is not a ringbuf device", ctl_qmp_quote(device),
				    device);
	*chardev = named->chardev;
	return true;
}

static struct json_object *ring_text(const uint8_t *bytes, size_t n, bool base64)
{
	size_t len = base64_size(n);
	char *text = base64 ? malloc(len + 1) : utf8_mend((const char *)bytes, n, &len);
	struct json_object *object;

	if (!text)
		return NULL;
	if (base64)
		base64_encode(text, bytes, n);
	object = json_object_new_string_len(text, (int)len);
	free(text);
	return object;
}

bool ctl_qmp_ringbuf_read(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *value;
	struct chardev *chardev = NULL;
	int64_t size = 1;
	uint8_t *bytes;
	bool base64 = false;
	size_t n;

	if (!take_ring(qmp, arguments, &chardev, &base64, err) ||
	    !ctl_qmp_need(arguments, "size", json_type_int, &value, err) ||
	    !get_number(arguments, "size", 1, INT64_MAX, &size, err))
		return false;
	/* What would not fit into the client's queue stays in the ring. */
	if (size > CTL_QMP_OUT_MAX / 8)
		size = CTL_QMP_OUT_MAX / 8;
	bytes = malloc((size_t)size);
	if (!bytes)
		return ctl_qmp_fail(err, "out of memory");
	n = chardev_ringbuf_read(chardev, bytes, (size_t)size);
	*result = ring_text(bytes, n, base64);
	free(bytes);
	return *result || ctl_qmp_fail(err, "out of memory");
}

bool ctl_qmp_ringbuf_write(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *value;
	struct chardev *chardev = NULL;
	const char *text;
	uint8_t *bytes;
	bool base64 = false;
	size_t n;

	if (!take_ring(qmp, arguments, &chardev, &base64, err) ||
	    !ctl_qmp_need(arguments, "data", json_type_string, &value, err))
		return false;
	text = json_object_get_string(value);
	n = (size_t)json_object_get_string_len(value);
	if (!base64) {
		chardev_write(chardev, text, n);
		return true;
	}
	bytes = malloc(n + 1);
	if (!bytes)
		return ctl_qmp_fail(err, "out of memory");
	chardev_write(chardev, bytes, base64_decode(bytes, text, n));
	free(bytes);
	return true;
}
