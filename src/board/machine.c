// SPDX-License-Identifier: MIT
#include "board/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

enum {
	REQUEST_RESET = 1u << 0,
	REQUEST_SHUTDOWN = 1u << 1,
	REQUEST_EXIT = 1u << 2,
	REQUEST_SLEEP = 1u << 3,
	REQUEST_WAKE = 1u << 4,
	REQUEST_PANIC = 1u << 5,
	REQUEST_RTC_CHANGE = 1u << 6,
};

/* Requests after which no vCPU may execute another access. */
#define REQUESTS_THAT_STOP (REQUEST_RESET | REQUEST_SHUTDOWN | REQUEST_EXIT | REQUEST_SLEEP)

static void machine_tell(struct machine *machine, struct machine_event event)
{
	struct machine_observer *next;

	for (struct machine_observer *o = LIST_FIRST(&machine->observers); o; o = next) {
		next = LIST_NEXT(o, link);
		o->event(o->arg, &event);
	}
}

static void request(struct machine *machine, unsigned what)
{
	atomic_fetch_or(&machine->requests, what);
	if ((what & REQUESTS_THAT_STOP) && machine->options.accel == MACHINE_KVM)
		hv_vcpus_ask_pause(&machine->hv);
	loop_post(machine->loop, &machine->request_task);
}

void machine_request_reset(struct machine *machine, enum machine_cause cause)
{
	atomic_store(&machine->reset_cause, cause);
	/* Nothing that the guest does behind it happens; what the host asks for cuts nothing off. */
	if (cause == MACHINE_BY_GUEST && machine->options.accel == MACHINE_KVM)
		hv_vcpus_ask_reset(&machine->hv);
	request(machine, REQUEST_RESET);
}

void machine_request_shutdown(struct machine *machine, enum machine_cause cause)
{
	atomic_store(&machine->shutdown_cause, cause);
	request(machine, REQUEST_SHUTDOWN);
}

void machine_request_exit(struct machine *machine, int status)
{
	int none = -1;

	atomic_compare_exchange_strong(&machine->exit_status, &none, status);
	request(machine, REQUEST_EXIT);
}

void machine_request_sleep(struct machine *machine, bool deep)
{
	atomic_store(&machine->sleep_deep, deep);
	request(machine, REQUEST_SLEEP);
}

void machine_request_wake(struct machine *machine)
{
	request(machine, REQUEST_WAKE);
}

void machine_request_panic(struct machine *machine)
{
	request(machine, REQUEST_PANIC);
}

void machine_request_rtc_change(struct machine *machine, int64_t offset)
{
	atomic_store(&machine->rtc_offset, offset);
	request(machine, REQUEST_RTC_CHANGE);
}

void machine_drain(struct machine *machine)
{
	if (machine->options.accel != MACHINE_KVM) {
		soft_cpu_drain(&machine->soft);
		return;
	}
	hv_vm_drain(&machine->hv);
	if (mem_map_settle(&machine->map))
		log_error("out of memory for the guest's address map; a change of it is lost");
}

/* The loop's hook: whatever a callback looks at, no earlier write of the guest is missing. */
static void drain_before_callbacks(void *arg)
{
	struct machine *machine = arg;

	machine_drain(machine);
	drain_timer_put_off(&machine->drain_timer);
}

static uint64_t shortest_deadline(void *arg)
{
	struct machine *machine = arg;

	return hv_vm_deadline(&machine->hv);
}

/* Called behind the zones' own listener, whose order is before that of observers. */
static void zones_changed(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	struct machine *machine = arg;

	drain_timer_check(&machine->drain_timer);
}

/* When it returns nothing changes the guest's memory or its chips but whoever called. */
static void pause_cpus(struct machine *machine)
{
	if (machine->options.accel == MACHINE_KVM) {
		hv_vcpus_pause(&machine->hv);
		drain_timer_stop(&machine->drain_timer);
		clock_stop(&machine->vm);
	}
	machine_drain(machine);
	if (machine->options.quiesce)
		machine->options.quiesce(machine->options.board);
}

static void resume_cpus(struct machine *machine)
{
	if (machine->options.unquiesce)
		machine->options.unquiesce(machine->options.board);
	if (machine->options.accel != MACHINE_KVM)
		return;
	clock_start(&machine->vm);
	drain_timer_start(&machine->drain_timer);
	hv_vcpus_resume(&machine->hv);
}

void machine_stop(struct machine *machine)
{
	if (machine->state != MACHINE_RUNNING)
		return;
	pause_cpus(machine);
	machine->state = MACHINE_PAUSED;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_STOP });
}

