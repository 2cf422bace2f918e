// SPDX-License-Identifier: MIT
/* The verb report: what recordings show, as text and as a page, one or two beside each other. */
#pragma once

int cmd_report(int argc, char **argv);
