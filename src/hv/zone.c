// SPDX-License-Identifier: MIT
#include "hv/zone.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char trap_slot[] = "no free bus slot";
static const char trap_kernel[] = "refused by the kernel";
static const char trap_size[] = "longer than a zone can be";
static const char trap_zone[] = "overlaps another zone";
static const char trap_bell[] = "overlaps an ioeventfd";

/* What answers inside the kernel. A zone that came first would take their writes away. */
static const struct kernel_device {
	enum mem_space space;
	struct range range;
	bool pit; /* belongs to the PIT, else to the interrupt controllers */
	const char *trap;
} kernel_devices[] = {
	{ MEM_SPACE_PORT, { 0x20, 0x21 }, false, "overlaps the kernel's PIC" },
	{ MEM_SPACE_PORT, { 0xa0, 0xa1 }, false, "overlaps the kernel's PIC" },
	{ MEM_SPACE_PORT, { 0x4d0, 0x4d1 }, false, "overlaps the kernel's PIC" },
	{ MEM_SPACE_PORT, { 0x40, 0x43 }, true, "overlaps the kernel's PIT" },
	{ MEM_SPACE_PORT, { 0x61, 0x61 }, true, "overlaps the kernel's PIT" },
	{ MEM_SPACE_MEMORY, { 0xfec00000, 0xfec000ff }, false, "overlaps the kernel's I/O APIC" },
	{ MEM_SPACE_MEMORY, { 0xfee00000, 0xfee00fff }, false, "overlaps the kernel's local APIC" },
};

void hv_zones_init(struct hv_zones *zones, const struct hv_sys *sys, int vm_fd)
{
	memset(zones, 0, sizeof(*zones));
	lock_init(&zones->lock, LOCK_LEAF, "zones");
	zones->sys = sys;
	zones->vm_fd = vm_fd;
}

void hv_zones_destroy(struct hv_zones *zones)
{
	free(zones->zones);
	free(zones->bells);
	lock_destroy(&zones->lock);
}

static int zone_ioctl(struct hv_zones *zones, const struct hv_zone *zone, unsigned long request)
{
	struct kvm_coalesced_mmio_zone arg = {
		.addr = zone->range.first,
		.size = (uint32_t)(zone->range.last - zone->range.first + 1),
		.pio = zone->space == MEM_SPACE_PORT,
	};

	return zones->sys->ioctl(zones->sys, zones->vm_fd, request, (uintptr_t)&arg);
}

/* Why such a zone may never be registered, or NULL. */
static const char *range_obstacle(const struct hv_zones *zones, enum mem_space space,
				  struct range range)
{
	if (zones->refused[space])
		return zones->refused[space];
	if (range.last - range.first >= UINT32_MAX)
		return trap_size;
	for (size_t i = 0; i < sizeof(kernel_devices) / sizeof(kernel_devices[0]); i++) {
		const struct kernel_device *device = &kernel_devices[i];

		if (device->space == space && range_overlaps(device->range, range) &&
		    (device->pit ? zones->pit : zones->irqchip))
			return device->trap;
	}
	return NULL;
}

/* Why this zone may not be registered now, or NULL. */
static const char *zone_obstacle(const struct hv_zones *zones, const struct hv_zone *zone)
{
	const char *never = range_obstacle(zones, zone->space, zone->range);

	if (never)
		return never;
	for (size_t i = 0; i < zones->bells_n; i++) {
		if (zones->bells[i].space == zone->space &&
		    range_overlaps(zones->bells[i].range, zone->range))
			return trap_bell;
	}
	for (size_t i = 0; i < zones->n; i++) {
		const struct hv_zone *other = &zones->zones[i];

		if (other != zone && other->space == zone->space && other->state != HV_ZONE_TRAPS &&
		    range_overlaps(other->range, zone->range))
			return trap_zone;
	}
	return NULL;
}

/* Registers the zone if nothing is against it. It stays in the mirror either way. */
static void zone_register(struct hv_zones *zones, struct hv_zone *zone)
{
	int error;

	zone->state = HV_ZONE_TRAPS;
	zone->trap = zone_obstacle(zones, zone);
	if (zone->trap)
		return;
	error = zone_ioctl(zones, zone, KVM_REGISTER_COALESCED_MMIO);
	if (error < 0) {
		zone->trap = error == -ENOSPC ? trap_slot : trap_kernel;
		return;
	}
	zone->state = HV_ZONE_ACTIVE;
}

/* Takes an active zone back from KVM. False if the kernel would not. */
static bool zone_unregister(struct hv_zones *zones, struct hv_zone *zone)
{
	assert(zone->state == HV_ZONE_ACTIVE);
	return zone_ioctl(zones, zone, KVM_UNREGISTER_COALESCED_MMIO) >= 0;
}

/* Something went away: zones that had no place beside it may find one now. */
static void zones_retry(struct hv_zones *zones)
{
	for (size_t i = 0; i < zones->n; i++) {
		struct hv_zone *zone = &zones->zones[i];

		if (zone->state != HV_ZONE_TRAPS ||
		    (zone->trap != trap_slot && zone->trap != trap_bell && zone->trap != trap_zone))
			continue;
		zone_register(zones, zone);
		if (zone->trap == trap_slot)
			return; /* still full: the others need not try */
	}
}

static void zones_note_deadline(struct hv_zones *zones)
{
	uint64_t shortest = 0;

	for (size_t i = 0; i < zones->n; i++) {
		const struct hv_zone *zone = &zones->zones[i];

		if (zone->state == HV_ZONE_ACTIVE && zone->wait != MEM_LATCH &&
		    (shortest == 0 || zone->wait < shortest))
			shortest = zone->wait;
	}
	atomic_store_explicit(&zones->deadline, shortest, memory_order_relaxed);
}

