// SPDX-License-Identifier: MIT
/*
 * Plays bytes as operations on a map of up to NODES regions, and after every commit compares the
 * view with a naive answer to "what is at this one address", the waiting ranges with bytes painted
 * one by one, the difference with the two views it lies between, and what listeners were told
 * with what is there.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/mem/mirror.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES        10
#define ROOT         NODES /* as a parent */
#define LOOSE        (-1)
#define ALIASES_MAX  4
#define PORTS        4
#define BELLS        2
#define IO_SIZE      64
#define WINDOW       128
#define OPS_MAX      48
#define SECTIONS_MAX 200

/* What the naive side knows; kept apart from the region's own tree. */
struct node {
	struct mem_region region;
	bool used;
	int parent, target;
	uint64_t offset, last, target_offset;
	int priority;
	unsigned added; /* when */
	bool enabled, readonly;
	struct mem_port ports[PORTS];
	unsigned ports_n;
	struct mem_doorbell bells[BELLS];
	unsigned bells_n;
};

struct play {
	const uint8_t *data;
	size_t size;
	struct mem_map map;
	enum mem_space space;
	uint64_t base; /* of the window in which most happens */
	struct node nodes[NODES];
	unsigned adds, aliases;
	struct mirror mirror;
	struct mem_hold hold;
	uint8_t *host;
};

static unsigned take(struct play *play, unsigned below)
{
	if (!play->size)
		return 0;
	play->size--;
	return *play->data++ % below;
}

static uint64_t port_read(void *chip, uint64_t offset, unsigned width)
{
	return offset * 0x0123456789abcdef + width;
}

static void port_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	CHECK(width == 8 || value >> (8 * width) == 0);
}

/* --- the naive side --- */

struct cell {
	const struct node *node; /* NULL: nothing */
	uint64_t offset;
	bool readonly;
};

static struct cell look(const struct play *play, int index, uint64_t offset, bool readonly);

static struct cell look_inside(const struct play *play, int parent, uint64_t offset, bool readonly)
{
	struct cell best = { 0 };
	const struct node *winner = NULL;

	for (int i = 0; i < NODES; i++) {
		const struct node *node = &play->nodes[i];
		struct cell cell;

		if (!node->used || node->parent != parent || offset < node->offset)
			continue;
		cell = look(play, i, offset - node->offset, readonly);
		if (cell.node &&
		    (!winner || node->priority > winner->priority ||
		     (node->priority == winner->priority && node->added > winner->added))) {
			winner = node;
			best = cell;
		}
	}
	return best;
}

static struct cell look(const struct play *play, int index, uint64_t offset, bool readonly)
{
	const struct node *node = &play->nodes[index];
	struct cell cell = { 0 };

	if (!node->enabled || offset > node->last)
		return cell;
	if (node->region.kind == MEM_CONTAINER)
		return look_inside(play, index, offset, readonly);
	if (node->region.kind == MEM_ALIAS) {
		if (offset + node->target_offset < offset)
			return cell;
		return look(play, node->target, offset + node->target_offset,
			    readonly || node->readonly);
	}
	cell.node = node;
	cell.offset = offset;
	cell.readonly = node->region.kind == MEM_ROM || (node->region.kind == MEM_RAM && readonly);
	return cell;
}

static struct cell look_at(const struct play *play, uint64_t addr)
{
	if (play->space == MEM_SPACE_PORT && addr > 0xffff)
		return (struct cell){ 0 };
	return look_inside(play, ROOT, addr, false);
}

static bool shows(const struct cell *cell, const struct mem_section *section, uint64_t addr)
{
	if (!section || !cell->node)
		return !section && !cell->node;
	return section->region == &cell->node->region && section->readonly == cell->readonly &&
	       section->offset + (addr - section->range.first) == cell->offset;
}

/* For each byte of a table: the range it waits in, first and last, or -1, and the limit. */
struct waits {
	int first[IO_SIZE], last[IO_SIZE];
	uint64_t limit[IO_SIZE];
};

