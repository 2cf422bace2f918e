// SPDX-License-Identifier: MIT
/* A PC without CPU on a test's own loop, with accesses as a processor makes them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/accel_none.h"
#include "board/pc.h"

struct pc_bench {
	struct loop loop;
	struct loop_task quit;
	struct accel_none none;
	struct pc pc;
	bool waits; /* said before it is made: writes that may wait do */
};

static void pc_bench_quit(void *arg)
{
	loop_quit(arg);
}

/* Lets the loop do what is ready. */
static inline void pc_bench_turn(struct pc_bench *bench)
{
	loop_post(&bench->loop, &bench->quit);
	assert_int_equal(loop_run(&bench->loop), 0);
}

static inline int pc_bench_create(struct pc_bench *bench, struct pc_options options,
				  struct error *err)
{
	bench->quit = (struct loop_task){ .run = pc_bench_quit, .arg = &bench->loop };
	options.machine.loop = &bench->loop;
	accel_none_init(&bench->none, bench->waits);
	options.machine.accel = &bench->none.accel;
	options.machine.panic = MACHINE_PANIC_RUN;
	options.machine.no_shutdown = true;
	options.ram = options.ram ? options.ram : PC_RAM_MIN;
	options.rtc_base = (struct rtc_base){ .kind = RTC_BASE_DATE, .seconds = 1000000000 };
	return pc_create(&bench->pc, &options, err);
}

/* On a loop that is there already. */
static inline void pc_bench_make_on(struct pc_bench *bench, struct pc_options options)
{
	struct error err;

	if (pc_bench_create(bench, options, &err))
		fail_msg("%s", err.text);
	machine_continue(&bench->pc.machine);
}

/* 0, or what pc_create() said; then nothing is left. */
static inline int pc_bench_try(struct pc_bench *bench, struct pc_options options, struct error *err)
{
	int ret;

	assert_int_equal(loop_init(&bench->loop), 0);
	ret = pc_bench_create(bench, options, err);
	if (ret)
		loop_destroy(&bench->loop);
	return ret;
}

static inline void pc_bench_make(struct pc_bench *bench, struct pc_options options)
{
	assert_int_equal(loop_init(&bench->loop), 0);
	pc_bench_make_on(bench, options);
}

static inline void pc_bench_end(struct pc_bench *bench)
{
	pc_destroy(&bench->pc);
	loop_destroy(&bench->loop);
}

static inline uint64_t pc_bench_in(struct pc_bench *bench, uint64_t port, unsigned width)
{
	return soft_cpu_read(&bench->none.cpu, MEM_SPACE_PORT, port, width);
}

static inline void pc_bench_out(struct pc_bench *bench, uint64_t port, uint64_t value,
				unsigned width)
{
	soft_cpu_write(&bench->none.cpu, MEM_SPACE_PORT, port, value, width);
}

/* The host resets the machine, which goes on. */
static inline void pc_bench_reset(struct pc_bench *bench)
{
	machine_drain(&bench->pc.machine);
	machine_request_reset(&bench->pc.machine, MACHINE_BY_HOST);
	pc_bench_turn(bench);
	machine_continue(&bench->pc.machine);
}
