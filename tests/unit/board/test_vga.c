// SPDX-License-Identifier: MIT
/*
 * The graphics adapter in a machine: registers as a program reaches them, the window as traps and as
 * plain memory, what waits, the BARs, and the screen behind it. What each mode looks like is the
 * business of test_vga_picture.
 */
#include "pc_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../dev/vga/vga_modes.h"
#include "dev/vga/vga.h"

#define LFB  UINT64_C(0xfd000000)
#define MMIO UINT64_C(0xfebf0000)
#define ROM  UINT64_C(0xfea00000)
#define TEXT UINT64_C(0xb8000)

struct rig {
	struct pc_bench bench;
	struct vga *vga;
	struct screen *screen;
	struct screen_listener listener;
	unsigned resizes, changes;
	struct screen_rect last;
};

static void on_resize(void *arg)
{
	((struct rig *)arg)->resizes++;
}

static void on_change(void *arg, const struct screen_rect *rect)
{
	struct rig *rig = arg;

	rig->changes++;
	rig->last = *rect;
}

static bool find_nothing(void *arg, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s", name);
	return access(name, R_OK) == 0;
}

static struct rig *rig_make(const char *props, bool waits)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct device_spec device = { "VGA", props };

	rig->bench.waits = waits;
	pc_bench_make(&rig->bench, (struct pc_options){ .devices = &device,
							.devices_n = 1,
							.find_file = find_nothing });
	rig->vga = (struct vga *)device_find(&rig->bench.pc.devices, &vga_type);
	rig->screen = &rig->bench.pc.machine.screen;
	rig->listener =
		(struct screen_listener){ .resized = on_resize, .changed = on_change, .arg = rig };
	screen_listen(rig->screen, &rig->listener);
	return rig;
}

static int setup(void **state)
{
	*state = rig_make("romfile=", false);
	return 0;
}

static int setup_waiting(void **state)
{
	*state = rig_make("romfile=", true);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	screen_unlisten(&rig->listener);
	pc_bench_end(&rig->bench);
	free(rig);
	return 0;
}

static void out(struct rig *rig, unsigned port, uint64_t value)
{
	pc_bench_out(&rig->bench, port, value, 1);
}

static uint8_t in(struct rig *rig, unsigned port)
{
	return (uint8_t)pc_bench_in(&rig->bench, port, 1);
}

static void out_indexed(struct rig *rig, unsigned port, unsigned index, unsigned value)
{
	pc_bench_out(&rig->bench, port, index | value << 8, 2);
}

static uint8_t in_indexed(struct rig *rig, unsigned port, unsigned index)
{
	out(rig, port, index);
	return in(rig, port + 1);
}

static uint64_t peek(struct rig *rig, uint64_t addr, unsigned width)
{
	return soft_cpu_read(&rig->bench.none.cpu, MEM_SPACE_MEMORY, addr, width);
}

static void poke(struct rig *rig, uint64_t addr, uint64_t value, unsigned width)
{
	soft_cpu_write(&rig->bench.none.cpu, MEM_SPACE_MEMORY, addr, value, width);
}

static void vbe(struct rig *rig, unsigned index, unsigned value)
{
	pc_bench_out(&rig->bench, VGA_VBE_PORTS, index, 2);
	pc_bench_out(&rig->bench, VGA_VBE_PORTS + 1, value, 2);
}

static unsigned vbe_read(struct rig *rig, unsigned index)
{
	pc_bench_out(&rig->bench, VGA_VBE_PORTS, index, 2);
	return (unsigned)pc_bench_in(&rig->bench, VGA_VBE_PORTS + 1, 2);
}

/* As a BIOS sets a mode: by ports, everything. */
static void set_mode(struct rig *rig, unsigned number)
{
	const struct vga_mode *mode = &vga_modes[number];
	unsigned crtc = mode->misc & MISC_COLOUR ? 0x3d4 : 0x3b4;

	out(rig, 0x3c2, mode->misc);
	for (unsigned i = 0; i < sizeof(mode->seq); i++)
		out_indexed(rig, 0x3c4, i, mode->seq[i]);
	out_indexed(rig, crtc, CRTC_V_SYNC_END, 0);
	for (unsigned i = 0; i < sizeof(mode->crtc); i++)
		out_indexed(rig, crtc, i, mode->crtc[i]);
	for (unsigned i = 0; i < sizeof(mode->gfx); i++)
		out_indexed(rig, 0x3ce, i, mode->gfx[i]);
	in(rig, crtc + 6);
	for (unsigned i = 0; i < sizeof(mode->attr); i++) {
		out(rig, 0x3c0, i);
		out(rig, 0x3c0, mode->attr[i]);
	}
	out(rig, 0x3c0, 0x20);
	out(rig, 0x3c8, 0);
	for (unsigned i = 0; i < 256; i++) {
		out(rig, 0x3c9, i & 0x3f);
		out(rig, 0x3c9, (i * 7 + 3) & 0x3f);
		out(rig, 0x3c9, (i >> 2) & 0x3f);
	}
}

