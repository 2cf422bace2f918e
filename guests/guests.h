// SPDX-License-Identifier: MIT
/*
 * The guests that are linked into the program: ROM images, page-aligned, constant. Each is seen at
 * 0xffff0000 by a processor that starts, and at 0xf0000 by the code that follows.
 *
 * They take their parameters from the fw_cfg file opt/org.coalport/guest, a line of key=value
 * separated by spaces, and do without it.
 */
#pragma once

#include <stdint.h>

#define GUEST_ROM_SIZE 65536
#define GUEST_PARAMS   "opt/org.coalport/guest"

/* Ticks on the RTC. rate=64 (Hz), seconds=3 (0: for ever). Then power-off. */
extern const uint8_t guest_ticker[GUEST_ROM_SIZE];

/* Measures port accesses. count=20000 (pairs), samples=1000 (timed accesses, to 4000). Then power-off. */
extern const uint8_t guest_rtcbench[GUEST_ROM_SIZE];
