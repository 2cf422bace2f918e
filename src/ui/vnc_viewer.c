// SPDX-License-Identifier: MIT
/*
 * One viewer, served by a thread of its own: LibVNCServer waits for the peer in the midst of reading a
 * message and of sending an update, for 20 s at most. To end the wait, the loop shuts the connection.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/vnc_impl.h"
#include "ui/vnc_keys.h"

/* Until a viewer has said who it is. */
#define HANDSHAKE_NS (20 * NS_PER_SEC)

/* QEMU's extension of the protocol: keys by the number that ps2_key_by_number() knows. */
#define EXTENDED_KEYS    (-258)
#define QEMU_MESSAGE     255
#define QEMU_KEY         0
#define QEMU_KEY_MESSAGE 11 /* bytes behind the type */

static struct vnc_viewer *viewer_of(const rfbClientRec *client)
{
	return client->screen->screenData;
}

/* Waits until there is room: a person's viewer never fills the queue. */
static void hand_over(struct vnc_viewer *viewer, const struct vnc_input *input)
{
	struct ui_vnc *vnc = viewer->vnc;

	lock_take(&vnc->lock);
	while (viewer->queue_n == VNC_QUEUE && !viewer->stop)
		pthread_cond_wait(&viewer->room, &vnc->lock.mutex);
	if (!viewer->stop)
		viewer->queue[viewer->queue_n++] = *input;
	lock_drop(&vnc->lock);
	loop_post(vnc->machine->loop, &vnc->attend);
}

static void got_key(rfbBool down, rfbKeySym keysym, rfbClientRec *client)
{
	const struct vnc_input input = { .key = vnc_key(keysym), .down = down };

	if (input.key != PS2_KEY_NONE)
		hand_over(viewer_of(client), &input);
}

static void got_pointer(int buttons, int x, int y, rfbClientRec *client)
{
	const struct vnc_input input = {
		.key = PS2_KEY_NONE,
		.buttons = (uint8_t)buttons,
		.x = (uint16_t)x,
		.y = (uint16_t)y,
	};

	hand_over(viewer_of(client), &input);
}

/* The library holds a lock of all viewers here: what has to be sent is sent later. */
static rfbBool enable_extended_keys(rfbClientRec *client, void **data, int encoding)
{
	if (encoding != EXTENDED_KEYS)
		return FALSE;
	viewer_of(client)->acknowledge = true;
	return TRUE;
}

static rfbBool got_qemu_message(rfbClientRec *client, void *data,
				const rfbClientToServerMsg *message)
{
	struct vnc_viewer *viewer = viewer_of(client);
	const struct vnc_library *library = &viewer->vnc->library;
	struct vnc_input input = { .key = PS2_KEY_NONE };
	uint8_t bytes[QEMU_KEY_MESSAGE];

	if (message->type != QEMU_MESSAGE)
		return FALSE;
	if (library->rfbReadExact(client, (char *)bytes, sizeof(bytes)) <= 0 ||
	    bytes[0] != QEMU_KEY) {
		library->rfbCloseClient(client);
		return TRUE;
	}
	/* Down (16 bits), the keysym, the number. */
	input.down = bytes[1] || bytes[2];
	if (!bytes[7] && !bytes[8] && !bytes[9])
		input.key = ps2_key_by_number(bytes[10]);
	if (input.key != PS2_KEY_NONE)
		hand_over(viewer, &input);
	return TRUE;
}

static int extended_encodings[] = { EXTENDED_KEYS, 0 };

rfbProtocolExtension vnc_extended_keys = {
	.pseudoEncodings = extended_encodings,
	.enablePseudoEncoding = enable_extended_keys,
	.handleMessage = got_qemu_message,
};

/* An update of one rectangle, that of the encoding. */
static void acknowledge_keys(struct vnc_viewer *viewer)
{
	const struct vnc_library *library = &viewer->vnc->library;
	uint32_t width = viewer->frame.width, height = viewer->frame.height;
	const uint8_t message[] = {
		rfbFramebufferUpdate,
		0,
		0,
		1,
		0,
		0,
		0,
		0,
		(uint8_t)(width >> 8),
		(uint8_t)width,
		(uint8_t)(height >> 8),
		(uint8_t)height,
		0xff,
		0xff,
		0xfe,
		0xfe, /* -258 */
	};

	viewer->acknowledge = false;
	if (library->rfbWriteExact(viewer->client, (const char *)message, sizeof(message)) < 0)
		library->rfbCloseClient(viewer->client);
}

