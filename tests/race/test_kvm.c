// SPDX-License-Identifier: MIT
/* One vCPU in KVM, and what must hold whenever somebody looks at the machine or changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "machine.h"

static const struct hv_options bare = { .coalesce = true, .vcpus = 1 };
static const struct hv_options uncoalesced = { .vcpus = 1 };
/* HLT stays in the kernel, as it does in a PC. */
static const struct hv_options with_irqchip = {
	.coalesce = true,
	.irqchip = true,
	.pit = true,
	.vcpus = 1,
};

/* A region of a test's chip, put over whatever is there. */
static void put(struct machine *machine, enum mem_space space, struct mem_region *region,
		uint64_t at)
{
	mem_map_begin(&machine->map);
	mem_region_add(&machine->map.root[space], region, at, 2);
	assert_int_equal(mem_map_commit(&machine->map), 0);
}

/* Entries that wait; the kernel's side of the ring, looked at from outside. */
static unsigned waiting(const struct machine *machine)
{
	const struct hv_ring *ring = &machine->vm.ring;
	uint32_t last = __atomic_load_n(&ring->page->last, __ATOMIC_ACQUIRE);

	return (last + ring->max - ring->first) % ring->max;
}

static void wait_for_waiting(const struct machine *machine, unsigned n)
{
	while (waiting(machine) < n)
		usleep(100);
}

/* --- A chip with an index port, a data port and a window, all of which see each other's effect. */

struct planar {
	struct lock lock;
	uint64_t index, last_write, last_plane;
	_Atomic uint64_t datas, wrong;
	struct mem_region ports, window, verdict;
};

static void planar_index(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct planar *)chip)->index = value;
}

static void planar_window(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct planar *planar = chip;

	planar->last_write = value;
	planar->last_plane = planar->index;
}

/* Not coalesced: by now the index and the window have what was written before. */
static void planar_data(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct planar *planar = chip;

	planar->datas++;
	planar->wrong += planar->index != value || planar->last_write != value ||
			 planar->last_plane != value;
}

static uint64_t planar_read_index(void *chip, uint64_t offset, unsigned width)
{
	return ((struct planar *)chip)->index;
}

static uint64_t planar_read_window(void *chip, uint64_t offset, unsigned width)
{
	return ((struct planar *)chip)->last_write;
}

static void planar_verdict(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct planar *)chip)->wrong++;
}

static const struct mem_port planar_ports[] = {
	{ .at = 0, .len = 1, .write = planar_index, .wait = MEM_LATCH, .why = "index" },
	{ .at = 1, .len = 1, .write = planar_data, .read = planar_read_index },
};
static const struct mem_port planar_windows[] = {
	{ .at = 0,
	  .len = 0x1000,
	  .write = planar_window,
	  .read = planar_read_window,
	  .wait = MEM_LATCH,
	  .why = "pixels" },
};
static const struct mem_port planar_verdicts[] = {
	{ .at = 0, .len = 1, .write = planar_verdict },
};

/* Each of the three ways to look (data port written, read, window read) after writes that wait. */
GUEST(planar, "	mov $0xd000, %ax\n"
	      "	mov %ax, %es\n"
	      "	mov $20000, %si\n"
	      "	xor %bx, %bx\n"
	      "1:	mov %si, %ax\n"
	      "	mov %al, %cl\n"
	      "	mov $0x3ce, %dx\n"
	      "	outb %al, %dx\n"
	      "	movb %cl, %es:(%bx)\n"
	      "	inc %dx\n"
	      "	outb %al, %dx\n" /* data */
	      "	not %al\n"
	      "	mov %al, %cl\n"
	      "	dec %dx\n"
	      "	movb %cl, %es:(%bx)\n"
	      "	outb %al, %dx\n"
	      "	inc %dx\n"
	      "	inb %dx, %al\n" /* the index */
	      "	cmp %al, %cl\n"
	      "	jne 3f\n"
	      "	not %cl\n"
	      "	movb %cl, %es:(%bx)\n"
	      "	movb %es:1(%bx), %al\n" /* the window */
	      "	cmp %al, %cl\n"
	      "	je 2f\n"
	      "3:	mov $0x3d0, %dx\n"
	      "	outb %al, %dx\n"
	      "2:	dec %si\n"
	      "	jnz 1b\n"
	      "	hlt\n");

