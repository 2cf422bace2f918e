// SPDX-License-Identifier: MIT
/* "ide-hd" and "ide-cd": a drive on a channel of the place's ide, with the block that a -drive names. */
#pragma once

#include "dev/device.h"
#include "dev/drive.h"
#include "dev/ide/ide.h"

struct ide_unit {
	struct device device;
	int channel; /* -1: the first that has room */
	int32_t unit; /* -1: the first that is free */
	struct drive shown;
	const char *drive, *serial, *version, *model;
	int32_t cylinders, heads, sectors; /* a disk's; 0: as its partitions tell */
	int32_t translation; /* 0: what fits; else enum disk_translation + 1 */
	int32_t bootindex; /* lowest first; -1: after all that have one */
	struct ide *ide;
};

extern const struct device_type ide_hd_type, ide_cd_type;
