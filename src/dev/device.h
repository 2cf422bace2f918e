// SPDX-License-Identifier: MIT
/*
 * Devices as a list. What a chip is to the rest of the program stands in one constant struct
 * device_type in the chip's own file; every chip's struct begins with a struct device. Whatever is
 * done to all devices (reset, pause, save, compare, list their properties) is a walk over the list of
 * those that were made, or over the array of the types that there are.
 *
 * A list belongs to the thread of the machine's loop. Its functions are called while no vCPU runs or
 * before any does, unless they say otherwise; hooks are called on that thread, with no lock held.
 *
 * docs/architecture.md walks through a new device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prop.h"
#include "base/state.h"
#include "dev/place.h"

enum device_bus {
	DEVICE_BUS_NONE, /* on the board: wires of its own */
	DEVICE_BUS_ISA, /* "isa.0" */
	DEVICE_BUS_PCI, /* "pci.0" */
	DEVICE_BUS_IDE, /* "ide.0" and "ide.1"; which one is a property of its devices */
	DEVICE_BUSES,
};

/* What a device is for; lists of devices are in this order. */
enum device_group {
	DEVICE_BRIDGE,
	DEVICE_STORAGE,
	DEVICE_INPUT,
	DEVICE_DISPLAY,
	DEVICE_MISC,
	DEVICE_GROUPS,
};

struct device;

/* One of the structs that make up a chip's state. */
struct device_part {
	const struct state_table *table; /* NULL: the end */
	size_t at; /* of the struct in the chip's */
};

#define DEVICE_PART(state, type, member)                                                           \
	{                                                                                          \
		.table = &(state), .at = offsetof(type, member)                                    \
	}
/* State that lies directly in the chip's struct. */
#define DEVICE_PART_SELF(state)                                                                    \
	{                                                                                          \
		.table = &(state)                                                                  \
	}

struct device_type {
	const char *name; /* QEMU's */
	const char *about; /* one line for lists and the manual */
	enum device_bus bus;
	enum device_group group;
	bool user; /* -device may make one; the others are the board's */
	size_t size; /* of the chip's struct, which begins with struct device */
	const struct prop *props; /* ends with a NULL name; NULL: none */
	/* Further sense of what was said, before the machine is made. 0 or -EINVAL. May be NULL. */
	int (*check)(const struct device *device, struct error *err);
	/*
	 * Puts it into place, powered on; the struct is zeroed but for the properties. In a
	 * transaction of the map. 0 or -errno with err set, and then nothing of it is left there.
	 */
	int (*create)(struct device *device, struct place *place, struct error *err);
	/* All that follow may be NULL. */
	void (*reset)(struct device *device); /* as after the reset line was pulled */
	void (*quiesce)(struct device *device); /* finishes what runs, starts nothing ... */
	void (*resume)(struct device *device); /* ... until this */
	const struct device_part *state; /* what is saved, compared and printed */
	void (*restored)(struct device *device); /* lines and timers follow the state */
	/* Instead of .state as it stands in memory: as many bytes, for times on a clock. */
	void (*save)(struct device *device, uint8_t *out);
	void (*restore)(struct device *device, const uint8_t *in);
	/*
	 * For what firmware can start from: its place in the boot order (-1: behind all that have
	 * one) and its path in the form of Open Firmware, without a newline.
	 */
	int32_t (*boot)(const struct device *device, char *path, size_t size);
	char boot_kind; /* what -boot order= calls it: 'c' a disk, 'd' a CD-ROM; 0: nothing */
	/* What it registered with others (timers, tasks, back-ends, locks) is gone. */
	void (*destroy)(struct device *device);
};

struct device {
	const struct device_type *type;
	const char *id; /* or NULL */
	struct arena texts; /* of its properties */
	TAILQ_ENTRY(device) next;
};

TAILQ_HEAD(device_list, device);

/* What the user says of one device; texts are borrowed. */
struct device_spec {
	const char *type; /* its name */
	const char *props; /* "iobase=0x3f8,irq=4", or NULL */
};

/* A property of every device of a type; texts are borrowed. */
struct device_global {
	const char *type, *prop, *value;
};

/* The types that there are: an array of pointers that ends with NULL; and what holds for all. */
struct device_types {
	const struct device_type *const *types;
	const struct device_global *globals;
	size_t globals_n;
};

/* What can be said of devices of this type, "id" and "bus" included. */
struct props device_props(const struct device_type *type);
/* The type of that name, or NULL. */
const struct device_type *device_find_type(const struct device_type *const *types,
					   const char *name);
/* "ISA", "PCI"; NULL: on no bus that has a name. */
const char *device_bus_name(enum device_bus bus);

/* Whether a device of this type could have this property. 0 or -EINVAL. */
int device_check_global(const struct device_type *type, const struct device_global *global,
			struct error *err) __attribute__((warn_unused_result));

/*
 * A device as the spec says, in no place yet: defaults, then globals, then its own properties. NULL
 * with err set, which begins with the type's name where that helps.
 */
struct device *device_new(const struct device_types *types, const struct device_spec *spec,
			  struct error *err);
/* One that device_new() made and that is in no place. NULL is ignored. */
void device_free(struct device *device);

/* device_new() and create(), to the end of the list. 0 or -errno with err set. */
int device_make(struct device_list *list, const struct device_types *types,
		const struct device_spec *spec, struct place *place, struct error *err)
	__attribute__((warn_unused_result));
/* The first device of this type, or NULL. */
struct device *device_find(const struct device_list *list, const struct device_type *type);

/* In the order of the list. */
void device_list_reset(struct device_list *list);
void device_list_quiesce(struct device_list *list);
void device_list_resume(struct device_list *list);
/*
 * The last first: destroys and frees them all. Regions are left to the map, in which nobody may look
 * anything up any more.
 */
void device_list_destroy(struct device_list *list);

/* Bytes of the saved form, every device in the order of the list. */
size_t device_list_size(const struct device_list *list);
void device_list_save(struct device_list *list, uint8_t *out);
/* What device_list_save() wrote of a list of the same devices. */
void device_list_restore(struct device_list *list, const uint8_t *in);
/* The state of a device as text, a line for each part. */
void device_print(const struct device *device, FILE *out);

/* Where two devices of one type differ. */
struct device_difference {
	const struct device_part *part;
	const struct state_field *field;
	size_t index;
};
bool device_differs(const struct device *a, const struct device *b,
		    struct device_difference *difference);