static void run_planar(const struct hv_options *options, bool coalesced)
{
	struct machine machine;
	struct planar chip = { .index = 0 };

	lock_init(&chip.lock, LOCK_DEVICE, "planar");
	machine_init(&machine);
	mem_region_init_io(&chip.ports, "planar", 1, planar_ports, 2, &chip, &chip.lock);
	mem_region_init_io(&chip.window, "pixels", 0xfff, planar_windows, 1, &chip, &chip.lock);
	mem_region_init_io(&chip.verdict, "verdict", 0, planar_verdicts, 1, &chip, &chip.lock);
	put(&machine, MEM_SPACE_PORT, &chip.ports, 0x3ce);
	put(&machine, MEM_SPACE_MEMORY, &chip.window, 0xd0000);
	put(&machine, MEM_SPACE_PORT, &chip.verdict, 0x3d0);
	machine_create(&machine, options);
	machine_start(&machine, planar_start, planar_end);
	machine_wait_halted(&machine, 1);
	assert_false(machine.failed);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(chip.datas, 20000);
	assert_int_equal(chip.wrong, 0);
	assert_int_equal(machine.vm.ring.delivered, coalesced ? 5 * 20000 : 0);
	machine_destroy(&machine);
	lock_destroy(&chip.lock);
}

static void every_access_sees_earlier_writes(void **state)
{
	run_planar(&bare, true);
}

static void the_same_without_coalescing(void **state)
{
	run_planar(&uncoalesced, false);
}

/* --- A chip that keeps what is written to it; several may share what they keep. */

struct kept {
	struct lock lock;
	uint64_t bytes_n, out_of_order;
	uint64_t last;
	uint8_t bytes[256];
};

struct keeper {
	struct kept *kept;
	uint64_t reads;
	_Atomic uint64_t n; /* looked at while the guest runs */
	struct mem_region region;
	struct mem_request request;
};

static void keeper_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct keeper *keeper = chip;
	struct kept *kept = keeper->kept;

	keeper->n++;
	if (width == 4)
		kept->out_of_order += value != kept->last + 1;
	kept->last = value;
	kept->bytes[kept->bytes_n++ % sizeof(kept->bytes)] = (uint8_t)value;
}

static const struct mem_port keeper_latch[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W1 | MEM_W4,
	  .write = keeper_write,
	  .wait = MEM_LATCH,
	  .why = "kept" },
};
static const struct mem_port keeper_exits[] = {
	{ .at = 0, .len = 4, .widths = MEM_W1 | MEM_W4, .write = keeper_write },
};
static const struct mem_port keeper_screen[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W1 | MEM_W4,
	  .write = keeper_write,
	  .wait = MEM_DEADLINE(2000000),
	  .why = "shown" },
};

static void keeper_init(struct keeper *keeper, struct kept *kept, const struct mem_port *port)
{
	memset(keeper, 0, sizeof(*keeper));
	keeper->kept = kept;
	mem_region_init_io(&keeper->region, "keeper", port->len - 1, port, 1, keeper, &kept->lock);
}

/* 50 numbers, then the vCPU sleeps in the kernel. */
GUEST(fifty, "	cli\n"
	     "	mov $0x1000, %dx\n"
	     "	xor %eax, %eax\n"
	     "1:	inc %eax\n"
	     "	outl %eax, %dx\n"
	     "	cmp $50, %eax\n"
	     "	jne 1b\n"
	     "	hlt\n");

static void moved_with_writes_in_the_ring(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper here, there;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&here, &kept, keeper_latch);
	keeper_init(&there, &kept, keeper_latch);
	put(&machine, MEM_SPACE_PORT, &here.region, 0x1000);
	put(&machine, MEM_SPACE_PORT, &there.region, 0x1100);
	machine_create(&machine, &with_irqchip);
	assert_int_equal(hv_vm_deadline(&machine.vm), 0); /* latches cost no wake-up */
	machine_start(&machine, fifty_start, fifty_end);
	wait_for_waiting(&machine, 50);
	assert_int_equal(here.n, 0);

	/* Another chip takes the place: what was written before is for the first one. */
	mem_map_begin(&machine.map);
	mem_region_set_offset(&here.region, 0x1200);
	mem_region_set_offset(&there.region, 0x1000);
	assert_int_equal(mem_map_commit(&machine.map), 0);
	assert_int_equal(here.n, 50);
	assert_int_equal(there.n, 0);
	assert_int_equal(kept.out_of_order, 0);
	assert_int_equal(waiting(&machine), 0);
	machine_destroy(&machine);
	assert_int_equal(here.n + there.n, 50);
	lock_destroy(&kept.lock);
}

