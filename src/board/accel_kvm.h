// SPDX-License-Identifier: MIT
/*
 * The accelerator KVM: vCPUs of the kernel, with its interrupt controllers and timer. As
 * board/accel.h says; the instance belongs to whoever makes it, and outlives the machine.
 */
#pragma once

#include "board/accel.h"
#include "hv/vcpu.h"
#include "hv/vm.h"

struct accel_kvm_options {
	struct hv_options hv; /* .events is filled in */
	const struct hv_sys *sys; /* borrowed; NULL: the host's */
};

struct accel_kvm {
	struct accel accel; /* first */
	struct accel_kvm_options options;
	struct hv_vm vm; /* between create and destroy */
};

/* Nothing is made yet, so nothing has to be undone. */
void accel_kvm_init(struct accel_kvm *kvm, const struct accel_kvm_options *options);
