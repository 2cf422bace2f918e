// SPDX-License-Identifier: MIT
/*
 * A disk's contents on the host: a raw image file or a block device, read and written without
 * blocking the caller. Reads, writes and flushes go through io_uring, or through a worker thread
 * where the host refuses io_uring; discards and zeroes always through the thread, because some of
 * them have no io_uring operation. Neither is made before the first request.
 *
 * A block belongs to the loop's thread: everything here is called there, or anywhere while the
 * loop does not run. Completions arrive on the same thread, never from inside block_submit(). A
 * block has one user at a time. Requests are embedded in their owner, who keeps them, and the
 * memory they point to, until done() has been called.
 *
 * What a completed write has stored survives the program, not the host's power: a completed flush
 * survives that too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/loop.h"

#define BLOCK_SECTOR 512
#define BLOCK_WHY    512 /* bytes of an error message */

struct block;
struct io_uring;

enum block_engine {
	BLOCK_ENGINE_AUTO, /* io_uring; a thread where it is refused */
	BLOCK_ENGINE_THREAD,
	BLOCK_ENGINE_SYNC, /* everything inside block_kick(): tests, fuzzing */
};

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD, /* contents undefined afterwards, room given back to the host */
	BLOCK_ZERO, /* contents zero afterwards */
};

struct block_request {
	enum block_op op;
	bool stable; /* WRITE, ZERO: on stable storage when done, as if a flush followed */
	bool unmap; /* ZERO: the room may be given back to the host */
	uint64_t offset; /* bytes from the start of the disk */
	uint64_t len; /* DISCARD, ZERO: bytes */
	struct iovec *iov; /* READ, WRITE: at most IOV_MAX pieces; changed on the way */
	unsigned iov_n;
	void (*done)(struct block_request *request, int result); /* 0 or -errno */

	/* The block's own. */
	STAILQ_ENTRY(block_request) link;
	int result;
};

/* The open file behind a block. */
struct block_file {
	int fd;
	bool device; /* a block device */
	bool readonly;
	uint64_t size; /* bytes */
	const char *name; /* for messages; borrowed until block_make() has returned */
	void *arg; /* for a block_system that is not the host */
};

/* What a block asks of the host; replaced by tests. Results are bytes, or 0, or -errno. */
struct block_system {
	int (*uring)(const struct block_file *file, unsigned entries, struct io_uring *ring);
	ssize_t (*read)(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			uint64_t offset);
	ssize_t (*write)(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset, bool stable);
	int (*flush)(const struct block_file *file);
	/* zero: the bytes must read as zeroes afterwards. */
	int (*discard)(const struct block_file *file, uint64_t offset, uint64_t len);
	int (*zero)(const struct block_file *file, uint64_t offset, uint64_t len, bool unmap);
};
extern const struct block_system block_host;

struct block_options {
	const char *path; /* block_open() only; borrowed for the call */
	bool readonly;
	enum block_engine engine;
	struct loop *loop; /* NULL: completions only inside block_drain() or by BLOCK_ENGINE_SYNC */
	const struct block_system *system; /* NULL: block_host */
};

/*
 * Opens an image or a block device that exists; never creates, truncates or extends anything. The
 * file is locked (open file description lock on all of it), shared if readonly, else exclusive; a
 * block device opened for writing is claimed from the host too, so that a mounted one is refused.
 * 0 or -errno, with one line for a person in why: the path, what is wrong, and the way out.
 */
int block_open(struct block **out, const struct block_options *options, char why[BLOCK_WHY])
	__attribute__((warn_unused_result));
/* The same on a file already open and checked; takes file->fd over, also on failure. 0 or -ENOMEM. */
int block_make(struct block **out, const struct block_file *file,
	       const struct block_options *options) __attribute__((warn_unused_result));
/* Waits for what is in flight, closes everything. NULL is allowed. */
void block_close(struct block *block);

uint64_t block_size(const struct block *block);
bool block_readonly(const struct block *block);
/* "io_uring", "thread", "sync", or "idle" before the first request. */
const char *block_engine_name(const struct block *block);

/* Calls batch(arg) after each group of completions, so that one interrupt may announce them all. */
void block_set_batch(struct block *block, void (*batch)(void *arg), void *arg);

/*
 * Queues a request: it lies inside the disk and does not write to a readonly one, which the caller
 * has checked. Starts at the next block_kick(). Requests in flight at the same time have no order.
 * Host errors come as done()'s result: -EOPNOTSUPP for a discard that the file system cannot do,
 * -EIO for a file that has been cut short behind our back.
 */
void block_submit(struct block *block, struct block_request *request);
/* Starts everything queued; may complete requests. With BLOCK_ENGINE_SYNC all is done when it returns. */
void block_kick(struct block *block);
/* Starts everything queued and returns when nothing is in flight, all done() called. */
void block_drain(struct block *block);
unsigned block_in_flight(const struct block *block);
