// SPDX-License-Identifier: MIT
/* What is lent to a guest that uses it, when it goes again, and what never waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mem/lend.h"

#define SECOND INT64_C(1000000000)
#define BASE   0x100u

enum { POLLED, CONDITIONS };

/* A chip, a piece of RAM, and what an accelerator would have been told. */
struct rig {
	struct mem_map map;
	struct mem_hold hold;
	struct mem_listener listener;
	struct mem_region chip, ram, other;
	struct mem_condition conditions[CONDITIONS];
	struct mem_doorbell bell;
	uint8_t *host;
	unsigned adds, dels, drains;
	unsigned other_writes; /* what reached the other chip */
	uint64_t pending; /* a write to this port still waits; 0: none */
	uint64_t uses[0x10000];
	int64_t now;
};

static void chip_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
}

static void other_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct rig *)chip)->other_writes++;
}

static uint64_t chip_read(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static const struct mem_port chip_ports[] = {
	{ .at = 0, .len = 1, .write = chip_write, .wait = MEM_LATCH, .why = "an index" },
	{ .at = 1, .len = 1, .write = chip_write, .wait = MEM_DEADLINE(5), .why = "a light" },
	{ .at = 2,
	  .len = 1,
	  .write = chip_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(POLLED),
	  .why = "quiet" },
	{ .at = 3, .len = 1, .write = chip_write },
	{ .at = 4, .len = 4, .widths = MEM_W1 | MEM_W4, .read = chip_read },
};
static const struct mem_port other_ports[] = {
	{ .at = 0, .len = 4, .widths = MEM_W1 | MEM_W2 | MEM_W4, .write = other_write },
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

	rig->drains++;
	if (rig->pending)
		mem_view_write(view, rig->pending, 1, 1);
	rig->pending = 0;
	mem_view_unref(view);
}

static uint64_t told_uses(void *arg, enum mem_space space, struct range range)
{
	uint64_t sum = 0;

	for (uint64_t at = range.first; space == MEM_SPACE_PORT && at <= range.last; at++)
		sum += ((struct rig *)arg)->uses[at];
	return sum;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->host = aligned_alloc(4096, 4096);
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_io(&rig->chip, "chip", 7, chip_ports,
			   sizeof(chip_ports) / sizeof(chip_ports[0]), NULL, NULL);
	mem_condition_init(&rig->conditions[POLLED], "it is polled", true);
	rig->chip.conditions = rig->conditions;
	rig->chip.conditions_n = CONDITIONS;
	mem_region_init_ram(&rig->ram, "ram", rig->host, 4095);
	mem_region_init_io(&rig->other, "other", 3, other_ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->chip, BASE, 0);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->ram, 0, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(mem_map_start_lending(&rig->map), 0);
	rig->listener = (struct mem_listener){
		.order = MEM_ORDER_ZONES,
		.arg = rig,
		.wait_add = told_add,
		.wait_del = told_del,
		.drain = told_drain,
		.uses = told_uses,
	};
	mem_map_listen(&rig->map, &rig->listener);
	mem_hold_init(&rig->hold, &rig->map);
	rig->adds = 0;
	*state = rig;
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

static bool lend(struct rig *rig, uint64_t port, unsigned width)
{
	return mem_map_lend(&rig->hold, MEM_SPACE_PORT, port, width, rig->now);
}

static bool waits(struct rig *rig, uint64_t port)
{
	const struct mem_view *view = mem_hold_view(&rig->hold, MEM_SPACE_PORT);

	for (size_t i = 0; i < view->waits_n; i++) {
		if (range_has(view->waits[i].range, port))
			return true;
	}
	return false;
}

static void settle(struct rig *rig)
{
	assert_int_equal(mem_map_settle(&rig->map), 0);
}

static void latches_need_nobody(void **state)
{
	struct rig *rig = *state;

	assert_true(waits(rig, BASE));
	assert_false(waits(rig, BASE + 1));
	assert_false(waits(rig, BASE + 2));
	assert_false(lend(rig, BASE, 1)); /* it waits already */
	assert_false(lend(rig, BASE + 3, 1)); /* it never may */
	assert_false(lend(rig, BASE + 1, 2)); /* not all of it may */
	assert_int_equal(rig->adds, 0);
}

static void a_deadline_goes_when_idle(void **state)
{
	struct rig *rig = *state;

	assert_true(lend(rig, BASE + 1, 1));
	assert_true(waits(rig, BASE + 1));
	assert_int_equal(rig->adds, 1);
	assert_false(lend(rig, BASE + 1, 1));

	/* Used now and then. */
	for (unsigned i = 0; i < 10; i++) {
		rig->now += SECOND / 2;
		rig->uses[BASE + 1]++;
		assert_int_equal(mem_map_review(&rig->map, rig->now), 0);
		assert_true(waits(rig, BASE + 1));
	}
	rig->now += SECOND - 1;
	assert_int_equal(mem_map_review(&rig->map, rig->now), 0);
	assert_true(waits(rig, BASE + 1));
	rig->now += 1;
	assert_int_equal(mem_map_review(&rig->map, rig->now), 0);
	assert_false(waits(rig, BASE + 1));
	assert_int_equal(rig->dels, 1);
	assert_true(lend(rig, BASE + 1, 1));
}

/* Gone before whoever ended it goes on, and only then is it known to the chip's owner. */
static void a_condition_ends(void **state)
{
	struct rig *rig = *state;
	struct mem_condition *polled = &rig->conditions[POLLED];
	unsigned generation;

	assert_true(lend(rig, BASE + 2, 1));
	mem_condition_set(polled, false);
	assert_true(waits(rig, BASE + 2));
	settle(rig);
	assert_false(waits(rig, BASE + 2));
	assert_int_equal(rig->dels, 1);
	assert_int_equal(rig->drains, 2); /* it was lent while something waited */
	assert_false(lend(rig, BASE + 2, 1));
	assert_int_equal(mem_wait_rest(&rig->map, MEM_SPACE_PORT,
				       &(struct mem_wait_range){ .when = polled }),
			 MEM_REST_CONDITION);

	/* What is not lent changes nothing in the map. */
	generation = atomic_load(&rig->map.generation);
	mem_condition_set(polled, true);
	mem_condition_set(polled, false);
	mem_condition_set(polled, true);
	assert_false(rig->map.requested);
	settle(rig);
	assert_int_equal(atomic_load(&rig->map.generation), generation);
	assert_true(lend(rig, BASE + 2, 1));

	/* Over and back before anybody looked: it never went. */
	mem_condition_set(polled, false);
	mem_condition_set(polled, true);
	settle(rig);
	assert_true(waits(rig, BASE + 2));
	assert_int_equal(rig->dels, 1);
	/* A latch under a condition costs nobody anything while it is idle. */
	rig->now += 100 * SECOND;
	assert_int_equal(mem_map_review(&rig->map, rig->now), 0);
	assert_true(waits(rig, BASE + 2));
}

/* A guest that turns it on and off as fast as it can, for ten seconds. */
static void changes_too_often(void **state)
{
	struct rig *rig = *state;
	struct mem_condition *polled = &rig->conditions[POLLED];
	struct mem_wait_range wait = { .when = polled };
	unsigned refused = 0;

	for (rig->now = 0; rig->now < 10 * SECOND; rig->now += SECOND / 10000) {
		mem_condition_set(polled, true);
		if (!lend(rig, BASE + 2, 1)) {
			refused++;
			assert_int_equal(mem_wait_rest(&rig->map, MEM_SPACE_PORT, &wait),
					 MEM_REST_OFTEN);
		}
		mem_condition_set(polled, false);
		settle(rig);
		assert_false(waits(rig, BASE + 2));
	}
	assert_int_equal(rig->adds, rig->dels);
	assert_in_range(rig->adds, 10 * MEM_LENDINGS_PER_SECOND, 11 * MEM_LENDINGS_PER_SECOND);
	assert_int_equal(refused + rig->adds, 100000);
	/* When it has calmed down it is as before. */
	rig->now += SECOND;
	mem_condition_set(polled, true);
	assert_true(lend(rig, BASE + 2, 1));
	assert_int_equal(mem_wait_rest(&rig->map, MEM_SPACE_PORT, &wait), MEM_REST_UNUSED);
}

static void nowhere(void **state)
{
	struct rig *rig = *state;

	assert_true(lend(rig, 0xed, 1));
	assert_true(lend(rig, BASE + 8, 4)); /* the hole behind the chip */
	assert_true(lend(rig, BASE + 4, 4)); /* registers that cannot be written */
	assert_true(lend(rig, 0xffff, 1));
	assert_false(lend(rig, BASE + 8, 1)); /* waits already */
	assert_false(lend(rig, BASE + 10, 4)); /* half of it does */
	assert_false(lend(rig, BASE - 1, 2)); /* half of it is the chip's */
	assert_false(lend(rig, BASE + 3, 2));
	assert_false(lend(rig, BASE + 7, 2)); /* one leads to the chip, the other does not */
	assert_int_equal(rig->adds, 4);
	/* RAM is somebody. */
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_MEMORY, 0x10, 4, rig->now));
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_MEMORY, 0xffe, 4, rig->now));
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_MEMORY, 0x1000, 8, rig->now));
	assert_true(mem_map_lend(&rig->hold, MEM_SPACE_MEMORY, UINT64_MAX, 1, rig->now));
	assert_false(mem_map_lend(&rig->hold, MEM_SPACE_MEMORY, UINT64_MAX - 2, 4, rig->now));
	/* Nobody has to wake up for them. */
	rig->now += 100 * SECOND;
	assert_int_equal(mem_map_review(&rig->map, rig->now), 0);
	assert_int_equal(rig->dels, 0);
}

