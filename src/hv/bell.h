// SPDX-License-Identifier: MIT
/*
 * Doorbells: writes that wake an eventfd inside the kernel. Mirrors what is registered, so that
 * exactly that is taken away. A doorbell that KVM does not take is no error: its writes exit and
 * reach the chip's table. Changed with the topology lock of the map held.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/sys.h"
#include "hv/zone.h"
#include "mem/map.h"

struct hv_bell {
	enum mem_space space;
	struct mem_bell_range at;
};

struct hv_bells {
	const struct hv_sys *sys;
	int vm_fd;
	bool offered; /* the kernel has ioeventfds */
	bool any_width; /* and such without a width */
	struct hv_zones *zones; /* told before a doorbell comes and after it went */
	struct hv_bell *bells; /* registered ones */
	size_t n, room;
	_Atomic uint64_t refused; /* times KVM did not take one */
};

void hv_bells_init(struct hv_bells *bells, const struct hv_sys *sys, int vm_fd,
		   struct hv_zones *zones);
void hv_bells_destroy(struct hv_bells *bells);
void hv_bells_add(struct hv_bells *bells, enum mem_space space, const struct mem_bell_range *bell);
void hv_bells_del(struct hv_bells *bells, enum mem_space space, const struct mem_bell_range *bell);
