// SPDX-License-Identifier: MIT
#include "cmd/verb.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/duration.h"
#include "cmd/options.h"

static bool take_number(const struct verb_option *option, void *member, const char *value)
{
	uint64_t number;
	uint32_t small;
	char *end;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (*end || errno || number < option->least || number > option->most)
		return false;
	assert(option->size == sizeof(number) ||
	       (option->size == sizeof(small) && number <= UINT32_MAX));
	small = (uint32_t)number;
	memcpy(member, option->size == sizeof(small) ? (void *)&small : (void *)&number,
	       option->size);
	return true;
}

static bool take_value(const struct verb_option *option, void *options, const char *value)
{
	void *member = (char *)options + option->at;
	int64_t ns;

	assert(value || option->kind == VERB_FLAG || option->kind == VERB_CALL);
	switch (option->kind) {
	case VERB_FLAG:
		*(bool *)member = true;
		return true;
	case VERB_TEXT:
		*(const char **)member = value;
		return *value;
	case VERB_TIME:
		if (!cmd_duration_parse(&ns, value) || ns < (int64_t)option->least ||
		    ns > (int64_t)option->most)
			return false;
		*(int64_t *)member = ns;
		return true;
	case VERB_NUMBER:
		return take_number(option, member, value);
	case VERB_CALL:
		break;
	}
	return option->take(options, value);
}

static const struct verb_option *find(const struct verb *verb, const char *word)
{
	const char *name = word + strspn(word, "-");

	for (size_t i = 0; name != word && i < verb->options_n; i++) {
		if (!strcmp(name, verb->options[i].name))
			return &verb->options[i];
	}
	return NULL;
}

int verb_parse(const struct verb *verb, void *options, int argc, char *const argv[])
{
	for (int i = 1; i < argc; i++) {
		const struct verb_option *option = find(verb, argv[i]);
		const char *said = argv[i];
		int ret;

		if (!option && verb->word && (said[0] != '-' || !said[1])) {
			ret = verb->word(options, said);
			if (ret)
				return ret;
			continue;
		}
		if (!option) {
			log_error("%s: %s: unknown argument (see coalport %s --help)", verb->name,
				  said, verb->name);
			return CMD_STATUS_USAGE;
		}
		if (option->wanted)
			i++;
		if (i == argc || !take_value(option, options, option->wanted ? argv[i] : NULL)) {
			log_error("%s: %s: wants %s", verb->name, said, option->wanted);
			return CMD_STATUS_USAGE;
		}
	}
	return 0;
}
