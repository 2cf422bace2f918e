// SPDX-License-Identifier: MIT
#include "mem/overrule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mem/lend.h"

#define TEXT 64

static const char *range_text(char out[static TEXT], struct range range)
{
	if (range.first == range.last)
		snprintf(out, TEXT, "0x%" PRIx64, range.first);
	else
		snprintf(out, TEXT, "0x%" PRIx64 "-0x%" PRIx64, range.first, range.last);
	return out;
}

int mem_map_wait_only_if_said(struct mem_map *map)
{
	mem_map_begin(map);
	map->only_overrides = true;
	return mem_map_commit(map);
}

void mem_overrule_sample(struct mem_map *map)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		const struct mem_overrides *list = &map->overrides[space];

		for (unsigned i = 0; i < list->n; i++) {
			struct mem_condition *when = list->at[i].when;

			if (!when)
				continue;
			/* In this order: see mem_condition_set(). */
			atomic_store(&when->watcher, map);
			when->sampled = atomic_load(&when->holds);
		}
	}
}

bool mem_overrule_watches(const struct mem_map *map, const struct mem_condition *when)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		const struct mem_overrides *list = &map->overrides[space];

		for (unsigned i = 0; i < list->n; i++) {
			if (list->at[i].when == when)
				return true;
		}
	}
	return false;
}

/* The range of a chip's table in this view that is just this one. */
static bool table_range(const struct mem_view *view, struct range range, struct mem_wait_range *out)
{
	const struct mem_section *section = mem_view_find(view, range.first);

	for (uint64_t from = 0; section && mem_section_wait(section, from, out);
	     from = out->offset + (out->range.last - out->range.first) + 1) {
		if (range_equal(out->range, range))
			return true;
	}
	return false;
}

bool mem_overrule_resolve(struct mem_map *map)
{
	bool again = false;

	for (int space = 0; space < MEM_SPACES; space++) {
		struct mem_overrides *list = &map->overrides[space];

		for (unsigned i = 0; i < list->n; i++) {
			struct mem_override *said = &list->at[i];
			struct mem_condition *before = said->when, *now = NULL;
			struct mem_wait_range wait = { .wait = 0 };

			if (said->wait && !said->forced &&
			    table_range(map->view[space], said->range, &wait))
				now = wait.when;
			if (now == before)
				continue;
			lock_take(&map->leaf);
			said->when = now;
			lock_drop(&map->leaf);
			again |= now != NULL;
			if (before && !mem_overrule_watches(map, before) &&
			    !mem_lend_watches(map, before))
				atomic_store(&before->watcher, NULL);
		}
	}
	return again;
}

/* What stands against waiting, by kind. */

static int check_range(const struct mem_map *map, const struct mem_wish *wish, struct error *err)
{
	char text[TEXT];

	if (wish->range.last < wish->range.first || wish->range.last > map->root[wish->space].last)
		return error_set(err, -EINVAL, "%s is no range of %s",
				 range_text(text, wish->range), map->root[wish->space].name);
	if (wish->range.last - wish->range.first >= UINT32_MAX)
		return error_set(err, -EINVAL, "%s is longer than a zone can be",
				 range_text(text, wish->range));
	return 0;
}

static int check_clash(const struct mem_overrides *list, const struct mem_wish *wish,
		       struct error *err)
{
	const struct mem_override *other = mem_override_in(list, wish->range);
	char text[TEXT], other_text[TEXT];

	if (other && !range_equal(other->range, wish->range))
		return error_set(err, -EEXIST, "%s overlaps %s, of which it was said that it %s",
				 range_text(text, wish->range),
				 range_text(other_text, other->range),
				 other->wait ? "waits" : "exits");
	if (!other && list->n == MEM_OVERRIDES)
		return error_set(err, -ENOSPC, "%u ranges are said already: take one back first",
				 MEM_OVERRIDES);
	return 0;
}

