// SPDX-License-Identifier: MIT
/*
 * A machine without chips on an accelerator that only writes down what it is told, its loop turned
 * by hand. The journal has a word for each thing that was done, in order: of the accelerator, of the
 * board, and in capitals of the events that observers hear. Everything happens on the test's thread.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/cm.h"
#include "board/accel_none.h"
#include "board/machine.h"

#define JOURNAL_MAX 4096

struct life {
	struct accel accel; /* first: the fake one */
	struct accel_none none; /* instead of it, where a test wants the real one */
	struct loop loop;
	struct loop_task turned;
	struct machine machine;
	struct machine_observer observer;
	struct accel_events events; /* as the machine gave them */
	char journal[JOURNAL_MAX];
	char told[JOURNAL_MAX]; /* the events alone */
	bool cpus_run, time_stands, quiesced; /* as the fake and the board were told */
	int create_error, attach_error, reset_error; /* that the fake answers */
	void (*during_pause)(struct life *life); /* what a vCPU still does before it stands */
	unsigned line;
	bool level;
	uint64_t msi;
};

static inline void life_note(char *journal, const char *word)
{
	size_t n = strlen(journal);

	assert_true(n + strlen(word) + 2 < JOURNAL_MAX);
	sprintf(journal + n, "%s%s", n ? " " : "", word);
}

/* The accelerator */

static struct life *life_of(struct accel *accel)
{
	return (struct life *)accel;
}

static int life_create(struct accel *accel, const struct accel_events *events, struct error *err)
{
	struct life *life = life_of(accel);

	life->events = *events;
	return life->create_error ? error_set(err, life->create_error, "no KVM") : 0;
}

static int life_attach(struct accel *accel, struct mem_map *map, struct error *err)
{
	struct life *life = life_of(accel);

	return life->attach_error ? error_set(err, life->attach_error, "no thread") : 0;
}

static void life_destroy(struct accel *accel)
{
	life_note(life_of(accel)->journal, "destroy");
}

static void life_pause(struct accel *accel)
{
	struct life *life = life_of(accel);

	life_note(life->journal, "pause");
	life->cpus_run = false;
	if (life->during_pause)
		life->during_pause(life);
}

static void life_resume(struct accel *accel)
{
	struct life *life = life_of(accel);

	life_note(life->journal, "resume");
	assert_false(life->quiesced);
	assert_false(life->time_stands);
	life->cpus_run = true;
}

static void life_ask_pause(struct accel *accel)
{
	life_note(life_of(accel)->journal, "ask_pause");
}

static void life_ask_reset(struct accel *accel)
{
	life_note(life_of(accel)->journal, "ask_reset");
}

static int life_reset(struct accel *accel, struct error *err)
{
	struct life *life = life_of(accel);

	life_note(life->journal, "reset");
	assert_false(life->cpus_run);
	return life->reset_error ? error_set(err, life->reset_error, "reset: a test wants it") : 0;
}

static void life_stop_time(struct accel *accel)
{
	struct life *life = life_of(accel);

	life_note(life->journal, "stop_time");
	assert_false(life->cpus_run);
	assert_false(life->time_stands);
	life->time_stands = true;
}

static void life_start_time(struct accel *accel)
{
	struct life *life = life_of(accel);

	life_note(life->journal, "start_time");
	assert_false(life->cpus_run);
	assert_true(life->time_stands);
	life->time_stands = false;
}

static void life_drain(struct accel *accel)
{
}

static uint64_t life_deadline(struct accel *accel)
{
	return 0;
}

static enum irq_status life_irq_line(struct accel *accel, unsigned line, bool level)
{
	life_of(accel)->line = line;
	life_of(accel)->level = level;
	return IRQ_MERGED;
}

static int life_msi(struct accel *accel, uint64_t addr, uint32_t data)
{
	life_of(accel)->msi = addr + data;
	return -EIO;
}

static unsigned life_vcpus(struct accel *accel)
{
	return 2;
}

static int life_registers(struct accel *accel, unsigned vcpu, struct cpu_registers *out)
{
	life_note(life_of(accel)->journal, "look");
	assert_false(life_of(accel)->cpus_run);
	*out = (struct cpu_registers){ .rip = vcpu };
	return 0;
}

static int life_translate(struct accel *accel, unsigned vcpu, uint64_t linear, uint64_t *physical)
{
	life_note(life_of(accel)->journal, "look");
	assert_false(life_of(accel)->cpus_run);
	*physical = linear + vcpu;
	return linear ? 0 : -EFAULT;
}

static const struct meter *life_vcpu_meter(struct accel *accel, unsigned vcpu)
{
	return NULL;
}

static const struct meter *life_ring_meter(struct accel *accel)
{
	return NULL;
}

