// SPDX-License-Identifier: MIT
/*
 * What the BPF program that counts in the kernel (count.bpf.c) and the one who reads it (counter.h) share:
 * memory that both have mapped, so that reading takes no system call that would keep the program from
 * running meanwhile.
 *
 * There are two generations of counters. The program counts in one of them; the reader makes the other one
 * the present one, waits until no CPU is in the program any more that began before that, and has the old
 * one to himself: to take and to clear. Every counter is written by one thread only, the vCPU's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "watch/vcpu.h"

#define WATCH_COUNT_GENERATIONS 2u
/* Places that are looked at for a row or a thread. */
#define WATCH_COUNT_PROBES 16u
/*
 * Looking at the clock is a good part of what counting costs. In each generation, a thread's first exits are
 * timed all, then one in 2^SPARSE, by chance.
 */
#define WATCH_COUNT_TIMED  1000u
#define WATCH_COUNT_SPARSE 3
/* Of a tracepoint's record: its fields have to lie within that many bytes, and to have 4 or 8 each. */
#define WATCH_COUNT_RECORD 40u

/* Told before the program is loaded, constant from then on. */
struct watch_count_config {
	uint32_t pid; /* whose threads count; 0: all */
	uint32_t rows, threads; /* powers of two: of one generation, and of threads */
	struct watch_field fields[WATCH_KINDS][WATCH_FIELDS];
};

struct watch_count_state {
	uint32_t running; /* the reader's: events count */
	uint32_t generation; /* the reader's: the present one */
	uint64_t losses; /* the reader's: times that events were lost */
	uint64_t no_thread; /* the program's: events of threads that found no place */
	/*
	 * Nobody's: 0, the time that is not known. A constant would do but for the verifier, which (in Linux
	 * 6.1) looks at what becomes of it and takes for dead what only another time would reach.
	 */
	uint64_t no_time;
};

/* A thread's place is taken when tid is set, and good once pid is, too. Its owner is that thread. */
struct watch_count_thread {
	uint32_t tid, pid;
	uint32_t generation; /* in which the event under way counts */
	uint32_t chance; /* of a linear congruential generator */
	uint64_t losses; /* of the state, when it was last looked at */
	struct watch_vcpu vcpu;
	struct watch_count_sums {
		struct watch_totals totals;
		struct watch_counts other; /* of rows that found no place */
		uint64_t vm_exits; /* kvm_exit */
		uint64_t timed; /* exits before which the clock was looked at without condition */
	} sums[WATCH_COUNT_GENERATIONS];
};

/* A thread's counters of one address. Free: tid is 0. Its owner is that thread. */
struct watch_count_row {
	uint32_t tid, pid;
	struct watch_key key;
	struct watch_counts counts;
};
