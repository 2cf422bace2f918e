// SPDX-License-Identifier: MIT
/*
 * A disk that another process serves by the NBD protocol, over a socket that is connected already, by
 * libnbd. The library is loaded when the first such disk is opened: it brings others with it that would
 * make every start slower. Internal to dev/block*.c.
 */
#pragma once

#include "dev/block.h"

struct nbd_calls;

struct block_nbd {
	const struct nbd_calls *calls; /* libnbd's */
	struct nbd_handle *handle;
	bool flushes, trims, zeroes; /* what the server said it does */
	uint8_t *buffer; /* BLOCK_PIECE_MAX bytes: what memory in parts is gathered in */
};

/*
 * Takes the socket over, also on failure, and negotiates: waits for the server. 0, with the disk's
 * size; or -errno, with the reason in why: -ENOPKG without the library.
 */
int block_nbd_open(struct block_nbd *nbd, int fd, bool readonly, uint64_t *size,
		   char why[BLOCK_WHY]) __attribute__((warn_unused_result));
void block_nbd_close(struct block_nbd *nbd);

/* As block_piece_run() has it: one at a time, any thread. */
ssize_t block_nbd_read(struct block_nbd *nbd, const struct iovec *iov, unsigned iov_n,
		       uint64_t offset);
ssize_t block_nbd_write(struct block_nbd *nbd, const struct iovec *iov, unsigned iov_n,
			uint64_t offset);
int block_nbd_flush(struct block_nbd *nbd);
int block_nbd_discard(struct block_nbd *nbd, uint64_t offset, uint64_t len);
int block_nbd_zero(struct block_nbd *nbd, uint64_t offset, uint64_t len, bool unmap);
