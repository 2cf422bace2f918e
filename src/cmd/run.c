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

#define DEFAULT_RAM (UINT64_C(128) << 20)

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
	struct chardev *chardevs[CMD_CHARDEVS_MAX];
	struct block *blocks[CMD_DISKS_MAX];
	struct pc_options pc_options;
	struct accel_kvm kvm; /* of the two, the one that the machine runs on */
	struct accel_none none;
	struct pc pc;
	bool pc_there;
	struct ctl_qmp monitors[CMD_MONITORS_MAX];
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

static int open_chardevs(struct run *run)
{
	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		struct chardev_options options = run->options->chardevs[i].options;
		const char *what = "open";
		int ret;

		options.quit = run_quit;
		options.quit_arg = run;
		options.cancel_fd = run->signal_fd;
		ret = chardev_open(&run->chardevs[i], &run->loop, &options, &what);
		run->cancelled = ret == -ECANCELED;
		if (run->cancelled)
			return 0;
		if (ret) {
			log_error("%s: %s: %s",
				  options.path                    ? options.path
				  : options.kind == CHARDEV_STDIO ? "standard input and output"
								  : "character back-end",
				  what, strerror(-ret));
			return 1;
		}
	}
	return 0;
}

static int open_disks(struct run *run)
{
	for (size_t i = 0; i < run->options->disks_n; i++) {
		const struct cmd_disk *disk = &run->options->disks[i];
		const struct block_options options = {
			.path = disk->file,
			.readonly = disk->readonly,
			.loop = &run->loop,
		};
		char why[BLOCK_WHY];

		if (block_open(&run->blocks[i], &options, why)) {
			log_error("%s", why);
			return 1;
		}
		run->pc_options.disks[i] = (struct pc_disk){
			.block = run->blocks[i],
			.serial = disk->serial,
			.bootindex = disk->bootindex,
		};
	}
	run->pc_options.disks_n = run->options->disks_n;
	return 0;
}

static struct chardev *chardev_of(const struct run *run, int index)
{
	return index == CMD_NONE ? NULL : run->chardevs[index];
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

static struct rtc_base rtc_base_of(const struct cmd_rtc *rtc)
{
	static const enum rtc_base_kind kinds[] = {
		[CMD_RTC_UTC] = RTC_BASE_UTC,
		[CMD_RTC_LOCALTIME] = RTC_BASE_LOCALTIME,
		[CMD_RTC_DATE] = RTC_BASE_DATE,
	};

	return (struct rtc_base){ .kind = kinds[rtc->base], .seconds = rtc->date };
}

static enum pc_rtc_clock rtc_clock_of(const struct cmd_rtc *rtc)
{
	static const enum pc_rtc_clock clocks[] = {
		[CMD_RTC_HOST] = PC_RTC_HOST,
		[CMD_RTC_RT] = PC_RTC_RT,
		[CMD_RTC_VM] = PC_RTC_VM,
	};

