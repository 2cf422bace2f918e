// SPDX-License-Identifier: MIT
/*
 * Lookups, requests and publications at the same time. What a reader may see: the chip where it is,
 * or where it was when the reader last looked; never something else, never a view that is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mirror.h"

#define READERS  2
#define MOVERS   2
#define MOVES    1000
#define DISTANCE 0x100 /* from one place of a chip to the next */
#define CHIP     0x10000 /* from one chip's places to the next one's */

struct moving_chip {
	struct mem_map *map;
	struct lock lock;
	struct mem_region region;
	struct mem_request request;
	uint64_t first, moves;
	pthread_t thread;
};

struct scene {
	struct mem_map map;
	struct moving_chip chips[MOVERS];
	atomic_uint movers;
};

static uint64_t chip_read(void *arg, uint64_t offset, unsigned width)
{
	const struct moving_chip *chip = arg;

	CHECK(offset == 1);
	return chip->first / CHIP;
}

/* As a BAR: the handler, with its chip's lock held, asks to be moved. */
static void chip_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	struct moving_chip *chip = arg;

	chip->moves++;
	chip->request.enabled = value != 3;
	chip->request.offset = chip->first + value * DISTANCE;
	mem_map_request(chip->map, &chip->request);
}

static void latch_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
}

static const struct mem_port ports[] = {
	{ .at = 0, .len = 1, .write = latch_write, .wait = MEM_LATCH, .why = "a latch" },
	{ .at = 1, .len = 1, .read = chip_read, .write = chip_write },
};

static void *move(void *arg)
{
	struct moving_chip *chip = arg;
	struct scene *scene = (struct scene *)((char *)chip->map - offsetof(struct scene, map));
	struct mem_section section = { .range = { 0, 1 }, .region = &chip->region };

	/* Straight at the chip: it may be nowhere. */
	for (int i = 0; i < MOVES; i++) {
		mem_section_write(&section, 1, (uint64_t)i % 4, 1);
		CHECK(mem_map_settle(chip->map) == 0);
	}
	atomic_fetch_sub(&scene->movers, 1);
	return NULL;
}

static void look_around(struct scene *scene, const struct mem_view *view)
{
	for (int i = 0; i < MOVERS; i++) {
		const struct moving_chip *chip = &scene->chips[i];
		unsigned found = 0;

		for (uint64_t place = 0; place < 3; place++) {
			uint64_t addr = chip->first + place * DISTANCE + 1;
			uint64_t value = mem_view_read(view, addr, 1);

			CHECK(value == 0xff || value == chip->first / CHIP);
			found += value != 0xff;
		}
		CHECK(found <= 1);
	}
}

static void *look(void *arg)
{
	struct scene *scene = arg;
	struct mem_hold hold;

	mem_hold_init(&hold, &scene->map);
	while (atomic_load(&scene->movers)) {
		struct mem_view *view = mem_map_view(&scene->map, MEM_SPACE_MEMORY);

		look_around(scene, view);
		mem_view_unref(view);
		look_around(scene, mem_hold_view(&hold, MEM_SPACE_MEMORY));
	}
	mem_hold_drop(&hold);
	return NULL;
}

static void lookups_and_changes_at_once(void **state)
{
	static struct mirror mirror;
	struct scene scene = { .movers = MOVERS };
	pthread_t readers[READERS];

	assert_int_equal(mem_map_init(&scene.map), 0);
	for (unsigned i = 0; i < MOVERS; i++) {
		struct moving_chip *chip = &scene.chips[i];

		chip->map = &scene.map;
		chip->first = (i + 1) * (uint64_t)CHIP;
		lock_init(&chip->lock, LOCK_DEVICE, "chip");
		mem_region_init_io(&chip->region, "chip", 1, ports, 2, chip, &chip->lock);
		chip->request.region = &chip->region;
		mem_map_begin(&scene.map);
		mem_region_add(&scene.map.root[MEM_SPACE_MEMORY], &chip->region, chip->first, 0);
		assert_int_equal(mem_map_commit(&scene.map), 0);
	}
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, look, &scene), 0);
	for (int i = 0; i < MOVERS; i++) {
		struct moving_chip *chip = &scene.chips[i];

		assert_int_equal(pthread_create(&chip->thread, NULL, move, chip), 0);
	}
	/* A listener that comes and goes meanwhile. */
	while (atomic_load(&scene.movers)) {
		mirror_init(&mirror, MEM_ORDER_ZONES);
		mem_map_begin(&scene.map);
		mem_map_listen(&scene.map, &mirror.listener);
		mirror_check(&mirror, MEM_SPACE_MEMORY, scene.map.view[MEM_SPACE_MEMORY]);
		mirror_expect_change(&mirror);
		mem_map_unlisten(&scene.map, &mirror.listener);
		assert_int_equal(mem_map_commit(&scene.map), 0);
		assert_true(mirror_is_empty(&mirror));
	}
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	for (int i = 0; i < MOVERS; i++) {
		struct moving_chip *chip = &scene.chips[i];
		struct mem_view *view;

		assert_int_equal(pthread_join(chip->thread, NULL), 0);
		assert_int_equal(chip->moves, MOVES);
		/* The last move has arrived: it was one to nowhere. */
		view = mem_map_view(&scene.map, MEM_SPACE_MEMORY);
		assert_int_equal(view->sections_n, 0);
		mem_view_unref(view);
		lock_destroy(&chip->lock);
	}
	mem_map_destroy(&scene.map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups_and_changes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
