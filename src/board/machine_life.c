// SPDX-License-Identifier: MIT
/* The life of a machine: what was asked of it, and what it is and does from one state to the next. */
#include <errno.h>

#include "base/log.h"
#include "board/machine_impl.h"

enum {
	REQUEST_RESET_BY_GUEST = 1u << 0,
	REQUEST_RESET_BY_HOST = 1u << 1,
	REQUEST_SHUTDOWN_BY_GUEST = 1u << 2,
	REQUEST_SHUTDOWN_BY_HOST = 1u << 3,
	REQUEST_EXIT = 1u << 4,
	REQUEST_SLEEP = 1u << 5,
	REQUEST_SLEEP_DEEP = 1u << 6,
	REQUEST_WAKE = 1u << 7,
	REQUEST_PANIC = 1u << 8,
	REQUEST_RTC_CHANGE = 1u << 9,
	REQUEST_DISK_STOP = 1u << 10,
};

#define REQUESTS_RESET    (REQUEST_RESET_BY_GUEST | REQUEST_RESET_BY_HOST)
#define REQUESTS_SHUTDOWN (REQUEST_SHUTDOWN_BY_GUEST | REQUEST_SHUTDOWN_BY_HOST)
#define REQUESTS_SLEEP    (REQUEST_SLEEP | REQUEST_SLEEP_DEEP)
/* Requests after which no vCPU may execute another access. */
#define REQUESTS_THAT_STOP                                                                         \
	(REQUESTS_RESET | REQUESTS_SHUTDOWN | REQUEST_EXIT | REQUESTS_SLEEP | REQUEST_DISK_STOP)

/* Requests: any thread, chips' locks held */

static void machine_request(struct machine *machine, unsigned what)
{
	atomic_fetch_or(&machine->requests, what);
	if (what & REQUESTS_THAT_STOP)
		machine->accel->ops->ask_pause(machine->accel);
	loop_post(machine->loop, &machine->request_task);
}

void machine_request_reset(struct machine *machine, enum machine_cause cause)
{
	/* Nothing that the guest does behind it happens; what the host asks for cuts nothing off. */
	if (cause == MACHINE_BY_GUEST)
		machine->accel->ops->ask_reset(machine->accel);
	machine_request(machine,
			cause == MACHINE_BY_GUEST ? REQUEST_RESET_BY_GUEST : REQUEST_RESET_BY_HOST);
}

void machine_request_shutdown(struct machine *machine, enum machine_cause cause)
{
	machine_request(machine, cause == MACHINE_BY_GUEST ? REQUEST_SHUTDOWN_BY_GUEST
							   : REQUEST_SHUTDOWN_BY_HOST);
}

void machine_request_exit(struct machine *machine, int status)
{
	int none = -1;

	atomic_compare_exchange_strong(&machine->exit_status, &none, status);
	machine_request(machine, REQUEST_EXIT);
}

void machine_request_sleep(struct machine *machine, bool deep)
{
	machine_request(machine, deep ? REQUEST_SLEEP_DEEP : REQUEST_SLEEP);
}

void machine_request_wake(struct machine *machine)
{
	machine_request(machine, REQUEST_WAKE);
}

void machine_request_panic(struct machine *machine)
{
	machine_request(machine, REQUEST_PANIC);
}

void machine_request_rtc_change(struct machine *machine, int64_t offset)
{
	atomic_store(&machine->rtc_offset, offset);
	machine_request(machine, REQUEST_RTC_CHANGE);
}

/* Observers */

/* One that is about to be told may be taken out meanwhile; calls of machine_tell() nest. */
struct machine_telling {
	struct machine_observer *next;
	struct machine_telling *outer;
};

static void machine_tell(struct machine *machine, struct machine_event event)
{
	struct machine_telling telling = { .next = LIST_FIRST(&machine->observers),
					   .outer = machine->telling };

	machine->telling = &telling;
	while (telling.next) {
		struct machine_observer *observer = telling.next;

		telling.next = LIST_NEXT(observer, link);
		observer->event(observer->arg, &event);
	}
	machine->telling = telling.outer;
}

