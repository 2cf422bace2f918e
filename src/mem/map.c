// SPDX-License-Identifier: MIT
#include "mem/map.h"

#include <assert.h>
#include <errno.h>

#include "mem/lend.h"
#include "mem/overrule.h"

static const struct range spaces[MEM_SPACES] = {
	[MEM_SPACE_MEMORY] = { .first = 0, .last = UINT64_MAX },
	[MEM_SPACE_PORT] = { .first = 0, .last = 0xffff },
};
static const char *const space_names[MEM_SPACES] = {
	[MEM_SPACE_MEMORY] = "memory",
	[MEM_SPACE_PORT] = "ports",
};

/* Committing is all that it takes: rendering looks at what the map lends by. */
static void look_again(void *arg)
{
}

int mem_map_init(struct mem_map *map)
{
	*map = (struct mem_map){
		.requests_tail = &map->requests,
		.look_again = { .apply = look_again },
	};
	for (int space = 0; space < MEM_SPACES; space++) {
		mem_region_init_container(&map->root[space], space_names[space],
					  spaces[space].last);
		map->view[space] = mem_view_render(&map->root[space], spaces[space]);
		if (!map->view[space])
			goto unref_views;
	}
	map->view[MEM_SPACE_MEMORY]->hook = &map->write_hook;
	lock_init(&map->lock, LOCK_TOPOLOGY, "topology");
	lock_init(&map->leaf, LOCK_LEAF, "map");
	return 0;

unref_views:
	for (int space = 0; space < MEM_SPACES; space++)
		mem_view_unref(map->view[space]);
	return -ENOMEM;
}

void mem_map_destroy(struct mem_map *map)
{
	assert(!map->listeners && !map->depth);
	for (int space = 0; space < MEM_SPACES; space++)
		mem_view_unref(map->view[space]);
	while (map->retired) {
		struct mem_view *view = map->retired;

		map->retired = view->retired;
		mem_view_unref(view);
	}
	lock_destroy(&map->leaf);
	lock_destroy(&map->lock);
}

/* Takes the topology lock unless this thread has it. */
static void enter(struct mem_map *map)
{
	unsigned long self = (unsigned long)pthread_self();

	/* Only this thread ever stores its own name, so no order is needed to recognise it. */
	if (atomic_load_explicit(&map->owner, memory_order_relaxed) != self) {
		lock_take(&map->lock);
		atomic_store_explicit(&map->owner, self, memory_order_relaxed);
	}
	map->depth++;
}

static void leave(struct mem_map *map)
{
	assert(map->depth);
	if (--map->depth)
		return;
	atomic_store_explicit(&map->owner, 0, memory_order_relaxed);
	lock_drop(&map->lock);
}

/* Views of both spaces, and a listener to be told about them. */
struct views {
	struct mem_view *in[MEM_SPACES];
};

struct told {
	const struct mem_listener *listener;
	enum mem_space space;
	bool differs; /* for look_for_change() */
};

static void tell_wait_del(void *arg, const struct mem_wait_range *wait)
{
	const struct told *told = arg;

	told->listener->wait_del(told->listener->arg, told->space, wait);
}

static void tell_bell_del(void *arg, const struct mem_bell_range *bell)
{
	const struct told *told = arg;

	told->listener->bell_del(told->listener->arg, told->space, bell);
}

static void tell_region_del(void *arg, const struct mem_section *section)
{
	const struct told *told = arg;

	told->listener->region_del(told->listener->arg, told->space, section);
}

static void tell_region_add(void *arg, const struct mem_section *section)
{
	const struct told *told = arg;

	told->listener->region_add(told->listener->arg, told->space, section);
}

static void tell_bell_add(void *arg, const struct mem_bell_range *bell)
{
	const struct told *told = arg;

	told->listener->bell_add(told->listener->arg, told->space, bell);
}

static void tell_wait_add(void *arg, const struct mem_wait_range *wait)
{
	const struct told *told = arg;

	told->listener->wait_add(told->listener->arg, told->space, wait);
}

