// SPDX-License-Identifier: MIT
#include "mem/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "mem/wait.h"

/* A deeper tree is taken for a loop of aliases. */
#define DEPTH_MAX 32

/* A growing array. */
struct list {
	void *at;
	size_t size; /* of an element */
	size_t n, room;
};

struct builder {
	struct list sections; /* sorted, no overlaps */
	struct list waits;
	struct list bells;
	bool failed; /* memory ran out: what is here is incomplete */
};

/* Opens a gap for one element before the index-th. NULL if memory ran out. */
static void *list_insert(struct builder *b, struct list *list, size_t index)
{
	char *at, *gap;

	at = array_grown(list->at, list->n + 1, &list->room, list->size);
	if (!at) {
		b->failed = true;
		return NULL;
	}
	list->at = at;
	gap = at + index * list->size;
	memmove(gap + list->size, gap, (list->n - index) * list->size);
	list->n++;
	return gap;
}

static void view_put_section(struct builder *b, size_t index, struct mem_section section)
{
	struct mem_section *gap = list_insert(b, &b->sections, index);

	if (gap)
		*gap = section;
}

/* Puts a section wherever nothing is yet: whoever comes first is on top. */
static void fill(struct builder *b, struct mem_section all)
{
	uint64_t at = all.range.first;
	size_t i = 0;

	for (;;) {
		const struct mem_section *old = b->sections.at;
		struct mem_section part = all;

		while (i < b->sections.n && old[i].range.last < at)
			i++;
		if (i < b->sections.n && old[i].range.first <= at) {
			/* Hidden up to here. */
			if (old[i].range.last >= all.range.last)
				return;
			at = old[i].range.last + 1;
			continue;
		}
		part.range.first = at;
		part.offset = all.offset + (at - all.range.first);
		if (i < b->sections.n && old[i].range.first <= all.range.last)
			part.range.last = old[i].range.first - 1;
		view_put_section(b, i, part);
		if (b->failed || part.range.last == all.range.last)
			return;
		at = part.range.last + 1;
	}
}

/* A part of a region, by offsets, and the address at which its first byte would appear. */
struct window {
	struct range part;
	uint64_t addr;
	bool readonly;
};

static void view_render(struct builder *b, const struct mem_region *region, struct window window,
			unsigned depth);

static void render_children(struct builder *b, const struct mem_region *region,
			    struct window window, unsigned depth)
{
	const struct range part = window.part;

	for (const struct mem_region *child = region->children; child; child = child->next) {
		uint64_t first = child->offset > part.first ? child->offset : part.first;
		struct window inner = window;

		if (first > part.last)
			continue;
		inner.addr = window.addr + (first - part.first);
		inner.part.first = first - child->offset;
		inner.part.last = part.last - child->offset;
		view_render(b, child, inner, depth + 1);
	}
}

static void render_target(struct builder *b, const struct mem_region *alias, struct window window,
			  unsigned depth)
{
	const uint64_t room = UINT64_MAX - alias->target_offset;

	if (window.part.first > room)
		return;
	if (window.part.last > room)
		window.part.last = room;
	window.part.first += alias->target_offset;
	window.part.last += alias->target_offset;
	window.readonly |= alias->readonly;
	view_render(b, alias->target, window, depth + 1);
}

static void view_render(struct builder *b, const struct mem_region *region, struct window window,
			unsigned depth)
{
	assert(depth < DEPTH_MAX);
	if (!region->enabled || window.part.first > region->last || b->failed)
		return;
	if (window.part.last > region->last)
		window.part.last = region->last;

	switch (region->kind) {
	case MEM_CONTAINER:
		render_children(b, region, window, depth);
		return;
	case MEM_ALIAS:
		render_target(b, region, window, depth);
		return;
	case MEM_RAM:
	case MEM_ROM:
	case MEM_IO:
		break;
	}
	fill(b, (struct mem_section){
			.range.first = window.addr,
			.range.last = window.addr + (window.part.last - window.part.first),
			.region = region,
			.offset = window.part.first,
			.readonly = region->kind == MEM_ROM ||
				    (region->kind == MEM_RAM && window.readonly),
		});
}

bool mem_section_wait(const struct mem_section *section, uint64_t from, struct mem_wait_range *out)
{
	const uint64_t first = section->offset;
	const uint64_t last = first + (section->range.last - section->range.first);
	struct mem_wait wait;

	if (section->region->kind != MEM_IO)
		return false;
	for (; mem_wait_next(section->region, from, &wait); from = wait.last + 1) {
		if (wait.first < first || wait.last > last)
			continue;
		*out = (struct mem_wait_range){
			.range.first = section->range.first + (wait.first - first),
			.range.last = section->range.first + (wait.last - first),
			.wait = wait.wait,
			.region = section->region,
			.offset = wait.first,
			.when = wait.when,
			.why = wait.why,
		};
		return true;
	}
	return false;
}

