// SPDX-License-Identifier: MIT
/*
 * Tables of exits as text and as JSON. Everything given is borrowed for the call; the table is
 * sorted. No locking: one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "watch/bars.h"
#include "watch/pair.h"
#include "watch/table.h"

struct json_object;

struct watch_report {
	struct watch_table *table;
	const struct watch_process *processes;
	uint32_t processes_n;
	bool by_process; /* there may be several: say whose a row is */
	double seconds; /* that the table is of */
	uint32_t top; /* rows at most; 0: all */
	const struct watch_bars *bars; /* or NULL: not known */
	const char *method; /* "bpf" or "records" */
	uint64_t lost, bad; /* as in struct watch, since the start */
	bool entered; /* the host has kvm_entry: times of writes are exact */
	bool raises; /* the host has kvm_set_irq: interrupts that exits raised are known */
	bool counted; /* vm_exits says something: the host has kvm_exit */
	uint64_t
		vm_exits; /* times that the guest was left, to the kernel or further, since the start */
	const char *ended; /* why this is the last table, or NULL */
};

/* Written and flushed. 0, or -errno of what failed: -ENOMEM, or of writing, such as -EPIPE. */
int watch_report_text(FILE *out, const struct watch_report *report)
	__attribute__((warn_unused_result));
/* One object; on one line of its own if compact. */
int watch_report_print_json(FILE *out, const struct watch_report *report, bool compact)
	__attribute__((warn_unused_result));

/* The caller puts it back. NULL: out of memory. */
struct json_object *watch_report_json(const struct watch_report *report)
	__attribute__((warn_unused_result));

/* "io", "hlt", or NULL for one that has no name here. */
const char *watch_reason_name(uint32_t reason);