GUEST(counting, "	xor %eax, %eax\n"
		"	mov $0x1000, %dx\n"
		"1:	inc %eax\n"
		"	outl %eax, %dx\n"
		"	jmp 1b\n");

static void moved_while_writing(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper chips[2];
	uint64_t written;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	for (unsigned i = 0; i < 2; i++) {
		keeper_init(&chips[i], &kept, keeper_latch);
		put(&machine, MEM_SPACE_PORT, &chips[i].region, 0x1000 + 0x100 * i);
	}
	machine_create(&machine, &with_irqchip);
	machine_start(&machine, counting_start, counting_end);
	for (unsigned i = 0; i < 200; i++) {
		mem_map_begin(&machine.map);
		mem_region_set_offset(&chips[i % 2].region, 0x1100);
		mem_region_set_offset(&chips[(i + 1) % 2].region, 0x1000);
		assert_int_equal(mem_map_commit(&machine.map), 0);
	}
	hv_vcpus_pause(&machine.vm);
	written = kept.bytes_n;
	assert_false(machine.failed);
	assert_int_equal(kept.out_of_order, 0);
	assert_int_equal(kept.last, written);
	assert_int_equal(chips[0].n + chips[1].n, written);
	assert_true(chips[0].n > 0 && chips[1].n > 0);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

/* --- A register that moves another chip, as a BAR does. */

static void mover_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct machine *machine = chip;
	struct keeper *keeper = machine->arg;

	keeper->request.region = &keeper->region;
	keeper->request.enabled = true;
	keeper->request.offset = value;
	mem_map_request(&machine->map, &keeper->request);
}

static const struct mem_port mover[] = {
	{ .at = 0, .len = 4, .widths = MEM_W4, .write = mover_write },
};

/* Five to the old place, which then moves, five to the new one; and back. */
GUEST(moves, "	xor %ecx, %ecx\n"
	     "	mov $200, %si\n"
	     "	mov $0x1000, %bx\n"
	     "1:	mov %bx, %dx\n"
	     "	mov $5, %di\n"
	     "2:	inc %ecx\n"
	     "	mov %ecx, %eax\n"
	     "	outl %eax, %dx\n"
	     "	dec %di\n"
	     "	jnz 2b\n"
	     "	xor $0x100, %bx\n"
	     "	movzwl %bx, %eax\n"
	     "	mov $0x2000, %dx\n"
	     "	outl %eax, %dx\n"
	     "	dec %si\n"
	     "	jnz 1b\n"
	     "	hlt\n");

static void moved_by_the_guest(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct mem_region region;
	struct keeper chip;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	machine.arg = &chip;
	keeper_init(&chip, &kept, keeper_latch);
	mem_region_init_io(&region, "mover", 3, mover, 1, &machine, NULL);
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1000);
	put(&machine, MEM_SPACE_PORT, &region, 0x2000);
	machine_create(&machine, &bare);
	machine_start(&machine, moves_start, moves_end);
	machine_wait_halted(&machine, 1);
	hv_vcpus_pause(&machine.vm);
	assert_false(machine.failed);
	assert_int_equal(chip.n, 1000);
	assert_int_equal(kept.out_of_order, 0);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

