// SPDX-License-Identifier: MIT
/*
 * What a telnet client may send: taken in one piece, and in pieces whose lengths the input chooses, the same
 * has to be left, never more than was sent, and nothing behind a subnegotiation that does not end.
 *
 * Input: a byte that says how long pieces are, then what is sent.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/chardev_telnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chardev_telnet whole = { CHARDEV_TELNET_DATA }, pieces = { CHARDEV_TELNET_DATA };
	size_t step, kept, kept_pieces = 0;
	unsigned breaks, breaks_pieces = 0;
	uint8_t *one, *other;

	if (size < 2)
		return 0;
	step = data[0] % 7 + 1;
	data++;
	size--;
	one = malloc(size);
	other = malloc(size);
	require(one && other);
	memcpy(one, data, size);
	kept = chardev_telnet_take(&whole, one, size, &breaks);
	require(kept <= size);
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		/* As long as the piece, so that a byte too far is seen. */
		uint8_t *piece = malloc(n);
		unsigned some;

		require(piece != NULL);
		memcpy(piece, data + at, n);
		n = chardev_telnet_take(&pieces, piece, n, &some);
		memcpy(other + kept_pieces, piece, n);
		kept_pieces += n;
		breaks_pieces += some;
		free(piece);
	}
	require(kept == kept_pieces && breaks == breaks_pieces && whole.state == pieces.state);
	require(!memcmp(one, other, kept));
	free(one);
	free(other);
	return 0;
}
