// SPDX-License-Identifier: MIT
/*
 * A listener that keeps its own books of a map and trusts nobody: it takes away only what it has,
 * adds nothing twice, lets nothing overlap, and watches the order of the calls. One thread.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/map.h"

#define MIRROR_MAX 256

/* Also in fuzz targets and in builds without assertions. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum mirror_step {
	MIRROR_START,
	MIRROR_WAIT_DEL,
	MIRROR_BELL_DEL,
	MIRROR_DRAIN,
	MIRROR_REGION_DEL,
	MIRROR_REGION_ADD,
	MIRROR_BELL_ADD,
	MIRROR_WAIT_ADD,
};

struct mirror_books {
	struct mem_section sections[MIRROR_MAX];
	struct mem_wait_range waits[MIRROR_MAX];
	struct mem_bell_range bells[MIRROR_MAX];
	size_t sections_n, waits_n, bells_n;
};

struct mirror {
	struct mem_listener listener;
	struct mirror_books of[MEM_SPACES];
	enum mirror_step step; /* of the change under way */
	unsigned calls, drains;
};

static inline bool mirror_same_section(const struct mem_section *a, const struct mem_section *b)
{
	return range_equal(a->range, b->range) && a->region == b->region &&
	       a->offset == b->offset && a->readonly == b->readonly;
}

static inline bool mirror_same_wait(const struct mem_wait_range *a, const struct mem_wait_range *b)
{
	return range_equal(a->range, b->range) && a->region == b->region &&
	       a->offset == b->offset && a->wait == b->wait && a->why == b->why;
}

static inline bool mirror_same_bell(const struct mem_bell_range *a, const struct mem_bell_range *b)
{
	return a->addr == b->addr && a->bell.width == b->bell.width &&
	       a->bell.match == b->bell.match &&
	       (!a->bell.match || a->bell.value == b->bell.value) && a->bell.fd == b->bell.fd;
}

static inline struct mirror_books *mirror_step(struct mirror *mirror, enum mirror_step step,
					       enum mem_space space)
{
	CHECK(step >= mirror->step);
	mirror->step = step;
	mirror->calls++;
	return &mirror->of[space];
}

static inline void mirror_region_add(void *arg, enum mem_space space,
				     const struct mem_section *section)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_REGION_ADD, space);

	for (size_t i = 0; i < books->sections_n; i++)
		CHECK(!range_overlaps(books->sections[i].range, section->range));
	CHECK(books->sections_n < MIRROR_MAX);
	books->sections[books->sections_n++] = *section;
}

static inline void mirror_region_del(void *arg, enum mem_space space,
				     const struct mem_section *section)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_REGION_DEL, space);
	size_t i = 0;

	while (i < books->sections_n && !mirror_same_section(&books->sections[i], section))
		i++;
	CHECK(i < books->sections_n);
	books->sections[i] = books->sections[--books->sections_n];
}

static inline void mirror_wait_add(void *arg, enum mem_space space,
				   const struct mem_wait_range *wait)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_WAIT_ADD, space);

	for (size_t i = 0; i < books->waits_n; i++)
		CHECK(!range_overlaps(books->waits[i].range, wait->range));
	CHECK(books->waits_n < MIRROR_MAX);
	books->waits[books->waits_n++] = *wait;
}

static inline void mirror_wait_del(void *arg, enum mem_space space,
				   const struct mem_wait_range *wait)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_WAIT_DEL, space);
	size_t i = 0;

	while (i < books->waits_n && !mirror_same_wait(&books->waits[i], wait))
		i++;
	CHECK(i < books->waits_n);
	books->waits[i] = books->waits[--books->waits_n];
}

static inline void mirror_bell_add(void *arg, enum mem_space space,
				   const struct mem_bell_range *bell)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_BELL_ADD, space);

	CHECK(books->bells_n < MIRROR_MAX);
	books->bells[books->bells_n++] = *bell;
}

static inline void mirror_bell_del(void *arg, enum mem_space space,
				   const struct mem_bell_range *bell)
{
	struct mirror_books *books = mirror_step(arg, MIRROR_BELL_DEL, space);
	size_t i = 0;

	while (i < books->bells_n && !mirror_same_bell(&books->bells[i], bell))
		i++;
	CHECK(i < books->bells_n);
	books->bells[i] = books->bells[--books->bells_n];
}

static inline void mirror_drain(void *arg)
{
	struct mirror *mirror = arg;

	mirror_step(mirror, MIRROR_DRAIN, MEM_SPACE_MEMORY);
	mirror->drains++;
}

static inline void mirror_init(struct mirror *mirror, enum mem_order order)
{
	memset(mirror, 0, sizeof(*mirror));
	mirror->listener = (struct mem_listener){
		.order = order,
		.arg = mirror,
		.region_add = mirror_region_add,
		.region_del = mirror_region_del,
		.wait_add = mirror_wait_add,
		.wait_del = mirror_wait_del,
		.bell_add = mirror_bell_add,
		.bell_del = mirror_bell_del,
		.drain = mirror_drain,
	};
}

/* Before every change: the order of its calls and their count start anew. */
static inline void mirror_expect_change(struct mirror *mirror)
{
	mirror->step = MIRROR_START;
	mirror->calls = 0;
	mirror->drains = 0;
}

/* The books and the view agree. */
static inline void mirror_check(const struct mirror *mirror, enum mem_space space,
				const struct mem_view *view)
{
	const struct mirror_books *books = &mirror->of[space];

	CHECK(books->sections_n == view->sections_n);
	for (size_t i = 0, j; i < view->sections_n; i++) {
		for (j = 0; !mirror_same_section(&books->sections[j], &view->sections[i]); j++)
			CHECK(j + 1 < books->sections_n);
	}
	CHECK(books->waits_n == view->waits_n);
	for (size_t i = 0, j; i < view->waits_n; i++) {
		for (j = 0; !mirror_same_wait(&books->waits[j], &view->waits[i]); j++)
			CHECK(j + 1 < books->waits_n);
	}
	CHECK(books->bells_n == view->bells_n);
	for (size_t i = 0, j; i < view->bells_n; i++) {
		for (j = 0; !mirror_same_bell(&books->bells[j], &view->bells[i]); j++)
			CHECK(j + 1 < books->bells_n);
	}
}

static inline bool mirror_is_empty(const struct mirror *mirror)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		const struct mirror_books *books = &mirror->of[space];

		if (books->sections_n || books->waits_n || books->bells_n)
			return false;
	}
	return true;
}