static void deadline_of_a_halted_guest(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper chip;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&chip, &kept, keeper_screen);
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1000);
	machine_create(&machine, &with_irqchip);
	assert_int_equal(hv_vm_deadline(&machine.vm), 0); /* lent to those who use it */
	machine_start(&machine, fifty_start, fifty_end);
	/* The first ones exit, until it is clear that it is worth a timer. */
	wait_for_waiting(&machine, 50 - MEM_HOT_FIRST);
	assert_int_equal(chip.n, MEM_HOT_FIRST);
	assert_int_equal(hv_vm_deadline(&machine.vm), 2000000);

	/* The vCPU exits no more. Whoever runs the machine drains as often as it is told to. */
	while (chip.n < 50) {
		struct timespec time = { .tv_nsec = (long)hv_vm_deadline(&machine.vm) };

		assert_true(time.tv_nsec > 0);
		nanosleep(&time, NULL);
		hv_vm_drain(&machine.vm);
		assert_int_equal(chip.n, 50);
	}
	/* Nobody writes any more: a second later nobody has to look any more. */
	hv_vm_review(&machine.vm);
	assert_int_not_equal(hv_vm_deadline(&machine.vm), 0);
	assert_int_equal(mem_map_review(&machine.map, clock_monotonic() + 2000000000), 0);
	assert_int_equal(hv_vm_deadline(&machine.vm), 0);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

static void latches_are_seen_on_pause(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper chip;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&chip, &kept, keeper_latch);
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1000);
	machine_create(&machine, &with_irqchip);
	machine_start(&machine, fifty_start, fifty_end);
	wait_for_waiting(&machine, 50);
	assert_int_equal(hv_vm_deadline(&machine.vm), 0);
	assert_int_equal(chip.n, 0);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(chip.n, 50);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

/* --- Pausing: index and data for ever, as a guest that reads its clock. */

GUEST(hammer, "	mov $0x3ce, %dx\n"
	      "	xor %cx, %cx\n"
	      "1:	inc %cx\n"
	      "	mov %cl, %al\n"
	      "	outb %al, %dx\n"
	      "	inc %dx\n"
	      "	inb %dx, %al\n"
	      "	dec %dx\n"
	      "	cmp %al, %cl\n"
	      "	je 1b\n"
	      "	mov $0x3d0, %dx\n"
	      "	outb %al, %dx\n"
	      "	hlt\n");

static void paused_and_resumed(void **state)
{
	struct machine machine;
	struct planar chip = { .index = 0 };

	lock_init(&chip.lock, LOCK_DEVICE, "planar");
	machine_init(&machine);
	mem_region_init_io(&chip.ports, "planar", 1, planar_ports, 2, &chip, &chip.lock);
	mem_region_init_io(&chip.verdict, "verdict", 0, planar_verdicts, 1, &chip, &chip.lock);
	put(&machine, MEM_SPACE_PORT, &chip.ports, 0x3ce);
	put(&machine, MEM_SPACE_PORT, &chip.verdict, 0x3d0);
	machine_create(&machine, &bare);
	machine_start(&machine, hammer_start, hammer_end);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t delivered = machine.vm.ring.delivered, rip;

		/* Mostly it is stopped again as it starts; now and then it gets somewhere. */
		while (i % 20 == 0 && machine.vm.ring.delivered < delivered + 3 && !machine.failed)
			usleep(20);
		hv_vcpus_pause(&machine.vm);
		delivered = machine.vm.ring.delivered;
		rip = hv_vcpu_rip(&machine.vm, 0);
		assert_in_range(rip, GUEST_CODE, GUEST_CODE + (hammer_end - hammer_start));
		assert_int_equal(waiting(&machine), 0);
		assert_int_equal(chip.wrong, 0);
		assert_int_equal(machine.vm.ring.delivered, delivered);
		hv_vcpus_resume(&machine.vm);
	}
	assert_false(machine.failed);
	machine_destroy(&machine);
	lock_destroy(&chip.lock);
}

GUEST(halt, "	mov $0x1000, %dx\n"
	    "	mov $7, %al\n"
	    "	outb %al, %dx\n"
	    "	hlt\n");

/* A write that is the guest's last, as one to a reset register, though others follow at once. */
struct ender {
	struct machine *machine;
	struct keeper *keeper;
	uint64_t after; /* writes that the other chip had by then */
};

static void ender_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ender *ender = chip;

	ender->after = ender->keeper->n;
	hv_vcpus_ask_pause(&ender->machine->vm);
}

