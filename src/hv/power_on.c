// SPDX-License-Identifier: MIT
#include "hv/power_on.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MSR_TSC 0x10u

struct hv_vcpu_state {
	bool irqchip;
	bool xsave, xcrs, events, debugregs; /* the kernel has them */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	_Alignas(struct kvm_xsave) uint8_t xsave_area[sizeof(struct kvm_xsave)];
	struct kvm_xcrs xcrs_values;
	struct kvm_vcpu_events vcpu_events;
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_msrs *msrs;
};

struct hv_power_on {
	bool with_pit;
	struct kvm_irqchip chips[3];
	struct kvm_pit_state2 pit;
};

struct kvm_msr_list *hv_msrs_known(const struct hv_sys *sys, int kvm_fd, int *error)
{
	uint32_t room = 256;
	struct kvm_msr_list *list = NULL;

	*error = -E2BIG;
	while (*error == -E2BIG) {
		struct kvm_msr_list *bigger =
			realloc(list, sizeof(*list) + room * sizeof(list->indices[0]));

		if (!bigger) {
			*error = -ENOMEM;
			break;
		}
		list = bigger;
		list->nmsrs = room;
		*error = sys->ioctl(sys, kvm_fd, KVM_GET_MSR_INDEX_LIST, (uintptr_t)list);
		if (*error == -E2BIG && list->nmsrs <= room)
			*error = -EIO; /* asked for less than it was given */
		room = list->nmsrs;
	}
	if (*error >= 0)
		return list;
	free(list);
	return NULL;
}

#define MSRS_AT_ONCE 64u

static void msrs_leave(struct hv_msrs_left *left, uint32_t index)
{
	if (left->n < HV_MSRS_LEFT)
		left->index[left->n] = index;
	left->n++;
}

void hv_msrs_left_tell(const struct hv_msrs_left *left, const char *what)
{
	char text[HV_MSRS_LEFT * 12] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < left->n && i < HV_MSRS_LEFT; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " 0x%x", left->index[i]);
	if (left->n)
		log_warn(
			"%s: KVM refuses %u model-specific registers, which keep their values over "
			"a reset:%s%s",
			what, left->n, text, left->n > HV_MSRS_LEFT ? " ..." : "");
}

static struct kvm_msrs *msrs_new(uint32_t n)
{
	return calloc(1, sizeof(struct kvm_msrs) + n * sizeof(struct kvm_msr_entry));
}

/*
 * Reads what can be read of the listed registers and keeps only that. KVM stops at the first one it
 * will not give, so each of those is told, left out, and the rest read again.
 */
static int msrs_get(const struct hv_sys *sys, int fd, const struct kvm_msr_list *list,
		    struct hv_msrs_left *left, struct kvm_msrs **out)
{
	struct kvm_msrs *all = msrs_new(list->nmsrs), *part = msrs_new(MSRS_AT_ONCE);
	int error = all && part ? 0 : -ENOMEM;

	for (uint32_t at = 0; error >= 0 && at < list->nmsrs;) {
		uint32_t n = 0, got;

		for (; n < MSRS_AT_ONCE && at + n < list->nmsrs; n++)
			part->entries[n] = (struct kvm_msr_entry){ .index = list->indices[at + n] };
		part->nmsrs = n;
		error = sys->ioctl(sys, fd, KVM_GET_MSRS, (uintptr_t)part);
		got = error > 0 ? (uint32_t)error : 0;
		if (error >= 0 && got < n)
			msrs_leave(left, part->entries[got].index);
		for (uint32_t i = 0; i < got && i < n; i++) {
			/* Time goes on over a reset, and KVM takes writes as a wish to synchronise. */
			if (part->entries[i].index != MSR_TSC)
				all->entries[all->nmsrs++] = part->entries[i];
		}
		at += got < n ? got + 1 : n;
	}
	free(part);
	if (error < 0) {
		free(all);
		return error;
	}
	*out = all;
	return 0;
}

int hv_msr(const struct hv_sys *sys, int vcpu_fd, unsigned long request, uint32_t index,
	   uint64_t *value)
{
	_Alignas(struct kvm_msrs)
		uint8_t arg[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)] = { 0 };
	struct kvm_msrs *msrs = (void *)arg;
	int done;

	msrs->nmsrs = 1;
	msrs->entries[0] = (struct kvm_msr_entry){ .index = index, .data = *value };
	done = sys->ioctl(sys, vcpu_fd, request, (uintptr_t)msrs);
	*value = msrs->entries[0].data;
	if (done == 1)
		return 0;
	return done < 0 ? done : -EIO;
}

