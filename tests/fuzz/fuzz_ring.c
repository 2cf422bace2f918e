// SPDX-License-Identifier: MIT
/*
 * The ring of coalesced writes with a page that anybody may have written into: entries of any length
 * at any address, indices out of range, changed while it is drained too. An independent model says
 * byte by byte what has to reach a chip, in which order, and what is counted.
 *
 * Input: operations, a byte that chooses and the bytes that the choice takes; zeroes follow the end.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/ring.h"
#include "outcome.h"

#define PAGE           4096u
#define ENTRIES        170u
#define OPERATIONS_MAX 200
#define PORT           0x1000u
#define PORTS          0x100u
#define WINDOW         0xd0000u
#define WINDOW_SIZE    0x1000u
#define BYTES_MAX      (8 * ENTRIES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* One byte that reached, or has to reach, a chip. */
struct byte {
	uint64_t addr;
	bool port;
	uint8_t value;
};

struct run {
	const uint8_t *at, *end; /* of the input */
	struct hv_ring ring;
	struct byte seen[BYTES_MAX], expected[BYTES_MAX];
	size_t seen_n, expected_n;
	/* The model. */
	uint32_t first;
	uint64_t delivered, bad_index, bad_entry;
	bool shown, discard;
	/* What a handler does to the page while it is drained. */
	bool spiteful;
	uint32_t spite;
	bool spite_done;
};

static _Alignas(PAGE) union {
	struct kvm_coalesced_mmio_ring ring;
	uint8_t bytes[PAGE];
} page;

static uint32_t next(struct run *run, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		if (run->at < run->end)
			value |= (uint32_t)*run->at++ << (8 * i);
	}
	return value;
}

static void see(struct run *run, bool port, uint64_t addr, uint64_t value)
{
	CHECK(run->seen_n < BYTES_MAX);
	run->seen[run->seen_n++] = (struct byte){ addr, port, (uint8_t)value };
	if (run->spiteful) {
		page.ring.first = ~run->spite;
		page.ring.last = run->spite;
		run->spite_done = true;
	}
}

static void port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	CHECK(width == 1);
	see(*(struct run **)chip, true, PORT + offset, value);
}

static void window_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	CHECK(width == 1);
	see(*(struct run **)chip, false, WINDOW + offset, value);
}

/* Bytes only: wider writes come to pieces, lowest address first. */
static const struct mem_port ports[] = {
	{ .at = 0, .len = PORTS, .write = port_write, .wait = MEM_LATCH, .why = "fuzz" },
};
static const struct mem_port window[] = {
	{ .at = 0, .len = WINDOW_SIZE, .write = window_write, .wait = MEM_LATCH, .why = "fuzz" },
};

static void model_expect(struct run *run, const struct kvm_coalesced_mmio *entry)
{
	uint64_t top = entry->pio ? UINT16_MAX : UINT64_MAX;

	if (entry->len < 1 || entry->len > 8 || entry->phys_addr > top ||
	    top - entry->phys_addr < entry->len - 1) {
		run->bad_entry++;
		return;
	}
	if (run->discard)
		return;
	run->delivered++;
	for (uint32_t i = 0; i < entry->len; i++) {
		uint64_t addr = entry->phys_addr + i;
		bool there = entry->pio ? addr - PORT < PORTS
					: run->shown && addr - WINDOW < WINDOW_SIZE;

		if (there)
			run->expected[run->expected_n++] =
				(struct byte){ addr, entry->pio, entry->data[i] };
	}
}

/* What a drain has to do, looked up before it is done. */
static void model_drain(struct run *run)
{
	uint32_t last = page.ring.last;

	run->seen_n = run->expected_n = 0;
	run->spite_done = false;
	if (last == run->first)
		return;
	if (page.ring.first != run->first)
		run->bad_index++;
	if (last >= ENTRIES) {
		run->bad_index++;
		return;
	}
	while (run->first != last) {
		model_expect(run, &page.ring.coalesced_mmio[run->first]);
		run->first = (run->first + 1) % ENTRIES;
	}
}

static void drain(struct run *run)
{
	bool empty = page.ring.last == run->first, wild = page.ring.last >= ENTRIES;
	uint32_t last = page.ring.last;

	model_drain(run);
	hv_ring_drain(&run->ring);
	CHECK(run->seen_n == run->expected_n);
	for (size_t i = 0; i < run->seen_n; i++) {
		CHECK(run->seen[i].addr == run->expected[i].addr);
		CHECK(run->seen[i].port == run->expected[i].port);
		CHECK(run->seen[i].value == run->expected[i].value);
	}
	CHECK(run->ring.first == run->first);
	CHECK(run->ring.delivered == run->delivered);
	CHECK(run->ring.bad_index == run->bad_index);
	CHECK(run->ring.bad_entry == run->bad_entry);
	/* An impossible page is mended, so that the kernel can go on. */
	CHECK(empty || page.ring.first == run->first);
	CHECK(page.ring.last == (run->spite_done ? run->spite : wild ? run->first : last));
}