static const struct mem_port ender_exits[] = {
	{ .at = 0, .len = 1, .write = ender_write },
};
static const struct mem_port ender_latch[] = {
	{ .at = 0, .len = 1, .write = ender_write, .wait = MEM_LATCH, .why = "may wait" },
};

GUEST(last_write, "	mov $0x1010, %dx\n"
		  "	xor %eax, %eax\n"
		  "1:	inc %eax\n"
		  "	outl %eax, %dx\n"
		  "	cmp $20, %eax\n"
		  "	jne 1b\n"
		  "	mov $0x2000, %dx\n"
		  "	outb %al, %dx\n" /* the last, which may still wait */
		  "	mov $0x1010, %dx\n"
		  "2:	inc %eax\n"
		  "	outl %eax, %dx\n"
		  "	jmp 2b\n");

static void run_last_write(const struct mem_port *port)
{
	const struct hv_entry other = { .mode = HV_REAL, .rip = 0x3000 };
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper chip, latch;
	struct mem_region region;
	struct ender ender = { .machine = &machine, .keeper = &chip };
	struct error err;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&chip, &kept, keeper_exits);
	keeper_init(&latch, &kept, keeper_latch);
	mem_region_init_io(&region, "ender", 0, port, 1, &ender, NULL);
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1010);
	put(&machine, MEM_SPACE_PORT, &latch.region, 0x1000);
	put(&machine, MEM_SPACE_PORT, &region, 0x2000);
	memcpy(machine.memory + 0x3000, halt_start, (size_t)(halt_end - halt_start));
	machine_create(&machine, &bare);
	machine_start(&machine, last_write_start, last_write_end);
	while (!machine.vm.over && !machine.failed)
		usleep(50);
	hv_vcpus_pause(&machine.vm);
	hv_vcpus_pause(&machine.vm); /* twice is once */
	assert_int_equal(ender.after, 20);
	assert_int_equal(chip.n, 20);

	/* After the reset everything is carried out again. */
	assert_int_equal(hv_vm_reset(&machine.vm, &err), 0);
	assert_int_equal(hv_vcpu_set_entry(&machine.vm, 0, &other, &err), 0);
	hv_vcpus_resume(&machine.vm);
	machine_wait_halted(&machine, 1);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(latch.n, 1);
	assert_int_equal(chip.n, 20);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

static void nothing_behind_the_last_write(void **state)
{
	run_last_write(ender_exits);
	run_last_write(ender_latch);
}

/*
 * A paused vCPU has no access half done: given other registers it does what they say, and KVM does not
 * finish an old instruction with them.
 */
static void nothing_half_done(void **state)
{
	static const uint64_t halt_at = 0x3000;
	const struct hv_entry other = { .mode = HV_REAL, .rip = halt_at };
	const struct hv_entry again = { .mode = HV_REAL, .rip = GUEST_CODE };
	struct machine machine;
	struct planar chip = { .index = 0 };
	struct kept kept = { .last = 0 };
	struct keeper keeper;
	struct error err;

	lock_init(&chip.lock, LOCK_DEVICE, "planar");
	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	mem_region_init_io(&chip.ports, "planar", 1, planar_ports, 2, &chip, &chip.lock);
	keeper_init(&keeper, &kept, keeper_latch);
	put(&machine, MEM_SPACE_PORT, &chip.ports, 0x3ce);
	put(&machine, MEM_SPACE_PORT, &keeper.region, 0x1000);
	memcpy(machine.memory + halt_at, halt_start, (size_t)(halt_end - halt_start));
	machine_create(&machine, &bare);
	machine_start(&machine, hammer_start, hammer_end);
	for (unsigned i = 1; i <= 300; i++) {
		uint64_t delivered = machine.vm.ring.delivered;

		while (machine.vm.ring.delivered < delivered + 2 + i % 3)
			usleep(10);
		hv_vcpus_pause(&machine.vm);
		assert_int_equal(hv_vcpu_set_entry(&machine.vm, 0, &other, &err), 0);
		hv_vcpus_resume(&machine.vm);
		machine_wait_halted(&machine, 1);
		hv_vcpus_pause(&machine.vm);
		assert_int_equal(keeper.n, i);
		assert_int_equal(hv_vm_reset(&machine.vm, &err), 0);
		assert_int_equal(hv_vcpu_set_entry(&machine.vm, 0, &again, &err), 0);
		hv_vcpus_resume(&machine.vm);
	}
	assert_false(machine.failed);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
	lock_destroy(&chip.lock);
}

