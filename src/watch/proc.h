// SPDX-License-Identifier: MIT
/*
 * What /proc and tracefs say: which processes run KVM guests, their threads and names, and the
 * formats of KVM's tracepoints. No state, no locking.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "watch/event.h"
#include "watch/pair.h"

/* 1 if the process has a KVM machine or vCPU, 0 if not, or -errno: -EACCES if one may not look. */
int watch_proc_has_kvm(pid_t pid) __attribute__((warn_unused_result));

/* The name of a process; empty if it is gone. */
void watch_proc_name(uint32_t pid, char name[static WATCH_NAME]);

/* Calls found() for each process with a KVM machine that one may look into. 0 or -errno. */
int watch_proc_each(void (*found)(void *arg, uint32_t pid), void *arg)
	__attribute__((warn_unused_result));

/* Calls found() for each thread of a process. 0, or -errno: -ESRCH if there is no such process. */
int watch_proc_threads(pid_t pid, int (*found)(void *arg, pid_t tid), void *arg)
	__attribute__((warn_unused_result));

/*
 * A descriptor of the folder "events" of tracefs, the caller's to close; where that is not mounted, of a
 * mount of our own that nobody else sees. Or -errno: -ENOENT where there is none.
 */
int watch_proc_events(void) __attribute__((warn_unused_result));

/*
 * Reads the formats of KVM's tracepoints from there. Those from kvm_entry on may be missing. 0 or -errno, told in err. exit_id: of kvm_exit,
 * or 0.
 */
int watch_proc_formats(struct watch_formats *formats, uint32_t *exit_id, struct error *err)
	__attribute__((warn_unused_result));
