// SPDX-License-Identifier: MIT
/* The life of a machine, step by step. Orders of requests: test_machine_orders.c. */
#include "life_rig.h"

static void test_run_and_stop(void **state)
{
	struct life life;
	int64_t stopped;

	life_make(&life, (struct machine_options){ 0 });
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	assert_false(life.machine.begun);
	machine_stop(&life.machine);
	life_expect(&life, "");

	machine_continue(&life.machine);
	assert_int_equal(life.machine.state, MACHINE_RUNNING);
	assert_true(life.machine.begun);
	machine_continue(&life.machine);
	life_expect(&life, "start_time resume RESUME");
	assert_true(life.machine.vm.running);

	machine_stop(&life.machine);
	machine_stop(&life.machine);
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	life_expect(&life, "pause quiesce stop_time STOP");
	stopped = clock_now(&life.machine.vm);
	assert_int_equal(clock_now(&life.machine.vm), stopped);

	machine_continue(&life.machine);
	life_expect(&life, "start_time unquiesce resume RESUME");
	machine_power_button(&life.machine);
	life_expect(&life, "POWERDOWN button");
	life_end(&life);
	life_expect(&life, "destroy");
}

/* Time goes on meanwhile, for the guest's clocks too. */
static void test_reset(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	life_expect(&life, "start_time resume RESUME");
	machine_request_reset(&life.machine, MACHINE_BY_GUEST);
	life_expect(&life, "ask_reset ask_pause");
	life_turn(&life);
	life_expect(&life, "pause quiesce chips reset RESET:guest unquiesce resume");
	assert_int_equal(life.machine.state, MACHINE_RUNNING);
	/* What the host asks for throws none of the guest's writes away. */
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life_turn(&life);
	life_expect(&life, "ask_pause pause quiesce chips reset RESET:host unquiesce resume");
	/* As the vCPU asks by a triple fault. */
	life.events.reset(life.events.arg);
	life_turn(&life);
	life_expect(&life,
		    "ask_reset ask_pause pause quiesce chips reset RESET:guest unquiesce resume");
	life_end(&life);
}

static void test_reset_while_paused(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	machine_stop(&life.machine);
	life.journal[0] = '\0';
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life_turn(&life);
	life_expect(&life, "ask_pause chips reset RESET:host");
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	machine_continue(&life.machine);
	life_expect(&life, "start_time unquiesce resume RESUME");
	life_end(&life);
}

static void test_no_reboot(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ .no_reboot = true });
	machine_continue(&life.machine);
	life.journal[0] = '\0';
	machine_request_reset(&life.machine, MACHINE_BY_GUEST);
	assert_int_equal(machine_run(&life.machine), 0);
	life_expect(&life, "ask_reset ask_pause pause quiesce SHUTDOWN:guest:reset stop_time");
	life_end(&life);
}

static void test_no_shutdown(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ .no_shutdown = true });
	machine_continue(&life.machine);
	life.journal[0] = '\0';
	life.events.shutdown(life.events.arg);
	life_turn(&life);
	life_expect(&life, "ask_pause pause quiesce SHUTDOWN:guest stop_time STOP");
	assert_int_equal(life.machine.state, MACHINE_SHUT_DOWN);
	assert_false(life.machine.ended);
	/* Nothing but a reset brings it back. */
	machine_continue(&life.machine);
	machine_request_sleep(&life.machine, false);
	machine_request_wake(&life.machine);
	life_turn(&life);
	life_expect(&life, "ask_pause");
	assert_int_equal(life.machine.state, MACHINE_SHUT_DOWN);
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life_turn(&life);
	life_expect(&life, "ask_pause chips reset RESET:host");
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	machine_continue(&life.machine);
	assert_int_equal(life.machine.state, MACHINE_RUNNING);
	/* As QMP's quit does it. */
	life.machine.options.no_shutdown = false;
	machine_request_shutdown(&life.machine, MACHINE_BY_HOST);
	assert_int_equal(machine_run(&life.machine), 0);
	assert_true(life.machine.ended);
	life_end(&life);
}