static bool is_plain_memory(struct rig *rig, uint64_t addr)
{
	struct mem_view *view = mem_map_view(&rig->bench.pc.machine.map, MEM_SPACE_MEMORY);
	bool is = mem_view_find(view, addr) && mem_view_find(view, addr)->region->kind == MEM_RAM;

	mem_view_unref(view);
	return is;
}

static uint32_t pixel(struct rig *rig, uint32_t x, uint32_t y)
{
	return rig->screen->pixels[y * rig->screen->width + x];
}

static void look(struct rig *rig)
{
	assert_true(machine_look(&rig->bench.pc.machine));
}

static void test_registers(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, MODE_12);
	assert_int_equal(in(rig, 0x3cc), 0xe3);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(in_indexed(rig, 0x3ce, i), vga_modes[MODE_12].gfx[i]);
	for (unsigned i = 0; i < 25; i++)
		assert_int_equal(in_indexed(rig, 0x3d4, i), vga_modes[MODE_12].crtc[i]);
	/* Only bits that there are. */
	out_indexed(rig, 0x3ce, GFX_SET_RESET, 0xff);
	assert_int_equal(in_indexed(rig, 0x3ce, GFX_SET_RESET), 0x0f);
	/* Registers 0 to 7 are protected, but for one bit. */
	assert_int_equal(vga_modes[MODE_12].crtc[CRTC_V_SYNC_END] & 0x80, 0x80);
	out_indexed(rig, 0x3d4, 0, 0x11);
	assert_int_equal(in_indexed(rig, 0x3d4, 0), 0x5f);
	out_indexed(rig, 0x3d4, CRTC_OVERFLOW, 0xff ^ 0x10);
	assert_int_equal(in_indexed(rig, 0x3d4, CRTC_OVERFLOW), 0x3e & ~0x10);
	/* The monochrome ports are not there. */
	assert_int_equal(in(rig, 0x3b5), 0xff);
	out(rig, 0x3c2, 0xe2);
	assert_int_equal(in(rig, 0x3d5), 0xff);
	assert_int_equal(in_indexed(rig, 0x3b4, 0), 0x5f);
	/* A register that there is not. */
	out_indexed(rig, 0x3b4, 0x40, 0x55);
	assert_int_equal(in_indexed(rig, 0x3b4, 0x40), 0);
	assert_int_equal(in(rig, 0x3c3), 0xff);
}

static void test_attributes(void **state)
{
	struct rig *rig = *state;

	out(rig, 0x3c2, 0x67);
	in(rig, 0x3da);
	out(rig, 0x3c0, 3);
	out(rig, 0x3c0, 0x2a);
	assert_int_equal(in(rig, 0x3c0), 3);
	assert_int_equal(in(rig, 0x3c1), 0x2a);
	/* Interrupted in the middle: a read of status 1 begins anew. */
	out(rig, 0x3c0, 4);
	in(rig, 0x3da);
	out(rig, 0x3c0, 5);
	out(rig, 0x3c0, 0x15);
	assert_int_equal(in(rig, 0x3c1), 0x15);
	/* While the screen shows, the palette is the screen's. */
	out(rig, 0x3c0, 0x25);
	out(rig, 0x3c0, 0x01);
	assert_int_equal(in(rig, 0x3c1), 0x15);
}

static void test_dac(void **state)
{
	struct rig *rig = *state;

	out(rig, 0x3c8, 0xfe);
	for (unsigned i = 0; i < 9; i++)
		out(rig, 0x3c9, 0x40 + i); /* two entries, then 0 again; six bits */
	assert_int_equal(in(rig, 0x3c7), 0);
	assert_int_equal(in(rig, 0x3c8), 1);
	out(rig, 0x3c7, 0xff);
	assert_int_equal(in(rig, 0x3c7), 3);
	for (unsigned i = 3; i < 9; i++)
		assert_int_equal(in(rig, 0x3c9), i);
	/* Two of three are no colour. */
	out(rig, 0x3c8, 9);
	out(rig, 0x3c9, 1);
	out(rig, 0x3c9, 2);
	out(rig, 0x3c7, 9);
	assert_int_equal(in(rig, 0x3c9), 0);
	vbe(rig, VBE_ENABLE, VBE_ENABLE_8_BIT_DAC);
	out(rig, 0x3c8, 7);
	for (unsigned i = 0; i < 3; i++)
		out(rig, 0x3c9, 0xf0 + i);
	out(rig, 0x3c7, 7);
	assert_int_equal(in(rig, 0x3c9), 0xf0);
}

