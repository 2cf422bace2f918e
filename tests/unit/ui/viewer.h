// SPDX-License-Identifier: MIT
/*
 * A machine without CPU, with a chip that paints what a test says and with hands that write down what
 * they feel; its VNC server at a Unix socket; and viewers. All but the server's threads is on the
 * test's thread: it lets the loop run while a viewer waits.
 */
#pragma once

#include <errno.h>
#include <sys/ioctl.h>

#include "../ctl/rig.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "ui/vnc.h"

/* For what would never come. */
#define PATIENCE (120 * NS_PER_SEC)

#define RAW           0
#define DESKTOP_SIZE  (-223)
#define EXTENDED_KEYS (-258)

#define FELT_MAX 64

struct stage {
	struct rig rig;
	struct ui_vnc *vnc;
	/* The chip: it fills rect (of width by height) with the colour, if it is to paint. */
	uint32_t width, height, colour;
	struct screen_rect rect;
	bool paint;
	unsigned draws;
	/* The hands. */
	struct {
		enum ps2_key key;
		bool down;
	} keys[FELT_MAX];
	size_t keys_n;
	struct input_motion motions[FELT_MAX];
	size_t motions_n;
};

struct viewer {
	struct stage *stage;
	int fd;
	uint32_t width, height;
	uint32_t *pixels; /* of width by height */
	bool extended_keys, resized;
};

static inline void stage_draw(void *arg)
{
	struct stage *stage = arg;
	struct screen *screen = &stage->rig.pc.machine.screen;

	stage->draws++;
	assert_int_equal(screen_resize(screen, stage->width, stage->height), 0);
	if (!stage->paint)
		return;
	stage->paint = false;
	for (uint32_t y = stage->rect.y; y < stage->rect.y + stage->rect.height; y++) {
		for (uint32_t x = stage->rect.x; x < stage->rect.x + stage->rect.width; x++)
			screen->pixels[y * screen->width + x] = stage->colour + (y << 8) + x % 251;
	}
	screen_changed(screen, &stage->rect);
}

static inline void stage_paint(struct stage *stage, struct screen_rect rect, uint32_t colour)
{
	stage->rect = rect;
	stage->colour = colour;
	stage->paint = true;
}

static inline void stage_show(struct stage *stage, uint32_t width, uint32_t height, uint32_t colour)
{
	stage->width = width;
	stage->height = height;
	stage_paint(stage, (struct screen_rect){ .width = width, .height = height }, colour);
}

static inline void stage_key(void *arg, enum ps2_key key, bool down)
{
	struct stage *stage = arg;

	assert_true(stage->keys_n < FELT_MAX);
	stage->keys[stage->keys_n].key = key;
	stage->keys[stage->keys_n++].down = down;
}

static inline void stage_motion(void *arg, const struct input_motion *motion)
{
	struct stage *stage = arg;

	assert_true(stage->motions_n < FELT_MAX);
	stage->motions[stage->motions_n++] = *motion;
}

static inline struct stage *stage_make(struct ui_vnc_options options)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct machine *machine;
	struct error err;

	assert_non_null(stage);
	rig_make(&stage->rig, (struct pc_options){ .name = "stage" });
	machine = &stage->rig.pc.machine;
	machine->screen.draw = stage_draw;
	machine->screen.arg = stage;
	machine->input.key = stage_key;
	machine->input.motion = stage_motion;
	machine->input.arg = stage;
	machine_continue(machine);
	stage_show(stage, 320, 200, 0x112233);
	strcpy(stage->rig.dir, "/tmp/coalport-XXXXXX");
	assert_non_null(mkdtemp(stage->rig.dir));
	snprintf(stage->rig.path, sizeof(stage->rig.path), "%s/vnc", stage->rig.dir);
	options.path = stage->rig.path;
	if (ui_vnc_open(&stage->vnc, machine, &options, &err))
		fail_msg("%s", err.text);
	return stage;
}

static inline void stage_end(struct stage *stage)
{
	ui_vnc_close(stage->vnc);
	assert_int_equal(access(stage->rig.path, F_OK), -1);
	rig_end(&stage->rig);
	free(stage);
}

static inline void stage_rest(struct stage *stage)
{
	rig_spin(&stage->rig);
	usleep(1000);
}

/* Lets the loop run until a count has reached so much. */
static inline void stage_await(struct stage *stage, const size_t *count, size_t n)
{
	int64_t end = clock_monotonic() + PATIENCE;

	while (*count < n) {
		assert_true(clock_monotonic() < end);
		stage_rest(stage);
	}
	assert_int_equal(*count, n);
}

/* False: the server has hung up. */
static inline bool viewer_read(struct viewer *viewer, void *to, size_t len)
{
	int64_t end = clock_monotonic() + PATIENCE;

	for (size_t n = 0; n < len;) {
		ssize_t got = recv(viewer->fd, (char *)to + n, len - n, MSG_DONTWAIT);

		if (got > 0) {
			n += (size_t)got;
			continue;
		}
		if (!got || errno != EAGAIN)
			return false;
		assert_true(clock_monotonic() < end);
		stage_rest(viewer->stage);
	}
	return true;
}

static inline void viewer_say(struct viewer *viewer, const void *bytes, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t sent = send(viewer->fd, (const char *)bytes + n, len - n,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			n += (size_t)sent;
		else if (errno != EAGAIN)
			return;
		stage_rest(viewer->stage);
	}
}

