// SPDX-License-Identifier: MIT
/*
 * The race of condition.c in KVM: one vCPU turns an interrupt on and off, and while it is on it looks
 * in memory, without any exit, whether its write has reached the chip by the next instruction. Another
 * vCPU writes to the same register all the time. The first one has a zone in which nobody is, too, over
 * which a chip appears, and which finds out in the same way that its writes arrive.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define DATA    0x1000u
#define CONTROL 0x1010u
#define WRONG   0x1011u
#define NOWHERE 0x1100u
#define SEEN    0x500u /* in memory: the latest value of the first vCPU that reached a chip */
#define ROUNDS  400u
#define OTHERS  15000u

struct chip {
	struct lock lock;
	struct machine *machine;
	struct mem_region data, control, late;
	struct mem_condition quiet;
	struct mem_request request;
	uint32_t last[2];
	uint64_t mistakes, wrong;
};

/* Values count up, for each vCPU from its own base. */
static void data_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	struct chip *chip = arg;
	unsigned vcpu = value >> 31 & 1;
	uint32_t n = value & 0x7fffffff;

	chip->mistakes += n != chip->last[vcpu] + 1;
	chip->last[vcpu] = n;
	if (!vcpu)
		memcpy(chip->machine->memory + SEEN, &n, sizeof(n));
}

static void late_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	uint32_t n = (uint32_t)value;

	memcpy(((struct chip *)arg)->machine->memory + SEEN, &n, sizeof(n));
}

/* 1 and 0: interrupt on and off. 3 and 2: the late chip appears and goes. */
static void control_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	struct chip *chip = arg;
	struct mem_hot *hot = &chip->machine->vm.vcpus[0].hot; /* of this thread */

	/* The test has no second to wait: every fourth write is enough, as often as it likes. */
	mem_hot_init(hot, hot->per_second);
	if (value < 2) {
		chip->quiet.budget.spent_until = 0;
		mem_condition_set(&chip->quiet, value == 0);
		return;
	}
	chip->machine->map.loans[MEM_SPACE_PORT].budget.spent_until = 0;
	chip->request.region = &chip->late;
	chip->request.enabled = value & 1;
	chip->request.offset = NOWHERE;
	mem_map_request(&chip->machine->map, &chip->request);
}

static void wrong_write(void *arg, uint64_t offset, uint64_t value, unsigned width)
{
	((struct chip *)arg)->wrong++;
}

static const struct mem_port data_ports[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W4,
	  .write = data_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(0),
	  .why = "data" },
};
static const struct mem_port control_ports[] = {
	{ .at = 0, .len = 1, .write = control_write },
	{ .at = 1, .len = 1, .write = wrong_write },
};
static const struct mem_port late_ports[] = {
	{ .at = 0, .len = 4, .widths = MEM_W4, .write = late_write },
};

GUEST(condition, "	xor %eax, %eax\n"
		 "	test %bx, %bx\n"
		 "	jnz 9f\n"
		 "	mov $400, %esi\n"
		 "1:	mov $0x1000, %dx\n"
		 "	mov $12, %cx\n"
		 "2:	inc %eax\n"
		 "	outl %eax, %dx\n"
		 "	loop 2b\n"
		 "	mov $1, %bl\n"
		 "	call 7f\n"
		 "	mov $3, %cx\n"
		 "3:	inc %eax\n"
		 "	mov $0x1000, %dx\n"
		 "	outl %eax, %dx\n"
		 "	call 8f\n"
		 "	loop 3b\n"
		 "	mov $0, %bl\n"
		 "	call 7f\n"
		 "	mov %esi, %edi\n" /* every sixteenth time, where nobody is */
		 "	and $15, %di\n"
		 "	jnz 5f\n"
		 "	mov $0x1100, %dx\n"
		 "	mov $12, %cx\n"
		 "4:	outl %eax, %dx\n"
		 "	loop 4b\n"
		 "	mov $3, %bl\n"
		 "	call 7f\n"
		 "	movl $0, 0x500\n"
		 "	mov $0x1100, %dx\n"
		 "	outl %eax, %dx\n"
		 "	call 8f\n"
		 "	mov $2, %bl\n"
		 "	call 7f\n"
		 "5:	dec %esi\n"
		 "	jnz 1b\n"
		 "	hlt\n"
		 /* control = bl */
		 "7:	push %ax\n"
		 "	mov %bl, %al\n"
		 "	mov $0x1010, %dx\n"
		 "	outb %al, %dx\n"
		 "	pop %ax\n"
		 "	ret\n"
		 /* eax must have been seen */
		 "8:	cmp %eax, 0x500\n"
		 "	je 6f\n"
		 "	mov $0x1011, %dx\n"
		 "	outb %al, %dx\n"
		 "6:	ret\n"
		 /* the other vCPU */
		 "9:	mov $15000, %ecx\n"
		 "	mov $0x1000, %dx\n"
		 "	mov $0x80000000, %eax\n"
		 "1:	inc %eax\n"
		 "	outl %eax, %dx\n"
		 "	dec %ecx\n"
		 "	jnz 1b\n"
		 "	hlt\n");

static void put(struct machine *machine, struct mem_region *region, uint64_t at)
{
	mem_region_add(&machine->map.root[MEM_SPACE_PORT], region, at, 0);
}

int main(void)
{
	static const struct hv_options options = { .coalesce = true, .vcpus = 2 };
	static struct machine machine;
	static struct chip chip;
	uint64_t waited;
	bool bad;

	if (!machine_possible())
		return SKIP_STATUS;
	chip.machine = &machine;
	lock_init(&chip.lock, LOCK_DEVICE, "chip");
	mem_condition_init(&chip.quiet, "its interrupt is off", true);
	machine_init(&machine);
	mem_region_init_io(&chip.data, "data", 3, data_ports, 1, &chip, &chip.lock);
	chip.data.conditions = &chip.quiet;
	chip.data.conditions_n = 1;
	mem_region_init_io(&chip.control, "control", 1, control_ports, 2, &chip, &chip.lock);
	mem_region_init_io(&chip.late, "late", 3, late_ports, 1, &chip, &chip.lock);
	mem_region_set_enabled(&chip.late, false);
	mem_map_begin(&machine.map);
	put(&machine, &chip.data, DATA);
	put(&machine, &chip.control, CONTROL);
	put(&machine, &chip.late, NOWHERE);
	if (mem_map_commit(&machine.map))
		abort();
	machine_create(&machine, &options);
	machine_start(&machine, condition_start, condition_end);
	machine_wait_halted(&machine, 2);
	hv_vcpus_pause(&machine.vm);
	waited = machine.vm.ring.delivered;
	printf("%" PRIu64 " writes waited; %" PRIu64 " came late, %" PRIu64 " in disorder%s%s\n",
	       waited, chip.wrong, chip.mistakes, machine.failed ? ": " : "", machine.failure.text);
	bad = machine.failed || chip.wrong || chip.mistakes || chip.last[0] != ROUNDS * 15 ||
	      chip.last[1] != OTHERS || waited < 6 * ROUNDS;
	machine_destroy(&machine);
	lock_destroy(&chip.lock);
	return bad;
}
