// SPDX-License-Identifier: MIT
/*
 * The option table's shape, shared by the parser (options.c, opt_*.c) and the printers (help.c);
 * private to this floor. Tables are constant; a parser's state lives on its caller's stack.
 */
#pragma once

#include "base/prop.h"
#include "board/pc.h"
#include "cmd/options.h"

enum cmd_group {
	CMD_GROUP_MACHINE,
	CMD_GROUP_DISK,
	CMD_GROUP_CHARACTER,
	CMD_GROUP_MONITOR,
	CMD_GROUP_RUN,
	CMD_GROUP_ABOUT,
	CMD_GROUPS_N,
};

struct cmd_parse;

enum cmd_option_kind {
	CMD_OPTION_FLAG, /* bool at offset becomes true */
	CMD_OPTION_TEXT, /* const char * at offset */
	CMD_OPTION_ONLY, /* words[] are what we do anyway, the rest is refused */
	CMD_OPTION_CALL, /* parse() does it all */
};

struct cmd_option {
	const char *name; /* without dashes */
	const char *alias; /* or NULL */
	enum cmd_option_kind kind;
	enum cmd_group group;
	uint16_t offset; /* in struct cmd_options */
	const char *const *words;
	bool (*parse)(struct cmd_parse *parse, const char *value);
	const char *form; /* the value, for the help; NULL: takes none */
	const char *help; /* a sentence or two of plain text */
	const struct props *props; /* for the help */
};

enum cmd_vga { CMD_VGA_UNSAID, CMD_VGA_STD, CMD_VGA_NONE };

/* Who wants a character back-end, in the order of the command line. */
enum cmd_wisher {
	CMD_WISH_SERIAL,
	CMD_WISH_PARALLEL,
	CMD_WISH_DEBUG,
	CMD_WISH_MONITOR,
	CMD_WISH_CONTROL,
	CMD_WISH_QTEST
};

struct cmd_wish {
	enum cmd_wisher wisher;
	const char *said;
	const char *chardev; /* its id; a -chardev may come later. NULL: the place stays empty */
};

/* A device that somebody wants. */
struct cmd_wanted {
	const char *said;
	struct device_spec spec;
	bool taken; /* the back-ends it names are its own already */
};

struct cmd_parse {
	struct cmd_options *options;
	const struct cmd_option *option; /* the one being parsed */
	const char *said; /* how it was written: "--drive" */
	uint64_t memory_max;

	/* What only makes sense with other options, joined when all are read. */
	struct cmd_wanted *devices;
	size_t devices_n;
	struct cmd_wish *wishes;
	size_t wishes_n;
	struct device_global *globals;
	size_t globals_n;
	struct pc_fw_cfg_item *fw_cfg;
	size_t fw_cfg_n;
	enum cmd_accel machine_accel;
	bool machine_accel_given, accel_given;
	bool monitor_said;
	enum cmd_vga vga; /* what the last -vga says */
};

extern const struct cmd_option cmd_option_table[]; /* ends with a NULL name */

/* The row of an option as typed, with one dash or two; NULL: there is none. */
const struct cmd_option *cmd_find_option(const char *typed);
/* The value of parse->option. */
bool cmd_parse_option(struct cmd_parse *parse, const char *value);

/* opt_config.c: a file of options. */
bool cmd_parse_readconfig(struct cmd_parse *parse, const char *path);