/* One step of a change, as far as it concerns one listener. */
enum step { WAIT_DEL, BELL_DEL, REGION_DEL, REGION_ADD, BELL_ADD, WAIT_ADD };

static void map_tell(const struct mem_listener *listener, enum step step, const struct views *old,
		     const struct views *new)
{
	struct mem_view_diff_ops ops = { 0 };

	if (step == WAIT_DEL && listener->wait_del)
		ops.wait_gone = tell_wait_del;
	if (step == BELL_DEL && listener->bell_del)
		ops.bell_gone = tell_bell_del;
	if (step == REGION_DEL && listener->region_del)
		ops.section_gone = tell_region_del;
	if (step == REGION_ADD && listener->region_add)
		ops.section_come = tell_region_add;
	if (step == BELL_ADD && listener->bell_add)
		ops.bell_come = tell_bell_add;
	if (step == WAIT_ADD && listener->wait_add)
		ops.wait_come = tell_wait_add;
	for (int space = 0; space < MEM_SPACES; space++) {
		struct told told = { .listener = listener, .space = (enum mem_space)space };

		mem_view_diff(old->in[space], new->in[space], &ops, &told);
	}
}

static void tell_forward(struct mem_map *map, enum step step, const struct views *old,
			 const struct views *new)
{
	for (struct mem_listener *listener = map->listeners; listener; listener = listener->next)
		map_tell(listener, step, old, new);
}

static void tell_backward(struct mem_map *map, enum step step, const struct views *old,
			  const struct views *new)
{
	for (struct mem_listener *listener = map->listeners_last; listener;
	     listener = listener->prev)
		map_tell(listener, step, old, new);
}

static void note_section(void *arg, const struct mem_section *section)
{
	((struct told *)arg)->differs = true;
}

static void note_wait(void *arg, const struct mem_wait_range *wait)
{
	((struct told *)arg)->differs = true;
}

static void note_bell(void *arg, const struct mem_bell_range *bell)
{
	((struct told *)arg)->differs = true;
}

static bool views_differ(const struct views *old, const struct views *new)
{
	static const struct mem_view_diff_ops ops = {
		.wait_gone = note_wait,
		.bell_gone = note_bell,
		.section_gone = note_section,
		.section_come = note_section,
		.bell_come = note_bell,
		.wait_come = note_wait,
	};
	struct told told = { 0 };

	for (int space = 0; space < MEM_SPACES; space++)
		mem_view_diff(old->in[space], new->in[space], &ops, &told);
	return told.differs;
}

static bool any_waits(const struct views *views)
{
	return views->in[MEM_SPACE_MEMORY]->waits_n || views->in[MEM_SPACE_PORT]->waits_n;
}

static int map_render(struct mem_map *map, struct views *out)
{
	mem_lend_sample(map);
	mem_overrule_sample(map);
	for (int space = 0; space < MEM_SPACES; space++)
		out->in[space] = mem_view_render_lent(
			&map->root[space], spaces[space],
			&(struct mem_waiting){
				.loans = map->lends ? &map->loans[space] : NULL,
				.overrides = &map->overrides[space],
				.only_overrides = map->only_overrides,
			});
	if (out->in[MEM_SPACE_MEMORY] && out->in[MEM_SPACE_PORT])
		return 0;
	for (int space = 0; space < MEM_SPACES; space++)
		mem_view_unref(out->in[space]);
	return -ENOMEM;
}

static struct views current(const struct mem_map *map)
{
	struct views views;

	for (int space = 0; space < MEM_SPACES; space++)
		views.in[space] = map->view[space];
	return views;
}

static void publish(struct mem_map *map, const struct views *new)
{
	new->in[MEM_SPACE_MEMORY]->hook = &map->write_hook;
	lock_take(&map->leaf);
	for (int space = 0; space < MEM_SPACES; space++)
		map->view[space] = new->in[space];
	atomic_fetch_add_explicit(&map->generation, 1, memory_order_release);
	lock_drop(&map->leaf);
}

static void tell_finish(const struct mem_listener *listener)
{
	if (listener->finish)
		listener->finish(listener->arg);
}

