// SPDX-License-Identifier: MIT
/*
 * Registers of the VGA (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem") and of the
 * Bochs VBE extensions, as plain data; and what follows from them alone: how the processor's window
 * into display memory works.
 *
 * Display memory is one array in which the four planes lie byte by byte beside each other: plane p of
 * the byte at address n is at 4 * n + p. Where the processor's address skips every second address
 * (odd/even) or three of four (chain 4), n counts those that are left; so a linear mode of any depth
 * is linear in the array, too.
 *
 * Pure functions on the caller's memory: the caller holds the chip's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/state.h"

/* Sequencer. */
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_FONTS, SEQ_MEMORY_MODE, SEQ_N = 8 };
#define SEQ_CLOCKING_8_DOTS     0x01u
#define SEQ_CLOCKING_HALF       0x08u /* each dot is twice as wide */
#define SEQ_CLOCKING_SCREEN_OFF 0x20u
#define SEQ_MEMORY_LINEAR       0x04u /* not odd/even */
#define SEQ_MEMORY_CHAIN4       0x08u

/* Graphics controller. */
enum {
	GFX_SET_RESET,
	GFX_ENABLE_SET_RESET,
	GFX_COMPARE,
	GFX_ROTATE,
	GFX_READ_MAP,
	GFX_MODE,
	GFX_MISC,
	GFX_COMPARE_MASK,
	GFX_BIT_MASK,
	GFX_N = 16,
};
#define GFX_MODE_WRITE    0x03u
#define GFX_MODE_READ     0x08u
#define GFX_MODE_ODD_EVEN 0x10u
#define GFX_MODE_2_BITS   0x20u /* shift registers give pairs of bits */
#define GFX_MODE_256      0x40u
#define GFX_MISC_GRAPHICS 0x01u
#define GFX_MISC_MAP(misc)                                                                         \
	((misc) >> 2 & 3u) /* 0: 128 KiB at 0xa0000, 1: 64, 2: 0xb0000, 3: 0xb8000 */

/* CRT controller. */
enum {
	CRTC_H_TOTAL,
	CRTC_H_END,
	CRTC_H_BLANK_START,
	CRTC_H_BLANK_END,
	CRTC_H_SYNC_START,
	CRTC_H_SYNC_END,
	CRTC_V_TOTAL,
	CRTC_OVERFLOW,
	CRTC_PRESET_ROW,
	CRTC_MAX_ROW,
	CRTC_CURSOR_START,
	CRTC_CURSOR_END,
	CRTC_START_HIGH,
	CRTC_START_LOW,
	CRTC_CURSOR_HIGH,
	CRTC_CURSOR_LOW,
	CRTC_V_SYNC_START,
	CRTC_V_SYNC_END,
	CRTC_V_END,
	CRTC_OFFSET,
	CRTC_UNDERLINE,
	CRTC_V_BLANK_START,
	CRTC_V_BLANK_END,
	CRTC_MODE,
	CRTC_LINE_COMPARE,
	CRTC_N = 32,
};
#define CRTC_V_SYNC_END_PROTECT 0x80u /* registers 0 to 7 are read-only */
#define CRTC_MODE_KEEP_13       0x01u /* bit 13 of addresses is not the row's bit 0 */
#define CRTC_MODE_KEEP_14       0x02u
#define CRTC_MODE_BYTE          0x40u

/* Attribute controller. */
enum { ATTR_MODE = 0x10, ATTR_OVERSCAN, ATTR_PLANES, ATTR_PANNING, ATTR_COLOUR, ATTR_N = 32 };
#define ATTR_INDEX_SHOW     0x20u /* of the index: the screen is not blank */
#define ATTR_MODE_GRAPHICS  0x01u
#define ATTR_MODE_MONO      0x02u
#define ATTR_MODE_LINE      0x04u /* the ninth dot of line graphics is that of the eighth */
#define ATTR_MODE_BLINK     0x08u
#define ATTR_MODE_SPLIT_PAN 0x20u /* the lower part of a split screen does not move */
#define ATTR_MODE_P54       0x80u

#define MISC_COLOUR 0x01u /* ports 0x3dX, not 0x3bX */
#define MISC_RAM    0x02u

/* Bochs VBE extensions. */
enum {
	VBE_ID,
	VBE_WIDTH,
	VBE_HEIGHT,
	VBE_BITS,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRTUAL_WIDTH,
	VBE_VIRTUAL_HEIGHT,
	VBE_X,
	VBE_Y,
	VBE_MEMORY, /* in units of 64 KiB */
	VBE_N,
};
#define VBE_ID_FIRST         0xb0c0u
#define VBE_ID_LAST          0xb0c5u
#define VBE_ENABLE_ON        0x01u
#define VBE_ENABLE_CAPS      0x02u /* sizes read as the largest there are */
#define VBE_ENABLE_8_BIT_DAC 0x20u
#define VBE_ENABLE_LINEAR    0x40u
#define VBE_ENABLE_KEEP      0x80u /* memory is not cleared */

struct vga_regs {
	uint8_t misc, feature;
	uint8_t seq_index, seq[SEQ_N];
	uint8_t gfx_index, gfx[GFX_N];
	uint8_t crtc_index, crtc[CRTC_N];
	uint8_t attr_index, attr[ATTR_N];
	bool attr_data; /* what is written next is data */
	uint8_t dac_mask, dac_read_index, dac_write_index, dac_part, dac_state;
	uint8_t dac_latch[3], palette[768];
	uint8_t latch[4];
	uint16_t vbe_index, vbe[VBE_N];
};

extern const struct state_table vga_state;

/* How the processor sees display memory. */
enum vga_window_kind {
	VGA_WINDOW_TRAPPED, /* each access goes through the graphics controller, or nowhere */
	VGA_WINDOW_TEXT, /* as plain memory of 32 KiB: odd and even addresses in planes 1 and 0 */
	VGA_WINDOW_LINEAR, /* 64 KiB at 0xa0000 are a part of the array */
};
struct vga_window {
	enum vga_window_kind kind;
	uint32_t at; /* TEXT: the offset from 0xa0000. LINEAR: that in the array */
};
struct vga_window vga_window_of(const struct vga_regs *regs);

/* True in a mode of the VBE extensions; of 8 bits or more, where planes mean nothing. */
bool vga_vbe_is_on(const struct vga_regs *regs);
bool vga_vbe_is_packed(const struct vga_regs *regs);
/* Bytes of the array from one line of such a mode to the next. */
uint32_t vga_vbe_line(const struct vga_regs *regs);

/*
 * One byte through the window: offset from 0xa0000, below 0x20000; size of the array, a power of two
 * of at least 256 KiB. Reading fills the latches, but not where the window is plain memory: there the
 * guest's reads may come to nobody's notice, so none of them does.
 */
uint8_t vga_memory_read(struct vga_regs *regs, const uint8_t *memory, uint32_t size,
			uint32_t offset);
void vga_memory_write(struct vga_regs *regs, uint8_t *memory, uint32_t size, uint32_t offset,
		      uint8_t value);
