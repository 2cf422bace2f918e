// SPDX-License-Identifier: MIT
#include "dev/virtio_blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/disk_geometry.h"

#define ID_BLOCK       2
#define CLASS_STORAGE  0x01
#define SUBCLASS_OTHER 0x80

#define QUEUE_SIZE 256
#define SEG_MAX    (QUEUE_SIZE - 2) /* buffers of data in a request */

/* Discards and zeroes: sectors of a segment, segments of a request. */
#define RANGE_MAX  0x3fffff
#define RANGES_MAX 256
/* File systems give whole blocks of 4 KiB back. */
#define DISCARD_ALIGN 8

#define FEATURE(name) (UINT64_C(1) << VIRTIO_BLK_F_##name)

/* A request of the guest while the block works on it. */
struct request {
	struct block_request io;
	struct virtio_blk *blk;
	uint8_t *status; /* in guest RAM */
	const struct range *in; /* all that may be written, the status among it */
	unsigned in_n;
	uint16_t head;
	uint32_t good, bad; /* the answer's length: if all goes well, and if not */
	/* Behind it: what in and io point to. */
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
	bool finish = virtio_pci_finish(&blk->pci);

	if (finish)
		*request->status = status;
	virtio_pci_wrote(&blk->pci, request->in, request->in_n);
	if (!finish)
		return;
	virtio_pci_push(&blk->pci, 0, request->head,
			status == VIRTIO_BLK_S_OK ? request->good : request->bad);
}

static void done(struct block_request *io, int result)
{
	struct request *request = (struct request *)(void *)io;
	struct virtio_blk *blk = request->blk;

	lock_take(&blk->pci.lock);
	if (result == -ECANCELED) {
		virtio_pci_wrote(&blk->pci, request->in, request->in_n);
		virtio_pci_forget(&blk->pci);
	} else {
		virtio_blk_answer(blk, request, status_of(result));
	}
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
	io->iov = parts->data;
	io->iov_n = parts->data_n;
	return VIRTIO_BLK_S_OK;
}

/* 5.2.6.2; ranges has room for RANGES_MAX. */
static uint8_t prepare_ranges(struct virtio_blk *blk, struct parts *parts, struct block_request *io,
			      struct block_range *ranges)
{
	bool discard = parts->header.type == VIRTIO_BLK_T_DISCARD;
	uint32_t known = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	struct virtio_blk_discard_write_zeroes segment;

	if (parts->data_len == 0 || parts->data_len % sizeof(segment) != 0 ||
	    parts->data_len / sizeof(segment) > RANGES_MAX || block_readonly(blk->block))
		return VIRTIO_BLK_S_IOERR;
	while (virtio_take_front(&parts->data, &parts->data_n, &segment, sizeof(segment))) {
		uint64_t len = (uint64_t)segment.num_sectors * BLOCK_SECTOR;

		if (segment.flags & ~known)
			return VIRTIO_BLK_S_UNSUPP;
		if (segment.num_sectors > RANGE_MAX || !on_disk(blk, segment.sector, len))
			return VIRTIO_BLK_S_IOERR;
		ranges[io->range_n++] = (struct block_range){
			.offset = segment.sector * BLOCK_SECTOR,
			.len = len,
			.unmap = segment.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
		};
	}
	io->op = discard ? BLOCK_DISCARD : BLOCK_ZERO;
	io->stable = !discard && !virtio_pci_has(&blk->pci, VIRTIO_BLK_F_FLUSH);
	io->range = ranges;
	return VIRTIO_BLK_S_OK;
}

/* OK: io says what the block has to do, in terms of parts and ranges. */
static uint8_t prepare(struct virtio_blk *blk, struct parts *parts, struct block_request *io,
		       struct block_range *ranges)
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
		return prepare_ranges(blk, parts, io, ranges);
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

/* A copy that lasts, of what it points to as well. NULL: no memory. */
static struct request *keep(const struct request *quick)
{
	size_t iov_len = quick->io.iov_n * sizeof(struct iovec);
	size_t range_len = quick->io.range_n * sizeof(struct block_range);
	size_t in_len = quick->in_n * sizeof(struct range);
	struct request *request = malloc(sizeof(*request) + in_len + iov_len + range_len);
	char *behind;

	if (!request)
		return NULL;
	behind = (char *)(request + 1);
	*request = *quick;
	request->io.done = done;
	request->in = memcpy(behind, quick->in, in_len);
	behind += in_len;
	if (iov_len > 0)
		request->io.iov = memcpy(behind, quick->io.iov, iov_len);
	if (range_len > 0)
		request->io.range = memcpy(behind, quick->io.range, range_len);
	return request;
}

