// SPDX-License-Identifier: MIT
/* Random programs on the RTC, on one whose index writes come late, and on a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rtc_play.h"

#define PROGRAMS 800
#define BYTES    600

static void chip_and_late_chip_and_model_agree(void **state)
{
	const char *seed = getenv("COALPORT_SEED");
	uint8_t program[BYTES];

	srand(seed ? (unsigned)strtoul(seed, NULL, 0) : 1);
	for (int i = 0; i < PROGRAMS; i++) {
		for (size_t n = 0; n < BYTES; n++)
			program[n] = (uint8_t)(rand() >> 8);
		play(program, BYTES, INT64_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chip_and_late_chip_and_model_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
