// SPDX-License-Identifier: MIT
/*
 * What the VGA's registers and display memory show, line by line. Pure functions: registers are
 * decoded once for a picture, then each line of pixels follows from that and the memory.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"; for the shift registers
 * and the order of dots its "Display Modes".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dev/screen.h"
#include "dev/vga/regs.h"

/* Display memory that a mode of the VGA itself can show, in bytes. */
#define VGA_LEGACY_MEMORY 0x40000u

enum vga_picture_kind {
	VGA_PICTURE_BLANK,
	VGA_PICTURE_TEXT,
	VGA_PICTURE_PLANES, /* a bit of a dot in each plane */
	VGA_PICTURE_PAIRS, /* two bits of a dot in planes 0 and 1 each, as the CGA had */
	VGA_PICTURE_256, /* a byte is a dot, two dots wide */
	/* Of the VBE extensions: */
	VGA_PICTURE_8,
	VGA_PICTURE_15,
	VGA_PICTURE_16,
	VGA_PICTURE_24,
	VGA_PICTURE_32,
};

/* All of its bytes count when two are compared, so it has no gaps: what is true or false is as wide as the rest. */
struct vga_picture {
	enum vga_picture_kind kind;
	uint32_t width, height; /* pixels */
	uint32_t line_bytes; /* VBE: from one line to the next; 0: lines go as below */
	uint32_t start; /* VBE: place in the array; else of the character clock's counter */
	/* Rows of scan lines. */
	uint32_t row_scans; /* lines of memory that a row has */
	uint32_t scan_shift; /* 1: each of them is shown twice */
	uint32_t row_step; /* of the counter */
	uint32_t first_scan; /* where the first row begins */
	uint32_t split; /* the first line that is shown from address 0; more than height: none */
	uint32_t scan_bit[2]; /* bits of the counter that bits 0 and 1 of the row's scan replace */
	uint32_t dot_width; /* pixels */
	uint32_t panning; /* dots to the left */
	uint32_t split_stays; /* panning is of the upper part only */
	/* Text. */
	uint32_t cell_width; /* dots: 8 or 9 */
	uint32_t line_graphics;
	uint32_t fonts[2]; /* counters where they begin: of attributes without and with bit 3 */
	uint32_t font_bit; /* they differ, so that the bit is not brightness */
	uint32_t blinking; /* bit 7 of attributes is that, */
	uint32_t hidden; /* and now what blinks is not shown */
	uint32_t underlines;
	uint32_t underline; /* scan */
	uint32_t cursor;
	uint32_t cursor_at, cursor_first, cursor_last; /* counter; scans */
	uint32_t colours[256]; /* 0x00RRGGBB, by what the memory says */
};

/* Phases of what blinks. */
#define VGA_PHASE_CURSOR 0x1u /* the cursor is shown */
#define VGA_PHASE_TEXT   0x2u /* characters that blink are shown */

void vga_picture_decode(struct vga_picture *picture, const struct vga_regs *regs, unsigned phase);
/* The part of display memory that line y is made of; of a VBE mode of 8 bits or more. */
void vga_picture_source(const struct vga_picture *picture, uint32_t y, uint32_t *at, uint32_t *len);
/*
 * Line y, .width pixels. memory: the array from its beginning; what the VGA itself shows reaches no
 * further than VGA_LEGACY_MEMORY.
 */
void vga_picture_line(const struct vga_picture *picture, const uint8_t *memory, uint32_t y,
		      uint32_t *pixels);
/* True, and out is filled, if it is text. */
bool vga_picture_text(const struct vga_picture *picture, const uint8_t *memory,
		      struct screen_text *out);