/* At its place by address; not at all if something that waits is there. */
static void view_put_wait(struct builder *b, const struct mem_wait_range *wait)
{
	const struct mem_wait_range *waits = b->waits.at;
	struct mem_wait_range *gap;
	size_t at = b->waits.n;

	while (at && waits[at - 1].range.first > wait->range.last)
		at--;
	if (at && waits[at - 1].range.last >= wait->range.first)
		return;
	gap = list_insert(b, &b->waits, at);
	if (gap)
		*gap = *wait;
}

/* Waits that the user forced: before those of the tables, which then make room. */
static void view_add_forced(struct builder *b, const struct mem_overrides *overrides)
{
	const struct mem_view sections = {
		.sections = b->sections.at,
		.sections_n = b->sections.n,
	};
	struct mem_wait_range wait;

	for (unsigned i = 0; overrides && i < overrides->n; i++) {
		if (mem_override_forces(&overrides->at[i], &sections, &wait))
			view_put_wait(b, &wait);
	}
}

static void view_add_waits(struct builder *b, const struct mem_section *section,
			   const struct mem_waiting *waiting)
{
	struct mem_wait_range wait;

	for (uint64_t from = 0; mem_section_wait(section, from, &wait);
	     from = wait.offset + (wait.range.last - wait.range.first) + 1) {
		if (mem_waiting_shows(waiting, &wait))
			view_put_wait(b, &wait);
	}
}

static void view_put_nowhere(struct builder *b, struct range range, uint64_t wait)
{
	const struct mem_view sections = {
		.sections = b->sections.at,
		.sections_n = b->sections.n,
	};

	if (mem_view_goes_nowhere(&sections, range))
		view_put_wait(b, &(struct mem_wait_range){
					 .range = range,
					 .wait = wait,
					 .region = &mem_nowhere,
					 .why = mem_nowhere_why,
				 });
}

/* Addresses where nobody is, among the waits of those who are there. */
static void view_add_nowhere(struct builder *b, const struct mem_waiting *waiting)
{
	const struct mem_overrides *overrides = waiting->overrides;
	const struct mem_loans *loans = waiting->only_overrides ? NULL : waiting->loans;

	for (unsigned i = 0; overrides && i < overrides->n; i++) {
		const struct mem_override *said = &overrides->at[i];

		if (said->wait && !said->forced)
			view_put_nowhere(b, said->range, said->wait);
	}
	for (unsigned i = 0; loans && i < loans->n; i++) {
		const struct mem_loan *loan = &loans->at[i];

		if (loan->region == &mem_nowhere && !mem_override_bars(overrides, loan->range))
			view_put_nowhere(b, loan->range, MEM_LATCH);
	}
}

static void view_add_bells(struct builder *b, const struct mem_section *section)
{
	const uint64_t first = section->offset;
	const uint64_t last = first + (section->range.last - section->range.first);

	for (size_t i = 0; i < section->region->doorbells_n; i++) {
		const struct mem_doorbell *bell = &section->region->doorbells[i];
		struct mem_bell_range *out;

		if (bell->at < first || bell->at > last)
			continue;
		out = list_insert(b, &b->bells, b->bells.n);
		if (!out)
			return;
		out->addr = section->range.first + (bell->at - first);
		out->bell = *bell;
	}
}

/* Any order will do that is total and goes by address first. */
static int compare_bells(const void *a, const void *b)
{
	const struct mem_bell_range *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->bell.width != y->bell.width)
		return x->bell.width < y->bell.width ? -1 : 1;
	if (x->bell.match != y->bell.match)
		return x->bell.match ? 1 : -1;
	if (x->bell.match && x->bell.value != y->bell.value)
		return x->bell.value < y->bell.value ? -1 : 1;
	if (x->bell.fd != y->bell.fd)
		return x->bell.fd < y->bell.fd ? -1 : 1;
	return 0;
}

static char *move_list(char *to, const struct list *list)
{
	size_t bytes = list->n * list->size;

	if (bytes)
		memcpy(to, list->at, bytes);
	return to + bytes;
}

/* The three lists behind the view's head; their elements are all aligned alike. */
static struct mem_view *pack(const struct builder *b)
{
	struct mem_view *view;
	char *to;

	view = malloc(sizeof(*view) + b->sections.n * b->sections.size +
		      b->waits.n * b->waits.size + b->bells.n * b->bells.size);
	if (!view)
		return NULL;
	atomic_init(&view->refs, 1);
	view->hook = NULL;
	to = (char *)(view + 1);
	view->sections_n = b->sections.n;
	view->sections = (const void *)to;
	to = move_list(to, &b->sections);
	view->waits_n = b->waits.n;
	view->waits = (const void *)to;
	to = move_list(to, &b->waits);
	view->bells_n = b->bells.n;
	view->bells = (const void *)to;
	move_list(to, &b->bells);
	return view;
}

struct mem_view *mem_view_render(const struct mem_region *root, struct range space)
{
	return mem_view_render_lent(root, space, NULL);
}

