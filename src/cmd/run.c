// SPDX-License-Identifier: MIT
#include "cmd/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/daemon.h"
#include "cmd/run_impl.h"
#include "guests.h"

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

static bool find_file(void *options, const char *name, char *out, size_t size)
{
	return cmd_find_file(options, name, out, size);
}

int run_refuse(const char *what, const char *why)
{
	log_error("%s: %s", what, why);
	return 1;
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

	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	run->signaled = true;
	if (info.ssi_signo == SIGXCPU) {
		log_error("the limit on processor time is reached (ulimit -t)");
		run->status = 1;
	}
	if (run->pc_there)
		machine_request_exit(&run->pc.machine, run->status);
	else
		loop_quit(&run->loop);
}

/*
 * Signals that end the program arrive as an event, so that everything is put back in order. What is
 * ignored shows as an error of the write that was in question.
 */
static int run_watch_signals(struct run *run)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ };
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU };
	sigset_t set;
	int ret;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return run_refuse("signalfd", strerror(errno));
	run->signal_watch =
		(struct loop_watch){ .fd = run->signal_fd, .ready = run_got_signal, .arg = run };
	ret = loop_watch(&run->loop, &run->signal_watch, EPOLLIN);
	return ret ? run_refuse("event loop", strerror(-ret)) : 0;
}

/* Only looks: nothing is opened that would be made or changed by it. */
static bool only_lists(const struct run *run)
{
	return run->options->coalesce == CMD_COALESCE_LIST;
}

static int open_files(struct run *run)
{
	const struct cmd_options *options = run->options;
	struct error err;
	int ret;

	if (only_lists(run))
		return 0;
	log_stamp(options->timestamps);
	if (options->process_name)
		prctl(PR_SET_NAME, options->process_name);
	if (options->lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return run_refuse("-overcommit: locking memory failed", strerror(errno));
	cmd_find_file(options, options->bios ? options->bios : PC_DEFAULT_BIOS, run->bios,
		      sizeof(run->bios));
	ret = cmd_files_open_all(&run->files, options, run->bios, &err);
	if (!ret && options->pidfile)
		ret = cmd_pidfile_claim(&run->pidfile, options->pidfile, &err);
	if (ret)
		log_error("%s", err.text);
	for (size_t i = 0; i < options->warnings_n && !ret; i++)
		log_warn("%s", options->warnings[i]);
	return ret ? 1 : 0;
}

static int open_chardev(struct run *run, const struct cmd_chardev *said, struct chardev **out)
{
	struct chardev_options options = said->options;
	const char *what = "open";
	int ret;

	if (only_lists(run))
		options.kind = CHARDEV_NULL;
	if (options.kind == CHARDEV_FILE)
		options.file = &cmd_files_find(&run->files, CMD_FILE_BACKEND, options.path)->file;
	options.quit = run_quit;
	options.quit_arg = run;
	options.cancel_fd = run->signal_fd;
	ret = chardev_open(out, &run->loop, &options, &what);
	run->cancelled = ret == -ECANCELED;
	if (!ret || run->cancelled)
		return 0;
	log_error("%s: %s: %s",
		  said->shown                     ? said->shown
		  : options.kind == CHARDEV_STDIO ? "standard input and output"
						  : "character back-end",
		  what, strerror(-ret));
	return 1;
}

/* One that is open. */
static int name_chardev(struct run *run, size_t i)
{
	const struct cmd_chardev *said = &run->options->chardevs[i];
	int ret = chardev_set_add(&run->set, said->label, run->chardevs[i], &run->chardevs[i],
				  said->used);

	if (!ret)
		return only_lists(run) ? 0 : run_tell_chardev(run, said, run->chardevs[i]);
	chardev_destroy(run->chardevs[i]);
	run->chardevs[i] = NULL;
	return run_refuse(said->label,
			  ret == -EEXIST ? "there are two back-ends of this name" : strerror(-ret));
}

static int open_chardevs(struct run *run)
{
	const struct cmd_options *options = run->options;
	int status = 0;

	for (size_t i = 0; !status && !run->cancelled && i < options->chardevs_n; i++) {
		status = open_chardev(run, &options->chardevs[i], &run->chardevs[i]);
		if (run->chardevs[i] && !status)
			status = name_chardev(run, i);
		run->named[i].id = options->chardevs[i].id;
		run->named[i].chardev = run->chardevs[i];
	}
	run->pc_options.chardevs = run->named;
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
			.format = drive->format,
			.id = drive->id,
			.readonly = drive->readonly,
			.loop = &run->loop,
		};
		struct pc_disk *disk = &run->disks[run->disks_n];
		char why[BLOCK_WHY];

		if (!drive->used)
			continue;
		disk->id = drive->id;
		disk->readonly = drive->readonly;
		disk->policy = (struct block_policy){ drive->rerror, drive->werror };
		if (drive->file && block_open(&disk->block, &options, why)) {
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
						  .pit_discard = options->pit_discard,
						  .vcpus = 1,
						  .uncounted = options->exits == CMD_EXITS_OFF,
						  .cpu = options->cpu } });
	run->pc_options.find_file = find_file;
	run->pc_options.find_file_arg = (void *)options;
	machine->loop = &run->loop;
	machine->chardevs = &run->set;
	machine->accel = no_cpu ? &run->none.accel : &run->kvm.accel;
	return choose_firmware(run);
}

