// SPDX-License-Identifier: MIT
#include "dev/virtio_msix.h"

#include <assert.h>

#include "base/lock.h"

#define CAP_ID      0x11
#define CAP_LEN     12
#define CAP_CONTROL 2
#define CAP_TABLE   4
#define CAP_PENDING 8

#define CONTROL_MASKED  0x4000u
#define CONTROL_ENABLED 0x8000u

/* Words of an entry. */
#define ENTRY_ADDR    0
#define ENTRY_UPPER   1
#define ENTRY_DATA    2
#define ENTRY_CONTROL 3
#define ENTRY_WORDS   4

#define VECTOR_MASKED 1u

static const struct state_field msix_fields[] = {
	{ STATE_ARRAY_AT(struct virtio_msix, table), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_msix, pending), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_msix, enabled), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_msix, masked), .on_reset = STATE_CLEAR },
};

const struct state_table virtio_msix_state = {
	.name = "virtio-msix",
	.version = 1,
	.fields = msix_fields,
	.fields_n = sizeof(msix_fields) / sizeof(msix_fields[0]),
};

void virtio_msix_init(struct virtio_msix *msix, struct pci_function *function, unsigned vectors_n,
		      unsigned bar, uint32_t table, uint32_t pending)
{
	unsigned at;

	assert(vectors_n > 0 && vectors_n <= VIRTIO_VECTORS_MAX);
	assert(table % 8 == 0 && pending % 8 == 0);
	at = pci_capability_add(function, CAP_ID, CAP_LEN);
	pci_config_init(function, at + CAP_CONTROL, 2, vectors_n - 1,
			CONTROL_MASKED | CONTROL_ENABLED);
	pci_config_init(function, at + CAP_TABLE, 4, table | bar, 0);
	pci_config_init(function, at + CAP_PENDING, 4, pending | bar, 0);
	*msix = (struct virtio_msix){
		.function = function,
		.vectors_n = vectors_n,
		.capability = at,
	};
	virtio_msix_reset(msix);
}

void virtio_msix_reset(struct virtio_msix *msix)
{
	state_reset(&virtio_msix_state, msix);
	for (unsigned i = 0; i < VIRTIO_VECTORS_MAX; i++)
		msix->table[i * ENTRY_WORDS + ENTRY_CONTROL] = VECTOR_MASKED;
}

static void msix_send(struct virtio_msix *msix, unsigned vector)
{
	const uint32_t *entry = &msix->table[vector * ENTRY_WORDS];
	const struct msi_sink *sink = &msix->function->bus->msi;
	uint64_t addr = entry[ENTRY_ADDR] | (uint64_t)entry[ENTRY_UPPER] << 32;

	if (!msix->enabled || msix->masked || (entry[ENTRY_CONTROL] & VECTOR_MASKED) ||
	    !pci_is_master(msix->function)) {
		msix->pending |= 1u << vector;
		return;
	}
	msix->pending &= ~(1u << vector);
	if (sink->send && sink->send(sink->arg, addr, entry[ENTRY_DATA]))
		msix->failed++;
}

static void send_pending(struct virtio_msix *msix)
{
	for (unsigned i = 0; i < msix->vectors_n; i++) {
		if (msix->pending & (1u << i))
			msix_send(msix, i);
	}
}

void virtio_msix_refresh(struct virtio_msix *msix)
{
	uint32_t control = pci_config_get(msix->function, msix->capability + CAP_CONTROL, 2);

	msix->enabled = (control & CONTROL_ENABLED) != 0;
	msix->masked = (control & CONTROL_MASKED) != 0;
	send_pending(msix);
}

uint32_t virtio_msix_read(const struct virtio_msix *msix, unsigned offset)
{
	return offset / VIRTIO_MSIX_ENTRY < msix->vectors_n ? msix->table[offset / 4] : 0;
}

void virtio_msix_write(struct virtio_msix *msix, unsigned offset, uint32_t value)
{
	unsigned word = offset / 4 % ENTRY_WORDS;

	if (offset / VIRTIO_MSIX_ENTRY >= msix->vectors_n)
		return;
	if (word == ENTRY_CONTROL)
		value &= VECTOR_MASKED;
	if (word == ENTRY_ADDR)
		value &= ~3u;
	msix->table[offset / 4] = value;
	if (word == ENTRY_CONTROL)
		send_pending(msix);
}

uint32_t virtio_msix_pending(const struct virtio_msix *msix, unsigned offset)
{
	return offset == 0 ? msix->pending : 0;
}

void virtio_msix_raise(struct virtio_msix *msix, unsigned vector)
{
	if (vector < msix->vectors_n)
		msix_send(msix, vector);
}
