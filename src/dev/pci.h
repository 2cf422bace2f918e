// SPDX-License-Identifier: MIT
/*
 * PCI bus 0: configuration space, BARs and interrupt pins (PCI Local Bus Specification 3.0).
 *
 * The host bridge turns CONFIG_ADDRESS/CONFIG_DATA into pci_bus_read/write, which take the bus lock
 * (LOCK_BUS). A function is embedded in its chip. BARs are regions that the chip makes; the bus
 * puts them into the memory or port space as the guest programs them, by requests to the map that
 * are carried out after the access (mem/map.h). Offsets are in bytes, all values little-endian.
 *
 * A pin's level and the interrupt-disable bit meet under a lock of their own (LOCK_INTX), so that a
 * chip may drive its pin with its lock held while the guest writes the command register.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "mem/map.h"

#define PCI_CONFIG_SIZE 256
#define PCI_BARS        7 /* the last one is the expansion ROM's */
#define PCI_ROM         6
#define PCI_FUNCTIONS   256 /* devfn: device << 3 | function */

/* Configuration header, type 0 (6.1) */
#define PCI_VENDOR_ID            0x00
#define PCI_DEVICE_ID            0x02
#define PCI_COMMAND              0x04
#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_SERR         0x0100
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS               0x06
#define PCI_STATUS_INTX          0x0008
#define PCI_STATUS_CAPABILITIES  0x0010
#define PCI_REVISION             0x08
#define PCI_PROG_IF              0x09
#define PCI_SUBCLASS             0x0a
#define PCI_CLASS                0x0b
#define PCI_CACHE_LINE           0x0c
#define PCI_LATENCY              0x0d
#define PCI_HEADER_TYPE          0x0e
#define PCI_BAR(index)           ((index) == PCI_ROM ? 0x30u : 0x10u + 4u * (index))
#define PCI_BAR_PREFETCH         0x8u
#define PCI_BAR_ROM_ENABLE       0x1u /* of the expansion ROM's (6.2.5.2) */
#define PCI_SUBSYSTEM_VENDOR     0x2c
#define PCI_SUBSYSTEM            0x2e
#define PCI_CAPABILITIES         0x34
#define PCI_INTERRUPT_LINE       0x3c
#define PCI_INTERRUPT_PIN        0x3d

#define PCI_HEADER_MULTIFUNCTION 0x80

#define PCI_SLOTS                   32
#define PCI_DEVFN(device, function) ((uint8_t)((device) << 3 | (function)))

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_PORT, PCI_BAR_MEM32, PCI_BAR_MEM64, PCI_BAR_ROM };

struct pci_bar {
	enum pci_bar_kind kind;
	uint64_t size; /* a power of two; at least 16 for memory, 4 for ports */
	struct mem_region *region; /* made by the chip */
	struct mem_request request; /* what was last asked of the map */
};

/* What makes up the header; constant data of a chip. */
struct pci_id {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint8_t revision, prog_if, subclass, class_code;
	uint8_t interrupt_pin; /* 0: none, 1: INTA */
	uint8_t header_type;
};

struct pci_function {
	const char *name;
	const char *device_id; /* what the user calls the device, or NULL; set by its chip */
	struct pci_bus *bus;
	uint8_t devfn;
	/* State: protected by the bus lock. */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the guest may change */
	uint8_t clear[PCI_CONFIG_SIZE]; /* bits that writing 1 clears */
	uint8_t reset[PCI_CONFIG_SIZE]; /* what a reset puts back */
	struct pci_bar bars[PCI_BARS];
	uint8_t next_capability; /* where the next one is laid out */
	/* Chip's hooks, bus lock held; each may be NULL. */
	void (*config_written)(void *chip, unsigned offset, unsigned width);
	/* All of it changed: a reset or a restore. */
	void (*config_replaced)(void *chip);
	/* Replaces reading at these offsets; false: read as plain configuration. */
	bool (*config_read)(void *chip, unsigned offset, unsigned width, uint32_t *value);
	void *chip;
	bool intx; /* the level the chip drives; protected by the bus's intx_lock */
	atomic_uint command; /* a copy of the command register, for readers without the bus lock */
};

/* Where INTx pins end: (device, pin 0-3, level). The lock of the pins is held (LOCK_INTX). */
struct pci_intx_sink {
	void (*set)(void *arg, unsigned device, unsigned pin, bool level);
	void *arg;
};

struct pci_bus {
	struct device device;
	struct lock lock; /* LOCK_BUS */
	struct lock intx_lock; /* LOCK_INTX: levels of the pins */
	struct mem_map *map;
	struct mem_region *memory,
		*ports; /* where BARs go: containers that start at bus address 0 */
	struct pci_function *functions[PCI_FUNCTIONS];
	struct pci_intx_sink intx;
	struct msi_sink msi;
};

/* What a save has to carry of a function: struct pci_function. Follow a restore by pci_function_refresh(). */
extern const struct state_table pci_function_state;

/* "i440FX-pcihost": bus 0, whose pins end at the place's router; it becomes the place's pci. */
extern const struct device_type pci_bus_type;

