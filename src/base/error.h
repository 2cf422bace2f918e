// SPDX-License-Identifier: MIT
/*
 * What went wrong on the host's side, in one line for the person who runs the program: the thing,
 * the value and the way out, without "coalport: " in front and without a newline. Owned by the
 * caller of the function that fills it; no locking.
 */
#pragma once

#define ERROR_SIZE 320

struct error {
	char text[ERROR_SIZE];
};

/* Formats into err (which may be NULL); what is too long is cut. Returns code, so that one can say
 * "return error_set(err, -ENODEV, ...)". */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
