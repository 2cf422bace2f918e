// SPDX-License-Identifier: MIT
#include "../base/cm.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "watch/bars.h"

static struct watch_bars bars;

static bool take(const char *text)
{
	struct json_tokener *tokener = json_tokener_new_ex(256);
	struct json_object *answer = json_tokener_parse_ex(tokener, text, -1);
	bool taken = watch_bars_take(&bars, answer);

	json_object_put(answer);
	json_tokener_free(tokener);
	return taken;
}

static void expect_name(struct watch_key key, const char *part, const char *reg)
{
	struct watch_name name;

	assert_true(watch_name_find(&name, &bars, &key));
	assert_string_equal(name.part, part);
	assert_string_equal(name.reg, reg);
}

/* As QEMU says it, with a bridge; 0x71 is a PC's own as long as no BAR lies there. */
static void test_names(void **state)
{
	assert_true(take(
		"[{'bus':0,'devices':["
		"{'slot':2,'function':0,'qdev_id':'','class_info':{'class':768,'desc':'VGA controller'},"
		"'regions':[{'bar':0,'type':'memory','address':4244635648,'size':16777216},"
		"{'bar':2,'type':'memory','address':4273930240,'size':4096},"
		"{'bar':6,'type':'memory','address':-1,'size':65536}]},"
		"{'slot':3,'function':1,'qdev_id':'net0','regions':[{'bar':0,'type':'io','address':49152,"
		"'size':32}]},"
		"{'slot':4,'function':0,'regions':[],'pci_bridge':{'bus':{},'devices':["
		"{'slot':1,'function':2,'regions':[{'bar':1,'type':'io','address':65535,'size':1}]}]}}"
		"]}]"));
	assert_int_equal(bars.n, 4);
	expect_name((struct watch_key){ .addr = 0xfebf0500, .space = WATCH_SPACE_MEMORY },
		    "VGA controller", "BAR 2 + 0x500");
	expect_name((struct watch_key){ .addr = 0xc012 }, "net0", "BAR 0 + 0x12");
	expect_name((struct watch_key){ .addr = 0xffff }, "PCI 1.2", "BAR 1 + 0x0");
	expect_name((struct watch_key){ .addr = 0x71 }, "mc146818rtc", "data");
	assert_null(watch_bars_find(&bars, WATCH_SPACE_PORT, 0xc020));
	assert_null(watch_bars_find(&bars, WATCH_SPACE_MEMORY, 0xc012));
}

/* What is not as it should be is passed over, and no text reaches a terminal as it is. */
static void test_hostile(void **state)
{
	static const char *const none[] = { "{}", "1", "'text'", "null" };
	char deep[4096] = "[{'devices':[", *end = deep + strlen(deep);

	assert_true(take(
		"[{'devices':[{'slot':1,'regions':[{'bar':0,'type':'io','address':1,'size':1}]}]}]"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(take(none[i]));
	assert_int_equal(bars.n, 1);
	assert_true(take(
		"[1, {'devices':1}, {'devices':[1, {}, {'regions':1}, {'regions':[1, {}, "
		"{'bar':0,'type':'io','address':1,'size':0}, {'bar':7,'type':'io','address':1,'size':1},"
		"{'bar':0,'type':'io','address':-2,'size':1}, {'bar':0,'type':1,'address':1,'size':1},"
		"{'bar':0,'type':'memory','address':18446744073709551615,'size':2},"
		"{'bar':0,'type':'memory','address':9223372036854775807,'size':'x'}]}]}]"));
	assert_int_equal(bars.n, 0);
	assert_true(
		take("[{'devices':[{'qdev_id':'\\u001b[31ma very long name that never ends at all',"
		     "'regions':[{'bar':0,'type':'io','address':16,'size':1}]}]}]"));
	expect_name((struct watch_key){ .addr = 16 }, "?[31ma very long name that neve",
		    "BAR 0 + 0x0");
	/* Bridges without end. */
	for (int i = 0; i < 30; i++)
		end += sprintf(
			end,
			"{'regions':[{'bar':0,'type':'io','address':%d,'size':1}],'pci_bridge':"
			"{'devices':[",
			i);
	for (int i = 0; i < 30; i++)
		end += sprintf(end, "]}}");
	sprintf(end, "]}]");
	assert_true(take(deep));
	assert_true(bars.n > 2 && bars.n < 30);
}

static void test_bounded(void **state)
{
	struct json_object *answer = json_tokener_parse("[{'devices':[{'regions':[]}]}]");
	struct json_object *device = json_object_array_get_idx(
		json_object_object_get(json_object_array_get_idx(answer, 0), "devices"), 0);
	struct json_object *regions = json_object_object_get(device, "regions");

	for (unsigned i = 0; i < 2 * WATCH_BARS; i++)
		json_object_array_add(
			regions, json_tokener_parse("{'bar':0,'type':'io','address':5,'size':1}"));
	assert_true(watch_bars_take(&bars, answer));
	assert_int_equal(bars.n, WATCH_BARS);
	json_object_put(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
