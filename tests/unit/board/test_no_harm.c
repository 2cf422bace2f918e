// SPDX-License-Identifier: MIT
/*
 * The proof that waiting harms nothing. Two PCs without CPU get the same long random trace of
 * accesses, passing time, resets, pauses and input; one of them lets the writes wait that may. What is
 * read, the interrupts, what chips print, and in the end every chip's state and all memory must be
 * the same to the last byte.
 *
 * An interrupt may not come later either: a write that waits in one of them must not have changed a line
 * in the other. (Behind a reset that waits the two are different machines for a while; a guest in KVM
 * makes no access there that counts.)
 *
 *	test_no_harm [STEPS]		fails if anything differs; COALPORT_SEED chooses another trace,
 *					COALPORT_STEPS another length
 *	test_no_harm STEPS MUTANT	the waiting is broken in a known way: fails if nothing differs
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board/accel_none.h"
#include "board/pc.h"
#include "dev/serial_isa.h"
#include "dev/vga/vga.h"
#include "mem/lend.h"
#include "mem/overrule.h"

#define STEPS       1000000
#define RAM         (UINT64_C(1) << 20)
#define FLOPPY      (360 << 10)
#define CHECK_EVERY 4096 /* steps between looks at all states */
#define PM_BASE     0xb000
#define STALE_MAX   64
#define MASTER_BASE 0xc000 /* of the IDE bus masters */
#define DISK_SIZE   (256u << 10)

/* Ways of waiting that are wrong. */
static const struct mutant {
	const char *name;
	bool hidden; /* an access that is not coalesced does not deliver what waits first */
	bool lost; /* the latest write that waits is forgotten */
	bool reversed; /* the latest comes first */
	bool late; /* what a delivered write asked of the machine happens behind the next access */
	bool unasked; /* a condition ends, and nobody is asked to take the zone back */
	bool stale; /* a zone where nobody was stays when somebody appears */
	bool forced; /* the user forces writes to wait that may not */
	bool direct; /* registers of the VGA wait although the guest has its memory */
} mutants[] = {
	{ "hidden", .hidden = true },
	{ "lost", .lost = true },
	{ "reversed", .reversed = true },
	{ "late", .late = true },
	{ "unasked", .unasked = true },
	{ "stale", .stale = true },
	{ "forced", .forced = true },
	{ "direct", .direct = true },
	{ 0 },
};

struct side {
	const char *name;
	struct loop loop;
	struct loop_task quit;
	struct accel_none none;
	struct pc pc;
	struct serial *com1;
	struct vga *vga;
	struct chardev *serial, *debug, *printer;
	char serial_path[40], debug_path[40], printer_path[40], floppy_path[40];
	struct block *disks[2]; /* an IDE disk and a CD-ROM */
	struct block *floppy;
	uint64_t irqs, irqs_sum; /* how many changes of lines, and which */
};

struct trace {
	struct side plain, waiting;
	const struct mutant *mutant; /* or NULL */
	uint64_t random;
	uint64_t step, reads;
	uint64_t lent, taken_back; /* zones of registers that wait while used */
	uint64_t nowhere; /* zones where nobody is */
	uint64_t overruled, refused; /* of what the user said */
	struct mem_listener listener;
	struct {
		enum mem_space space;
		struct range range;
	} stale[STALE_MAX]; /* where nobody was, of late */
	bool reset_waits; /* it may be in the ring */
	bool differs;
};

/* Chance. splitmix64: every seed is a good one. */

static uint64_t next_random(struct trace *trace)
{
	uint64_t z = trace->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(struct trace *trace, uint64_t n)
{
	return next_random(trace) % n;
}

static bool one_in(struct trace *trace, uint64_t n)
{
	return !below(trace, n);
}

static unsigned any_width(struct trace *trace)
{
	return 1u << below(trace, 3);
}

/* Differences */

static void differ(struct trace *trace, const char *what, uint64_t plain, uint64_t waiting)
{
	if (!trace->mutant)
		fprintf(stderr,
			"step %" PRIu64 ": %s: 0x%" PRIx64 " at once, 0x%" PRIx64 " with waiting\n",
			trace->step, what, plain, waiting);
	trace->differs = true;
}

static void check(struct trace *trace, const char *what, uint64_t plain, uint64_t waiting)
{
	if (plain != waiting)
		differ(trace, what, plain, waiting);
}

/* The same device of both machines. */
static void check_device(struct trace *trace, const struct device *plain,
			 const struct device *waiting)
{
	struct device_difference where;

	if (!device_differs(plain, waiting, &where))
		return;
	differ(trace, plain->type->name, 0, where.index);
	if (trace->mutant)
		return;
	fprintf(stderr, "field %s[%zu]\n", where.field->name, where.index);
	device_print(plain, stderr);
	device_print(waiting, stderr);
}

/* Whoever comes from outside delivers what waits first. */
static void look(struct trace *trace)
{
	machine_drain(&trace->plain.pc.machine);
	machine_drain(&trace->waiting.pc.machine);
}

static void check_states(struct trace *trace)
{
	struct pc *a = &trace->plain.pc, *b = &trace->waiting.pc;
	const struct device *x, *y;

	look(trace);
	for (y = TAILQ_FIRST(&b->devices), x = TAILQ_FIRST(&a->devices); x && y;
	     x = TAILQ_NEXT(x, next), y = TAILQ_NEXT(y, next))
		check_device(trace, x, y);
	check(trace, "writes that waited at once", trace->plain.none.cpu.coalesced, 0);
	check(trace, "number of interrupts", trace->plain.irqs, trace->waiting.irqs);
	check(trace, "kinds of interrupts", trace->plain.irqs_sum, trace->waiting.irqs_sum);
	check(trace, "memory", (uint64_t)memcmp(a->ram_host, b->ram_host, RAM), 0);
	vga_window_sync(trace->plain.vga);
	vga_window_sync(trace->waiting.vga);
	check(trace, "display memory",
	      (uint64_t)memcmp(trace->plain.vga->memory, trace->waiting.vga->memory,
			       trace->plain.vga->memory_size),
	      0);
}

/* Both sides do the same */

static void irq_changed(void *arg, unsigned line, bool level)
{
	struct side *side = arg;

	side->irqs++;
	side->irqs_sum = (side->irqs_sum ^ (line << 1 | level)) * UINT64_C(0x100000001b3);
}

/* What a chip left for the loop is done before the next access: no vCPU goes on before that. */
static void let_loop_run(struct side *side)
{
	while (loop_has_tasks(&side->loop)) {
		loop_post(&side->loop, &side->quit);
		if (loop_run(&side->loop))
			abort();
	}
}

static void settle(struct trace *trace)
{
	let_loop_run(&trace->plain);
	let_loop_run(&trace->waiting);
	check(trace, "state of the machine", trace->plain.pc.machine.state,
	      trace->waiting.pc.machine.state);
	if (!trace->waiting.none.cpu.waiting)
		check(trace, "number of interrupts", trace->plain.irqs, trace->waiting.irqs);
}

/* Breaks the ring before an access; the number of writes that were hidden from it. */
static size_t spoil(const struct mutant *mutant, struct soft_cpu *cpu)
{
	size_t n = cpu->waiting;

	if (!mutant || !n)
		return 0;
	if (mutant->lost)
		cpu->waiting--;
	for (size_t i = 0; mutant->reversed && i < n / 2; i++) {
		struct soft_cpu_write write = cpu->ring[i];

		cpu->ring[i] = cpu->ring[n - 1 - i];
		cpu->ring[n - 1 - i] = write;
	}
	if (!mutant->hidden)
		return 0;
	cpu->waiting = 0;
	return n;
}

static uint64_t spoilt_read(const struct mutant *mutant, struct soft_cpu *cpu, enum mem_space space,
			    uint64_t addr, unsigned width)
{
	size_t hidden = spoil(mutant, cpu);
	uint64_t value = soft_cpu_read(cpu, space, addr, width);

	if (hidden)
		cpu->waiting = hidden;
	return value;
}

/* True if the write went into the ring because of a zone that should have gone. */
static bool stale_write(struct trace *trace, struct soft_cpu *cpu, enum mem_space space,
			uint64_t addr, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < STALE_MAX; i++) {
		if (trace->stale[i].space != space || cpu->waiting == SOFT_CPU_RING ||
		    !range_equal(trace->stale[i].range, range_make(addr, width)))
			continue;
		cpu->ring[cpu->waiting++] = (struct soft_cpu_write){ space, width, addr, value };
		cpu->coalesced++;
		return true;
	}
	return false;
}

