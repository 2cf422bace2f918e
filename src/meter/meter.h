// SPDX-License-Identifier: MIT
/*
 * What accesses cost. Each vCPU thread owns one meter and is the only writer; others may read it
 * at any time and merge it into a report (counters are relaxed atomics, so a report of a running
 * machine is approximate to the last few accesses). Memory is bounded whatever a guest does: rows
 * beyond METER_ROWS share one row "other".
 *
 * Times are in ticks of the time-stamp counter, converted when reported.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define METER_ROWS 512

enum meter_space { METER_PORT, METER_MMIO };

struct meter_row {
	_Atomic uint64_t key; /* 0: free. Else 1 | write << 1 | space << 2 | address << 3 (address truncated to a 16-byte line for MMIO) */
	_Atomic uint64_t exits; /* trips to user space */
	_Atomic uint64_t coalesced; /* writes that came through the ring */
	_Atomic uint64_t ticks, ticks_min, ticks_max;
	_Atomic double ticks_squared;
};

struct meter {
	struct meter_row rows[METER_ROWS];
	struct meter_row other;
	_Atomic uint64_t exits; /* every return of KVM_RUN, I/O or not */
};

void meter_init(struct meter *meter);
void meter_exit(struct meter *meter, enum meter_space space, uint64_t addr, bool write, uint64_t ticks);
/* A return from KVM_RUN that was no I/O. */
void meter_other_exit(struct meter *meter);
/* Called by whoever drains, with the ring lock held: one meter per ring, not per vCPU. */
void meter_coalesced(struct meter *meter, enum meter_space space, uint64_t addr);
