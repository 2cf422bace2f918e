// SPDX-License-Identifier: MIT
#include "mem/region.h"

#include <assert.h>
#include <string.h>

static void init(struct mem_region *region, const char *name, enum mem_kind kind, uint64_t last)
{
	*region = (struct mem_region){ .name = name, .kind = kind, .last = last, .enabled = true };
}

void mem_region_init_container(struct mem_region *region, const char *name, uint64_t last)
{
	init(region, name, MEM_CONTAINER, last);
}

static void init_host(struct mem_region *region, const char *name, enum mem_kind kind,
		      uint8_t *host, uint64_t last)
{
	assert(host && ((uintptr_t)host & 0xfff) == 0);
	init(region, name, kind, last);
	region->host = host;
}

void mem_region_init_ram(struct mem_region *region, const char *name, uint8_t *host, uint64_t last)
{
	init_host(region, name, MEM_RAM, host, last);
}

void mem_region_init_rom(struct mem_region *region, const char *name, uint8_t *host, uint64_t last)
{
	init_host(region, name, MEM_ROM, host, last);
}

void mem_region_init_alias(struct mem_region *region, const char *name, struct mem_region *target,
			   uint64_t offset, uint64_t last)
{
	assert(target && target != region);
	init(region, name, MEM_ALIAS, last);
	region->target = target;
	region->target_offset = offset;
}

__attribute__((unused)) /* by NDEBUG */
static bool
port_is_sound(const struct mem_port *port, uint64_t last)
{
	unsigned widest = 1;

	if (!port->len || port->widths & ~(MEM_W1 | MEM_W2 | MEM_W4 | MEM_W8))
		return false;
	while (port->widths >= widest << 1)
		widest <<= 1;
	if (port->len < widest)
		return false;
	if (port->at > last || port->len - 1 > last - port->at)
		return false;
	if (port->when && !port->wait)
		return false;
	return !port->wait || (port->write && port->why);
}

void mem_region_init_io(struct mem_region *region, const char *name, uint64_t last,
			const struct mem_port *ports, size_t ports_n, void *chip, struct lock *lock)
{
	for (size_t i = 0; i < ports_n; i++)
		assert(port_is_sound(&ports[i], last));
	init(region, name, MEM_IO, last);
	region->ports = ports;
	region->ports_n = ports_n;
	region->chip = chip;
	region->lock = lock;
}

void mem_region_add(struct mem_region *parent, struct mem_region *child, uint64_t offset,
		    int priority)
{
	struct mem_region **at = &parent->children;

	assert(parent->kind == MEM_CONTAINER && parent != child && !child->parent);
	child->parent = parent;
	child->offset = offset;
	child->priority = priority;
	while (*at && (*at)->priority > priority)
		at = &(*at)->next;
	child->next = *at;
	*at = child;
}

void mem_region_remove(struct mem_region *child)
{
	struct mem_region **at;

	assert(child->parent);
	for (at = &child->parent->children; *at != child; at = &(*at)->next)
		assert(*at);
	*at = child->next;
	child->next = NULL;
	child->parent = NULL;
}

void mem_region_set_enabled(struct mem_region *region, bool enabled)
{
	region->enabled = enabled;
}

void mem_region_set_offset(struct mem_region *region, uint64_t offset)
{
	region->offset = offset;
}

const char *mem_region_register(const struct mem_region *region, uint64_t offset, unsigned width)
{
	const char *name = NULL;

	for (size_t i = 0; i < region->ports_n; i++) {
		const struct mem_port *port = &region->ports[i];
		unsigned widths = port->widths ? port->widths : MEM_W1;

		if (offset < port->at || offset - port->at >= port->len)
			continue;
		if (!width || widths & width)
			return port->name;
		/* Of a width that nobody has, it is split or merged, and begins here. */
		if (!name)
			name = port->name;
	}
	return name;
}
