// SPDX-License-Identifier: MIT
#include "dev/block.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dev/block_engine.h"

static void retry(void *arg)
{
	block_kick(arg);
}

int block_make(struct block **out, const struct block_file *file,
	       const struct block_options *options)
{
	struct block *block = calloc(1, sizeof(*block));

	if (block)
		block->file.name = strdup(file->name);
	if (!block || !block->file.name) {
		free(block);
		if (file->fd >= 0)
			close(file->fd);
		return -ENOMEM;
	}
	block->file.fd = file->fd;
	block->file.device = file->device;
	block->file.readonly = file->readonly;
	block->file.size = file->size;
	block->file.arg = file->arg;
	block->system = options->system ? options->system : &block_host;
	block->engine = options->engine;
	block->loop = options->loop;
	block->retry = (struct loop_task){ .run = retry, .arg = block };
	STAILQ_INIT(&block->waiting);
	*out = block;
	return 0;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	block_drain(block);
	if (block->loop)
		loop_unpost(block->loop, &block->retry);
	if (block->uring)
		block_uring_free(block->uring);
	if (block->worker)
		block_worker_free(block->worker);
	if (block->file.fd >= 0)
		close(block->file.fd);
	free((char *)block->file.name);
	free(block);
}

uint64_t block_size(const struct block *block)
{
	return block->file.size;
}

bool block_readonly(const struct block *block)
{
	return block->file.readonly;
}

unsigned block_in_flight(const struct block *block)
{
	return block->in_flight;
}

const char *block_engine_name(const struct block *block)
{
	if (block->engine == BLOCK_ENGINE_SYNC)
		return "sync";
	if (block->uring)
		return "io_uring";
	return block->worker ? "thread" : "idle";
}

void block_set_batch(struct block *block, void (*batch)(void *arg), void *arg)
{
	block->batch = batch;
	block->batch_arg = arg;
}

bool block_advance(struct block_request *request, size_t bytes)
{
	request->offset += bytes;
	while (request->iov_n > 0 && bytes >= request->iov->iov_len) {
		bytes -= request->iov->iov_len;
		request->iov++;
		request->iov_n--;
	}
	if (request->iov_n == 0)
		return false;
	request->iov->iov_base = (uint8_t *)request->iov->iov_base + bytes;
	request->iov->iov_len -= bytes;
	return true;
}

static int run_pieces(const struct block_file *file, const struct block_system *system,
		      struct block_request *request)
{
	ssize_t n;

	do {
		if (request->op == BLOCK_READ)
			n = system->read(file, request->iov, request->iov_n, request->offset);
		else
			n = system->write(file, request->iov, request->iov_n, request->offset,
					  request->stable);
		if (n == -EINTR || n == -EAGAIN)
			n = 0;
		else if (n < 0)
			return (int)n;
		else if (n == 0)
			return -EIO; /* the file has become shorter than the disk */
	} while (block_advance(request, (size_t)n));
	return 0;
}

int block_run(const struct block_file *file, const struct block_system *system,
	      struct block_request *request)
{
	int err;

	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		/* Pieces of no bytes at all would look like the end of the file. */
		if (!block_advance(request, 0))
			return 0;
		return run_pieces(file, system, request);
	case BLOCK_FLUSH:
		return system->flush(file);
	case BLOCK_DISCARD:
		return system->discard(file, request->offset, request->len);
	case BLOCK_ZERO:
		err = system->zero(file, request->offset, request->len, request->unmap);
		return !err && request->stable ? system->flush(file) : err;
	}
	return -EINVAL;
}

void block_done(struct block *block, struct block_request *request, int result)
{
	static const char *const names[] = { "read", "write", "flush", "discard", "zero" };

	assert(block->in_flight > 0);
	block->in_flight--;
	if (result < 0 && result != -EOPNOTSUPP && !block->warned) {
		block->warned = true;
		log_warn("%s: %s: %s (the guest sees an I/O error; said once)", block->file.name,
			 names[request->op], strerror(-result));
	}
	request->done(request, result);
}

void block_end_batch(struct block *block)
{
	if (block->batch)
		block->batch(block->batch_arg);
}

void block_submit(struct block *block, struct block_request *request)
{
	assert(request->op == BLOCK_READ || request->op == BLOCK_FLUSH || !block->file.readonly);
	assert(request->offset <= block->file.size);
	block->in_flight++;
	STAILQ_INSERT_TAIL(&block->waiting, request, link);
}

static bool wants_worker(const struct block *block, const struct block_request *request)
{
	return block->engine == BLOCK_ENGINE_THREAD || block->uring_refused ||
	       request->op == BLOCK_DISCARD || request->op == BLOCK_ZERO;
}

/* False: there is no room for it now. */
static bool start(struct block *block, struct block_request *request)
{
	if (!wants_worker(block, request) && !block->uring)
		block->uring_refused = block_uring_make(&block->uring, block) != 0;
	if (!wants_worker(block, request))
		return block_uring_add(block->uring, request);
	if (!block->worker && block_worker_make(&block->worker, block)) {
		/* Not even a thread: the caller waits. Slow, but the guest sees the same machine. */
		block_done(block, request, block_run(&block->file, block->system, request));
		block_end_batch(block);
		return true;
	}
	block_worker_add(block->worker, request);
	return true;
}

static void kick_sync(struct block *block)
{
	struct block_request *request;
	bool any = false;

	while ((request = block_list_take(&block->waiting))) {
		block_done(block, request, block_run(&block->file, block->system, request));
		any = true;
	}
	if (any)
		block_end_batch(block);
}

void block_kick(struct block *block)
{
	struct block_request *request;

	if (block->engine == BLOCK_ENGINE_SYNC) {
		kick_sync(block);
		return;
	}
	while ((request = block_list_take(&block->waiting))) {
		if (!start(block, request)) {
			STAILQ_INSERT_HEAD(&block->waiting, request, link);
			break;
		}
	}
	if (block->uring && block_uring_submit(block->uring) && block->loop)
		loop_post(block->loop, &block->retry);
}

void block_drain(struct block *block)
{
	for (;;) {
		struct pollfd fds[2];
		nfds_t n = 0;

		block_kick(block);
		if (block->in_flight == 0)
			return;
		if (block->uring)
			fds[n++].fd = block_uring_fd(block->uring);
		if (block->worker)
			fds[n++].fd = block_worker_fd(block->worker);
		for (nfds_t i = 0; i < n; i++)
			fds[i].events = POLLIN;
		/* The time-out is for what the kernel had no memory for at the first try. */
		(void)poll(fds, n, 10);
		if (block->uring)
			block_uring_reap(block->uring);
		if (block->worker)
			block_worker_reap(block->worker);
	}
}
