// SPDX-License-Identifier: MIT
#include <string.h>

#include "dev/vga/regs.h"

static const struct state_field vga_fields[] = {
	{ STATE_AT(struct vga_regs, misc), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, feature), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, seq_index), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, seq), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, gfx_index), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, gfx), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, crtc_index), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, crtc), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, attr_index), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, attr), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, attr_data), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, dac_mask), .on_reset = STATE_CLEAR, .value = 0xff },
	{ STATE_AT(struct vga_regs, dac_read_index), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, dac_write_index), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, dac_part), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, dac_state), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, dac_latch), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, palette), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, latch), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct vga_regs, vbe_index), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct vga_regs, vbe), .on_reset = STATE_CLEAR },
};

const struct state_table vga_state = {
	.name = "vga",
	.version = 1,
	.fields = vga_fields,
	.fields_n = sizeof(vga_fields) / sizeof(vga_fields[0]),
};

#define BANK_SHIFT 16
#define TEXT_LOW   0x10000u /* 0xb0000 and 0xb8000, from 0xa0000 */
#define TEXT_HIGH  0x18000u

bool vga_vbe_is_on(const struct vga_regs *regs)
{
	return regs->vbe[VBE_ENABLE] & VBE_ENABLE_ON;
}

bool vga_vbe_is_packed(const struct vga_regs *regs)
{
	return vga_vbe_is_on(regs) && regs->vbe[VBE_BITS] >= 8;
}

uint32_t vga_vbe_line(const struct vga_regs *regs)
{
	uint32_t bits = regs->vbe[VBE_BITS], width = regs->vbe[VBE_VIRTUAL_WIDTH];

	return bits < 8 ? width / 2 : width * ((bits + 7) / 8);
}

/* The graphics controller lets every byte through as it is. */
static bool is_plain(const struct vga_regs *regs)
{
	return !(regs->gfx[GFX_MODE] & (GFX_MODE_WRITE | GFX_MODE_READ)) &&
	       !(regs->gfx[GFX_ENABLE_SET_RESET] & 0xf) && !(regs->gfx[GFX_ROTATE] & 0x1f) &&
	       regs->gfx[GFX_BIT_MASK] == 0xff;
}

static bool is_odd_even(const struct vga_regs *regs)
{
	return !(regs->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_LINEAR) &&
	       regs->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN;
}

struct vga_window vga_window_of(const struct vga_regs *regs)
{
	unsigned map = GFX_MISC_MAP(regs->gfx[GFX_MISC]);

	if (!(regs->misc & MISC_RAM))
		return (struct vga_window){ .kind = VGA_WINDOW_TRAPPED };
	if (vga_vbe_is_packed(regs))
		return (struct vga_window){ .kind = VGA_WINDOW_LINEAR,
					    .at = (uint32_t)regs->vbe[VBE_BANK] << BANK_SHIFT };
	if (!is_plain(regs))
		return (struct vga_window){ .kind = VGA_WINDOW_TRAPPED };
	if (regs->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4) {
		if (map == 1 && (regs->seq[SEQ_MAP_MASK] & 0xf) == 0xf)
			return (struct vga_window){ .kind = VGA_WINDOW_LINEAR };
	} else if (map >= 2 && is_odd_even(regs) && (regs->seq[SEQ_MAP_MASK] & 0xf) == 3 &&
		   !(regs->gfx[GFX_READ_MAP] & 2)) {
		return (struct vga_window){ .kind = VGA_WINDOW_TEXT,
					    .at = map == 2 ? TEXT_LOW : TEXT_HIGH };
	}
	return (struct vga_window){ .kind = VGA_WINDOW_TRAPPED };
}

/* Where an access goes: the place in the array of plane 0's byte, and the planes that it may reach. */
struct target {
	uint32_t at;
	unsigned planes; /* of a write */
	unsigned plane; /* of a read */
};

/* The window's part that shows memory begins and ends here, by the memory map select. */
static bool find_address(const struct vga_regs *regs, uint32_t offset, uint32_t *address)
{
	static const struct {
		uint32_t first, size;
	} maps[4] = { { 0, 0x20000 }, { 0, 0x10000 }, { TEXT_LOW, 0x8000 }, { TEXT_HIGH, 0x8000 } };
	unsigned map = GFX_MISC_MAP(regs->gfx[GFX_MISC]);

	if (vga_vbe_is_packed(regs))
		map = 1;
	if (!(regs->misc & MISC_RAM) || offset < maps[map].first ||
	    offset - maps[map].first >= maps[map].size)
		return false;
	*address = offset - maps[map].first;
	if (vga_vbe_is_on(regs))
		*address += (uint32_t)regs->vbe[VBE_BANK] << BANK_SHIFT;
	return true;
}

