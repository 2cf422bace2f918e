// SPDX-License-Identifier: MIT
#include "ui/image.h"

#include <errno.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/library.h"

#define PNG_CALLS(call)  call(png_image_write_to_stdio) call(png_image_free)
#define PNG_SYMBOL(name) LIBRARY_SYMBOL(struct png_calls, name)

struct png_calls {
	PNG_CALLS(LIBRARY_MEMBER)
};

static const struct library_symbol png_symbols[] = { PNG_CALLS(PNG_SYMBOL) };

static const struct library png_library = {
	.file = "libpng16.so.16",
	.package = "libpng16-16",
	.symbols = png_symbols,
	.symbols_n = sizeof(png_symbols) / sizeof(png_symbols[0]),
};

static int write_png(FILE *out, const uint8_t *rgb, uint32_t width, uint32_t height,
		     struct error *err)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = width,
		.height = height,
		.format = PNG_FORMAT_RGB,
	};
	struct png_calls png;
	void *handle;
	int ret = library_load(&png_library, &handle, &png, err);

	if (ret)
		return ret;
	if (!png.png_image_write_to_stdio(&image, out, 0, rgb, (png_int_32)(width * 3), NULL))
		ret = error_set(err, -EIO, "PNG: %s", image.message);
	png.png_image_free(&image);
	library_unload(handle);
	return ret;
}

static void write_ppm(FILE *out, const uint8_t *rgb, uint32_t width, uint32_t height)
{
	fprintf(out, "P6\n%u %u\n255\n", width, height);
	fwrite(rgb, 3, (size_t)width * height, out);
}

/* Red, green, blue, a byte each, as both formats want them. */
static uint8_t *make_rgb(const uint32_t *pixels, size_t n)
{
	uint8_t *rgb = malloc(n * 3);

	for (size_t i = 0; rgb && i < n; i++) {
		rgb[i * 3] = (uint8_t)(pixels[i] >> 16);
		rgb[i * 3 + 1] = (uint8_t)(pixels[i] >> 8);
		rgb[i * 3 + 2] = (uint8_t)pixels[i];
	}
	return rgb;
}

/* The image in memory. 0 or -errno. */
static int encode(char **bytes, size_t *len, enum ui_image_format format, const uint8_t *rgb,
		  uint32_t width, uint32_t height, struct error *err)
{
	FILE *out = open_memstream(bytes, len);
	int ret = 0;

	if (!out)
		return error_set(err, -errno, "%s", strerror(errno));
	if (format == UI_IMAGE_PNG)
		ret = write_png(out, rgb, width, height, err);
	else
		write_ppm(out, rgb, width, height);
	if ((ferror(out) | fclose(out)) && !ret)
		ret = error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	return ret;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What cannot be waited for is no place for an image: a FIFO, a terminal. */
static int save(const char *path, const char *bytes, size_t len, struct error *err)
{
	struct file_output out;
	int ret = file_open_output(&out, path, err);

	if (!ret && (out.shared || !S_ISREG(out.st.st_mode)))
		ret = error_set(err, -EINVAL, "%s: not a regular file of its own", path);
	else if (!ret && file_lock_output(&out))
		ret = error_set(err, -EBUSY, "%s: another machine writes to it", path);
	if (!ret) {
		ret = file_empty_output(&out);
		if (!ret)
			ret = write_all(out.fd, bytes, len);
		if (ret)
			error_set(err, ret, "%s: %s", path, strerror(-ret));
	}
	file_close_output(&out);
	return ret;
}

int ui_image_save(const char *path, enum ui_image_format format, const uint32_t *pixels,
		  uint32_t width, uint32_t height, struct error *err)
{
	uint8_t *rgb = make_rgb(pixels, (size_t)width * height);
	char *bytes = NULL;
	size_t len = 0;
	int ret;

	if (!rgb)
		return error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	ret = encode(&bytes, &len, format, rgb, width, height, err);
	free(rgb);
	if (!ret)
		ret = save(path, bytes, len, err);
	free(bytes);
	return ret;
}