/* The register has the value that could not be written, so nothing is amiss. */
static bool msr_has(const struct hv_sys *sys, int fd, struct kvm_msr_entry wanted)
{
	uint64_t value = 0;

	return hv_msr(sys, fd, KVM_GET_MSRS, wanted.index, &value) == 0 && value == wanted.data;
}

/* Registers that KVM does not let be written keep their value. */
static int msrs_set(const struct hv_sys *sys, int fd, const struct kvm_msrs *all,
		    struct hv_msrs_left *left)
{
	struct kvm_msrs *part = msrs_new(MSRS_AT_ONCE);
	int error = part ? 0 : -ENOMEM;

	for (uint32_t at = 0; error >= 0 && at < all->nmsrs;) {
		uint32_t n = all->nmsrs - at < MSRS_AT_ONCE ? all->nmsrs - at : MSRS_AT_ONCE, set;

		memcpy(part->entries, &all->entries[at], n * sizeof(part->entries[0]));
		part->nmsrs = n;
		error = sys->ioctl(sys, fd, KVM_SET_MSRS, (uintptr_t)part);
		set = error > 0 ? (uint32_t)error : 0;
		if (error >= 0 && set < n && !msr_has(sys, fd, part->entries[set]))
			msrs_leave(left, part->entries[set].index);
		at += set < n ? set + 1 : n;
	}
	free(part);
	return error < 0 ? error : 0;
}

struct step {
	unsigned long request;
	void *arg;
	bool *have; /* NULL: must work; else set to whether it does when reading, asked when writing */
	const char *what;
};

static int step_get(const struct hv_sys *sys, int fd, const struct step *step)
{
	int error = sys->ioctl(sys, fd, step->request, (uintptr_t)step->arg);

	if (step->have) {
		*step->have = error >= 0;
		return 0;
	}
	return error < 0 ? error : 0;
}

static int step_set(const struct hv_sys *sys, int fd, const struct step *step)
{
	int error;

	if (step->have && !*step->have)
		return 0;
	error = sys->ioctl(sys, fd, step->request, (uintptr_t)step->arg);
	return error < 0 ? error : 0;
}

static int steps_run(const struct hv_sys *sys, int fd, const struct step *steps, size_t n,
		     int (*run)(const struct hv_sys *, int, const struct step *), const char **what)
{
	for (size_t i = 0; i < n; i++) {
		int error = run(sys, fd, &steps[i]);

		if (error) {
			*what = steps[i].what;
			return error;
		}
	}
	return 0;
}

int hv_vcpu_state_get(const struct hv_sys *sys, int vcpu_fd, const struct kvm_msr_list *msrs,
		      bool irqchip, struct hv_vcpu_state **out, struct hv_msrs_left *left,
		      const char **what)
{
	struct hv_vcpu_state *state = calloc(1, sizeof(*state));
	int error = -ENOMEM;

	*what = "memory for a vCPU's registers";
	if (!state)
		return error;
	const struct step steps[] = {
		{ KVM_GET_REGS, &state->regs, NULL, "KVM_GET_REGS" },
		{ KVM_GET_SREGS, &state->sregs, NULL, "KVM_GET_SREGS" },
		{ KVM_GET_FPU, &state->fpu, NULL, "KVM_GET_FPU" },
		{ KVM_GET_XSAVE, state->xsave_area, &state->xsave, "KVM_GET_XSAVE" },
		{ KVM_GET_XCRS, &state->xcrs_values, &state->xcrs, "KVM_GET_XCRS" },
		{ KVM_GET_VCPU_EVENTS, &state->vcpu_events, &state->events, "KVM_GET_VCPU_EVENTS" },
		{ KVM_GET_DEBUGREGS, &state->debug, &state->debugregs, "KVM_GET_DEBUGREGS" },
		/* Without them in the kernel there is nothing to read. */
		{ KVM_GET_LAPIC, &state->lapic, irqchip ? NULL : &state->irqchip, "KVM_GET_LAPIC" },
		{ KVM_GET_MP_STATE, &state->mp, irqchip ? NULL : &state->irqchip,
		  "KVM_GET_MP_STATE" },
	};

	*what = "KVM_GET_MSRS";
	error = msrs_get(sys, vcpu_fd, msrs, left, &state->msrs);
	if (error)
		goto free_state;
	error = steps_run(sys, vcpu_fd, steps, sizeof(steps) / sizeof(steps[0]), step_get, what);
	if (error)
		goto free_msrs;
	state->irqchip = irqchip;
	*out = state;
	return 0;

free_msrs:
	free(state->msrs);
free_state:
	free(state);
	return error;
}