void machine_observe(struct machine *machine, struct machine_observer *observer)
{
	LIST_INSERT_HEAD(&machine->observers, observer, link);
}

void machine_unobserve(struct machine *machine, struct machine_observer *observer)
{
	for (struct machine_telling *t = machine->telling; t; t = t->outer) {
		if (t->next == observer)
			t->next = LIST_NEXT(observer, link);
	}
	LIST_REMOVE(observer, link);
}

/* What goes on in which state */

static const struct {
	bool cpus, time;
} goes_on[] = {
	[MACHINE_PAUSED] = { false, false },
	[MACHINE_RUNNING] = { true, true },
	[MACHINE_ASLEEP] = { false, true }, /* for the alarm that is to wake the guest */
	[MACHINE_SHUT_DOWN] = { false, false },
};

/* When it returns nothing changes the guest's memory or its chips but whoever called. */
static void pause_cpus(struct machine *machine)
{
	if (machine->cpus_run) {
		machine->cpus_run = false;
		machine->accel->ops->pause(machine->accel);
		drain_timer_stop(&machine->drain_timer);
	}
	if (machine->quiesced)
		return;
	machine->quiesced = true;
	if (machine->options.quiesce)
		machine->options.quiesce(machine->options.board);
}

static void resume_cpus(struct machine *machine)
{
	if (machine->quiesced) {
		machine->quiesced = false;
		if (machine->options.unquiesce)
			machine->options.unquiesce(machine->options.board);
	}
	if (machine->cpus_run)
		return;
	machine->cpus_run = true;
	drain_timer_start(&machine->drain_timer);
	machine->accel->ops->resume(machine->accel);
}

/* The machine's clock and those of the accelerator stand still and go on together. */
static void let_time_run(struct machine *machine, bool runs)
{
	const struct accel_ops *ops = machine->accel->ops;

	if (machine->time_runs == runs)
		return;
	machine->time_runs = runs;
	if (ops->manual_clock)
		return;
	if (runs) {
		if (ops->start_time)
			ops->start_time(machine->accel);
		clock_start(&machine->vm);
	} else {
		clock_stop(&machine->vm);
		if (ops->stop_time)
			ops->stop_time(machine->accel);
	}
}

void machine_enter(struct machine *machine, enum machine_state state)
{
	/* First: what a waiting write asks for while vCPUs are paused is done in the new state. */
	machine->state = state;
	if (!goes_on[state].cpus)
		pause_cpus(machine);
	let_time_run(machine, goes_on[state].time);
	if (goes_on[state].cpus)
		resume_cpus(machine);
}

/* What is done to it */

static void carry_out_requests(void *arg);

void machine_stop(struct machine *machine)
{
	if (machine->state != MACHINE_RUNNING && machine->state != MACHINE_ASLEEP)
		return;
	machine_enter(machine, MACHINE_PAUSED);
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_STOP });
}

void machine_continue(struct machine *machine)
{
	/* A guest that asked for a reset or for sleep does nothing more before that is done. */
	if (machine->state == MACHINE_PAUSED &&
	    (atomic_load(&machine->requests) & REQUESTS_THAT_STOP))
		carry_out_requests(machine);
	if (machine->state != MACHINE_PAUSED || machine->ended)
		return;
	machine->begun = true;
	machine->panicked = false;
	machine->disk_failed = false;
	machine_enter(machine, machine->guest_sleeps ? MACHINE_ASLEEP : MACHINE_RUNNING);
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_RESUME });
}

/* What is asked for meanwhile is carried out by its task, which lets go on what may. */
static void end_look(struct machine *machine)
{
	if (!(atomic_load(&machine->requests) & REQUESTS_THAT_STOP))
		machine_enter(machine, machine->state);
}

