// SPDX-License-Identifier: MIT
/* Rendering: each drawing is the fixture (see draw.h), and is tried at several ends of the space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "draw.h"

static const struct range everything = { 0, UINT64_MAX };

/* The higher priority wins; among equals the one added later. */
static const char priorities[] = "ram  a           |aaaaaaaaaaaaaaaa|\n"
				 "io   b 1         |    bbbbbbbb    |\n"
				 "io   c 2         |      cccc      |\n"
				 "io   d -1        |dd            dd|\n"
				 "io   e           |            ee  |\n"
				 "view             |aaaabbccccbbeeaa|\n"
				 "at               |0123010123670145|\n";

/* A container is transparent where its children are not, cuts them off, and ranks as a whole. */
static const char containers[] = "ram  a           |aaaaaaaaaaaaaaaaaaaa|\n"
				 "box  x 1         |   xxxxxxxxxx       |\n"
				 "io   b 9 in x    |     bbb            |\n"
				 "io   c 0 in x    |       cccccccccccc |\n"
				 "io   d 2         |            dddd    |\n"
				 "view             |aaaaabbbccccddddaaaa|\n"
				 "at               |01234012123401236789|\n";

/* Firmware below 1 MiB: a window in RAM shows the end of a ROM, or RAM again, by what is enabled. */
static const char shadow[] = "ram  a           |aaaaaaaaaaaaaaaa|\n"
			     "rom  f loose     |ffffffff        |\n"
			     "seen g f+4 1     |        gggg    |\n"
			     "seen h a+8 2 ro  |        hh      |\n"
			     "seen i a+10 2 off|          ii    |\n"
			     "view             |aaaaaaaaAAFFaaaa|\n"
			     "at               |0123456789672345|\n";

/* Aliases of aliases and of containers, each cutting off; a hole in the target is a hole here. */
static const char aliases[] = "box  x loose     |xxxxxxxxxxxx        |\n"
			      "io   a in x      | aaaa               |\n"
			      "io   b in x      |       bbb          |\n"
			      "seen y x+2 loose |yyyyyyy             |\n"
			      "seen p y+1       |  pppppppppppp      |\n"
			      "seen q x+10      |               qqqqq|\n"
			      "view             |..aa..bb............|\n"
			      "at               |..23..01............|\n";

/* What is disabled is as good as absent, and so is what is behind it. */
static const char disabled[] = "ram  a           |aaaaaaaaaaaa|\n"
			       "io   b 5 off     | bbb        |\n"
			       "box  x 5 off     |     xxx    |\n"
			       "io   c in x      |     ccc    |\n"
			       "io   d loose off |ddd         |\n"
			       "seen e d 5       |         eee|\n"
			       "seen f x 5       |   ff       |\n"
			       "view             |aaaaaaaaaaaa|\n"
			       "at               |012345678901|\n";

/* Parts of one region that meet again where they came by different aliases. */
static const char meeting[] = "ram  a loose     |aaaaaaaaaaaaaaaa|\n"
			      "seen p a         |pppp            |\n"
			      "seen q a+4       |    qqqq        |\n"
			      "seen r a+9       |        rrrr    |\n"
			      "seen s a+13 ro   |            ss  |\n"
			      "view             |aaaaaaaaaaaaAA..|\n"
			      "at               |01234567901234..|\n";

/* Regions larger than what they are in, and containers that fill the space. */
static const char huge[] = "box  x all       |xxxx            |\n"
			   "io   a in x      |    aaaa        |\n"
			   "seen y x+2 all 1 |        yyyy    |\n"
			   "view             |....aaaa..aaaa..|\n"
			   "at               |....0123..0123..|\n";

/* An alias that passes the end of the space shows what is before it and does not come round. */
static const char rounds[] = "io   a loose all |aaaa        |\n"
			     "seen b a+0xfffffffffffffffe loose all|bb          |\n"
			     "seen c b         |cccc        |\n"
			     "seen d b+1       |    dddd    |\n"
			     "seen e b+4       |        eeee|\n"
			     "view             |aa..a.......|\n"
			     "at               |45..5.......|\n";

/* Each entry that may wait is a range; those that touch stay two. */
static const char latches[] = "io   a           |  aaaaaaaa      |\n"
			      "port a w1        |  N             |\n"
			      "port a w1        |    L           |\n"
			      "port a w2        |     LL         |\n"
			      "port a w12       |        DD      |\n"
			      "view             |..aaaaaaaa......|\n"
			      "waits            |....LL-.D-......|\n";

/* CONFIG_ADDRESS is 32 bits wide; the byte in it that may wait too, but not as long, limits it. */
static const char config_address[] = "io   a           |aaaaaaaa|\n"
				     "port a w4        |LLLL    |\n"
				     "port a w1        | D      |\n"
				     "port a w124      |    NNNN|\n"
				     "view             |aaaaaaaa|\n"
				     "waits            |D---....|\n";