static bool find_target(const struct vga_regs *regs, uint32_t size, uint32_t offset,
			struct target *target)
{
	uint32_t address;

	if (!find_address(regs, offset, &address))
		return false;
	*target = (struct target){
		.at = address * 4,
		.planes = regs->seq[SEQ_MAP_MASK] & 0xf,
		.plane = regs->gfx[GFX_READ_MAP] & 3,
	};
	if (vga_vbe_is_packed(regs)) {
		*target = (struct target){ .at = address & ~3u, .plane = address & 3 };
		target->planes = 1u << target->plane;
	} else if (regs->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4) {
		target->at = address & ~3u;
		target->plane = address & 3;
		target->planes &= 1u << target->plane;
	} else if (is_odd_even(regs)) {
		target->at = (address >> 1) * 4;
		target->plane = (target->plane & 2) | (address & 1);
		target->planes &= address & 1 ? 0xau : 0x5u;
	}
	target->at &= size - 1;
	return true;
}

/* Four bits to four bytes of all or nothing; plane 0 is the lowest byte. */
static uint32_t spread(unsigned bits)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < 4; i++)
		all |= bits >> i & 1 ? 0xffu << 8 * i : 0;
	return all;
}

static uint32_t planes_get(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void planes_put(uint8_t *at, uint32_t value, unsigned planes)
{
	for (unsigned i = 0; i < 4; i++) {
		if (planes >> i & 1)
			at[i] = (uint8_t)(value >> 8 * i);
	}
}

uint8_t vga_memory_read(struct vga_regs *regs, const uint8_t *memory, uint32_t size,
			uint32_t offset)
{
	struct target target;
	uint32_t differs;

	if (!find_target(regs, size, offset, &target))
		return 0xff;
	if (vga_window_of(regs).kind != VGA_WINDOW_TRAPPED)
		return memory[target.at + target.plane];
	memcpy(regs->latch, memory + target.at, sizeof(regs->latch));
	if (!(regs->gfx[GFX_MODE] & GFX_MODE_READ))
		return regs->latch[target.plane];
	differs = planes_get(regs->latch) ^ spread(regs->gfx[GFX_COMPARE]);
	differs &= spread(regs->gfx[GFX_COMPARE_MASK]);
	differs |= differs >> 16;
	return (uint8_t) ~(differs | differs >> 8);
}

static uint8_t rotate(uint8_t value, unsigned by)
{
	return (uint8_t)(value >> by | value << (8 - by));
}

/* The graphics controller's way of a byte to the four planes, for write modes 0, 2 and 3. */
static uint32_t shape(const struct vga_regs *regs, uint8_t value)
{
	uint32_t latch = planes_get(regs->latch), mask = regs->gfx[GFX_BIT_MASK], data;
	uint32_t enable = spread(regs->gfx[GFX_ENABLE_SET_RESET]);
	unsigned mode = regs->gfx[GFX_MODE] & GFX_MODE_WRITE;
	uint8_t rotated = rotate(value, regs->gfx[GFX_ROTATE] & 7);

	switch (mode) {
	case 0:
		data = (rotated * 0x01010101u & ~enable) |
		       (spread(regs->gfx[GFX_SET_RESET]) & enable);
		break;
	case 2:
		data = spread(value);
		break;
	default:
		data = spread(regs->gfx[GFX_SET_RESET]);
		mask &= rotated;
	}
	switch (regs->gfx[GFX_ROTATE] >> 3 & 3) {
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
	mask *= 0x01010101u;
	return (data & mask) | (latch & ~mask);
}

void vga_memory_write(struct vga_regs *regs, uint8_t *memory, uint32_t size, uint32_t offset,
		      uint8_t value)
{
	struct target target;
	uint32_t data;

	if (!find_target(regs, size, offset, &target))
		return;
	if (vga_vbe_is_packed(regs))
		data = value * 0x01010101u;
	else if ((regs->gfx[GFX_MODE] & GFX_MODE_WRITE) == 1)
		data = planes_get(regs->latch);
	else
		data = shape(regs, value);
	planes_put(memory + target.at, data, target.planes);
}