/* --- The ways in which a guest ends. */

GUEST(triple_fault, "	lidtl %cs:1f - triple_fault_start + 0x1000\n"
		    "	mov %cr0, %eax\n"
		    "	or $1, %al\n" /* real mode would not mind the empty table */
		    "	mov %eax, %cr0\n"
		    "	mov $0xfff8, %ax\n"
		    "	mov %ax, %ds\n" /* there is no such segment */
		    "	hlt\n"
		    "1:	.word 0\n"
		    "	.long 0\n");

static void reset_after_a_triple_fault(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper chip;
	struct hv_entry entry = { .mode = HV_REAL, .rip = GUEST_CODE };
	struct error err;

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&chip, &kept, keeper_latch);
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1000);
	machine_create(&machine, &bare);
	machine_start(&machine, triple_fault_start, triple_fault_end);
	while (sem_wait(&machine.reset) < 0) {
	}
	assert_false(machine.failed);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(hv_vm_reset(&machine.vm, &err), 0);
	assert_int_equal(hv_vcpu_rip(&machine.vm, 0), 0xfffffff0);

	memcpy(machine.memory + GUEST_CODE, halt_start, (size_t)(halt_end - halt_start));
	assert_int_equal(hv_vcpu_set_entry(&machine.vm, 0, &entry, &err), 0);
	hv_vcpus_resume(&machine.vm);
	machine_wait_halted(&machine, 1);
	assert_int_equal(kept.last, 7);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

GUEST(astray, "	ljmp $0xb000, $0\n");

static void running_where_nothing_is(void **state)
{
	struct machine machine;

	machine_init(&machine);
	machine_create(&machine, &bare);
	machine_start(&machine, astray_start, astray_end);
	machine_wait_halted(&machine, 1);
	assert_true(machine.failed);
	assert_non_null(strstr(machine.failure.text, "vCPU 0: KVM internal error, suberror 1"));
	assert_non_null(strstr(machine.failure.text, " at cs 0xb000 rip 0x0"));
	assert_non_null(strstr(machine.failure.text, "instruction bytes ff ff"));
	machine_destroy(&machine);
}

/* --- Shapes of accesses. */

GUEST(shapes, "	xor %si, %si\n"
	      "	mov %si, %ds\n"
	      "	mov $0x1010, %dx\n" /* exits */
	      "	mov $0x600, %si\n"
	      "	mov $20, %cx\n"
	      "	cld\n"
	      "	rep outsb\n"
	      "	mov $0x1000, %dx\n" /* waits */
	      "	mov $20, %cx\n"
	      "	rep outsb\n"
	      "	mov $0xd000, %ax\n" /* a store across two pages of different kinds */
	      "	mov %ax, %ds\n"
	      "	movl $0x44332211, 0x0ffd\n"
	      "	movl $0x44332211, 0x1ffd\n"
	      "	movl 0x1ffd, %eax\n"
	      "	xor %cx, %cx\n"
	      "	mov %cx, %ds\n"
	      "	mov %cx, %es\n"
	      "	movl %eax, 0x700\n"
	      "	mov $0x704, %di\n"
	      "	mov $0x1020, %dx\n"
	      "	mov $10, %cx\n"
	      "	rep insw\n"
	      "	hlt\n");

/* Reads count up. */
static uint64_t keeper_read(void *chip, uint64_t offset, unsigned width)
{
	return ++((struct keeper *)chip)->reads;
}

static const struct mem_port keeper_reads[] = {
	{ .at = 0, .len = 2, .widths = MEM_W2, .read = keeper_read },
};
static const struct mem_port keeper_page[] = {
	{ .at = 0, .len = 0x1000, .widths = MEM_W1, .read = keeper_read, .write = keeper_write },
};
static const struct mem_port keeper_page_latch[] = {
	{ .at = 0,
	  .len = 0x1000,
	  .widths = MEM_W1,
	  .write = keeper_write,
	  .wait = MEM_LATCH,
	  .why = "kept" },
};

