// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 2048

struct arena_chunk {
	struct arena_chunk *before;
	size_t size, used; /* of bytes[] */
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->last;
	const size_t align = alignof(max_align_t);
	size_t need;
	void *at;

	if (size > PTRDIFF_MAX / 2)
		return NULL;
	need = (size + align - 1) / align * align;
	if (!chunk || chunk->size - chunk->used < need) {
		size_t room = need > CHUNK ? need : CHUNK;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->before = arena->last;
		chunk->size = room;
		arena->last = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += need;
	return at;
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

void *arena_grow(struct arena *arena, void *array, size_t n, size_t size)
{
	void *larger;

	/* There is room for as many as the next power of two. */
	if (n && (n & (n - 1)))
		return array;
	larger = arena_alloc(arena, (n ? 2 * n : 1) * size);
	if (larger && n)
		memcpy(larger, array, n * size);
	return larger;
}

void arena_free(struct arena *arena)
{
	while (arena->last) {
		struct arena_chunk *chunk = arena->last;

		arena->last = chunk->before;
		free(chunk);
	}
}
