// SPDX-License-Identifier: MIT
/* The clock as a device of the ISA bus. */
#include "dev/irq_router.h"
#include "dev/rtc.h"

static void rtc_tell_change(void *arg, int64_t offset)
{
	const struct place_ask *ask = &((const struct place *)arg)->ask;

	ask->rtc_change(ask->arg, offset);
}

static void rtc_ring(void *arg)
{
	const struct place_alarm *alarm = &((const struct place *)arg)->rtc_alarm;

	if (alarm->ring)
		alarm->ring(alarm->arg);
}

static int rtc_create(struct device *device, struct place *place, struct error *err)
{
	struct rtc *rtc = (struct rtc *)device;
	struct rtc_options options = {
		.port = rtc->options.port,
		.lost_ticks = rtc->options.lost_ticks,
		.clock = place->rtc_clock,
		.start_seconds = place->rtc_seconds,
		.start_ns = place->rtc_ns,
		.time_set = rtc_tell_change,
		.alarm = rtc_ring,
		.arg = place,
	};

	options.irq = irq_router_connect(place->router, RTC_IRQ, &rtc->wire);
	rtc_init(rtc, &options);
	mem_region_add(place->ports, &rtc->bank0, options.port, 0);
	mem_region_add(place->ports, &rtc->bank1, options.port + 2u, 0);
	return 0;
}

static void rtc_pull(struct device *device)
{
	rtc_reset((struct rtc *)device);
}

static void rtc_write_out(struct device *device, uint8_t *out)
{
	rtc_save((struct rtc *)device, out);
}

static void rtc_read_in(struct device *device, const uint8_t *in)
{
	rtc_restore((struct rtc *)device, in);
}

static void rtc_end(struct device *device)
{
	rtc_destroy((struct rtc *)device);
}

static const struct prop rtc_props[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct rtc, options.port), .max = 0xfffc, .value = 0x70,
	  .form = "iobase=PORT", .help = "where its index port is (default 0x70)" },
	{ "lost_tick_policy", PROP_WORD, PROP_AT(struct rtc, options.lost_ticks),
	  .words = (const char *const[]){ "discard", "slew", NULL },
	  .form = "lost_tick_policy=discard|slew",
	  .help = "what becomes of ticks that the guest did not get (default discard)" },
	{ 0 },
};

const struct device_type rtc_type = {
	.name = "mc146818rtc",
	.about = "the real-time clock and its CMOS RAM",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.size = sizeof(struct rtc),
	.props = rtc_props,
	.create = rtc_create,
	.reset = rtc_pull,
	.state = (const struct device_part[]){ DEVICE_PART(rtc_state_table, struct rtc, state),
					       { 0 } },
	.save = rtc_write_out,
	.restore = rtc_read_in,
	.destroy = rtc_end,
};
