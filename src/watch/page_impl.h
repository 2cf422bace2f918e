// SPDX-License-Identifier: MIT
/* Between the parts of a page: text and tables (page.c), plots (page_plot.c). */
#pragma once

#include "watch/page.h"

/* Text as content or as the value of an attribute in double quotes. */
void watch_page_escape(FILE *out, const char *text);