/* As the kernel adds; with room or not, it may be that somebody else wrote the page. */
static void add(struct run *run)
{
	static const uint64_t places[] = {
		PORT,   PORT + PORTS - 4, WINDOW, WINDOW - 3, WINDOW + WINDOW_SIZE - 2,
		0xfffe, UINT64_MAX - 6,   0
	};
	uint32_t what = next(run, 1), last = page.ring.last;
	struct kvm_coalesced_mmio *entry;

	if (last >= ENTRIES)
		return;
	entry = &page.ring.coalesced_mmio[last];
	entry->phys_addr = places[what & 7] + (what & 8 ? next(run, 1) : 0);
	entry->len = what & 16 ? next(run, 1) : 1u << (what >> 5 & 3);
	entry->pio = what & 0x80 ? 1 : 0;
	for (unsigned i = 0; i < 8; i++)
		entry->data[i] = (uint8_t)(what + i);
	page.ring.last = (last + 1) % ENTRIES;
}

static void scribble(struct run *run)
{
	uint32_t at = next(run, 2) % PAGE, n = next(run, 1) & 31;

	for (uint32_t i = 0; i < n; i++)
		page.bytes[(at + i) % PAGE] = (uint8_t)next(run, 1);
}

static void show(struct run *run, struct mem_map *map, struct mem_region *region, bool shown)
{
	if (run->shown == shown)
		return;
	mem_map_begin(map);
	mem_region_set_enabled(region, shown);
	CHECK(mem_map_commit(map) == 0);
	run->shown = shown;
}

static struct mem_map map;
static struct mem_region regions[2];
static struct run *running; /* for the handlers */

static void step(struct run *run)
{
	uint32_t what = next(run, 1);

	switch (what & 7) {
	case 0:
	case 1:
		add(run);
		break;
	case 2:
		for (unsigned n = what >> 3; n; n--)
			add(run);
		break;
	case 3:
		scribble(run);
		break;
	case 4:
		page.ring.last = what & 8 ? next(run, 4) : next(run, 1);
		break;
	case 5:
		run->spiteful = what & 8;
		run->spite = what & 16 ? next(run, 4) : what >> 5;
		break;
	case 6:
		if (what & 8)
			show(run, &map, &regions[1], what & 16);
		run->discard = what & 32;
		atomic_store(&run->ring.discard, run->discard);
		break;
	default:
		drain(run);
	}
}

static void make(void)
{
	CHECK(mem_map_init(&map) == 0);
	mem_region_init_io(&regions[0], "ports", PORTS - 1, ports, 1, &running, NULL);
	mem_region_init_io(&regions[1], "window", WINDOW_SIZE - 1, window, 1, &running, NULL);
	mem_map_begin(&map);
	mem_region_add(&map.root[MEM_SPACE_PORT], &regions[0], PORT, 0);
	mem_region_add(&map.root[MEM_SPACE_MEMORY], &regions[1], WINDOW, 0);
	CHECK(mem_map_commit(&map) == 0);
}

static struct run run;

uint64_t fuzz_outcome(void)
{
	uint64_t outcome = outcome_add(OUTCOME_NONE, &page, sizeof(page));

	outcome = outcome_add(outcome, &run.delivered, sizeof(run.delivered));
	return outcome_add(outcome, &run.bad_entry, sizeof(run.bad_entry));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct meter *meter;

	if (!meter) {
		meter = meter_new();
		CHECK(meter);
		make();
	}
	memset(&run, 0, offsetof(struct run, seen));
	run.seen_n = run.expected_n = 0;
	run.first = 0;
	run.delivered = run.bad_index = run.bad_entry = 0;
	run.discard = run.spiteful = false;
	run.shown = true;
	run.at = data;
	run.end = data + size;
	running = &run;
	memset(&page, 0, sizeof(page));
	memset(meter, 0, sizeof(*meter));
	hv_ring_init(&run.ring, &page, PAGE, meter);
	CHECK(run.ring.max == ENTRIES);
	hv_ring_attach(&run.ring, &map);
	for (unsigned i = 0; i < OPERATIONS_MAX && run.at < run.end; i++)
		step(&run);
	drain(&run);
	show(&run, &map, &regions[1], true);
	hv_ring_destroy(&run.ring);
	return 0;
}
