// SPDX-License-Identifier: MIT
/* What the user says of waiting: what of it is refused, what views make of it, and how it goes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem/lend.h"
#include "mem/overrule.h"

#define BASE   0x100u
#define RAM    0x10000u
#define NOBODY 0x500u
#define SECOND INT64_C(1000000000)

struct rig {
	struct mem_map map;
	struct mem_hold hold;
	struct mem_listener listener;
	struct mem_region chip, ram, other;
	struct mem_condition quiet;
	struct mem_doorbell bell;
	struct error err;
	uint8_t *host;
	unsigned adds, dels;
	uint64_t pending; /* a write to this port still waits; 0: none */
	unsigned chip_got, other_got; /* writes */
};

static void chip_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct rig *)chip)->chip_got++;
}

static void other_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct rig *)chip)->other_got++;
}

static const struct mem_port chip_ports[] = {
	{ .at = 0, .len = 1, .write = chip_write, .wait = MEM_LATCH, .why = "an index" },
	{ .at = 1, .len = 1, .write = chip_write, .name = "data" },
	{ .at = 2, .len = 2, .write = chip_write, .wait = MEM_DEADLINE(5000), .why = "a light" },
	{ .at = 4,
	  .len = 1,
	  .write = chip_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(0),
	  .why = "data" },
};
static const struct mem_port other_ports[] = {
	{ .at = 0, .len = 4, .widths = MEM_W1, .write = other_write },
};

static void told_add(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	((struct rig *)arg)->adds++;
}

static void told_del(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	((struct rig *)arg)->dels++;
}

/* What waits goes to whoever is shown there now. */
static void told_drain(void *arg)
{
	struct rig *rig = arg;
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	if (rig->pending)
		mem_view_write(view, rig->pending, 1, 1);
	rig->pending = 0;
	mem_view_unref(view);
}

static void make(void **state, bool only_said)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->host = aligned_alloc(4096, 4096);
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_io(&rig->chip, "chip", 4, chip_ports,
			   sizeof(chip_ports) / sizeof(chip_ports[0]), rig, NULL);
	mem_condition_init(&rig->quiet, "it is quiet", true);
	rig->chip.conditions = &rig->quiet;
	rig->chip.conditions_n = 1;
	mem_region_init_ram(&rig->ram, "ram", rig->host, 4095);
	mem_region_init_io(&rig->other, "other", 3, other_ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->chip, BASE, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->ram, RAM, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	if (only_said)
		assert_int_equal(mem_map_wait_only_if_said(&rig->map), 0);
	else
		assert_int_equal(mem_map_start_lending(&rig->map), 0);
	rig->listener = (struct mem_listener){
		.order = MEM_ORDER_ZONES,
		.arg = rig,
		.wait_add = told_add,
		.wait_del = told_del,
		.drain = told_drain,
	};
	mem_map_listen(&rig->map, &rig->listener);
	mem_hold_init(&rig->hold, &rig->map);
	rig->adds = rig->dels = 0;
	*state = rig;
}

static int setup(void **state)
{
	make(state, false);
	return 0;
}

static int setup_only_said(void **state)
{
	make(state, true);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	mem_hold_drop(&rig->hold);
	mem_map_unlisten(&rig->map, &rig->listener);
	mem_map_destroy(&rig->map);
	free(rig->host);
	free(rig);
	return 0;
}

static int say(struct rig *rig, enum mem_space space, uint64_t first, uint64_t last, uint64_t wait,
	       bool force)
{
	rig->err.text[0] = '\0';
	return mem_map_overrule(
		&rig->map, &(struct mem_wish){ space, { first, last }, wait, force }, &rig->err);
}

static int add(struct rig *rig, uint64_t first, uint64_t last)
{
	return say(rig, MEM_SPACE_PORT, first, last, MEM_LATCH, false);
}

static int del(struct rig *rig, uint64_t first, uint64_t last)
{
	return say(rig, MEM_SPACE_PORT, first, last, 0, false);
}

/* How long a byte's write may wait in the view; 0: it exits. */
static uint64_t waits(struct rig *rig, uint64_t port)
{
	const struct mem_view *view = mem_hold_view(&rig->hold, MEM_SPACE_PORT);

	for (size_t i = 0; i < view->waits_n; i++) {
		if (range_has(view->waits[i].range, port))
			return view->waits[i].wait;
	}
	return 0;
}

static void take_back(struct rig *rig, uint64_t first, uint64_t last)
{
	assert_int_equal(mem_map_take_back(&rig->map, MEM_SPACE_PORT, (struct range){ first, last },
					   &rig->err),
			 0);
}

