// SPDX-License-Identifier: MIT
/*
 * An accelerator: who makes the guest's accesses, and where interrupts go. KVM is one
 * (board/accel_kvm.h), nobody another (board/accel_none.h: tests and qtest make the accesses by
 * hand). It is a constant table of operations and an instance, which begins with struct accel.
 *
 * The machine that is given one owns it from machine_init() to machine_detach() and calls it in this
 * order: create, attach, then pause and resume in turns, destroy. Nothing above asks which one it
 * has; where one differs in what the guest or the user gets, the table says so by a name.
 *
 * Every operation is there unless it says "may be NULL". Those that say nothing else are for the
 * loop's thread with no lock held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/registers.h"
#include "dev/irq.h"
#include "mem/map.h"
#include "meter/report.h"
#include "meter/stats.h"

struct accel {
	const struct accel_ops *ops;
};

/* What the accelerator tells the machine. */
struct accel_events {
	/* The guest asks for it other than by a chip, or the run cannot go on. Any thread, any lock. */
	void (*reset)(void *arg);
	void (*shutdown)(void *arg);
	void (*failed)(void *arg, const char *message);
	/*
	 * A write that waited has reached its chip, those behind it have not. Told by accelerators
	 * whose guest goes on after the write that asked for a reset (see ask_reset), so that the
	 * reset comes before the next write. No lock held.
	 */
	void (*delivered)(void *arg);
	void *arg;
};

struct accel_ops {
	bool kvm; /* what query-kvm answers */
	bool irqchip; /* the interrupt controllers, their edge/level registers too, are its own */
	bool manual_clock; /* the machine's time moves only by machine_step_clock() */
	bool metered; /* accesses are counted; else the operations of the report tell nothing */

	/* Makes what is there before any chip and map. 0, or -errno with a message and nothing left. */
	int (*create)(struct accel *accel, const struct accel_events *events, struct error *err);
	/*
	 * Mirrors the map and makes the vCPUs' threads, paused. 0, or -errno with a message; destroy
	 * follows in either case.
	 */
	int (*attach)(struct accel *accel, struct mem_map *map, struct error *err);
	/* Leaves the map. From here on nothing of the guest moves. */
	void (*destroy)(struct accel *accel);

	/*
	 * Returns when no vCPU runs and all they did has reached the chips: waiting writes are
	 * delivered, changes of the map made. Twice is once.
	 */
	void (*pause)(struct accel *accel);
	void (*resume)(struct accel *accel);
	/* Asks for it without waiting: no access behind this one happens. Any thread, any lock but a leaf. */
	void (*ask_pause)(struct accel *accel);
	/* The same before reset(): of the writes that wait already none happens either. */
	void (*ask_reset)(struct accel *accel);
	/* vCPUs, while paused, and the chips that are its own as created. 0, or -errno with a message. */
	int (*reset)(struct accel *accel, struct error *err);

	/*
	 * The guest's clocks that are its own (time-stamp counter, timer, paravirtual clock) stand
	 * still, and go on from where they stood; in turns, stop_time first. vCPUs are paused both
	 * times, and may have been reset in between. Both may be NULL if there are none.
	 */
	void (*stop_time)(struct accel *accel);
	void (*start_time)(struct accel *accel);

	/* Delivers every waiting write and makes the changes of the map asked for. Any thread. */
	void (*drain)(struct accel *accel);
	/* The shortest time in ns that a waiting write may wait now, or 0: as long as it likes. Any thread. */
	uint64_t (*deadline)(struct accel *accel);
	/* Looks whether what has a deadline is still used; a few times a second while there is one. */
	void (*review)(struct accel *accel);

	/* Drives an input of the interrupt controllers. Any thread, any lock but a leaf. */
	enum irq_status (*irq_line)(struct accel *accel, unsigned line, bool level);
	/* Sends a message-signalled interrupt. 0, or -errno of the host. As above. */
	int (*msi)(struct accel *accel, uint64_t addr, uint32_t data);

	unsigned (*vcpus)(struct accel *accel); /* at least 1; the same for ever */
	/* The kernel's number of a vCPU's thread; 0: not started. Any thread. NULL: there are none. */
	int (*thread)(struct accel *accel, unsigned vcpu);

	/*
	 * What a vCPU has in its registers, and where a linear address of its leads: while paused. 0 or
	 * -errno; -EFAULT: the address is not mapped. Both NULL: there is no processor to ask.
	 */
	int (*registers)(struct accel *accel, unsigned vcpu, struct cpu_registers *out);
	int (*translate)(struct accel *accel, unsigned vcpu, uint64_t linear, uint64_t *physical);

	/* For the report, any thread. NULL and no zones if nothing is counted. */
	const struct meter *(*vcpu_meter)(struct accel *accel, unsigned vcpu);
	const struct meter *(*ring_meter)(struct accel *accel); /* of waiting writes */
	/* How waiting writes were delivered; .deadline is the machine's. Any thread. */
	void (*drains)(struct accel *accel, struct meter_ring *out);
	/*
	 * The kernel's own statistics, of the machine for vcpu -1, else of that vCPU; the caller frees
	 * them. Any thread. 0; -ENOTSUP: there are none; or -errno. NULL: there never are any.
	 */
	int (*stats)(struct accel *accel, int vcpu, struct meter_stats *out);
	/* Copies up to max zones to out, with texts that live as long as the map; how many there are. */
	size_t (*zones)(struct accel *accel, struct meter_zone *out, size_t max);
	/* Why no write in this space waits by itself, or NULL; constant text. */
	const char *(*refused)(struct accel *accel, enum mem_space space);
	/* Why writes to this range can never wait, whoever says so, or NULL; constant text. */
	const char *(*obstacle)(struct accel *accel, enum mem_space space, struct range range);
};
