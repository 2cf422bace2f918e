// SPDX-License-Identifier: MIT
#include "bench_figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WANTED 0.95

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
	if (!n)
		return 0;
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The k of the header, and by how much it covers; at least 1. */
static size_t places_from_the_ends(size_t n, double *confidence)
{
	/* One of the binomial terms, and their sum from 0 on: P(fewer than k of n are below). */
	double term = exp2(-(double)n), below = 0;
	size_t k = 0;

	for (size_t i = 0; 2 * (i + 1) <= n + 1; i++) {
		below += term;
		if (i && 1 - 2 * below < WANTED)
			break;
		k = i + 1;
		*confidence = fmax(1 - 2 * below, 0);
		term *= (double)(n - i) / (double)(i + 1);
	}
	return k;
}

struct bench_figure bench_figure(const double *values, size_t n)
{
	struct bench_figure figure = { .n = n };
	double *sorted;
	size_t k;

	sorted = n ? malloc(n * sizeof(*sorted)) : NULL;
	if (!sorted)
		return (struct bench_figure){ .n = 0 };
	memcpy(sorted, values, n * sizeof(*sorted));
	figure.median = bench_median(sorted, n);
	k = places_from_the_ends(n, &figure.confidence);
	figure.low = sorted[k - 1];
	figure.high = sorted[n - k];
	free(sorted);
	return figure;
}

struct bench_figure bench_ratio(const double *of, const double *to, size_t n)
{
	double *ratios = n ? malloc(n * sizeof(*ratios)) : NULL;
	struct bench_figure figure;

	if (!ratios)
		return (struct bench_figure){ .n = 0 };
	for (size_t i = 0; i < n; i++)
		ratios[i] = of[i] / to[i];
	figure = bench_figure(ratios, n);
	free(ratios);
	return figure;
}
