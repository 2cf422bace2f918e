// SPDX-License-Identifier: MIT
/* "x" and "xp": what stands in the guest's memory. Chips are not asked: it could be told. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/prop.h"
#include "ctl/hmp_impl.h"

#define COUNT_MAX 65536
#define LINE      16u
#define PAGE      4096u

/* "/4xw": how many, of which kind, how many bytes each. */
struct format {
	unsigned count;
	char kind; /* x, d, u, o or c */
	unsigned size; /* 1, 2, 4 or 8 */
};

/* 0, or the letter that is wrong. */
static char parse_format(const char *said, struct format *format)
{
	char *at;
	unsigned long count = strtoul(said, &at, 10);

	format->count = at == said ? 1 : count > COUNT_MAX ? COUNT_MAX : (unsigned)count;
	for (; *at; at++) {
		switch (*at) {
		case 'o':
		case 'd':
		case 'u':
		case 'x':
		case 'c':
			format->kind = *at;
			if (*at == 'c')
				format->size = 1;
			break;
		case 'b':
			format->size = 1;
			break;
		case 'h':
			format->size = 2;
			break;
		case 'w':
			format->size = 4;
			break;
		case 'g':
		case 'L':
			format->size = 8;
			break;
		default:
			return *at;
		}
	}
	return 0;
}

/* As wide as the widest value, so that columns stand one below the other. */
static void tell_value(FILE *out, const struct format *format, uint64_t value)
{
	static const int octal[] = { [1] = 3, [2] = 6, [4] = 11, [8] = 22 };
	static const int decimal[] = { [1] = 3, [2] = 5, [4] = 10, [8] = 20 };
	unsigned shift = 64 - 8 * format->size;

	switch (format->kind) {
	case 'o':
		fprintf(out, "%#*" PRIo64, octal[format->size], value);
		break;
	case 'd':
		fprintf(out, "%*" PRId64, decimal[format->size],
			(int64_t)(value << shift) >> shift);
		break;
	case 'u':
		fprintf(out, "%*" PRIu64, decimal[format->size], value);
		break;
	case 'c':
		if (value >= ' ' && value < 0x7f && value != '\'' && value != '\\')
			fprintf(out, "'%c'", (char)value);
		else
			fprintf(out, "'\\x%02" PRIx64 "'", value);
		break;
	default:
		fprintf(out, "0x%0*" PRIx64, (int)format->size * 2, value);
		break;
	}
}

/* Bytes of RAM or ROM at one place; false if something else is there. */
static bool read_physical(const struct mem_view *view, uint64_t addr, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct mem_section *section = mem_view_find(view, addr + i);

		if (!section ||
		    (section->region->kind != MEM_RAM && section->region->kind != MEM_ROM))
			return false;
		out[i] = section->region->host[section->offset + addr + i - section->range.first];
	}
	return true;
}

/* Of a vCPU's linear addresses, page by page. */
static bool read_linear(struct hmp_call *call, const struct mem_view *view, uint64_t addr,
			uint8_t *out, size_t n)
{
	while (n) {
		size_t piece = PAGE - addr % PAGE < n ? PAGE - addr % PAGE : n;
		uint64_t physical;

		if (machine_translate(call->qmp->machine, *call->cpu, addr, &physical) ||
		    !read_physical(view, physical, out, piece))
			return false;
		addr += piece;
		out += piece;
		n -= piece;
	}
	return true;
}

static uint64_t little_endian(const uint8_t *bytes, unsigned n)
{
	uint64_t value = 0;

	for (unsigned i = n; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

static void dump(struct hmp_call *call, const struct format *format, uint64_t addr, bool linear)
{
	struct machine *machine = call->qmp->machine;
	struct mem_view *view;
	uint64_t left = (uint64_t)format->count * format->size;

	machine_drain(machine);
	view = mem_map_view(&machine->map, MEM_SPACE_MEMORY);
	for (; left; addr += LINE) {
		uint8_t bytes[LINE];
		size_t n = left < LINE ? left : LINE;

		if (linear ? !read_linear(call, view, addr, bytes, n)
			   : !read_physical(view, addr, bytes, n)) {
			fprintf(call->out, "%016" PRIx64 ": Cannot access memory\n", addr);
			break;
		}
		fprintf(call->out, "%016" PRIx64 ":", addr);
		for (size_t i = 0; i < n; i += format->size) {
			fputc(' ', call->out);
			tell_value(call->out, format, little_endian(bytes + i, format->size));
		}
		fputc('\n', call->out);
		left -= n;
	}
	mem_view_unref(view);
}

static void refuse(struct hmp_call *call, const char *name, const char *why)
{
	fprintf(call->out, "%s: %s\nTry \"help %s\" for more information\n", name, why, name);
}

static bool parse_address(const char *said, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(said, &end, 0);
	return isdigit((unsigned char)*said) && !errno && !*end;
}

static void look(struct hmp_call *call, const char *name, bool linear)
{
	struct format format = { .count = 1, .kind = 'x', .size = 4 };
	bool formatted = call->args[0][0] == '/';
	char wrong = formatted ? parse_format(call->args[0] + 1, &format) : 0;
	uint64_t addr;

	if (wrong)
		fprintf(call->out,
			"invalid char in format: '%c'\nTry \"help %s\" for more information\n",
			wrong, name);
	else if (call->n != 1 + (size_t)formatted)
		refuse(call, name, formatted ? "address expected" : "one address expected");
	else if (!parse_address(call->args[call->n - 1], &addr))
		refuse(call, name, "the address is not a number");
	else if (linear && !call->qmp->machine->accel->ops->translate)
		fputs("Error: No CPU available\n", call->out);
	else
		dump(call, &format, addr, linear);
}

void ctl_hmp_look_linear(struct hmp_call *call)
{
	look(call, "x", true);
}

void ctl_hmp_look_physical(struct hmp_call *call)
{
	look(call, "xp", false);
}