/* Nothing helps against these. */
static int check_never(const struct mem_view *view, struct range range, struct error *err)
{
	char text[TEXT];

	for (size_t i = 0; i < view->sections_n; i++) {
		const struct mem_section *section = &view->sections[i];

		if (range_overlaps(section->range, range) && section->region->kind != MEM_IO)
			return error_set(err, -EPERM, "%s has memory of the guest (%s)",
					 range_text(text, range), section->region->name);
	}
	for (size_t i = 0; i < view->bells_n; i++) {
		const struct mem_bell_range *bell = &view->bells[i];
		unsigned width = bell->bell.width ? bell->bell.width : 8;
		uint64_t room = UINT64_MAX - bell->addr;
		struct range rings = {
			.first = bell->addr,
			.last = bell->addr + (room < width - 1 ? room : width - 1),
		};

		if (range_overlaps(rings, range))
			return error_set(err, -EPERM, "%s has a doorbell (ioeventfd) at 0x%" PRIx64,
					 range_text(text, range), bell->addr);
	}
	return 0;
}

/* The register in the part of a chip whose write may not wait, or NULL. */
static const struct mem_port *table_obstacle(const struct mem_region *region, struct range part)
{
	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *port = &region->ports[i];

		if (port->write && !port->wait &&
		    range_overlaps(range_make(port->at, port->len), part))
			return port;
	}
	return NULL;
}

/* Why the table of the chip does not let this range wait. */
static int refuse_table(const struct mem_section *section, struct range range, struct error *err)
{
	const struct mem_region *region = section->region;
	struct range part = {
		.first = section->offset + (range.first - section->range.first),
		.last = section->offset + (range.last - section->range.first),
	};
	const struct mem_port *port = table_obstacle(region, part);
	struct mem_wait_range wait;
	char text[TEXT], other[TEXT];

	if (port)
		return error_set(err, -EACCES,
				 "%s: a write to 0x%" PRIx64 " (%s%s%s) has an effect now, so it "
				 "exits (force it if you know better)",
				 range_text(text, range),
				 section->range.first + (port->at - section->offset), region->name,
				 port->name ? " " : "", port->name ? port->name : "");
	for (uint64_t from = 0; mem_section_wait(section, from, &wait);
	     from = wait.offset + (wait.range.last - wait.range.first) + 1) {
		if (range_overlaps(wait.range, range))
			return error_set(err, -EACCES,
					 "%s: what may wait of %s is %s: name just that",
					 range_text(text, range), region->name,
					 range_text(other, wait.range));
	}
	return error_set(err, -EACCES, "%s: the table of %s says nothing of waiting",
			 range_text(text, range), region->name);
}

/* May it wait? Fills in whose registers a forced one is over. */
static int check_waiting(const struct mem_view *view, const struct mem_wish *wish,
			 struct mem_override *said, struct error *err)
{
	const struct mem_section *section = mem_view_find(view, wish->range.first);
	struct mem_wait_range wait = { .wait = 0 };
	char text[TEXT];
	int r = check_never(view, wish->range, err);

	if (r || mem_view_goes_nowhere(view, wish->range) || table_range(view, wish->range, &wait))
		return r;
	if (!section || !range_covers(section->range, wish->range))
		return error_set(err, -EPERM, "%s is not of one chip alone",
				 range_text(text, wish->range));
	if (!wish->force)
		return refuse_table(section, wish->range, err);
	said->forced = true;
	said->region = section->region;
	said->offset = section->offset + (wish->range.first - section->range.first);
	snprintf(said->name, sizeof(said->name), "%s", section->region->name);
	return 0;
}

/* Nothing is new, so it does not matter if rendering fails: the next commit does it. */
static void end_unchanged(struct mem_map *map)
{
	if (mem_map_commit(map))
		return;
}

