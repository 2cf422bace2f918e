// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/child.h"

static int run(const char *script, int fd, char *said, size_t len)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct child child;
	siginfo_t info;

	assert_int_equal(child_start(&child, argv, fd), 0);
	/* Over by itself, and not yet waited for. */
	assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
	return child_end(&child, said, len);
}

static void test_no_program(void **state)
{
	const char *argv[] = { "there-is-no-such-program", NULL };
	struct child child;

	assert_int_equal(child_start(&child, argv, STDIN_FILENO), -ENOENT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and nobody is left */
	assert_int_equal(errno, ECHILD);
}

/* Its output comes to us, its session and standard error are ours, and no descriptor is handed on. */
static void test_part_of_us(void **state)
{
	const char *argv[] = { "sh", "-c",
			       "read x; ps -o sid= -p $$ | tr -d ' \n'; "
			       "[ /proc/self/fd/2 -ef /proc/$PPID/fd/2 ] && echo -n ' shared'; "
			       "[ -e /proc/self/fd/3 ] || echo -n ' alone'; exit 5",
			       NULL };
	const char *none[] = { "there-is-no-such-program", NULL };
	char text[64] = "", wanted[64];
	struct child child;
	int pipes[2], status;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(child_run(&child, none, pipes[1]), -ENOENT);
	assert_int_equal(child_run(&child, argv, pipes[1]), 0);
	close(pipes[1]);
	for (size_t n = 0, got; (got = (size_t)read(pipes[0], text + n, sizeof(text) - 1 - n)) > 0;)
		n += got;
	close(pipes[0]);
	status = child_wait(&child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5);
	(void)snprintf(wanted, sizeof(wanted), "%d shared alone", (int)getsid(0));
	assert_string_equal(text, wanted);
}

static void test_status_and_text(void **state)
{
	char said[64];
	int status = run("echo one >&2; echo two >&2; echo lost; exit 7", STDIN_FILENO, said,
			 sizeof(said));

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(said, "one\ntwo\n");
}

/* A pipe's room and more: the child is not held up, and the end of what fits is told. */
static void test_talkative(void **state)
{
	char said[16];
	int status =
		run("i=0; while [ $i -lt 3000 ]; do "
		    "echo a line of some forty bytes, to fill it >&2; i=$((i+1)); done; exit 3",
		    STDIN_FILENO, said, sizeof(said));

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(strlen(said) < sizeof(said), 1);
}

static void test_descriptor(void **state)
{
	int pipes[2];
	char text[8] = "";

	assert_int_equal(pipe(pipes), 0);
	run("echo hand >&3", pipes[1], NULL, 0);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], text, sizeof(text)), 5);
	assert_memory_equal(text, "hand\n", 5);
	close(pipes[0]);
}

/* Whatever we ignore or block, it can be ended; and a signal of the terminal's does not reach it. */
static void test_signals(void **state)
{
	const char *argv[] = { "sleep", "1000", NULL };
	sigset_t term, old;
	struct child child;
	int status;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &old);
	signal(SIGTERM, SIG_IGN);
	assert_int_equal(child_start(&child, argv, STDIN_FILENO), 0);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_not_equal(getsid(child.pid), getsid(0));
	status = child_end(&child, NULL, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* A process in between that is killed. Its child holds the pipe open as long as it lives. */
static void test_dies_with_us(void **state)
{
	const char *argv[] = { "sleep", "1000", NULL };
	int alive[2];
	struct child child;
	pid_t between;
	char byte;

	assert_int_equal(pipe(alive), 0);
	between = fork();
	assert_true(between >= 0);
	if (!between) {
		close(alive[0]);
		if (child_start(&child, argv, alive[1]))
			_exit(1);
		raise(SIGKILL);
	}
	close(alive[1]);
	assert_int_equal(waitpid(between, NULL, 0), between);
	assert_int_equal(read(alive[0], &byte, 1), 0);
	close(alive[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_program),   cmocka_unit_test(test_status_and_text),
		cmocka_unit_test(test_part_of_us),   cmocka_unit_test(test_talkative),
		cmocka_unit_test(test_descriptor),   cmocka_unit_test(test_signals),
		cmocka_unit_test(test_dies_with_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
