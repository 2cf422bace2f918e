// SPDX-License-Identifier: MIT
#include "watch/poller.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/wake.h"
#include "watch/client.h"
#include "watch/text.h"

#define AGAIN_NS (100 * NS_PER_MS)
#define LOOK_NS  (500 * NS_PER_MS) /* how soon it is seen that the machine left */
#define END_NS   (250 * NS_PER_MS)

struct watch_poller {
	const struct watch_poller_ops *ops;
	char *target;
	unsigned flags;
	struct wake wake;
	pthread_t thread;

	struct lock lock; /* LOCK_LEAF: what follows */
	pthread_cond_t changed; /* wanted, stopping, gone */
	bool wanted;
	bool stopping;
	bool gone; /* the thread is at its end */
	int fd; /* of the connection that the thread may wait on, or -1 */
	int64_t asked;
	bool full; /* answer waits to be taken */
	struct watch_answer answer;
	int failed; /* -errno for good, with err */
	struct error err;
};

/* On the machine */

static int machine_open(void **client, const char *target, struct error *err)
{
	struct watch_client *opened = NULL;
	int ret = watch_client_open(&opened, target, err);

	*client = opened;
	return ret;
}

static int machine_ask(void *client, struct json_object **record, struct error *err)
{
	return watch_client_command(client, "__org.coalport_query-report", NULL, record, err);
}

static int machine_fd(void *client)
{
	return watch_client_fd(client);
}

static void machine_close(void *client)
{
	watch_client_close(client);
}

const struct watch_poller_ops watch_poller_machine = {
	.open = machine_open,
	.ask = machine_ask,
	.fd = machine_fd,
	.close = machine_close,
};

/* The thread */

/* Waits for a change, no longer than until. Lock held. */
static void wait_until(struct watch_poller *poller, int64_t until)
{
	const struct timespec at = { until / NS_PER_SEC, until % NS_PER_SEC };

	(void)pthread_cond_timedwait(&poller->changed, &poller->lock.mutex, &at);
}

