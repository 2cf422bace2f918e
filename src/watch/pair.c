// SPDX-License-Identifier: MIT
#include "watch/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((WATCH_THREADS & (WATCH_THREADS - 1)) == 0, "the hash takes the lower bits");
_Static_assert(WATCH_PROCESSES <= UINT16_MAX, "their number is a part of the key");

/*
 * Ports whose reads KVM can answer: arch/x86/kvm/i8259.c (two controllers and their edge or level
 * registers), arch/x86/kvm/i8254.c (counters and speaker).
 */
static const uint16_t kvm_ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
				      0x40, 0x41, 0x42, 0x43, 0x61 };
#define KVM_PORTS (sizeof(kvm_ports) / sizeof(kvm_ports[0]))
_Static_assert(KVM_PORTS <= 32, "a bit each");

/* Pages whose reads KVM can answer: arch/x86/kvm/ioapic.c and lapic.c, where PCs have them. */
#define IOAPIC_PAGE UINT64_C(0xfec00)
#define LAPIC_PAGE  UINT64_C(0xfee00)

static uint32_t kvm_port_bit(uint64_t port)
{
	for (unsigned i = 0; i < KVM_PORTS; i++)
		if (kvm_ports[i] == port)
			return 1u << i;
	return 0;
}

int watch_pairs_init(struct watch_pairs *pairs, struct watch_table *table)
{
	*pairs = (struct watch_pairs){
		.table = table,
		.threads = calloc(WATCH_THREADS, sizeof(*pairs->threads)),
		.processes = calloc(WATCH_PROCESSES, sizeof(*pairs->processes)),
	};
	if (pairs->threads && pairs->processes)
		return 0;
	watch_pairs_destroy(pairs);
	return -ENOMEM;
}

void watch_pairs_destroy(struct watch_pairs *pairs)
{
	free(pairs->threads);
	free(pairs->processes);
	pairs->threads = NULL;
	pairs->processes = NULL;
}

struct watch_process *watch_pairs_process(struct watch_pairs *pairs, uint32_t pid)
{
	struct watch_process *process;

	for (uint32_t i = 0; i < pairs->processes_n; i++)
		if (pairs->processes[i].pid == pid)
			return &pairs->processes[i];
	if (pairs->processes_n == WATCH_PROCESSES)
		return &pairs->processes[WATCH_PROCESSES - 1];
	process = &pairs->processes[pairs->processes_n++];
	*process = (struct watch_process){ .pid = pid };
	if (pairs->processes_n == WATCH_PROCESSES)
		process->pid = 0;
	else if (pairs->found)
		pairs->found(pairs->found_arg, process);
	return process;
}

static struct watch_totals *pair_totals(struct watch_pairs *pairs,
					const struct watch_thread *thread)
{
	return &pairs->table->totals[thread->process];
}

/* An exit of which nobody knows how long it took. */
static void pair_exit_unseen(struct watch_pairs *pairs, const struct watch_thread *thread)
{
	watch_table_counts(pairs->table, &thread->key)->exits++;
}

/* An exit that is over by now; upper: 1 if it may have been over long before, else 0. */
static void pair_exit(struct watch_pairs *pairs, struct watch_thread *thread, uint64_t now,
		      uint64_t upper)
{
	struct watch_counts *counts = watch_table_counts(pairs->table, &thread->key);

	counts->exits++;
	if (now >= thread->out_at)
		watch_times_add(&counts->times, now - thread->out_at, upper);
}

static void pair_in_kernel(struct watch_pairs *pairs, const struct watch_thread *thread)
{
	watch_table_counts(pairs->table, &thread->key)->in_kernel++;
}

/* The first page of a write that crosses two: its exit is the first of two, if there are two. */
static void pair_crossed(struct watch_pairs *pairs, struct watch_thread *thread, bool left,
			 uint64_t now)
{
	struct watch_counts *counts = watch_table_counts(pairs->table, &thread->crossed_key);

	thread->crossed = false;
	if (!left) {
		counts->in_kernel++;
		return;
	}
	counts->exits++;
	watch_times_add(&counts->times, now - thread->out_at, 0);
}

/* The guest runs again, or does something else: what was held or under way is decided. */
static void pair_settle(struct watch_pairs *pairs, struct watch_thread *thread, uint64_t now,
			uint64_t upper)
{
	if (thread->crossed)
		pair_crossed(pairs, thread, false, now);
	if (thread->held == WATCH_HELD_WRITE) {
		if (thread->out)
			pair_exit(pairs, thread, now, upper);
		else
			pair_in_kernel(pairs, thread);
	} else if (thread->held == WATCH_HELD_ASKED) {
		/* Its value never came. */
		if (thread->out)
			pair_exit_unseen(pairs, thread);
		else
			pair_totals(pairs, thread)->undecided++;
	} else if (thread->out) {
		pair_totals(pairs, thread)->unmatched++;
	}
	thread->held = WATCH_HELD_NONE;
	thread->out = 0;
}

