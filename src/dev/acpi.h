// SPDX-License-Identifier: MIT
/*
 * ACPI tables of the PC (ACPI 2.0, chapter 5), handed to firmware as files of the firmware
 * configuration device: etc/acpi/tables, etc/acpi/rsdp, and etc/table-loader, the script that says
 * where pointers and checksums go once firmware has chosen addresses. Used once, before the machine
 * runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dev/fw_cfg.h"

struct acpi_options {
	unsigned cpus; /* 1 to 255; APIC ids from 0 */
	/* CMOS indices for the FADT; 0: the clock chip has no such byte. */
	uint8_t rtc_day_alarm, rtc_month_alarm, rtc_century;
	uint16_t pm_base; /* where firmware puts the power management registers */
	uint32_t pci_first; /* the window of PCI memory below 4 GiB; it ends at 0xfebfffff */
	uint64_t pci64_first, pci64_size; /* ... and above; size 0: none */
	uint8_t serial_ports; /* a bit for each of COM1 to COM4 that is there */
	uint8_t parallel_ports; /* and of LPT1 to LPT3 */
	bool suspend; /* offer S3 */
};

/* 0 or an error of fw_cfg_add_file(). */
int acpi_add_tables(struct fw_cfg *fw_cfg, const struct acpi_options *options)
	__attribute__((warn_unused_result));
