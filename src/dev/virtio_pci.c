// SPDX-License-Identifier: MIT
#include "dev/virtio_pci.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <sys/epoll.h>

#include "dev/virtio_regs.h"

#define TRANSPORT_FEATURES                                                                         \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |          \
	 UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

#define VENDOR         0x1af4
#define DEVICE_MODERN  0x1040 /* + type */
#define SUBSYSTEM_BASE 0x1100 /* not the small numbers that mean a transitional device */
#define BAR_INDEX      0

#define CAP_VENDOR 0x09

static const struct state_field pci_fields[] = {
	{ STATE_AT(struct virtio_pci, driver_features), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_pci, device_select), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_pci, driver_select), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_pci, config_vector), .on_reset = STATE_CLEAR,
	  .value = VIRTIO_MSI_NO_VECTOR },
	{ STATE_AT(struct virtio_pci, queue_select), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_pci, status), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct virtio_pci, isr), .on_reset = STATE_CLEAR },
};

const struct state_table virtio_pci_state = {
	.name = "virtio-pci",
	.version = 1,
	.fields = pci_fields,
	.fields_n = sizeof(pci_fields) / sizeof(pci_fields[0]),
};

void virtio_pci_ring(struct virtio_pci *pci, unsigned queue)
{
	int err;

	if (!pci->loop)
		return;
	err = wake_give(&pci->watches[queue].wake);
	assert(!err); /* nothing that a host could refuse */
	(void)err;
}

static void ring_all(struct virtio_pci *pci)
{
	for (unsigned i = 0; i < pci->type->queues_n; i++)
		virtio_pci_ring(pci, i);
}

void virtio_pci_refresh_intx(struct virtio_pci *pci)
{
	pci_intx_set(&pci->function, pci->isr != 0 && !pci->msix.enabled);
}

/* 4.1.4.5.1: the queue bit exists only for INTx, the configuration bit always. */
static void raise_queue(struct virtio_pci *pci, const struct virtio_queue *queue)
{
	if (pci->msix.enabled) {
		virtio_msix_raise(&pci->msix, queue->vector);
		return;
	}
	pci->isr |= VIRTIO_REGS_ISR_QUEUE;
	virtio_pci_refresh_intx(pci);
}

