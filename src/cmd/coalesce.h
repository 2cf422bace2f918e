// SPDX-License-Identifier: MIT
/* "coalport coalesce": which writes of a running machine wait in the kernel. One thread. */
#pragma once

/* argv[0] is "coalesce". The program's exit status. */
int cmd_coalesce(int argc, char **argv);
