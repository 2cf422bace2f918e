// SPDX-License-Identifier: MIT
/* Base64 (RFC 4648, section 4). Pure functions on the caller's memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Characters for len bytes, without a NUL behind them. */
static inline size_t base64_size(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Writes base64_size(len) characters; in and out may not overlap. */
void base64_encode(char *out, const uint8_t *in, size_t len);

/*
 * Decodes n characters up to the first '='; those that are not of the alphabet are skipped. The
 * bytes, never more than n / 4 * 3 + 2, may replace the characters in place. Returns their number.
 */
size_t base64_decode(uint8_t *out, const char *in, size_t n);
