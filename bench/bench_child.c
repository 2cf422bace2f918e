// SPDX-License-Identifier: MIT
#include "bench_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define QEMU "qemu-system-x86_64"

const char *const bench_program_names[BENCH_PROGRAMS] = {
	[BENCH_OFF] = "coalesce=off",
	[BENCH_ON] = "coalesce=on",
	[BENCH_FLOOR] = "bare loop",
	[BENCH_QEMU] = "QEMU",
};

/* The bare loop lies in the build folder's bench/ beside the program, or is installed. */
static const char *floor_path(void)
{
	static const char *const places[] = { "bench/floor", "../libexec/coalport/floor" };
	static char path[PATH_MAX + 64];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return NULL;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	slash[1] = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", self, places[i]);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

static bool in_path(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	while (path && *path) {
		size_t len = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);
		if (access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

bool bench_has(enum bench_program program)
{
	switch (program) {
	case BENCH_FLOOR:
		return floor_path();
	case BENCH_QEMU:
		return in_path(QEMU);
	default:
		return true;
	}
}

void bench_arg(struct bench_child *child, const char *format, ...)
{
	va_list args;
	char *text;

	/* One place is the NULL at the end. */
	assert(child->args + 1 < BENCH_ARGS_MAX);
	if (!strchr(format, '%')) {
		child->argv[child->args++] = format;
		return;
	}
	assert(child->texts < sizeof(child->text) / sizeof(child->text[0]));
	text = child->text[child->texts++];
	va_start(args, format);
	vsnprintf(text, sizeof(child->text[0]), format, args);
	va_end(args);
	child->argv[child->args++] = text;
}

void bench_args(struct bench_child *child, const char *const *args)
{
	for (; *args; args++) {
		assert(child->args + 1 < BENCH_ARGS_MAX);
		child->argv[child->args++] = *args;
	}
}

static const char *const machine[] = {
	"-nodefaults", "-display", "none", "-serial", "stdio", NULL
};

void bench_command_uncounted(struct bench_child *child)
{
	*child = (struct bench_child){ .output_fd = -1, .report_fd = -1 };
	bench_arg(child, "/proc/self/exe");
	bench_args(child, machine);
	bench_args(child, (const char *const[]){ "-exits", "off", NULL });
}

void bench_command(struct bench_child *child, enum bench_program program)
{
	*child = (struct bench_child){ .output_fd = -1, .report_fd = -1 };
	switch (program) {
	case BENCH_OFF:
	case BENCH_ON:
		child->report_fd = memfd_create("report", 0);
		bench_arg(child, "/proc/self/exe");
		bench_arg(child, "-M");
		bench_arg(child, program == BENCH_ON ? "pc,coalesce=on" : "pc,coalesce=off");
		bench_args(child, machine);
		bench_arg(child, "-exits");
		bench_arg(child, "json,file=/proc/self/fd/%d", child->report_fd);
		break;
	case BENCH_QEMU:
		bench_arg(child, QEMU);
		/* QEMU's own default of a CPU: "host" does not start on every host. */
		bench_args(child, (const char *const[]){ "-M", "pc", "-accel", "kvm", NULL });
		bench_args(child, machine);
		break;
	default:
		bench_arg(child, "%s", floor_path());
		break;
	}
}

static char *read_all(int fd)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st))
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (text && pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
		free(text);
		return NULL;
	}
	return text;
}