static void spoilt_write(struct trace *trace, struct soft_cpu *cpu, enum mem_space space,
			 uint64_t addr, uint64_t value, unsigned width)
{
	const struct mutant *mutant = trace->mutant;
	uint64_t before = cpu->coalesced;
	size_t hidden = spoil(mutant, cpu);

	if (mutant && mutant->unasked)
		trace->waiting.com1->conditions[SERIAL_DATA_WAITS].watcher = NULL;
	if (mutant && mutant->direct)
		atomic_store(&trace->waiting.vga->conditions[VGA_TRAPPED].holds, true);
	if (mutant && mutant->stale && stale_write(trace, cpu, space, addr, value, width))
		return;
	soft_cpu_write(cpu, space, addr, value, width);
	if (!hidden)
		return;
	if (cpu->coalesced != before && hidden < SOFT_CPU_RING)
		cpu->ring[hidden++] = cpu->ring[0];
	cpu->waiting = hidden;
}

/* Memory is reached past the ring, and is another one behind a reset. */
static void deliver_reset(struct trace *trace, enum mem_space space)
{
	if (space != MEM_SPACE_MEMORY || !trace->reset_waits)
		return;
	machine_drain(&trace->waiting.pc.machine);
	trace->reset_waits = false;
	settle(trace);
}

static uint64_t read_at(struct trace *trace, enum mem_space space, uint64_t addr, unsigned width)
{
	uint64_t plain, waiting;
	char what[64];

	deliver_reset(trace, space);
	plain = soft_cpu_read(&trace->plain.none.cpu, space, addr, width);
	waiting = spoilt_read(trace->mutant, &trace->waiting.none.cpu, space, addr, width);
	if (plain != waiting) {
		snprintf(what, sizeof(what), "read of %u bytes at %s 0x%" PRIx64, width,
			 space == MEM_SPACE_PORT ? "port" : "memory", addr);
		differ(trace, what, plain, waiting);
	}
	trace->reads++;
	settle(trace);
	return plain;
}

static void write_at(struct trace *trace, enum mem_space space, uint64_t addr, uint64_t value,
		     unsigned width)
{
	struct soft_cpu *waiting = &trace->waiting.none.cpu;
	uint64_t irqs, coalesced;

	deliver_reset(trace, space);
	irqs = trace->plain.irqs;
	coalesced = waiting->coalesced;
	soft_cpu_write(&trace->plain.none.cpu, space, addr, value, width);
	irqs = trace->plain.irqs - irqs;
	spoilt_write(trace, waiting, space, addr, value, width);
	if (!waiting->waiting)
		trace->reset_waits = false;
	else if (space == MEM_SPACE_PORT && addr == 0xcf9)
		trace->reset_waits = true;
	if (waiting->coalesced != coalesced && !trace->reset_waits)
		check(trace, "interrupts by a write that waits", irqs, 0);
	settle(trace);
}

static void out(struct trace *trace, uint64_t port, uint64_t value, unsigned width)
{
	write_at(trace, MEM_SPACE_PORT, port, value, width);
}

static uint64_t in(struct trace *trace, uint64_t port, unsigned width)
{
	return read_at(trace, MEM_SPACE_PORT, port, width);
}

/* What a guest does, with the odd thing in between */

