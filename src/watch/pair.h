// SPDX-License-Identifier: MIT
/*
 * Who served an access: user space or the kernel. The kernel reports accesses and returns to user
 * space by events of their own, and this puts the two together, vCPU thread by vCPU thread:
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
 * ports, KVM serves those of its PIC, PIT and speaker only, and whether a process has them in the
 * kernel shows as soon as it reads one with no other access before. So B tells: if it is none of
 * these ports, or the process was seen to answer B itself, B left; else A did.
 *
 * A write to memory that crosses a page is two events, and then up to two exits: two are one each, one is
 * the second event's.
 *
 * The time of an exit runs from kvm_userspace_exit to the guest's next sign of life: kvm_entry, or
 * for a read the event that brings its value. For a write without kvm_entry this is the next event of the
 * thread, whenever the guest causes one: no more than an upper bound, and counted as such.
 *
 * Memory is bounded: of WATCH_THREADS threads, the one longest silent makes room for a new one.
 * Everything belongs to one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "watch/event.h"
#include "watch/table.h"

#define WATCH_THREADS   4096
#define WATCH_PROCESSES 1024 /* the last one stands for all that find no room */
#define WATCH_NAME      16

struct watch_process {
	uint32_t pid; /* 0: all others */
	char name[WATCH_NAME]; /* empty, or as in /proc/PID/comm; the owner's to fill in */
	uint32_t threads; /* seen to run a vCPU */
	uint32_t answered; /* ports of KVM's own chips that the process was seen to answer itself */
};

enum watch_held { WATCH_HELD_NONE, WATCH_HELD_WRITE, WATCH_HELD_ASKED };

/* What a vCPU's thread did last. */
struct watch_thread {
	uint32_t tid, pid;
	uint16_t process;
	bool sure; /* no event is missing between its last and its next one */
	uint64_t seen; /* time of its last event */
	uint64_t losses; /* as in watch_pairs, when it was last looked at */
	/* An access of which it is not known yet who serves it. */
	enum watch_held held;
	struct watch_key key;
	uint64_t end; /* the address behind it, in memory */
	/* Before that, the same instruction wrote to the end of the page before. */
	bool crossed;
	struct watch_key crossed_key;
	/* The exit under way: WATCH_REASON_IO or WATCH_REASON_MMIO, or 0. */
	uint32_t out;
	uint64_t out_at;
	uint32_t next; /* of the same hash: number plus one, or 0 */
};

struct watch_pairs {
	struct watch_table *table; /* what is being counted into; may be changed at any time */
	struct watch_thread *threads;
	uint32_t threads_n;
	uint32_t hash[WATCH_THREADS]; /* number plus one, or 0 */
	struct watch_process *processes;
	uint32_t processes_n;
	void (*found)(void *arg, struct watch_process *process); /* a new one; may be NULL */
	void *found_arg;
	uint64_t losses; /* times that events were lost */
	bool entered; /* kvm_entry was seen */
};

/* 0 or -ENOMEM. The table must have room for WATCH_PROCESSES. */
int watch_pairs_init(struct watch_pairs *pairs, struct watch_table *table)
	__attribute__((warn_unused_result));
void watch_pairs_destroy(struct watch_pairs *pairs);

/* The process, which is found if it is new. Its index is its place in processes. */
struct watch_process *watch_pairs_process(struct watch_pairs *pairs, uint32_t pid);

/* The next event, for each thread in the order of time. */
void watch_pairs_event(struct watch_pairs *pairs, const struct watch_event *event);

/* Events are missing here: what threads were at is not known any more. */
void watch_pairs_lost(struct watch_pairs *pairs);

/* Nothing will come any more: counts what is still open. */
void watch_pairs_finish(struct watch_pairs *pairs);