/* A byte that must be delivered at once: the register around it cannot wait, whatever its width. */
static const char reset_byte[] = "io   a           |aaaaaaaa|\n"
				 "port a w4        |LLLL    |\n"
				 "port a w1        | N      |\n"
				 "port a w1        |    L   |\n"
				 "port a w1        |     R  |\n"
				 "view             |aaaaaaaa|\n"
				 "waits            |....L...|\n";

/* A chain of entries that overlap is one range. One that may not wait after all leaves the chain. */
static const char chains[] = "io   a           |aaaaaaaaaaaaaaaaaaaa|\n"
			     "port a w2        |LL                  |\n"
			     "port a w2        | DD                 |\n"
			     "port a w2        |  LL                |\n"
			     "port a w2        |      LL            |\n"
			     "port a w2        |       SS           |\n"
			     "port a w1        |        N           |\n"
			     "view             |aaaaaaaaaaaaaaaaaaaa|\n"
			     "waits            |D---..S-............|\n";

/* A doorbell rings at once. */
static const char bells[] = "io   a           |aaaaaaaa|\n"
			    "port a w2        |LL      |\n"
			    "port a w2        |    LL  |\n"
			    "bell a           | b      |\n"
			    "view             |aaaaaaaa|\n"
			    "waits            |....L-..|\n";

/* One byte hidden, and nothing of the range waits; seen twice, it waits twice. */
static const char hidden[] = "io   a           |aaaaaaaa            |\n"
			     "port a w4        |LLLL                |\n"
			     "port a w1        |     L              |\n"
			     "io   b 1         | b                  |\n"
			     "seen c a         |         cccccccc   |\n"
			     "seen d a+1       |                 ddd|\n"
			     "view             |abaaaaaa.aaaaaaaaaaa|\n"
			     "waits            |.....L...L---.L.....|\n";

static const char *const drawings[] = { priorities, containers, shadow, aliases, disabled,
					meeting,    huge,       rounds, latches, config_address,
					reset_byte, chains,     bells,  hidden };

static void drawings_come_out(void **state)
{
	/* The bottom, below the end of the ports, across 4 GiB, and the very end of 64 bits. */
	static const uint64_t ends[] = { 0, 0xffe0, 0xfffffff8, DRAW_AT_END };
	char seen[DRAW_COLUMNS + 1], at[DRAW_COLUMNS + 1], waits[DRAW_COLUMNS + 1];

	for (size_t i = 0; i < sizeof(drawings) / sizeof(drawings[0]); i++) {
		for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++) {
			struct drawing drawing;
			struct mem_view *view;

			draw_make(&drawing, drawings[i], ends[j]);
			view = mem_view_render(&drawing.root, everything);
			assert_non_null(view);
			draw_view(&drawing, view, seen, at, waits);
			assert_string_equal(seen, drawing.view);
			if (drawing.at[0])
				assert_string_equal(at, drawing.at);
			if (drawing.waits[0])
				assert_string_equal(waits, drawing.waits);
			else
				assert_int_equal(view->waits_n, 0);
			mem_view_unref(view);
			draw_destroy(&drawing);
		}
	}
}

static void parts_that_meet_stay_apart(void **state)
{
	struct drawing drawing;
	struct mem_view *view;

	draw_make(&drawing, meeting, 0x1000);
	view = mem_view_render(&drawing.root, everything);
	assert_non_null(view);
	assert_int_equal(view->sections_n, 4);
	assert_true(range_equal(view->sections[0].range, (struct range){ 0x1000, 0x1003 }));
	assert_true(range_equal(view->sections[1].range, (struct range){ 0x1004, 0x1007 }));
	assert_true(range_equal(view->sections[2].range, (struct range){ 0x1008, 0x100b }));
	assert_true(range_equal(view->sections[3].range, (struct range){ 0x100c, 0x100d }));
	mem_view_unref(view);
	draw_destroy(&drawing);
}

static void the_space_clips(void **state)
{
	struct drawing drawing;
	struct mem_view *view;

	draw_make(&drawing, priorities, 0xfff8);
	view = mem_view_render(&drawing.root, (struct range){ 0, 0xffff });
	assert_non_null(view);
	assert_non_null(mem_view_find(view, 0xffff));
	assert_null(mem_view_find(view, 0x10000));
	assert_int_equal(view->sections[view->sections_n - 1].range.last, 0xffff);
	mem_view_unref(view);

	view = mem_view_render(&drawing.root, (struct range){ 0xfffa, 0xfffa });
	assert_non_null(view);
	assert_int_equal(view->sections_n, 1);
	assert_int_equal(view->sections[0].offset, 2);
	mem_view_unref(view);
	draw_destroy(&drawing);
}

