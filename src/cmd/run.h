// SPDX-License-Identifier: MIT
/*
 * Running a machine as the command line asks: opens what it names, makes the PC, runs it to its
 * end, and takes everything down again. One thread, which becomes the loop's.
 */
#pragma once

#include <stdbool.h>

#include "cmd/options.h"

/*
 * rom: an image of GUEST_ROM_SIZE bytes to run instead of firmware, or NULL. The program's exit
 * status; messages have been printed.
 */
int cmd_run(const struct cmd_options *options, const uint8_t *rom);

/*
 * Finds a firmware or data file: as it stands if it names a path, then in the folders of -L, then
 * where Debian's packages put them. False if it is nowhere; then out holds the name as given.
 */
bool cmd_find_file(const struct cmd_options *options, const char *name, char *out, size_t size);
