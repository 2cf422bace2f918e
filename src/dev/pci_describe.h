// SPDX-License-Identifier: MIT
/*
 * What is on a PCI bus, as it stands now, for whoever asks from outside of the guest.
 */
#pragma once

#include "dev/pci.h"

struct pci_bar_info {
	unsigned index; /* 0 to 5 */
	enum pci_bar_kind kind;
	bool prefetch; /* memory without effects of reading (6.2.5.1, bit 3) */
	bool mapped; /* the guest put it at addr and enabled it */
	uint64_t addr, size; /* bytes */
};

struct pci_function_info {
	const char *name; /* of the part; constant */
	const char *device_id; /* what the user calls the device, or ""; lives as long as it does */
	uint8_t devfn;
	struct pci_id id;
	uint8_t interrupt_line; /* what firmware wrote there */
	struct pci_bar_info bars[PCI_BARS];
	unsigned bars_n;
};

/* False: there is no function. Loop's thread, no lock held. */
bool pci_bus_describe(struct pci_bus *bus, uint8_t devfn, struct pci_function_info *info);
