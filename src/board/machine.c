// SPDX-License-Identifier: MIT
#include "board/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "board/machine_impl.h"

void machine_drain(struct machine *machine)
{
	machine->accel->ops->drain(machine->accel);
}

/* The loop's hook: whatever a callback looks at, no earlier write of the guest is missing. */
static void drain_before_callbacks(void *arg)
{
	struct machine *machine = arg;

	const struct meter *ring = machine_ring_meter(machine);
	uint64_t before = ring ? atomic_load_explicit(&ring->coalesced, memory_order_relaxed) : 0;
	bool due = drain_timer_is_due(&machine->drain_timer);

	machine_drain(machine);
	drain_timer_put_off(&machine->drain_timer);
	if (due && ring && atomic_load_explicit(&ring->coalesced, memory_order_relaxed) != before)
		machine->deadline_drains++;
}

static uint64_t shortest_deadline(void *arg)
{
	struct machine *machine = arg;

	return machine->accel->ops->deadline(machine->accel);
}

static void review_zones(void *arg)
{
	struct machine *machine = arg;

	machine->accel->ops->review(machine->accel);
}

/* Called behind the zones' own listener, whose order is before that of observers. */
static void zones_changed(void *arg, enum mem_space space, const struct mem_wait_range *wait)
{
	struct machine *machine = arg;

	drain_timer_check(&machine->drain_timer);
}

static void remove_clocks(struct machine *machine)
{
	struct clock *clocks[] = { &machine->host, &machine->monotonic, &machine->vm };

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		loop_remove_clock(machine->loop, clocks[i]);
		clock_destroy(clocks[i]);
	}
}

static int add_clocks(struct machine *machine)
{
	bool manual = machine->accel->ops->manual_clock;
	int ret;

	clock_init(&machine->host, CLOCK_KIND_HOST);
	clock_init(&machine->monotonic, CLOCK_KIND_MONOTONIC);
	clock_init(&machine->vm, manual ? CLOCK_KIND_MANUAL : CLOCK_KIND_VM);
	ret = loop_add_clock(machine->loop, &machine->host);
	if (!ret)
		ret = loop_add_clock(machine->loop, &machine->monotonic);
	if (!ret)
		ret = loop_add_clock(machine->loop, &machine->vm);
	if (ret)
		remove_clocks(machine);
	return ret;
}

int machine_init(struct machine *machine, const struct machine_options *options, struct error *err)
{
	struct accel_events events = machine_life_events(machine);
	int ret;

	*machine = (struct machine){
		.options = *options,
		.loop = options->loop,
		.accel = options->accel,
	};
	machine_life_init(machine);
	ret = add_clocks(machine);
	if (ret)
		return error_set(err, ret, "timer: %s", strerror(-ret));
	typist_init(&machine->typist, &machine->vm, &machine->input);
	screen_init(&machine->screen);
	drives_init(&machine->drives, machine->loop);
	machine->drives.moved = machine_tray_moved;
	machine->drives.failed = machine_disk_failed;
	machine->drives.arg = machine;
	ret = mem_map_init(&machine->map);
	if (ret) {
		error_set(err, ret, "address map: %s", strerror(-ret));
		goto no_map;
	}
	ret = drain_timer_init(&machine->drain_timer, machine->loop, shortest_deadline,
			       review_zones, machine);
	if (ret) {
		error_set(err, ret, "timer: %s", strerror(-ret));
		goto no_timer;
	}
	ret = machine->accel->ops->create(machine->accel, &events, err);
	if (ret)
		goto no_accel;
	return 0;

no_accel:
	drain_timer_destroy(&machine->drain_timer);
no_timer:
	mem_map_destroy(&machine->map);
no_map:
	remove_clocks(machine);
	return ret;
}

bool machine_step_clock(struct machine *machine, int64_t ns)
{
	assert(machine->accel->ops->manual_clock);
	if (machine->state != MACHINE_RUNNING && machine->state != MACHINE_ASLEEP)
		return false;
	machine_drain(machine);
	clock_step(&machine->vm, ns);
	return true;
}

int machine_start(struct machine *machine, struct error *err)
{
	int ret = machine->accel->ops->attach(machine->accel, &machine->map, err);

	if (ret)
		return ret;
	/* The guest's first moment is the first one that it runs. */
	if (machine->accel->ops->stop_time)
		machine->accel->ops->stop_time(machine->accel);
	loop_set_before(machine->loop, drain_before_callbacks, machine);
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
	machine_enter(machine, MACHINE_PAUSED);
	return machine->status;
}

void machine_detach(struct machine *machine)
{
	if (machine->detached)
		return;
	machine->detached = true;
	typist_stop(&machine->typist);
	loop_set_before(machine->loop, NULL, NULL);
	if (machine->started)
		mem_map_unlisten(&machine->map, &machine->zones_observer);
	machine->accel->ops->destroy(machine->accel);
	drain_timer_destroy(&machine->drain_timer);
}

void machine_destroy(struct machine *machine)
{
	machine_detach(machine);
	/* Chips ask for things to their end. */
	loop_unpost(machine->loop, &machine->request_task);
	mem_map_destroy(&machine->map);
	screen_destroy(&machine->screen);
	remove_clocks(machine);
}

static enum irq_status machine_irq(void *arg, unsigned line, bool level)
{
	struct machine *machine = arg;

	if (machine->irq_watch)
		machine->irq_watch(machine->irq_watch_arg, line, level);
	return machine->accel->ops->irq_line(machine->accel, line, level);
}

struct irq_line machine_irq_line(struct machine *machine, unsigned line)
{
	return (struct irq_line){ .set = machine_irq, .arg = machine, .line = line };
}

static int machine_msi(void *arg, uint64_t addr, uint32_t data)
{
	struct machine *machine = arg;

	return machine->accel->ops->msi(machine->accel, addr, data);
}

struct msi_sink machine_msi_sink(struct machine *machine)
{
	return (struct msi_sink){ .send = machine_msi, .arg = machine };
}

void machine_watch_irqs(struct machine *machine,
			void (*watch)(void *arg, unsigned line, bool level), void *arg)
{
	machine->irq_watch = watch;
	machine->irq_watch_arg = arg;
}

struct irq_line machine_irq_input(struct machine *machine, unsigned line)
{
	const struct machine_options *options = &machine->options;

	return options->irq_input ? options->irq_input(options->board, line)
				  : (struct irq_line){ 0 };
}

unsigned machine_vcpus(struct machine *machine)
{
	return machine->accel->ops->vcpus(machine->accel);
}

const struct meter *machine_vcpu_meter(struct machine *machine, unsigned vcpu)
{
	return machine->accel->ops->vcpu_meter(machine->accel, vcpu);
}

int machine_vcpu_thread(struct machine *machine, unsigned vcpu)
{
	const struct accel_ops *ops = machine->accel->ops;

	return ops->thread ? ops->thread(machine->accel, vcpu) : 0;
}

const struct meter *machine_ring_meter(struct machine *machine)
{
	return machine->accel->ops->ring_meter(machine->accel);
}

int machine_stats(struct machine *machine, int vcpu, struct meter_stats *out)
{
	*out = (struct meter_stats){ 0 };
	if (!machine->accel->ops->stats)
		return -ENOTSUP;
	return machine->accel->ops->stats(machine->accel, vcpu, out);
}

size_t machine_zones(struct machine *machine, struct meter_zone *out, size_t max)
{
	return machine->accel->ops->zones(machine->accel, out, max);
}
