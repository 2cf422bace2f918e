// SPDX-License-Identifier: MIT
#include "watch/counter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXITS WATCH_KINDS /* in events and programs: kvm_exit's place, behind those that are read */

/* count.bpf.c, compiled (embed.S). */
extern const uint8_t watch_count_image[], watch_count_image_end[];

/* include/linux/proc_ns.h, PROC_PID_INIT_INO: process numbers are those of the host. */
#define INIT_PID_NAMESPACE 0xeffffffcu

static int counter_refuse(int ret, struct error *err)
{
	if (ret == -EPERM || ret == -EACCES)
		return error_set(err, ret, "BPF: %s (run as root or with CAP_BPF and CAP_PERFMON)",
				 strerror(-ret));
	return error_set(err, ret, "BPF: %s", strerror(-ret));
}

/* Waits until no CPU is in a program any more that began before this. */
static void wait_for_programs(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static int check_host(struct error *err)
{
	struct stat status;
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands < 0 || !(commands & MEMBARRIER_CMD_GLOBAL))
		return error_set(err, -ENOTSUP, "BPF: this kernel has no membarrier (nohz_full?)");
	if (stat("/proc/self/ns/pid", &status) || status.st_ino != INIT_PID_NAMESPACE)
		return error_set(err, -ENOTSUP,
				 "BPF: process numbers here are not the host's (a container?)");
	return 0;
}

/* What the program can read: see its field(). */
static bool format_usable(const struct watch_format *format)
{
	for (unsigned i = 0; i < WATCH_FIELDS; i++) {
		const struct watch_field *field = &format->fields[i];

		if (field->size &&
		    ((field->size != 4 && field->size != 8) || field->offset < sizeof(uint64_t) ||
		     field->offset + field->size > WATCH_COUNT_RECORD ||
		     field->offset % field->size))
			return false;
	}
	return true;
}

static int configure(struct watch_counter *counter, const struct watch_formats *formats, pid_t pid,
		     struct error *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(counter->object, ".rodata.config");
	struct watch_count_config config = {
		.pid = (uint32_t)pid,
		.rows = counter->rows_n,
		.threads = counter->threads_n,
	};

	for (unsigned kind = 0; kind < WATCH_KINDS; kind++) {
		if (!format_usable(&formats->of[kind]))
			return error_set(err, -ENOTSUP, "BPF: %s: a format of another kind",
					 watch_kind_names[kind]);
		memcpy(config.fields[kind], formats->of[kind].fields, sizeof(config.fields[kind]));
	}
	if (!map || bpf_map__set_initial_value(map, &config, sizeof(config)))
		return error_set(err, -ENOTSUP, "BPF: the program has another configuration");
	return 0;
}

static struct bpf_program *find_program(const struct watch_counter *counter, unsigned kind)
{
	char name[64];

	snprintf(name, sizeof(name), "count_%s",
		 kind == EXITS ? "kvm_exit" : watch_kind_names[kind]);
	return bpf_object__find_program_by_name(counter->object, name);
}

static uint32_t tracepoint_of(const struct watch_formats *formats, uint32_t exit_id, unsigned kind)
{
	if (kind == EXITS)
		return exit_id;
	return formats->of[kind].there ? formats->of[kind].id : 0;
}

static int load(struct watch_counter *counter, const struct watch_formats *formats,
		uint32_t exit_id, struct error *err)
{
	int ret = 0;

	for (unsigned kind = 0; !ret && kind <= EXITS; kind++) {
		struct bpf_program *program = find_program(counter, kind);

		ret = program ? bpf_program__set_autoload(
					program, tracepoint_of(formats, exit_id, kind) != 0)
			      : -ENOENT;
	}
	if (!ret)
		ret = bpf_object__load(counter->object);
	for (unsigned kind = 0; !ret && kind <= EXITS; kind++)
		counter->programs[kind] = bpf_program__fd(find_program(counter, kind));
	return ret ? counter_refuse(ret, err) : 0;
}

