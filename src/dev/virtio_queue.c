// SPDX-License-Identifier: MIT
#include "dev/virtio_queue.h"

#include <assert.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* Words of 16 bits in the rings. */
#define AVAIL_FLAGS 0u
#define AVAIL_IDX   1u
#define AVAIL_RING  2u
#define USED_IDX    1u
#define USED_RING   2u
#define USED_ENTRY  4u

static const struct state_field queue_fields[] = {
	{ STATE_AT(struct virtio_queue, desc), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, driver), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, device), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, size), .on_reset = STATE_KEEP },
	{ STATE_AT(struct virtio_queue, vector), .on_reset = STATE_CLEAR,
	  .value = VIRTIO_MSI_NO_VECTOR },
	{ STATE_AT(struct virtio_queue, enabled), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, event_idx), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, indirect), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, next_avail), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, next_used), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, told_used), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_queue, outstanding), .on_reset = STATE_CLEAR },
};

const struct state_table virtio_queue_state = {
	.name = "virtio-queue",
	.version = 1,
	.fields = queue_fields,
	.fields_n = sizeof(queue_fields) / sizeof(queue_fields[0]),
};

void virtio_queue_reset(struct virtio_queue *queue, uint16_t size)
{
	state_reset(&virtio_queue_state, queue);
	queue->size = size;
}

/* Guest RAM of which all is in one piece, aligned for the host too; or NULL. */
static void *piece(const struct mem_view *view, uint64_t addr, uint64_t len, unsigned align,
		   bool write)
{
	uint64_t got = len;
	void *host = addr % align == 0 ? mem_view_map(view, addr, &got, write) : NULL;

	return host && got == len && (uintptr_t)host % align == 0 ? host : NULL;
}

bool virtio_queue_open(const struct virtio_queue *queue, const struct mem_view *view,
		       struct virtio_rings *rings)
{
	uint64_t size = queue->size;

	/* Sizes and alignments: 2.7. */
	rings->view = view;
	rings->desc = piece(view, queue->desc, 16 * size, 16, false);
	rings->avail = piece(view, queue->driver, 6 + 2 * size, 2, false);
	rings->used = piece(view, queue->device, 6 + 8 * size, 4, true);
	return rings->desc && rings->avail && rings->used;
}

