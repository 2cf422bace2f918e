// SPDX-License-Identifier: MIT
#include "draw.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mirror.h"

#define WORDS 8

static const struct {
	char letter;
	uint64_t wait;
} limits[] = {
	{ 'L', MEM_LATCH },
	{ 'D', MEM_DEADLINE(20000000) },
	{ 'S', MEM_DEADLINE(1000000) },
	{ 'N', 0 },
};

static uint64_t read_zero(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static void write_nowhere(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
}

static struct draw_region *region_named(struct drawing *drawing, char name)
{
	for (size_t i = 0; i < drawing->regions_n; i++) {
		if (drawing->regions[i].name[0] == name)
			return &drawing->regions[i];
	}
	fprintf(stderr, "drawing: no region '%c'\n", name);
	abort();
}

/* The drawn run: where it begins and how long it is. */
static unsigned run_of(const char *cells, unsigned *column)
{
	unsigned end = (unsigned)strlen(cells);

	*column = (unsigned)strspn(cells, " ");
	while (end > *column && cells[end - 1] == ' ')
		end--;
	CHECK(end > *column);
	return end - *column;
}

static void draw_region(struct drawing *drawing, char *const *words, unsigned words_n,
			const char *cells)
{
	struct draw_region *drawn = &drawing->regions[drawing->regions_n++];
	struct mem_region *region = &drawn->region, *parent = &drawing->root;
	uint64_t last = run_of(cells, &drawn->column) - 1;
	uint64_t offset = drawing->base + drawn->column;
	bool loose = false, readonly = false;
	unsigned word = 2;
	int priority = 0;

	CHECK(drawing->regions_n <= DRAW_REGIONS && words_n >= 2);
	drawn->name[0] = words[1][0];
	for (unsigned i = 2; i < words_n; i++) {
		if (!strcmp(words[i], "all"))
			last = UINT64_MAX;
	}
	if (!strcmp(words[0], "ram")) {
		mem_region_init_ram(region, drawn->name, drawing->host, last);
	} else if (!strcmp(words[0], "rom")) {
		mem_region_init_rom(region, drawn->name, drawing->host, last);
	} else if (!strcmp(words[0], "io")) {
		mem_region_init_io(region, drawn->name, last, drawn->ports, 0, NULL, NULL);
	} else if (!strcmp(words[0], "box")) {
		mem_region_init_container(region, drawn->name, last);
	} else {
		CHECK(!strcmp(words[0], "seen") && words_n > 2);
		mem_region_init_alias(region, drawn->name,
				      &region_named(drawing, words[2][0])->region,
				      words[2][1] ? strtoull(words[2] + 1, NULL, 0) : 0, last);
		word++;
	}
	for (; word < words_n; word++) {
		if (!strcmp(words[word], "off")) {
			mem_region_set_enabled(region, false);
		} else if (!strcmp(words[word], "ro")) {
			readonly = true;
		} else if (!strcmp(words[word], "loose")) {
			loose = true;
		} else if (!strcmp(words[word], "in") && word + 1 < words_n) {
			struct draw_region *box = region_named(drawing, words[++word][0]);

			parent = &box->region;
			offset = drawn->column - box->column;
		} else if (strcmp(words[word], "all") != 0) {
			priority = (int)strtol(words[word], NULL, 10);
		}
	}
	region->readonly = readonly;
	if (!loose)
		mem_region_add(parent, region, offset, priority);
}

static void draw_port(struct drawing *drawing, char *const *words, unsigned words_n,
		      const char *cells)
{
	struct draw_region *drawn = region_named(drawing, words[1][0]);
	struct mem_port *port = &drawn->ports[drawn->ports_n++];
	unsigned column;

	CHECK(words_n == 3 && words[1] && words[2] && words[2][0] == 'w' &&
	      drawn->ports_n <= DRAW_PORTS);
	port->len = run_of(cells, &column);
	port->at = column - drawn->column;
	for (const char *width = words[2] + 1; *width; width++)
		port->widths |= (unsigned)(*width - '0');
	port->read = read_zero;
	if (cells[column] != 'R')
		port->write = write_nowhere;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (limits[i].letter == cells[column])
			port->wait = limits[i].wait;
	}
	port->why = "it is drawn so";
	drawn->region.ports_n = drawn->ports_n;
}

