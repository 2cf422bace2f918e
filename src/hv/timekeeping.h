// SPDX-License-Identifier: MIT
/*
 * The clocks that KVM runs for a guest, which go on though no vCPU does. A guest that has been stopped
 * for an hour and is continued finds, with this:
 *
 *	kvmclock	where it was (KVM_SET_CLOCK), and is told that it was stopped, so that its
 *			watchdogs do not bark (KVM_KVMCLOCK_CTRL)
 *	TSC		where it was, on all vCPUs by the same number of ticks, by its offset
 *			(KVM_VCPU_TSC_OFFSET); before Linux 5.16 by writing it
 *	PIT, modes 0, 4	channels 1 and 2 with what was left of the count, or expired as they were
 *	PIT, the rest	channels that repeat or wait for their gate begin a period anew; channel 0 does in
 *			every mode, as KVM does not say how far it is. No tick is made up for.
 *	local APIC	timers are not stopped: one that ran out meanwhile interrupts at once, and one
 *			armed by a TSC deadline comes as much too early. Guests arm them anew then.
 *
 * What a kernel does not offer goes on, as it did without us. The rest of the machine's time is the
 * board's.
 */
#pragma once

#include "hv/vm.h"

struct hv_time;

/* For hv_vm_create() and hv_vm_destroy(). NULL: no memory. */
struct hv_time *hv_time_new(unsigned vcpus);
void hv_time_free(struct hv_time *time);

/*
 * After hv_vcpus_pause(), before hv_vcpus_resume(); a second call changes nothing. What fails, on a
 * kernel that offers it, is told in the log. One thread.
 */
void hv_vm_stop_time(struct hv_vm *vm);
void hv_vm_start_time(struct hv_vm *vm);

/* The PIT has been reset while time stands still: it is not to be put back to what it was before. */
void hv_time_forget_pit(struct hv_vm *vm);
