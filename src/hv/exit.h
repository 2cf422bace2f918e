// SPDX-License-Identifier: MIT
/*
 * What to do when KVM_RUN returns. For the vCPU's own thread, no lock held. Used by vcpu.c only.
 */
#pragma once

#include <stdint.h>

#include "hv/vcpu.h"

/*
 * Carries out the exit that is described in the vCPU's shared page. True if it was an access, which
 * is then in *access for the meter. vCPUs that cannot go on are marked by hv_vcpu_hold().
 */
struct hv_access {
	enum meter_space space;
	bool write;
	uint64_t addr;
	unsigned width; /* bytes of it, or of one element of a string */
	bool single; /* of a width that buses have, and no string */
};
bool hv_exit(struct hv_vcpu *vcpu, struct hv_access *access);

/* The vCPU does nothing more until a reset. */
void hv_vcpu_hold(struct hv_vcpu *vcpu);