static void real_time_clock(struct trace *trace)
{
	static const uint8_t registers[] = {
		0,  1,  2,  3,  4,  5,    6,    7,    8,    9,    10,
		10, 11, 11, 12, 12, 0x0d, 0x32, 0x37, 0x7d, 0x7e, 0x50
	};
	uint64_t bank = one_in(trace, 5) ? 0x72 : 0x70;

	for (uint64_t n = below(trace, 3); n; n--)
		out(trace, bank, next_random(trace), 1);
	if (one_in(trace, 20)) {
		out(trace, bank, next_random(trace), any_width(trace));
		return;
	}
	if (one_in(trace, 8))
		out(trace, bank, next_random(trace), 1);
	else
		out(trace, bank, registers[below(trace, sizeof(registers))], 1);
	if (one_in(trace, 4))
		out(trace, 0x80, next_random(trace), 1);
	if (one_in(trace, 10))
		in(trace, bank, 1);
	if (one_in(trace, 2))
		out(trace, bank + 1, next_random(trace), 1);
	else
		in(trace, bank + 1, 1);
}

static void pci_configuration(struct trace *trace)
{
	static const uint8_t functions[] = { 0x00, 0x08, 0x0b, 0x09, 0x10, 0xff };
	static const uint8_t places[] = { 0x00, 0x04, 0x04, 0x10, 0x40, 0x44, 0x58, 0x59,
					  0x5c, 0x60, 0x60, 0x70, 0x72, 0x80, 0xb0 };
	uint64_t at = one_in(trace, 3) ? below(trace, 256) : places[below(trace, sizeof(places))];
	uint64_t address = UINT64_C(0x80000000) |
			   (uint64_t)functions[below(trace, sizeof(functions))] << 8 | (at & ~3u);
	unsigned width = any_width(trace);

	if (one_in(trace, 12))
		address = next_random(trace);
	if (one_in(trace, 16))
		/* Not 0xcf9 alone: resets come in their own time. */
		out(trace, 0xcf8 + 2 * below(trace, 2), next_random(trace), 1u << below(trace, 2));
	out(trace, 0xcf8, address, 4);
	if (one_in(trace, 16))
		in(trace, 0xcf8 + below(trace, 4), any_width(trace));
	at = 0xcfc + (at & 3 & ~(uint64_t)(width - 1));
	if (one_in(trace, 2))
		in(trace, at, width);
	else
		out(trace, at, next_random(trace), width);
}

static void firmware_configuration(struct trace *trace)
{
	static const uint16_t keys[] = { 0, 1, 3, 5, 0x0e, 0x0f, 0x19, 0x20, 0x21, 0x22, 0x8002 };
	uint64_t n = below(trace, 24);

	out(trace, 0x510,
	    one_in(trace, 6) ? next_random(trace)
			     : keys[below(trace, sizeof(keys) / sizeof(keys[0]))],
	    one_in(trace, 10) ? 1 : 2);
	while (n--)
		in(trace, one_in(trace, 20) ? 0x510 : 0x511, 1);
	if (one_in(trace, 8)) {
		/* Control, length and address of a transfer, big-endian. */
		write_at(trace, MEM_SPACE_MEMORY, 0x8000,
			 __builtin_bswap32((uint32_t)((uint64_t)keys[below(trace, 8)] << 16 | 8 |
						      below(trace, 8))),
			 4);
		write_at(trace, MEM_SPACE_MEMORY, 0x8004,
			 __builtin_bswap32((uint32_t)below(trace, 64)), 4);
		write_at(trace, MEM_SPACE_MEMORY, 0x8008,
			 __builtin_bswap64(below(trace, RAM - 0x1000)), 8);
		out(trace, 0x514, 0, 4);
		out(trace, 0x518, __builtin_bswap32(0x8000), 4);
		read_at(trace, MEM_SPACE_MEMORY, 0x8000, 4);
	}
}

/* Modes in which the window is plain memory, or not; and the odd register. */
static void set_graphics_mode(struct trace *trace)
{
	static const struct {
		uint8_t misc, map_mask, memory_mode, mode, map;
	} modes[] = {
		{ 0x67, 0x03, 0x02, 0x10, 0x0e }, /* text */
		{ 0x66, 0x03, 0x02, 0x10, 0x0a }, /* monochrome */
		{ 0xe3, 0x0f, 0x06, 0x00, 0x05 }, /* planes */
		{ 0x63, 0x0f, 0x0e, 0x40, 0x05 }, /* chain 4 */
	};
	size_t i = below(trace, sizeof(modes) / sizeof(modes[0]));
	bool plain = !one_in(trace, 4);

	out(trace, 0x3c2, modes[i].misc, 1);
	out(trace, 0x3c4, 0x02 | (uint64_t)modes[i].map_mask << 8, 2);
	out(trace, 0x3c4, 0x04 | (uint64_t)modes[i].memory_mode << 8, 2);
	out(trace, 0x3ce, 0x05 | (uint64_t)modes[i].mode << 8, 2);
	out(trace, 0x3ce, 0x06 | (uint64_t)modes[i].map << 8, 2);
	if (plain) {
		out(trace, 0x3ce, 0x0001, 2);
		out(trace, 0x3ce, 0x0003, 2);
		out(trace, 0x3ce, 0x0004, 2);
		out(trace, 0x3ce, 0xff08, 2);
	}
}

static void graphics_registers(struct trace *trace)
{
	static const uint16_t ports[] = { 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c7,
					  0x3c8, 0x3c9, 0x3c9, 0x3ce, 0x3cf, 0x3d4,
					  0x3d5, 0x3da, 0x3b4, 0x3b5, 0x3ba, 0x1ce };
	uint64_t port = ports[below(trace, sizeof(ports) / sizeof(ports[0]))];

	if (one_in(trace, 12)) {
		out(trace, 0x1ce, below(trace, 12), 2);
		if (one_in(trace, 3))
			in(trace, 0x1cf, 2);
		else
			out(trace, 0x1cf, one_in(trace, 2) ? below(trace, 64) : next_random(trace),
			    2);
		return;
	}
	if (one_in(trace, 3))
		in(trace, one_in(trace, 4) ? port + 1 : port, 1);
	else if (one_in(trace, 2))
		out(trace, port, below(trace, 9) | next_random(trace) << 8, 2);
	else
		out(trace, port, one_in(trace, 2) ? below(trace, 32) : next_random(trace), 1);
}