/* Tools miss it if it is not there, the guest does not. */
static void open_control(struct run *run)
{
	struct error err;

	if (run->options->no_control || run->options->accel == CMD_ACCEL_QTEST)
		return;
	if (ctl_control_init(&run->control, &run->pc.machine, run->vnc, &err))
		log_warn("%s (the machine runs without it)", err.text);
}

static int open_vnc(struct run *run)
{
	struct error err;

	if (!run->options->vnc_wanted || only_lists(run) ||
	    !ui_vnc_open(&run->vnc, &run->pc.machine, &run->options->vnc, &err))
		return 0;
	log_error("%s", err.text);
	return 1;
}

static int open_curses(struct run *run)
{
	const struct cmd_options *options = run->options;
	struct error err;

	if (!options->curses_wanted || only_lists(run) ||
	    !ui_curses_open(&run->curses, &run->pc.machine, run->chardevs[options->curses], &err))
		return 0;
	log_error("%s", err.text);
	return 1;
}

/* What is said from here on is seen. */
static void close_curses(struct run *run)
{
	ui_curses_close(run->curses);
	run->curses = NULL;
}

static int open_monitor(struct run *run, const struct cmd_monitor *monitor)
{
	struct chardev *chardev = run->chardevs[monitor->chardev];
	struct error err;
	int ret;

	if (monitor->control) {
		ret = ctl_qmp_init(&run->qmps[run->qmps_n], &run->pc.machine, run->vnc, chardev);
		if (ret)
			return run_refuse("-qmp", strerror(-ret));
		run->qmps_n++;
		return 0;
	}
	if (ctl_hmp_init(&run->hmps[run->hmps_n], &run->pc.machine, run->vnc, chardev, &err))
		return run_refuse("-monitor", err.text);
	run->hmps_n++;
	return 0;
}

static int open_qtest(struct run *run)
{
	const struct cmd_options *options = run->options;
	const char *log = options->qtest_log;
	int ret;

	if (!options->has_qtest)
		return 0;
	if (log && run_open_qtest_log(run, log))
		return 1;
	ret = ctl_qtest_init(&run->qtest, &run->pc.machine, &run->none.cpu,
			     run->chardevs[options->qtest], run->qtest_log);
	if (ret)
		return run_refuse("-qtest", strerror(-ret));
	run->qtest_there = true;
	return 0;
}

/* The doors through which others drive the machine; greetings go out at once. */
static int open_doors(struct run *run)
{
	const struct cmd_options *options = run->options;

	if (only_lists(run))
		return 0;
	for (size_t i = 0; i < options->monitors_n; i++) {
		if (open_monitor(run, &options->monitors[i]))
			return 1;
	}
	open_control(run);
	return open_qtest(run);
}

