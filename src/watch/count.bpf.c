// SPDX-License-Identifier: MIT
/*
 * Counts a guest's exits in the kernel: a BPF program for each of KVM's tracepoints. What an event means
 * is vcpu.c's; where counters lie is count.h's. Nothing but counters leaves the kernel.
 *
 * Compiled for the target bpf, and checked by the kernel when it is loaded.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "watch/bucket.c"
/* Hidden functions are checked with their callers, like static ones, and not each by itself. */
#pragma GCC visibility push(hidden)
#include "watch/count.h"
#include "watch/vcpu.c"
#pragma GCC visibility pop

/* Alone in its section, so that it is the whole of what is set before loading. */
const volatile struct watch_count_config config SEC(".rodata.config");
struct watch_count_state state;

/* How many there are of each is set when they are made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct watch_count_thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct watch_count_row);
} rows SEC(".maps");

static struct watch_count_thread *thread_of(struct watch_vcpu *vcpu)
{
	return (struct watch_count_thread *)((char *)vcpu -
					     offsetof(struct watch_count_thread, vcpu));
}

static struct watch_count_sums *thread_sums(struct watch_count_thread *thread)
{
	return &thread->sums[thread->generation & (WATCH_COUNT_GENERATIONS - 1)];
}

struct watch_totals *watch_vcpu_totals(struct watch_vcpu *vcpu)
{
	return &thread_sums(thread_of(vcpu))->totals;
}

#define NOWHERE UINT32_MAX

static __always_inline uint32_t row_hash(uint32_t tid, const struct watch_key *key)
{
	uint64_t rest = key->width | key->space << 8 | key->write << 9 | (uint64_t)tid << 10;
	uint64_t hash = (key->addr ^ rest << 20) * 0x9e3779b97f4a7c15;

	return hash >> 40;
}

/*
 * The place of a row, taken if need be, or NOWHERE. Not static, like the next one: the kernel checks such a
 * function once, and not anew in each place from which it is called.
 */
__noinline uint32_t row_place(uint64_t id, uint32_t generation, const struct watch_key *key)
{
	uint32_t pid = id >> 32, tid = (uint32_t)id, hash;
	uint32_t first = (generation & (WATCH_COUNT_GENERATIONS - 1)) * config.rows;

	if (!key)
		return NOWHERE;
	hash = row_hash(tid, key);
	for (uint32_t i = 0; i < WATCH_COUNT_PROBES; i++) {
		uint32_t at = first + ((hash + i) & (config.rows - 1));
		struct watch_count_row *row = bpf_map_lookup_elem(&rows, &at);

		if (!row)
			break;
		if (row->tid == tid && row->pid == pid && watch_key_equal(&row->key, key))
			return at;
		if (!row->tid && !__sync_val_compare_and_swap(&row->tid, 0, tid)) {
			row->pid = pid;
			row->key = *key;
			return at;
		}
	}
	return NOWHERE;
}

/* Mostly the row lies in the first place where it may. */
__always_inline struct watch_counts *watch_vcpu_row(struct watch_vcpu *vcpu,
						    const struct watch_key *key)
{
	struct watch_count_thread *thread = thread_of(vcpu);
	uint32_t first = (thread->generation & (WATCH_COUNT_GENERATIONS - 1)) * config.rows;
	uint32_t at = first + (row_hash(thread->tid, key) & (config.rows - 1));
	struct watch_count_row *row = bpf_map_lookup_elem(&rows, &at);

	if (row && row->tid == thread->tid && row->pid == thread->pid &&
	    watch_key_equal(&row->key, key))
		return &row->counts;
	at = row_place((uint64_t)thread->pid << 32 | thread->tid, thread->generation, key);
	row = bpf_map_lookup_elem(&rows, &at);
	return row ? &row->counts : &thread_sums(thread)->other;
}

/* The place of a thread, taken if need be, unless the event is one that any thread may have; or NOWHERE. */
__noinline uint32_t thread_place(uint64_t id, bool take)
{
	uint32_t pid = id >> 32, tid = (uint32_t)id;

	for (uint32_t i = 0; i < WATCH_COUNT_PROBES; i++) {
		uint32_t at = (tid + i) & (config.threads - 1);
		struct watch_count_thread *thread = bpf_map_lookup_elem(&threads, &at);

		if (thread && thread->tid == tid && thread->pid == pid)
			return at;
	}
	for (uint32_t i = 0; take && i < WATCH_COUNT_PROBES; i++) {
		uint32_t at = (tid + i) & (config.threads - 1);
		struct watch_count_thread *thread = bpf_map_lookup_elem(&threads, &at);

		if (thread && !thread->tid && !__sync_val_compare_and_swap(&thread->tid, 0, tid)) {
			thread->pid = pid;
			return at;
		}
	}
	if (take)
		__sync_fetch_and_add(&state.no_thread, 1);
	return NOWHERE;
}

