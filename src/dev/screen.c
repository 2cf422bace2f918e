// SPDX-License-Identifier: MIT
#include "dev/screen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void screen_init(struct screen *screen)
{
	*screen = (struct screen){ .pixels = NULL };
	LIST_INIT(&screen->listeners);
}

void screen_destroy(struct screen *screen)
{
	free(screen->pixels);
	screen_init(screen);
}

bool screen_look(struct screen *screen)
{
	if (!screen->draw)
		return false;
	screen->draw(screen->arg);
	return screen->pixels != NULL;
}

bool screen_read_text(struct screen *screen, struct screen_text *out)
{
	if (screen->text)
		return screen->text(screen->arg, out);
	out->width = out->height = 0;
	return false;
}

void screen_listen(struct screen *screen, struct screen_listener *listener)
{
	LIST_INSERT_HEAD(&screen->listeners, listener, link);
}

void screen_unlisten(struct screen_listener *listener)
{
	LIST_REMOVE(listener, link);
}

int screen_resize(struct screen *screen, uint32_t width, uint32_t height)
{
	struct screen_listener *listener;
	uint32_t *pixels;

	assert(width && width <= SCREEN_WIDTH_MAX && height && height <= SCREEN_HEIGHT_MAX);
	if (screen->pixels && screen->width == width && screen->height == height)
		return 0;
	pixels = calloc((size_t)width * height, sizeof(*pixels));
	if (!pixels)
		return -ENOMEM;
	free(screen->pixels);
	screen->pixels = pixels;
	screen->width = width;
	screen->height = height;
	LIST_FOREACH(listener, &screen->listeners, link)
	listener->resized(listener->arg);
	return 0;
}

void screen_changed(struct screen *screen, const struct screen_rect *rect)
{
	struct screen_listener *listener;

	assert(rect->width && rect->x + rect->width <= screen->width);
	assert(rect->height && rect->y + rect->height <= screen->height);
	LIST_FOREACH(listener, &screen->listeners, link)
	listener->changed(listener->arg, rect);
}
