// SPDX-License-Identifier: MIT
/*
 * vCPUs: a thread each, which runs the guest and carries out what it cannot do alone:
 *
 *	KVM_RUN returns -> drain the ring -> look the address up -> the chip's handler
 *	-> settle the map -> KVM_RUN
 *
 * A vCPU is stopped from outside by a flag in its shared page that makes KVM_RUN return at once, set
 * before a signal (HV_KICK_SIGNAL, with an empty handler) takes it out of the guest: wherever the
 * thread is at that moment, one of the two catches it.
 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/registers.h"
#include "hv/vm.h"
#include "mem/lend.h"

#define HV_KICK_SIGNAL SIGUSR1

struct kvm_run;
struct hv_vcpu_state; /* registers as created */

struct hv_vcpu {
	struct hv_vm *vm;
	unsigned id;
	int fd;
	int stats_fd; /* -1: none */
	struct kvm_run *run;
	struct hv_vcpu_state *power_on;
	struct mem_hold hold; /* the thread's own */
	struct mem_hot hot; /* the thread's own */
	struct meter *meter; /* written by the thread, read by any; NULL: nothing is counted */

	atomic_int tid; /* of the thread, as the kernel numbers it */
	atomic_bool inside; /* KVM_RUN, or as good as: hv/gate.h */
	atomic_bool asked; /* to stop: look at the machine's state before going on */
	/* With run_lock held: */
	bool running; /* a thread exists */
	bool parked; /* it waits, with no access half done */
	bool held; /* nothing more to do before a reset: halted, shut down, failed */
	pthread_t thread;
};

/* Starts the threads, paused or running. The VM is attached to a map. 0, or -errno with a message. */
int hv_vcpus_start(struct hv_vm *vm, bool paused, struct error *err)
	__attribute__((warn_unused_result));
/* Ends the threads; the machine's state stays as pausing leaves it. Not for vCPU threads. */
void hv_vcpus_stop(struct hv_vm *vm);

/*
 * Returns when no vCPU runs: accesses that were half done are completed, the ring is empty, the
 * chips have seen every write. Not for vCPU threads, no lock held.
 */
void hv_vcpus_pause(struct hv_vm *vm);
void hv_vcpus_resume(struct hv_vm *vm);
/*
 * Asks for a pause without waiting for it: for handlers whose write must be the last thing that the
 * guest does (reset, power-off). No vCPU's access is carried out any more until the machine runs
 * again, not even one that was on its way while the write still waited in the ring. Any thread, any
 * lock.
 */
void hv_vcpus_ask_pause(struct hv_vm *vm);
/*
 * The same before hv_vm_reset(): the write that asked may have waited, and those that wait behind it
 * in the ring are thrown away too.
 */
void hv_vcpus_ask_reset(struct hv_vm *vm);

/* vCPUs that were held until a reset may run again: hv_vm_reset() calls it. */
void hv_vcpus_release(struct hv_vm *vm);

/* The kernel's number of a vCPU's thread; 0: not started. For vcpu < options.vcpus, any thread. */
int hv_vcpu_thread(const struct hv_vm *vm, unsigned vcpu);
/* Costs of one vCPU's exits, for vcpu < options.vcpus; NULL if nothing is counted. */
const struct meter *hv_vcpu_meter(const struct hv_vm *vm, unsigned vcpu);

/* Where a vCPU starts instead of at the reset vector. */
enum hv_mode {
	HV_REAL, /* 16 bits: cs is a segment, all other segments 0 unless data says otherwise */
	HV_FLAT32, /* 32 bits, paging off, flat segments 0x08 (code) and 0x10 (data) */
	HV_LONG64, /* 64 bits, paging by cr3, segments as above */
};

struct hv_entry {
	enum hv_mode mode;
	uint16_t cs, ds; /* HV_REAL */
	uint64_t rip, rsp, rax, rbx, rsi;
	uint64_t cr3; /* HV_LONG64 */
	uint64_t gdt; /* not HV_REAL: guest address of a table that has these segments, */
	uint16_t gdt_limit; /* or 0: none, until the guest loads its own */
};

/* While the vCPUs are paused or not yet started. 0, or -errno with a message. */
int hv_vcpu_set_entry(struct hv_vm *vm, unsigned vcpu, const struct hv_entry *entry,
		      struct error *err) __attribute__((warn_unused_result));

/*
 * What is in its registers, and where a linear address leads by its page tables, if it has any; same
 * condition. 0 or -errno; -EFAULT: the address is not mapped.
 */
int hv_vcpu_registers(struct hv_vm *vm, unsigned vcpu, struct cpu_registers *out)
	__attribute__((warn_unused_result));
int hv_vcpu_translate(struct hv_vm *vm, unsigned vcpu, uint64_t linear, uint64_t *physical)
	__attribute__((warn_unused_result));

/* The instruction pointer (with the base of CS), for messages and tests; same condition. */
uint64_t hv_vcpu_rip(struct hv_vm *vm, unsigned vcpu);
