// SPDX-License-Identifier: MIT
#include "dev/virtio_regs.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "base/bytes.h"

/* What a driver may set; the device itself sets NEEDS_RESET. */
#define STATUS_BITS                                                                                \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |        \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

/* The queue that the registers show. NULL: the driver selected one that is not there. */
static struct virtio_queue *regs_selected(struct virtio_pci *pci)
{
	return pci->queue_select < pci->type->queues_n ? &pci->queues[pci->queue_select] : NULL;
}

/* The same to set it up: NULL once it is enabled or the driver runs, when nothing may change. */
static struct virtio_queue *unfrozen(struct virtio_pci *pci)
{
	struct virtio_queue *queue = regs_selected(pci);

	if (!queue || queue->enabled || pci->resetting || (pci->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return NULL;
	return queue;
}

static uint64_t device_select_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->device_select;
}

static void device_select_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;

	pci->device_select = (uint32_t)value;
}

static uint64_t device_feature_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->device_select < 2 ? pci->features >> (32 * pci->device_select) : 0;
}

static uint64_t driver_select_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->driver_select;
}

static void driver_select_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;

	pci->driver_select = (uint32_t)value;
}

static uint64_t driver_feature_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->driver_select < 2 ? pci->driver_features >> (32 * pci->driver_select) : 0;
}

static void driver_feature_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;
	unsigned shift = 32 * (pci->driver_select & 1);

	if (pci->driver_select > 1 || pci->resetting || (pci->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	pci->driver_features &= ~((uint64_t)UINT32_MAX << shift);
	pci->driver_features |= (value & UINT32_MAX) << shift;
}

/* A vector that does not exist reads back as none (4.1.5.1.2). */
static uint16_t vector_or_none(const struct virtio_pci *pci, uint64_t value)
{
	return value < pci->msix.vectors_n ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static uint64_t config_vector_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->config_vector;
}

static void config_vector_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;

	if (!pci->resetting)
		pci->config_vector = vector_or_none(pci, value);
}

static uint64_t num_queues_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->type->queues_n;
}

static uint64_t regs_status_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->status;
}

/* 2.2.2: exactly what was offered, or less; and not the interface of before version 1. */
static bool features_acceptable(const struct virtio_pci *pci)
{
	return !(pci->driver_features & ~pci->features) && virtio_pci_has(pci, VIRTIO_F_VERSION_1);
}

static void accept_features(struct virtio_pci *pci)
{
	for (unsigned i = 0; i < pci->type->queues_n; i++) {
		struct virtio_queue *queue = &pci->queues[i];

		queue->event_idx = virtio_pci_has(pci, VIRTIO_RING_F_EVENT_IDX);
		queue->indirect = virtio_pci_has(pci, VIRTIO_RING_F_INDIRECT_DESC);
	}
}

static void regs_status_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;
	/* Bits stay set until a reset, whatever is written (2.1.1). */
	uint8_t fresh = (uint8_t)(value & STATUS_BITS & ~pci->status);

	if (pci->resetting)
		return;
	if ((value & 0xff) == 0) {
		virtio_pci_driver_reset(pci);
		return;
	}
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK) {
		if (features_acceptable(pci))
			accept_features(pci);
		else
			fresh &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	}
	pci->status |= fresh & (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	if (!(fresh & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (!(pci->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		virtio_pci_break(pci);
		return;
	}
	pci->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	virtio_pci_start(pci);
}

/* The configuration of a device of ours never changes while the driver looks. */
static uint64_t zero_read(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static uint64_t queue_select_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return pci->queue_select;
}

static void queue_select_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;

	pci->queue_select = (uint16_t)value;
}

static uint64_t queue_size_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_queue *queue = regs_selected(chip);

	return queue ? queue->size : 0;
}

static void queue_size_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	const struct virtio_pci *pci = chip;
	struct virtio_queue *queue = unfrozen(chip);

	if (queue && value > 0 && value <= pci->type->queue_size && (value & (value - 1)) == 0)
		queue->size = (uint16_t)value;
}

static uint64_t queue_vector_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_queue *queue = regs_selected(chip);

	return queue ? queue->vector : VIRTIO_MSI_NO_VECTOR;
}

static void queue_vector_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	const struct virtio_pci *pci = chip;
	struct virtio_queue *queue = regs_selected(chip);

	if (queue && !pci->resetting)
		queue->vector = vector_or_none(pci, value);
}

static uint64_t queue_enable_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_queue *queue = regs_selected(chip);

	return queue && queue->enabled;
}

static void queue_enable_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_queue *queue = unfrozen(chip);

	if (queue && value == 1)
		queue->enabled = true;
}

static uint64_t queue_notify_off_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return regs_selected(chip) ? pci->queue_select : 0;
}

/* The three addresses: by offset, in halves of 32 bits. */
static uint64_t *queue_address(struct virtio_queue *queue, uint64_t offset)
{
	switch (offset & ~UINT64_C(7)) {
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return &queue->desc;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return &queue->driver;
	default:
		return &queue->device;
	}
}

static uint64_t queue_address_read(void *chip, uint64_t offset, unsigned width)
{
	struct virtio_queue *queue = regs_selected(chip);

	return queue ? *queue_address(queue, offset) >> (offset & 4 ? 32 : 0) : 0;
}