static struct hv_zone *zones_find(struct hv_zones *zones, enum mem_space space, struct range range,
				  bool stuck)
{
	for (size_t i = 0; i < zones->n; i++) {
		struct hv_zone *zone = &zones->zones[i];

		if (zone->space == space && range_equal(zone->range, range) &&
		    (zone->state == HV_ZONE_STUCK) == stuck)
			return zone;
	}
	return NULL;
}

/* A free element at the zone's place in the order by space and address, or NULL. */
static struct hv_zone *zones_insert(struct hv_zones *zones, enum mem_space space, uint64_t first)
{
	size_t at = 0;

	if (!array_reserve(zones->zones, zones->n + 1, &zones->room))
		return NULL;
	while (at < zones->n &&
	       (zones->zones[at].space < space ||
		(zones->zones[at].space == space && zones->zones[at].range.first <= first)))
		at++;
	memmove(&zones->zones[at + 1], &zones->zones[at], (zones->n - at) * sizeof(*zones->zones));
	zones->n++;
	return &zones->zones[at];
}

static void zones_remove(struct hv_zones *zones, struct hv_zone *zone)
{
	size_t at = (size_t)(zone - zones->zones);

	zones->n--;
	memmove(zone, zone + 1, (zones->n - at) * sizeof(*zone));
}

void hv_zones_add(struct hv_zones *zones, enum mem_space space, const struct mem_wait_range *wait)
{
	struct hv_zone *zone;
	bool registered;

	lock_take(&zones->lock);
	zone = zones_find(zones, space, wait->range, true);
	registered = zone != NULL; /* one that could not be taken back is wanted again */
	if (!zone)
		zone = zones_insert(zones, space, wait->range.first);
	if (zone) {
		*zone = (struct hv_zone){
			.space = space,
			.range = wait->range,
			.wait = wait->wait,
			.state = HV_ZONE_ACTIVE,
			.region = wait->region->name,
			.why = wait->why,
			.when = wait->when ? wait->when->name : NULL,
		};
		if (!registered)
			zone_register(zones, zone);
		zones_note_deadline(zones);
	} else {
		atomic_fetch_add_explicit(&zones->unrecorded, 1, memory_order_relaxed);
	}
	lock_drop(&zones->lock);
}

void hv_zones_del(struct hv_zones *zones, enum mem_space space, const struct mem_wait_range *wait)
{
	struct hv_zone *zone;

	lock_take(&zones->lock);
	zone = zones_find(zones, space, wait->range, false);
	if (zone && zone->state == HV_ZONE_ACTIVE && !zone_unregister(zones, zone)) {
		/* Its writes still come through the ring and find whatever is there by then. */
		zone->state = HV_ZONE_STUCK;
		zone->region = "";
		zone->trap = "could not be taken back";
	} else if (zone) {
		bool freed = zone->state == HV_ZONE_ACTIVE;

		zones_remove(zones, zone);
		if (freed)
			zones_retry(zones);
	}
	zones_note_deadline(zones);
	lock_drop(&zones->lock);
}

void hv_zones_bell_add(struct hv_zones *zones, enum mem_space space, struct range range)
{
	lock_take(&zones->lock);
	for (size_t i = 0; i < zones->n; i++) {
		struct hv_zone *zone = &zones->zones[i];

		if (zone->space != space || zone->state != HV_ZONE_ACTIVE ||
		    !range_overlaps(zone->range, range))
			continue;
		if (zone_unregister(zones, zone)) {
			zone->state = HV_ZONE_TRAPS;
			zone->trap = trap_bell;
		}
	}
	if (array_reserve(zones->bells, zones->bells_n + 1, &zones->bells_room)) {
		zones->bells[zones->bells_n].space = space;
		zones->bells[zones->bells_n++].range = range;
	} else {
		/* A bell that cannot be remembered could be covered later: no more zones at all. */
		zones->refused[space] = "out of memory";
	}
	zones_note_deadline(zones);
	lock_drop(&zones->lock);
}

void hv_zones_bell_del(struct hv_zones *zones, enum mem_space space, struct range range)
{
	lock_take(&zones->lock);
	for (size_t i = 0; i < zones->bells_n; i++) {
		if (zones->bells[i].space != space || !range_equal(zones->bells[i].range, range))
			continue;
		zones->bells[i] = zones->bells[--zones->bells_n];
		break;
	}
	zones_retry(zones);
	zones_note_deadline(zones);
	lock_drop(&zones->lock);
}

size_t hv_zones_list(struct hv_zones *zones, struct hv_zone *out, size_t max)
{
	size_t n;

	lock_take(&zones->lock);
	n = zones->n;
	if (max > 0 && n > 0)
		memcpy(out, zones->zones, (n < max ? n : max) * sizeof(*out));
	lock_drop(&zones->lock);
	return n;
}

const char *hv_zones_refused(struct hv_zones *zones, enum mem_space space)
{
	const char *refused;

	lock_take(&zones->lock);
	refused = zones->refused[space];
	lock_drop(&zones->lock);
	return refused;
}

const char *hv_zones_obstacle(struct hv_zones *zones, enum mem_space space, struct range range)
{
	const char *obstacle;

	lock_take(&zones->lock);
	obstacle = range_obstacle(zones, space, range);
	lock_drop(&zones->lock);
	return obstacle;
}

uint64_t hv_zones_deadline(const struct hv_zones *zones)
{
	return atomic_load_explicit(&zones->deadline, memory_order_relaxed);
}
