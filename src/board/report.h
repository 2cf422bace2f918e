// SPDX-License-Identifier: MIT
/*
 * The table of what a machine's accesses cost, and the list of what may wait. For the loop's thread,
 * while the machine runs, or is paused, or has ended but is not destroyed.
 */
#pragma once

#include <stdio.h>

#include "board/machine.h"

struct json_object;

enum report_form { REPORT_TEXT, REPORT_JSON };

/* 0; -ENOTSUP: nothing is counted; or -errno of writing. */
int machine_report(struct machine *machine, FILE *out, enum report_form form)
	__attribute__((warn_unused_result));
/*
 * The record (docs/records.md) as an object, which the caller puts back. per_vcpu: with a row of its
 * own for each vCPU. 0, -ENOTSUP or -ENOMEM.
 */
int machine_report_object(struct machine *machine, bool per_vcpu, struct json_object **out)
	__attribute__((warn_unused_result));

/*
 * The record's list of zones by itself, which the caller puts back; of a machine that counts nothing, what
 * the user said of waiting. 0 or -ENOMEM.
 */
int machine_zones_object(struct machine *machine, struct json_object **out)
	__attribute__((warn_unused_result));

/* What waits in this machine and why, a line each: the answer to coalesce=list. 0 or -errno. */
int machine_list_waits(struct machine *machine, FILE *out) __attribute__((warn_unused_result));
