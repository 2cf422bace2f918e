// SPDX-License-Identifier: MIT
#include "cmd/coalesce.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/options.h"
#include "cmd/verb.h"
#include "cmd/zones.h"

#define ZONES_MAX 64

struct coalesce {
	const char *verb, *target;
	struct cmd_zone zones[ZONES_MAX];
	unsigned zones_n;
	int64_t deadline; /* ns, or 0: none */
	bool force, json, help;
};

static void help(void)
{
	printf("usage: coalport coalesce add|del|reset TARGET RANGE ... [--OPTION VALUE ...]\n"
	       "       coalport coalesce list TARGET [--json]\n"
	       "       coalport coalesce reset TARGET\n\n"
	       "Says of writes to a running machine whether they wait in the kernel or exit.\n"
	       "TARGET is its name, the number of its process, or its control socket.\n"
	       "RANGE is 0x70, 0x1f2-0x1f6, 0x3f8+8 or, in memory, mmio:0xd0000-0xd00ff.\n\n"
	       "  add              they wait: where the chip's table allows it, or nobody is\n"
	       "  del              they exit, whatever the chip's table says; this is always safe\n"
	       "  reset            takes back what was said of a RANGE, or of all\n"
	       "  list             the ranges that may wait, and those that were spoken of\n"
	       "  --deadline TIME  add: no longer than this, 20ms for one\n"
	       "  --force          add: against the chip's table; the guest may notice\n"
	       "  --json           list: as JSON\n");
}

/* Arguments */

static const struct verb_option table[] = {
	VERB_OPTION_TIME("deadline", struct coalesce, deadline, 0, 60 * NS_PER_SEC,
			 "a time from 1ms to 60s"),
	VERB_OPTION_FLAG("force", struct coalesce, force),
	VERB_OPTION_FLAG("json", struct coalesce, json),
	VERB_OPTION_FLAG("help", struct coalesce, help),
	VERB_OPTION_FLAG("h", struct coalesce, help),
};

static int take_word(void *arg, const char *word)
{
	struct coalesce *coalesce = arg;

	if (!coalesce->verb) {
		coalesce->verb = word;
	} else if (!coalesce->target) {
		coalesce->target = word;
	} else if (coalesce->zones_n == ZONES_MAX) {
		log_error("coalesce: more than %d ranges", ZONES_MAX);
		return CMD_STATUS_USAGE;
	} else if (!cmd_zone_parse(&coalesce->zones[coalesce->zones_n++], word)) {
		log_error("coalesce: %s: no range (such as 0x70, 0x1f2-0x1f6, mmio:0xd0000+16)",
			  word);
		return CMD_STATUS_USAGE;
	}
	return 0;
}

static bool parse(struct coalesce *coalesce, int argc, char *const argv[])
{
	static const struct {
		const char *name;
		bool ranges, needed; /* takes ranges, and at least one */
	} verbs[] = { { "add", true, true },
		      { "del", true, true },
		      { "reset", true, false },
		      { "list", false, false } };
	static const struct verb verb = { "coalesce", table, sizeof(table) / sizeof(table[0]),
					  take_word };

	if (verb_parse(&verb, coalesce, argc, argv))
		return false;
	if (coalesce->help)
		return true;
	for (size_t i = 0; coalesce->verb && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(coalesce->verb, verbs[i].name))
			continue;
		if (!coalesce->target || (verbs[i].needed && !coalesce->zones_n) ||
		    (!verbs[i].ranges && coalesce->zones_n))
			break;
		if ((coalesce->force || coalesce->deadline) && i != 0) {
			log_error("coalesce %s: --force and --deadline are for add",
				  coalesce->verb);
			return false;
		}
		return true;
	}
	log_error("coalesce: wants add, del, reset or list, a machine, and ranges (see coalport "
		  "coalesce --help)");
	return false;
}

/* The list */

