// SPDX-License-Identifier: MIT
/*
 * The thread engine: one thread that carries requests out in the order they came. For hosts that
 * refuse io_uring, and for what has no io_uring operation.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/lock.h"
#include "dev/block_engine.h"

struct block_worker {
	struct block *block;
	pthread_t thread;
	struct loop_watch watch; /* an eventfd: something is in finished */
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
	uint64_t one = 1;
	ssize_t n;

	while (worker_wait(worker, &request)) {
		if (!request)
			continue;
		request->result = block_piece_run(&block->file, block->system, request);
		lock_take(&worker->lock);
		STAILQ_INSERT_TAIL(&worker->finished, request, link);
		lock_drop(&worker->lock);
		n = write(worker->watch.fd, &one, sizeof(one));
		(void)n;
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
	worker->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->watch.fd < 0) {
		err = -errno;
		goto free_worker;
	}
	err = loop_watch(block->loop, &worker->watch, EPOLLIN);
	if (err)
		goto close_fd;
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
close_fd:
	close(worker->watch.fd);
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
	close(worker->watch.fd);
	lock_destroy(&worker->lock);
	sem_destroy(&worker->work);
	free(worker);
}

int block_worker_fd(const struct block_worker *worker)
{
	return worker->watch.fd;
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
	uint64_t count;
	ssize_t n = read(worker->watch.fd, &count, sizeof(count));

	(void)n;
	while ((request = worker_take(worker, &worker->finished)))
		block_ended(block, request, request->result);
	block_kick(block);
}
