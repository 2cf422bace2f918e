// SPDX-License-Identifier: MIT
/*
 * Between the parts of a run: run.c opens what the options name and runs the machine, run_output.c is
 * about what the run has to say. One thread, the loop's.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/chardev_set.h"
#include "base/loop.h"
#include "board/accel_kvm.h"
#include "board/accel_none.h"
#include "board/pc.h"
#include "cmd/files.h"
#include "cmd/pidfile.h"
#include "cmd/run.h"
#include "ctl/control.h"
#include "ctl/hmp.h"
#include "ctl/qmp.h"
#include "ctl/qtest.h"
#include "ui/curses.h"
#include "ui/vnc.h"

/* All that a run holds open; taken down in the reverse order of the fields. */
struct run {
	const struct cmd_options *options;
	const uint8_t *rom;
	struct cmd_files files;
	struct cmd_pidfile pidfile;
	bool signaled; /* a signal ends the program, */
	int status; /* ... with this status, */
	int64_t until; /* ... and this is when patience with readers ends, once somebody asked */
	bool cancelled; /* by a signal, while waiting for a client */
	bool stdout_told; /* that it could not be written */
	struct loop loop;
	int signal_fd;
	struct loop_watch signal_watch;
	struct arena arena; /* of the lists below */
	struct chardev **chardevs; /* one for each that the options have, NULL if not open */
	struct chardev_set
		set; /* they and those that are added later, by their labels; owns them */
	struct pc_chardev *named; /* the same with their names, for the board */
	struct pc_disk *disks;
	size_t disks_n;
	struct pc_options pc_options;
	struct accel_kvm kvm; /* of the two, the one that the machine runs on */
	struct accel_none none;
	struct pc pc;
	bool pc_there;
	struct ui_vnc *vnc; /* or NULL */
	struct ui_curses *curses; /* or NULL */
	struct ctl_qmp *qmps;
	size_t qmps_n;
	struct ctl_hmp *hmps;
	size_t hmps_n;
	struct ctl_control control; /* all zero: there is none */
	struct chardev *qtest_log_out;
	FILE *qtest_log; /* into that */
	struct ctl_qtest qtest;
	bool qtest_there;
	char bios[PATH_MAX];
};

/* Prints the line and gives the status of a run that could not go on: 1. */
int run_refuse(const char *what, const char *why);

/* The table of -exits: to standard output, or to its file, which must not be half a table unnoticed. */
int run_print_report(struct run *run) __attribute__((warn_unused_result));
/* Where a pseudo-terminal is, in QEMU's words, to standard output. */
int run_tell_chardev(struct run *run, const struct cmd_chardev *said, struct chardev *chardev)
	__attribute__((warn_unused_result));
/* What coalesce=list prints. */
int run_list_waits(struct run *run) __attribute__((warn_unused_result));
/* A reader who sleeps does not keep the program, but it is said what he misses. */
void run_finish_chardevs(struct run *run);
/* Output that could not be written is told at the end, once for each back-end. */
int run_check_chardevs(struct run *run) __attribute__((warn_unused_result));
/* The log of qtest is a back-end, whose reader cannot keep the loop waiting. */
int run_open_qtest_log(struct run *run, const char *path) __attribute__((warn_unused_result));
/* What is wrong with it in the end. */
int run_close_qtest_log(struct run *run) __attribute__((warn_unused_result));
