// SPDX-License-Identifier: MIT
/*
 * What every machine has, whatever its chips: the event loop, the clocks, the map, an accelerator,
 * and the life of the whole (running, paused, reset, shut down).
 *
 * A machine belongs to the thread that runs its loop. Requests (machine_request_*) may come from any
 * thread with a chip's lock held: they stop the vCPUs from going on and are carried out on the loop's
 * thread with no lock held. Everything else is for the loop's thread.
 *
 * machine.c makes and unmakes it, machine_input.c has its keys, mouse and picture, machine_life.c is its
 * life. What was asked for between two turns of the loop is carried out at once, and the outcome does not depend on the order in which it came:
 *
 *	exit		ends the machine, whatever else was asked
 *	shutdown	as by -no-shutdown; a reset asked for beside it follows
 *	reset		sleep and waking asked for beside it are void: the guest begins anew
 *	sleep, wake	both: it sleeps and wakes again
 *
 * A guest that asks for sleep and is stopped before it was carried out, or while it sleeps, is paused
 * and sleeps when the machine continues (as in QEMU since 9.0): stopping must neither wake it nor let
 * its alarm run on. machine_continue() carries out what is still to be done before the guest runs.
 *
 * A disk whose host fails, and whose policy says so, stops the machine (block.h): its requests are kept,
 * and done again when the machine continues.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "board/accel.h"
#include "board/drain_timer.h"
#include "dev/block.h"
#include "dev/drive.h"
#include "dev/irq.h"
#include "dev/ps2/input.h"
#include "dev/ps2/typist.h"
#include "dev/screen.h"
#include "mem/map.h"
#include "meter/report.h"

struct chardev_set;
struct device_list;
struct device_type;

enum machine_state {
	MACHINE_PAUSED,
	MACHINE_RUNNING,
	MACHINE_ASLEEP, /* the guest sleeps (ACPI S1, S3): vCPUs stand still, time goes on */
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
	MACHINE_EVENT_DISK_ERROR,
	MACHINE_EVENT_TRAY,
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
	const struct block_error *disk; /* DISK_ERROR */
	const struct drive *drive; /* TRAY */
	bool tray_open;
};

/*
 * Hears of events on the loop's thread. It may add and remove observers, itself too, and ask the
 * machine for things (machine_request_*).
 */
struct machine_observer {
	void (*event)(void *arg, const struct machine_event *event);
	void *arg;
	LIST_ENTRY(machine_observer) link;
};

struct machine_options {
	/* Borrowed; nothing of the machine is left in it after machine_destroy(). One machine a loop. */
	struct loop *loop;
	struct accel *accel; /* borrowed; used by this machine only */
	const char *name; /* borrowed, or NULL */
	/* Which devices the board could have, for whoever asks; ends with NULL. Borrowed. */
	const struct device_type *const *types;
	/* Its character back-ends, for whoever asks; NULL: nobody may. Borrowed. */
	struct chardev_set *chardevs;
	bool no_reboot; /* a reset ends the machine */
	bool no_shutdown; /* an end pauses it instead */
	enum machine_panic panic;
	/* The board's part of these; on the loop's thread, vCPUs stopped but for the power button. */
	void (*reset)(void *board);
	void (*power_button)(void *board);
	/* Chips that work by themselves (disks) finish what they are at and start nothing; and go on. */
	void (*quiesce)(void *board);
	void (*unquiesce)(void *board);
	/* A line for somebody outside to drive, joined to interrupt line. Before the machine runs. */
	struct irq_line (*irq_input)(void *board, unsigned line);
	void *board;
};

struct machine {
	struct machine_options options;
	struct loop *loop;
	struct accel *accel;
	/* Where the accelerator's clock is manual, so is vm, and chips are to be given no other. */
	struct clock host, monotonic, vm;
	struct mem_map map;
	struct input input; /* the board gives it to its devices */
	struct typist typist;
	struct screen screen; /* and this */
	struct drives drives; /* and these */
	struct device_list *devices; /* the board's, or NULL; for whoever asks what there is */
	struct pci_bus *pci; /* the board's, or NULL; for whoever asks what is on it */
	enum machine_state state;
	bool guest_sleeps; /* ASLEEP, or to be when it continues */
	bool sleep_deep; /* and waking goes through a reset */
	/* What goes on now; follows state. */
	bool cpus_run, time_runs, quiesced;
	struct meter_stamp stamp; /* when it began */
	LIST_HEAD(machine_observers, machine_observer) observers;
	struct machine_telling *telling; /* of observers, now: machine_life.c */
	struct drain_timer drain_timer;
	uint64_t deadline_drains; /* that found something: drain_timer.h */
	struct mem_listener zones_observer;
	void (*irq_watch)(void *arg, unsigned line, bool level);
	void *irq_watch_arg;

