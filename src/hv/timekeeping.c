// SPDX-License-Identifier: MIT
#include "hv/timekeeping.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "hv/power_on.h"
#include "hv/vcpu.h"

#define MSR_TSC 0x10u

#define NS_PER_S UINT64_C(1000000000)
#define PIT_HZ   UINT64_C(1193182)

/* Intel 8254, "Mode definitions". */
#define PIT_MODE_COUNT  0 /* interrupt on terminal count */
#define PIT_MODE_STROBE 4 /* software triggered strobe */
#define PIT_MODE_GATED  5 /* waits for its gate to rise, which channel 0's never does */

struct hv_time {
	bool stopped;
	bool clock_kept, pit_kept, tsc_kept;
	bool tsc_by_offset;
	uint64_t clock; /* ns of kvmclock */
	struct kvm_pit_state2 pit; /* as it is to be put back */
	uint64_t host_tsc; /* when time was stopped */
	uint64_t tsc[]; /* of each vCPU: its offset or its value */
};

struct hv_time *hv_time_new(unsigned vcpus)
{
	return calloc(1, sizeof(struct hv_time) + vcpus * sizeof(uint64_t));
}

void hv_time_free(struct hv_time *time)
{
	free(time);
}

void hv_time_forget_pit(struct hv_vm *vm)
{
	vm->time->pit_kept = false;
}

static int time_ioctl(const struct hv_vm *vm, int fd, unsigned long request, void *arg)
{
	return vm->sys->ioctl(vm->sys, fd, request, (uintptr_t)arg);
}

static bool time_told(int error, const char *what)
{
	if (error < 0)
		log_warn("the guest's time jumps when it is continued: %s: %s", what,
			 strerror(-error));
	return error >= 0;
}

/* --- TSC */

static int tsc_attr(const struct hv_vm *vm, unsigned vcpu, unsigned long request, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return time_ioctl(vm, vm->vcpus[vcpu].fd, request, &attr);
}

static int tsc_msr(const struct hv_vm *vm, unsigned vcpu, unsigned long request, uint64_t *value)
{
	return hv_msr(vm->sys, vm->vcpus[vcpu].fd, request, MSR_TSC, value);
}

static void tsc_stop(struct hv_vm *vm)
{
	struct hv_time *time = vm->time;
	uint64_t unused;

	time->tsc_by_offset = tsc_attr(vm, 0, KVM_HAS_DEVICE_ATTR, &unused) >= 0;
	time->tsc_kept = true;
	time->host_tsc = meter_ticks();
	for (unsigned i = 0; i < vm->options.vcpus && time->tsc_kept; i++) {
		int error = time->tsc_by_offset
				    ? tsc_attr(vm, i, KVM_GET_DEVICE_ATTR, &time->tsc[i])
				    : tsc_msr(vm, i, KVM_GET_MSRS, &time->tsc[i]);

		time->tsc_kept = time_told(error, "reading the TSC");
	}
}

static void tsc_start(struct hv_vm *vm)
{
	struct hv_time *time = vm->time;
	/* Guests run at the host's rate, so ticks are ticks. */
	uint64_t gone = meter_ticks() - time->host_tsc;
	bool good = time->tsc_kept;

	for (unsigned i = 0; i < vm->options.vcpus && good; i++) {
		uint64_t value = time->tsc[i] - (time->tsc_by_offset ? gone : 0);
		int error = time->tsc_by_offset ? tsc_attr(vm, i, KVM_SET_DEVICE_ATTR, &value)
						: tsc_msr(vm, i, KVM_SET_MSRS, &value);

		good = time_told(error, "setting the TSC");
	}
}

/* --- kvmclock */

static void clock_keep(struct hv_vm *vm)
{
	struct kvm_clock_data clock = { 0 };

	vm->time->clock_kept =
		vm->adjust_clock &&
		time_told(time_ioctl(vm, vm->vm_fd, KVM_GET_CLOCK, &clock), "KVM_GET_CLOCK");
	vm->time->clock = clock.clock;
}

static void clock_put_back(struct hv_vm *vm)
{
	struct kvm_clock_data clock = { .clock = vm->time->clock };

	if (!vm->time->clock_kept)
		return;
	(void)time_told(time_ioctl(vm, vm->vm_fd, KVM_SET_CLOCK, &clock), "KVM_SET_CLOCK");
	/* Fails where the guest does not use it. */
	for (unsigned i = 0; vm->kvmclock_ctrl && i < vm->options.vcpus; i++)
		(void)time_ioctl(vm, vm->vcpus[i].fd, KVM_KVMCLOCK_CTRL, NULL);
}

/* --- PIT */

/*
 * KVM counts from when the state is given to it, whatever count_load_time says. A channel that counts
 * down once is so given the rest of its count. One that has run out has its output high, and the
 * shortest count there is does that again.
 */
static void pit_rest(struct kvm_pit_channel_state *channel, uint64_t now)
{
	uint64_t count = channel->count ? channel->count : 0x10000;
	uint64_t gone = now - (uint64_t)channel->count_load_time;

	if (channel->mode != PIT_MODE_COUNT && channel->mode != PIT_MODE_STROBE)
		return;
	/* Whole seconds are longer than any count, and do not overflow. */
	gone = gone < NS_PER_S ? gone * PIT_HZ / NS_PER_S : count;
	channel->count = gone < count ? (uint32_t)(count - gone) : 1;
}

/* Channel 0 raises interrupts, which would be waiting for the guest: it is kept from counting. */
static void pit_stop(struct hv_vm *vm)
{
	struct hv_time *time = vm->time;
	struct kvm_pit_state2 still;
	uint64_t now;

	time->pit_kept =
		vm->options.pit &&
		time_told(time_ioctl(vm, vm->vm_fd, KVM_GET_PIT2, &time->pit), "KVM_GET_PIT2");
	if (!time->pit_kept)
		return;
	now = (uint64_t)clock_monotonic();
	pit_rest(&time->pit.channels[1], now);
	pit_rest(&time->pit.channels[2], now);
	still = time->pit;
	still.channels[0].mode = PIT_MODE_GATED;
	(void)time_told(time_ioctl(vm, vm->vm_fd, KVM_SET_PIT2, &still), "KVM_SET_PIT2");
}

static void pit_start(struct hv_vm *vm)
{
	struct hv_time *time = vm->time;

	if (time->pit_kept)
		(void)time_told(time_ioctl(vm, vm->vm_fd, KVM_SET_PIT2, &time->pit),
				"KVM_SET_PIT2");
}

void hv_vm_stop_time(struct hv_vm *vm)
{
	if (vm->time->stopped)
		return;
	vm->time->stopped = true;
	tsc_stop(vm);
	clock_keep(vm);
	pit_stop(vm);
}

void hv_vm_start_time(struct hv_vm *vm)
{
	if (!vm->time->stopped)
		return;
	vm->time->stopped = false;
	pit_start(vm);
	/* kvmclock is derived from the TSC: that first. */
	tsc_start(vm);
	clock_put_back(vm);
}
