// SPDX-License-Identifier: MIT
#include "mem/wait.h"

#include <assert.h>

static struct range port_range(const struct mem_port *port)
{
	return range_make(port->at, port->len);
}

/* True if writes to the entry may be delayed without delaying anything that must not be. */
static bool wait_may_wait(const struct mem_region *region, const struct mem_port *port)
{
	struct range own = port_range(port);

	if (!port->wait)
		return false;
	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *other = &region->ports[i];

		if (other->write && !other->wait && range_overlaps(port_range(other), own))
			return false;
	}
	/* A write that rings contains the doorbell's first byte, whatever its width. */
	for (size_t i = 0; i < region->doorbells_n; i++) {
		if (range_has(own, region->doorbells[i].at))
			return false;
	}
	return true;
}

/* The waiting entry that begins first at from or later; the earlier in the table among equals. */
static const struct mem_port *first_from(const struct mem_region *region, uint64_t from)
{
	const struct mem_port *best = NULL;

	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *port = &region->ports[i];

		if (port->at >= from && (!best || port->at < best->at) &&
		    wait_may_wait(region, port))
			best = port;
	}
	return best;
}

bool mem_wait_next(const struct mem_region *region, uint64_t from, struct mem_wait *out)
{
	const struct mem_port *port = first_from(region, from);
	const struct mem_port *next;
	struct range all;

	if (!port)
		return false;
	all = port_range(port);
	*out = (struct mem_wait){ .first = all.first, .wait = port->wait, .why = port->why };

	/* What begins inside makes the range longer; nothing that waits begins before it and ends inside. */
	for (uint64_t at = all.first; (next = first_from(region, at)) && next->at <= all.last;) {
		for (size_t i = 0; i < region->ports_n; i++) {
			const struct mem_port *same = &region->ports[i];

			if (same->at == next->at && port_range(same).last > all.last &&
			    wait_may_wait(region, same))
				all.last = port_range(same).last;
		}
		at = (uint64_t)next->at + 1;
	}
	out->last = all.last;

	/* Entries that do not wait after all still say how long a write to their bytes may take. */
	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *other = &region->ports[i];

		if (!other->wait || !range_overlaps(port_range(other), all))
			continue;
		if (other->wait < out->wait)
			out->wait = other->wait;
		if (other->when) {
			assert(other->when <= region->conditions_n);
			assert(!out->when || out->when == &region->conditions[other->when - 1]);
			out->when = &region->conditions[other->when - 1];
		}
	}
	return true;
}
