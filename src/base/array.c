// SPDX-License-Identifier: MIT
#include "base/array.h"

#include <assert.h>

/* An array begins with this many bytes, or elements if they are large. */
#define FIRST_BYTES    256u
#define FIRST_ELEMENTS 16u

void *array_grown(void *array, size_t n, size_t *room, size_t size)
{
	size_t wish = size * FIRST_ELEMENTS < FIRST_BYTES ? FIRST_BYTES / size : FIRST_ELEMENTS;
	void *bigger;

	assert(n > 0 && size > 0);
	if (n <= *room)
		return array;
	/* What is allocated is less than half of the address space: doubling does not overflow. */
	if (wish < 2 * *room)
		wish = 2 * *room;
	if (wish < n)
		wish = n;
	bigger = reallocarray(array, wish, size);
	if (bigger)
		*room = wish;
	return bigger;
}
