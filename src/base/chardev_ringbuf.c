// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>

#include "base/chardev_impl.h"

int chardev_ringbuf_open(struct chardev *chardev, size_t size)
{
	if (!size || size > CHARDEV_RINGBUF_MAX || size & (size - 1))
		return -EINVAL;
	chardev->ring = malloc(size);
	chardev->ring_size = size;
	chardev->connected = true;
	return chardev->ring ? 0 : -ENOMEM;
}

void chardev_ringbuf_put(struct chardev *chardev, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = (chardev->ring_at + chardev->ring_n) & (chardev->ring_size - 1);

		chardev->ring[at] = bytes[i];
		if (chardev->ring_n < chardev->ring_size)
			chardev->ring_n++;
		else
			chardev->ring_at = (chardev->ring_at + 1) & (chardev->ring_size - 1);
	}
}

size_t chardev_ringbuf_read(struct chardev *chardev, void *bytes, size_t len)
{
	uint8_t *to = bytes;
	size_t n = 0;

	lock_take(&chardev->lock);
	for (; n < len && chardev->ring_n; n++) {
		to[n] = chardev->ring[chardev->ring_at];
		chardev->ring_at = (chardev->ring_at + 1) & (chardev->ring_size - 1);
		chardev->ring_n--;
	}
	lock_drop(&chardev->lock);
	return n;
}