static void a_region_fills_the_space(void **state)
{
	struct mem_region root, io;
	struct mem_view *view;

	mem_region_init_container(&root, "root", UINT64_MAX);
	mem_region_init_io(&io, "io", UINT64_MAX, NULL, 0, NULL, NULL);
	mem_region_add(&root, &io, 0, 0);
	view = mem_view_render(&root, everything);
	assert_non_null(view);
	assert_int_equal(view->sections_n, 1);
	assert_true(range_equal(view->sections[0].range, (struct range){ 0, UINT64_MAX }));
	assert_ptr_equal(mem_view_find(view, 0), mem_view_find(view, UINT64_MAX));
	mem_view_unref(view);

	mem_region_set_offset(&io, 1);
	view = mem_view_render(&root, everything);
	assert_non_null(view);
	assert_null(mem_view_find(view, 0));
	assert_true(range_equal(view->sections[0].range, (struct range){ 1, UINT64_MAX }));
	mem_view_unref(view);

	mem_region_remove(&io);
	view = mem_view_render(&root, everything);
	assert_non_null(view);
	assert_int_equal(view->sections_n, 0);
	assert_null(mem_view_find(view, 0));
	mem_view_unref(view);
}

static void bells_are_sorted_and_shown_where_their_first_byte_is(void **state)
{
	static const struct mem_doorbell two[] = {
		{ .at = 6, .width = 2, .fd = 7 },
		{ .at = 1, .width = 4, .match = true, .value = 9, .fd = 8 },
		{ .at = 1, .width = 2, .fd = 9 },
		{ .at = 8, .fd = 10 }, /* beyond the region: nowhere */
	};
	struct mem_region root, io, lid, again;
	struct mem_view *view;

	mem_region_init_container(&root, "root", UINT64_MAX);
	mem_region_init_io(&io, "io", 7, NULL, 0, NULL, NULL);
	io.doorbells = two;
	io.doorbells_n = 4;
	mem_region_init_io(&lid, "lid", 3, NULL, 0, NULL, NULL);
	mem_region_init_alias(&again, "again", &io, 4, 3);
	mem_region_add(&root, &io, 0x100, 0);
	mem_region_add(&root, &lid, 0x102, 1);
	mem_region_add(&root, &again, 0x80, 0);
	view = mem_view_render(&root, everything);
	assert_non_null(view);
	assert_int_equal(view->bells_n, 4);
	assert_int_equal(view->bells[0].addr, 0x82);
	assert_int_equal(view->bells[1].addr, 0x101);
	assert_int_equal(view->bells[1].bell.fd, 9);
	assert_int_equal(view->bells[2].addr, 0x101);
	assert_int_equal(view->bells[2].bell.fd, 8);
	assert_int_equal(view->bells[3].addr, 0x106);
	mem_view_unref(view);
}

static void nothing(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
}

static void a_range_says_why_in_the_words_of_the_entry_that_begins_it(void **state)
{
	static const struct mem_port ports[] = {
		{ .at = 2,
		  .len = 2,
		  .widths = MEM_W2,
		  .write = nothing,
		  .wait = 1,
		  .why = "later" },
		{ .at = 1, .len = 1, .write = nothing, .wait = MEM_LATCH, .why = "first" },
		{ .at = 1,
		  .len = 2,
		  .widths = MEM_W2,
		  .write = nothing,
		  .wait = 3,
		  .why = "second" },
	};
	struct mem_region io;
	struct mem_view *view;

	mem_region_init_io(&io, "io", 7, ports, 3, NULL, NULL);
	view = mem_view_render(&io, everything);
	assert_non_null(view);
	assert_int_equal(view->waits_n, 1);
	assert_true(range_equal(view->waits[0].range, (struct range){ 1, 3 }));
	assert_int_equal(view->waits[0].wait, 1);
	assert_int_equal(view->waits[0].offset, 1);
	assert_ptr_equal(view->waits[0].region, &io);
	assert_string_equal(view->waits[0].why, "first");
	mem_view_unref(view);
}

/* Calls in their order, as letters. */
struct story {
	char text[64];
	size_t n;
};

static void note(struct story *story, char what, uint64_t addr)
{
	story->n += (size_t)snprintf(story->text + story->n, sizeof(story->text) - story->n,
				     "%c%x ", what, (unsigned)addr);
}

static void wait_gone(void *arg, const struct mem_wait_range *wait)
{
	note(arg, 'w', wait->range.first);
}

static void wait_come(void *arg, const struct mem_wait_range *wait)
{
	note(arg, 'W', wait->range.first);
}