static bool is_spoiled(const struct node *node, unsigned byte)
{
	for (unsigned i = 0; i < node->ports_n; i++) {
		const struct mem_port *port = &node->ports[i];

		if (port->write && !port->wait && byte >= port->at && byte < port->at + port->len)
			return true;
	}
	for (unsigned i = 0; i < node->bells_n; i++) {
		if (node->bells[i].at == byte)
			return true;
	}
	return false;
}

static bool entry_waits(const struct node *node, const struct mem_port *port)
{
	for (unsigned byte = port->at; byte < port->at + port->len; byte++) {
		if (is_spoiled(node, byte))
			return false;
	}
	return port->wait;
}

static void paint_waits(const struct node *node, struct waits *out)
{
	memset(out, 0xff, sizeof(*out)); /* -1, and the limit to for ever */
	/* As often as there are entries: then even a chain of them has become one range. */
	for (unsigned round = 0; round < node->ports_n; round++) {
		for (unsigned i = 0; i < node->ports_n; i++) {
			const struct mem_port *port = &node->ports[i];
			int first = (int)port->at, last = (int)(port->at + port->len - 1);

			if (!entry_waits(node, port))
				continue;
			for (int byte = (int)port->at; byte < (int)(port->at + port->len); byte++) {
				if (out->first[byte] >= 0 && out->first[byte] < first)
					first = out->first[byte];
				if (out->last[byte] > last)
					last = out->last[byte];
			}
			for (int byte = first; byte <= last; byte++) {
				out->first[byte] = first;
				out->last[byte] = last;
			}
		}
	}
	for (int byte = 0; byte < IO_SIZE; byte++) {
		for (unsigned i = 0; out->first[byte] >= 0 && i < node->ports_n; i++) {
			const struct mem_port *port = &node->ports[i];

			if (port->wait && (int)port->at <= out->last[byte] &&
			    (int)(port->at + port->len) > out->first[byte] &&
			    port->wait < out->limit[byte])
				out->limit[byte] = port->wait;
		}
	}
}

/* --- the comparison --- */

static void check_sections(const struct play *play, const struct mem_view *view)
{
	CHECK(view->sections_n <= SECTIONS_MAX);
	for (size_t i = 0; i < view->sections_n; i++) {
		const struct mem_section *section = &view->sections[i];
		const uint64_t at[] = { section->range.first, section->range.last,
					section->range.first - 1, section->range.last + 1 };

		CHECK(section->range.first <= section->range.last);
		for (size_t j = 0; j < sizeof(at) / sizeof(at[0]); j++) {
			struct cell cell = look_at(play, at[j]);

			CHECK(shows(&cell, mem_view_find(view, at[j]), at[j]));
		}
		CHECK(!i || section[-1].range.last < section->range.first);
	}
	for (uint64_t i = 0; i < WINDOW; i++) {
		struct cell cell = look_at(play, play->base + i);

		CHECK(shows(&cell, mem_view_find(view, play->base + i), play->base + i));
	}
}

/* Chips are small, so each byte that shows one can be asked what begins there. */
static void check_waits_and_bells(const struct play *play, const struct mem_view *view)
{
	size_t waits_n = 0, bells_n = 0;

	for (size_t i = 0; i < view->sections_n; i++) {
		const struct mem_section *section = &view->sections[i];
		struct waits waits;

		if (section->region->kind != MEM_IO)
			continue;
		for (uint64_t byte = 0; byte <= section->range.last - section->range.first;
		     byte++) {
			uint64_t addr = section->range.first + byte;
			struct cell cell = look_at(play, addr);
			unsigned size;

			CHECK(cell.node);
			paint_waits(cell.node, &waits);
			size = (unsigned)(waits.last[cell.offset] - waits.first[cell.offset]) + 1;
			if (waits.first[cell.offset] == (int)cell.offset &&
			    size - 1 <= section->range.last - addr) {
				const struct mem_wait_range *wait = &view->waits[waits_n++];

				CHECK(waits_n <= view->waits_n);
				CHECK(range_equal(wait->range, range_make(addr, size)));
				CHECK(wait->wait == waits.limit[cell.offset]);
				CHECK(wait->region == &cell.node->region && wait->why);
				CHECK(wait->offset == cell.offset);
			}
			for (unsigned j = 0; j < cell.node->bells_n; j++)
				bells_n += cell.node->bells[j].at == cell.offset;
		}
	}
	CHECK(waits_n == view->waits_n);
	CHECK(bells_n == view->bells_n);
	for (size_t i = 0; i < view->bells_n; i++) {
		const struct mem_bell_range *bell = &view->bells[i];
		struct cell cell = look_at(play, bell->addr);
		bool found = false;

		CHECK(!i || bell[-1].addr <= bell->addr);
		for (unsigned j = 0; cell.node && j < cell.node->bells_n; j++)
			found |= cell.node->bells[j].fd == bell->bell.fd;
		CHECK(found);
	}
}

