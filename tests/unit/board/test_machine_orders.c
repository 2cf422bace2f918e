// SPDX-License-Identifier: MIT
/*
 * Whatever is asked of a machine between two turns of its loop, in whatever order, from whatever
 * state: the outcome depends on what was asked only, what goes on is what the state says, and an
 * accelerator that does nothing leads to the same as one that only notes.
 */
#include "life_rig.h"

/* What can be asked. The last one is not a request but done at once. */
enum wish {
	RESET_GUEST,
	RESET_HOST,
	OFF_GUEST,
	OFF_HOST,
	EXIT,
	SLEEP,
	SLEEP_DEEP,
	WAKE,
	PANIC,
	STOP
};

#define WISHES    (STOP + 1)
#define AT_ONCE   3
#define WISH_NONE WISHES

/* From where: the state is reached in the way that a machine gets there. */
static const enum machine_state states[] = { MACHINE_PAUSED, MACHINE_RUNNING, MACHINE_ASLEEP,
					     MACHINE_SHUT_DOWN };

static const struct machine_options policies[] = {
	{ .panic = MACHINE_PANIC_SHUTDOWN },
	{ .panic = MACHINE_PANIC_PAUSE, .no_reboot = true },
	{ .panic = MACHINE_PANIC_RUN, .no_shutdown = true },
	{ .panic = MACHINE_PANIC_SHUTDOWN, .no_reboot = true, .no_shutdown = true },
};

struct outcome {
	enum machine_state state, continued; /* and after machine_continue() */
	bool ended, panicked, sleeps;
	int status;
	char told[128]; /* without STOP, which comes when it is said */
};

static void ask(struct machine *machine, enum wish wish)
{
	switch (wish) {
	case RESET_GUEST:
		machine_request_reset(machine, MACHINE_BY_GUEST);
		break;
	case RESET_HOST:
		machine_request_reset(machine, MACHINE_BY_HOST);
		break;
	case OFF_GUEST:
		machine_request_shutdown(machine, MACHINE_BY_GUEST);
		break;
	case OFF_HOST:
		machine_request_shutdown(machine, MACHINE_BY_HOST);
		break;
	case EXIT:
		machine_request_exit(machine, 3);
		break;
	case SLEEP:
		machine_request_sleep(machine, false);
		break;
	case SLEEP_DEEP:
		machine_request_sleep(machine, true);
		break;
	case WAKE:
		machine_request_wake(machine);
		break;
	case PANIC:
		machine_request_panic(machine);
		break;
	case STOP:
		machine_stop(machine);
		break;
	}
}

static void bring_to(struct life *life, enum machine_state state)
{
	struct machine *machine = &life->machine;
	bool no_shutdown = machine->options.no_shutdown;

	if (state == MACHINE_PAUSED)
		return;
	machine_continue(machine);
	if (state == MACHINE_ASLEEP)
		machine_request_sleep(machine, false);
	if (state == MACHINE_SHUT_DOWN)
		machine_request_shutdown(machine, MACHINE_BY_GUEST);
	machine->options.no_shutdown = true;
	life_turn(life);
	machine->options.no_shutdown = no_shutdown;
	assert_int_equal(machine->state, state);
}

/* What the state says is what goes on. */
static void check_goes_on(struct life *life)
{
	struct machine *machine = &life->machine;
	bool runs = machine->state == MACHINE_RUNNING && !machine->ended;

	assert_int_equal(atomic_load(&machine->requests), 0);
	assert_false(loop_has_tasks(&life->loop));
	assert_int_equal(machine->cpus_run, runs);
	if (machine->begun)
		assert_int_equal(life->quiesced, !runs);
	if (machine->accel != &life->accel)
		return;
	assert_int_equal(life->cpus_run, runs);
	if (!machine->ended)
		assert_int_equal(life->time_stands, machine->state == MACHINE_PAUSED ||
							    machine->state == MACHINE_SHUT_DOWN);
}

