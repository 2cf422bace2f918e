// SPDX-License-Identifier: MIT
/*
 * The io_uring engine: reads, writes and flushes. What an old kernel or a restricted ring does not
 * know comes back as an error of that piece, and the thread does it.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/wake.h"
#include "dev/block_engine.h"

/* All pieces and the flush; as many entries again may be there that were emptied. */
#define ENTRIES (2 * BLOCK_PIECES_MAX)

struct block_uring {
	struct block *block;
	struct io_uring ring;
	struct wake wake; /* something is done; the kernel gives it */
	struct loop_watch watch;
	unsigned busy; /* with the kernel */
	/* Added, and not taken by the kernel yet. */
	struct uring_entry {
		struct block_request *request;
		struct io_uring_sqe *sqe;
	} added[ENTRIES];
	unsigned added_n;
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
	err = wake_init(&uring->wake);
	if (err)
		goto exit_ring;
	uring->watch.fd = uring->wake.fd;
	err = io_uring_register_eventfd(&uring->ring, uring->wake.fd);
	if (!err)
		err = loop_watch(block->loop, &uring->watch, EPOLLIN);
	if (err)
		goto destroy_wake;
	*out = uring;
	return 0;

destroy_wake:
	wake_destroy(&uring->wake);
exit_ring:
	io_uring_queue_exit(&uring->ring);
free_uring:
	free(uring);
	return err;
}

void block_uring_free(struct block_uring *uring)
{
	assert(uring->busy == 0 && uring->added_n == 0);
	loop_unwatch(uring->block->loop, &uring->watch);
	io_uring_queue_exit(&uring->ring);
	wake_destroy(&uring->wake);
	free(uring);
}

int block_uring_fd(const struct block_uring *uring)
{
	return uring->wake.fd;
}

bool block_uring_add(struct block_uring *uring, struct block_request *request, bool at_once)
{
	const struct block_file *file = &uring->block->file;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (!sqe)
		return false;
	switch (request->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, file->fd, request->iov, request->piece_n, request->offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev(sqe, file->fd, request->iov, request->piece_n,
				     request->offset);
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, file->fd, IORING_FSYNC_DATASYNC);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
	case BLOCK_OPS:
		assert(false);
	}
	io_uring_sqe_set_data(sqe, request);
	if (!at_once)
		sqe->flags |= IOSQE_ASYNC;
	uring->added[uring->added_n++] = (struct uring_entry){ request, sqe };
	return true;
}

/* The entries stay in the ring, where a later call hands them over: they must do nothing. */
static void uring_empty(struct block_uring *uring, struct block_list *refused)
{
	for (unsigned i = 0; i < uring->added_n; i++) {
		STAILQ_INSERT_TAIL(refused, uring->added[i].request, link);
		io_uring_prep_nop(uring->added[i].sqe);
		io_uring_sqe_set_data(uring->added[i].sqe, NULL);
	}
	uring->added_n = 0;
}

int block_uring_submit(struct block_uring *uring, struct block_list *refused)
{
	struct block *block = uring->block;
	int all = (int)uring->added_n;

	/* Not only for what was added: entries that do nothing fill the ring as well. */
	while (io_uring_sq_ready(&uring->ring) > 0) {
		unsigned emptied = io_uring_sq_ready(&uring->ring) - uring->added_n, taken;
		int n = block->system->submit(&block->file, &uring->ring);

		if (n <= 0) {
			uring_empty(uring, refused);
			return n < 0 ? n : -EAGAIN;
		}
		taken = (unsigned)n > emptied ? (unsigned)n - emptied : 0;
		assert(taken <= uring->added_n);
		uring->busy += taken;
		uring->added_n -= taken;
		memmove(uring->added, uring->added + taken,
			uring->added_n * sizeof(uring->added[0]));
	}
	return all;
}

void block_uring_reap(struct block_uring *uring)
{
	struct block *block = uring->block;
	struct io_uring_cqe *cqe;
	int err = wake_take(&uring->wake);

	(void)err; /* at worst it is taken again */
	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		struct block_request *request = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		if (!request)
			continue;
		uring->busy--;
		block_ended(block, request, result);
	}
	block_kick(block);
}
