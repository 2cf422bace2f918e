// SPDX-License-Identifier: MIT
#include "hv/vm.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "hv/gate.h"
#include "hv/power_on.h"
#include "hv/timekeeping.h"
#include "hv/vcpu.h"
#include "mem/lend.h"
#include "mem/overrule.h"

static int vm_ioctl(const struct hv_vm *vm, unsigned long request, uintptr_t arg)
{
	return vm->sys->ioctl(vm->sys, vm->vm_fd, request, arg);
}

static void slots_failed(struct hv_vm *vm, const struct mem_section *section, int error)
{
	if (error)
		hv_vm_fail(vm, "memory slot for %s at 0x%llx to 0x%llx: %s", section->region->name,
			   (unsigned long long)section->range.first,
			   (unsigned long long)section->range.last, strerror(-error));
}

static void on_region_add(void *arg, enum mem_space space, const struct mem_section *section)
{
	struct hv_vm *vm = arg;

	if (space == MEM_SPACE_MEMORY)
		slots_failed(vm, section, hv_slots_add(&vm->slots, section));
}

static void on_region_del(void *arg, enum mem_space space, const struct mem_section *section)
{
	struct hv_vm *vm = arg;

	struct range range;

	if (space != MEM_SPACE_MEMORY || !hv_slot_range(section, &range))
		return;
	hv_gate_close(vm);
	slots_failed(vm, section, hv_slots_del(&vm->slots, section));
}

static void on_finish(void *arg)
{
	hv_gate_open(arg);
}

static void on_bell_add(void *arg, enum mem_space space, const struct mem_bell_range *bell)
{
	hv_bells_add(&((struct hv_vm *)arg)->bells, space, bell);
}

static void on_bell_del(void *arg, enum mem_space space, const struct mem_bell_range *bell)
{
	hv_bells_del(&((struct hv_vm *)arg)->bells, space, bell);
}

static void on_wait_add(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	hv_zones_add(&((struct hv_vm *)arg)->zones, space, wait);
}

static void on_wait_del(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	hv_zones_del(&((struct hv_vm *)arg)->zones, space, wait);
}

static uint64_t on_uses(void *arg, enum mem_space space, struct range range)
{
	return meter_coalesced_in(((struct hv_vm *)arg)->ring_meter,
				  space == MEM_SPACE_PORT ? METER_PORT : METER_MMIO, range.first,
				  range.last);
}

static void on_drain(void *arg)
{
	(void)hv_ring_drain(&((struct hv_vm *)arg)->ring);
}

int hv_vm_attach(struct hv_vm *vm, struct mem_map *map, struct error *err)
{
	bool failed;
	int error;

	assert(!vm->map);
	error = vm->options.coalesce ? mem_map_start_lending(map) : mem_map_wait_only_if_said(map);
	if (error)
		return error_set(err, error, "memory map: %s", strerror(-error));
	vm->map = map;
	vm->slots_listener = (struct mem_listener){
		.order = MEM_ORDER_SLOTS,
		.arg = vm,
		.region_add = on_region_add,
		.region_del = on_region_del,
		.finish = on_finish,
	};
	vm->bells_listener = (struct mem_listener){
		.order = MEM_ORDER_BELLS,
		.arg = vm,
		.bell_add = on_bell_add,
		.bell_del = on_bell_del,
	};
	vm->zones_listener = (struct mem_listener){
		.order = MEM_ORDER_ZONES,
		.arg = vm,
		.wait_add = on_wait_add,
		.wait_del = on_wait_del,
		.drain = on_drain,
		.uses = on_uses,
	};
	hv_ring_attach(&vm->ring, map);
	mem_map_listen(map, &vm->slots_listener);
	mem_map_listen(map, &vm->bells_listener);
	mem_map_listen(map, &vm->zones_listener);

	lock_take(&vm->failure_lock);
	failed = vm->failed;
	vm->attached = !failed;
	if (failed && err)
		*err = vm->failure;
	lock_drop(&vm->failure_lock);
	return failed ? -EIO : 0;
}

