// SPDX-License-Identifier: MIT
/*
 * Where events come from: perf events on KVM's tracepoints, for the threads of one process and those
 * that they start, or for all processes, with one ring buffer a CPU.
 *
 * The rings belong to events of their own (PERF_COUNT_SW_DUMMY) that end with no thread. The memory
 * of all rings is bounded, however many CPUs there are: see WATCH_RINGS_BYTES. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/event.h"
#include "watch/ring.h"

/* What rings take together, unless there are so many CPUs that each gets its least. */
#define WATCH_RINGS_BYTES (64u << 20)
#define WATCH_RING_MOST   (4u << 20)
#define WATCH_RING_LEAST  (128u << 10)

struct watch_fds {
	int *fds;
	size_t n, room;
};

struct watch_cpu {
	int cpu;
	int fd; /* of the ring's own event; readable when a quarter of the ring is full */
	void *map;
	size_t map_size;
};

struct watch_source {
	const struct watch_formats *formats;
	uint32_t exit_id;
	struct watch_cpu *cpus;
	struct watch_ring *rings; /* in the order of cpus */
	unsigned cpus_n;
	struct watch_fds events, exits;
	pid_t *tids; /* that have events */
	size_t tids_n, tids_room;
};

/*
 * Opens everything for a process, or for all if pid is 0; nothing is counted yet. exit_id: of kvm_exit,
 * which is only counted, or 0. formats are borrowed. 0 or -errno, told in err.
 */
int watch_source_open(struct watch_source *source, const struct watch_formats *formats,
		      uint32_t exit_id, pid_t pid, struct error *err)
	__attribute__((warn_unused_result));
void watch_source_close(struct watch_source *source);

/* 0 or -errno. */
int watch_source_start(struct watch_source *source) __attribute__((warn_unused_result));
void watch_source_stop(struct watch_source *source);

/* Everything that was written up to now; with all, also what is being written: after stopping. */
void watch_source_drain(struct watch_source *source, bool all,
			void (*take)(void *arg, const void *record, size_t size), void *arg);

/* How often kvm_exit fired. */
uint64_t watch_source_exits(const struct watch_source *source);
/* Times that a ring made no sense. */
uint64_t watch_source_broken(const struct watch_source *source);
