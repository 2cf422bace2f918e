// SPDX-License-Identifier: MIT
/* Transactions, listeners, requests and holds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mirror.h"

/* The allocations that still succeed; the linker leads the map's here. */
static long allocations = -1;

void *__real_malloc(size_t size);
void *__real_reallocarray(void *at, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_reallocarray(void *at, size_t n, size_t size);

static bool may_allocate(void)
{
	return allocations < 0 || allocations-- > 0;
}

void *__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_reallocarray(void *at, size_t n, size_t size)
{
	return may_allocate() ? __real_reallocarray(at, n, size) : NULL;
}

static uint64_t chip_read(void *chip, uint64_t offset, unsigned width)
{
	return offset;
}

static void chip_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
}

static const struct mem_port ports[] = {
	{ .at = 0, .len = 1, .write = chip_write, .wait = MEM_LATCH, .why = "an index" },
	{ .at = 1, .len = 1, .read = chip_read, .write = chip_write },
	{ .at = 4, .len = 4, .widths = MEM_W4, .write = chip_write, .wait = 5, .why = "a light" },
};
static const struct mem_doorbell bells[] = { { .at = 2, .width = 2, .fd = 3 } };

static void make_chip(struct mem_region *region, const char *name)
{
	mem_region_init_io(region, name, 7, ports, 3, NULL, NULL);
	region->doorbells = bells;
	region->doorbells_n = 1;
}

static void check_all(struct mem_map *map, const struct mirror *mirror)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		struct mem_view *view = mem_map_view(map, (enum mem_space)space);

		mirror_check(mirror, (enum mem_space)space, view);
		mem_view_unref(view);
	}
}

static void leave(struct mem_map *map, struct mirror *mirror)
{
	mirror_expect_change(mirror);
	mem_map_unlisten(map, &mirror->listener);
	assert_true(mirror_is_empty(mirror));
}

static void listeners_early_and_late_know_the_same(void **state)
{
	struct mem_map map;
	struct mem_region io, memory;
	struct mirror early, late;

	assert_int_equal(mem_map_init(&map), 0);
	mirror_init(&early, MEM_ORDER_ZONES);
	mem_map_listen(&map, &early.listener);
	assert_int_equal(early.calls, 0);

	make_chip(&io, "io");
	make_chip(&memory, "memory");
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &io, 0x70, 0);
	mem_region_add(&map.root[MEM_SPACE_MEMORY], &memory, 0xfed00000, 0);
	assert_int_equal(early.calls, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(early.calls, 8); /* per space: a section, a bell, two ranges */
	assert_int_equal(early.of[MEM_SPACE_PORT].waits[0].range.first, 0x70);
	assert_string_equal(early.of[MEM_SPACE_PORT].waits[0].why, "an index");
	check_all(&map, &early);

	mirror_init(&late, MEM_ORDER_SLOTS);
	mem_map_listen(&map, &late.listener);
	assert_int_equal(late.calls, 8);
	check_all(&map, &late);
	assert_int_equal(early.calls, 8);

	leave(&map, &early);
	assert_int_equal(early.drains, 1);
	leave(&map, &late);
	mem_map_destroy(&map);
}

/* Two listeners' calls in one line: "W1" is wait_add of the first, "w1" its wait_del, and so on. */
struct teller {
	struct mem_listener listener;
	char name;
	char *story;
	struct mem_map *map;
	unsigned old; /* the generation before */
};

static void tell(struct teller *teller, char what, bool published)
{
	char *end = teller->story + strlen(teller->story);

	snprintf(end, 5, "%c%c ", what, teller->name);
	if (teller->map)
		assert_int_equal(atomic_load(&teller->map->generation) != teller->old, published);
}

static void tell_region_add(void *arg, enum mem_space space, const struct mem_section *section)
{
	tell(arg, 'S', true);
}

static void tell_region_del(void *arg, enum mem_space space, const struct mem_section *section)
{
	tell(arg, 's', true);
}

static void tell_wait_add(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	tell(arg, 'W', true);
}

static void tell_wait_del(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	tell(arg, 'w', false);
}

static void tell_bell_add(void *arg, enum mem_space space, const struct mem_bell_range *bell)
{
	tell(arg, 'B', true);
}

static void tell_bell_del(void *arg, enum mem_space space, const struct mem_bell_range *bell)
{
	tell(arg, 'b', false);
}

static void tell_drain(void *arg)
{
	tell(arg, 'd', false);
}

static void tell_finish(void *arg)
{
	tell(arg, 'f', true);
}