static void test_exits(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(waits(rig, BASE), MEM_LATCH);
	rig->pending = BASE;
	assert_int_equal(del(rig, BASE, BASE), 0);
	/* Its zone is gone, what waited has arrived. */
	assert_int_equal(waits(rig, BASE), 0);
	assert_int_equal(rig->dels, 1);
	assert_int_equal(rig->chip_got, 1);
	/* It is not lent either, nor where nobody is. */
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE, 1, SECOND));
	assert_int_equal(del(rig, NOBODY, NOBODY), 0);
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, NOBODY, 1, SECOND));
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_PORT, NOBODY + 1, 1, SECOND));
	/* What is lent there goes as well. */
	assert_int_equal(del(rig, NOBODY + 1, NOBODY + 1), 0);
	assert_int_equal(waits(rig, NOBODY + 1), 0);
	/* One byte of a longer range is all of it. */
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 2, 2, SECOND));
	assert_int_equal(waits(rig, BASE + 2), 5000);
	assert_int_equal(del(rig, BASE + 3, BASE + 3), 0);
	assert_int_equal(waits(rig, BASE + 2), 0);
	take_back(rig, BASE, BASE);
	assert_int_equal(waits(rig, BASE), MEM_LATCH);
}

static void test_permanent(void **state)
{
	struct rig *rig = *state;

	/* Lent to who uses it, and taken back. */
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 2, 2, SECOND));
	assert_int_equal(mem_map_review(&rig->map, 3 * SECOND), 0);
	assert_int_equal(waits(rig, BASE + 2), 0);
	/* Said, it stays. The table's limit does, too. */
	assert_int_equal(add(rig, BASE + 2, BASE + 3), 0);
	assert_int_equal(waits(rig, BASE + 2), 5000);
	assert_int_equal(mem_map_review(&rig->map, 9 * SECOND), 0);
	assert_int_equal(waits(rig, BASE + 2), 5000);
	assert_int_equal(say(rig, MEM_SPACE_PORT, BASE + 2, BASE + 3, MEM_DEADLINE(70), false), 0);
	assert_int_equal(waits(rig, BASE + 2), 70);
	/* The other way round for one without a limit. */
	assert_int_equal(say(rig, MEM_SPACE_PORT, BASE, BASE, MEM_DEADLINE(80), false), 0);
	assert_int_equal(waits(rig, BASE), 80);
	take_back(rig, BASE, BASE);
	assert_int_equal(waits(rig, BASE), MEM_LATCH);
	take_back(rig, BASE + 2, BASE + 3);
	assert_int_equal(waits(rig, BASE + 2), 0);
	assert_int_equal(
		mem_map_take_back(&rig->map, MEM_SPACE_PORT, (struct range){ 1, 2 }, &rig->err),
		-ENOENT);
	assert_string_equal(rig->err.text, "nothing is said of 0x1-0x2");
}

static void test_refused(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum mem_space space;
		uint64_t first, last;
		int error;
		const char *text;
	} bad[] = {
		{ MEM_SPACE_PORT, BASE + 1, BASE + 1, -EACCES,
		  "0x101: a write to 0x101 (chip data) has an effect now, so it exits (force it if you "
		  "know better)" },
		{ MEM_SPACE_PORT, BASE, BASE + 2, -EACCES,
		  "0x100-0x102: a write to 0x101 (chip data) has an effect now, so it exits (force it if "
		  "you know better)" },
		{ MEM_SPACE_PORT, BASE + 2, BASE + 2, -EACCES,
		  "0x102: what may wait of chip is 0x102-0x103: name just that" },
		{ MEM_SPACE_PORT, BASE - 1, BASE, -EPERM, "0xff-0x100 is not of one chip alone" },
		{ MEM_SPACE_PORT, 0xffff, 0x10000, -EINVAL, "0xffff-0x10000 is no range of ports" },
		{ MEM_SPACE_PORT, 9, 8, -EINVAL, "0x9-0x8 is no range of ports" },
		{ MEM_SPACE_MEMORY, RAM + 8, RAM + 8, -EPERM,
		  "0x10008 has memory of the guest (ram)" },
		{ MEM_SPACE_MEMORY, 0, RAM, -EPERM, "0x0-0x10000 has memory of the guest (ram)" },
		{ MEM_SPACE_MEMORY, 0, UINT32_MAX, -EINVAL,
		  "0x0-0xffffffff is longer than a zone can be" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			say(rig, bad[i].space, bad[i].first, bad[i].last, MEM_LATCH, false),
			bad[i].error);
		assert_string_equal(rig->err.text, bad[i].text);
		/* Force helps only against a table. */
		if (bad[i].error != -EACCES)
			assert_int_equal(
				say(rig, bad[i].space, bad[i].first, bad[i].last, MEM_LATCH, true),
				bad[i].error);
	}
	assert_int_equal(rig->adds + rig->dels, 0);

	rig->bell = (struct mem_doorbell){ .at = 2, .width = 2, .fd = 3 };
	rig->other.doorbells = &rig->bell;
	rig->other.doorbells_n = 1;
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->other, 0x200, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(say(rig, MEM_SPACE_PORT, 0x203, 0x203, MEM_LATCH, true), -EPERM);
	assert_string_equal(rig->err.text, "0x203 has a doorbell (ioeventfd) at 0x202");
	assert_int_equal(say(rig, MEM_SPACE_PORT, 0x201, 0x201, MEM_LATCH, true), 0);
}