static const char *text(struct json_object *zone, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(zone, name, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

static uint64_t number(struct json_object *zone, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(zone, name, &value) ? json_object_get_uint64(value) : 0;
}

static bool flag(struct json_object *zone, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(zone, name, &value) && json_object_get_boolean(value);
}

static void print_zone(struct json_object *zone)
{
	const struct cmd_zone range = {
		.space =
			strcmp(text(zone, "space"), "port") ? WATCH_SPACE_MEMORY : WATCH_SPACE_PORT,
		.first = number(zone, "first"),
		.last = number(zone, "last"),
	};
	const char *trap = text(zone, "trap"), *when = text(zone, "when");
	char addresses[CMD_ZONE_TEXT], limit[32] = "-";

	if (!strcmp(text(zone, "wait"), "latch"))
		snprintf(limit, sizeof(limit), "no limit");
	else if (number(zone, "wait_ns"))
		snprintf(limit, sizeof(limit), "%.6g ms", (double)number(zone, "wait_ns") / 1e6);
	printf("%-27s %-7s %-7s %-9s %-12s %s%s%s%s%s%s\n", cmd_zone_text(addresses, &range),
	       text(zone, "state"),
	       flag(zone, "forced") ? "forced"
	       : flag(zone, "user") ? "yes"
				    : "-",
	       limit, text(zone, "region")[0] ? text(zone, "region") : "-", text(zone, "why"),
	       *when ? "; while " : "", when, *trap ? " (" : "", trap, *trap ? ")" : "");
}

static int list(const struct coalesce *coalesce, struct watch_client *client)
{
	struct json_object *zones = NULL;
	struct error err;

	if (cmd_zone_list(client, &zones, &err)) {
		log_error("coalesce: %s: %s", coalesce->target, err.text);
		return 1;
	}
	if (coalesce->json) {
		printf("%s\n",
		       json_object_to_json_string_ext(
			       zones, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		printf("%-27s %-7s %-7s %-9s %-12s %s\n", "Addresses", "State", "User", "At most",
		       "Chip", "Why it may wait (why it does not)");
		for (size_t i = 0; i < json_object_array_length(zones); i++)
			print_zone(json_object_array_get_idx(zones, i));
	}
	json_object_put(zones);
	return 0;
}

/* Everything is said, whatever is refused. */
static int say(const struct coalesce *coalesce, struct watch_client *client)
{
	int status = 0;

	for (unsigned i = 0; i < coalesce->zones_n; i++) {
		struct error err;
		int ret = cmd_zone_say(client, coalesce->verb, &coalesce->zones[i],
				       (uint64_t)coalesce->deadline, coalesce->force, &err);

		if (!ret)
			continue;
		log_error("coalesce: %s: %s", coalesce->target, err.text);
		status = 1;
		if (ret != -EREMOTEIO)
			break;
	}
	return status;
}

static int reset(const struct coalesce *coalesce, struct watch_client *client)
{
	struct error err;

	if (coalesce->zones_n)
		return say(coalesce, client);
	if (watch_client_command(client, "__org.coalport_coalesce-reset", NULL, NULL, &err)) {
		log_error("coalesce: %s: %s", coalesce->target, err.text);
		return 1;
	}
	return 0;
}

int cmd_coalesce(int argc, char **argv)
{
	struct coalesce coalesce = { .verb = NULL };
	struct watch_client *client;
	struct error err;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (!parse(&coalesce, argc, argv))
		return CMD_STATUS_USAGE;
	if (coalesce.help) {
		help();
		return 0;
	}
	if (watch_client_open(&client, coalesce.target, &err)) {
		log_error("coalesce: %s", err.text);
		return 1;
	}
	if (!strcmp(coalesce.verb, "list"))
		status = list(&coalesce, client);
	else if (!strcmp(coalesce.verb, "reset"))
		status = reset(&coalesce, client);
	else
		status = say(&coalesce, client);
	watch_client_close(client);
	return status;
}
