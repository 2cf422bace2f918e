// SPDX-License-Identifier: MIT
/* Advice tried at once: zones are added to a running machine, it is measured again, they go again. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "cmd/advise.h"
#include "cmd/zones.h"
#include "meter/json.h"

/* What the user said himself is his: it is neither replaced nor taken back. */
static bool is_users(struct json_object *list, const struct advise_tried_zone *zone)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		struct json_object *user = NULL, *space = NULL, *first = NULL, *last = NULL;

		if (!json_object_object_get_ex(item, "user", &user) ||
		    !json_object_get_boolean(user) ||
		    !json_object_object_get_ex(item, "space", &space) ||
		    !json_object_object_get_ex(item, "first", &first) ||
		    !json_object_object_get_ex(item, "last", &last) ||
		    !json_object_is_type(space, json_type_string))
			continue;
		if (!strcmp(json_object_get_string(space), "port") ==
			    (zone->space == WATCH_SPACE_PORT) &&
		    json_object_get_uint64(first) <= zone->last &&
		    json_object_get_uint64(last) >= zone->first)
			return true;
	}
	return false;
}

static struct cmd_zone as_typed(const struct advise_tried_zone *zone)
{
	return (struct cmd_zone){ zone->space, zone->first, zone->last };
}

static int try_zone(struct advise *advise, struct json_object *users, uint64_t wait_ns,
		    struct advise_tried *out, struct error *err)
{
	struct advise_tried_zone *zone = &out->zones[out->zones_n - 1];
	struct cmd_zone typed = as_typed(zone);
	struct error why;
	int ret;

	if (is_users(users, zone)) {
		snprintf(zone->refusal, sizeof(zone->refusal), "you have said something of it");
		return 0;
	}
	ret = cmd_zone_say(advise->client, CMD_ZONE_ADD, &typed, wait_ns, false, &why);
	if (!ret) {
		zone->added = true;
		out->added++;
		return 0;
	}
	snprintf(zone->refusal, sizeof(zone->refusal), "%s", why.text);
	if (ret == -EREMOTEIO)
		return 0;
	*err = why;
	return ret;
}

static int try_all(struct advise *advise, const struct watch_advices *advices,
		   struct advise_tried *out, struct error *err)
{
	struct json_object *users = NULL;
	int ret = cmd_zone_list(advise->client, &users, err);

	for (size_t i = 0; i < advices->n && !ret; i++) {
		const struct watch_advice *advice = &advices->at[i];

		for (unsigned j = 0; j < advice->zones_n && !ret; j++) {
			if (out->zones_n == ADVISE_TRIED)
				break;
			out->zones[out->zones_n++] = (struct advise_tried_zone){
				.space = advice->space,
				.first = advice->zones[j].first,
				.last = advice->zones[j].last,
			};
			ret = try_zone(advise, users, advice->zones[j].wait_ns, out, err);
		}
	}
	json_object_put(users);
	return ret;
}

/* A connection that broke is made anew: the machine may be there still. */
static int take_zone_back(struct advise *advise, struct advise_tried_zone *zone, struct error *err)
{
	struct cmd_zone typed = as_typed(zone);
	int ret = cmd_zone_say(advise->client, CMD_ZONE_RESET, &typed, 0, false, err);

	if (!ret || ret == -EREMOTEIO)
		return ret;
	watch_client_close(advise->client);
	advise->client = NULL;
	ret = watch_client_open(&advise->client, advise->options.target, err);
	return ret ? ret : cmd_zone_say(advise->client, CMD_ZONE_RESET, &typed, 0, false, err);
}

/* 0, or -errno with a line in err: zones are left, or the machine is gone. */
static int take_back(struct advise *advise, const struct advise_tried *tried, struct error *err)
{
	struct error why;
	int ret = 0;

	for (unsigned i = 0; i < tried->zones_n && advise->client; i++) {
		struct advise_tried_zone zone = tried->zones[i];
		int failed = zone.added ? take_zone_back(advise, &zone, &why) : 0;

		if (failed && !ret)
			ret = error_set(err, failed, "zones could not be taken back: %s", why.text);
	}
	return ret;
}

int advise_try(struct advise *advise, const struct watch_advices *advices, struct advise_tried *out,
	       struct error *err)
{
	struct watch_snapshot record;
	struct error why;
	int ret, left;