static void bell_gone(void *arg, const struct mem_bell_range *bell)
{
	note(arg, 'b', bell->addr);
}

static void bell_come(void *arg, const struct mem_bell_range *bell)
{
	note(arg, 'B', bell->addr);
}

static void section_gone(void *arg, const struct mem_section *section)
{
	note(arg, 's', section->range.first);
}

static void section_come(void *arg, const struct mem_section *section)
{
	note(arg, 'S', section->range.first);
}

static void a_difference_tells_only_what_differs_in_its_order(void **state)
{
	static const struct mem_view_diff_ops ops = { wait_gone,    bell_gone, section_gone,
						      section_come, bell_come, wait_come };
	struct story story = { .n = 0 };
	struct mem_view *old, *new;
	struct drawing drawing;

	draw_make(&drawing,
		  "io   a           |aaaa            |\n"
		  "port a w1        |L               |\n"
		  "bell a           |  b             |\n"
		  "io   c           |      cccc      |\n"
		  "port c w1        |      L         |\n"
		  "port c w1        |       L        |\n"
		  "bell c           |        b       |\n"
		  "ram  m           |            mmmm|\n",
		  0);
	old = mem_view_render(&drawing.root, everything);
	mem_region_set_offset(&drawing.regions[1].region, 7);
	new = mem_view_render(&drawing.root, everything);
	assert_non_null(old);
	assert_non_null(new);

	mem_view_diff(old, old, &ops, &story);
	mem_view_diff(NULL, NULL, &ops, &story);
	assert_int_equal(story.n, 0);
	mem_view_diff(old, new, &ops, &story);
	assert_string_equal(story.text, "w6 w7 b8 s6 S7 B9 W7 W8 ");
	story = (struct story){ .n = 0 };
	mem_view_diff(NULL, new, &ops, &story);
	assert_string_equal(story.text, "S0 S7 Sc B2 B9 W0 W7 W8 ");
	story = (struct story){ .n = 0 };
	mem_view_diff(old, NULL, &ops, &story);
	assert_string_equal(story.text, "w0 w6 w7 b2 b8 s0 s6 sc ");
	mem_view_unref(old);
	mem_view_unref(new);
	draw_destroy(&drawing);
}

/*
 * A PC's first megabyte, a column 64 KiB: windows open on the RAM that the ROM's place hides, and of
 * the RAM around them nobody is told, however well it would fit.
 */
static void a_window_opens_and_its_neighbours_stay(void **state)
{
	static const struct mem_view_diff_ops ops = { .section_gone = section_gone,
						      .section_come = section_come };
	static const char pc[] = "ram  a loose     |aaaaaaaaaaaaaaaaaaaaaaaa|\n"
				 "seen l a         |llllllllll              |\n"
				 "seen m a+16      |                mmmmmmmm|\n"
				 "rom  f           |              ff        |\n"
				 "seen e a+14 1 off|              e         |\n"
				 "seen p a+15 1 off|               p        |\n"
				 "seen r a+15 1 ro off|               r        |\n"
				 "seen s a+10 1 off|          ss            |\n";
	static const struct {
		unsigned window;
		bool enabled;
		const char *told;
	} steps[] = {
		{ 5, true, "se Se Sf " }, /* the ROM's slot, and not main memory's */
		{ 6, true, "sf Sf " }, /* in front of it, and cannot be written */
		{ 5, false, "" },         { 4, true, "se Se " },     { 6, false, "sf Sf " },
		{ 7, true, "Sa " },       { 4, false, "se sf Se " }, { 7, false, "sa " },
	};
	struct mem_view *old, *new;
	struct drawing drawing;

	draw_make(&drawing, pc, 0);
	old = mem_view_render(&drawing.root, everything);
	assert_non_null(old);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct story story = { .n = 0 };

		mem_region_set_enabled(&drawing.regions[steps[i].window].region, steps[i].enabled);
		new = mem_view_render(&drawing.root, everything);
		assert_non_null(new);
		mem_view_diff(old, new, &ops, &story);
		assert_string_equal(story.text, steps[i].told);
		mem_view_unref(old);
		old = new;
	}
	mem_view_unref(old);
	draw_destroy(&drawing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawings_come_out),
		cmocka_unit_test(parts_that_meet_stay_apart),
		cmocka_unit_test(the_space_clips),
		cmocka_unit_test(a_region_fills_the_space),
		cmocka_unit_test(bells_are_sorted_and_shown_where_their_first_byte_is),
		cmocka_unit_test(a_range_says_why_in_the_words_of_the_entry_that_begins_it),
		cmocka_unit_test(a_difference_tells_only_what_differs_in_its_order),
		cmocka_unit_test(a_window_opens_and_its_neighbours_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
