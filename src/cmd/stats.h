// SPDX-License-Identifier: MIT
/* The verb stats: what running machines' exits come to, for people, for programs and for Prometheus. */
#pragma once

int cmd_stats(int argc, char **argv);
