// SPDX-License-Identifier: MIT
#include "ui/vnc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/log.h"
#include "ui/vnc_impl.h"

#define LOOKS_A_SECOND 60

/* What is shown of a machine that has no picture. */
#define BLACK_WIDTH  640u
#define BLACK_HEIGHT 480u

/* The picture */

static void add_damage(struct ui_vnc *vnc, const struct screen_rect *rect)
{
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		if (vnc->viewers[i])
			vnc_damage_add(&vnc->viewers[i]->damage, rect);
	}
}

static void screen_resized(void *arg)
{
	struct ui_vnc *vnc = arg;

	vnc->stale = true;
}

static void screen_has_changed(void *arg, const struct screen_rect *rect)
{
	struct ui_vnc *vnc = arg;

	if (vnc->stale)
		return;
	lock_take(&vnc->lock);
	vnc_picture_copy(&vnc->picture, vnc->machine->screen.pixels, rect);
	add_damage(vnc, rect);
	lock_drop(&vnc->lock);
}

/* All of it anew. Without memory for that, the old one stays until the next look. */
static void copy_all(struct ui_vnc *vnc, bool there)
{
	const struct screen *screen = &vnc->machine->screen;
	const struct screen_rect all = {
		.width = there ? screen->width : BLACK_WIDTH,
		.height = there ? screen->height : BLACK_HEIGHT,
	};

	lock_take(&vnc->lock);
	if (!vnc_picture_resize(&vnc->picture, all.width, all.height)) {
		if (there)
			vnc_picture_copy(&vnc->picture, screen->pixels, &all);
		add_damage(vnc, &all);
		vnc->stale = false;
	}
	lock_drop(&vnc->lock);
}

/* Brings the picture up to date. False: there is no memory for one. */
static bool look(struct ui_vnc *vnc)
{
	bool there = machine_look(vnc->machine);

	if (vnc->stale)
		copy_all(vnc, there);
	return vnc->picture.pixels != NULL;
}

/* Nobody is left to see it. */
static void forget_picture(struct ui_vnc *vnc)
{
	vnc->stale = true;
	timer_disarm(&vnc->look);
	vnc_picture_free(&vnc->picture);
}

/* Whether somebody waits for an update; looked: just now, so wake those for whom there is something. */
static bool is_wanted(struct ui_vnc *vnc, bool looked)
{
	bool wanted = false;

	lock_take(&vnc->lock);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		struct vnc_viewer *viewer = vnc->viewers[i];

		if (!viewer || !viewer->wants)
			continue;
		wanted = true;
		if (!looked)
			continue;
		viewer->fresh = true;
		/* One that cannot be woken is of no use. */
		if ((viewer->due || viewer->damage.any) && wake_give(&viewer->wake))
			(void)shutdown(viewer->fd, SHUT_RDWR);
	}
	lock_drop(&vnc->lock);
	return wanted;
}

static void arm_look(struct ui_vnc *vnc)
{
	if (timer_due(&vnc->look) == CLOCK_NEVER)
		timer_arm(&vnc->look,
			  clock_now(&vnc->machine->monotonic) + NS_PER_SEC / LOOKS_A_SECOND);
}

static void look_due(void *arg)
{
	struct ui_vnc *vnc = arg;

	if (!is_wanted(vnc, false))
		return;
	(void)look(vnc);
	if (is_wanted(vnc, true))
		arm_look(vnc);
}

/* Viewers */

static void tell(struct ui_vnc *vnc, enum ui_vnc_event event, const struct ui_vnc_end *server,
		 const struct ui_vnc_end *end)
{
	struct ui_vnc_observer *observer;

	LIST_FOREACH(observer, &vnc->observers, link)
	observer->event(observer->arg, event, server, end);
}

