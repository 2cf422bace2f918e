// SPDX-License-Identifier: MIT
/*
 * The Bochs VBE extensions: an index and a data register of 16 bits. Nonsense is brought into range
 * when it is written, so that whoever looks finds a mode that fits in memory.
 */
#include <string.h>

#include "dev/vga/vga.h"

#define WIDTH_STEP 8u

void vga_vbe_reset(struct vga *vga)
{
	vga->regs.vbe[VBE_ID] = VBE_ID_LAST;
	vga->regs.vbe[VBE_MEMORY] = (uint16_t)(vga->memory_size >> 16);
}

static uint16_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	uint32_t inside = value < least ? least : value;

	return (uint16_t)(inside > most ? most : inside);
}

static bool bits_are_known(unsigned bits)
{
	return bits == 4 || bits == 8 || bits == 15 || bits == 16 || bits == 24 || bits == 32;
}

/* Sizes of a mode that is shown: even, no larger than the screen, and inside of memory. */
static void fit(struct vga *vga)
{
	uint16_t *vbe = vga->regs.vbe;
	uint32_t line, lines;

	if (!bits_are_known(vbe[VBE_BITS]))
		vbe[VBE_BITS] = 8;
	vbe[VBE_WIDTH] = clamp(vbe[VBE_WIDTH] & ~(WIDTH_STEP - 1), WIDTH_STEP, SCREEN_WIDTH_MAX);
	vbe[VBE_HEIGHT] = clamp(vbe[VBE_HEIGHT], 1, SCREEN_HEIGHT_MAX);
	vbe[VBE_VIRTUAL_WIDTH] = clamp(vbe[VBE_VIRTUAL_WIDTH] & ~(WIDTH_STEP - 1), vbe[VBE_WIDTH],
				       UINT16_MAX & ~(WIDTH_STEP - 1));
	line = vga_vbe_line(&vga->regs);
	lines = vga->memory_size / line;
	vbe[VBE_HEIGHT] = clamp(vbe[VBE_HEIGHT], 1, lines);
	vbe[VBE_VIRTUAL_HEIGHT] = clamp(lines, 1, UINT16_MAX);
	if (vbe[VBE_X] > vbe[VBE_VIRTUAL_WIDTH] - vbe[VBE_WIDTH])
		vbe[VBE_X] = (uint16_t)(vbe[VBE_VIRTUAL_WIDTH] - vbe[VBE_WIDTH]);
	if (vbe[VBE_Y] > lines - vbe[VBE_HEIGHT])
		vbe[VBE_Y] = (uint16_t)(lines - vbe[VBE_HEIGHT]);
}

void vga_vbe_restored(struct vga *vga)
{
	vga->regs.vbe[VBE_BANK] &= (uint16_t)((vga->memory_size >> 16) - 1);
	if (vga_vbe_is_on(&vga->regs))
		fit(vga);
}

static void write_enable(struct vga *vga, uint16_t value)
{
	uint16_t *vbe = vga->regs.vbe;
	bool was_on = vga_vbe_is_on(&vga->regs);

	vbe[VBE_ENABLE] = value;
	if (!(value & VBE_ENABLE_ON)) {
		vbe[VBE_BANK] = 0;
		return;
	}
	if (was_on)
		return;
	vbe[VBE_VIRTUAL_WIDTH] = vbe[VBE_X] = vbe[VBE_Y] = 0;
	fit(vga);
	if (value & VBE_ENABLE_KEEP)
		return;
	vga_window_sync(vga);
	memset(vga->memory, 0, (size_t)vga_vbe_line(&vga->regs) * vbe[VBE_HEIGHT]);
	vga_window_refresh(vga);
}

uint16_t vga_vbe_read(const struct vga *vga, unsigned index)
{
	if (index >= VBE_N)
		return 0;
	if (vga->regs.vbe[VBE_ENABLE] & VBE_ENABLE_CAPS) {
		switch (index) {
		case VBE_WIDTH:
			return SCREEN_WIDTH_MAX;
		case VBE_HEIGHT:
			return SCREEN_HEIGHT_MAX;
		case VBE_BITS:
			return 32;
		}
	}
	return vga->regs.vbe[index];
}

void vga_vbe_write(struct vga *vga, unsigned index, uint16_t value)
{
	uint16_t *vbe = vga->regs.vbe;

	switch (index) {
	case VBE_ID:
		if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST)
			vbe[VBE_ID] = value;
		return;
	case VBE_ENABLE:
		write_enable(vga, value);
		break;
	case VBE_BANK:
		vbe[VBE_BANK] = (uint16_t)(value & ((vga->memory_size >> 16) - 1));
		break;
	case VBE_WIDTH:
	case VBE_HEIGHT:
	case VBE_BITS:
	case VBE_VIRTUAL_WIDTH:
	case VBE_X:
	case VBE_Y:
		vbe[index] = value;
		if (vga_vbe_is_on(&vga->regs))
			fit(vga);
		break;
	default:
		return;
	}
	vga_window_follow(vga);
}

static uint64_t index_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct vga *)chip)->regs.vbe_index;
}

static void index_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct vga *)chip)->regs.vbe_index = (uint16_t)value;
}

static uint64_t data_read(void *chip, uint64_t offset, unsigned width)
{
	const struct vga *vga = chip;

	return vga_vbe_read(vga, vga->regs.vbe_index);
}

static void data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct vga *vga = chip;

	vga_vbe_write(vga, vga->regs.vbe_index, (uint16_t)value);
}

static const struct mem_port vga_vbe_table[] = {
	{ .at = 0,
	  .len = 2,
	  .widths = MEM_W2,
	  .read = index_read,
	  .write = index_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(VGA_TRAPPED),
	  .why = vga_why_shown,
	  .name = "VBE index" },
	{ .at = 1,
	  .len = 2,
	  .widths = MEM_W2,
	  .read = data_read,
	  .write = data_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(VGA_TRAPPED),
	  .why = vga_why_shown,
	  .name = "VBE data" },
	{ .at = 2,
	  .len = 2,
	  .widths = MEM_W2,
	  .read = data_read,
	  .write = data_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(VGA_TRAPPED),
	  .why = vga_why_shown,
	  .name = "VBE data" },
};

void vga_vbe_init(struct vga *vga)
{
	mem_region_init_io(&vga->vbe, "VGA", 3, vga_vbe_table,
			   sizeof(vga_vbe_table) / sizeof(vga_vbe_table[0]), vga, &vga->lock);
	vga->vbe.conditions = vga->conditions;
	vga->vbe.conditions_n = 1;
}
