// SPDX-License-Identifier: MIT
/*
 * What went wrong on the host's side, in one line for the person who runs the program: the thing,
 * the value and the way out, without "coalport: " in front and without a newline. Owned by the
 * caller of the function that fills it; no locking.
 */
#pragma once

#define HV_ERROR_SIZE 320

struct hv_error {
	char text[HV_ERROR_SIZE];
};

/* Formats into err (which may be NULL); what is too long is cut. Returns code, so that one can say
 * "return hv_error_set(err, -ENODEV, ...)". */
int hv_error_set(struct hv_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
