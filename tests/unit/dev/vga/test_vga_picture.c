// SPDX-License-Identifier: MIT
/*
 * What the VGA shows, pixel by pixel: dots are set as programs set them, through the window, and each
 * pixel of the picture is held against the dot that lies there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vga_modes.h"

#define MEMORY (4u << 20)

struct bench {
	struct vga_regs regs;
	struct vga_picture picture;
	uint8_t *memory;
	uint32_t line[SCREEN_WIDTH_MAX];
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->memory = calloc(1, MEMORY);
	*state = bench;
	return bench->memory ? 0 : -1;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	free(bench->memory);
	free(bench);
	return 0;
}

static void poke(struct bench *bench, uint32_t offset, uint8_t value)
{
	vga_memory_write(&bench->regs, bench->memory, MEMORY, offset, value);
}

static uint8_t peek(struct bench *bench, uint32_t offset)
{
	return vga_memory_read(&bench->regs, bench->memory, MEMORY, offset);
}

static void decode(struct bench *bench, unsigned phase)
{
	vga_picture_decode(&bench->picture, &bench->regs, phase);
}

static void set_mode(struct bench *bench, unsigned mode)
{
	vga_modes_set(&bench->regs, &vga_modes[mode]);
	memset(bench->memory, 0, MEMORY);
}

/* A colour for each dot, without a pattern that a wrong address could repeat. */
static unsigned dot(uint32_t x, uint32_t y, unsigned colours)
{
	uint32_t mixed = (x * 2654435761u) ^ (y * 40503u + x * y);

	return (mixed >> 13) % colours;
}

/* As programs draw in the mode. */
static void draw_dot(struct bench *bench, unsigned mode, uint32_t x, uint32_t y, unsigned colour)
{
	uint32_t at, shift;

	switch (mode) {
	case MODE_4:
		at = 0x18000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 4;
		shift = 6 - 2 * (x & 3);
		poke(bench, at, (uint8_t)((peek(bench, at) & ~(3u << shift)) | colour << shift));
		break;
	case MODE_6:
		at = 0x18000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 8;
		shift = 7 - (x & 7);
		poke(bench, at, (uint8_t)((peek(bench, at) & ~(1u << shift)) | colour << shift));
		break;
	case MODE_13:
		poke(bench, y * 320 + x, (uint8_t)colour);
		break;
	case MODE_X:
		bench->regs.seq[SEQ_MAP_MASK] = (uint8_t)(1u << (x & 3));
		poke(bench, y * 80 + x / 4, (uint8_t)colour);
		break;
	default:
		/* Write mode 2: latches are filled by a read. */
		at = y * (vga_modes[mode].dots_x / 8) + x / 8;
		bench->regs.gfx[GFX_MODE] = 2;
		bench->regs.gfx[GFX_BIT_MASK] = (uint8_t)(0x80 >> (x & 7));
		(void)peek(bench, at);
		poke(bench, at, (uint8_t)colour);
	}
}

static unsigned colours_of(unsigned mode)
{
	switch (mode) {
	case MODE_4:
		return 4;
	case MODE_6:
		return 2;
	case MODE_13:
	case MODE_X:
		return 256;
	default:
		return 16;
	}
}

static uint32_t shown_colour(unsigned mode, unsigned colour)
{
	return vga_modes_colour(colours_of(mode) == 256 ? colour : vga_modes[mode].attr[colour]);
}

static void test_graphics(void **state)
{
	struct bench *bench = *state;

	for (unsigned mode = MODE_4; mode < VGA_MODES; mode++) {
		const struct vga_mode *m = &vga_modes[mode];
		unsigned colours = colours_of(mode);

		set_mode(bench, mode);
		for (uint32_t y = 0; y < m->dots_y; y++) {
			for (uint32_t x = 0; x < m->dots_x; x++)
				draw_dot(bench, mode, x, y, dot(x, y, colours));
		}
		decode(bench, 0);
		assert_int_equal(bench->picture.width, m->width);
		assert_int_equal(bench->picture.height, m->height);
		for (uint32_t y = 0; y < m->height; y++) {
			vga_picture_line(&bench->picture, bench->memory, y, bench->line);
			for (uint32_t x = 0; x < m->width; x++) {
				unsigned want = dot(x * m->dots_x / m->width,
						    y * m->dots_y / m->height, colours);

				if (bench->line[x] != shown_colour(mode, want))
					fail_msg("mode %s: %u,%u: 0x%06x", m->name, x, y,
						 bench->line[x]);
			}
		}
	}
}