int machine_registers(struct machine *machine, unsigned vcpu, struct cpu_registers *out)
{
	const struct accel_ops *ops = machine->accel->ops;
	int ret;

	if (!ops->registers)
		return -ENOTSUP;
	pause_cpus(machine);
	ret = ops->registers(machine->accel, vcpu, out);
	end_look(machine);
	return ret;
}

int machine_translate(struct machine *machine, unsigned vcpu, uint64_t linear, uint64_t *physical)
{
	const struct accel_ops *ops = machine->accel->ops;
	int ret;

	if (!ops->translate)
		return -ENOTSUP;
	pause_cpus(machine);
	ret = ops->translate(machine->accel, vcpu, linear, physical);
	end_look(machine);
	return ret;
}

void machine_disk_failed(void *machine, const struct block_error *error)
{
	machine_tell(machine,
		     (struct machine_event){ .kind = MACHINE_EVENT_DISK_ERROR, .disk = error });
	/* Later: the disk's chip is in the middle of it. */
	if (error->action == BLOCK_ACTION_STOP)
		machine_request(machine, REQUEST_DISK_STOP);
}

void machine_tray_moved(void *machine, const struct drive *drive, bool open)
{
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_TRAY,
						      .drive = drive,
						      .tray_open = open });
}

void machine_power_button(struct machine *machine)
{
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_POWERDOWN });
	if (machine->options.power_button)
		machine->options.power_button(machine->options.board);
}

static void machine_end(struct machine *machine, int status)
{
	machine->status = status;
	machine->ended = true;
	loop_quit(machine->loop);
}

/* event: the SHUTDOWN that is told. */
static void machine_shut_down(struct machine *machine, struct machine_event event)
{
	bool running = machine->state == MACHINE_RUNNING;

	pause_cpus(machine);
	machine_tell(machine, event);
	if (!machine->options.no_shutdown) {
		machine_end(machine, 0);
		return;
	}
	machine->guest_sleeps = false;
	machine_enter(machine, MACHINE_SHUT_DOWN);
	if (running)
		machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_STOP });
}

/* vCPUs stand still. False if that ended the machine: they must not go on. */
static bool reset_chips_and_cpus(struct machine *machine)
{
	struct error err;

	machine->options.reset(machine->options.board);
	machine_drain(machine); /* chips asked for changes of the map */
	if (!machine->accel->ops->reset(machine->accel, &err))
		return true;
	log_error("%s", err.text);
	machine_enter(machine, MACHINE_PAUSED);
	machine_end(machine, 1);
	return false;
}

static void machine_reset(struct machine *machine, enum machine_cause cause)
{
	bool goes_on_after = machine->state == MACHINE_RUNNING || machine->state == MACHINE_ASLEEP;

	if (machine->options.no_reboot) {
		machine_shut_down(machine, (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
								   .cause = cause,
								   .of_reset = true });
		return;
	}
	pause_cpus(machine);
	machine->state = goes_on_after ? MACHINE_RUNNING : MACHINE_PAUSED;
	machine->guest_sleeps = false;
	machine->panicked = false;
	machine->disk_failed = false;
	if (!reset_chips_and_cpus(machine))
		return;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_RESET,
						      .cause = cause,
						      .of_reset = true });
}

static void fall_asleep(struct machine *machine, bool deep)
{
	if (machine->guest_sleeps || machine->state == MACHINE_SHUT_DOWN)
		return;
	machine->guest_sleeps = true;
	machine->sleep_deep = deep;
	if (machine->state == MACHINE_RUNNING)
		machine_enter(machine, MACHINE_ASLEEP);
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_SUSPEND });
}

static void machine_wake(struct machine *machine)
{
	if (!machine->guest_sleeps)
		return;
	machine->guest_sleeps = false;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_WAKEUP });
	if (machine->sleep_deep && !reset_chips_and_cpus(machine))
		return;
	if (machine->state == MACHINE_ASLEEP)
		machine->state = MACHINE_RUNNING;
}

