// SPDX-License-Identifier: MIT
#include "ctl/qmp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_text.h"
#include "base/utf8.h"
#include "ctl/qmp_impl.h"

/* Events stop piling up here, so that answers still find room. */
#define EVENTS_MAX (CTL_QMP_OUT_MAX / 4)

void ctl_qmp_append(struct json_object *array, struct json_object *value)
{
	if (!array || json_object_array_add(array, value))
		json_object_put(value);
}

void ctl_qmp_put(struct json_object *object, const char *name, struct json_object *value)
{
	if (!object || json_object_object_add(object, name, value))
		json_object_put(value);
}

/* One line; false if the client has too much to read already. */
static bool qmp_send_line(struct ctl_qmp *qmp, const char *text, size_t len)
{
	return ctl_out_write(&qmp->out, text, len) && ctl_out_write(&qmp->out, "\r\n", 2);
}

/*
 * Sends and frees it; false if not. Whatever the strings in it came from, a command line or a file,
 * a client gets UTF-8: here is the one way out.
 */
static bool qmp_send(struct ctl_qmp *qmp, struct json_object *object)
{
	size_t len = 0;
	const char *text =
		object ? json_object_to_json_string_length(
				 object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
				 &len)
		       : NULL;
	bool sent;

	if (!text || utf8_valid(text, len)) {
		sent = text && qmp_send_line(qmp, text, len);
	} else {
		char *mended = utf8_mend(text, len, &len);

		sent = mended && qmp_send_line(qmp, mended, len);
		free(mended);
	}
	json_object_put(object);
	return sent;
}

/* Events */

/* Why a machine ended or was reset, in QEMU's words. */
static const char *reason(const struct machine_event *event)
{
	if (event->cause == MACHINE_BY_HOST)
		return event->of_reset ? "host-qmp-system-reset" : "host-qmp-quit";
	if (event->of_panic)
		return "guest-panic";
	return event->of_reset ? "guest-reset" : "guest-shutdown";
}

static struct json_object *event_data(const struct machine_event *event)
{
	static const char *const actions[] = {
		[MACHINE_PANIC_SHUTDOWN] = "poweroff",
		[MACHINE_PANIC_PAUSE] = "pause",
		[MACHINE_PANIC_RUN] = "run",
	};
	struct json_object *data = json_object_new_object();
	char node[32];

	switch (event->kind) {
	case MACHINE_EVENT_RESET:
	case MACHINE_EVENT_SHUTDOWN:
		ctl_qmp_put(data, "guest",
			    json_object_new_boolean(event->cause == MACHINE_BY_GUEST));
		ctl_qmp_put(data, "reason", json_object_new_string(reason(event)));
		return data;
	case MACHINE_EVENT_RTC_CHANGE:
		ctl_qmp_put(data, "offset", json_object_new_int64(event->offset));
		ctl_qmp_put(data, "qom-path", json_object_new_string("/machine/rtc"));
		return data;
	case MACHINE_EVENT_PANIC:
		ctl_qmp_put(data, "action", json_object_new_string(actions[event->panic]));
		return data;
	case MACHINE_EVENT_DISK_ERROR:
		ctl_qmp_put(data, "device", json_object_new_string(event->disk->id));
		snprintf(node, sizeof(node), "#block%u", event->disk->number);
		ctl_qmp_put(data, "node-name", json_object_new_string(node));
		ctl_qmp_put(
			data, "operation",
			json_object_new_string(event->disk->op == BLOCK_READ ? "read" : "write"));
		ctl_qmp_put(data, "action",
			    json_object_new_string(block_write_actions[event->disk->action]));
		ctl_qmp_put(data, "nospace", json_object_new_boolean(event->disk->error == ENOSPC));
		ctl_qmp_put(data, "reason", json_object_new_string(strerror(event->disk->error)));
		return data;
	case MACHINE_EVENT_TRAY:
		ctl_qmp_put(data, "device", json_object_new_string(event->drive->name));
		ctl_qmp_put(data, "tray-open", json_object_new_boolean(event->tray_open));
		ctl_qmp_put(data, "id",
			    json_object_new_string(event->drive->id ? event->drive->id
								    : event->drive->path));
		return data;
	case MACHINE_EVENT_STOP:
	case MACHINE_EVENT_RESUME:
	case MACHINE_EVENT_POWERDOWN:
	case MACHINE_EVENT_SUSPEND:
	case MACHINE_EVENT_WAKEUP:
		break;
	}
	json_object_put(data);
	return NULL;
}

