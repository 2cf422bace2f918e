// SPDX-License-Identifier: MIT
/*
 * What CPUID tells the guest: the host's features as KVM offers them, those taken away or asked for
 * by name, and a topology that fits the number of vCPUs (one package, a core each). Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HV_CPUID_WORDS 12

/* The user's wishes, one bit a feature. All zero: everything the host offers. */
struct hv_cpu {
	uint32_t on[HV_CPUID_WORDS];
	uint32_t off[HV_CPUID_WORDS];
};

/*
 * Parses the value of -cpu: "host" or "max", then ",+flag", ",-flag", ",flag", ",flag=on|off" with
 * the usual names ("x2apic", "tsc-deadline", "kvmclock"; '_' is as good as '-'). 0 or -EINVAL with a
 * message.
 */
int hv_cpu_parse(struct hv_cpu *cpu, const char *text, struct error *err)
	__attribute__((warn_unused_result));

/* The name of feature number i of the table, or NULL behind the last: for help and completion. */
const char *hv_cpu_flag_name(size_t i);

struct kvm_cpuid2;

/* Free places that hv_cpuid_fit() may need behind the last entry. */
#define HV_CPUID_SPARE 2

/* What a vCPU is besides the host's features. */
struct hv_cpuid_place {
	unsigned id; /* vCPU, and its APIC id */
	unsigned vcpus;
	bool irqchip; /* the local APIC is in the kernel: x2APIC can be offered */
	bool tsc_deadline; /* its timer has TSC-deadline mode */
};

/*
 * Turns what KVM_GET_SUPPORTED_CPUID gave into what the vCPU shall see, in place; there is room for
 * HV_CPUID_SPARE more entries. Returns the name
 * of the first feature that was asked for and that the host does not have, or NULL.
 */
const char *hv_cpuid_fit(struct kvm_cpuid2 *cpuid, const struct hv_cpu *cpu,
			 const struct hv_cpuid_place *place);
