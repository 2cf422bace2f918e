// SPDX-License-Identifier: MIT
#include "watch/source.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "watch/proc.h"

static int perf_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	attr->size = sizeof(*attr);
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int source_refuse(int ret, struct error *err)
{
	if (ret == -EACCES || ret == -EPERM)
		return error_set(
			err, ret,
			"perf events: %s (run as root or with CAP_PERFMON, or set kernel.perf_event_paranoid to -1)",
			strerror(-ret));
	if (ret == -EMFILE)
		return error_set(err, ret, "perf events: %s (raise the limit: ulimit -n)",
				 strerror(-ret));
	if (ret == -ESRCH)
		return error_set(err, ret, "the process ended");
	return error_set(err, ret, "perf events: %s", strerror(-ret));
}

static int fds_add(struct watch_fds *fds, int fd)
{
	if (!array_reserve(fds->fds, fds->n + 1, &fds->room)) {
		close(fd);
		return -ENOMEM;
	}
	fds->fds[fds->n++] = fd;
	return 0;
}

static void fds_close(struct watch_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		close(fds->fds[i]);
	free(fds->fds);
	*fds = (struct watch_fds){ 0 };
}

/* One event a thread, a tracepoint and a CPU: more than the soft limit likes. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	/* If not, opening says so. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static struct perf_event_attr event_attr(uint32_t type, uint32_t id, size_t ring_size)
{
	return (struct perf_event_attr){
		.type = type,
		.config = id,
		.disabled = 1,
		.sample_type = WATCH_SAMPLE_TYPE,
		.sample_id_all = 1,
		.watermark = 1,
		.wakeup_watermark = (uint32_t)(ring_size / 4),
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC_RAW,
	};
}

/* Maps the ring of cpu, smaller if that much may not be locked. */
static int cpu_open(struct watch_cpu *cpu, struct watch_ring *ring, int number, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct perf_event_attr attr;
	int ret;

	*cpu = (struct watch_cpu){ .cpu = number, .fd = -1 };
	for (;; size /= 2) {
		attr = event_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY, size);
		cpu->fd = perf_open(&attr, -1, number);
		if (cpu->fd < 0)
			return -errno;
		cpu->map_size = size + page;
		cpu->map =
			mmap(NULL, cpu->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
		if (cpu->map != MAP_FAILED)
			break;
		ret = -errno;
		close(cpu->fd);
		if ((ret != -EPERM && ret != -ENOMEM) || size <= WATCH_RING_LEAST)
			return ret;
	}
	ret = watch_ring_init(ring, cpu->map, (uint8_t *)cpu->map + page, size);
	if (ret) {
		munmap(cpu->map, cpu->map_size);
		close(cpu->fd);
	}
	return ret;
}

static int cpus_open(struct watch_source *source)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	size_t size = WATCH_RING_MOST;

	if (n < 1)
		n = 1;
	while (size > WATCH_RING_LEAST && size * (size_t)n > WATCH_RINGS_BYTES)
		size /= 2;
	source->cpus = calloc((size_t)n, sizeof(*source->cpus));
	source->rings = calloc((size_t)n, sizeof(*source->rings));
	if (!source->cpus || !source->rings)
		return -ENOMEM;
	for (int number = 0; number < n; number++) {
		unsigned i = source->cpus_n;
		int ret = cpu_open(&source->cpus[i], &source->rings[i], number, size);

		/* It is offline. */
		if (ret == -ENODEV)
			continue;
		if (ret)
			return ret;
		source->cpus_n++;
	}
	return source->cpus_n ? 0 : -ENODEV;
}

/* Opens a tracepoint for a thread (-1: all) on a CPU, with its records in that CPU's ring. */
static int event_open(struct watch_source *source, enum watch_kind kind, pid_t tid, unsigned i)
{
	struct watch_cpu *cpu = &source->cpus[i];
	struct perf_event_attr attr = event_attr(PERF_TYPE_TRACEPOINT, source->formats->of[kind].id,
						 source->rings[i].size);
	int fd;

	attr.sample_period = 1;
	attr.inherit = tid >= 0;
	fd = perf_open(&attr, tid, cpu->cpu);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, cpu->fd)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fds_add(&source->events, fd);
}

