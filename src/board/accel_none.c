// SPDX-License-Identifier: MIT
#include "board/accel_none.h"

static struct accel_none *accel_none(struct accel *accel)
{
	return (struct accel_none *)accel;
}

static int none_create(struct accel *accel, const struct accel_events *events, struct error *err)
{
	accel_none(accel)->events = *events;
	return 0;
}

static int none_attach(struct accel *accel, struct mem_map *map, struct error *err)
{
	struct accel_none *none = accel_none(accel);

	soft_cpu_init(&none->cpu, map, none->coalesce);
	none->cpu.came = none->events.delivered;
	none->cpu.came_arg = none->events.arg;
	none->attached = true;
	return 0;
}

static void none_destroy(struct accel *accel)
{
	struct accel_none *none = accel_none(accel);

	if (none->attached)
		soft_cpu_destroy(&none->cpu);
	none->attached = false;
}

static void none_drain(struct accel *accel)
{
	soft_cpu_drain(&accel_none(accel)->cpu);
}

/* Whoever plays the guest stops and goes on by himself. */
static void none_do_nothing(struct accel *accel)
{
}

static int none_reset(struct accel *accel, struct error *err)
{
	return 0;
}

/* Nobody outside waits for a machine whose time stands still. */
static uint64_t none_deadline(struct accel *accel)
{
	return 0;
}

static const char *none_refused(struct accel *accel, enum mem_space space)
{
	return NULL;
}

static const char *none_obstacle(struct accel *accel, enum mem_space space, struct range range)
{
	return accel_none(accel)->coalesce ? NULL : "no write of this machine waits";
}

static enum irq_status none_irq_line(struct accel *accel, unsigned line, bool level)
{
	return IRQ_DELIVERED;
}

static int none_msi(struct accel *accel, uint64_t addr, uint32_t data)
{
	return 0;
}

/* The one that is played. */
static unsigned none_vcpus(struct accel *accel)
{
	return 1;
}

static const struct meter *none_vcpu_meter(struct accel *accel, unsigned vcpu)
{
	return NULL;
}

static const struct meter *none_ring_meter(struct accel *accel)
{
	return NULL;
}

static void none_drains(struct accel *accel, struct meter_ring *out)
{
	*out = (struct meter_ring){ 0 };
}

static size_t none_zones(struct accel *accel, struct meter_zone *out, size_t max)
{
	return 0;
}

static const struct accel_ops accel_none_ops = {
	.manual_clock = true,
	.create = none_create,
	.attach = none_attach,
	.destroy = none_destroy,
	.pause = none_drain,
	.resume = none_do_nothing,
	.ask_pause = none_do_nothing,
	.ask_reset = none_do_nothing,
	.reset = none_reset,
	.drain = none_drain,
	.deadline = none_deadline,
	.review = none_do_nothing,
	.irq_line = none_irq_line,
	.msi = none_msi,
	.vcpus = none_vcpus,
	.vcpu_meter = none_vcpu_meter,
	.ring_meter = none_ring_meter,
	.drains = none_drains,
	.zones = none_zones,
	.refused = none_refused,
	.obstacle = none_obstacle,
};

void accel_none_init(struct accel_none *none, bool coalesce)
{
	*none = (struct accel_none){ .accel.ops = &accel_none_ops, .coalesce = coalesce };
}
