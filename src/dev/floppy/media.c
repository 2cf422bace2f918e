// SPDX-License-Identifier: MIT
#include "dev/floppy/media.h"

#include <stddef.h>

static const struct floppy_media floppy_media[] = {
	{ 40, 1, 8, FLOPPY_120, FLOPPY_250K }, /* 160 KB */
	{ 40, 1, 9, FLOPPY_120, FLOPPY_300K }, /* 180 KB */
	{ 40, 2, 8, FLOPPY_120, FLOPPY_250K }, /* 320 KB */
	{ 40, 2, 9, FLOPPY_120, FLOPPY_300K }, /* 360 KB */
	{ 80, 2, 9, FLOPPY_144, FLOPPY_250K }, /* 720 KB */
	{ 80, 2, 10, FLOPPY_144, FLOPPY_250K }, /* 800 KB */
	{ 80, 2, 15, FLOPPY_120, FLOPPY_500K }, /* 1.2 MB */
	{ 80, 2, 18, FLOPPY_144, FLOPPY_500K }, /* 1.44 MB */
	{ 80, 2, 20, FLOPPY_144, FLOPPY_500K }, /* 1.6 MB */
	{ 80, 2, 21, FLOPPY_144, FLOPPY_500K }, /* 1.68 MB, as Microsoft shipped it */
	{ 82, 2, 21, FLOPPY_144, FLOPPY_500K }, /* 1.72 MB */
	{ 83, 2, 21, FLOPPY_144, FLOPPY_500K }, /* 1.74 MB */
	{ 80, 2, 22, FLOPPY_144, FLOPPY_500K }, /* 1.76 MB */
	{ 80, 2, 24, FLOPPY_144, FLOPPY_500K }, /* 1.92 MB */
	{ 80, 2, 36, FLOPPY_288, FLOPPY_1M }, /* 2.88 MB */
};

const struct floppy_media *floppy_media_find(uint64_t size)
{
	for (size_t i = 0; i < sizeof(floppy_media) / sizeof(floppy_media[0]); i++) {
		const struct floppy_media *media = &floppy_media[i];

		if (size ==
		    (uint64_t)media->cylinders * media->heads * media->sectors * FLOPPY_SECTOR)
			return media;
	}
	return NULL;
}

bool floppy_media_fits(const struct floppy_media *media, enum floppy_drive_type drive)
{
	return drive == FLOPPY_AUTO || drive == media->drive ||
	       (drive == FLOPPY_288 && media->drive == FLOPPY_144);
}

uint8_t floppy_cmos_type(enum floppy_drive_type drive)
{
	switch (drive) {
	case FLOPPY_120:
		return 2;
	case FLOPPY_144:
		return 4;
	default:
		return 5;
	}
}