static void test_clash_and_bound(void **state)
{
	struct rig *rig = *state;
	struct mem_said said;
	unsigned n;

	assert_int_equal(add(rig, NOBODY, NOBODY + 3), 0);
	assert_int_equal(del(rig, NOBODY + 3, NOBODY + 4), -EEXIST);
	assert_string_equal(rig->err.text,
			    "0x503-0x504 overlaps 0x500-0x503, of which it was said that it waits");
	assert_int_equal(del(rig, NOBODY, NOBODY + 3), 0); /* just the same is replaced */
	assert_int_equal(add(rig, NOBODY, NOBODY), -EEXIST);
	assert_string_equal(rig->err.text,
			    "0x500 overlaps 0x500-0x503, of which it was said that it exits");
	for (unsigned i = 1; i < MEM_OVERRIDES; i++)
		assert_int_equal(add(rig, NOBODY + 0x1000 - 4 * i, NOBODY + 0x1000 - 4 * i), 0);
	assert_int_equal(add(rig, 1, 1), -ENOSPC);
	assert_string_equal(rig->err.text, "64 ranges are said already: take one back first");
	assert_int_equal(add(rig, NOBODY, NOBODY + 3), 0);
	mem_map_said(&rig->map, MEM_SPACE_PORT, &said);
	assert_int_equal(said.n, MEM_OVERRIDES);
	for (unsigned i = 0; i < said.n; i++) {
		assert_true(said.at[i].shown);
		assert_true(!i ||
			    said.at[i - 1].override.range.last < said.at[i].override.range.first);
	}
	assert_int_equal(mem_map_take_all_back(&rig->map, &n), 0);
	assert_int_equal(n, MEM_OVERRIDES);
	assert_int_equal(waits(rig, NOBODY), 0);
	assert_int_equal(waits(rig, BASE), MEM_LATCH);
}

/* As long as a zone can be, where nobody is: no byte of it is looked at by itself. */
static void test_long_hole(void **state)
{
	struct rig *rig = *state;
	const uint64_t first = UINT64_C(1) << 40, last = first + UINT32_MAX - 1;

	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(say(rig, MEM_SPACE_MEMORY, first, last, MEM_LATCH, false), 0);
		assert_int_equal(say(rig, MEM_SPACE_MEMORY, first, last, 0, false), 0);
	}
	assert_int_equal(rig->adds, 1000);
	/* A chip anywhere in it, or at its end, is not nobody. */
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->other, last - 3, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(say(rig, MEM_SPACE_MEMORY, first, last, MEM_LATCH, true), -EPERM);
}

/* A chip that comes where nobody was gets what is written from then on, and at once. */
static void test_somebody_comes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(add(rig, NOBODY, NOBODY), 0);
	assert_int_equal(waits(rig, NOBODY), MEM_LATCH);
	rig->pending = NOBODY;
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->other, NOBODY, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, NOBODY), 0);
	assert_int_equal(rig->pending, 0);
	assert_int_equal(rig->other_got, 0);
	mem_map_begin(&rig->map);
	mem_region_remove(&rig->other);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, NOBODY), MEM_LATCH);
}

static void test_forced(void **state)
{
	struct rig *rig = *state;
	struct mem_region stranger;

	/* Over two registers and a zone of the table's, which makes room. */
	assert_int_equal(say(rig, MEM_SPACE_PORT, BASE, BASE + 1, MEM_DEADLINE(99), true), 0);
	assert_int_equal(waits(rig, BASE), 99);
	assert_int_equal(waits(rig, BASE + 1), 99);
	/* Only ever over these registers, wherever. */
	mem_region_init_io(&stranger, "chip", 4, other_ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_set_enabled(&rig->chip, false);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &stranger, BASE, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 1), 0);
	mem_map_begin(&rig->map);
	mem_region_remove(&stranger);
	mem_region_set_enabled(&rig->chip, true);
	mem_region_set_offset(&rig->chip, BASE - 1);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 1), 0);
	assert_int_equal(waits(rig, BASE - 1), MEM_LATCH);
	mem_map_begin(&rig->map);
	mem_region_set_offset(&rig->chip, BASE);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 1), 99);
	/* Another chip, made in the memory of the first one, is a stranger, too. */
	mem_map_begin(&rig->map);
	mem_region_remove(&rig->chip);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	mem_region_init_io(&rig->chip, "a new chip", 3, other_ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->chip, BASE, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 1), 0);
	take_back(rig, BASE, BASE + 1);
}

