// SPDX-License-Identifier: MIT
/* "info registers": a processor's, in the form that QEMU gives them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctl/hmp_impl.h"

#define CR0_PE   (UINT64_C(1) << 0)
#define EFER_LMA (UINT64_C(1) << 10)
#define FLAGS_L  (UINT32_C(1) << 21)

struct flag {
	uint64_t mask;
	char letter;
};

/* AMD APM 2, 3.1.6; in QEMU's order. */
static const struct flag flags[] = {
	{ 0x400, 'D' }, { 0x800, 'O' }, { 0x80, 'S' }, { 0x40, 'Z' },
	{ 0x10, 'A' },  { 0x4, 'P' },   { 0x1, 'C' },
};

#define FLAGS_N (sizeof(flags) / sizeof(flags[0]))

static void tell_general(FILE *out, const struct cpu_registers *regs, bool wide)
{
	/* In the order in which QEMU prints them, by number. */
	static const struct {
		uint8_t number;
		const char *name;
	} order[] = {
		{ 0, "AX" }, { 3, "BX" }, { 1, "CX" }, { 2, "DX" },
		{ 6, "SI" }, { 7, "DI" }, { 5, "BP" }, { 4, "SP" },
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint64_t value = regs->general[order[i].number];

		if (wide)
			fprintf(out, "R%s=%016" PRIx64, order[i].name, value);
		else
			fprintf(out, "E%s=%08" PRIx32, order[i].name, (uint32_t)value);
		fputc(i % 4 == 3 ? '\n' : ' ', out);
	}
	for (unsigned i = 8; wide && i < CPU_GENERAL; i++)
		fprintf(out, "R%-2u=%016" PRIx64 "%c", i, regs->general[i],
			i % 4 == 3 ? '\n' : ' ');
}

/* The privilege level is that of the code segment, 0 in real mode. */
static unsigned privilege(const struct cpu_registers *regs)
{
	return regs->cr0 & CR0_PE ? regs->segments[CPU_CS].selector & 3 : 0;
}

static void tell_place(FILE *out, const struct cpu_registers *regs, bool wide)
{
	char letters[FLAGS_N + 1];

	for (size_t i = 0; i < FLAGS_N; i++)
		letters[i] = regs->rflags & flags[i].mask ? flags[i].letter : '-';
	letters[FLAGS_N] = '\0';
	if (wide)
		fprintf(out, "RIP=%016" PRIx64 " RFL=%08" PRIx32, regs->rip,
			(uint32_t)regs->rflags);
	else
		fprintf(out, "EIP=%08" PRIx32 " EFL=%08" PRIx32, (uint32_t)regs->rip,
			(uint32_t)regs->rflags);
	fprintf(out, " [%s] CPL=%u\n", letters, privilege(regs));
}

static void tell_base(FILE *out, uint64_t base, bool wide)
{
	if (wide)
		fprintf(out, "%016" PRIx64, base);
	else
		fprintf(out, "%08" PRIx32, (uint32_t)base);
}

static void tell_segments(FILE *out, const struct cpu_registers *regs, bool wide)
{
	static const char *const names[CPU_SEGMENTS] = {
		[CPU_ES] = "ES ", [CPU_CS] = "CS ", [CPU_SS] = "SS ",  [CPU_DS] = "DS ",
		[CPU_FS] = "FS ", [CPU_GS] = "GS ", [CPU_LDT] = "LDT", [CPU_TR] = "TR ",
	};

	for (size_t i = 0; i < CPU_SEGMENTS; i++) {
		const struct cpu_segment *segment = &regs->segments[i];

		fprintf(out, "%s=%04x ", names[i], segment->selector);
		tell_base(out, segment->base, wide);
		fprintf(out, " %08" PRIx32 " %08" PRIx32 "\n", segment->limit, segment->flags);
	}
	fputs("GDT=     ", out);
	tell_base(out, regs->gdt.base, wide);
	fprintf(out, " %08" PRIx32 "\nIDT=     ", regs->gdt.limit);
	tell_base(out, regs->idt.base, wide);
	fprintf(out, " %08" PRIx32 "\n", regs->idt.limit);
}

static void tell_control(FILE *out, const struct cpu_registers *regs, bool wide)
{
	fprintf(out, "CR0=%08" PRIx32 " CR2=", (uint32_t)regs->cr0);
	tell_base(out, regs->cr2, wide);
	fputs(" CR3=", out);
	tell_base(out, regs->cr3, wide);
	fprintf(out, " CR4=%08" PRIx32 "\nEFER=%016" PRIx64 "\n", (uint32_t)regs->cr4, regs->efer);
}

void ctl_hmp_info_registers(struct hmp_call *call)
{
	struct cpu_registers regs;
	int ret = machine_registers(call->qmp->machine, *call->cpu, &regs);
	bool wide;

	if (ret == -ENOTSUP) {
		fputs("Error: No CPU available\n", call->out);
		return;
	}
	if (ret) {
		fprintf(call->out, "Error: %s\n", strerror(-ret));
		return;
	}
	wide = regs.efer & EFER_LMA && regs.segments[CPU_CS].flags & FLAGS_L;
	fprintf(call->out, "\nCPU#%u\n", *call->cpu);
	tell_general(call->out, &regs, wide);
	tell_place(call->out, &regs, wide);
	tell_segments(call->out, &regs, wide);
	tell_control(call->out, &regs, wide);
}
