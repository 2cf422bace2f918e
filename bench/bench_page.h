// SPDX-License-Identifier: MIT
/*
 * The page that a bench writes with --html: its tables and plots, the host, and all figures once more as
 * JSON inside of it, so that one file is all that has to be sent.
 */
#pragma once

#include <json-c/json.h>

#include "base/replace.h"
#include "bench.h"
#include "bench_figures.h"
#include "watch/page.h"

struct bench_page {
	struct replace replace; /* .out is what to write to */
};

/* Before anything is measured: whether the file can be written. 0 or -errno, told. Nothing is left. */
int bench_page_try(const struct bench_options *options) __attribute__((warn_unused_result));
/* 0 or -errno, told. */
int bench_page_begin(struct bench_page *page, const struct bench_options *options,
		     const char *title) __attribute__((warn_unused_result));
/* The host, the figures as JSON, the end. 0 or -errno, told. figures stays the caller's. */
int bench_page_end(struct bench_page *page, struct json_object *figures)
	__attribute__((warn_unused_result));

/* A cell "1.23 [1.20, 1.30]"; empty if nothing is known. */
void bench_page_cell(struct bench_page *page, const struct bench_figure *figure);
/* A bar of a plot with its interval. */
struct watch_page_bar bench_page_bar(const char *name, const struct bench_figure *figure,
				     unsigned colour);
/* What the intervals of these figures are. */
void bench_page_explain(struct bench_page *page, const struct bench_figure *figure);