static void teller_listen(struct teller *teller, struct mem_map *map, enum mem_order order,
			  char name, char *story)
{
	*teller = (struct teller){
		.listener = { .order = order,
			      .arg = teller,
			      .region_add = tell_region_add,
			      .region_del = tell_region_del,
			      .wait_add = tell_wait_add,
			      .wait_del = tell_wait_del,
			      .bell_add = tell_bell_add,
			      .bell_del = tell_bell_del,
			      .drain = tell_drain,
			      .finish = tell_finish },
		.name = name,
	};
	teller->story = story;
	mem_map_listen(map, &teller->listener);
	teller->map = map;
}

static void steps_come_in_their_order(void **state)
{
	struct mem_map map;
	struct mem_region io, plain;
	struct teller zones, slots, more;
	char story[256] = "";

	assert_int_equal(mem_map_init(&map), 0);
	teller_listen(&zones, &map, MEM_ORDER_ZONES, '2', story);
	teller_listen(&slots, &map, MEM_ORDER_SLOTS, '1', story);
	teller_listen(&more, &map, MEM_ORDER_ZONES, '3', story);
	assert_string_equal(story, "f2 f1 f3 "); /* of what was there */
	story[0] = '\0';
	make_chip(&io, "io");
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &io, 0x70, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_string_equal(story, "S1 S2 S3 B1 B2 B3 W1 W1 W2 W2 W3 W3 f1 f2 f3 ");

	story[0] = '\0';
	zones.old = slots.old = more.old = atomic_load(&map.generation);
	mem_map_begin(&map);
	mem_region_set_offset(&io, 0x80);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_string_equal(story, "w3 w3 w2 w2 w1 w1 b3 b2 b1 d1 d2 d3 s3 s2 s1 "
				   "S1 S2 S3 B1 B2 B3 W1 W1 W2 W2 W3 W3 f1 f2 f3 ");

	/* What stays is not told of, but it is drained. */
	story[0] = '\0';
	zones.old = slots.old = more.old = atomic_load(&map.generation);
	mem_region_init_io(&plain, "plain", 7, NULL, 0, NULL, NULL);
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_MEMORY], &plain, 0, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_string_equal(story, "d1 d2 d3 S1 S2 S3 f1 f2 f3 ");

	zones.map = slots.map = more.map = NULL;
	mem_map_unlisten(&map, &slots.listener);
	mem_map_unlisten(&map, &more.listener);
	story[0] = '\0';
	mem_map_unlisten(&map, &zones.listener);
	assert_string_equal(story, "w2 w2 b2 d2 s2 s2 f2 ");
	mem_map_destroy(&map);
}

static void only_the_outermost_commit_publishes_and_only_what_differs(void **state)
{
	struct mem_map map;
	struct mem_region io;
	struct mirror mirror;
	unsigned generation;

	assert_int_equal(mem_map_init(&map), 0);
	mirror_init(&mirror, MEM_ORDER_OBSERVERS);
	mem_map_listen(&map, &mirror.listener);
	make_chip(&io, "io");
	generation = atomic_load(&map.generation);
	mem_map_begin(&map);
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &io, 0x70, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(mirror.calls, 0);
	assert_int_equal(atomic_load(&map.generation), generation);
	mem_region_set_offset(&io, 0x80);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(atomic_load(&map.generation), generation + 1);
	assert_int_equal(mirror.of[MEM_SPACE_PORT].sections[0].range.first, 0x80);
	assert_int_equal(mirror.drains, 0);

	mirror_expect_change(&mirror);
	mem_map_begin(&map);
	mem_region_set_offset(&io, 0x90);
	mem_region_set_offset(&io, 0x80);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(mirror.calls, 0);
	assert_int_equal(atomic_load(&map.generation), generation + 1);
	leave(&map, &mirror);
	mem_map_destroy(&map);
}

static void without_memory_the_old_views_stay(void **state)
{
	struct mem_map map;
	struct mem_region io;
	struct mirror mirror;
	long n;
	int r;

	for (n = 0; n < 2; n++) {
		allocations = n;
		assert_int_equal(mem_map_init(&map), -ENOMEM);
	}
	allocations = -1;
	assert_int_equal(mem_map_init(&map), 0);
	mirror_init(&mirror, MEM_ORDER_ZONES);
	mem_map_listen(&map, &mirror.listener);
	make_chip(&io, "io");
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &io, 0x70, 0);
	assert_int_equal(mem_map_commit(&map), 0);

	for (n = 0;; n++) {
		struct mem_view *view;

		mirror_expect_change(&mirror);
		mem_map_begin(&map);
		mem_region_set_offset(&io, 0x80);
		allocations = n;
		r = mem_map_commit(&map);
		allocations = -1;
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(mirror.calls, 0);
		check_all(&map, &mirror);
		view = mem_map_view(&map, MEM_SPACE_PORT);
		assert_non_null(mem_view_find(view, 0x70));
		mem_view_unref(view);
	}
	assert_true(n >= 5); /* three lists and two views */
	assert_int_equal(mirror.of[MEM_SPACE_PORT].sections[0].range.first, 0x80);
	leave(&map, &mirror);
	mem_map_destroy(&map);
}

