// SPDX-License-Identifier: MIT
#include "mem/loan.h"

#include "mem/view.h"

#define LENDING_NS (INT64_C(1000000000) / MEM_LENDINGS_PER_SECOND)
#define SECOND_NS  INT64_C(1000000000)

const struct mem_region mem_nowhere = { .name = "nobody", .kind = MEM_IO };
const char mem_nowhere_why[] = "nobody is there: the write goes nowhere";

/* Each change uses up its part of time to come, of which there is never more than a second ahead. */
bool mem_budget_take(struct mem_budget *budget, int64_t now)
{
	if (budget->spent_until < now)
		budget->spent_until = now;
	if (budget->spent_until - now > SECOND_NS - LENDING_NS)
		return false;
	budget->spent_until += LENDING_NS;
	return true;
}

bool mem_loans_show(const struct mem_loans *loans, const struct mem_wait_range *wait)
{
	if (!loans)
		return !wait->when;
	if (!mem_wait_is_lent(wait))
		return true;
	for (unsigned i = 0; i < loans->n; i++) {
		const struct mem_loan *loan = &loans->at[i];

		if (loan->region == wait->region && range_equal(loan->range, wait->range))
			return !wait->when || wait->when->sampled;
	}
	return false;
}

/* Writes of some width may reach past what the doorbell says: the widest counts. */
static bool doorbell_near(const struct mem_doorbell *bell, struct range part)
{
	return range_overlaps(range_make(bell->at, bell->width ? bell->width : 8), part);
}

bool mem_region_rings(const struct mem_region *region, struct range part)
{
	for (size_t i = 0; i < region->doorbells_n; i++) {
		if (doorbell_near(&region->doorbells[i], part))
			return true;
	}
	return false;
}

static bool region_ignores(const struct mem_region *region, struct range part)
{
	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *port = &region->ports[i];

		if (port->write && range_overlaps(range_make(port->at, port->len), part))
			return false;
	}
	return !mem_region_rings(region, part);
}

bool mem_view_goes_nowhere(const struct mem_view *view, struct range range)
{
	const struct mem_section *section = mem_view_find(view, range.first);
	struct range part;

	if (!section) {
		for (size_t i = 0; i < view->sections_n; i++) {
			if (range_overlaps(view->sections[i].range, range))
				return false;
		}
		return true;
	}
	if (!range_covers(section->range, range))
		return false;
	if (section->region->kind != MEM_IO)
		return false;
	part = range_make(section->offset + (range.first - section->range.first),
			  range.last - range.first + 1);
	return region_ignores(section->region, part);
}
