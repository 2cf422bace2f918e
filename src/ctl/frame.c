// SPDX-License-Identifier: MIT
#include "ctl/frame.h"

#include <stdlib.h>

#include "base/array.h"

#define ROOM_KEPT (1u << 16)

void ctl_frame_init(struct ctl_frame *frame)
{
	*frame = (struct ctl_frame){ .n = 0 };
}

void ctl_frame_destroy(struct ctl_frame *frame)
{
	free(frame->text);
	ctl_frame_init(frame);
}

/* What a large text needed is not kept for the small ones that follow. */
void ctl_frame_reset(struct ctl_frame *frame)
{
	array_trim(frame->text, &frame->room, ROOM_KEPT);
	*frame = (struct ctl_frame){ .text = frame->text, .room = frame->room };
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool opens(uint8_t c)
{
	return c == '{' || c == '[';
}

/* Bytes that are no part of any text, and the ends of lines: what is broken ends there. */
static bool is_end(uint8_t c)
{
	return (c < ' ' && c != '\t') || c >= 0xfe;
}

/* What a text that is no object and no array may begin with. */
static bool begins_bare(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '"' ||
	       c == '\'';
}

/* Room for one more and for a NUL behind it. */
static const char *frame_append(struct ctl_frame *frame, uint8_t c)
{
	if (frame->n == CTL_FRAME_MAX)
		return "the text is too long";
	if (!array_reserve(frame->text, frame->n + 2, &frame->room))
		return "out of memory";
	frame->text[frame->n++] = (char)c;
	frame->text[frame->n] = '\0';
	return NULL;
}

static const char *in_string(struct ctl_frame *frame, uint8_t c)
{
	if (c < ' ' || c >= 0xfe)
		return "a control character in a string";
	if (frame->escaped)
		frame->escaped = false;
	else if (c == '\\')
		frame->escaped = true;
	else if (c == (uint8_t)frame->quote)
		frame->quote = 0;
	return NULL;
}

static const char *outside(struct ctl_frame *frame, uint8_t c)
{
	if ((c < ' ' && !is_space(c)) || c > '~')
		return "a stray character";
	if (c == '"' || c == '\'')
		frame->quote = (char)c;
	else if (opens(c) && frame->depth++ == CTL_FRAME_DEPTH)
		return "too many open brackets";
	else if (c == '}' || c == ']')
		frame->depth--;
	return NULL;
}

/* One byte of a text; *taken becomes false if it belongs to the next one. */
static enum ctl_frame_result frame_take(struct ctl_frame *frame, uint8_t c, bool *taken)
{
	if (!frame->n) {
		if (is_space(c) || c >= 0xfe)
			return CTL_FRAME_MORE;
		frame->bare = !opens(c);
		if (frame->bare && !begins_bare(c))
			frame->error = "a stray character";
	} else if (frame->bare && !frame->quote && (is_space(c) || opens(c) || is_end(c))) {
		*taken = !opens(c);
		return CTL_FRAME_TEXT;
	}
	if (!frame->error)
		frame->error = frame->quote ? in_string(frame, c) : outside(frame, c);
	if (!frame->error)
		frame->error = frame_append(frame, c);
	if (frame->error)
		return CTL_FRAME_ERROR;
	return frame->bare || frame->depth ? CTL_FRAME_MORE : CTL_FRAME_TEXT;
}

/* Forgets the text, and skips what may be the rest of it. */
static void give_up(struct ctl_frame *frame, uint8_t c)
{
	const char *error = frame->error;

	ctl_frame_reset(frame);
	frame->error = error;
	frame->skipping = !is_end(c);
}

enum ctl_frame_result ctl_frame_take(struct ctl_frame *frame, const uint8_t *bytes, size_t len,
				     size_t *at)
{
	/* The caller has seen the last text. */
	if (frame->complete)
		ctl_frame_reset(frame);
	frame->error = NULL;
	while (*at < len) {
		uint8_t c = bytes[*at];
		enum ctl_frame_result result;
		bool taken = true;

		if (frame->skipping && !opens(c)) {
			frame->skipping = !is_end(c);
			++*at;
			continue;
		}
		frame->skipping = false;
		result = frame_take(frame, c, &taken);
		*at += taken;
		if (result == CTL_FRAME_MORE)
			continue;
		if (result == CTL_FRAME_ERROR)
			give_up(frame, c);
		frame->complete = result == CTL_FRAME_TEXT;
		return result;
	}
	return CTL_FRAME_MORE;
}