static void a_hold_keeps_its_view_until_it_is_asked_again(void **state)
{
	struct mem_map map;
	struct mem_region io;
	struct mem_hold hold;
	struct mem_view *old;

	assert_int_equal(mem_map_init(&map), 0);
	mem_hold_init(&hold, &map);
	old = mem_hold_view(&hold, MEM_SPACE_PORT);
	make_chip(&io, "io");
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &io, 0x70, 0);
	assert_int_equal(mem_map_commit(&map), 0);
	assert_int_equal(mem_view_read(old, 0x71, 1), 0xff);
	assert_int_equal(mem_view_read(mem_hold_view(&hold, MEM_SPACE_PORT), 0x71, 1), 1);
	old = mem_hold_view(&hold, MEM_SPACE_MEMORY);
	assert_ptr_equal(old, mem_hold_view(&hold, MEM_SPACE_MEMORY));
	mem_hold_drop(&hold);
	mem_map_destroy(&map);
}

/* --- requests --- */

struct mover {
	struct mem_map map;
	struct lock lock;
	struct mem_region bar, register_region;
	struct mem_request move, other;
	unsigned applied;
};

/* A BAR: what is written is where it goes; 0 turns it off. */
static void mover_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	struct mover *mover = arg;

	mover->move.enabled = value != 0;
	mover->move.offset = value;
	mem_map_request(&mover->map, &mover->move);
}

static const struct mem_port mover_ports[] = {
	{ .at = 0, .len = 4, .widths = MEM_W4, .write = mover_write },
};

static void mover_make(struct mover *mover)
{
	*mover = (struct mover){ .applied = 0 };
	assert_int_equal(mem_map_init(&mover->map), 0);
	lock_init(&mover->lock, LOCK_DEVICE, "mover");
	make_chip(&mover->bar, "bar");
	mem_region_set_enabled(&mover->bar, false);
	mem_region_init_io(&mover->register_region, "registers", 3, mover_ports, 1, mover,
			   &mover->lock);
	mover->move.region = &mover->bar;
	mem_map_begin(&mover->map);
	mem_region_add(&mover->map.root[MEM_SPACE_PORT], &mover->register_region, 0x10, 0);
	mem_region_add(&mover->map.root[MEM_SPACE_MEMORY], &mover->bar, 0, 0);
	assert_int_equal(mem_map_commit(&mover->map), 0);
}

static void mover_drop(struct mover *mover)
{
	lock_destroy(&mover->lock);
	mem_map_destroy(&mover->map);
}

static bool bar_is_at(struct mover *mover, uint64_t addr)
{
	struct mem_view *view = mem_map_view(&mover->map, MEM_SPACE_MEMORY);
	const struct mem_section *section = mem_view_find(view, addr);
	bool there = section && section->region == &mover->bar && section->range.first == addr;

	mem_view_unref(view);
	return there;
}

static void move_bar(struct mover *mover, uint64_t to)
{
	struct mem_view *view = mem_map_view(&mover->map, MEM_SPACE_PORT);

	mem_view_write(view, 0x10, to, 4);
	mem_view_unref(view);
}

static void a_handler_asks_and_its_dispatcher_settles(void **state)
{
	struct mover mover;
	unsigned generation;

	mover_make(&mover);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	move_bar(&mover, 0xe0000000);
	assert_false(bar_is_at(&mover, 0xe0000000));
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_true(bar_is_at(&mover, 0xe0000000));

	/* Asked three times before it was carried out: the last one counts. */
	generation = atomic_load(&mover.map.generation);
	move_bar(&mover, 0xe0001000);
	move_bar(&mover, 0);
	move_bar(&mover, 0xe0002000);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_true(bar_is_at(&mover, 0xe0002000));
	assert_int_equal(atomic_load(&mover.map.generation), generation + 1);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_int_equal(atomic_load(&mover.map.generation), generation + 1);

	move_bar(&mover, 0);
	mem_map_cancel(&mover.map, &mover.move);
	mem_map_cancel(&mover.map, &mover.move);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_true(bar_is_at(&mover, 0xe0002000));
	move_bar(&mover, 0);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_false(bar_is_at(&mover, 0xe0002000));
	mover_drop(&mover);
}

static void apply(void *arg)
{
	struct mover *mover = arg;

	/* The chip's lock is free to take: its state says what to do. */
	lock_take(&mover->lock);
	mover->applied++;
	lock_drop(&mover->lock);
	mem_region_set_offset(&mover->bar, 0x5000 + mover->applied);
	if (mover->applied == 1) /* asks again while it is carried out */
		mem_map_request(&mover->map, &mover->other);
}