static inline void viewer_knock(struct viewer *viewer, struct stage *stage)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	*viewer = (struct viewer){ .stage = stage };
	strcpy(addr.sun_path, stage->rig.path);
	viewer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (connect(viewer->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		assert_int_equal(errno, EAGAIN);
		stage_rest(stage);
	}
}

static inline uint32_t be16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

/* The kinds of security that the server offers: 0 if it hangs up before that. */
static inline uint8_t viewer_greet(struct viewer *viewer)
{
	uint8_t text[12], kinds[2];

	if (!viewer_read(viewer, text, sizeof(text)))
		return 0;
	assert_memory_equal(text, "RFB 003.008\n", sizeof(text));
	viewer_say(viewer, text, sizeof(text));
	if (!viewer_read(viewer, kinds, sizeof(kinds)))
		return 0;
	assert_int_equal(kinds[0], 1);
	viewer_say(viewer, kinds + 1, 1);
	return kinds[1];
}

static inline void viewer_begin(struct viewer *viewer)
{
	uint8_t reply[4], init[24], name[64];

	assert_true(viewer_read(viewer, reply, sizeof(reply)));
	assert_memory_equal(reply, "\0\0\0\0", sizeof(reply));
	viewer_say(viewer, "\1", 1);
	assert_true(viewer_read(viewer, init, sizeof(init)));
	viewer->width = be16(init);
	viewer->height = be16(init + 2);
	viewer->pixels = calloc((size_t)viewer->width * viewer->height, 4);
	assert_non_null(viewer->pixels);
	assert_true(viewer_read(viewer, name, init[23]));
	assert_memory_equal(name, "stage", 5);
}

static inline void viewer_make(struct viewer *viewer, struct stage *stage)
{
	viewer_knock(viewer, stage);
	assert_int_equal(viewer_greet(viewer), 1);
	viewer_begin(viewer);
}

static inline void viewer_leave(struct viewer *viewer)
{
	close(viewer->fd);
	free(viewer->pixels);
}

static inline void viewer_can(struct viewer *viewer, int32_t encoding)
{
	uint32_t code = (uint32_t)encoding;
	const uint8_t message[] = {
		2,
		0,
		0,
		2,
		0,
		0,
		0,
		0,
		(uint8_t)(code >> 24),
		(uint8_t)(code >> 16),
		(uint8_t)(code >> 8),
		(uint8_t)code,
	};

	viewer_say(viewer, message, sizeof(message));
}

static inline void viewer_ask(struct viewer *viewer, bool incremental)
{
	const uint8_t message[] = {
		3,
		incremental,
		0,
		0,
		0,
		0,
		(uint8_t)(viewer->width >> 8),
		(uint8_t)viewer->width,
		(uint8_t)(viewer->height >> 8),
		(uint8_t)viewer->height,
	};

	viewer_say(viewer, message, sizeof(message));
}

static inline void viewer_new_size(struct viewer *viewer, uint32_t width, uint32_t height)
{
	free(viewer->pixels);
	viewer->pixels = calloc((size_t)width * height, 4);
	assert_non_null(viewer->pixels);
	viewer->width = width;
	viewer->height = height;
	viewer->resized = true;
}

/* How many pixels it had. */
static inline size_t viewer_rect(struct viewer *viewer)
{
	uint8_t head[12];
	uint32_t x, y, width, height;

	assert_true(viewer_read(viewer, head, sizeof(head)));
	x = be16(head);
	y = be16(head + 2);
	width = be16(head + 4);
	height = be16(head + 6);
	if (!memcmp(head + 8, "\xff\xff\xff\x21", 4)) {
		viewer_new_size(viewer, width, height);
		return 0;
	}
	if (!memcmp(head + 8, "\xff\xff\xfe\xfe", 4)) {
		viewer->extended_keys = true;
		return 0;
	}
	assert_memory_equal(head + 8, "\0\0\0\0", 4);
	assert_true(x + width <= viewer->width && y + height <= viewer->height);
	for (uint32_t row = y; row < y + height; row++)
		assert_true(viewer_read(viewer, viewer->pixels + (size_t)row * viewer->width + x,
					(size_t)width * 4));
	return (size_t)width * height;
}

/* Takes one update; how many pixels it had. */
static inline size_t viewer_update(struct viewer *viewer)
{
	uint8_t head[4];
	size_t n = 0;

	assert_true(viewer_read(viewer, head, sizeof(head)));
	assert_int_equal(head[0], 0);
	for (uint32_t rects = be16(head + 2); rects; rects--)
		n += viewer_rect(viewer);
	return n;
}

/* The chip's picture, as much of it as there is room for, and black elsewhere. */
static inline bool viewer_has(const struct viewer *viewer, const struct screen *screen)
{
	for (uint32_t y = 0; y < viewer->height; y++) {
		for (uint32_t x = 0; x < viewer->width; x++) {
			bool inside = x < screen->width && y < screen->height;
			uint32_t pixel = inside ? screen->pixels[y * screen->width + x] : 0;

			if (viewer->pixels[y * viewer->width + x] != pixel)
				return false;
		}
	}
	return true;
}

/* Takes updates until it has. */
static inline void viewer_see(struct viewer *viewer)
{
	viewer_ask(viewer, false);
	do {
		viewer_update(viewer);
		viewer_ask(viewer, true);
	} while (!viewer_has(viewer, &viewer->stage->rig.pc.machine.screen));
}
