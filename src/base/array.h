// SPDX-License-Identifier: MIT
/*
 * Arrays that grow: an array is a pointer to its elements, or NULL, beside the number that there is
 * room for; how many are in use is the owner's affair. The owner frees the pointer and does the
 * locking. Room at least doubles, so adding one by one costs little.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* What array_reserve() is made of: the array, moved or not, with room for n > 0 elements, or NULL. */
void *array_grown(void *array, size_t n, size_t *room, size_t size)
	__attribute__((warn_unused_result));

/*
 * Makes room for n > 0 elements in all and points array to where they are now. False if memory ran
 * out: then all is as it was. room: size_t *.
 */
#define array_reserve(array, n, room)                                                              \
	({                                                                                         \
		void *array_is_now = array_grown(array, n, room, sizeof(*(array)));                \
                                                                                                   \
		if (array_is_now)                                                                  \
			(array) = array_is_now;                                                    \
		array_is_now != NULL;                                                              \
	})

/* Gives an array's memory back if it has room for more than kept elements; their values are lost. */
#define array_trim(array, room, kept)                                                              \
	do {                                                                                       \
		if (*(room) > (kept)) {                                                            \
			free(array);                                                               \
			(array) = NULL;                                                            \
			*(room) = 0;                                                               \
		}                                                                                  \
	} while (0)
