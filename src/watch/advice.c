// SPDX-License-Identifier: MIT
#include "watch/advice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "watch/advice_impl.h"
#include "watch/regs.h"

#define RATE_MIN     1.0 /* exits a second that are worth a word */
#define PATTERN_MIN  100u /* accesses that make a pattern */
#define PATTERN_PART 0.9
#define NEAR         8u /* bytes: registers of the same chip, where no device is known */
#define ZONES_LOOKED 1024u /* of a file's; a machine has fewer */

static const char stay_answer[] = "the guest waits for the answer";
static const char stay_effect[] = "something happens at once";
static const char stay_unknown[] = "it may have an effect at once";
static const char stay_raised[] = "its writes raised interrupts";
static const char stay_table[] = "the chip's table does not let it wait";
static const char stay_condition[] = "it waits only under a condition, which did not hold";
static const char stay_said[] = "the user said that it exits";
static const char stay_before[] = "it waits now";
static const char stay_rare[] = "too rare to matter";
static const char stay_other[] = "no access: halts, interrupts, signals";

/* What was found out about a row. */
struct finding {
	bool advised;
	enum watch_advice_kind kind;
	const struct watch_known *known;
	const struct watch_snapshot_zone *zone;
	const char *stay; /* why, if nothing is advised */
};

static uint64_t row_last(const struct watch_snapshot_row *row)
{
	uint64_t len = row->size > 1 ? row->size : row->width ? row->width : 1;

	return row->addr > UINT64_MAX - (len - 1) ? UINT64_MAX : row->addr + (len - 1);
}

static const struct watch_snapshot_zone *zone_of(const struct watch_snapshot *snapshot,
						 const struct watch_snapshot_row *row)
{
	for (size_t i = 0; i < snapshot->zones_n && i < ZONES_LOOKED; i++) {
		const struct watch_snapshot_zone *zone = &snapshot->zones[i];

		/* Of memory, several addresses share a row. */
		if (zone->space == row->space && zone->first <= row->addr + (row->size - 1) &&
		    zone->last >= row->addr)
			return zone;
	}
	return NULL;
}

static bool is_nobody(const struct watch_snapshot_row *row)
{
	return !*row->device || !strcmp(row->device, "nobody");
}

static bool same_chip(const struct watch_snapshot_row *row, uint64_t other)
{
	const struct watch_reg *a = watch_reg_find(row->space, row->addr);
	const struct watch_reg *b = watch_reg_find(row->space, other);

	if (a && b)
		return !strcmp(a->part, b->part);
	return (other > row->addr ? other - row->addr : row->addr - other) < NEAR;
}

bool watch_advice_precedes(const struct watch_snapshot_row *row)
{
	uint64_t all = row->exits + row->coalesced;

	return row->write && row->next.known && all >= PATTERN_MIN && !row->interrupts &&
	       row->next.space == row->space &&
	       (double)row->next.count >= PATTERN_PART * (double)all &&
	       (row->next.addr != row->addr || !row->next.write) && same_chip(row, row->next.addr);
}

/* Where rows are sorted by space and address, reads of an address are beside its writes. */
static bool is_read_too(const struct watch_snapshot_row *const *rows, size_t n, size_t at)
{
	const struct watch_snapshot_row *row = rows[at];

	for (size_t i = at; i-- > 0 && rows[i]->space == row->space && rows[i]->addr == row->addr;)
		if (!rows[i]->write)
			return true;
	for (size_t i = at + 1;
	     i < n && rows[i]->space == row->space && rows[i]->addr <= row_last(row); i++)
		if (!rows[i]->write)
			return true;
	return false;
}

static struct finding stays(const char *why)
{
	return (struct finding){ .stay = why };
}

static struct finding of_known(const struct watch_known *known)
{
	static const enum watch_advice_kind kinds[WATCH_KNOWN_KINDS] = {
		[WATCH_KNOWN_LATCH] = WATCH_ADVICE_WAIT,
		[WATCH_KNOWN_SEEN] = WATCH_ADVICE_WAIT,
		[WATCH_KNOWN_POLL] = WATCH_ADVICE_POLL,
		[WATCH_KNOWN_CLOCK] = WATCH_ADVICE_CLOCK,
		[WATCH_KNOWN_DATA] = WATCH_ADVICE_DEVICE,
		[WATCH_KNOWN_EFFECT] = WATCH_ADVICE_DEVICE,
	};
	bool waits = known->kind == WATCH_KNOWN_LATCH || known->kind == WATCH_KNOWN_SEEN;

	if (!waits && !known->remedy)
		return stays(known->write ? stay_effect : stay_answer);
	return (struct finding){ .advised = true, .kind = kinds[known->kind], .known = known };
}

/* A range that the chip's own table lets wait, and whose writes exit. */
static struct finding of_zone(const struct watch_snapshot_zone *zone)
{
	if (!strcmp(zone->state, "active"))
		return stays(stay_before);
	/* None of the chip's. */
	if (zone->user && !*zone->why)
		return stays(stay_said);
	if (!strcmp(zone->trap, "its condition does not hold"))
		return stays(stay_condition);
	return (struct finding){ .advised = true, .kind = WATCH_ADVICE_ZONE, .zone = zone };
}