/* A glyph of 16 scans for each character: bits that tell the character and the scan. */
static uint8_t glyph_of(unsigned character, unsigned scan)
{
	return (uint8_t)(character * 5 + scan * 29 + (scan << 5));
}

static void load_font(struct bench *bench, uint32_t at)
{
	for (unsigned character = 0; character < 256; character++) {
		for (unsigned scan = 0; scan < 32; scan++)
			bench->memory[(at + character * 32 + scan) * 4 + 2] =
				(uint8_t)(glyph_of(character, scan) + at / 0x100);
	}
}

static void fill_text(struct bench *bench, uint32_t window)
{
	for (uint32_t i = 0; i < 80 * 25; i++) {
		poke(bench, window + 2 * i, (uint8_t)(i * 3));
		poke(bench, window + 2 * i + 1, (uint8_t)(i * 11 + i / 80));
	}
}

/* One pixel of the text that fill_text() made, by the description of the hardware. */
static uint32_t text_pixel(const struct vga_mode *mode, uint32_t x, uint32_t y, bool hidden)
{
	uint32_t i = y / 16 * 80 + x / 9, scan = y % 16, column = x % 9;
	unsigned character = (uint8_t)(i * 3), attribute = (uint8_t)(i * 11 + i / 80);
	bool mono = mode->attr[ATTR_MODE] & ATTR_MODE_MONO, on;

	if (column < 8)
		on = glyph_of(character, scan) >> (7 - column) & 1;
	else
		on = mode->attr[ATTR_MODE] & ATTR_MODE_LINE && character >= 0xc0 &&
		     character <= 0xdf && glyph_of(character, scan) & 1;
	if (hidden && attribute & 0x80)
		on = false;
	if (mono && (attribute & 7) == 1 && scan == (mode->crtc[CRTC_UNDERLINE] & 0x1f))
		on = true;
	return vga_modes_colour(mode->attr[on ? attribute & 15 : attribute >> 4 & 7]);
}

static void test_text(void **state)
{
	struct bench *bench = *state;

	for (unsigned mode = MODE_3; mode <= MODE_7; mode++) {
		const struct vga_mode *m = &vga_modes[mode];

		set_mode(bench, mode);
		load_font(bench, 0);
		fill_text(bench, mode == MODE_3 ? 0x18000 : 0x10000);
		for (unsigned hidden = 0; hidden < 2; hidden++) {
			decode(bench, hidden ? 0 : VGA_PHASE_TEXT);
			assert_int_equal(bench->picture.width, 720);
			assert_int_equal(bench->picture.height, 400);
			for (uint32_t y = 0; y < 400; y++) {
				vga_picture_line(&bench->picture, bench->memory, y, bench->line);
				for (uint32_t x = 0; x < 720; x++) {
					if (bench->line[x] != text_pixel(m, x, y, hidden))
						fail_msg("mode %s: %u,%u", m->name, x, y);
				}
			}
		}
	}
}

static void test_fonts(void **state)
{
	struct bench *bench = *state;

	set_mode(bench, MODE_3);
	load_font(bench, 0x4000); /* font 1 */
	load_font(bench, 0x6000); /* font 5 */
	bench->regs.seq[SEQ_FONTS] = 0x01 | 0x20 | 0x04; /* without bit 3: 1, with it: 5 */
	poke(bench, 0x18000, 'A');
	poke(bench, 0x18001, 0x07);
	poke(bench, 0x18002, 'A');
	poke(bench, 0x18003, 0x0f);
	decode(bench, VGA_PHASE_TEXT);
	for (uint32_t y = 0; y < 16; y++) {
		vga_picture_line(&bench->picture, bench->memory, y, bench->line);
		for (uint32_t x = 0; x < 8; x++) {
			bool one = (uint8_t)(glyph_of('A', y) + 0x40) >> (7 - x) & 1;
			bool five = (uint8_t)(glyph_of('A', y) + 0x60) >> (7 - x) & 1;

			/* Bit 3 chooses the font, and is not brightness then. */
			assert_int_equal(bench->line[x], vga_modes_colour(one ? 7 : 0));
			assert_int_equal(bench->line[9 + x], vga_modes_colour(five ? 7 : 0));
		}
	}
}

