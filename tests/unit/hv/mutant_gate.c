// SPDX-License-Identifier: MIT
/* A gate that is wrong: it closes for those who come and does not wait for those who are inside. */
#include "hv/gate.h"

void hv_gate_enter(struct hv_vcpu *vcpu)
{
	struct hv_vm *vm = vcpu->vm;

	lock_take(&vm->run_lock);
	while (atomic_load(&vm->gate_closed))
		pthread_cond_wait(&vm->run_changed, &vm->run_lock.mutex);
	lock_drop(&vm->run_lock);
}

void hv_gate_leave(struct hv_vcpu *vcpu)
{
}

void hv_gate_close(struct hv_vm *vm)
{
	atomic_store(&vm->gate_closed, true);
}

void hv_gate_open(struct hv_vm *vm)
{
	lock_take(&vm->run_lock);
	atomic_store(&vm->gate_closed, false);
	pthread_cond_broadcast(&vm->run_changed);
	lock_drop(&vm->run_lock);
}