/* Where a function shall be, as the properties of a device say it. */
struct pci_slot {
	int32_t devfn; /* -1: function 0 of the first free slot */
	bool multifunction; /* function 0: there may be others beside it */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a member's name cannot stand in parentheses. */
/* Rows of a device's properties; member is a struct pci_slot of the struct. */
#define PCI_PROPS(type, member)                                                                    \
	{ "addr",                                                                                  \
	  PROP_SLOT,                                                                               \
	  PROP_AT(type, member.devfn),                                                             \
	  .value = -1,                                                                             \
	  .form = "addr=SLOT[.FUNCTION]",                                                          \
	  .help = "its place on the bus, in hexadecimal (default the first free slot)" },          \
	{                                                                                          \
		"multifunction", PROP_BOOL, PROP_AT(type, member.multifunction),                   \
			.form = "multifunction=on|off",                                            \
			.help = "whether the slot may have other functions (default off)"          \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

void pci_bus_init(struct pci_bus *bus, struct mem_map *map, struct mem_region *memory,
		  struct mem_region *ports, struct pci_intx_sink intx, struct msi_sink msi);
void pci_bus_destroy(struct pci_bus *bus);

/*
 * Finds the place for a device called name; *devfn is then free, and stays so as long as nobody else
 * puts functions on the bus. 0, -EBUSY (taken) or -ENOSPC (no slot is free) with err set.
 */
int pci_bus_choose(struct pci_bus *bus, const struct pci_slot *wanted, const char *name,
		   uint8_t *devfn, struct error *err) __attribute__((warn_unused_result));

/* Lays out the header of a function that shall be at devfn. BARs and capabilities come behind it. */
void pci_function_init(struct pci_function *function, struct pci_bus *bus, uint8_t devfn,
		       const char *name, const struct pci_id *id, void *chip);
/*
 * Gives the function a BAR; region is added (disabled) to the right container. index + 1 is used
 * too by MEM64. The expansion ROM (PCI_BAR_ROM) is the one at index PCI_ROM, of 2 KiB or more.
 */
void pci_bar_init(struct pci_function *function, unsigned index, enum pci_bar_kind kind,
		  uint64_t size, struct mem_region *region);
/*
 * Puts the function, all of it laid out, on the bus: from now on the guest finds it. Its place must be
 * free. Outside of the guest's accesses; the machine may run.
 */
void pci_function_add(struct pci_function *function);
/*
 * Takes the function off the bus while the machine runs: configuration accesses find nothing, the pin
 * is low, no BAR is in the map, nothing that was asked of the map for one is still to come. Loop's
 * thread, no lock held. 0, or -ENOMEM and nothing has changed.
 *
 * When the chip may be freed: an access that began before may still be inside one of its handlers.
 * So the order is
 *
 *	pci_function_remove()
 *	later, as often as it takes: pci_function_forgotten()
 *	the chip's own: requests and regions besides the BARs (the same rule), timers, tasks, watches
 *	then its locks and its memory
 *
 * Meanwhile the chip may go on driving its pin, which leads nowhere, and another function may take
 * its place on the bus.
 */
int pci_function_remove(struct pci_function *function) __attribute__((warn_unused_result));
/* After that: nobody is in a handler of a BAR, and nobody can get there. Loop's thread, no lock held. */
bool pci_function_forgotten(struct pci_function *function);

/* Appends a capability of len bytes (id and next pointer included); its offset in configuration space. */
unsigned pci_capability_add(struct pci_function *function, uint8_t id, unsigned len);
/* Before the machine runs: a register's value after reset, and its bits that the guest may change. */
void pci_config_init(struct pci_function *function, unsigned offset, unsigned width, uint32_t value,
		     uint32_t writable);

/* The function's configuration space as it stands, for its chip, with the bus lock held. */
uint32_t pci_config_get(const struct pci_function *function, unsigned offset, unsigned width);
void pci_config_set(struct pci_function *function, unsigned offset, unsigned width, uint32_t value);

/* Drives the function's pin. Any thread, chip lock held or not. Honours the interrupt-disable bit. */
void pci_intx_set(struct pci_function *function, bool level);

/* Configuration accesses of width 1, 2 or 4, not crossing a dword. Absent functions read as ones. */
uint32_t pci_bus_read(struct pci_bus *bus, unsigned devfn, unsigned offset, unsigned width);
void pci_bus_write(struct pci_bus *bus, unsigned devfn, unsigned offset, uint32_t value,
		   unsigned width);
/* The same for a host bridge whose own registers are protected by the bus lock: held by the caller. */
uint32_t pci_bus_read_locked(struct pci_bus *bus, unsigned devfn, unsigned offset, unsigned width);
void pci_bus_write_locked(struct pci_bus *bus, unsigned devfn, unsigned offset, uint32_t value,
			  unsigned width);

/* Configuration space and BARs as after power-on. The chip's own reset comes after. */
void pci_function_reset(struct pci_function *function);
/* The configuration space was restored: makes BARs and the pin follow it. */
void pci_function_refresh(struct pci_function *function);

/* The function as firmware's boot order names it: "/pci@i0cf8/KIND@SLOT[,FUNCTION]". */
void pci_boot_path(const struct pci_function *function, const char *kind, char *path, size_t size);

/* True while the guest has bus mastering on: a function that is not a master must not touch memory. Any thread. */
bool pci_is_master(const struct pci_function *function);
