// SPDX-License-Identifier: MIT
/*
 * The control socket: a monitor (QMP) that every machine has, so that tools find it without anybody's
 * having thought of one. It listens at an address of the abstract kind (unix(7)), "coalport/PID", which
 * leaves nothing behind however the program ends. Up to CTL_CONTROL_CLIENTS clients at a time have a
 * session each; one more is told so and sent away.
 *
 * Who may come in: processes of the same user, and root (SO_PEERCRED). Others are sent away without a
 * word. What the host refuses is told once, until a client has come and gone without it. Whoever connects should look by the same means whether it is the PID that answers, since any
 * user may take an address first.
 *
 * Belongs to the loop's thread.
 */
#pragma once

#include "base/acceptor.h"
#include "base/error.h"
#include "base/loop.h"
#include "board/machine.h"
#include "ui/vnc.h"

#define CTL_CONTROL_CLIENTS 8
#define CTL_CONTROL_NAME    "coalport/%d" /* behind a byte of zero */

struct ctl_session;

struct ctl_control {
	struct machine *machine; /* borrowed */
	struct ui_vnc *vnc; /* borrowed, or NULL; for the sessions */
	struct acceptor acceptor; /* socket.fd -1: it does not listen */
	struct ctl_session *sessions[CTL_CONTROL_CLIENTS]; /* NULL: free */
	struct loop_task reap; /* frees those whose client has left */
};

/* Begins to listen. 0, or -errno with a line of why: the machine does well without. */
int ctl_control_init(struct ctl_control *control, struct machine *machine, struct ui_vnc *vnc,
		     struct error *err) __attribute__((warn_unused_result));
/* Ends all sessions. Before the machine is destroyed; nothing to do for one that is all zero. */
void ctl_control_destroy(struct ctl_control *control);
