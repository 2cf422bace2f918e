// SPDX-License-Identifier: MIT
/*
 * The accelerator "nobody": the machine's chips, with accesses made by hand through a software CPU
 * (board/soft_cpu.h), on a clock that moves when told. For tests, fuzzing and -accel qtest. As
 * board/accel.h says; the instance belongs to whoever makes it, and outlives the machine.
 */
#pragma once

#include "board/accel.h"
#include "board/soft_cpu.h"

struct accel_none {
	struct accel accel; /* first */
	bool coalesce; /* writes that may wait do, as they would with KVM */
	struct accel_events events;
	struct soft_cpu cpu; /* between attach and destroy: whoever plays the guest uses it */
	bool attached;
};

/* Nothing is made yet, so nothing has to be undone. */
void accel_none_init(struct accel_none *none, bool coalesce);
