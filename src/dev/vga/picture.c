// SPDX-License-Identifier: MIT
#include "dev/vga/picture.h"

#include <string.h>

#define COUNTER_MASK 0xffffu

/* Decoding */

static uint32_t crtc_10_bits(const struct vga_regs *regs, unsigned low, unsigned bit_8,
			     unsigned bit_9)
{
	uint32_t overflow = regs->crtc[CRTC_OVERFLOW];

	return regs->crtc[low] | (overflow >> bit_8 & 1) << 8 | (overflow >> bit_9 & 1) << 9;
}

static uint32_t crtc_word(const struct vga_regs *regs, unsigned high)
{
	return (uint32_t)regs->crtc[high] << 8 | regs->crtc[high + 1];
}

static uint32_t dac_colour(const struct vga_regs *regs, unsigned index)
{
	const uint8_t *part = &regs->palette[(index & regs->dac_mask) * 3];
	uint32_t colour = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint32_t value = part[i];

		if (!(regs->vbe[VBE_ENABLE] & VBE_ENABLE_8_BIT_DAC))
			value = (value & 0x3f) << 2 | (value & 0x3f) >> 4;
		colour = colour << 8 | value;
	}
	return colour;
}

/* Sixteen colours by the attribute controller's palette. */
static void decode_attributes(struct vga_picture *picture, const struct vga_regs *regs)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned entry = regs->attr[i & regs->attr[ATTR_PLANES]], select;

		select = regs->attr[ATTR_COLOUR];
		if (regs->attr[ATTR_MODE] & ATTR_MODE_P54)
			entry = (entry & 0xf) | (select & 0xf) << 4;
		else
			entry = (entry & 0x3f) | (select & 0xc) << 4;
		picture->colours[i] = dac_colour(regs, entry);
	}
}

static void decode_dac(struct vga_picture *picture, const struct vga_regs *regs)
{
	for (unsigned i = 0; i < 256; i++)
		picture->colours[i] = dac_colour(regs, i);
}

/* The registers have been brought into range when they were written: what is shown lies in memory. */
static void decode_vbe(struct vga_picture *picture, const struct vga_regs *regs)
{
	static const struct {
		unsigned bits;
		enum vga_picture_kind kind;
	} kinds[] = {
		{ 4, VGA_PICTURE_PLANES }, { 8, VGA_PICTURE_8 },   { 15, VGA_PICTURE_15 },
		{ 16, VGA_PICTURE_16 },    { 24, VGA_PICTURE_24 }, { 32, VGA_PICTURE_32 },
	};
	uint32_t bits = regs->vbe[VBE_BITS], x = regs->vbe[VBE_X];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].bits == bits)
			picture->kind = kinds[i].kind;
	}
	picture->width = regs->vbe[VBE_WIDTH];
	picture->height = regs->vbe[VBE_HEIGHT];
	picture->line_bytes = vga_vbe_line(regs);
	picture->start = regs->vbe[VBE_Y] * picture->line_bytes;
	picture->start += bits < 8 ? x / 8 * 4 : x * ((bits + 7) / 8);
	picture->dot_width = 1;
	if (bits == 4) {
		picture->panning = x % 8;
		decode_attributes(picture, regs);
	} else {
		decode_dac(picture, regs);
	}
}

/* Sequencer's character map select: two fonts of eight, 8 KiB each. */
static void decode_fonts(struct vga_picture *picture, const struct vga_regs *regs)
{
	unsigned select = regs->seq[SEQ_FONTS];
	const unsigned which[2] = { (select & 3) | (select >> 2 & 4),
				    (select >> 2 & 3) | (select >> 3 & 4) };

	for (unsigned i = 0; i < 2; i++)
		picture->fonts[i] = (which[i] & 3) * 0x4000 + (which[i] >> 2) * 0x2000;
	picture->font_bit = which[0] != which[1];
}

static void decode_text(struct vga_picture *picture, const struct vga_regs *regs, unsigned phase)
{
	unsigned mode = regs->attr[ATTR_MODE];

	picture->kind = VGA_PICTURE_TEXT;
	picture->cell_width = regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8_DOTS ? 8 : 9;
	picture->line_graphics = (mode & ATTR_MODE_LINE) != 0;
	picture->blinking = (mode & ATTR_MODE_BLINK) != 0;
	picture->hidden = picture->blinking && !(phase & VGA_PHASE_TEXT);
	picture->underlines = (mode & ATTR_MODE_MONO) != 0;
	picture->underline = regs->crtc[CRTC_UNDERLINE] & 0x1f;
	picture->cursor_first = regs->crtc[CRTC_CURSOR_START] & 0x1f;
	picture->cursor_last = regs->crtc[CRTC_CURSOR_END] & 0x1f;
	picture->cursor_at = crtc_word(regs, CRTC_CURSOR_HIGH);
	picture->cursor = !(regs->crtc[CRTC_CURSOR_START] & 0x20) && phase & VGA_PHASE_CURSOR;
	decode_fonts(picture, regs);
	decode_attributes(picture, regs);
}

