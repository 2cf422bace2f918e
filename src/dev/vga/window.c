// SPDX-License-Identifier: MIT
/*
 * The window at 0xa0000. Through the graphics controller each access is trapped; but text, and the
 * linear modes, are plain memory to the processor, and so the guest gets them as such: then nothing
 * that it reads or writes there leaves the kernel. The map follows the registers in ordinary
 * transactions; what ends plain memory is at once, what begins it is bounded by a budget, so that a
 * guest that changes modes all the time is served by traps.
 *
 * Text lies in planes 0 and 1, byte by byte beside the two others, which plain memory cannot look like:
 * the guest gets a copy. It comes back to the planes when the guest has it no more, with the first
 * trapped access, or, without being taken away, when somebody looks.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "dev/vga/vga.h"

#define WINDOW_PRIORITY 1 /* of plain memory over the traps */

static bool same(const struct vga_window *a, const struct vga_window *b)
{
	return a->kind == b->kind && a->at == b->at;
}

void vga_window_follow(struct vga *vga)
{
	struct vga_window wanted = vga_window_of(&vga->regs);

	if (same(&wanted, &vga->asked))
		return;
	if (wanted.kind != VGA_WINDOW_TRAPPED &&
	    !mem_budget_take(&vga->budget, clock_now(vga->clock)))
		wanted = (struct vga_window){ .kind = VGA_WINDOW_TRAPPED };
	if (same(&wanted, &vga->asked))
		return;
	vga->asked = wanted;
	mem_condition_set(&vga->conditions[VGA_TRAPPED], wanted.kind == VGA_WINDOW_TRAPPED);
	mem_map_request(vga->map, &vga->request);
}

static void text_to_planes(struct vga *vga)
{
	assert(vga->text);
	for (uint32_t i = 0; i < VGA_TEXT_SIZE; i += 2)
		memcpy(vga->memory + 2 * i, vga->text + i, 2);
}

static void planes_to_text(struct vga *vga)
{
	assert(vga->text);
	for (uint32_t i = 0; i < VGA_TEXT_SIZE; i += 2)
		memcpy(vga->text + i, vga->memory + 2 * i, 2);
}

void vga_window_sync(struct vga *vga)
{
	if (vga->shown.kind == VGA_WINDOW_TEXT || vga->text_left)
		text_to_planes(vga);
}

/*
 * A trapped access means that the guest does not have the copy, whoever asked for what: the processor
 * that took it away has been through the whole change of the map.
 */
static void take_text_back(struct vga *vga)
{
	if (vga->text_left)
		text_to_planes(vga);
	vga->text_left = false;
}

void vga_window_refresh(struct vga *vga)
{
	if (vga->shown.kind == VGA_WINDOW_TEXT || vga->text_left)
		planes_to_text(vga);
}

/*
 * Inside a transaction of the map. Whoever has plain memory may write to it until the transaction is
 * done. So what comes next is trapped; if that is to be plain memory of the other kind, it is so in a second
 * transaction, which finds everything as it was left.
 */
static void windows_apply(void *arg)
{
	struct vga *vga = arg;
	enum vga_window_kind was;
	struct vga_window next;

	lock_take(&vga->lock);
	was = vga->shown.kind;
	next = vga->asked;
	if (was != VGA_WINDOW_TRAPPED && next.kind != VGA_WINDOW_TRAPPED && next.kind != was) {
		mem_map_request(vga->map, &vga->request);
		next.kind = VGA_WINDOW_TRAPPED;
	}
	if (was == VGA_WINDOW_TEXT && next.kind == VGA_WINDOW_TRAPPED)
		vga->text_left = true;
	if (was == VGA_WINDOW_TRAPPED && next.kind != VGA_WINDOW_TRAPPED)
		take_text_back(vga);
	if (was != VGA_WINDOW_TEXT && next.kind == VGA_WINDOW_TEXT)
		planes_to_text(vga);
	vga->shown = next;
	mem_region_set_enabled(&vga->text_window, vga->shown.kind == VGA_WINDOW_TEXT);
	mem_region_set_enabled(&vga->linear_window, vga->shown.kind == VGA_WINDOW_LINEAR);
	if (vga->shown.kind == VGA_WINDOW_TEXT)
		mem_region_set_offset(&vga->text_window, VGA_WINDOW + vga->shown.at);
	if (vga->shown.kind == VGA_WINDOW_LINEAR)
		vga->linear_window.target_offset = vga->shown.at & (vga->memory_size - 1);
	lock_drop(&vga->lock);
}

/* An access by a view of before, when the guest has the copy already: it goes there. */
static uint8_t *in_copy(struct vga *vga, uint64_t offset)
{
	uint64_t at = offset - vga->shown.at;

	if (vga->shown.kind != VGA_WINDOW_TEXT || offset < vga->shown.at || at >= VGA_TEXT_SIZE)
		return NULL;
	return vga->text + at;
}

static uint64_t window_read(void *chip, uint64_t offset, unsigned width)
{
	struct vga *vga = chip;
	const uint8_t *copy = in_copy(vga, offset);

	if (copy)
		return *copy;
	take_text_back(vga);
	vga_window_follow(vga); /* the budget may allow now what it did not before */
	return vga_memory_read(&vga->regs, vga->memory, vga->memory_size, (uint32_t)offset);
}

static void window_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct vga *vga = chip;
	uint8_t *copy = in_copy(vga, offset);

	if (copy) {
		*copy = (uint8_t)value;
		return;
	}
	take_text_back(vga);
	vga_memory_write(&vga->regs, vga->memory, vga->memory_size, (uint32_t)offset,
			 (uint8_t)value);
}

#define PART(from, bytes)                                                                          \
	{                                                                                          \
		.at = (from), .len = (bytes), .read = window_read, .write = window_write,          \
		.wait = MEM_LATCH, .why = vga_why_shown, .name = "display memory"                  \
	}

/* In parts, because a range waits only where all of it is trapped. */
static const struct mem_port vga_window_table[] = {
	PART(0, 0x10000),
	PART(0x10000, 0x8000),
	PART(0x18000, 0x8000),
};

int vga_window_init(struct vga *vga, struct mem_region *memory)
{
	void *text = mmap(NULL, VGA_TEXT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (text == MAP_FAILED)
		return -errno;
	vga->text = text;
	vga->request = (struct mem_request){ .apply = windows_apply, .arg = vga };
	mem_condition_init(&vga->conditions[VGA_TRAPPED], "display memory is trapped", true);
	mem_region_init_io(&vga->window, "VGA window", VGA_WINDOW_SIZE - 1, vga_window_table,
			   sizeof(vga_window_table) / sizeof(vga_window_table[0]), vga, &vga->lock);
	mem_region_init_ram(&vga->text_window, "VGA text", vga->text, VGA_TEXT_SIZE - 1);
	mem_region_init_alias(&vga->linear_window, "VGA linear", &vga->ram, 0, 0xffff);
	mem_region_set_enabled(&vga->text_window, false);
	mem_region_set_enabled(&vga->linear_window, false);
	mem_region_add(memory, &vga->window, VGA_WINDOW, 0);
	mem_region_add(memory, &vga->text_window, VGA_WINDOW, WINDOW_PRIORITY);
	mem_region_add(memory, &vga->linear_window, VGA_WINDOW, WINDOW_PRIORITY);
	return 0;
}

void vga_window_destroy(struct vga *vga)
{
	mem_map_cancel(vga->map, &vga->request);
	munmap(vga->text, VGA_TEXT_SIZE);
}
