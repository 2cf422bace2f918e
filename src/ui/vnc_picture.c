// SPDX-License-Identifier: MIT
#include "ui/vnc_picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vnc_picture_resize(struct vnc_picture *picture, uint32_t width, uint32_t height)
{
	uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels));

	if (!pixels)
		return -ENOMEM;
	free(picture->pixels);
	*picture = (struct vnc_picture){ .pixels = pixels, .width = width, .height = height };
	return 0;
}

void vnc_picture_free(struct vnc_picture *picture)
{
	free(picture->pixels);
	*picture = (struct vnc_picture){ .pixels = NULL };
}

void vnc_picture_copy(struct vnc_picture *picture, const uint32_t *pixels,
		      const struct screen_rect *rect)
{
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		size_t at = (size_t)y * picture->width + rect->x;

		memcpy(picture->pixels + at, pixels + at, rect->width * sizeof(*pixels));
	}
}

void vnc_damage_add(struct vnc_damage *damage, const struct screen_rect *rect)
{
	uint16_t from = (uint16_t)rect->x, to = (uint16_t)(rect->x + rect->width);

	damage->any = true;
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		bool empty = damage->from[y] == damage->to[y];

		damage->from[y] = empty || from < damage->from[y] ? from : damage->from[y];
		damage->to[y] = empty || to > damage->to[y] ? to : damage->to[y];
	}
}

/* As much of a row as a picture so wide has. */
static uint32_t row_end(const struct vnc_damage *damage, uint32_t y, uint32_t width)
{
	return damage->to[y] < width ? damage->to[y] : width;
}

/*
 * The first row that is different where both have pixels, or height: none. What is different only
 * elsewhere nobody will see: it is forgotten.
 */
static uint32_t first_row(struct vnc_damage *damage, uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < height; y++) {
		if (damage->from[y] < row_end(damage, y, width))
			return y;
		damage->from[y] = damage->to[y] = 0;
	}
	return height;
}

static void take_row(const struct vnc_picture *picture, struct vnc_frame *frame, uint32_t y,
		     uint32_t from, uint32_t to)
{
	memcpy(frame->pixels + (size_t)y * frame->width + from,
	       picture->pixels + (size_t)y * picture->width + from,
	       (to - from) * sizeof(*frame->pixels));
}

bool vnc_damage_take(struct vnc_damage *damage, const struct vnc_picture *picture,
		     struct vnc_frame *frame, struct screen_rect *rect)
{
	uint32_t width = frame->width < picture->width ? frame->width : picture->width;
	uint32_t height = frame->height < picture->height ? frame->height : picture->height;
	uint32_t first = damage->any ? first_row(damage, width, height) : height;
	uint32_t left, right, y;

	if (first == height) {
		if (damage->any)
			*damage = (struct vnc_damage){ .any = false };
		return false;
	}
	left = damage->from[first];
	right = row_end(damage, first, width);
	/* As long as it is one rectangle. */
	for (y = first; y < height && y - first < VNC_BAND && damage->from[y] == left &&
			row_end(damage, y, width) == right;
	     y++) {
		take_row(picture, frame, y, left, right);
		damage->from[y] = damage->to[y] = 0;
	}
	*rect = (struct screen_rect){
		.x = left,
		.y = first,
		.width = right - left,
		.height = y - first,
	};
	return true;
}