void hv_vm_settle(struct hv_vm *vm)
{
	int error = mem_map_settle(vm->map);

	if (error)
		hv_vm_fail(vm, "changing the memory map: %s", strerror(-error));
}

void hv_vm_drain(struct hv_vm *vm)
{
	(void)hv_ring_drain(&vm->ring);
	if (vm->map)
		hv_vm_settle(vm);
}

uint64_t hv_vm_deadline(const struct hv_vm *vm)
{
	return hv_zones_deadline(&vm->zones);
}

void hv_vm_review(struct hv_vm *vm)
{
	int error = mem_map_review(vm->map, clock_monotonic());

	if (error)
		hv_vm_fail(vm, "changing the memory map: %s", strerror(-error));
	hv_vm_settle(vm); /* taking them back delivered what waited */
}

_Thread_local unsigned hv_raised;

int hv_vm_irq_line(struct hv_vm *vm, unsigned gsi, bool level)
{
	struct kvm_irq_level arg = { .irq = gsi, .level = level };
	int error =
		vm_ioctl(vm, vm->irq_status ? KVM_IRQ_LINE_STATUS : KVM_IRQ_LINE, (uintptr_t)&arg);

	if (error < 0) {
		/* A guest that misses an interrupt waits for ever. */
		hv_vm_fail(vm, "interrupt line %u: %s", gsi, strerror(-error));
		return -1;
	}
	hv_raised += level;
	return !vm->irq_status || arg.status > 0 ? 1 : arg.status;
}

int hv_vm_msi(struct hv_vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi arg = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};
	int value;

	if (!vm->signal_msi)
		return -ENOTSUP;
	value = vm_ioctl(vm, KVM_SIGNAL_MSI, (uintptr_t)&arg);
	hv_raised++;
	return value > 0 ? 1 : value;
}

int hv_vm_irqfd(struct hv_vm *vm, unsigned gsi, int fd, bool assign)
{
	struct kvm_irqfd arg = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = assign ? 0u : KVM_IRQFD_FLAG_DEASSIGN,
	};
	int error;

	if (!vm->irqfd)
		return -ENOTSUP;
	error = vm_ioctl(vm, KVM_IRQFD, (uintptr_t)&arg);
	return error < 0 ? error : 0;
}

int hv_vm_reset(struct hv_vm *vm, struct error *err)
{
	struct hv_msrs_left left = { .n = 0 };
	const char *what = "";
	int error = 0;

	for (unsigned i = 0; i < vm->options.vcpus && !error; i++) {
		left.n = 0;
		error = hv_vcpu_state_set(vm->sys, vm->vcpus[i].fd, vm->vcpus[i].power_on, &left,
					  &what);
	}
	/* All vCPUs are alike. */
	if (!error && left.n && !vm->msrs_told) {
		hv_msrs_left_tell(&left, "reset");
		vm->msrs_told = true;
	}
	if (!error && vm->power_on)
		error = hv_power_on_set(vm->sys, vm->vm_fd, vm->power_on, &what);
	if (error)
		return error_set(err, error, "reset: %s: %s", what, strerror(-error));
	hv_time_forget_pit(vm);
	atomic_store_explicit(&vm->ring.discard, false, memory_order_release);
	hv_vcpus_release(vm);
	return 0;
}

void hv_vm_fail(struct hv_vm *vm, const char *format, ...)
{
	struct error failure;
	va_list args;
	bool tell;

	va_start(args, format);
	(void)vsnprintf(failure.text, sizeof(failure.text), format, args);
	va_end(args);
	lock_take(&vm->failure_lock);
	tell = !vm->failed && vm->attached;
	if (!vm->failed) {
		vm->failed = true;
		vm->failure = failure;
	}
	lock_drop(&vm->failure_lock);
	if (tell && vm->options.events.failed)
		vm->options.events.failed(vm->options.events.arg, failure.text);
}
