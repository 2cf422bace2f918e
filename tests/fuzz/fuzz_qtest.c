// SPDX-License-Identifier: MIT
/*
 * Lines of qtest to a whole PC. Each line is answered by exactly one line in the protocol's form,
 * whatever it says. And the same lines to another PC, whose writes wait as they do with KVM, in
 * small pieces and to a client that reads slowly, must be answered by the very same bytes: waiting
 * harms nothing.
 *
 * Input: a byte for the size of the pieces and two options, then what the client says.
 */
#include <stdint.h>

#include "ctl/qtest.h"
#include "outcome.h"
#include "pc_by_hand.h"

#define INPUT_MAX 4096u
/* Larger blocks take milliseconds and show nothing that smaller ones do not. */
#define BLOCK_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_block(const char *line, size_t len)
{
	static const char *const names[] = { "read ", "b64read ", "write ", "b64write ",
					     "memset " };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (len > strlen(names[i]) && !memcmp(line, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* True if the line asks for a block so large that it would be slow, but not refused. */
static bool is_slow(const char *line, size_t len)
{
	const char *word;
	char number[32] = { 0 };
	unsigned long long n;

	if (!is_block(line, len))
		return false;
	word = memchr(line, ' ', len);
	word = memchr(word + 1, ' ', len - (size_t)(word + 1 - line));
	if (!word)
		return false;
	word++;
	for (size_t i = 0; i < sizeof(number) && word + i < line + len && word[i] != ' '; i++) {
		if (i == sizeof(number) - 1)
			return true;
		number[i] = word[i];
	}
	n = strtoull(number, NULL, 0);
	return n > BLOCK_MAX && n <= CTL_QTEST_DATA_MAX;
}

/* Slow lines become unknown commands. The number of whole lines. */
static size_t tame(char *text, size_t len)
{
	size_t lines = 0;

	for (char *end; len && (end = memchr(text, '\n', len)); lines++) {
		size_t n = (size_t)(end - text);

		if (is_slow(text, n))
			text[0] = 'x';
		text += n + 1;
		len -= n + 1;
	}
	return lines;
}

static void play(struct hand *hand, const char *text, size_t len, size_t piece, size_t room,
		 uint8_t how)
{
	struct ctl_qtest qtest;

	hand_begin(hand, room, how);
	hand_clear_ram(hand);
	CHECK(ctl_qtest_init(&qtest, &hand->pc.machine, &hand->none.cpu, &hand->chardev, NULL) ==
	      0);
	hand_say(hand, (const uint8_t *)text, len, piece);
	hand_turn(hand);
	machine_drain(&hand->pc.machine);
	hand_turn(hand);
	if (!hand->loop.quit)
		hand->chardev.user.closed(hand->chardev.user.arg);
	hand_turn(hand);
	ctl_qtest_destroy(&qtest);
}

static bool begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(line, with, strlen(with));
}

/* What was read, sorted into answers and interrupts, each in its order. */
struct heard {
	char answers[HAND_OUT_MAX], irqs[HAND_OUT_MAX];
	size_t answers_n, irqs_n; /* bytes */
	size_t lines; /* of answers */
};

static void hear(struct heard *heard, const struct hand *hand)
{
	const char *at = hand->chardev.out, *end = at + hand->chardev.out_n;

	heard->answers_n = heard->irqs_n = heard->lines = 0;
	CHECK(!hand->chardev.full);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len;

		CHECK(stop || hand->loop.quit);
		len = stop ? (size_t)(stop + 1 - at) : (size_t)(end - at);
		if (begins(at, len, "IRQ raise ") || begins(at, len, "IRQ lower ")) {
			memcpy(heard->irqs + heard->irqs_n, at, len);
			heard->irqs_n += len;
		} else {
			CHECK(begins(at, len, "OK") || begins(at, len, "FAIL ") ||
			      begins(at, len, "ERR ") || !stop);
			memcpy(heard->answers + heard->answers_n, at, len);
			heard->answers_n += len;
			heard->lines++;
		}
		at += len;
	}
}

static struct hand *plain, *waiting;

uint64_t fuzz_outcome(void)
{
	return outcome_add(OUTCOME_NONE, plain->chardev.out, plain->chardev.out_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heard one, other;
	static char text[INPUT_MAX];
	size_t lines, piece;

	if (!plain) {
		plain = hand_make(false);
		waiting = hand_make(true);
	}
	if (size < 1 || size - 1 > sizeof(text))
		return 0;
	piece = data[0] & 63 ? data[0] & 63u : 4096;
	memcpy(text, data + 1, size - 1);
	lines = tame(text, size - 1);
	play(plain, text, size - 1, SIZE_MAX, SIZE_MAX, data[0]);
	play(waiting, text, size - 1, piece, 1 + piece * 3, data[0]);
	hear(&one, plain);
	hear(&other, waiting);
	CHECK(plain->loop.quit ? one.lines <= lines : one.lines == lines);
	hand_same(waiting, one.answers, one.answers_n, other.answers, other.answers_n);
	/* A reset that waits changes lines when it comes: of the order to answers nothing is said. */
	hand_same(waiting, one.irqs, one.irqs_n, other.irqs, other.irqs_n);
	return 0;
}
