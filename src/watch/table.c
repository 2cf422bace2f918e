// SPDX-License-Identifier: MIT
#include "watch/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int watch_table_init(struct watch_table *table, uint32_t rows, uint32_t processes)
{
	uint32_t places = 4;

	assert(rows >= 2 && rows <= UINT32_MAX / 8);
	/* At most half of the places are taken. */
	while (places < 2 * rows)
		places *= 2;
	*table = (struct watch_table){
		.rows = calloc(rows, sizeof(*table->rows)),
		.rows_max = rows,
		.index = calloc(places, sizeof(*table->index)),
		.index_mask = places - 1,
		.totals = calloc(processes, sizeof(*table->totals)),
		.processes_max = processes,
	};
	if (table->rows && table->index && table->totals)
		return 0;
	watch_table_destroy(table);
	return -ENOMEM;
}

void watch_table_destroy(struct watch_table *table)
{
	free(table->rows);
	free(table->index);
	free(table->totals);
	*table = (struct watch_table){ 0 };
}

static void index_clear(struct watch_table *table)
{
	memset(table->index, 0, (table->index_mask + (size_t)1) * sizeof(*table->index));
}

void watch_table_clear(struct watch_table *table)
{
	index_clear(table);
	table->rows_n = 0;
	table->other = (struct watch_counts){ 0 };
	table->folded = 0;
	memset(table->totals, 0, table->processes_max * sizeof(*table->totals));
}

static uint32_t key_hash(const struct watch_key *key)
{
	uint64_t rest = key->process | (uint64_t)key->width << 16 | (uint64_t)key->space << 24 |
			(uint64_t)key->write << 25;
	uint64_t hash = (key->addr ^ rest << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(hash >> 32) ^ (uint32_t)(hash >> 12);
}

/* The place of the key in the index: the one that names its row, or a free one. */
static uint32_t *index_find(const struct watch_table *table, const struct watch_key *key)
{
	uint32_t at = key_hash(key) & table->index_mask;

	while (table->index[at] && !watch_key_equal(&table->rows[table->index[at] - 1].key, key))
		at = (at + 1) & table->index_mask;
	return &table->index[at];
}

static void index_build(struct watch_table *table)
{
	index_clear(table);
	for (uint32_t i = 0; i < table->rows_n; i++)
		*index_find(table, &table->rows[i].key) = i + 1;
}

/* Two counts of votes are one: those for different ones outweigh each other. */
static void next_merge(struct watch_next *into, const struct watch_next *from)
{
	if (!from->hits)
		return;
	if (into->hits && watch_key_equal(&into->key, &from->key)) {
		into->votes += from->votes;
		into->hits += from->hits;
	} else if (into->hits && into->votes >= from->votes) {
		into->votes -= from->votes;
	} else {
		uint64_t less = into->votes;

		*into = *from;
		into->votes -= less;
	}
}

void watch_counts_merge(struct watch_counts *into, const struct watch_counts *from)
{
	into->exits += from->exits;
	into->in_kernel += from->in_kernel;
	into->interrupts += from->interrupts;
	next_merge(&into->next, &from->next);
	watch_times_merge(&into->times, &from->times);
}

static int order_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_use(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return order_numbers(a, b);
}

static uint64_t row_use(const struct watch_row *row)
{
	return row->counts.exits + row->counts.in_kernel;
}

/* Folds rows that are used no more than the median one, half of the table at least. */
static void table_fold(struct watch_table *table)
{
	/* The use of the rows, in the index, which is made anew anyway and has room enough. */
	uint64_t *uses = (uint64_t *)(void *)table->index;
	uint32_t kept = 0;
	uint64_t median;

	_Static_assert(sizeof(uint64_t) == 2 * sizeof(uint32_t), "two places a row");
	for (uint32_t i = 0; i < table->rows_n; i++)
		uses[i] = row_use(&table->rows[i]);
	qsort(uses, table->rows_n, sizeof(*uses), order_use);
	median = uses[table->rows_n / 2];
	for (uint32_t i = 0; i < table->rows_n; i++) {
		if (row_use(&table->rows[i]) > median) {
			table->rows[kept++] = table->rows[i];
			continue;
		}
		watch_counts_merge(&table->other, &table->rows[i].counts);
		table->folded++;
	}
	table->rows_n = kept;
	index_build(table);
}

struct watch_counts *watch_table_counts(struct watch_table *table, const struct watch_key *key)
{
	uint32_t *place = index_find(table, key);
	struct watch_row *row;

	assert(key->process < table->processes_max);
	if (*place)
		return &table->rows[*place - 1].counts;
	if (table->rows_n == table->rows_max) {
		table_fold(table);
		place = index_find(table, key);
	}
	row = &table->rows[table->rows_n++];
	*row = (struct watch_row){ .key = *key };
	*place = table->rows_n;
	return &row->counts;
}

void watch_totals_merge(struct watch_totals *into, const struct watch_totals *from)
{
	for (unsigned i = 0; i < WATCH_REASONS; i++)
		into->left[i] += from->left[i];
	into->interrupted += from->interrupted;
	into->unmatched += from->unmatched;
	into->undecided += from->undecided;
}

void watch_table_merge(struct watch_table *into, const struct watch_table *from)
{
	assert(into->processes_max == from->processes_max);
	for (uint32_t i = 0; i < from->rows_n; i++)
		watch_counts_merge(watch_table_counts(into, &from->rows[i].key),
				   &from->rows[i].counts);
	watch_counts_merge(&into->other, &from->other);
	into->folded += from->folded;
	for (uint32_t i = 0; i < from->processes_max; i++)
		watch_totals_merge(&into->totals[i], &from->totals[i]);
}

static int order_rows(const void *left, const void *right)
{
	const struct watch_row *a = left, *b = right;
	int order = order_numbers(b->counts.exits, a->counts.exits);

	if (!order)
		order = order_numbers(b->counts.in_kernel, a->counts.in_kernel);
	if (!order)
		order = order_numbers(a->key.space, b->key.space);
	if (!order)
		order = order_numbers(a->key.addr, b->key.addr);
	if (!order)
		order = order_numbers(a->key.write, b->key.write);
	if (!order)
		order = order_numbers(a->key.width, b->key.width);
	if (!order)
		order = order_numbers(a->key.process, b->key.process);
	return order;
}

void watch_table_sort(struct watch_table *table)
{
	qsort(table->rows, table->rows_n, sizeof(*table->rows), order_rows);
	index_build(table);
}

struct watch_totals watch_table_totals(const struct watch_table *table)
{
	struct watch_totals sum = { 0 };

	for (uint32_t i = 0; i < table->processes_max; i++)
		watch_totals_merge(&sum, &table->totals[i]);
	return sum;
}

uint64_t watch_totals_left(const struct watch_totals *totals)
{
	uint64_t sum = totals->interrupted;

	for (unsigned i = 0; i < WATCH_REASONS; i++)
		sum += totals->left[i];
	return sum;
}

struct watch_counts watch_table_sum(const struct watch_table *table)
{
	struct watch_counts sum = { .exits = table->other.exits,
				    .in_kernel = table->other.in_kernel };

	for (uint32_t i = 0; i < table->rows_n; i++) {
		sum.exits += table->rows[i].counts.exits;
		sum.in_kernel += table->rows[i].counts.in_kernel;
	}
	return sum;
}