static size_t life_zones(struct accel *accel, struct meter_zone *out, size_t max)
{
	return 0;
}

static const struct accel_ops life_ops = {
	.create = life_create,
	.attach = life_attach,
	.destroy = life_destroy,
	.pause = life_pause,
	.resume = life_resume,
	.ask_pause = life_ask_pause,
	.ask_reset = life_ask_reset,
	.reset = life_reset,
	.stop_time = life_stop_time,
	.start_time = life_start_time,
	.drain = life_drain,
	.deadline = life_deadline,
	.irq_line = life_irq_line,
	.msi = life_msi,
	.vcpus = life_vcpus,
	.registers = life_registers,
	.translate = life_translate,
	.vcpu_meter = life_vcpu_meter,
	.ring_meter = life_ring_meter,
	.zones = life_zones,
};

/* The board */

static void life_board_reset(void *arg)
{
	struct life *life = arg;

	life_note(life->journal, "chips");
	assert_true(life->quiesced);
}

static void life_quiesce(void *arg)
{
	struct life *life = arg;

	life_note(life->journal, "quiesce");
	assert_false(life->quiesced);
	assert_false(life->cpus_run);
	life->quiesced = true;
}

static void life_unquiesce(void *arg)
{
	struct life *life = arg;

	life_note(life->journal, "unquiesce");
	assert_true(life->quiesced);
	life->quiesced = false;
}

static void life_power_button(void *arg)
{
	life_note(((struct life *)arg)->journal, "button");
}

static void life_heard(void *arg, const struct machine_event *event)
{
	static const char *const names[] = {
		[MACHINE_EVENT_STOP] = "STOP",         [MACHINE_EVENT_RESUME] = "RESUME",
		[MACHINE_EVENT_RESET] = "RESET",       [MACHINE_EVENT_POWERDOWN] = "POWERDOWN",
		[MACHINE_EVENT_SHUTDOWN] = "SHUTDOWN", [MACHINE_EVENT_SUSPEND] = "SUSPEND",
		[MACHINE_EVENT_WAKEUP] = "WAKEUP",     [MACHINE_EVENT_RTC_CHANGE] = "RTC_CHANGE",
		[MACHINE_EVENT_PANIC] = "PANIC",
	};
	struct life *life = arg;
	char word[64];

	snprintf(word, sizeof(word), "%s%s%s", names[event->kind],
		 event->kind != MACHINE_EVENT_RESET && event->kind != MACHINE_EVENT_SHUTDOWN ? ""
		 : event->of_panic                 ? ":panic"
		 : event->cause == MACHINE_BY_HOST ? ":host"
						   : ":guest",
		 event->kind == MACHINE_EVENT_SHUTDOWN && event->of_reset ? ":reset" : "");
	life_note(life->journal, word);
	life_note(life->told, word);
}

static void life_turned(void *arg)
{
	loop_quit(arg);
}

/* 0 or what machine_init() or machine_start() said; then nothing is left to be taken down. */
static inline int life_try(struct life *life, struct machine_options options, bool none)
{
	struct error err;
	int ret;

	life->accel.ops = &life_ops;
	accel_none_init(&life->none, true);
	assert_int_equal(loop_init(&life->loop), 0);
	life->turned = (struct loop_task){ .run = life_turned, .arg = &life->loop };
	options.loop = &life->loop;
	options.accel = none ? &life->none.accel : &life->accel;
	options.reset = life_board_reset;
	options.quiesce = life_quiesce;
	options.unquiesce = life_unquiesce;
	options.power_button = life_power_button;
	options.board = life;
	ret = machine_init(&life->machine, &options, &err);
	if (ret)
		return ret;
	life->observer = (struct machine_observer){ .event = life_heard, .arg = life };
	machine_observe(&life->machine, &life->observer);
	ret = machine_start(&life->machine, &err);
	if (ret)
		machine_destroy(&life->machine);
	return ret;
}

static inline void life_make(struct life *life, struct machine_options options)
{
	*life = (struct life){ .line = 0 };
	assert_int_equal(life_try(life, options, false), 0);
	life->journal[0] = '\0';
}

/* Nothing is left of the machine. */
static inline void life_end(struct life *life)
{
	machine_destroy(&life->machine);
	assert_true(LIST_EMPTY(&life->loop.clocks));
	assert_false(loop_has_tasks(&life->loop));
	loop_destroy(&life->loop);
}

/* One turn of the loop: what was posted before it is done. */
static inline void life_turn(struct life *life)
{
	loop_post(&life->loop, &life->turned);
	assert_int_equal(loop_run(&life->loop), 0);
	loop_unpost(&life->loop, &life->turned);
}

/* What was done since this was last asked. */
static inline void life_expect(struct life *life, const char *journal)
{
	assert_string_equal(life->journal, journal);
	life->journal[0] = '\0';
}
