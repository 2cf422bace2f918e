// SPDX-License-Identifier: MIT
/*
 * A small machine for tests in KVM: a megabyte of RAM at 0, chips of the test's own, a few vCPUs in
 * real mode without an interrupt controller (so that HLT comes out) or with one (so that it does not).
 * The guest's code is assembled into the test by GUEST(), copied to GUEST_CODE and entered there with
 * ds 0 and the vCPU's number in bx.
 */
#pragma once

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/vcpu.h"
#include "hv/vm.h"

#define MACHINE_RAM 0x100000u
#define GUEST_CODE  0x1000u
#define SKIP_STATUS 77

/* Real-mode code between name_start and name_end in the program's read-only data. */
#define GUEST(name, code)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".globl " #name "_start, " #name "_end\n"                                          \
		".code16\n" #name "_start:\n" code "\n" #name "_end:\n"                            \
		".code64\n"                                                                        \
		".popsection\n");                                                                  \
	extern const uint8_t name##_start[], name##_end[]

struct machine {
	struct mem_map map;
	struct mem_region ram, hole;
	uint8_t *memory;
	struct hv_vm vm;
	bool made;
	sem_t halted; /* one for each HLT that came out */
	sem_t reset;
	struct error failure;
	_Atomic bool failed;
	void *arg; /* the test's own */
};

/* True if KVM can be used here; else why not is on standard output. */
bool machine_possible(void);

/*
 * The map with RAM, and nothing in 0xa0000 to 0xfffff. The test then adds its regions to map.root[]
 * and calls machine_start(). Aborts if the host fails us: a test has no use for less.
 */
void machine_init(struct machine *machine);
void machine_create(struct machine *machine, const struct hv_options *options);
void machine_start(struct machine *machine, const uint8_t *code, const uint8_t *end);
void machine_wait_halted(struct machine *machine, unsigned n);
void machine_destroy(struct machine *machine);
