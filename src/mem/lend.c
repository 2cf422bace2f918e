// SPDX-License-Identifier: MIT
#include "mem/lend.h"

#include "mem/overrule.h"

#define IDLE_NS    INT64_C(1000000000)
#define HOT_RARELY 1024u

void mem_condition_init(struct mem_condition *condition, const char *name, bool holds)
{
	*condition = (struct mem_condition){ .name = name };
	atomic_init(&condition->holds, holds);
}

void mem_condition_set(struct mem_condition *condition, bool holds)
{
	struct mem_map *watcher;

	if (atomic_load_explicit(&condition->holds, memory_order_relaxed) == holds)
		return;
	/*
	 * The other side (mem_lend_sample()) stores the watcher and then looks whether it holds. In
	 * one order of all four, at least one of the two sees what the other has stored.
	 */
	atomic_store(&condition->holds, holds);
	watcher = atomic_load(&condition->watcher);
	if (watcher && !holds)
		mem_map_request(watcher, &watcher->look_again);
}

int mem_map_start_lending(struct mem_map *map)
{
	mem_map_begin(map);
	map->lends = true;
	return mem_map_commit(map);
}

void mem_lend_sample(struct mem_map *map)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		struct mem_loans *loans = &map->loans[space];

		for (unsigned i = 0; i < loans->n; i++) {
			struct mem_condition *when = loans->at[i].when;

			if (!when)
				continue;
			atomic_store(&when->watcher, map);
			when->sampled = atomic_load(&when->holds);
		}
	}
}

static bool lend_is_shown(const struct mem_view *view, const struct mem_region *region,
			  struct range range)
{
	for (size_t i = 0; i < view->waits_n; i++) {
		if (view->waits[i].region == region && range_equal(view->waits[i].range, range))
			return true;
	}
	return false;
}

bool mem_lend_watches(const struct mem_map *map, const struct mem_condition *when)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		const struct mem_loans *loans = &map->loans[space];

		for (unsigned i = 0; i < loans->n; i++) {
			if (loans->at[i].when == when)
				return true;
		}
	}
	return false;
}

static void lend_drop(struct mem_map *map, struct mem_loans *loans, unsigned i)
{
	struct mem_condition *when = loans->at[i].when;

	loans->at[i] = loans->at[--loans->n];
	if (when && !mem_lend_watches(map, when) && !mem_overrule_watches(map, when))
		atomic_store(&when->watcher, NULL);
}

/* What the view does not show any more is not lent any more: it has to be earned anew. */
void mem_lend_prune(struct mem_map *map)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		struct mem_loans *loans = &map->loans[space];

		for (unsigned i = loans->n; i-- > 0;) {
			const struct mem_loan *loan = &loans->at[i];

			if (!lend_is_shown(map->view[space], loan->region, loan->range))
				lend_drop(map, loans, i);
		}
	}
}

/* What a write to this range would have to be lent; false if it cannot wait, or does already. */
static bool lend_find(const struct mem_view *view, struct range range, struct mem_wait_range *out)
{
	const struct mem_section *section = mem_view_find(view, range.first);

	for (size_t i = 0; i < view->waits_n; i++) {
		if (range_overlaps(view->waits[i].range, range))
			return false;
	}
	for (uint64_t from = 0; section && mem_section_wait(section, from, out);
	     from = out->offset + (out->range.last - out->range.first) + 1) {
		if (range_covers(out->range, range))
			return !out->when || atomic_load(&out->when->holds);
	}
	*out = (struct mem_wait_range){
		.range = range,
		.wait = MEM_LATCH,
		.region = &mem_nowhere,
		.why = mem_nowhere_why,
	};
	return mem_view_goes_nowhere(view, range);
}

static uint64_t lend_uses(const struct mem_map *map, enum mem_space space, struct range range)
{
	uint64_t uses = 0;

	for (const struct mem_listener *l = map->listeners; l; l = l->next) {
		if (l->uses)
			uses += l->uses(l->arg, space, range);
	}
	return uses;
}

static void lend_look(struct mem_map *map, enum mem_space space, int64_t now)
{
	struct mem_loans *loans = &map->loans[space];

	for (unsigned i = 0; i < loans->n; i++) {
		struct mem_loan *loan = &loans->at[i];
		uint64_t uses = lend_uses(map, space, loan->range);

		if (uses != loan->uses)
			loan->used_at = now;
		loan->uses = uses;
	}
}

