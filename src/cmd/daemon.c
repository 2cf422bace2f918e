// SPDX-License-Identifier: MIT
#include "cmd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/options.h"

/* "UID:GID", both numbers. */
static bool parse_numbers(struct cmd_daemon *daemon, const char *text)
{
	char *end;
	unsigned long uid, gid;

	if (*text < '0' || *text > '9')
		return false;
	uid = strtoul(text, &end, 10);
	if (*end != ':' || end[1] < '0' || end[1] > '9')
		return false;
	gid = strtoul(end + 1, &end, 10);
	if (*end || uid >= UINT_MAX || gid >= UINT_MAX)
		return false;
	daemon->uid = (uid_t)uid;
	daemon->gid = (gid_t)gid;
	return true;
}

static int find_user(struct cmd_daemon *daemon, const char *text, struct error *err)
{
	const struct passwd *user = getpwnam(text);

	daemon->changes_user = true;
	if (user) {
		daemon->user = text;
		daemon->uid = user->pw_uid;
		daemon->gid = user->pw_gid;
		return 0;
	}
	return parse_numbers(daemon, text)
		       ? 0
		       : error_set(err, -EINVAL,
				   "-runas %.80s: User \"%.80s\" doesn't exist (and is not "
				   "<uid>:<gid>)",
				   text, text);
}

/* What cannot be made absolute stays: it is left behind at the end. */
static void make_absolute(struct cmd_options *options, const char **path, size_t max)
{
	char folder[PATH_MAX], whole[2 * PATH_MAX];
	const char *kept;
	int n;

	if (!*path || **path == '/' || !getcwd(folder, sizeof(folder)))
		return;
	n = snprintf(whole, sizeof(whole), "%s/%s", folder, *path);
	if (n < 0 || (size_t)n >= max || (size_t)n >= sizeof(whole))
		return;
	kept = arena_text(&options->arena, whole, (size_t)n);
	if (kept)
		*path = kept;
}

static void make_paths_absolute(struct cmd_options *options)
{
	const size_t socket_max = sizeof(((struct sockaddr_un *)0)->sun_path);

	make_absolute(options, &options->pidfile, PATH_MAX);
	make_absolute(options, &options->vnc.path, socket_max);
	for (size_t i = 0; i < options->chardevs_n; i++) {
		if (options->chardevs[i].options.kind == CHARDEV_SOCKET)
			make_absolute(options, &options->chardevs[i].options.path, socket_max);
	}
}

/* What the first process does: hears whether it went well. */
static int wait_until_ready(int fd, pid_t child)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return n == 1 ? 0 : 1;
}

static int leave_session(struct cmd_daemon *daemon, int *status, struct error *err)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, -errno, "-daemonize: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return error_set(err, -errno, "-daemonize: fork: %s", strerror(errno));
	if (child > 0) {
		close(ends[1]);
		*status = wait_until_ready(ends[0], child);
		return 1;
	}
	close(ends[0]);
	daemon->ready_fd = ends[1];
	setsid();
	/* Once more, so that opening a terminal never makes it ours. */
	child = fork();
	if (child)
		_exit(child < 0);
	umask(027);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	return 0;
}

int cmd_daemon_begin(struct cmd_daemon *daemon, struct cmd_options *options, int *status,
		     struct error *err)
{
	int ret;

	*daemon = (struct cmd_daemon){ .ready_fd = -1, .null_stderr = !options->log_file };
	if (options->runas) {
		ret = find_user(daemon, options->runas, err);
		if (ret)
			return ret;
	}
	/* It means where it was started, too. */
	if (options->daemonize && options->chroot_dir)
		make_absolute(options, &options->chroot_dir, PATH_MAX);
	if (options->daemonize || options->chroot_dir)
		make_paths_absolute(options);
	return options->daemonize ? leave_session(daemon, status, err) : 0;
}

static int change_root(const char *dir, struct error *err)
{
	if (chroot(dir) < 0)
		return error_set(err, -errno, "chroot failed: %s: %s", dir, strerror(errno));
	if (chdir("/") < 0)
		return error_set(err, -errno, "not able to chdir to /: %s", strerror(errno));
	return 0;
}

static int change_user(const struct cmd_daemon *daemon, struct error *err)
{
	unsigned uid = daemon->uid, gid = daemon->gid;

	if (setgid(daemon->gid) < 0)
		return error_set(err, -errno, "Failed to setgid(%u): %s", gid, strerror(errno));
	if (daemon->user && initgroups(daemon->user, daemon->gid) < 0)
		return error_set(err, -errno, "Failed to initgroups(\"%s\", %u): %s", daemon->user,
				 gid, strerror(errno));
	if (!daemon->user && setgroups(1, &daemon->gid) < 0)
		return error_set(err, -errno, "Failed to setgroups(1, [%u]): %s", gid,
				 strerror(errno));
	if (setuid(daemon->uid) < 0)
		return error_set(err, -errno, "Failed to setuid(%u): %s", uid, strerror(errno));
	if (uid && setuid(0) != -1)
		return error_set(err, -EPERM, "Dropping privileges failed");
	return 0;
}

/* A descriptor of /dev/null in place of the terminal. */
static void leave_terminal(const struct cmd_daemon *daemon, int null)
{
	for (int fd = STDIN_FILENO; fd <= (daemon->null_stderr ? STDERR_FILENO : STDOUT_FILENO);
	     fd++)
		dup2(null, fd);
	close(null);
}

int cmd_daemon_ready(struct cmd_daemon *daemon, const struct cmd_options *options,
		     struct error *err)
{
	bool leaves = daemon->ready_fd >= 0;
	int ret = 0, null = -1;

	if (leaves) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return error_set(err, -errno, "/dev/null: %s", strerror(errno));
		if (chdir("/") < 0)
			ret = error_set(err, -errno, "not able to chdir to /: %s", strerror(errno));
	}
	if (!ret && options->chroot_dir)
		ret = change_root(options->chroot_dir, err);
	if (!ret && daemon->changes_user)
		ret = change_user(daemon, err);
	if (!leaves)
		return ret;
	if (ret) {
		close(null);
		return ret;
	}
	leave_terminal(daemon, null);
	if (write(daemon->ready_fd, "", 1) != 1)
		ret = error_set(err, -errno, "-daemonize: %s", strerror(errno));
	close(daemon->ready_fd);
	daemon->ready_fd = -1;
	return ret;
}
