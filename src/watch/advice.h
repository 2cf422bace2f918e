// SPDX-License-Identifier: MIT
/*
 * Advice: which exits of a guest need not be, why, and what to do about each. From the rates of a
 * record (watch/snapshot.h), by a table of what is known of a PC's registers (advice_known.c) and by
 * patterns in what the guest did (advice.c). docs/advice.md is for the reader of the sentences.
 *
 * Advice never says of a data port that it may wait, nor of one whose writes raised interrupts.
 *
 * Pure: what is given is borrowed, what is made is the caller's. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "watch/snapshot.h"

struct json_object;

/* What a register is, as far as waiting is concerned. */
enum watch_known_kind {
	WATCH_KNOWN_LATCH, /* a write that has no effect before the next access */
	WATCH_KNOWN_SEEN, /* a write that only somebody outside sees: it may wait, not for ever */
	WATCH_KNOWN_POLL, /* a read by which the guest waits for something */
	WATCH_KNOWN_CLOCK, /* a read of the time */
	WATCH_KNOWN_DATA, /* what the device is there for */
	WATCH_KNOWN_EFFECT, /* something happens */
	WATCH_KNOWN_KINDS
};

struct watch_known {
	enum watch_space space;
	uint64_t first, last;
	bool write;
	enum watch_known_kind kind;
	const char *what; /* goes on "0x70 ...: it " */
	const char *remedy; /* NULL: for latches, waiting; for others, there is none */
	const char *source;
};

/* The entry for an access, or NULL. The table is sorted by nothing: the first that fits counts. */
const struct watch_known *watch_known_find(enum watch_space space, uint64_t addr, bool write);
/* All of them, for the documentation's test. */
const struct watch_known *watch_known_table(size_t *n);

enum watch_advice_kind {
	WATCH_ADVICE_WAIT, /* known: these writes may wait */
	WATCH_ADVICE_ZONE, /* the chip's table says that they may, and they do not */
	WATCH_ADVICE_NOBODY, /* no chip is there */
	WATCH_ADVICE_LOOKS, /* a pattern says that they might */
	WATCH_ADVICE_RING, /* they wait, but the ring is full */
	WATCH_ADVICE_POLL,
	WATCH_ADVICE_CLOCK,
	WATCH_ADVICE_DEVICE, /* another device does the same with fewer exits */
};

#define WATCH_ADVICE_ZONES 8 /* that one piece of advice may want added */

struct watch_advice {
	enum watch_advice_kind kind;
	enum watch_space space;
	uint64_t first, last; /* addresses, inclusive */
	bool write;
	char name[64]; /* device and register, or empty */
	double rate; /* exits a second */
	double saved; /* of them, if the advice is followed */
	/*
	 * Host CPU seconds a second that those take outside the kernel; a row whose times are not
	 * known counts with the mean of all. 0: nothing is known.
	 */
	double cpu;
	double of_device; /* share of the same device's exits, 0 to 1 */
	char text[512]; /* the sentence */
	char remedy[320];
	char source[192];
	struct {
		uint64_t first, last;
		uint64_t wait_ns; /* 0: no limit */
	} zones[WATCH_ADVICE_ZONES]; /* to be tried on a machine */
	unsigned zones_n;
};

/* Exits that nothing is advised against. */
struct watch_stay {
	char name[96];
	double rate;
	const char *why; /* constant text */
};

#define WATCH_STAYS 3

struct watch_advices {
	struct watch_advice *at; /* what saves most comes first */
	size_t n, room;
	double exits, coalesced; /* a second */
	double stay; /* exits a second that stay if all is done that is said */
	struct watch_stay stays[WATCH_STAYS]; /* the greatest of them */
	size_t stays_n;
	double seconds;
};

/*
 * Of what happened in snapshot->seconds > 0: a record, or the difference of two. Of coalport's own machine the
 * chips' tables are known by its zones, and these can be changed: target is what the user calls it then,
 * for commands to type, or NULL. 0 or -ENOMEM.
 */
int watch_advise(struct watch_advices *out, const struct watch_snapshot *snapshot,
		 const char *target) __attribute__((warn_unused_result));
void watch_advices_free(struct watch_advices *advices);

/* Numbers as the sentences have them: "18,402", "12", "0.4"; and of CPU time "0.48 s", "3.1 ms". */
#define WATCH_ADVICE_NUMBER 40
const char *watch_advice_number(char out[static WATCH_ADVICE_NUMBER], double value);
const char *watch_advice_cpu(char out[static WATCH_ADVICE_NUMBER], double seconds);
/* "0x70", "0x1f2 to 0x1f6" */
const char *watch_advice_addresses(char out[static WATCH_ADVICE_NUMBER], uint64_t first,
				   uint64_t last);

/* The constant word for a kind in JSON. */
const char *watch_advice_word(enum watch_advice_kind kind);

/* At most top pieces (0: all), and what stays. Not flushed; the caller looks for errors. */
void watch_advices_text(FILE *out, const struct watch_advices *advices, size_t top);
/* The same as an object of the caller's. NULL: out of memory. */
struct json_object *watch_advices_json(const struct watch_advices *advices, size_t top)
	__attribute__((warn_unused_result));
