// SPDX-License-Identifier: MIT
/*
 * A PC without CPU, its loop run by hand, and one client of a socket that the program under test
 * serves. Everything happens on the test's thread.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cm.h"
#include "board/accel_none.h"
#include "board/pc.h"

struct rig {
	struct loop loop;
	struct loop_task quit;
	struct accel_none none;
	struct pc pc;
	char dir[32], path[48];
	struct chardev *chardev;
	int client;
	char heard[1 << 22];
};

static void rig_quit(void *arg)
{
	loop_quit(arg);
}

/* Lets the loop do what is ready, several times over: an answer may lead to the next command. */
static inline void rig_spin(struct rig *rig)
{
	for (int i = 0; i < 8; i++) {
		loop_post(&rig->loop, &rig->quit);
		assert_int_equal(loop_run(&rig->loop), 0);
	}
}

/* coalesce: writes that may wait do. */
static inline void rig_make_so(struct rig *rig, struct pc_options options, bool coalesce)
{
	struct error err;

	signal(SIGPIPE, SIG_IGN);
	*rig = (struct rig){ .client = -1 };
	assert_int_equal(loop_init(&rig->loop), 0);
	rig->quit = (struct loop_task){ .run = rig_quit, .arg = &rig->loop };
	options.machine.loop = &rig->loop;
	accel_none_init(&rig->none, coalesce);
	options.machine.accel = &rig->none.accel;
	options.ram = options.ram ? options.ram : PC_RAM_MIN;
	options.rtc_base = (struct rtc_base){ .kind = RTC_BASE_DATE, .seconds = 1000000000 };
	if (pc_create(&rig->pc, &options, &err))
		fail_msg("%s", err.text);
}

static inline void rig_make(struct rig *rig, struct pc_options options)
{
	rig_make_so(rig, options, false);
}

static inline void rig_serve(struct rig *rig)
{
	const char *what;

	strcpy(rig->dir, "/tmp/coalport-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/sock", rig->dir);
	assert_int_equal(chardev_open(&rig->chardev, &rig->loop,
				      &(struct chardev_options){
					      .kind = CHARDEV_SOCKET,
					      .path = rig->path,
					      .server = true,
				      },
				      &what),
			 0);
}

static inline void rig_connect(struct rig *rig)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(addr.sun_path, rig->path);
	rig->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(rig->client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fcntl(rig->client, F_SETFL, O_NONBLOCK), 0);
	rig_spin(rig);
}

static inline void rig_leave(struct rig *rig)
{
	close(rig->client);
	rig->client = -1;
	rig_spin(rig);
}

/* All that has come, as a string. */
static inline const char *rig_hear(struct rig *rig)
{
	size_t n = 0;
	ssize_t got;

	do {
		/* A socket's buffer may hold many of the pieces that are read at once. */
		for (int i = 0; i < 20; i++)
			rig_spin(rig);
		got = read(rig->client, rig->heard + n, sizeof(rig->heard) - 1 - n);
		if (got > 0)
			n += (size_t)got;
	} while (got > 0);
	rig->heard[n] = '\0';
	return rig->heard;
}

static inline void rig_say_bytes(struct rig *rig, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(rig->client, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		rig_spin(rig);
	}
}

static inline void rig_say(struct rig *rig, const char *text)
{
	rig_say_bytes(rig, text, strlen(text));
}

static inline void rig_expect(struct rig *rig, const char *say, const char *hear)
{
	rig_say(rig, say);
	assert_string_equal(rig_hear(rig), hear);
}

/* What serves the socket goes first, by the caller. */
static inline void rig_end(struct rig *rig)
{
	pc_destroy(&rig->pc);
	if (rig->client >= 0)
		close(rig->client);
	chardev_destroy(rig->chardev);
	if (rig->dir[0])
		rmdir(rig->dir);
	loop_destroy(&rig->loop);
}