static void decode_graphics(struct vga_picture *picture, const struct vga_regs *regs)
{
	bool byte = regs->crtc[CRTC_MODE] & CRTC_MODE_BYTE;

	/* In word mode the counter is shifted before its bits are replaced. */
	if (!(regs->crtc[CRTC_MODE] & CRTC_MODE_KEEP_13))
		picture->scan_bit[0] = byte ? 0x2000 : 0x1000;
	if (!(regs->crtc[CRTC_MODE] & CRTC_MODE_KEEP_14))
		picture->scan_bit[1] = byte ? 0x4000 : 0x2000;
	if (regs->gfx[GFX_MODE] & GFX_MODE_256) {
		picture->kind = VGA_PICTURE_256;
		picture->dot_width *= 2;
		picture->panning /= 2;
		decode_dac(picture, regs);
		return;
	}
	picture->kind =
		regs->gfx[GFX_MODE] & GFX_MODE_2_BITS ? VGA_PICTURE_PAIRS : VGA_PICTURE_PLANES;
	decode_attributes(picture, regs);
}

/* The values 0 to 7 are dots to the left, but with nine dots a character 8 is none and the others one more. */
static uint32_t decode_panning(const struct vga_regs *regs, bool nine)
{
	uint32_t panning = regs->attr[ATTR_PANNING] & 0xf;

	if (nine)
		return panning >= 8 ? 0 : panning + 1;
	return panning & 7;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void decode_legacy(struct vga_picture *picture, const struct vga_regs *regs, unsigned phase)
{
	uint32_t characters = regs->crtc[CRTC_H_END] + 1u, max_row = regs->crtc[CRTC_MAX_ROW];
	bool graphics = regs->gfx[GFX_MISC] & GFX_MISC_GRAPHICS;
	uint32_t cell = 8, compare;

	picture->dot_width = regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1;
	picture->row_scans = (max_row & 0x1f) + 1;
	picture->scan_shift = max_row >> 7;
	picture->row_step = regs->crtc[CRTC_OFFSET] * 2u;
	picture->first_scan = regs->crtc[CRTC_PRESET_ROW] & 0x1f;
	picture->start = crtc_word(regs, CRTC_START_HIGH) + (regs->crtc[CRTC_PRESET_ROW] >> 5 & 3);
	picture->panning =
		decode_panning(regs, !graphics && !(regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8_DOTS));
	picture->split_stays = (regs->attr[ATTR_MODE] & ATTR_MODE_SPLIT_PAN) != 0;
	if (graphics) {
		decode_graphics(picture, regs);
	} else {
		decode_text(picture, regs, phase);
		cell = picture->cell_width;
	}
	picture->width = least(characters * cell *
				       (picture->kind == VGA_PICTURE_256 ? picture->dot_width / 2
									 : picture->dot_width),
			       SCREEN_WIDTH_MAX);
	picture->height = least(crtc_10_bits(regs, CRTC_V_END, 1, 6) + 1, SCREEN_HEIGHT_MAX);
	compare = regs->crtc[CRTC_LINE_COMPARE] | (regs->crtc[CRTC_OVERFLOW] >> 4 & 1u) << 8 |
		  (max_row >> 6 & 1) << 9;
	picture->split = compare + 1;
}

void vga_picture_decode(struct vga_picture *picture, const struct vga_regs *regs, unsigned phase)
{
	bool shown = regs->attr_index & ATTR_INDEX_SHOW &&
		     !(regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_SCREEN_OFF);

	memset(picture, 0, sizeof(*picture));
	if (vga_vbe_is_on(regs))
		decode_vbe(picture, regs);
	else
		decode_legacy(picture, regs, phase);
	if (!shown)
		picture->kind = VGA_PICTURE_BLANK;
}

/* Lines */

void vga_picture_source(const struct vga_picture *picture, uint32_t y, uint32_t *at, uint32_t *len)
{
	static const uint8_t bytes[] = {
		[VGA_PICTURE_8] = 1,  [VGA_PICTURE_15] = 2, [VGA_PICTURE_16] = 2,
		[VGA_PICTURE_24] = 3, [VGA_PICTURE_32] = 4,
	};

	*at = picture->start + y * picture->line_bytes;
	*len = picture->width * bytes[picture->kind];
}

/* Which line of memory is shown at a line of the screen. */
struct scan {
	uint32_t counter; /* of its first character */
	uint32_t scan; /* within the row */
	uint32_t panning;
};

static struct scan find_scan(const struct vga_picture *picture, uint32_t y)
{
	struct scan scan = { .panning = picture->panning };
	uint32_t line = y >> picture->scan_shift, start = picture->start;

	if (picture->line_bytes) {
		scan.counter = (picture->start + y * picture->line_bytes) / 4;
		return scan;
	}
	if (y >= picture->split) {
		line = (y - picture->split) >> picture->scan_shift;
		start = 0;
		if (picture->split_stays)
			scan.panning = 0;
	} else {
		line += picture->first_scan;
	}
	scan.counter = start + line / picture->row_scans * picture->row_step;
	scan.scan = line % picture->row_scans;
	for (unsigned i = 0; i < 2; i++) {
		if (picture->scan_bit[i]) {
			scan.counter &= ~picture->scan_bit[i];
			scan.counter |= scan.scan >> i & 1 ? picture->scan_bit[i] : 0;
		}
	}
	return scan;
}

/* The dots of a line from left to right, of which the first .skip fall off the edge. */
struct pen {
	uint32_t *pixels;
	uint32_t left; /* pixels that are still to come */
	uint32_t skip;
	uint32_t width; /* pixels a dot */
};

static void pen_dot(struct pen *pen, uint32_t colour)
{
	if (pen->skip) {
		pen->skip--;
		return;
	}
	for (uint32_t i = 0; i < pen->width && pen->left; i++) {
		*pen->pixels++ = colour;
		pen->left--;
	}
}

static const uint8_t *character_at(const struct vga_picture *picture, const uint8_t *memory,
				   uint32_t counter)
{
	uint32_t mask = picture->line_bytes ? UINT32_MAX : COUNTER_MASK;

	return memory + (size_t)(counter & mask) * 4;
}

static void planes_line(const struct vga_picture *picture, const uint8_t *memory, struct scan scan,
			struct pen *pen)
{
	for (uint32_t counter = scan.counter; pen->left; counter++) {
		const uint8_t *planes = character_at(picture, memory, counter);

		for (unsigned bit = 8; bit-- > 0;)
			pen_dot(pen, picture->colours[(planes[0] >> bit & 1) |
						      (planes[1] >> bit & 1) << 1 |
						      (planes[2] >> bit & 1) << 2 |
						      (planes[3] >> bit & 1) << 3]);
	}
}

static void pairs_line(const struct vga_picture *picture, const uint8_t *memory, struct scan scan,
		       struct pen *pen)
{
	for (uint32_t counter = scan.counter; pen->left; counter++) {
		const uint8_t *planes = character_at(picture, memory, counter);

		for (unsigned i = 0; i < 2; i++) {
			for (unsigned bit = 8; bit > 0; bit -= 2)
				pen_dot(pen,
					picture->colours[(planes[i] >> (bit - 2) & 3) |
							 (planes[i + 2] >> (bit - 2) & 3) << 2]);
		}
	}
}

static void bytes_line(const struct vga_picture *picture, const uint8_t *memory, struct scan scan,
		       struct pen *pen)
{
	for (uint32_t counter = scan.counter; pen->left; counter++) {
		const uint8_t *planes = character_at(picture, memory, counter);

		for (unsigned i = 0; i < 4; i++)
			pen_dot(pen, picture->colours[planes[i]]);
	}
}

/* A character's dots in this scan; nine of them, the first in bit 8. */
static unsigned glyph(const struct vga_picture *picture, const uint8_t *memory, const uint8_t *cell,
		      uint32_t counter, uint32_t scan)
{
	uint32_t font = picture->fonts[cell[1] >> 3 & 1];
	unsigned dots = memory[(size_t)((font + cell[0] * 32u + scan) & COUNTER_MASK) * 4 + 2];
	bool line = picture->line_graphics && cell[0] >= 0xc0 && cell[0] <= 0xdf;

	dots = dots << 1 | (line ? dots & 1 : 0);
	if (picture->hidden && cell[1] & 0x80)
		dots = 0;
	if (picture->underlines && (cell[1] & 7) == 1 && scan == picture->underline)
		dots = 0x1ff;
	if (picture->cursor && counter == picture->cursor_at && scan >= picture->cursor_first &&
	    scan <= picture->cursor_last)
		dots = 0x1ff;
	return dots;
}

static void text_line(const struct vga_picture *picture, const uint8_t *memory, struct scan scan,
		      struct pen *pen)
{
	for (uint32_t counter = scan.counter; pen->left; counter++) {
		const uint8_t *cell = character_at(picture, memory, counter);
		unsigned dots = glyph(picture, memory, cell, counter & COUNTER_MASK, scan.scan);
		unsigned fore = cell[1] & (picture->font_bit ? 7 : 0xf);
		unsigned back = cell[1] >> 4 & (picture->blinking ? 7 : 0xf);

		for (unsigned i = 0; i < picture->cell_width; i++)
			pen_dot(pen, picture->colours[dots >> (8 - i) & 1 ? fore : back]);
	}
}

static uint32_t widen(uint32_t value, unsigned bits)
{
	return (value << (8 - bits) | value >> (2 * bits - 8)) & 0xff;
}

static void direct_line(const struct vga_picture *picture, const uint8_t *memory, uint32_t y,
			uint32_t *pixels)
{
	uint32_t at, len;
	const uint8_t *in;

	vga_picture_source(picture, y, &at, &len);
	in = memory + at;
	for (uint32_t x = 0; x < picture->width; x++) {
		uint32_t word;

		switch (picture->kind) {
		case VGA_PICTURE_8:
			pixels[x] = picture->colours[in[x]];
			break;
		case VGA_PICTURE_15:
			word = in[2 * x] | (uint32_t)in[2 * x + 1] << 8;
			pixels[x] = widen(word >> 10 & 0x1f, 5) << 16 |
				    widen(word >> 5 & 0x1f, 5) << 8 | widen(word & 0x1f, 5);
			break;
		case VGA_PICTURE_16:
			word = in[2 * x] | (uint32_t)in[2 * x + 1] << 8;
			pixels[x] = widen(word >> 11, 5) << 16 | widen(word >> 5 & 0x3f, 6) << 8 |
				    widen(word & 0x1f, 5);
			break;
		default:
			word = picture->kind == VGA_PICTURE_24 ? 3 : 4;
			in = memory + at + (size_t)x * word;
			pixels[x] = in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
			in = memory + at;
		}
	}
}

void vga_picture_line(const struct vga_picture *picture, const uint8_t *memory, uint32_t y,
		      uint32_t *pixels)
{
	struct scan scan = find_scan(picture, y);
	struct pen pen = {
		.pixels = pixels,
		.left = picture->width,
		.skip = scan.panning,
		.width = picture->dot_width,
	};

	switch (picture->kind) {
	case VGA_PICTURE_BLANK:
		memset(pixels, 0, picture->width * sizeof(*pixels));
		break;
	case VGA_PICTURE_TEXT:
		text_line(picture, memory, scan, &pen);
		break;
	case VGA_PICTURE_PLANES:
		planes_line(picture, memory, scan, &pen);
		break;
	case VGA_PICTURE_PAIRS:
		pairs_line(picture, memory, scan, &pen);
		break;
	case VGA_PICTURE_256:
		bytes_line(picture, memory, scan, &pen);
		break;
	default:
		direct_line(picture, memory, y, pixels);
	}
}

bool vga_picture_text(const struct vga_picture *picture, const uint8_t *memory,
		      struct screen_text *out)
{
	uint32_t scans = picture->row_scans << picture->scan_shift;
	uint32_t cursor = picture->cursor_at - picture->start;
	bool blank = picture->kind == VGA_PICTURE_BLANK;

	out->width = blank ? 0 : picture->width;
	out->height = blank ? 0 : picture->height;
	if (picture->kind != VGA_PICTURE_TEXT)
		return false;
	out->columns = least(picture->width / (picture->cell_width * picture->dot_width),
			     SCREEN_COLUMNS_MAX);
	out->rows = least((picture->height + scans - 1) / scans, SCREEN_TEXT_ROWS_MAX);
	out->blinks = picture->blinking;
	for (uint32_t row = 0; row < out->rows; row++) {
		struct scan scan = find_scan(picture, row * scans);

		for (uint32_t column = 0; column < out->columns; column++) {
			const uint8_t *cell = character_at(picture, memory, scan.counter + column);

			out->cells[row * out->columns + column] =
				(struct screen_cell){ cell[0], cell[1] };
		}
	}
	out->cursor_row = picture->row_step ? cursor / picture->row_step : 0;
	out->cursor_column = picture->row_step ? cursor % picture->row_step : 0;
	out->cursor = picture->cursor && picture->cursor_at >= picture->start &&
		      picture->cursor_first <= picture->cursor_last &&
		      out->cursor_row < out->rows && out->cursor_column < out->columns;
	return true;
}
