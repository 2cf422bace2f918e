// SPDX-License-Identifier: MIT
#include "hv/bell.h"

#include <linux/kvm.h>
#include <stdlib.h>

#include "base/array.h"

void hv_bells_init(struct hv_bells *bells, const struct hv_sys *sys, int vm_fd,
		   struct hv_zones *zones)
{
	*bells = (struct hv_bells){ .sys = sys, .vm_fd = vm_fd, .zones = zones };
}

void hv_bells_destroy(struct hv_bells *bells)
{
	free(bells->bells);
}

static struct range bell_range(const struct mem_bell_range *at)
{
	return range_make(at->addr, at->bell.width ? at->bell.width : 1);
}

static bool bell_equal(const struct mem_bell_range *a, const struct mem_bell_range *b)
{
	return a->addr == b->addr && a->bell.width == b->bell.width && a->bell.fd == b->bell.fd &&
	       a->bell.match == b->bell.match && (!a->bell.match || a->bell.value == b->bell.value);
}

static int bell_ioctl(struct hv_bells *bells, enum mem_space space, const struct mem_bell_range *at,
		      bool on)
{
	struct kvm_ioeventfd arg = {
		.datamatch = at->bell.value,
		.addr = at->addr,
		.len = at->bell.width,
		.fd = at->bell.fd,
		.flags = (space == MEM_SPACE_PORT ? KVM_IOEVENTFD_FLAG_PIO : 0u) |
			 (at->bell.match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
			 (on ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return bells->sys->ioctl(bells->sys, bells->vm_fd, KVM_IOEVENTFD, (uintptr_t)&arg);
}

void hv_bells_add(struct hv_bells *bells, enum mem_space space, const struct mem_bell_range *bell)
{
	bool fits = bells->offered && (bell->bell.width || (bells->any_width && !bell->bell.match));

	if (fits && array_reserve(bells->bells, bells->n + 1, &bells->room)) {
		hv_zones_bell_add(bells->zones, space, bell_range(bell));
		if (bell_ioctl(bells, space, bell, true) >= 0) {
			bells->bells[bells->n++] = (struct hv_bell){ .space = space, .at = *bell };
			return;
		}
		hv_zones_bell_del(bells->zones, space, bell_range(bell));
	}
	atomic_fetch_add_explicit(&bells->refused, 1, memory_order_relaxed);
}

void hv_bells_del(struct hv_bells *bells, enum mem_space space, const struct mem_bell_range *bell)
{
	for (size_t i = 0; i < bells->n; i++) {
		if (bells->bells[i].space != space || !bell_equal(&bells->bells[i].at, bell))
			continue;
		/* Fails only if the kernel does not know it, and then it is gone as well. */
		(void)bell_ioctl(bells, space, bell, false);
		bells->bells[i] = bells->bells[--bells->n];
		hv_zones_bell_del(bells->zones, space, bell_range(bell));
		return;
	}
}
