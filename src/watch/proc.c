// SPDX-License-Identifier: MIT
#include "watch/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define FORMAT_MAX 65536 /* more than any format's text, which the kernel keeps within a page */
#define MOUNT_HINT "mount -t tracefs tracefs /sys/kernel/tracing"

/* A number that is all of a name, or 0. */
static pid_t name_number(const char *name)
{
	char *end;
	long value = strtol(name, &end, 10);

	return *end || *name < '0' || *name > '9' || value > INT_MAX ? 0 : (pid_t)value;
}

int watch_proc_has_kvm(pid_t pid)
{
	/* virt/kvm/kvm_main.c names them so; a vCPU's number follows its name. */
	static const char vm[] = "anon_inode:kvm-vm", vcpu[] = "anon_inode:kvm-vcpu";
	char path[64], link[64];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		ret = !strncmp(link, vm, sizeof(vm) - 1) || !strncmp(link, vcpu, sizeof(vcpu) - 1);
	}
	closedir(dir);
	return ret;
}

void watch_proc_name(uint32_t pid, char name[static WATCH_NAME])
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, WATCH_NAME - 1);
		close(fd);
	}
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	/* A process names itself; a terminal is to see nothing but letters. */
	for (char *at = name; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

int watch_proc_each(void (*found)(void *arg, uint32_t pid), void *arg)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid_t pid = name_number(entry->d_name);

		if (pid && watch_proc_has_kvm(pid) > 0)
			found(arg, (uint32_t)pid);
	}
	closedir(dir);
	return 0;
}

int watch_proc_threads(pid_t pid, int (*found)(void *arg, pid_t tid), void *arg)
{
	struct dirent *entry;
	char path[64];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!ret && (entry = readdir(dir))) {
		pid_t tid = name_number(entry->d_name);

		if (tid)
			ret = found(arg, tid);
	}
	closedir(dir);
	return ret;
}

/* Of a tracefs that is mounted. */
static int events_mounted(void)
{
	static const char *const places[] = { "/sys/kernel/tracing/events",
					      "/sys/kernel/debug/tracing/events" };
	int ret = -ENOENT;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			ret = -errno;
	}
	return ret;
}

/* Mounts tracefs nowhere: it lives as long as its file descriptor, and shows in no other process. */
static int events_own(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), top, fd, ret;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		ret = -errno;
		goto close_fs;
	}
	top = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	ret = top < 0 ? -errno : 0;
	if (top >= 0) {
		fd = openat(top, "events", O_PATH | O_DIRECTORY | O_CLOEXEC);
		ret = fd < 0 ? -errno : fd;
		close(top);
	}
close_fs:
	close(fs);
	return ret;
}

int watch_proc_events(void)
{
	int events = events_mounted();

	if (events != -ENOENT)
		return events;
	events = events_own();
	/* To a user, it is missing and not forbidden. */
	return events == -EPERM ? -ENOENT : events;
}

/* The text of a tracepoint's format to text; its length, or -errno. */
static ssize_t format_load(int events, const char *name, char *text)
{
	char path[64];
	ssize_t n, all = 0;
	int fd;

	snprintf(path, sizeof(path), "kvm/%s/format", name);
	fd = openat(events, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (all < FORMAT_MAX && (n = read(fd, text + all, (size_t)(FORMAT_MAX - all))) > 0)
		all += n;
	close(fd);
	return all;
}

static int formats_refuse(int ret, struct error *err)
{
	if (ret == -EACCES || ret == -EPERM)
		return error_set(
			err, ret,
			"tracefs: %s (tracepoints need root, or CAP_PERFMON and a readable %s)",
			strerror(-ret), "/sys/kernel/tracing");
	return error_set(err, ret, "tracefs is not mounted (as root: %s)", MOUNT_HINT);
}

static int formats_load(struct watch_formats *formats, int events, uint32_t *exit_id,
			struct error *err)
{
	char *text = malloc(FORMAT_MAX);
	int ret = 0;
	ssize_t n;

	if (!text)
		return error_set(err, -ENOMEM, "out of memory");
	for (int kind = 0; !ret && kind < WATCH_KINDS; kind++) {
		const char *name = watch_kind_names[kind];

		n = format_load(events, name, text);
		/* What there would be to say without them, is said without them. */
		if (n == -ENOENT && kind >= WATCH_ENTER)
			continue;
		if (n == -ENOENT)
			ret = error_set(err, -ENOENT,
					"this kernel has no tracepoint kvm:%s (is kvm loaded?)",
					name);
		else if (n < 0)
			ret = formats_refuse((int)n, err);
		else
			ret = watch_formats_add(formats, (enum watch_kind)kind, text, (size_t)n,
						err);
	}
	*exit_id = 0;
	n = ret ? -1 : format_load(events, "kvm_exit", text);
	if (n > 0)
		*exit_id = watch_formats_id(formats, "kvm_exit", text, (size_t)n);
	free(text);
	return ret;
}

int watch_proc_formats(struct watch_formats *formats, uint32_t *exit_id, struct error *err)
{
	int events = watch_proc_events(), ret;

	if (events < 0)
		return formats_refuse(events, err);
	ret = formats_load(formats, events, exit_id, err);
	close(events);
	return ret;
}
