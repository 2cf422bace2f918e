// SPDX-License-Identifier: MIT
/*
 * The registers in the BAR of a virtio device: between virtio_regs.c, which decodes them, and
 * virtio_pci.c, which does what they mean. Internal to the transport; the chip's lock is held.
 */
#pragma once

#include "dev/virtio_pci.h"

#define VIRTIO_REGS_COMMON      0x0000
#define VIRTIO_REGS_ISR         0x1000
#define VIRTIO_REGS_DEVICE      0x2000
#define VIRTIO_REGS_DEVICE_LEN  0x1000
#define VIRTIO_REGS_NOTIFY      0x3000
#define VIRTIO_REGS_NOTIFY_EACH 4
#define VIRTIO_REGS_MSIX        0x4000
#define VIRTIO_REGS_PENDING     0x5000
#define VIRTIO_REGS_SIZE        0x8000

#define VIRTIO_REGS_ISR_QUEUE  1
#define VIRTIO_REGS_ISR_CONFIG 2

void virtio_regs_init(struct mem_region *bar, struct virtio_pci *pci);

/* Has the loop's thread serve a queue. */
void virtio_pci_ring(struct virtio_pci *pci, unsigned queue);
/* The interrupt status or the way of interrupting has changed. */
void virtio_pci_refresh_intx(struct virtio_pci *pci);
/* The driver broke a rule. */
void virtio_pci_break(struct virtio_pci *pci);
/* The driver wrote 0 to the status register. */
void virtio_pci_driver_reset(struct virtio_pci *pci);
/* The driver has set DRIVER_OK. */
void virtio_pci_start(struct virtio_pci *pci);