static bool virtio_blk_take(void *chip, unsigned queue, struct virtio_chain *chain)
{
	struct virtio_blk *blk = chip;
	struct request quick = {
		.blk = blk,
		.in = chain->at + chain->out_n,
		.in_n = chain->in_n,
		.head = chain->head,
	};
	struct block_range ranges[RANGES_MAX];
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
	status = prepare(blk, &parts, &quick.io, ranges);
	if (status == VIRTIO_BLK_S_OK && quick.io.op == BLOCK_READ)
		quick.good = 1 + (uint32_t)parts.data_len;
	request = status == VIRTIO_BLK_S_OK ? keep(&quick) : NULL;
	if (request)
		block_submit(blk->block, &request->io);
	else
		virtio_blk_answer(blk, &quick,
				  status != VIRTIO_BLK_S_OK ? status : VIRTIO_BLK_S_IOERR);
	return true;
}

static void virtio_blk_taken(void *chip)
{
	struct virtio_blk *blk = chip;

	block_kick(blk->block);
}

static void virtio_blk_cancel(void *chip)
{
	struct virtio_blk *blk = chip;

	block_abandon(blk->block);
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
	.cancel = virtio_blk_cancel,
};

static struct virtio_blk_config virtio_blk_config(uint64_t sectors, const uint8_t *mbr)
{
	struct disk_geometry geometry = disk_geometry_guess(mbr, sectors);

	return (struct virtio_blk_config){
		.capacity = sectors,
		.seg_max = SEG_MAX,
		.geometry.cylinders = geometry.cylinders,
		.geometry.heads = geometry.heads,
		.geometry.sectors = geometry.sectors,
		.blk_size = BLOCK_SECTOR,
		.num_queues = 1,
		.max_discard_sectors = RANGE_MAX,
		.max_discard_seg = RANGES_MAX,
		.discard_sector_alignment = DISCARD_ALIGN,
		.max_write_zeroes_sectors = RANGE_MAX,
		.max_write_zeroes_seg = RANGES_MAX,
		.write_zeroes_may_unmap = 1,
	};
}

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
		.features = FEATURE(SEG_MAX) | FEATURE(GEOMETRY) | FEATURE(BLK_SIZE) |
			    FEATURE(FLUSH) | FEATURE(TOPOLOGY),
		.config = &blk->config,
		.config_len = sizeof(blk->config),
	};

	uint8_t mbr[DISK_MBR_LEN];

	if (block_readonly(options->block))
		pci.features |= FEATURE(RO);
	else
		pci.features |= FEATURE(DISCARD) | FEATURE(WRITE_ZEROES);
	/* A disk that cannot be read has no partitions: the guest will see that for itself. */
	if (block_peek(options->block, mbr, sizeof(mbr)))
		memset(mbr, 0, sizeof(mbr));
	blk->block = options->block;
	blk->config = virtio_blk_config(block_size(options->block) / BLOCK_SECTOR, mbr);
	memset(blk->serial, 0, sizeof(blk->serial));
	if (options->serial)
		memcpy(blk->serial, options->serial, strnlen(options->serial, sizeof(blk->serial)));
	block_set_batch(blk->block, batch, blk);
	return virtio_pci_init(&blk->pci, &type, blk, &pci);
}

void virtio_blk_quiesce(struct virtio_blk *blk)
{
	(void)virtio_pci_pause(&blk->pci);
	block_pause(blk->block);
}

void virtio_blk_resume(struct virtio_blk *blk)
{
	virtio_pci_resume(&blk->pci);
	block_resume(blk->block);
}

void virtio_blk_reset(struct virtio_blk *blk)
{
	bool paused = virtio_pci_pause(&blk->pci);

	block_cancel(blk->block);
	virtio_pci_reset(&blk->pci);
	if (!paused)
		virtio_pci_resume(&blk->pci);
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	(void)virtio_pci_pause(&blk->pci);
	block_cancel(blk->block);
	block_set_batch(blk->block, NULL, NULL);
	block_set_error(blk->block, NULL, NULL);
	block_resume(blk->block);
	virtio_pci_destroy(&blk->pci);
}

void virtio_blk_serve(struct virtio_blk *blk)
{
	virtio_pci_serve(&blk->pci, 0);
}