static void change(struct mem_map *map, const struct views *old, const struct views *new)
{
	tell_backward(map, WAIT_DEL, old, new);
	tell_backward(map, BELL_DEL, old, new);
	if (any_waits(old)) {
		for (struct mem_listener *listener = map->listeners; listener;
		     listener = listener->next) {
			if (listener->drain)
				listener->drain(listener->arg);
		}
	}
	publish(map, new);
	tell_backward(map, REGION_DEL, old, new);
	tell_forward(map, REGION_ADD, old, new);
	tell_forward(map, BELL_ADD, old, new);
	tell_forward(map, WAIT_ADD, old, new);
	for (struct mem_listener *listener = map->listeners; listener; listener = listener->next)
		tell_finish(listener);
}

/* Release: who finds nothing asked for any more sees what was made of it, in the listeners too. */
static void all_is_made(struct mem_map *map)
{
	lock_take(&map->leaf);
	if (!map->requests)
		atomic_store_explicit(&map->requested, false, memory_order_release);
	lock_drop(&map->leaf);
}

/*
 * Views that nobody but us holds go. Nobody can take hold of a retired view who does not have it
 * already, so one reference stays one.
 */
static void drop_retired(struct mem_map *map)
{
	for (struct mem_view **at = &map->retired; *at;) {
		struct mem_view *view = *at;

		if (atomic_load_explicit(&view->refs, memory_order_acquire) > 1) {
			at = &view->retired;
			continue;
		}
		*at = view->retired;
		mem_view_unref(view);
	}
}

/* With the map's own references. */
static void retire(struct mem_map *map, const struct views *old)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		old->in[space]->retired = map->retired;
		map->retired = old->in[space];
	}
	drop_retired(map);
}

static bool view_shows(const struct mem_view *view, const struct mem_region *region)
{
	for (size_t i = 0; i < view->sections_n; i++) {
		if (view->sections[i].region == region)
			return true;
	}
	return false;
}

bool mem_map_forgot(struct mem_map *map, const struct mem_region *region)
{
	bool shown = false;

	enter(map);
	drop_retired(map);
	for (int space = 0; space < MEM_SPACES; space++)
		shown |= view_shows(map->view[space], region);
	for (const struct mem_view *view = map->retired; view; view = view->retired)
		shown |= view_shows(view, region);
	leave(map);
	return !shown;
}

void mem_map_begin(struct mem_map *map)
{
	enter(map);
}

/* Renders what the tree is now and makes it known. 0 or -ENOMEM. */
static int map_follow(struct mem_map *map)
{
	struct views old, new;
	int r = map_render(map, &new);

	if (r)
		return r;
	old = current(map);
	if (views_differ(&old, &new)) {
		change(map, &old, &new);
		retire(map, &old);
	} else {
		for (int space = 0; space < MEM_SPACES; space++)
			mem_view_unref(new.in[space]);
	}
	mem_lend_prune(map);
	return 0;
}

int mem_map_commit(struct mem_map *map)
{
	int r = 0;

	if (map->depth > 1) {
		leave(map);
		return 0;
	}
	/* Once more if a condition has come into view by which something is to wait. */
	do
		r = map_follow(map);
	while (!r && mem_overrule_resolve(map));
	if (!r)
		all_is_made(map);
	leave(map);
	return r;
}

void mem_map_listen(struct mem_map *map, struct mem_listener *listener)
{
	static const struct views none;
	struct mem_listener *after;
	struct views now;

	enter(map);
	after = map->listeners_last;
	while (after && after->order > listener->order)
		after = after->prev;
	listener->prev = after;
	listener->next = after ? after->next : map->listeners;
	*(after ? &after->next : &map->listeners) = listener;
	*(listener->next ? &listener->next->prev : &map->listeners_last) = listener;

	now = current(map);
	map_tell(listener, REGION_ADD, &none, &now);
	map_tell(listener, BELL_ADD, &none, &now);
	map_tell(listener, WAIT_ADD, &none, &now);
	tell_finish(listener);
	leave(map);
}

