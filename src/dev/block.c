// SPDX-License-Identifier: MIT
#include "dev/block.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "dev/block_engine.h"

/* What block_kick() may have the kernel copy at once: a piece, and all of them together, in bytes. */
#define AT_ONCE_PIECE (UINT64_C(128) << 10)
#define AT_ONCE_TURN  (UINT64_C(256) << 10)

#define TRIES_MAX          100 /* for a piece that the host interrupts or puts off, without a byte */
#define URING_FAILURES_MAX 8 /* in a row, until the thread does it all */

static atomic_uint blocks_made = 1;

void block_file_close(const struct block_file *file, const struct block_system *system)
{
	if (system && system->close)
		system->close(file);
	else if (file->fd >= 0)
		close(file->fd);
}

int block_make(struct block **out, const struct block_file *file,
	       const struct block_options *options)
{
	struct block *block = calloc(1, sizeof(*block));
	char *name = strdup(file->name), *id = strdup(options->id ? options->id : "");

	if (!block || !name || !id) {
		free(block);
		free(name);
		free(id);
		block_file_close(file, options->system);
		return -ENOMEM;
	}
	block->file = *file;
	block->format = block_format_known(options->format ? options->format : "raw");
	block->number = atomic_fetch_add(&blocks_made, 1);
	block->policy = (struct block_policy){ BLOCK_ACTION_REPORT, BLOCK_ACTION_REPORT };
	block->file.name = name;
	block->id = id;
	block->system = options->system ? options->system : &block_host;
	block->engine = options->engine;
	block->loop = options->loop;
	STAILQ_INIT(&block->waiting);
	STAILQ_INIT(&block->flushes);
	STAILQ_INIT(&block->flushing);
	STAILQ_INIT(&block->held);
	STAILQ_INIT(&block->kept);
	*out = block;
	return 0;
}

uint64_t block_size(const struct block *block)
{
	return block->file.size;
}

bool block_readonly(const struct block *block)
{
	return block->file.readonly;
}

const char *block_path(const struct block *block)
{
	return block->file.name;
}

const char *block_format(const struct block *block)
{
	return block->format;
}

uint64_t block_host_bytes(const struct block *block)
{
	struct stat st;
	int err = block->file.fd >= 0 ? fstat(block->file.fd, &st) : stat(block->file.name, &st);

	/* POSIX does not say how large these are; Linux does. */
	return err ? 0 : (uint64_t)st.st_blocks * 512;
}

unsigned block_number(const struct block *block)
{
	return block->number;
}

unsigned block_in_flight(const struct block *block)
{
	return block->in_flight;
}

const char *block_engine_name(const struct block *block)
{
	if (block->engine == BLOCK_ENGINE_SYNC)
		return "sync";
	if (block->uring && !block->uring_refused)
		return "io_uring";
	return block->worker ? "thread" : "idle";
}

void block_set_batch(struct block *block, void (*batch)(void *arg), void *arg)
{
	block->batch = batch;
	block->batch_arg = arg;
}

int block_peek(struct block *block, void *to, size_t len)
{
	struct iovec iov = { to, len < block->file.size ? len : (size_t)block->file.size };
	struct block_request request = { .op = BLOCK_READ, .iov = &iov, .iov_n = 1 };

	memset(to, 0, len);
	while (block_piece_cut(&request)) {
		ssize_t n = block_piece_run(&block->file, block->system, &request);
		bool again = (n == -EINTR || n == -EAGAIN) && request.tries++ < TRIES_MAX;

		if (n <= 0 && !again)
			return n < 0 ? (int)n : -EIO;
		(void)block_piece_end(&request, n > 0 ? (uint64_t)n : 0);
	}
	return 0;
}

/* Ends */

static void block_done(struct block *block, struct block_request *request, int result)
{
	if (block->holding) {
		request->result = result;
		STAILQ_INSERT_TAIL(&block->held, request, link);
		return;
	}
	assert(block->in_flight > 0);
	block->in_flight--;
	block->unannounced = true;
	request->done(request, result);
}

static void block_finish(struct block *block, struct block_request *request, int result)
{
	if (result == 0 && request->stable && request->round == block->round) {
		STAILQ_INSERT_TAIL(&block->flushes, request, link);
		return;
	}
	if (result == 0 && request->stable)
		result = -ECANCELED; /* abandoned before its flush */
	else if (result < 0 && result != -EOPNOTSUPP && block_failed(block, request, &result))
		return;
	block_done(block, request, result);
}

static void block_end_flush(struct block *block, int result)
{
	struct block_list ended;
	struct block_request *request;

	if (result < 0)
		block->flush_error = result;
	STAILQ_INIT(&ended);
	STAILQ_CONCAT(&ended, &block->flushing);
	while ((request = block_list_take(&ended))) {
		/* One that is tried again still wants to be. */
		if (result == 0)
			request->stable = false;
		block_finish(block, request, result);
	}
}

