// SPDX-License-Identifier: MIT
/*
 * Whatever a person types at the monitor: it is answered, memory is bounded, and what comes back does not
 * depend on how the keys arrive or how slowly the terminal reads.
 *
 * Input: a byte for the size of the pieces and two options, then the keys.
 */
#include <stdint.h>

#include "ctl/hmp.h"
#include "outcome.h"
#include "pc_by_hand.h"

/* "info mtree" is the most that so few keys bring back, and many of it fit. */
#define INPUT_MAX 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play(struct hand *hand, const uint8_t *keys, size_t len, size_t piece, size_t room,
		 uint8_t how)
{
	struct ctl_hmp hmp;
	struct error err;

	hand_begin(hand, room, how);
	hand->pc.machine.options.name = "box";
	CHECK(ctl_hmp_init(&hmp, &hand->pc.machine, NULL, &hand->chardev, &err) == 0);
	hand_turn(hand);
	hand_say(hand, keys, len, piece);
	hand_turn(hand);
	if (!hand->loop.quit)
		hand->chardev.user.closed(hand->chardev.user.arg);
	hand_turn(hand);
	ctl_hmp_destroy(&hmp);
}

static char whole[HAND_OUT_MAX];
static size_t whole_n;

uint64_t fuzz_outcome(void)
{
	return outcome_add(OUTCOME_NONE, whole, whole_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hand *hand;
	size_t piece;

	if (!hand)
		hand = hand_make(false);
	if (size < 1 || size > INPUT_MAX)
		return 0;
	piece = data[0] & 63 ? data[0] & 63u : INPUT_MAX;
	play(hand, data + 1, size - 1, SIZE_MAX, SIZE_MAX, data[0]);
	CHECK(!hand->chardev.full);
	whole_n = hand->chardev.out_n;
	memcpy(whole, hand->chardev.out, whole_n);
	play(hand, data + 1, size - 1, piece, 1 + piece * 3, data[0]);
	hand_same(hand, whole, whole_n, hand->chardev.out, hand->chardev.out_n);
	return 0;
}