static bool is_gone(const struct watch_poller *poller)
{
	char byte;

	return poller->fd >= 0 && !recv(poller->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* 1: a record is wanted; 0: the end is; or -ECONNRESET: the machine left while nobody asked. */
static int wait_for_question(struct watch_poller *poller)
{
	int ret;

	lock_take(&poller->lock);
	while (!poller->wanted && !poller->stopping && !is_gone(poller))
		wait_until(poller, clock_monotonic() + LOOK_NS);
	ret = poller->stopping ? 0 : poller->wanted ? 1 : -ECONNRESET;
	lock_drop(&poller->lock);
	return ret;
}

/* Who stops us needs it to wake us. False: it came too late for that. */
static bool show_fd(struct watch_poller *poller, int fd)
{
	bool go_on;

	lock_take(&poller->lock);
	poller->fd = fd;
	go_on = !poller->stopping;
	lock_drop(&poller->lock);
	return go_on;
}

static void forget_client(struct watch_poller *poller, void **client)
{
	if (!*client)
		return;
	/* Before its number can be another file's. */
	(void)show_fd(poller, -1);
	poller->ops->close(*client);
	*client = NULL;
}

/* The record on one line; NULL: no memory. */
static char *line_of(struct json_object *record)
{
	const char *text = json_object_to_json_string_ext(
		record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t n = text ? strlen(text) : 0;
	char *line = text ? malloc(n + 1) : NULL;

	/* JSON has no character outside of strings that would be harmful, so it stays JSON. */
	if (line)
		(void)watch_text_safe(line, n + 1, text, n);
	return line;
}

/* One question on one connection. 0 or -errno with err set. */
static int ask_once(struct watch_poller *poller, void **client, struct watch_answer *answer,
		    struct error *err)
{
	struct json_object *record = NULL;
	int ret = 0;

	*answer = (struct watch_answer){ 0 };
	if (!*client)
		ret = poller->ops->open(client, poller->target, err);
	if (ret)
		return ret;
	if (!show_fd(poller, poller->ops->fd(*client)))
		return error_set(err, -ECANCELED, "stopped");
	ret = poller->ops->ask(*client, &record, err);
	if (!ret)
		ret = watch_snapshot_parse(&answer->snapshot, record, err);
	if (!ret && poller->flags & WATCH_POLLER_LINES) {
		answer->line = line_of(record);
		if (!answer->line) {
			watch_answer_free(answer);
			ret = error_set(err, -ENOMEM, "out of memory");
		}
	}
	json_object_put(record);
	return ret;
}

/* Makes what came of a question seen. */
static void give(struct watch_poller *poller, int ret, const struct watch_answer *answer,
		 const struct error *err)
{
	lock_take(&poller->lock);
	poller->wanted = false;
	poller->asked = 0;
	if (ret) {
		poller->failed = ret;
		poller->err = *err;
	} else {
		poller->answer = *answer;
		poller->full = true;
	}
	/* Unread, an eventfd takes more than anybody could give. */
	ret = wake_give(&poller->wake);
	assert(!ret);
	(void)ret;
	lock_drop(&poller->lock);
}

static void *poll_thread(void *arg)
{
	struct watch_poller *poller = arg;
	void *client = NULL;
	bool heard = false;
	int wish;

	while ((wish = wait_for_question(poller))) {
		struct watch_answer answer;
		struct error err = { "the machine is gone" };
		int ret = wish < 0 ? wish : ask_once(poller, &client, &answer, &err);

		if (ret)
			forget_client(poller, &client);
		if (ret == -ETIMEDOUT && heard && !(poller->flags & WATCH_POLLER_STRICT)) {
			lock_take(&poller->lock);
			if (!poller->stopping)
				wait_until(poller, clock_monotonic() + AGAIN_NS);
			lock_drop(&poller->lock);
			continue;
		}
		give(poller, ret, &answer, &err);
		heard = true;
		if (ret)
			break;
	}
	forget_client(poller, &client);
	lock_take(&poller->lock);
	poller->gone = true;
	pthread_cond_broadcast(&poller->changed);
	lock_drop(&poller->lock);
	return NULL;
}

/* The other side */

static void destroy(struct watch_poller *poller)
{
	if (poller->full)
		watch_answer_free(&poller->answer);
	pthread_cond_destroy(&poller->changed);
	lock_destroy(&poller->lock);
	wake_destroy(&poller->wake);
	free(poller->target);
	free(poller);
}

int watch_poller_start(struct watch_poller **out, const struct watch_poller_ops *ops,
		       const char *target, unsigned flags, struct error *err)
{
	struct watch_poller *poller = calloc(1, sizeof(*poller));
	pthread_condattr_t attr;
	int ret;

	*out = NULL;
	if (!poller)
		return error_set(err, -ENOMEM, "out of memory");
	poller->ops = ops;
	poller->flags = flags;
	poller->fd = -1;
	poller->target = target ? strdup(target) : NULL;
	ret = target && !poller->target ? -ENOMEM : wake_init(&poller->wake);
	if (ret) {
		free(poller->target);
		free(poller);
		return error_set(err, ret, "%s", strerror(-ret));
	}
	lock_init(&poller->lock, LOCK_LEAF, "poller");
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&poller->changed, &attr);
	pthread_condattr_destroy(&attr);
	ret = -pthread_create(&poller->thread, NULL, poll_thread, poller);
	if (ret) {
		destroy(poller);
		return error_set(err, ret, "a thread: %s", strerror(-ret));
	}
	*out = poller;
	return 0;
}

void watch_poller_stop(struct watch_poller *poller)
{
	int64_t until = clock_monotonic() + END_NS;
	bool gone;

	lock_take(&poller->lock);
	poller->stopping = true;
	if (poller->fd >= 0)
		(void)shutdown(poller->fd, SHUT_RDWR);
	pthread_cond_broadcast(&poller->changed);
	while (!poller->gone && clock_monotonic() < until)
		wait_until(poller, until);
	gone = poller->gone;
	lock_drop(&poller->lock);
	if (!gone) {
		pthread_detach(poller->thread);
		return;
	}
	pthread_join(poller->thread, NULL);
	destroy(poller);
}

int watch_poller_fd(const struct watch_poller *poller)
{
	return poller->wake.fd;
}

void watch_poller_ask(struct watch_poller *poller)
{
	lock_take(&poller->lock);
	if (!poller->wanted && !poller->full && !poller->failed) {
		poller->wanted = true;
		poller->asked = clock_monotonic();
		pthread_cond_broadcast(&poller->changed);
	}
	lock_drop(&poller->lock);
}

int64_t watch_poller_asked(struct watch_poller *poller)
{
	int64_t asked;

	lock_take(&poller->lock);
	asked = poller->asked;
	lock_drop(&poller->lock);
	return asked;
}

int watch_poller_take(struct watch_poller *poller, struct watch_answer *answer, struct error *err)
{
	int ret = wake_take(&poller->wake);

	if (ret)
		return error_set(err, ret, "an eventfd: %s", strerror(-ret));
	lock_take(&poller->lock);
	ret = poller->full ? 1 : poller->failed;
	if (poller->full) {
		*answer = poller->answer;
		poller->full = false;
	} else if (ret) {
		*err = poller->err;
	}
	lock_drop(&poller->lock);
	return ret;
}

void watch_answer_free(struct watch_answer *answer)
{
	watch_snapshot_free(&answer->snapshot);
	free(answer->line);
	answer->line = NULL;
}