void hv_vcpu_state_free(struct hv_vcpu_state *state)
{
	if (state)
		free(state->msrs);
	free(state);
}

int hv_vcpu_state_set(const struct hv_sys *sys, int vcpu_fd, struct hv_vcpu_state *state,
		      struct hv_msrs_left *left, const char **what)
{
	/* The APIC's base in the segment registers decides where the local APIC's state goes. */
	const struct step before[] = {
		{ KVM_SET_SREGS, &state->sregs, NULL, "KVM_SET_SREGS" },
		{ KVM_SET_REGS, &state->regs, NULL, "KVM_SET_REGS" },
		{ KVM_SET_FPU, &state->fpu, NULL, "KVM_SET_FPU" },
		{ KVM_SET_XCRS, &state->xcrs_values, &state->xcrs, "KVM_SET_XCRS" },
		{ KVM_SET_XSAVE, state->xsave_area, &state->xsave, "KVM_SET_XSAVE" },
	};
	const struct step after[] = {
		{ KVM_SET_LAPIC, &state->lapic, &state->irqchip, "KVM_SET_LAPIC" },
		{ KVM_SET_VCPU_EVENTS, &state->vcpu_events, &state->events, "KVM_SET_VCPU_EVENTS" },
		{ KVM_SET_DEBUGREGS, &state->debug, &state->debugregs, "KVM_SET_DEBUGREGS" },
		{ KVM_SET_MP_STATE, &state->mp, &state->irqchip, "KVM_SET_MP_STATE" },
	};
	int error =
		steps_run(sys, vcpu_fd, before, sizeof(before) / sizeof(before[0]), step_set, what);

	if (error)
		return error;
	*what = "KVM_SET_MSRS";
	error = msrs_set(sys, vcpu_fd, state->msrs, left);
	if (error)
		return error;
	return steps_run(sys, vcpu_fd, after, sizeof(after) / sizeof(after[0]), step_set, what);
}

const struct kvm_sregs *hv_vcpu_state_sregs(const struct hv_vcpu_state *state)
{
	return &state->sregs;
}

int hv_power_on_get(const struct hv_sys *sys, int vm_fd, bool pit, struct hv_power_on **out,
		    const char **what)
{
	struct hv_power_on *state = calloc(1, sizeof(*state));
	int error;

	*what = "memory for the interrupt controllers' state";
	if (!state)
		return -ENOMEM;
	state->with_pit = pit;
	*what = "KVM_GET_IRQCHIP";
	for (uint32_t i = 0; i < 3; i++) {
		state->chips[i].chip_id = i;
		error = sys->ioctl(sys, vm_fd, KVM_GET_IRQCHIP, (uintptr_t)&state->chips[i]);
		if (error < 0)
			goto free_state;
	}
	*what = "KVM_GET_PIT2";
	error = pit ? sys->ioctl(sys, vm_fd, KVM_GET_PIT2, (uintptr_t)&state->pit) : 0;
	if (error < 0)
		goto free_state;
	*out = state;
	return 0;

free_state:
	free(state);
	return error;
}

int hv_power_on_set(const struct hv_sys *sys, int vm_fd, struct hv_power_on *state,
		    const char **what)
{
	int error;

	*what = "KVM_SET_IRQCHIP";
	for (uint32_t i = 0; i < 3; i++) {
		error = sys->ioctl(sys, vm_fd, KVM_SET_IRQCHIP, (uintptr_t)&state->chips[i]);
		if (error < 0)
			return error;
	}
	*what = "KVM_SET_PIT2";
	error = state->with_pit ? sys->ioctl(sys, vm_fd, KVM_SET_PIT2, (uintptr_t)&state->pit) : 0;
	return error < 0 ? error : 0;
}
