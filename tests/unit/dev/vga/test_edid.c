// SPDX-License-Identifier: MIT
/* What a monitor says of itself, read back as the standard says. */
#include "../../base/cm.h"
#include "dev/vga/edid.h"

/* A detailed timing (E-EDID 3.10.2), read. */
struct timing {
	unsigned clock, width, blank, front, sync, height, v_blank, v_front, v_sync, width_mm,
		height_mm;
};

static unsigned join(unsigned low, unsigned bits, unsigned high)
{
	return low | high << bits;
}

static struct timing timing_of(const uint8_t *at)
{
	return (struct timing){
		.clock = join(at[0], 8, at[1]) * 10000,
		.width = join(at[2], 8, at[4] >> 4),
		.blank = join(at[3], 8, at[4] & 15),
		.height = join(at[5], 8, at[7] >> 4),
		.v_blank = join(at[6], 8, at[7] & 15),
		.front = join(at[8], 8, at[11] >> 6),
		.sync = join(at[9], 8, at[11] >> 4 & 3),
		.v_front = join(at[10] >> 4, 4, at[11] >> 2 & 3),
		.v_sync = join(at[10] & 15, 4, at[11] & 3),
		.width_mm = join(at[12], 8, at[14] >> 4),
		.height_mm = join(at[13], 8, at[14] & 15),
	};
}

/* What every guest looks at first, for every size that can be asked for. */
static void all_sizes(void **state)
{
	static const uint8_t header[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	uint8_t edid[EDID_SIZE];

	for (uint32_t width = EDID_WIDTH_MIN; width <= EDID_WIDTH_MAX; width += EDID_WIDTH_STEP) {
		for (uint32_t height = EDID_HEIGHT_MIN; height <= EDID_HEIGHT_MAX; height++) {
			struct timing timing;
			uint8_t sum = 0;
			unsigned all;

			edid_make(edid, width, height);
			for (unsigned i = 0; i < EDID_SIZE; i++)
				sum = (uint8_t)(sum + edid[i]);
			assert_int_equal(sum, 0);
			assert_memory_equal(edid, header, sizeof(header));
			timing = timing_of(edid + 54);
			assert_int_equal(timing.width, width);
			assert_int_equal(timing.height, height);
			assert_true(timing.front + timing.sync < timing.blank);
			assert_true(timing.v_front + timing.v_sync < timing.v_blank);
			/* 60 Hz, as near as steps of 250 kHz allow */
			all = (timing.width + timing.blank) * (timing.height + timing.v_blank);
			assert_true(timing.clock <= 60 * all && timing.clock + 250000 > 60 * all);
			/* There is time for the beam to go back. */
			assert_true(timing.v_blank * UINT64_C(1000000) >=
				    UINT64_C(460) * 60 * (height + timing.v_blank));
			/* The shape in millimetres is that in pixels. */
			assert_true(timing.width_mm * height <= (timing.height_mm + 1) * width);
			assert_true(timing.height_mm * width <= (timing.width_mm + 1) * height);
		}
	}
}

/* As VESA's own list (DMT) and its calculator have them: pixel clock in kHz, blank lines, pulse. */
static void known_timings(void **state)
{
	static const struct {
		uint32_t width, height, khz, v_blank, v_sync;
	} known[] = {
		{ 800, 600, 35500, 18, 4 },    { 1024, 768, 56000, 22, 4 },
		{ 1280, 768, 68250, 22, 7 },   { 1280, 800, 71000, 23, 6 },
		{ 1280, 1024, 91000, 30, 7 },  { 1400, 1050, 101000, 30, 4 },
		{ 1440, 900, 88750, 26, 6 },   { 1680, 1050, 119000, 30, 6 },
		{ 1920, 1080, 138500, 31, 5 }, { 1920, 1200, 154000, 35, 6 },
		{ 2560, 1600, 268500, 46, 6 },
	};
	uint8_t edid[EDID_SIZE];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct timing timing;

		edid_make(edid, known[i].width, known[i].height);
		timing = timing_of(edid + 54);
		assert_int_equal(timing.clock, known[i].khz * 1000);
		assert_int_equal(timing.v_blank, known[i].v_blank);
		assert_int_equal(timing.v_sync, known[i].v_sync);
		assert_int_equal(timing.blank, 160);
		assert_int_equal(timing.front, 48);
		assert_int_equal(timing.sync, 32);
	}
}

static void says_who_it_is(void **state)
{
	uint8_t edid[EDID_SIZE];

	edid_make(edid, 1280, 800);
	assert_int_equal(edid[18], 1);
	assert_int_equal(edid[19], 4);
	assert_int_equal(edid[126], 0);
	/* 13.3 by 8.3 inches at 96 dots an inch */
	assert_int_equal(edid[21], 34);
	assert_int_equal(edid[22], 21);
	assert_memory_equal(edid + 72, "\0\0\0\xfc\0coalport\n    ", 18);
	assert_int_equal(edid[93], 0x10);
	assert_int_equal(edid[111], 0x10);
	/* Standard timings: 1280x800 first, 1920x1200 last. */
	assert_int_equal(edid[38], 1280 / 8 - 31);
	assert_int_equal(edid[39], 0);
	assert_int_equal(edid[52], 1920 / 8 - 31);
	assert_int_equal(edid[53], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(known_timings),
		cmocka_unit_test(says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