void mem_map_unlisten(struct mem_map *map, struct mem_listener *listener)
{
	static const struct views none;
	struct views now;

	enter(map);
	now = current(map);
	map_tell(listener, WAIT_DEL, &now, &none);
	map_tell(listener, BELL_DEL, &now, &none);
	if (listener->drain && any_waits(&now))
		listener->drain(listener->arg);
	map_tell(listener, REGION_DEL, &now, &none);
	tell_finish(listener);

	*(listener->prev ? &listener->prev->next : &map->listeners) = listener->next;
	*(listener->next ? &listener->next->prev : &map->listeners_last) = listener->prev;
	listener->next = listener->prev = NULL;
	leave(map);
}

void mem_map_request(struct mem_map *map, struct mem_request *request)
{
	lock_take(&map->leaf);
	request->asked.enabled = request->enabled;
	request->asked.offset = request->offset;
	if (!request->queued) {
		request->queued = true;
		request->next = NULL;
		*map->requests_tail = request;
		map->requests_tail = &request->next;
		atomic_store_explicit(&map->requested, true, memory_order_release);
	}
	lock_drop(&map->leaf);
}

void mem_map_cancel(struct mem_map *map, struct mem_request *request)
{
	lock_take(&map->leaf);
	for (struct mem_request **at = &map->requests; *at; at = &(*at)->next) {
		if (*at != request)
			continue;
		*at = request->next;
		if (map->requests_tail == &request->next)
			map->requests_tail = at;
		request->queued = false;
		break;
	}
	lock_drop(&map->leaf);
}

/* Takes the oldest request, with a copy of what it asks for: its chip may ask anew at once. */
static struct mem_request *next_request(struct mem_map *map, bool *enabled, uint64_t *offset)
{
	struct mem_request *request;

	lock_take(&map->leaf);
	request = map->requests;
	if (request) {
		*enabled = request->asked.enabled;
		*offset = request->asked.offset;
		request->queued = false;
		map->requests = request->next;
		if (!map->requests)
			map->requests_tail = &map->requests;
	}
	lock_drop(&map->leaf);
	return request;
}

/* The last that is there now; NULL: none is. */
static const struct mem_request *last_request(struct mem_map *map)
{
	const struct mem_request *last;

	lock_take(&map->leaf);
	last = map->requests;
	while (last && last->next)
		last = last->next;
	lock_drop(&map->leaf);
	return last;
}

/* What is asked for meanwhile is for another transaction, to which mem_map_settle() comes at once. */
void mem_map_apply_requests(struct mem_map *map)
{
	const struct mem_request *last = last_request(map);
	struct mem_request *request = NULL;
	uint64_t offset;
	bool enabled;

	assert(map->depth);
	while (request != last && (request = next_request(map, &enabled, &offset))) {
		if (request->apply) {
			request->apply(request->arg);
			continue;
		}
		mem_region_set_enabled(request->region, enabled);
		mem_region_set_offset(request->region, offset);
	}
}

void mem_map_set_write_hook(struct mem_map *map, const struct mem_write_hook *hook)
{
	atomic_store_explicit(&map->write_hook, hook, memory_order_release);
}

struct mem_view *mem_map_view(struct mem_map *map, enum mem_space space)
{
	struct mem_view *view;

	lock_take(&map->leaf);
	view = mem_view_ref(map->view[space]);
	lock_drop(&map->leaf);
	return view;
}

static void hold_current(struct mem_hold *hold)
{
	struct mem_map *map = hold->map;

	/* Under the lock the views and their generation belong together. */
	lock_take(&map->leaf);
	hold->generation = atomic_load_explicit(&map->generation, memory_order_relaxed);
	for (int space = 0; space < MEM_SPACES; space++)
		hold->view[space] = mem_view_ref(map->view[space]);
	lock_drop(&map->leaf);
}

void mem_hold_init(struct mem_hold *hold, struct mem_map *map)
{
	hold->map = map;
	hold_current(hold);
}

void mem_hold_drop(struct mem_hold *hold)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		mem_view_unref(hold->view[space]);
		hold->view[space] = NULL;
	}
}

void mem_hold_reload(struct mem_hold *hold)
{
	mem_hold_drop(hold);
	hold_current(hold);
}