static struct finding of_write(const struct watch_snapshot *snapshot,
			       const struct watch_snapshot_row *const *rows, size_t n, size_t at)
{
	const struct watch_snapshot_row *row = rows[at];
	const struct watch_snapshot_zone *zone = zone_of(snapshot, row);
	const struct watch_known *known = watch_known_find(row->space, row->addr, true);
	bool waits;

	if (zone && row->interrupts)
		return stays(stay_raised);
	if (zone)
		return of_zone(zone);
	if (snapshot->machine && is_nobody(row))
		return (struct finding){ .advised = true, .kind = WATCH_ADVICE_NOBODY };
	waits = known && (known->kind == WATCH_KNOWN_LATCH || known->kind == WATCH_KNOWN_SEEN);
	if (known && !waits)
		return of_known(known);
	/* The chip's own table, which says nothing of waiting, knows better than ours. */
	if (snapshot->machine)
		return stays(stay_table);
	if (row->interrupts)
		return stays(stay_raised);
	if (known)
		return of_known(known);
	if (watch_advice_precedes(row) ||
	    (row->exits >= PATTERN_MIN && row->space == WATCH_SPACE_PORT &&
	     !is_read_too(rows, n, at)))
		return (struct finding){ .advised = true, .kind = WATCH_ADVICE_LOOKS };
	return stays(stay_unknown);
}

static struct finding of_row(const struct watch_snapshot *snapshot,
			     const struct watch_snapshot_row *const *rows, size_t n, size_t at)
{
	const struct watch_snapshot_row *row = rows[at];
	const struct watch_known *known;

	if ((double)row->exits < RATE_MIN * snapshot->seconds)
		return stays(stay_rare);
	if (row->write)
		return of_write(snapshot, rows, n, at);
	known = watch_known_find(row->space, row->addr, false);
	return known ? of_known(known) : stays(stay_answer);
}

/* Putting rows together */

static struct watch_advice_group *group_for(struct watch_advice_groups *groups,
					    const struct finding *found,
					    const struct watch_snapshot_row *row)
{
	struct watch_advice_group *group;

	for (size_t i = groups->n; i-- > 0;) {
		group = &groups->at[i];
		if (found->known || found->zone) {
			if (group->known == found->known && group->zone == found->zone)
				return group;
			continue;
		}
		if (group->kind == found->kind && group->row->space == row->space &&
		    group->row->addr == row->addr)
			return group;
	}
	if (!array_reserve(groups->at, groups->n + 1, &groups->room))
		return NULL;
	group = &groups->at[groups->n++];
	*group = (struct watch_advice_group){
		.kind = found->kind,
		.known = found->known,
		.zone = found->zone,
		.row = row,
		.first = row->addr,
		.last = row->addr,
	};
	return group;
}

static void group_zone(struct watch_advice_group *group, const struct watch_snapshot_row *row)
{
	uint64_t last = row_last(row);

	for (unsigned i = 0; i < group->zones_n; i++) {
		/* One address in several widths: the widest. */
		if (group->zones[i].first == row->addr) {
			if (last > group->zones[i].last)
				group->zones[i].last = last;
			return;
		}
	}
	if (group->zones_n == WATCH_ADVICE_ZONES)
		return;
	group->zones[group->zones_n].first = row->addr;
	group->zones[group->zones_n++].last = last;
}

/* Of an exit in us, over all rows whose times are known; 0 if there are none. */
static double mean_us(const struct watch_snapshot *snapshot)
{
	double sum = 0, n = 0;

	for (size_t i = 0; i < snapshot->rows_n; i++) {
		if (snapshot->rows[i].times.avg_us <= 0)
			continue;
		sum += snapshot->rows[i].times.avg_us * (double)snapshot->rows[i].exits;
		n += (double)snapshot->rows[i].exits;
	}
	return n > 0 ? sum / n : 0;
}

static void group_add(struct watch_advice_group *group, const struct watch_snapshot *snapshot,
		      const struct watch_snapshot_row *row, double mean)
{
	double rate = (double)row->exits / snapshot->seconds;

	if (row->addr > group->last)
		group->last = row->addr;
	if (row->exits > group->row->exits)
		group->row = row;
	group->exits += row->exits;
	group->cpu += rate * (row->times.avg_us > 0 ? row->times.avg_us : mean) / 1e6;
	group_zone(group, row);
}

/* The exits of the device that a row is of, by whatever name it has. */
static uint64_t device_exits(const struct watch_snapshot *snapshot,
			     const struct watch_snapshot_row *row)
{
	const struct watch_reg *reg = watch_reg_find(row->space, row->addr);
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->rows_n; i++) {
		const struct watch_snapshot_row *other = &snapshot->rows[i];
		const struct watch_reg *other_reg;

		if (other->space != row->space)
			continue;
		if (*row->device && *other->device) {
			sum += strcmp(row->device, other->device) ? 0 : other->exits;
			continue;
		}
		other_reg = reg ? watch_reg_find(other->space, other->addr) : NULL;
		sum += other_reg && !strcmp(reg->part, other_reg->part) ? other->exits : 0;
	}
	return sum;
}