static void a_doorbell_is_somebody(void **state)
{
	struct rig *rig = *state;

	rig->bell = (struct mem_doorbell){ .at = 4, .width = 2, .fd = 3 };
	mem_map_begin(&rig->map);
	rig->chip.doorbells = &rig->bell;
	rig->chip.doorbells_n = 1;
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_false(lend(rig, BASE + 4, 1));
	assert_false(lend(rig, BASE + 5, 1));
	assert_true(lend(rig, BASE + 6, 1));
}

/* What was written to nobody before a chip appears does not reach it, and what is written later does. */
static void something_appears(void **state)
{
	struct rig *rig = *state;

	assert_true(lend(rig, 0x300, 1));
	assert_true(lend(rig, 0x305, 1));
	rig->pending = 0x300;
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_PORT], &rig->other, 0x300, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(rig->dels, 1);
	assert_int_equal(rig->pending, 0);
	assert_int_equal(rig->other_writes, 0);
	assert_false(waits(rig, 0x300));
	assert_true(waits(rig, 0x305));
	assert_false(lend(rig, 0x300, 1));

	/* Gone again: it has to be earned anew. */
	mem_map_begin(&rig->map);
	mem_region_remove(&rig->other);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_false(waits(rig, 0x300));
	assert_true(lend(rig, 0x300, 1));
}

