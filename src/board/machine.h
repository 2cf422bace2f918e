// SPDX-License-Identifier: MIT
/*
 * What every machine has, whatever its chips: the event loop, the clocks, the map, an accelerator,
 * and the life of the whole (running, paused, reset, shut down).
 *
 * A machine belongs to the thread that runs its loop. Requests (machine_request_*) may come from any
 * thread with a chip's lock held: they stop the vCPUs from going on and are carried out on the loop's
 * thread with no lock held. Everything else is for the loop's thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "board/drain_timer.h"
#include "board/soft_cpu.h"
#include "dev/irq.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "mem/map.h"
#include "meter/report.h"

enum machine_accel {
	MACHINE_KVM,
	MACHINE_NO_CPU, /* chips only, on a clock that moves when told: qtest and tests */
};

enum machine_state {
	MACHINE_PAUSED,
	MACHINE_RUNNING,
	MACHINE_ASLEEP, /* the guest sleeps (ACPI S1, S3): vCPUs stand still, clocks run */
	MACHINE_SHUT_DOWN, /* ended, but kept for a look (-no-shutdown) */
};

enum machine_event_kind {
	MACHINE_EVENT_STOP,
	MACHINE_EVENT_RESUME,
	MACHINE_EVENT_RESET,
	MACHINE_EVENT_POWERDOWN,
	MACHINE_EVENT_SHUTDOWN,
	MACHINE_EVENT_SUSPEND,
	MACHINE_EVENT_WAKEUP,
	MACHINE_EVENT_RTC_CHANGE,
	MACHINE_EVENT_PANIC,
};

/* What becomes of a machine whose guest has panicked. */
enum machine_panic {
	MACHINE_PANIC_SHUTDOWN, /* or, with no_shutdown, as the next */
	MACHINE_PANIC_PAUSE,
	MACHINE_PANIC_RUN, /* that is the guest's business */
};

/* Who asked for a reset or a shutdown. */
enum machine_cause { MACHINE_BY_GUEST, MACHINE_BY_HOST };

struct machine_event {
	enum machine_event_kind kind;
	enum machine_cause cause; /* RESET, SHUTDOWN */
	bool of_reset; /* SHUTDOWN: instead of a reset (no_reboot). RESET: true */
	bool of_panic; /* SHUTDOWN: the guest has panicked */
	enum machine_panic panic; /* PANIC: what is done */
	int64_t offset; /* RTC_CHANGE: seconds ahead of the reference */
};

/* Hears of events on the loop's thread. */
struct machine_observer {
	void (*event)(void *arg, const struct machine_event *event);
	void *arg;
	LIST_ENTRY(machine_observer) link;
};

struct machine_options {
	struct loop
		*loop; /* borrowed; nothing of the machine is left in it after machine_destroy() */
	enum machine_accel accel;
	struct hv_options hv; /* MACHINE_KVM */
	bool soft_coalesce; /* MACHINE_NO_CPU: waiting writes wait, as they would with KVM */
	const struct hv_sys *sys; /* NULL: the host's */
	bool no_reboot; /* a reset ends the machine */
	bool no_shutdown; /* an end pauses it instead */
	enum machine_panic panic;
	/* The board's part of these; on the loop's thread, vCPUs stopped but for the power button. */
	void (*reset)(void *board);
	void (*power_button)(void *board);
	/* Chips that work by themselves (disks) finish what they are at and start nothing; and go on. */
	void (*quiesce)(void *board);
	void (*unquiesce)(void *board);
	void *board;
};

struct machine {
	struct machine_options options;
	struct loop *loop;
	/* Without CPU, vm is a manual clock and the only one that chips are given. */
	struct clock host, monotonic, vm;
	struct mem_map map;
	struct hv_vm hv; /* MACHINE_KVM */
	struct soft_cpu soft; /* MACHINE_NO_CPU, once started */
	enum machine_state state;
	struct meter_stamp stamp; /* when it began */
	LIST_HEAD(, machine_observer) observers;
	struct drain_timer drain_timer;
	struct mem_listener zones_observer;

	/* Requests from any thread; the first one of a kind counts. */
	atomic_uint requests;
	atomic_int exit_status;
	atomic_uint reset_cause, shutdown_cause;
	atomic_bool sleep_deep;
	_Atomic int64_t rtc_offset;
	struct loop_task request_task;
	int status; /* of the whole run */
	bool begun; /* it has run */
	bool panicked; /* and stands still since */
	bool started, detached, ended;
};

/* 0 or -errno, with one line in err. */
int machine_init(struct machine *machine, const struct machine_options *options, struct error *err)
	__attribute__((warn_unused_result));
/* After the board has built its map: gives it to the accelerator and makes the vCPUs, paused. 0 or -errno. */
int machine_start(struct machine *machine, struct error *err) __attribute__((warn_unused_result));
/* Runs until the end of the machine; its exit status. */
int machine_run(struct machine *machine);
/* Takes the accelerator away, so that the board can take its chips apart. */
void machine_detach(struct machine *machine);
/* After machine_detach() and the end of every chip. */
void machine_destroy(struct machine *machine);

/* Any thread. */
void machine_request_reset(struct machine *machine, enum machine_cause cause);
void machine_request_shutdown(struct machine *machine, enum machine_cause cause);
void machine_request_exit(struct machine *machine, int status); /* at once, -no-shutdown or not */
/* deep: waking goes through a reset, as from S3. */
void machine_request_sleep(struct machine *machine, bool deep);
void machine_request_wake(struct machine *machine);
void machine_request_panic(struct machine *machine);
void machine_request_rtc_change(struct machine *machine, int64_t offset);

/* Loop's thread. Stopping completes what the vCPUs are at and delivers every waiting write. */
void machine_stop(struct machine *machine);
void machine_continue(struct machine *machine);
void machine_power_button(struct machine *machine);
/* MACHINE_NO_CPU: time passes, ns >= 0; timers on the way fire. False if the machine is paused. */
bool machine_step_clock(struct machine *machine, int64_t ns);
/* Delivers every waiting write now: for whoever looks at chips from outside. */
void machine_drain(struct machine *machine);
void machine_observe(struct machine *machine, struct machine_observer *observer);
void machine_unobserve(struct machine *machine, struct machine_observer *observer);
