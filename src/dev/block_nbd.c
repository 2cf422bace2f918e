// SPDX-License-Identifier: MIT
#include "dev/block_nbd.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/block_engine.h"

#define LIBRARY "libnbd.so.0"

#define NBD_CALLS(call)                                                                            \
	call(create) call(close) call(get_error) call(get_errno) call(connect_socket)              \
		call(get_size) call(is_read_only) call(can_flush) call(can_trim) call(can_zero)    \
			call(pread) call(pwrite) call(flush) call(trim) call(zero)

#define NBD_MEMBER(name) __typeof__(nbd_##name) *(name);
#define NBD_SYMBOL(name) { "nbd_" #name, offsetof(struct nbd_calls, name) },

struct nbd_calls {
	void *library;
	NBD_CALLS(NBD_MEMBER)
};

static const struct {
	const char *name;
	size_t at;
} nbd_symbols[] = { NBD_CALLS(NBD_SYMBOL) };

static void unload(struct nbd_calls *calls)
{
	dlclose(calls->library);
	free(calls);
}

static int load(const struct nbd_calls **out, char why[BLOCK_WHY])
{
	struct nbd_calls *calls = calloc(1, sizeof(*calls));

	if (!calls) {
		snprintf(why, BLOCK_WHY, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	calls->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!calls->library) {
		snprintf(why, BLOCK_WHY, LIBRARY ": not found (install the package libnbd0)");
		free(calls);
		return -ENOPKG;
	}
	for (size_t i = 0; i < sizeof(nbd_symbols) / sizeof(nbd_symbols[0]); i++) {
		void *symbol = dlsym(calls->library, nbd_symbols[i].name);

		if (!symbol) {
			snprintf(why, BLOCK_WHY, LIBRARY ": too old: has no %s",
				 nbd_symbols[i].name);
			unload(calls);
			return -ENOPKG;
		}
		memcpy((char *)calls + nbd_symbols[i].at, &symbol, sizeof(symbol));
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
	int err = nbd->calls->get_errno();

	return err == ENOSPC || err == ENOMEM || err == EPERM || err == EROFS ? -err : -EIO;
}

/* What a disk of ours has to have: a flush is a promise to the guest. */
static int check_server(struct block_nbd *nbd, bool readonly, uint64_t *size, char why[BLOCK_WHY])
{
	int64_t bytes = nbd->calls->get_size(nbd->handle);

	if (bytes < 0) {
		snprintf(why, BLOCK_WHY, "%s", nbd->calls->get_error());
		return nbd_errno(nbd);
	}
	nbd->flushes = nbd->calls->can_flush(nbd->handle) == 1;
	nbd->trims = nbd->calls->can_trim(nbd->handle) == 1;
	nbd->zeroes = nbd->calls->can_zero(nbd->handle) == 1;
	if (!readonly && (nbd->calls->is_read_only(nbd->handle) != 0 || !nbd->flushes)) {
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
	nbd->handle = nbd->buffer ? nbd->calls->create() : NULL;
	if (!nbd->handle) {
		snprintf(why, BLOCK_WHY, "%s", strerror(ENOMEM));
		err = -ENOMEM;
		close(fd);
		goto free_buffer;
	}
	if (nbd->calls->connect_socket(nbd->handle, fd) < 0) {
		err = nbd_errno(nbd);
		snprintf(why, BLOCK_WHY, "%s", nbd->calls->get_error());
		goto close_handle;
	}
	err = check_server(nbd, readonly, size, why);
	if (err)
		goto close_handle;
	return 0;

close_handle:
	nbd->calls->close(nbd->handle);
free_buffer:
	free(nbd->buffer);
	unload((struct nbd_calls *)nbd->calls);
	return err;
}

void block_nbd_close(struct block_nbd *nbd)
{
	nbd->calls->close(nbd->handle);
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

	if (nbd->calls->pread(nbd->handle, to, len, offset, 0) < 0)
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
	if (nbd->calls->pwrite(nbd->handle, from, len, offset, 0) < 0)
		return nbd_errno(nbd);
	return (ssize_t)len;
}

int block_nbd_flush(struct block_nbd *nbd)
{
	if (!nbd->flushes)
		return 0; /* it was opened for reading only */
	return nbd->calls->flush(nbd->handle, 0) < 0 ? nbd_errno(nbd) : 0;
}

int block_nbd_discard(struct block_nbd *nbd, uint64_t offset, uint64_t len)
{
	if (!nbd->trims)
		return -EOPNOTSUPP;
	return nbd->calls->trim(nbd->handle, len, offset, 0) < 0 ? nbd_errno(nbd) : 0;
}

int block_nbd_zero(struct block_nbd *nbd, uint64_t offset, uint64_t len, bool unmap)
{
	if (!nbd->zeroes)
		return -EOPNOTSUPP;
	return nbd->calls->zero(nbd->handle, len, offset, unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) < 0
		       ? nbd_errno(nbd)
		       : 0;
}
