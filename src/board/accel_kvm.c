// SPDX-License-Identifier: MIT
#include "board/accel_kvm.h"

#include <stdlib.h>

#include "hv/stats.h"
#include "hv/timekeeping.h"

static struct accel_kvm *accel_kvm(struct accel *accel)
{
	return (struct accel_kvm *)accel;
}

static int kvm_create(struct accel *accel, const struct accel_events *events, struct error *err)
{
	struct accel_kvm *kvm = accel_kvm(accel);

	kvm->options.hv.events = (struct hv_events){
		.reset = events->reset,
		.shutdown = events->shutdown,
		.failed = events->failed,
		.arg = events->arg,
	};
	return hv_vm_create(&kvm->vm, kvm->options.sys ? kvm->options.sys : hv_sys_host(),
			    &kvm->options.hv, err);
}

static int kvm_attach(struct accel *accel, struct mem_map *map, struct error *err)
{
	struct hv_vm *vm = &accel_kvm(accel)->vm;
	int ret = hv_vm_attach(vm, map, err);

	return ret ? ret : hv_vcpus_start(vm, true, err);
}

static void kvm_destroy(struct accel *accel)
{
	hv_vm_destroy(&accel_kvm(accel)->vm);
}

static void kvm_pause(struct accel *accel)
{
	hv_vcpus_pause(&accel_kvm(accel)->vm);
}

static void kvm_resume(struct accel *accel)
{
	hv_vcpus_resume(&accel_kvm(accel)->vm);
}

static void kvm_ask_pause(struct accel *accel)
{
	hv_vcpus_ask_pause(&accel_kvm(accel)->vm);
}

static void kvm_ask_reset(struct accel *accel)
{
	hv_vcpus_ask_reset(&accel_kvm(accel)->vm);
}

static int kvm_reset(struct accel *accel, struct error *err)
{
	return hv_vm_reset(&accel_kvm(accel)->vm, err);
}

static void kvm_stop_time(struct accel *accel)
{
	hv_vm_stop_time(&accel_kvm(accel)->vm);
}

static void kvm_start_time(struct accel *accel)
{
	hv_vm_start_time(&accel_kvm(accel)->vm);
}

static void kvm_drain(struct accel *accel)
{
	hv_vm_drain(&accel_kvm(accel)->vm);
}

static uint64_t kvm_deadline(struct accel *accel)
{
	return hv_vm_deadline(&accel_kvm(accel)->vm);
}

static void kvm_review(struct accel *accel)
{
	hv_vm_review(&accel_kvm(accel)->vm);
}

static enum irq_status kvm_irq_line(struct accel *accel, unsigned line, bool level)
{
	return (enum irq_status)hv_vm_irq_line(&accel_kvm(accel)->vm, line, level);
}

static int kvm_msi(struct accel *accel, uint64_t addr, uint32_t data)
{
	int ret = hv_vm_msi(&accel_kvm(accel)->vm, addr, data);

	return ret < 0 ? ret : 0;
}

static unsigned kvm_vcpus(struct accel *accel)
{
	return accel_kvm(accel)->options.hv.vcpus;
}

static int kvm_thread(struct accel *accel, unsigned vcpu)
{
	return hv_vcpu_thread(&accel_kvm(accel)->vm, vcpu);
}

static int kvm_registers(struct accel *accel, unsigned vcpu, struct cpu_registers *out)
{
	return hv_vcpu_registers(&accel_kvm(accel)->vm, vcpu, out);
}

static int kvm_translate(struct accel *accel, unsigned vcpu, uint64_t linear, uint64_t *physical)
{
	return hv_vcpu_translate(&accel_kvm(accel)->vm, vcpu, linear, physical);
}

static const struct meter *kvm_vcpu_meter(struct accel *accel, unsigned vcpu)
{
	return hv_vcpu_meter(&accel_kvm(accel)->vm, vcpu);
}

static const struct meter *kvm_ring_meter(struct accel *accel)
{
	return accel_kvm(accel)->vm.ring_meter;
}

