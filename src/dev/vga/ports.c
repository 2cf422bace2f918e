// SPDX-License-Identifier: MIT
/* The VGA's registers, by port and by the MMIO BAR. */
#include "dev/vga/vga.h"

#define MMIO_EDID_SIZE 0x100u
#define MMIO_PORTS     0x400 /* 0x3c0 to 0x3df */
#define MMIO_VBE       0x500 /* a word for each register */

/* What the attribute and graphics registers keep of what is written. */
static const uint8_t attr_bits[ATTR_N] = {
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};
static const uint8_t gfx_bits[GFX_N] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t seq_bits[SEQ_N] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };

/* Attribute controller: index and data take turns, and a read of status 1 begins anew. */
static uint8_t attr_read(struct vga *vga)
{
	const struct vga_regs *regs = &vga->regs;

	return regs->attr[regs->attr_index & (ATTR_N - 1)];
}

static void attr_write(struct vga *vga, uint8_t value)
{
	struct vga_regs *regs = &vga->regs;
	unsigned index = regs->attr_index & (ATTR_N - 1);

	if (!regs->attr_data)
		regs->attr_index = value & 0x3f;
	else if (index >= ATTR_MODE || !(regs->attr_index & ATTR_INDEX_SHOW))
		regs->attr[index] = value & attr_bits[index]; /* the palette only while blank */
	regs->attr_data = !regs->attr_data;
}

/* DAC: three writes make a colour, three reads take one. */
static uint8_t dac_component(const struct vga_regs *regs)
{
	return regs->vbe[VBE_ENABLE] & VBE_ENABLE_8_BIT_DAC ? 0xff : 0x3f;
}

static uint8_t dac_read(struct vga *vga)
{
	struct vga_regs *regs = &vga->regs;
	uint8_t value = regs->palette[regs->dac_read_index * 3 + regs->dac_part];

	if (++regs->dac_part == 3) {
		regs->dac_part = 0;
		regs->dac_read_index++;
	}
	return value;
}

static void dac_write(struct vga *vga, uint8_t value)
{
	struct vga_regs *regs = &vga->regs;

	regs->dac_latch[regs->dac_part] = value & dac_component(regs);
	if (++regs->dac_part < 3)
		return;
	for (unsigned i = 0; i < 3; i++)
		regs->palette[regs->dac_write_index * 3 + i] = regs->dac_latch[i];
	regs->dac_part = 0;
	regs->dac_write_index++;
}

static void crtc_write(struct vga *vga, uint8_t value)
{
	struct vga_regs *regs = &vga->regs;
	unsigned index = regs->crtc_index;

	if (index >= CRTC_N)
		return;
	if (index <= CRTC_OVERFLOW && regs->crtc[CRTC_V_SYNC_END] & CRTC_V_SYNC_END_PROTECT) {
		if (index == CRTC_OVERFLOW)
			regs->crtc[index] = (uint8_t)((regs->crtc[index] & ~0x10) | (value & 0x10));
		return;
	}
	regs->crtc[index] = value;
}

/* Registers of the CRT controller and status 1 are at 0x3bX or 0x3dX. */
static bool is_there(const struct vga *vga, unsigned port)
{
	bool colour = vga->regs.misc & MISC_COLOUR;

	if (port >= 0x3c0 && port < 0x3d0)
		return true;
	return colour == (port >= 0x3d0);
}

