// SPDX-License-Identifier: MIT
/*
 * A virtual machine on KVM. Made in this order: hv_vm_create() (the kernel's interrupt controllers
 * and timer are there before any zone, so that no zone can steal their writes), hv_vm_attach() to a
 * map, hv_vcpus_start() (hv/vcpu.h); taken down in the reverse order by hv_vm_destroy().
 *
 * Owned by the board. Creation and destruction are for one thread; the functions on a running
 * machine say which threads may call them.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/lock.h"
#include "hv/bell.h"
#include "hv/cpuid.h"
#include "hv/ring.h"
#include "hv/slot.h"
#include "hv/sys.h"
#include "hv/zone.h"
#include "mem/map.h"
#include "meter/meter.h"

/* KVM's own three pages for real mode on old Intel processors and its identity map: below the ROM. */
#define HV_IDENTITY_MAP UINT64_C(0xfeffc000)
#define HV_TSS          UINT64_C(0xfeffd000)

#define HV_VCPUS_MAX 255

/*
 * What the board is told. Called on vCPU threads, failed() also by whoever changes the map, with
 * locks held: post it to the loop and return. Each may be NULL.
 */
struct hv_events {
	void (*reset)(
		void *arg); /* the guest asks for a reset: triple fault, or a paravirtual request */
	void (*shutdown)(
		void *arg); /* the guest asks to be switched off by a paravirtual request */
	void (*halted)(void *arg,
		       unsigned vcpu); /* HLT without an interrupt controller in the kernel */
	void (*failed)(void *arg, const char *message); /* the machine cannot go on; told once */
	void *arg;
};

struct hv_options {
	bool coalesce; /* false: no zone but those that the user adds (mem/overrule.h) */
	bool irqchip; /* PIC, I/O APIC and local APICs in the kernel */
	bool pit; /* timer and port 0x61 in the kernel; needs irqchip */
	bool pit_discard; /* ticks that the guest did not get are lost, not given later */
	bool uncounted; /* exits have no meter; the ring has, by which zones are seen to be used */
	unsigned vcpus; /* 1 to HV_VCPUS_MAX */
	struct hv_cpu cpu;
	struct hv_events events;
};

struct hv_vcpu;
struct hv_time; /* hv/timekeeping.h */
struct hv_power_on; /* state of the kernel's devices as created, for resets */

struct hv_vm {
	const struct hv_sys *sys;
	int kvm_fd, vm_fd;
	int stats_fd; /* -1: none */
	struct hv_options options;

	/* Each degrades by itself. */
	bool coalesced_mmio, coalesced_pio;
	bool irqfd, irq_status, signal_msi;
	bool adjust_clock, kvmclock_ctrl;
	bool stats; /* the kernel counts, and tells */
	uint32_t tsc_khz; /* of the guests' and the host's TSC; 0: not known */

	struct mem_map *map; /* NULL until attached */
	struct mem_listener slots_listener, bells_listener, zones_listener;
	struct hv_slots slots;
	struct hv_zones zones;
	struct hv_bells bells;
	struct hv_ring ring;
	struct meter *ring_meter;

	struct hv_vcpu *vcpus;
	size_t run_size; /* bytes of a vCPU's shared mapping */
	struct hv_power_on *power_on;
	bool msrs_told; /* which registers a reset could not set */
	struct hv_time *time;

	/* Running, pausing, stopping: hv/vcpu.c */
	struct lock run_lock; /* LOCK_LEAF */
	pthread_cond_t run_changed;
	bool started, paused, stopping;
	atomic_bool gate_closed; /* no vCPU enters the guest: hv/gate.h */
	atomic_bool over; /* a write was the guest's last: later accesses are not carried out */

	struct lock failure_lock; /* LOCK_LEAF */
	bool attached; /* what fails before is attaching's own error, and told by that alone */
	bool failed;
	struct error failure;
};

/*
 * Opens KVM and makes a machine without memory, with all its vCPUs in their power-on state. sys and
 * what it points to must outlive the VM. 0, or -errno with a message.
 */
int hv_vm_create(struct hv_vm *vm, const struct hv_sys *sys, const struct hv_options *options,
		 struct error *err) __attribute__((warn_unused_result));
/* Stops the vCPUs if they run, leaves the map, frees everything. Not for vCPU threads. */
void hv_vm_destroy(struct hv_vm *vm);

/* Mirrors the map: slots, ioeventfds, zones; the ring is delivered to it. 0, or -errno with a message. */
int hv_vm_attach(struct hv_vm *vm, struct mem_map *map, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Every waiting write reaches its chip, and what handlers asked of the map is carried out. Any thread,
 * no lock held.
 */
void hv_vm_drain(struct hv_vm *vm);
/* Only the latter: for whoever dispatches by itself. Any thread, no lock held. */
void hv_vm_settle(struct hv_vm *vm);

/*
 * The shortest deadline in ns of a zone that is registered, or 0: whoever runs the machine drains at
 * least that often while this is not 0. Any thread, no lock; may change with the map.
 */
uint64_t hv_vm_deadline(const struct hv_vm *vm);
/*
 * Takes back zones with a deadline that nobody used for a second; a few times a second while there is a
 * deadline. Any thread, no lock held.
 */
void hv_vm_review(struct hv_vm *vm);

/*
 * Drives an input of the interrupt controllers. 1: an interrupt was delivered, 0: merged with one
 * still pending, -1: masked. A kernel that cannot tell says 1; one that refuses ends the machine
 * (hv_vm_fail()). Any thread, a chip's lock held or not.
 */
int hv_vm_irq_line(struct hv_vm *vm, unsigned gsi, bool level);
/* Sends a message-signalled interrupt. 1 delivered, 0 blocked by the guest, or -errno. As above. */
int hv_vm_msi(struct hv_vm *vm, uint64_t addr, uint32_t data);
/*
 * How many interrupts this thread has raised by the two functions above, modulo 2^32: whoever looks
 * before and after knows whether what it did in between raised one.
 */
extern _Thread_local unsigned hv_raised;
/* A write to the eventfd raises an edge on the input, without us; or no longer. 0 or -errno. */
int hv_vm_irqfd(struct hv_vm *vm, unsigned gsi, int fd, bool assign)
	__attribute__((warn_unused_result));

/*
 * Interrupt controllers, timer and all vCPUs as they were created. The vCPUs are paused or not yet
 * started; chips drop their lines themselves. 0, or -errno with a message.
 */
int hv_vm_reset(struct hv_vm *vm, struct error *err) __attribute__((warn_unused_result));

/* The machine cannot go on: keeps the first message and tells the board. Any thread, any lock. */
void hv_vm_fail(struct hv_vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
