// SPDX-License-Identifier: MIT
#include "hv/vm.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "hv/power_on.h"
#include "hv/stats.h"
#include "hv/timekeeping.h"
#include "hv/vcpu.h"

#define DEVICE "/dev/kvm"
#define API    12

static const struct hv_capability {
	uint32_t number;
	bool irqchip; /* needed only with the interrupt controllers in the kernel */
	bool pit;
	const char *name;
} required[] = {
	{ KVM_CAP_USER_MEMORY, false, false, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, false, false,
	  "KVM_CAP_DESTROY_MEMORY_REGION_WORKS" },
	{ KVM_CAP_READONLY_MEM, false, false, "KVM_CAP_READONLY_MEM" },
	{ KVM_CAP_SET_TSS_ADDR, false, false, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_EXT_CPUID, false, false, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, false, false, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_IRQCHIP, true, false, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_MP_STATE, true, false, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_PIT2, true, true, "KVM_CAP_PIT2" },
	{ KVM_CAP_PIT_STATE2, true, true, "KVM_CAP_PIT_STATE2" },
};

static int vm_capability(const struct hv_vm *vm, uint32_t number)
{
	int value = vm->sys->ioctl(vm->sys, vm->kvm_fd, KVM_CHECK_EXTENSION, number);

	return value > 0 ? value : 0;
}

static int vm_ioctl(const struct hv_vm *vm, unsigned long request, uintptr_t arg)
{
	return vm->sys->ioctl(vm->sys, vm->vm_fd, request, arg);
}

static int open_failed(int error, struct error *err)
{
	const char *out = "";

	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		out = " (load kvm_intel or kvm_amd)";
	else if (error == -EACCES || error == -EPERM)
		out = " (add yourself to group kvm, or run as root)";
	return error_set(err, error, DEVICE ": %s%s", strerror(-error), out);
}

/* Opens KVM and sees to it that it is one that this program can use. */
static int vm_open(struct hv_vm *vm, struct error *err)
{
	int api;

	vm->kvm_fd = vm->sys->open(vm->sys, DEVICE);
	if (vm->kvm_fd < 0)
		return open_failed(vm->kvm_fd, err);
	api = vm->sys->ioctl(vm->sys, vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (api < 0)
		return error_set(err, api, DEVICE ": not KVM (KVM_GET_API_VERSION: %s)",
				 strerror(-api));
	if (api != API)
		return error_set(err, -EPROTO, DEVICE ": API version %d, needed is %d", api, API);
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if ((required[i].irqchip && !vm->options.irqchip) ||
		    (required[i].pit && !vm->options.pit))
			continue;
		if (!vm_capability(vm, required[i].number))
			return error_set(err, -ENOTSUP, DEVICE ": the kernel's KVM has no %s",
					 required[i].name);
	}
	return 0;
}

static void vm_note_capabilities(struct hv_vm *vm)
{
	int slots = vm_capability(vm, KVM_CAP_NR_MEMSLOTS);
	bool ring = vm_capability(vm, KVM_CAP_COALESCED_MMIO) > 0;

	vm->coalesced_mmio = ring;
	/* An older kernel does not look at .pio: a port zone would become one in memory. */
	vm->coalesced_pio = ring && vm_capability(vm, KVM_CAP_COALESCED_PIO);
	vm->irqfd = vm->options.irqchip && vm_capability(vm, KVM_CAP_IRQFD);
	vm->irq_status = vm_capability(vm, KVM_CAP_IRQ_INJECT_STATUS);
	vm->adjust_clock = vm_capability(vm, KVM_CAP_ADJUST_CLOCK);
	vm->kvmclock_ctrl = vm_capability(vm, KVM_CAP_KVMCLOCK_CTRL);
	vm->signal_msi = vm->options.irqchip && vm_capability(vm, KVM_CAP_SIGNAL_MSI);
	vm->stats = vm_capability(vm, KVM_CAP_BINARY_STATS_FD);

	vm->slots.vm_fd = vm->zones.vm_fd = vm->bells.vm_fd = vm->vm_fd;
	vm->slots.max = slots > 0 ? (uint32_t)slots : 32;
	vm->zones.irqchip = vm->options.irqchip;
	vm->zones.pit = vm->options.pit;
	if (!ring) /* which ports need too */
		vm->zones.refused[MEM_SPACE_MEMORY] = vm->zones.refused[MEM_SPACE_PORT] =
			"kernel without KVM_CAP_COALESCED_MMIO";
	else if (!vm->coalesced_pio)
		vm->zones.refused[MEM_SPACE_PORT] = "kernel without KVM_CAP_COALESCED_PIO";
	vm->bells.offered = vm_capability(vm, KVM_CAP_IOEVENTFD);
	vm->bells.any_width = vm_capability(vm, KVM_CAP_IOEVENTFD_ANY_LENGTH);
}

