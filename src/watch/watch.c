// SPDX-License-Identifier: MIT
#include "watch/watch.h"

#include <errno.h>
#include <string.h>

#include "watch/proc.h"

/* Of one process, and of all processes of a host. */
#define ROWS_ONE 2048
#define ROWS_ALL 16384

static void watch_name(void *arg, struct watch_process *process)
{
	watch_proc_name(process->pid, process->name);
}

static int watch_tables(struct watch *watch, pid_t pid)
{
	uint32_t rows = pid ? ROWS_ONE : ROWS_ALL;
	int ret = watch_table_init(&watch->now, rows, WATCH_PROCESSES);

	if (ret)
		return ret;
	ret = watch_table_init(&watch->total, rows, WATCH_PROCESSES);
	if (ret)
		goto destroy_now;
	ret = watch_pairs_init(&watch->pairs, &watch->now);
	if (ret)
		goto destroy_total;
	watch->pairs.found = watch_name;
	return 0;

destroy_total:
	watch_table_destroy(&watch->total);
destroy_now:
	watch_table_destroy(&watch->now);
	return ret;
}

static int watch_open_method(struct watch *watch, uint32_t exit_id, pid_t pid,
			     enum watch_method method, struct error *err)
{
	int ret;

	if (method != WATCH_METHOD_RECORDS) {
		watch->method = WATCH_METHOD_BPF;
		ret = watch_counter_open(&watch->counter, &watch->formats, exit_id, pid,
					 &watch->why);
		if (!ret)
			return 0;
		if (method == WATCH_METHOD_BPF)
			return error_set(err, ret, "%.300s", watch->why.text);
	}
	watch->method = WATCH_METHOD_RECORDS;
	return watch_source_open(&watch->source, &watch->formats, exit_id, pid, err);
}

int watch_open(struct watch *watch, pid_t pid, enum watch_method method, struct error *err)
{
	uint32_t exit_id;
	int ret;

	*watch = (struct watch){ 0 };
	ret = watch_tables(watch, pid);
	if (ret)
		return error_set(err, ret, "out of memory");
	ret = watch_formats_init(&watch->formats);
	if (ret) {
		error_set(err, ret, "out of memory");
		goto destroy_tables;
	}
	ret = watch_proc_formats(&watch->formats, &exit_id, err);
	if (ret)
		goto destroy_formats;
	ret = watch_open_method(watch, exit_id, pid, method, err);
	if (ret)
		goto destroy_formats;
	return 0;

destroy_formats:
	watch_formats_destroy(&watch->formats);
destroy_tables:
	watch_pairs_destroy(&watch->pairs);
	watch_table_destroy(&watch->total);
	watch_table_destroy(&watch->now);
	return ret;
}

void watch_close(struct watch *watch)
{
	watch_counter_close(&watch->counter);
	watch_source_close(&watch->source);
	watch_formats_destroy(&watch->formats);
	watch_pairs_destroy(&watch->pairs);
	watch_table_destroy(&watch->total);
	watch_table_destroy(&watch->now);
}

int watch_start(struct watch *watch, struct error *err)
{
	int ret;

	if (watch->method == WATCH_METHOD_BPF) {
		watch_counter_start(&watch->counter);
		return 0;
	}
	ret = watch_source_start(&watch->source);
	return ret ? error_set(err, ret, "perf events: %s", strerror(-ret)) : 0;
}

static void watch_take(void *arg, const void *record, size_t size)
{
	struct watch *watch = arg;
	struct watch_event event;
	uint64_t lost;

	switch (watch_record_read(&watch->formats, record, size, &event, &lost)) {
	case WATCH_RECORD_EVENT:
		watch_pairs_event(&watch->pairs, &event);
		break;
	case WATCH_RECORD_LOST:
		watch->lost += lost;
		watch_pairs_lost(&watch->pairs);
		break;
	case WATCH_RECORD_BAD:
		watch->bad++;
		watch_pairs_lost(&watch->pairs);
		break;
	case WATCH_RECORD_IGNORED:
		break;
	}
}

void watch_drain(struct watch *watch)
{
	if (watch->method == WATCH_METHOD_RECORDS) {
		watch_source_drain(&watch->source, false, watch_take, watch);
		return;
	}
	watch_counter_drain(&watch->counter, &watch->pairs);
	watch->lost = watch_counter_lost(&watch->counter);
}

void watch_stop(struct watch *watch)
{
	if (watch->method == WATCH_METHOD_BPF) {
		watch_counter_stop(&watch->counter, &watch->pairs);
		watch->lost = watch_counter_lost(&watch->counter);
		return;
	}
	watch_source_stop(&watch->source);
	watch_source_drain(&watch->source, true, watch_take, watch);
	watch_pairs_finish(&watch->pairs);
	watch->bad += watch_source_broken(&watch->source);
}

uint64_t watch_vm_exits(const struct watch *watch)
{
	return watch->method == WATCH_METHOD_BPF ? watch->counter.vm_exits
						 : watch_source_exits(&watch->source);
}

void watch_fold(struct watch *watch)
{
	watch_table_merge(&watch->total, &watch->now);
	watch_table_clear(&watch->now);
}