/* The graphics controller by its description, bit by bit. */
struct model {
	uint8_t memory[4][64], latch[4];
};

static unsigned bit(unsigned value, unsigned n)
{
	return value >> n & 1;
}

static unsigned model_read(struct model *model, const uint8_t gfx[9], unsigned at)
{
	unsigned value = 0;

	for (unsigned plane = 0; plane < 4; plane++)
		model->latch[plane] = model->memory[plane][at];
	if (!(gfx[GFX_MODE] & 8))
		return model->latch[gfx[GFX_READ_MAP]];
	for (unsigned n = 0; n < 8; n++) {
		bool equal = true;

		for (unsigned plane = 0; plane < 4; plane++) {
			if (bit(gfx[GFX_COMPARE_MASK], plane) &&
			    bit(model->latch[plane], n) != bit(gfx[GFX_COMPARE], plane))
				equal = false;
		}
		value |= (unsigned)equal << n;
	}
	return value;
}

static unsigned model_bit(const struct model *model, const uint8_t gfx[9], unsigned plane,
			  unsigned n, unsigned value)
{
	unsigned by = gfx[GFX_ROTATE] & 7, mode = gfx[GFX_MODE] & 3;
	unsigned latch = bit(model->latch[plane], n), rotated = bit(value, (n + by) % 8), data;
	bool masked = bit(gfx[GFX_BIT_MASK], n);

	if (mode == 1)
		return latch;
	if (mode == 0)
		data = bit(gfx[GFX_ENABLE_SET_RESET], plane) ? bit(gfx[GFX_SET_RESET], plane)
							     : rotated;
	else if (mode == 2)
		data = bit(value, plane);
	else
		data = bit(gfx[GFX_SET_RESET], plane);
	if (mode == 3)
		masked = masked && rotated;
	switch (gfx[GFX_ROTATE] >> 3) {
	case 1:
		data &= latch;
		break;
	case 2:
		data |= latch;
		break;
	case 3:
		data ^= latch;
		break;
	}
	return masked ? data : latch;
}

static void model_write(struct model *model, const uint8_t gfx[9], unsigned planes, unsigned at,
			unsigned value)
{
	for (unsigned plane = 0; plane < 4; plane++) {
		unsigned byte = 0;

		for (unsigned n = 0; n < 8; n++)
			byte |= model_bit(model, gfx, plane, n, value) << n;
		if (bit(planes, plane))
			model->memory[plane][at] = (uint8_t)byte;
	}
}

static void test_graphics_controller(void **state)
{
	static const uint8_t bits[9] = { 15, 15, 15, 31, 3, 11, 0, 15, 255 };
	struct rig *rig = *state;
	struct model model = { 0 };
	uint8_t gfx[9] = { 0, 0, 0, 0, 0, 0, 5, 15, 255 };
	unsigned planes = 15, random = 1;

	set_mode(rig, MODE_12);
	for (unsigned step = 0; step < 300000; step++) {
		unsigned at, value, what;

		random = random * 1664525 + 1013904223;
		value = random >> 24;
		at = random >> 16 & 63;
		what = random >> 8 & 15;
		if (what < 9 && what != GFX_MISC) {
			gfx[what] = (uint8_t)(value & bits[what]);
			out_indexed(rig, 0x3ce, what, gfx[what]);
		} else if (what == 9) {
			planes = value & 15;
			out_indexed(rig, 0x3c4, SEQ_MAP_MASK, planes);
		} else if (what < 13) {
			poke(rig, VGA_WINDOW + at, value, 1);
			model_write(&model, gfx, planes, at, value);
		} else {
			assert_int_equal(peek(rig, VGA_WINDOW + at, 1),
					 model_read(&model, gfx, at));
		}
	}
	out_indexed(rig, 0x3ce, GFX_MODE, 0);
	for (unsigned plane = 0; plane < 4; plane++) {
		out_indexed(rig, 0x3ce, GFX_READ_MAP, plane);
		for (unsigned at = 0; at < 64; at++)
			assert_int_equal(peek(rig, VGA_WINDOW + at, 1), model.memory[plane][at]);
	}
}