static void strings_and_odd_lengths(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 0 };
	struct keeper exits, waits, reads, page, next, last;
	uint16_t words[10];

	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&exits, &kept, keeper_exits);
	keeper_init(&waits, &kept, keeper_latch);
	keeper_init(&page, &kept, keeper_page_latch);
	keeper_init(&reads, &kept, keeper_reads);
	keeper_init(&next, &kept, keeper_page);
	keeper_init(&last, &kept, keeper_page);
	put(&machine, MEM_SPACE_PORT, &exits.region, 0x1010);
	put(&machine, MEM_SPACE_PORT, &waits.region, 0x1000);
	put(&machine, MEM_SPACE_MEMORY, &page.region, 0xd0000);
	put(&machine, MEM_SPACE_MEMORY, &next.region, 0xd1000);
	put(&machine, MEM_SPACE_MEMORY, &last.region, 0xd2000);
	put(&machine, MEM_SPACE_PORT, &reads.region, 0x1020);
	for (unsigned i = 0; i < 40; i++)
		machine.memory[0x600 + i] = (uint8_t)i;
	machine_create(&machine, &bare);
	machine_start(&machine, shapes_start, shapes_end);
	machine_wait_halted(&machine, 1);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(exits.n, 20);
	assert_int_equal(waits.n, 20);
	assert_int_equal(page.n, 3);
	assert_int_equal(next.n, 4);
	assert_int_equal(last.n, 1);
	assert_int_equal(kept.bytes_n, 48);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(kept.bytes[i], i);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(kept.bytes[40 + i], 0x11 * (i % 4 + 1));
	assert_memory_equal(machine.memory + 0x700, ((uint8_t[]){ 1, 2, 3, 1 }), 4);
	memcpy(words, machine.memory + 0x704, sizeof(words));
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(words[i], i + 1);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
}

/* --- A doorbell inside a range that waits. */

GUEST(rings, "	mov $0x1000, %dx\n"
	     "	mov $5, %eax\n"
	     "	outl %eax, %dx\n" /* rings */
	     "	inc %eax\n"
	     "	outl %eax, %dx\n" /* does not */
	     "	hlt\n");

static void doorbell_in_a_zone(void **state)
{
	struct machine machine;
	struct kept kept = { .last = 5 };
	struct keeper chip;
	struct mem_doorbell bell = { .at = 0, .width = 4, .match = true, .value = 5 };
	uint64_t rung = 0;

	bell.fd = eventfd(0, EFD_NONBLOCK);
	lock_init(&kept.lock, LOCK_DEVICE, "kept");
	machine_init(&machine);
	keeper_init(&chip, &kept, keeper_latch);
	chip.region.doorbells = &bell;
	chip.region.doorbells_n = 1;
	put(&machine, MEM_SPACE_PORT, &chip.region, 0x1000);
	machine_create(&machine, &bare);
	machine_start(&machine, rings_start, rings_end);
	machine_wait_halted(&machine, 1);
	hv_vcpus_pause(&machine.vm);
	assert_int_equal(read(bell.fd, &rung, sizeof(rung)), sizeof(rung));
	assert_int_equal(rung, 1);
	assert_int_equal(chip.n, 1);
	assert_int_equal(kept.last, 6);
	machine_destroy(&machine);
	lock_destroy(&kept.lock);
	close(bell.fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_access_sees_earlier_writes),
		cmocka_unit_test(the_same_without_coalescing),
		cmocka_unit_test(moved_with_writes_in_the_ring),
		cmocka_unit_test(moved_while_writing),
		cmocka_unit_test(moved_by_the_guest),
		cmocka_unit_test(deadline_of_a_halted_guest),
		cmocka_unit_test(latches_are_seen_on_pause),
		cmocka_unit_test(paused_and_resumed),
		cmocka_unit_test(nothing_behind_the_last_write),
		cmocka_unit_test(nothing_half_done),
		cmocka_unit_test(reset_after_a_triple_fault),
		cmocka_unit_test(running_where_nothing_is),
		cmocka_unit_test(strings_and_odd_lengths),
		cmocka_unit_test(doorbell_in_a_zone),
	};

	if (!machine_possible())
		return SKIP_STATUS;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
