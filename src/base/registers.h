// SPDX-License-Identifier: MIT
/*
 * The registers of an x86-64 processor, for people and debuggers to look at (AMD APM 2, 3 and 4). Plain
 * data.
 */
#pragma once

#include <stdint.h>

enum cpu_segment_name {
	CPU_ES,
	CPU_CS,
	CPU_SS,
	CPU_DS,
	CPU_FS,
	CPU_GS,
	CPU_LDT,
	CPU_TR,
	CPU_SEGMENTS,
};

struct cpu_segment {
	uint16_t selector;
	uint64_t base;
	uint32_t limit;
	uint32_t flags; /* of its descriptor: bits 8 to 15 and 20 to 23 of the second half (4.7) */
};

/* rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 ...: as instructions number them. */
#define CPU_GENERAL 16

struct cpu_registers {
	uint64_t general[CPU_GENERAL], rip, rflags;
	struct cpu_segment segments[CPU_SEGMENTS];
	struct cpu_segment gdt, idt; /* base and limit of these */
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};
