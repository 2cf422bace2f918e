// SPDX-License-Identifier: MIT
#include "bench_outside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "watch/proc.h"

#define FILTER "rw == 1 && port == %u"

/* What the kernel writes into a ring for a mark: of a group of two, the leader's count comes first. */
struct mark_record {
	struct perf_event_header header;
	uint64_t time; /* ns */
	uint64_t n;
	uint64_t marks, exits;
};

struct mark {
	uint64_t time, exits;
};

static int perf_open(struct perf_event_attr *attr, pid_t pid, int group)
{
	int fd;

	attr->type = PERF_TYPE_TRACEPOINT;
	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, pid, -1, group, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The number of one of KVM's tracepoints, or -errno. */
static long tracepoint(const char *name)
{
	int events = watch_proc_events(), fd;
	char path[64], text[32] = "";
	ssize_t n;

	if (events < 0)
		return events;
	snprintf(path, sizeof(path), "kvm/%s/id", name);
	fd = openat(events, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	close(events);
	return n < 0 ? n : strtol(text, NULL, 10);
}

static long read_count(int fd)
{
	uint64_t count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) ? (long)count : -1;
}

void bench_outside_begin(struct bench_outside *outside, uint16_t mark)
{
	struct perf_event_attr attr = { .inherit = 1 };
	long id = tracepoint("kvm_userspace_exit");

	*outside = (struct bench_outside){ .total = (int)id, .mark = mark };
	if (id < 0)
		return;
	attr.config = (uint64_t)id;
	outside->total = perf_open(&attr, 0, -1);
}

static void ring_close(const struct bench_outside_ring *ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (ring->map != MAP_FAILED)
		munmap(ring->map, 2 * page);
	if (ring->exits >= 0)
		close(ring->exits);
	close(ring->fd);
}

static int ring_open(struct bench_outside_ring *ring, pid_t tid, unsigned port)
{
	long pio = tracepoint("kvm_pio"), trips = tracepoint("kvm_userspace_exit");
	struct perf_event_attr attr = {
		.config = (uint64_t)pio,
		.disabled = 1,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_READ,
		.read_format = PERF_FORMAT_GROUP,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	struct perf_event_attr counted = { .config = (uint64_t)trips,
					   .use_clockid = 1,
					   .clockid = CLOCK_MONOTONIC /* as its leader */ };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char filter[64];

	if (pio < 0 || trips < 0)
		return -ENOENT;
	*ring = (struct bench_outside_ring){ .fd = perf_open(&attr, tid, -1),
					     .exits = -1,
					     .map = MAP_FAILED };
	if (ring->fd < 0)
		return ring->fd;
	ring->exits = perf_open(&counted, tid, ring->fd);
	ring->map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	snprintf(filter, sizeof(filter), FILTER, port);
	if (ring->exits >= 0 && ring->map != MAP_FAILED &&
	    !ioctl(ring->fd, PERF_EVENT_IOC_SET_FILTER, filter) &&
	    !ioctl(ring->fd, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP))
		return 0;
	ring_close(ring);
	return -EIO;
}

static int thread_found(void *arg, pid_t tid)
{
	struct bench_outside *outside = arg;

	/* A thread that has ended meanwhile is not the vCPU. */
	if (outside->n < BENCH_OUTSIDE_THREADS &&
	    !ring_open(&outside->rings[outside->n], tid, outside->mark))
		outside->n++;
	return 0;
}

static bool has_ended(pid_t child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

int bench_outside_watch(struct bench_outside *outside, pid_t child)
{
	static const struct timespec while_it_starts = { .tv_nsec = 1000000 };
	int ret;

	if (outside->total < 0)
		return 0;
	while (read_count(outside->total) == 0 && !has_ended(child))
		nanosleep(&while_it_starts, NULL);
	ret = watch_proc_threads(child, thread_found, outside);
	if (ret)
		log_error("threads of process %d: %s", (int)child, strerror(-ret));
	return ret;
}

/* How many marks are in a ring; the first two are put there. */
static size_t ring_marks(const struct bench_outside_ring *ring, struct mark marks[2])
{
	const struct perf_event_mmap_page *page = ring->map;
	const uint8_t *data = (const uint8_t *)ring->map + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), at = 0;
	struct mark_record record;
	size_t n = 0;

	/* The kernel writes no further while nothing is taken out. */
	if (head > (uint64_t)sysconf(_SC_PAGESIZE))
		return 0;
	while (head - at >= sizeof(record.header)) {
		memcpy(&record.header, data + at, sizeof(record.header));
		if (record.header.size < sizeof(record.header) || record.header.size > head - at)
			break;
		if (record.header.type == PERF_RECORD_SAMPLE &&
		    record.header.size == sizeof(record)) {
			memcpy(&record, data + at, sizeof(record));
			if (n < 2)
				marks[n] = (struct mark){ record.time, record.exits };
			n++;
		}
		at += record.header.size;
	}
	return n;
}

struct bench_outside_count bench_outside_end(struct bench_outside *outside)
{
	struct bench_outside_count count = { .exits = read_count(outside->total), .between = -1 };
	struct mark marks[2];

	for (unsigned i = 0; i < outside->n; i++) {
		if (ring_marks(&outside->rings[i], marks) == 2) {
			count.between = (long)(marks[1].exits - marks[0].exits);
			count.seconds = (double)(marks[1].time - marks[0].time) / 1e9;
		}
		ring_close(&outside->rings[i]);
	}
	if (outside->total >= 0)
		close(outside->total);
	return count;
}
