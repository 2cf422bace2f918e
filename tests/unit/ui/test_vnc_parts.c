// SPDX-License-Identifier: MIT
/* What the VNC server is made of: the table of keys, and what of the picture is different. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cm.h"
#include "ui/vnc_keys.h"
#include "ui/vnc_picture.h"

static void keys(void **state)
{
	/* Each pair is one key of the American keyboard. */
	static const char pairs[] = "1!2@3#4$5%6^7&8*9(0)-_=+[{]}\\|;:'\"`~,<.>/?";
	char name[2] = "";

	for (const char *pair = pairs; *pair; pair += 2)
		assert_int_equal(vnc_key((uint8_t)pair[0]), vnc_key((uint8_t)pair[1]));
	for (int c = 'a'; c <= 'z'; c++) {
		name[0] = (char)c;
		assert_int_equal(vnc_key((uint8_t)c), ps2_key_by_name(name));
		assert_int_equal(vnc_key((uint8_t)(c - 'a' + 'A')), ps2_key_by_name(name));
	}
	for (int c = '0'; c <= '9'; c++) {
		name[0] = (char)c;
		assert_int_equal(vnc_key((uint8_t)c), ps2_key_by_name(name));
	}
	for (uint32_t sym = ' '; sym <= '~'; sym++)
		assert_int_not_equal(vnc_key(sym), PS2_KEY_NONE);
	assert_int_equal(vnc_key(' '), PS2_KEY_SPC);
	assert_int_equal(vnc_key(0xffbe), PS2_KEY_F1);
	assert_int_equal(vnc_key(0xffc9), PS2_KEY_F12);
	assert_int_equal(vnc_key(0xff0d), PS2_KEY_RET);
	assert_int_equal(vnc_key(0xffe9), PS2_KEY_ALT);
	assert_int_equal(vnc_key(0xff8d), PS2_KEY_KP_ENTER);
	assert_int_equal(vnc_key(0x1f), PS2_KEY_NONE);
	assert_int_equal(vnc_key(0x7f), PS2_KEY_NONE);
	assert_int_equal(vnc_key(0xff0d + 0x10000), PS2_KEY_NONE);
	assert_int_equal(vnc_key(UINT32_MAX), PS2_KEY_NONE);
}

/* Random rectangles reach a frame of any size, and nothing outside of them does. */
static void damage(void **state)
{
	struct vnc_damage *damage = calloc(1, sizeof(*damage));
	struct vnc_picture picture = { .pixels = NULL };
	struct vnc_frame frame = { .width = 60, .height = 150 };
	struct screen_rect rect;
	uint32_t *pixels;

	frame.pixels = calloc(60 * 150, 4);
	assert_true(damage && frame.pixels);
	srand(1);
	for (int round = 0; round < 2000; round++) {
		uint32_t width = 1 + (uint32_t)rand() % 90, height = 1 + (uint32_t)rand() % 200;

		if (round % 50 == 0) {
			struct screen_rect all = { .width = width, .height = height };

			assert_int_equal(vnc_picture_resize(&picture, width, height), 0);
			vnc_damage_add(damage, &all);
		}
		assert(picture.width && picture.height);
		pixels = calloc((size_t)picture.width * picture.height, 4);
		assert_non_null(pixels);
		rect.x = (uint32_t)rand() % picture.width;
		rect.y = (uint32_t)rand() % picture.height;
		rect.width = 1 + (uint32_t)rand() % (picture.width - rect.x);
		rect.height = 1 + (uint32_t)rand() % (picture.height - rect.y);
		for (size_t i = 0; i < (size_t)picture.width * picture.height; i++)
			pixels[i] = (uint32_t)rand();
		vnc_picture_copy(&picture, pixels, &rect);
		free(pixels);
		vnc_damage_add(damage, &rect);
		if (round % 3)
			continue;
		while (vnc_damage_take(damage, &picture, &frame, &rect)) {
			assert_true(rect.width && rect.height && rect.height <= VNC_BAND);
			assert_true(rect.x + rect.width <= frame.width);
			assert_true(rect.y + rect.height <= frame.height);
		}
		assert_false(damage->any);
		for (uint32_t y = 0; y < picture.height && y < frame.height; y++)
			assert_memory_equal(
				frame.pixels + y * frame.width, picture.pixels + y * picture.width,
				4 * (picture.width < frame.width ? picture.width : frame.width));
	}
	vnc_picture_free(&picture);
	free(frame.pixels);
	free(damage);
}

static void damage_is_narrow(void **state)
{
	struct vnc_damage *damage = calloc(1, sizeof(*damage));
	struct vnc_picture picture = { .pixels = NULL };
	struct vnc_frame frame = { .pixels = calloc(100 * 100, 4), .width = 100, .height = 100 };
	struct screen_rect rect;

	assert_true(damage && frame.pixels);
	assert_int_equal(vnc_picture_resize(&picture, 100, 100), 0);
	vnc_damage_add(damage, &(struct screen_rect){ .x = 3, .y = 4, .width = 5, .height = 6 });
	vnc_damage_add(damage, &(struct screen_rect){ .x = 50, .y = 80, .width = 1, .height = 1 });
	assert_true(vnc_damage_take(damage, &picture, &frame, &rect));
	assert_memory_equal(&rect, (&(struct screen_rect){ 3, 4, 5, 6 }), sizeof(rect));
	assert_true(vnc_damage_take(damage, &picture, &frame, &rect));
	assert_memory_equal(&rect, (&(struct screen_rect){ 50, 80, 1, 1 }), sizeof(rect));
	assert_false(vnc_damage_take(damage, &picture, &frame, &rect));
	vnc_picture_free(&picture);
	free(frame.pixels);
	free(damage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(damage),
		cmocka_unit_test(damage_is_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
