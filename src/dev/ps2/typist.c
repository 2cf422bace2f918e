// SPDX-License-Identifier: MIT
#include "dev/ps2/typist.h"

static void typist_all(struct typist *typist, bool down)
{
	const struct typist_chord *chord = &typist->chords[typist->first];

	typist->down = down;
	for (unsigned i = 0; i < chord->n; i++) {
		unsigned at = down ? i : chord->n - 1u - i;

		(void)input_key(typist->input, (enum ps2_key)chord->keys[at], down);
	}
}

static void typist_begin(struct typist *typist)
{
	typist_all(typist, true);
	timer_arm(&typist->timer,
		  clock_now(typist->timer.clock) + typist->chords[typist->first].hold);
}

/* The keys were held long enough, or were up as long before the next ones. */
static void typist_go_on(void *arg)
{
	struct typist *typist = arg;

	if (!typist->n)
		return;
	if (typist->down) {
		typist_all(typist, false);
		timer_arm(&typist->timer,
			  clock_now(typist->timer.clock) + typist->chords[typist->first].hold);
		return;
	}
	typist->first = (typist->first + 1) % TYPIST_QUEUE;
	if (--typist->n)
		typist_begin(typist);
}

void typist_init(struct typist *typist, struct clock *clock, struct input *input)
{
	*typist = (struct typist){ .input = input };
	timer_init(&typist->timer, clock, typist_go_on, typist);
}

void typist_stop(struct typist *typist)
{
	timer_disarm(&typist->timer);
	if (typist->n && typist->down)
		typist_all(typist, false);
	typist->n = 0;
}

bool typist_press(struct typist *typist, const struct typist_chord *chord)
{
	if (typist->n == TYPIST_QUEUE)
		return false;
	typist->chords[(typist->first + typist->n) % TYPIST_QUEUE] = *chord;
	if (!typist->n++)
		typist_begin(typist);
	return true;
}