struct mem_view *mem_view_render_lent(const struct mem_region *root, struct range space,
				      const struct mem_waiting *waiting)
{
	struct builder b = {
		.sections.size = sizeof(struct mem_section),
		.waits.size = sizeof(struct mem_wait_range),
		.bells.size = sizeof(struct mem_bell_range),
	};
	struct mem_view *view = NULL;

	_Static_assert(_Alignof(struct mem_view) == _Alignof(struct mem_section) &&
			       _Alignof(struct mem_view) == _Alignof(struct mem_wait_range) &&
			       _Alignof(struct mem_view) == _Alignof(struct mem_bell_range),
		       "one allocation without padding");
	view_render(&b, root, (struct window){ .part = space, .addr = space.first }, 0);
	if (waiting)
		view_add_forced(&b, waiting->overrides);
	for (size_t i = 0; i < b.sections.n; i++) {
		const struct mem_section *section = (const struct mem_section *)b.sections.at + i;

		if (section->region->kind == MEM_IO) {
			view_add_waits(&b, section, waiting);
			view_add_bells(&b, section);
		}
	}
	if (waiting)
		view_add_nowhere(&b, waiting);
	if (b.bells.n)
		qsort(b.bells.at, b.bells.n, b.bells.size, compare_bells);
	if (!b.failed)
		view = pack(&b);
	free(b.sections.at);
	free(b.waits.at);
	free(b.bells.at);
	return view;
}

struct mem_view *mem_view_ref(struct mem_view *view)
{
	/* Whoever refers already keeps it alive: nothing to order. */
	atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
	return view;
}

void mem_view_unref(struct mem_view *view)
{
	if (view && atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) == 1)
		free(view);
}

bool mem_view_waits(const struct mem_view *view, struct range range)
{
	for (size_t i = 0; i < view->waits_n; i++) {
		const struct range *wait = &view->waits[i].range;

		if (wait->first <= range.first && range.last <= wait->last)
			return true;
	}
	return false;
}

const struct mem_section *mem_view_find(const struct mem_view *view, uint64_t addr)
{
	const struct mem_section *base = view->sections;
	size_t n = view->sections_n;

	if (!n)
		return NULL;
	/* The last section that begins at addr or before, if any; no branch that depends on addr. */
	while (n > 1) {
		size_t half = n / 2;

		base = base[half].range.first <= addr ? base + half : base;
		n -= half;
	}
	return range_has(base->range, addr) ? base : NULL;
}

static bool same_section(const struct mem_section *a, const struct mem_section *b)
{
	return range_equal(a->range, b->range) && a->region == b->region &&
	       a->offset == b->offset && a->readonly == b->readonly;
}

static bool same_wait(const struct mem_wait_range *a, const struct mem_wait_range *b)
{
	return range_equal(a->range, b->range) && a->region == b->region &&
	       a->offset == b->offset && a->wait == b->wait && a->when == b->when &&
	       a->why == b->why;
}

/* Of each kind: calls tell for what is in a and not in b. Both may be NULL, tell too. */

static void sections_missing(const struct mem_view *a, const struct mem_view *b,
			     void (*tell)(void *arg, const struct mem_section *section), void *arg)
{
	size_t j = 0;

	for (size_t i = 0; tell && a && i < a->sections_n; i++) {
		const struct mem_section *section = &a->sections[i];

		while (b && j < b->sections_n && b->sections[j].range.first < section->range.first)
			j++;
		if (!b || j == b->sections_n || !same_section(section, &b->sections[j]))
			tell(arg, section);
	}
}

static void waits_missing(const struct mem_view *a, const struct mem_view *b,
			  void (*tell)(void *arg, const struct mem_wait_range *wait), void *arg)
{
	size_t j = 0;

	for (size_t i = 0; tell && a && i < a->waits_n; i++) {
		const struct mem_wait_range *wait = &a->waits[i];

		while (b && j < b->waits_n && b->waits[j].range.first < wait->range.first)
			j++;
		if (!b || j == b->waits_n || !same_wait(wait, &b->waits[j]))
			tell(arg, wait);
	}
}

static void bells_missing(const struct mem_view *a, const struct mem_view *b,
			  void (*tell)(void *arg, const struct mem_bell_range *bell), void *arg)
{
	size_t j = 0;

	for (size_t i = 0; tell && a && i < a->bells_n; i++) {
		const struct mem_bell_range *bell = &a->bells[i];

		while (b && j < b->bells_n && compare_bells(&b->bells[j], bell) < 0)
			j++;
		if (!b || j == b->bells_n || compare_bells(bell, &b->bells[j]))
			tell(arg, bell);
	}
}

void mem_view_diff(const struct mem_view *from, const struct mem_view *to,
		   const struct mem_view_diff_ops *ops, void *arg)
{
	waits_missing(from, to, ops->wait_gone, arg);
	bells_missing(from, to, ops->bell_gone, arg);
	sections_missing(from, to, ops->section_gone, arg);
	sections_missing(to, from, ops->section_come, arg);
	bells_missing(to, from, ops->bell_come, arg);
	waits_missing(to, from, ops->wait_come, arg);
}
