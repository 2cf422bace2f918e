// SPDX-License-Identifier: MIT
#include "bench_outside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACING    "/sys/kernel/tracing"
#define TRACEPOINT TRACING "/events/kvm/kvm_userspace_exit/id"

static int read_number(const char *path, long *number)
{
	FILE *file = fopen(path, "re");
	int ret = 0;

	if (!file)
		return -errno;
	if (fscanf(file, "%ld", number) != 1)
		ret = -EIO;
	fclose(file);
	return ret;
}

/*
 * The number of the tracepoint of trips to user space. Where tracefs is not mounted, a child mounts it
 * where only itself can see it. 0 or -errno.
 */
static int tracepoint_id(long *id)
{
	int ret = read_number(TRACEPOINT, id), fds[2];
	pid_t pid;

	if (ret != -ENOENT)
		return ret;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tracefs", TRACING, "tracefs", 0, NULL) &&
		    !read_number(TRACEPOINT, id) && write(fds[1], id, sizeof(*id)) != sizeof(*id))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	if (pid > 0 && read(fds[0], id, sizeof(*id)) == sizeof(*id))
		ret = 0;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return ret;
}

int bench_outside_begin(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.inherit = 1,
	};
	long id = 0;
	int ret = tracepoint_id(&id);

	if (ret)
		return ret;
	attr.config = (uint64_t)id;
	ret = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

long bench_outside_end(int fd)
{
	uint64_t count;
	long ret = -1;

	if (fd < 0)
		return -1;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		ret = (long)count;
	close(fd);
	return ret;
}
