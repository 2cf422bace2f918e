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
#include "hv/cpuid.h"

#define CMD_CHARDEVS_MAX 16
#define CMD_SERIALS_MAX  4
#define CMD_DEBUG_MAX    4
#define CMD_DISKS_MAX    16
#define CMD_FW_CFG_MAX   16
#define CMD_DIRS_MAX     8
#define CMD_MONITORS_MAX 4
#define CMD_ERROR_MAX    (ERROR_SIZE + 96)

#define CMD_NONE (-1) /* no character back-end, no bootindex, not given */

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
};

enum cmd_accel { CMD_ACCEL_KVM, CMD_ACCEL_QTEST };
enum cmd_coalesce { CMD_COALESCE_ON, CMD_COALESCE_OFF, CMD_COALESCE_LIST };
enum cmd_exits { CMD_EXITS_NONE, CMD_EXITS_TEXT, CMD_EXITS_JSON };
enum cmd_panic { CMD_PANIC_SHUTDOWN, CMD_PANIC_PAUSE, CMD_PANIC_NONE };
enum cmd_rtc_base { CMD_RTC_UTC, CMD_RTC_LOCALTIME, CMD_RTC_DATE };
enum cmd_rtc_clock { CMD_RTC_HOST, CMD_RTC_RT, CMD_RTC_VM };

struct cmd_chardev {
	const char *id; /* NULL: made by an option such as -serial, nameless */
	struct chardev_options options; /* quit and quit_arg are left to whoever opens it */
	bool used; /* by a port or monitor: each has one user at most */
};

/* A disk: a -drive and the virtio-blk-pci that shows it, in the order in which slots are given. */
struct cmd_disk {
	const char *file;
	const char *id; /* of the device, else of the drive; NULL if neither was named */
	const char *serial; /* at most 20 characters, or NULL */
	int32_t bootindex; /* 0 is first; CMD_NONE */
	bool readonly;
};

struct cmd_debug_console {
	uint16_t port;
	int chardev;
};

struct cmd_debug_exit {
	uint16_t port;
	uint16_t size; /* port + size <= 0x10000 */
};

/* One blob under name (at most 55 characters): the file's content or the string without its NUL. */
struct cmd_fw_cfg {
	const char *name;
	const char *file;
	const char *string;
};

struct cmd_rtc {
	enum cmd_rtc_base base;
	enum cmd_rtc_clock clock;
	bool slew; /* lost ticks are caught up */
	int64_t date; /* CMD_RTC_DATE: seconds since 1970 UTC */
};

struct cmd_options {
	enum cmd_action action;

	enum cmd_accel accel;
	bool qtest_coalesced; /* CMD_ACCEL_QTEST: writes that may wait do */
	enum cmd_coalesce coalesce;
	struct hv_cpu cpu; /* all zero: what the host offers */
	uint64_t memory; /* bytes, a multiple of 8192 */
	bool memory_given;
	const char *bios; /* NULL: not given */
	const char *dirs[CMD_DIRS_MAX]; /* -L, searched in this order */
	size_t dirs_n;

	bool boot_menu;
	int32_t reboot_timeout; /* ms until firmware that found nothing tries again; -1: never */
	bool reboot_timeout_given;
	int32_t splash_time; /* ms for which firmware's menu is offered; CMD_NONE: not given */

	const char *name; /* or NULL */
	uint8_t uuid[16]; /* in the order of its text */
	bool uuid_given;
	struct cmd_rtc rtc;
	struct cmd_fw_cfg fw_cfg[CMD_FW_CFG_MAX];
	size_t fw_cfg_n;

	struct cmd_disk disks[CMD_DISKS_MAX];
	size_t disks_n;
	struct cmd_debug_exit debug_exits[CMD_DEBUG_MAX];
	size_t debug_exits_n;

	/* Places in chardevs[], or CMD_NONE. */
	struct cmd_chardev chardevs[CMD_CHARDEVS_MAX];
	size_t chardevs_n;
	int serials[CMD_SERIALS_MAX]; /* COM1 ...; CMD_NONE: that port is not there */
	struct cmd_debug_console debug_consoles[CMD_DEBUG_MAX];
	size_t debug_consoles_n;
	int monitors[CMD_MONITORS_MAX]; /* QMP */
	size_t monitors_n;
	int qtest;
	const char *qtest_log; /* NULL: none */

	bool no_reboot; /* a reset ends the program */
	bool no_shutdown; /* a power-off pauses the machine */
	enum cmd_panic panic; /* what a panic of the guest leads to */
	bool paused; /* -S */
	bool nodefaults;
	bool no_display; /* -display none or -nographic was said */
	bool nographic;
	const char *pidfile;
	const char *log_file; /* -D */
	enum cmd_exits exits;
	const char *exits_file; /* NULL: standard output */

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