int bench_image(const void *image, size_t size)
{
	int fd = memfd_create("image", 0);

	if (fd >= 0 && write(fd, image, size) == (ssize_t)size)
		return fd;
	log_error("memory file: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int bench_spawn(struct bench_child *child)
{
	pid_t parent = getpid();

	child->argv[child->args] = NULL;
	child->output_fd = memfd_create("output", MFD_CLOEXEC);
	if (child->output_fd < 0) {
		int ret = -errno;

		log_error("memory file: %s", strerror(errno));
		return ret;
	}
	child->started = clock_monotonic();
	child->pid = fork();
	if (child->pid < 0) {
		int ret = -errno;

		log_error("fork: %s", strerror(errno));
		return ret;
	}
	if (child->pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || dup2(null, 0) < 0 || dup2(child->output_fd, 1) < 0)
			_exit(127);
		if (child->report_fd < 0)
			dup2(null, 2);
		execvp(child->argv[0], (char *const *)child->argv);
		_exit(127);
	}
	return 0;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int bench_wait(struct bench_child *child, const char *what)
{
	struct rusage usage;

	if (wait4(child->pid, &child->status, 0, &usage) != child->pid) {
		int ret = -errno;

		log_error("wait: %s", strerror(errno));
		return ret;
	}
	child->pid = 0;
	child->wall = (double)(clock_monotonic() - child->started) / 1e9;
	child->user = seconds(usage.ru_utime);
	child->system = seconds(usage.ru_stime);
	child->output = read_all(child->output_fd);
	if (child->report_fd >= 0) {
		char *text = read_all(child->report_fd);

		child->report = text ? json_tokener_parse(text) : NULL;
		free(text);
	}
	/* QEMU without its exit device, and isa-debug-exit, have statuses of their own. */
	if (!WIFEXITED(child->status) || WEXITSTATUS(child->status) == 127 || !child->output) {
		bench_progress_end();
		log_error("%s: %s failed (status 0x%x)", what, child->argv[0],
			  (unsigned)child->status);
		return -EIO;
	}
	if (child->report_fd >= 0 && !child->report) {
		log_error("%s: no report", what);
		return -EIO;
	}
	return 0;
}

void bench_drop(struct bench_child *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	if (child->output_fd >= 0)
		close(child->output_fd);
	if (child->report_fd >= 0)
		close(child->report_fd);
	free(child->output);
	json_object_put(child->report);
	*child = (struct bench_child){ .output_fd = -1, .report_fd = -1 };
}

static uint64_t number_of(struct json_object *object, const char *name)
{
	return json_object_get_uint64(json_object_object_get(object, name));
}

static bool is_text(struct json_object *object, const char *name, const char *text)
{
	const char *has = json_object_get_string(json_object_object_get(object, name));

	return has && !strcmp(has, text);
}

/* The sum over a port's rows, which are one for each width. */
static uint64_t sum_of(const struct bench_child *child, unsigned port, const char *direction,
		       const char *what)
{
	struct json_object *rows = json_object_object_get(child->report, "rows");
	uint64_t sum = 0;

	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (number_of(row, "addr") == port && is_text(row, "space", "port") &&
		    is_text(row, "direction", direction))
			sum += number_of(row, what);
	}
	return sum;
}

uint64_t bench_samples(const struct bench_child *child, unsigned port, const char *direction)
{
	return sum_of(child, port, direction, "exits");
}

uint64_t bench_coalesced(const struct bench_child *child, unsigned port)
{
	return sum_of(child, port, "write", "coalesced");
}

uint64_t bench_total(const struct bench_child *child, const char *what)
{
	return number_of(child->report, what);
}

double bench_outside_us(const struct bench_child *child)
{
	struct json_object *rows = json_object_object_get(child->report, "rows");
	double time = 0, samples = 0;

	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (!is_text(row, "space", "port"))
			continue;
		time += json_object_get_double(
			json_object_object_get(json_object_object_get(row, "times"), "sum_us"));
		samples += (double)number_of(row, "exits");
	}
	return samples > 0 ? time / samples : 0;
}

double bench_port_us(const struct bench_child *child, unsigned port, const char *direction)
{
	struct json_object *rows = json_object_object_get(child->report, "rows");
	double us = 0;

	for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (number_of(row, "addr") == port && is_text(row, "space", "port") &&
		    is_text(row, "direction", direction))
			us += json_object_get_double(json_object_object_get(
				json_object_object_get(row, "times"), "sum_us"));
	}
	return us;
}

double bench_tsc_hz(const struct bench_child *child)
{
	struct json_object *host = json_object_object_get(child->report, "host");

	return json_object_get_double(json_object_object_get(host, "tsc_hz"));
}

void bench_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void bench_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}