static void block_announce(struct block *block)
{
	if (!block->unannounced)
		return;
	block->unannounced = false;
	if (block->batch)
		block->batch(block->batch_arg);
}

/* Starts */

static bool wants_worker(const struct block *block, const struct block_request *request)
{
	return block->engine == BLOCK_ENGINE_THREAD || block->uring_refused || request->by_thread ||
	       request->op == BLOCK_DISCARD || request->op == BLOCK_ZERO;
}

/* Gives a piece, or the flush, to an engine. */
static void block_hand_over(struct block *block, struct block_request *request, bool at_once)
{
	bool here = block->engine == BLOCK_ENGINE_SYNC;

	assert(here || block->loop);
	if (!here && !wants_worker(block, request) && !block->uring)
		block->uring_refused = block_uring_make(&block->uring, block) != 0;
	if (!here && !wants_worker(block, request) &&
	    block_uring_add(block->uring, request, at_once))
		return;
	request->by_thread = true;
	/* Not even a thread: the caller waits. Slow, but the guest sees the same machine. */
	if (!here && !block->worker)
		here = block_worker_make(&block->worker, block) != 0;
	if (here)
		block_ended(block, request, block_piece_run(&block->file, block->system, request));
	else
		block_worker_add(block->worker, request);
}

static uint64_t memory_bytes(const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE ? request->piece_len : 0;
}

static bool block_has_room(const struct block *block)
{
	return block->pieces < BLOCK_PIECES_MAX &&
	       block->bytes + BLOCK_PIECE_MAX <= BLOCK_BYTES_MAX;
}

static void block_start_pieces(struct block *block)
{
	uint64_t at_once = AT_ONCE_TURN;
	struct block_request *request;

	while (block_has_room(block) && (request = block_list_take(&block->waiting))) {
		uint64_t bytes;

		if (!block_piece_cut(request)) {
			block_finish(block, request, 0);
			continue;
		}
		bytes = memory_bytes(request);
		block->pieces++;
		block->bytes += bytes;
		if (bytes > AT_ONCE_PIECE || bytes > at_once) {
			block_hand_over(block, request, false);
		} else {
			at_once -= bytes;
			block_hand_over(block, request, true);
		}
	}
}

static void block_start_flush(struct block *block)
{
	if (block->flush_runs || STAILQ_EMPTY(&block->flushes))
		return;
	STAILQ_CONCAT(&block->flushing, &block->flushes);
	if (block->flush_error) {
		block_end_flush(block, block->flush_error);
		return;
	}
	block->flush = (struct block_request){ .op = BLOCK_FLUSH };
	block->flush_runs = true;
	block_hand_over(block, &block->flush, false);
}

/* False: the kernel did not take all, and the thread has the rest; there may be room for more. */
static bool block_submit_ring(struct block *block)
{
	struct block_request *request;
	struct block_list refused;
	int n;

	if (!block->uring || block->uring_refused)
		return true;
	STAILQ_INIT(&refused);
	n = block_uring_submit(block->uring, &refused);
	if (n > 0)
		block->uring_failures = 0;
	if (n >= 0)
		return true;
	if (++block->uring_failures == URING_FAILURES_MAX) {
		block->uring_refused = true;
		log_warn("%s: io_uring: %s (a thread does its work from now on)", block->file.name,
			 strerror(-n));
	}
	if (STAILQ_EMPTY(&refused))
		return true;
	while ((request = block_list_take(&refused))) {
		request->by_thread = true;
		block_hand_over(block, request, false);
	}
	return false;
}

void block_submit(struct block *block, struct block_request *request)
{
	assert(request->op == BLOCK_READ || request->op == BLOCK_FLUSH || !block->file.readonly);
	assert(request->offset <= block->file.size);
	request->piece_len = 0;
	request->tries = 0;
	request->by_thread = false;
	request->round = block->round;
	block->in_flight++;
	if (request->op == BLOCK_FLUSH)
		STAILQ_INSERT_TAIL(&block->flushes, request, link);
	else
		STAILQ_INSERT_TAIL(&block->waiting, request, link);
}

void block_kick(struct block *block)
{
	bool again;

	do {
		if (!block->paused) {
			block_start_pieces(block);
			block_start_flush(block);
		}
		again = !block_submit_ring(block);
		if (block->engine == BLOCK_ENGINE_SYNC && !block->paused)
			again = !STAILQ_EMPTY(&block->waiting) || !STAILQ_EMPTY(&block->flushes);
	} while (again);
	block_announce(block);
}

/* Between */

