// SPDX-License-Identifier: MIT
#include "fake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FD_KVM   10
#define FD_VM    11
#define FD_VCPU  12 /* and up */
#define FD_STATS 1000 /* of the VM, and up from there those of the vCPUs */

#define IO_PAGE 1

static struct fake_kvm *fake(const struct hv_sys *sys)
{
	return (struct fake_kvm *)(uintptr_t)sys;
}

static int count_call(struct fake_kvm *kvm, unsigned long request)
{
	kvm->calls++;
	if (kvm->calls == kvm->fail_call) {
		kvm->last_request = request;
		return -EIO;
	}
	if (request && request == kvm->fail_request && kvm->fail_after-- == 0) {
		kvm->last_request = request;
		kvm->fail_after = 0;
		return kvm->fail_error;
	}
	return 0;
}

static int fake_open(const struct hv_sys *sys, const char *path)
{
	struct fake_kvm *kvm = fake(sys);

	if (kvm->open_error)
		return kvm->open_error;
	kvm->fds++;
	return FD_KVM;
}

static void fake_close(const struct hv_sys *sys, int fd)
{
	fake(sys)->fds--;
}

static int fake_mmap(const struct hv_sys *sys, int fd, size_t size, void **out)
{
	struct fake_kvm *kvm = fake(sys);
	int error = count_call(kvm, 0);

	if (error)
		return error;
	*out = aligned_alloc(FAKE_PAGE, size);
	memset(*out, 0, size);
	kvm->maps++;
	kvm->map[fd - FD_VCPU] = *out;
	return 0;
}

static void fake_munmap(const struct hv_sys *sys, void *at, size_t size)
{
	fake(sys)->maps--;
	free(at);
}

/* One more device, unless the bus is full. An exact duplicate is fine. */
static int register_zone(struct fake_kvm *kvm, const struct kvm_coalesced_mmio_zone *zone)
{
	if (fake_zones(kvm, zone->pio) >= kvm->bus_max)
		return -ENOSPC;
	kvm->zones[kvm->zones_n++] = *zone;
	return 0;
}

/* Takes every zone that contains the range, and says success if that is none. */
static int unregister_zone(struct fake_kvm *kvm, const struct kvm_coalesced_mmio_zone *zone)
{
	size_t kept = 0;

	for (size_t i = 0; i < kvm->zones_n; i++) {
		const struct kvm_coalesced_mmio_zone *have = &kvm->zones[i];

		if (have->pio != zone->pio || zone->addr < have->addr ||
		    zone->addr + zone->size > have->addr + have->size)
			kvm->zones[kept++] = *have;
	}
	kvm->zones_n = kept;
	return 0;
}

