// SPDX-License-Identifier: MIT
/*
 * The picture between the loop, which copies into it what the chip has drawn, and the viewers' threads,
 * which take what is different for them since they last looked. It is a copy because nobody may hold up
 * the chip, and one for all because it is large.
 *
 * Everything here is under the caller's lock; no function takes longer than copying VNC_BAND rows, but
 * for vnc_picture_resize().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dev/screen.h"

#define VNC_BAND 64u

/* What of the picture somebody has not seen yet: in each row the pixels from, to, none if equal. */
struct vnc_damage {
	bool any;
	uint16_t from[SCREEN_HEIGHT_MAX], to[SCREEN_HEIGHT_MAX];
};

struct vnc_picture {
	uint32_t *pixels; /* as struct screen has them */
	uint32_t width, height;
};

/* Somebody's own copy. Of another size than the picture it has its upper left part. */
struct vnc_frame {
	uint32_t *pixels;
	uint32_t width, height;
};

/* New and black. 0 or -ENOMEM and nothing has changed. */
int vnc_picture_resize(struct vnc_picture *picture, uint32_t width, uint32_t height)
	__attribute__((warn_unused_result));
/* Back to nothing. */
void vnc_picture_free(struct vnc_picture *picture);
/* From one of the same size, in which rect lies. */
void vnc_picture_copy(struct vnc_picture *picture, const uint32_t *pixels,
		      const struct screen_rect *rect);

void vnc_damage_add(struct vnc_damage *damage, const struct screen_rect *rect);
/*
 * Takes the first rows that are different, up to VNC_BAND of them, into the frame and out of the damage. *rect
 * says where that was, in the frame. False: nothing is different any more.
 */
bool vnc_damage_take(struct vnc_damage *damage, const struct vnc_picture *picture,
		     struct vnc_frame *frame, struct screen_rect *rect);
