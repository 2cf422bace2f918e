// SPDX-License-Identifier: MIT
/*
 * The gate between the vCPU threads and the guest. A memory slot that changes is gone for a moment:
 * KVM takes it away, then adds what replaces it. A processor that runs meanwhile finds a hole where it
 * has always had RAM; data accesses would still be served by the view, but an instruction fetched
 * from the hole ends the machine. So whoever takes a slot away closes the gate first: from then until
 * it opens no vCPU is inside KVM_RUN.
 *
 * A vCPU that is kept out need not have finished the access it is at; that is what pausing is for
 * (hv/vcpu.h). It is outside as long as it works for the guest, waits for a lock or is parked, so a
 * vCPU thread may close the gate itself, and one that waits for the topology lock holds up nobody.
 */
#pragma once

#include "hv/vcpu.h"

/* The vCPU's own thread, around KVM_RUN, no lock held. Entering waits while the gate is closed. */
void hv_gate_enter(struct hv_vcpu *vcpu);
void hv_gate_leave(struct hv_vcpu *vcpu);

/*
 * Any thread that is not inside, with the topology lock held: so there is one at a time. Closing
 * returns when nobody is inside, and is done once however often it is asked for; opening a gate that
 * is open does nothing.
 */
void hv_gate_close(struct hv_vm *vm);
void hv_gate_open(struct hv_vm *vm);