static int set_bell(struct fake_kvm *kvm, const struct kvm_ioeventfd *bell)
{
	for (size_t i = 0; i < kvm->bells_n; i++) {
		const struct kvm_ioeventfd *have = &kvm->bells[i];

		if (have->addr != bell->addr || have->len != bell->len || have->fd != bell->fd ||
		    have->datamatch != bell->datamatch ||
		    (have->flags ^ bell->flags) & ~(uint32_t)KVM_IOEVENTFD_FLAG_DEASSIGN)
			continue;
		if (!(bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
			return -EEXIST;
		kvm->bells[i] = kvm->bells[--kvm->bells_n];
		return 0;
	}
	if (bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return -ENOENT;
	kvm->bells[kvm->bells_n++] = *bell;
	return 0;
}

static int set_slot(struct fake_kvm *kvm, const struct kvm_userspace_memory_region *slot)
{
	uint64_t end = slot->guest_phys_addr + slot->memory_size;

	if (slot->slot >= FAKE_SLOTS_MAX)
		return -EINVAL;
	if ((slot->guest_phys_addr | slot->memory_size | slot->userspace_addr) & (FAKE_PAGE - 1))
		return -EINVAL;
	for (size_t i = 0; slot->memory_size && i < FAKE_SLOTS_MAX; i++) {
		const struct kvm_userspace_memory_region *have = &kvm->slots[i];

		if (i != slot->slot && have->memory_size && slot->guest_phys_addr != end &&
		    slot->guest_phys_addr < have->guest_phys_addr + have->memory_size &&
		    have->guest_phys_addr < end)
			return -EEXIST;
	}
	if (kvm->slots[slot->slot].memory_size) {
		atomic_fetch_add(&kvm->slots_taken, 1);
		if (atomic_load(&kvm->inside))
			atomic_fetch_add(&kvm->slots_taken_inside, 1);
	}
	kvm->slots[slot->slot] = *slot;
	return 0;
}

static int supported_cpuid(struct kvm_cpuid2 *cpuid)
{
	if (cpuid->nent < 2)
		return -E2BIG;
	cpuid->nent = 2;
	memset(cpuid->entries, 0, 2 * sizeof(cpuid->entries[0]));
	cpuid->entries[0].eax = 1;
	cpuid->entries[1].function = 1;
	return 0;
}

static int msr_list(struct kvm_msr_list *list)
{
	if (list->nmsrs < 300) {
		list->nmsrs = 300;
		return -E2BIG;
	}
	list->nmsrs = 300;
	for (uint32_t i = 0; i < 300; i++)
		list->indices[i] = i;
	return 0;
}

/* Every hundredth register cannot be had. */
static int some_msrs(const struct fake_kvm *kvm, unsigned long request, struct kvm_msrs *msrs)
{
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		bool fixed = kvm->fixed_msr && msrs->entries[i].index == kvm->fixed_msr;

		if (msrs->entries[i].index % 100 == 50 || (fixed && request == KVM_SET_MSRS))
			return (int)i;
		if (fixed)
			msrs->entries[i].data = kvm->fixed_value;
	}
	return (int)msrs->nmsrs;
}

static int device_ioctl(struct fake_kvm *kvm, unsigned long request, uintptr_t arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return kvm->api;
	case KVM_CHECK_EXTENSION:
		return arg < FAKE_CAPS ? kvm->caps[arg] : 0;
	case KVM_CREATE_VM:
		kvm->fds++;
		return FD_VM;
	case KVM_GET_VCPU_MMAP_SIZE:
		return 3 * FAKE_PAGE;
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid((void *)arg);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_list((void *)arg);
	default:
		return -ENOTTY;
	}
}

static int vm_ioctl(struct fake_kvm *kvm, unsigned long request, uintptr_t arg)
{
	switch (request) {
	case KVM_CREATE_VCPU:
		kvm->fds++;
		return FD_VCPU + (int)arg;
	case KVM_REGISTER_COALESCED_MMIO:
		return register_zone(kvm, (void *)arg);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return unregister_zone(kvm, (void *)arg);
	case KVM_IOEVENTFD:
		return set_bell(kvm, (void *)arg);
	case KVM_SET_USER_MEMORY_REGION:
		return set_slot(kvm, (void *)arg);
	case KVM_SIGNAL_MSI:
		kvm->msi = *(struct kvm_msi *)arg;
		return 1;
	case KVM_IRQ_LINE_STATUS:
		kvm->level = *(struct kvm_irq_level *)arg;
		((struct kvm_irq_level *)arg)->status = kvm->irq_status;
		return 0;
	case KVM_SET_IRQCHIP:
		kvm->irqchips_set++;
		return 0;
	case KVM_GET_PIT2:
		*(struct kvm_pit_state2 *)arg = kvm->pit;
		return 0;
	case KVM_SET_PIT2:
		kvm->pits_set++;
		kvm->pit = *(struct kvm_pit_state2 *)arg;
		return 0;
	case KVM_GET_CLOCK:
		*(struct kvm_clock_data *)arg = kvm->clock;
		return 0;
	case KVM_SET_CLOCK:
		kvm->clock = *(struct kvm_clock_data *)arg;
		return 0;
	case KVM_GET_STATS_FD:
		kvm->fds++;
		return FD_STATS;
	default:
		return 0;
	}
}

/* KVM_VCPU_TSC_OFFSET is the only one there is. */
static int tsc_offset(struct fake_kvm *kvm, unsigned vcpu, unsigned long request, uintptr_t arg)
{
	const struct kvm_device_attr *attr = (void *)arg;
	uint64_t *value = (void *)(uintptr_t)attr->addr;

	if (kvm->no_tsc_offset || attr->group != KVM_VCPU_TSC_CTRL ||
	    attr->attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	if (request == KVM_GET_DEVICE_ATTR)
		*value = kvm->tsc_offset[vcpu];
	else if (request == KVM_SET_DEVICE_ATTR)
		kvm->tsc_offset[vcpu] = *value;
	return 0;
}

#define MSR_TSC 0x10u

static int one_tsc(struct fake_kvm *kvm, unsigned vcpu, unsigned long request,
		   struct kvm_msrs *msrs)
{
	if (request == KVM_GET_MSRS)
		msrs->entries[0].data = kvm->tsc[vcpu];
	else
		kvm->tsc[vcpu] = msrs->entries[0].data;
	return 1;
}

static int translate(const struct fake_kvm *kvm, struct kvm_translation *translation)
{
	translation->valid = translation->linear_address == kvm->linear;
	translation->physical_address = kvm->physical;
	return 0;
}

static int vcpu_ioctl(struct fake_kvm *kvm, unsigned vcpu, unsigned long request, uintptr_t arg)
{
	struct kvm_msrs *msrs = (void *)arg;

	switch (request) {
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return tsc_offset(kvm, vcpu, request, arg);
	case KVM_KVMCLOCK_CTRL:
		kvm->clock_ctrls++;
		return 0;
	case KVM_GET_TSC_KHZ:
		return 2500000;
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		if (msrs->nmsrs == 1 && msrs->entries[0].index == MSR_TSC)
			return one_tsc(kvm, vcpu, request, msrs);
		return some_msrs(kvm, request, msrs);
	case KVM_GET_SREGS:
		*(struct kvm_sregs *)arg = kvm->sregs;
		return 0;
	case KVM_SET_SREGS:
		kvm->sregs_set++;
		kvm->sregs = *(struct kvm_sregs *)arg;
		return 0;
	case KVM_GET_REGS:
		*(struct kvm_regs *)arg = kvm->regs;
		return 0;
	case KVM_SET_REGS:
		kvm->regs = *(struct kvm_regs *)arg;
		return 0;
	case KVM_GET_STATS_FD:
		kvm->fds++;
		return FD_STATS + 1 + (int)vcpu;
	case KVM_TRANSLATE:
		return translate(kvm, (void *)arg);
	default:
		return 0;
	}
}

bool fake_must_exit(const struct kvm_run *run)
{
	return __atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE) != 0;
}

int fake_sleep(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run)
{
	sigset_t all, outside;
	int value = 0;

	/*
	 * As KVM does it: a signal that comes after the look at the flag ends the sleep, also if that
	 * has not begun; one that comes before has no effect, but the flag was set before it.
	 */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &outside);
	while (!fake_must_exit(run) && value == 0)
		value = ppoll(NULL, 0, NULL, &outside);
	pthread_sigmask(SIG_SETMASK, &outside, NULL);
	return -EINTR;
}