uint8_t vga_port_read(struct vga *vga, unsigned port)
{
	struct vga_regs *regs = &vga->regs;

	if (!is_there(vga, port))
		return 0xff;
	switch (port) {
	case 0x3c0:
		return regs->attr_data ? attr_read(vga) : regs->attr_index;
	case 0x3c1:
		return attr_read(vga);
	case 0x3c2:
		return 0x10; /* a monitor is there */
	case 0x3c4:
		return regs->seq_index;
	case 0x3c5:
		return regs->seq[regs->seq_index % SEQ_N];
	case 0x3c6:
		return regs->dac_mask;
	case 0x3c7:
		return regs->dac_state;
	case 0x3c8:
		return regs->dac_write_index;
	case 0x3c9:
		return dac_read(vga);
	case 0x3ca:
		return regs->feature;
	case 0x3cc:
		return regs->misc;
	case 0x3ce:
		return regs->gfx_index;
	case 0x3cf:
		return regs->gfx[regs->gfx_index % GFX_N];
	case 0x3b4:
	case 0x3d4:
		return regs->crtc_index;
	case 0x3b5:
	case 0x3d5:
		return regs->crtc_index < CRTC_N ? regs->crtc[regs->crtc_index] : 0;
	case 0x3ba:
	case 0x3da:
		regs->attr_data = false;
		return vga_retrace(regs, clock_now(vga->clock));
	default:
		return 0xff;
	}
}

void vga_port_write(struct vga *vga, unsigned port, uint8_t value)
{
	struct vga_regs *regs = &vga->regs;

	if (!is_there(vga, port))
		return;
	switch (port) {
	case 0x3c0:
		attr_write(vga, value);
		break;
	case 0x3c2:
		regs->misc = value;
		vga_window_follow(vga);
		break;
	case 0x3c4:
		regs->seq_index = value & (SEQ_N - 1);
		break;
	case 0x3c5:
		regs->seq[regs->seq_index] = value & seq_bits[regs->seq_index];
		vga_window_follow(vga);
		break;
	case 0x3c6:
		regs->dac_mask = value;
		break;
	case 0x3c7:
		regs->dac_read_index = value;
		regs->dac_part = 0;
		regs->dac_state = 3;
		break;
	case 0x3c8:
		regs->dac_write_index = value;
		regs->dac_part = 0;
		regs->dac_state = 0;
		break;
	case 0x3c9:
		dac_write(vga, value);
		break;
	case 0x3ce:
		regs->gfx_index = value & (GFX_N - 1);
		break;
	case 0x3cf:
		regs->gfx[regs->gfx_index] = value & gfx_bits[regs->gfx_index];
		vga_window_follow(vga);
		break;
	case 0x3b4:
	case 0x3d4:
		regs->crtc_index = value;
		break;
	case 0x3b5:
	case 0x3d5:
		crtc_write(vga, value);
		break;
	case 0x3ba:
	case 0x3da:
		regs->feature = value & 0x10;
		break;
	}
}

static uint64_t port_read(void *chip, uint64_t offset, unsigned width)
{
	return vga_port_read(chip, VGA_PORTS + (unsigned)offset);
}

static void port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	vga_port_write(chip, VGA_PORTS + (unsigned)offset, (uint8_t)value);
}

const char vga_why_shown[] = "nobody but a viewer can tell, and a look comes behind all that waits";
static const char why_trapped[] = "counts when memory is reached next, which comes behind it";

/* What only the picture shows. */
#define SHOWN(port, says)                                                                          \
	{                                                                                          \
		.at = (port)-VGA_PORTS, .len = 1, .read = port_read, .write = port_write,          \
		.wait = MEM_LATCH, .why = vga_why_shown, .name = (says)                            \
	}
/* What decides how the window works: waits unless the guest has it as plain memory. */
#define DECIDES(port, says)                                                                        \
	{                                                                                          \
		.at = (port)-VGA_PORTS, .len = 1, .read = port_read, .write = port_write,          \
		.wait = MEM_LATCH, .when = MEM_WHEN(VGA_TRAPPED), .why = why_trapped,              \
		.name = (says)                                                                     \
	}
#define READS(port, says)                                                                          \
	{                                                                                          \
		.at = (port)-VGA_PORTS, .len = 1, .read = port_read, .name = (says)                \
	}
/*
 * An index and its data as one word. It overlaps the two, so that they are one range, and wait however
 * they are written.
 */
#define PAIR(port, why_it)                                                                         \
	{                                                                                          \
		.at = (port)-VGA_PORTS, .len = 2, .widths = MEM_W2, .read = pair_read,             \
		.write = pair_write, .wait = MEM_LATCH, .why = (why_it)                            \
	}