static void graphics(struct trace *trace)
{
	static const uint32_t windows[] = { 0xa0000, 0xa0000, 0xb0000, 0xb8000, 0xb8000 };
	uint64_t at = windows[below(trace, 5)] + below(trace, 512);

	if (one_in(trace, 40))
		set_graphics_mode(trace);
	for (uint64_t n = below(trace, 4); n; n--)
		graphics_registers(trace);
	for (uint64_t n = below(trace, 12); n; n--, at += 1 + below(trace, 3)) {
		if (one_in(trace, 3))
			read_at(trace, MEM_SPACE_MEMORY, at, any_width(trace));
		else
			write_at(trace, MEM_SPACE_MEMORY, at, next_random(trace), any_width(trace));
	}
}

static const uint8_t disk_commands[] = {
	0x20, 0x21, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42, 0x90, 0x91, 0xa0, 0xa1,
	0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xc8, 0xca, 0xca, 0xe5, 0xe7, 0xec, 0xef, 0xf8, 0x08, 0xff
};

/* The data register until nothing is asked for, or the driver has had enough. */
static void move_disk_data(struct trace *trace, uint64_t base)
{
	bool write = one_in(trace, 2);

	for (uint64_t n = below(trace, one_in(trace, 8) ? 600 : 60); n; n--) {
		unsigned width = one_in(trace, 2) ? 2 : 4;

		if (one_in(trace, 30) && !(in(trace, base + 7, 1) & 0x08))
			return;
		if (write)
			out(trace, base, next_random(trace), width);
		else
			in(trace, base, width);
	}
}

/* A table of two pieces, now and then not of memory, and the bus master on or off. */
static void bus_master(struct trace *trace, uint64_t base)
{
	uint64_t table = 0x6000 + 16 * below(trace, 8);

	write_at(trace, MEM_SPACE_MEMORY, table, below(trace, 0x8000) + 0x10000, 4);
	write_at(trace, MEM_SPACE_MEMORY, table + 4, below(trace, 0x2000), 4);
	write_at(trace, MEM_SPACE_MEMORY, table + 8,
		 one_in(trace, 8) ? next_random(trace) : below(trace, 0x8000) + 0x20000, 4);
	write_at(trace, MEM_SPACE_MEMORY, table + 12, 0x80000000 | below(trace, 0x10000), 4);
	out(trace, base + 4, table, 4);
	out(trace, base + 2, next_random(trace), 1);
	if (one_in(trace, 4))
		in(trace, base + 2, 1);
	out(trace, base, one_in(trace, 3) ? 0 : 9, 1);
}

/* A driver of disks, of its task file above all. */
static void disk(struct trace *trace)
{
	bool second = one_in(trace, 2);
	uint64_t base = second ? 0x170 : 0x1f0, master = MASTER_BASE + (second ? 8 : 0);

	if (one_in(trace, 6))
		bus_master(trace, master);
	for (uint64_t n = below(trace, 12); n; n--) {
		uint64_t at = base + 1 + below(trace, 6);

		out(trace, at, at == base + 6 ? below(trace, 256) : below(trace, 4), 1);
		if (one_in(trace, 8))
			in(trace, base + 1 + below(trace, 7), 1);
	}
	if (one_in(trace, 3))
		out(trace, base + 6, 0xe0, 1);
	if (one_in(trace, 2))
		out(trace, base + 7, disk_commands[below(trace, sizeof(disk_commands))], 1);
	if (one_in(trace, 3))
		move_disk_data(trace, base);
	if (one_in(trace, 2))
		in(trace, base + 7, 1);
	if (one_in(trace, 4))
		in(trace, master + 2, 1);
	if (one_in(trace, 24))
		out(trace, base + 0x206, below(trace, 256) & ~4u, 1);
	if (one_in(trace, 60))
		out(trace, base + 0x206, 4, 1);
}

/* Anything at the ports where something is, and next to them. */
static void stray_access(struct trace *trace)
{
	static const struct {
		uint16_t at, len;
	} places[] = {
		{ 0x60, 5 },  { 0x70, 4 },   { 0x80, 1 },    { 0x92, 1 },         { 0xe9, 1 },
		{ 0x2f8, 8 }, { 0x3f8, 8 },  { 0x4d0, 2 },   { 0x505, 1 },        { 0x510, 12 },
		{ 0xcf8, 8 }, { 0xafe0, 4 }, { 0xae00, 20 }, { 0x402, 1 },        { PM_BASE, 64 },
		{ 0x6e, 8 },  { 0x50e, 4 },  { 0xcf4, 16 },  { 0, 0xffff },       { 0x1f0, 8 },
		{ 0x170, 8 }, { 0x3f6, 1 },  { 0x376, 1 },   { MASTER_BASE, 16 }, { 0x00, 16 },
		{ 0x80, 16 }, { 0xc0, 32 },  { 0x480, 16 },  { 0x3f0, 8 },
	};
	uint64_t i = below(trace, sizeof(places) / sizeof(places[0]));
	uint64_t port = places[i].at + below(trace, places[i].len);
	unsigned width = any_width(trace);

	if (one_in(trace, 2))
		in(trace, port, width);
	else
		out(trace, port, one_in(trace, 2) ? next_random(trace) : below(trace, 256), width);
}

static void memory(struct trace *trace)
{
	static const uint64_t places[] = { 0,          0x9fff0,    0xa0000,    0xc0000,
					   0xe8000,    0xf0000,    0xffff0,    0xfffc,
					   0xfec00000, 0xfee00000, 0xfffffff0, UINT64_MAX - 7 };
	uint64_t addr = places[below(trace, sizeof(places) / sizeof(places[0]))] + below(trace, 16);
	unsigned width = 1u << below(trace, 4);

	if (one_in(trace, 2))
		read_at(trace, MEM_SPACE_MEMORY, addr, width);
	else
		write_at(trace, MEM_SPACE_MEMORY, addr, next_random(trace), width);
}

static void serial(struct trace *trace)
{
	uint8_t byte = (uint8_t)next_random(trace);
	uint64_t port = 0x3f8 + below(trace, 8);

	if (one_in(trace, 8)) {
		look(trace);
		if (serial_room(trace->plain.com1)) {
			serial_receive(trace->plain.com1, &byte, 1);
			serial_receive(trace->waiting.com1, &byte, 1);
		}
	} else if (one_in(trace, 2)) {
		in(trace, port, 1);
	} else {
		out(trace, port, byte, 1);
	}
}