static void test_cursor(void **state)
{
	struct bench *bench = *state;
	static struct screen_text text;

	set_mode(bench, MODE_3);
	for (uint32_t i = 0; i < 80 * 25; i++)
		poke(bench, 0x18000 + 2 * i + 1, 0x07);
	bench->regs.crtc[CRTC_CURSOR_LOW] = 83;
	for (unsigned shown = 0; shown < 2; shown++) {
		decode(bench, shown ? VGA_PHASE_CURSOR : 0);
		for (uint32_t y = 16; y < 32; y++) {
			vga_picture_line(&bench->picture, bench->memory, y, bench->line);
			for (uint32_t x = 0; x < 720; x++) {
				bool in = x / 9 == 3 && y - 16 >= 13 && y - 16 <= 14;

				assert_int_equal(bench->line[x],
						 vga_modes_colour(shown && in ? 7 : 0));
			}
		}
	}
	poke(bench, 0x18000 + 2 * 83, 'x');
	assert_true(vga_picture_text(&bench->picture, bench->memory, &text));
	assert_int_equal(text.columns, 80);
	assert_int_equal(text.rows, 25);
	assert_int_equal(text.cells[83].glyph, 'x');
	assert_int_equal(text.cells[83].attribute, 7);
	assert_true(text.cursor);
	assert_int_equal(text.cursor_row, 1);
	assert_int_equal(text.cursor_column, 3);
	bench->regs.crtc[CRTC_CURSOR_START] |= 0x20;
	decode(bench, VGA_PHASE_CURSOR);
	assert_true(vga_picture_text(&bench->picture, bench->memory, &text));
	assert_false(text.cursor);
	set_mode(bench, MODE_12);
	decode(bench, 0);
	assert_false(vga_picture_text(&bench->picture, bench->memory, &text));
	assert_int_equal(text.width, 640);
	assert_int_equal(text.height, 480);
	bench->regs.seq[SEQ_CLOCKING] |= 0x20; /* the screen is off */
	decode(bench, 0);
	assert_false(vga_picture_text(&bench->picture, bench->memory, &text));
	assert_int_equal(text.width, 0);
	assert_int_equal(text.height, 0);
}

/* The lower part of a split screen begins at address 0, and may stay where it is when the rest pans. */
static void test_split_and_panning(void **state)
{
	struct bench *bench = *state;
	const uint32_t split = 100;

	for (unsigned stays = 0; stays < 2; stays++) {
		set_mode(bench, MODE_12);
		for (uint32_t y = 0; y < 480; y++) {
			for (uint32_t x = 0; x < 640; x++)
				draw_dot(bench, MODE_12, x, y, dot(x, y, 16));
		}
		bench->regs.crtc[CRTC_START_HIGH] = 200 * 80 >> 8;
		bench->regs.crtc[CRTC_START_LOW] = 200 * 80 & 0xff;
		bench->regs.crtc[CRTC_LINE_COMPARE] = (uint8_t)(split - 1);
		bench->regs.crtc[CRTC_OVERFLOW] &= 0xef;
		bench->regs.crtc[CRTC_MAX_ROW] &= 0xbf;
		bench->regs.attr[ATTR_PANNING] = 3;
		bench->regs.attr[ATTR_MODE] |= stays ? ATTR_MODE_SPLIT_PAN : 0;
		decode(bench, 0);
		for (uint32_t y = 0; y < 480 - 1; y++) {
			uint32_t from = y < split ? y + 200 : y - split;
			uint32_t pan = y >= split && stays ? 0 : 3;

			vga_picture_line(&bench->picture, bench->memory, y, bench->line);
			for (uint32_t x = 0; x < 640; x++) {
				uint32_t sx = x + pan;
				unsigned want = dot(sx % 640, from + sx / 640, 16);

				if (bench->line[x] != shown_colour(MODE_12, want))
					fail_msg("stays %u: %u,%u", stays, x, y);
			}
		}
	}
}