/* A window painted with sections, from which a difference is taken and to which it is given. */
struct canvas {
	const struct play *play;
	const struct mem_region *region[WINDOW];
	uint64_t offset[WINDOW];
	bool readonly[WINDOW];
};

static void paint(struct canvas *canvas, const struct mem_section *section, bool come)
{
	for (uint64_t i = 0; i < WINDOW; i++) {
		uint64_t addr = canvas->play->base + i;
		uint64_t offset = section->offset + (addr - section->range.first);

		if (!range_has(section->range, addr))
			continue;
		if (come) {
			CHECK(!canvas->region[i]);
			canvas->region[i] = section->region;
			canvas->offset[i] = offset;
			canvas->readonly[i] = section->readonly;
			continue;
		}
		CHECK(canvas->region[i] == section->region && canvas->offset[i] == offset);
		CHECK(canvas->readonly[i] == section->readonly);
		canvas->region[i] = NULL;
		canvas->offset[i] = 0;
		canvas->readonly[i] = false;
	}
}

static void paint_gone(void *arg, const struct mem_section *section)
{
	paint(arg, section, false);
}

static void paint_come(void *arg, const struct mem_section *section)
{
	paint(arg, section, true);
}

static void check_diff(const struct play *play, const struct mem_view *old,
		       const struct mem_view *new)
{
	static const struct mem_view_diff_ops ops = { .section_gone = paint_gone,
						      .section_come = paint_come };
	struct canvas *canvas = calloc(2, sizeof(*canvas));

	CHECK(canvas);
	canvas[0].play = canvas[1].play = play;
	mem_view_diff(NULL, old, &ops, &canvas[0]);
	mem_view_diff(old, new, &ops, &canvas[0]);
	mem_view_diff(NULL, new, &ops, &canvas[1]);
	CHECK(!memcmp(canvas[0].region, canvas[1].region, sizeof(canvas[0].region)));
	CHECK(!memcmp(canvas[0].offset, canvas[1].offset, sizeof(canvas[0].offset)));
	CHECK(!memcmp(canvas[0].readonly, canvas[1].readonly, sizeof(canvas[0].readonly)));
	free(canvas);
}

static void check_accesses(struct play *play, const struct mem_view *view)
{
	for (unsigned i = take(play, 8); i > 0; i--) {
		uint64_t addr = play->base + take(play, WINDOW);
		unsigned width = 1u << take(play, 4);
		const struct mem_section *section = mem_view_find(view, addr);
		uint64_t value = mem_view_read(view, addr, width), len = 1 + take(play, 64);
		uint8_t bytes[64];

		CHECK(width == 8 || value >> (8 * width) == 0);
		/* A chip gets the whole width; everything else is the sum of its bytes. */
		for (unsigned j = 0; (!section || section->region->host) && j < width; j++) {
			uint64_t at = addr + j;
			uint64_t byte = at < addr ? 0xff : mem_view_read(view, at, 1);

			CHECK((value >> (8 * j) & 0xff) == byte);
		}
		mem_view_write(view, addr, UINT64_MAX / 3 * addr, width);
		(void)mem_view_read_bytes(view, addr, bytes, len);
		(void)mem_view_write_bytes(view, addr, bytes, len);
		if (mem_view_map(view, addr, &len, take(play, 2))) {
			CHECK(len && len <= 64);
			CHECK(section && section->region->host);
			for (uint64_t j = 0; j < len; j++) {
				uint64_t one = 1;
				uint8_t *host = mem_view_map(view, addr + j, &one, false);

				CHECK(host && one == 1);
			}
		}
	}
}