/* Bytes to print, by a driver and by chance, and looks at all of it. */
static void parallel(struct trace *trace)
{
	uint64_t control = 0x0c | (one_in(trace, 2) ? 0x10 : 0);

	for (uint64_t n = below(trace, 6); n; n--) {
		out(trace, 0x378, next_random(trace), 1);
		if (one_in(trace, 4))
			in(trace, 0x378, 1);
		if (one_in(trace, 2))
			in(trace, 0x379, 1);
		out(trace, 0x37a, control | 1, 1);
		if (one_in(trace, 8))
			out(trace, 0x378, next_random(trace), 1);
		out(trace, 0x37a, control, 1);
	}
	if (one_in(trace, 4))
		out(trace, 0x378 + below(trace, 4), next_random(trace), any_width(trace));
	if (one_in(trace, 4))
		in(trace, 0x378 + below(trace, 4), any_width(trace));
}

/* A driver that polls, or has interrupts, and now and then sets the rate or tries the chip. */
static void serial_driver(struct trace *trace)
{
	static const uint8_t enables[] = { 0, 0, 0, 1, 2, 3, 0x0f };

	if (one_in(trace, 2))
		out(trace, 0x3f9, enables[below(trace, sizeof(enables))], 1);
	if (one_in(trace, 6))
		out(trace, 0x3fb, one_in(trace, 3) ? 0x83 : 0x03, 1);
	if (one_in(trace, 6))
		out(trace, 0x3fc, one_in(trace, 4) ? 0x1b : 0x0b, 1);
	for (uint64_t n = below(trace, 14); n; n--) {
		if (one_in(trace, 3))
			in(trace, 0x3fd, 1);
		if (one_in(trace, 16))
			in(trace, 0x3fa, 1);
		out(trace, one_in(trace, 10) ? 0x3f9 : 0x3f8, next_random(trace), 1);
	}
	if (one_in(trace, 4)) {
		out(trace, 0x3fb, 0x03, 1);
		out(trace, 0x3f9, enables[below(trace, sizeof(enables))], 1);
	}
}

/* The DMA controllers as a driver programs them, in one of several orders, more or less. */
static void dma_driver(struct trace *trace)
{
	static const uint8_t modes[] = { 0x46, 0x4a, 0x42, 0x56, 0x66, 0xc6, 0x86 };
	bool mask_late = one_in(trace, 6);

	if (!mask_late)
		out(trace, 0x0a, 0x06, 1);
	out(trace, 0x0c, 0, 1);
	out(trace, 0x0b, modes[below(trace, one_in(trace, 4) ? sizeof(modes) : 2)], 1);
	out(trace, 0x04, next_random(trace), 1);
	out(trace, 0x04, next_random(trace), 1);
	out(trace, 0x81, below(trace, 8), 1);
	if (one_in(trace, 16))
		out(trace, 0x481, next_random(trace), 1);
	if (one_in(trace, 8))
		in(trace, 0x04 + below(trace, 2), 1);
	out(trace, 0x0c, 0, 1);
	out(trace, 0x05, next_random(trace), 1);
	out(trace, 0x05, below(trace, 12), 1);
	if (one_in(trace, 8))
		in(trace, 0x08, 1);
	if (one_in(trace, 40))
		out(trace, 0x08, one_in(trace, 2) ? 0 : 4, 1);
	if (!one_in(trace, 8))
		out(trace, 0x0a, mask_late ? 0x06 : 0x02, 1);
	else if (one_in(trace, 2))
		out(trace, 0x0e, 0, 1);
}

static void floppy_command(struct trace *trace)
{
	static const struct {
		uint8_t command, parameters;
	} commands[] = {
		{ 0xe6, 8 }, { 0x46, 8 }, { 0xc5, 8 }, { 0x45, 8 }, { 0x4d, 5 },
		{ 0xf6, 8 }, { 0x51, 8 }, { 0x0f, 2 }, { 0x07, 1 }, { 0x08, 0 },
		{ 0x4a, 1 }, { 0x04, 1 }, { 0x0e, 0 }, { 0x13, 3 }, { 0x03, 2 },
	};
	uint64_t i = below(trace, sizeof(commands) / sizeof(commands[0]));
	/* As in READ DATA: drive, cylinder, head, sector, size, last sector, gap, length. */
	const uint8_t sound[] = { 0,
				  (uint8_t)below(trace, 40),
				  (uint8_t)below(trace, 2),
				  (uint8_t)(1 + below(trace, 9)),
				  2,
				  9,
				  0x1b,
				  0xff };

	out(trace, 0x3f5, commands[i].command, 1);
	for (unsigned n = 0; n < commands[i].parameters; n++) {
		if (one_in(trace, 100))
			return;
		out(trace, 0x3f5, one_in(trace, 40) ? next_random(trace) : sound[n], 1);
	}
}

static void floppy(struct trace *trace)
{
	if (one_in(trace, 60)) {
		out(trace, 0x3f2, next_random(trace), 1);
		out(trace, 0x3f2, 0x1c, 1);
	}
	if (one_in(trace, 10))
		out(trace, 0x3f7, one_in(trace, 3) ? next_random(trace) : 1, 1);
	if (one_in(trace, 40))
		out(trace, 0x3f3, next_random(trace), 1);
	if (one_in(trace, 2))
		dma_driver(trace);
	floppy_command(trace);
	if (one_in(trace, 2))
		dma_driver(trace);
	for (uint64_t n = below(trace, 12); n; n--)
		in(trace, one_in(trace, 4) ? 0x3f4 : 0x3f5, 1);
	if (one_in(trace, 8))
		in(trace, 0x3f0 + below(trace, 8), 1);
}

