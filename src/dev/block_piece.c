// SPDX-License-Identifier: MIT
/*
 * Pieces of requests. While an engine has a piece, the request's first piece_n pieces of memory are
 * the piece's memory: the last of them was made shorter by piece_cut bytes if need be.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <time.h>

#include "dev/block_engine.h"

static bool moves_memory(const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE;
}

/* What has no bytes at all, and would look like the end of the file, goes. */
static void block_skip_empty(struct block_request *request)
{
	while (request->iov_n > 0 && request->iov->iov_len == 0) {
		request->iov++;
		request->iov_n--;
	}
	while (request->range_n > 0 && request->range->len == 0) {
		request->range++;
		request->range_n--;
	}
}

static void cut_memory(struct block_request *request)
{
	uint64_t len = 0;
	unsigned n = 0;

	while (n < request->iov_n && n < IOV_MAX && len < BLOCK_PIECE_MAX)
		len += request->iov[n++].iov_len;
	request->piece_n = n;
	request->piece_cut = len > BLOCK_PIECE_MAX ? (size_t)(len - BLOCK_PIECE_MAX) : 0;
	request->iov[n - 1].iov_len -= request->piece_cut;
	request->piece_len = len - request->piece_cut;
}

bool block_piece_cut(struct block_request *request)
{
	uint64_t most = request->op == BLOCK_ZERO ? BLOCK_ZERO_MAX : BLOCK_DISCARD_MAX;

	assert(request->piece_len == 0);
	block_skip_empty(request);
	if (moves_memory(request)) {
		if (request->iov_n == 0)
			return false;
		cut_memory(request);
		return true;
	}
	if (request->range_n == 0)
		return false;
	request->piece_len = request->range->len < most ? request->range->len : most;
	return true;
}

static void end_memory(struct block_request *request, uint64_t bytes)
{
	request->iov[request->piece_n - 1].iov_len += request->piece_cut;
	request->offset += bytes;
	while (bytes > 0 && bytes >= request->iov->iov_len) {
		bytes -= request->iov->iov_len;
		request->iov++;
		request->iov_n--;
	}
	if (bytes > 0) {
		request->iov->iov_base = (uint8_t *)request->iov->iov_base + bytes;
		request->iov->iov_len -= (size_t)bytes;
	}
}

bool block_piece_end(struct block_request *request, uint64_t bytes)
{
	assert(bytes <= request->piece_len);
	if (moves_memory(request)) {
		end_memory(request, bytes);
	} else {
		request->range->offset += bytes;
		request->range->len -= bytes;
	}
	request->piece_len = 0;
	block_skip_empty(request);
	return request->iov_n > 0 || request->range_n > 0;
}

ssize_t block_piece_run(const struct block_file *file, const struct block_system *system,
			struct block_request *request)
{
	const struct timespec moment = { .tv_nsec = NS_PER_MS };
	const struct block_range *range = request->range;
	ssize_t n = -EINVAL;

	switch (request->op) {
	case BLOCK_READ:
		n = system->read(file, request->iov, request->piece_n, request->offset);
		break;
	case BLOCK_WRITE:
		n = system->write(file, request->iov, request->piece_n, request->offset);
		break;
	case BLOCK_FLUSH:
		n = system->flush(file);
		break;
	case BLOCK_DISCARD:
		n = system->discard(file, range->offset, request->piece_len);
		break;
	case BLOCK_ZERO:
		n = system->zero(file, range->offset, request->piece_len, range->unmap);
		break;
	case BLOCK_OPS:
		assert(false);
	}
	/* It will be tried again: not in a hurry. */
	if (n == -EAGAIN)
		nanosleep(&moment, NULL);
	return n == 0 && range ? (ssize_t)request->piece_len : n;
}
