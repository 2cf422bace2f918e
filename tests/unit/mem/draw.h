// SPDX-License-Identifier: MIT
/*
 * Drawings of overlapping regions as fixtures: one column is one byte, one line is one region, the
 * last lines are what must come out. A line is a keyword, words, and cells between two bars.
 *
 *	ram  a           |aaaaaaaaaaaa|     region a, priority 0: in the tree from column 0 to 11
 *	io   b 1         |  bbbb      |     region b, priority 1
 *	port b w1 L      |  L         |     its register at offset 0, one byte, write may wait for ever
 *	view             |aabbbbaaaaaa|     who is seen; '.' is nobody
 *	at               |010123678901|     at which offset, last digit
 *	waits            |..L.........|     waiting ranges: limit at the first byte, '-' at the others
 *
 * Kinds: ram, rom, io, box (a container), seen (an alias: "seen b a+2" shows a from offset 2).
 * Words after the name: a number is the priority; "in x" puts the region into the box x, drawn where
 * it would be if x were; "off" disables; "ro" makes an alias read-only; "loose" keeps it out of the
 * tree; "all" makes it as large as the space whatever the cells say.
 * Ports: "w1", "w24" and so on are the widths; cells tell what the write does: L waits for ever, D
 * 20 ms, S 1 ms, N is delivered at once, R is not writable. "bell b" puts a doorbell where its cell is.
 * Lower case is writable in the view, capitals are read-only.
 */
#pragma once

#include <stdint.h>

#include "mem/view.h"

#define DRAW_REGIONS 12
#define DRAW_PORTS   8
#define DRAW_COLUMNS 64

struct draw_region {
	char name[2];
	struct mem_region region;
	unsigned column; /* where it begins */
	struct mem_port ports[DRAW_PORTS];
	size_t ports_n;
	struct mem_doorbell bell;
};

struct drawing {
	struct mem_region root;
	struct draw_region regions[DRAW_REGIONS];
	size_t regions_n;
	uint64_t base; /* the address of column 0 */
	unsigned columns;
	char view[DRAW_COLUMNS + 1], at[DRAW_COLUMNS + 1], waits[DRAW_COLUMNS + 1];
	uint8_t *host;
};

/* As a base: the last column is the last byte of 64 bits. */
#define DRAW_AT_END UINT64_MAX

/* Builds what is drawn, column 0 at base, in a root of 64 bits. Aborts at a line it cannot read. */
void draw_make(struct drawing *drawing, const char *text, uint64_t base);
void draw_destroy(struct drawing *drawing);

/* Draws a view of it in the same way, into three strings of DRAW_COLUMNS + 1. */
void draw_view(const struct drawing *drawing, const struct mem_view *view, char *seen, char *at,
	       char *waits);
