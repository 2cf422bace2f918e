// SPDX-License-Identifier: MIT
/*
 * The monitor protocol of QEMU (QMP): JSON objects that tell about a machine and rule it.
 * docs/control.md lists commands and events.
 *
 * One instance serves one character back-end, whose clients come one after the other; events go to
 * the client of every instance that has negotiated. Belongs to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chardev.h"
#include "board/machine.h"
#include "ctl/frame.h"
#include "ctl/input.h"
#include "ctl/out.h"
#include "ui/vnc.h"

/* Bytes of replies and events that may wait for a client that does not read. */
#define CTL_QMP_OUT_MAX (4u << 20)

struct ctl_qmp {
	struct machine *machine; /* borrowed */
	struct ui_vnc *vnc; /* borrowed; NULL: there is none */
	struct chardev *chardev; /* borrowed */
	bool opened; /* a client is there */
	void (*left)(void *arg); /* it is not any more; may be NULL. Not to destroy this from */
	void *left_arg;
	bool negotiated;
	struct machine_observer observer;
	struct ui_vnc_observer vnc_observer;
	struct ctl_input input;
	struct ctl_frame frame;
	struct ctl_out out;
	uint64_t events_dropped; /* of a client that did not read them */
};

/*
 * Before the machine runs. vnc shows the machine to people, or is NULL. The back-end gets this instance
 * as its user. 0 or -errno.
 */
int ctl_qmp_init(struct ctl_qmp *qmp, struct machine *machine, struct ui_vnc *vnc,
		 struct chardev *chardev) __attribute__((warn_unused_result));
/*
 * One that has no client and hears of no event, for whoever carries out commands in words of his own.
 * There is nothing to destroy.
 */
void ctl_qmp_init_inner(struct ctl_qmp *qmp, struct machine *machine, struct ui_vnc *vnc);
/* Before the machine is destroyed and the VNC server closed. The back-end is left without user. */
void ctl_qmp_destroy(struct ctl_qmp *qmp);
