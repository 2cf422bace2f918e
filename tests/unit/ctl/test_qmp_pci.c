// SPDX-License-Identifier: MIT
/* What our monitor says of PCI, read by who gives names to addresses (watch/bars.h). */
#include "rig.h"

#include <json-c/json.h>

#include "ctl/qmp.h"
#include "watch/bars.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define IDE(offset)    (0x80000900 | (offset)) /* device 1, function 1 */
#define IDE_BAR        0xc040

static struct watch_bars bars;

static void ask(struct rig *rig)
{
	struct json_object *answer;

	rig_say(rig, "{'execute':'query-pci'}");
	answer = json_tokener_parse(rig_hear(rig));
	assert_non_null(answer);
	assert_true(watch_bars_take(&bars, json_object_object_get(answer, "return")));
	json_object_put(answer);
}

static void config_write(struct rig *rig, uint32_t address, uint32_t value)
{
	soft_cpu_write(&rig->none.cpu, MEM_SPACE_PORT, CONFIG_ADDRESS, address, 4);
	soft_cpu_write(&rig->none.cpu, MEM_SPACE_PORT, CONFIG_DATA, value, 4);
	soft_cpu_drain(&rig->none.cpu);
	rig_spin(rig);
}

static void test_names(void **state)
{
	const struct watch_key last = { .addr = IDE_BAR + 15 }, behind = { .addr = IDE_BAR + 16 };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct watch_name name;
	struct ctl_qmp qmp;

	rig_make(rig, (struct pc_options){ .machine.no_shutdown = true });
	rig_serve(rig);
	assert_int_equal(ctl_qmp_init(&qmp, &rig->pc.machine, NULL, rig->chardev), 0);
	rig_connect(rig);
	rig_say(rig, "{'execute':'qmp_capabilities'}");
	(void)rig_hear(rig);

	ask(rig);
	assert_false(watch_name_find(&name, &bars, &last));
	config_write(rig, IDE(0x20), IDE_BAR);
	config_write(rig, IDE(0x04), 1);
	ask(rig);
	assert_true(watch_name_find(&name, &bars, &last));
	assert_string_equal(name.part, "IDE controller");
	assert_string_equal(name.reg, "BAR 4 + 0xf");
	assert_false(watch_name_find(&name, &bars, &behind));
	/* It is switched off. */
	config_write(rig, IDE(0x04), 0);
	ask(rig);
	assert_false(watch_name_find(&name, &bars, &last));

	ctl_qmp_destroy(&qmp);
	rig_end(rig);
	free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
