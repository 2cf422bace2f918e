// SPDX-License-Identifier: MIT
/* What a viewer sees: its frame, and when it is sent what of it. On the viewer's thread. */
#include <stdlib.h>
#include <string.h>

#include "ui/vnc_impl.h"

/* All of the frame is to be drawn again. */
static void see_all(struct vnc_viewer *viewer)
{
	const struct screen_rect all = {
		.width = viewer->vnc->picture.width,
		.height = viewer->vnc->picture.height,
	};

	vnc_damage_add(&viewer->damage, &all);
}

bool vnc_update_size(struct vnc_viewer *viewer)
{
	struct vnc_frame *frame = &viewer->frame;
	rfbClientRec *client = viewer->client;
	struct ui_vnc *vnc = viewer->vnc;
	struct vnc_frame next = { .pixels = NULL };

	lock_take(&vnc->lock);
	next.width = vnc->picture.width;
	next.height = vnc->picture.height;
	lock_drop(&vnc->lock);
	if ((next.width == frame->width && next.height == frame->height) ||
	    (client && (!client->useNewFBSize || viewer->screen->scaledScreenNext)))
		return true;
	next.pixels = calloc((size_t)next.width * next.height, sizeof(*next.pixels));
	if (!next.pixels)
		return false;
	vnc->library.rfbNewFramebuffer(viewer->screen, (char *)next.pixels, (int)next.width,
				       (int)next.height, 8, 3, 4);
	vnc_library_format(&viewer->screen->serverFormat);
	if (client)
		viewer->screen->setTranslateFunction(client);
	free(frame->pixels);
	*frame = next;
	lock_take(&vnc->lock);
	see_all(viewer);
	lock_drop(&vnc->lock);
	return true;
}

/* Outside of a picture that has become smaller, a frame that stays is black. */
static void blacken(struct vnc_viewer *viewer, uint32_t width, uint32_t height)
{
	struct vnc_frame *frame = &viewer->frame;

	for (uint32_t y = 0; y < frame->height; y++) {
		uint32_t from = y < height ? width : 0;

		if (from < frame->width)
			memset(frame->pixels + (size_t)y * frame->width + from, 0,
			       (frame->width - from) * sizeof(*frame->pixels));
	}
	viewer->vnc->library.rfbMarkRectAsModified(viewer->screen, 0, 0, (int)frame->width,
						   (int)frame->height);
}

/* Brings the frame up to date, a band at a time. */
static void catch_up(struct vnc_viewer *viewer)
{
	struct ui_vnc *vnc = viewer->vnc;
	struct screen_rect rect;
	uint32_t width, height;
	bool more = true;

	if (!vnc_update_size(viewer)) {
		vnc->library.rfbCloseClient(viewer->client);
		return;
	}
	lock_take(&vnc->lock);
	width = vnc->picture.width;
	height = vnc->picture.height;
	lock_drop(&vnc->lock);
	if (width != viewer->width || height != viewer->height)
		blacken(viewer, width, height);
	viewer->width = width;
	viewer->height = height;
	while (more) {
		lock_take(&vnc->lock);
		more = vnc_damage_take(&viewer->damage, &vnc->picture, &viewer->frame, &rect);
		lock_drop(&vnc->lock);
		if (more)
			vnc->library.rfbMarkRectAsModified(viewer->screen, (int)rect.x, (int)rect.y,
							   (int)(rect.x + rect.width),
							   (int)(rect.y + rect.height));
	}
}

static void set_wants(struct vnc_viewer *viewer, bool wants, bool due)
{
	struct ui_vnc *vnc = viewer->vnc;
	bool news;

	lock_take(&vnc->lock);
	news = wants && !viewer->wants;
	viewer->wants = wants;
	viewer->due = due;
	lock_drop(&vnc->lock);
	if (news)
		loop_post(vnc->machine->loop, &vnc->attend);
}

/* Whether there was a look since the last update; from now on it takes another. */
static bool take_look(struct vnc_viewer *viewer)
{
	bool fresh;

	lock_take(&viewer->vnc->lock);
	fresh = viewer->fresh;
	viewer->fresh = false;
	lock_drop(&viewer->vnc->lock);
	return fresh;
}

static bool update_due(const struct vnc_viewer *viewer)
{
	const rfbClientRec *client = viewer->client;
	const struct vnc_library *library = &viewer->vnc->library;

	return client->sock >= 0 && !library->sraRgnEmpty(client->requestedRegion) &&
	       (client->newFBSizePending || !library->sraRgnEmpty(client->modifiedRegion));
}

/*
 * Who asks for all of the picture, and not for what is new, is to see it as it is and not as it was when
 * somebody looked last. While an update is sent, which may take long, nobody waits for another.
 */
void vnc_update(struct vnc_viewer *viewer)
{
	const struct vnc_library *library = &viewer->vnc->library;
	bool due;

	catch_up(viewer);
	due = update_due(viewer);
	if (due && !take_look(viewer)) {
		set_wants(viewer, true, true);
		return;
	}
	/* A change of size goes alone, and then what is to be seen. */
	for (int i = 0; i < 2 && update_due(viewer); i++) {
		set_wants(viewer, false, false);
		library->rfbUpdateClient(viewer->client);
	}
	if (viewer->client->sock >= 0)
		set_wants(viewer, !library->sraRgnEmpty(viewer->client->requestedRegion), false);
}
