// SPDX-License-Identifier: MIT
/*
 * Whatever a client says to QMP and whatever the machine is called: what comes back is a greeting
 * and then JSON objects, a line each, in UTF-8, every one an answer or an event; and it does not
 * depend on how the client's bytes arrive or how slowly it reads.
 *
 * Input: a byte for the size of the pieces and two options, then what the client says. The end of
 * that is the machine's name as well.
 */
#include <json.h>
#include <stdint.h>

#include "ctl/qmp.h"
#include "json_strict.h"
#include "outcome.h"
#include "pc_by_hand.h"

#define INPUT_MAX 4096u
#define NAME_LEN  16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *machine_name(const uint8_t *text, size_t len)
{
	static char name[NAME_LEN + 1];
	size_t n = len < NAME_LEN ? len : NAME_LEN;

	memset(name, 0, sizeof(name));
	memcpy(name, text + len - n, n);
	return name;
}

static void play(struct hand *hand, const uint8_t *text, size_t len, size_t piece, size_t room,
		 uint8_t how)
{
	struct ctl_qmp qmp;

	hand_begin(hand, room, how);
	hand->pc.machine.options.name = machine_name(text, len);
	CHECK(ctl_qmp_init(&qmp, &hand->pc.machine, NULL, &hand->chardev) == 0);
	hand_turn(hand);
	hand_say(hand, text, len, piece);
	hand_turn(hand);
	CHECK(qmp.events_dropped == 0);
	if (!hand->loop.quit)
		hand->chardev.user.closed(hand->chardev.user.arg);
	hand_turn(hand);
	ctl_qmp_destroy(&qmp);
}

/*
 * The times of events differ from one run to the next: whole lines are copied without. A line that
 * the client had no time to read to its end is left out.
 */
static size_t without_times(char *out, const struct hand *hand)
{
	const struct chardev *chardev = &hand->chardev;
	static const char stamp[] = "{\"timestamp\":{";
	const char *at = chardev->out, *end = at + chardev->out_n;
	size_t n = 0;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len;

		CHECK(stop || hand->loop.quit);
		if (!stop)
			break;
		len = (size_t)(stop + 1 - at);
		if (len > sizeof(stamp) && !memcmp(at, stamp, sizeof(stamp) - 1)) {
			const char *close = memchr(at, '}', len);

			CHECK(close);
			len -= (size_t)(close - at);
			at = close;
		}
		memcpy(out + n, at, len);
		n += len;
		at += len;
	}
	return n;
}

static bool has(struct json_object *object, const char *member)
{
	return json_object_object_get_ex(object, member, NULL);
}

static void check_answers(const struct chardev *chardev)
{
	const char *at = chardev->out, *end = at + chardev->out_n;
	struct json_tokener *tokener = json_tokener_new_ex(256);

	CHECK(tokener && !chardev->full);
	for (unsigned line = 0; at < end; line++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct json_object *object;

		CHECK(stop && stop > at && stop[-1] == '\r');
		CHECK(json_is_strict(at, (size_t)(stop - at)));
		json_tokener_reset(tokener);
		object = json_tokener_parse_ex(tokener, at, (int)(stop - at));
		CHECK(json_tokener_get_error(tokener) == json_tokener_success);
		CHECK(json_object_is_type(object, json_type_object));
		CHECK(has(object, "QMP") == (line == 0));
		CHECK(has(object, "QMP") + has(object, "return") + has(object, "error") +
			      has(object, "event") ==
		      1);
		json_object_put(object);
		at = stop + 1;
	}
	json_tokener_free(tokener);
}

static char whole[HAND_OUT_MAX];
static size_t whole_n;

uint64_t fuzz_outcome(void)
{
	return outcome_add(OUTCOME_NONE, whole, whole_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char pieces[HAND_OUT_MAX];
	static struct hand *hand;
	size_t piece;

	if (!hand)
		hand = hand_make(false);
	if (size < 1 || size > INPUT_MAX)
		return 0;
	piece = data[0] & 63 ? data[0] & 63u : 4096;
	play(hand, data + 1, size - 1, SIZE_MAX, SIZE_MAX, data[0]);
	check_answers(&hand->chardev);
	whole_n = without_times(whole, hand);
	play(hand, data + 1, size - 1, piece, 1 + piece * 3, data[0]);
	hand_same(hand, whole, whole_n, pieces, without_times(pieces, hand));
	return 0;
}