	*out = (struct advise_tried){
		.before = { advices->exits, advices->coalesced },
	};
	ret = try_all(advise, advices, out, err);
	if (!ret && out->added && !advise->stopped) {
		ret = advise_measure_machine(advise, &record, err);
		if (!ret && !advise->stopped) {
			out->measured = true;
			out->after.exits = (double)record.exits / record.seconds;
			out->after.coalesced = (double)record.coalesced / record.seconds;
		}
		if (!ret)
			watch_snapshot_free(&record);
	}
	if (advise->options.keep && !ret && !advise->stopped) {
		out->kept = true;
		return 0;
	}
	/* Also after a failure, which is what is told then: whatever was added goes. */
	left = take_back(advise, out, &why);
	if (left && !ret)
		ret = error_set(err, left, "%s", why.text);
	out->left = left != 0;
	return ret;
}

static double share(const struct advise_rates *rates)
{
	double all = rates->exits + rates->coalesced;

	return all > 0 ? 100 * rates->coalesced / all : 0;
}

static void print_rates(FILE *out, const char *name, const struct advise_rates *rates)
{
	char exits[WATCH_ADVICE_NUMBER], coalesced[WATCH_ADVICE_NUMBER];

	fprintf(out, "    %-8s %12s %12s %11.1f%%\n", name,
		watch_advice_number(exits, rates->exits),
		watch_advice_number(coalesced, rates->coalesced), share(rates));
}

void advise_tried_text(FILE *out, const struct advise_tried *tried)
{
	fprintf(out, "\nTried:\n");
	if (!tried->zones_n)
		fprintf(out, "    nothing: no advice is about writes that could wait\n");
	for (unsigned i = 0; i < tried->zones_n; i++) {
		struct cmd_zone zone = as_typed(&tried->zones[i]);
		char text[CMD_ZONE_TEXT];

		fprintf(out, "    %s: %s\n", cmd_zone_text(text, &zone),
			tried->zones[i].added ? "added" : tried->zones[i].refusal);
	}
	if (tried->measured) {
		fprintf(out, "    %-8s %12s %12s %12s\n", "", "Exits/s", "Waited/s", "Saved");
		print_rates(out, "before", &tried->before);
		print_rates(out, "after", &tried->after);
	}
	if (tried->added)
		fprintf(out, "    %s\n",
			tried->kept ? "The zones are kept: coalport coalesce reset takes them back."
			: tried->left ? "The zones could not be taken back."
				      : "The zones were taken back.");
}

static void put_rates(struct json_object *object, const char *name,
		      const struct advise_rates *rates, int *err)
{
	struct json_object *part = json_object_new_object();

	if (part) {
		meter_json_real(part, "exits_rate", rates->exits, err);
		meter_json_real(part, "coalesced_rate", rates->coalesced, err);
		meter_json_real(part, "saved_percent", share(rates), err);
	}
	meter_json_put(object, name, part, err);
}

static struct json_object *zone_object(const struct advise_tried_zone *zone, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_text(object, "space", zone->space == WATCH_SPACE_PORT ? "port" : "mmio", err);
	meter_json_count(object, "first", zone->first, err);
	meter_json_count(object, "last", zone->last, err);
	meter_json_put(object, "added", json_object_new_boolean(zone->added), err);
	if (!zone->added)
		meter_json_text(object, "refusal", zone->refusal, err);
	return object;
}

struct json_object *advise_tried_json(const struct advise_tried *tried)
{
	struct json_object *object = json_object_new_object(), *zones = json_object_new_array();
	int err = 0;

	if (!object || !zones) {
		json_object_put(object);
		json_object_put(zones);
		return NULL;
	}
	for (unsigned i = 0; i < tried->zones_n; i++)
		meter_json_append(zones, zone_object(&tried->zones[i], &err), &err);
	meter_json_put(object, "zones", zones, &err);
	put_rates(object, "before", &tried->before, &err);
	if (tried->measured)
		put_rates(object, "after", &tried->after, &err);
	meter_json_put(object, "kept", json_object_new_boolean(tried->kept), &err);
	if (!err)
		return object;
	json_object_put(object);
	return NULL;
}
