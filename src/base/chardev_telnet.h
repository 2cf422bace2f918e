// SPDX-License-Identifier: MIT
/*
 * The telnet protocol (RFC 854), as far as a serial line needs it: we announce that we echo, suppress
 * go-ahead and want all eight bits, as QEMU does, and answer nothing; the other end's commands and
 * subnegotiations are taken out of what it sends, however long or broken. No memory but the struct;
 * one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARDEV_TELNET_IAC 255 /* begins a command; twice, it is itself */

enum chardev_telnet_state {
	CHARDEV_TELNET_DATA,
	CHARDEV_TELNET_COMMAND, /* behind IAC */
	CHARDEV_TELNET_OPTION, /* behind WILL, WONT, DO or DONT */
	CHARDEV_TELNET_SUB, /* in a subnegotiation */
	CHARDEV_TELNET_SUB_COMMAND, /* and behind IAC */
};

struct chardev_telnet {
	enum chardev_telnet_state state;
};

/* A new client at this socket, which is told what we are like. */
void chardev_telnet_begin(struct chardev_telnet *telnet, int fd);
/*
 * Takes the commands out of len bytes, in place. How many are left, and in *breaks how often the other
 * end wants a break.
 */
size_t chardev_telnet_take(struct chardev_telnet *telnet, uint8_t *bytes, size_t len,
			   unsigned *breaks);
