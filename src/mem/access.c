// SPDX-License-Identifier: MIT
/* What an access does: splitting it over sections, and over the registers of a chip. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "mem/view.h"

/* The widest access that debuggers and devices make to chips. */
#define CHUNK_MAX 4u

static uint64_t ones(unsigned width)
{
	return UINT64_MAX >> (64 - 8 * width);
}

static unsigned port_widths(const struct mem_port *port)
{
	return port->widths ? port->widths : MEM_W1;
}

/* The register of that width that holds offset: true if the entry has it, *start where it begins. */
static bool port_register(const struct mem_port *port, uint64_t offset, unsigned width,
			  uint64_t *start)
{
	uint64_t into = offset - port->at;

	/* A width is its own bit in the set. */
	if (!(port_widths(port) & width) || offset < port->at || into >= port->len)
		return false;
	into &= ~(uint64_t)(width - 1);
	*start = port->at + into;
	return width <= port->len - into;
}

/* The entry that serves exactly this access. */
static const struct mem_port *find_exact(const struct mem_region *region, uint64_t offset,
					 unsigned width)
{
	uint64_t start;

	for (size_t i = 0; i < region->ports_n; i++) {
		if (port_register(&region->ports[i], offset, width, &start) && start == offset)
			return &region->ports[i];
	}
	return NULL;
}

/* The entry with a wider register around one byte. */
static const struct mem_port *find_wider(const struct mem_region *region, uint64_t offset,
					 uint64_t *start, unsigned *width)
{
	for (size_t i = 0; i < region->ports_n; i++) {
		for (*width = 2; *width <= 8; *width *= 2) {
			if (port_register(&region->ports[i], offset, *width, start))
				return &region->ports[i];
		}
	}
	return NULL;
}

static uint64_t port_read(const struct mem_region *region, const struct mem_port *port,
			  uint64_t offset, unsigned width)
{
	return port->read ? port->read(region->chip, offset, width) & ones(width) : ones(width);
}

static uint64_t io_read(const struct mem_region *region, uint64_t offset, unsigned width)
{
	const struct mem_port *port = find_exact(region, offset, width);
	unsigned half = width / 2, wide;
	uint64_t value, start;

	if (port)
		return port_read(region, port, offset, width);
	if (width > 1) {
		value = io_read(region, offset, half);
		if (half > region->last - offset)
			return value | (ones(width) & ~ones(half));
		return value | io_read(region, offset + half, half) << (8 * half);
	}
	port = find_wider(region, offset, &start, &wide);
	if (!port)
		return ones(1);
	return port_read(region, port, start, wide) >> (8 * (offset - start)) & ones(1);
}

static void io_write(const struct mem_region *region, uint64_t offset, uint64_t value,
		     unsigned width)
{
	const struct mem_port *port = find_exact(region, offset, width);
	unsigned half = width / 2, wide, shift;
	uint64_t start;

	if (port) {
		if (port->write)
			port->write(region->chip, offset, value & ones(width), width);
		return;
	}
	if (width > 1) {
		io_write(region, offset, value, half);
		if (half <= region->last - offset)
			io_write(region, offset + half, value >> (8 * half), half);
		return;
	}
	port = find_wider(region, offset, &start, &wide);
	if (!port || !port->merge || !port->write)
		return;
	shift = (unsigned)(8 * (offset - start));
	value = (port_read(region, port, start, wide) & ~(ones(1) << shift)) | (value & ones(1))
										       << shift;
	port->write(region->chip, start, value, wide);
}

/* How many of width bytes at addr the section takes: up to its end, for chips up to the region's. */
static unsigned access_taken(const struct mem_section *section, uint64_t addr, unsigned width)
{
	uint64_t more = section->range.last - addr; /* than one */

	if (section->region->kind == MEM_IO)
		more = section->region->last - section->offset - (addr - section->range.first);
	return more < width - 1 ? (unsigned)more + 1 : width;
}

static uint8_t *host_at(const struct mem_section *section, uint64_t addr)
{
	return section->region->host + section->offset + (addr - section->range.first);
}