static void requests_are_carried_out_in_their_order(void **state)
{
	struct mover mover;
	unsigned generation;

	mover_make(&mover);
	generation = atomic_load(&mover.map.generation);
	mover.other.apply = apply;
	mover.other.arg = &mover;
	move_bar(&mover, 0x4000);
	mem_map_request(&mover.map, &mover.other);
	move_bar(&mover, 0x4800); /* still the first */
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_int_equal(mover.applied, 2);
	/* What it asked for itself came behind everything of the first transaction. */
	assert_int_equal(atomic_load(&mover.map.generation), generation + 2);
	assert_true(bar_is_at(&mover, 0x5002));

	/* Taken out of the middle and off the end, the queue still holds together. */
	mem_map_request(&mover.map, &mover.other);
	move_bar(&mover, 0x4000);
	mem_map_cancel(&mover.map, &mover.move);
	move_bar(&mover, 0x6000);
	mem_map_cancel(&mover.map, &mover.other);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_int_equal(mover.applied, 2);
	assert_true(bar_is_at(&mover, 0x6000));
	mover_drop(&mover);
}

static void ask_once(void *arg)
{
	struct mover *mover = arg;

	if (!mover->applied)
		mem_map_request(&mover->map, &mover->other);
}

static void what_draining_asks_for_is_settled_too(void **state)
{
	struct mover mover;
	struct mem_listener listener = { .order = MEM_ORDER_ZONES,
					 .arg = &mover,
					 .drain = ask_once };

	mover_make(&mover);
	mover.other.apply = apply;
	mover.other.arg = &mover;
	move_bar(&mover, 0x4000);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	mem_map_listen(&mover.map, &listener);
	move_bar(&mover, 0x7000);
	assert_int_equal(mem_map_settle(&mover.map), 0);
	assert_int_equal(mover.applied, 2);
	assert_true(bar_is_at(&mover, 0x5002));
	mem_map_unlisten(&mover.map, &listener);
	mover_drop(&mover);
}

static void what_failed_is_made_by_whoever_settles_next(void **state)
{
	struct mover mover;
	long n;

	mover_make(&mover);
	for (n = 0;; n++) {
		int r;

		move_bar(&mover, 0xe0000000 + (uint64_t)n * 0x1000);
		allocations = n;
		r = mem_map_settle(&mover.map);
		allocations = -1;
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_false(bar_is_at(&mover, 0xe0000000 + (uint64_t)n * 0x1000));
		/* Nobody has asked anew. */
		assert_int_equal(mem_map_settle(&mover.map), 0);
		assert_true(bar_is_at(&mover, 0xe0000000 + (uint64_t)n * 0x1000));
	}
	assert_true(n > 0);
	mover_drop(&mover);
}

/* --- at random --- */

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(*seed >> 33);
}

static void a_thousand_changes_leave_what_the_mirror_says(void **state)
{
	enum { CHIPS = 8 };
	struct mem_map map;
	struct mem_region chips[CHIPS];
	struct mem_request requests[CHIPS];
	struct mirror mirror;
	uint64_t seed = 2018;

	assert_int_equal(mem_map_init(&map), 0);
	mirror_init(&mirror, MEM_ORDER_ZONES);
	mem_map_listen(&map, &mirror.listener);
	mem_map_begin(&map);
	for (int i = 0; i < CHIPS; i++) {
		make_chip(&chips[i], "chip");
		requests[i] = (struct mem_request){ .region = &chips[i] };
		mem_region_add(&map.root[i % MEM_SPACES], &chips[i], 0, i / 4);
	}
	assert_int_equal(mem_map_commit(&map), 0);
	for (int change = 0; change < 1000; change++) {
		for (uint32_t n = next_random(&seed) % 4 + 1; n > 0; n--) {
			struct mem_request *request = &requests[next_random(&seed) % CHIPS];

			request->enabled = next_random(&seed) % 4;
			request->offset = next_random(&seed) % 64;
			mem_map_request(&map, request);
		}
		mirror_expect_change(&mirror);
		assert_int_equal(mem_map_settle(&map), 0);
		check_all(&map, &mirror);
	}
	leave(&map, &mirror);
	mem_map_destroy(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_early_and_late_know_the_same),
		cmocka_unit_test(steps_come_in_their_order),
		cmocka_unit_test(only_the_outermost_commit_publishes_and_only_what_differs),
		cmocka_unit_test(without_memory_the_old_views_stay),
		cmocka_unit_test(a_hold_keeps_its_view_until_it_is_asked_again),
		cmocka_unit_test(a_handler_asks_and_its_dispatcher_settles),
		cmocka_unit_test(requests_are_carried_out_in_their_order),
		cmocka_unit_test(what_draining_asks_for_is_settled_too),
		cmocka_unit_test(what_failed_is_made_by_whoever_settles_next),
		cmocka_unit_test(a_thousand_changes_leave_what_the_mirror_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