/* The vCPUs stand, time goes on; stopping stops that as well, and going on does not wake. */
static void test_sleep(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	life.journal[0] = '\0';
	machine_request_sleep(&life.machine, false);
	life_turn(&life);
	life_expect(&life, "ask_pause pause quiesce SUSPEND");
	assert_int_equal(life.machine.state, MACHINE_ASLEEP);
	assert_true(life.machine.vm.running);
	machine_continue(&life.machine);
	life_expect(&life, "");
	machine_stop(&life.machine);
	life_expect(&life, "stop_time STOP");
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	machine_continue(&life.machine);
	life_expect(&life, "start_time RESUME");
	assert_int_equal(life.machine.state, MACHINE_ASLEEP);
	machine_request_wake(&life.machine);
	life_turn(&life);
	life_expect(&life, "WAKEUP unquiesce resume");
	assert_int_equal(life.machine.state, MACHINE_RUNNING);
	/* Nobody sleeps: nobody wakes. */
	machine_request_wake(&life.machine);
	life_turn(&life);
	life_expect(&life, "");

	machine_request_sleep(&life.machine, true);
	life_turn(&life);
	life.journal[0] = '\0';
	machine_request_wake(&life.machine);
	life_turn(&life);
	life_expect(&life, "WAKEUP chips reset unquiesce resume");
	life_end(&life);
}

/* The guest asked for sleep, and stop was quicker than the loop. */
static void test_sleep_is_not_lost(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	machine_request_sleep(&life.machine, false);
	machine_stop(&life.machine);
	life_turn(&life);
	assert_int_equal(life.machine.state, MACHINE_PAUSED);
	assert_string_equal(life.told, "RESUME STOP SUSPEND");
	machine_continue(&life.machine);
	assert_int_equal(life.machine.state, MACHINE_ASLEEP);
	assert_false(life.cpus_run);
	life_end(&life);
}

/* Stopped and continued before the loop came to what the guest asked for: that is done first. */
static void test_guest_does_nothing_behind_its_request(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ .no_shutdown = true });
	machine_continue(&life.machine);
	machine_request_reset(&life.machine, MACHINE_BY_GUEST);
	machine_stop(&life.machine);
	life.journal[0] = '\0';
	machine_continue(&life.machine);
	life_expect(&life, "chips reset RESET:guest start_time unquiesce resume RESUME");

	machine_request_sleep(&life.machine, false);
	machine_stop(&life.machine);
	life.journal[0] = '\0';
	machine_continue(&life.machine);
	life_expect(&life, "SUSPEND start_time RESUME");
	assert_int_equal(life.machine.state, MACHINE_ASLEEP);
	machine_request_wake(&life.machine);
	life_turn(&life);

	machine_request_shutdown(&life.machine, MACHINE_BY_GUEST);
	machine_stop(&life.machine);
	life.journal[0] = '\0';
	machine_continue(&life.machine);
	life_expect(&life, "SHUTDOWN:guest");
	assert_int_equal(life.machine.state, MACHINE_SHUT_DOWN);
	life_end(&life);
}

static void sleeps_meanwhile(struct life *life)
{
	machine_request_sleep(&life->machine, false);
}

static void powers_off_meanwhile(struct life *life)
{
	machine_request_shutdown(&life->machine, MACHINE_BY_GUEST);
}

/* What a vCPU still asks for while it is being paused belongs to the same turn. */
static void test_requests_of_the_last_moment(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ .no_shutdown = true });
	machine_continue(&life.machine);
	life.during_pause = sleeps_meanwhile;
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life_turn(&life);
	life.during_pause = NULL;
	life_turn(&life);
	/* The guest that asked is gone; the one that began does not sleep. */
	assert_string_equal(life.told, "RESUME RESET:host");
	assert_int_equal(life.machine.state, MACHINE_RUNNING);

	life.told[0] = '\0';
	life.during_pause = powers_off_meanwhile;
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life_turn(&life);
	assert_string_equal(life.told, "SHUTDOWN:guest STOP RESET:host");
	life_end(&life);
}

