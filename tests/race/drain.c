// SPDX-License-Identifier: MIT
/*
 * Several vCPUs write numbers that wait, to ports and to memory in turn, and now and then read back
 * what the chip has: every number must have arrived, once, in order, before the read. A thread beside
 * them drains as well, as a timer does.
 *
 *	race-drain WRITES [rounds]	fails if any number is wrong, lost or doubled
 *	race-drain WRITES rounds caught	fails if none is in all the rounds: the ring is a wrong one
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define VCPUS      4u
#define WRITES     10u /* a read, half of them to ports */
#define PORT_WRITE 0x1000u
#define PORT_READ  0x1100u
#define PORT_WRONG 0x1200u
#define WINDOW     0xd0000u

/* esi: rounds, left at 0x500. ecx counts the writes, bx is where this vCPU's registers are. */
GUEST(guest, "	movl 0x500, %esi\n"
	     "	shl $2, %bx\n"
	     "	mov $0xd000, %ax\n"
	     "	mov %ax, %es\n"
	     "	xor %ecx, %ecx\n"
	     "1:	mov $5, %di\n"
	     "2:	inc %ecx\n"
	     "	mov %ecx, %eax\n"
	     "	lea 0x1000(%bx), %dx\n"
	     "	outl %eax, %dx\n"
	     "	inc %ecx\n"
	     "	movl %ecx, %es:(%bx)\n"
	     "	dec %di\n"
	     "	jnz 2b\n"
	     "	lea 0x1100(%bx), %dx\n"
	     "	inl %dx, %eax\n"
	     "	cmp %eax, %ecx\n"
	     "	je 3f\n"
	     "	mov $0x1200, %dx\n"
	     "	outl %eax, %dx\n"
	     "3:	dec %esi\n"
	     "	jnz 1b\n"
	     "	hlt\n");

struct counters {
	struct lock lock;
	uint64_t last[VCPUS];
	uint64_t writes, reads, wrong, lost, doubled;
};

static void counter_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct counters *counters = chip;
	uint64_t *last = &counters->last[offset / 4];

	counters->writes++;
	if (value > *last + 1)
		counters->lost += value - *last - 1;
	else if (value <= *last)
		counters->doubled++;
	*last = value;
}

static uint64_t counter_read(void *chip, uint64_t offset, unsigned width)
{
	struct counters *counters = chip;

	counters->reads++;
	return counters->last[offset / 4];
}

static void wrong_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct counters *)chip)->wrong++;
}

static const struct mem_port write_ports[] = {
	{ .at = 0,
	  .len = 4 * VCPUS,
	  .widths = MEM_W4,
	  .write = counter_write,
	  .wait = MEM_LATCH,
	  .why = "a counter" },
};
static const struct mem_port read_ports[] = {
	{ .at = 0, .len = 4 * VCPUS, .widths = MEM_W4, .read = counter_read },
};
static const struct mem_port wrong_ports[] = {
	{ .at = 0, .len = 4, .widths = MEM_W4, .write = wrong_write },
};

static const struct {
	const char *name;
	enum mem_space space;
	uint64_t at;
	uint64_t size;
	const struct mem_port *ports;
} places[] = {
	{ "ports", MEM_SPACE_PORT, PORT_WRITE, sizeof(uint32_t) * VCPUS, write_ports },
	{ "read", MEM_SPACE_PORT, PORT_READ, sizeof(uint32_t) * VCPUS, read_ports },
	{ "wrong", MEM_SPACE_PORT, PORT_WRONG, sizeof(uint32_t), wrong_ports },
	{ "window", MEM_SPACE_MEMORY, WINDOW, sizeof(uint32_t) * VCPUS, write_ports },
};

#define PLACES_N (sizeof(places) / sizeof(places[0]))

static void run(uint32_t rounds, struct counters *counters, uint64_t *coalesced)
{
	static const struct hv_options options = { .coalesce = true, .vcpus = VCPUS };
	static struct machine machine;
	static struct mem_region regions[PLACES_N];
	int halted = 0;

	memset(counters, 0, sizeof(*counters));
	lock_init(&counters->lock, LOCK_DEVICE, "counters");
	machine_init(&machine);
	mem_map_begin(&machine.map);
	for (size_t i = 0; i < PLACES_N; i++) {
		mem_region_init_io(&regions[i], places[i].name, places[i].size - 1, places[i].ports,
				   1, counters, &counters->lock);
		mem_region_add(&machine.map.root[places[i].space], &regions[i], places[i].at, 2);
	}
	if (mem_map_commit(&machine.map))
		abort();
	memcpy(machine.memory + 0x500, &rounds, sizeof(rounds));
	machine_create(&machine, &options);
	machine_start(&machine, guest_start, guest_end);
	while (halted < (int)VCPUS && !machine.failed) {
		hv_vm_drain(&machine.vm);
		usleep(200);
		sem_getvalue(&machine.halted, &halted);
	}
	if (machine.failed) {
		fprintf(stderr, "%s\n", machine.failure.text);
		exit(1);
	}
	hv_vcpus_stop(&machine.vm);
	for (unsigned i = 0; i < VCPUS; i++) {
		/* What is missing at the end is lost as well. */
		if (counters->last[i] < (uint64_t)rounds * WRITES)
			counters->lost += (uint64_t)rounds * WRITES - counters->last[i];
	}
	*coalesced = machine.vm.ring.delivered;
	machine_destroy(&machine);
	lock_destroy(&counters->lock);
}

int main(int argc, char **argv)
{
	uint64_t writes = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	bool mutant = argc > 3;

	if (!machine_possible())
		return SKIP_STATUS;
	while (rounds--) {
		struct counters counters;
		uint64_t coalesced;
		bool bad;

		run((uint32_t)(writes / VCPUS / WRITES), &counters, &coalesced);
		bad = counters.wrong || counters.lost || counters.doubled;
		printf("writes %" PRIu64 " (%" PRIu64 " coalesced), reads %" PRIu64
		       ": wrong %" PRIu64 ", lost %" PRIu64 ", doubled %" PRIu64 "\n",
		       counters.writes, coalesced, counters.reads, counters.wrong, counters.lost,
		       counters.doubled);
		if (bad || (!mutant && coalesced == 0))
			return mutant ? 0 : 1;
	}
	return mutant ? 1 : 0;
}
