// SPDX-License-Identifier: MIT
/*
 * What a monitor tells of itself: the base block of VESA Enhanced EDID Standard, release A, revision 2
 * (EDID 1.4), for a monitor that likes one size best and shows others too. A pure function.
 */
#pragma once

#include <stdint.h>

#define EDID_SIZE 128u
/* Of the size it likes best, in pixels; a multiple of EDID_WIDTH_STEP wide. */
#define EDID_WIDTH_MIN  640u
#define EDID_WIDTH_MAX  2560u
#define EDID_WIDTH_STEP 8u
#define EDID_HEIGHT_MIN 480u
#define EDID_HEIGHT_MAX 1600u

void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height);
