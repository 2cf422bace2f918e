// SPDX-License-Identifier: MIT
/* What a machine does to its PCI devices one by one, here to all functions of a bus. */
#pragma once

#include "dev/pci.h"

static inline void pci_all_reset(struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		if (bus->functions[i])
			pci_function_reset(bus->functions[i]);
	}
}

static inline void pci_all_refresh(struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		if (bus->functions[i])
			pci_function_refresh(bus->functions[i]);
	}
}
