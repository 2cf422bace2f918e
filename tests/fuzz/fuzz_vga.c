// SPDX-License-Identifier: MIT
/*
 * A guest made of the input drives the VGA: its ports, the VBE registers, the window and the MMIO BAR,
 * and looks at the screen in between. The input is a list of steps, each a byte that chooses and the
 * bytes that the choice takes; where it ends, zeroes follow.
 *
 * What the picture shows has to lie inside of display memory and of the screen (AddressSanitizer
 * watches both), and the window has to be what the registers say.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/vga/vga.h"

#define STEPS_MAX 512
#define LOOKS_MAX 4 /* a look draws up to four million pixels */
#define MMIO      0xe0000000u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct machine {
	struct mem_map map;
	struct pci_bus bus;
	struct clock clock;
	struct screen screen;
	struct device_list devices;
	struct vga *vga;
	const uint8_t *at, *end; /* of the input */
	unsigned looks;
};

static uint32_t next(struct machine *m, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		if (m->at < m->end)
			value |= (uint32_t)*m->at++ << (8 * i);
	}
	return value;
}

static void no_pin(void *arg, unsigned device, unsigned pin, bool level)
{
}

static void access(struct machine *m, enum mem_space space, uint64_t addr, unsigned width,
		   bool write)
{
	struct mem_view *view = mem_map_view(&m->map, space);

	if (write)
		mem_view_write(view, addr, next(m, width), width);
	else
		(void)mem_view_read(view, addr, width);
	mem_view_unref(view);
}

static void make(struct machine *m)
{
	static const struct device_type *const all[] = { &vga_type, NULL };
	const struct device_types types = { .types = all };
	struct place place = {
		.map = &m->map,
		.memory = &m->map.root[MEM_SPACE_MEMORY],
		.ports = &m->map.root[MEM_SPACE_PORT],
		.pci_memory = &m->map.root[MEM_SPACE_MEMORY],
		.clock = &m->clock,
		.screen = &m->screen,
		.pci = &m->bus,
	};
	struct error err;
	int ret = mem_map_init(&m->map);

	assert(!ret);
	clock_init(&m->clock, CLOCK_KIND_MANUAL);
	screen_init(&m->screen);
	pci_bus_init(&m->bus, &m->map, place.memory, place.ports,
		     (struct pci_intx_sink){ no_pin, NULL }, (struct msi_sink){ .send = NULL });
	TAILQ_INIT(&m->devices);
	mem_map_begin(&m->map);
	ret = device_make(&m->devices, &types, &(struct device_spec){ "VGA", "vgamem_mb=1" },
			  &place, &err);
	assert(!ret);
	ret = mem_map_commit(&m->map);
	assert(!ret);
	(void)ret;
	m->vga = (struct vga *)TAILQ_FIRST(&m->devices);
	pci_bus_write(&m->bus, m->vga->function.devfn, PCI_BAR(2), MMIO, 4);
	pci_bus_write(&m->bus, m->vga->function.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	ret = mem_map_settle(&m->map);
	assert(!ret);
}

static void unmake(struct machine *m)
{
	device_list_destroy(&m->devices);
	screen_destroy(&m->screen);
	pci_bus_destroy(&m->bus);
	mem_map_destroy(&m->map);
	clock_destroy(&m->clock);
}

/* As a BIOS does it: a register of an index. */
static void indexed(struct machine *m)
{
	static const uint16_t pairs[] = { 0x3c4, 0x3ce, 0x3d4, 0x3b4 };
	unsigned port = pairs[next(m, 1) % 4];

	access(m, MEM_SPACE_PORT, port, 2, true);
}

/* What was asked of the map is carried out, and the window is what the registers say. */
static void check_window(struct machine *m)
{
	struct vga_window wanted = vga_window_of(&m->vga->regs);
	int err = mem_map_settle(&m->map);

	assert(!err);
	(void)err;
	/* The budget may have refused it. */
	if (m->vga->shown.kind != VGA_WINDOW_TRAPPED) {
		assert(m->vga->shown.kind == wanted.kind);
		assert(m->vga->shown.at == wanted.at);
	}
	(void)wanted;
}

static void step(struct machine *m)
{
	static struct screen_text text;
	uint32_t what = next(m, 1);
	unsigned width = 1u << (what >> 5 & 3) % 3;

	switch (what & 0x0f) {
	case 0:
	case 1:
	case 2:
		access(m, MEM_SPACE_PORT, 0x3b0 + next(m, 1) % 0x30, width, true);
		break;
	case 3:
		access(m, MEM_SPACE_PORT, 0x3b0 + next(m, 1) % 0x30, width, false);
		break;
	case 4:
	case 5:
		indexed(m);
		break;
	case 6:
	case 7:
		access(m, MEM_SPACE_PORT, 0x1ce + (what >> 4 & 1), 2, true);
		break;
	case 8:
		access(m, MEM_SPACE_PORT, 0x1cf, 2, false);
		break;
	case 9:
		access(m, MEM_SPACE_MEMORY, VGA_WINDOW + next(m, 3) % VGA_WINDOW_SIZE, width, true);
		break;
	case 10:
		access(m, MEM_SPACE_MEMORY, VGA_WINDOW + next(m, 3) % VGA_WINDOW_SIZE, width,
		       false);
		break;
	case 11:
		access(m, MEM_SPACE_MEMORY, MMIO + next(m, 2) % VGA_MMIO_SIZE, width, what & 0x10);
		break;
	case 12:
		clock_step(&m->clock, next(m, 4));
		break;
	case 13:
		if (m->looks++ < LOOKS_MAX)
			(void)screen_look(&m->screen);
		break;
	case 14:
		(void)screen_read_text(&m->screen, &text);
		break;
	default:
		vga_type.reset(&m->vga->device);
	}
	check_window(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct machine machine;
	struct machine *m = &machine;

	memset(m, 0, sizeof(*m));
	make(m);
	m->at = input;
	m->end = input + size;
	for (unsigned i = 0; i < STEPS_MAX && m->at < m->end; i++)
		step(m);
	(void)screen_look(&m->screen);
	unmake(m);
	return 0;
}