/* Text is plain memory; planes know it when it is not any more, or when somebody looks. */
static void test_text_window(void **state)
{
	struct rig *rig = *state;
	static struct screen_text text;

	assert_false(is_plain_memory(rig, TEXT));
	set_mode(rig, MODE_3);
	assert_true(is_plain_memory(rig, TEXT));
	assert_true(is_plain_memory(rig, TEXT + 0x7fff));
	assert_false(is_plain_memory(rig, VGA_WINDOW));
	assert_false(is_plain_memory(rig, 0xb0000));
	poke(rig, TEXT, 0x0748074f, 4);
	assert_true(screen_read_text(rig->screen, &text));
	assert_int_equal(text.cells[0].glyph, 'O');
	assert_int_equal(text.cells[1].glyph, 'H');
	assert_true(is_plain_memory(rig, TEXT));
	/* What is not shown there is nowhere. */
	assert_int_equal(peek(rig, VGA_WINDOW, 1), 0xff);
	/* A font is loaded through the planes: text is there meanwhile, and afterwards. */
	out_indexed(rig, 0x3c4, SEQ_MAP_MASK, 4);
	assert_false(is_plain_memory(rig, TEXT));
	out_indexed(rig, 0x3c4, SEQ_MEMORY_MODE, 6);
	out_indexed(rig, 0x3ce, GFX_MODE, 0);
	out_indexed(rig, 0x3ce, GFX_MISC, 4);
	poke(rig, VGA_WINDOW + 'O' * 32, 0x81, 1);
	assert_int_equal(peek(rig, VGA_WINDOW, 1), 'O');
	out_indexed(rig, 0x3ce, GFX_READ_MAP, 1);
	assert_int_equal(peek(rig, VGA_WINDOW + 1, 1), 7); /* one of each pair, at its number */
	set_mode(rig, MODE_3);
	assert_true(is_plain_memory(rig, TEXT));
	assert_int_equal(peek(rig, TEXT, 4), 0x0748074f);
	look(rig);
	assert_int_equal(pixel(rig, 0, 0), vga_modes_colour(7));
	assert_int_equal(pixel(rig, 1, 0), vga_modes_colour(0));
	assert_int_equal(pixel(rig, 7, 0), vga_modes_colour(7));
	/* Monochrome, at its own place, with what was there. */
	set_mode(rig, MODE_7);
	assert_true(is_plain_memory(rig, 0xb0000));
	assert_false(is_plain_memory(rig, TEXT));
	assert_int_equal(peek(rig, 0xb0000, 4), 0x0748074f);
	out(rig, 0x3c2, 0x64); /* memory is switched off */
	assert_false(is_plain_memory(rig, 0xb0000));
	assert_int_equal(peek(rig, 0xb0000, 1), 0xff);
}

static void test_linear_window(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, MODE_13);
	assert_true(is_plain_memory(rig, VGA_WINDOW));
	assert_true(is_plain_memory(rig, VGA_WINDOW + 0xffff));
	assert_false(is_plain_memory(rig, TEXT));
	poke(rig, VGA_WINDOW + 321, 0x63, 1);
	look(rig);
	assert_int_equal(rig->screen->width, 640);
	assert_int_equal(rig->screen->height, 400);
	assert_int_equal(pixel(rig, 2, 2), vga_modes_colour(0x63));
	assert_int_equal(pixel(rig, 1, 2), vga_modes_colour(0));
	/* The same memory by planes: dot 321 is in plane 1. */
	out_indexed(rig, 0x3c4, SEQ_MEMORY_MODE, 6);
	assert_false(is_plain_memory(rig, VGA_WINDOW));
	out_indexed(rig, 0x3ce, GFX_READ_MAP, 1);
	assert_int_equal(peek(rig, VGA_WINDOW + 80, 1), 0x63);
}

/* From text straight to another mode: text stays behind, and does not come over what is drawn then. */
static void test_text_then_linear(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, MODE_3);
	for (unsigned i = 0; i < 16; i += 2)
		poke(rig, TEXT + i, 0x0753, 2);
	/* As a program that knows what it does: two registers. */
	out_indexed(rig, 0x3ce, GFX_MISC, 5);
	assert_false(is_plain_memory(rig, TEXT));
	set_mode(rig, MODE_3);
	rig->vga->regs.seq[SEQ_MAP_MASK] = 15;
	rig->vga->regs.gfx[GFX_MISC] = 5;
	out_indexed(rig, 0x3c4, SEQ_MEMORY_MODE, 0xe);
	assert_true(is_plain_memory(rig, VGA_WINDOW));
	assert_int_equal(peek(rig, VGA_WINDOW, 4) & 0xffff, 0x0753);
	poke(rig, VGA_WINDOW, 0x12345678, 4);
	look(rig);
	assert_int_equal(peek(rig, VGA_WINDOW, 4), 0x12345678);
	/* A mode that begins with empty memory. */
	set_mode(rig, MODE_3);
	poke(rig, TEXT, 0x0753, 2);
	vbe(rig, VBE_WIDTH, 640);
	vbe(rig, VBE_HEIGHT, 480);
	vbe(rig, VBE_BITS, 32);
	vbe(rig, VBE_ENABLE, VBE_ENABLE_ON);
	assert_true(is_plain_memory(rig, VGA_WINDOW));
	assert_int_equal(peek(rig, VGA_WINDOW, 4), 0);
	look(rig);
	assert_int_equal(pixel(rig, 0, 0), 0);
	poke(rig, VGA_WINDOW, 0x00abcdef, 4);
	look(rig);
	assert_int_equal(pixel(rig, 0, 0), 0xabcdef);
}

