// SPDX-License-Identifier: MIT
#include "ctl/out.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* What a large reply needed is not kept for the small ones that follow. */
#define ROOM_KEPT (1u << 16)

void ctl_out_init(struct ctl_out *out, struct chardev *chardev, size_t limit)
{
	*out = (struct ctl_out){ .chardev = chardev, .limit = limit };
}

void ctl_out_destroy(struct ctl_out *out)
{
	free(out->bytes);
	*out = (struct ctl_out){ 0 };
}

bool ctl_out_waits(const struct ctl_out *out)
{
	return out->at < out->n;
}

void ctl_out_forget(struct ctl_out *out)
{
	out->at = out->n = 0;
	array_trim(out->bytes, &out->room, ROOM_KEPT);
}

void ctl_out_go_on(struct ctl_out *out)
{
	size_t room;

	/* Until the back-end buffers something: then it tells when it has handed that out. */
	while (ctl_out_waits(out) && (room = chardev_room(out->chardev)) > 0) {
		size_t n = out->n - out->at;

		if (n > room)
			n = room;
		chardev_write(out->chardev, out->bytes + out->at, n);
		out->at += n;
	}
	if (!ctl_out_waits(out))
		ctl_out_forget(out);
}

static bool out_make_room(struct ctl_out *out, size_t len)
{
	if (out->at) {
		memmove(out->bytes, out->bytes + out->at, out->n - out->at);
		out->n -= out->at;
		out->at = 0;
	}
	if (len > out->limit || out->n > out->limit - len)
		return false;
	return array_reserve(out->bytes, out->n + len, &out->room);
}

bool ctl_out_write(struct ctl_out *out, const char *bytes, size_t len)
{
	/* Straight through, if nothing is in front of it. */
	if (!ctl_out_waits(out) && len <= chardev_room(out->chardev)) {
		chardev_write(out->chardev, bytes, len);
		return true;
	}
	if (!out_make_room(out, len))
		return false;
	memcpy(out->bytes + out->n, bytes, len);
	out->n += len;
	ctl_out_go_on(out);
	return true;
}
