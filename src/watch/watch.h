// SPDX-License-Identifier: MIT
/*
 * Watching the exits of KVM processes from outside: source, decoder, pairing and tables put together
 * for whoever shows them. The owner waits for the rings' file descriptors (source.cpus) or some tenth
 * of a second, and drains. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/event.h"
#include "watch/pair.h"
#include "watch/source.h"
#include "watch/table.h"

struct watch {
	struct watch_formats formats;
	struct watch_source source;
	struct watch_pairs pairs;
	struct watch_table now; /* since the last watch_fold() */
	struct watch_table total; /* before that */
	uint64_t lost; /* events that found no room in a ring */
	uint64_t bad; /* records that made no sense */
};

/*
 * For a process, or all of them if pid is 0. Nothing is counted before watch_start(). 0 or -errno,
 * told in err. watch_close() afterwards.
 */
int watch_open(struct watch *watch, pid_t pid, struct error *err)
	__attribute__((warn_unused_result));
void watch_close(struct watch *watch);

/* 0 or -errno, told in err. */
int watch_start(struct watch *watch, struct error *err) __attribute__((warn_unused_result));

/* Counts what came up to now. */
void watch_drain(struct watch *watch);

/* Counts all the rest; nothing comes after this. */
void watch_stop(struct watch *watch);

/* Adds the table of now to the total and begins a new one. */
void watch_fold(struct watch *watch);
