// SPDX-License-Identifier: MIT
/*
 * The command line of a verb that is no machine (top, trace, advise, ...): a constant table of its options,
 * and one way to read them into a struct of the verb's. An option may be written with one dash or two. No
 * state of its own; texts are borrowed from argv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb_kind {
	VERB_FLAG, /* bool: becomes true; takes no value */
	VERB_TEXT, /* const char *: not empty */
	VERB_TIME, /* int64_t: ns, as cmd_duration_parse() reads it, from least to most */
	VERB_NUMBER, /* a whole number of 4 or 8 bytes, from least to most */
	VERB_CALL, /* whatever take() makes of it */
};

struct verb_option {
	const char *name; /* without dashes */
	enum verb_kind kind;
	size_t at, size; /* the member, in the verb's struct */
	uint64_t least, most;
	bool (*take)(void *options, const char *value); /* VERB_CALL: false: the value is none */
	const char
		*wanted; /* what a value has to be, in words; NULL: takes none, take() gets NULL */
};

#define VERB_MEMBER(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

/* Rows of a table. */
#define VERB_OPTION_FLAG(name, type, member)                                                       \
	{                                                                                          \
		name, VERB_FLAG, VERB_MEMBER(type, member), 0, 0, NULL, NULL                       \
	}
#define VERB_OPTION_TEXT(name, type, member, wanted)                                               \
	{                                                                                          \
		name, VERB_TEXT, VERB_MEMBER(type, member), 0, 0, NULL, wanted                     \
	}
#define VERB_OPTION_TIME(name, type, member, least, most, wanted)                                  \
	{                                                                                          \
		name, VERB_TIME, VERB_MEMBER(type, member), least, most, NULL, wanted              \
	}
#define VERB_OPTION_NUMBER(name, type, member, least, most, wanted)                                \
	{                                                                                          \
		name, VERB_NUMBER, VERB_MEMBER(type, member), least, most, NULL, wanted            \
	}
#define VERB_OPTION_CALL(name, take, wanted)                                                       \
	{                                                                                          \
		name, VERB_CALL, 0, 0, 0, 0, take, wanted                                          \
	}

struct verb {
	const char *name;
	const struct verb_option *options;
	size_t options_n;
	/* A word that is no option, "-" included. 0, or the exit status after a message. NULL: there are none. */
	int (*word)(void *options, const char *word);
};

/* argv[0] is the verb. 0, or the exit status after a message. */
int verb_parse(const struct verb *verb, void *options, int argc, char *const argv[])
	__attribute__((warn_unused_result));