/* Conditions of a list that was replaced need not tell us of their end if nothing waits by them now. */
static void forget_conditions(struct mem_map *map, const struct mem_overrides *before)
{
	bool any = false;

	for (unsigned i = 0; i < before->n; i++)
		any |= before->at[i].when != NULL;
	if (!any)
		return;
	mem_map_begin(map);
	for (unsigned i = 0; i < before->n; i++) {
		struct mem_condition *when = before->at[i].when;

		if (when && !mem_overrule_watches(map, when) && !mem_lend_watches(map, when))
			atomic_store(&when->watcher, NULL);
	}
	end_unchanged(map);
}

/* Puts a changed list in place of the old one; if that fails all is as it was. */
static int exchange(struct mem_map *map, enum mem_space space, const struct mem_overrides *list)
{
	const struct mem_overrides before = map->overrides[space];
	int r;

	lock_take(&map->leaf);
	map->overrides[space] = *list;
	lock_drop(&map->leaf);
	r = mem_map_commit(map);
	if (!r) {
		forget_conditions(map, &before);
		return 0;
	}
	/* Nothing was published, or only that something goes: the old list fits either way. */
	mem_map_begin(map);
	lock_take(&map->leaf);
	map->overrides[space] = before;
	lock_drop(&map->leaf);
	end_unchanged(map);
	return r;
}

static void list_put(struct mem_overrides *list, const struct mem_override *said)
{
	unsigned at = 0;

	while (at < list->n && list->at[at].range.first < said->range.first)
		at++;
	if (at == list->n || !range_equal(list->at[at].range, said->range)) {
		memmove(&list->at[at + 1], &list->at[at], (list->n - at) * sizeof(list->at[0]));
		list->n++;
	}
	list->at[at] = *said;
}

int mem_map_overrule(struct mem_map *map, const struct mem_wish *wish, struct error *err)
{
	struct mem_override said = { .range = wish->range, .wait = wish->wait };
	struct mem_overrides list;
	int r = check_range(map, wish, err);

	if (r)
		return r;
	mem_map_begin(map);
	list = map->overrides[wish->space];
	r = check_clash(&list, wish, err);
	if (!r && wish->wait)
		r = check_waiting(map->view[wish->space], wish, &said, err);
	if (r) {
		end_unchanged(map);
		return r;
	}
	list_put(&list, &said);
	r = exchange(map, wish->space, &list);
	return r ? error_set(err, r, "out of memory for the guest's address map") : 0;
}

int mem_map_take_back(struct mem_map *map, enum mem_space space, struct range range,
		      struct error *err)
{
	struct mem_overrides list;
	char text[TEXT];
	int r = -ENOENT;

	mem_map_begin(map);
	list = map->overrides[space];
	for (unsigned i = 0; i < list.n && r; i++) {
		if (!range_equal(list.at[i].range, range))
			continue;
		list.n--;
		memmove(&list.at[i], &list.at[i + 1], (list.n - i) * sizeof(list.at[0]));
		r = 0;
	}
	if (r) {
		end_unchanged(map);
		return error_set(err, r, "nothing is said of %s", range_text(text, range));
	}
	r = exchange(map, space, &list);
	return r ? error_set(err, r, "out of memory for the guest's address map") : 0;
}

int mem_map_take_all_back(struct mem_map *map, unsigned *n)
{
	static const struct mem_overrides none;
	int r = 0;

	*n = 0;
	for (int space = 0; space < MEM_SPACES && !r; space++) {
		mem_map_begin(map);
		*n += map->overrides[space].n;
		r = exchange(map, (enum mem_space)space, &none);
	}
	return r;
}

static bool is_shown(const struct mem_view *view, const struct mem_override *said)
{
	for (size_t i = 0; said->wait && i < view->waits_n; i++) {
		if (range_equal(view->waits[i].range, said->range))
			return true;
	}
	return false;
}

void mem_map_said(struct mem_map *map, enum mem_space space, struct mem_said *out)
{
	lock_take(&map->leaf);
	out->n = map->overrides[space].n;
	for (unsigned i = 0; i < out->n; i++) {
		out->at[i].override = map->overrides[space].at[i];
		out->at[i].shown = is_shown(map->view[space], &out->at[i].override);
	}
	lock_drop(&map->leaf);
}
