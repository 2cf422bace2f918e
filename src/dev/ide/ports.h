// SPDX-License-Identifier: MIT
/* The registers of a channel behind the one for data (ATA-6, 7), as offsets from 0x1f1 or 0x171. */
#pragma once

enum ide_port {
	IDE_FEATURES, /* read: error */
	IDE_COUNT,
	IDE_LBA_LOW,
	IDE_LBA_MID,
	IDE_LBA_HIGH,
	IDE_DEVICE,
	IDE_COMMAND, /* read: status */
};

/* Commands that more than one part knows. */
#define IDE_CMD_TRIM         0x06 /* DATA SET MANAGEMENT */
#define IDE_CMD_DEVICE_RESET 0x08
#define IDE_CMD_DIAGNOSTIC   0x90
#define IDE_CMD_PACKET       0xa0
#define IDE_CMD_CHECK_POWER  0xe5
#define IDE_CMD_SLEEP        0xe6

#define IDE_MULTIPLE_MAX 16 /* sectors */
