// SPDX-License-Identifier: MIT
/*
 * Whoever asked for a change of the map finds it made when mem_map_settle() returns, whichever thread
 * made it. Threads take the part of vCPUs whose handlers move a BAR each; a listener that takes its
 * time takes that of KVM's memory slots, and is looked at as a guest does: at once, without a lock.
 *
 *	test_settle ROUNDS		fails if any thread misses its change
 *	test_settle ROUNDS caught	fails if none does: settling is done wrongly
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mirror.h"

#define ASKERS   4u
#define NOWHERE  UINT64_MAX
#define DISTANCE 0x10000u /* from one asker's places to the next one's */

struct asker {
	struct scene *scene;
	uint64_t base, missing;
	struct mem_region region;
	struct mem_request request;
	_Atomic uint64_t slot; /* where the listener says it is */
	pthread_t thread;
};

struct scene {
	struct mem_map map;
	struct mem_listener slots;
	struct asker askers[ASKERS];
	unsigned long rounds;
	atomic_uint ready; /* askers that have begun */
};

static struct asker *asker_of(struct scene *scene, const struct mem_section *section)
{
	for (unsigned i = 0; i < ASKERS; i++) {
		if (section->region == &scene->askers[i].region)
			return &scene->askers[i];
	}
	abort();
}

static void slot_del(void *arg, enum mem_space space, const struct mem_section *section)
{
	atomic_store(&asker_of(arg, section)->slot, NOWHERE);
}

/* The others run meanwhile, even on one processor. */
static void slot_add(void *arg, enum mem_space space, const struct mem_section *section)
{
	usleep(1);
	atomic_store(&asker_of(arg, section)->slot, section->range.first);
}

static void *ask(void *arg)
{
	struct asker *asker = arg;
	struct scene *scene = asker->scene;

	atomic_fetch_add(&scene->ready, 1);
	while (atomic_load(&scene->ready) < ASKERS)
		sched_yield();
	for (unsigned long i = 1; i <= scene->rounds; i++) {
		struct mem_view *view;

		asker->request.enabled = true;
		asker->request.offset = asker->base + i % 2 * 0x1000;
		mem_map_request(&scene->map, &asker->request);
		usleep(1); /* the handler is still to return: another thread may settle first */
		CHECK(mem_map_settle(&scene->map) == 0);
		view = mem_map_view(&scene->map, MEM_SPACE_MEMORY);
		asker->missing += !mem_view_find(view, asker->request.offset) ||
				  atomic_load(&asker->slot) != asker->request.offset;
		mem_view_unref(view);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct scene scene;
	uint64_t missing = 0;

	scene.rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000;
	CHECK(mem_map_init(&scene.map) == 0);
	mem_map_begin(&scene.map);
	for (unsigned i = 0; i < ASKERS; i++) {
		struct asker *asker = &scene.askers[i];

		asker->scene = &scene;
		asker->base = i * (uint64_t)DISTANCE;
		mem_region_init_io(&asker->region, "asker", 0xfff, NULL, 0, NULL, NULL);
		asker->request.region = &asker->region;
		mem_region_add(&scene.map.root[MEM_SPACE_MEMORY], &asker->region, asker->base, 0);
	}
	CHECK(mem_map_commit(&scene.map) == 0);
	scene.slots = (struct mem_listener){
		.order = MEM_ORDER_SLOTS,
		.arg = &scene,
		.region_add = slot_add,
		.region_del = slot_del,
	};
	mem_map_listen(&scene.map, &scene.slots);
	for (unsigned i = 0; i < ASKERS; i++) {
		struct asker *asker = &scene.askers[i];

		CHECK(pthread_create(&asker->thread, NULL, ask, asker) == 0);
	}
	for (unsigned i = 0; i < ASKERS; i++) {
		CHECK(pthread_join(scene.askers[i].thread, NULL) == 0);
		missing += scene.askers[i].missing;
	}
	printf("asked %lu times, missing %" PRIu64 "\n", ASKERS * scene.rounds, missing);
	mem_map_unlisten(&scene.map, &scene.slots);
	mem_map_destroy(&scene.map);
	return (missing != 0) != (argc > 2);
}