/* Copies of constant size become single loads and stores: a guest sees no torn values. */
static void host_copy(void *to, const void *from, unsigned len)
{
	switch (len) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	case 8:
		memcpy(to, from, 8);
		break;
	default:
		memcpy(to, from, len);
	}
}

/* Around a handler: the lock of the region's chip, if it has one. */
static void enter(const struct mem_region *region)
{
	if (region->lock)
		lock_take(region->lock);
}

static void leave(const struct mem_region *region)
{
	if (region->lock)
		lock_drop(region->lock);
}

uint64_t mem_section_read(const struct mem_section *section, uint64_t addr, unsigned width)
{
	const struct mem_region *region = section->region;
	uint64_t value;

	assert(range_has(section->range, addr));
	if (region->kind != MEM_IO) {
		value = ones(width);
		host_copy(&value, host_at(section, addr), access_taken(section, addr, width));
		return value;
	}
	enter(region);
	value = io_read(region, section->offset + (addr - section->range.first), width);
	leave(region);
	return value;
}

void mem_section_write(const struct mem_section *section, uint64_t addr, uint64_t value,
		       unsigned width)
{
	const struct mem_region *region = section->region;

	assert(range_has(section->range, addr));
	if (region->kind != MEM_IO) {
		if (!section->readonly)
			host_copy(host_at(section, addr), &value,
				  access_taken(section, addr, width));
		return;
	}
	enter(region);
	io_write(region, section->offset + (addr - section->range.first), value, width);
	leave(region);
}

static void section_write_told(const struct mem_view *view, const struct mem_section *section,
			       uint64_t addr, uint64_t value, unsigned width)
{
	mem_section_write(section, addr, value, width);
	if (section->region->kind != MEM_IO && !section->readonly)
		mem_view_wrote(view, addr, access_taken(section, addr, width));
}

uint64_t mem_view_read(const struct mem_view *view, uint64_t addr, unsigned width)
{
	const struct mem_section *section = mem_view_find(view, addr);
	unsigned done = section ? access_taken(section, addr, width) : 1;
	uint64_t value = section ? mem_section_read(section, addr, width) : ones(width);

	assert(width == 1 || width == 2 || width == 4 || width == 8);
	for (; done < width && done <= UINT64_MAX - addr; done++) {
		unsigned shift = 8 * done;

		section = mem_view_find(view, addr + done);
		if (section)
			value = (value & ~(ones(1) << shift)) |
				mem_section_read(section, addr + done, 1) << shift;
	}
	return value;
}

void mem_view_write(const struct mem_view *view, uint64_t addr, uint64_t value, unsigned width)
{
	const struct mem_section *section = mem_view_find(view, addr);
	unsigned done = section ? access_taken(section, addr, width) : 1;

	assert(width == 1 || width == 2 || width == 4 || width == 8);
	if (section)
		section_write_told(view, section, addr, value, width);
	for (; done < width && done <= UINT64_MAX - addr; done++) {
		section = mem_view_find(view, addr + done);
		if (section)
			section_write_told(view, section, addr + done,
					   value >> (8 * done) & ones(1), 1);
	}
}

/* The register that takes strings of this width at addr, if it does, and the offset there. */
static const struct mem_port *string_port(const struct mem_section *section, uint64_t addr,
					  unsigned width, uint64_t *offset)
{
	if (!section || section->region->kind != MEM_IO)
		return NULL;
	*offset = section->offset + (addr - section->range.first);
	return find_exact(section->region, *offset, width);
}

void mem_view_read_string(const struct mem_view *view, uint64_t addr, unsigned width, void *data,
			  size_t n)
{
	const struct mem_section *section = mem_view_find(view, addr);
	uint64_t offset;
	const struct mem_port *port = string_port(section, addr, width, &offset);
	uint8_t *to = data;

	if (port && port->read_string) {
		enter(section->region);
		port->read_string(section->region->chip, offset, width, data, n);
		leave(section->region);
		return;
	}
	for (size_t i = 0; i < n; i++, to += width)
		le_put(to, mem_view_read(view, addr, width), width);
}