/* RFC 6143, 7.2.2: the challenge encrypted with the password. */
static rfbBool check_password(rfbClientRec *client, const char *response, int len)
{
	struct vnc_viewer *viewer = viewer_of(client);
	struct ui_vnc *vnc = viewer->vnc;
	char password[UI_VNC_PASSWORD_MAX + 1];
	uint8_t expected[CHALLENGESIZE], differs = 0;
	bool is_set;

	lock_take(&vnc->lock);
	is_set = vnc->has_password;
	memcpy(password, vnc->password, sizeof(password));
	lock_drop(&vnc->lock);
	memcpy(expected, client->authChallenge, sizeof(expected));
	vnc->library.rfbEncryptBytes(expected, password);
	explicit_bzero(password, sizeof(password));
	/* In the same time, wherever it differs. */
	for (int i = 0; i < CHALLENGESIZE; i++)
		differs |= (uint8_t)(expected[i] ^ (uint8_t)response[i]);
	return is_set && len == CHALLENGESIZE && !differs;
}

static void tell_let_in(struct vnc_viewer *viewer)
{
	struct ui_vnc *vnc = viewer->vnc;
	bool news;

	lock_take(&vnc->lock);
	news = !viewer->let_in;
	viewer->let_in = true;
	lock_drop(&vnc->lock);
	if (news)
		loop_post(vnc->machine->loop, &vnc->attend);
}

/* Waits for the peer or the loop; false: it is over. *input: the peer has sent something, or left. */
static bool wait_for_news(struct vnc_viewer *viewer, int socket, int64_t deadline, bool *input)
{
	struct pollfd fds[] = { { .fd = socket, .events = POLLIN },
				{ .fd = viewer->wake.fd, .events = POLLIN } };
	int64_t left = deadline - clock_monotonic();
	bool stop;
	int n = 0;

	if (left > 0)
		n = poll(fds, 2, deadline == CLOCK_NEVER ? -1 : (int)(left / NS_PER_MS) + 1);
	if (left <= 0 || (n < 0 && errno != EINTR) || wake_take(&viewer->wake))
		return false;
	*input = n > 0 && fds[0].revents;
	lock_take(&viewer->vnc->lock);
	stop = viewer->stop;
	lock_drop(&viewer->vnc->lock);
	return !stop;
}

static void serve(struct vnc_viewer *viewer)
{
	const struct vnc_library *library = &viewer->vnc->library;
	rfbClientRec *client = viewer->client;
	int64_t deadline = clock_monotonic() + HANDSHAKE_NS;
	bool input;

	while (client->sock >= 0 && wait_for_news(viewer, client->sock, deadline, &input)) {
		if (input)
			library->rfbProcessClientMessage(client);
		while (client->wsctx && client->sock >= 0 &&
		       library->webSocketsHasDataInBuffer(client))
			library->rfbProcessClientMessage(client);
		if (client->sock < 0 || client->state != RFB_NORMAL)
			continue;
		deadline = CLOCK_NEVER;
		tell_let_in(viewer);
		if (viewer->acknowledge)
			acknowledge_keys(viewer);
		if (client->sock >= 0)
			vnc_update(viewer);
	}
}

/* Of a websocket it is the peer who speaks first. */
static bool peer_has_spoken(struct vnc_viewer *viewer)
{
	int64_t deadline = clock_monotonic() + HANDSHAKE_NS;
	bool input = !viewer->end.websocket;

	while (!input && wait_for_news(viewer, viewer->socket, deadline, &input))
		;
	return input;
}

/*
 * The library takes either kind of connection at any place. A browser shows pages of strangers, which may
 * make connections to this host: they are not let in where nobody asked for websockets.
 */
