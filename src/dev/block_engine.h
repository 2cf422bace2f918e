// SPDX-License-Identifier: MIT
/*
 * Between the parts of the block back-end: what queues requests and cuts them into pieces
 * (block.c), what a piece is (block_piece.c), and the engines that carry pieces out. Internal to
 * dev/block*.c; all on the block's thread unless said otherwise.
 *
 * An engine has at most one piece of a request, and the one flush of the file, at a time. It gives
 * each back by block_ended().
 */
#pragma once

#include "dev/block.h"

/*
 * A piece is small enough for waiting on it: copying it takes about a millisecond. All that engines
 * have at a time is small enough for waiting on all of it.
 */
#define BLOCK_PIECE_MAX   (UINT64_C(1) << 20) /* bytes of a read or write */
#define BLOCK_ZERO_MAX    (UINT64_C(4) << 20) /* bytes: they may have to be written */
#define BLOCK_DISCARD_MAX (UINT64_C(256) << 20) /* bytes */
#define BLOCK_BYTES_MAX   (UINT64_C(4) << 20) /* of reads and writes */
#define BLOCK_PIECES_MAX  128

struct block_uring;
struct block_worker;

/* Requests in order. */
STAILQ_HEAD(block_list, block_request);

/* The first one, taken out; NULL if there is none. */
static inline struct block_request *block_list_take(struct block_list *list)
{
	struct block_request *request = STAILQ_FIRST(list);

	if (request)
		STAILQ_REMOVE_HEAD(list, link);
	return request;
}

struct block {
	struct block_file file;
	char *id;
	const struct block_system *system;
	enum block_engine engine;
	struct loop *loop;
	unsigned in_flight; /* submitted and not done */
	struct block_list waiting; /* have a piece to start */
	struct block_list flushes; /* wait for the next flush of the file */
	struct block_list flushing; /* wait for the one that runs */
	struct block_list held; /* ended while the block was paused */
	struct block_list kept; /* failed, and to be done again when the block is resumed */
	struct block_request flush; /* of the file; one for all that wait */
	bool flush_runs;
	int flush_error; /* of the first flush that failed */
	unsigned pieces; /* with an engine */
	uint64_t bytes; /* that these read and write */
	unsigned round; /* requests of an earlier one are abandoned */
	bool paused; /* nothing is started */
	bool holding; /* and what ends is not told */
	struct block_policy policy;
	enum block_status status;
	const char *format; /* one that block_format_known() knows */
	unsigned number;
	bool unannounced; /* done() was called, batch() not since */
	void (*batch)(void *arg);
	void *batch_arg;
	void (*error)(void *arg, const struct block_error *error);
	void *error_arg;
	struct block_uring *uring; /* made by the first read, write or flush */
	struct block_worker *worker; /* made by the first request that needs it */
	bool uring_refused; /* it is not used any more, but for what it has */
	unsigned uring_failures; /* in a row */
	unsigned logged; /* 1 << operation: one line about its errors is enough */
	int64_t told[BLOCK_OPS]; /* when error() was called last; ns of CLOCK_MONOTONIC */
};

/*
 * The next piece of a request, at most so many bytes of BLOCK_..._MAX, becomes the request's
 * piece_... members. False: nothing is left to do.
 */
bool block_piece_cut(struct block_request *request) __attribute__((warn_unused_result));
/* The piece is over, so many bytes of it are done. True if the request has more to do. */
bool block_piece_end(struct block_request *request, uint64_t bytes);
/*
 * Carries a piece, or a flush, out. Any thread: uses only the file. Bytes of the piece that are
 * done, 0 for a flush, or -errno. May sleep for a millisecond.
 */
ssize_t block_piece_run(const struct block_file *file, const struct block_system *system,
			struct block_request *request);

/*
 * Tells a file or a block device from what is neither and would make an open() wait: file->device.
 * 0 or -errno, with the reason.
 */
int block_host_check(struct block_file *file, const char *path, char why[BLOCK_WHY])
	__attribute__((warn_unused_result));
/* What nobody needs any more, as the file's system has it. */
void block_file_close(const struct block_file *file, const struct block_system *system);

/* An engine has done with what it was given; the result is as block_piece_run() has it. */
void block_ended(struct block *block, struct block_request *request, ssize_t result);

/*
 * The host failed at it, with *result. True if that is not its end: it is kept. Else *result is what its
 * owner is to hear.
 */
bool block_failed(struct block *block, struct block_request *request, int *result);
/* What failed and was kept waits again, from where it failed, ahead of what came later. */
void block_begin_again(struct block *block);

/* 0 or -errno: the host refuses io_uring. */
int block_uring_make(struct block_uring **out, struct block *block)
	__attribute__((warn_unused_result));
/* Nothing may be with the kernel. */
void block_uring_free(struct block_uring *uring);
/*
 * Prepares a piece or a flush for block_uring_submit(). At once: it may be carried out by the
 * submitting thread; else by threads of the kernel's only. False: no room now.
 */
bool block_uring_add(struct block_uring *uring, struct block_request *request, bool at_once)
	__attribute__((warn_unused_result));
/*
 * Hands what was added to the kernel. How many these were, or -errno: what the kernel did not take
 * goes to refused, as if it had never been added.
 */
int block_uring_submit(struct block_uring *uring, struct block_list *refused)
	__attribute__((warn_unused_result));
void block_uring_reap(struct block_uring *uring);
/* Becomes readable when there is something to reap. */
int block_uring_fd(const struct block_uring *uring);

int block_worker_make(struct block_worker **out, struct block *block)
	__attribute__((warn_unused_result));
/* Nothing may be with it. */
void block_worker_free(struct block_worker *worker);
void block_worker_add(struct block_worker *worker, struct block_request *request);
/* What the thread has not begun, in order, as if it had never been added. */
void block_worker_take_back(struct block_worker *worker, struct block_list *list);
void block_worker_reap(struct block_worker *worker);
int block_worker_fd(const struct block_worker *worker);