static void draw_bell(struct drawing *drawing, const char *name, const char *cells)
{
	struct draw_region *drawn = region_named(drawing, name[0]);
	unsigned column;

	CHECK(run_of(cells, &column) == 1);
	drawn->bell.at = column - drawn->column;
	drawn->region.doorbells = &drawn->bell;
	drawn->region.doorbells_n = 1;
}

static void draw_object(struct drawing *drawing, char *const *words, unsigned words_n,
			const char *cells)
{
	if (!strcmp(words[0], "port"))
		draw_port(drawing, words, words_n, cells);
	else if (!strcmp(words[0], "bell"))
		draw_bell(drawing, words[1], cells);
	else
		draw_region(drawing, words, words_n, cells);
}

static void keep(char *to, const char *cells)
{
	snprintf(to, DRAW_COLUMNS + 1, "%s", cells);
}

static void draw_line(struct drawing *drawing, char *line)
{
	char *bar = strchr(line, '|'), *end = bar ? strchr(bar + 1, '|') : NULL, *save;
	char *words[WORDS] = { NULL };
	unsigned words_n = 0;

	CHECK(end && end - bar - 1 <= DRAW_COLUMNS);
	*bar++ = *end = '\0';
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		CHECK(words_n < WORDS);
		words[words_n++] = word;
	}
	drawing->columns = (unsigned)(end - bar);
	CHECK(words_n);
	if (words_n > 1)
		draw_object(drawing, words, words_n, bar);
	else if (!strcmp(words[0], "view"))
		keep(drawing->view, bar);
	else if (!strcmp(words[0], "at"))
		keep(drawing->at, bar);
	else {
		CHECK(!strcmp(words[0], "waits")); /* there is no other word */
		keep(drawing->waits, bar);
	}
}

void draw_make(struct drawing *drawing, const char *text, uint64_t base)
{
	char *copy = strdup(text), *save;

	if (base == DRAW_AT_END)
		base -= strcspn(strchr(text, '|') + 1, "|") - 1;
	*drawing = (struct drawing){ .base = base };
	drawing->host = aligned_alloc(4096, 4096);
	CHECK(copy && drawing->host);
	mem_region_init_container(&drawing->root, "root", UINT64_MAX);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		draw_line(drawing, line);
	free(copy);
}

void draw_destroy(struct drawing *drawing)
{
	free(drawing->host);
}

void draw_view(const struct drawing *drawing, const struct mem_view *view, char *seen, char *at,
	       char *waits)
{
	for (size_t i = 0; i < view->sections_n; i++) {
		CHECK(view->sections[i].range.first <= view->sections[i].range.last);
		CHECK(!i || view->sections[i - 1].range.last < view->sections[i].range.first);
	}
	for (unsigned i = 0; i < drawing->columns; i++) {
		uint64_t addr = drawing->base + i;
		const struct mem_section *section = mem_view_find(view, addr);

		seen[i] = at[i] = waits[i] = '.';
		if (section) {
			uint64_t offset = section->offset + (addr - section->range.first);
			unsigned char name = (unsigned char)section->region->name[0];

			seen[i] = (char)(section->readonly ? toupper(name) : name);
			at[i] = (char)('0' + offset % 10);
		}
		for (size_t j = 0; j < view->waits_n; j++) {
			const struct mem_wait_range *wait = &view->waits[j];

			if (!range_has(wait->range, addr))
				continue;
			waits[i] = '-';
			for (size_t k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {
				if (wait->range.first == addr && limits[k].wait == wait->wait)
					waits[i] = limits[k].letter;
			}
		}
	}
	seen[drawing->columns] = at[drawing->columns] = waits[drawing->columns] = '\0';
}
