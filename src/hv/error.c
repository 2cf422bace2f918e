// SPDX-License-Identifier: MIT
#include "hv/error.h"

#include <stdarg.h>
#include <stdio.h>

int hv_error_set(struct hv_error *err, int code, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		(void)vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}
