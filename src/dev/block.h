// SPDX-License-Identifier: MIT
/*
 * A disk's contents on the host: a raw image file, a block device, or an image of another format that
 * qemu-storage-daemon serves, read and written without blocking the caller. Reads, writes and flushes go through io_uring, or through a worker thread
 * where the host refuses io_uring; discards and zeroes always through the thread, because some of
 * them have no io_uring operation. Neither is made before the first request.
 *
 * A block belongs to the loop's thread: everything here is called there, or anywhere while the
 * loop does not run. Completions arrive on the same thread, never from inside block_submit(). A
 * block has one user at a time. Requests are embedded in their owner, who keeps them, and the
 * memory they point to, until done() has been called.
 *
 * However large and however many the requests are, the host has only a little of them at a time: 4
 * MiB of reads and writes, in pieces of at most 1 MiB. Large pieces are copied by threads of the
 * kernel's, small ones by block_kick() if they are few. So block_kick() is short, and so is waiting
 * for what the host has, which block_pause() and block_cancel() do. A flush of the file may take
 * long: only block_close() waits for it.
 *
 * What a completed write has stored survives the program, not the host's power: a completed flush
 * survives that too. Once a flush has failed, all later ones fail, because nobody can tell what the
 * host has lost: it forgets the error, and the data with it.
 *
 * What becomes of a request that the host fails at is the block's policy: it is told to the guest, or
 * kept until block_resume(), which has it done again from where it failed.
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
	BLOCK_OPS
};

/* A part of the disk. */
struct block_range {
	uint64_t offset, len; /* bytes */
	bool unmap; /* ZERO: the room may be given back to the host */
};

struct block_request {
	enum block_op op;
	bool stable; /* WRITE, ZERO: on stable storage when done, as if a flush followed */
	uint64_t offset; /* READ, WRITE: bytes from the start of the disk */
	struct iovec *iov; /* READ, WRITE: pieces of memory; changed on the way */
	unsigned iov_n;
	struct block_range *range; /* DISCARD, ZERO: one after the other; changed on the way */
	unsigned range_n;
	void (*done)(struct block_request *request, int result); /* 0 or -errno */

	/* The block's own. */
	STAILQ_ENTRY(block_request) link;
	uint64_t piece_len; /* bytes that an engine has; 0: none */
	unsigned piece_n; /* READ, WRITE: pieces of memory that these are */
	size_t piece_cut; /* bytes that the last of these was made shorter by */
	unsigned tries; /* without getting on */
	bool by_thread; /* io_uring could not do it */
	unsigned round; /* the block's, when it was submitted */
	ssize_t result;
};

/* The open file behind a block. */
struct block_file {
	int fd;
	bool device; /* a block device */
	bool readonly;
	uint64_t size; /* bytes */
	unsigned sector; /* device: bytes of a logical block, which discards and zeroes come in */
	const char *name; /* for messages; borrowed until block_make() has returned */
	void *arg; /* for a block_system that is not the host */
};

/* What is done when the host fails at a request. */
enum block_action {
	BLOCK_ACTION_AUTO, /* a policy's: not said; reads REPORT, the others ENOSPC */
	BLOCK_ACTION_REPORT, /* the guest sees an error */
	BLOCK_ACTION_IGNORE, /* the guest sees success: what could not be done is lost */
	BLOCK_ACTION_STOP, /* it is kept: whoever hears of it stops the machine */
	BLOCK_ACTION_ENOSPC, /* a policy's: STOP if the host has no room, else REPORT */
};

/* The words of an option for each, in their order. */
extern const char *const block_read_actions[], *const block_write_actions[];

struct block_policy {
	enum block_action read, write; /* write: flushes, discards and zeroes as well */
};

/* How the host did, since the last block_resume(): of requests that were kept. */
enum block_status { BLOCK_OK, BLOCK_FAILED, BLOCK_NO_SPACE };

/* What a block asks of the host; replaced by tests. Results are bytes, or 0, or -errno. */
struct block_system {
	int (*uring)(const struct block_file *file, unsigned entries, struct io_uring *ring);
	int (*submit)(const struct block_file *file, struct io_uring *ring); /* entries taken */
	ssize_t (*read)(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			uint64_t offset);
	ssize_t (*write)(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			 uint64_t offset);
	int (*flush)(const struct block_file *file);
	/* zero: the bytes must read as zeroes afterwards. */
	int (*discard)(const struct block_file *file, uint64_t offset, uint64_t len);
	int (*zero)(const struct block_file *file, uint64_t offset, uint64_t len, bool unmap);
	void (*close)(const struct block_file *file); /* NULL: close(fd), if it is not -1 */
};
extern const struct block_system block_host;

