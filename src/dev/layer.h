// SPDX-License-Identifier: MIT
/*
 * Which chip may call which with its own lock held: one whose layer (of LOCK_DEVICE, base/lock.h) is
 * higher. The wire that a call stands for has one direction, and so has this list; a wire back goes
 * by a request to the machine or a task of the loop.
 */
#pragma once

enum dev_layer {
	DEV_LAYER_CHIP, /* most: what lock_init() gives */
	DEV_LAYER_POWER, /* power management, which hears of alarms */
	DEV_LAYER_DMA, /* the DMA controllers, which devices ask */
};
