// SPDX-License-Identifier: MIT
/*
 * Watching the exits of KVM processes from outside: source, decoder, pairing and tables put together
 * for whoever shows them. The owner waits for the rings' file descriptors (source.cpus, if there are any)
 * or some tenth of a second, and drains. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/counter.h"
#include "watch/event.h"
#include "watch/pair.h"
#include "watch/source.h"
#include "watch/table.h"

/* How it is counted. */
enum watch_method {
	WATCH_METHOD_AUTO, /* in the kernel if that can be, else by records */
	WATCH_METHOD_BPF, /* in the kernel, by a BPF program (counter.h) */
	WATCH_METHOD_RECORDS, /* here, by perf's records (source.h) */
};

struct watch {
	enum watch_method method; /* never WATCH_METHOD_AUTO */
	struct error why; /* it is not WATCH_METHOD_BPF, or empty */
	struct watch_formats formats;
	struct watch_counter counter;
	struct watch_source source;
	struct watch_pairs pairs;
	struct watch_table now; /* since the last watch_fold() */
	struct watch_table total; /* before that */
	uint64_t lost; /* events that found no room, or were kept from us */
	uint64_t bad; /* records that made no sense */
};

/*
 * For a process, or all of them if pid is 0. Nothing is counted before watch_start(). 0 or -errno,
 * told in err. watch_close() afterwards.
 */
int watch_open(struct watch *watch, pid_t pid, enum watch_method method, struct error *err)
	__attribute__((warn_unused_result));
void watch_close(struct watch *watch);

/* 0 or -errno, told in err. */
int watch_start(struct watch *watch, struct error *err) __attribute__((warn_unused_result));

/* Counts what came up to now. */
void watch_drain(struct watch *watch);

/* Counts all the rest; nothing comes after this. */
void watch_stop(struct watch *watch);

/* How often kvm_exit fired. */
uint64_t watch_vm_exits(const struct watch *watch);

/* Adds the table of now to the total and begins a new one. */
void watch_fold(struct watch *watch);