static void send_away(struct ui_vnc *vnc, size_t i)
{
	struct vnc_viewer *viewer = vnc->viewers[i];
	const struct ui_vnc_end *server = viewer->server, end = viewer->end;

	vnc_input_release(viewer);
	vnc->viewers[i] = NULL;
	vnc->viewers_n--;
	vnc->told_full = false;
	vnc_viewer_end(viewer);
	if (!vnc->viewers_n)
		forget_picture(vnc);
	tell(vnc, UI_VNC_DISCONNECTED, server, &end);
}

static void attend_to(struct ui_vnc *vnc, size_t i)
{
	struct vnc_viewer *viewer = vnc->viewers[i];
	bool ended, let_in;

	lock_take(&vnc->lock);
	ended = viewer->ended;
	let_in = viewer->let_in && !viewer->told;
	lock_drop(&vnc->lock);
	if (let_in) {
		viewer->told = true;
		tell(vnc, UI_VNC_INITIALIZED, viewer->server, &viewer->end);
	}
	vnc_input_carry_out(viewer);
	if (ended)
		send_away(vnc, i);
}

static void attend(void *arg)
{
	struct ui_vnc *vnc = arg;

	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		if (vnc->viewers[i])
			attend_to(vnc, i);
	}
	if (is_wanted(vnc, false))
		arm_look(vnc);
}

/* The descriptor is taken over. 0 or -errno of a host that refuses. */
static int welcome(struct ui_vnc *vnc, int fd, const struct ui_vnc_end *end,
		   const struct ui_vnc_end *server)
{
	size_t i = 0;
	int ret;

	while (i < UI_VNC_VIEWERS && vnc->viewers[i])
		i++;
	if (i == UI_VNC_VIEWERS) {
		if (!vnc->told_full)
			log_warn("-vnc: %d viewers are connected, more are sent away",
				 UI_VNC_VIEWERS);
		vnc->told_full = true;
		close(fd);
		return 0;
	}
	/* The library waits by select(). */
	if (fd >= FD_SETSIZE || !look(vnc)) {
		close(fd);
		return fd >= FD_SETSIZE ? -EMFILE : -ENOMEM;
	}
	ret = vnc_viewer_start(&vnc->viewers[i], vnc, fd, end, server);
	if (ret)
		return ret;
	vnc->viewers_n++;
	tell(vnc, UI_VNC_CONNECTED, server, end);
	return 0;
}

/* Listening */

static int let_in(void *arg)
{
	struct vnc_listener *listener = arg;
	struct ui_vnc_end end;
	int ret = vnc_listen_accept(listener, &end);

	if (ret >= 0)
		ret = welcome(listener->vnc, ret, &end, &listener->end);
	if (!ret)
		acceptor_went_well(&listener->acceptor);
	return ret;
}

static struct vnc_listener *next_listener(struct ui_vnc *vnc, bool websocket)
{
	struct vnc_listener *listener = &vnc->listeners[vnc->listeners_n];

	*listener = (struct vnc_listener){
		.acceptor = {
			.name = "-vnc",
			.let_in = let_in,
			.arg = listener,
			.socket.fd = -1,
		},
		.vnc = vnc,
		.end.websocket = websocket,
	};
	return listener;
}

/* 0, or -errno with one line. */
static int open_listeners(struct ui_vnc *vnc, struct error *err)
{
	const struct ui_vnc_options *options = &vnc->options;
	struct vnc_listener *listener = next_listener(vnc, false);
	struct loop *loop = vnc->machine->loop;
	uint32_t port;
	int ret;

	if (options->path)
		ret = vnc_listen_unix(listener, loop, options->path, err);
	else
		ret = vnc_listen_tcp(listener, loop, options->host, UI_VNC_PORT + options->display,
				     UI_VNC_PORT + options->to, err);
	if (ret)
		return ret;
	vnc->listeners_n++;
	if (!options->websocket)
		return 0;
	port = vnc_listen_port(listener) - UI_VNC_PORT + UI_VNC_WEBSOCKET_PORT;
	port = options->websocket_port ? options->websocket_port : port;
	ret = vnc_listen_tcp(next_listener(vnc, true), loop, options->host, port, port, err);
	if (ret)
		vnc_listen_close(listener);
	else
		vnc->listeners_n++;
	return ret;
}

