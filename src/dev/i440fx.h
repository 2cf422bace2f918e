// SPDX-License-Identifier: MIT
/*
 * Intel 82441FX (440FX PMC): host bridge at 00:00.0. CONFIG_ADDRESS and CONFIG_DATA, the seven PAM
 * registers that choose between RAM and PCI for each part of 0xc0000-0xfffff, and SMRAM.
 * Source: Intel 290549, chapter 3. Its registers are protected by the lock of the bus.
 *
 *	0xcf8  0xcf9  0xcfa  0xcfb | 0xcfc .. 0xcff
 *	CONFIG_ADDRESS, 32 bits    | CONFIG_DATA, 8, 16 or 32 bits
 *	       reset control, 8 bits (the ISA bridge's)
 *
 * PAM: what the processor sees, by the two bits of a part:
 *
 *	write read
 *	  0    0    PCI: what the memory root shows there without us
 *	  0    1    RAM, writes go nowhere
 *	  1    1    RAM
 *	  1    0    PCI (the chip would let writes through to RAM; here they go nowhere, because
 *		    code running from ROM at that address must stay executable)
 */
#pragma once

#include <stdint.h>

#include "dev/pci.h"
#include "mem/region.h"

#define I440FX_PAM       0x59 /* first of seven registers */
#define I440FX_PAM_PARTS 13
#define I440FX_SMRAM     0x72

struct i440fx_options {
	/*
	 * System memory, where address 0 is offset 0. The board leaves 0xa0000-0xfffff free of RAM;
	 * what it shows there (ROM, or nothing) is the PCI side of PAM.
	 */
	struct mem_region *memory;
	struct mem_region *ram; /* at least 1 MiB; offset = guest address there */
	struct place_reset_control reset_control;
};

struct i440fx {
	struct device device;
	struct pci_function function;
	struct place_reset_control reset_control;
	struct mem_region ports;
	struct mem_region part_ram[I440FX_PAM_PARTS]; /* read and write */
	struct mem_region part_rom[I440FX_PAM_PARTS]; /* read only */
	struct mem_region smram;
	struct mem_request request; /* PAM or SMRAM changed */
	uint32_t config_address; /* state */
};

/* Besides pci_function_state of .function. */
extern const struct state_table i440fx_state;

/* "i440FX": shows the place's reset control, so that must be there already. */
extern const struct device_type i440fx_type;

/* Puts the bridge on the bus, its ports at 0xcf8 into the bus's port space, its windows into memory. */
void i440fx_init(struct i440fx *bridge, struct pci_bus *bus, const struct i440fx_options *options);
/* After pci_function_reset(). */
void i440fx_reset(struct i440fx *bridge);
