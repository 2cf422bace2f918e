// SPDX-License-Identifier: MIT
/* What client.c (the conversation) and client_find.c (with whom) share. */
#pragma once

#include "watch/client.h"

#define WATCH_CLIENT_NAME 160

/* A text of somebody else's, with a question mark for all that is not printable ASCII. Returns out. */
const char *watch_client_printable(char out[static WATCH_CLIENT_NAME], const char *text);
