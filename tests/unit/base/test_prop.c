// SPDX-License-Identifier: MIT
/* Properties and the arena that their texts lie in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/prop.h"
#include "cm.h"

struct thing {
	const char *name, *note, *chardev;
	bool loud;
	uint8_t colour;
	uint16_t port;
	int32_t delta, slot;
	uint64_t size;
	const char *id;
};

static const struct prop thing_table[] = {
	{ "name", PROP_TEXT, PROP_AT(struct thing, name), .form = "name=NAME", .help = "h" },
	{ "note", PROP_ANY_TEXT, PROP_AT(struct thing, note), .form = "note=TEXT", .help = "h" },
	{ "chardev", PROP_CHARDEV, PROP_AT(struct thing, chardev), .form = "c", .help = "h" },
	{ "loud", PROP_BOOL, PROP_AT(struct thing, loud), .value = 1, .form = "l", .help = "h" },
	{ "colour", PROP_WORD, PROP_AT(struct thing, colour),
	  .words = (const char *const[]){ "red", "green", NULL }, .form = "colour=C", .help = "h" },
	{ "old", PROP_ONLY, .words = (const char *const[]){ "off", NULL } },
	{ "port", PROP_NUMBER, PROP_AT(struct thing, port), .max = 0xffff, .value = 0xe9 },
	{ "delta", PROP_NUMBER, PROP_AT(struct thing, delta), .min = -1, .max = 9, .value = -1 },
	{ "addr", PROP_SLOT, PROP_AT(struct thing, slot), .value = -1 },
	{ "size", PROP_SIZE, PROP_AT(struct thing, size), .value = 4096 },
	{ 0 },
};
static const struct prop common_table[] = {
	{ "id", PROP_TEXT, PROP_AT(struct thing, id), .form = "id=ID", .help = "h" },
	{ 0 },
};
static const struct props props = { .table = thing_table, .common = common_table, .first = "name" };

static struct arena arena;
static struct thing thing;

static void good(const char *text)
{
	struct error err;

	memset(&thing, 0xa5, sizeof(thing));
	props_default(&props, &thing);
	if (props_parse(&props, text, &thing, &arena, NULL, &err))
		fail_msg("%s: %s", text, err.text);
}

static void bad(const char *text, const char *says)
{
	struct error err;

	assert_int_equal(props_parse(&props, text, &thing, &arena, NULL, &err), -EINVAL);
	assert_string_equal(err.text, says);
}

static void test_defaults(void **state)
{
	good("x");
	assert_string_equal(thing.name, "x");
	assert_null(thing.note);
	assert_true(thing.loud);
	assert_int_equal(thing.colour, 0);
	assert_int_equal(thing.port, 0xe9);
	assert_int_equal(thing.delta, -1);
	assert_int_equal(thing.slot, -1);
	assert_int_equal(thing.size, 4096);
	assert_null(thing.id);
	assert_int_equal(prop_number(props_find(&props, "delta"), &thing), -1);
	assert_int_equal(prop_number(props_find(&props, "port"), &thing), 0xe9);
	assert_string_equal(prop_text(props_find(&props, "name"), &thing), "x");
}

static void test_values(void **state)
{
	uint32_t given;
	struct error err;

	good("a,,b=c,,,note=,noloud,colour=green,old=off,port=0xffff,delta=9,addr=1f.7,size=2k,id=i");
	assert_string_equal(thing.name, "a,b=c,");
	assert_string_equal(thing.note, "");
	assert_false(thing.loud);
	assert_int_equal(thing.colour, 1);
	assert_int_equal(thing.port, 0xffff);
	assert_int_equal(thing.delta, 9);
	assert_int_equal(thing.slot, 0xff);
	assert_int_equal(thing.size, 2048);
	assert_string_equal(thing.id, "i");
	good("x,addr=10,loud=off,loud");
	assert_int_equal(thing.slot, 0x10 << 3);
	assert_true(thing.loud);
	assert_int_equal(props_parse(&props, "port=1,id=j", &thing, &arena, &given, &err), 0);
	assert_int_equal(given, props_bit(&props, "port") | props_bit(&props, "id"));
}

static void test_refusals(void **state)
{
	bad("", "needs a value");
	bad("name=", "name: needs a value (name=NAME)");
	bad("x,note", "note: needs a value (note=TEXT)");
	bad("x,smell=1",
	    "smell: unknown property (there are: name, note, chardev, loud, colour, id)");
	bad("colour=blue", "colour=blue: not offered (only red, green)");
	bad("old=on", "old=on: not offered (only off)");
	bad("port=65536", "port=65536: not a number from 0 to 65535");
	bad("delta=-2", "delta=-2: not a number from -1 to 9");
	bad("port=+1", "port=+1: not a number from 0 to 65535");
	for (size_t i = 0; i < 6; i++) {
		static const char *const slots[] = { "20", "1.8", "1.", ".1", "x", "001" };
		char text[32], says[96];

		snprintf(text, sizeof(text), "addr=%s", slots[i]);
		snprintf(says, sizeof(says),
			 "addr=%s: not a PCI slot (00 to 1f, or with a function: 1f.7)", slots[i]);
		bad(text, says);
	}
}

static void test_arena(void **state)
{
	struct arena own = { 0 };
	unsigned *list = NULL;
	char *large;

	for (unsigned i = 0; i < 1000; i++) {
		list = arena_grow(&own, list, i, sizeof(*list));
		assert_non_null(list);
		list[i] = i;
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
	large = arena_alloc(&own, 1 << 20);
	assert_non_null(large);
	assert_int_equal(large[(1 << 20) - 1], 0);
	assert_int_equal((uintptr_t)large % 16, 0);
	assert_string_equal(arena_text(&own, "abc", 2), "ab");
	assert_null(arena_alloc(&own, SIZE_MAX));
	arena_free(&own);
	assert_null(own.last);
}

static int drop(void **state)
{
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_defaults, drop),
		cmocka_unit_test_teardown(test_values, drop),
		cmocka_unit_test_teardown(test_refusals, drop),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
