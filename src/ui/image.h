// SPDX-License-Identifier: MIT
/*
 * Pictures as files: PPM (netpbm's ppm(5), P6) and PNG (by libpng, which is loaded for it). Any thread.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

enum ui_image_format { UI_IMAGE_PPM, UI_IMAGE_PNG };

/*
 * Writes pixels (0x00RRGGBB, row by row without gaps) to a regular file, in the place of what was in it.
 * The file is not touched before there is an image. 0, or -errno with one line.
 */
int ui_image_save(const char *path, enum ui_image_format format, const uint32_t *pixels,
		  uint32_t width, uint32_t height, struct error *err)
	__attribute__((warn_unused_result));