/* The ring knows less than the host: an old one, or one that is restricted. */
static bool ring_cannot(ssize_t result)
{
	return result == -EINVAL || result == -EOPNOTSUPP || result == -ENOSYS ||
	       result == -EPERM || result == -EACCES;
}

/* It has to be done again, by the thread, which may wait. */
static bool block_tries_again(struct block_request *request, ssize_t result)
{
	if (!request->by_thread && (ring_cannot(result) || result == -EINTR || result == -EAGAIN)) {
		request->by_thread = true;
		return true;
	}
	return (result == -EINTR || result == -EAGAIN) && request->tries++ < TRIES_MAX;
}

static void block_ended_flush(struct block *block, ssize_t result)
{
	if (block_tries_again(&block->flush, result)) {
		block_hand_over(block, &block->flush, false);
		return;
	}
	block->flush_runs = false;
	block_end_flush(block, (int)result);
}

void block_ended(struct block *block, struct block_request *request, ssize_t result)
{
	bool again = request != &block->flush && block_tries_again(request, result);

	if (request == &block->flush) {
		block_ended_flush(block, result);
		return;
	}
	block->pieces--;
	block->bytes -= memory_bytes(request);
	if (result > 0)
		request->tries = 0;
	if (!block_piece_end(request, result > 0 ? (uint64_t)result : 0)) {
		block_finish(block, request, 0);
	} else if (!again && result <= 0) {
		/* Nothing moved though something was asked for: the file has been cut short. */
		block_finish(block, request, result < 0 ? (int)result : -EIO);
	} else if (request->round != block->round) {
		block_done(block, request, -ECANCELED);
	} else {
		/* Behind the others: a large request does not hold up small ones. */
		STAILQ_INSERT_TAIL(&block->waiting, request, link);
	}
}

/* Pauses */

/* What the thread has not begun is as if it had never been started. */
static void block_take_back(struct block *block)
{
	struct block_request *request;
	struct block_list list;

	if (!block->worker)
		return;
	STAILQ_INIT(&list);
	block_worker_take_back(block->worker, &list);
	while ((request = block_list_take(&list))) {
		if (request == &block->flush) {
			block->flush_runs = false;
			STAILQ_CONCAT(&block->flushes, &block->flushing);
			continue;
		}
		block->pieces--;
		block->bytes -= memory_bytes(request);
		(void)block_piece_end(request, 0);
		STAILQ_INSERT_TAIL(&block->waiting, request, link);
	}
}

/* Until no engine has a piece, nor, if that is asked for, the flush. The block is paused. */
static void block_wait(struct block *block, bool flush)
{
	block_take_back(block);
	while (block->pieces > 0 || (flush && block->flush_runs)) {
		struct pollfd fds[2];
		nfds_t n = 0;

		if (block->uring)
			fds[n++] = (struct pollfd){ block_uring_fd(block->uring), POLLIN, 0 };
		if (block->worker)
			fds[n++] = (struct pollfd){ block_worker_fd(block->worker), POLLIN, 0 };
		(void)poll(fds, n, -1);
		if (block->uring)
			block_uring_reap(block->uring);
		if (block->worker)
			block_worker_reap(block->worker);
	}
}

void block_pause(struct block *block)
{
	if (block->paused)
		return;
	block->paused = true;
	block_wait(block, false);
	block_announce(block);
	block->holding = true;
}

void block_resume(struct block *block)
{
	struct block_request *request;

	block->paused = false;
	block->holding = false;
	block->status = BLOCK_OK;
	block_begin_again(block);
	while ((request = block_list_take(&block->held)))
		block_done(block, request, (int)request->result);
	block_kick(block);
}

void block_abandon(struct block *block)
{
	struct block_request *request;
	bool holding = block->holding;
	struct block_list list;

	block->round++;
	block->holding = false;
	block_take_back(block);
	STAILQ_INIT(&list);
	STAILQ_CONCAT(&list, &block->held);
	STAILQ_CONCAT(&list, &block->kept);
	STAILQ_CONCAT(&list, &block->waiting);
	STAILQ_CONCAT(&list, &block->flushes);
	STAILQ_CONCAT(&list, &block->flushing);
	while ((request = block_list_take(&list)))
		block_done(block, request, -ECANCELED);
	block_announce(block);
	block->holding = holding;
}

void block_cancel(struct block *block)
{
	bool paused = block->paused;

	block->paused = true;
	block_abandon(block);
	block_wait(block, false);
	block_announce(block);
	block->paused = paused;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	block_cancel(block);
	block->paused = true;
	block_wait(block, true);
	if (block->uring)
		block_uring_free(block->uring);
	if (block->worker)
		block_worker_free(block->worker);
	block_file_close(&block->file, block->system);
	free((char *)block->file.name);
	free(block->id);
	free(block);
}
