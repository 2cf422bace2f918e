// SPDX-License-Identifier: MIT
/*
 * What a PS/2 device has to say and the controller has not taken yet: answers to the host's last
 * command, and behind them what a person did. Both are bounded. Plain state of its owner, under the
 * owner's lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/state.h"

#define PS2_QUEUE   16 /* bytes, as the buffer of IBM's keyboards */
#define PS2_REPLIES 4

struct ps2_queue {
	uint8_t bytes[PS2_QUEUE], first, n;
	uint8_t replies[PS2_REPLIES], reply_first, replies_n;
};

/* A part of its owner's state. */
extern const struct state_table ps2_queue_state;

/* Forgets everything. */
void ps2_queue_clear(struct ps2_queue *queue);
/* Drops what is left of the answers to the command before. */
void ps2_queue_begin_reply(struct ps2_queue *queue);
/* Adds to the answer; what is more than PS2_REPLIES is a mistake of ours. */
void ps2_queue_reply(struct ps2_queue *queue, uint8_t byte);
/* Room for what a person did, in bytes. */
size_t ps2_queue_room(const struct ps2_queue *queue);
/* All n bytes, for which there is room. */
void ps2_queue_put(struct ps2_queue *queue, const uint8_t *bytes, size_t n);
/* The next byte, answers first; false if there is none. */
bool ps2_queue_take(struct ps2_queue *queue, uint8_t *byte);
bool ps2_queue_is_empty(const struct ps2_queue *queue);
/* After a restore from who knows where: whatever the bytes say, it is a queue. */
void ps2_queue_restored(struct ps2_queue *queue);