void machine_continue(struct machine *machine)
{
	if (machine->state == MACHINE_RUNNING || machine->ended)
		return;
	machine->state = MACHINE_RUNNING;
	machine->begun = true;
	machine->panicked = false;
	resume_cpus(machine);
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_RESUME });
}

void machine_power_button(struct machine *machine)
{
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_POWERDOWN });
	if (machine->options.power_button)
		machine->options.power_button(machine->options.board);
}

static void end(struct machine *machine, int status)
{
	machine->status = status;
	machine->ended = true;
	loop_quit(machine->loop);
}

/* event: the SHUTDOWN that is told. */
static void shut_down(struct machine *machine, struct machine_event event)
{
	bool running = machine->state == MACHINE_RUNNING;

	if (machine->ended)
		return;
	if (running)
		pause_cpus(machine);
	machine_tell(machine, event);
	if (!machine->options.no_shutdown) {
		end(machine, 0);
		return;
	}
	machine->state = MACHINE_SHUT_DOWN;
	if (running)
		machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_STOP });
}

static void reset_chips_and_cpus(struct machine *machine)
{
	struct error err;

	machine->options.reset(machine->options.board);
	if (mem_map_settle(&machine->map))
		log_error("out of memory for the guest's address map after a reset");
	if (machine->options.accel == MACHINE_KVM && hv_vm_reset(&machine->hv, &err)) {
		log_error("%s", err.text);
		end(machine, 1);
	}
}

static void reset(struct machine *machine, enum machine_cause cause)
{
	if (machine->options.no_reboot) {
		shut_down(machine, (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
							   .cause = cause,
							   .of_reset = true });
		return;
	}
	if (machine->state == MACHINE_RUNNING)
		pause_cpus(machine);
	/* A second reset that was still waiting in the ring is this one. */
	atomic_fetch_and(&machine->requests, ~(unsigned)REQUEST_RESET);
	if (machine->state == MACHINE_ASLEEP)
		machine->state = MACHINE_RUNNING;
	if (machine->state == MACHINE_SHUT_DOWN)
		machine->state = MACHINE_PAUSED;
	machine->panicked = false;
	reset_chips_and_cpus(machine);
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_RESET,
						      .cause = cause,
						      .of_reset = true });
	if (machine->state == MACHINE_RUNNING && !machine->ended)
		resume_cpus(machine);
}

/* The clocks go on, for the alarm that is to wake the guest. */
static void fall_asleep(struct machine *machine)
{
	if (machine->state != MACHINE_RUNNING)
		return;
	pause_cpus(machine);
	if (machine->options.accel == MACHINE_KVM)
		clock_start(&machine->vm);
	machine->state = MACHINE_ASLEEP;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_SUSPEND });
}

static void machine_wake(struct machine *machine)
{
	if (machine->state != MACHINE_ASLEEP)
		return;
	machine_tell(machine, (struct machine_event){ .kind = MACHINE_EVENT_WAKEUP });
	machine->state = MACHINE_RUNNING;
	if (atomic_load(&machine->sleep_deep))
		reset_chips_and_cpus(machine);
	resume_cpus(machine);
}

static void panic(struct machine *machine)
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
		shut_down(machine, (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
							   .of_panic = true });
}

/* Carries out what was asked. The vCPU that asked has stood still since. */
static void carry_out_requests(void *arg)
{
	struct machine *machine = arg;
	unsigned asked = atomic_exchange(&machine->requests, 0);

	if (asked & REQUEST_RTC_CHANGE)
		machine_tell(machine,
			     (struct machine_event){ .kind = MACHINE_EVENT_RTC_CHANGE,
						     .offset = atomic_load(&machine->rtc_offset) });
	if (asked & REQUEST_PANIC)
		panic(machine);
	if (asked & REQUEST_EXIT) {
		if (machine->state == MACHINE_RUNNING)
			pause_cpus(machine);
		end(machine, atomic_load(&machine->exit_status));
	} else if (asked & REQUEST_SHUTDOWN) {
		shut_down(machine,
			  (struct machine_event){ .kind = MACHINE_EVENT_SHUTDOWN,
						  .cause = atomic_load(&machine->shutdown_cause) });
	} else if (asked & REQUEST_RESET) {
		reset(machine, atomic_load(&machine->reset_cause));
	} else {
		if (asked & REQUEST_SLEEP)
			fall_asleep(machine);
		if (asked & REQUEST_WAKE)
			machine_wake(machine);
	}
}

/*
 * What a waiting write asks for, a reset, is done before the access behind it. With KVM a guest that
 * asked for a reset makes no such access any more; a test that plays the guest does.
 */
