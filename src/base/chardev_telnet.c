// SPDX-License-Identifier: MIT
#include "base/chardev_telnet.h"

#include <sys/socket.h>
#include <sys/types.h>

/* Commands, RFC 854. */
#define SE    240
#define BREAK 243
#define SB    250
#define WILL  251
#define DO    253
#define DONT  254

/* Options, RFC 856, 857 and 858. */
#define BINARY            0
#define ECHO              1
#define SUPPRESS_GO_AHEAD 3

void chardev_telnet_begin(struct chardev_telnet *telnet, int fd)
{
	static const uint8_t greeting[] = {
		CHARDEV_TELNET_IAC, WILL, ECHO,   CHARDEV_TELNET_IAC, WILL, SUPPRESS_GO_AHEAD,
		CHARDEV_TELNET_IAC, WILL, BINARY, CHARDEV_TELNET_IAC, DO,   BINARY,
	};
	ssize_t n = send(fd, greeting, sizeof(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n; /* a new connection has room, or has ended */
	telnet->state = CHARDEV_TELNET_DATA;
}

static enum chardev_telnet_state take_command(uint8_t command)
{
	if (command == SB)
		return CHARDEV_TELNET_SUB;
	return command >= WILL && command <= DONT ? CHARDEV_TELNET_OPTION : CHARDEV_TELNET_DATA;
}

size_t chardev_telnet_take(struct chardev_telnet *telnet, uint8_t *bytes, size_t len,
			   unsigned *breaks)
{
	size_t kept = 0;

	*breaks = 0;
	for (size_t i = 0; i < len; i++) {
		bool iac = bytes[i] == CHARDEV_TELNET_IAC;

		switch (telnet->state) {
		case CHARDEV_TELNET_DATA:
			if (iac)
				telnet->state = CHARDEV_TELNET_COMMAND;
			else
				bytes[kept++] = bytes[i];
			break;
		case CHARDEV_TELNET_COMMAND:
			telnet->state = take_command(bytes[i]);
			if (iac)
				bytes[kept++] = CHARDEV_TELNET_IAC;
			*breaks += bytes[i] == BREAK;
			break;
		case CHARDEV_TELNET_OPTION:
			telnet->state = CHARDEV_TELNET_DATA;
			break;
		case CHARDEV_TELNET_SUB:
			if (iac)
				telnet->state = CHARDEV_TELNET_SUB_COMMAND;
			break;
		case CHARDEV_TELNET_SUB_COMMAND:
			telnet->state = bytes[i] == SE ? CHARDEV_TELNET_DATA : CHARDEV_TELNET_SUB;
			break;
		}
	}
	return kept;
}
