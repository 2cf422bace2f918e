// SPDX-License-Identifier: MIT
/*
 * Trips to user space as the kernel counts them, of any program that a bench runs: its tracepoint
 * kvm:kvm_userspace_exit, which needs root or CAP_PERFMON, and tracefs. Nothing is recorded but the
 * guest's marks, so counting costs every program the same, and little.
 *
 * A mark is a byte that the guest writes to a port: the kernel notes by kvm:kvm_pio, whoever that port
 * belongs to and whether the write waits or not, how many trips its vCPU had made until then. So what lies
 * between two marks is known to the trip, whatever a firmware did before. One vCPU, one thread.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define BENCH_OUTSIDE_THREADS 64

struct bench_outside {
	int total; /* of all threads of all children; or -errno: why nothing is counted */
	uint16_t mark; /* port */
	struct bench_outside_ring {
		int fd, exits; /* marks of one thread, and its trips */
		void *map;
	} rings[BENCH_OUTSIDE_THREADS];
	unsigned n;
};

struct bench_outside_count {
	long exits; /* of the whole run; -1: not known */
	long between; /* of them, from the first mark to the second; -1: there were not two marks */
	double seconds; /* from the first mark to the second */
};

/* Counts those of all children that are made from now on. */
void bench_outside_begin(struct bench_outside *outside, uint16_t mark);
/*
 * Waits until the child makes a first trip, so its vCPU is there, and looks for marks from then on: what
 * the guest marks earlier is not seen. Returns at once if nothing is counted, or the child ended. 0 or
 * -errno, told.
 */
int bench_outside_watch(struct bench_outside *outside, pid_t child)
	__attribute__((warn_unused_result));
/* What was counted, once the children have been waited for; closes everything. */
struct bench_outside_count bench_outside_end(struct bench_outside *outside);
