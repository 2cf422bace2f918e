// SPDX-License-Identifier: MIT
/*
 * Programs that a bench runs and measures: coalport itself, the bare loop, QEMU. One thread; a
 * child that is not waited for is killed with its parent.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

#define BENCH_ARGS_MAX 64

enum bench_program { BENCH_OFF, BENCH_ON, BENCH_FLOOR, BENCH_QEMU, BENCH_PROGRAMS };

extern const char *const bench_program_names[BENCH_PROGRAMS];

struct bench_child {
	const char *argv[BENCH_ARGS_MAX];
	size_t args;
	char text[8][256]; /* of arguments put together here */
	size_t texts;

	pid_t pid;
	int output_fd; /* standard output: a memory file */
	int report_fd; /* -exits json of coalport, -1 for others */
	int64_t started; /* ns */

	/* After bench_wait(). */
	char *output; /* NUL-terminated */
	struct json_object *report; /* NULL if there is none */
	int status; /* as of waitpid() */
	double wall, user, system; /* seconds */
};

/* Whether the program can be run here. */
bool bench_has(enum bench_program program);

/* Begins a command line: the program with the machine that all benches use. */
void bench_command(struct bench_child *child, enum bench_program program);
/* The same of BENCH_ON that counts no exits, and so has no report. */
void bench_command_uncounted(struct bench_child *child);
/* Adds an argument: format as printf; at most 255 bytes. */
void bench_arg(struct bench_child *child, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds arguments up to a NULL, which the caller keeps until bench_spawn(). */
void bench_args(struct bench_child *child, const char *const *args);

/* A file descriptor with a copy of an image, which children inherit as /proc/self/fd/N. -1: failed. */
int bench_image(const void *image, size_t size);

/* 0, or -errno with a message printed. */
int bench_spawn(struct bench_child *child) __attribute__((warn_unused_result));
/* Waits and collects. 0; or -errno with a message printed, also if the child failed. */
int bench_wait(struct bench_child *child, const char *what) __attribute__((warn_unused_result));
/* Kills it if it runs. */
void bench_drop(struct bench_child *child);

/* From the report: trips to user space for a port ("in" or "out"), and writes through the ring. */
uint64_t bench_samples(const struct bench_child *child, unsigned port, const char *direction);
uint64_t bench_coalesced(const struct bench_child *child, unsigned port);
uint64_t bench_total(const struct bench_child *child, const char *what); /* "exits", "coalesced" */
/* Mean time from KVM_RUN's return to the next KVM_RUN over all port accesses, in us. */
double bench_outside_us(const struct bench_child *child);
/* The sum of that over one port's exits. */
double bench_port_us(const struct bench_child *child, unsigned port, const char *direction);
double bench_tsc_hz(const struct bench_child *child);

/* What is going on, for a person at a terminal; nothing where standard error is none. */
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bench_progress_end(void);