static void machine_panic(struct machine *machine)
{
	enum machine_panic what = machine->options.panic;

	if (what == MACHINE_PANIC_SHUTDOWN && machine->options.no_shutdown)
		what = MACHINE_PANIC_PAUSE;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_PANIC, .panic = what });
	if (what == MACHINE_PANIC_RUN)
		return;
	machine_stop(machine);
	machine->panicked = machine->state == MACHINE_PAUSED;
	if (what == MACHINE_PANIC_SHUTDOWN)
		machine_shut_down(machine, (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
								   .of_panic = true });
}

/* Those that decide whether and how the guest goes on; it stands still. */
static void carry_out_stops(struct machine *machine, unsigned asked)
{
	if (asked & REQUEST_EXIT) {
		machine_end(machine, atomic_load(&machine->exit_status));
		return;
	}
	if (!machine->ended && (asked & REQUESTS_SHUTDOWN))
		machine_shut_down(machine,
				  (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
							  .cause = asked & REQUEST_SHUTDOWN_BY_GUEST
									   ? MACHINE_BY_GUEST
									   : MACHINE_BY_HOST });
	if (machine->ended)
		return;
	if (asked & REQUESTS_RESET) {
		machine_reset(machine,
			      asked & REQUEST_RESET_BY_GUEST ? MACHINE_BY_GUEST : MACHINE_BY_HOST);
		return;
	}
	if (asked & REQUESTS_SLEEP)
		fall_asleep(machine, asked & REQUEST_SLEEP_DEEP);
	if (asked & REQUEST_WAKE)
		machine_wake(machine);
}

/* Carries out what was asked. The vCPU that asked has stood still since. */
static void carry_out_requests(void *arg)
{
	struct machine *machine = arg;
	unsigned asked = atomic_exchange(&machine->requests, 0);

	if (machine->ended)
		return;
	if (asked & REQUESTS_THAT_STOP) {
		/* What the other vCPUs were at may have asked for more, and none of them can now. */
		pause_cpus(machine);
		asked |= atomic_exchange(&machine->requests, 0);
	}
	if (asked & REQUEST_RTC_CHANGE)
		machine_tell(machine,
			     (struct machine_event){ .kind = MACHINE_EVENT_RTC_CHANGE,
						     .offset = atomic_load(&machine->rtc_offset) });
	if (asked & REQUEST_DISK_STOP) {
		machine_stop(machine);
		machine->disk_failed = machine->state == MACHINE_PAUSED;
	}
	if (asked & REQUEST_PANIC)
		machine_panic(machine);
	carry_out_stops(machine, asked);
	if (!machine->ended)
		machine_enter(machine, machine->state);
}

/* What a waiting write asks for, a reset, is done before the access behind it. */
static void waiting_write_came(void *arg)
{
	struct machine *machine = arg;

	if (atomic_load(&machine->requests) & REQUEST_RESET_BY_GUEST)
		carry_out_requests(machine);
}

static void cpu_asks_reset(void *arg)
{
	machine_request_reset(arg, MACHINE_BY_GUEST);
}

static void cpu_asks_shutdown(void *arg)
{
	machine_request_shutdown(arg, MACHINE_BY_GUEST);
}

static void cpu_failed(void *arg, const char *message)
{
	log_error("%s", message);
	machine_request_exit(arg, 1);
}

void machine_life_init(struct machine *machine)
{
	atomic_init(&machine->exit_status, -1);
	machine->request_task = (struct loop_task){ .run = carry_out_requests, .arg = machine };
}

struct accel_events machine_life_events(struct machine *machine)
{
	return (struct accel_events){
		.reset = cpu_asks_reset,
		.shutdown = cpu_asks_shutdown,
		.failed = cpu_failed,
		.delivered = waiting_write_came,
		.arg = machine,
	};
}
