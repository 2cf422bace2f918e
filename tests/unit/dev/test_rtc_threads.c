// SPDX-License-Identifier: MIT
/* The RTC under a vCPU, the thread of its timers and a monitor at once, for the thread sanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/rtc_core.h"
#include "rtc_rig.h"

#define ROUNDS 3000

struct scene {
	struct rtc_rig rig;
	atomic_bool done;
};

static void *run_timers(void *arg)
{
	struct scene *scene = arg;

	while (!atomic_load(&scene->done))
		clock_run_due(&scene->rig.clock);
	return NULL;
}

static void *monitor(void *arg)
{
	struct scene *scene = arg;
	uint8_t *saved = malloc(state_size(&rtc_state_table));

	while (!atomic_load(&scene->done)) {
		struct rtc_date date;

		rtc_save(&scene->rig.rtc, saved);
		(void)rtc_date(&scene->rig.rtc, &date);
		(void)rtc_nmi_masked(&scene->rig.rtc);
		(void)rtc_stats(&scene->rig.rtc);
	}
	free(saved);
	return NULL;
}

static void three_threads_at_one_chip(void **state)
{
	static struct scene scene;
	struct rtc_options options;
	pthread_t threads[2];

	rig_init(&scene.rig, 0);
	clock_destroy(&scene.rig.clock);
	clock_init(&scene.rig.clock, CLOCK_KIND_VM);
	clock_start(&scene.rig.clock);
	options = rig_options(&scene.rig, 0);
	options.lost_ticks = RTC_SLEW;
	rig_plug(&scene.rig, &options);
	assert_int_equal(pthread_create(&threads[0], NULL, run_timers, &scene), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, monitor, &scene), 0);
	for (int i = 0; i < ROUNDS; i++) {
		rig_put(&scene.rig, RTC_A, (uint8_t)(0x23 + i % 8));
		rig_put(&scene.rig, RTC_B, (uint8_t)(i % 16 ? 0x72 : 0x02));
		rig_put(&scene.rig, RTC_MINUTE, (uint8_t)(i % 10));
		for (int n = 0; n < 10; n++) {
			rig_get(&scene.rig, RTC_C);
			assert_true(rig_get(&scene.rig, RTC_MONTH) == 1);
		}
	}
	atomic_store(&scene.done, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	/* The line is what the flags say, whoever moved it last. */
	assert_int_equal(scene.rig.level, !!(scene.rig.rtc.state.ram[0][RTC_C] & RTC_C_IRQF));
	rig_unplug(&scene.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_threads_at_one_chip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
