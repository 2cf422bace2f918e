// SPDX-License-Identifier: MIT
#include "ctl/frame.h"

#include <stdlib.h>

#define ROOM_FIRST 256u
#define ROOM_KEPT  (1u << 16)
#define NEVER_JSON 0xff

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
	char *text = frame->text;
	size_t room = frame->room;

	if (room > ROOM_KEPT) {
		free(text);
		text = NULL;
		room = 0;
	}
	*frame = (struct ctl_frame){ .text = text, .room = room };
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Room for one more and for a NUL behind it. */
static const char *append(struct ctl_frame *frame, uint8_t c)
{
	if (frame->n == CTL_FRAME_MAX)
		return "the text is too long";
	if (frame->n + 1 >= frame->room) {
		size_t room = frame->room ? 2 * frame->room : ROOM_FIRST;
		char *text = realloc(frame->text, room);

		if (!text)
			return "out of memory";
		frame->text = text;
		frame->room = room;
	}
	frame->text[frame->n++] = (char)c;
	frame->text[frame->n] = '\0';
	return NULL;
}

static const char *in_string(struct ctl_frame *frame, uint8_t c)
{
	if (c < ' ' || c == NEVER_JSON)
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
	else if ((c == '{' || c == '[') && frame->depth++ == CTL_FRAME_DEPTH)
		return "too many open brackets";
	else if (c == '}' || c == ']')
		frame->depth--;
	return NULL;
}

/* One byte of a text. */
static enum ctl_frame_result take(struct ctl_frame *frame, uint8_t c)
{
	if (!frame->n) {
		if (is_space(c) || c == NEVER_JSON)
			return CTL_FRAME_MORE;
		frame->bare = c != '{' && c != '[';
	}
	if (frame->bare && (c == '\n' || c == NEVER_JSON))
		return CTL_FRAME_TEXT;
	if (!frame->bare)
		frame->error = frame->quote ? in_string(frame, c) : outside(frame, c);
	if (!frame->error)
		frame->error = append(frame, c);
	if (frame->error)
		return CTL_FRAME_ERROR;
	return frame->bare || frame->depth ? CTL_FRAME_MORE : CTL_FRAME_TEXT;
}

enum ctl_frame_result ctl_frame_take(struct ctl_frame *frame, const uint8_t *bytes, size_t len,
				     size_t *at)
{
	/* The caller has seen the last text. */
	if (frame->complete)
		ctl_frame_reset(frame);
	frame->error = NULL;
	while (*at < len) {
		uint8_t c = bytes[(*at)++];
		bool ends = c == '\n' || c == NEVER_JSON;
		enum ctl_frame_result result;

		if (frame->skipping) {
			frame->skipping = !ends;
			continue;
		}
		result = take(frame, c);
		if (result == CTL_FRAME_MORE)
			continue;
		frame->complete = result == CTL_FRAME_TEXT;
		if (result == CTL_FRAME_ERROR) {
			const char *error = frame->error;

			ctl_frame_reset(frame);
			frame->error = error;
			frame->skipping = !ends;
		}
		return result;
	}
	return CTL_FRAME_MORE;
}