static void test_blank_and_colour_select(void **state)
{
	struct bench *bench = *state;

	set_mode(bench, MODE_12);
	memset(bench->memory, 0xff, VGA_LEGACY_MEMORY); /* colour 15 */
	bench->regs.attr[ATTR_COLOUR] = 0x0c;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], vga_modes_colour(0xff));
	bench->regs.attr[ATTR_MODE] |= ATTR_MODE_P54;
	bench->regs.attr[ATTR_COLOUR] = 0x06;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], vga_modes_colour(0x6f));
	bench->regs.attr[ATTR_PLANES] = 0x5;
	bench->regs.attr[5] = 0x21;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], vga_modes_colour(0x61));
	bench->regs.dac_mask = 0x0f;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], vga_modes_colour(0x01));
	bench->regs.attr_index = 0;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], 0);
	bench->regs.attr_index = ATTR_INDEX_SHOW;
	bench->regs.seq[SEQ_CLOCKING] |= SEQ_CLOCKING_SCREEN_OFF;
	decode(bench, 0);
	vga_picture_line(&bench->picture, bench->memory, 0, bench->line);
	assert_int_equal(bench->line[0], 0);
}

static uint32_t widen(uint32_t value, uint32_t most)
{
	return value * 255 / most;
}

/* VBE modes, with a virtual width and an offset. The registers are what vbe.c brings them to. */
static void test_vbe(void **state)
{
	struct bench *bench = *state;
	static const unsigned depths[] = { 4, 8, 15, 16, 24, 32 };

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		unsigned bits = depths[i], bytes = (bits + 7) / 8;
		const uint16_t width = 320, height = 50, line = 400, x0 = 13, y0 = 7;

		set_mode(bench, MODE_12);
		bench->regs.vbe[VBE_ENABLE] = VBE_ENABLE_ON;
		bench->regs.vbe[VBE_WIDTH] = width;
		bench->regs.vbe[VBE_HEIGHT] = height;
		bench->regs.vbe[VBE_BITS] = (uint16_t)bits;
		bench->regs.vbe[VBE_VIRTUAL_WIDTH] = line;
		bench->regs.vbe[VBE_X] = x0;
		bench->regs.vbe[VBE_Y] = y0;
		for (uint32_t at = 0; at < line * 60 * 4; at++)
			bench->memory[at] = (uint8_t)(at * 37 + (at >> 8) * 11);
		decode(bench, 0);
		assert_int_equal(bench->picture.width, width);
		assert_int_equal(bench->picture.height, height);
		for (uint32_t y = 0; y < height; y++) {
			vga_picture_line(&bench->picture, bench->memory, y, bench->line);
			for (uint32_t x = 0; x < width; x++) {
				const uint8_t *in =
					bench->memory + ((y + y0) * line + x + x0) * bytes;
				uint32_t at = ((y + y0) * line + x + x0) / 8 * 4, want, word;

				word = in[0] | (uint32_t)in[1] << 8;
				switch (bits) {
				case 4:
					want = 0;
					for (unsigned plane = 0; plane < 4; plane++)
						want |= (bench->memory[at + plane] >>
								 (7 - (x + x0) % 8) &
							 1u)
							<< plane;
					want = shown_colour(MODE_12, want);
					break;
				case 8:
					want = vga_modes_colour(in[0]);
					break;
				case 15:
					want = widen(word >> 10 & 31, 31) << 16 |
					       widen(word >> 5 & 31, 31) << 8 |
					       widen(word & 31, 31);
					break;
				case 16:
					want = widen(word >> 11, 31) << 16 |
					       widen(word >> 5 & 63, 63) << 8 |
					       widen(word & 31, 31);
					break;
				default:
					want = word | (uint32_t)in[2] << 16;
				}
				/* Widening by repeating bits is within one of the exact value. */
				for (unsigned part = 0; part < 24; part += 8) {
					int a = (int)(bench->line[x] >> part & 0xff);
					int b = (int)(want >> part & 0xff);

					if (abs(a - b) > (bits == 15 || bits == 16))
						fail_msg("%u bits: %u,%u: 0x%06x for 0x%06x", bits,
							 x, y, bench->line[x], want);
				}
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_graphics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fonts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_and_panning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blank_and_colour_select, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vbe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
