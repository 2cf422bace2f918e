// SPDX-License-Identifier: MIT
#include "dev/ps2/queue.h"

#include <assert.h>
#include <string.h>

static const struct state_field queue_fields[] = {
	{ STATE_ARRAY_AT(struct ps2_queue, bytes), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_queue, first), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_queue, n), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct ps2_queue, replies), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_queue, reply_first), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_queue, replies_n), .on_reset = STATE_CLEAR },
};

const struct state_table ps2_queue_state = {
	.name = "ps2-queue",
	.version = 1,
	.fields = queue_fields,
	.fields_n = sizeof(queue_fields) / sizeof(queue_fields[0]),
};

void ps2_queue_clear(struct ps2_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
}

void ps2_queue_begin_reply(struct ps2_queue *queue)
{
	queue->reply_first = 0;
	queue->replies_n = 0;
}

void ps2_queue_reply(struct ps2_queue *queue, uint8_t byte)
{
	assert(queue->reply_first + queue->replies_n < PS2_REPLIES);
	queue->replies[queue->reply_first + queue->replies_n++] = byte;
}

size_t ps2_queue_room(const struct ps2_queue *queue)
{
	return PS2_QUEUE - (size_t)queue->n;
}

void ps2_queue_put(struct ps2_queue *queue, const uint8_t *bytes, size_t n)
{
	assert(n <= ps2_queue_room(queue));
	for (size_t i = 0; i < n; i++)
		queue->bytes[(queue->first + queue->n++) % PS2_QUEUE] = bytes[i];
}

bool ps2_queue_take(struct ps2_queue *queue, uint8_t *byte)
{
	if (queue->replies_n) {
		*byte = queue->replies[queue->reply_first++];
		queue->replies_n--;
		return true;
	}
	if (!queue->n)
		return false;
	*byte = queue->bytes[queue->first];
	queue->first = (uint8_t)((queue->first + 1) % PS2_QUEUE);
	queue->n--;
	return true;
}

bool ps2_queue_is_empty(const struct ps2_queue *queue)
{
	return !queue->n && !queue->replies_n;
}

void ps2_queue_restored(struct ps2_queue *queue)
{
	if (queue->first >= PS2_QUEUE || queue->n > PS2_QUEUE ||
	    queue->reply_first + queue->replies_n > PS2_REPLIES)
		ps2_queue_clear(queue);
}
