// SPDX-License-Identifier: MIT
/* What rounds of a measurement come to. Pure. */
#pragma once

#include <stddef.h>

/*
 * The median of n values and an interval around it that has the median of what they are drawn from in it
 * with this confidence, whatever its distribution: the k-th value from below and from above, with k as
 * large as 95 % allow (G. J. Hahn, W. Q. Meeker: Statistical Intervals, 5.2; the number of values below
 * the median is binomial). With fewer than six values even the least and the greatest do not reach 95 %:
 * confidence tells.
 */
struct bench_figure {
	double median, low, high;
	double confidence; /* 0 to 1 */
	size_t n; /* values; 0: nothing is known */
};

/* Sorts the values; the middle one, or the mean of the two. 0 for none. */
double bench_median(double *values, size_t n);
struct bench_figure bench_figure(const double *values, size_t n);
/* Of the ratios round by round: what disturbs a round disturbs both sides. n of each. */
struct bench_figure bench_ratio(const double *of, const double *to, size_t n);