bool ctl_qmp_hears_events(struct ctl_qmp *qmp)
{
	if (!qmp->negotiated)
		return false;
	if (qmp->out.n - qmp->out.at <= EVENTS_MAX)
		return true;
	qmp->events_dropped++;
	return false;
}

void ctl_qmp_send_event(struct ctl_qmp *qmp, const char *name, struct json_object *data)
{
	struct json_object *root = json_object_new_object(), *stamp = json_object_new_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	ctl_qmp_put(stamp, "seconds", json_object_new_int64(now.tv_sec));
	ctl_qmp_put(stamp, "microseconds", json_object_new_int64(now.tv_nsec / NS_PER_US));
	ctl_qmp_put(root, "timestamp", stamp);
	ctl_qmp_put(root, "event", json_object_new_string(name));
	if (data)
		ctl_qmp_put(root, "data", data);
	if (!qmp_send(qmp, root))
		qmp->events_dropped++;
}

static void machine_did(void *arg, const struct machine_event *event)
{
	static const char *const names[] = {
		[MACHINE_EVENT_STOP] = "STOP",
		[MACHINE_EVENT_RESUME] = "RESUME",
		[MACHINE_EVENT_RESET] = "RESET",
		[MACHINE_EVENT_POWERDOWN] = "POWERDOWN",
		[MACHINE_EVENT_SHUTDOWN] = "SHUTDOWN",
		[MACHINE_EVENT_SUSPEND] = "SUSPEND",
		[MACHINE_EVENT_WAKEUP] = "WAKEUP",
		[MACHINE_EVENT_RTC_CHANGE] = "RTC_CHANGE",
		[MACHINE_EVENT_PANIC] = "GUEST_PANICKED",
		[MACHINE_EVENT_DISK_ERROR] = "BLOCK_IO_ERROR",
		[MACHINE_EVENT_TRAY] = "DEVICE_TRAY_MOVED",
	};
	struct ctl_qmp *qmp = arg;

	if (ctl_qmp_hears_events(qmp))
		ctl_qmp_send_event(qmp, names[event->kind], event_data(event));
}

/* Requests */

static void greet(struct ctl_qmp *qmp)
{
	struct json_object *root = json_object_new_object(), *qmp_object = json_object_new_object();

	ctl_qmp_put(qmp_object, "version", ctl_qmp_version());
	ctl_qmp_put(qmp_object, "capabilities", json_object_new_array());
	ctl_qmp_put(root, "QMP", qmp_object);
	qmp_send(qmp, root);
}

static void answer_error(struct ctl_qmp *qmp, const char *what)
{
	struct json_object *root = json_object_new_object();
	struct ctl_qmp_error err;

	ctl_qmp_fail(&err, "JSON parse error, %s", what);
	ctl_qmp_put(root, "error", ctl_qmp_error_object(&err));
	qmp_send(qmp, root);
}

static void answer_text(struct ctl_qmp *qmp)
{
	const char *wrong = json_text_check(qmp->frame.text);
	enum json_tokener_error error;
	struct json_tokener *tokener;
	struct json_object *request;

	if (wrong) {
		answer_error(qmp, wrong);
		return;
	}
	tokener = json_tokener_new_ex(CTL_FRAME_DEPTH + 1);
	if (!tokener) {
		answer_error(qmp, "out of memory");
		return;
	}
	/* With the NUL behind it: that ends a number. */
	request = json_tokener_parse_ex(tokener, qmp->frame.text, (int)qmp->frame.n + 1);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_success)
		qmp_send(qmp, ctl_qmp_execute(qmp, request));
	else
		answer_error(qmp, error == json_tokener_continue ? "the text ends too early"
								 : json_tokener_error_desc(error));
	json_object_put(request);
	json_tokener_free(tokener);
}

