// SPDX-License-Identifier: MIT
/* "virtio-blk-pci": a virtio disk as a device of a list, with the block that a -drive names. */
#pragma once

#include "dev/device.h"
#include "dev/drive.h"
#include "dev/virtio_blk.h"

struct virtio_blk_pci {
	struct device device;
	struct drive shown;
	const char *drive, *serial;
	int32_t bootindex; /* lowest first; -1: after all that have one */
	struct pci_slot slot;
	struct virtio_blk blk;
};

extern const struct device_type virtio_blk_pci_type;
