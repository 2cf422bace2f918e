// SPDX-License-Identifier: MIT
/* A vCPU's registers: where it starts, and what a look at it shows. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "hv/power_on.h"
#include "hv/vcpu.h"

#define CR0_PE   (UINT64_C(1) << 0)
#define CR0_ET   (UINT64_C(1) << 4)
#define CR0_NE   (UINT64_C(1) << 5)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PAE  (UINT64_C(1) << 5)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

static struct kvm_segment real_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){ .base = (uint64_t)selector << 4,
				     .limit = 0xffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .s = 1 };
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool wide)
{
	return (struct kvm_segment){ .limit = UINT32_MAX,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .s = 1,
				     .g = 1,
				     .db = !wide,
				     .l = wide };
}

#define TYPE_CODE 11 /* readable, accessed */
#define TYPE_DATA 3 /* writable, accessed */

static void entry_segments(struct kvm_sregs *sregs, const struct hv_entry *entry)
{
	bool real = entry->mode == HV_REAL, wide = entry->mode == HV_LONG64;
	struct kvm_segment data =
		real ? real_segment(entry->ds, TYPE_DATA) : flat_segment(0x10, TYPE_DATA, false);

	sregs->cs = real ? real_segment(entry->cs, TYPE_CODE) : flat_segment(0x08, TYPE_CODE, wide);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	if (real)
		return;
	sregs->gdt.base = entry->gdt;
	sregs->gdt.limit = entry->gdt_limit;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (wide) {
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = entry->cr3;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
	}
}

int hv_vcpu_set_entry(struct hv_vm *vm, unsigned vcpu, const struct hv_entry *entry,
		      struct error *err)
{
	int fd = vm->vcpus[vcpu].fd, error;
	struct kvm_sregs sregs = *hv_vcpu_state_sregs(vm->vcpus[vcpu].power_on);
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsp = entry->rsp,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rsi = entry->rsi,
		.rflags = 2, /* the bit that is always set */
	};

	entry_segments(&sregs, entry);
	error = vm->sys->ioctl(vm->sys, fd, KVM_SET_SREGS, (uintptr_t)&sregs);
	if (error >= 0)
		error = vm->sys->ioctl(vm->sys, fd, KVM_SET_REGS, (uintptr_t)&regs);
	if (error >= 0)
		return 0;
	return error_set(err, error, "vCPU %u: setting its registers: %s", vcpu, strerror(-error));
}

static struct cpu_segment segment_of(const struct kvm_segment *segment)
{
	return (struct cpu_segment){
		.selector = segment->selector,
		.base = segment->base,
		.limit = segment->limit,
		.flags = (uint32_t)segment->type << 8 | (uint32_t)segment->s << 12 |
			 (uint32_t)segment->dpl << 13 | (uint32_t)segment->present << 15 |
			 (uint32_t)segment->avl << 20 | (uint32_t)segment->l << 21 |
			 (uint32_t)segment->db << 22 | (uint32_t)segment->g << 23,
	};
}

int hv_vcpu_registers(struct hv_vm *vm, unsigned vcpu, struct cpu_registers *out)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	int fd = vm->vcpus[vcpu].fd, ret;

	ret = vm->sys->ioctl(vm->sys, fd, KVM_GET_REGS, (uintptr_t)&regs);
	if (ret >= 0)
		ret = vm->sys->ioctl(vm->sys, fd, KVM_GET_SREGS, (uintptr_t)&sregs);
	if (ret < 0)
		return ret;
	*out = (struct cpu_registers){
		.general = { regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi,
			     regs.rdi, regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13,
			     regs.r14, regs.r15 },
		.rip = regs.rip,
		.rflags = regs.rflags,
		.segments = {
			[CPU_ES] = segment_of(&sregs.es),
			[CPU_CS] = segment_of(&sregs.cs),
			[CPU_SS] = segment_of(&sregs.ss),
			[CPU_DS] = segment_of(&sregs.ds),
			[CPU_FS] = segment_of(&sregs.fs),
			[CPU_GS] = segment_of(&sregs.gs),
			[CPU_LDT] = segment_of(&sregs.ldt),
			[CPU_TR] = segment_of(&sregs.tr),
		},
		.gdt = { .base = sregs.gdt.base, .limit = sregs.gdt.limit },
		.idt = { .base = sregs.idt.base, .limit = sregs.idt.limit },
		.cr0 = sregs.cr0,
		.cr2 = sregs.cr2,
		.cr3 = sregs.cr3,
		.cr4 = sregs.cr4,
		.cr8 = sregs.cr8,
		.efer = sregs.efer,
	};
	return 0;
}

int hv_vcpu_translate(struct hv_vm *vm, unsigned vcpu, uint64_t linear, uint64_t *physical)
{
	struct kvm_translation translation = { .linear_address = linear };
	int ret =
		vm->sys->ioctl(vm->sys, vm->vcpus[vcpu].fd, KVM_TRANSLATE, (uintptr_t)&translation);

	if (ret < 0)
		return ret;
	*physical = translation.physical_address;
	return translation.valid ? 0 : -EFAULT;
}

uint64_t hv_vcpu_rip(struct hv_vm *vm, unsigned vcpu)
{
	struct cpu_registers regs;

	return hv_vcpu_registers(vm, vcpu, &regs) ? 0 : regs.segments[CPU_CS].base + regs.rip;
}
