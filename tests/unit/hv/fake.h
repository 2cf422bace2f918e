// SPDX-License-Identifier: MIT
/*
 * A KVM that is only a model: answers what a test tells it to, fails where a test wants it to, and
 * keeps zones, ioeventfds and memory slots by the kernel's own rules, its odd ones included. Several
 * threads may call it; what a test says and looks at is for one thread unless it is atomic.
 */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/sys.h"

#define FAKE_PAGE      4096u
#define RING_PAGE      2 /* of a vCPU's mapping: the ring of coalesced writes */
#define FAKE_CAPS      256u
#define FAKE_BUS_MAX   1000u
#define FAKE_SLOTS_MAX 64u
#define FAKE_BELLS_MAX 64u
#define FAKE_MAPS_MAX  8u

struct fake_kvm {
	struct hv_sys sys; /* first: a function gets the whole by a cast */

	/* What the test says. */
	int open_error; /* of /dev/kvm, or 0 */
	int api;
	int caps[FAKE_CAPS];
	unsigned long fail_request; /* this request fails with fail_error ... */
	int fail_error;
	unsigned fail_after; /* ... after so many that work */
	int pread_error; /* what reading statistics gives, or 0 */
	int fail_call; /* the call of this number (from 1) fails with -EIO, whatever it is; or 0 */
	size_t bus_max; /* places for zones on each bus */
	/*
	 * What a vCPU's guest does once it is let in, on the vCPU's thread: what KVM_RUN gives. NULL:
	 * fake_sleep().
	 */
	int (*guest)(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run);
	void *arg; /* the test's own */
	struct kvm_regs regs; /* of all vCPUs: these two also as they were set last */
	struct kvm_sregs sregs;
	uint64_t linear, physical; /* the only address that is mapped, and where */

	/* What happened. */
	int calls;
	int fds, maps; /* open ones */
	unsigned long last_request; /* the one that failed */
	struct kvm_coalesced_mmio_zone zones[2 * FAKE_BUS_MAX];
	size_t zones_n;
	struct kvm_ioeventfd bells[FAKE_BELLS_MAX];
	size_t bells_n;
	struct kvm_userspace_memory_region slots[FAKE_SLOTS_MAX];
	void *map[FAKE_MAPS_MAX];
	struct kvm_msi msi;
	struct kvm_irq_level level;
	int irq_status;
	uint32_t sregs_set, irqchips_set, pits_set;
	uint32_t fixed_msr; /* cannot be set, and has this value; 0: none */
	uint64_t fixed_value;
	bool no_tsc_offset; /* an old kernel */
	uint64_t tsc_offset[FAKE_MAPS_MAX],
		tsc[FAKE_MAPS_MAX]; /* what was set; also what is read */
	struct kvm_clock_data clock;
	struct kvm_pit_state2 pit;
	unsigned clock_ctrls; /* guests told that they were stopped */
	atomic_uint inside; /* vCPUs in KVM_RUN now */
	atomic_uint runs; /* times KVM_RUN was called, by any */
	atomic_uint interrupted; /* times it gave EINTR */
	atomic_uint slots_taken; /* slots deleted or changed ... */
	atomic_uint slots_taken_inside; /* ... while a vCPU was in KVM_RUN */
	pthread_mutex_t lock; /* what is not atomic, during a call */
};

/* Everything is there and works. */
void fake_init(struct fake_kvm *kvm);
/* A guest that does nothing: comes out when KVM's would, for a signal or immediate_exit. */
int fake_sleep(struct fake_kvm *kvm, unsigned vcpu, struct kvm_run *run);
/* A guest that comes out by itself; true if it is not to be let in at all. */
bool fake_must_exit(const struct kvm_run *run);
/* One that comes out for access to a port: a string instruction, if count is not 1. */
int fake_exit_io(struct kvm_run *run, bool write, uint16_t port, uint8_t size, uint32_t count,
		 const void *data);
/* The same for memory; data of 8 bytes at most. */
int fake_exit_mmio(struct kvm_run *run, bool write, uint64_t addr, uint32_t len, const void *data);
/* The data of a port access, to be read afterwards. */
void *fake_io_data(struct kvm_run *run);
/* How many zones of this bus are registered. */
size_t fake_zones(const struct fake_kvm *kvm, bool pio);
bool fake_has_zone(const struct fake_kvm *kvm, bool pio, uint64_t addr, uint32_t size);
/* The ring, as a vCPU's mapping shows it. */
struct kvm_coalesced_mmio_ring *fake_ring(struct fake_kvm *kvm);