/* The memory of a map with so many entries, or NULL with errno set. */
static void *map_memory(const struct watch_counter *counter, const char *name, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(counter->object, name);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    map ? bpf_map__fd(map) : -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static size_t threads_size(const struct watch_counter *counter)
{
	return counter->threads_n * sizeof(*counter->threads);
}

static size_t rows_size(const struct watch_counter *counter)
{
	return WATCH_COUNT_GENERATIONS * counter->rows_n * sizeof(*counter->rows);
}

static int size_maps(struct watch_counter *counter)
{
	struct bpf_map *threads = bpf_object__find_map_by_name(counter->object, "threads");
	struct bpf_map *rows = bpf_object__find_map_by_name(counter->object, "rows");

	/* An array's entries lie at multiples of 8. */
	_Static_assert(sizeof(*counter->threads) % 8 == 0, "as many as the map has");
	_Static_assert(sizeof(*counter->rows) % 8 == 0, "as many as the map has");
	if (!threads || !rows || bpf_map__value_size(threads) != sizeof(*counter->threads) ||
	    bpf_map__value_size(rows) != sizeof(*counter->rows))
		return -ENOENT;
	if (bpf_map__set_max_entries(threads, counter->threads_n) ||
	    bpf_map__set_max_entries(rows, WATCH_COUNT_GENERATIONS * counter->rows_n))
		return -EINVAL;
	return 0;
}

static int map_all(struct watch_counter *counter)
{
	counter->state = map_memory(counter, ".bss", sizeof(*counter->state));
	if (!counter->state)
		return -errno;
	counter->threads = map_memory(counter, "threads", threads_size(counter));
	counter->rows = counter->threads ? map_memory(counter, "rows", rows_size(counter)) : NULL;
	if (!counter->rows)
		return -errno;
	counter->known = calloc(counter->threads_n, sizeof(*counter->known));
	return counter->known ? 0 : -ENOMEM;
}

/* The event itself is never on: it only stands for the tracepoint, at which the program then runs. */
static int attach(struct watch_counter *counter, unsigned kind, uint32_t id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.disabled = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	counter->events[kind] = fd;
	return ioctl(fd, PERF_EVENT_IOC_SET_BPF, counter->programs[kind]) ? -errno : 0;
}

int watch_counter_open(struct watch_counter *counter, const struct watch_formats *formats,
		       uint32_t exit_id, pid_t pid, struct error *err)
{
	const struct bpf_object_open_opts opts = { .sz = sizeof(opts), .object_name = "coalport" };
	unsigned times = pid ? 1 : 4;
	int ret;

	*counter = (struct watch_counter){ .rows_n = times * WATCH_COUNTER_ROWS,
					   .threads_n = times * WATCH_COUNTER_THREADS };
	for (unsigned kind = 0; kind <= EXITS; kind++)
		counter->events[kind] = counter->programs[kind] = -1;
	ret = check_host(err);
	if (ret)
		return ret;
	/* Its own words are for who writes such programs. */
	libbpf_set_print(NULL);
	counter->object = bpf_object__open_mem(
		watch_count_image, (size_t)(watch_count_image_end - watch_count_image), &opts);
	ret = counter->object ? size_maps(counter) : -errno;
	if (ret)
		counter_refuse(ret, err);
	else
		ret = configure(counter, formats, pid, err);
	if (!ret)
		ret = load(counter, formats, exit_id, err);
	if (ret)
		goto close;
	ret = map_all(counter);
	for (unsigned kind = 0; !ret && kind <= EXITS; kind++)
		if (tracepoint_of(formats, exit_id, kind))
			ret = attach(counter, kind, tracepoint_of(formats, exit_id, kind));
	if (!ret)
		return 0;
	counter_refuse(ret, err);
close:
	watch_counter_close(counter);
	return ret;
}

void watch_counter_close(struct watch_counter *counter)
{
	if (!counter->object)
		return;
	for (unsigned kind = 0; kind <= EXITS; kind++)
		if (counter->events[kind] >= 0)
			close(counter->events[kind]);
	if (counter->state)
		munmap(counter->state, sizeof(*counter->state));
	if (counter->threads)
		munmap(counter->threads, threads_size(counter));
	if (counter->rows)
		munmap(counter->rows, rows_size(counter));
	free(counter->known);
	bpf_object__close(counter->object);
	*counter = (struct watch_counter){ 0 };
}

void watch_counter_start(struct watch_counter *counter)
{
	__atomic_store_n(&counter->state->running, 1, __ATOMIC_RELEASE);
}

static uint16_t process_of(struct watch_pairs *pairs, uint32_t pid)
{
	return (uint16_t)(watch_pairs_process(pairs, pid) - pairs->processes);
}

static void take_row(struct watch_count_row *row, struct watch_pairs *pairs)
{
	struct watch_key key = row->key;

	key.process = process_of(pairs, row->pid);
	watch_counts_merge(watch_table_counts(pairs->table, &key), &row->counts);
	memset(row, 0, sizeof(*row));
}

static void take_sums(struct watch_counter *counter, struct watch_count_sums *sums,
		      struct watch_pairs *pairs, uint16_t process)
{
	watch_totals_merge(&pairs->table->totals[process], &sums->totals);
	watch_counts_merge(&pairs->table->other, &sums->other);
	counter->vm_exits += sums->vm_exits;
	memset(sums, 0, sizeof(*sums));
}

/* No event will settle any more what the thread was at: that is done here, by the same code. */
static void finish_thread(const struct watch_count_thread *place, struct watch_pairs *pairs,
			  uint16_t process)
{
	struct watch_thread thread = { .vcpu = place->vcpu, .pairs = pairs };

	thread.vcpu.process = thread.vcpu.key.process = process;
	thread.vcpu.before.process = thread.vcpu.crossed_key.process = process;
	if (place->losses != pairs->losses)
		watch_vcpu_forget(&thread.vcpu);
	watch_vcpu_finish(&thread.vcpu);
}

static bool thread_ended(const struct watch_count_thread *thread)
{
	return syscall(SYS_tgkill, thread->pid, thread->tid, 0) && errno == ESRCH;
}

/* Takes an ended thread's sums of both generations, and its place. */
static void bury(struct watch_counter *counter, uint32_t i, struct watch_pairs *pairs,
		 uint16_t process)
{
	struct watch_count_thread *thread = &counter->threads[i];

	for (unsigned g = 0; g < WATCH_COUNT_GENERATIONS; g++)
		take_sums(counter, &thread->sums[g], pairs, process);
	finish_thread(thread, pairs, process);
	counter->known[i] = false;
	thread->pid = 0;
	thread->vcpu = (struct watch_vcpu){ 0 };
	thread->losses = 0;
	__atomic_store_n(&thread->tid, 0, __ATOMIC_RELEASE);
}

/* crowded: ended threads make room. */
static uint32_t take_threads(struct watch_counter *counter, uint32_t generation,
			     struct watch_pairs *pairs, bool crowded)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < counter->threads_n; i++) {
		struct watch_count_thread *thread = &counter->threads[i];
		uint32_t pid = __atomic_load_n(&thread->pid, __ATOMIC_ACQUIRE);
		uint16_t process;

		if (!pid)
			continue;
		n++;
		process = process_of(pairs, pid);
		if (!counter->known[i])
			pairs->processes[process].threads++;
		counter->known[i] = true;
		pairs->entered |= thread->vcpu.entered;
		take_sums(counter, &thread->sums[generation], pairs, process);
		if (crowded && thread_ended(thread))
			bury(counter, i, pairs, process);
	}
	return n;
}

