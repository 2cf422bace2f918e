// SPDX-License-Identifier: MIT
/* The parts of the verb top: its life (top.c), and what is done with a record (top_show.c). */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/loop.h"
#include "cmd/top.h"
#include "watch/poller.h"

/* A record as the machine gave it, and the difference to the one before. */
struct view {
	struct watch_snapshot whole, interval;
	bool any, compared;
};

struct top {
	struct top_options options;
	struct watch_screen_state state;
	struct watch_screen screen;
	struct watch_poller *poller;
	struct watch_snapshot last; /* the newest record */
	bool heard; /* last is one */
	struct view shown; /* what is on the screen: the newest, unless frozen */
	struct file_output recording;
	struct loop loop;
	struct clock clock;
	struct timer ask, look,
		end; /* of the next question; of an answer that is late; of it all */
	struct loop_watch signals, answers, keys;
	uint64_t printed; /* tables, or records */
	bool faced; /* on a terminal, full screen */
	bool dirty; /* the screen is to be drawn when the terminal takes it */
	bool gone; /* the machine is, and what is shown is frozen */
	char note[ERROR_SIZE];
	char said[ERROR_SIZE]; /* the last line, on standard error */
	int status;
};

/* The loop ends with this status; the first failure's stays. why: the last line, or NULL. */
void top_end(struct top *top, int status, const char *why);

/* Draws what is shown on the screen, if there is one; later if the terminal does not take it now. */
void top_draw(struct top *top);
/* The newest record: its snapshot is taken over, its line is only read. */
void top_record(struct top *top, struct watch_answer *answer);
/* The file of --record, if there is one. False after a message. */
bool top_open_recording(struct top *top);
/* What is shown and kept is freed. */
void top_forget(struct top *top);
