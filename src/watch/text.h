// SPDX-License-Identifier: MIT
/*
 * Texts that strangers chose, made fit to be shown: a name from a file, a socket or another process must
 * not move a terminal's cursor, change its colours or end a line of our output. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The character at the begin of text's n > 0 bytes: its length in bytes, and its number in *code. A byte
 * that begins no UTF-8 character has length 1 and the number 0.
 */
size_t watch_text_char(const char *text, size_t n, uint32_t *code);

/*
 * Copies text to out, NUL-terminated, and cuts it at a character that finds no room in size > 0 bytes.
 * What is no UTF-8, a control character, or one that changes the direction or the layout of what
 * follows becomes a question mark. Returns the length, less than size.
 */
size_t watch_text_safe(char *out, size_t size, const char *text, size_t n);
