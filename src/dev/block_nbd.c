// SPDX-License-Identifier: MIT
#include "dev/block_nbd.h"

#include <assert.h>
#include <errno.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/library.h"
#include "dev/block_engine.h"

#define NBD_CALLS(call)                                                                            \
	call(nbd_create) call(nbd_close) call(nbd_get_error) call(nbd_get_errno)                   \
		call(nbd_connect_socket) call(nbd_get_size) call(nbd_is_read_only)                 \
			call(nbd_can_flush) call(nbd_can_trim) call(nbd_can_zero) call(nbd_pread)  \
				call(nbd_pwrite) call(nbd_flush) call(nbd_trim) call(nbd_zero)

#define NBD_SYMBOL(name) LIBRARY_SYMBOL(struct nbd_calls, name)

struct nbd_calls {
	void *library;
	NBD_CALLS(LIBRARY_MEMBER)
};

static const struct library_symbol nbd_symbols[] = { NBD_CALLS(NBD_SYMBOL) };

static const struct library nbd_library = {
	.file = "libnbd.so.0",
	.package = "libnbd0",
	.symbols = nbd_symbols,
	.symbols_n = sizeof(nbd_symbols) / sizeof(nbd_symbols[0]),
};

static void unload(struct nbd_calls *calls)
{
	library_unload(calls->library);
	free(calls);
}

static int load(const struct nbd_calls **out, char why[BLOCK_WHY])
{
	struct nbd_calls *calls = calloc(1, sizeof(*calls));
	struct error err;
	int ret;

	if (!calls) {
		snprintf(why, BLOCK_WHY, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	ret = library_load(&nbd_library, &calls->library, calls, &err);
	if (ret) {
		snprintf(why, BLOCK_WHY, "%s", err.text);
		free(calls);
		return ret;
	}
	*out = calls;
	return 0;
}

/*
 * Why the last call of this thread failed, as far as the guest or its user can do something about it; a
 * server that has gone away is a disk that has.
 */
static int nbd_errno(const struct block_nbd *nbd)
{
	int err = nbd->calls->nbd_get_errno();

	return err == ENOSPC || err == ENOMEM || err == EPERM || err == EROFS ? -err : -EIO;
}

/* What a disk of ours has to have: a flush is a promise to the guest. */
static int check_server(struct block_nbd *nbd, bool readonly, uint64_t *size, char why[BLOCK_WHY])
{
	int64_t bytes = nbd->calls->nbd_get_size(nbd->handle);

	if (bytes < 0) {
		snprintf(why, BLOCK_WHY, "%s", nbd->calls->nbd_get_error());
		return nbd_errno(nbd);
	}
	nbd->flushes = nbd->calls->nbd_can_flush(nbd->handle) == 1;
	nbd->trims = nbd->calls->nbd_can_trim(nbd->handle) == 1;
	nbd->zeroes = nbd->calls->nbd_can_zero(nbd->handle) == 1;
	if (!readonly && (nbd->calls->nbd_is_read_only(nbd->handle) != 0 || !nbd->flushes)) {
		snprintf(why, BLOCK_WHY, "can only be read (readonly=on)");
		return -EROFS;
	}
	*size = (uint64_t)bytes;
	return 0;
}

int block_nbd_open(struct block_nbd *nbd, int fd, bool readonly, uint64_t *size,
		   char why[BLOCK_WHY])
{
	int err;

	err = load(&nbd->calls, why);
	if (err) {
		close(fd);
		return err;
	}
	nbd->buffer = malloc(BLOCK_PIECE_MAX);
	nbd->handle = nbd->buffer ? nbd->calls->nbd_create() : NULL;
	if (!nbd->handle) {
		snprintf(why, BLOCK_WHY, "%s", strerror(ENOMEM));
		err = -ENOMEM;
		close(fd);
		goto free_buffer;
	}
	if (nbd->calls->nbd_connect_socket(nbd->handle, fd) < 0) {
		err = nbd_errno(nbd);
		snprintf(why, BLOCK_WHY, "%s", nbd->calls->nbd_get_error());
		goto close_handle;
	}
	err = check_server(nbd, readonly, size, why);
	if (err)
		goto close_handle;
	return 0;

close_handle:
	nbd->calls->nbd_close(nbd->handle);
free_buffer:
	free(nbd->buffer);
	unload((struct nbd_calls *)nbd->calls);
	return err;
}

void block_nbd_close(struct block_nbd *nbd)
{
	nbd->calls->nbd_close(nbd->handle);
	free(nbd->buffer);
	unload((struct nbd_calls *)nbd->calls);
}

static size_t total(const struct iovec *iov, unsigned iov_n)
{
	size_t len = 0;

	for (unsigned i = 0; i < iov_n; i++)
		len += iov[i].iov_len;
	assert(len <= BLOCK_PIECE_MAX);
	return len;
}

ssize_t block_nbd_read(struct block_nbd *nbd, const struct iovec *iov, unsigned iov_n,
		       uint64_t offset)
{
	size_t len = total(iov, iov_n), done = 0;
	void *to = iov_n == 1 ? iov->iov_base : nbd->buffer;

	if (nbd->calls->nbd_pread(nbd->handle, to, len, offset, 0) < 0)
		return nbd_errno(nbd);
	for (unsigned i = 0; iov_n > 1 && i < iov_n; done += iov[i++].iov_len)
		memcpy(iov[i].iov_base, nbd->buffer + done, iov[i].iov_len);
	return (ssize_t)len;
}

ssize_t block_nbd_write(struct block_nbd *nbd, const struct iovec *iov, unsigned iov_n,
			uint64_t offset)
{
	size_t len = total(iov, iov_n), done = 0;
	const void *from = iov_n == 1 ? iov->iov_base : nbd->buffer;

	for (unsigned i = 0; iov_n > 1 && i < iov_n; done += iov[i++].iov_len)
		memcpy(nbd->buffer + done, iov[i].iov_base, iov[i].iov_len);
	if (nbd->calls->nbd_pwrite(nbd->handle, from, len, offset, 0) < 0)
		return nbd_errno(nbd);
	return (ssize_t)len;
}

int block_nbd_flush(struct block_nbd *nbd)
{
	if (!nbd->flushes)
		return 0; /* it was opened for reading only */
	return nbd->calls->nbd_flush(nbd->handle, 0) < 0 ? nbd_errno(nbd) : 0;
}

int block_nbd_discard(struct block_nbd *nbd, uint64_t offset, uint64_t len)
{
	if (!nbd->trims)
		return -EOPNOTSUPP;
	return nbd->calls->nbd_trim(nbd->handle, len, offset, 0) < 0 ? nbd_errno(nbd) : 0;
}

int block_nbd_zero(struct block_nbd *nbd, uint64_t offset, uint64_t len, bool unmap)
{
	if (!nbd->zeroes)
		return -EOPNOTSUPP;
	return nbd->calls->nbd_zero(nbd->handle, len, offset, unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) <
			       0
		       ? nbd_errno(nbd)
		       : 0;
}
