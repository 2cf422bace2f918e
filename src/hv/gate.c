// SPDX-License-Identifier: MIT
#include "hv/gate.h"

#include <linux/kvm.h>

/*
 * Both sides store their own flag and then look at the other's, all in one order that everybody
 * agrees on (which is what plain atomic_store() and atomic_load() give): one of the two sees the
 * other. Either the vCPU stays out, or whoever closes takes it out.
 */
void hv_gate_enter(struct hv_vcpu *vcpu)
{
	struct hv_vm *vm = vcpu->vm;

	atomic_store(&vcpu->inside, true);
	while (atomic_load(&vm->gate_closed)) {
		lock_take(&vm->run_lock);
		atomic_store(&vcpu->inside, false);
		pthread_cond_broadcast(&vm->run_changed);
		while (atomic_load(&vm->gate_closed))
			pthread_cond_wait(&vm->run_changed, &vm->run_lock.mutex);
		lock_drop(&vm->run_lock);
		atomic_store(&vcpu->inside, true);
	}
}

void hv_gate_leave(struct hv_vcpu *vcpu)
{
	struct hv_vm *vm = vcpu->vm;

	atomic_store(&vcpu->inside, false);
	if (!atomic_load(&vm->gate_closed))
		return;
	lock_take(&vm->run_lock);
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
}

/*
 * Takes out who is inside; true if anybody is. A thread that is inside cannot end meanwhile: for that
 * it would need the lock.
 */
static bool gate_kick(struct hv_vm *vm)
{
	bool any = false;

	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];

		if (!atomic_load(&vcpu->inside))
			continue;
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		(void)pthread_kill(vcpu->thread, HV_KICK_SIGNAL);
		any = true;
	}
	return any;
}

static bool gate_anyone_inside(struct hv_vm *vm)
{
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		if (atomic_load(&vm->vcpus[i].inside))
			return true;
	}
	return false;
}

void hv_gate_close(struct hv_vm *vm)
{
	if (atomic_load(&vm->gate_closed))
		return;
	lock_take(&vm->run_lock);
	atomic_store(&vm->gate_closed, true);
	if (gate_kick(vm)) {
		while (gate_anyone_inside(vm))
			pthread_cond_wait(&vm->run_changed, &vm->run_lock.mutex);
	}
	lock_drop(&vm->run_lock);
}

void hv_gate_open(struct hv_vm *vm)
{
	if (!atomic_load(&vm->gate_closed))
		return;
	lock_take(&vm->run_lock);
	/* Those that were taken out go on, but for the ones that somebody wants out for another reason. */
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];
		bool asked = atomic_load_explicit(&vcpu->asked, memory_order_relaxed);

		__atomic_store_n(&vcpu->run->immediate_exit, asked, __ATOMIC_RELAXED);
	}
	atomic_store(&vm->gate_closed, false);
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
}
