// SPDX-License-Identifier: MIT
#include "watch/pair.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

_Static_assert((WATCH_THREADS & (WATCH_THREADS - 1)) == 0, "the hash takes the lower bits");
_Static_assert(WATCH_PROCESSES <= UINT16_MAX, "their number is a part of the key");

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

static struct watch_thread *thread_of(struct watch_vcpu *vcpu)
{
	return (struct watch_thread *)((char *)vcpu - offsetof(struct watch_thread, vcpu));
}

struct watch_counts *watch_vcpu_row(struct watch_vcpu *vcpu, const struct watch_key *key)
{
	return watch_table_counts(thread_of(vcpu)->pairs->table, key);
}

struct watch_totals *watch_vcpu_totals(struct watch_vcpu *vcpu)
{
	return &thread_of(vcpu)->pairs->table->totals[vcpu->process];
}

static void thread_forget(struct watch_pairs *pairs, struct watch_thread *thread)
{
	watch_vcpu_forget(&thread->vcpu);
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
	thread->vcpu.process = (uint16_t)(process - pairs->processes);
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
		.pairs = pairs,
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
	/* Interrupts come from any thread; all else makes it a vCPU's. */
	if (event->kind == WATCH_LINE || event->kind == WATCH_MSI)
		return NULL;
	return thread_add(pairs, event->pid, event->tid);
}

void watch_pairs_event(struct watch_pairs *pairs, const struct watch_event *event)
{
	struct watch_thread *thread = thread_find(pairs, event);

	if (!thread)
		return;
	if (thread->losses != pairs->losses)
		thread_forget(pairs, thread);
	watch_vcpu_event(&thread->vcpu, event);
	pairs->entered |= thread->vcpu.entered;
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

		if (thread->losses != pairs->losses)
			thread_forget(pairs, thread);
		watch_vcpu_finish(&thread->vcpu);
	}
}
