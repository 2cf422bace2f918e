// SPDX-License-Identifier: MIT
#include "dev/irq_router.h"

#include <assert.h>

static const struct state_field irq_router_fields[] = {
	{ STATE_ARRAY_AT(struct irq_router, driven), .on_reset = STATE_KEEP },
	{ STATE_ARRAY_AT(struct irq_router, pirq_devices), .on_reset = STATE_KEEP },
	{ STATE_AT(struct irq_router, levels), .on_reset = STATE_KEEP },
};

const struct state_table irq_router_state = {
	.name = "irq-router",
	.version = 1,
	.fields = irq_router_fields,
	.fields_n = sizeof(irq_router_fields) / sizeof(irq_router_fields[0]),
};

void irq_router_init(struct irq_router *router, const struct irq_line sinks[IRQ_LINES])
{
	*router = (struct irq_router){ .device = router->device };
	lock_init(&router->lock, LOCK_IRQ, "irq-router");
	for (unsigned i = 0; i < IRQ_LINES; i++)
		router->sinks[i] = sinks[i];
	for (unsigned i = 0; i < IRQ_PIRQS; i++)
		router->route[i] = IRQ_NOWHERE;
}

void irq_router_destroy(struct irq_router *router)
{
	lock_destroy(&router->lock);
}

static bool line_level(const struct irq_router *router, unsigned irq)
{
	if (router->driven[irq])
		return true;
	for (unsigned i = 0; i < IRQ_PIRQS; i++)
		if (router->route[i] == irq && router->pirq_devices[i])
			return true;
	return false;
}

/* Tells the sink if the level moved; what a chip that just drove the line high or low is answered. */
static enum irq_status line_update(struct irq_router *router, unsigned irq, bool driven)
{
	bool level = line_level(router, irq);
	uint32_t bit = UINT32_C(1) << irq;

	assert(lock_held(&router->lock));
	if (level == !!(router->levels & bit))
		return driven ? IRQ_MERGED : IRQ_DELIVERED;
	router->levels ^= bit;
	return irq_set(&router->sinks[irq], level);
}

static enum irq_status source_set(void *arg, unsigned line, bool level)
{
	struct irq_source *source = arg;
	struct irq_router *router = source->router;
	enum irq_status status;

	lock_take(&router->lock);
	if (source->level != level) {
		source->level = level;
		if (level)
			router->driven[source->irq]++;
		else
			router->driven[source->irq]--;
	}
	status = line_update(router, source->irq, level);
	lock_drop(&router->lock);
	return status;
}

struct irq_line irq_router_connect(struct irq_router *router, unsigned irq,
				   struct irq_source *source)
{
	assert(irq < IRQ_LINES);
	*source = (struct irq_source){ .router = router, .irq = irq };
	return (struct irq_line){ .set = source_set, .arg = source, .line = irq };
}

static void pin_set(void *arg, unsigned device, unsigned pin, bool level)
{
	struct irq_router *router = arg;
	unsigned pirq = (device + IRQ_PIRQS - 1 + pin) % IRQ_PIRQS;
	uint32_t bit = UINT32_C(1) << device;

	lock_take(&router->lock);
	if (level)
		router->pirq_devices[pirq] |= bit;
	else
		router->pirq_devices[pirq] &= ~bit;
	if (router->route[pirq] != IRQ_NOWHERE)
		line_update(router, router->route[pirq], level);
	lock_drop(&router->lock);
}

struct pci_intx_sink irq_router_intx(struct irq_router *router)
{
	return (struct pci_intx_sink){ .set = pin_set, .arg = router };
}

void irq_router_set_route(struct irq_router *router, unsigned pirq, unsigned irq)
{
	unsigned old;

	assert(pirq < IRQ_PIRQS && (irq < IRQ_ISA_LINES || irq == IRQ_NOWHERE));
	lock_take(&router->lock);
	old = router->route[pirq];
	router->route[pirq] = (uint8_t)irq;
	if (old != IRQ_NOWHERE)
		line_update(router, old, false);
	if (irq != IRQ_NOWHERE)
		line_update(router, irq, false);
	lock_drop(&router->lock);
}

void irq_router_refresh(struct irq_router *router)
{
	lock_take(&router->lock);
	router->levels = 0;
	for (unsigned i = 0; i < IRQ_LINES; i++) {
		bool level = line_level(router, i);

		if (level)
			router->levels |= UINT32_C(1) << i;
		irq_set(&router->sinks[i], level);
	}
	lock_drop(&router->lock);
}

static int irq_router_create(struct device *device, struct place *place, struct error *err)
{
	struct irq_router *router = (struct irq_router *)device;
	struct irq_line sinks[IRQ_LINES];

	for (unsigned i = 0; i < IRQ_LINES; i++)
		sinks[i] = place->irq_line(place->irq_arg, i);
	irq_router_init(router, sinks);
	place->router = router;
	return 0;
}

static void irq_router_restore(struct device *device, const uint8_t *in)
{
}

static void irq_router_end(struct device *device)
{
	irq_router_destroy((struct irq_router *)device);
}

const struct device_type irq_router_type = {
	.name = "irq-router",
	.about = "which chip drives which interrupt line",
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct irq_router),
	.create = irq_router_create,
	.state = (const struct device_part[]){ DEVICE_PART_SELF(irq_router_state), { 0 } },
	.restore = irq_router_restore,
	.destroy = irq_router_end,
};
