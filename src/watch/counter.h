// SPDX-License-Identifier: MIT
/*
 * Counting in the kernel: loads the BPF program (count.bpf.c), attaches it to KVM's tracepoints and takes
 * its counters. It needs CAP_BPF and CAP_PERFMON, Linux 5.12, process numbers of the host (no container
 * with its own), and a build with clang; who cannot have it reads records (source.h), which mean the
 * same and cost the guest more.
 *
 * Memory is bounded: maps of WATCH_COUNTER_ROWS rows and WATCH_COUNTER_THREADS threads, four times of each for all
 * processes. What finds no row until the next drain is counted as "other", what finds no thread as lost.
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/count.h"
#include "watch/event.h"
#include "watch/pair.h"

#define WATCH_COUNTER_ROWS    4096u
#define WATCH_COUNTER_THREADS 1024u

struct bpf_object;

struct watch_counter {
	struct bpf_object *object;
	struct watch_count_state *state; /* shared with the program, like the next two */
	struct watch_count_thread *threads;
	struct watch_count_row *rows; /* of both generations */
	uint32_t threads_n, rows_n; /* rows of one generation */
	bool *known; /* of threads: its process knows of it */
	int events[WATCH_KINDS + 1]; /* perf events that hold a program, or -1 */
	int programs[WATCH_KINDS + 1]; /* borrowed from object, or -1 */
	uint64_t misses; /* events that the kernel kept from the program */
	uint64_t vm_exits; /* times that kvm_exit fired */
};

/*
 * Opens everything for a process, or for all if pid is 0; nothing is counted yet. exit_id: of kvm_exit, or
 * 0. 0 or -errno, told in err: -ENOTSUP if this host or this build cannot.
 */
int watch_counter_open(struct watch_counter *counter, const struct watch_formats *formats,
		       uint32_t exit_id, pid_t pid, struct error *err)
	__attribute__((warn_unused_result));
/* Of a zeroed one, nothing. */
void watch_counter_close(struct watch_counter *counter);

void watch_counter_start(struct watch_counter *counter);

/* Adds what was counted since the last time to the table of pairs, and takes the processes over. */
void watch_counter_drain(struct watch_counter *counter, struct watch_pairs *pairs);

/* Counts what is still open, too; nothing comes after this. */
void watch_counter_stop(struct watch_counter *counter, struct watch_pairs *pairs);

/* Events that are not among what was counted. */
uint64_t watch_counter_lost(const struct watch_counter *counter);
