// SPDX-License-Identifier: MIT
/*
 * What the events of one vCPU's thread mean: who served an access, user space or the kernel, and how long
 * that took. The kernel reports accesses and returns to user space by events of their own, and this puts
 * the two together:
 *
 *   write that leaves         kvm_pio w, kvm_userspace_exit(IO)                       [kvm_entry]
 *   write that stays          kvm_pio w                                               [kvm_entry]
 *   port read that leaves     kvm_userspace_exit(IO), kvm_pio r                       [kvm_entry]
 *   port read that stays      kvm_pio r                                               [kvm_entry]
 *   memory read that leaves   kvm_mmio asked, kvm_userspace_exit(MMIO), kvm_mmio r    [kvm_entry]
 *   memory read that stays    kvm_mmio r                                              [kvm_entry]
 *
 * Writes to memory are like writes to ports. One order of events has two meanings where there is no
 * kvm_entry:
 *
 *   kvm_pio w A, kvm_userspace_exit(IO), kvm_pio r B
 *
 * either A left and B stayed, or A stayed (as a coalesced write does) and B left. Of reads from
 * ports, KVM serves those of its PIC, PIT and speaker only, and whether a machine has them in the
 * kernel shows as soon as it reads one with no other access before. So B tells: if it is none of
 * these ports, or the thread was seen to answer B itself, B left; else A did.
 *
 * A write to memory that crosses a page is two events, and then up to two exits: two are one each, one is
 * the second event's.
 *
 * The time of an exit runs from kvm_userspace_exit to the guest's next sign of life: kvm_entry, or
 * for a read the event that brings the value. For a write without kvm_entry this is the next event of the
 * thread, whenever the guest causes one: no more than an upper bound, and counted as such.
 *
 * vcpu.c is compiled twice, into the program and into the BPF program that counts in the kernel
 * (count.bpf.c), and so uses no library and only what the kernel's verifier lets pass. Plain data of its
 * owner; no locking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "watch/table.h"

/* The tracepoints that are read. */
enum watch_kind {
	WATCH_PORT, /* kvm_pio: a write before it is served, a read once it is answered */
	WATCH_MEMORY, /* kvm_mmio: likewise; also a read that nobody in the kernel answers */
	WATCH_LEFT, /* kvm_userspace_exit: KVM_RUN returns */
	WATCH_ENTER, /* kvm_entry: the guest runs again; many hosts, not all */
	WATCH_LINE, /* kvm_set_irq: an interrupt line goes up or down */
	WATCH_MSI, /* kvm_msi_set_irq: an interrupt by a message */
	WATCH_KINDS,
};

/* Where a number lies in a tracepoint's record, in bytes. */
struct watch_field {
	uint16_t offset, size;
};

/* The fields that are read of each kind. */
#define WATCH_FIELDS 3
enum { WATCH_FIELD_WAY, WATCH_FIELD_ADDR, WATCH_FIELD_WIDTH }; /* WATCH_PORT, WATCH_MEMORY */
enum { WATCH_FIELD_REASON, WATCH_FIELD_ERROR }; /* WATCH_LEFT */
enum { WATCH_FIELD_LEVEL }; /* WATCH_LINE */

enum watch_way {
	WATCH_READ,
	WATCH_WRITE,
	WATCH_ASKED, /* of memory: to be answered by user space, "unsatisfied-read" */
};

/* Reasons of KVM_RUN's return, as in the kernel's API (Documentation/virt/kvm/api.rst, 5). */
#define WATCH_REASON_IO   2u
#define WATCH_REASON_MMIO 6u

struct watch_event {
	enum watch_kind kind;
	uint64_t time; /* ns of one clock; 0: not known */
	uint32_t pid, tid;
	/* WATCH_PORT, WATCH_MEMORY */
	enum watch_way way;
	uint32_t width; /* bytes */
	uint64_t addr;
	/* WATCH_LEFT */
	uint32_t reason; /* WATCH_REASON_ */
	int32_t error; /* what KVM_RUN returned: 0, or -errno with a reason that says nothing */
	/* WATCH_LINE */
	bool level;
};

enum watch_held { WATCH_HELD_NONE, WATCH_HELD_WRITE, WATCH_HELD_ASKED };

/* What a vCPU's thread did last. All zero is one that nothing is known of. */
struct watch_vcpu {
	uint16_t process; /* for keys; the owner's */
	bool sure; /* no event is missing between its last and its next one */
	bool entered; /* kvm_entry was seen */
	uint32_t answered; /* ports of KVM's own chips that it was seen to answer in user space */
	/* An access of which it is not known yet who serves it. */
	enum watch_held held;
	struct watch_key key;
	uint64_t end; /* the address behind it, in memory */
	/* Before that, the same instruction wrote to the end of the page before. */
	bool crossed;
	struct watch_key crossed_key;
	/* The exit under way: WATCH_REASON_IO or WATCH_REASON_MMIO, or 0. */
	uint32_t out;
	uint64_t out_at; /* 0: not known */
	bool raised; /* an interrupt since then */
	/* The access of the exit before, if that is known. */
	bool follows;
	struct watch_key before;
};

/*
 * Where to count, given by whoever keeps the tables. A row is good until the next call; there always is
 * one, if need be that of all others.
 */
struct watch_counts *watch_vcpu_row(struct watch_vcpu *vcpu, const struct watch_key *key);
struct watch_totals *watch_vcpu_totals(struct watch_vcpu *vcpu);

/* The next event, in the order of time. */
void watch_vcpu_event(struct watch_vcpu *vcpu, const struct watch_event *event);

/* Events are missing here: what the thread was at is not known any more. */
void watch_vcpu_forget(struct watch_vcpu *vcpu);

/* Nothing will come any more: counts what is still open. */
void watch_vcpu_finish(struct watch_vcpu *vcpu);