static void without_stops(char *out, const char *told)
{
	char words[JOURNAL_MAX], *save = NULL;

	strcpy(words, told);
	out[0] = '\0';
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "STOP"))
			life_note(out, word);
	}
}

static struct outcome live(const struct machine_options *policy, enum machine_state from, bool none,
			   const enum wish wishes[AT_ONCE])
{
	static struct life life;
	struct machine *machine = &life.machine;
	struct outcome outcome;

	memset(&life, 0, sizeof(life));
	assert_int_equal(life_try(&life, *policy, none), 0);
	bring_to(&life, from);
	life.told[0] = '\0';
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (wishes[i] != WISH_NONE)
			ask(machine, wishes[i]);
	}
	life_turn(&life);
	check_goes_on(&life);
	outcome.state = machine->state;
	outcome.ended = machine->ended;
	outcome.panicked = machine->panicked;
	outcome.sleeps = machine->guest_sleeps;
	outcome.status = machine->status;
	without_stops(outcome.told, life.told);
	machine_continue(machine);
	check_goes_on(&life);
	outcome.continued = machine->state;
	if (outcome.sleeps && !outcome.ended)
		assert_int_equal(outcome.continued, MACHINE_ASLEEP);
	life_end(&life);
	return outcome;
}

static bool has(const enum wish wishes[AT_ONCE], enum wish wish)
{
	return wishes[0] == wish || wishes[1] == wish || wishes[2] == wish;
}

/* What every outcome has to be. */
static void check_outcome(const struct machine_options *policy, const enum wish wishes[AT_ONCE],
			  const struct outcome *outcome)
{
	bool off = has(wishes, OFF_GUEST) || has(wishes, OFF_HOST);
	bool reset = has(wishes, RESET_GUEST) || has(wishes, RESET_HOST);

	if (has(wishes, EXIT)) {
		assert_true(outcome->ended);
		assert_int_equal(outcome->status, 3);
		return;
	}
	if ((off || (reset && policy->no_reboot)) && !policy->no_shutdown)
		assert_true(outcome->ended);
	if (outcome->ended)
		return;
	if (reset && !policy->no_reboot) {
		assert_non_null(strstr(outcome->told, "RESET"));
		assert_false(outcome->sleeps);
	}
	if (has(wishes, WAKE))
		assert_false(outcome->sleeps);
	if (has(wishes, STOP))
		assert_int_not_equal(outcome->state, MACHINE_RUNNING);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->state == b->state && a->continued == b->continued && a->ended == b->ended &&
	       a->panicked == b->panicked && a->sleeps == b->sleeps && a->status == b->status &&
	       !strcmp(a->told, b->told);
}

static const enum wish orders_of_three[][AT_ONCE] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

static void check_orders(const struct machine_options *policy, enum machine_state from,
			 const enum wish wishes[AT_ONCE])
{
	struct outcome first = live(policy, from, false, wishes);

	check_outcome(policy, wishes, &first);
	for (unsigned i = 0; i < 6; i++) {
		const enum wish *order = orders_of_three[i];
		enum wish these[AT_ONCE] = { wishes[order[0]], wishes[order[1]], wishes[order[2]] };
		struct outcome outcome = live(policy, from, i & 1, these);

		if (same(&outcome, &first))
			continue;
		fail_msg("from state %d: wishes %d %d %d: state %d, then %d, \"%s\"; "
			 "%d %d %d: state %d, then %d, \"%s\"",
			 from, wishes[0], wishes[1], wishes[2], first.state, first.continued,
			 first.told, these[0], these[1], these[2], outcome.state, outcome.continued,
			 outcome.told);
	}
}

static void test_orders(void **state)
{
	for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
		for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
			for (int a = 0; a < WISHES; a++) {
				for (int b = a + 1; b <= WISHES; b++) {
					for (int c = b + (b < WISHES); c <= WISHES; c++)
						check_orders(&policies[p], states[s],
							     (enum wish[]){ (enum wish)a,
									    (enum wish)b,
									    (enum wish)c });
				}
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
