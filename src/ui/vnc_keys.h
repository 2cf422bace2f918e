// SPDX-License-Identifier: MIT
/*
 * What a viewer's keys are on the guest's keyboard: the X keysyms of the protocol (RFC 6143, 7.5.4), of
 * which one says what the person's key shows, and not which it is, taken for those of an American
 * keyboard. Constant data.
 */
#pragma once

#include <stdint.h>

#include "dev/ps2/keys.h"

/* PS2_KEY_NONE: there is none. */
enum ps2_key vnc_key(uint32_t keysym);