/* The same address over and over: what waits while it is used, and where nobody is, sometimes. */
static void keep_writing(struct trace *trace)
{
	static const struct {
		enum mem_space space;
		uint64_t at;
		unsigned width;
	} places[] = {
		{ MEM_SPACE_PORT, 0xed, 1 },
		{ MEM_SPACE_PORT, 0x08, 1 },
		{ MEM_SPACE_PORT, 0x0a, 1 },
		{ MEM_SPACE_PORT, 0x0b, 1 },
		{ MEM_SPACE_PORT, 0x0f, 1 },
		{ MEM_SPACE_PORT, 0xd4, 1 },
		{ MEM_SPACE_PORT, 0x80, 1 },
		{ MEM_SPACE_PORT, 0x84, 2 },
		{ MEM_SPACE_PORT, 0xe9, 1 },
		{ MEM_SPACE_PORT, 0xcf8, 4 },
		{ MEM_SPACE_PORT, 0xcfa, 1 },
		{ MEM_SPACE_PORT, 0x3fd, 1 },
		{ MEM_SPACE_PORT, 0x3fd, 2 },
		{ MEM_SPACE_PORT, 0x2f8, 1 },
		{ MEM_SPACE_PORT, 0x2fa, 1 },
		{ MEM_SPACE_PORT, PM_BASE, 2 },
		{ MEM_SPACE_PORT, PM_BASE + 2, 2 },
		{ MEM_SPACE_PORT, PM_BASE + 4, 2 },
		{ MEM_SPACE_PORT, PM_BASE + 8, 4 },
		{ MEM_SPACE_PORT, PM_BASE + 0x102, 2 },
		{ MEM_SPACE_PORT, PM_BASE + 0x104, 2 },
		{ MEM_SPACE_PORT, 0xffff, 1 },
		{ MEM_SPACE_MEMORY, 0xd0000, 4 },
		{ MEM_SPACE_MEMORY, 0xa0000, 1 },
		{ MEM_SPACE_MEMORY, 0xfed00000, 8 },
		{ MEM_SPACE_MEMORY, UINT64_MAX - 3, 4 },
	};
	uint64_t i = below(trace, sizeof(places) / sizeof(places[0]));
	uint64_t value = next_random(trace);

	for (uint64_t n = below(trace, 12); n; n--) {
		write_at(trace, places[i].space, places[i].at, value, places[i].width);
		if (one_in(trace, 3))
			value = next_random(trace);
		if (one_in(trace, 12))
			read_at(trace, places[i].space, places[i].at, places[i].width);
	}
}

/* Time by which zones are lent goes on, and those that nobody used are taken back. */
static void review(struct trace *trace)
{
	struct machine *machine = &trace->waiting.pc.machine;
	struct soft_cpu *cpu = &trace->waiting.none.cpu;

	machine_drain(machine);
	settle(trace);
	for (unsigned i = 0; i < 2; i++) {
		cpu->now += NS_PER_SEC;
		if (mem_map_review(&machine->map, cpu->now))
			abort();
	}
}

/* The user has his say, now and then of something that may not be. */
static void overrule(struct trace *trace)
{
	static const struct {
		enum mem_space space;
		struct range range;
	} places[] = {
		{ MEM_SPACE_PORT, { 0x70, 0x70 } },
		{ MEM_SPACE_PORT, { 0x72, 0x72 } },
		{ MEM_SPACE_PORT, { 0x80, 0x80 } },
		{ MEM_SPACE_PORT, { 0xe9, 0xe9 } },
		{ MEM_SPACE_PORT, { 0x3f8, 0x3f8 } },
		{ MEM_SPACE_PORT, { 0x3f9, 0x3f9 } },
		{ MEM_SPACE_PORT, { 0x3ff, 0x3ff } },
		{ MEM_SPACE_PORT, { 0x510, 0x511 } },
		{ MEM_SPACE_PORT, { 0xcf8, 0xcfb } },
		{ MEM_SPACE_PORT, { 0xed, 0xed } },
		{ MEM_SPACE_PORT, { PM_BASE, PM_BASE + 3 } },
		{ MEM_SPACE_PORT, { PM_BASE + 0x100, PM_BASE + 0x10f } },
		{ MEM_SPACE_PORT, { 0x71, 0x71 } },
		{ MEM_SPACE_PORT, { 0x3fc, 0x3fd } },
		{ MEM_SPACE_MEMORY, { 0xa0000, 0xa00ff } },
		{ MEM_SPACE_MEMORY, { 0xd0000, 0xd0003 } },
		{ MEM_SPACE_MEMORY, { 0xf0000, 0xf0003 } },
	};
	struct machine *machine = &trace->waiting.pc.machine;
	uint64_t i = below(trace, sizeof(places) / sizeof(places[0]));
	struct mem_wish wish = {
		.space = places[i].space,
		.range = places[i].range,
		.wait = one_in(trace, 3) ? MEM_DEADLINE(below(trace, 1000) + 1) : MEM_LATCH,
		.force = trace->mutant && trace->mutant->forced,
	};
	struct error err;
	unsigned n;

	machine_drain(machine);
	settle(trace);
	if (one_in(trace, 16)) {
		if (mem_map_take_all_back(&machine->map, &n))
			abort();
	} else if (one_in(trace, 4)) {
		if (!mem_map_take_back(&machine->map, wish.space, wish.range, &err))
			trace->overruled++;
	} else {
		if (one_in(trace, 3))
			wish.wait = 0;
		if (mem_map_overrule(&machine->map, &wish, &err))
			trace->refused++;
		else
			trace->overruled++;
	}
	machine_drain(machine);
	settle(trace);
}

static void note_lent(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	struct trace *trace = arg;

	trace->lent += wait->region != &mem_nowhere && mem_wait_is_lent(wait);
	trace->nowhere += wait->region == &mem_nowhere;
}

static void note_taken_back(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	struct trace *trace = arg;

	if (wait->region != &mem_nowhere) {
		trace->taken_back += mem_wait_is_lent(wait);
		return;
	}
	for (unsigned i = STALE_MAX - 1; i; i--)
		trace->stale[i] = trace->stale[i - 1];
	trace->stale[0].space = space;
	trace->stale[0].range = wait->range;
}

static void pass_time(struct trace *trace)
{
	int64_t ns =
		(int64_t)(next_random(trace) >> (one_in(trace, 100) ? 18 : 30 + below(trace, 30)));

	machine_step_clock(&trace->plain.pc.machine, ns);
	machine_step_clock(&trace->waiting.pc.machine, ns);
	settle(trace);
}

