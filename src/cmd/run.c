// SPDX-License-Identifier: MIT
#include "cmd/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "board/accel_kvm.h"
#include "board/accel_none.h"
#include "board/pc.h"
#include "board/report.h"
#include "ctl/qmp.h"
#include "ctl/qtest.h"
#include "guests.h"

/* All that a run holds open; taken down in the reverse order of the fields. */
struct run {
	const struct cmd_options *options;
	const uint8_t *rom;
	int pidfile; /* -1, or open and locked */
	bool cancelled; /* by a signal, while waiting for a client */
	bool stdout_told; /* that it could not be written */
	struct loop loop;
	int signal_fd;
	struct loop_watch signal_watch;
	struct arena arena; /* of the lists below */
	struct pc_chardev *chardevs; /* one for each that the options have, NULL if not open */
	struct pc_disk *disks;
	size_t disks_n;
	struct pc_options pc_options;
	struct accel_kvm kvm; /* of the two, the one that the machine runs on */
	struct accel_none none;
	struct pc pc;
	bool pc_there;
	struct ctl_qmp *monitors;
	size_t monitors_n;
	FILE *qtest_log;
	struct ctl_qtest qtest;
	bool qtest_there;
	char bios[PATH_MAX];
};

bool cmd_find_file(const struct cmd_options *options, const char *name, char *out, size_t size)
{
	static const char *const places[] = { "/usr/share/seabios", "/usr/share/qemu" };

	snprintf(out, size, "%s", name);
	if (strchr(name, '/') || access(name, R_OK) == 0)
		return true;
	for (size_t i = 0; i < options->dirs_n; i++) {
		snprintf(out, size, "%s/%s", options->dirs[i], name);
		if (access(out, R_OK) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(out, size, "%s/%s", places[i], name);
		if (access(out, R_OK) == 0)
			return true;
	}
	snprintf(out, size, "%s", name);
	return false;
}

/* Prints the line and gives the status of a run that could not begin. */
static int run_refuse(const char *what, const char *why)
{
	log_error("%s: %s", what, why);
	return 1;
}

/* A lock tells a file that a machine uses from one that a killed machine left behind. */
static const char *claim_pidfile(struct run *run, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	run->pidfile = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
	if (run->pidfile < 0 || fstat(run->pidfile, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (!fcntl(run->pidfile, F_OFD_SETLK, &lock))
		return NULL;
	return errno == EAGAIN || errno == EACCES ? "another machine uses it" : strerror(errno);
}

static int write_pidfile(struct run *run)
{
	const char *path = run->options->pidfile;
	const char *why = path ? claim_pidfile(run, path) : NULL;

	if (!path)
		return 0;
	if (!why && !ftruncate(run->pidfile, 0) &&
	    dprintf(run->pidfile, "%ld\n", (long)getpid()) > 0)
		return 0;
	run_refuse(path, why ? why : strerror(errno));
	if (why && run->pidfile >= 0) {
		close(run->pidfile); /* not ours to remove */
		run->pidfile = -1;
	}
	return 1;
}

static void remove_pidfile(struct run *run)
{
	const char *path = run->options->pidfile;
	struct stat mine, there;

	if (run->pidfile < 0)
		return;
	/* Somebody may have put another file in its place. */
	if (!fstat(run->pidfile, &mine) && !lstat(path, &there) && mine.st_dev == there.st_dev &&
	    mine.st_ino == there.st_ino)
		unlink(path);
	close(run->pidfile);
}

static void run_quit(void *arg)
{
	struct run *run = arg;

	if (run->pc_there)
		machine_request_exit(&run->pc.machine, 0);
	else
		loop_quit(&run->loop);
}

static void run_got_signal(void *arg, uint32_t events)
{
	struct run *run = arg;
	struct signalfd_siginfo info;

	if (read(run->signal_fd, &info, sizeof(info)) == sizeof(info))
		run_quit(run);
}

/* Signals that end the program arrive as an event, so that everything is put back in order. */
static int run_watch_signals(struct run *run)
{
	sigset_t set;
	int ret;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return run_refuse("signalfd", strerror(errno));
	run->signal_watch =
		(struct loop_watch){ .fd = run->signal_fd, .ready = run_got_signal, .arg = run };
	ret = loop_watch(&run->loop, &run->signal_watch, EPOLLIN);
	return ret ? run_refuse("event loop", strerror(-ret)) : 0;
}

static int open_chardev(struct run *run, const struct cmd_chardev *said, struct chardev **out)
{
	struct chardev_options options = said->options;
	const char *what = "open";
	int ret;

	options.quit = run_quit;
	options.quit_arg = run;
	options.cancel_fd = run->signal_fd;
	ret = chardev_open(out, &run->loop, &options, &what);
	run->cancelled = ret == -ECANCELED;
	if (!ret || run->cancelled)
		return 0;
	log_error("%s: %s: %s",
		  options.path                    ? options.path
		  : options.kind == CHARDEV_STDIO ? "standard input and output"
						  : "character back-end",
		  what, strerror(-ret));
	return 1;
}

static int open_chardevs(struct run *run)
{
	const struct cmd_options *options = run->options;
	int status = 0;

	for (size_t i = 0; !status && !run->cancelled && i < options->chardevs_n; i++) {
		run->chardevs[i].id = options->chardevs[i].id;
		status = open_chardev(run, &options->chardevs[i], &run->chardevs[i].chardev);
	}
	run->pc_options.chardevs = run->chardevs;
	run->pc_options.chardevs_n = options->chardevs_n;
	return status;
}

/* Those that a device shows. */
static int open_disks(struct run *run)
{
	for (size_t i = 0; i < run->options->drives_n; i++) {
		const struct cmd_drive *drive = &run->options->drives[i];
		const struct block_options options = {
			.path = drive->file,
			.readonly = drive->readonly,
			.loop = &run->loop,
		};
		struct pc_disk *disk = &run->disks[run->disks_n];
		char why[BLOCK_WHY];

		if (!drive->used)
			continue;
		disk->id = drive->id;
		if (block_open(&disk->block, &options, why)) {
			log_error("%s", why);
			return 1;
		}
		run->disks_n++;
	}
	run->pc_options.disks = run->disks;
	run->pc_options.disks_n = run->disks_n;
	return 0;
}

static int choose_firmware(struct run *run)
{
	const struct cmd_options *options = run->options;
	const char *name = options->bios ? options->bios : PC_DEFAULT_BIOS;

	if (run->rom) {
		run->pc_options.rom = run->rom;
		run->pc_options.rom_size = GUEST_ROM_SIZE;
		return 0;
	}
	/* Chips can be driven without any firmware. */
	if (!cmd_find_file(options, name, run->bios, sizeof(run->bios)) && !options->bios) {
		if (options->accel == CMD_ACCEL_QTEST || options->coalesce == CMD_COALESCE_LIST)
			return 0;
		log_error("%s: no firmware found (install the package seabios, or give -bios FILE)",
			  name);
		return 1;
	}
	run->pc_options.bios = run->bios;
	return 0;
}

static int describe_machine(struct run *run)
{
	const struct cmd_options *options = run->options;
	struct machine_options *machine = &run->pc_options.machine;
	bool no_cpu = options->accel == CMD_ACCEL_QTEST || options->coalesce == CMD_COALESCE_LIST;

	accel_none_init(&run->none, options->qtest_coalesced);
	accel_kvm_init(&run->kvm, &(struct accel_kvm_options){
					  .hv = { .coalesce = options->coalesce == CMD_COALESCE_ON,
						  .irqchip = true,
						  .pit = true,
						  .vcpus = 1,
						  .cpu = options->cpu } });
	machine->loop = &run->loop;
	machine->accel = no_cpu ? &run->none.accel : &run->kvm.accel;
	return choose_firmware(run);
}

/* The table goes to standard output or to a file, which must not be half a table unnoticed. */
static int print_report(struct run *run)
{
	const struct cmd_options *options = run->options;
	enum report_form form = options->exits == CMD_EXITS_JSON ? REPORT_JSON : REPORT_TEXT;
	const char *name = options->exits_file ? options->exits_file : "standard output";
	FILE *out = stdout;
	int ret;

	if (options->exits == CMD_EXITS_NONE)
		return 0;
	if (options->exits_file) {
		out = fopen(options->exits_file, "we");
		if (!out)
			return run_refuse(name, strerror(errno));
	}
	ret = machine_report(&run->pc.machine, out, form);
	if (out != stdout && fclose(out) && !ret)
		ret = -errno;
	run->stdout_told = ret && out == stdout;
	return ret ? run_refuse(name, strerror(-ret)) : 0;
}

/* Output that could not be written is told at the end, once for each back-end. */
static int check_chardevs(struct run *run)
{
	int status = 0;

	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		const struct chardev_options *options = &run->options->chardevs[i].options;
		int ret = run->chardevs[i].chardev ? chardev_error(run->chardevs[i].chardev) : 0;

		if (!ret)
			continue;
		if (options->path)
			status = run_refuse(options->path, strerror(-ret));
		else if (!run->stdout_told)
			status = run_refuse("standard output", strerror(-ret));
	}
	return status;
}

/* The doors through which others drive the machine; greetings go out at once. */
static int open_doors(struct run *run)
{
	const struct cmd_options *options = run->options;
	const char *log = options->qtest_log;
	int ret;

	for (size_t i = 0; i < options->monitors_n; i++) {
		ret = ctl_qmp_init(&run->monitors[i], &run->pc.machine,
				   run->chardevs[options->monitors[i]].chardev);
		if (ret)
			return run_refuse("-qmp", strerror(-ret));
		run->monitors_n++;
	}
	if (!options->has_qtest)
		return 0;
	run->qtest_log = log ? fopen(log, "we") : NULL;
	if (log && !run->qtest_log)
		return run_refuse(log, strerror(errno));
	ret = ctl_qtest_init(&run->qtest, &run->pc.machine, &run->none.cpu,
			     run->chardevs[options->qtest].chardev, run->qtest_log);
	if (ret)
		return run_refuse("-qtest", strerror(-ret));
	run->qtest_there = true;
	return 0;
}

static void close_doors(struct run *run)
{
	if (run->qtest_there)
		ctl_qtest_destroy(&run->qtest);
	if (run->qtest_log && fclose(run->qtest_log))
		log_error("%s: %s", run->options->qtest_log, strerror(errno));
	for (size_t i = 0; i < run->monitors_n; i++)
		ctl_qmp_destroy(&run->monitors[i]);
}

static int run_machine(struct run *run)
{
	struct machine *machine = &run->pc.machine;
	int status, report;

	if (run->options->coalesce == CMD_COALESCE_LIST) {
		int ret = machine_list_waits(machine, stdout);

		return ret ? run_refuse("standard output", strerror(-ret)) : 0;
	}
	if (!run->options->paused)
		machine_continue(machine);
	status = machine_run(machine);
	report = print_report(run);
	return status ? status : report;
}

static int set_up_and_run(struct run *run)
{
	struct error err;
	int status = run_watch_signals(run);

	if (!status)
		status = open_chardevs(run);
	if (run->cancelled)
		return 0;
	if (!status)
		status = open_disks(run);
	if (!status)
		status = describe_machine(run);
	if (status)
		return status;
	if (pc_create(&run->pc, &run->pc_options, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	run->pc_there = true;
	status = open_doors(run);
	if (!status)
		status = write_pidfile(run);
	return status ? status : run_machine(run);
}

static void take_down(struct run *run)
{
	close_doors(run);
	if (run->pc_there)
		pc_destroy(&run->pc);
	for (size_t i = 0; i < run->disks_n; i++)
		block_close(run->disks[i].block);
	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		if (run->chardevs[i].chardev)
			chardev_destroy(run->chardevs[i].chardev);
	}
	if (run->signal_watch.ready)
		loop_unwatch(&run->loop, &run->signal_watch);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	remove_pidfile(run);
	loop_destroy(&run->loop);
}

/* Room for what the options have. */
static bool make_lists(struct run *run)
{
	const struct cmd_options *options = run->options;

	run->chardevs = arena_alloc(&run->arena, options->chardevs_n * sizeof(*run->chardevs));
	run->disks = arena_alloc(&run->arena, options->drives_n * sizeof(*run->disks));
	run->monitors = arena_alloc(&run->arena, options->monitors_n * sizeof(*run->monitors));
	return run->chardevs && run->disks && run->monitors;
}

static int run_free(struct run *run, int status)
{
	arena_free(&run->arena);
	free(run);
	return status;
}

int cmd_run(const struct cmd_options *options, const uint8_t *rom)
{
	struct run *run = calloc(1, sizeof(*run));
	int status, lost, ret;

	if (!run)
		return run_refuse("memory", strerror(ENOMEM));
	run->options = options;
	run->pc_options = options->pc;
	run->rom = rom;
	run->signal_fd = run->pidfile = -1;
	if (!make_lists(run))
		return run_free(run, run_refuse("memory", strerror(ENOMEM)));
	ret = options->log_file ? log_to_file(options->log_file) : 0;
	if (ret)
		return run_free(run, run_refuse(options->log_file, strerror(-ret)));
	for (size_t i = 0; i < options->warnings_n; i++)
		log_warn("%s", options->warnings[i]);
	ret = loop_init(&run->loop);
	if (ret)
		return run_free(run, run_refuse("event loop", strerror(-ret)));
	status = set_up_and_run(run);
	lost = check_chardevs(run);
	take_down(run);
	return run_free(run, status ? status : lost);
}