static void commit(struct play *play)
{
	struct mem_view *old = mem_map_view(&play->map, play->space), *new;
	unsigned generation = atomic_load(&play->map.generation);
	struct mirror *late;

	mirror_expect_change(&play->mirror);
	CHECK(mem_map_commit(&play->map) == 0);
	new = mem_map_view(&play->map, play->space);
	check_sections(play, new);
	check_waits_and_bells(play, new);
	check_diff(play, old, new);
	mirror_check(&play->mirror, play->space, new);
	CHECK((generation != atomic_load(&play->map.generation)) == (play->mirror.calls != 0));
	CHECK(play->mirror.drains == (play->mirror.calls && old->waits_n));
	CHECK(mem_hold_view(&play->hold, play->space) == new);
	check_accesses(play, new);
	mem_view_unref(new);
	mem_view_unref(old);

	if (take(play, 4) == 0) {
		late = malloc(sizeof(*late));
		CHECK(late);
		mirror_init(late, take(play, 2) ? MEM_ORDER_SLOTS : MEM_ORDER_OBSERVERS);
		mem_map_listen(&play->map, &late->listener);
		mirror_check(late, play->space, mem_hold_view(&play->hold, play->space));
		mirror_expect_change(late);
		mem_map_unlisten(&play->map, &late->listener);
		CHECK(mirror_is_empty(late));
		free(late);
	}
}

/* --- the operations --- */

static uint64_t take_size(struct play *play)
{
	switch (take(play, 8)) {
	case 0:
		return UINT64_MAX;
	case 1:
		return UINT64_MAX - take(play, 64);
	default:
		return take(play, 64);
	}
}

static void make_io(struct play *play, struct node *node)
{
	node->last = take(play, IO_SIZE);
	node->ports_n = take(play, PORTS + 1);
	for (unsigned i = 0; i < node->ports_n; i++) {
		struct mem_port *port = &node->ports[i];
		unsigned waits = take(play, 4), room, widths;

		port->at = take(play, (unsigned)node->last + 1);
		room = (unsigned)node->last + 1 - port->at;
		port->len = 1 + take(play, room < 12 ? room : 12);
		widths = take(play, 16);
		for (unsigned width = 8; width > port->len; width /= 2)
			widths &= ~width;
		port->widths = widths;
		port->merge = take(play, 2);
		port->read = take(play, 4) ? port_read : NULL;
		port->write = waits || take(play, 3) == 0 ? port_write : NULL;
		port->wait = waits == 1 ? MEM_LATCH : waits ? MEM_DEADLINE(waits) : 0;
		port->why = waits ? "it is played" : NULL;
	}
	mem_region_init_io(&node->region, "io", node->last, node->ports, node->ports_n, NULL, NULL);
	node->bells_n = take(play, 4) ? 0 : take(play, BELLS + 1);
	for (unsigned i = 0; i < node->bells_n; i++) {
		node->bells[i].at = take(play, IO_SIZE);
		node->bells[i].width = take(play, 5);
		node->bells[i].match = take(play, 2);
		node->bells[i].value = take(play, 4);
		node->bells[i].fd = (int)(node - play->nodes) * BELLS + (int)i;
	}
	node->region.doorbells = node->bells;
	node->region.doorbells_n = node->bells_n;
}

static void make_node(struct play *play, int index)
{
	struct node *node = &play->nodes[index];
	unsigned kind = take(play, 6);

	*node = (struct node){ .parent = LOOSE, .enabled = true };
	if (kind == 5 && (play->aliases == ALIASES_MAX || !play->nodes[take(play, NODES)].used))
		kind = 0;
	switch (kind) {
	case 0:
		node->last = take(play, 64);
		mem_region_init_ram(&node->region, "ram", play->host, node->last);
		break;
	case 1:
		node->last = take(play, 64);
		mem_region_init_rom(&node->region, "rom", play->host, node->last);
		break;
	case 2:
	case 3:
		make_io(play, node);
		break;
	case 4:
		node->last = take_size(play);
		mem_region_init_container(&node->region, "box", node->last);
		break;
	default:
		for (node->target = (int)take(play, NODES); !play->nodes[node->target].used;)
			node->target = (node->target + 1) % NODES;
		node->target_offset = take(play, 8) ? take(play, 64) : UINT64_MAX - take(play, 64);
		node->last = take_size(play);
		node->readonly = take(play, 2);
		mem_region_init_alias(&node->region, "alias", &play->nodes[node->target].region,
				      node->target_offset, node->last);
		node->region.readonly = node->readonly;
		play->aliases++;
	}
	node->used = true;
}