static void take_generation(struct watch_counter *counter, uint32_t generation,
			    struct watch_pairs *pairs)
{
	struct watch_count_row *rows = counter->rows + generation * (size_t)counter->rows_n;

	for (uint32_t i = 0; i < counter->rows_n; i++)
		if (rows[i].tid)
			take_row(&rows[i], pairs);
	if (take_threads(counter, generation, pairs, false) > counter->threads_n / 2)
		take_threads(counter, generation, pairs, true);
}

/* The kernel runs no program within another one on the same CPU; newer ones count what was missed. */
static void count_misses(struct watch_counter *counter, struct watch_pairs *pairs)
{
	uint64_t misses = 0;

	for (unsigned kind = 0; kind <= EXITS; kind++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (counter->programs[kind] >= 0 &&
		    !bpf_obj_get_info_by_fd(counter->programs[kind], &info, &size))
			misses += info.recursion_misses;
	}
	if (misses == counter->misses)
		return;
	counter->misses = misses;
	watch_pairs_lost(pairs);
	__atomic_store_n(&counter->state->losses, pairs->losses, __ATOMIC_RELEASE);
}

void watch_counter_drain(struct watch_counter *counter, struct watch_pairs *pairs)
{
	uint32_t old = counter->state->generation;

	count_misses(counter, pairs);
	__atomic_store_n(&counter->state->generation, (old + 1) % WATCH_COUNT_GENERATIONS,
			 __ATOMIC_SEQ_CST);
	wait_for_programs();
	take_generation(counter, old, pairs);
}

void watch_counter_stop(struct watch_counter *counter, struct watch_pairs *pairs)
{
	__atomic_store_n(&counter->state->running, 0, __ATOMIC_SEQ_CST);
	wait_for_programs();
	count_misses(counter, pairs);
	for (uint32_t g = 0; g < WATCH_COUNT_GENERATIONS; g++)
		take_generation(counter, g, pairs);
	for (uint32_t i = 0; i < counter->threads_n; i++)
		if (counter->threads[i].pid)
			finish_thread(&counter->threads[i], pairs,
				      process_of(pairs, counter->threads[i].pid));
}

uint64_t watch_counter_lost(const struct watch_counter *counter)
{
	return counter->state->no_thread + counter->misses;
}