	/* Requests from any thread. */
	atomic_uint requests;
	atomic_int exit_status; /* the first one counts; -1: none */
	_Atomic int64_t rtc_offset; /* the last */
	struct loop_task request_task;
	int status; /* of the whole run */
	bool begun; /* it has run */
	bool panicked; /* and stands still since */
	bool disk_failed; /* and stands still since: the host could not do what the guest asked for */
	bool started, detached, ended;
};

/* 0 or -errno, with one line in err. */
int machine_init(struct machine *machine, const struct machine_options *options, struct error *err)
	__attribute__((warn_unused_result));
/* After the board has built its map: gives it to the accelerator and makes the vCPUs, paused. 0 or -errno. */
int machine_start(struct machine *machine, struct error *err) __attribute__((warn_unused_result));
/* Runs until the end of the machine; its exit status. */
int machine_run(struct machine *machine);
/* Takes the accelerator away, so that the board can take its chips apart. Twice is once. */
void machine_detach(struct machine *machine);
/* After the end of every chip: their timers are disarmed, their regions out of the map. */
void machine_destroy(struct machine *machine);

/* The accelerator's ends of the wires that a board connects. For struct irq_line, msi_sink: any thread. */
struct irq_line machine_irq_line(struct machine *machine, unsigned line);
struct msi_sink machine_msi_sink(struct machine *machine);
/*
 * For tests: watch() hears of each change of an interrupt line with the router's lock held; NULL
 * ends it. Before the machine runs, or while it is paused.
 */
void machine_watch_irqs(struct machine *machine,
			void (*watch)(void *arg, unsigned line, bool level), void *arg);
/* A line to drive for a test, from options.irq_input; unconnected if the board has none. */
struct irq_line machine_irq_input(struct machine *machine, unsigned line);

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
/* Where the clock is manual: time passes, ns >= 0; timers on the way fire. False while it stands still. */
bool machine_step_clock(struct machine *machine, int64_t ns);
/* Delivers every waiting write now: for whoever looks at chips from outside. */
void machine_drain(struct machine *machine);
/*
 * A key, a mouse's movement, keys pressed together for a while (of the machine's time). Nothing happens
 * while the guest does not run, or if it has no keyboard. False: too many wait to be pressed.
 */
void machine_key(struct machine *machine, enum ps2_key key, bool down);
void machine_motion(struct machine *machine, const struct input_motion *motion);
bool machine_press(struct machine *machine, const struct typist_chord *chord);
/*
 * Brings the machine's picture, and with it machine->screen, up to date, in any state of the machine.
 * False if it has none.
 */
bool machine_look(struct machine *machine);
/* The same for what a text mode shows: screen_read_text(). */
bool machine_read_text(struct machine *machine, struct screen_text *out);
/* At least 1. Any thread. */
unsigned machine_vcpus(struct machine *machine);
/*
 * A look at a processor: it stands still for as long, and the guest cannot tell but by the time. -ENOTSUP:
 * there is none; else as struct accel_ops has them.
 */
int machine_registers(struct machine *machine, unsigned vcpu, struct cpu_registers *out)
	__attribute__((warn_unused_result));
int machine_translate(struct machine *machine, unsigned vcpu, uint64_t linear, uint64_t *physical)
	__attribute__((warn_unused_result));
/*
 * What accesses cost: for any thread, from machine_start() to machine_detach(). Where the accelerator
 * does not count, no meter (NULL) and no zones.
 */
const struct meter *machine_vcpu_meter(struct machine *machine, unsigned vcpu);
/* The kernel's number of the vCPU's thread; 0: it has none. */
int machine_vcpu_thread(struct machine *machine, unsigned vcpu);
const struct meter *machine_ring_meter(struct machine *machine); /* of writes that waited */
/* The kernel's statistics, as struct accel_ops has them: -ENOTSUP where there are none. */
int machine_stats(struct machine *machine, int vcpu, struct meter_stats *out)
	__attribute__((warn_unused_result));
/* Copies up to max zones to out; how many there are. */
size_t machine_zones(struct machine *machine, struct meter_zone *out, size_t max);

void machine_observe(struct machine *machine, struct machine_observer *observer);
void machine_unobserve(struct machine *machine, struct machine_observer *observer);
