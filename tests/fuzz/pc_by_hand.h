// SPDX-License-Identifier: MIT
/*
 * A PC without CPU for the fuzz targets of its control protocols, made once and put back to its
 * first moment for each input. What would go to the kernel is done here instead: this file stands in
 * for base/loop.c, whose tasks run when hand_turn() says so, and for base/chardev.c, with a client
 * that hands over as many bytes at once and reads as many as a target wants. So an input costs no
 * system call but one, and its outcome depends on nothing else.
 *
 * Include it in one file only. One thread.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "board/accel_none.h"
#include "board/pc.h"

#define HAND_OUT_MAX   (1u << 20)
#define HAND_TURNS_MAX 100000

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The loop */

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = -1 };
	TAILQ_INIT(&loop->tasks);
	return 0;
}

void loop_destroy(struct loop *loop)
{
}

int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	watch->active = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	watch->active = false;
}

/* The only clock that matters moves by hand. */
int loop_add_clock(struct loop *loop, struct clock *clock)
{
	return 0;
}

void loop_remove_clock(struct loop *loop, struct clock *clock)
{
}

void loop_set_before(struct loop *loop, void (*before)(void *arg), void *arg)
{
	loop->before = before;
	loop->before_arg = arg;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	TAILQ_INSERT_TAIL(&loop->tasks, task, link);
	loop->tasks_n++;
}

bool loop_has_tasks(struct loop *loop)
{
	return !TAILQ_EMPTY(&loop->tasks);
}

void loop_unpost(struct loop *loop, struct loop_task *task)
{
	if (!task->queued)
		return;
	TAILQ_REMOVE(&loop->tasks, task, link);
	task->queued = false;
	loop->tasks_n--;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}

/* One turn: what was posted before it. */
int loop_run(struct loop *loop)
{
	unsigned n = loop->tasks_n;

	if (loop->before)
		loop->before(loop->before_arg);
	while (n-- && !TAILQ_EMPTY(&loop->tasks) && !loop->quit) {
		struct loop_task *task = TAILQ_FIRST(&loop->tasks);

		loop_unpost(loop, task);
		task->run(task->arg);
	}
	return 0;
}

/* The client's end */

struct chardev {
	struct chardev_user user;
	size_t room; /* what the client reads at once */
	size_t unread; /* of that, what is there already */
	char out[HAND_OUT_MAX];
	size_t out_n;
	bool full; /* the rest was not kept */
};

int chardev_open(struct chardev **out, struct loop *loop, const struct chardev_options *options,
		 const char **what)
{
	*what = "open";
	return -1;
}

void chardev_set_user(struct chardev *chardev, const struct chardev_user *user)
{
	chardev->user = user ? *user : (struct chardev_user){ 0 };
	if (chardev->user.opened)
		chardev->user.opened(chardev->user.arg);
}

void chardev_write(struct chardev *chardev, const void *bytes, size_t len)
{
	CHECK(len <= chardev->room - chardev->unread);
	chardev->unread += len;
	if (len > sizeof(chardev->out) - chardev->out_n) {
		len = sizeof(chardev->out) - chardev->out_n;
		chardev->full = true;
	}
	memcpy(chardev->out + chardev->out_n, bytes, len);
	chardev->out_n += len;
}

size_t chardev_room(struct chardev *chardev)
{
	return chardev->room - chardev->unread;
}

bool chardev_serves(const struct chardev *chardev)
{
	return true;
}

void chardev_accept_input(struct chardev *chardev)
{
}

bool chardev_has_user(const struct chardev *chardev)
{
	return chardev->user.receive;
}

void chardev_describe(const struct chardev *chardev, char *name, size_t size)
{
	snprintf(name, size, "hand");
}

size_t chardev_ringbuf_read(struct chardev *chardev, void *bytes, size_t len)
{
	return 0;
}

uint64_t chardev_dropped(struct chardev *chardev)
{
	return 0;
}

int chardev_error(struct chardev *chardev)
{
	return 0;
}

void chardev_destroy(struct chardev *chardev)
{
}

/* The machine */

#define HAND_DEVICES_MAX 32

struct hand {
	struct loop loop;
	struct chardev chardev;
	struct accel_none none, none_first;
	struct pc pc;
	/* As it was made: the board, and each device on its list. */
	struct pc first;
	void *devices[HAND_DEVICES_MAX];
};

/* The first moment of each device is kept. */
static void hand_keep_devices(struct hand *hand)
{
	const struct device *device;
	size_t n = 0;

	TAILQ_FOREACH(device, &hand->pc.devices, next)
	{
		CHECK(n < HAND_DEVICES_MAX);
		hand->devices[n] = malloc(device->type->size);
		CHECK(hand->devices[n]);
		memcpy(hand->devices[n++], device, device->type->size);
	}
}

