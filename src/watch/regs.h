// SPDX-License-Identifier: MIT
/*
 * What stands at a PC's well-known ports and addresses: part and register, by one constant table.
 * Only what is where it is by custom; a PCI device's BARs are where its guest put them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/table.h"

struct watch_reg {
	uint8_t space; /* enum watch_space */
	uint64_t first, last; /* addresses, inclusive */
	const char *part;
	const char *names[2]; /* of the register: read, and written if it is another one then */
};

/* NULL if nothing is known there. */
const struct watch_reg *watch_reg_find(enum watch_space space, uint64_t addr);

/* The register's name in one direction. */
const char *watch_reg_side(const struct watch_reg *reg, bool write);
