// SPDX-License-Identifier: MIT
/*
 * Numbers in bytes of a stated order, at any alignment. Pure functions, any thread.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "these helpers are written for a little-endian host"
#endif

#define BYTES_ACCESSORS(bits)                                                                      \
	static inline uint##bits##_t le##bits##_get(const void *from)                              \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		memcpy(&value, from, sizeof(value));                                               \
		return value;                                                                      \
	}                                                                                          \
	static inline void le##bits##_put(void *to, uint##bits##_t value)                          \
	{                                                                                          \
		memcpy(to, &value, sizeof(value));                                                 \
	}                                                                                          \
	static inline uint##bits##_t be##bits##_get(const void *from)                              \
	{                                                                                          \
		return __builtin_bswap##bits(le##bits##_get(from));                                \
	}                                                                                          \
	static inline void be##bits##_put(void *to, uint##bits##_t value)                          \
	{                                                                                          \
		le##bits##_put(to, __builtin_bswap##bits(value));                                  \
	}

/* le16_get(), le16_put(), be16_get(), be16_put() and so on. */
BYTES_ACCESSORS(16)
BYTES_ACCESSORS(32)
BYTES_ACCESSORS(64)

#undef BYTES_ACCESSORS

/* Little-endian, len bytes of 1 to 8. */
static inline uint64_t le_get(const void *from, unsigned len)
{
	uint64_t value = 0;

	memcpy(&value, from, len);
	return value;
}

static inline void le_put(void *to, uint64_t value, unsigned len)
{
	memcpy(to, &value, len);
}