static void queue_address_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_queue *queue = unfrozen(chip);

	if (queue)
		le32_put((uint8_t *)queue_address(queue, offset) + (offset & 4), (uint32_t)value);
}

/* Reading takes the interrupt back (4.1.4.5). */
static uint64_t isr_read(void *chip, uint64_t offset, unsigned width)
{
	struct virtio_pci *pci = chip;
	uint8_t isr = pci->isr;

	pci->isr = 0;
	virtio_pci_refresh_intx(pci);
	return isr;
}

static uint64_t device_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;
	size_t at = offset - VIRTIO_REGS_DEVICE;
	size_t left = at < pci->config_len ? pci->config_len - at : 0;

	return le_get(&pci->config[left ? at : 0], left < width ? (unsigned)left : width);
}

static void notify_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;
	unsigned queue = (unsigned)(offset - VIRTIO_REGS_NOTIFY) / VIRTIO_REGS_NOTIFY_EACH;

	if (queue < pci->type->queues_n)
		virtio_pci_ring(pci, queue);
}

static uint64_t table_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return virtio_msix_read(&pci->msix, (unsigned)offset - VIRTIO_REGS_MSIX);
}

static void table_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct virtio_pci *pci = chip;

	virtio_msix_write(&pci->msix, (unsigned)offset - VIRTIO_REGS_MSIX, (uint32_t)value);
}

static uint64_t pending_read(void *chip, uint64_t offset, unsigned width)
{
	const struct virtio_pci *pci = chip;

	return virtio_msix_pending(&pci->msix, (unsigned)offset - VIRTIO_REGS_PENDING);
}

#define COMMON(name, bytes) .at = VIRTIO_PCI_COMMON_##name, .len = (bytes), .widths = (bytes)

/* What a running guest uses comes first; then 4.1.4.3 in order. */
static const struct mem_port virtio_ports[] = {
	{ .at = VIRTIO_REGS_NOTIFY,
	  .len = VIRTIO_REGS_NOTIFY_EACH * VIRTIO_QUEUES_MAX,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4,
	  .read = zero_read,
	  .write = notify_write,
	  .name = "notify" },
	{ .at = VIRTIO_REGS_ISR, .len = 1, .read = isr_read, .name = "ISR" },
	{ COMMON(DFSELECT, 4), .read = device_select_read, .write = device_select_write,
	  .name = "device_feature_select" },
	{ COMMON(DF, 4), .read = device_feature_read, .name = "device_feature" },
	{ COMMON(GFSELECT, 4), .read = driver_select_read, .write = driver_select_write,
	  .name = "driver_feature_select" },
	{ COMMON(GF, 4), .read = driver_feature_read, .write = driver_feature_write,
	  .name = "driver_feature" },
	{ COMMON(MSIX, 2), .read = config_vector_read, .write = config_vector_write,
	  .name = "config_msix_vector" },
	{ COMMON(NUMQ, 2), .read = num_queues_read, .name = "num_queues" },
	{ COMMON(STATUS, 1), .read = regs_status_read, .write = regs_status_write,
	  .name = "device_status" },
	{ COMMON(CFGGENERATION, 1), .read = zero_read, .name = "config_generation" },
	{ COMMON(Q_SELECT, 2), .read = queue_select_read, .write = queue_select_write,
	  .name = "queue_select" },
	{ COMMON(Q_SIZE, 2), .read = queue_size_read, .write = queue_size_write,
	  .name = "queue_size" },
	{ COMMON(Q_MSIX, 2), .read = queue_vector_read, .write = queue_vector_write,
	  .name = "queue_msix_vector" },
	{ COMMON(Q_ENABLE, 2), .read = queue_enable_read, .write = queue_enable_write,
	  .name = "queue_enable" },
	{ COMMON(Q_NOFF, 2), .read = queue_notify_off_read, .name = "queue_notify_off" },
	{ .at = VIRTIO_PCI_COMMON_Q_DESCLO,
	  .len = 24,
	  .widths = MEM_W4,
	  .read = queue_address_read,
	  .write = queue_address_write,
	  .name = "queue addresses" },
	{ .at = VIRTIO_REGS_DEVICE,
	  .len = VIRTIO_REGS_DEVICE_LEN,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4,
	  .read = device_read,
	  .name = "device config" },
	{ .at = VIRTIO_REGS_MSIX,
	  .len = VIRTIO_MSIX_ENTRY * VIRTIO_VECTORS_MAX,
	  .widths = MEM_W4,
	  .read = table_read,
	  .write = table_write,
	  .name = "MSI-X table" },
	{ .at = VIRTIO_REGS_PENDING,
	  .len = 8,
	  .widths = MEM_W4,
	  .read = pending_read,
	  .name = "MSI-X PBA" },
};

void virtio_regs_init(struct mem_region *bar, struct virtio_pci *pci)
{
	mem_region_init_io(bar, pci->type->name, VIRTIO_REGS_SIZE - 1, virtio_ports,
			   sizeof(virtio_ports) / sizeof(virtio_ports[0]), pci, &pci->lock);
}
