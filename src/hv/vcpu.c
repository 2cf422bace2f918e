// SPDX-License-Identifier: MIT
#include "hv/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hv/exit.h"
#include "hv/gate.h"
#include "hv/power_on.h"

/* Ticks in a second where the rate of the time-stamp counter is not known. */
#define TICKS_DEFAULT UINT64_C(1000000000)

void hv_vcpu_hold(struct hv_vcpu *vcpu)
{
	lock_take(&vcpu->vm->run_lock);
	vcpu->held = true;
	atomic_store_explicit(&vcpu->asked, true, memory_order_release);
	lock_drop(&vcpu->vm->run_lock);
}

void hv_vcpus_release(struct hv_vm *vm)
{
	lock_take(&vm->run_lock);
	for (unsigned i = 0; i < vm->options.vcpus; i++)
		vm->vcpus[i].held = false;
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
}

/*
 * A write that exited: one that keeps coming may wait from now on. Where the ring had no room for it,
 * that is counted.
 */
static void vcpu_wrote(struct hv_vcpu *vcpu, const struct hv_access *access, uint64_t ticks,
		       unsigned drained)
{
	struct hv_vm *vm = vcpu->vm;
	enum mem_space space = access->space == METER_PORT ? MEM_SPACE_PORT : MEM_SPACE_MEMORY;

	if (hv_ring_was_full(&vm->ring, drained) &&
	    mem_view_waits(mem_hold_view(&vcpu->hold, space),
			   range_make(access->addr, access->width)))
		atomic_fetch_add_explicit(&vm->ring.full, 1, memory_order_relaxed);
	if (mem_hot_write(&vcpu->hot, space, access->addr, ticks) &&
	    !hv_zones_refused(&vm->zones, space))
		(void)mem_map_lend(&vcpu->hold, space, access->addr, access->width,
				   clock_monotonic());
}

/* access: what the trip was for; NULL: no access. */
static void vcpu_count(struct hv_vcpu *vcpu, int error, const struct hv_access *access,
		       bool interrupt, uint64_t left)
{
	if (error < 0)
		meter_interrupted(vcpu->meter);
	else
		meter_return(vcpu->meter, vcpu->run->exit_reason);
	if (access)
		meter_exit(vcpu->meter, &(struct meter_trip){ .space = access->space,
							      .addr = access->addr,
							      .width = access->width,
							      .write = access->write,
							      .interrupt = interrupt,
							      .ticks = meter_ticks() - left });
}

/* One trip into the guest and the work that it brings. False if it ended without an exit. */
static bool vcpu_step(struct hv_vcpu *vcpu)
{
	struct hv_vm *vm = vcpu->vm;
	struct hv_access access;
	bool accessed = false;
	unsigned drained, raised;
	uint64_t left;
	int error;

	hv_gate_enter(vcpu);
	error = vm->sys->ioctl(vm->sys, vcpu->fd, KVM_RUN, 0);
	left = meter_ticks();
	hv_gate_leave(vcpu);
	/* Whatever comes now, this vCPU's earlier writes come first. */
	drained = hv_ring_drain(&vm->ring);
	raised = hv_raised;
	if (error >= 0) {
		if (!atomic_load_explicit(&vm->over, memory_order_acquire))
			accessed = hv_exit(vcpu, &access);
	} else if (error != -EINTR && error != -EAGAIN) {
		hv_vcpu_hold(vcpu);
		hv_vm_fail(vm, "vCPU %u: KVM_RUN: %s", vcpu->id, strerror(-error));
	}
	/* Many elements in one exit: waiting would make it more of them. */
	if (accessed && access.write && access.single)
		vcpu_wrote(vcpu, &access, left, drained);
	hv_vm_settle(vm);
	if (vcpu->meter)
		vcpu_count(vcpu, error, accessed ? &access : NULL, hv_raised != raised, left);
	return error >= 0;
}

/* Out of the guest at once from now on. False if it is not to be entered at all. */
static bool vcpu_may_finish(struct hv_vcpu *vcpu)
{
	bool held;

	lock_take(&vcpu->vm->run_lock);
	held = vcpu->held;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELAXED);
	lock_drop(&vcpu->vm->run_lock);
	return !held;
}

/*
 * Stands still until the machine runs again. False if it shall not. KVM finishes an access only when
 * it is entered again, so this is done first, with the flag set that brings it back at once; an
 * instruction with several accesses takes several rounds, and may end in a failure.
 */
static bool vcpu_park(struct hv_vcpu *vcpu)
{
	struct hv_vm *vm = vcpu->vm;
	bool go_on;

	while (vcpu_may_finish(vcpu) && vcpu_step(vcpu)) {
	}

	lock_take(&vm->run_lock);
	vcpu->parked = true;
	pthread_cond_broadcast(&vm->run_changed);
	while ((vm->paused || vcpu->held) && !vm->stopping)
		pthread_cond_wait(&vm->run_changed, &vm->run_lock.mutex);
	go_on = !vm->stopping;
	if (go_on) {
		vcpu->parked = false;
		atomic_store_explicit(&vcpu->asked, false, memory_order_relaxed);
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
	}
	lock_drop(&vm->run_lock);
	return go_on;
}

