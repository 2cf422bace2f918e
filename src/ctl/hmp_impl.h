// SPDX-License-Identifier: MIT
/*
 * Between the monitor's session (hmp.c), the table of its commands (hmp_commands.c) and what they do
 * (hmp_info.c, hmp_machine.c, hmp_memory.c).
 */
#pragma once

#include <json-c/json.h>
#include <stdio.h>

#include "ctl/qmp_impl.h"

#define HMP_ARGS_MAX 8

/* One line, carried out. */
struct hmp_call {
	struct ctl_qmp *qmp; /* who does it */
	FILE *out; /* where the answer goes */
	unsigned *cpu; /* the vCPU it is about */
	const char *args[HMP_ARGS_MAX]; /* behind the command's name, format included */
	size_t n;
};

struct hmp_command {
	const char *name;
	const char *alias; /* or NULL */
	const char *form; /* its arguments, for the help; "" for none */
	const char *help;
	void (*run)(struct hmp_call *call); /* NULL: QMP's command of this name */
	size_t min, max; /* arguments */
	const char *wants; /* what is missing where there are too few */
};

/* Ends with a NULL name. */
extern const struct hmp_command ctl_hmp_commands[];
extern const struct hmp_command ctl_hmp_infos[];

/* Carries out a line. cpu: the vCPU it is about, which it may change. The answer's lines end with "\n". */
void ctl_hmp_execute(struct ctl_qmp *qmp, unsigned *cpu, const char *line, FILE *out);
/* For completion: as struct ctl_line_user has it. */
const char *ctl_hmp_candidate(const struct machine *machine, const char *before, size_t i);

/*
 * Has QMP carry out a command; the arguments, which may be NULL, are taken over. True, with the result, if
 * that is wanted, to be put back; false if an error was told.
 */
bool ctl_hmp_ask(struct hmp_call *call, const char *name, struct json_object *arguments,
		 struct json_object **result);
/* A member at a path of names with "." between, or "", 0, false, NULL. */
const char *ctl_hmp_text(struct json_object *object, const char *path);
int64_t ctl_hmp_number(struct json_object *object, const char *path);
bool ctl_hmp_bool(struct json_object *object, const char *path);
struct json_object *ctl_hmp_member(struct json_object *object, const char *path);

/* hmp_commands.c */
void ctl_hmp_info(struct hmp_call *call);
/* hmp_memory.c: "x" and "xp". */
void ctl_hmp_look_linear(struct hmp_call *call);
void ctl_hmp_look_physical(struct hmp_call *call);
/* hmp_registers.c: "info registers". */
void ctl_hmp_info_registers(struct hmp_call *call);
/* hmp_machine.c: what rules it. */
void ctl_hmp_balloon(struct hmp_call *call);
void ctl_hmp_change(struct hmp_call *call);
void ctl_hmp_cpu(struct hmp_call *call);
void ctl_hmp_eject(struct hmp_call *call);
void ctl_hmp_screendump(struct hmp_call *call);
void ctl_hmp_sendkey(struct hmp_call *call);
