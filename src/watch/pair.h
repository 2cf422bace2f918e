// SPDX-License-Identifier: MIT
/*
 * The events of all vCPU threads, told apart and counted: threads and processes in bounded memory, each
 * thread with what vcpu.h knows of it.
 *
 * Memory is bounded: of WATCH_THREADS threads, the one longest silent makes room for a new one.
 * Everything belongs to one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "watch/vcpu.h"

#define WATCH_THREADS   4096
#define WATCH_PROCESSES 1024 /* the last one stands for all that find no room */
#define WATCH_NAME      16

struct watch_process {
	uint32_t pid; /* 0: all others */
	char name[WATCH_NAME]; /* empty, or as in /proc/PID/comm; the owner's to fill in */
	uint32_t threads; /* seen to run a vCPU */
};

struct watch_thread {
	struct watch_vcpu vcpu;
	struct watch_pairs *pairs; /* that it is one of */
	uint32_t tid, pid;
	uint64_t seen; /* time of its last event */
	uint64_t losses; /* as in watch_pairs, when it was last looked at */
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
