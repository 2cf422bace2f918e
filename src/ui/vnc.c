// SPDX-License-Identifier: MIT
#include "ui/vnc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/log.h"
#include "ui/vnc_impl.h"

#define LOOKS_A_SECOND 60
#define RETRY_NS       (100 * NS_PER_MS)

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

/* Whether somebody waits for an update; wake: those for whom there is something. */
static bool is_wanted(struct ui_vnc *vnc, bool wake)
{
	bool wanted = false;

	lock_take(&vnc->lock);
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		struct vnc_viewer *viewer = vnc->viewers[i];

		if (!viewer || !viewer->wants)
			continue;
		wanted = true;
		/* One that cannot be woken is of no use. */
		if (wake && viewer->damage.any && wake_give(&viewer->wake))
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

static void listen_again(void *arg);

/* Those who wait would be told of without end. */
static void pause_listening(struct ui_vnc *vnc, int error)
{
	if (!vnc->told_refused)
		log_warn("-vnc: %s (trying again)", strerror(-error));
	vnc->told_refused = true;
	for (size_t i = 0; i < vnc->listeners_n; i++) {
		if (vnc->listeners[i].watch.active)
			loop_unwatch(vnc->machine->loop, &vnc->listeners[i].watch);
	}
	timer_arm(&vnc->again, clock_now(&vnc->machine->monotonic) + RETRY_NS);
}

static void let_in(struct ui_vnc *vnc, struct vnc_listener *listener)
{
	struct ui_vnc_end end;
	int ret = vnc_listen_accept(listener, &end);

	if (ret >= 0)
		ret = welcome(vnc, ret, &end, &listener->end);
	if (!ret)
		vnc->told_refused = false;
	else if (ret != -EAGAIN && ret != -EINTR && ret != -ECONNABORTED)
		pause_listening(vnc, ret);
}

static void plain_ready(void *arg, uint32_t events)
{
	struct ui_vnc *vnc = arg;

	let_in(vnc, &vnc->listeners[0]);
}

static void websocket_ready(void *arg, uint32_t events)
{
	struct ui_vnc *vnc = arg;

	let_in(vnc, &vnc->listeners[1]);
}

static void listen_again(void *arg)
{
	struct ui_vnc *vnc = arg;
	int ret = 0;

	for (size_t i = 0; i < vnc->listeners_n && !ret; i++)
		ret = loop_watch(vnc->machine->loop, &vnc->listeners[i].watch, EPOLLIN);
	if (ret)
		pause_listening(vnc, ret);
}

static void begin_listening(struct ui_vnc *vnc)
{
	static void (*const ready[])(void *arg, uint32_t events) = { plain_ready, websocket_ready };

	assert(vnc->listeners_n <= sizeof(ready) / sizeof(ready[0]));
	for (size_t i = 0; i < vnc->listeners_n; i++) {
		struct vnc_listener *listener = &vnc->listeners[i];

		listener->watch.ready = ready[i];
		listener->watch.arg = vnc;
		listener->end.websocket = i == 1;
	}
	if (vnc->listeners[0].open_to_others && !vnc->options.password)
		log_warn("-vnc: port %u is open to others than this host, without a password",
			 vnc_listen_port(&vnc->listeners[0]));
	listen_again(vnc);
}

/* 0, or -errno with one line. */
static int open_listeners(struct ui_vnc *vnc, struct error *err)
{
	const struct ui_vnc_options *options = &vnc->options;
	uint32_t port;
	int ret;

	vnc->listeners_n = 1;
	if (options->path)
		return vnc_listen_unix(&vnc->listeners[0], options->path, err);
	ret = vnc_listen_tcp(&vnc->listeners[0], options->host, UI_VNC_PORT + options->display,
			     UI_VNC_PORT + options->to, err);
	if (ret || !options->websocket)
		return ret;
	port = vnc_listen_port(&vnc->listeners[0]) - UI_VNC_PORT + UI_VNC_WEBSOCKET_PORT;
	port = options->websocket_port ? options->websocket_port : port;
	ret = vnc_listen_tcp(&vnc->listeners[1], options->host, port, port, err);
	if (ret)
		vnc_listen_close(&vnc->listeners[0]);
	else
		vnc->listeners_n = 2;
	return ret;
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
	timer_init(&vnc->again, &machine->monotonic, listen_again, vnc);
	vnc->attend = (struct loop_task){ .run = attend, .arg = vnc };
	begin_listening(vnc);
	*out = vnc;
	return 0;
}

void ui_vnc_close(struct ui_vnc *vnc)
{
	if (!vnc)
		return;
	for (size_t i = 0; i < vnc->listeners_n; i++) {
		if (vnc->listeners[i].watch.active)
			loop_unwatch(vnc->machine->loop, &vnc->listeners[i].watch);
		vnc_listen_close(&vnc->listeners[i]);
	}
	for (size_t i = 0; i < UI_VNC_VIEWERS; i++) {
		if (vnc->viewers[i])
			send_away(vnc, i);
	}
	loop_unpost(vnc->machine->loop, &vnc->attend);
	timer_disarm(&vnc->look);
	timer_disarm(&vnc->again);
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
