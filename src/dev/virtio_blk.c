// SPDX-License-Identifier: MIT
#include "dev/virtio_blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_BLOCK       2
#define CLASS_STORAGE  0x01
#define SUBCLASS_OTHER 0x80

#define QUEUE_SIZE 256
/* Buffers of data in a request. Firmware uses queues of 128, which this fits with room to spare. */
#define SEG_MAX 126

/* In sectors. Zeroing may mean writing, and a reset has to wait for it. */
#define DISCARD_MAX 0x3fffff
#define ZEROES_MAX  0x20000

#define FEATURE(name) (UINT64_C(1) << VIRTIO_BLK_F_##name)

/* A request of the guest while the block works on it. */
struct request {
	struct block_request io;
	struct virtio_blk *blk;
	uint8_t *status; /* in guest RAM */
	uint16_t head;
	uint32_t good, bad; /* the answer's length: if all goes well, and if not */
	struct iovec iov[];
};

/* A chain, taken apart. */
struct parts {
	struct virtio_blk_outhdr header;
	uint8_t *status;
	struct iovec *data; /* what is left between header and status */
	unsigned data_n;
	uint64_t data_len;
};

static uint8_t status_of(int result)
{
	if (result == 0)
		return VIRTIO_BLK_S_OK;
	return result == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* Ends a request, lock held. */
static void virtio_blk_answer(struct virtio_blk *blk, const struct request *request, uint8_t status)
{
	if (!virtio_pci_finish(&blk->pci))
		return;
	*request->status = status;
	virtio_pci_push(&blk->pci, 0, request->head,
			status == VIRTIO_BLK_S_OK ? request->good : request->bad);
}

static void done(struct block_request *io, int result)
{
	struct request *request = (struct request *)(void *)io;
	struct virtio_blk *blk = request->blk;

	lock_take(&blk->pci.lock);
	virtio_blk_answer(blk, request, status_of(result));
	lock_drop(&blk->pci.lock);
	free(request);
}

static void batch(void *arg)
{
	struct virtio_blk *blk = arg;

	lock_take(&blk->pci.lock);
	virtio_pci_signal(&blk->pci, 0);
	lock_drop(&blk->pci.lock);
}

/* Both in bytes. */
static bool on_disk(const struct virtio_blk *blk, uint64_t sector, uint64_t len)
{
	uint64_t sectors = blk->config.capacity;

	return len % BLOCK_SECTOR == 0 && sector <= sectors &&
	       len / BLOCK_SECTOR <= sectors - sector;
}

static uint8_t prepare_transfer(struct virtio_blk *blk, const struct parts *parts,
				struct block_request *io)
{
	bool write = parts->header.type == VIRTIO_BLK_T_OUT;

	/* The answer's length is a word of 32 bits. */
	if (!on_disk(blk, parts->header.sector, parts->data_len) || parts->data_len >= UINT32_MAX ||
	    (write && block_readonly(blk->block)))
		return VIRTIO_BLK_S_IOERR;
	io->op = write ? BLOCK_WRITE : BLOCK_READ;
	io->stable = write && !virtio_pci_has(&blk->pci, VIRTIO_BLK_F_FLUSH);
	io->offset = parts->header.sector * BLOCK_SECTOR;
	return VIRTIO_BLK_S_OK;
}

/* 5.2.6.2: one segment, as the configuration says. */
static uint8_t prepare_range(struct virtio_blk *blk, struct parts *parts, struct block_request *io)
{
	bool discard = parts->header.type == VIRTIO_BLK_T_DISCARD;
	uint32_t known = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	struct virtio_blk_discard_write_zeroes range;

	if (parts->data_len != sizeof(range) ||
	    !virtio_take_front(&parts->data, &parts->data_n, &range, sizeof(range)))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	if (range.num_sectors > (discard ? DISCARD_MAX : ZEROES_MAX) ||
	    !on_disk(blk, range.sector, (uint64_t)range.num_sectors * BLOCK_SECTOR) ||
	    block_readonly(blk->block))
		return VIRTIO_BLK_S_IOERR;
	io->op = discard ? BLOCK_DISCARD : BLOCK_ZERO;
	io->unmap = range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	io->stable = !virtio_pci_has(&blk->pci, VIRTIO_BLK_F_FLUSH);
	io->offset = range.sector * BLOCK_SECTOR;
	io->len = (uint64_t)range.num_sectors * BLOCK_SECTOR;
	return VIRTIO_BLK_S_OK;
}

/* OK: io says what the block has to do. */
static uint8_t prepare(struct virtio_blk *blk, struct parts *parts, struct block_request *io)
{
	switch (parts->header.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return prepare_transfer(blk, parts, io);
	case VIRTIO_BLK_T_FLUSH:
		io->op = BLOCK_FLUSH;
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return prepare_range(blk, parts, io);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/*
 * Header first, status last, data between, whatever the buffers' bounds are (2.7.4.1). Data goes
 * one way: reads have none to read from, the rest none to write to.
 */
static bool virtio_blk_take_apart(struct virtio_chain *chain, struct parts *parts)
{
	struct iovec *out = chain->iov, *in = chain->iov + chain->out_n;
	unsigned out_n = chain->out_n, in_n = chain->in_n;
	bool reads;

	parts->status = virtio_take_last(in, &in_n);
	if (!parts->status ||
	    !virtio_take_front(&out, &out_n, &parts->header, sizeof(parts->header)))
		return false;
	reads = parts->header.type == VIRTIO_BLK_T_IN || parts->header.type == VIRTIO_BLK_T_GET_ID;
	parts->data = reads ? in : out;
	parts->data_n = reads ? in_n : out_n;
	parts->data_len = reads ? chain->in_len - 1 : chain->out_len - sizeof(parts->header);
	return true;
}

static bool virtio_blk_take(void *chip, unsigned queue, struct virtio_chain *chain)
{
	struct virtio_blk *blk = chip;
	struct request quick = { .blk = blk, .head = chain->head };
	struct request *request;
	struct parts parts;
	uint8_t status;

	if (!virtio_blk_take_apart(chain, &parts))
		return false;
	quick.status = parts.status;
	/* A length promises bytes from the first on (2.7.8.2): the status alone counts if it is that. */
	quick.good = quick.bad = chain->in_len == 1;
	if (parts.header.type == VIRTIO_BLK_T_GET_ID) {
		quick.good = 1 + (uint32_t)virtio_put(parts.data, parts.data_n, blk->serial,
						      sizeof(blk->serial));
		virtio_blk_answer(blk, &quick, VIRTIO_BLK_S_OK);
		return true;
	}
	status = prepare(blk, &parts, &quick.io);
	request = status == VIRTIO_BLK_S_OK
			  ? malloc(sizeof(*request) + parts.data_n * sizeof(struct iovec))
			  : NULL;
	if (!request) {
		virtio_blk_answer(blk, &quick,
				  status != VIRTIO_BLK_S_OK ? status : VIRTIO_BLK_S_IOERR);
		return true;
	}
	*request = quick;
	memcpy(request->iov, parts.data, parts.data_n * sizeof(struct iovec));
	request->io.iov = request->iov;
	request->io.iov_n = parts.data_n;
	request->io.done = done;
	if (request->io.op == BLOCK_READ)
		request->good = 1 + (uint32_t)parts.data_len;
	block_submit(blk->block, &request->io);
	return true;
}

static void virtio_blk_taken(void *chip)
{
	struct virtio_blk *blk = chip;

	block_kick(blk->block);
}

static const struct virtio_type type = {
	.name = "virtio-blk",
	.id = ID_BLOCK,
	.class_code = CLASS_STORAGE,
	.subclass = SUBCLASS_OTHER,
	.queues_n = 1,
	.queue_size = QUEUE_SIZE,
	.take = virtio_blk_take,
	.taken = virtio_blk_taken,
};

int virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_options *options)
{
	struct virtio_pci_options pci = {
		.bus = options->bus,
		.devfn = options->devfn,
		.multifunction = options->multifunction,
		.map = options->map,
		.loop = options->loop,
		.drain = options->drain,
		.drain_arg = options->drain_arg,
		.features = FEATURE(SEG_MAX) | FEATURE(BLK_SIZE) | FEATURE(FLUSH),
		.config = &blk->config,
		.config_len = sizeof(blk->config),
	};

	if (block_readonly(options->block))
		pci.features |= FEATURE(RO);
	else
		pci.features |= FEATURE(DISCARD) | FEATURE(WRITE_ZEROES);
	blk->block = options->block;
	blk->config = (struct virtio_blk_config){
		.capacity = block_size(options->block) / BLOCK_SECTOR,
		.seg_max = SEG_MAX,
		.blk_size = BLOCK_SECTOR,
		.num_queues = 1,
		.max_discard_sectors = DISCARD_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 8,
		.max_write_zeroes_sectors = ZEROES_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	memset(blk->serial, 0, sizeof(blk->serial));
	if (options->serial)
		memcpy(blk->serial, options->serial, strnlen(options->serial, sizeof(blk->serial)));
	block_set_batch(blk->block, batch, blk);
	return virtio_pci_init(&blk->pci, &type, blk, &pci);
}

void virtio_blk_quiesce(struct virtio_blk *blk)
{
	(void)virtio_pci_pause(&blk->pci);
	block_drain(blk->block);
}

void virtio_blk_resume(struct virtio_blk *blk)
{
	virtio_pci_resume(&blk->pci);
}

void virtio_blk_reset(struct virtio_blk *blk)
{
	bool paused = virtio_pci_pause(&blk->pci);

	block_drain(blk->block);
	virtio_pci_reset(&blk->pci);
	if (!paused)
		virtio_pci_resume(&blk->pci);
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	virtio_blk_quiesce(blk);
	block_set_batch(blk->block, NULL, NULL);
	virtio_pci_destroy(&blk->pci);
}

void virtio_blk_serve(struct virtio_blk *blk)
{
	virtio_pci_serve(&blk->pci, 0);
}