/* Only a few changes a second; then traps serve, and when time has passed memory comes back. */
static void test_budget(void **state)
{
	struct rig *rig = *state;
	unsigned direct = 0;

	set_mode(rig, MODE_13);
	for (unsigned i = 0; i < 1000; i++) {
		out_indexed(rig, 0x3c4, SEQ_MEMORY_MODE, 6);
		assert_false(is_plain_memory(rig, VGA_WINDOW));
		out_indexed(rig, 0x3c4, SEQ_MEMORY_MODE, 0xe);
		direct += is_plain_memory(rig, VGA_WINDOW);
		poke(rig, VGA_WINDOW + i, i, 1);
	}
	assert_in_range(direct, 1, MEM_LENDINGS_PER_SECOND);
	assert_false(is_plain_memory(rig, VGA_WINDOW));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(peek(rig, VGA_WINDOW + i, 1), i & 0xff);
	assert_true(machine_step_clock(&rig->bench.pc.machine, 2 * NS_PER_SEC));
	assert_int_equal(peek(rig, VGA_WINDOW + 5, 1), 5);
	assert_true(is_plain_memory(rig, VGA_WINDOW));
	assert_int_equal(peek(rig, VGA_WINDOW + 5, 1), 5);
}

static void test_vbe(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(vbe_read(rig, VBE_ID), 0xb0c5);
	vbe(rig, VBE_ID, 0xb0c2);
	assert_int_equal(vbe_read(rig, VBE_ID), 0xb0c2);
	vbe(rig, VBE_ID, 0x1234);
	assert_int_equal(vbe_read(rig, VBE_ID), 0xb0c2);
	assert_int_equal(vbe_read(rig, VBE_MEMORY), 256);
	vbe(rig, VBE_ENABLE, VBE_ENABLE_CAPS);
	assert_int_equal(vbe_read(rig, VBE_WIDTH), SCREEN_WIDTH_MAX);
	assert_int_equal(vbe_read(rig, VBE_HEIGHT), SCREEN_HEIGHT_MAX);
	assert_int_equal(vbe_read(rig, VBE_BITS), 32);
	vbe(rig, VBE_ENABLE, 0);
	rig->vga->memory[1] = 0x55;
	vbe(rig, VBE_WIDTH, 1024);
	vbe(rig, VBE_HEIGHT, 768);
	vbe(rig, VBE_BITS, 32);
	vbe(rig, VBE_ENABLE, VBE_ENABLE_ON | VBE_ENABLE_LINEAR | VBE_ENABLE_KEEP);
	assert_int_equal(rig->vga->memory[1], 0x55);
	vbe(rig, VBE_ENABLE, 0);
	vbe(rig, VBE_ENABLE, VBE_ENABLE_ON | VBE_ENABLE_LINEAR);
	assert_int_equal(rig->vga->memory[1], 0);
	assert_int_equal(vbe_read(rig, VBE_VIRTUAL_WIDTH), 1024);
	assert_int_equal(vbe_read(rig, VBE_VIRTUAL_HEIGHT), 4096);
	vbe(rig, VBE_Y, 5000);
	assert_int_equal(vbe_read(rig, VBE_Y), 4096 - 768);
	vbe(rig, VBE_X, 3);
	assert_int_equal(vbe_read(rig, VBE_X), 0);
	/* By the window's banks. */
	out(rig, 0x3c2, 0x63);
	in(rig, 0x3da);
	out(rig, 0x3c0, 0x20);
	vbe(rig, VBE_Y, 0);
	vbe(rig, VBE_BANK, 1);
	assert_true(is_plain_memory(rig, VGA_WINDOW));
	poke(rig, VGA_WINDOW + 4, 0x00123456, 4);
	look(rig);
	assert_int_equal(rig->screen->width, 1024);
	assert_int_equal(rig->screen->height, 768);
	assert_int_equal(pixel(rig, 1, 16), 0x123456);
	vbe(rig, VBE_BANK, 0xffff);
	assert_int_equal(vbe_read(rig, VBE_BANK), 255);
}