static void begin_listening(struct ui_vnc *vnc)
{
	if (vnc->listeners[0].open_to_others && !vnc->options.password)
		log_warn("-vnc: port %u is open to others than this host, without a password",
			 vnc_listen_port(&vnc->listeners[0]));
	for (size_t i = 0; i < vnc->listeners_n; i++)
		acceptor_listen(&vnc->listeners[i].acceptor);
}

int ui_vnc_open(struct ui_vnc **out, struct machine *machine, const struct ui_vnc_options *options,
		struct error *err)
{
	struct ui_vnc *vnc = calloc(1, sizeof(*vnc));
	int ret;

	*out = NULL;
	if (!vnc)
		return error_set(err, -ENOMEM, "-vnc: out of memory");
	vnc->machine = machine;
	vnc->options = *options;
	ret = vnc_library_load(&vnc->library, &vnc_extended_keys, err);
	if (ret) {
		free(vnc);
		return ret;
	}
	ret = open_listeners(vnc, err);
	if (ret) {
		vnc_library_unload(&vnc->library);
		free(vnc);
		return ret;
	}
	lock_init(&vnc->lock, LOCK_LEAF, "vnc");
	LIST_INIT(&vnc->observers);
	vnc->stale = true;
	vnc->screen = (struct screen_listener){
		.resized = screen_resized,
		.changed = screen_has_changed,
		.arg = vnc,
	};
	screen_listen(&machine->screen, &vnc->screen);
	timer_init(&vnc->look, &machine->monotonic, look_due, vnc);
	vnc->attend = (struct loop_task){ .run = attend, .arg = vnc };
	begin_listening(vnc);
	*out = vnc;
	return 0;
}

void ui_vnc_close(struct ui_vnc *vnc)
{
	if (!vnc)
		return;
	for (size_t i = 0; i < vnc->listeners_n; i++)
		vnc_listen_close(&vnc->listeners[i]);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		if (vnc->viewers[i])
			send_away(vnc, i);
	}
	loop_unpost(vnc->machine->loop, &vnc->attend);
	timer_disarm(&vnc->look);
	screen_unlisten(&vnc->screen);
	vnc_picture_free(&vnc->picture);
	lock_destroy(&vnc->lock);
	vnc_library_unload(&vnc->library);
	explicit_bzero(vnc->password, sizeof(vnc->password));
	free(vnc);
}

/* What others ask */

int ui_vnc_set_password(struct ui_vnc *vnc, const char *password)
{
	if (!vnc->options.password)
		return -ENOTSUP;
	lock_take(&vnc->lock);
	memset(vnc->password, 0, sizeof(vnc->password));
	vnc->has_password = password != NULL;
	if (password)
		memcpy(vnc->password, password, strnlen(password, UI_VNC_PASSWORD_MAX));
	lock_drop(&vnc->lock);
	return 0;
}

const char *ui_vnc_auth(const struct ui_vnc *vnc)
{
	return vnc->options.password ? "vnc" : "none";
}

const struct ui_vnc_end *ui_vnc_server(const struct ui_vnc *vnc)
{
	return &vnc->listeners[0].end;
}

const struct ui_vnc_end *ui_vnc_next_viewer(const struct ui_vnc *vnc, unsigned *at)
{
	while (*at < UI_VNC_VIEWERS) {
		const struct vnc_viewer *viewer = vnc->viewers[(*at)++];

		if (viewer && viewer->told)
			return &viewer->end;
	}
	return NULL;
}

void ui_vnc_observe(struct ui_vnc *vnc, struct ui_vnc_observer *observer)
{
	LIST_INSERT_HEAD(&vnc->observers, observer, link);
}

void ui_vnc_unobserve(struct ui_vnc_observer *observer)
{
	LIST_REMOVE(observer, link);
}
