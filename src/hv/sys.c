// SPDX-License-Identifier: MIT
#include "hv/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int sys_open(const struct hv_sys *sys, const char *path)
{
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void sys_close(const struct hv_sys *sys, int fd)
{
	(void)close(fd);
}

static int sys_ioctl(const struct hv_sys *sys, int fd, unsigned long request, uintptr_t arg)
{
	int value;

	value = ioctl(fd, request, arg);
	return value < 0 ? -errno : value;
}

static int sys_mmap(const struct hv_sys *sys, int fd, size_t size, void **out)
{
	void *at;

	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}

static void sys_munmap(const struct hv_sys *sys, void *at, size_t size)
{
	(void)munmap(at, size);
}

static ssize_t sys_pread(const struct hv_sys *sys, int fd, void *to, size_t size, uint64_t offset)
{
	ssize_t n;

	do {
		n = pread(fd, to, size, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static const struct hv_sys host = {
	.open = sys_open,
	.close = sys_close,
	.ioctl = sys_ioctl,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
	.pread = sys_pread,
};

const struct hv_sys *hv_sys_host(void)
{
	return &host;
}