static uint64_t pair_read(void *chip, uint64_t offset, unsigned width)
{
	uint64_t low = port_read(chip, offset, 1);

	return low | port_read(chip, offset + 1, 1) << 8;
}

static void pair_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	port_write(chip, offset, value & 0xff, 1);
	port_write(chip, offset + 1, value >> 8, 1);
}

static const struct mem_port vga_port_table[] = {
	SHOWN(0x3b4, "CRTC index"),
	SHOWN(0x3b5, "CRTC data"),
	PAIR(0x3b4, vga_why_shown),
	SHOWN(0x3ba, "input status 1"),
	SHOWN(0x3c0, "attribute index and data"),
	READS(0x3c1, "attribute data"),
	DECIDES(0x3c2, "miscellaneous output"),
	DECIDES(0x3c4, "sequencer index"),
	DECIDES(0x3c5, "sequencer data"),
	PAIR(0x3c4, why_trapped),
	SHOWN(0x3c6, "DAC mask"),
	SHOWN(0x3c7, "DAC read index"),
	SHOWN(0x3c8, "DAC write index"),
	SHOWN(0x3c9, "DAC data"),
	READS(0x3ca, "feature control"),
	READS(0x3cc, "miscellaneous output"),
	DECIDES(0x3ce, "graphics index"),
	DECIDES(0x3cf, "graphics data"),
	PAIR(0x3ce, why_trapped),
	SHOWN(0x3d4, "CRTC index"),
	SHOWN(0x3d5, "CRTC data"),
	PAIR(0x3d4, vga_why_shown),
	SHOWN(0x3da, "input status 1"),
};

/* Bytes, of which a monitor without extensions has half. */
static uint64_t mmio_edid_read(void *chip, uint64_t offset, unsigned width)
{
	const struct vga *vga = chip;

	if (!vga->has_edid)
		return UINT8_MAX;
	return offset < EDID_SIZE ? vga->edid[offset] : 0;
}

static uint64_t mmio_port_read(void *chip, uint64_t offset, unsigned width)
{
	return vga_port_read(chip, 0x3c0 + (unsigned)offset - MMIO_PORTS);
}

static void mmio_port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	vga_port_write(chip, 0x3c0 + (unsigned)offset - MMIO_PORTS, (uint8_t)value);
}

static uint64_t mmio_vbe_read(void *chip, uint64_t offset, unsigned width)
{
	return vga_vbe_read(chip, (unsigned)(offset - MMIO_VBE) / 2);
}

static void mmio_vbe_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	vga_vbe_write(chip, (unsigned)(offset - MMIO_VBE) / 2, (uint16_t)value);
}

static const struct mem_port vga_mmio_table[] = {
	{ .at = 0, .len = MMIO_EDID_SIZE, .read = mmio_edid_read, .name = "EDID" },
	{ .at = MMIO_PORTS,
	  .len = 0x20,
	  .read = mmio_port_read,
	  .write = mmio_port_write,
	  .name = "ports 0x3c0 to 0x3df" },
	{ .at = MMIO_VBE,
	  .len = 2 * VBE_N,
	  .widths = MEM_W2,
	  .read = mmio_vbe_read,
	  .write = mmio_vbe_write,
	  .name = "VBE registers" },
};

void vga_ports_init(struct vga *vga)
{
	mem_region_init_io(&vga->ports, "VGA", VGA_PORTS_SIZE - 1, vga_port_table,
			   sizeof(vga_port_table) / sizeof(vga_port_table[0]), vga, &vga->lock);
	vga->ports.conditions = vga->conditions;
	vga->ports.conditions_n = 1;
	mem_region_init_io(&vga->mmio, "VGA MMIO", VGA_MMIO_SIZE - 1, vga_mmio_table,
			   sizeof(vga_mmio_table) / sizeof(vga_mmio_table[0]), vga, &vga->lock);
}
