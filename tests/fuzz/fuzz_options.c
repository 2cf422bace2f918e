// SPDX-License-Identifier: MIT
/*
 * The command line: each line of the input is a word. Whatever is said, parsing ends within its
 * bounds, and what it yields keeps the promises of cmd/options.h.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cmd/options.h"

#define WORDS_MAX 64

static struct cmd_options options;

/* Every text is one: the sanitizers see whether it ends. */
static void check_text(const char *text)
{
	assert(!text || strlen(text) < 4096);
}

static void check_place(size_t place)
{
	assert(place < options.chardevs_n && options.chardevs[place].used);
}

static void check_device(const struct device_spec *spec)
{
	const struct device_types types = {
		.types = board_device_types,
		.globals = options.pc.globals,
		.globals_n = options.pc.globals_n,
	};
	struct error err;
	struct device *device = device_new(&types, spec, &err);

	assert(device && device->type->user);
	check_text(device->id);
	device_free(device);
}

static void check(void)
{
	const struct pc_options *pc = &options.pc;

	assert(pc->ram >= PC_RAM_MIN && pc->ram <= PC_RAM_MAX && pc->ram % 8192 == 0);
	for (size_t i = 0; i < options.drives_n; i++) {
		assert(options.drives[i].file && *options.drives[i].file);
		check_text(options.drives[i].file);
		check_text(options.drives[i].id);
	}
	for (size_t i = 0; i < options.chardevs_n; i++) {
		check_text(options.chardevs[i].id);
		check_text(options.chardevs[i].options.path);
	}
	for (size_t i = 0; i < pc->devices_n; i++)
		check_device(&pc->devices[i]);
	for (size_t i = 0; i < options.monitors_n; i++)
		check_place(options.monitors[i].chardev);
	for (size_t i = 0; i < pc->fw_cfg_n; i++) {
		assert(strlen(pc->fw_cfg[i].name) <= 55);
		assert(!pc->fw_cfg[i].file != !pc->fw_cfg[i].string);
	}
	if (options.has_qtest)
		check_place(options.qtest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[4096];
	char *words[WORDS_MAX + 1] = { text };
	int n = 1;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	for (char *at = text; at && n < WORDS_MAX;) {
		words[n++] = at;
		at = strchr(at, '\n');
		if (at)
			*at++ = 0;
	}
	if (cmd_options_parse(&options, n, words, UINT64_C(1) << 40)) {
		assert(!options.error[0]);
		if (options.action == CMD_RUN)
			check();
	} else {
		assert(options.error[0] && strlen(options.error) < CMD_ERROR_MAX &&
		       !strchr(options.error, '\n'));
	}
	cmd_options_free(&options);
	return 0;
}
