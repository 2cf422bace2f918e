// SPDX-License-Identifier: MIT
/*
 * The user lets writes wait and exit, in turns, thousands of times, while two vCPUs write and read.
 * Threads take the vCPUs' part as in soft.c; a flag says whether the zone is registered.
 *
 * Of all writes none may be lost, doubled or overtaken, each read has to see the vCPU's latest write,
 * and once it was said that writes exit none may wait any more.
 *
 *	race-overrides CHANGES [rounds [caught]]	as drain.c; with "caught" the zone is left to
 *							the kernel too long, which has to be noticed
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/ring.h"
#include "mem/overrule.h"

#define THREADS 2u
#define PAGE    4096u
#define PORT    0x1000u

struct race {
	struct mem_map map;
	struct mem_listener listener;
	struct mem_region region;
	struct lock lock;
	struct meter *meter;
	struct kvm_coalesced_mmio_ring *page;
	pthread_mutex_t producer; /* the kernel's own lock: the page, the zone */
	bool zone;
	bool mutant;
	struct hv_ring ring;
	uint32_t last[THREADS]; /* what came of each */
	uint64_t lost, doubled;
	_Atomic uint64_t stale, coalesced, exits;
	uint64_t late; /* waited although it was said that they exit */
	atomic_bool over;
};

struct vcpu {
	struct race *race;
	unsigned id;
	uint32_t n; /* writes made */
	struct mem_hold hold;
	pthread_t thread;
};

static void counter_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct race *race = chip;
	uint32_t *last = &race->last[offset / 4], n = (uint32_t)value;

	if (n > *last + 1)
		race->lost += n - *last - 1;
	else if (n <= *last)
		race->doubled++;
	*last = n;
}

static uint64_t counter_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct race *)chip)->last[offset / 4];
}

/* Nothing is said of waiting: the user forces it. */
static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 4 * THREADS,
	  .widths = MEM_W4,
	  .read = counter_read,
	  .write = counter_write },
};

static void zone_set(struct race *race, bool there)
{
	pthread_mutex_lock(&race->producer);
	race->zone = there;
	pthread_mutex_unlock(&race->producer);
}

static void told_add(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	zone_set(arg, true);
}

static void told_del(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	if (((struct race *)arg)->mutant)
		return;
	sched_yield(); /* KVM takes its time for this */
	zone_set(arg, false);
}

static void told_drain(void *arg)
{
	hv_ring_drain(&((struct race *)arg)->ring);
}

static bool coalesce(struct race *race, uint16_t port, uint32_t value)
{
	struct kvm_coalesced_mmio_ring *page = race->page;
	bool room = false;

	pthread_mutex_lock(&race->producer);
	if (race->zone) {
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
			race->coalesced++;
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

	mem_hold_init(&vcpu->hold, &race->map);
	while (!race->over) {
		uint32_t value = ++vcpu->n;

		if (!coalesce(race, port, value)) {
			hv_ring_drain(&race->ring);
			mem_view_write(mem_hold_view(&vcpu->hold, MEM_SPACE_PORT), port, value, 4);
			race->exits++;
		}
		if (value % 7)
			continue;
		hv_ring_drain(&race->ring);
		race->stale +=
			mem_view_read(mem_hold_view(&vcpu->hold, MEM_SPACE_PORT), port, 4) != value;
	}
	mem_hold_drop(&vcpu->hold);
	return NULL;
}

static void change_for_ever(struct race *race, unsigned changes)
{
	struct mem_wish wish = { MEM_SPACE_PORT, range_make(PORT, 4 * THREADS), 0, .force = true };
	struct error err;

	for (unsigned i = 0; i < changes; i++) {
		uint64_t before;

		wish.wait = i % 4 == 3 ? MEM_DEADLINE(i + 1) : MEM_LATCH;
		if (mem_map_overrule(&race->map, &wish, &err))
			abort();
		sched_yield();
		wish.wait = 0;
		if (i % 2 ? mem_map_overrule(&race->map, &wish, &err)
			  : mem_map_take_back(&race->map, wish.space, wish.range, &err))
			abort();
		before = race->coalesced;
		sched_yield();
		race->late += race->coalesced - before;
	}
}

/* True if anything went wrong. */
static bool run(unsigned changes, bool mutant)
{
	struct race *race = calloc(1, sizeof(*race));
	struct vcpu vcpus[THREADS];
	bool bad;

	race->mutant = mutant;
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
	if (mem_map_commit(&race->map) || mem_map_wait_only_if_said(&race->map))
		abort();
	hv_ring_init(&race->ring, race->page, PAGE, race->meter);
	hv_ring_attach(&race->ring, &race->map);
	race->listener = (struct mem_listener){
		.order = MEM_ORDER_ZONES,
		.arg = race,
		.wait_add = told_add,
		.wait_del = told_del,
		.drain = told_drain,
	};
	mem_map_listen(&race->map, &race->listener);

	for (unsigned i = 0; i < THREADS; i++) {
		vcpus[i] = (struct vcpu){ .race = race, .id = i };
		if (pthread_create(&vcpus[i].thread, NULL, vcpu_run, &vcpus[i]))
			abort();
	}
	change_for_ever(race, changes);
	race->over = true;
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(vcpus[i].thread, NULL);
	mem_map_unlisten(&race->map, &race->listener);
	hv_ring_drain(&race->ring);
	for (unsigned i = 0; i < THREADS; i++)
		race->lost += vcpus[i].n - race->last[i];
	printf("%u changes, %" PRIu64 " writes waited, %" PRIu64 " exited: stale %" PRIu64
	       ", lost %" PRIu64 ", doubled %" PRIu64 ", late %" PRIu64 "\n",
	       changes, race->coalesced, race->exits, race->stale, race->lost, race->doubled,
	       race->late);
	bad = race->stale || race->lost || race->doubled || race->late;

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
	unsigned changes = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	bool mutant = argc > 3;

	while (rounds--) {
		if (run(changes, mutant))
			return mutant ? 0 : 1;
	}
	return mutant ? 1 : 0;
}
