// SPDX-License-Identifier: MIT
#include "ctl/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/qmp.h"

#define BACKLOG   8
#define SENT_AWAY "a client is sent away"

struct ctl_session {
	struct ctl_control *control;
	struct chardev *chardev;
	struct ctl_qmp qmp;
	bool over; /* its client has left */
};

static void session_end(struct ctl_session *session)
{
	ctl_qmp_destroy(&session->qmp);
	chardev_destroy(session->chardev);
	free(session);
}

static void control_reap(void *arg)
{
	struct ctl_control *control = arg;

	for (size_t i = 0; i < CTL_CONTROL_CLIENTS; i++) {
		struct ctl_session *session = control->sessions[i];
		int error;

		/* What the client said last is still to be done. */
		if (!session || !session->over || session->qmp.input.n)
			continue;
		error = chardev_input_error(session->chardev);
		if (error)
			acceptor_tell(&control->acceptor, error, SENT_AWAY);
		else
			acceptor_went_well(&control->acceptor);
		control->sessions[i] = NULL;
		session_end(session);
	}
}

static void session_left(void *arg)
{
	struct ctl_session *session = arg;

	session->over = true;
	loop_post(session->control->machine->loop, &session->control->reap);
}

/* 0: one who may look at this process by other means as well; -EACCES: another; or another -errno. */
static int check_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	return peer.uid == 0 || peer.uid == geteuid() ? 0 : -EACCES;
}

/* The descriptor is taken over if it returns 0. */
static int session_begin(struct ctl_control *control, struct ctl_session **slot, int fd)
{
	const struct chardev_options options = { .kind = CHARDEV_CONNECTED, .fd = fd };
	struct ctl_session *session = calloc(1, sizeof(*session));
	const char *what;
	int ret;

	if (!session)
		return -ENOMEM;
	session->control = control;
	ret = chardev_open(&session->chardev, control->machine->loop, &options, &what);
	if (ret) {
		free(session);
		return ret;
	}
	ret = ctl_qmp_init(&session->qmp, control->machine, control->vnc, session->chardev);
	if (ret) {
		chardev_destroy(session->chardev);
		free(session);
		return ret;
	}
	session->qmp.left = session_left;
	session->qmp.left_arg = session;
	*slot = session;
	return 0;
}

static void send_away(int fd)
{
	static const char text[] = "{\"error\": {\"class\": \"GenericError\", \"desc\": "
				   "\"Too many clients are connected already\"}}\r\n";

	(void)send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int let_in(void *arg)
{
	struct ctl_control *control = arg;
	struct ctl_session **slot = NULL;
	int fd = accept4(control->acceptor.socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK),
	    ret;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < CTL_CONTROL_CLIENTS && !slot; i++) {
		if (!control->sessions[i])
			slot = &control->sessions[i];
	}
	ret = check_peer(fd);
	if (ret) {
		close(fd);
		if (ret != -EACCES)
			acceptor_tell(&control->acceptor, ret, SENT_AWAY);
		return 0;
	}
	if (!slot)
		send_away(fd);
	else
		ret = session_begin(control, slot, fd);
	if (ret || !slot)
		close(fd);
	return ret;
}

/* A socket that listens, or -errno. */
static int bind_address(const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)address, len) && !listen(fd, BACKLOG))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int ctl_control_init(struct ctl_control *control, struct machine *machine, struct ui_vnc *vnc,
		     struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, CTL_CONTROL_NAME,
			 (int)getpid());
	int fd = bind_address(&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));

	int ret = fd;

	*control = (struct ctl_control){
		.machine = machine,
		.vnc = vnc,
		.acceptor = {
			.name = "control socket",
			.let_in = let_in,
			.arg = control,
			.socket.fd = -1,
		},
		.reap = { .run = control_reap, .arg = control },
	};
	if (fd >= 0) {
		ret = acceptor_init(&control->acceptor, machine->loop, fd);
		if (ret)
			close(fd);
	}
	if (ret)
		return error_set(err, ret, "control socket: @%s: %s", address.sun_path + 1,
				 strerror(-ret));
	acceptor_listen(&control->acceptor);
	return 0;
}

void ctl_control_destroy(struct ctl_control *control)
{
	if (!control->machine)
		return;
	for (size_t i = 0; i < CTL_CONTROL_CLIENTS; i++) {
		if (control->sessions[i])
			session_end(control->sessions[i]);
	}
	if (control->acceptor.socket.fd < 0)
		return;
	loop_unpost(control->machine->loop, &control->reap);
	acceptor_close(&control->acceptor);
}