static void pair_key(struct watch_thread *thread, const struct watch_event *event)
{
	uint64_t addr = event->addr;
	uint8_t space = event->kind == WATCH_PORT ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY;

	if (watch_key_is_page(space, addr))
		addr &= ~(WATCH_PAGE - 1);
	thread->key = (struct watch_key){
		.addr = addr,
		.process = thread->process,
		.width = event->width < UINT8_MAX ? (uint8_t)event->width : UINT8_MAX,
		.space = space,
		.write = event->way == WATCH_WRITE,
	};
}

/* A port was read with an exit under way that a held write may have made instead. */
static bool pair_read_left(struct watch_pairs *pairs, const struct watch_thread *thread,
			   uint64_t port)
{
	uint32_t bit = kvm_port_bit(port);

	return !bit || pairs->processes[thread->process].answered & bit;
}

static void pair_port_read(struct watch_pairs *pairs, struct watch_thread *thread,
			   const struct watch_event *event)
{
	uint32_t *answered = &pairs->processes[thread->process].answered;
	uint32_t bit = kvm_port_bit(event->addr);
	bool left = thread->out == WATCH_REASON_IO;
	uint64_t out_at = thread->out_at;

	if (left && thread->held == WATCH_HELD_WRITE)
		left = pair_read_left(pairs, thread, event->addr);
	else if (left)
		*answered |= bit;
	else if (thread->sure)
		*answered &= ~bit;
	/* An exit of the read is none of what was held. */
	if (left)
		thread->out = 0;
	pair_settle(pairs, thread, event->time, 1);
	pair_key(thread, event);
	if (left) {
		thread->out_at = out_at;
		pair_exit(pairs, thread, event->time, 0);
	} else if (!thread->sure && !bit) {
		pair_exit_unseen(pairs, thread);
	} else {
		pair_in_kernel(pairs, thread);
	}
}

static void pair_memory_read(struct watch_pairs *pairs, struct watch_thread *thread,
			     const struct watch_event *event)
{
	uint64_t page = event->addr / WATCH_PAGE;

	if (thread->held == WATCH_HELD_ASKED && thread->out == WATCH_REASON_MMIO) {
		pair_exit(pairs, thread, event->time, 0);
		thread->held = WATCH_HELD_NONE;
		thread->out = 0;
		return;
	}
	pair_settle(pairs, thread, event->time, 1);
	pair_key(thread, event);
	if (!thread->sure && page != IOAPIC_PAGE && page != LAPIC_PAGE)
		pair_exit_unseen(pairs, thread);
	else
		pair_in_kernel(pairs, thread);
}

static bool pair_crosses(const struct watch_thread *thread, const struct watch_event *event)
{
	return event->kind == WATCH_MEMORY && event->way == WATCH_WRITE &&
	       thread->held == WATCH_HELD_WRITE && thread->key.space == WATCH_SPACE_MEMORY &&
	       !thread->out && !thread->crossed && !(thread->end & (WATCH_PAGE - 1)) &&
	       !(event->addr & (WATCH_PAGE - 1));
}

static void pair_access(struct watch_pairs *pairs, struct watch_thread *thread,
			const struct watch_event *event)
{
	if (event->way != WATCH_READ) {
		if (pair_crosses(thread, event)) {
			thread->crossed = true;
			thread->crossed_key = thread->key;
		} else {
			pair_settle(pairs, thread, event->time, 1);
		}
		pair_key(thread, event);
		thread->end = event->addr + event->width;
		thread->held = event->way == WATCH_WRITE ? WATCH_HELD_WRITE : WATCH_HELD_ASKED;
	} else if (event->kind == WATCH_PORT) {
		pair_port_read(pairs, thread, event);
	} else {
		pair_memory_read(pairs, thread, event);
	}
}

static void pair_left(struct watch_pairs *pairs, struct watch_thread *thread,
		      const struct watch_event *event)
{
	struct watch_totals *totals = pair_totals(pairs, thread);
	uint32_t reason = event->reason < WATCH_REASONS ? event->reason : WATCH_REASONS - 1;
	uint8_t space = reason == WATCH_REASON_IO ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY;
	bool held = thread->held != WATCH_HELD_NONE && thread->key.space == space;

	/* With an error, the reason is an earlier one's. */
	if (event->error) {
		totals->interrupted++;
		pair_settle(pairs, thread, event->time, 1);
		return;
	}
	totals->left[reason]++;
	if (reason != WATCH_REASON_IO && reason != WATCH_REASON_MMIO) {
		pair_settle(pairs, thread, event->time, 1);
		return;
	}
	if (thread->out && held && thread->crossed && event->time >= thread->out_at) {
		pair_crossed(pairs, thread, true, event->time);
	} else if (thread->out && held && reason == WATCH_REASON_MMIO) {
		/* The next part of an access that is wide or crosses pages. */
		pair_exit(pairs, thread, event->time, 1);
	} else if (thread->out || !held) {
		/* Two in a row: the first one was the write's. */
		pair_settle(pairs, thread, event->time, 1);
		/* Memory's events come before the exit, so nothing will tell whose this is. */
		if (reason == WATCH_REASON_MMIO) {
			totals->unmatched++;
			return;
		}
	}
	thread->out = reason;
	thread->out_at = event->time;
}