/* Power management's registers are where the firmware puts them. */
static void place_power_management(struct trace *trace)
{
	out(trace, 0xcf8, 0x80000b40, 4);
	out(trace, 0xcfc, (PM_BASE + 0x100 * below(trace, 2)) | 1, 4);
	out(trace, 0xcf8, 0x80000b80, 4);
	out(trace, 0xcfc, below(trace, 4) != 0, 1);
}

/* And so are the bus masters of IDE. */
static void place_bus_masters(struct trace *trace)
{
	out(trace, 0xcf8, 0x80000920, 4);
	out(trace, 0xcfc, MASTER_BASE, 4);
	out(trace, 0xcf8, 0x80000904, 4);
	out(trace, 0xcfc, one_in(trace, 6) ? below(trace, 8) : 5, 2);
}

static void reset(struct trace *trace)
{
	switch (below(trace, 4)) {
	case 0:
		out(trace, 0xcf9, below(trace, 8), 1);
		break;
	case 1:
		out(trace, 0xcf9, 2, 1);
		out(trace, 0xcf9, 6, 1);
		break;
	case 2:
		out(trace, 0x64, 0xfe, 1);
		break;
	case 3:
		look(trace);
		machine_request_reset(&trace->plain.pc.machine, MACHINE_BY_HOST);
		machine_request_reset(&trace->waiting.pc.machine, MACHINE_BY_HOST);
		settle(trace);
		break;
	}
}

static void pause_and_go_on(struct trace *trace)
{
	machine_stop(&trace->plain.pc.machine);
	machine_stop(&trace->waiting.pc.machine);
	if (one_in(trace, 2))
		check_states(trace);
	machine_continue(&trace->plain.pc.machine);
	machine_continue(&trace->waiting.pc.machine);
	settle(trace);
}

/* A machine that the guest put to sleep or switched off. */
static void revive(struct trace *trace)
{
	struct machine *a = &trace->plain.pc.machine, *b = &trace->waiting.pc.machine;

	if (a->state == MACHINE_RUNNING)
		return;
	look(trace);
	if (a->state == MACHINE_ASLEEP) {
		machine_request_wake(a);
		machine_request_wake(b);
	} else {
		machine_request_reset(a, MACHINE_BY_HOST);
		machine_request_reset(b, MACHINE_BY_HOST);
	}
	settle(trace);
	machine_continue(a);
	machine_continue(b);
	settle(trace);
}

static void step(struct trace *trace)
{
	static const struct {
		unsigned weight;
		void (*run)(struct trace *trace);
	} doings[] = {
		{ 300, real_time_clock },
		{ 150, pci_configuration },
		{ 60, firmware_configuration },
		{ 150, stray_access },
		{ 60, memory },
		{ 60, serial },
		{ 60, serial_driver },
		{ 60, parallel },
		{ 60, floppy },
		{ 80, graphics },
		{ 60, keep_writing },
		{ 3, review },
		{ 10, overrule },
		{ 60, pass_time },
		{ 6, place_power_management },
		{ 150, disk },
		{ 6, place_bus_masters },
		{ 3, reset },
		{ 3, pause_and_go_on },
	};
	unsigned all = 0;
	uint64_t chosen;

	for (size_t i = 0; i < sizeof(doings) / sizeof(doings[0]); i++)
		all += doings[i].weight;
	chosen = below(trace, all);
	for (size_t i = 0; i < sizeof(doings) / sizeof(doings[0]); i++) {
		if (chosen < doings[i].weight) {
			doings[i].run(trace);
			break;
		}
		chosen -= doings[i].weight;
	}
	revive(trace);
	/* A deadline passes, or somebody looks: writes that waited come sooner. */
	if (one_in(trace, 64))
		machine_drain(&trace->waiting.pc.machine);
}

/* Making and comparing the two machines */

static void quit(void *arg)
{
	loop_quit(arg);
}

static struct chardev *open_file(struct side *side, char path[40])
{
	const char *what;
	struct chardev *chardev;
	int fd;

	strcpy(path, "/tmp/coalport-no-harm-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || close(fd) ||
	    chardev_open(&chardev, &side->loop,
			 &(struct chardev_options){ .kind = CHARDEV_FILE, .path = path }, &what)) {
		perror(path);
		exit(1);
	}
	return chardev;
}

/* A disk in memory, whose requests are done at once. */
static struct block *open_disk(bool readonly)
{
	const struct block_options options = { .engine = BLOCK_ENGINE_SYNC };
	struct block_file file = { .readonly = readonly, .size = DISK_SIZE, .name = "disk" };
	struct block *block;

	file.fd = memfd_create("disk", MFD_CLOEXEC);
	if (file.fd < 0 || ftruncate(file.fd, DISK_SIZE) || block_make(&block, &file, &options)) {
		perror("disk");
		exit(1);
	}
	return block;
}

/* Whatever is asked of it is done at once, so that the two stay side by side. */
static struct block *open_floppy(struct side *side, char path[40])
{
	struct block_options options = { .engine = BLOCK_ENGINE_SYNC, .loop = &side->loop };
	char why[BLOCK_WHY];
	struct block *block;
	int fd;

	strcpy(path, "/tmp/coalport-no-harm-XXXXXX");
	fd = mkstemp(path);
	options.path = path;
	if (fd < 0 || ftruncate(fd, FLOPPY) || close(fd) || block_open(&block, &options, why)) {
		perror(path);
		exit(1);
	}
	return block;
}

