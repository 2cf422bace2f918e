// SPDX-License-Identifier: MIT
/*
 * The command line, parsed. One table (options.c) drives the parsing, -help, the man page and the
 * completion of shells; what it yields is plain data in one struct, owned by the caller, whose texts and
 * lists lie in an arena of its own. No global state; one thread.
 *
 * Names, syntax and meaning are QEMU's where QEMU has them. What is not offered is refused by name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/chardev.h"
#include "base/error.h"
#include "board/pc.h"
#include "hv/cpuid.h"
#include "ui/vnc.h"

#define CMD_ERROR_MAX (ERROR_SIZE + 96)

/* Status of a program that was told nonsense; other failures end with 1. */
#define CMD_STATUS_USAGE 2

/* What the command line asks for. All but CMD_RUN are printed by cmd_options_print(). */
enum cmd_action {
	CMD_RUN,
	CMD_HELP,
	CMD_VERSION,
	CMD_LIST_MACHINES,
	CMD_LIST_ACCELS,
	CMD_LIST_CPUS,
	CMD_LIST_DEVICES,
	CMD_LIST_PROPS, /* of .device_type */
};

enum cmd_accel { CMD_ACCEL_KVM, CMD_ACCEL_QTEST };
enum cmd_coalesce { CMD_COALESCE_ON, CMD_COALESCE_OFF, CMD_COALESCE_LIST };
enum cmd_exits { CMD_EXITS_NONE, CMD_EXITS_TEXT, CMD_EXITS_JSON, CMD_EXITS_OFF };

/* A character back-end. Those that an option such as -serial makes have names that nobody can say. */
struct cmd_chardev {
	const char *id;
	const char *label; /* how others are told of it: id, or what QEMU calls that option's */
	const char *
		shown; /* how messages name it; NULL: it is standard input and output, or nothing */
	struct chardev_options options; /* quit and quit_arg are left to whoever opens it */
	bool used; /* by a port or monitor: each has one user at most */
};

/* What a -drive makes of itself, in the order of the words of if=. */
enum cmd_interface {
	CMD_IF_IDE,
	CMD_IF_VIRTIO,
	CMD_IF_NONE, /* shown by a -device that names it */
	CMD_IF_FLOPPY,
};

struct cmd_drive {
	const char *file; /* NULL: nothing is in the drive */
	const char *format; /* NULL: not said */
	const char *id;
	int interface; /* enum cmd_interface */
	int media; /* 0: a disk, 1: a CD-ROM */
	int64_t index, bus, unit; /* its place; -1: the first that is free */
	bool readonly;
	enum block_action rerror, werror;
	bool used; /* a device shows it */
};

struct cmd_monitor {
	size_t chardev; /* its place in chardevs */
	bool control; /* QMP; else for people */
};

struct cmd_options {
	enum cmd_action action;
	const struct device_type *device_type; /* CMD_LIST_PROPS */

	/*
	 * The machine as the board gets it, but for what has to be opened first: .machine.loop and
	 * .accel, .bios, .chardevs, .disks.
	 */
	struct pc_options pc;
	uint8_t uuid[16]; /* what pc.uuid points to, in the order of its text */

	enum cmd_accel accel;
	struct hv_cpu cpu; /* all zero: what the host offers */
	bool pit_discard; /* the timer's lost ticks stay lost */
	bool qtest_coalesced; /* CMD_ACCEL_QTEST: writes that may wait do */
	enum cmd_coalesce coalesce;
	const char *bios; /* NULL: not given */
	const char **dirs; /* -L, searched in this order */
	size_t dirs_n;

	struct cmd_drive *drives;
	size_t drives_n;
	struct cmd_chardev *chardevs;
	size_t chardevs_n;
	struct cmd_monitor *monitors;
	size_t monitors_n;
	/* Its place in chardevs. */
	size_t qtest; /* if .has_qtest */
	bool has_qtest;
	const char *qtest_log; /* NULL: none */
	bool no_control; /* no control socket */

	bool paused; /* -S */
	bool nodefaults;
	bool no_display; /* -display none or -nographic was said */
	bool nographic;
	bool curses_wanted; /* -display curses; the terminal is, then: */
	size_t curses; /* the place of its back-end in chardevs */
	bool vnc_wanted;
	struct ui_vnc_options vnc; /* if so */
	const char *pidfile;
	bool daemonize;
	const char *chroot_dir, *runas; /* NULL: no */
	struct cmd_daemon
		*daemon; /* who waits for it, if cmd_daemon_begin() was called; else NULL */
	bool timestamps; /* in front of messages */
	const char *process_name; /* NULL: as it is */
	bool lock_memory; /* -overcommit mem-lock=on */
	const char *log_file; /* -D */
	enum cmd_exits exits;
	const char *exits_file; /* NULL: standard output */

	const char **warnings; /* lines for the log */
	size_t warnings_n;

	char error[CMD_ERROR_MAX]; /* after a refusal: one line, without "coalport: " */
	struct arena arena; /* what the strings above point into */
};

/*
 * Parses argv[1..argc-1]. memory_max is the largest value of -m in bytes that this host allows, 0
 * to ask the host. True, or false with error filled: the program ends with CMD_STATUS_USAGE.
 * -help and -version win over everything behind them. No file is touched.
 * Either way cmd_options_free() follows.
 */
bool cmd_options_parse(struct cmd_options *options, int argc, char *const argv[],
		       uint64_t memory_max) __attribute__((warn_unused_result));

void cmd_options_free(struct cmd_options *options);

/* Prints what options->action asks for; nothing for CMD_RUN. */
void cmd_options_print(const struct cmd_options *options, FILE *out);

/* The parts of the man page that come from the table, in roff: options, verbs, exit status. */
void cmd_options_man(FILE *out);

/* A completion for bash. */
void cmd_options_completion(FILE *out);
