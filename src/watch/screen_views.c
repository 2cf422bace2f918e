// SPDX-License-Identifier: MIT
/* The tables besides that of addresses: vCPUs, zones, and what the kernel counts by itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "watch/screen_impl.h"

static void put_header(struct screen_table *table, const char *text)
{
	struct watch_screen *screen = table->screen;

	screen_line(screen);
	screen_put(screen, WATCH_SCREEN_HEADER, "%s", text);
	if (screen->lines_n)
		screen->lines[screen->lines_n - 1].fill = true;
}

/* vCPUs */

/* What the kernel says of a vCPU, by the name of the statistic. */
static const struct {
	const char *title;
	const char *stat;
} vcpu_columns[] = {
	{ "VM-EXITS/s", "exits" }, { "HALTS/s", "halt_exits" }, { "IRQS/s", "irq_injections" },
	{ "IO/s", "io_exits" },    { "MMIO/s", "mmio_exits" },
};

#define VCPU_COLUMNS (sizeof(vcpu_columns) / sizeof(vcpu_columns[0]))

static void put_vcpu(struct screen_table *table, const struct watch_snapshot_vcpu *vcpu,
		     const struct watch_snapshot_stats *stats)
{
	struct watch_screen *screen = table->screen;
	double all = (double)table->now->exits;
	char number[SCREEN_NUMBER];

	screen_put(screen, WATCH_SCREEN_PLAIN, "%4u %8u ", vcpu->vcpu, vcpu->thread);
	screen_put(screen, WATCH_SCREEN_PLAIN, "%8s %5.1f%%",
		   screen_number(number, screen_rate(table, vcpu->exits)),
		   all > 0 ? 100 * (double)vcpu->exits / all : 0);
	for (size_t i = 0; i < VCPU_COLUMNS; i++) {
		const struct watch_snapshot_stat *stat =
			stats ? watch_snapshot_stat(stats, vcpu_columns[i].stat) : NULL;

		screen_put(screen, WATCH_SCREEN_PLAIN, " %10s",
			   stat ? screen_number(number, screen_rate(table, stat->value)) : "-");
	}
}

void screen_vcpus(struct screen_table *table)
{
	const struct watch_snapshot *now = table->now;
	char header[128];
	int n = snprintf(header, sizeof(header), "VCPU   THREAD  EXITS/s  SHARE");

	for (size_t i = 0; i < VCPU_COLUMNS; i++)
		n += snprintf(header + n, sizeof(header) - (size_t)n, " %10s",
			      vcpu_columns[i].title);
	put_header(table, header);
	for (size_t i = 0; i < now->vcpus_n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%u %u", now->vcpus[i].vcpu,
			       now->vcpus[i].thread);
		if (screen_wanted(table, name, NULL) && screen_row(table))
			put_vcpu(table, &now->vcpus[i],
				 i < now->kvm_vcpus_n ? &now->kvm_vcpus[i] : NULL);
	}
}

/* Zones */

/* Those that do not do what they are for come first, then those that are used most. */
struct zone {
	const struct watch_snapshot_zone *zone;
	size_t i;
	bool bad;
	uint64_t coalesced, exits; /* of the writes to it */
};

static int zone_order(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	if (x->bad != y->bad)
		return x->bad ? -1 : 1;
	if (x->coalesced != y->coalesced)
		return x->coalesced < y->coalesced ? 1 : -1;
	return (x->i > y->i) - (x->i < y->i);
}

static bool overlaps(const struct watch_snapshot_row *row, const struct watch_snapshot_zone *zone)
{
	return row->write && row->space == zone->space && row->addr <= zone->last &&
	       row->addr + (row->size - 1) >= zone->first;
}

/* Bounded: rows times zones is what a stranger may send, so the rows that nobody wrote are left out first. */
static struct zone *sorted_zones(const struct watch_snapshot *now)
{
	struct zone *zones = calloc(now->zones_n + 1, sizeof(*zones));
	const struct watch_snapshot_row **rows =
		calloc(now->rows_n + 1, sizeof(const struct watch_snapshot_row *));
	size_t n = 0;

	for (size_t j = 0; rows && j < now->rows_n; j++)
		if (now->rows[j].write && (now->rows[j].exits || now->rows[j].coalesced))
			rows[n++] = &now->rows[j];
	for (size_t i = 0; zones && i < now->zones_n; i++) {
		const struct watch_snapshot_zone *zone = &now->zones[i];

		zones[i] = (struct zone){ .zone = zone,
					  .i = i,
					  .bad = !strcmp(zone->state, "traps") ||
						 !strcmp(zone->state, "stuck") };
		for (size_t j = 0; j < n; j++) {
			if (!overlaps(rows[j], zone))
				continue;
			zones[i].coalesced += rows[j]->coalesced;
			zones[i].exits += rows[j]->exits;
		}
	}
	free(rows);
	if (zones)
		qsort(zones, now->zones_n, sizeof(*zones), zone_order);
	return zones;
}

static const char *wait_text(char out[static 24], uint64_t ns)
{
	if (ns == UINT64_MAX)
		(void)snprintf(out, 24, "latch");
	else if (!ns)
		(void)snprintf(out, 24, "-");
	else if (ns >= (uint64_t)NS_PER_MS)
		(void)snprintf(out, 24, "%" PRIu64 "ms", ns / (uint64_t)NS_PER_MS);
	else
		(void)snprintf(out, 24, "%" PRIu64 "us", ns / (uint64_t)NS_PER_US);
	return out;
}