static uint16_t queue_load(const uint16_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static void queue_store(uint16_t *to, uint16_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

/*
 * One copy of a descriptor, of whatever the guest has there at this moment. The compiler may not
 * look there again for what is in the copy.
 */
static struct vring_desc fetch(const uint8_t *table, unsigned index)
{
	struct vring_desc desc;

	memcpy(&desc, table + sizeof(desc) * index, sizeof(desc));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return desc;
}

/* Adds a buffer, in as many pieces as host memory makes of it. */
static bool queue_add(struct virtio_chain *chain, const struct mem_view *view,
		      struct vring_desc desc)
{
	bool write = desc.flags & VRING_DESC_F_WRITE;
	uint64_t addr = desc.addr, left = desc.len;

	/* What the device reads comes first (2.7.4.2), and a buffer has bytes. */
	if (left == 0 || (!write && chain->in_n > 0) || addr + (left - 1) < addr)
		return false;
	*(write ? &chain->in_len : &chain->out_len) += left;
	while (left > 0) {
		unsigned n = chain->out_n + chain->in_n;
		uint64_t len = left;
		void *host = mem_view_map(view, addr, &len, write);

		if (!host || n == VIRTIO_CHAIN_MAX)
			return false;
		chain->iov[n] = (struct iovec){ .iov_base = host, .iov_len = len };
		chain->at[n] = range_make(addr, len);
		*(write ? &chain->in_n : &chain->out_n) += 1;
		addr += len;
		left -= len;
	}
	return true;
}

/* Follows a chain in a table; more steps than the table has entries are a loop. */
static bool walk(struct virtio_chain *chain, const struct mem_view *view, const uint8_t *table,
		 unsigned size, struct vring_desc desc)
{
	for (unsigned steps = 1;; steps++) {
		if ((desc.flags & VRING_DESC_F_INDIRECT) || !queue_add(chain, view, desc))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		if (desc.next >= size || steps >= size)
			return false;
		desc = fetch(table, desc.next);
	}
}

/* The driver's table elsewhere in memory; it must be the whole chain (2.7.5.3). */
static bool walk_indirect(struct virtio_chain *chain, const struct mem_view *view,
			  struct vring_desc desc)
{
	unsigned n = desc.len / sizeof(desc);
	const uint8_t *table;

	if ((desc.flags & VRING_DESC_F_NEXT) || desc.len % sizeof(desc) != 0 || n == 0 ||
	    n > VIRTIO_QUEUE_MAX)
		return false;
	table = piece(view, desc.addr, desc.len, 1, false);
	return table && walk(chain, view, table, n, fetch(table, 0));
}

enum virtio_pop virtio_queue_pop(struct virtio_queue *queue, const struct virtio_rings *rings,
				 const struct mem_view *view, struct virtio_chain *chain)
{
	/* Acquire: what the driver wrote before it moved the index. */
	uint16_t idx = __atomic_load_n(&rings->avail[AVAIL_IDX], __ATOMIC_ACQUIRE);
	uint16_t pending = (uint16_t)(idx - queue->next_avail);
	struct vring_desc desc;
	bool sound;

	if (pending == 0)
		return VIRTIO_POP_NONE;
	/* Each chain takes a descriptor, so a driver cannot have more of them out than there are. */
	if (pending > queue->size || queue->outstanding >= queue->size)
		return VIRTIO_POP_BROKEN;
	chain->head = queue_load(&rings->avail[AVAIL_RING + queue->next_avail % queue->size]);
	if (chain->head >= queue->size)
		return VIRTIO_POP_BROKEN;
	chain->out_n = chain->in_n = 0;
	chain->out_len = chain->in_len = 0;
	desc = fetch(rings->desc, chain->head);
	if ((desc.flags & VRING_DESC_F_INDIRECT) && queue->indirect)
		sound = walk_indirect(chain, view, desc);
	else
		sound = walk(chain, view, rings->desc, queue->size, desc);
	if (!sound)
		return VIRTIO_POP_BROKEN;
	queue->next_avail++;
	queue->outstanding++;
	return VIRTIO_POP_CHAIN;
}

/* Some 16-bit words of the used ring were written. */
static void used_written(const struct virtio_queue *queue, const struct virtio_rings *rings,
			 unsigned word, unsigned words)
{
	mem_view_wrote(rings->view, queue->device + 2 * (uint64_t)word, 2 * (uint64_t)words);
}

void virtio_queue_push(struct virtio_queue *queue, const struct virtio_rings *rings, uint16_t head,
		       uint32_t len)
{
	unsigned at = USED_RING + USED_ENTRY * (queue->next_used % queue->size);
	uint32_t *entry = (uint32_t *)(void *)&rings->used[at];

	assert(queue->outstanding > 0);
	queue->outstanding--;
	__atomic_store_n(&entry[0], head, __ATOMIC_RELAXED);
	__atomic_store_n(&entry[1], len, __ATOMIC_RELAXED);
	queue->next_used++;
	/* Release: the entry, and the data and status before it. */
	__atomic_store_n(&rings->used[USED_IDX], queue->next_used, __ATOMIC_RELEASE);
	used_written(queue, rings, at, USED_ENTRY);
	used_written(queue, rings, USED_IDX, 1);
}

/* True if event lies in what was passed on the way from old to now, all modulo 2^16 (2.7.7.1). */
static bool passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool virtio_queue_interrupts(struct virtio_queue *queue, const struct virtio_rings *rings)
{
	uint16_t old = queue->told_used;

	if (old == queue->next_used)
		return false;
	queue->told_used = queue->next_used;
	/* The index must be out before the driver's wish is read: it does the same the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_idx)
		return !(queue_load(&rings->avail[AVAIL_FLAGS]) & VRING_AVAIL_F_NO_INTERRUPT);
	return passed(queue_load(&rings->avail[AVAIL_RING + queue->size]), queue->next_used, old);
}

bool virtio_queue_rearm(const struct virtio_queue *queue, const struct virtio_rings *rings)
{
	unsigned event = USED_RING + USED_ENTRY * queue->size;

	if (queue->event_idx) {
		queue_store(&rings->used[event], queue->next_avail);
		used_written(queue, rings, event, 1);
	}
	/* The wish must be out before the index is looked at again. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue_load(&rings->avail[AVAIL_IDX]) != queue->next_avail;
}

bool virtio_take_front(struct iovec **iov, unsigned *iov_n, void *to, size_t len)
{
	uint8_t *out = to;
	uint64_t have = 0;

	for (unsigned i = 0; i < *iov_n && have < len; i++)
		have += (*iov)[i].iov_len;
	if (have < len)
		return false;
	while (len > 0) {
		struct iovec *first = *iov;
		size_t n = first->iov_len < len ? first->iov_len : len;

		if (out) {
			memcpy(out, first->iov_base, n);
			out += n;
		}
		len -= n;
		first->iov_base = (uint8_t *)first->iov_base + n;
		first->iov_len -= n;
		if (first->iov_len == 0) {
			(*iov)++;
			(*iov_n)--;
		}
	}
	/* The compiler must not look at guest memory again for what is in the copy. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

uint8_t *virtio_take_last(struct iovec *iov, unsigned *iov_n)
{
	struct iovec *last;

	if (*iov_n == 0)
		return NULL;
	last = &iov[*iov_n - 1];
	assert(last->iov_len > 0);
	if (--last->iov_len == 0)
		(*iov_n)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

size_t virtio_put(const struct iovec *iov, unsigned iov_n, const void *from, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < iov_n && done < len; i++) {
		size_t n = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

		memcpy(iov[i].iov_base, (const uint8_t *)from + done, n);
		done += n;
	}
	return done;
}
