// SPDX-License-Identifier: MIT
/*
 * pvpanic, at port 0x505 if nobody says otherwise: a guest says that it has panicked. Reads give the events it may send. It
 * has no state and needs no lock.
 *
 * The callback is made on the vCPU's thread.
 */
#pragma once

#include <stdint.h>

#include "dev/device.h"
#include "mem/region.h"

#define PVPANIC_PANICKED    0x01u
#define PVPANIC_CRASHLOADED 0x02u /* it panicked and a crash kernel of its own takes over */

struct pvpanic_options {
	uint16_t port; /* as a device of a list: where it is */
	void (*event)(void *arg, uint8_t events); /* at least one of the above; must only note it */
	void *arg;
};

struct pvpanic {
	struct device device;
	struct mem_region region; /* one port */
	struct pvpanic_options options;
};

/* "pvpanic" */
extern const struct device_type pvpanic_type;

void pvpanic_init(struct pvpanic *pvpanic, const struct pvpanic_options *options);
