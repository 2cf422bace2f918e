// SPDX-License-Identifier: MIT
/*
 * Memory that is given out piece by piece and freed all at once: for what a command line says and
 * what a device's properties say. A zeroed struct is an empty arena. Its owner frees it; one thread
 * at a time.
 */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *last;
};

/* size zeroed bytes, aligned for anything. NULL without memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of len bytes with a NUL behind them. NULL without memory. */
char *arena_text(struct arena *arena, const char *text, size_t len);
/*
 * Room for one more element behind the n that array has: array itself, or a larger copy of it. For
 * lists that only grow, from NULL and 0 on and always by one. NULL without memory.
 */
void *arena_grow(struct arena *arena, void *array, size_t n, size_t size);
/* Everything the arena gave out is gone, and it is empty again. */
void arena_free(struct arena *arena);
