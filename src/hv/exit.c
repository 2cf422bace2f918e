// SPDX-License-Identifier: MIT
#include "hv/exit.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

/* An access of a width that no bus has (a part of a store across pages) goes byte by byte. */
static bool is_width(uint32_t len)
{
	return len == 1 || len == 2 || len == 4 || len == 8;
}

static void bus_read(const struct mem_view *view, uint64_t addr, uint8_t *out, uint32_t len)
{
	uint64_t value;

	if (is_width(len)) {
		value = mem_view_read(view, addr, len);
		memcpy(out, &value, len);
		return;
	}
	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)mem_view_read(view, addr + i, 1);
}

static void bus_write(const struct mem_view *view, uint64_t addr, const uint8_t *in, uint32_t len)
{
	uint64_t value = 0;

	if (is_width(len)) {
		memcpy(&value, in, len);
		mem_view_write(view, addr, value, len);
		return;
	}
	for (uint32_t i = 0; i < len; i++)
		mem_view_write(view, addr + i, in[i], 1);
}

static bool exit_io(struct hv_vcpu *vcpu, struct hv_access *access)
{
	struct kvm_run *run = vcpu->run;
	const struct mem_view *view = mem_hold_view(&vcpu->hold, MEM_SPACE_PORT);
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;

	/* A string instruction comes with all its elements at once, or as many as fit in a page. */
	if (write)
		mem_view_write_string(view, run->io.port, run->io.size, data, run->io.count);
	else
		mem_view_read_string(view, run->io.port, run->io.size, data, run->io.count);
	*access = (struct hv_access){
		.space = METER_PORT,
		.write = write,
		.addr = run->io.port,
		.width = run->io.size,
		.single = run->io.count == 1,
	};
	return true;
}

static bool exit_mmio(struct hv_vcpu *vcpu, struct hv_access *access)
{
	struct kvm_run *run = vcpu->run;
	const struct mem_view *view = mem_hold_view(&vcpu->hold, MEM_SPACE_MEMORY);
	bool write = run->mmio.is_write != 0;

	if (write)
		bus_write(view, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		bus_read(view, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	*access = (struct hv_access){
		.space = METER_MMIO,
		.write = write,
		.addr = run->mmio.phys_addr,
		.width = run->mmio.len,
		.single = is_width(run->mmio.len),
	};
	return true;
}

static bool exit_hlt(struct hv_vcpu *vcpu, struct hv_access *access)
{
	const struct hv_events *events = &vcpu->vm->options.events;

	hv_vcpu_hold(vcpu);
	if (events->halted)
		events->halted(events->arg, vcpu->id);
	return false;
}

/* A triple fault, which resets a PC. */
static bool exit_shutdown(struct hv_vcpu *vcpu, struct hv_access *access)
{
	const struct hv_events *events = &vcpu->vm->options.events;

	hv_vcpu_hold(vcpu);
	if (events->reset)
		events->reset(events->arg);
	return false;
}

static bool exit_system_event(struct hv_vcpu *vcpu, struct hv_access *access)
{
	const struct hv_events *events = &vcpu->vm->options.events;
	uint32_t type = vcpu->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_RESET)
		return exit_shutdown(vcpu, access);
	hv_vcpu_hold(vcpu);
	if (type == KVM_SYSTEM_EVENT_SHUTDOWN && events->shutdown)
		events->shutdown(events->arg);
	else
		hv_vm_fail(vcpu->vm, "vCPU %u: system event %u of the guest", vcpu->id, type);
	return false;
}

static bool exit_nothing(struct hv_vcpu *vcpu, struct hv_access *access)
{
	return false;
}

/* " at rip 0x..., instruction bytes ..." from the registers and the guest's memory. */
static void describe_place(struct hv_vcpu *vcpu, char *out, size_t size)
{
	struct cpu_registers regs;
	uint8_t bytes[15] = { 0 };
	uint64_t physical;
	size_t n = sizeof(bytes);
	int at;

	if (hv_vcpu_registers(vcpu->vm, vcpu->id, &regs)) {
		out[0] = '\0';
		return;
	}
	at = snprintf(out, size, " at cs 0x%x rip 0x%llx", regs.segments[CPU_CS].selector,
		      (unsigned long long)regs.rip);
	if (hv_vcpu_translate(vcpu->vm, vcpu->id, regs.segments[CPU_CS].base + regs.rip, &physical))
		return;
	/* What lies on the next page may be mapped elsewhere. */
	if (0x1000 - (physical & 0xfff) < n)
		n = 0x1000 - (physical & 0xfff);
	(void)mem_view_read_bytes(mem_hold_view(&vcpu->hold, MEM_SPACE_MEMORY), physical, bytes, n);
	at += snprintf(out + at, size - (size_t)at, ", instruction bytes");
	for (size_t i = 0; i < n; i++)
		at += snprintf(out + at, size - (size_t)at, " %02x", bytes[i]);
}

static bool exit_internal_error(struct hv_vcpu *vcpu, struct hv_access *access)
{
	static const char *const kinds[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = " (an instruction it cannot emulate)",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = " (exceptions at the same time)",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = " (delivering an event)",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = " (an exit unknown to it)",
	};
	uint32_t suberror = vcpu->run->internal.suberror;
	const char *kind = suberror < sizeof(kinds) / sizeof(kinds[0]) ? kinds[suberror] : NULL;
	char place[160];

	hv_vcpu_hold(vcpu);
	describe_place(vcpu, place, sizeof(place));
	hv_vm_fail(vcpu->vm, "vCPU %u: KVM internal error, suberror %u%s%s", vcpu->id, suberror,
		   kind ? kind : "", place);
	return false;
}

static bool exit_fail_entry(struct hv_vcpu *vcpu, struct hv_access *access)
{
	unsigned long long reason = vcpu->run->fail_entry.hardware_entry_failure_reason;
	char place[160];

	hv_vcpu_hold(vcpu);
	describe_place(vcpu, place, sizeof(place));
	hv_vm_fail(vcpu->vm, "vCPU %u: the processor refuses to enter the guest, reason 0x%llx%s",
		   vcpu->id, reason, place);
	return false;
}

static bool exit_unknown(struct hv_vcpu *vcpu, struct hv_access *access)
{
	char place[160];

	hv_vcpu_hold(vcpu);
	describe_place(vcpu, place, sizeof(place));
	hv_vm_fail(vcpu->vm, "vCPU %u: KVM exit %u is unknown%s", vcpu->id, vcpu->run->exit_reason,
		   place);
	return false;
}

static bool (*const exits[])(struct hv_vcpu *vcpu, struct hv_access *access) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_HLT] = exit_hlt,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_INTR] = exit_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_nothing,
	[KVM_EXIT_SET_TPR] = exit_nothing,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
};

bool hv_exit(struct hv_vcpu *vcpu, struct hv_access *access)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason >= sizeof(exits) / sizeof(exits[0]) || !exits[reason])
		return exit_unknown(vcpu, access);
	return exits[reason](vcpu, access);
}