/* Down from here, through children and aliases, one comes to goal. */
static bool leads_to(const struct play *play, int from, int goal)
{
	const struct node *node = &play->nodes[from];

	if (from == goal)
		return true;
	if (node->region.kind == MEM_ALIAS)
		return leads_to(play, node->target, goal);
	for (int i = 0; i < NODES; i++) {
		if (play->nodes[i].used && play->nodes[i].parent == from && leads_to(play, i, goal))
			return true;
	}
	return false;
}

static uint64_t take_offset(struct play *play, int parent)
{
	uint64_t offset = take(play, 160);

	return parent == ROOT ? play->base + offset - 16 : offset;
}

static void place(struct play *play, int index)
{
	struct node *node = &play->nodes[index];
	int parent = (int)take(play, 2 * NODES);

	if (parent >= NODES || !play->nodes[parent].used ||
	    play->nodes[parent].region.kind != MEM_CONTAINER || leads_to(play, index, parent))
		parent = ROOT;
	node->parent = parent;
	node->offset = take_offset(play, parent);
	node->priority = (int)take(play, 3) - 1;
	node->added = ++play->adds;
	mem_region_add(parent == ROOT ? &play->map.root[play->space] : &play->nodes[parent].region,
		       &node->region, node->offset, node->priority);
}

static void operate(struct play *play)
{
	int index = (int)take(play, NODES);
	struct node *node = &play->nodes[index];

	if (!node->used) {
		make_node(play, index);
		place(play, index);
		return;
	}
	if (node->parent == LOOSE) {
		place(play, index);
		return;
	}
	switch (take(play, 4)) {
	case 0:
		mem_region_remove(&node->region);
		node->parent = LOOSE;
		break;
	case 1:
		node->enabled = !node->enabled;
		mem_region_set_enabled(&node->region, node->enabled);
		break;
	default:
		node->offset = take_offset(play, node->parent);
		mem_region_set_offset(&node->region, node->offset);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		enum mem_space space;
		uint64_t base;
	} places[] = {
		{ MEM_SPACE_MEMORY, 0 },
		{ MEM_SPACE_MEMORY, UINT64_MAX - (WINDOW - 1) },
		{ MEM_SPACE_PORT, 0x10000 - WINDOW },
		{ MEM_SPACE_PORT, 0 },
	};
	struct play *play = calloc(1, sizeof(*play));
	unsigned where;

	CHECK(play);
	play->data = data;
	play->size = size;
	where = take(play, sizeof(places) / sizeof(places[0]));
	play->space = places[where].space;
	play->base = places[where].base;
	play->host = aligned_alloc(4096, 4096);
	CHECK(play->host);
	memset(play->host, 0x5a, 4096);
	CHECK(mem_map_init(&play->map) == 0);
	mem_hold_init(&play->hold, &play->map);
	mirror_init(&play->mirror, MEM_ORDER_ZONES);
	mem_map_listen(&play->map, &play->mirror.listener);

	for (unsigned op = 0; op < OPS_MAX && play->size; op++) {
		mem_map_begin(&play->map);
		for (unsigned i = take(play, 3); i < 3; i++)
			operate(play);
		commit(play);
	}
	mirror_expect_change(&play->mirror);
	mem_map_unlisten(&play->map, &play->mirror.listener);
	CHECK(mirror_is_empty(&play->mirror));
	mem_hold_drop(&play->hold);
	mem_map_destroy(&play->map);
	free(play->host);
	free(play);
	return 0;
}