/* The present thread, ready to count, or NULL: it is not to be. */
static __always_inline struct watch_count_thread *thread_enter(bool take)
{
	uint64_t id = bpf_get_current_pid_tgid();
	uint32_t at = (uint32_t)id & (config.threads - 1);
	struct watch_count_thread *thread;

	if ((config.pid && id >> 32 != config.pid) || !state.running)
		return NULL;
	thread = bpf_map_lookup_elem(&threads, &at);
	if (!thread || thread->tid != (uint32_t)id || thread->pid != id >> 32) {
		at = thread_place(id, take);
		thread = bpf_map_lookup_elem(&threads, &at);
		if (!thread)
			return NULL;
	}
	thread->generation = *(volatile uint32_t *)&state.generation;
	if (thread->losses != state.losses) {
		watch_vcpu_forget(&thread->vcpu);
		thread->losses = state.losses;
	}
	return thread;
}

/*
 * A number of what a tracepoint hands over. The kernel wants to see a constant offset in the instruction
 * itself; the right one is known when the program is loaded, and the others are then taken out.
 */
#define LOAD(type, offset)                                                                         \
	case sizeof(type) << 8 | (offset):                                                         \
		asm volatile("%0 = *(" #type " *)(%1 + %2)"                                        \
			     : "=r"(value)                                                         \
			     : "r"(context), "i"(offset));                                         \
		break
#define LOAD_BOTH(offset)                                                                          \
	LOAD(u64, offset);                                                                         \
	LOAD(u32, offset);                                                                         \
	LOAD(u32, (offset) + 4)

typedef uint32_t u32;
typedef uint64_t u64;

static __always_inline uint64_t field(void *context, enum watch_kind kind, int number)
{
	uint64_t value = 0;

	switch (config.fields[kind][number].size << 8 | config.fields[kind][number].offset) {
		LOAD_BOTH(8);
		LOAD_BOTH(16);
		LOAD_BOTH(24);
		LOAD_BOTH(32);
	}
	return value;
}

/* When an exit ended that is timed, else 0, of which the verifier does not know that it is. */
static __always_inline uint64_t time_of_end(const struct watch_count_thread *thread)
{
	return thread->vcpu.out && thread->vcpu.out_at ? bpf_ktime_get_ns()
						       : *(volatile uint64_t *)&state.no_time;
}

/* When an exit began, and perhaps another one ended; 0 if it is not timed. */
static __always_inline uint64_t time_of_exit(struct watch_count_thread *thread)
{
	struct watch_count_sums *sums = thread_sums(thread);

	if (sums->timed < WATCH_COUNT_TIMED) {
		sums->timed++;
		return bpf_ktime_get_ns();
	}
	/* Numerical Recipes, "Quick and dirty generators"; the upper bits are the good ones. */
	thread->chance = thread->chance * 1664525 + 1013904223;
	return thread->chance >> (32 - WATCH_COUNT_SPARSE) ? time_of_end(thread)
							   : bpf_ktime_get_ns();
}

SEC("tracepoint")
int count_kvm_pio(void *context)
{
	struct watch_count_thread *thread = thread_enter(true);
	struct watch_event event = { .kind = WATCH_PORT };

	if (!thread)
		return 0;
	event.time = time_of_end(thread);
	event.way = field(context, WATCH_PORT, WATCH_FIELD_WAY) ? WATCH_WRITE : WATCH_READ;
	event.addr = field(context, WATCH_PORT, WATCH_FIELD_ADDR);
	event.width = field(context, WATCH_PORT, WATCH_FIELD_WIDTH);
	watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_mmio(void *context)
{
	struct watch_count_thread *thread = thread_enter(true);
	struct watch_event event = { .kind = WATCH_MEMORY };
	uint64_t way;

	if (!thread)
		return 0;
	event.time = time_of_end(thread);
	way = field(context, WATCH_MEMORY, WATCH_FIELD_WAY);
	event.way = way == 0 ? WATCH_ASKED : way == 1 ? WATCH_READ : WATCH_WRITE;
	event.addr = field(context, WATCH_MEMORY, WATCH_FIELD_ADDR);
	event.width = field(context, WATCH_MEMORY, WATCH_FIELD_WIDTH);
	watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_userspace_exit(void *context)
{
	struct watch_count_thread *thread = thread_enter(true);
	struct watch_event event = { .kind = WATCH_LEFT };

	if (!thread)
		return 0;
	event.time = time_of_exit(thread);
	event.reason = field(context, WATCH_LEFT, WATCH_FIELD_REASON);
	event.error = field(context, WATCH_LEFT, WATCH_FIELD_ERROR);
	watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_entry(void *context)
{
	struct watch_count_thread *thread = thread_enter(true);
	struct watch_event event = { .kind = WATCH_ENTER };

	if (!thread)
		return 0;
	event.time = time_of_end(thread);
	watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_set_irq(void *context)
{
	struct watch_count_thread *thread = thread_enter(false);
	struct watch_event event = { .kind = WATCH_LINE };

	if (!thread)
		return 0;
	event.level = field(context, WATCH_LINE, WATCH_FIELD_LEVEL) != 0;
	watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_msi_set_irq(void *context)
{
	struct watch_count_thread *thread = thread_enter(false);
	struct watch_event event = { .kind = WATCH_MSI };

	if (thread)
		watch_vcpu_event(&thread->vcpu, &event);
	return 0;
}

SEC("tracepoint")
int count_kvm_exit(void *context)
{
	struct watch_count_thread *thread = thread_enter(true);

	if (thread)
		thread_sums(thread)->vm_exits++;
	return 0;
}

/* The kernel lends some helpers to programs of its own licence only; ours allows to say that it is one. */
char terms[] SEC("license") = "Dual MIT/GPL";
