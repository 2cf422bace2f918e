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

static void check_place(int place)
{
	assert(place == CMD_NONE ||
	       (place >= 0 && (size_t)place < options.chardevs_n && options.chardevs[place].used));
}

static void check(void)
{
	assert(options.memory >= 1 << 20 && options.memory % 8192 == 0);
	for (size_t i = 0; i < options.disks_n; i++) {
		assert(options.disks[i].file && *options.disks[i].file);
		check_text(options.disks[i].file);
		check_text(options.disks[i].id);
		check_text(options.disks[i].serial);
	}
	for (size_t i = 0; i < options.chardevs_n; i++) {
		check_text(options.chardevs[i].id);
		check_text(options.chardevs[i].options.path);
	}
	for (size_t i = 0; i < CMD_SERIALS_MAX; i++)
		check_place(options.serials[i]);
	for (size_t i = 0; i < options.monitors_n; i++)
		check_place(options.monitors[i]);
	for (size_t i = 0; i < options.debug_consoles_n; i++)
		check_place(options.debug_consoles[i].chardev);
	for (size_t i = 0; i < options.debug_exits_n; i++)
		assert(options.debug_exits[i].port + options.debug_exits[i].size <= 0x10000);
	for (size_t i = 0; i < options.fw_cfg_n; i++) {
		assert(strlen(options.fw_cfg[i].name) <= 55);
		assert(!options.fw_cfg[i].file != !options.fw_cfg[i].string);
	}
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
