// SPDX-License-Identifier: MIT
/* The options of a verb: every kind, what is none of it, and words between them. */
#include "../base/cm.h"

#include <limits.h>
#include <string.h>
#include <sys/types.h>

#include "base/clock.h"
#include "cmd/options.h"
#include "cmd/verb.h"

#define WORDS 2

struct options {
	bool flag, called;
	const char *text, *call;
	int64_t time;
	uint64_t number;
	pid_t pid;
	const char *words[WORDS];
	size_t words_n;
};

static bool take_call(void *arg, const char *value)
{
	struct options *options = arg;

	options->call = value;
	return strcmp(value, "bad") != 0;
}

static bool take_called(void *arg, const char *value)
{
	struct options *options = arg;

	assert_null(value);
	options->called = true;
	return true;
}

static int take_word(void *arg, const char *word)
{
	struct options *options = arg;

	if (options->words_n == WORDS)
		return 1;
	options->words[options->words_n++] = word;
	return 0;
}

static const struct verb_option table[] = {
	VERB_OPTION_FLAG("flag", struct options, flag),
	VERB_OPTION_TEXT("text", struct options, text, "a text"),
	VERB_OPTION_TIME("time", struct options, time, 50 * NS_PER_MS, NS_PER_SEC, "a time"),
	VERB_OPTION_NUMBER("number", struct options, number, 0, UINT64_MAX, "a number"),
	VERB_OPTION_NUMBER("pid", struct options, pid, 1, INT_MAX, "a process"),
	VERB_OPTION_CALL("call", take_call, "a call"),
	VERB_OPTION_CALL("called", take_called, NULL),
};

static const struct verb verb = { "verb", table, sizeof(table) / sizeof(table[0]), take_word };
static const struct verb wordless = { "verb", table, sizeof(table) / sizeof(table[0]), NULL };

/* A command line of words with a space between them; "~" is an empty one. */
static int parse(const struct verb *which, struct options *options, const char *line)
{
	static char text[256];
	char *argv[16] = { text }, *rest = text;
	int argc = 0;

	*options = (struct options){ .time = -1 };
	(void)snprintf(text, sizeof(text), "verb %s", line);
	for (char *word; (word = strsep(&rest, " "));) {
		if (!strcmp(word, "~"))
			*word = '\0';
		argv[argc++] = word;
	}
	return verb_parse(which, options, argc, argv);
}

static void test_good(void **state)
{
	struct options options;

	assert_int_equal(parse(&verb, &options,
			       "one --flag -text a --time 0.5s - -number 18446744073709551615 "
			       "--pid 2147483647 --call -x --called"),
			 0);
	assert_true(options.flag);
	assert_true(options.called);
	assert_string_equal(options.text, "a");
	assert_string_equal(options.call, "-x");
	assert_int_equal(options.time, NS_PER_SEC / 2);
	assert_true(options.number == UINT64_MAX);
	assert_int_equal(options.pid, INT_MAX);
	assert_int_equal(options.words_n, 2);
	assert_string_equal(options.words[0], "one");
	assert_string_equal(options.words[1], "-");
	assert_int_equal(parse(&wordless, &options, "--number 0"), 0);
	assert_int_equal(options.number, 0);
}

static void test_bad(void **state)
{
	static const char *const lines[] = {
		"--text",
		"--text ~",
		"--time",
		"--time 49ms",
		"--time 1001ms",
		"--time x",
		"--number -1",
		"--number +1",
		"--number 1x",
		"--number ~",
		"--number 18446744073709551616",
		"--pid 0",
		"--pid 2147483648",
		"--pid",
		"--call bad",
		"--call",
		"--unknown",
		"--",
		"--flagged",
		"--fla",
	};
	struct options options;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(&verb, &options, lines[i]) != CMD_STATUS_USAGE)
			fail_msg("%s", lines[i]);
		assert_int_equal(options.time, -1);
		assert_int_equal(options.pid, 0);
	}
	/* What the verb itself says of a word. */
	assert_int_equal(parse(&verb, &options, "one two three"), 1);
	assert_int_equal(parse(&wordless, &options, "one"), CMD_STATUS_USAGE);
	assert_int_equal(parse(&wordless, &options, "flag"), CMD_STATUS_USAGE);
	assert_int_equal(parse(&wordless, &options, "-"), CMD_STATUS_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