/* Whatever is written there, what is shown lies in memory. */
static void test_vbe_nonsense(void **state)
{
	struct rig *rig = *state;
	unsigned random = 7;

	set_mode(rig, MODE_3);
	for (unsigned i = 0; i < 20000; i++) {
		random = random * 1664525 + 1013904223;
		vbe(rig, random >> 28, random >> 8 & (i & 1 ? 0xffff : 0xfff));
		if (i % 64 == 0) {
			vbe(rig, VBE_BITS, (random >> 16 & 3) * 8 + 8);
			vbe(rig, VBE_ENABLE, 1);
			if (i % 512 == 0)
				look(rig);
		}
	}
}

static void config(struct rig *rig, unsigned at, uint32_t value)
{
	pc_bench_out(&rig->bench, 0xcf8, 0x80000000u | (uint32_t)rig->vga->function.devfn << 8 | at,
		     4);
	pc_bench_out(&rig->bench, 0xcfc, value, 4);
}

static uint32_t config_read(struct rig *rig, unsigned at)
{
	pc_bench_out(&rig->bench, 0xcf8, 0x80000000u | (uint32_t)rig->vga->function.devfn << 8 | at,
		     4);
	return (uint32_t)pc_bench_in(&rig->bench, 0xcfc, 4);
}

static void test_bars(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(config_read(rig, 0), 0x11111234);
	assert_int_equal(config_read(rig, 8) >> 8, 0x030000);
	config(rig, PCI_BAR(0), UINT32_MAX);
	assert_int_equal(config_read(rig, PCI_BAR(0)), 0xff000008);
	config(rig, PCI_BAR(0), LFB);
	config(rig, PCI_BAR(2), MMIO);
	config(rig, PCI_COMMAND, PCI_COMMAND_MEMORY);
	poke(rig, LFB + 0x1234, 0x77, 1);
	assert_int_equal(rig->vga->memory[0x1234], 0x77);
	/* Ports and VBE registers by memory. */
	poke(rig, MMIO + 0x400 + 2, 0x63, 1);
	assert_int_equal(in(rig, 0x3cc), 0x63);
	assert_int_equal(peek(rig, MMIO + 0x400 + 0xc, 1), 0x63);
	assert_int_equal(peek(rig, MMIO + 0x500, 2), 0xb0c5);
	poke(rig, MMIO + 0x500 + 2 * VBE_WIDTH, 640, 2);
	assert_int_equal(vbe_read(rig, VBE_WIDTH), 640);
	/* No ROM, no BAR for it. */
	config(rig, PCI_BAR(PCI_ROM), UINT32_MAX);
	assert_int_equal(config_read(rig, PCI_BAR(PCI_ROM)), 0);
}

static void test_edid(void **state)
{
	struct rig *rig = rig_make("romfile=,xres=1920,yres=1200", false);
	uint8_t edid[EDID_SIZE];

	config(rig, PCI_BAR(2), MMIO);
	config(rig, PCI_COMMAND, PCI_COMMAND_MEMORY);
	edid_make(edid, 1920, 1200);
	for (unsigned i = 0; i < EDID_SIZE; i++)
		assert_int_equal(peek(rig, MMIO + i, 1), edid[i]);
	assert_int_equal(peek(rig, MMIO + 4, 4), 0x00ffffff);
	for (unsigned i = EDID_SIZE; i < 256; i++)
		assert_int_equal(peek(rig, MMIO + i, 1), 0);
	poke(rig, MMIO, 0x12345678, 4);
	assert_int_equal(peek(rig, MMIO, 4), 0xffffff00);
	*state = rig;
	teardown(state);
	rig = rig_make("romfile=,edid=off", false);
	config(rig, PCI_BAR(2), MMIO);
	config(rig, PCI_COMMAND, PCI_COMMAND_MEMORY);
	assert_int_equal(peek(rig, MMIO, 4), UINT32_MAX);
	*state = rig;
	teardown(state);
}

