// SPDX-License-Identifier: MIT
/*
 * A condition ends on one vCPU while another writes to what waits under it. Threads take the vCPUs' part
 * as in soft.c; a list of the zones that are registered decides whether a write goes into the page.
 *
 * One of the threads turns the chip's interrupt on and off. While it is on, the first write that this
 * thread makes, and every one after, must reach the chip before the thread goes on, or the interrupt
 * would come late. The other threads keep the zone lent whenever that is allowed. And of all writes none
 * may be lost, doubled, or come in another order than its thread made them in.
 *
 *	race-condition ROUNDS [rounds [caught]]	as drain.c
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/ring.h"
#include "mem/lend.h"

#define THREADS 3u
#define PAGE    4096u
#define DATA    0x1000u
#define CONTROL 0x1004u
#define OTHER   0x1005u
#define NUMBER  0xfffffffu /* of a write of one thread */
#define SECOND  INT64_C(1000000000)

struct race {
	struct mem_map map;
	struct mem_listener listener;
	struct mem_region region;
	struct mem_condition quiet;
	struct lock lock;
	struct meter *meter;
	struct kvm_coalesced_mmio_ring *page;
	pthread_mutex_t producer; /* the kernel's own lock: the page, the zone */
	bool zone; /* the data register's is registered */
	struct hv_ring ring;
	uint32_t last[THREADS]; /* what came of each */
	uint64_t lost, doubled;
	_Atomic uint64_t late, coalesced, lent;
	_Atomic int64_t now; /* there is always money for one more change */
	atomic_bool over;
	unsigned rounds;
};

struct vcpu {
	struct race *race;
	unsigned id;
	uint32_t n; /* writes made */
	struct mem_hold hold;
	pthread_t thread;
};

/* The thread's number is in the upper bits. */
static void data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct race *race = chip;
	uint32_t *last = &race->last[value >> 28 & 3], step = (uint32_t)(value - *last) & NUMBER;

	/* Numbers wrap: a step of more than half of them leads back. */
	if (step == 0 || step > NUMBER / 2)
		race->doubled++;
	else
		race->lost += step - 1;
	*last = value & NUMBER;
}

static void control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	mem_condition_set(&((struct race *)chip)->quiet, value == 0);
}

/* Only an exit, whose vCPU may come upon what another one has asked for. */
static void other_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
}

static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W4,
	  .write = data_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(0),
	  .why = "data" },
	{ .at = 4, .len = 1, .write = control_write },
	{ .at = 5, .len = 1, .write = other_write },
};

static void zone_set(struct race *race, bool there)
{
	pthread_mutex_lock(&race->producer);
	race->zone = there;
	pthread_mutex_unlock(&race->producer);
}

static void told_add(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	((struct race *)arg)->lent++;
	zone_set(arg, true);
}

static void told_del(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	sched_yield(); /* KVM takes its time for this */
	zone_set(arg, false);
}

static void told_drain(void *arg)
{
	hv_ring_drain(&((struct race *)arg)->ring);
}

static bool coalesce(struct race *race, uint32_t value)
{
	struct kvm_coalesced_mmio_ring *page = race->page;
	bool room = false;

	pthread_mutex_lock(&race->producer);
	if (race->zone) {
		uint32_t last = page->last, next = (last + 1) % race->ring.max;

		room = next != __atomic_load_n(&page->first, __ATOMIC_ACQUIRE);
		if (room) {
			page->coalesced_mmio[last] = (struct kvm_coalesced_mmio){
				.phys_addr = DATA,
				.len = 4,
				.pio = 1,
			};
			memcpy(page->coalesced_mmio[last].data, &value, sizeof(value));
			__atomic_store_n(&page->last, next, __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&race->producer);
	race->coalesced += room;
	return room;
}

/* An exit, as vcpu.c has it. */
static void exit_write(struct vcpu *vcpu, uint64_t port, uint64_t value, unsigned width)
{
	struct race *race = vcpu->race;
	int64_t now = atomic_fetch_add(&race->now, SECOND);

	hv_ring_drain(&race->ring);
	mem_view_write(mem_hold_view(&vcpu->hold, MEM_SPACE_PORT), port, value, width);
	if (port == CONTROL)
		sched_yield(); /* another one may come upon what was asked for first */
	if (port == DATA) /* every one, not only those that keep coming */
		(void)mem_map_lend(&vcpu->hold, MEM_SPACE_PORT, port, width, now);
	if (mem_map_settle(&race->map))
		abort();
}

/* True if it waits. */
static bool write_data(struct vcpu *vcpu)
{
	uint32_t value = vcpu->id << 28 | (++vcpu->n & NUMBER);

	if (coalesce(vcpu->race, value))
		return true;
	exit_write(vcpu, DATA, value, 4);
	return false;
}

static void *vcpu_run(void *arg)
{
	struct vcpu *vcpu = arg;
	struct race *race = vcpu->race;

	mem_hold_init(&vcpu->hold, &race->map);
	while (vcpu->id != 0 && !race->over) {
		for (unsigned i = 0; i < 4; i++)
			(void)write_data(vcpu);
		exit_write(vcpu, OTHER, 0, 1);
		sched_yield(); /* or a busy host may let the first thread wait for a minute */
	}
	for (unsigned round = 0; vcpu->id == 0 && round < race->rounds; round++) {
		for (unsigned i = 0; i < 6; i++)
			(void)write_data(vcpu);
		exit_write(vcpu, CONTROL, 1, 1);
		for (unsigned i = 0; i < 3; i++)
			race->late += write_data(vcpu);
		exit_write(vcpu, CONTROL, 0, 1);
	}
	if (vcpu->id == 0)
		race->over = true;
	mem_hold_drop(&vcpu->hold);
	return NULL;
}

/* True if anything went wrong. */
static bool run(unsigned rounds)
{
	struct race *race = calloc(1, sizeof(*race));
	struct vcpu vcpus[THREADS];
	bool bad;

	race->rounds = rounds;
	lock_init(&race->lock, LOCK_DEVICE, "chip");
	pthread_mutex_init(&race->producer, NULL);
	race->meter = meter_new();
	race->page = aligned_alloc(PAGE, PAGE);
	memset(race->page, 0, PAGE);
	mem_condition_init(&race->quiet, "its interrupt is off", true);
	mem_region_init_io(&race->region, "chip", 5, ports, 3, race, &race->lock);
	race->region.conditions = &race->quiet;
	race->region.conditions_n = 1;
	if (mem_map_init(&race->map))
		abort();
	mem_map_begin(&race->map);
	mem_region_add(&race->map.root[MEM_SPACE_PORT], &race->region, DATA, 0);
	if (mem_map_commit(&race->map) || mem_map_start_lending(&race->map))
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
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(vcpus[i].thread, NULL);
	mem_map_unlisten(&race->map, &race->listener);
	for (unsigned i = 0; i < THREADS; i++)
		race->lost += (vcpus[i].n - race->last[i]) & NUMBER;
	printf("%u rounds, %" PRIu64 " writes waited, zone lent %" PRIu64 " times: late %" PRIu64
	       ", lost %" PRIu64 ", doubled %" PRIu64 "\n",
	       rounds, race->coalesced, race->lent, race->late, race->lost, race->doubled);
	bad = race->late || race->lost || race->doubled;

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
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	unsigned long times = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	bool mutant = argc > 3;

	while (times--) {
		if (run(rounds))
			return mutant ? 0 : 1;
	}
	return mutant ? 1 : 0;
}
