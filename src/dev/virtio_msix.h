// SPDX-License-Identifier: MIT
/*
 * Message-signalled interrupts of a PCI function (PCI Local Bus Specification 3.0, 6.8.2): the
 * MSI-X capability, its table and its pending bits. Embedded in a chip; everything is called with
 * the chip's lock held. A message is a write of the function to memory, so without bus mastering
 * it stays pending like that of a masked vector.
 */
#pragma once

#include <stdint.h>

#include "base/state.h"
#include "dev/pci.h"

#define VIRTIO_VECTORS_MAX 4
#define VIRTIO_MSIX_ENTRY  16 /* bytes of a vector in the table */

struct virtio_msix {
	struct pci_function *function;
	unsigned vectors_n;
	unsigned capability; /* offset in configuration space */
	uint64_t failed; /* messages that the host did not take */
	/* State. */
	uint32_t table[VIRTIO_VECTORS_MAX * 4]; /* address, upper address, data, control */
	uint32_t pending; /* one bit a vector */
	uint8_t enabled, masked; /* copies of the capability's bits */
};

extern const struct state_table virtio_msix_state;

/* Adds the capability; table and pending bits are at these offsets of that BAR. */
void virtio_msix_init(struct virtio_msix *msix, struct pci_function *function, unsigned vectors_n,
		      unsigned bar, uint32_t table, uint32_t pending);
/* As after power-on: all vectors masked. */
void virtio_msix_reset(struct virtio_msix *msix);
/* The function's configuration may have changed (bus lock held): sends what no longer has to wait. */
void virtio_msix_refresh(struct virtio_msix *msix);

/* 32-bit accesses; offset from the start of the table, or of the pending bits. */
uint32_t virtio_msix_read(const struct virtio_msix *msix, unsigned offset);
void virtio_msix_write(struct virtio_msix *msix, unsigned offset, uint32_t value);
uint32_t virtio_msix_pending(const struct virtio_msix *msix, unsigned offset);

/* Sends a vector's message, now or when it may be sent. What is not a vector is ignored. */
void virtio_msix_raise(struct virtio_msix *msix, unsigned vector);