void mem_view_write_string(const struct mem_view *view, uint64_t addr, unsigned width,
			   const void *data, size_t n)
{
	const struct mem_section *section = mem_view_find(view, addr);
	uint64_t offset;
	const struct mem_port *port = string_port(section, addr, width, &offset);
	const uint8_t *from = data;

	if (port && port->write_string) {
		enter(section->region);
		port->write_string(section->region->chip, offset, width, data, n);
		leave(section->region);
		return;
	}
	for (size_t i = 0; i < n; i++, from += width)
		mem_view_write(view, addr, le_get(from, width), width);
}

/* The next piece of an access of any length: at most len bytes at addr in one section, or in none. */
struct piece {
	const struct mem_section *section;
	size_t len;
};

static struct piece next_piece(const struct mem_view *view, uint64_t addr, size_t len)
{
	const struct mem_section *section = mem_view_find(view, addr);
	unsigned chunk = CHUNK_MAX;

	if (!section)
		return (struct piece){ .len = 1 };
	if (len - 1 > section->range.last - addr)
		len = section->range.last - addr + 1;
	if (section->region->kind != MEM_IO)
		return (struct piece){ section, len };
	while (addr & (chunk - 1) || chunk > len)
		chunk /= 2;
	return (struct piece){ section, chunk };
}

bool mem_view_read_bytes(const struct mem_view *view, uint64_t addr, void *out, size_t len)
{
	uint8_t *to = out;
	bool whole = true;

	for (size_t done = 0; done < len;) {
		uint64_t at = addr + done;
		struct piece piece = { .len = len - done };

		if (at >= addr)
			piece = next_piece(view, at, len - done);
		if (!piece.section) {
			memset(to + done, 0xff, piece.len);
			whole = false;
		} else if (piece.section->region->kind != MEM_IO) {
			memcpy(to + done, host_at(piece.section, at), piece.len);
		} else {
			unsigned width = (unsigned)piece.len;

			le_put(to + done, mem_section_read(piece.section, at, width), width);
		}
		done += piece.len;
	}
	return whole;
}

bool mem_view_write_bytes(const struct mem_view *view, uint64_t addr, const void *in, size_t len)
{
	const uint8_t *from = in;
	bool whole = true;

	for (size_t done = 0; done < len;) {
		uint64_t at = addr + done;
		struct piece piece = { .len = len - done };

		if (at >= addr)
			piece = next_piece(view, at, len - done);
		if (!piece.section || piece.section->readonly) {
			whole = false;
		} else if (piece.section->region->kind != MEM_IO) {
			memcpy(host_at(piece.section, at), from + done, piece.len);
			mem_view_wrote(view, at, piece.len);
		} else {
			unsigned width = (unsigned)piece.len;

			mem_section_write(piece.section, at, le_get(from + done, width), width);
		}
		done += piece.len;
	}
	return whole;
}

static uint8_t *ram_at(const struct mem_section *section, uint64_t addr, bool write)
{
	if (section->region->kind == MEM_IO || (write && section->readonly))
		return NULL;
	return host_at(section, addr);
}

void *mem_view_map(const struct mem_view *view, uint64_t addr, uint64_t *len, bool write)
{
	const struct mem_section *section = mem_view_find(view, addr);
	const struct mem_section *end = view->sections + view->sections_n;
	uint8_t *host = section ? ram_at(section, addr, write) : NULL;
	uint64_t last;

	assert(*len);
	if (!host)
		return NULL;
	/* Sections may part what is one piece of host memory: shadowed firmware areas do. */
	for (last = section->range.last; last - addr < *len - 1; last = section->range.last) {
		if (++section == end || section->range.first != last + 1 ||
		    ram_at(section, last + 1, write) != host + (last - addr) + 1)
			break;
	}
	if (*len - 1 > last - addr)
		*len = last - addr + 1;
	return host;
}
