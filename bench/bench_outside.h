// SPDX-License-Identifier: MIT
/*
 * Trips to user space as the kernel counts them, of any program that a bench runs: its tracepoint
 * kvm:kvm_userspace_exit, which needs root or CAP_PERFMON, and tracefs.
 */
#pragma once

/* Counts those of all children that are made from now on. A descriptor, or -errno if it cannot be. */
int bench_outside_begin(void);
/* What was counted, once the children have been waited for; closes it. -1: not known; of a -errno, too. */
long bench_outside_end(int fd);
