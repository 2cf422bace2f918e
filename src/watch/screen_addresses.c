// SPDX-License-Identifier: MIT
/* The table of ports and memory: columns by a table, those that matter less go first where it is narrow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/screen_impl.h"

#define CELL 24

struct column {
	const char *title,
		*title_whole; /* the latter where the record is of the whole time; NULL: same */
	unsigned width;
	unsigned rank; /* the higher, the sooner it goes */
	enum watch_sort sort; /* WATCH_SORTS: by none */
	void (*cell)(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row);
};

static void put_amount(char out[static CELL], double value)
{
	char number[SCREEN_NUMBER];

	(void)snprintf(out, CELL, "%s", value < 0 ? "-" : screen_number(number, value));
}

static void cell_addr(char out[static CELL], const struct screen_table *table,
		      const struct watch_snapshot_row *row)
{
	char range[SCREEN_RANGE];

	(void)snprintf(out, CELL, "%s", screen_range(range, row->addr, row->addr));
}

static void cell_access(char out[static CELL], const struct screen_table *table,
			const struct watch_snapshot_row *row)
{
	if (row->width)
		(void)snprintf(out, CELL, "%s %u", row->write ? "write" : "read", row->width);
	else
		(void)snprintf(out, CELL, "%s", row->write ? "write" : "read");
}

static void cell_exits(char out[static CELL], const struct screen_table *table,
		       const struct watch_snapshot_row *row)
{
	put_amount(out, screen_rate(table, row->exits));
}

static void cell_share(char out[static CELL], const struct screen_table *table,
		       const struct watch_snapshot_row *row)
{
	double all = (double)table->now->exits;

	(void)snprintf(out, CELL, "%.1f%%", all > 0 ? 100 * (double)row->exits / all : 0);
	if (strlen(out) > 6)
		(void)snprintf(out, CELL, ">100%%");
}

static void cell_coalesced(char out[static CELL], const struct screen_table *table,
			   const struct watch_snapshot_row *row)
{
	put_amount(out, row->coalesced ? screen_rate(table, row->coalesced) : -1);
}

static void cell_saved(char out[static CELL], const struct screen_table *table,
		       const struct watch_snapshot_row *row)
{
	if (row->coalesced)
		(void)snprintf(out, CELL, "%.1f%%",
			       watch_snapshot_saved(row->exits, row->coalesced));
	else
		(void)snprintf(out, CELL, "-");
}

static void cell_in_kernel(char out[static CELL], const struct screen_table *table,
			   const struct watch_snapshot_row *row)
{
	put_amount(out, row->in_kernel ? screen_rate(table, row->in_kernel) : -1);
}

static void cell_interrupts(char out[static CELL], const struct screen_table *table,
			    const struct watch_snapshot_row *row)
{
	put_amount(out, row->interrupts ? screen_rate(table, row->interrupts) : -1);
}

static void put_time(char out[static CELL], const struct watch_snapshot_row *row, double us)
{
	put_amount(out, row->times.samples ? us : -1);
}

static void cell_min(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row)
{
	put_time(out, row, row->times.min_us);
}

static void cell_avg(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row)
{
	put_time(out, row, row->times.avg_us);
}

static void cell_p50(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row)
{
	put_time(out, row, row->times.p50_us);
}

static void cell_p99(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row)
{
	put_time(out, row, row->times.p99_us);
}

static void cell_max(char out[static CELL], const struct screen_table *table,
		     const struct watch_snapshot_row *row)
{
	put_time(out, row, row->times.max_us);
}

/* Titles with a star: of the whole time also where all else is of an interval. */
static const struct column columns[] = {
	{ "ADDRESS", NULL, 10, 0, WATCH_SORT_ADDR, cell_addr },
	{ "ACCESS", NULL, 7, 1, WATCH_SORTS, cell_access },
	{ "EXITS/s", NULL, 7, 0, WATCH_SORT_EXITS, cell_exits },
	{ "SHARE", NULL, 6, 5, WATCH_SORTS, cell_share },
	{ "COAL/s", NULL, 6, 2, WATCH_SORT_COALESCED, cell_coalesced },
	{ "SAVED", NULL, 6, 8, WATCH_SORTS, cell_saved },
	{ "KERN/s", NULL, 6, 10, WATCH_SORT_IN_KERNEL, cell_in_kernel },
	{ "IRQ/s", NULL, 6, 11, WATCH_SORT_INTERRUPTS, cell_interrupts },
	{ "MIN*", "MIN", 6, 9, WATCH_SORTS, cell_min },
	{ "AVG us", NULL, 6, 3, WATCH_SORT_AVG, cell_avg },
	{ "P50", NULL, 6, 6, WATCH_SORT_P50, cell_p50 },
	{ "P99", NULL, 6, 4, WATCH_SORT_P99, cell_p99 },
	{ "MAX*", "MAX", 6, 7, WATCH_SORT_MAX, cell_max },
};

#define COLUMNS    (sizeof(columns) / sizeof(columns[0]))
#define NAME_LEAST 18

struct layout {
	unsigned addr; /* the width of the first column */
	unsigned ranks; /* columns of the ranks below it are shown */
};

static unsigned column_width(const struct layout *layout, size_t i)
{
	return i ? columns[i].width : layout->addr;
}

