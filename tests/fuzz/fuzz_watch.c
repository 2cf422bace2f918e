// SPDX-License-Identifier: MIT
/*
 * Perf's rings with anything in them: records of any length, cut, wrapped, with times that go
 * backwards and tracepoints of any field. Whatever is read, sums have to hold: each access and each
 * return to user space is counted once, in a table that keeps its bounds.
 *
 * Input: for each record two bytes that say what it is and how it is spoilt, then its bytes.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/watch/records.h"
#include "watch/pair.h"
#include "watch/ring.h"

#define RINGS       2
#define SIZE        4096u
#define ROWS        16u
#define RECORDS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct run {
	const uint8_t *at, *end;
	struct watch_formats formats;
	struct watch_pairs pairs;
	struct watch_table table;
	struct perf_event_mmap_page pages[RINGS];
	uint8_t data[RINGS][SIZE] __attribute__((aligned(8)));
	struct watch_ring rings[RINGS];
	uint64_t accesses; /* that were seen; a read of memory that is asked for is not one yet */
	uint64_t asked, exits, time;
};

static uint8_t next(struct run *run)
{
	return run->at < run->end ? *run->at++ : 0;
}

static void take(void *arg, const void *record, size_t size)
{
	struct run *run = arg;
	struct watch_event event;
	uint64_t lost;

	CHECK(size >= sizeof(struct perf_event_header) && size <= SIZE);
	switch (watch_record_read(&run->formats, record, size, &event, &lost)) {
	case WATCH_RECORD_EVENT:
		CHECK(event.kind < WATCH_KINDS);
		if (event.kind == WATCH_PORT || event.kind == WATCH_MEMORY) {
			run->accesses += event.way != WATCH_ASKED;
			run->asked += event.way == WATCH_ASKED;
		} else if (event.kind == WATCH_LEFT) {
			run->exits++;
		}
		watch_pairs_event(&run->pairs, &event);
		break;
	case WATCH_RECORD_LOST:
	case WATCH_RECORD_BAD:
		watch_pairs_lost(&run->pairs);
		break;
	case WATCH_RECORD_IGNORED:
		break;
	}
	CHECK(run->table.rows_n <= ROWS);
}

/* A record with tracepoint bytes that mostly mean something, then spoilt. */
static void put(struct run *run)
{
	static const uint16_t ids[] = { RECORDS_PIO, RECORDS_MMIO, RECORDS_LEFT, RECORDS_ENTER };
	static const uint32_t places[] = { 0x70, 0x71, 0x40, 0xa0000, 0xfff, 0x1000, 0xfee00020 };
	uint8_t what = next(run), how = next(run);
	unsigned r = what >> 7, raw_size = 32;
	struct perf_event_mmap_page *page = &run->pages[r];
	uint32_t raw[8] = { ids[what & 3], 0, next(run) & 3 };
	struct record record;

	if ((what & 3) == 0)
		raw[3] = places[next(run) % 7], raw[4] = 1u << (how & 3);
	else if ((what & 3) == 1)
		raw[3] = 1u << (how & 3), raw[4] = places[next(run) % 7];
	else if ((what & 3) == 3 && how & 8)
		raw[0] = how & 4 ? RECORDS_LINE : RECORDS_MSI, raw[3] = next(run);
	else if ((what & 3) == 2)
		raw[2] = what & 4 ? 6 : what & 8 ? next(run) : 2;
	if (how & 0x10)
		raw_size = next(run) & 31;
	record = record_sample(100 + (what >> 4 & 3), run->time += how & 4, raw, raw_size);
	if (how & 0x20)
		record.header.type = how & 8 ? PERF_RECORD_LOST : next(run);
	if (how & 0x40)
		record.header.size = next(run);
	if (how & 0x80)
		((uint8_t *)&record)[8 + next(run) % 80] = next(run);
	if (page->data_head - page->data_tail + 96 > SIZE)
		return;
	for (unsigned i = 0; i < sizeof(record); i++)
		run->data[r][(page->data_head + i) % SIZE] = ((const uint8_t *)&record)[i];
	page->data_head += how & 0x40 ? (next(run) & 15) * 8 : record.header.size;
}

static struct run run;

static void check_sums(void)
{
	struct watch_counts sum = watch_table_sum(&run.table);
	struct watch_totals totals = watch_table_totals(&run.table);

	CHECK(watch_totals_left(&totals) == run.exits);
	/* An access is served once, or nobody knows; wide ones leave several times. */
	CHECK(sum.exits + sum.in_kernel + totals.undecided + run.asked >= run.accesses);
	CHECK(sum.in_kernel <= run.accesses);
	CHECK(totals.unmatched <= run.exits);
	for (uint32_t i = 0; i < run.table.rows_n; i++) {
		const struct watch_counts *counts = &run.table.rows[i].counts;

		CHECK(counts->times.n <= counts->exits);
		CHECK(counts->times.upper <= counts->times.n);
		CHECK(counts->interrupts <= counts->exits);
		CHECK(counts->next.votes <= counts->next.hits);
		CHECK(counts->times.min <= counts->times.max);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!run.formats.tep)
		records_formats_make(&run.formats);
	memset(run.pages, 0, sizeof(run.pages));
	memset(run.data, 0, sizeof(run.data));
	run.accesses = run.asked = run.exits = run.time = 0;
	run.at = data;
	run.end = data + size;
	CHECK(watch_table_init(&run.table, ROWS, WATCH_PROCESSES) == 0);
	CHECK(watch_pairs_init(&run.pairs, &run.table) == 0);
	for (unsigned i = 0; i < RINGS; i++)
		CHECK(watch_ring_init(&run.rings[i], &run.pages[i], run.data[i], SIZE) == 0);
	for (unsigned i = 0; i < RECORDS_MAX && run.at < run.end; i++) {
		put(&run);
		if (i % 8 == 7)
			watch_rings_drain(run.rings, RINGS, run.time - 8, take, &run);
	}
	watch_rings_drain(run.rings, RINGS, UINT64_MAX, take, &run);
	watch_pairs_finish(&run.pairs);
	check_sums();
	watch_table_sort(&run.table);
	check_sums();
	for (unsigned i = 0; i < RINGS; i++) {
		CHECK(run.pages[i].data_head == run.pages[i].data_tail);
		watch_ring_destroy(&run.rings[i]);
	}
	watch_pairs_destroy(&run.pairs);
	watch_table_destroy(&run.table);
	return 0;
}