/* What a table shows comes back when a forced range goes. */
static void test_forced_and_back(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(say(rig, MEM_SPACE_PORT, BASE, BASE + 1, MEM_DEADLINE(99), true), 0);
	take_back(rig, BASE, BASE + 1);
	assert_int_equal(waits(rig, BASE + 1), 0);
	assert_int_equal(waits(rig, BASE), MEM_LATCH);
}

/* What waits under a condition ends with it at once, and comes back with use. */
static void check_condition(struct rig *rig)
{
	assert_int_equal(add(rig, BASE + 4, BASE + 4), 0);
	assert_int_equal(waits(rig, BASE + 4), MEM_LATCH);
	rig->pending = BASE + 4;
	mem_condition_set(&rig->quiet, false);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 4), 0);
	assert_int_equal(rig->chip_got, 1);
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 4, 1, SECOND));
	mem_condition_set(&rig->quiet, true);
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 4, 1, SECOND));
	assert_int_equal(waits(rig, BASE + 4), MEM_LATCH);
	/* Idle or not, it stays until the condition ends again, or somebody takes it back. */
	assert_int_equal(mem_map_review(&rig->map, 60 * SECOND), 0);
	assert_int_equal(waits(rig, BASE + 4), MEM_LATCH);
	mem_condition_set(&rig->quiet, false);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_int_equal(waits(rig, BASE + 4), 0);
	take_back(rig, BASE + 4, BASE + 4);
	assert_null(atomic_load(&rig->quiet.watcher));
	mem_condition_set(&rig->quiet, true);
	assert_int_equal(waits(rig, BASE + 4), 0);
}

static void test_condition(void **state)
{
	check_condition(*state);
}

/* A condition that ended while nobody watched it: not for a moment is its range shown. */
static void test_condition_ended_unseen(void **state)
{
	struct rig *rig = *state;
	unsigned adds;

	assert_int_equal(add(rig, BASE + 4, BASE + 4), 0);
	take_back(rig, BASE + 4, BASE + 4);
	mem_condition_set(&rig->quiet, false);
	adds = rig->adds;
	assert_int_equal(add(rig, BASE + 4, BASE + 4), 0);
	assert_int_equal(rig->adds, adds);
}

/* The chip that has the condition comes later than what is said. */
static void test_condition_comes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(add(rig, BASE + 4, BASE + 4), 0);
	for (int round = 0; round < 2; round++) {
		mem_map_begin(&rig->map);
		mem_region_set_enabled(&rig->chip, false);
		assert_int_equal(mem_map_commit(&rig->map), 0);
		assert_int_equal(waits(rig, BASE + 4), MEM_LATCH); /* nobody is there */
		assert_null(atomic_load(&rig->quiet.watcher));
		mem_condition_set(&rig->quiet, round);
		mem_map_begin(&rig->map);
		mem_region_set_enabled(&rig->chip, true);
		assert_int_equal(mem_map_commit(&rig->map), 0);
		assert_int_equal(waits(rig, BASE + 4), round ? MEM_LATCH : 0);
		assert_ptr_equal(atomic_load(&rig->quiet.watcher), &rig->map);
	}
}

/* Where waiting is switched off, what is said waits and nothing else does. */
static void test_only_said(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(waits(rig, BASE), 0);
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE, 1, SECOND));
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 2, 2, SECOND));
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, BASE + 4, 1, SECOND));
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_PORT, NOBODY, 1, SECOND));
	assert_int_equal(add(rig, BASE, BASE), 0);
	assert_int_equal(add(rig, BASE + 2, BASE + 3), 0);
	assert_int_equal(add(rig, NOBODY, NOBODY), 0);
	assert_int_equal(waits(rig, BASE), MEM_LATCH);
	assert_int_equal(waits(rig, BASE + 2), 5000);
	assert_int_equal(waits(rig, NOBODY), MEM_LATCH);
	assert_int_equal(rig->adds, 3);
	take_back(rig, BASE, BASE);
	assert_int_equal(waits(rig, BASE), 0);
	check_condition(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_permanent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clash_and_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_somebody_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forced_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_condition, setup, teardown),
		cmocka_unit_test_setup_teardown(test_condition_ended_unseen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_condition_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_said, setup_only_said, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
