// SPDX-License-Identifier: MIT
/*
 * Recordings with anything in them: whatever is read, advice of it keeps its bounds, does not give a
 * terminal anything to obey. Input: the file.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/advice.h"
#include "watch/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_advice(const struct watch_advice *advice)
{
	const struct watch_known *known =
		watch_known_find(advice->space, advice->first, advice->write);

	CHECK(advice->last >= advice->first);
	CHECK(advice->saved >= 0 && advice->cpu >= 0);
	CHECK(advice->zones_n <= WATCH_ADVICE_ZONES);
	CHECK(strlen(advice->text) < sizeof(advice->text) && advice->remedy[0] &&
	      advice->source[0]);
	for (unsigned i = 0; i < advice->zones_n; i++)
		CHECK(advice->zones[i].last >= advice->zones[i].first && advice->write);
	if (advice->kind == WATCH_ADVICE_WAIT)
		CHECK(known->kind == WATCH_KNOWN_LATCH || known->kind == WATCH_KNOWN_SEEN);
	if (advice->kind == WATCH_ADVICE_LOOKS)
		CHECK(!known);
}

static void check_text(const struct watch_advices *advices)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	watch_advices_text(out, advices, 3);
	CHECK(!fclose(out));
	for (size_t i = 0; i < len; i++)
		CHECK((unsigned char)text[i] >= ' ' || text[i] == '\n');
	free(text);
}

static void check(const struct watch_snapshot *snapshot)
{
	struct watch_advices advices;

	if (snapshot->seconds <= 0)
		return;
	CHECK(!watch_advise(&advices, snapshot, NULL));
	for (size_t i = 0; i < advices.n; i++)
		check_advice(&advices.at[i]);
	CHECK(advices.stays_n <= WATCH_STAYS);
	check_text(&advices);
	json_object_put(watch_advices_json(&advices, 0));
	watch_advices_free(&advices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_recording recording;
	struct watch_snapshot snapshot;
	struct error err;
	FILE *file;

	if (!size)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	CHECK(file);
	if (watch_recording_take(&recording, file, &err))
		return 0;
	while (watch_recording_next(&recording, &snapshot, &err) > 0) {
		check(&snapshot);
		watch_snapshot_free(&snapshot);
	}
	watch_recording_close(&recording);
	return 0;
}