static int close_doors(struct run *run)
{
	if (run->qtest_there)
		ctl_qtest_destroy(&run->qtest);
	for (size_t i = 0; i < run->qmps_n; i++)
		ctl_qmp_destroy(&run->qmps[i]);
	for (size_t i = 0; i < run->hmps_n; i++)
		ctl_hmp_destroy(&run->hmps[i]);
	ctl_control_destroy(&run->control);
	ui_vnc_close(run->vnc);
	close_curses(run);
	return run_close_qtest_log(run);
}

static int run_machine(struct run *run)
{
	struct machine *machine = &run->pc.machine;
	int status, report;

	if (only_lists(run))
		return run_list_waits(run);
	if (!run->options->paused)
		machine_continue(machine);
	status = machine_run(machine);
	run_finish_chardevs(run);
	close_curses(run);
	report = run_print_report(run);
	return status ? status : report;
}

static int make_machine(struct run *run)
{
	struct error err;

	if (pc_create(&run->pc, &run->pc_options, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	run->pc_there = true;
	return 0;
}

/* Nothing stands in the way any more: what was in the files may go. */
static int begin_outputs(struct run *run)
{
	struct error err;

	if (!cmd_files_begin(&run->files, &err))
		return 0;
	log_error("%s", err.text);
	return 1;
}

static int write_pidfile(struct run *run)
{
	struct error err;

	if (run->pidfile.fd < 0 || !cmd_pidfile_write(&run->pidfile, &err))
		return 0;
	log_error("%s", err.text);
	return 1;
}

/* Nothing more has to be opened. */
static int become_ready(struct run *run)
{
	struct error err;

	if (!run->options->daemon || !cmd_daemon_ready(run->options->daemon, run->options, &err))
		return 0;
	log_error("%s", err.text);
	return 1;
}

static int set_up_and_run(struct run *run)
{
	static int (*const steps[])(struct run * run) = {
		open_files,   open_disks,    open_chardevs, describe_machine,
		make_machine, open_vnc,      open_curses,   begin_outputs,
		open_doors,   write_pidfile, become_ready,  run_machine,
	};
	int status = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !status; i++) {
		status = steps[i](run);
		if (run->cancelled)
			return 0;
	}
	return status;
}

static void take_down(struct run *run)
{
	if (run->pc_there)
		pc_destroy(&run->pc);
	for (size_t i = 0; i < run->disks_n; i++)
		block_close(run->disks[i].block);
	chardev_set_destroy(&run->set);
	if (run->signal_watch.ready)
		loop_unwatch(&run->loop, &run->signal_watch);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	cmd_pidfile_release(&run->pidfile);
	cmd_files_close(&run->files);
	loop_destroy(&run->loop);
}

/* Room for what the options have. */
static bool make_lists(struct run *run)
{
	const struct cmd_options *options = run->options;

	run->named = arena_alloc(&run->arena, options->chardevs_n * sizeof(*run->named));
	run->chardevs = arena_alloc(&run->arena, options->chardevs_n * sizeof(struct chardev *));
	run->disks = arena_alloc(&run->arena, options->drives_n * sizeof(*run->disks));
	run->qmps = arena_alloc(&run->arena, options->monitors_n * sizeof(*run->qmps));
	run->hmps = arena_alloc(&run->arena, options->monitors_n * sizeof(*run->hmps));
	return run->named && run->chardevs && run->disks && run->qmps && run->hmps;
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
	run->signal_fd = run->pidfile.fd = -1;
	cmd_files_init(&run->files);
	if (!make_lists(run))
		return run_free(run, run_refuse("memory", strerror(ENOMEM)));
	ret = loop_init(&run->loop);
	if (ret)
		return run_free(run, run_refuse("event loop", strerror(-ret)));
	chardev_set_init(&run->set, &run->loop);
	status = run_watch_signals(run);
	if (!status)
		status = set_up_and_run(run);
	lost = close_doors(run);
	lost |= run_check_chardevs(run);
	lost |= cmd_files_end_log(&run->files);
	take_down(run);
	return run_free(run, status ? status : lost);
}