static bool is_as_asked(const struct vnc_viewer *viewer)
{
	return !viewer->client->wsctx == !viewer->end.websocket;
}

static bool make_screen(struct vnc_viewer *viewer)
{
	rfbScreenInfo *screen = vnc_library_screen(&viewer->vnc->library);
	const char *name = viewer->vnc->machine->options.name;

	viewer->screen = screen;
	if (!screen)
		return false;
	screen->screenData = viewer;
	screen->desktopName = name ? name : "coalport";
	screen->kbdAddEvent = got_key;
	screen->ptrAddEvent = got_pointer;
	if (viewer->vnc->options.password) {
		screen->authPasswdData = viewer; /* not NULL: there is one */
		screen->passwordCheck = check_password;
	}
	return vnc_update_size(viewer);
}

/* What the library allocates for a client and does not free. After the connection is closed. */
static void free_leftovers(rfbClientRec *client)
{
	while (client->extensions) {
		rfbExtensionData *next = client->extensions->next;

		free(client->extensions);
		client->extensions = next;
	}
	free(client->wsctx);
	client->wsctx = NULL;
}

static void converse(struct vnc_viewer *viewer)
{
	const struct vnc_library *library = &viewer->vnc->library;

	if (!peer_has_spoken(viewer))
		return;
	viewer->client = library->rfbNewClient(viewer->screen, viewer->socket);
	viewer->socket = -1;
	if (!viewer->client)
		return;
	if (is_as_asked(viewer))
		serve(viewer);
	if (viewer->client->sock >= 0)
		library->rfbCloseClient(viewer->client);
	free_leftovers(viewer->client);
	library->rfbClientConnectionGone(viewer->client);
}

static void *run_viewer(void *arg)
{
	struct vnc_viewer *viewer = arg;
	struct ui_vnc *vnc = viewer->vnc;

	if (make_screen(viewer))
		converse(viewer);
	if (viewer->socket >= 0)
		close(viewer->socket);
	if (viewer->screen)
		vnc->library.rfbScreenCleanup(viewer->screen);
	free(viewer->frame.pixels);
	lock_take(&vnc->lock);
	viewer->ended = true;
	viewer->wants = false;
	lock_drop(&vnc->lock);
	loop_post(vnc->machine->loop, &vnc->attend);
	return NULL;
}

/* Signals are the loop's. */
static int start_thread(struct vnc_viewer *viewer)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&viewer->thread, NULL, run_viewer, viewer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static void viewer_free(struct vnc_viewer *viewer)
{
	pthread_cond_destroy(&viewer->room);
	wake_destroy(&viewer->wake);
	close(viewer->fd);
	free(viewer);
}

int vnc_viewer_start(struct vnc_viewer **out, struct ui_vnc *vnc, int socket,
		     const struct ui_vnc_end *end, const struct ui_vnc_end *server)
{
	struct vnc_viewer *viewer = calloc(1, sizeof(*viewer));
	int ret;

	if (!viewer) {
		close(socket);
		return -ENOMEM;
	}
	viewer->vnc = vnc;
	viewer->end = *end;
	viewer->server = server;
	viewer->socket = socket;
	viewer->fresh = true; /* the server has looked for it */
	viewer->fd = dup(socket);
	ret = viewer->fd < 0 ? -errno : wake_init(&viewer->wake);
	if (ret) {
		if (viewer->fd >= 0)
			close(viewer->fd);
		free(viewer);
		close(socket);
		return ret;
	}
	pthread_cond_init(&viewer->room, NULL);
	ret = start_thread(viewer);
	if (ret) {
		viewer_free(viewer);
		close(socket);
		return ret;
	}
	*out = viewer;
	return 0;
}

void vnc_viewer_end(struct vnc_viewer *viewer)
{
	lock_take(&viewer->vnc->lock);
	viewer->stop = true;
	pthread_cond_signal(&viewer->room);
	lock_drop(&viewer->vnc->lock);
	/* Whatever it waits for comes to an end with the connection. */
	(void)shutdown(viewer->fd, SHUT_RDWR);
	pthread_join(viewer->thread, NULL);
	viewer_free(viewer);
}