struct block_options {
	const char *path; /* block_open() only; borrowed for the call, as is format */
	const char *format; /* "raw", or another by QEMU's name; NULL: raw, if it looks so */
	const char *id; /* the disk's name in errors; copied. NULL: "" */
	bool readonly;
	enum block_engine engine;
	struct loop *loop; /* NULL: BLOCK_ENGINE_SYNC only */
	const struct block_system *system; /* NULL: block_host */
};

/* Whether block_options.format may be this: our own text of it, or NULL. */
const char *block_format_known(const char *format);

/*
 * Opens an image or a block device that exists; never creates, truncates or extends anything. The
 * file is locked (open file description lock on all of it), shared if readonly, else exclusive; a
 * block device opened for writing is claimed from the host too, so that a mounted one is refused.
 * What looks like an image of another format, and of which nobody said that it is raw, is refused.
 * Other formats need a thread that stays: the daemon ends with the one that called this.
 * 0 or -errno, with one line for a person in why: the path, what is wrong, and the way out.
 */
int block_open(struct block **out, const struct block_options *options, char why[BLOCK_WHY])
	__attribute__((warn_unused_result));
/* The same on a file already open and checked; takes file->fd over, also on failure. 0 or -ENOMEM. */
int block_make(struct block **out, const struct block_file *file,
	       const struct block_options *options) __attribute__((warn_unused_result));
/* Cancels what there is, waits for a flush of the file, closes everything. NULL is allowed. */
void block_close(struct block *block);

uint64_t block_size(const struct block *block);
bool block_readonly(const struct block *block);
/* As it was opened; borrowed. */
const char *block_path(const struct block *block);
const char *block_format(const struct block *block); /* "raw", ... */
/* Bytes that the image takes on the host; 0 if nobody can tell. */
uint64_t block_host_bytes(const struct block *block);
/* A number that no other block of this process has had. */
unsigned block_number(const struct block *block);
/* "io_uring", "thread", "sync", or "idle" before the first request. */
const char *block_engine_name(const struct block *block);

/* Calls batch(arg) after each group of completions, so that one interrupt may announce them all. */
void block_set_batch(struct block *block, void (*batch)(void *arg), void *arg);

/* A request that failed at the host; its guest sees no more than an I/O error. */
struct block_error {
	const char *id; /* as block_options gave it */
	unsigned number; /* block_number() */
	enum block_op op;
	int error; /* errno */
	enum block_action action; /* REPORT, IGNORE or STOP */
};

/*
 * Calls error(arg) of failed requests, at most once a second for each operation; of the first that is
 * kept since the block was resumed always. From where requests end: it may not pause the block.
 */
void block_set_error(struct block *block, void (*error)(void *arg, const struct block_error *error),
		     void *arg);

/* From the next failure on; AUTO stands for its defaults. A block begins with REPORT for all. */
void block_set_policy(struct block *block, struct block_policy policy);
enum block_status block_status(const struct block *block);

/*
 * Reads the disk's first bytes at once, waiting for the host: before the machine runs. 0 or
 * -errno; bytes that the disk does not have are 0.
 */
int block_peek(struct block *block, void *to, size_t len) __attribute__((warn_unused_result));

/*
 * Queues a request: it lies inside the disk and does not write to a readonly one, which the caller
 * has checked. Starts at the next block_kick(). Requests in flight at the same time have no order;
 * large ones proceed side by side. Host errors come as done()'s result: -EOPNOTSUPP for a discard
 * that the file system cannot do, -EIO for a file that has been cut short behind our back.
 */
void block_submit(struct block *block, struct block_request *request);
/* Starts what is queued; may complete requests. With BLOCK_ENGINE_SYNC all is done when it returns. */
void block_kick(struct block *block);
/* Requests submitted and not done. */
unsigned block_in_flight(const struct block *block);

/*
 * Starts nothing more, waits for what the host has, and then calls no done() until
 * block_resume(): no memory of a request is touched meanwhile. Requests that are not done stay in
 * flight, begun or not. Nothing happens if it is paused. Resuming begins what failed and was kept
 * again.
 */
void block_pause(struct block *block);
void block_resume(struct block *block);
/*
 * Ends every request with -ECANCELED, paused or not: those that the host has a piece of as soon as it
 * has done with that, the others at once. Does not wait. Of a request cancelled any part may have
 * been carried out.
 */
void block_abandon(struct block *block);
/* The same, but waits for what the host has: nothing is in flight when it returns. */
void block_cancel(struct block *block);
