// SPDX-License-Identifier: MIT
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Puts from in to's place; a descriptor that is there already only has to stay open. */
static int move_fd(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0);
	return dup2(from, to) < 0 ? -1 : 0;
}

/* Of a child. A descriptor of -1: none. */
struct plan {
	const char *const *argv;
	int fd, out, said;
	bool apart; /* from our terminal */
	pid_t parent;
};

/* A duplicate above the places that are filled now, so that none is overwritten; -1 stays. */
static int dup_above(int fd, bool *failed)
{
	if (fd < 0)
		return -1;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
	*failed |= fd < 0;
	return fd;
}

/* In the child, between fork and exec: only what is safe after signals. Returns what went wrong. */
static int become(const struct plan *plan)
{
	struct sigaction normal = { .sa_handler = SIG_DFL };
	bool failed = false;
	sigset_t none;
	int null, out, said, fd;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || (plan->apart && setsid() < 0))
		return errno;
	/* It may have died before it could be noticed. */
	if (getppid() != plan->parent)
		return ESRCH;
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return errno;
	null = dup_above(null, &failed);
	out = dup_above(plan->out, &failed);
	said = dup_above(plan->said, &failed);
	fd = dup_above(plan->fd, &failed);
	if (failed || move_fd(null, STDIN_FILENO) < 0 ||
	    move_fd(out < 0 ? null : out, STDOUT_FILENO) < 0 ||
	    (said >= 0 && move_fd(said, STDERR_FILENO) < 0) ||
	    (fd >= 0 && move_fd(fd, CHILD_FD) < 0))
		return errno;
	execvp(plan->argv[0], (char *const *)plan->argv);
	return errno;
}

static void wait_for(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

/* The errno of a start that failed; 0 once the program runs, which closes the pipe. */
static int started(int result)
{
	int err = 0;
	ssize_t n;

	do {
		n = read(result, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(err) ? -err : 0;
}

/* 0 once it runs, or -errno. */
static int launch(struct child *child, const struct plan *plan)
{
	int result[2], err, status;

	if (pipe2(result, O_CLOEXEC) < 0)
		return -errno;
	child->pid = fork();
	if (child->pid == 0) {
		err = become(plan);
		/* If the parent does not hear of it, it sees the end all the same. */
		_exit(write(result[1], &err, sizeof(err)) == sizeof(err) ? 127 : 126);
	}
	err = child->pid < 0 ? -errno : 0;
	close(result[1]);
	if (!err) {
		err = started(result[0]);
		if (err)
			wait_for(child->pid, &status);
	}
	close(result[0]);
	return err;
}

int child_start(struct child *child, const char *const argv[], int fd)
{
	struct plan plan = { argv, .fd = fd, .out = -1, .apart = true, .parent = getpid() };
	int said[2], err;

	/* Nobody reads it before the end: whoever would wait for that is told to try again instead. */
	if (pipe2(said, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	plan.said = said[1];
	err = launch(child, &plan);
	close(said[1]);
	if (err)
		close(said[0]);
	else
		child->said = said[0];
	return err;
}

int child_run(struct child *child, const char *const argv[], int out)
{
	const struct plan plan = { argv, .fd = -1, .out = out, .said = -1, .parent = getpid() };

	child->said = -1;
	return launch(child, &plan);
}

int child_wait(struct child *child)
{
	int status = 0;

	wait_for(child->pid, &status);
	return status;
}

/* The last of what is in the pipe. */
static void read_said(const struct child *child, char *text, size_t len)
{
	size_t used = 0;

	while (used < len - 1) {
		ssize_t n = read(child->said, text + used, len - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
		if (used == len - 1) { /* there may be more: what came first makes room */
			memmove(text, text + used / 2, used - used / 2);
			used -= used / 2;
		}
	}
	text[used] = '\0';
}

int child_end(struct child *child, char *text, size_t len)
{
	int status;

	(void)kill(child->pid, SIGTERM); /* it may have ended by itself */
	status = child_wait(child);
	if (text)
		read_said(child, text, len);
	close(child->said);
	return status;
}