/* A place in the table; the longest unused is given up if there is no other. NULL: all are in use. */
static struct mem_loan *lend_place(struct mem_map *map, enum mem_space space, int64_t now)
{
	struct mem_loans *loans = &map->loans[space];
	unsigned oldest = 0;

	if (loans->n == MEM_LOANS) {
		lend_look(map, space, now);
		for (unsigned i = 1; i < loans->n; i++) {
			if (loans->at[i].used_at < loans->at[oldest].used_at)
				oldest = i;
		}
		if (now - loans->at[oldest].used_at < IDLE_NS)
			return NULL;
		lend_drop(map, loans, oldest);
	}
	return &loans->at[loans->n++];
}

static bool lend_is_affordable(struct mem_loans *loans, struct mem_condition *when, int64_t now)
{
	bool affordable = mem_budget_take(when ? &when->budget : &loans->budget, now);

	if (when)
		atomic_store_explicit(&when->often, !affordable, memory_order_relaxed);
	return affordable;
}

/* By the user; with the topology lock held. */
static bool lend_is_allowed(const struct mem_map *map, enum mem_space space,
			    const struct mem_wait_range *wait)
{
	const struct mem_overrides *overrides = &map->overrides[space];
	const struct mem_override *said = mem_override_in(overrides, wait->range);

	if (map->only_overrides)
		return said && said->wait && range_equal(said->range, wait->range);
	return !mem_override_bars(overrides, wait->range);
}

bool mem_map_lend(struct mem_hold *hold, enum mem_space space, uint64_t addr, unsigned width,
		  int64_t now)
{
	struct mem_map *map = hold->map;
	struct mem_loan *loan = NULL;
	struct mem_wait_range wait;
	struct range range;

	if ((!map->lends && !map->only_overrides) || addr > UINT64_MAX - (width - 1))
		return false;
	range = range_make(addr, width);
	if (!lend_find(mem_hold_view(hold, space), range, &wait) ||
	    (map->only_overrides && !wait.when))
		return false;

	/* The same once more where nothing changes meanwhile. */
	mem_map_begin(map);
	if (lend_find(map->view[space], range, &wait) && lend_is_allowed(map, space, &wait) &&
	    lend_is_affordable(&map->loans[space], wait.when, now))
		loan = lend_place(map, space, now);
	if (loan) {
		*loan = (struct mem_loan){
			.range = wait.range,
			.region = wait.region,
			.when = wait.when,
			.deadline = wait.wait != MEM_LATCH,
			.uses = lend_uses(map, space, wait.range),
			.used_at = now,
		};
	}
	return mem_map_commit(map) == 0 && loan;
}

int mem_map_review(struct mem_map *map, int64_t now)
{
	mem_map_begin(map);
	for (int space = 0; space < MEM_SPACES; space++) {
		struct mem_loans *loans = &map->loans[space];

		lend_look(map, (enum mem_space)space, now);
		for (unsigned i = loans->n; i-- > 0;) {
			if (loans->at[i].deadline && now - loans->at[i].used_at >= IDLE_NS)
				lend_drop(map, loans, i);
		}
	}
	return mem_map_commit(map);
}

enum mem_rest mem_wait_rest(struct mem_map *map, enum mem_space space,
			    const struct mem_wait_range *wait)
{
	bool barred;

	lock_take(&map->leaf);
	barred = mem_override_bars(&map->overrides[space], wait->range);
	lock_drop(&map->leaf);
	if (barred)
		return MEM_REST_SAID;
	if (wait->when && atomic_load_explicit(&wait->when->often, memory_order_relaxed))
		return MEM_REST_OFTEN;
	if (wait->when && !atomic_load_explicit(&wait->when->holds, memory_order_relaxed))
		return MEM_REST_CONDITION;
	return MEM_REST_UNUSED;
}

void mem_hot_init(struct mem_hot *hot, uint64_t per_second)
{
	*hot = (struct mem_hot){ .per_second = per_second };
}

bool mem_hot_is_due(struct mem_hot *hot, struct mem_hot_slot *slot, uint64_t ticks)
{
	bool quick = ticks - slot->since <= hot->per_second;

	slot->since = ticks;
	if (!quick) {
		/* Too slow to be worth it, so far. */
		slot->n = 1;
		slot->due = MEM_HOT_FIRST;
		return false;
	}
	slot->due = slot->n + (slot->n < HOT_RARELY ? slot->n : HOT_RARELY);
	return true;
}
