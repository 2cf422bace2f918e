// SPDX-License-Identifier: MIT
/*
 * The machine's picture, keyboard and mouse for people elsewhere: a VNC server (RFC 6143, "The Remote
 * Framebuffer Protocol"), whose protocol LibVNCServer speaks. docs/display.md is its manual.
 *
 * The server lives on the machine's loop: it listens, lets viewers in, and looks at the picture up to
 * 60 times a second as long as a viewer waits for an update; without viewers it has neither thread nor
 * timer. Each viewer is served by a thread of its own, which is the only one that waits for the peer
 * (vnc_viewer.c), so that one who does not read holds up nobody.
 *
 * All functions belong to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "board/machine.h"

#define UI_VNC_PORT           5900u /* of display 0 */
#define UI_VNC_WEBSOCKET_PORT 5700u
#define UI_VNC_DISPLAY_MAX    (65535u - UI_VNC_PORT)
#define UI_VNC_VIEWERS        32 /* at a time */
#define UI_VNC_PASSWORD_MAX   8 /* what the protocol looks at of a password */

struct ui_vnc_options {
	const char *path; /* a Unix socket, or NULL: TCP */
	const char *host; /* NULL: this host alone (127.0.0.1). Borrowed, as the path */
	uint32_t display; /* port 5900 + this, */
	uint32_t to; /* or the next that is free, up to this display; at least .display */
	bool password; /* nobody gets in until one is set, and then with it */
	bool websocket; /* listen for those, too, at */
	uint16_t websocket_port; /* 0: 5700 + the display */
};

/* One end of a connection, in QEMU's words. */
struct ui_vnc_end {
	const char *family; /* "ipv4", "ipv6", "unix" */
	char host[64], service[108]; /* of a Unix socket: "" and the path */
	bool websocket;
};

enum ui_vnc_event {
	UI_VNC_CONNECTED,
	UI_VNC_INITIALIZED, /* the viewer is let in */
	UI_VNC_DISCONNECTED,
};

/* Hears of viewers. It may not add or remove observers meanwhile. */
struct ui_vnc_observer {
	void (*event)(void *arg, enum ui_vnc_event event, const struct ui_vnc_end *server,
		      const struct ui_vnc_end *viewer);
	void *arg;
	LIST_ENTRY(ui_vnc_observer) link;
};

struct ui_vnc;

/*
 * Loads the library and listens. The machine is borrowed. Warns (base/log.h) if others than this host
 * can get in without a password. 0, or -errno with one line.
 */
int ui_vnc_open(struct ui_vnc **out, struct machine *machine, const struct ui_vnc_options *options,
		struct error *err) __attribute__((warn_unused_result));
/* Sends every viewer away. Before the machine is destroyed, after observers have gone. NULL is allowed. */
void ui_vnc_close(struct ui_vnc *vnc);

/* From now on this one counts; NULL: none is set. -ENOTSUP without .password. Copied. */
int ui_vnc_set_password(struct ui_vnc *vnc, const char *password)
	__attribute__((warn_unused_result));
/* "none" or "vnc". */
const char *ui_vnc_auth(const struct ui_vnc *vnc);
/* Where it listens for viewers of the plain kind. */
const struct ui_vnc_end *ui_vnc_server(const struct ui_vnc *vnc);
/* Those that are let in: the next one at *at or behind it, which moves on; NULL: no more. */
const struct ui_vnc_end *ui_vnc_next_viewer(const struct ui_vnc *vnc, unsigned *at);

void ui_vnc_observe(struct ui_vnc *vnc, struct ui_vnc_observer *observer);
void ui_vnc_unobserve(struct ui_vnc_observer *observer);