void *fake_io_data(struct kvm_run *run)
{
	return (uint8_t *)run + IO_PAGE * FAKE_PAGE;
}

int fake_exit_io(struct kvm_run *run, bool write, uint16_t port, uint8_t size, uint32_t count,
		 const void *data)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.port = port;
	run->io.size = size;
	run->io.count = count;
	run->io.data_offset = IO_PAGE * FAKE_PAGE;
	if (write)
		memcpy(fake_io_data(run), data, (size_t)size * count);
	return 0;
}

int fake_exit_mmio(struct kvm_run *run, bool write, uint64_t addr, uint32_t len, const void *data)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.is_write = write;
	run->mmio.phys_addr = addr;
	run->mmio.len = len;
	if (write)
		memcpy(run->mmio.data, data, len);
	return 0;
}

static int fake_run(struct fake_kvm *kvm, unsigned vcpu)
{
	int (*guest)(struct fake_kvm *, unsigned, struct kvm_run *) = kvm->guest;
	int value;

	atomic_fetch_add(&kvm->inside, 1);
	atomic_fetch_add(&kvm->runs, 1);
	value = (guest ? guest : fake_sleep)(kvm, vcpu, kvm->map[vcpu]);
	atomic_fetch_sub(&kvm->inside, 1);
	if (value == -EINTR)
		atomic_fetch_add(&kvm->interrupted, 1);
	return value;
}

