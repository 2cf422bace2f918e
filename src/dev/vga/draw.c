// SPDX-License-Identifier: MIT
/*
 * The screen's side of the VGA. Whoever looks has the guest's memory copied first, as much of it as is
 * shown and has changed, and the lines are drawn from the copy: the guest goes on writing meanwhile,
 * and what it writes then is seen by the next look.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/vga/vga.h"

/* 60 frames a second: the cursor changes every 8 frames, characters that blink every 16. */
#define FRAME_NS      INT64_C(16666667)
#define CURSOR_FRAMES 8
#define TEXT_FRAMES   16

/* Before any mode. */
#define FIRST_WIDTH  640
#define FIRST_HEIGHT 480

static unsigned phase_at(int64_t now)
{
	int64_t frame = now / FRAME_NS;

	return (frame / CURSOR_FRAMES & 1 ? 0 : VGA_PHASE_CURSOR) |
	       (frame / TEXT_FRAMES & 1 ? 0 : VGA_PHASE_TEXT);
}

/* From the array's beginning to the last byte that the picture shows, or a little more. */
static uint32_t shown_size(const struct vga *vga, const struct vga_picture *picture)
{
	uint64_t end = picture->start + (uint64_t)picture->height * picture->line_bytes;

	if (!picture->line_bytes)
		return VGA_LEGACY_MEMORY;
	return end < vga->memory_size ? (uint32_t)end : vga->memory_size;
}

/* Room for what the picture shows. What was seen before is forgotten when that grows. */
static bool make_room(struct vga *vga, uint32_t size)
{
	uint8_t *seen;

	if (vga->seen_size >= size)
		return true;
	seen = malloc(size);
	if (!seen)
		return false;
	free(vga->seen);
	vga->seen = seen;
	vga->seen_size = size;
	vga->drawn = false;
	return true;
}

static bool is_packed(const struct vga_picture *picture)
{
	return picture->kind >= VGA_PICTURE_8;
}

/* A part of memory to the copy. False: it was there already. Takes the lock. */
static bool copy(struct vga *vga, uint32_t at, uint32_t len)
{
	bool differs;

	lock_take(&vga->lock);
	differs = !vga->drawn || memcmp(vga->seen + at, vga->memory + at, len);
	if (differs)
		memcpy(vga->seen + at, vga->memory + at, len);
	lock_drop(&vga->lock);
	return differs;
}

/* Draws line y over what is there. False: it is the same. */
static bool draw_line(struct vga *vga, uint32_t y)
{
	uint32_t line[SCREEN_WIDTH_MAX],
		*there = vga->screen->pixels + (size_t)y * vga->screen->width;
	size_t bytes = vga->picture.width * sizeof(line[0]);
	uint32_t at, len;

	if (is_packed(&vga->picture)) {
		vga_picture_source(&vga->picture, y, &at, &len);
		if (!copy(vga, at, len))
			return false;
	}
	vga_picture_line(&vga->picture, vga->seen, y, line);
	if (!memcmp(there, line, bytes))
		return false;
	memcpy(there, line, bytes);
	return true;
}

/* Lines that changed side by side are told as one rectangle. */
static void draw_lines(struct vga *vga)
{
	struct screen_rect rect = { .width = vga->picture.width };

	for (uint32_t y = 0; y < vga->picture.height; y++) {
		if (draw_line(vga, y)) {
			if (!rect.height)
				rect.y = y;
			rect.height++;
		} else if (rect.height) {
			screen_changed(vga->screen, &rect);
			rect.height = 0;
		}
	}
	if (rect.height)
		screen_changed(vga->screen, &rect);
}

static void decode(struct vga *vga, struct vga_picture *picture)
{
	lock_take(&vga->lock);
	vga_window_sync(vga);
	vga_picture_decode(picture, &vga->regs, phase_at(clock_now(vga->clock)));
	lock_drop(&vga->lock);
}

/* A blank screen stays as large as it was: modes are set while it is blank, register by register. */
static void keep_size(const struct screen *screen, struct vga_picture *picture)
{
	picture->width = screen->pixels ? screen->width : FIRST_WIDTH;
	picture->height = screen->pixels ? screen->height : FIRST_HEIGHT;
}

static void draw(void *arg)
{
	struct vga *vga = arg;
	struct vga_picture picture;
	uint32_t size;

	decode(vga, &picture);
	if (picture.kind == VGA_PICTURE_BLANK)
		keep_size(vga->screen, &picture);
	size = shown_size(vga, &picture);
	if (!make_room(vga, size) || screen_resize(vga->screen, picture.width, picture.height))
		return; /* what was there before stays: the next look tries again */
	if (memcmp(&picture, &vga->picture, sizeof(picture)))
		vga->drawn = false;
	vga->picture = picture;
	if (!is_packed(&picture) && !copy(vga, 0, size))
		return;
	draw_lines(vga);
	vga->drawn = true;
}

static bool read_text(void *arg, struct screen_text *out)
{
	struct vga *vga = arg;
	struct vga_picture picture;
	bool is_text;

	lock_take(&vga->lock);
	vga_window_sync(vga);
	vga_picture_decode(&picture, &vga->regs, VGA_PHASE_CURSOR | VGA_PHASE_TEXT);
	is_text = vga_picture_text(&picture, vga->memory, out);
	lock_drop(&vga->lock);
	return is_text;
}

void vga_draw_init(struct vga *vga, struct screen *screen)
{
	vga->screen = screen;
	if (screen) {
		screen->draw = draw;
		screen->text = read_text;
		screen->arg = vga;
	}
}

void vga_draw_destroy(struct vga *vga)
{
	if (vga->screen) {
		vga->screen->draw = NULL;
		vga->screen->text = NULL;
	}
	free(vga->seen);
}