static void write_file(char path[32], const void *bytes, size_t len)
{
	int fd;

	strcpy(path, "/tmp/coalport-vga-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void test_rom(void **state)
{
	static uint8_t image[9000] = { 0x55, 0xaa, 18 };
	char path[32], props[64];
	struct rig *rig;

	image[8999] = 0x99;
	write_file(path, image, sizeof(image));
	snprintf(props, sizeof(props), "romfile=%s", path);
	rig = rig_make(props, false);
	config(rig, PCI_BAR(PCI_ROM), UINT32_MAX & ~1u);
	assert_int_equal(config_read(rig, PCI_BAR(PCI_ROM)), 0xffffc000);
	config(rig, PCI_COMMAND, PCI_COMMAND_MEMORY);
	config(rig, PCI_BAR(PCI_ROM), ROM);
	assert_int_equal(peek(rig, ROM, 2), 0xffff); /* not enabled */
	config(rig, PCI_BAR(PCI_ROM), ROM | 1);
	assert_int_equal(peek(rig, ROM, 2), 0xaa55);
	assert_int_equal(peek(rig, ROM + 8999, 1), 0x99);
	assert_int_equal(peek(rig, ROM + 9000, 1), 0);
	poke(rig, ROM, 0, 1);
	assert_int_equal(peek(rig, ROM, 2), 0xaa55);
	*state = rig;
	teardown(state);
	unlink(path);
}

static void test_refused(void **state)
{
	char path[32], props[64];
	struct pc_bench bench = { .waits = false };
	const struct device_spec twice[] = { { "VGA", "romfile=" }, { "VGA", "romfile=" } };
	struct device_spec one = { "VGA", NULL };
	struct error err;

	write_file(path, "no ROM", 6);
	snprintf(props, sizeof(props), "romfile=%s", path);
	one.props = props;
	assert_int_equal(pc_bench_try(&bench,
				      (struct pc_options){ .devices = &one,
							   .devices_n = 1,
							   .find_file = find_nothing },
				      &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "not an option ROM"));
	unlink(path);
	assert_int_equal(pc_bench_try(&bench,
				      (struct pc_options){ .devices = &one,
							   .devices_n = 1,
							   .find_file = find_nothing },
				      &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "install the package seabios"));
	assert_int_equal(
		pc_bench_try(&bench, (struct pc_options){ .devices = twice, .devices_n = 2 }, &err),
		-EBUSY);
	one.props = "vgamem_mb=3";
	assert_int_equal(
		pc_bench_try(&bench, (struct pc_options){ .devices = &one, .devices_n = 1 }, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "power of two"));
	one.props = "xres=1366";
	assert_int_equal(
		pc_bench_try(&bench, (struct pc_options){ .devices = &one, .devices_n = 1 }, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "multiple of 8"));
}

/* Listeners are told of what is different, and of nothing else. */
static void test_screen(void **state)
{
	struct rig *rig = *state;

	/* Blank: some size; then that of the mode, and still when the screen is switched off. */
	look(rig);
	assert_int_equal(rig->screen->width * rig->screen->height, 640 * 480);
	set_mode(rig, MODE_10);
	look(rig);
	assert_int_equal(rig->screen->height, 350);
	out_indexed(rig, 0x3c4, SEQ_CLOCKING, 0x21);
	out_indexed(rig, 0x3d4, CRTC_H_END, 0);
	look(rig);
	assert_int_equal(rig->screen->width * rig->screen->height, 640 * 350);
	rig->resizes = 0;
	set_mode(rig, MODE_12);
	look(rig);
	assert_int_equal(rig->resizes, 1);
	assert_int_equal(rig->screen->width, 640);
	assert_int_equal(rig->screen->height, 480);
	rig->changes = 0;
	look(rig);
	assert_int_equal(rig->changes, 0);
	poke(rig, VGA_WINDOW + 80 * 100, 0xff, 1);
	poke(rig, VGA_WINDOW + 80 * 101 + 5, 0xff, 1);
	look(rig);
	assert_int_equal(rig->changes, 1);
	assert_int_equal(rig->last.y, 100);
	assert_int_equal(rig->last.height, 2);
	assert_int_equal(pixel(rig, 0, 100), vga_modes_colour(0x3f));
	/* Memory that is not shown. */
	poke(rig, VGA_WINDOW + 80 * 500, 0xff, 1);
	look(rig);
	assert_int_equal(rig->changes, 1);
	/* A colour. */
	out(rig, 0x3c8, 0x3f);
	for (unsigned i = 0; i < 3; i++)
		out(rig, 0x3c9, 1);
	look(rig);
	assert_int_equal(rig->changes, 2);
	assert_int_equal(pixel(rig, 0, 100), 0x040404);
	/* Another size. */
	set_mode(rig, MODE_10);
	look(rig);
	assert_int_equal(rig->resizes, 2);
	assert_int_equal(rig->screen->height, 350);
}

/* Writes wait, and a look comes behind them. */
static void test_waits(void **state)
{
	struct rig *rig = *state;
	struct soft_cpu *cpu = &rig->bench.none.cpu;
	uint64_t before;

	set_mode(rig, MODE_12);
	in(rig, 0x3da);
	before = cpu->coalesced;
	for (unsigned i = 0; i < 80; i++)
		poke(rig, VGA_WINDOW + i, 0xff, 1);
	assert_int_equal(cpu->coalesced - before, 80);
	assert_int_equal(cpu->waiting, 80);
	look(rig);
	assert_int_equal(cpu->waiting, 0);
	assert_int_equal(pixel(rig, 639, 0), vga_modes_colour(0x3f));
	/* Index and data of the graphics controller, when the guest keeps on writing them. */
	for (unsigned i = 0; i < 200; i++)
		out_indexed(rig, 0x3ce, GFX_BIT_MASK, i);
	before = cpu->coalesced;
	out_indexed(rig, 0x3ce, GFX_BIT_MASK, 0x55);
	assert_int_equal(cpu->coalesced - before, 1);
	assert_int_equal(in_indexed(rig, 0x3ce, GFX_BIT_MASK), 0x55);
	/* With text as plain memory they may not: the map follows them. */
	set_mode(rig, MODE_3);
	assert_true(is_plain_memory(rig, TEXT));
	before = cpu->coalesced;
	for (unsigned i = 0; i < 200; i++)
		out_indexed(rig, 0x3ce, GFX_MISC, 0x0e);
	assert_int_equal(cpu->coalesced, before);
	out_indexed(rig, 0x3ce, GFX_MISC, 0x05);
	assert_false(is_plain_memory(rig, TEXT));
	/* The cursor moves: that waits at all times. */
	set_mode(rig, MODE_3);
	before = cpu->coalesced;
	out_indexed(rig, 0x3d4, CRTC_CURSOR_LOW, 5);
	out_indexed(rig, 0x3d4, CRTC_CURSOR_HIGH, 0);
	assert_int_equal(cpu->coalesced - before, 2);
}

/* A plane is chosen and written, again and again, all of it waiting: each byte lands where it was meant. */
static void test_planes_in_order(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, MODE_12);
	for (unsigned i = 0; i < 4000; i++) {
		out_indexed(rig, 0x3c4, SEQ_MAP_MASK, 1u << (i & 3));
		poke(rig, VGA_WINDOW + i / 4, i * 7, 1);
	}
	machine_drain(&rig->bench.pc.machine);
	for (unsigned i = 0; i < 4000; i++)
		assert_int_equal(rig->vga->memory[i], (i * 7) & 0xff);
}

static void test_retrace(void **state)
{
	static const struct {
		unsigned mode, low, high; /* frames a second */
	} rates[] = { { MODE_3, 69, 71 }, { MODE_12, 59, 61 }, { MODE_13, 69, 71 } };
	struct rig *rig = *state;

	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		unsigned frames = 0, blank = 0;
		bool was = false;

		set_mode(rig, rates[i].mode);
		for (unsigned n = 0; n < 50000; n++) {
			uint8_t status;

			assert_true(machine_step_clock(&rig->bench.pc.machine, 20000));
			status = in(rig, 0x3da);
			frames += (status & 8) && !was;
			was = status & 8;
			blank += status & 1;
		}
		assert_in_range(frames, rates[i].low, rates[i].high);
		assert_in_range(blank, 10000, 25000);
	}
}