static int exits_open(struct watch_source *source, pid_t tid, int cpu)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.config = source->exit_id,
					.disabled = 1,
					.inherit = tid >= 0 };
	int fd = perf_open(&attr, tid, cpu);

	return fd < 0 ? -errno : fds_add(&source->exits, fd);
}

static int events_open(struct watch_source *source, pid_t tid)
{
	int ret = 0;

	for (unsigned i = 0; !ret && i < source->cpus_n; i++) {
		for (int kind = 0; !ret && kind < WATCH_KINDS; kind++)
			if (source->formats->of[kind].there)
				ret = event_open(source, (enum watch_kind)kind, tid, i);
		if (!ret && source->exit_id && tid < 0)
			ret = exits_open(source, tid, source->cpus[i].cpu);
	}
	if (!ret && source->exit_id && tid >= 0)
		ret = exits_open(source, tid, -1);
	return ret;
}

static int thread_open(void *arg, pid_t tid)
{
	struct watch_source *source = arg;
	int ret;

	for (size_t i = 0; i < source->tids_n; i++)
		if (source->tids[i] == tid)
			return 0;
	if (!array_reserve(source->tids, source->tids_n + 1, &source->tids_room))
		return -ENOMEM;
	ret = events_open(source, tid);
	/* It ended meanwhile. */
	if (ret == -ESRCH)
		return 0;
	if (!ret)
		source->tids[source->tids_n++] = tid;
	return ret;
}

/*
 * What a thread starts once it has events has them, too. So a thread can only be missed if one
 * without events started it while the list was read: until nobody new is found, read again.
 */
static int threads_open(struct watch_source *source, pid_t pid)
{
	size_t before;
	int ret;

	do {
		before = source->tids_n;
		ret = watch_proc_threads(pid, thread_open, source);
	} while (!ret && source->tids_n != before);
	return ret ? ret : source->tids_n ? 0 : -ESRCH;
}

int watch_source_open(struct watch_source *source, const struct watch_formats *formats,
		      uint32_t exit_id, pid_t pid, struct error *err)
{
	int ret;

	*source = (struct watch_source){ .formats = formats, .exit_id = exit_id };
	raise_fd_limit();
	ret = cpus_open(source);
	if (!ret)
		ret = pid ? threads_open(source, pid) : events_open(source, -1);
	if (!ret)
		return 0;
	watch_source_close(source);
	return source_refuse(ret, err);
}

void watch_source_close(struct watch_source *source)
{
	fds_close(&source->events);
	fds_close(&source->exits);
	for (unsigned i = 0; i < source->cpus_n; i++) {
		watch_ring_destroy(&source->rings[i]);
		munmap(source->cpus[i].map, source->cpus[i].map_size);
		close(source->cpus[i].fd);
	}
	free(source->cpus);
	free(source->rings);
	free(source->tids);
	*source = (struct watch_source){ 0 };
}

static int fds_ioctl(const struct watch_fds *fds, unsigned long request)
{
	int ret = 0;

	for (size_t i = 0; i < fds->n; i++)
		if (ioctl(fds->fds[i], request, 0) && !ret)
			ret = -errno;
	return ret;
}

int watch_source_start(struct watch_source *source)
{
	int ret = fds_ioctl(&source->exits, PERF_EVENT_IOC_ENABLE);

	return ret ? ret : fds_ioctl(&source->events, PERF_EVENT_IOC_ENABLE);
}

void watch_source_stop(struct watch_source *source)
{
	(void)fds_ioctl(&source->events, PERF_EVENT_IOC_DISABLE);
	(void)fds_ioctl(&source->exits, PERF_EVENT_IOC_DISABLE);
}

void watch_source_drain(struct watch_source *source, bool all,
			void (*take)(void *arg, const void *record, size_t size), void *arg)
{
	uint64_t limit = UINT64_MAX;
	struct timespec now;

	if (!all) {
		clock_gettime(CLOCK_MONOTONIC_RAW, &now);
		limit = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	}
	watch_rings_drain(source->rings, source->cpus_n, limit, take, arg);
}

uint64_t watch_source_exits(const struct watch_source *source)
{
	uint64_t sum = 0, value;

	for (size_t i = 0; i < source->exits.n; i++)
		if (read(source->exits.fds[i], &value, sizeof(value)) == sizeof(value))
			sum += value;
	return sum;
}

uint64_t watch_source_broken(const struct watch_source *source)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < source->cpus_n; i++)
		sum += source->rings[i].broken;
	return sum;
}
