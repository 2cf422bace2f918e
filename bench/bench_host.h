// SPDX-License-Identifier: MIT
/* The host that a measurement was made on, in words, for whoever reads it elsewhere. */
#pragma once

#include <stddef.h>

struct json_object;

#define BENCH_FACTS_MAX 48
#define BENCH_FACT_TEXT 160

struct bench_fact {
	char name[48], value[BENCH_FACT_TEXT];
};

/*
 * What the files below root ("" for the host's own) tell, and, of the host itself, the versions of the
 * programs. What a host does not tell is left out. How many.
 */
size_t bench_host(struct bench_fact facts[BENCH_FACTS_MAX], const char *root);

/* The facts by name; the caller's. */
struct json_object *bench_host_object(const struct bench_fact *facts, size_t n);

/*
 * One line of what matters most for a measurement, and whether the processor is one that QEMU emulates, on
 * which times say nothing. Cut to size.
 */
void bench_host_line(char *out, size_t size, const struct bench_fact *facts, size_t n);
