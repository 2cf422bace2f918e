// SPDX-License-Identifier: MIT
/*
 * Asking a machine for its record on a thread of its own, so that whoever shows it can go on showing,
 * and can be stopped, however long the machine takes to answer.
 *
 * What the two threads share is under one lock (LOCK_LEAF), and is: whether a record is wanted, the
 * answer, and the descriptor that is waited on. An answer changes hands whole: the asking thread has
 * forgotten it when the other one can see it. At most one question is on its way, and at most one answer
 * waits to be taken.
 *
 * A machine that does not answer in time is asked again, on a new connection, for as long as it takes:
 * it may have been stopped, or its host is busy. Only the first question fails then, unless the poller
 * is told to be strict: then each one does.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "watch/snapshot.h"

struct json_object;
struct watch_poller;

/* How a machine is talked to; what a test replaces. The calls may wait; -ETIMEDOUT: try again. */
struct watch_poller_ops {
	int (*open)(void **client, const char *target, struct error *err);
	/* *record is the caller's to put back. */
	int (*ask)(void *client, struct json_object **record, struct error *err);
	/* A socket: shutdown() ends a call that waits. */
	int (*fd)(void *client);
	void (*close)(void *client);
};

/* A client of the machine's control socket (watch/client.h). */
extern const struct watch_poller_ops watch_poller_machine;

enum watch_poller_flag {
	WATCH_POLLER_LINES = 1, /* answers have their line */
	WATCH_POLLER_STRICT = 2, /* no answer in time is a failure, whenever it happens */
};

struct watch_answer {
	struct watch_snapshot snapshot;
	char *line; /* the record as JSON on one line, fit to be shown; NULL without WATCH_POLLER_LINES */
};

/*
 * target is copied; NULL: what open() makes of that. flags: of enum watch_poller_flag. 0 or -errno with
 * a line in err.
 */
int watch_poller_start(struct watch_poller **out, const struct watch_poller_ops *ops,
		       const char *target, unsigned flags, struct error *err)
	__attribute__((warn_unused_result));
/*
 * Ends it, also while the machine is being waited for. Should a call stay deaf to shutdown() for a
 * quarter of a second, the thread is left to itself with its memory, for the end of the process.
 */
void watch_poller_stop(struct watch_poller *poller);

/* Readable when there may be something to take. */
int watch_poller_fd(const struct watch_poller *poller);
/* Wants a record. Nothing if one is on its way, or waits to be taken. */
void watch_poller_ask(struct watch_poller *poller);
/* When the question was put that has no answer yet, on CLOCK_MONOTONIC in ns; 0: there is none. */
int64_t watch_poller_asked(struct watch_poller *poller);
/*
 * 1 with an answer, the caller's to free; 0: not yet; or, with a line in err, and again each time:
 * -ECONNRESET: the machine is gone, any other -errno: it cannot be asked, or gave no record.
 */
int watch_poller_take(struct watch_poller *poller, struct watch_answer *answer, struct error *err)
	__attribute__((warn_unused_result));
void watch_answer_free(struct watch_answer *answer);
