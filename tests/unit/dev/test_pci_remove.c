// SPDX-License-Identifier: MIT
/*
 * A PCI function comes and goes while others look it up, program it and access its registers. What
 * pci.h promises: after the removal nobody finds it, and once it is forgotten nobody is inside it.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "pc_rig.h"

#define DEVFN   PCI_DEVFN(4, 0)
#define PLACE   0xfe000000u
#define ROUNDS  300
#define READERS 3
#define ALIVE   0x600df00d

struct card {
	struct pci_function function;
	struct mem_region bar;
	struct lock lock;
	uint32_t alive; /* ALIVE until it is freed */
	/* A read of offset 0x10 waits here, inside the handler. */
	sem_t *entered, *leave;
};

static const struct pci_id card_id = {
	.vendor = 0x1234, .device = 0x5678, .class_code = 0xff, .interrupt_pin = 1
};

static uint64_t card_read(void *chip, uint64_t offset, unsigned width)
{
	struct card *card = chip;

	if (offset == 0x10 && card->entered) {
		sem_post(card->entered);
		sem_wait(card->leave);
	}
	return card->alive;
}

static void card_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct card *card = chip;

	pci_intx_set(&card->function, value & 1);
}

static const struct mem_port card_ports[] = {
	{ .at = 0, .len = 0x1000, .widths = MEM_W4, .read = card_read, .write = card_write },
};

static struct card *card_make(struct rig *rig)
{
	struct card *card = calloc(1, sizeof(*card));

	assert_non_null(card);
	card->alive = ALIVE;
	lock_init(&card->lock, LOCK_DEVICE, "card");
	mem_region_init_io(&card->bar, "card", 0xfff, card_ports, 1, card, &card->lock);
	mem_map_begin(&rig->map);
	pci_function_init(&card->function, &rig->bus, DEVFN, "card", &card_id, card);
	pci_bar_init(&card->function, 0, PCI_BAR_MEM32, 0x1000, &card->bar);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	pci_function_add(&card->function);
	return card;
}

static void card_free(struct card *card)
{
	lock_destroy(&card->lock);
	memset(card, 0, sizeof(*card));
	free(card);
}

static void place(struct rig *rig)
{
	rig_config_write(rig, DEVFN, PCI_BAR(0), PLACE, 4);
	rig_config_write(rig, DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
	rig_publish(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_destroy(*state);
	free(*state);
	return 0;
}

static void test_nobody_finds_it(void **state)
{
	struct rig *rig = *state;
	struct card *card = card_make(rig), *next;

	irq_router_set_route(&rig->router, (4 - 1) % 4, 11);
	place(rig);
	assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, PLACE, 4), ALIVE);
	rig_write(rig, MEM_SPACE_MEMORY, PLACE, 1, 4);
	assert_true(rig->level[11]);
	/* A move that is still to come does not come. */
	pci_bus_write(&rig->bus, DEVFN, PCI_BAR(0), PLACE + 0x1000, 4);
	assert_false(pci_function_forgotten(&card->function));
	assert_int_equal(pci_function_remove(&card->function), 0);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_false(rig->level[11]);
	assert_int_equal(rig_config_read(rig, DEVFN, PCI_VENDOR_ID, 4), UINT32_MAX);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, PLACE));
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, PLACE + 0x1000));
	pci_intx_set(&card->function, false);
	pci_intx_set(&card->function, true);
	assert_false(rig->level[11]);
	/* The place is free again while the old one still lives. */
	next = card_make(rig);
	place(rig);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, PLACE), &next->bar);
	assert_true(pci_function_forgotten(&card->function));
	card_free(card);
	assert_int_equal(pci_function_remove(&next->function), 0);
	assert_true(pci_function_forgotten(&next->function));
	card_free(next);
}

struct reader {
	struct rig *rig;
	pthread_t thread;
	uint64_t value;
};

static void *read_slowly(void *arg)
{
	struct reader *reader = arg;
	struct mem_hold hold;

	mem_hold_init(&hold, &reader->rig->map);
	reader->value = mem_view_read(mem_hold_view(&hold, MEM_SPACE_MEMORY), PLACE + 0x10, 4);
	mem_hold_drop(&hold);
	return NULL;
}

/* An access that is inside a handler keeps the chip, and one that only could be does, too. */
static void test_kept_while_in_use(void **state)
{
	struct rig *rig = *state;
	struct card *card = card_make(rig);
	struct reader reader = { .rig = rig };
	struct mem_hold idle;
	sem_t entered, leave;

	sem_init(&entered, 0, 0);
	sem_init(&leave, 0, 0);
	card->entered = &entered;
	card->leave = &leave;
	place(rig);
	mem_hold_init(&idle, &rig->map);
	assert_int_equal(pthread_create(&reader.thread, NULL, read_slowly, &reader), 0);
	sem_wait(&entered);
	assert_int_equal(pci_function_remove(&card->function), 0);
	assert_false(pci_function_forgotten(&card->function));
	sem_post(&leave);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.value, ALIVE);
	assert_false(pci_function_forgotten(&card->function));
	mem_hold_view(&idle, MEM_SPACE_MEMORY);
	assert_true(pci_function_forgotten(&card->function));
	mem_hold_drop(&idle);
	card_free(card);
	sem_destroy(&entered);
	sem_destroy(&leave);
}

static atomic_bool over;

/* As a processor: looks for the function, programs it, reads and writes its registers. */
static void *play_guest(void *arg)
{
	struct reader *reader = arg;
	struct rig *rig = reader->rig;
	struct mem_hold hold;

	mem_hold_init(&hold, &rig->map);
	while (!atomic_load(&over)) {
		uint64_t value = mem_view_read(mem_hold_view(&hold, MEM_SPACE_MEMORY), PLACE, 4);

		reader->value += value != ALIVE && value != UINT32_MAX;
		mem_view_write(mem_hold_view(&hold, MEM_SPACE_MEMORY), PLACE, value >> 3, 4);
		pci_bus_write(&rig->bus, DEVFN, PCI_BAR(0), PLACE, 4);
		pci_bus_write(&rig->bus, DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
		reader->value += pci_bus_read(&rig->bus, DEVFN, PCI_VENDOR_ID, 2) == 0;
		if (mem_map_settle(&rig->map))
			reader->value++;
	}
	mem_hold_drop(&hold);
	return NULL;
}

static void test_comes_and_goes(void **state)
{
	struct rig *rig = *state;
	struct reader readers[READERS];

	atomic_store(&over, false);
	for (size_t i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .rig = rig };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, play_guest, &readers[i]),
				 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct card *card = card_make(rig);

		place(rig);
		sched_yield();
		assert_int_equal(pci_function_remove(&card->function), 0);
		while (!pci_function_forgotten(&card->function))
			sched_yield();
		card_free(card);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].value, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_finds_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_while_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_comes_and_goes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