/* The kernel's own devices, before anything else is put on its buses. */
static int vm_make_devices(struct hv_vm *vm, struct error *err)
{
	/* Port 0x61 belongs to it: firmware measures time with the gate of channel 2. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control control = { .pit_reinject = false };
	uint64_t identity_map = HV_IDENTITY_MAP;
	const struct {
		bool wanted;
		unsigned long request;
		uintptr_t arg;
		const char *name;
	} steps[] = {
		{ vm_capability(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0, KVM_SET_IDENTITY_MAP_ADDR,
		  (uintptr_t)&identity_map, "KVM_SET_IDENTITY_MAP_ADDR" },
		{ true, KVM_SET_TSS_ADDR, HV_TSS, "KVM_SET_TSS_ADDR" },
		{ vm->options.irqchip, KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP" },
		{ vm->options.pit, KVM_CREATE_PIT2, (uintptr_t)&pit, "KVM_CREATE_PIT2" },
		{ vm->options.pit && vm->options.pit_discard, KVM_REINJECT_CONTROL,
		  (uintptr_t)&control, "KVM_REINJECT_CONTROL" },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int error = steps[i].wanted ? vm_ioctl(vm, steps[i].request, steps[i].arg) : 0;

		if (error < 0)
			return error_set(err, error, DEVICE ": %s: %s", steps[i].name,
					 strerror(-error));
	}
	return 0;
}

static int vm_make(struct hv_vm *vm, struct error *err)
{
	int most = vm_capability(vm, KVM_CAP_MAX_VCPUS);

	if (most > 0 && vm->options.vcpus > (unsigned)most)
		return error_set(err, -EINVAL, DEVICE ": %u vCPUs, but the kernel offers %d",
				 vm->options.vcpus, most);
	do {
		vm->vm_fd = vm->sys->ioctl(vm->sys, vm->kvm_fd, KVM_CREATE_VM, 0);
	} while (vm->vm_fd == -EINTR);
	if (vm->vm_fd < 0)
		return error_set(err, vm->vm_fd, DEVICE ": KVM_CREATE_VM: %s",
				 strerror(-vm->vm_fd));
	return 0;
}

/* What the host's KVM can show a guest, with room for what hv_cpuid_fit() adds. */
static struct kvm_cpuid2 *vm_supported_cpuid(struct hv_vm *vm, size_t *size, int *error)
{
	struct kvm_cpuid2 *cpuid = NULL;
	uint32_t room = 128;

	for (;;) {
		struct kvm_cpuid2 *bigger;

		*size = sizeof(*cpuid) + (room + HV_CPUID_SPARE) * sizeof(cpuid->entries[0]);
		bigger = realloc(cpuid, *size);
		if (!bigger) {
			*error = -ENOMEM;
			break;
		}
		cpuid = bigger;
		*cpuid = (struct kvm_cpuid2){ .nent = room };
		*error = vm->sys->ioctl(vm->sys, vm->kvm_fd, KVM_GET_SUPPORTED_CPUID,
					(uintptr_t)cpuid);
		if (*error >= 0)
			return cpuid;
		if (*error != -E2BIG || room > 4096)
			break;
		room *= 2;
	}
	free(cpuid);
	return NULL;
}

static int vm_set_cpuid(struct hv_vm *vm, struct error *err)
{
	struct hv_cpuid_place place = {
		.vcpus = vm->options.vcpus,
		.irqchip = vm->options.irqchip,
		.tsc_deadline = vm_capability(vm, KVM_CAP_TSC_DEADLINE_TIMER),
	};
	struct kvm_cpuid2 *host, *cpuid;
	const char *lacking = NULL;
	int error = 0;
	size_t size;

	host = vm_supported_cpuid(vm, &size, &error);
	cpuid = host ? malloc(size) : NULL;
	if (!cpuid) {
		free(host);
		error = host ? -ENOMEM : error;
		return error_set(err, error, DEVICE ": KVM_GET_SUPPORTED_CPUID: %s",
				 strerror(-error));
	}
	for (unsigned i = 0; i < vm->options.vcpus && error >= 0; i++) {
		memcpy(cpuid, host, size);
		place.id = i;
		lacking = hv_cpuid_fit(cpuid, &vm->options.cpu, &place);
		error = vm->sys->ioctl(vm->sys, vm->vcpus[i].fd, KVM_SET_CPUID2, (uintptr_t)cpuid);
		if (error < 0)
			error_set(err, error, "vCPU %u: KVM_SET_CPUID2: %s", i, strerror(-error));
	}
	if (lacking && error >= 0)
		log_warn("-cpu: the host does not offer '%s'", lacking);
	free(cpuid);
	free(host);
	return error < 0 ? error : 0;
}

static int vm_make_vcpu(struct hv_vm *vm, unsigned id, struct error *err)
{
	struct hv_vcpu *vcpu = &vm->vcpus[id];
	const char *step = "KVM_CREATE_VCPU";
	void *run;
	int error;

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->meter = vm->options.uncounted ? NULL : meter_new();
	if (!vcpu->meter && !vm->options.uncounted)
		return error_set(err, -ENOMEM, "vCPU %u: %s", id, strerror(ENOMEM));
	error = vm_ioctl(vm, KVM_CREATE_VCPU, id);
	if (error >= 0) {
		vcpu->fd = error;
		step = "mmap";
		error = vm->sys->mmap(vm->sys, vcpu->fd, vm->run_size, &run);
	}
	if (error < 0)
		return error_set(err, error, "vCPU %u: %s: %s", id, step, strerror(-error));
	vcpu->run = run;
	if (vm->stats)
		vcpu->stats_fd = hv_stats_open(vm->sys, vcpu->fd);
	return 0;
}

/* Keeps the state of everything as it is now, for hv_vm_reset(). */
static int vm_keep_power_on(struct hv_vm *vm, struct error *err)
{
	const char *what = "KVM_GET_MSR_INDEX_LIST";
	struct hv_msrs_left left = { .n = 0 };
	int error;
	struct kvm_msr_list *msrs = hv_msrs_known(vm->sys, vm->kvm_fd, &error);

	if (!msrs)
		return error_set(err, error, DEVICE ": %s: %s", what, strerror(-error));
	error = 0;
	for (unsigned i = 0; i < vm->options.vcpus && !error; i++) {
		left.n = 0;
		error = hv_vcpu_state_get(vm->sys, vm->vcpus[i].fd, msrs, vm->options.irqchip,
					  &vm->vcpus[i].power_on, &left, &what);
	}
	/* They are all alike. */
	if (!error)
		hv_msrs_left_tell(&left, DEVICE);
	free(msrs);
	if (!error && vm->options.irqchip)
		error = hv_power_on_get(vm->sys, vm->vm_fd, vm->options.pit, &vm->power_on, &what);
	return error ? error_set(err, error, DEVICE ": %s: %s", what, strerror(-error)) : 0;
}

static int vm_make_vcpus(struct hv_vm *vm, struct error *err)
{
	int size = vm->sys->ioctl(vm->sys, vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int offset = vm_capability(vm, KVM_CAP_COALESCED_MMIO);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int error;

	if (size < (int)sizeof(struct kvm_run))
		return error_set(err, size < 0 ? size : -EPROTO,
				 DEVICE ": KVM_GET_VCPU_MMAP_SIZE gave %d", size);
	vm->run_size = (size_t)size;
	for (unsigned i = 0; i < vm->options.vcpus; i++) {
		error = vm_make_vcpu(vm, i, err);
		if (error)
			return error;
	}
	/* Every vCPU shows the same ring; the first one's view of it serves. */
	if (vm->coalesced_mmio || vm->coalesced_pio) {
		/* Writes would wait where nobody sees them. */
		if (offset <= 0 || ((size_t)offset + 1) * page > vm->run_size)
			return error_set(err, -EPROTO,
					 DEVICE ": no ring of coalesced writes at page %d of %zu",
					 offset, vm->run_size / page);
		lock_destroy(&vm->ring.lock);
		hv_ring_init(&vm->ring, (uint8_t *)vm->vcpus[0].run + (size_t)offset * page, page,
			     vm->ring_meter);
	}
	error = vm->sys->ioctl(vm->sys, vm->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);
	vm->tsc_khz = error > 0 ? (uint32_t)error : 0;
	error = vm_set_cpuid(vm, err);
	return error ? error : vm_keep_power_on(vm, err);
}

int hv_vm_create(struct hv_vm *vm, const struct hv_sys *sys, const struct hv_options *options,
		 struct error *err)
{
	int error;

	assert(options->vcpus >= 1 && options->vcpus <= HV_VCPUS_MAX);
	assert(options->irqchip || !options->pit);
	memset(vm, 0, sizeof(*vm));
	vm->sys = sys;
	vm->options = *options;
	vm->kvm_fd = vm->vm_fd = vm->stats_fd = -1;
	lock_init(&vm->run_lock, LOCK_LEAF, "run");
	lock_init(&vm->failure_lock, LOCK_LEAF, "failure");
	pthread_cond_init(&vm->run_changed, NULL);
	hv_ring_init(&vm->ring, NULL, 0, NULL);
	hv_slots_init(&vm->slots, sys, -1, 0);
	hv_zones_init(&vm->zones, sys, -1);
	hv_bells_init(&vm->bells, sys, -1, &vm->zones);

	error = vm_open(vm, err);
	if (!error)
		error = vm_make(vm, err);
	if (error)
		goto destroy;
	vm_note_capabilities(vm);
	vm->ring_meter = meter_new();
	vm->time = hv_time_new(options->vcpus);
	vm->vcpus = calloc(options->vcpus, sizeof(*vm->vcpus));
	if (!vm->ring_meter || !vm->time || !vm->vcpus) {
		error = error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
		goto destroy;
	}
	for (unsigned i = 0; i < options->vcpus; i++)
		vm->vcpus[i].fd = vm->vcpus[i].stats_fd = -1;
	if (vm->stats)
		vm->stats_fd = hv_stats_open(vm->sys, vm->vm_fd);
	error = vm_make_devices(vm, err);
	if (!error)
		error = vm_make_vcpus(vm, err);
	if (!error)
		return 0;

destroy:
	hv_vm_destroy(vm);
	return error;
}

static void vm_free_vcpus(struct hv_vm *vm)
{
	for (unsigned i = 0; vm->vcpus && i < vm->options.vcpus; i++) {
		struct hv_vcpu *vcpu = &vm->vcpus[i];

		hv_vcpu_state_free(vcpu->power_on);
		if (vcpu->run)
			vm->sys->munmap(vm->sys, vcpu->run, vm->run_size);
		if (vcpu->stats_fd >= 0)
			vm->sys->close(vm->sys, vcpu->stats_fd);
		if (vcpu->fd >= 0)
			vm->sys->close(vm->sys, vcpu->fd);
		meter_free(vcpu->meter);
	}
	free(vm->vcpus);
}

void hv_vm_destroy(struct hv_vm *vm)
{
	hv_vcpus_stop(vm);
	if (vm->map) {
		mem_map_unlisten(vm->map, &vm->zones_listener);
		mem_map_unlisten(vm->map, &vm->bells_listener);
		mem_map_unlisten(vm->map, &vm->slots_listener);
	}
	hv_ring_destroy(&vm->ring); /* before its page goes with the vCPUs */
	hv_bells_destroy(&vm->bells);
	hv_zones_destroy(&vm->zones);
	hv_slots_destroy(&vm->slots);
	vm_free_vcpus(vm);
	free(vm->power_on);
	meter_free(vm->ring_meter);
	hv_time_free(vm->time);
	if (vm->stats_fd >= 0)
		vm->sys->close(vm->sys, vm->stats_fd);
	if (vm->vm_fd >= 0)
		vm->sys->close(vm->sys, vm->vm_fd);
	if (vm->kvm_fd >= 0)
		vm->sys->close(vm->sys, vm->kvm_fd);
	pthread_cond_destroy(&vm->run_changed);
	lock_destroy(&vm->failure_lock);
	lock_destroy(&vm->run_lock);
}
