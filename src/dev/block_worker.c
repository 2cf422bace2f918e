// SPDX-License-Identifier: MIT
/*
 * The thread engine: one thread that carries requests out in the order they came. For hosts that
 * refuse io_uring, and for what has no io_uring operation.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/lock.h"
#include "base/wake.h"
#include "dev/block_engine.h"

struct block_worker {
	struct block *block;
	pthread_t thread;
	struct wake wake; /* something is in finished */
	struct loop_watch watch;
	sem_t work; /* posted for each request added, and once to end */
	struct lock lock; /* LOCK_LEAF: below */
	struct block_list todo, finished;
	bool ending;
};

static struct block_request *worker_take(struct block_worker *worker, struct block_list *list)
{
	struct block_request *request;

	lock_take(&worker->lock);
	request = block_list_take(list);
	lock_drop(&worker->lock);
	return request;
}

/* The next request to do, or NULL if it was taken back; false: there will be no more. */
static bool worker_wait(struct block_worker *worker, struct block_request **request)
{
	bool ending;

	while (sem_wait(&worker->work) < 0)
		; /* a signal */
	lock_take(&worker->lock);
	*request = block_list_take(&worker->todo);
	ending = worker->ending;
	lock_drop(&worker->lock);
	return !ending;
}

static void *work(void *arg)
{
	struct block_worker *worker = arg;
	const struct block *block = worker->block;
	struct block_request *request;
	int err;

	while (worker_wait(worker, &request)) {
		if (!request)
			continue;
		request->result = block_piece_run(&block->file, block->system, request);
		lock_take(&worker->lock);
		STAILQ_INSERT_TAIL(&worker->finished, request, link);
		lock_drop(&worker->lock);
		err = wake_give(&worker->wake);
		assert(!err); /* nothing that a host could refuse */
		(void)err;
	}
	return NULL;
}

static void worker_ready(void *arg, uint32_t events)
{
	block_worker_reap(arg);
}

/* Signals are for the threads that expect them, but for those of the thread's own faults. */
static int start_thread(struct block_worker *worker)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
	sigset_t all, old;
	int err;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int block_worker_make(struct block_worker **out, struct block *block)
{
	struct block_worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->block = block;
	STAILQ_INIT(&worker->todo);
	STAILQ_INIT(&worker->finished);
	worker->watch = (struct loop_watch){ .ready = worker_ready, .arg = worker };
	err = wake_init(&worker->wake);
	if (err)
		goto free_worker;
	worker->watch.fd = worker->wake.fd;
	err = loop_watch(block->loop, &worker->watch, EPOLLIN);
	if (err)
		goto destroy_wake;
	sem_init(&worker->work, 0, 0);
	lock_init(&worker->lock, LOCK_LEAF, "block worker");
	err = start_thread(worker);
	if (err)
		goto destroy_lock;
	*out = worker;
	return 0;

destroy_lock:
	lock_destroy(&worker->lock);
	sem_destroy(&worker->work);
	loop_unwatch(block->loop, &worker->watch);
destroy_wake:
	wake_destroy(&worker->wake);
free_worker:
	free(worker);
	return err;
}

void block_worker_free(struct block_worker *worker)
{
	lock_take(&worker->lock);
	worker->ending = true;
	lock_drop(&worker->lock);
	sem_post(&worker->work);
	pthread_join(worker->thread, NULL);
	loop_unwatch(worker->block->loop, &worker->watch);
	wake_destroy(&worker->wake);
	lock_destroy(&worker->lock);
	sem_destroy(&worker->work);
	free(worker);
}

int block_worker_fd(const struct block_worker *worker)
{
	return worker->wake.fd;
}

void block_worker_add(struct block_worker *worker, struct block_request *request)
{
	lock_take(&worker->lock);
	STAILQ_INSERT_TAIL(&worker->todo, request, link);
	lock_drop(&worker->lock);
	sem_post(&worker->work);
}

void block_worker_take_back(struct block_worker *worker, struct block_list *list)
{
	lock_take(&worker->lock);
	STAILQ_CONCAT(list, &worker->todo);
	lock_drop(&worker->lock);
}

void block_worker_reap(struct block_worker *worker)
{
	struct block *block = worker->block;
	struct block_request *request;
	int err = wake_take(&worker->wake);

	(void)err; /* at worst it is taken again */
	while ((request = worker_take(worker, &worker->finished)))
		block_ended(block, request, request->result);
	block_kick(block);
}
