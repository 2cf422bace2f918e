// SPDX-License-Identifier: MIT
#include "hv/slot.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define PAGE_SHIFT 12
#define PAGE_MASK  ((UINT64_C(1) << PAGE_SHIFT) - 1)

void hv_slots_init(struct hv_slots *slots, const struct hv_sys *sys, int vm_fd, uint32_t max)
{
	*slots = (struct hv_slots){ .sys = sys, .vm_fd = vm_fd, .max = max };
}

void hv_slots_destroy(struct hv_slots *slots)
{
	free(slots->slots);
}

/* Where the section's address gpa is in the host. */
static uint64_t slot_host(const struct mem_section *section, uint64_t gpa)
{
	return (uint64_t)(uintptr_t)section->region->host + section->offset +
	       (gpa - section->range.first);
}

bool hv_slot_range(const struct mem_section *section, struct range *out)
{
	uint64_t first = section->range.first, last = section->range.last;
	uint64_t first_page, end_page;

	if (section->region->kind != MEM_RAM && section->region->kind != MEM_ROM)
		return false;
	if ((first ^ slot_host(section, first)) & PAGE_MASK)
		return false;
	first_page = (first >> PAGE_SHIFT) + ((first & PAGE_MASK) != 0);
	end_page = (last >> PAGE_SHIFT) + ((last & PAGE_MASK) == PAGE_MASK);
	if (end_page <= first_page)
		return false;
	out->first = first_page << PAGE_SHIFT;
	out->last = ((end_page - 1) << PAGE_SHIFT) | PAGE_MASK;
	return true;
}

static int slot_set(struct hv_slots *slots, size_t slot, const struct mem_section *section, bool on)
{
	struct range range = slots->slots[slot].range;
	struct kvm_userspace_memory_region arg = {
		.slot = (uint32_t)slot,
		.flags = section->readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = range.first,
		.memory_size = on ? range.last - range.first + 1 : 0,
		.userspace_addr = slot_host(section, range.first),
	};
	int error = slots->sys->ioctl(slots->sys, slots->vm_fd, KVM_SET_USER_MEMORY_REGION,
				      (uintptr_t)&arg);

	return error < 0 ? error : 0;
}

int hv_slots_add(struct hv_slots *slots, const struct mem_section *section)
{
	struct range range;
	size_t slot = 0;
	int error;

	if (!hv_slot_range(section, &range))
		return 0;
	while (slot < slots->n && slots->slots[slot].used)
		slot++;
	if (slot >= slots->max)
		return -ENOSPC;
	if (slot == slots->n) {
		if (!array_reserve(slots->slots, slots->n + 1, &slots->room))
			return -ENOMEM;
		slots->n++;
	}
	slots->slots[slot] = (struct hv_slot){ .range = range, .used = false };
	error = slot_set(slots, slot, section, true);
	if (error)
		return error;
	slots->slots[slot].used = true;
	return 0;
}

int hv_slots_del(struct hv_slots *slots, const struct mem_section *section)
{
	struct range range;
	int error;

	if (!hv_slot_range(section, &range))
		return 0;
	for (size_t slot = 0; slot < slots->n; slot++) {
		if (!slots->slots[slot].used || !range_equal(slots->slots[slot].range, range))
			continue;
		error = slot_set(slots, slot, section, false);
		if (error)
			return error;
		slots->slots[slot].used = false;
		return 0;
	}
	return 0; /* its adding failed: there is nothing to take away */
}