static void *vcpu_thread(void *arg)
{
	struct hv_vcpu *vcpu = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	(void)pthread_setname_np(pthread_self(), name);
	atomic_store_explicit(&vcpu->tid, (int)gettid(), memory_order_relaxed);
	if (vcpu->meter)
		atomic_store_explicit(&vcpu->meter->thread, (uint32_t)gettid(),
				      memory_order_relaxed);
	for (;;) {
		if (atomic_load_explicit(&vcpu->asked, memory_order_acquire) && !vcpu_park(vcpu))
			return NULL;
		(void)vcpu_step(vcpu);
	}
}

/* With run_lock held: every vCPU looks at the machine's state soon. */
static void vcpus_kick(struct hv_vm *vm)
{
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];

		if (!vcpu->running)
			continue;
		atomic_store_explicit(&vcpu->asked, true, memory_order_release);
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		if (!vcpu->parked && !pthread_equal(vcpu->thread, pthread_self()))
			(void)pthread_kill(vcpu->thread, HV_KICK_SIGNAL);
	}
}

static void on_kick(int signal)
{
}

/* Threads inherit the mask: vCPUs take no signal but the kick, and those of their own faults. */
static int vcpu_start(struct hv_vcpu *vcpu)
{
	static const int taken[] = { HV_KICK_SIGNAL, SIGSEGV, SIGBUS, SIGFPE,
				     SIGILL,         SIGABRT, SIGSYS };
	sigset_t ours, old;
	int error;

	sigfillset(&ours);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigdelset(&ours, taken[i]);
	pthread_sigmask(SIG_SETMASK, &ours, &old);
	error = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

int hv_vcpus_start(struct hv_vm *vm, bool paused, struct error *err)
{
	struct sigaction action = { .sa_handler = on_kick };
	int error = 0;

	sigemptyset(&action.sa_mask);
	if (sigaction(HV_KICK_SIGNAL, &action, NULL) < 0)
		return error_set(err, -errno, "sigaction: %s", strerror(errno));

	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		mem_hold_init(&vm->vcpus[i].hold, vm->map);
		mem_hot_init(&vm->vcpus[i].hot,
			     vm->tsc_khz ? vm->tsc_khz * UINT64_C(1000) : TICKS_DEFAULT);
	}
	lock_take(&vm->run_lock);
	vm->started = true;
	vm->stopping = false;
	vm->paused = paused;
	for (unsigned i = 0; i < vm->options.vcpus && !error; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];

		vcpu->parked = false;
		atomic_store_explicit(&vcpu->asked, true, memory_order_relaxed);
		error = vcpu_start(vcpu);
		vcpu->running = error == 0;
		if (error)
			error_set(err, error, "vCPU %u: thread: %s", i, strerror(-error));
	}
	lock_drop(&vm->run_lock);
	if (error)
		hv_vcpus_stop(vm);
	return error;
}

void hv_vcpus_stop(struct hv_vm *vm)
{
	if (!vm->started)
		return;
	lock_take(&vm->run_lock);
	vm->stopping = true;
	vcpus_kick(vm);
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];

		if (vcpu->running)
			pthread_join(vcpu->thread, NULL);
		vcpu->running = false;
		mem_hold_drop(&vcpu->hold);
	}
	vm->started = false;
	hv_vm_drain(vm);
}

void hv_vcpus_ask_pause(struct hv_vm *vm)
{
	atomic_store_explicit(&vm->over, true, memory_order_release);
	lock_take(&vm->run_lock);
	vm->paused = true;
	vcpus_kick(vm);
	lock_drop(&vm->run_lock);
}

void hv_vcpus_ask_reset(struct hv_vm *vm)
{
	atomic_store_explicit(&vm->ring.discard, true, memory_order_release);
	hv_vcpus_ask_pause(vm);
}

static bool vcpus_parked(const struct hv_vm *vm)
{
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		if (vm->vcpus[i].running && !vm->vcpus[i].parked)
			return false;
	}
	return true;
}

void hv_vcpus_pause(struct hv_vm *vm)
{
	lock_take(&vm->run_lock);
	vm->paused = true;
	vcpus_kick(vm);
	while (!vcpus_parked(vm))
		pthread_cond_wait(&vm->run_changed, &vm->run_lock.mutex);
	lock_drop(&vm->run_lock);
	hv_vm_drain(vm);
}

void hv_vcpus_resume(struct hv_vm *vm)
{
	atomic_store_explicit(&vm->over, false, memory_order_release);
	lock_take(&vm->run_lock);
	vm->paused = false;
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
}

int hv_vcpu_thread(const struct hv_vm *vm, unsigned vcpu)
{
	return atomic_load_explicit(&vm->vcpus[vcpu].tid, memory_order_relaxed);
}

const struct meter *hv_vcpu_meter(const struct hv_vm *vm, unsigned vcpu)
{
	return vm->vcpus[vcpu].meter;
}
