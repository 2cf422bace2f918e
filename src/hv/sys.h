// SPDX-License-Identifier: MIT
/*
 * The system calls that this floor makes on KVM's file descriptors. Tests put another table in
 * their place to take capabilities away, to fail a call, or to model KVM altogether; a function gets
 * the table itself, so that it can be embedded in whatever the test keeps. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hv_sys {
	/* The descriptor or -errno. */
	int (*open)(const struct hv_sys *sys, const char *path);
	void (*close)(const struct hv_sys *sys, int fd);
	/* What the call gave (0 or more) or -errno. */
	int (*ioctl)(const struct hv_sys *sys, int fd, unsigned long request, uintptr_t arg);
	/* Shared, readable and writable, from the descriptor's start. 0 or -errno. */
	int (*mmap)(const struct hv_sys *sys, int fd, size_t size, void **out);
	void (*munmap)(const struct hv_sys *sys, void *at, size_t size);
	/* Bytes, 0 at the end, or -errno. */
	ssize_t (*pread)(const struct hv_sys *sys, int fd, void *to, size_t size, uint64_t offset);
};

/* The real ones. */
const struct hv_sys *hv_sys_host(void);