static void hand_put_back_devices(struct hand *hand)
{
	struct device *device;
	size_t n = 0;

	TAILQ_FOREACH(device, &hand->pc.devices, next)
	memcpy(device, hand->devices[n++], device->type->size);
}

static void hand_ref_views(struct pc *pc, struct accel_none *none)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		mem_view_ref(pc->machine.map.view[space]);
		mem_view_ref(none->cpu.hold.view[space]);
	}
}

static void hand_unref_views(struct pc *pc, struct accel_none *none)
{
	for (int space = 0; space < MEM_SPACES; space++) {
		mem_view_unref(pc->machine.map.view[space]);
		mem_view_unref(none->cpu.hold.view[space]);
	}
}

/* coalesce: writes that may wait do. */
static struct hand *hand_make(bool coalesce)
{
	struct hand *hand = calloc(1, sizeof(*hand));
	static const struct device_spec devices[] = {
		{ "isa-serial", NULL },
		{ "isa-debug-exit", "iobase=0xf4,iosize=4" },
	};
	struct pc_options options = {
		.name = "fuzz",
		.ram = PC_RAM_MIN,
		.rtc_base = { .kind = RTC_BASE_DATE, .seconds = 1000000000 },
		.devices = devices,
		.devices_n = sizeof(devices) / sizeof(devices[0]),
	};
	struct error err;

	CHECK(hand && !loop_init(&hand->loop));
	accel_none_init(&hand->none, coalesce);
	options.machine.loop = &hand->loop;
	options.machine.accel = &hand->none.accel;
	CHECK(pc_create(&hand->pc, &options, &err) == 0);
	machine_continue(&hand->pc.machine);
	hand->first = hand->pc;
	hand->none_first = hand->none;
	hand_keep_devices(hand);
	hand_ref_views(&hand->first, &hand->none_first);
	return hand;
}

/*
 * Back to the first moment, but for RAM, with a client that reads room bytes at once. how: bits 6
 * and 7 are -no-shutdown and a panic that is the guest's own business.
 */
static void hand_begin(struct hand *hand, size_t room, uint8_t how)
{
	struct machine_options *options = &hand->pc.machine.options;

	/* Views that the input left behind go; those of the first moment are held by it. */
	mem_hold_reload(&hand->none.cpu.hold);
	mem_map_forgot(&hand->pc.machine.map, &hand->pc.ram);
	hand_unref_views(&hand->pc, &hand->none);
	hand->pc = hand->first;
	hand->none = hand->none_first;
	hand_put_back_devices(hand);
	hand_ref_views(&hand->pc, &hand->none);
	options->no_shutdown = how & 0x40;
	options->panic = how & 0x80 ? MACHINE_PANIC_RUN : MACHINE_PANIC_SHUTDOWN;
	TAILQ_INIT(&hand->loop.tasks);
	hand->loop.tasks_n = 0;
	hand->loop.quit = false;
	hand->chardev.user = (struct chardev_user){ 0 };
	hand->chardev.room = room;
	hand->chardev.unread = 0;
	hand->chardev.out_n = 0;
	hand->chardev.full = false;
}

/* RAM as at the first moment: what was touched becomes zeroes again. */
static inline void hand_clear_ram(struct hand *hand)
{
	CHECK(!madvise(hand->pc.ram_host, hand->pc.options.ram, MADV_DONTNEED));
}

/* Runs the loop, and lets the client read, until neither has anything left to do. */
static void hand_turn(struct hand *hand)
{
	struct chardev *chardev = &hand->chardev;

	for (unsigned turns = 0; loop_has_tasks(&hand->loop) || chardev->unread; turns++) {
		CHECK(turns < HAND_TURNS_MAX);
		if (hand->loop.quit)
			return;
		CHECK(!loop_run(&hand->loop));
		if (!chardev->unread)
			continue;
		chardev->unread = 0;
		if (chardev->user.drained)
			chardev->user.drained(chardev->user.arg);
	}
}

/* The client says it all, piece by piece, while the machine lives. */
static void hand_say(struct hand *hand, const uint8_t *bytes, size_t len, size_t piece)
{
	const struct chardev_user *user = &hand->chardev.user;

	while (len && !hand->loop.quit) {
		size_t n = user->room(user->arg);

		CHECK(n);
		n = n < piece ? n : piece;
		n = n < len ? n : len;
		user->receive(user->arg, bytes, n);
		bytes += n;
		len -= n;
		hand_turn(hand);
	}
}

/*
 * Aborts unless what was read of one machine is what was read of the other, or, if that one ended
 * with its client still reading, the begin of it.
 */
static void hand_same(const struct hand *hand, const char *a, size_t a_n, const char *b, size_t b_n)
{
	CHECK(a_n == b_n || (hand->loop.quit && b_n < a_n));
	CHECK(!memcmp(a, b, b_n));
}
