// SPDX-License-Identifier: MIT
/*
 * The qtest protocol: a test in another process drives the chips of a machine without CPU, line by
 * line, each command answered in the form of QEMU, so that programs written against its libqtest
 * work unchanged. docs/control.md lists the commands.
 *
 * A session uses one character back-end and belongs to the loop's thread. A command that left the
 * loop something to do (a reset) is followed by that before the next command.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/chardev.h"
#include "board/machine.h"
#include "board/soft_cpu.h"
#include "ctl/input.h"
#include "ctl/out.h"
#include "dev/irq_router.h"

/* The most that one command may read or write, in bytes. */
#define CTL_QTEST_DATA_MAX (UINT64_C(16) << 20)
/* As text in hexadecimal, with the command around it. Longer lines are refused. */
#define CTL_QTEST_LINE_MAX (2 * CTL_QTEST_DATA_MAX + 256)

struct ctl_qtest {
	struct machine *machine; /* borrowed, as are the three below */
	struct soft_cpu *cpu;
	struct chardev *chardev;
	FILE *log; /* or NULL */
	bool opened; /* a client is there */
	int64_t opened_at; /* CLOCK_MONOTONIC */
	struct clock log_clock;

	struct ctl_input input;
	char *line; /* the line so far, with room for a NUL behind it */
	size_t line_n, line_room;
	bool overlong; /* the line is refused when it ends */
	struct ctl_out out;

	bool intercepts; /* interrupts are told to the client, or ... */
	bool intercepts_out; /* ... the (absent) outputs of the interrupt controller are */
	uint32_t levels; /* as the client knows them */
	struct irq_line irqs[IRQ_LINES]; /* for set_irq_in */
};

/*
 * Before the machine runs. Its clock has to be manual, and cpu the one that makes its accesses. The
 * back-end gets this session as its user. log: each line received and sent, or NULL. 0 or -errno.
 */
int ctl_qtest_init(struct ctl_qtest *qtest, struct machine *machine, struct soft_cpu *cpu,
		   struct chardev *chardev, FILE *log) __attribute__((warn_unused_result));
/* Before the machine is destroyed. The back-end is left without user. */
void ctl_qtest_destroy(struct ctl_qtest *qtest);