static void put_zone(struct screen_table *table, const struct zone *zone, const char *range)
{
	struct watch_screen *screen = table->screen;
	enum watch_screen_attr attr = zone->bad ? WATCH_SCREEN_WARN : WATCH_SCREEN_PLAIN;
	char number[SCREEN_NUMBER], wait[24];

	screen_put(screen, attr, "%-21s %-6s %-6.6s %-6.6s", range,
		   watch_snapshot_zone_by(zone->zone), zone->zone->state,
		   wait_text(wait, zone->zone->wait_ns));
	screen_put(screen, attr, " %6s",
		   screen_number(number, screen_rate(table, zone->coalesced)));
	screen_put(screen, attr, " %7s  ", screen_number(number, screen_rate(table, zone->exits)));
	if (*zone->zone->region)
		screen_put(screen, attr, "%s: ", zone->zone->region);
	if (*zone->zone->trap)
		screen_put(screen, attr, "%s", zone->zone->trap);
	else
		screen_put(screen, attr, "%s%s%s", zone->zone->why,
			   *zone->zone->when ? "; while " : "", zone->zone->when);
}

void screen_zones(struct screen_table *table)
{
	const struct watch_snapshot *now = table->now;
	struct zone *zones = sorted_zones(now);

	put_header(table,
		   "RANGE                 USER   STATE  WAITS  COAL/s EXITS/s  WHOSE AND WHY");
	if (!zones)
		table->screen->failed = true;
	for (size_t i = 0; zones && i < now->zones_n; i++) {
		const struct watch_snapshot_zone *zone = zones[i].zone;
		char range[SCREEN_RANGE];

		screen_range(range, zone->first, zone->last);
		if ((screen_wanted(table, zone->region, range) ||
		     screen_wanted(table, zone->trap, zone->why)) &&
		    screen_row(table))
			put_zone(table, &zones[i], range);
	}
	free(zones);
}

/* The kernel's statistics */

struct stat {
	struct watch_snapshot_stat stat;
	bool vcpus; /* the sum of all of them; else of the VM */
};

static int stat_order(const void *a, const void *b)
{
	const struct stat *x = a, *y = b;
	int names = strcmp(x->stat.name, y->stat.name);

	return names ? names : x->vcpus - y->vcpus;
}

static int stat_rate_order(const void *a, const void *b)
{
	const struct stat *x = a, *y = b;
	uint64_t p = x->stat.level ? 0 : x->stat.value, q = y->stat.level ? 0 : y->stat.value;

	return p != q ? (p < q ? 1 : -1) : stat_order(a, b);
}

static size_t add_stats(struct stat *out, const struct watch_snapshot_stats *stats, bool vcpus)
{
	for (size_t i = 0; i < stats->n; i++)
		out[i] = (struct stat){ stats->at[i], vcpus };
	return stats->n;
}

/* Those of the VM, and of the vCPUs the sum. The caller frees; NULL: no memory. */
static struct stat *sum_stats(const struct watch_snapshot *now, size_t *n)
{
	size_t all = now->kvm_vm.n + 1, used, kept = 0;
	struct stat *stats;

	for (size_t i = 0; i < now->kvm_vcpus_n; i++)
		all += now->kvm_vcpus[i].n;
	*n = 0;
	stats = calloc(all, sizeof(*stats));
	if (!stats)
		return NULL;
	used = add_stats(stats, &now->kvm_vm, false);
	for (size_t i = 0; i < now->kvm_vcpus_n; i++)
		used += add_stats(stats + used, &now->kvm_vcpus[i], true);
	qsort(stats, used, sizeof(*stats), stat_order);
	for (size_t i = 0; i < used; i++) {
		if (kept && !stat_order(&stats[kept - 1], &stats[i]))
			stats[kept - 1].stat.value += stats[i].stat.value;
		else
			stats[kept++] = stats[i];
	}
	qsort(stats, kept, sizeof(*stats), stat_rate_order);
	*n = kept;
	return stats;
}

void screen_kernel(struct screen_table *table)
{
	size_t n;
	struct stat *stats = sum_stats(table->now, &n);

	put_header(table, "  RATE/s     NOW  WHOSE  STATISTIC OF THE KERNEL");
	if (!stats) {
		table->screen->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct watch_snapshot_stat *stat = &stats[i].stat;
		enum watch_screen_attr attr =
			stat->level || stat->value ? WATCH_SCREEN_PLAIN : WATCH_SCREEN_DIM;
		char number[SCREEN_NUMBER];

		if (!screen_wanted(table, stat->name, NULL) || !screen_row(table))
			continue;
		if (stat->level)
			screen_put(table->screen, attr, "%8s %7s", "",
				   screen_number(number, (double)stat->value));
		else
			screen_put(table->screen, attr, "%8s %7s",
				   screen_number(number, screen_rate(table, stat->value)), "");
		screen_put(table->screen, attr, "  %-5s  %s", stats[i].vcpus ? "vCPUs" : "VM",
			   stat->name);
	}
	if (!n && screen_row(table))
		screen_put(table->screen, WATCH_SCREEN_DIM, "The kernel gave none.");
	free(stats);
}
