// SPDX-License-Identifier: MIT
/*
 * Random trees and random changes of them, each view compared with a naive one: the fuzz target,
 * fed from a seed. COALPORT_SEED chooses another.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PLAYS  3000
#define LENGTH 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

int main(void)
{
	const char *chosen = getenv("COALPORT_SEED");
	uint64_t seed = chosen ? strtoull(chosen, NULL, 0) : 42;
	uint8_t data[LENGTH];

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (unsigned play = 0; play < PLAYS; play++) {
		size_t size = next_random(&seed) % LENGTH + 1;

		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)next_random(&seed);
		data[0] = (uint8_t)play; /* each of the places in turn */
		LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
