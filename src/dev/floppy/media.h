// SPDX-License-Identifier: MIT
/*
 * What a floppy disk is like, by the size of its image, and which drive takes it (IBM PC Technical
 * References; Intel 82077AA data sheet, 1.1, for the data rates). Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FLOPPY_SECTOR      512
#define FLOPPY_SECTOR_CODE 2 /* 128 << 2 bytes, as commands say it */
#define FLOPPY_SECTORS_MAX 36 /* of a track */

/* Drives, in the order of the words of "drive-type". */
enum floppy_drive_type {
	FLOPPY_AUTO, /* one that takes the disk that is in it */
	FLOPPY_120, /* 5.25 inches, up to 1.2 MB */
	FLOPPY_144, /* 3.5 inches, up to 1.44 MB */
	FLOPPY_288, /* 3.5 inches, up to 2.88 MB */
};

/* As DSR and CCR name them. */
enum floppy_rate { FLOPPY_500K, FLOPPY_300K, FLOPPY_250K, FLOPPY_1M };

struct floppy_media {
	uint8_t cylinders, heads, sectors; /* sectors of a track */
	enum floppy_drive_type drive; /* the smallest that takes it */
	enum floppy_rate rate;
};

/* The disk whose image has that many bytes; NULL: there is none. */
const struct floppy_media *floppy_media_find(uint64_t size);
/* Whether a drive reads such a disk. */
bool floppy_media_fits(const struct floppy_media *media, enum floppy_drive_type drive);
/* What CMOS byte 0x10 says of a drive, in four bits. */
uint8_t floppy_cmos_type(enum floppy_drive_type drive);