_Static_assert(HV_RING_BATCHES == METER_BATCHES, "they are copied one by one");

static void kvm_drains(struct accel *accel, struct meter_ring *out)
{
	const struct hv_ring *ring = &accel_kvm(accel)->vm.ring;

	*out = (struct meter_ring){ .entries = ring->max ? ring->max - 1 : 0 };
	for (unsigned i = 0; i < METER_BATCHES; i++)
		out->batches[i] = atomic_load_explicit(&ring->batches[i], memory_order_relaxed);
	out->full = atomic_load_explicit(&ring->full, memory_order_relaxed);
}

static int kvm_stats(struct accel *accel, int vcpu, struct meter_stats *out)
{
	return hv_vm_stats(&accel_kvm(accel)->vm, vcpu, out);
}

static struct meter_zone kvm_meter_zone(const struct hv_zone *zone)
{
	static const enum meter_zone_state states[] = {
		[HV_ZONE_ACTIVE] = METER_ZONE_ACTIVE,
		[HV_ZONE_TRAPS] = METER_ZONE_TRAPS,
		[HV_ZONE_STUCK] = METER_ZONE_STUCK,
	};

	return (struct meter_zone){
		.space = zone->space == MEM_SPACE_PORT ? METER_PORT : METER_MMIO,
		.first = zone->range.first,
		.last = zone->range.last,
		.wait = zone->wait == MEM_LATCH ? METER_WAIT_LATCH : zone->wait,
		.state = states[zone->state],
		.region = zone->region,
		.why = zone->why,
		.trap = zone->trap,
		.when = zone->when,
	};
}

/* Tells of none if memory ran out. */
static size_t kvm_zones(struct accel *accel, struct meter_zone *out, size_t max)
{
	struct hv_zones *zones = &accel_kvm(accel)->vm.zones;
	struct hv_zone *list = max ? calloc(max, sizeof(*list)) : NULL;
	size_t n = max && !list ? 0 : hv_zones_list(zones, list, max);

	for (size_t i = 0; i < n && i < max; i++)
		out[i] = kvm_meter_zone(&list[i]);
	free(list);
	return n;
}

static const char *kvm_refused(struct accel *accel, enum mem_space space)
{
	const struct accel_kvm *kvm = accel_kvm(accel);
	const char *refused = hv_zones_refused(&accel_kvm(accel)->vm.zones, space);

	return refused || kvm->options.hv.coalesce ? refused : "coalesce=off";
}

static const char *kvm_obstacle(struct accel *accel, enum mem_space space, struct range range)
{
	return hv_zones_obstacle(&accel_kvm(accel)->vm.zones, space, range);
}

static const struct accel_ops accel_kvm_ops = {
	.kvm = true,
	.irqchip = true,
	.metered = true,
	.create = kvm_create,
	.attach = kvm_attach,
	.destroy = kvm_destroy,
	.pause = kvm_pause,
	.resume = kvm_resume,
	.ask_pause = kvm_ask_pause,
	.ask_reset = kvm_ask_reset,
	.reset = kvm_reset,
	.stop_time = kvm_stop_time,
	.start_time = kvm_start_time,
	.drain = kvm_drain,
	.deadline = kvm_deadline,
	.review = kvm_review,
	.irq_line = kvm_irq_line,
	.msi = kvm_msi,
	.vcpus = kvm_vcpus,
	.thread = kvm_thread,
	.registers = kvm_registers,
	.translate = kvm_translate,
	.vcpu_meter = kvm_vcpu_meter,
	.ring_meter = kvm_ring_meter,
	.drains = kvm_drains,
	.stats = kvm_stats,
	.zones = kvm_zones,
	.refused = kvm_refused,
	.obstacle = kvm_obstacle,
};

void accel_kvm_init(struct accel_kvm *kvm, const struct accel_kvm_options *options)
{
	*kvm = (struct accel_kvm){ .accel.ops = &accel_kvm_ops, .options = *options };
}
