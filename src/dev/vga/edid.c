// SPDX-License-Identifier: MIT
/*
 * Section numbers are those of the E-EDID standard. The timing that is preferred is that which VESA
 * Coordinated Video Timings 1.1 computes with reduced blanking.
 */
#include "dev/vga/edid.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"

#define STANDARD    38
#define STANDARD_N  8
#define DESCRIPTORS 54
#define DESCRIPTOR  18 /* bytes */

/* 3.10.3: display descriptors */
#define PRODUCT_NAME 0xfc
#define DUMMY        0x10

#define REFRESH_HZ 60u
#define DPI        96u /* dots an inch, of 25.4 mm */

/* CVT's: pixels, lines, microseconds. Front porch, pulse and back porch make the blank. */
#define H_BLANK    160u
#define H_FRONT    48u
#define H_SYNC     32u
#define V_FRONT    3u
#define V_BACK_MIN 6u
#define V_BLANK_US 460u
#define CLOCK_STEP 250000u /* Hz */
#define US_PER_S   1000000u
#define EDID_CLOCK 10000u /* Hz: the unit of a detailed timing */
#define NAME       "coalport"

/* Bytes 0 to 37 but for the size (21, 22). */
static const uint8_t head[STANDARD] = {
	/* clang-format off */
	0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, /* 3.3 */
	/* 3.4: "COP" in letters of five bits, product 1, no serial number, the year 2026 */
	0x0d, 0xf0, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0, 2026 - 1990,
	1, 4, /* 3.5: version and revision */
	/* 3.6: digital, 8 bits a colour; size; gamma 2.2; sRGB, the first timing is the native one */
	0xa0, 0, 0, 220 - 100, 0x06,
	/* 3.7: sRGB's colours and D65 */
	0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,
	/* 3.8: at 60 Hz 640 by 480, 800 by 600; 1024 by 768 */
	0x21, 0x08, 0x00,
	/* clang-format on */
};

/* 3.9: at 60 Hz. The height follows from the width. */
enum aspect { ASPECT_16_10, ASPECT_4_3, ASPECT_5_4, ASPECT_16_9 };
static const struct {
	uint16_t width;
	uint8_t aspect;
} standard[STANDARD_N] = {
	{ 1280, ASPECT_16_10 }, { 1280, ASPECT_4_3 },   { 1280, ASPECT_5_4 },
	{ 1440, ASPECT_16_10 }, { 1600, ASPECT_4_3 },   { 1680, ASPECT_16_10 },
	{ 1920, ASPECT_16_9 },  { 1920, ASPECT_16_10 },
};

static uint32_t to_mm(uint32_t pixels)
{
	return pixels * 254 / (10 * DPI);
}

/* CVT: how long the pulse is says which shape it is. */
static uint32_t v_sync(uint32_t width, uint32_t height)
{
	static const struct {
		uint8_t x, y, lines;
	} shapes[] = { { 4, 3, 4 }, { 16, 9, 5 }, { 16, 10, 6 }, { 5, 4, 7 }, { 15, 9, 7 } };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (height * shapes[i].x / shapes[i].y / EDID_WIDTH_STEP * EDID_WIDTH_STEP == width)
			return shapes[i].lines;
	}
	return 10;
}

/* Lines in which the beam goes back: as many as take V_BLANK_US, and no fewer than the pulse needs. */
static uint32_t v_blank(uint32_t height, uint32_t sync)
{
	uint32_t visible_us = US_PER_S / REFRESH_HZ - V_BLANK_US;
	uint32_t lines = V_BLANK_US * height / visible_us + 1, least = V_FRONT + sync + V_BACK_MIN;

	return lines > least ? lines : least;
}

/* 3.10.2 */
static void put_timing(uint8_t *at, uint32_t width, uint32_t height, uint32_t width_mm,
		       uint32_t height_mm)
{
	uint32_t sync = v_sync(width, height), blank = v_blank(height, sync);
	uint32_t hz = REFRESH_HZ * (width + H_BLANK) * (height + blank);

	le16_put(at, (uint16_t)(hz / CLOCK_STEP * CLOCK_STEP / EDID_CLOCK));
	at[2] = (uint8_t)width;
	at[3] = (uint8_t)H_BLANK;
	at[4] = (uint8_t)(width >> 8 << 4 | H_BLANK >> 8);
	at[5] = (uint8_t)height;
	at[6] = (uint8_t)blank;
	at[7] = (uint8_t)(height >> 8 << 4 | blank >> 8);
	at[8] = H_FRONT;
	at[9] = H_SYNC;
	at[10] = (uint8_t)(V_FRONT << 4 | sync);
	at[12] = (uint8_t)width_mm;
	at[13] = (uint8_t)height_mm;
	at[14] = (uint8_t)(width_mm >> 8 << 4 | height_mm >> 8);
	at[17] = 0x1a; /* separate synchronisation, the horizontal one positive */
}

static void put_name(uint8_t *at)
{
	at[3] = PRODUCT_NAME;
	memset(at + 5, ' ', DESCRIPTOR - 5);
	memcpy(at + 5, NAME, sizeof(NAME) - 1);
	at[5 + sizeof(NAME) - 1] = '\n';
}

void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height)
{
	uint32_t width_mm = to_mm(width), height_mm = to_mm(height);
	uint8_t sum = 0;

	assert(width >= EDID_WIDTH_MIN && width <= EDID_WIDTH_MAX && width % EDID_WIDTH_STEP == 0);
	assert(height >= EDID_HEIGHT_MIN && height <= EDID_HEIGHT_MAX);
	memset(edid, 0, EDID_SIZE);
	memcpy(edid, head, sizeof(head));
	edid[21] = (uint8_t)((width_mm + 5) / 10);
	edid[22] = (uint8_t)((height_mm + 5) / 10);
	for (size_t i = 0; i < STANDARD_N; i++) {
		edid[STANDARD + 2 * i] = (uint8_t)(standard[i].width / 8 - 31);
		edid[STANDARD + 2 * i + 1] = (uint8_t)(standard[i].aspect << 6);
	}
	put_timing(edid + DESCRIPTORS, width, height, width_mm, height_mm);
	put_name(edid + DESCRIPTORS + DESCRIPTOR);
	edid[DESCRIPTORS + 2 * DESCRIPTOR + 3] = DUMMY;
	edid[DESCRIPTORS + 3 * DESCRIPTOR + 3] = DUMMY;
	/* 3.11: no extensions, and all bytes together are 0. */
	for (size_t i = 0; i < EDID_SIZE - 1; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
