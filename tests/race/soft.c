// SPDX-License-Identifier: MIT
/*
 * The race of drain.c without KVM, for machines that have none and for the thread sanitizer: threads
 * take the vCPUs' part and put their writes into a page as the kernel does, one at a time. If the page
 * is full, or at times anyway, a write goes to the view at once, after a drain, as an exit does.
 *
 *	race-soft WRITES [rounds [caught]]	as drain.c
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/ring.h"

#define THREADS 4u
#define PAGE    4096u
#define PORT    0x1000u

struct race {
	struct mem_map map;
	struct mem_region region;
	struct lock lock;
	struct meter *meter;
	struct kvm_coalesced_mmio_ring *page;
	pthread_mutex_t producer; /* the kernel's own lock */
	struct hv_ring ring;
	uint64_t last[THREADS];
	uint64_t wrong, lost, doubled;
	_Atomic uint64_t coalesced;
	uint64_t writes; /* of each thread */
};

struct vcpu {
	struct race *race;
	unsigned id;
	pthread_t thread;
};

static void counter_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct race *race = chip;
	uint64_t *last = &race->last[offset / 4];

	if (value > *last + 1)
		race->lost += value - *last - 1;
	else if (value <= *last)
		race->doubled++;
	*last = value;
	/* A chip takes its time. */
	for (unsigned i = 0; i < 50; i++)
		__builtin_ia32_pause();
}

static uint64_t counter_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct race *)chip)->last[offset / 4];
}

static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 4 * THREADS,
	  .widths = MEM_W4,
	  .read = counter_read,
	  .write = counter_write,
	  .wait = MEM_LATCH,
	  .why = "a counter" },
};

static bool coalesce(struct race *race, uint16_t port, uint32_t value)
{
	struct kvm_coalesced_mmio_ring *page = race->page;
	bool room;

	pthread_mutex_lock(&race->producer);
	{
		uint32_t last = page->last, next = (last + 1) % race->ring.max;

		room = next != __atomic_load_n(&page->first, __ATOMIC_ACQUIRE);
		if (room) {
			page->coalesced_mmio[last] = (struct kvm_coalesced_mmio){
				.phys_addr = port,
				.len = 4,
				.pio = 1,
			};
			memcpy(page->coalesced_mmio[last].data, &value, sizeof(value));
			__atomic_store_n(&page->last, next, __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&race->producer);
	return room;
}

static void *vcpu_run(void *arg)
{
	struct vcpu *vcpu = arg;
	struct race *race = vcpu->race;
	uint16_t port = (uint16_t)(PORT + 4 * vcpu->id);
	struct mem_hold hold;

	mem_hold_init(&hold, &race->map);
	for (uint32_t i = 1; i <= race->writes; i++) {
		const struct mem_view *view = mem_hold_view(&hold, MEM_SPACE_PORT);

		if (i % 97 && coalesce(race, port, i)) {
			race->coalesced++;
		} else {
			hv_ring_drain(&race->ring);
			mem_view_write(view, port, i, 4);
		}
		if (i % 10)
			continue;
		hv_ring_drain(&race->ring);
		if (mem_view_read(view, port, 4) != i) {
			lock_take(&race->lock);
			race->wrong++;
			lock_drop(&race->lock);
		}
	}
	mem_hold_drop(&hold);
	return NULL;
}

/* True if anything went wrong. */
static bool run(uint64_t writes)
{
	struct race *race = calloc(1, sizeof(*race));
	struct vcpu vcpus[THREADS];
	bool bad;

	race->writes = writes / THREADS;
	lock_init(&race->lock, LOCK_DEVICE, "counters");
	pthread_mutex_init(&race->producer, NULL);
	race->meter = meter_new();
	race->page = aligned_alloc(PAGE, PAGE);
	memset(race->page, 0, PAGE);
	mem_region_init_io(&race->region, "counters", 4 * THREADS - 1, ports, 1, race, &race->lock);
	if (mem_map_init(&race->map))
		abort();
	mem_map_begin(&race->map);
	mem_region_add(&race->map.root[MEM_SPACE_PORT], &race->region, PORT, 0);
	if (mem_map_commit(&race->map))
		abort();
	hv_ring_init(&race->ring, race->page, PAGE, race->meter);
	hv_ring_attach(&race->ring, &race->map);

	for (unsigned i = 0; i < THREADS; i++) {
		vcpus[i] = (struct vcpu){ .race = race, .id = i };
		if (pthread_create(&vcpus[i].thread, NULL, vcpu_run, &vcpus[i]))
			abort();
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(vcpus[i].thread, NULL);
	hv_ring_drain(&race->ring);
	for (unsigned i = 0; i < THREADS; i++)
		race->lost += race->writes - race->last[i];
	printf("writes %" PRIu64 " (%" PRIu64 " coalesced): wrong %" PRIu64 ", lost %" PRIu64
	       ", doubled %" PRIu64 "\n",
	       race->writes * THREADS, race->coalesced, race->wrong, race->lost, race->doubled);
	bad = race->wrong || race->lost || race->doubled;

	hv_ring_destroy(&race->ring);
	mem_map_destroy(&race->map);
	lock_destroy(&race->lock);
	pthread_mutex_destroy(&race->producer);
	free(race->page);
	meter_free(race->meter);
	free(race);
	return bad;
}

int main(int argc, char **argv)
{
	uint64_t writes = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	bool mutant = argc > 3;

	while (rounds--) {
		if (run(writes))
			return mutant ? 0 : 1;
	}
	return mutant ? 1 : 0;
}
