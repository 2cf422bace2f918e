// SPDX-License-Identifier: MIT
/*
 * The kernel's own statistics of a machine and of each of its vCPUs (kernel document
 * Documentation/virt/kvm/api.rst, 4.133, KVM_GET_STATS_FD; Linux 5.14). They are read by a descriptor
 * that is opened before the vCPUs run: a vCPU in KVM_RUN would keep whoever asks for one waiting.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hv/sys.h"
#include "hv/vm.h"
#include "meter/stats.h"

/* The whole of what one descriptor gives; the kernel's are some 4 KiB. */
#define HV_STATS_SIZE 65536

/* The descriptor of a VM's or vCPU's statistics, or -1: this kernel has none. */
int hv_stats_open(const struct hv_sys *sys, int fd);
/*
 * What the kernel said, all of it, as a list. Nothing is believed: offsets and counts are checked. A
 * value of a kind that is not known here is left out. 0, -EPROTO or -ENOMEM. Pure.
 */
int hv_stats_parse(const uint8_t *bytes, size_t len, struct meter_stats *out)
	__attribute__((warn_unused_result));

/*
 * The machine's own for vcpu -1, else that vCPU's, as they are now. Any thread while the machine is
 * there. 0; -ENOTSUP: there are none; or -errno. The caller frees them.
 */
int hv_vm_stats(const struct hv_vm *vm, int vcpu, struct meter_stats *out)
	__attribute__((warn_unused_result));
