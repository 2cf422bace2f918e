// SPDX-License-Identifier: MIT
/*
 * Between the session (qmp.c), the commands (qmp_commands.c) and what they tell (qmp_stats.c,
 * qmp_block.c, qmp_chardev.c, qmp_devices.c, qmp_display.c, qmp_input.c, qmp_machine.c, qmp_zones.c).
 */
#pragma once

#include <json-c/json.h>

#include "ctl/qmp.h"

struct ctl_qmp_error {
	const char *class; /* NULL: none */
	char desc[256];
};

/* Both answer false, for the caller to hand on. */
bool ctl_qmp_fail(struct ctl_qmp_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool ctl_qmp_fail_class(struct ctl_qmp_error *err, const char *class, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* How many bytes of a text to quote in a message: at most 64, no character cut in two. */
int ctl_qmp_quote(const char *text);

/*
 * qmp_arguments.c: members of a command's arguments, which may be NULL. False with *err set if one has
 * another type; if it is not there, need does so too, and get has *value NULL or leaves the text or flag
 * as it is. Texts live as long as the arguments.
 */
bool ctl_qmp_get(struct json_object *from, const char *name, enum json_type type,
		 struct json_object **value, struct ctl_qmp_error *err);
bool ctl_qmp_need(struct json_object *from, const char *name, enum json_type type,
		  struct json_object **value, struct ctl_qmp_error *err);
bool ctl_qmp_get_text(struct json_object *from, const char *name, const char **text,
		      struct ctl_qmp_error *err);
bool ctl_qmp_need_text(struct json_object *from, const char *name, const char **text,
		       struct ctl_qmp_error *err);
bool ctl_qmp_get_flag(struct json_object *from, const char *name, bool *flag,
		      struct ctl_qmp_error *err);

/*
 * Carries out one request. The answer, to be freed with json_object_put(), has "return" or "error"
 * and the request's "id"; NULL if memory ran out.
 */
struct json_object *ctl_qmp_execute(struct ctl_qmp *qmp, struct json_object *request);
struct json_object *ctl_qmp_error_object(const struct ctl_qmp_error *err);

/* Whether the client is to hear of an event now; one that does not read what there is misses it. */
bool ctl_qmp_hears_events(struct ctl_qmp *qmp);
/* If so. The data, which may be NULL, is taken over. */
void ctl_qmp_send_event(struct ctl_qmp *qmp, const char *name, struct json_object *data);

/* What the greeting and query-version tell. */
struct json_object *ctl_qmp_version(void);

/*
 * Commands of qmp_stats.c. arguments is an object with known members only, or NULL. The result goes
 * to *result; false with *err set if there is none.
 */
bool ctl_qmp_query_stats(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_stats_schemas(struct ctl_qmp *qmp, struct json_object *arguments,
				 struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_report(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err);

/* Commands of qmp_devices.c, likewise. */
bool ctl_qmp_list_types(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_list_properties(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err);

bool ctl_qmp_device_del(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);

/* Commands of qmp_block.c, likewise. */
bool ctl_qmp_query_block(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_eject(struct ctl_qmp *qmp, struct json_object *arguments, struct json_object **result,
		   struct ctl_qmp_error *err);
bool ctl_qmp_open_tray(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_close_tray(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_change_medium(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err);

/* Commands of qmp_input.c, likewise. */
bool ctl_qmp_send_key(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_input_send_event(struct ctl_qmp *qmp, struct json_object *arguments,
			      struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_mice(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);

/* Commands of qmp_display.c, likewise, and what it does with events of a VNC server. */
bool ctl_qmp_screendump(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_vnc(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_set_password(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_change_vnc_password(struct ctl_qmp *qmp, struct json_object *arguments,
				 struct json_object **result, struct ctl_qmp_error *err);
void ctl_qmp_vnc_did(void *arg, enum ui_vnc_event event, const struct ui_vnc_end *server,
		     const struct ui_vnc_end *viewer);

/* Commands of qmp_machine.c, likewise. */
bool ctl_qmp_query_cpus_fast(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_pci(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err);

/* The command of hmp.c, likewise. */
bool ctl_qmp_human_monitor_command(struct ctl_qmp *qmp, struct json_object *arguments,
				   struct json_object **result, struct ctl_qmp_error *err);

/* By which name clients refer to a vCPU. */
#define CTL_QMP_VCPU_PATH_SIZE 32
void ctl_qmp_vcpu_path(char path[CTL_QMP_VCPU_PATH_SIZE], unsigned vcpu);

/* Commands of qmp_zones.c, likewise. */
bool ctl_qmp_zone_add(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_zone_del(struct ctl_qmp *qmp, struct json_object *arguments,
		      struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_zone_list(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_zone_reset(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err);

/* Commands of qmp_chardev.c, likewise. */
bool ctl_qmp_query_chardev(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_query_chardev_backends(struct ctl_qmp *qmp, struct json_object *arguments,
				    struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_chardev_add(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_chardev_remove(struct ctl_qmp *qmp, struct json_object *arguments,
			    struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_ringbuf_read(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err);
bool ctl_qmp_ringbuf_write(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err);

/* Building objects: what could not be made is missing, which only happens without memory. */
void ctl_qmp_put(struct json_object *object, const char *name, struct json_object *value);
void ctl_qmp_append(struct json_object *array, struct json_object *value);