static void test_reset_fails(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	life.reset_error = -EIO;
	life.journal[0] = '\0';
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	assert_int_equal(machine_run(&life.machine), 1);
	life_expect(&life, "ask_pause pause quiesce chips reset stop_time");
	assert_true(life.machine.ended);
	/* An ended machine stays as it is. */
	machine_continue(&life.machine);
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	machine_request_panic(&life.machine);
	machine_request_exit(&life.machine, 5);
	life_turn(&life);
	life_expect(&life, "ask_pause ask_pause");
	assert_int_equal(life.machine.status, 1);
	life_end(&life);
}

static void test_reset_fails_at_waking(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	machine_request_sleep(&life.machine, true);
	life_turn(&life);
	life.reset_error = -EIO;
	life.journal[0] = '\0';
	machine_request_wake(&life.machine);
	assert_int_equal(machine_run(&life.machine), 1);
	life_expect(&life, "WAKEUP chips reset stop_time");
	assert_false(life.cpus_run);
	life_end(&life);
}

static void test_panic(void **state)
{
	static const struct {
		enum machine_panic panic;
		bool no_shutdown;
		const char *told;
		bool ended, panicked, runs;
	} rows[] = {
		{ MACHINE_PANIC_SHUTDOWN, false, "PANIC STOP SHUTDOWN:panic", true, true, false },
		{ MACHINE_PANIC_SHUTDOWN, true, "PANIC STOP", false, true, false },
		{ MACHINE_PANIC_PAUSE, false, "PANIC STOP", false, true, false },
		{ MACHINE_PANIC_RUN, false, "PANIC", false, false, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct life life;

		life_make(&life, (struct machine_options){ .panic = rows[i].panic,
							   .no_shutdown = rows[i].no_shutdown });
		machine_continue(&life.machine);
		life.told[0] = '\0';
		machine_request_panic(&life.machine);
		life_turn(&life);
		assert_string_equal(life.told, rows[i].told);
		assert_int_equal(life.machine.ended, rows[i].ended);
		assert_int_equal(life.machine.panicked, rows[i].panicked);
		assert_int_equal(life.cpus_run, rows[i].runs);
		machine_continue(&life.machine);
		assert_int_equal(life.machine.panicked, rows[i].ended);
		life_end(&life);
	}
}

static void test_exit_status(void **state)
{
	struct life life;

	/* The first one counts, and nothing else that was asked for does. */
	life_make(&life, (struct machine_options){ .no_shutdown = true });
	machine_continue(&life.machine);
	machine_request_shutdown(&life.machine, MACHINE_BY_GUEST);
	machine_request_exit(&life.machine, 3);
	machine_request_exit(&life.machine, 5);
	assert_int_equal(machine_run(&life.machine), 3);
	assert_false(life.cpus_run);
	assert_string_equal(life.told, "RESUME");
	life_end(&life);

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	life.events.failed(life.events.arg, "a test ends here");
	assert_int_equal(machine_run(&life.machine), 1);
	life_end(&life);

	/* A panic is told, and ends it with the status that was asked for. */
	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	machine_request_exit(&life.machine, 7);
	machine_request_panic(&life.machine);
	assert_int_equal(machine_run(&life.machine), 7);
	assert_string_equal(life.told, "RESUME PANIC STOP SHUTDOWN:panic");
	life_end(&life);
}

/* Only where one that waits has asked for a reset is that done between waiting writes. */
static void test_waiting_writes(void **state)
{
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	machine_continue(&life.machine);
	life.journal[0] = '\0';
	life.events.delivered(life.events.arg);
	machine_request_reset(&life.machine, MACHINE_BY_HOST);
	life.events.delivered(life.events.arg);
	life_expect(&life, "ask_pause");
	life_turn(&life);
	life.journal[0] = '\0';
	machine_request_reset(&life.machine, MACHINE_BY_GUEST);
	life.events.delivered(life.events.arg);
	life_expect(&life,
		    "ask_reset ask_pause pause quiesce chips reset RESET:guest unquiesce resume");
	life_turn(&life);
	life_expect(&life, "");
	life_end(&life);
}

/* Observers that come and go while they are told. */
struct guest_of_honour {
	struct life *life;
	struct machine_observer observer, *out, *in;
	unsigned heard;
	bool stops; /* which tells the others before they have heard of this one */
};

static void honour(void *arg, const struct machine_event *event)
{
	struct guest_of_honour *guest = arg;

	guest->heard++;
	if (guest->out)
		machine_unobserve(&guest->life->machine, guest->out);
	if (guest->in)
		machine_observe(&guest->life->machine, guest->in);
	guest->out = guest->in = NULL;
	if (guest->stops && event->kind == MACHINE_EVENT_RESUME)
		machine_stop(&guest->life->machine);
}

static void test_observers(void **state)
{
	struct guest_of_honour guests[4];
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	for (unsigned i = 0; i < 4; i++) {
		guests[i] = (struct guest_of_honour){ .life = &life };
		guests[i].observer =
			(struct machine_observer){ .event = honour, .arg = &guests[i] };
		if (i < 3)
			machine_observe(&life.machine, &guests[i].observer);
	}
	/* Last in, first told: 2 takes out 1, whose turn comes next, 0 itself; 3 comes for later. */
	guests[2].out = &guests[1].observer;
	guests[2].in = &guests[3].observer;
	guests[0].out = &guests[0].observer;
	machine_continue(&life.machine);
	assert_int_equal(guests[2].heard, 1);
	assert_int_equal(guests[1].heard, 0);
	assert_int_equal(guests[0].heard, 1);
	assert_int_equal(guests[3].heard, 0);
	assert_string_equal(life.told, "RESUME");
	machine_stop(&life.machine);
	assert_int_equal(guests[3].heard, 1);
	assert_int_equal(guests[0].heard, 1);

	/* Taken out by what is told within what is told. */
	machine_observe(&life.machine, &guests[1].observer);
	guests[1].stops = true;
	guests[1].heard = guests[3].heard = 0;
	guests[2].out = &life.observer;
	life.told[0] = '\0';
	machine_continue(&life.machine);
	assert_int_equal(guests[1].heard, 2);
	assert_int_equal(guests[3].heard, 2);
	assert_string_equal(life.told, "");
	assert_false(life.cpus_run);
	life_end(&life);
}

static void test_cannot_be_made(void **state)
{
	struct life life = { .create_error = -EACCES };

	assert_int_equal(life_try(&life, (struct machine_options){ 0 }, false), -EACCES);
	assert_true(LIST_EMPTY(&life.loop.clocks));
	assert_string_equal(life.journal, "");
	loop_destroy(&life.loop);

	life = (struct life){ .attach_error = -EAGAIN };
	assert_int_equal(life_try(&life, (struct machine_options){ 0 }, false), -EAGAIN);
	assert_true(LIST_EMPTY(&life.loop.clocks));
	assert_false(loop_has_tasks(&life.loop));
	assert_string_equal(life.journal, "destroy");
	loop_destroy(&life.loop);
}

static void watch(void *arg, unsigned line, bool level)
{
	char word[16];

	snprintf(word, sizeof(word), "%u=%d", line, level);
	life_note(((struct life *)arg)->journal, word);
}

static void test_interrupts(void **state)
{
	struct irq_line line;
	struct msi_sink msi;
	struct life life;

	life_make(&life, (struct machine_options){ 0 });
	line = machine_irq_line(&life.machine, 5);
	msi = machine_msi_sink(&life.machine);
	assert_int_equal(irq_set(&line, true), IRQ_MERGED);
	assert_int_equal(life.line, 5);
	assert_true(life.level);
	assert_int_equal(msi.send(msi.arg, 0xfee00000, 0x41), -EIO);
	assert_int_equal(life.msi, 0xfee00041);
	machine_watch_irqs(&life.machine, watch, &life);
	irq_set(&line, false);
	machine_watch_irqs(&life.machine, NULL, NULL);
	irq_set(&line, true);
	life_expect(&life, "5=0");
	/* A board without lines for others. */
	line = machine_irq_input(&life.machine, 3);
	assert_int_equal(irq_set(&line, true), IRQ_DELIVERED);
	life_end(&life);
}

static void asks_reset_once(struct life *life)
{
	life->during_pause = NULL;
	life->events.reset(life->events.arg);
}

/* Whoever looks at a processor has it stand still, and nobody hears of it. */
static void test_look_at_a_processor(void **state)
{
	struct cpu_registers registers;
	struct life life;
	uint64_t physical;

	life_make(&life, (struct machine_options){ 0 });
	assert_int_equal(machine_registers(&life.machine, 1, &registers), 0);
	assert_int_equal(registers.rip, 1);
	life_expect(&life, "quiesce look");
	machine_continue(&life.machine);
	life_expect(&life, "start_time unquiesce resume RESUME");
	assert_int_equal(machine_translate(&life.machine, 1, 2, &physical), 0);
	assert_int_equal(physical, 3);
	life_expect(&life, "pause quiesce look unquiesce resume");
	assert_int_equal(machine_translate(&life.machine, 1, 0, &physical), -EFAULT);
	life_expect(&life, "pause quiesce look unquiesce resume");

	/* What it asks for as it comes out is done before it goes on. */
	life.during_pause = asks_reset_once;
	assert_int_equal(machine_registers(&life.machine, 0, &registers), 0);
	life_expect(&life, "pause ask_reset ask_pause quiesce look");
	life_turn(&life);
	life_expect(&life, "chips reset RESET:guest unquiesce resume");

	machine_request_sleep(&life.machine, true);
	life_turn(&life);
	life.journal[0] = '\0';
	assert_int_equal(machine_registers(&life.machine, 0, &registers), 0);
	life_expect(&life, "look");
	life_end(&life);

	assert_int_equal(life_try(&life, (struct machine_options){ 0 }, true), 0);
	assert_int_equal(machine_registers(&life.machine, 0, &registers), -ENOTSUP);
	assert_int_equal(machine_translate(&life.machine, 0, 0, &physical), -ENOTSUP);
	life_end(&life);
}

static void rang(void *arg)
{
	life_note(((struct life *)arg)->journal, "rang");
}

/* On the accelerator "nobody" time moves when told, and not while it stands still. */
static void test_manual_clock(void **state)
{
	struct life life = { .line = 0 };
	struct timer timer;

	assert_int_equal(life_try(&life, (struct machine_options){ 0 }, true), 0);
	timer_init(&timer, &life.machine.vm, rang, &life);
	timer_arm(&timer, 10);
	assert_false(machine_step_clock(&life.machine, 10));
	machine_continue(&life.machine);
	assert_true(machine_step_clock(&life.machine, 9));
	life_expect(&life, "RESUME");
	machine_request_sleep(&life.machine, false);
	life_turn(&life);
	assert_true(machine_step_clock(&life.machine, 1));
	life_expect(&life, "quiesce SUSPEND rang");
	machine_stop(&life.machine);
	assert_false(machine_step_clock(&life.machine, 1));
	assert_int_equal(clock_now(&life.machine.vm), 10);
	life_end(&life);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_and_stop),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_while_paused),
		cmocka_unit_test(test_no_reboot),
		cmocka_unit_test(test_no_shutdown),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_sleep_is_not_lost),
		cmocka_unit_test(test_guest_does_nothing_behind_its_request),
		cmocka_unit_test(test_requests_of_the_last_moment),
		cmocka_unit_test(test_reset_fails),
		cmocka_unit_test(test_reset_fails_at_waking),
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_waiting_writes),
		cmocka_unit_test(test_observers),
		cmocka_unit_test(test_cannot_be_made),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_look_at_a_processor),
		cmocka_unit_test(test_manual_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