static void stay_add(struct watch_advices *out, const struct watch_snapshot_row *row,
		     const char *why, double rate)
{
	struct watch_stay stay = { .rate = rate, .why = why };

	out->stay += rate;
	if (why == stay_rare)
		return;
	if (row)
		watch_advice_row_name(stay.name, sizeof(stay.name), row);
	else
		snprintf(stay.name, sizeof(stay.name), "returns of KVM_RUN");
	for (size_t i = 0; i < WATCH_STAYS; i++) {
		if (i == out->stays_n) {
			out->stays[out->stays_n++] = stay;
			return;
		}
		if (stay.rate > out->stays[i].rate) {
			struct watch_stay less = out->stays[i];

			out->stays[i] = stay;
			stay = less;
		}
	}
}

static int compare_rows(const void *a, const void *b)
{
	const struct watch_snapshot_row *x = *(const struct watch_snapshot_row *const *)a;
	const struct watch_snapshot_row *y = *(const struct watch_snapshot_row *const *)b;

	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->write != y->write)
		return x->write ? 1 : -1;
	return (x->width > y->width) - (x->width < y->width);
}

static int compare_advice(const void *a, const void *b)
{
	const struct watch_advice *x = a, *y = b;

	if (x->cpu != y->cpu)
		return x->cpu > y->cpu ? -1 : 1;
	if (x->saved != y->saved)
		return x->saved > y->saved ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static int advise_rows(struct watch_advices *out, struct watch_advice_groups *groups,
		       const struct watch_snapshot *snapshot,
		       const struct watch_snapshot_row *const *rows)
{
	const double mean = mean_us(snapshot);
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->rows_n; i++) {
		struct finding found = of_row(snapshot, rows, snapshot->rows_n, i);
		struct watch_advice_group *group;

		sum += rows[i]->exits;
		if (!found.advised) {
			if (rows[i]->exits)
				stay_add(out, rows[i], found.stay,
					 (double)rows[i]->exits / snapshot->seconds);
			continue;
		}
		group = group_for(groups, &found, rows[i]);
		if (!group)
			return -ENOMEM;
		group_add(group, snapshot, rows[i], mean);
	}
	if (snapshot->exits > sum)
		stay_add(out, NULL, stay_other,
			 (double)(snapshot->exits - sum) / snapshot->seconds);
	return 0;
}

static int advices_put(struct watch_advices *out, const struct watch_advice *advice)
{
	if (!array_reserve(out->at, out->n + 1, &out->room))
		return -ENOMEM;
	out->at[out->n++] = *advice;
	return 0;
}

static int advise_groups(struct watch_advices *out, const struct watch_advice_groups *groups,
			 const struct watch_snapshot *snapshot, const char *target)
{
	struct watch_advice advice;
	int ret = 0;

	for (size_t i = 0; i < groups->n && !ret; i++) {
		const struct watch_advice_group *group = &groups->at[i];
		bool known = group->known || group->zone;
		uint64_t device = known ? device_exits(snapshot, group->row) : 0;

		watch_advice_say(&advice, group, snapshot->seconds, target);
		if (device)
			advice.of_device = (double)group->exits / (double)device;
		ret = advices_put(out, &advice);
	}
	if (!ret && (double)snapshot->ring.full >= RATE_MIN * snapshot->seconds) {
		watch_advice_say_ring(&advice, (double)snapshot->ring.full / snapshot->seconds);
		ret = advices_put(out, &advice);
	}
	return ret;
}

int watch_advise(struct watch_advices *out, const struct watch_snapshot *snapshot,
		 const char *target)
{
	const struct watch_snapshot_row **rows;
	struct watch_advice_groups groups = { 0 };
	int ret;

	*out = (struct watch_advices){
		.seconds = snapshot->seconds,
		.exits = (double)snapshot->exits / snapshot->seconds,
		.coalesced = (double)snapshot->coalesced / snapshot->seconds,
	};
	rows = calloc(snapshot->rows_n + 1, sizeof(const struct watch_snapshot_row *));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->rows_n; i++)
		rows[i] = &snapshot->rows[i];
	qsort(rows, snapshot->rows_n, sizeof(const struct watch_snapshot_row *), compare_rows);
	if (!target)
		target = "TARGET";
	ret = advise_rows(out, &groups, snapshot, rows);
	if (!ret)
		ret = advise_groups(out, &groups, snapshot, snapshot->machine ? target : NULL);
	if (!ret && out->n)
		qsort(out->at, out->n, sizeof(*out->at), compare_advice);
	if (ret)
		watch_advices_free(out);
	free(groups.at);
	free(rows);
	return ret;
}

void watch_advices_free(struct watch_advices *advices)
{
	free(advices->at);
	*advices = (struct watch_advices){ 0 };
}