static void thread_forget(struct watch_pairs *pairs, struct watch_thread *thread)
{
	if (thread->held != WATCH_HELD_NONE)
		pair_totals(pairs, thread)->undecided++;
	else if (thread->out)
		pair_totals(pairs, thread)->unmatched++;
	if (thread->crossed)
		pair_totals(pairs, thread)->undecided++;
	thread->crossed = false;
	thread->held = WATCH_HELD_NONE;
	thread->out = 0;
	thread->sure = false;
	thread->losses = pairs->losses;
}

static uint32_t *hash_head(struct watch_pairs *pairs, uint32_t tid)
{
	return &pairs->hash[tid & (WATCH_THREADS - 1)];
}

/* Takes the one that was silent for longest out of the table. */
static struct watch_thread *thread_oldest(struct watch_pairs *pairs)
{
	struct watch_thread *oldest = &pairs->threads[0];
	uint32_t *link;

	for (uint32_t i = 1; i < pairs->threads_n; i++)
		if (pairs->threads[i].seen < oldest->seen)
			oldest = &pairs->threads[i];
	thread_forget(pairs, oldest);
	link = hash_head(pairs, oldest->tid);
	while (*link != (uint32_t)(oldest - pairs->threads) + 1)
		link = &pairs->threads[*link - 1].next;
	*link = oldest->next;
	return oldest;
}

static void thread_start(struct watch_pairs *pairs, struct watch_thread *thread, uint32_t pid)
{
	struct watch_process *process = watch_pairs_process(pairs, pid);

	process->threads++;
	thread->pid = pid;
	thread->process = (uint16_t)(process - pairs->processes);
}

static struct watch_thread *thread_add(struct watch_pairs *pairs, uint32_t pid, uint32_t tid)
{
	uint32_t *head = hash_head(pairs, tid);
	struct watch_thread *thread;

	if (pairs->threads_n < WATCH_THREADS)
		thread = &pairs->threads[pairs->threads_n++];
	else
		thread = thread_oldest(pairs);
	*thread = (struct watch_thread){
		.tid = tid,
		.losses = pairs->losses,
		.next = *head,
	};
	*head = (uint32_t)(thread - pairs->threads) + 1;
	thread_start(pairs, thread, pid);
	return thread;
}

static struct watch_thread *thread_find(struct watch_pairs *pairs, const struct watch_event *event)
{
	for (uint32_t at = *hash_head(pairs, event->tid); at; at = pairs->threads[at - 1].next) {
		struct watch_thread *thread = &pairs->threads[at - 1];

		if (thread->tid != event->tid)
			continue;
		/* The number may have passed on to a thread of another process. */
		if (thread->pid != event->pid) {
			thread_forget(pairs, thread);
			thread_start(pairs, thread, event->pid);
		}
		return thread;
	}
	return thread_add(pairs, event->pid, event->tid);
}

void watch_pairs_event(struct watch_pairs *pairs, const struct watch_event *event)
{
	struct watch_thread *thread = thread_find(pairs, event);

	if (thread->losses != pairs->losses)
		thread_forget(pairs, thread);
	switch (event->kind) {
	case WATCH_PORT:
	case WATCH_MEMORY:
		pair_access(pairs, thread, event);
		break;
	case WATCH_LEFT:
		pair_left(pairs, thread, event);
		break;
	default:
		pairs->entered = true;
		pair_settle(pairs, thread, event->time, 0);
		break;
	}
	thread->sure = true;
	thread->seen = event->time;
}

void watch_pairs_lost(struct watch_pairs *pairs)
{
	pairs->losses++;
}

void watch_pairs_finish(struct watch_pairs *pairs)
{
	for (uint32_t i = 0; i < pairs->threads_n; i++) {
		struct watch_thread *thread = &pairs->threads[i];

		if (thread->losses != pairs->losses) {
			thread_forget(pairs, thread);
			continue;
		}
		/* The end of what is under way will not be seen. */
		thread->out_at = UINT64_MAX;
		pair_settle(pairs, thread, thread->seen, 1);
	}
}
