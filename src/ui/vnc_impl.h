// SPDX-License-Identifier: MIT
/*
 * Between the server, on the loop's thread (vnc.c, vnc_input.c), and the threads that serve its viewers
 * (vnc_viewer.c).
 */
#pragma once

#include <pthread.h>

#include "base/lock.h"
#include "base/wake.h"
#include "ui/vnc.h"
#include "ui/vnc_library.h"
#include "ui/vnc_listen.h"
#include "ui/vnc_picture.h"

#define VNC_QUEUE 64u

/* What a person did; in the order in which it was done. */
struct vnc_input {
	enum ps2_key key; /* PS2_KEY_NONE: the pointer */
	bool down;
	uint8_t buttons; /* as in the protocol: RFC 6143, 7.5.5 */
	uint16_t x, y;
};

struct vnc_viewer {
	struct ui_vnc *vnc;
	struct ui_vnc_end end;
	const struct ui_vnc_end *server; /* the end it came to */
	int fd; /* of the connection, for the loop to shut it; the library has a descriptor of its own */
	struct wake wake; /* look at what is under the lock */
	pthread_t thread;

	/* Under the server's lock. */
	bool stop; /* the thread is to end */
	bool ended; /* it does nothing more: join it */
	bool let_in; /* past the password */
	bool wants; /* waits for an update, */
	bool due; /* and would get one, but for a look that is newer than its request */
	bool fresh; /* such a look was taken */
	struct vnc_damage damage;
	struct vnc_input queue[VNC_QUEUE]; /* for the loop: [0, queue_n) */
	unsigned queue_n;
	pthread_cond_t room; /* in the queue */

	/* The loop's. */
	bool told; /* that it was let in */
	uint64_t keys[(PS2_KEYS + 63) / 64]; /* that are down */
	bool pointed;
	struct vnc_input pointer; /* as it was last */

	/* The thread's. */
	int socket; /* the library's, until it has it */
	rfbScreenInfo *screen;
	rfbClientRec *client;
	struct vnc_frame frame;
	uint32_t width, height; /* of the picture, when it last looked */
	bool acknowledge; /* that keys may come by number */
};

struct ui_vnc {
	struct machine *machine; /* borrowed */
	struct ui_vnc_options options;
	struct vnc_library library;
	struct vnc_listener listeners[2]; /* plain, and for websockets if there is one */
	size_t listeners_n;
	struct vnc_viewer *viewers[UI_VNC_VIEWERS]; /* NULL: free */
	unsigned viewers_n;
	bool told_full;
	struct screen_listener screen;
	bool stale; /* the picture is to be copied anew */
	struct timer look; /* again */
	struct loop_task attend; /* a thread has something for the loop */
	LIST_HEAD(ui_vnc_observers, ui_vnc_observer) observers;

	struct lock lock; /* LOCK_LEAF */
	struct vnc_picture picture;
	bool has_password;
	char password[UI_VNC_PASSWORD_MAX + 1];
};

/* vnc_viewer.c. 0 or -errno; the socket is taken over either way. */
int vnc_viewer_start(struct vnc_viewer **out, struct ui_vnc *vnc, int socket,
		     const struct ui_vnc_end *end, const struct ui_vnc_end *server)
	__attribute__((warn_unused_result));
/* Tells it to end, and waits until it has; frees it. */
void vnc_viewer_end(struct vnc_viewer *viewer);
/* QEMU's extended keys, of all viewers. */
extern rfbProtocolExtension vnc_extended_keys;

/* vnc_update.c, on the viewer's thread: sends what it waits for, if that is there. */
void vnc_update(struct vnc_viewer *viewer);
/*
 * A frame of the picture's size, for a viewer that can follow. One that cannot, or has the library scale
 * it (which does not survive a change), keeps the one it has.
 */
bool vnc_update_size(struct vnc_viewer *viewer);

/* vnc_input.c: what has come from a viewer goes to the machine. */
void vnc_input_carry_out(struct vnc_viewer *viewer);
/* What is down is released. */
void vnc_input_release(struct vnc_viewer *viewer);
