// SPDX-License-Identifier: MIT
/*
 * What UTF-8 is and what only looks like it: no byte more than a character needs, no half of a
 * UTF-16 pair, nothing above U+10FFFF (The Unicode Standard, table 3-7). Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that text begins with, 1 to 4; 0 if there is none in its n bytes. */
size_t utf8_char(const char *text, size_t n);
bool utf8_valid(const char *text, size_t n);
/*
 * A copy, to be freed, with U+FFFD for each byte that belongs to no character; NUL-terminated, its
 * length in *len. NULL if memory ran out.
 */
char *utf8_mend(const char *text, size_t n, size_t *len);