void virtio_pci_break(struct virtio_pci *pci)
{
	pci->broken++;
	pci->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	/* 2.1.2: the driver is told only if it was running. */
	if (!(pci->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	pci->isr |= VIRTIO_REGS_ISR_CONFIG;
	if (pci->msix.enabled)
		virtio_msix_raise(&pci->msix, pci->config_vector);
	else
		virtio_pci_refresh_intx(pci);
}

static void reset_registers(struct virtio_pci *pci)
{
	state_reset(&virtio_pci_state, pci);
	for (unsigned i = 0; i < pci->type->queues_n; i++)
		virtio_queue_reset(&pci->queues[i], pci->type->queue_size);
	pci->resetting = false;
	virtio_pci_refresh_intx(pci);
}

void virtio_pci_driver_reset(struct virtio_pci *pci)
{
	if (pci->in_flight == 0) {
		reset_registers(pci);
		return;
	}
	pci->resetting = true;
	pci->isr = 0;
	virtio_pci_refresh_intx(pci);
	ring_all(pci);
}

void virtio_pci_start(struct virtio_pci *pci)
{
	/* Whatever was made available before the driver was ready to ring. */
	ring_all(pci);
}

bool virtio_pci_has(const struct virtio_pci *pci, unsigned feature)
{
	return pci->driver_features >> feature & 1;
}

/* The device works for the driver. */
static bool running(const struct virtio_pci *pci)
{
	const uint8_t good = VIRTIO_CONFIG_S_DRIVER_OK;
	const uint8_t bad = VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;

	assert(lock_held(&pci->lock));
	return (pci->status & (good | bad)) == good && !pci->resetting;
}

/* The queue's rings in memory; on failure the device is broken. */
static bool open_rings(struct virtio_pci *pci, const struct virtio_queue *queue,
		       struct virtio_rings *rings)
{
	if (virtio_queue_open(queue, mem_hold_view(&pci->hold, MEM_SPACE_MEMORY), rings))
		return true;
	virtio_pci_break(pci);
	return false;
}

/* False: the driver broke a rule. */
static bool take_some(struct virtio_pci *pci, unsigned index, const struct virtio_rings *rings)
{
	const struct mem_view *view = mem_hold_view(&pci->hold, MEM_SPACE_MEMORY);
	struct virtio_queue *queue = &pci->queues[index];
	enum virtio_pop pop;

	/* A guest that keeps adding cannot keep the thread: the rest is for another turn. */
	for (unsigned n = 0; n < queue->size;) {
		pop = virtio_queue_pop(queue, rings, view, &pci->chain);
		if (pop == VIRTIO_POP_BROKEN)
			return false;
		if (pop == VIRTIO_POP_NONE) {
			if (!virtio_queue_rearm(queue, rings))
				return true;
			n++;
			continue;
		}
		n++;
		pci->in_flight++;
		if (!pci->type->take(pci->chip, index, &pci->chain)) {
			pci->in_flight--;
			return false;
		}
		/* The chip itself may have found the rings unusable. */
		if (!running(pci))
			return true;
	}
	virtio_pci_ring(pci, index);
	return true;
}

void virtio_pci_serve(struct virtio_pci *pci, unsigned index)
{
	struct virtio_queue *queue = &pci->queues[index];
	struct virtio_rings rings;
	bool taken = false, resetting;

	lock_take(&pci->lock);
	resetting = pci->resetting;
	if (running(pci) && !pci->paused && queue->enabled && pci_is_master(&pci->function) &&
	    open_rings(pci, queue, &rings)) {
		if (!take_some(pci, index, &rings))
			virtio_pci_break(pci);
		virtio_pci_signal(pci, index);
		taken = true;
	}
	lock_drop(&pci->lock);
	if (taken && pci->type->taken)
		pci->type->taken(pci->chip);
	if (resetting && pci->type->cancel)
		pci->type->cancel(pci->chip);
}

void virtio_pci_forget(struct virtio_pci *pci)
{
	assert(pci->in_flight > 0);
	pci->in_flight--;
	if (pci->resetting && pci->in_flight == 0)
		reset_registers(pci);
}

bool virtio_pci_finish(struct virtio_pci *pci)
{
	virtio_pci_forget(pci);
	if (!running(pci))
		return false;
	if (pci_is_master(&pci->function))
		return true;
	virtio_pci_break(pci);
	return false;
}

void virtio_pci_wrote(struct virtio_pci *pci, const struct range *ranges, unsigned ranges_n)
{
	const struct mem_view *view = mem_hold_view(&pci->hold, MEM_SPACE_MEMORY);

	for (unsigned i = 0; i < ranges_n; i++)
		mem_view_wrote(view, ranges[i].first, ranges[i].last - ranges[i].first + 1);
}

void virtio_pci_push(struct virtio_pci *pci, unsigned index, uint16_t head, uint32_t len)
{
	struct virtio_queue *queue = &pci->queues[index];
	struct virtio_rings rings;

	if (open_rings(pci, queue, &rings))
		virtio_queue_push(queue, &rings, head, len);
}

void virtio_pci_signal(struct virtio_pci *pci, unsigned index)
{
	struct virtio_queue *queue = &pci->queues[index];
	struct virtio_rings rings;

	if (running(pci) && pci_is_master(&pci->function) && open_rings(pci, queue, &rings) &&
	    virtio_queue_interrupts(queue, &rings))
		raise_queue(pci, queue);
}

bool virtio_pci_pause(struct virtio_pci *pci)
{
	bool before;

	lock_take(&pci->lock);
	before = pci->paused;
	pci->paused = true;
	lock_drop(&pci->lock);
	return before;
}

void virtio_pci_resume(struct virtio_pci *pci)
{
	lock_take(&pci->lock);
	pci->paused = false;
	ring_all(pci);
	lock_drop(&pci->lock);
}

void virtio_pci_reset(struct virtio_pci *pci)
{
	lock_take(&pci->lock);
	assert(pci->in_flight == 0);
	virtio_msix_reset(&pci->msix);
	reset_registers(pci);
	pci->was_master = false;
	lock_drop(&pci->lock);
}

/* The window of the configuration access capability (4.1.4.9); false: it leads nowhere. */
static bool window(const struct virtio_pci *pci, struct mem_section *section, uint32_t *offset,
		   unsigned *len)
{
	const struct pci_function *function = &pci->function;
	uint32_t wish = pci_config_get(function, pci->window + VIRTIO_PCI_CAP_LENGTH, 4);

	*offset = pci_config_get(function, pci->window + VIRTIO_PCI_CAP_OFFSET, 4);
	*len = wish;
	*section = (struct mem_section){
		.range = { 0, VIRTIO_REGS_SIZE - 1 },
		.region = &pci->bar,
	};
	return function->config[pci->window + VIRTIO_PCI_CAP_BAR] == BAR_INDEX &&
	       (wish == 1 || wish == 2 || wish == 4) && *offset % wish == 0 &&
	       *offset < VIRTIO_REGS_SIZE;
}

static bool config_read(void *chip, unsigned offset, unsigned width, uint32_t *value)
{
	struct virtio_pci *pci = chip;
	struct mem_section section;
	uint32_t at;
	unsigned len;

	if (offset != pci->window + sizeof(struct virtio_pci_cap) ||
	    !window(pci, &section, &at, &len))
		return false;
	*value = (uint32_t)mem_section_read(&section, at, len);
	return true;
}

static void virtio_pci_config_written(void *chip, unsigned offset, unsigned width)
{
	struct virtio_pci *pci = chip;
	unsigned data = pci->window + (unsigned)sizeof(struct virtio_pci_cap);
	bool master = pci_is_master(&pci->function);
	struct mem_section section;
	uint32_t at;
	unsigned len;

	lock_take(&pci->lock);
	virtio_msix_refresh(&pci->msix);
	virtio_pci_refresh_intx(pci);
	if (master && !pci->was_master)
		ring_all(pci);
	pci->was_master = master;
	lock_drop(&pci->lock);
	if (offset == data && window(pci, &section, &at, &len))
		mem_section_write(&section, at, pci_config_get(&pci->function, data, 4), len);
}

static unsigned add_window(struct pci_function *function, uint8_t kind, uint32_t offset,
			   uint32_t len, unsigned more)
{
	unsigned cap_len = (unsigned)sizeof(struct virtio_pci_cap) + more;
	unsigned at = pci_capability_add(function, CAP_VENDOR, cap_len);

	pci_config_init(function, at + VIRTIO_PCI_CAP_LEN, 1, cap_len, 0);
	pci_config_init(function, at + VIRTIO_PCI_CAP_CFG_TYPE, 1, kind, 0);
	pci_config_init(function, at + VIRTIO_PCI_CAP_BAR, 1, BAR_INDEX, 0);
	pci_config_init(function, at + VIRTIO_PCI_CAP_OFFSET, 4, offset, 0);
	pci_config_init(function, at + VIRTIO_PCI_CAP_LENGTH, 4, len, 0);
	return at;
}

static void add_capabilities(struct virtio_pci *pci)
{
	struct pci_function *function = &pci->function;
	unsigned at;

	virtio_msix_init(&pci->msix, function, pci->type->queues_n + 1, BAR_INDEX, VIRTIO_REGS_MSIX,
			 VIRTIO_REGS_PENDING);
	/* Last in the list: a driver takes what it can use at first sight. */
	at = add_window(function, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 4);
	pci->window = at;
	pci_config_init(function, at + VIRTIO_PCI_CAP_BAR, 1, 0, 0xff);
	pci_config_init(function, at + VIRTIO_PCI_CAP_OFFSET, 4, 0, UINT32_MAX);
	pci_config_init(function, at + VIRTIO_PCI_CAP_LENGTH, 4, 0, UINT32_MAX);
	pci_config_init(function, at + (unsigned)sizeof(struct virtio_pci_cap), 4, 0, UINT32_MAX);
	at = add_window(function, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_REGS_NOTIFY,
			VIRTIO_REGS_NOTIFY_EACH * pci->type->queues_n, 4);
	pci_config_init(function, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, VIRTIO_REGS_NOTIFY_EACH, 0);
	add_window(function, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_REGS_DEVICE, VIRTIO_REGS_DEVICE_LEN,
		   0);
	add_window(function, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_REGS_ISR, 1, 0);
	add_window(function, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_REGS_COMMON,
		   sizeof(struct virtio_pci_common_cfg), 0);
}

static void bell_rang(void *arg, uint32_t events)
{
	struct virtio_bell *bell = arg;
	struct virtio_pci *pci = bell->pci;
	int err = wake_take(&bell->wake);

	(void)err; /* at worst it is taken again */
	/* The ring may have come since the loop's own drain; now that it is taken nobody rings again. */
	if (pci->drain)
		pci->drain(pci->drain_arg);
	virtio_pci_serve(pci, (unsigned)(bell - pci->watches));
}

static void remove_bells(struct virtio_pci *pci, unsigned n)
{
	while (n-- > 0) {
		loop_unwatch(pci->loop, &pci->watches[n].watch);
		wake_destroy(&pci->watches[n].wake);
	}
}

static int add_bell(struct virtio_pci *pci, unsigned i)
{
	struct virtio_bell *bell = &pci->watches[i];
	int err = wake_init(&bell->wake);

	if (err)
		return err;
	pci->bells[i] = (struct mem_doorbell){
		.at = VIRTIO_REGS_NOTIFY + VIRTIO_REGS_NOTIFY_EACH * i,
		.width = 2,
		.fd = bell->wake.fd,
	};
	bell->pci = pci;
	bell->watch = (struct loop_watch){
		.fd = bell->wake.fd,
		.ready = bell_rang,
		.arg = bell,
	};
	err = loop_watch(pci->loop, &bell->watch, EPOLLIN);
	if (err)
		wake_destroy(&bell->wake);
	return err;
}

static int virtio_pci_add_bells(struct virtio_pci *pci)
{
	for (unsigned i = 0; i < pci->type->queues_n; i++) {
		int err = add_bell(pci, i);

		if (err) {
			remove_bells(pci, i);
			return err;
		}
	}
	pci->bar.doorbells = pci->bells;
	pci->bar.doorbells_n = pci->type->queues_n;
	return 0;
}

int virtio_pci_init(struct virtio_pci *pci, const struct virtio_type *type, void *chip,
		    const struct virtio_pci_options *options)
{
	const struct pci_id id = {
		.vendor = VENDOR,
		.device = (uint16_t)(DEVICE_MODERN + type->id),
		.subsystem_vendor = VENDOR,
		.subsystem = SUBSYSTEM_BASE,
		.revision = 1,
		.class_code = type->class_code,
		.subclass = type->subclass,
		.interrupt_pin = 1,
		.header_type = options->multifunction ? PCI_HEADER_MULTIFUNCTION : 0,
	};
	int err;

	assert(type->queues_n > 0 && type->queues_n <= VIRTIO_QUEUES_MAX);
	assert(type->queue_size > 0 && type->queue_size <= VIRTIO_QUEUE_MAX);
	*pci = (struct virtio_pci){
		.type = type,
		.chip = chip,
		.loop = options->loop,
		.drain = options->drain,
		.drain_arg = options->drain_arg,
		.features = options->features | TRANSPORT_FEATURES,
		.config = options->config,
		.config_len = options->config_len,
	};
	lock_init(&pci->lock, LOCK_DEVICE, type->name);
	virtio_regs_init(&pci->bar, pci);
	if (pci->loop) {
		err = virtio_pci_add_bells(pci);
		if (err) {
			lock_destroy(&pci->lock);
			return err;
		}
	}
	pci_function_init(&pci->function, options->bus, options->devfn, type->name, &id, pci);
	add_capabilities(pci);
	pci_bar_init(&pci->function, BAR_INDEX, PCI_BAR_MEM32, VIRTIO_REGS_SIZE, &pci->bar);
	pci->function.config_read = config_read;
	pci->function.config_written = virtio_pci_config_written;
	mem_hold_init(&pci->hold, options->map);
	reset_registers(pci);
	pci_function_add(&pci->function);
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *pci)
{
	assert(pci->in_flight == 0);
	if (pci->loop)
		remove_bells(pci, pci->type->queues_n);
	mem_hold_drop(&pci->hold);
	lock_destroy(&pci->lock);
}
