// SPDX-License-Identifier: MIT
/*
 * The io_uring engine: reads, writes and flushes. Only operations of the first kernels with
 * io_uring are used, so that having a ring at all is enough to know that they work.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/block_engine.h"

/* More than this wait in the block's list: the completion queue can never overflow. */
#define ENTRIES 128

struct block_uring {
	struct block *block;
	struct io_uring ring;
	struct loop_watch watch;
	unsigned busy; /* with the kernel, or about to be */
};

static void uring_ready(void *arg, uint32_t events)
{
	block_uring_reap(arg);
}

int block_uring_make(struct block_uring **out, struct block *block)
{
	struct block_uring *uring = calloc(1, sizeof(*uring));
	int err;

	if (!uring)
		return -ENOMEM;
	uring->block = block;
	err = block->system->uring(&block->file, ENTRIES, &uring->ring);
	if (err)
		goto free_uring;
	uring->watch = (struct loop_watch){ .ready = uring_ready, .arg = uring };
	uring->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (uring->watch.fd < 0) {
		err = -errno;
		goto exit_ring;
	}
	err = io_uring_register_eventfd(&uring->ring, uring->watch.fd);
	if (!err && block->loop)
		err = loop_watch(block->loop, &uring->watch, EPOLLIN);
	if (err)
		goto close_fd;
	*out = uring;
	return 0;

close_fd:
	close(uring->watch.fd);
exit_ring:
	io_uring_queue_exit(&uring->ring);
free_uring:
	free(uring);
	return err;
}

void block_uring_free(struct block_uring *uring)
{
	assert(uring->busy == 0);
	if (uring->block->loop)
		loop_unwatch(uring->block->loop, &uring->watch);
	io_uring_queue_exit(&uring->ring);
	close(uring->watch.fd);
	free(uring);
}

int block_uring_fd(const struct block_uring *uring)
{
	return uring->watch.fd;
}

bool block_uring_add(struct block_uring *uring, struct block_request *request)
{
	const struct block_file *file = &uring->block->file;
	struct io_uring_sqe *sqe;

	if (uring->busy == ENTRIES)
		return false;
	sqe = io_uring_get_sqe(&uring->ring);
	if (!sqe)
		return false;
	switch (request->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, file->fd, request->iov, request->iov_n, request->offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev(sqe, file->fd, request->iov, request->iov_n, request->offset);
		sqe->rw_flags = request->stable ? RWF_DSYNC : 0;
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, file->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
		assert(false);
	}
	io_uring_sqe_set_data(sqe, request);
	uring->busy++;
	return true;
}

int block_uring_submit(struct block_uring *uring)
{
	int n;

	while (io_uring_sq_ready(&uring->ring) > 0) {
		n = io_uring_submit(&uring->ring);
		if (n < 0 && n != -EINTR)
			return n;
	}
	return 0;
}

/* True if the request is over; false: the rest of it has been queued again. */
static bool finished(struct block *block, struct block_request *request, int result)
{
	bool pieces = request->op == BLOCK_READ || request->op == BLOCK_WRITE;

	request->result = result < 0 ? result : 0;
	if (result == -EINTR || result == -EAGAIN) {
		result = 0;
	} else if (result < 0 || !pieces) {
		return true;
	} else if (result == 0) {
		/* Nothing moved though something was asked for: the file has been cut short. */
		request->result = block_advance(request, 0) ? -EIO : 0;
		return true;
	}
	if (pieces && !block_advance(request, (size_t)result)) {
		request->result = 0;
		return true;
	}
	STAILQ_INSERT_TAIL(&block->waiting, request, link);
	return false;
}

void block_uring_reap(struct block_uring *uring)
{
	struct block *block = uring->block;
	struct io_uring_cqe *cqe;
	uint64_t count;
	ssize_t n = read(uring->watch.fd, &count, sizeof(count));
	bool any = false;

	(void)n;
	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		struct block_request *request = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		uring->busy--;
		if (!finished(block, request, result))
			continue;
		block_done(block, request, request->result);
		any = true;
	}
	if (any)
		block_end_batch(block);
	block_kick(block);
}
