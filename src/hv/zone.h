// SPDX-License-Identifier: MIT
/*
 * Coalescing zones: an exact mirror of what is registered with KVM. KVM itself does not tell: taking
 * away a range that was never registered, or a larger one, says success and does nothing, a smaller
 * one takes the whole zone. So the mirror decides, and KVM is only ever given back what it got.
 *
 * A zone is a hint. One that cannot be registered is kept with the reason and its writes exit like
 * any other; the guest sees the same machine, slower. No zone is registered over another, over a
 * device inside the kernel or over an ioeventfd, because whichever came first would get the writes.
 *
 * Changed with the topology lock of the map held (the calls come from its listener); read by any
 * thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/range.h"
#include "hv/sys.h"
#include "mem/map.h"

enum hv_zone_state {
	HV_ZONE_ACTIVE, /* registered */
	HV_ZONE_TRAPS, /* wanted but not registered: each write exits */
	HV_ZONE_STUCK, /* no longer wanted, but the kernel refused to let it go */
};

struct hv_zone {
	enum mem_space space;
	struct range range;
	uint64_t wait; /* MEM_LATCH or ns */
	enum hv_zone_state state;
	const char *region; /* name of the region; borrowed from it */
	const char *why; /* it may wait; constant text of the chip's table */
	const char *when; /* name of what must hold; NULL: always */
	const char *trap; /* why it traps; NULL if active; constant text */
};

struct hv_zones {
	struct lock lock; /* LOCK_LEAF: all below */
	const struct hv_sys *sys;
	int vm_fd;
	/* Why nothing in this space may be registered, or NULL. Constant text. */
	const char *refused[MEM_SPACES];
	bool irqchip, pit; /* the kernel's devices are there */

	struct hv_zone *zones; /* no order */
	size_t n, room;
	struct hv_zone_bell {
		enum mem_space space;
		struct range range;
	} * bells; /* ioeventfds that are registered */
	size_t bells_n, bells_room;

	_Atomic uint64_t deadline;
	_Atomic uint64_t unrecorded; /* zones that trap and are not listed because memory ran out */
};

void hv_zones_init(struct hv_zones *zones, const struct hv_sys *sys, int vm_fd);
/* Frees the mirror. What is registered goes away with the VM's descriptor. */
void hv_zones_destroy(struct hv_zones *zones);

void hv_zones_add(struct hv_zones *zones, enum mem_space space, const struct mem_wait_range *wait);
void hv_zones_del(struct hv_zones *zones, enum mem_space space, const struct mem_wait_range *wait);

/* An ioeventfd is about to come, or is gone: zones in its way are taken back, or tried again. */
void hv_zones_bell_add(struct hv_zones *zones, enum mem_space space, struct range range);
void hv_zones_bell_del(struct hv_zones *zones, enum mem_space space, struct range range);

/* Copies up to max zones to out, by space and address; returns how many there are. Any thread. */
size_t hv_zones_list(struct hv_zones *zones, struct hv_zone *out, size_t max);

/* Why nothing in this space may be registered, or NULL; constant text. Any thread. */
const char *hv_zones_refused(struct hv_zones *zones, enum mem_space space);

/* Why this range may never be a zone here: nothing in its space may, or it is the kernel's. NULL: it may. */
const char *hv_zones_obstacle(struct hv_zones *zones, enum mem_space space, struct range range);

/* The shortest deadline of the active zones in ns, or 0 if none has one. Any thread, no lock. */
uint64_t hv_zones_deadline(const struct hv_zones *zones);
