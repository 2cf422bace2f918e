// SPDX-License-Identifier: MIT
#include "mem/override.h"

#include <string.h>

#include "mem/view.h"

static const char forced_why[] = "the user forced it";

const struct mem_override *mem_override_in(const struct mem_overrides *overrides,
					   struct range range)
{
	for (unsigned i = 0; overrides && i < overrides->n; i++) {
		if (range_overlaps(overrides->at[i].range, range))
			return &overrides->at[i];
	}
	return NULL;
}

bool mem_override_bars(const struct mem_overrides *overrides, struct range range)
{
	for (unsigned i = 0; overrides && i < overrides->n; i++) {
		if (!overrides->at[i].wait && range_overlaps(overrides->at[i].range, range))
			return true;
	}
	return false;
}

bool mem_waiting_shows(const struct mem_waiting *waiting, struct mem_wait_range *wait)
{
	const struct mem_override *said;

	if (!waiting)
		return mem_loans_show(NULL, wait);
	said = mem_override_in(waiting->overrides, wait->range);
	if (said && mem_override_bars(waiting->overrides, wait->range))
		return false;
	if (said && !said->forced && range_equal(said->range, wait->range)) {
		if (said->wait < wait->wait)
			wait->wait = said->wait;
		/* One that is not known yet has not been sampled in this commit either. */
		return !wait->when || (wait->when == said->when && wait->when->sampled);
	}
	return !waiting->only_overrides && mem_loans_show(waiting->loans, wait);
}

bool mem_override_forces(const struct mem_override *override, const struct mem_view *view,
			 struct mem_wait_range *out)
{
	const struct mem_section *section = mem_view_find(view, override->range.first);
	uint64_t offset;

	if (!override->forced || !section || section->region != override->region ||
	    !range_covers(section->range, override->range) ||
	    strncmp(section->region->name, override->name, sizeof(override->name) - 1) != 0)
		return false;
	offset = section->offset + (override->range.first - section->range.first);
	if (offset != override->offset ||
	    mem_region_rings(section->region,
			     range_make(offset, override->range.last - override->range.first + 1)))
		return false;
	*out = (struct mem_wait_range){
		.range = override->range,
		.wait = override->wait,
		.region = section->region,
		.offset = offset,
		.why = forced_why,
	};
	return true;
}