/* Fills options->error with "SAID: message" and returns false. */
bool cmd_refuse(struct cmd_parse *parse, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool cmd_refuse_memory(struct cmd_parse *parse);

/* A copy of len bytes that lives as long as the options; NULL, with the refusal made. */
const char *cmd_keep(struct cmd_parse *parse, const char *text, size_t len);

/* The same of what is formatted. */
const char *cmd_keep_format(struct cmd_parse *parse, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Parses all of text into target; *given, if not NULL, gets a bit for each row that was there. */
bool cmd_props_parse(struct cmd_parse *parse, const struct props *props, const char *text,
		     void *target, uint32_t *given);

/*
 * Room for one more element behind the n of a list, all of it in the options' arena: false, with the
 * refusal made, if there is no memory.
 */
bool cmd_grow(struct cmd_parse *parse, void *list, size_t n, size_t size);

/* Whether the user asks what there is: "help", or "?" as long ago. */
bool cmd_asks(const char *value);

/* opt_backend.c: character back-ends. */
extern const struct props cmd_chardev_props;
bool cmd_parse_chardev(struct cmd_parse *parse, const char *value);
/* One more; false, with the refusal made. The id lives as long as the options. */
bool cmd_add_chardev(struct cmd_parse *parse, const char *id, const struct chardev_options *what);
/* A name for one that was not given any: none that prop_id_ok() would let somebody type. */
const char *cmd_make_chardev_id(struct cmd_parse *parse);
/*
 * A back-end in one word, as -serial, -debugcon, -qmp and -qtest take it: its id, or NULL with the
 * refusal made. "none" is the caller's.
 */
const char *cmd_parse_short(struct cmd_parse *parse, const char *value);

/* opt_char.c: who uses them. */
extern const struct props cmd_mon_props;
bool cmd_parse_serial(struct cmd_parse *parse, const char *value);
bool cmd_parse_parallel(struct cmd_parse *parse, const char *value);
bool cmd_parse_debugcon(struct cmd_parse *parse, const char *value);
bool cmd_parse_monitor(struct cmd_parse *parse, const char *value);
bool cmd_parse_qmp(struct cmd_parse *parse, const char *value);
bool cmd_parse_mon(struct cmd_parse *parse, const char *value);
bool cmd_parse_qtest(struct cmd_parse *parse, const char *value);
/* The terminal for a display, with Ctrl-A x: its place among the back-ends. */
bool cmd_take_terminal(struct cmd_parse *parse, size_t *at);
/* Serial ports and debug consoles become devices; the others get their back-ends. */
bool cmd_finish_char(struct cmd_parse *parse);

/* opt_device.c: disks and devices. Finish after the character back-ends. */
extern const struct props cmd_drive_props;
bool cmd_parse_drive(struct cmd_parse *parse, const char *value);
bool cmd_parse_hd(struct cmd_parse *parse, const char *value);
bool cmd_parse_cdrom(struct cmd_parse *parse, const char *value);
bool cmd_parse_fda(struct cmd_parse *parse, const char *value);
bool cmd_parse_fdb(struct cmd_parse *parse, const char *value);
bool cmd_parse_device(struct cmd_parse *parse, const char *value);
bool cmd_parse_global(struct cmd_parse *parse, const char *value);
/* A value for all devices of a type, from whatever option; texts live as long as the options. */
bool cmd_add_global(struct cmd_parse *parse, const struct device_global *global);
/* Wants a device; as above. */
bool cmd_add_device(struct cmd_parse *parse, const struct cmd_wanted *wanted);
/* Marks the back-end of that id as taken; NULL, with the refusal made, if it is not there to take. */
struct cmd_chardev *cmd_take_chardev(struct cmd_parse *parse, const char *id);
bool cmd_finish_devices(struct cmd_parse *parse);

/* opt_display.c: who sees the machine. */
extern const struct props cmd_vnc_props;
bool cmd_parse_display(struct cmd_parse *parse, const char *value);
bool cmd_parse_nographic(struct cmd_parse *parse, const char *value);
bool cmd_parse_vnc(struct cmd_parse *parse, const char *value);
bool cmd_parse_vga(struct cmd_parse *parse, const char *value);
/* The terminal stands for a screen: there is no other, and nobody said that there shall be none. */
bool cmd_has_terminal(const struct cmd_options *options);
/* The graphics adapter becomes a device. */
bool cmd_finish_display(struct cmd_parse *parse);

/* opt_machine.c: the machine itself and how it runs. */
extern const struct props cmd_machine_props, cmd_accel_props, cmd_memory_props, cmd_rtc_props,
	cmd_fw_cfg_props, cmd_name_props, cmd_boot_props, cmd_smp_props, cmd_exits_props,
	cmd_action_props;
bool cmd_parse_machine(struct cmd_parse *parse, const char *value);
bool cmd_parse_accel(struct cmd_parse *parse, const char *value);
bool cmd_parse_enable_kvm(struct cmd_parse *parse, const char *value);
bool cmd_parse_cpu(struct cmd_parse *parse, const char *value);
bool cmd_parse_memory(struct cmd_parse *parse, const char *value);
bool cmd_parse_rtc(struct cmd_parse *parse, const char *value);
bool cmd_parse_fw_cfg(struct cmd_parse *parse, const char *value);
bool cmd_parse_name(struct cmd_parse *parse, const char *value);
bool cmd_parse_boot(struct cmd_parse *parse, const char *value);
bool cmd_parse_smp(struct cmd_parse *parse, const char *value);
bool cmd_parse_uuid(struct cmd_parse *parse, const char *value);
bool cmd_parse_dir(struct cmd_parse *parse, const char *value);
extern const struct props cmd_msg_props, cmd_overcommit_props;
bool cmd_parse_msg(struct cmd_parse *parse, const char *value);
bool cmd_parse_overcommit(struct cmd_parse *parse, const char *value);
bool cmd_parse_action(struct cmd_parse *parse, const char *value);
bool cmd_parse_exits(struct cmd_parse *parse, const char *value);
bool cmd_finish_machine(struct cmd_parse *parse);