static int locked_ioctl(struct fake_kvm *kvm, int fd, unsigned long request, uintptr_t arg)
{
	int error = 0;

	/* Asking for a capability or the TSC's rate cannot fail, only say no. */
	if (request != KVM_CHECK_EXTENSION && request != KVM_GET_TSC_KHZ)
		error = count_call(kvm, request);
	if (error)
		return error;
	if (fd == FD_KVM)
		return device_ioctl(kvm, request, arg);
	return fd == FD_VM ? vm_ioctl(kvm, request, arg)
			   : vcpu_ioctl(kvm, (unsigned)(fd - FD_VCPU), request, arg);
}

static int fake_ioctl(const struct hv_sys *sys, int fd, unsigned long request, uintptr_t arg)
{
	struct fake_kvm *kvm = fake(sys);
	int value;

	if (request == KVM_RUN)
		return fake_run(kvm, (unsigned)(fd - FD_VCPU));
	pthread_mutex_lock(&kvm->lock);
	value = locked_ioctl(kvm, fd, request, arg);
	pthread_mutex_unlock(&kvm->lock);
	return value;
}

/* Statistics with one value: whose they are. */
static ssize_t fake_pread(const struct hv_sys *sys, int fd, void *to, size_t size, uint64_t offset)
{
	struct fake_kvm *kvm = fake(sys);
	const struct kvm_stats_header header = {
		.name_size = 8,
		.num_desc = 1,
		.desc_offset = sizeof(header),
		.data_offset = sizeof(header) + sizeof(struct kvm_stats_desc) + 8,
	};
	const struct kvm_stats_desc desc = { .size = 1 };
	const uint64_t value = (uint64_t)(fd - FD_STATS);
	uint8_t *at = to;

	if (kvm->pread_error)
		return kvm->pread_error;
	memset(to, 0, size);
	memcpy(at, &header, sizeof(header));
	memcpy(at + header.desc_offset, &desc, sizeof(desc));
	memcpy(at + header.desc_offset + sizeof(desc), "whose", 5);
	memcpy(at + header.data_offset, &value, sizeof(value));
	return header.data_offset + (ssize_t)sizeof(value);
}

void fake_init(struct fake_kvm *kvm)
{
	memset(kvm, 0, sizeof(*kvm));
	kvm->sys = (struct hv_sys){
		.open = fake_open,
		.close = fake_close,
		.ioctl = fake_ioctl,
		.mmap = fake_mmap,
		.munmap = fake_munmap,
		.pread = fake_pread,
	};
	pthread_mutex_init(&kvm->lock, NULL);
	kvm->api = 12;
	for (size_t i = 0; i < FAKE_CAPS; i++)
		kvm->caps[i] = 1;
	kvm->caps[KVM_CAP_COALESCED_MMIO] = RING_PAGE;
	kvm->caps[KVM_CAP_NR_MEMSLOTS] = FAKE_SLOTS_MAX;
	kvm->caps[KVM_CAP_MAX_VCPUS] = FAKE_MAPS_MAX;
	kvm->bus_max = FAKE_BUS_MAX;
}

size_t fake_zones(const struct fake_kvm *kvm, bool pio)
{
	size_t n = 0;

	for (size_t i = 0; i < kvm->zones_n; i++)
		n += (kvm->zones[i].pio != 0) == pio;
	return n;
}

bool fake_has_zone(const struct fake_kvm *kvm, bool pio, uint64_t addr, uint32_t size)
{
	for (size_t i = 0; i < kvm->zones_n; i++) {
		const struct kvm_coalesced_mmio_zone *zone = &kvm->zones[i];

		if ((zone->pio != 0) == pio && zone->addr == addr && zone->size == size)
			return true;
	}
	return false;
}

struct kvm_coalesced_mmio_ring *fake_ring(struct fake_kvm *kvm)
{
	return (void *)((uint8_t *)kvm->map[0] + RING_PAGE * FAKE_PAGE);
}
