// SPDX-License-Identifier: MIT
/*
 * A copy of RAM that is kept by nothing but what a map's write hook is told: a write that was not told,
 * or told before it was made, leaves the two different. For RAM whose guest addresses begin at 0.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mem/map.h"

struct shadow {
	struct mem_map *map;
	const uint8_t *host;
	uint8_t *copy;
	size_t len;
	uint64_t told; /* bytes */
	struct mem_write_hook hook;
};

static void shadow_wrote(void *arg, uint64_t addr, uint64_t len)
{
	struct shadow *shadow = arg;

	assert_true(len > 0 && addr < shadow->len && len <= shadow->len - addr);
	memcpy(shadow->copy + addr, shadow->host + addr, len);
	shadow->told += len;
}

/* From now on; what was written before is in the copy. */
static void shadow_begin(struct shadow *shadow, struct mem_map *map, const uint8_t *host,
			 size_t len)
{
	*shadow = (struct shadow){ .map = map, .host = host, .len = len };
	shadow->copy = malloc(len);
	assert_non_null(shadow->copy);
	memcpy(shadow->copy, host, len);
	shadow->hook = (struct mem_write_hook){ .wrote = shadow_wrote, .arg = shadow };
	mem_map_set_write_hook(map, &shadow->hook);
}

static void shadow_check(const struct shadow *shadow)
{
	assert_memory_equal(shadow->copy, shadow->host, shadow->len);
}

static void shadow_end(struct shadow *shadow)
{
	mem_map_set_write_hook(shadow->map, NULL);
	shadow_check(shadow);
	free(shadow->copy);
}