/* As many ranks as fit beside a name, and the first one in any case. */
static void choose_ranks(struct layout *layout, unsigned width)
{
	for (layout->ranks = 1; layout->ranks < COLUMNS; layout->ranks++) {
		unsigned used = NAME_LEAST;

		for (size_t i = 0; i < COLUMNS; i++)
			used += columns[i].rank <= layout->ranks ? column_width(layout, i) + 1 : 0;
		if (used > width)
			break;
	}
}

/* A trace has no coalesced writes, a machine none that KVM served; neither column stays empty. */
static bool is_shown(const struct screen_table *table, const struct column *column, unsigned ranks)
{
	if (column->cell == cell_coalesced || column->cell == cell_saved)
		return column->rank < ranks && table->now->machine;
	if (column->cell == cell_in_kernel)
		return !table->now->machine && ranks > 2;
	return column->rank < ranks;
}

static void put_header(struct screen_table *table, const struct layout *layout)
{
	struct watch_screen *screen = table->screen;

	screen_line(screen);
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];
		const char *title =
			table->whole && column->title_whole ? column->title_whole : column->title;
		bool sorted = column->sort == table->state->sort && column->sort < WATCH_SORTS;
		enum watch_screen_attr attr = sorted ? WATCH_SCREEN_SORTED : WATCH_SCREEN_HEADER;

		if (!is_shown(table, column, layout->ranks))
			continue;
		screen_put(screen, attr, i < 2 ? "%-*s" : "%*s", (int)column_width(layout, i),
			   title);
		screen_put(screen, WATCH_SCREEN_HEADER, " ");
	}
	screen_put(screen,
		   table->state->sort == WATCH_SORT_NAME ? WATCH_SCREEN_SORTED
							 : WATCH_SCREEN_HEADER,
		   "NAME");
	if (screen->lines_n)
		screen->lines[screen->lines_n - 1].fill = true;
}

#define NAME (2 * WATCH_SNAPSHOT_TEXT + 64)

static const char *row_name(char out[static NAME], const struct watch_snapshot_row *row)
{
	int n = snprintf(out, NAME, "%s%s%s", row->device, *row->device && *row->reg ? " " : "",
			 row->reg);

	if (n >= 0 && row->vcpu != WATCH_SNAPSHOT_NO_VCPU)
		n += snprintf(out + n, NAME - (size_t)n, "%svCPU %u", n ? ", " : "", row->vcpu);
	if (n >= 0 && row->pid)
		(void)snprintf(out + n, NAME - (size_t)n, "%sprocess %u", n ? ", " : "", row->pid);
	return out;
}

static void put_row(struct screen_table *table, const struct watch_snapshot_row *row,
		    const char *where, const char *name, const struct layout *layout)
{
	bool idle = !row->exits && !row->coalesced && !row->in_kernel;
	enum watch_screen_attr attr = idle ? WATCH_SCREEN_DIM : WATCH_SCREEN_PLAIN;

	if (!screen_row(table))
		return;
	for (size_t i = 0; i < COLUMNS; i++) {
		int width = (int)column_width(layout, i);
		char cell[CELL];

		if (!is_shown(table, &columns[i], layout->ranks))
			continue;
		columns[i].cell(cell, table, row);
		if (i < 2) /* where: what stands for both */
			screen_put(table->screen, attr, "%-*.*s ", width, width,
				   !where ? cell
				   : i    ? ""
					  : where);
		else
			screen_put(table->screen, attr, "%*s ", width, cell);
	}
	screen_put(table->screen, attr, "%s", *name ? name : "-");
}

/*
 * Those with the filter's text in address or name, sorted. The caller frees; NULL: no memory. *addr is how
 * wide their addresses are.
 */
static const struct watch_snapshot_row **wanted_rows(const struct screen_table *table, size_t *n,
						     unsigned *addr)
{
	const struct watch_snapshot *now = table->now;
	const struct watch_snapshot_row **rows =
		calloc(now->rows_n + 1, sizeof(const struct watch_snapshot_row *));

	*n = 0;
	*addr = columns[0].width;
	for (size_t i = 0; rows && i < now->rows_n; i++) {
		char name[NAME], range[SCREEN_RANGE];
		const struct watch_snapshot_row *row = &now->rows[i];

		screen_range(range, row->addr, row->addr);
		if (!screen_wanted(table, row_name(name, row), range))
			continue;
		rows[(*n)++] = row;
		if (strlen(range) > *addr)
			*addr = (unsigned)strlen(range);
	}
	if (rows)
		watch_snapshot_sort(rows, *n, table->state->sort, table->state->reverse);
	return rows;
}

static void put_other(struct screen_table *table, const struct layout *layout)
{
	const struct watch_snapshot_other *other = &table->now->other;
	const struct watch_snapshot_row row = {
		.exits = other->exits,
		.coalesced = other->coalesced,
		.in_kernel = other->in_kernel,
		.times = other->times,
	};
	char name[64];

	if (!other->rows || *table->state->filter)
		return;
	(void)snprintf(name, sizeof(name), "%llu more, folded", (unsigned long long)other->rows);
	put_row(table, &row, "others", name, layout);
}

void screen_addresses(struct screen_table *table)
{
	const struct watch_snapshot_row **rows;
	struct layout layout;
	size_t n;

	rows = wanted_rows(table, &n, &layout.addr);
	choose_ranks(&layout, table->screen->columns);
	put_header(table, &layout);
	if (!rows) {
		table->screen->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		char name[NAME];

		put_row(table, rows[i], NULL, row_name(name, rows[i]), &layout);
	}
	free(rows);
	put_other(table, &layout);
}