	return clocks[rtc->clock];
}

/* The lists of ports, consoles and firmware files, from what was parsed. */
static void copy_lists(struct run *run)
{
	const struct cmd_options *options = run->options;
	struct pc_options *pc = &run->pc_options;

	for (size_t i = 0; i < PC_SERIALS; i++) {
		pc->serials[i].present = options->serials[i] != CMD_NONE;
		pc->serials[i].chardev = chardev_of(run, options->serials[i]);
	}
	for (size_t i = 0; i < options->debug_consoles_n; i++) {
		pc->debugcons[i].port = options->debug_consoles[i].port;
		pc->debugcons[i].chardev = chardev_of(run, options->debug_consoles[i].chardev);
	}
	pc->debugcons_n = options->debug_consoles_n;
	for (size_t i = 0; i < options->debug_exits_n; i++) {
		pc->debugexits[i].port = options->debug_exits[i].port;
		pc->debugexits[i].size = options->debug_exits[i].size;
	}
	pc->debugexits_n = options->debug_exits_n;
	for (size_t i = 0; i < options->fw_cfg_n; i++)
		pc->fw_cfg[i] = (struct pc_fw_cfg_item){
			.name = options->fw_cfg[i].name,
			.string = options->fw_cfg[i].string,
			.file = options->fw_cfg[i].file,
		};
	pc->fw_cfg_n = options->fw_cfg_n;
}

static int describe_machine(struct run *run)
{
	const struct cmd_options *options = run->options;
	struct pc_options *pc = &run->pc_options;
	static const enum machine_panic panics[] = {
		[CMD_PANIC_SHUTDOWN] = MACHINE_PANIC_SHUTDOWN,
		[CMD_PANIC_PAUSE] = MACHINE_PANIC_PAUSE,
		[CMD_PANIC_NONE] = MACHINE_PANIC_RUN,
	};
	bool no_cpu = options->accel == CMD_ACCEL_QTEST || options->coalesce == CMD_COALESCE_LIST;

	accel_none_init(&run->none, options->qtest_coalesced);
	accel_kvm_init(&run->kvm, &(struct accel_kvm_options){
					  .hv = { .coalesce = options->coalesce == CMD_COALESCE_ON,
						  .irqchip = true,
						  .pit = true,
						  .vcpus = 1,
						  .cpu = options->cpu } });
	pc->machine = (struct machine_options){
		.loop = &run->loop,
		.accel = no_cpu ? &run->none.accel : &run->kvm.accel,
		.no_reboot = options->no_reboot,
		.no_shutdown = options->no_shutdown,
		.panic = panics[options->panic],
	};
	pc->name = options->name;
	pc->uuid = options->uuid_given ? options->uuid : NULL;
	pc->ram = options->memory_given ? options->memory : DEFAULT_RAM;
	/* With -display none alone it would have the display that is not shown. */
	pc->serial_console = options->nographic || !options->no_display;
	pc->boot_menu = options->boot_menu;
	pc->boot_menu_wait = options->splash_time;
	pc->boot_fail_wait_given = options->reboot_timeout_given;
	pc->boot_fail_wait = options->reboot_timeout;
	pc->rtc_base = rtc_base_of(&options->rtc);
	pc->rtc_clock = rtc_clock_of(&options->rtc);
	pc->rtc_slew = options->rtc.slew;
	copy_lists(run);
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
		int ret = run->chardevs[i] ? chardev_error(run->chardevs[i]) : 0;

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
				   chardev_of(run, options->monitors[i]));
		if (ret)
			return run_refuse("-qmp", strerror(-ret));
		run->monitors_n++;
	}
	if (options->qtest == CMD_NONE)
		return 0;
	run->qtest_log = log ? fopen(log, "we") : NULL;
	if (log && !run->qtest_log)
		return run_refuse(log, strerror(errno));
	ret = ctl_qtest_init(&run->qtest, &run->pc.machine, &run->none.cpu,
			     chardev_of(run, options->qtest), run->qtest_log);
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
	for (size_t i = 0; i < run->options->disks_n; i++)
		block_close(run->blocks[i]);
	for (size_t i = 0; i < run->options->chardevs_n; i++) {
		if (run->chardevs[i])
			chardev_destroy(run->chardevs[i]);
	}
	if (run->signal_watch.ready)
		loop_unwatch(&run->loop, &run->signal_watch);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	remove_pidfile(run);
	loop_destroy(&run->loop);
}

int cmd_run(const struct cmd_options *options, const uint8_t *rom)
{
	struct run *run = calloc(1, sizeof(*run));
	int status, lost, ret;

	if (!run)
		return run_refuse("memory", strerror(ENOMEM));
	run->options = options;
	run->rom = rom;
	run->signal_fd = run->pidfile = -1;
	ret = options->log_file ? log_to_file(options->log_file) : 0;
	if (ret) {
		free(run);
		return run_refuse(options->log_file, strerror(-ret));
	}
	ret = loop_init(&run->loop);
	if (ret) {
		free(run);
		return run_refuse("event loop", strerror(-ret));
	}
	status = set_up_and_run(run);
	lost = check_chardevs(run);
	take_down(run);
	free(run);
	return status ? status : lost;
}
