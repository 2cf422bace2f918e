// SPDX-License-Identifier: MIT
/*
 * The RTC played by the fuzzer: the first byte chooses between the three-way comparison of rtc_play.h
 * and a chip that slews and is restored from the input's bytes, which only must keep its promises.
 */
#include <stddef.h>
#include <stdint.h>

#include "../unit/dev/rtc_play.h"

/* Enough for every turn of the calendar, since a program can set the time to just before one. */
#define LIMIT (60 * NS_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever state it is in: the line is what IRQF says, and no storm comes of any one step. */
static void play_slewing(const uint8_t *data, size_t size)
{
	static struct rtc_rig rig;
	uint8_t state[512] = { 0 };
	struct rtc_options options;

	rig_init(&rig, 0);
	options = rig_options(&rig, 0);
	options.lost_ticks = RTC_SLEW;
	rig_plug(&rig, &options);
	memcpy(state, data, size < sizeof(state) ? size : sizeof(state));
	if (size && data[0] & 1)
		rtc_restore(&rig.rtc, state);
	for (size_t i = 0; i + 2 < size; i += 3) {
		unsigned edges = rig.edges;

		rig.pending = false;
		if (data[i] & 0x80)
			rig_step(&rig, (int64_t)data[i + 1] << (data[i + 2] % 28));
		else if (data[i] & 0x40)
			rig_get(&rig, data[i + 1]);
		else
			rig_put(&rig, data[i + 1] % 16, data[i + 2]);
		/* Between two accesses of the guest at most one edge can come, and two in one. */
		require(rig.edges - edges <= 2);
		require(rig.level == !!(rig.rtc.state.ram[0][RTC_C] & RTC_C_IRQF));
		require(rig.rtc.state.owed >= 0);
	}
	rig_unplug(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		play_slewing(data + 1, size - 1);
	else
		play(data + 1, size - 1, LIMIT);
	return 0;
}
