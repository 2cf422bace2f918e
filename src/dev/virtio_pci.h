// SPDX-License-Identifier: MIT
/*
 * The modern virtio transport over PCI (Virtual I/O Device 1.2, 4.1): vendor capabilities, the
 * common configuration, notifications and interrupts, by MSI-X or INTx. Embedded in a chip of some
 * virtio type, which takes the chains and gives them back.
 *
 * One memory BAR holds everything:
 *
 *	0x0000 common configuration     0x3000 notifications, 4 bytes a queue
 *	0x1000 interrupt status         0x4000 MSI-X table
 *	0x2000 device configuration     0x5000 MSI-X pending bits
 *
 * Registers are written by vCPU threads under the chip's lock (LOCK_DEVICE). Queues are served on
 * the loop's thread alone, woken by an eventfd for each queue, which an accelerator may let the
 * guest write without leaving the kernel. A driver that breaks the rules of the rings gets
 * NEEDS_RESET and a configuration interrupt; so does one that takes bus mastering away while the
 * device works for it.
 *
 * A driver's reset with chains in flight ends when the last of them does: until then the status
 * register reads as it was, and other writes go nowhere (4.1.4.3.2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/loop.h"
#include "base/state.h"
#include "base/wake.h"
#include "dev/pci.h"
#include "dev/virtio_msix.h"
#include "dev/virtio_queue.h"
#include "mem/map.h"

#define VIRTIO_QUEUES_MAX (VIRTIO_VECTORS_MAX - 1) /* one vector is for configuration changes */

/* What a type of virtio device is; constant data. */
struct virtio_type {
	const char *name;
	uint8_t id; /* section 5 */
	uint8_t class_code, subclass;
	unsigned queues_n;
	uint16_t queue_size;
	/*
	 * Takes a chain on the loop's thread with the lock held; the arrays are the chip's to
	 * change until it returns. Each chain taken ends in one virtio_pci_finish() or
	 * virtio_pci_forget(). False: the driver broke a rule of this type, and the chain is not
	 * taken.
	 */
	bool (*take)(void *chip, unsigned queue, struct virtio_chain *chain);
	/* After a pass over a queue: the same thread, no lock held. May be NULL. */
	void (*taken)(void *chip);
	/*
	 * The driver's reset waits for the chains that are taken: they are to end soon. The same
	 * thread, no lock held. May be NULL.
	 */
	void (*cancel)(void *chip);
};

struct virtio_pci {
	struct pci_function function;
	const struct virtio_type *type;
	void *chip;
	struct lock lock; /* LOCK_DEVICE: what is below, and the chip */
	struct mem_region bar;
	struct mem_doorbell bells[VIRTIO_QUEUES_MAX];
	struct virtio_bell {
		struct virtio_pci *pci;
		struct wake wake;
		struct loop_watch watch;
	} watches[VIRTIO_QUEUES_MAX];
	struct loop *loop;
	void (*drain)(void *arg);
	void *drain_arg;
	struct mem_hold hold; /* the loop's thread's */
	unsigned window; /* where the configuration access capability is */

	uint64_t features; /* offered */
	const uint8_t *config; /* the type's configuration, constant */
	size_t config_len;

	unsigned in_flight; /* chains that the chip has */
	bool resetting; /* the driver's reset waits for them */
	bool paused; /* queues are not served */
	bool was_master;
	uint64_t broken; /* times the driver broke a rule */
	struct virtio_chain chain; /* the one being taken */

	/* State. */
	uint64_t driver_features;
	uint32_t device_select, driver_select;
	uint16_t config_vector, queue_select;
	uint8_t status, isr;
	struct virtio_msix msix;
	struct virtio_queue queues[VIRTIO_QUEUES_MAX];
};

/* What a save carries, with virtio_msix_state, and virtio_queue_state for each queue. */
extern const struct state_table virtio_pci_state;

struct virtio_pci_options {
	struct pci_bus *bus;
	uint8_t devfn;
	bool multifunction; /* other functions may share the slot */
	struct mem_map *map; /* memory that the device reads and writes */
	struct loop *loop; /* NULL: no eventfds; somebody calls virtio_pci_serve() */
	/*
	 * Delivers every write that waits, on the loop's thread with no lock held. Called when a queue
	 * has been rung for, before it is served: a ring that comes by eventfd may overtake writes that
	 * the same vCPU made before. NULL: no write ever waits.
	 */
	void (*drain)(void *arg);
	void *drain_arg;
	uint64_t features; /* of the type; those of the transport are added */
	const void *config; /* lives as long as the device */
	size_t config_len; /* bytes */
};

/* Puts the device on the bus. 0 or -errno (no eventfd, no room in the loop). */
int virtio_pci_init(struct virtio_pci *pci, const struct virtio_type *type, void *chip,
		    const struct virtio_pci_options *options) __attribute__((warn_unused_result));
/* Nothing may be in flight. */
void virtio_pci_destroy(struct virtio_pci *pci);

/* As after power-on; nothing may be in flight. The bus resets the configuration space. */
void virtio_pci_reset(struct virtio_pci *pci);
/* Stops serving queues; what is in flight stays so. True if that was so already. Loop's thread. */
bool virtio_pci_pause(struct virtio_pci *pci);
void virtio_pci_resume(struct virtio_pci *pci);

/* Takes what is available in a queue, at most its size. Loop's thread, no lock held. */
void virtio_pci_serve(struct virtio_pci *pci, unsigned index);

/*
 * A chain has ended; loop's thread, lock held. True: write the last of the answer and push. False:
 * the device has been reset or broken meanwhile, and memory is not to be touched.
 */
bool virtio_pci_finish(struct virtio_pci *pci) __attribute__((warn_unused_result));
/* The same for a chain that gets no answer: a reset will follow. */
void virtio_pci_forget(struct virtio_pci *pci);
/*
 * The chip wrote to pieces of a chain, or may have: ranges as the chain said them. Also after the
 * device was reset. Loop's thread, lock held.
 */
void virtio_pci_wrote(struct virtio_pci *pci, const struct range *ranges, unsigned ranges_n);
/* Gives a chain back to the driver, len bytes written to it. Loop's thread, lock held. */
void virtio_pci_push(struct virtio_pci *pci, unsigned index, uint16_t head, uint32_t len);
/* Interrupts the driver for what was pushed, if it wants that. Loop's thread, lock held. */
void virtio_pci_signal(struct virtio_pci *pci, unsigned index);

/* The feature was negotiated. Lock held. */
bool virtio_pci_has(const struct virtio_pci *pci, unsigned feature);
