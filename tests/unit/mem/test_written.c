// SPDX-License-Identifier: MIT
/* Who wants to know what is written to RAM is told of all that, and of nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shadow.h"

#define SIZE 0x4000u

/*
 *	0        0x1000   0x2000   0x3000   0x4000
 *	[ ram            ][ r/o   ][ ram   ]
 *	           [chip]                          0x1800 to 0x18ff
 */
struct rig {
	struct mem_map map;
	struct mem_region low, readonly, below, high, ram, chip;
	uint8_t *host;
	struct shadow shadow;
};

static const struct mem_port ports[] = { { .at = 0, .len = 256, .widths = MEM_W1 } };

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct mem_region *root = &rig->map.root[MEM_SPACE_MEMORY];

	rig->host = aligned_alloc(4096, SIZE);
	memset(rig->host, 0xee, SIZE);
	assert_int_equal(mem_map_init(&rig->map), 0);
	mem_region_init_ram(&rig->ram, "ram", rig->host, SIZE - 1);
	mem_region_init_alias(&rig->low, "low", &rig->ram, 0, 0x1fff);
	mem_region_init_alias(&rig->readonly, "readonly", &rig->ram, 0x2000, 0xfff);
	mem_region_init_alias(&rig->high, "high", &rig->ram, 0x3000, 0xfff);
	rig->readonly.readonly = true;
	mem_region_init_alias(&rig->below, "below", &rig->ram, 0x2000, 0xfff);
	mem_region_init_io(&rig->chip, "chip", 255, ports, 1, rig, NULL);
	mem_map_begin(&rig->map);
	mem_region_add(root, &rig->low, 0, 0);
	mem_region_add(root, &rig->readonly, 0x2000, 1);
	mem_region_add(root, &rig->below, 0x2000, 0);
	mem_region_add(root, &rig->high, 0x3000, 0);
	mem_region_add(root, &rig->chip, 0x1800, 1);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	mem_map_destroy(&rig->map);
	free(rig->host);
	free(rig);
	return 0;
}

/* Every write that there is, at every address near an end. */
static void write_around(struct rig *rig, struct mem_view *view)
{
	static const uint64_t ends[] = { 0, 0x1000, 0x1800, 0x1900, 0x2000, 0x3000, SIZE };
	static const uint8_t bytes[0x1400] = { 1, 2, 3 };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (uint64_t back = 0; back <= 8 && back <= ends[i]; back++) {
			for (unsigned width = 1; width <= 8; width *= 2) {
				mem_view_write(view, ends[i] - back, back * 0x0101010101010101,
					       width);
				shadow_check(&rig->shadow);
			}
			(void)mem_view_write_bytes(view, ends[i] - back, bytes, 13);
			shadow_check(&rig->shadow);
		}
		(void)mem_view_write_bytes(view, ends[i], bytes, sizeof(bytes));
	}
}

static void everything_is_told(void **state)
{
	struct rig *rig = *state;
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_MEMORY);

	shadow_begin(&rig->shadow, &rig->map, rig->host, SIZE);
	write_around(rig, view);
	shadow_end(&rig->shadow);
	mem_view_unref(view);
}

/* Views that are older than the change of the map, and younger ones. */
static void through_old_views_and_new(void **state)
{
	struct rig *rig = *state;
	struct mem_view *old = mem_map_view(&rig->map, MEM_SPACE_MEMORY), *new;

	shadow_begin(&rig->shadow, &rig->map, rig->host, SIZE);
	mem_map_begin(&rig->map);
	mem_region_set_enabled(&rig->readonly, false);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	new = mem_map_view(&rig->map, MEM_SPACE_MEMORY);
	assert_ptr_not_equal(old, new);
	write_around(rig, old);
	write_around(rig, new);
	assert_int_equal(rig->host[0x2000], 1);
	shadow_end(&rig->shadow);
	mem_view_unref(old);
	mem_view_unref(new);
}

static void nothing_else_is_told(void **state)
{
	struct rig *rig = *state;
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_MEMORY);
	struct mem_view *port_view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	shadow_begin(&rig->shadow, &rig->map, rig->host, SIZE);
	mem_view_write(view, 0x1800, 7, 8);
	mem_view_write(view, 0x2000, 7, 8);
	mem_view_write(view, SIZE, 7, 8);
	mem_view_write(port_view, 0, 7, 4);
	mem_view_wrote(view, 0, 0);
	(void)mem_view_read(view, 0, 8);
	assert_int_equal(rig->shadow.told, 0);
	mem_view_write(view, 0x1ffe, 7, 8); /* two bytes, then it is read-only */
	assert_int_equal(rig->shadow.told, 2);
	shadow_end(&rig->shadow);
	mem_view_write(view, 0, 7, 8); /* nobody wants to know any more */
	assert_int_equal(rig->shadow.told, 2);
	mem_view_unref(view);
	mem_view_unref(port_view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(everything_is_told),
		TEST(through_old_views_and_new),
		TEST(nothing_else_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