static void make(struct side *side, const char *name, bool coalesce, bool slew)
{
	static const struct device_spec devices[] = {
		{ "VGA", "vgamem_mb=1" },
		{ "isa-serial", "chardev=serial" },
		{ "isa-serial", NULL },
		{ "isa-debugcon", "chardev=debug" },
		{ "ide-hd", "bus=ide.0,drive=disk" },
		{ "ide-cd", "bus=ide.1,drive=disc" },
		{ "floppy", "drive=floppy" },
		{ "isa-parallel", "chardev=printer" },
	};
	struct pc_disk disks[] = { { .id = "disk" }, { .id = "disc" }, { .id = "floppy" } };
	const struct device_global global = { "mc146818rtc", "lost_tick_policy",
					      slew ? "slew" : "discard" };
	static const struct pc_fw_cfg_item item = { .name = "opt/test", .string = "content" };
	struct pc_chardev chardevs[] = { { .id = "serial" },
					 { .id = "debug" },
					 { .id = "printer" } };
	const struct pc_options options = {
		.machine = { .loop = &side->loop,
			     .accel = &side->none.accel,
			     .no_shutdown = true,
			     .panic = MACHINE_PANIC_RUN },
		.name = "no harm",
		.ram = RAM,
		.rtc_base = { .kind = RTC_BASE_DATE, .seconds = 1709164790 }, /* a leap day */
		.devices = devices,
		.devices_n = sizeof(devices) / sizeof(devices[0]),
		.globals = &global,
		.globals_n = 1,
		.chardevs = chardevs,
		.chardevs_n = 3,
		.disks = disks,
		.disks_n = 3,
		.fw_cfg = &item,
		.fw_cfg_n = 1,
	};
	struct error err;

	side->name = name;
	accel_none_init(&side->none, coalesce);
	if (loop_init(&side->loop))
		abort();
	side->quit = (struct loop_task){ .run = quit, .arg = &side->loop };
	side->serial = open_file(side, side->serial_path);
	side->debug = open_file(side, side->debug_path);
	side->printer = open_file(side, side->printer_path);
	for (unsigned i = 0; i < 2; i++)
		disks[i].block = side->disks[i] = open_disk(i == 1);
	chardevs[0].chardev = side->serial;
	chardevs[1].chardev = side->debug;
	chardevs[2].chardev = side->printer;
	disks[2].block = side->floppy = open_floppy(side, side->floppy_path);
	if (pc_create(&side->pc, &options, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	/* What was borrowed was needed for the making alone. */
	side->com1 =
		&((struct serial_isa *)device_find(&side->pc.devices, &serial_isa_type))->serial;
	side->vga = (struct vga *)device_find(&side->pc.devices, &vga_type);
	machine_watch_irqs(&side->pc.machine, irq_changed, side);
	machine_continue(&side->pc.machine);
}

static void end(struct side *side)
{
	pc_destroy(&side->pc);
	for (unsigned i = 0; i < 2; i++)
		block_close(side->disks[i]);
	chardev_destroy(side->serial);
	chardev_destroy(side->debug);
	chardev_destroy(side->printer);
	block_close(side->floppy);
	loop_destroy(&side->loop);
	unlink(side->serial_path);
	unlink(side->debug_path);
	unlink(side->printer_path);
	unlink(side->floppy_path);
}

/* The length of the file; its bytes in sum, by order. */
static uint64_t sum_of(const char *path, uint64_t *sum)
{
	FILE *file = fopen(path, "re");
	uint64_t n = 0;
	int c;

	*sum = 0;
	if (!file)
		return 0;
	for (; (c = getc(file)) != EOF; n++)
		*sum = (*sum ^ (uint64_t)c) * UINT64_C(0x100000001b3);
	fclose(file);
	return n;
}

static void check_output(struct trace *trace, const char *what, const char *plain,
			 const char *waiting)
{
	uint64_t plain_sum, waiting_sum;

	check(trace, what, sum_of(plain, &plain_sum), sum_of(waiting, &waiting_sum));
	check(trace, what, plain_sum, waiting_sum);
}

static void play(struct trace *trace, uint64_t steps)
{
	for (; trace->step < steps && !trace->differs; trace->step++) {
		step(trace);
		if (trace->step % CHECK_EVERY == CHECK_EVERY - 1)
			check_states(trace);
	}
	check_states(trace);
	check_output(trace, "serial output", trace->plain.serial_path, trace->waiting.serial_path);
	check_output(trace, "debug output", trace->plain.debug_path, trace->waiting.debug_path);
	check_output(trace, "printed", trace->plain.printer_path, trace->waiting.printer_path);
	check_output(trace, "floppy disk", trace->plain.floppy_path, trace->waiting.floppy_path);
}

static const struct mutant *find_mutant(const char *name)
{
	for (const struct mutant *mutant = mutants; mutant->name; mutant++) {
		if (!strcmp(mutant->name, name))
			return mutant;
	}
	fprintf(stderr, "%s: no such mutant\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	static struct trace trace;
	const char *chosen = getenv("COALPORT_SEED");
	uint64_t seed = chosen ? strtoull(chosen, NULL, 0) : 42;
	const char *length = argc > 1 ? argv[1] : getenv("COALPORT_STEPS");
	uint64_t steps = length ? strtoull(length, NULL, 0) : STEPS;

	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	trace.random = seed;
	trace.mutant = argc > 2 ? find_mutant(argv[2]) : NULL;
	make(&trace.plain, "plain", false, seed & 1);
	make(&trace.waiting, "waiting", true, seed & 1);
	if (trace.mutant && trace.mutant->late)
		trace.waiting.none.cpu.came = NULL;
	trace.listener = (struct mem_listener){
		.order = MEM_ORDER_OBSERVERS,
		.arg = &trace,
		.wait_add = note_lent,
		.wait_del = note_taken_back,
	};
	mem_map_listen(&trace.waiting.pc.machine.map, &trace.listener);
	play(&trace, steps);
	mem_map_unlisten(&trace.waiting.pc.machine.map, &trace.listener);
	printf("%" PRIu64 " steps, %" PRIu64 " reads compared, %" PRIu64 " writes waited, %" PRIu64
	       " changes of interrupt lines\n",
	       trace.step, trace.reads, trace.waiting.none.cpu.coalesced, trace.waiting.irqs);
	printf("%" PRIu64 " times registers began to wait, %" PRIu64 " times they ceased to; "
	       "%" PRIu64 " times where nobody was\n",
	       trace.lent, trace.taken_back, trace.nowhere);
	printf("%" PRIu64 " times the user overruled a table, %" PRIu64 " times in vain\n",
	       trace.overruled, trace.refused);
	end(&trace.plain);
	end(&trace.waiting);
	if (trace.mutant)
		printf("%s: %s\n", trace.mutant->name, trace.differs ? "caught" : "not caught");
	return trace.differs != !!trace.mutant;
}
