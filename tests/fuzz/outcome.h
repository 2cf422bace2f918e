// SPDX-License-Identifier: MIT
/*
 * What came of the last input, as one number. A target that keeps things from one input to the next
 * defines fuzz_outcome(), and its replay then shows that nothing of them shines through: the files
 * run forwards and backwards, with the same outcome each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OUTCOME_NONE UINT64_C(0xcbf29ce484222325)

/* Not called by the fuzzer, so it may take its time. */
uint64_t fuzz_outcome(void);

/* FNV-1a */
static inline uint64_t outcome_add(uint64_t outcome, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		outcome = (outcome ^ at[i]) * UINT64_C(0x100000001b3);
	return outcome;
}