static void test_reset(void **state)
{
	struct rig *rig = *state;

	set_mode(rig, MODE_3);
	poke(rig, TEXT, 0x0741, 2);
	vbe(rig, VBE_WIDTH, 800);
	pc_bench_reset(&rig->bench);
	assert_false(is_plain_memory(rig, TEXT));
	assert_int_equal(in(rig, 0x3cc), 0);
	assert_int_equal(vbe_read(rig, VBE_ID), 0xb0c5);
	assert_int_equal(vbe_read(rig, VBE_MEMORY), 256);
	assert_int_equal(vbe_read(rig, VBE_WIDTH), 0);
	/* Memory stays, as that of a PC does. */
	set_mode(rig, MODE_3);
	assert_int_equal(peek(rig, TEXT, 2), 0x0741);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_graphics_controller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_linear_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_then_linear, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_then_linear, setup_waiting, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vbe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vbe_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bars, setup, teardown),
		cmocka_unit_test(test_edid),
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_refused),
		cmocka_unit_test_setup_teardown(test_screen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits, setup_waiting, teardown),
		cmocka_unit_test_setup_teardown(test_planes_in_order, setup_waiting, teardown),
		cmocka_unit_test_setup_teardown(test_graphics_controller, setup_waiting, teardown),
		cmocka_unit_test_setup_teardown(test_text_window, setup_waiting, teardown),
		cmocka_unit_test_setup_teardown(test_retrace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
