// SPDX-License-Identifier: MIT
/* Between the session (qtest.c) and the commands (qtest_commands.c). */
#pragma once

#include "ctl/qtest.h"

/* Carries out one line, which it may take apart, and replies. */
void ctl_qtest_execute(struct ctl_qtest *qtest, char *line);

/* One line to the client, its line feed included. */
void ctl_qtest_send(struct ctl_qtest *qtest, const char *text, size_t len);
void ctl_qtest_sendf(struct ctl_qtest *qtest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A line of the log about what the client did. */
void ctl_qtest_note(struct ctl_qtest *qtest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