static void waiting_write_came(void *arg)
{
	struct machine *machine = arg;

	if ((atomic_load(&machine->requests) & REQUEST_RESET) &&
	    atomic_load(&machine->reset_cause) == MACHINE_BY_GUEST)
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

static int add_clocks(struct machine *machine)
{
	bool manual = machine->options.accel == MACHINE_NO_CPU;
	const struct {
		struct clock *clock;
		enum clock_kind kind;
	} clocks[] = {
		{ &machine->host, CLOCK_KIND_HOST },
		{ &machine->monotonic, CLOCK_KIND_MONOTONIC },
		{ &machine->vm, manual ? CLOCK_KIND_MANUAL : CLOCK_KIND_VM },
	};
	int ret;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		clock_init(clocks[i].clock, clocks[i].kind);
		ret = loop_add_clock(machine->loop, clocks[i].clock);
		if (ret)
			return ret;
	}
	return 0;
}

int machine_init(struct machine *machine, const struct machine_options *options, struct error *err)
{
	int ret;

	*machine = (struct machine){ .options = *options, .loop = options->loop };
	atomic_init(&machine->exit_status, -1);
	machine->options.hv.events = (struct hv_events){
		.reset = cpu_asks_reset,
		.shutdown = cpu_asks_shutdown,
		.failed = cpu_failed,
		.arg = machine,
	};
	machine->request_task = (struct loop_task){ .run = carry_out_requests, .arg = machine };
	ret = add_clocks(machine);
	if (ret)
		return error_set(err, ret, "timer: %s", strerror(-ret));
	ret = mem_map_init(&machine->map);
	if (ret)
		return error_set(err, ret, "address map: %s", strerror(-ret));
	ret = drain_timer_init(&machine->drain_timer, machine->loop, shortest_deadline, machine);
	if (ret) {
		error_set(err, ret, "timer: %s", strerror(-ret));
		goto no_timer;
	}
	if (options->accel == MACHINE_KVM) {
		ret = hv_vm_create(&machine->hv, options->sys ? options->sys : hv_sys_host(),
				   &machine->options.hv, err);
		if (ret)
			goto no_vm;
		loop_set_before(machine->loop, drain_before_callbacks, machine);
	}
	return 0;

no_vm:
	drain_timer_destroy(&machine->drain_timer);
no_timer:
	mem_map_destroy(&machine->map);
	return ret;
}

bool machine_step_clock(struct machine *machine, int64_t ns)
{
	assert(machine->options.accel == MACHINE_NO_CPU);
	if (machine->state != MACHINE_RUNNING && machine->state != MACHINE_ASLEEP)
		return false;
	machine_drain(machine);
	clock_step(&machine->vm, ns);
	return true;
}

int machine_start(struct machine *machine, struct error *err)
{
	int ret;

	if (machine->options.accel == MACHINE_KVM) {
		ret = hv_vm_attach(&machine->hv, &machine->map, err);
		if (!ret)
			ret = hv_vcpus_start(&machine->hv, true, err);
		if (ret)
			return ret;
	} else {
		soft_cpu_init(&machine->soft, &machine->map, machine->options.soft_coalesce);
		machine->soft.came = waiting_write_came;
		machine->soft.came_arg = machine;
		loop_set_before(machine->loop, drain_before_callbacks, machine);
	}
	machine->zones_observer = (struct mem_listener){
		.order = MEM_ORDER_OBSERVERS,
		.arg = machine,
		.wait_add = zones_changed,
		.wait_del = zones_changed,
	};
	mem_map_listen(&machine->map, &machine->zones_observer);
	machine->started = true;
	machine->stamp = meter_stamp_now();
	return 0;
}

int machine_run(struct machine *machine)
{
	int ret = loop_run(machine->loop);

	if (ret) {
		log_error("event loop: %s", strerror(-ret));
		machine->status = 1;
	}
	if (machine->state == MACHINE_RUNNING)
		pause_cpus(machine);
	machine->state = MACHINE_PAUSED;
	return machine->status;
}

void machine_detach(struct machine *machine)
{
	if (machine->detached)
		return;
	machine->detached = true;
	loop_set_before(machine->loop, NULL, NULL);
	if (machine->started)
		mem_map_unlisten(&machine->map, &machine->zones_observer);
	if (machine->options.accel == MACHINE_KVM)
		hv_vm_destroy(&machine->hv);
	else if (machine->started)
		soft_cpu_destroy(&machine->soft);
	drain_timer_destroy(&machine->drain_timer);
}

void machine_destroy(struct machine *machine)
{
	machine_detach(machine);
	mem_map_destroy(&machine->map);
}

void machine_observe(struct machine *machine, struct machine_observer *observer)
{
	LIST_INSERT_HEAD(&machine->observers, observer, link);
}

void machine_unobserve(struct machine *machine, struct machine_observer *observer)
{
	LIST_REMOVE(observer, link);
}
