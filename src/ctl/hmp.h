// SPDX-License-Identifier: MIT
/*
 * The monitor for people, as QEMU's (HMP): lines of text that tell about a machine and rule it. Most
 * commands are QMP's, asked and answered in words. docs/monitor.md lists them.
 *
 * One instance serves one character back-end, whose clients come one after the other. Belongs to the
 * loop's thread.
 */
#pragma once

#include "base/chardev.h"
#include "base/error.h"
#include "board/machine.h"
#include "ctl/input.h"
#include "ctl/line.h"
#include "ctl/out.h"
#include "ctl/qmp.h"
#include "ui/vnc.h"

/* Bytes of answers that may wait for a client that does not read; what is beyond that is lost. */
#define CTL_HMP_OUT_MAX (1u << 20)

struct ctl_hmp {
	struct machine *machine; /* borrowed, as is the next */
	struct chardev *chardev;
	struct ctl_qmp qmp; /* carries commands out */
	struct ctl_line *line;
	struct ctl_input input;
	struct ctl_out out;
	unsigned cpu; /* that commands are about */
};

/*
 * Before the machine runs. vnc shows the machine to people, or is NULL. The back-end gets this instance
 * as its user. 0 or -errno.
 */
int ctl_hmp_init(struct ctl_hmp *hmp, struct machine *machine, struct ui_vnc *vnc,
		 struct chardev *chardev, struct error *err) __attribute__((warn_unused_result));
/* Before the machine is destroyed. The back-end is left without user. */
void ctl_hmp_destroy(struct ctl_hmp *hmp);
