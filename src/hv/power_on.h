// SPDX-License-Identifier: MIT
/*
 * The state in which KVM creates vCPUs and its devices, kept to be given back at a reset: the kernel
 * knows best what a processor looks like at power-on. Used inside hv/ only; the vCPUs do not run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/sys.h"

struct hv_vcpu_state;
struct hv_power_on;
struct kvm_msr_list;
struct kvm_sregs;

/* Numbers of the registers to keep, to be freed; NULL with -errno in *error. */
struct kvm_msr_list *hv_msrs_known(const struct hv_sys *sys, int kvm_fd, int *error);

/* One register: KVM_GET_MSRS or KVM_SET_MSRS. 0 or -errno, -EIO if KVM refuses it. */
int hv_msr(const struct hv_sys *sys, int vcpu_fd, unsigned long request, uint32_t index,
	   uint64_t *value) __attribute__((warn_unused_result));

/*
 * Registers that KVM knows and refuses to read, or to give the value they had at power-on: the first
 * of them, and how many.
 */
#define HV_MSRS_LEFT 8u
struct hv_msrs_left {
	uint32_t n;
	uint32_t index[HV_MSRS_LEFT];
};
/* In one line, if there are any; what: who was doing what. */
void hv_msrs_left_tell(const struct hv_msrs_left *left, const char *what);

/*
 * 0, or -errno with the name of what could not be read in *what. Adds to *left, which is no failure.
 */
int hv_vcpu_state_get(const struct hv_sys *sys, int vcpu_fd, const struct kvm_msr_list *msrs,
		      bool irqchip, struct hv_vcpu_state **out, struct hv_msrs_left *left,
		      const char **what) __attribute__((warn_unused_result));
int hv_vcpu_state_set(const struct hv_sys *sys, int vcpu_fd, struct hv_vcpu_state *state,
		      struct hv_msrs_left *left, const char **what)
	__attribute__((warn_unused_result));
void hv_vcpu_state_free(struct hv_vcpu_state *state);
/* The segment and control registers in it. */
const struct kvm_sregs *hv_vcpu_state_sregs(const struct hv_vcpu_state *state);

/* The same for the interrupt controllers and the timer; *out is to be freed. */
int hv_power_on_get(const struct hv_sys *sys, int vm_fd, bool pit, struct hv_power_on **out,
		    const char **what) __attribute__((warn_unused_result));
int hv_power_on_set(const struct hv_sys *sys, int vm_fd, struct hv_power_on *state,
		    const char **what) __attribute__((warn_unused_result));
