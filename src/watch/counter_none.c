// SPDX-License-Identifier: MIT
/* In place of counter.c where there was no clang, or no libbpf, to build with. */
#include <errno.h>

#include "watch/counter.h"

int watch_counter_open(struct watch_counter *counter, const struct watch_formats *formats,
		       uint32_t exit_id, pid_t pid, struct error *err)
{
	*counter = (struct watch_counter){ 0 };
	return error_set(err, -ENOTSUP,
			 "BPF: this program was built without (needs clang, libbpf)");
}

void watch_counter_close(struct watch_counter *counter)
{
}

void watch_counter_start(struct watch_counter *counter)
{
}

void watch_counter_drain(struct watch_counter *counter, struct watch_pairs *pairs)
{
}

void watch_counter_stop(struct watch_counter *counter, struct watch_pairs *pairs)
{
}

uint64_t watch_counter_lost(const struct watch_counter *counter)
{
	return 0;
}
