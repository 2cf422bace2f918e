// SPDX-License-Identifier: MIT
/*
 * The guests that are linked into the program. ROM images, page-aligned, constant; each is seen at
 * 0xffff0000 by a processor that starts, and at 0xf0000 by the code that follows. And one that is the
 * beginning of a disk.
 *
 * ROMs take their parameters from the fw_cfg file opt/org.coalport/guest, a line of key=value
 * separated by spaces, and do without it.
 */
#pragma once

#include <stdint.h>

#define GUEST_ROM_SIZE 65536
#define GUEST_PARAMS   "opt/org.coalport/guest"

/* Ticks on the RTC. rate=64 (Hz), seconds=3 (0: for ever). Then power-off. */
extern const uint8_t guest_ticker[GUEST_ROM_SIZE];

/* Measures port accesses. count=20000 (pairs), samples=1000 (timed accesses, to 4000). Then power-off. */
extern const uint8_t guest_rtcbench[GUEST_ROM_SIZE];

/*
 * Work of old software, which SeaBIOS starts from the first IDE disk: the disk's first bytes, of which
 * whoever makes the image fills in two. It reads sectors 64 to 2111 of the disk, and of a CD-ROM on the
 * second channel as many bytes at the same place; each sector that is a multiple of 4 begins with its
 * number, 32 bits. A byte written to the port GUEST_LEGACY_MARK, where no device is, tells of the work's
 * begin, and another one of its end. Ends by isa-debug-exit at 0xf4 with GUEST_LEGACY_DONE, or 1 if
 * something was not as it should be.
 */
#define GUEST_LEGACY_SIZE    2048
#define GUEST_LEGACY_WORK    3 /* offset of enum guest_legacy_work */
#define GUEST_LEGACY_EACH    4 /* sectors (CD-ROM: blocks) a command, a power of two up to 128 */
#define GUEST_LEGACY_SECTORS 2112 /* of 512 bytes; the least that disk and disc have */
#define GUEST_LEGACY_DONE    16
#define GUEST_LEGACY_MARK    0xe8

enum guest_legacy_work {
	GUEST_LEGACY_NOTHING,
	GUEST_LEGACY_TELETYPE, /* 100 lines of 60 characters by INT 10h, each scrolls */
	GUEST_LEGACY_PLANAR, /* mode 0x12 and a picture, plane by plane */
	GUEST_LEGACY_BYTES, /* mode 0x12 and a picture, its planes in turn for each byte */
	GUEST_LEGACY_FRAMES, /* mode 0x13 and 100 pictures */
	GUEST_LEGACY_PALETTES, /* mode 0x13 and 20 times all colours */
	GUEST_LEGACY_SECTORWISE, /* READ SECTORS by the data register */
	GUEST_LEGACY_MULTIPLE, /* READ MULTIPLE by the data register; up to 16 a command */
	GUEST_LEGACY_DMA, /* READ DMA */
	GUEST_LEGACY_PACKETS, /* READ(10) by the data register */
};

extern const uint8_t guest_legacy[GUEST_LEGACY_SIZE];