static size_t qmp_take(void *arg, const uint8_t *bytes, size_t n)
{
	struct ctl_qmp *qmp = arg;
	size_t at = 0;

	switch (ctl_frame_take(&qmp->frame, bytes, n, &at)) {
	case CTL_FRAME_TEXT:
		answer_text(qmp);
		break;
	case CTL_FRAME_ERROR:
		answer_error(qmp, qmp->frame.error);
		break;
	case CTL_FRAME_MORE:
		break;
	}
	return at;
}

/* The user of the back-end */

static size_t qmp_room(void *arg)
{
	return ctl_input_room(&((struct ctl_qmp *)arg)->input);
}

static void qmp_receive(void *arg, const uint8_t *bytes, size_t len)
{
	ctl_input_receive(&((struct ctl_qmp *)arg)->input, bytes, len);
}

static void forget_client(struct ctl_qmp *qmp)
{
	qmp->negotiated = false;
	ctl_frame_reset(&qmp->frame);
	ctl_out_forget(&qmp->out);
}

static void qmp_opened(void *arg)
{
	struct ctl_qmp *qmp = arg;

	forget_client(qmp);
	ctl_input_forget(&qmp->input);
	qmp->opened = true;
	greet(qmp);
}

/* What the client said last is still done. */
static void qmp_closed(void *arg)
{
	struct ctl_qmp *qmp = arg;

	qmp->opened = false;
	ctl_out_forget(&qmp->out);
	if (qmp->input.n)
		ctl_input_go_on(&qmp->input);
	if (qmp->left)
		qmp->left(qmp->left_arg);
}

static void qmp_drained(void *arg)
{
	struct ctl_qmp *qmp = arg;

	ctl_out_go_on(&qmp->out);
	ctl_input_drained(&qmp->input);
}

int ctl_qmp_init(struct ctl_qmp *qmp, struct machine *machine, struct ui_vnc *vnc,
		 struct chardev *chardev)
{
	*qmp = (struct ctl_qmp){ .machine = machine, .vnc = vnc, .chardev = chardev };
	ctl_input_init(&qmp->input, machine, chardev, &qmp->out,
		       &(struct ctl_input_user){ .take = qmp_take, .arg = qmp });
	ctl_frame_init(&qmp->frame);
	ctl_out_init(&qmp->out, chardev, CTL_QMP_OUT_MAX);
	qmp->observer = (struct machine_observer){ .event = machine_did, .arg = qmp };
	machine_observe(machine, &qmp->observer);
	qmp->vnc_observer = (struct ui_vnc_observer){ .event = ctl_qmp_vnc_did, .arg = qmp };
	if (vnc)
		ui_vnc_observe(vnc, &qmp->vnc_observer);
	chardev_set_user(chardev, &(struct chardev_user){
					  .room = qmp_room,
					  .receive = qmp_receive,
					  .opened = qmp_opened,
					  .closed = qmp_closed,
					  .drained = qmp_drained,
					  .arg = qmp,
				  });
	return 0;
}

void ctl_qmp_init_inner(struct ctl_qmp *qmp, struct machine *machine, struct ui_vnc *vnc)
{
	*qmp = (struct ctl_qmp){ .machine = machine, .vnc = vnc, .negotiated = true };
}

void ctl_qmp_destroy(struct ctl_qmp *qmp)
{
	chardev_set_user(qmp->chardev, NULL);
	machine_unobserve(qmp->machine, &qmp->observer);
	if (qmp->vnc)
		ui_vnc_unobserve(&qmp->vnc_observer);
	ctl_input_destroy(&qmp->input);
	ctl_frame_destroy(&qmp->frame);
	ctl_out_destroy(&qmp->out);
}
