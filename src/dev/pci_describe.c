// SPDX-License-Identifier: MIT
#include "dev/pci_describe.h"

static void describe_bars(const struct pci_function *function, struct pci_function_info *info)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &function->bars[i];

		if (bar->kind == PCI_BAR_NONE)
			continue;
		info->bars[info->bars_n++] = (struct pci_bar_info){
			.index = i,
			.kind = bar->kind,
			.size = bar->size,
			.mapped = bar->request.enabled,
			.addr = bar->request.offset,
			.prefetch = bar->kind != PCI_BAR_PORT && bar->kind != PCI_BAR_ROM &&
				    pci_config_get(function, PCI_BAR(i), 4) & PCI_BAR_PREFETCH,
		};
	}
}

bool pci_bus_describe(struct pci_bus *bus, uint8_t devfn, struct pci_function_info *info)
{
	const struct pci_function *function;

	lock_take(&bus->lock);
	function = bus->functions[devfn];
	if (function) {
		*info = (struct pci_function_info){
			.name = function->name,
			.device_id = function->device_id ? function->device_id : "",
			.devfn = devfn,
			.id = {
				.vendor = (uint16_t)pci_config_get(function, PCI_VENDOR_ID, 2),
				.device = (uint16_t)pci_config_get(function, PCI_DEVICE_ID, 2),
				.subsystem_vendor =
					(uint16_t)pci_config_get(function, PCI_SUBSYSTEM_VENDOR, 2),
				.subsystem = (uint16_t)pci_config_get(function, PCI_SUBSYSTEM, 2),
				.revision = (uint8_t)pci_config_get(function, PCI_REVISION, 1),
				.prog_if = (uint8_t)pci_config_get(function, PCI_PROG_IF, 1),
				.subclass = (uint8_t)pci_config_get(function, PCI_SUBCLASS, 1),
				.class_code = (uint8_t)pci_config_get(function, PCI_CLASS, 1),
				.interrupt_pin =
					(uint8_t)pci_config_get(function, PCI_INTERRUPT_PIN, 1),
				.header_type =
					(uint8_t)pci_config_get(function, PCI_HEADER_TYPE, 1),
			},
			.interrupt_line = (uint8_t)pci_config_get(function, PCI_INTERRUPT_LINE, 1),
		};
		describe_bars(function, info);
	}
	lock_drop(&bus->lock);
	return function;
}
