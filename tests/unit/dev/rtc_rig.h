// SPDX-License-Identifier: MIT
/*
 * A bench for the RTC: the chip at its ports in a view of port space, a clock that moves only when
 * told, and an interrupt controller that says what it did with each edge. One thread.
 */
#pragma once

#include <assert.h>
#include <string.h>

#include "dev/rtc.h"
#include "mem/view.h"

/* The controller: passing edges on, or with the input masked, as an 8259 (latches) or an I/O APIC. */
enum rig_controller { RIG_OPEN, RIG_MASKED_8259, RIG_MASKED_IOAPIC };

struct rtc_rig {
	struct clock clock;
	struct rtc rtc;
	struct mem_region ports;
	struct mem_view *view;
	enum rig_controller controller;
	bool level;
	unsigned edges; /* low to high */
	bool pending; /* an edge that the processor has not taken */
	unsigned alarms;
	unsigned reports;
	int64_t offset; /* last reported */
};

static enum irq_status rig_set_irq(void *arg, unsigned line, bool level)
{
	struct rtc_rig *rig = arg;
	bool rose = level && !rig->level, merged;

	assert(line == 8);
	/* The chip moves the line only where it must. */
	assert(level != rig->level);
	rig->level = level;
	if (!rose)
		return IRQ_DELIVERED;
	rig->edges++;
	merged = rig->pending;
	rig->pending |= rig->controller != RIG_MASKED_IOAPIC;
	if (rig->controller != RIG_OPEN)
		return IRQ_MASKED;
	return merged ? IRQ_MERGED : IRQ_DELIVERED;
}

static void rig_time_set(void *arg, int64_t offset)
{
	struct rtc_rig *rig = arg;

	rig->reports++;
	rig->offset = offset;
}

static void rig_alarm(void *arg)
{
	((struct rtc_rig *)arg)->alarms++;
}

/* Options of a rig; start them at a date, change what the test is about. */
static inline struct rtc_options rig_options(struct rtc_rig *rig, int64_t start)
{
	return (struct rtc_options){
		.clock = &rig->clock,
		.irq = { .set = rig_set_irq, .arg = rig, .line = 8 },
		.start_seconds = start,
		.time_set = rig_time_set,
		.alarm = rig_alarm,
		.arg = rig,
	};
}

/* clock_at: what the manual clock says when the chip is made. */
static inline void rig_init(struct rtc_rig *rig, int64_t clock_at)
{
	memset(rig, 0, sizeof(*rig));
	clock_init(&rig->clock, CLOCK_KIND_MANUAL);
	clock_set(&rig->clock, clock_at);
}

static inline void rig_plug(struct rtc_rig *rig, const struct rtc_options *options)
{
	rtc_init(&rig->rtc, options);
	mem_region_init_container(&rig->ports, "ports", 0xffff);
	mem_region_add(&rig->ports, &rig->rtc.bank0, 0x70, 0);
	mem_region_add(&rig->ports, &rig->rtc.bank1, 0x72, 0);
	rig->view = mem_view_render(&rig->ports, range_make(0, 0x10000));
	assert(rig->view);
}

static inline void rig_unplug(struct rtc_rig *rig)
{
	mem_view_unref(rig->view);
	rtc_destroy(&rig->rtc);
	clock_destroy(&rig->clock);
}

static inline void rig_out(struct rtc_rig *rig, uint16_t port, uint8_t value)
{
	mem_view_write(rig->view, port, value, 1);
}

static inline uint8_t rig_in(struct rtc_rig *rig, uint16_t port)
{
	return (uint8_t)mem_view_read(rig->view, port, 1);
}

static inline uint8_t rig_get(struct rtc_rig *rig, uint8_t index)
{
	rig_out(rig, 0x70, index);
	return rig_in(rig, 0x71);
}

static inline void rig_put(struct rtc_rig *rig, uint8_t index, uint8_t value)
{
	rig_out(rig, 0x70, index);
	rig_out(rig, 0x71, value);
}

static inline void rig_step(struct rtc_rig *rig, int64_t ns)
{
	clock_step(&rig->clock, ns);
}
