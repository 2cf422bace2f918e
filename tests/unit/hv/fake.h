// SPDX-License-Identifier: MIT
/*
 * A KVM that is only a model: answers what a test tells it to, fails where a test wants it to, and
 * keeps zones, ioeventfds and memory slots by the kernel's own rules, its odd ones included.
 */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/sys.h"

#define FAKE_PAGE      4096u
#define FAKE_CAPS      256u
#define FAKE_BUS_MAX   1000u
#define FAKE_SLOTS_MAX 64u
#define FAKE_BELLS_MAX 64u
#define FAKE_MAPS_MAX  8u

struct fake_kvm {
	struct hv_sys sys; /* first: a function gets the whole by a cast */

	/* What the test says. */
	int open_error; /* of /dev/kvm, or 0 */
	int api;
	int caps[FAKE_CAPS];
	unsigned long fail_request; /* this request fails with fail_error ... */
	int fail_error;
	unsigned fail_after; /* ... after so many that work */
	int fail_call; /* the call of this number (from 1) fails with -EIO, whatever it is; or 0 */
	size_t bus_max; /* places for zones on each bus */

	/* What happened. */
	int calls;
	int fds, maps; /* open ones */
	unsigned long last_request; /* the one that failed */
	struct kvm_coalesced_mmio_zone zones[2 * FAKE_BUS_MAX];
	size_t zones_n;
	struct kvm_ioeventfd bells[FAKE_BELLS_MAX];
	size_t bells_n;
	struct kvm_userspace_memory_region slots[FAKE_SLOTS_MAX];
	void *map[FAKE_MAPS_MAX];
	struct kvm_msi msi;
	struct kvm_irq_level level;
	int irq_status;
	uint32_t sregs_set, irqchips_set, pits_set;
};

/* Everything is there and works. */
void fake_init(struct fake_kvm *kvm);
/* How many zones of this bus are registered. */
size_t fake_zones(const struct fake_kvm *kvm, bool pio);
bool fake_has_zone(const struct fake_kvm *kvm, bool pio, uint64_t addr, uint32_t size);
/* The ring, as a vCPU's mapping shows it. */
struct kvm_coalesced_mmio_ring *fake_ring(struct fake_kvm *kvm);
