// SPDX-License-Identifier: MIT
/* Advice as text and as JSON. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "meter/json.h"
#include "watch/advice.h"

#define WIDTH  100
#define INDENT 4

/* In lines of WIDTH; what begins the first one is there already, column of it. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	bool first = true;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (!first && column + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
			first = true;
		}
		column += fprintf(out, "%s%.*s", first ? "" : " ", len, text);
		first = false;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_advice(FILE *out, const struct watch_advices *all, size_t i)
{
	const struct watch_advice *advice = &all->at[i];
	char number[WATCH_ADVICE_NUMBER], cpu[WATCH_ADVICE_NUMBER];
	char line[sizeof(advice->remedy) + 64];
	int n;

	n = fprintf(out, "%2zu. ", i + 1);
	print_wrapped(out, advice->text, n);
	snprintf(line, sizeof(line), "Remedy: %s.", advice->remedy);
	fprintf(out, "%*s", INDENT, "");
	print_wrapped(out, line, INDENT);
	n = snprintf(line, sizeof(line), "Saves up to %s exits a second, %.1f%% of all",
		     watch_advice_number(number, advice->saved),
		     all->exits > 0 ? 100 * advice->saved / all->exits : 0);
	if (advice->of_device > 0 && advice->of_device < 0.9995)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " and %.1f%% of this device's",
			      100 * advice->of_device);
	if (advice->cpu > 0)
		snprintf(line + n, sizeof(line) - (size_t)n, "; at least %s of host CPU a second",
			 watch_advice_cpu(cpu, advice->cpu));
	fprintf(out, "%*s%s.\n", INDENT, "", line);
	fprintf(out, "%*sSource: %s.\n", INDENT, "", advice->source);
}

void watch_advices_text(FILE *out, const struct watch_advices *advices, size_t top)
{
	char exits[WATCH_ADVICE_NUMBER], coalesced[WATCH_ADVICE_NUMBER],
		seconds[WATCH_ADVICE_NUMBER];
	size_t n = top && top < advices->n ? top : advices->n;

	fprintf(out, "In %s s: %s exits a second, %s writes a second waited.\n",
		watch_advice_number(seconds, advices->seconds),
		watch_advice_number(exits, advices->exits),
		watch_advice_number(coalesced, advices->coalesced));
	if (!advices->n)
		fprintf(out, "Nothing to advise.\n");
	for (size_t i = 0; i < n; i++) {
		fputc('\n', out);
		print_advice(out, advices, i);
	}
	if (n < advices->n)
		fprintf(out, "\n%zu more that save less.\n", advices->n - n);
	if (advices->stay <= 0)
		return;
	fprintf(out, "\n%s exits a second stay (%.1f%%):\n",
		watch_advice_number(exits, advices->stay),
		advices->exits > 0 ? 100 * advices->stay / advices->exits : 0);
	for (size_t i = 0; i < advices->stays_n; i++)
		fprintf(out, "%*s%s, %s a second: %s\n", INDENT, "", advices->stays[i].name,
			watch_advice_number(exits, advices->stays[i].rate), advices->stays[i].why);
}

static struct json_object *advice_object(const struct watch_advice *advice, int *err)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	meter_json_text(object, "kind", watch_advice_word(advice->kind), err);
	if (advice->kind != WATCH_ADVICE_RING) {
		meter_json_text(object, "space",
				advice->space == WATCH_SPACE_PORT ? "port" : "mmio", err);
		meter_json_count(object, "first", advice->first, err);
		meter_json_count(object, "last", advice->last, err);
		meter_json_text(object, "direction", advice->write ? "write" : "read", err);
	}
	if (advice->name[0])
		meter_json_text(object, "name", advice->name, err);
	meter_json_real(object, "rate", advice->rate, err);
	meter_json_real(object, "saved_exits", advice->saved, err);
	if (advice->cpu > 0)
		meter_json_real(object, "saved_cpu_us", 1e6 * advice->cpu, err);
	meter_json_text(object, "text", advice->text, err);
	meter_json_text(object, "remedy", advice->remedy, err);
	meter_json_text(object, "knowledge", advice->source, err);
	return object;
}

struct json_object *watch_advices_json(const struct watch_advices *advices, size_t top)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();
	struct json_object *stays = json_object_new_array();
	size_t n = top && top < advices->n ? top : advices->n;
	int err = 0;

	if (!root || !list || !stays) {
		json_object_put(list);
		json_object_put(stays);
		json_object_put(root);
		return NULL;
	}
	meter_json_real(root, "seconds", advices->seconds, &err);
	meter_json_real(root, "exits_rate", advices->exits, &err);
	meter_json_real(root, "coalesced_rate", advices->coalesced, &err);
	for (size_t i = 0; i < n; i++)
		meter_json_append(list, advice_object(&advices->at[i], &err), &err);
	meter_json_put(root, "advice", list, &err);
	meter_json_real(root, "stay_rate", advices->stay, &err);
	for (size_t i = 0; i < advices->stays_n; i++) {
		struct json_object *stay = json_object_new_object();

		if (stay) {
			meter_json_text(stay, "what", advices->stays[i].name, &err);
			meter_json_real(stay, "rate", advices->stays[i].rate, &err);
			meter_json_text(stay, "why", advices->stays[i].why, &err);
		}
		meter_json_append(stays, stay, &err);
	}
	meter_json_put(root, "stays", stays, &err);
	if (!err)
		return root;
	json_object_put(root);
	return NULL;
}
