// SPDX-License-Identifier: MIT
/* The picture and who sees it, as QEMU's commands and events name them (QAPI schema, "ui"). */
#include <assert.h>
#include <string.h>

#include "ctl/qmp_impl.h"
#include "ui/image.h"

static bool refuse_value(struct ctl_qmp_error *err, const char *name, const char *value)
{
	return ctl_qmp_fail(err, "Parameter '%s' does not accept value '%.*s'", name,
			    ctl_qmp_quote(value), value);
}

bool ctl_qmp_screendump(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	const struct screen *screen = &qmp->machine->screen;
	enum ui_image_format format = UI_IMAGE_PPM;
	const char *filename, *word = NULL;
	struct error why;

	if (!ctl_qmp_need_text(arguments, "filename", &filename, err) ||
	    !ctl_qmp_get_text(arguments, "format", &word, err))
		return false;
	if (word && !strcmp(word, "png"))
		format = UI_IMAGE_PNG;
	else if (word && strcmp(word, "ppm"))
		return refuse_value(err, "format", word);
	if (!machine_look(qmp->machine))
		return ctl_qmp_fail(err, "There is no console to take a screendump from");
	if (ui_image_save(filename, format, screen->pixels, screen->width, screen->height, &why))
		return ctl_qmp_fail(err, "%s", why.text);
	return true;
}

/* VNC */

static struct json_object *end_object(const struct ui_vnc_end *end)
{
	struct json_object *object = json_object_new_object();

	ctl_qmp_put(object, "host", json_object_new_string(end->host));
	ctl_qmp_put(object, "service", json_object_new_string(end->service));
	ctl_qmp_put(object, "family", json_object_new_string(end->family));
	ctl_qmp_put(object, "websocket", json_object_new_boolean(end->websocket));
	return object;
}

bool ctl_qmp_query_vnc(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *viewers;
	const struct ui_vnc_end *end;
	unsigned at = 0;

	*result = json_object_new_object();
	ctl_qmp_put(*result, "enabled", json_object_new_boolean(qmp->vnc != NULL));
	if (!qmp->vnc)
		return true;
	end = ui_vnc_server(qmp->vnc);
	ctl_qmp_put(*result, "host", json_object_new_string(end->host));
	ctl_qmp_put(*result, "service", json_object_new_string(end->service));
	ctl_qmp_put(*result, "family", json_object_new_string(end->family));
	ctl_qmp_put(*result, "auth", json_object_new_string(ui_vnc_auth(qmp->vnc)));
	viewers = json_object_new_array();
	while ((end = ui_vnc_next_viewer(qmp->vnc, &at)))
		ctl_qmp_append(viewers, end_object(end));
	ctl_qmp_put(*result, "clients", viewers);
	return true;
}

static bool set_vnc_password(struct ctl_qmp *qmp, const char *password, struct ctl_qmp_error *err)
{
	if (!qmp->vnc)
		return ctl_qmp_fail(err, "Could not set password: there is no VNC server (-vnc)");
	if (ui_vnc_set_password(qmp->vnc, password))
		return ctl_qmp_fail(err, "Could not set password: the VNC server asks for none "
					 "(-vnc ...,password=on)");
	return true;
}

bool ctl_qmp_set_password(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err)
{
	const char *protocol, *password, *connected = NULL, *display = NULL;

	if (!ctl_qmp_need_text(arguments, "protocol", &protocol, err) ||
	    !ctl_qmp_need_text(arguments, "password", &password, err) ||
	    !ctl_qmp_get_text(arguments, "connected", &connected, err) ||
	    !ctl_qmp_get_text(arguments, "display", &display, err))
		return false;
	assert(protocol && password); /* they had to be said */
	if (strcmp(protocol, "vnc"))
		return refuse_value(err, "protocol", protocol);
	if (connected && strcmp(connected, "keep"))
		return ctl_qmp_fail(
			err, "parameter 'connected' must be 'keep' when 'protocol' is 'vnc'");
	if (display && strcmp(display, "default"))
		return refuse_value(err, "display", display);
	return set_vnc_password(qmp, password, err);
}

/* Without a password nobody gets in. */
bool ctl_qmp_change_vnc_password(struct ctl_qmp *qmp, struct json_object *arguments,
				 struct json_object **result, struct ctl_qmp_error *err)
{
	const char *password;

	return ctl_qmp_need_text(arguments, "password", &password, err) &&
	       set_vnc_password(qmp, password, err);
}

void ctl_qmp_vnc_did(void *arg, enum ui_vnc_event event, const struct ui_vnc_end *server,
		     const struct ui_vnc_end *viewer)
{
	static const char *const names[] = {
		[UI_VNC_CONNECTED] = "VNC_CONNECTED",
		[UI_VNC_INITIALIZED] = "VNC_INITIALIZED",
		[UI_VNC_DISCONNECTED] = "VNC_DISCONNECTED",
	};
	struct json_object *data, *object;
	struct ctl_qmp *qmp = arg;

	if (!ctl_qmp_hears_events(qmp))
		return;
	data = json_object_new_object();
	object = end_object(server);
	ctl_qmp_put(object, "auth", json_object_new_string(ui_vnc_auth(qmp->vnc)));
	ctl_qmp_put(data, "server", object);
	ctl_qmp_put(data, "client", end_object(viewer));
	ctl_qmp_send_event(qmp, names[event], data);
}
