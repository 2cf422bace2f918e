// SPDX-License-Identifier: MIT
/*
 * Between the parts of the block back-end: the engines that carry requests out. Internal to
 * dev/block*.c; all on the block's thread unless said otherwise.
 */
#pragma once

#include "dev/block.h"

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
	const struct block_system *system;
	enum block_engine engine;
	struct loop *loop;
	unsigned in_flight; /* submitted and not done */
	struct block_list waiting; /* submitted, not with an engine yet */
	struct block_uring *uring; /* made by the first read, write or flush */
	struct block_worker *worker; /* made by the first request that needs it */
	bool uring_refused;
	bool warned; /* one message about host errors is enough */
	struct loop_task retry; /* kicks again when the host was short of memory */
	void (*batch)(void *arg);
	void *batch_arg;
};

/* Carries one request out, start to end. Any thread: uses only the file. 0 or -errno. */
int block_run(const struct block_file *file, const struct block_system *system,
	      struct block_request *request);
/*
 * Takes the first bytes off a read's or write's pieces. True if some are left: the rest has to be
 * done again from request->offset.
 */
bool block_advance(struct block_request *request, size_t bytes);
/* Ends a request; block_end_batch() follows after the last of a group. */
void block_done(struct block *block, struct block_request *request, int result);
void block_end_batch(struct block *block);

/* 0 or -errno: the host refuses io_uring. */
int block_uring_make(struct block_uring **out, struct block *block)
	__attribute__((warn_unused_result));
void block_uring_free(struct block_uring *uring);
/* False: no room now, keep it. */
bool block_uring_add(struct block_uring *uring, struct block_request *request);
/* Hands what was added to the kernel. 0, or -errno of a shortage that will pass. */
int block_uring_submit(struct block_uring *uring) __attribute__((warn_unused_result));
void block_uring_reap(struct block_uring *uring);
/* Becomes readable when there is something to reap. */
int block_uring_fd(const struct block_uring *uring);

int block_worker_make(struct block_worker **out, struct block *block)
	__attribute__((warn_unused_result));
void block_worker_free(struct block_worker *worker);
void block_worker_add(struct block_worker *worker, struct block_request *request);
void block_worker_reap(struct block_worker *worker);
int block_worker_fd(const struct block_worker *worker);