/* A chip that moves leaves nothing lent behind, and takes nothing along but what is always there. */
static void a_chip_moves(void **state)
{
	struct rig *rig = *state;

	assert_true(lend(rig, BASE + 1, 1));
	assert_true(lend(rig, BASE + 2, 1));
	mem_map_begin(&rig->map);
	mem_region_set_offset(&rig->chip, 0x400);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_true(waits(rig, 0x400));
	for (unsigned i = 0; i < 8; i++)
		assert_false(waits(rig, BASE + i));
	assert_false(waits(rig, 0x401) || waits(rig, 0x402));
	/* The condition is nobody's now, and not asked for. */
	mem_condition_set(&rig->conditions[POLLED], false);
	assert_false(rig->map.requested);
}

/* The table is bounded: what is used stays, what is not makes room. */
static void the_least_used_go(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < MEM_LOANS; i++) {
		rig->now += SECOND;
		assert_true(lend(rig, 0x1000 + i, 1));
	}
	for (unsigned i = 0; i < MEM_LOANS; i++)
		rig->uses[0x1000 + i]++;
	rig->now += SECOND;
	assert_false(lend(rig, 0x2000, 1)); /* this look finds all of them used */
	rig->now += SECOND;
	for (unsigned i = 0; i < MEM_LOANS; i++)
		rig->uses[0x1000 + i] += i != 7;
	assert_true(lend(rig, 0x2000, 1));
	assert_false(waits(rig, 0x1007));
	for (unsigned i = 0; i < MEM_LOANS; i++)
		assert_int_equal(waits(rig, 0x1000 + i), i != 7);
}

/* Guests that probe all there is do not make the zones go round. */
static void probing_is_bounded(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 100000; i++) {
		rig->now += SECOND / 10000;
		(void)lend(rig, 0x1000 + i % 0x8000, 1);
	}
	assert_true(rig->adds <= 11 * MEM_LENDINGS_PER_SECOND);
	assert_true(rig->adds - rig->dels <= MEM_LOANS);
}

static void hot_writes(void **state)
{
	struct mem_hot hot;
	uint64_t ticks = 0;
	unsigned due = 0, n = 0;

	mem_hot_init(&hot, 1000);
	/* Slow ones never are. */
	for (unsigned i = 0; i < 100; i++, ticks += 400)
		assert_false(mem_hot_write(&hot, MEM_SPACE_PORT, 0x80, ticks));
	/* Quick ones with the fourth, eighth, and at last every thousandth. */
	for (unsigned i = 1; i <= 10240; i++) {
		bool is = mem_hot_write(&hot, MEM_SPACE_PORT, 0x3f8, ticks++ / 4);

		if (i < 16)
			assert_int_equal(is, i == 4 || i == 8);
		due += is;
	}
	assert_int_equal(due, 9 + 9);
	/* Others on the same place begin anew, and never count as each other. */
	for (uint64_t addr = 0; addr < 0x10000; addr++)
		n += mem_hot_write(&hot, MEM_SPACE_MEMORY, addr, ticks);
	assert_int_equal(n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(latches_need_nobody),
		TEST(a_deadline_goes_when_idle),
		TEST(a_condition_ends),
		TEST(changes_too_often),
		TEST(nowhere),
		TEST(a_doorbell_is_somebody),
		TEST(something_appears),
		TEST(a_chip_moves),
		TEST(the_least_used_go),
		TEST(probing_is_bounded),
		cmocka_unit_test(hot_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
