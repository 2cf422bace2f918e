// SPDX-License-Identifier: MIT
/*
 * Memory slots: guest RAM and ROM that the processor reaches without help. Mirrors the RAM and ROM
 * sections of the memory space, whole pages only: what is smaller, or lies differently in its page
 * in the guest and in the host, exits and is served by the view. A read-only section is a slot
 * whose writes exit.
 *
 * Changed with the topology lock of the map held; taken away only while no vCPU is in the guest
 * (hv/gate.h), which stays so until the whole change is made. Unlike a zone a slot is no hint: a failure is
 * given back and ends the machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range.h"
#include "hv/sys.h"
#include "mem/view.h"

struct hv_slot {
	struct range range; /* whole pages; of a slot in use */
	bool used;
};

struct hv_slots {
	const struct hv_sys *sys;
	int vm_fd;
	uint32_t max; /* slots that KVM has */
	struct hv_slot *slots; /* the index is KVM's slot number */
	size_t n, room;
};

void hv_slots_init(struct hv_slots *slots, const struct hv_sys *sys, int vm_fd, uint32_t max);
void hv_slots_destroy(struct hv_slots *slots);

/* The whole pages of a RAM or ROM section that can be a slot. False if there are none. */
bool hv_slot_range(const struct mem_section *section, struct range *out);

/* 0 or -errno. Sections that cannot be a slot are no error. */
int hv_slots_add(struct hv_slots *slots, const struct mem_section *section)
	__attribute__((warn_unused_result));
int hv_slots_del(struct hv_slots *slots, const struct mem_section *section)
	__attribute__((warn_unused_result));
