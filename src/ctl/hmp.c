// SPDX-License-Identifier: MIT
#include "ctl/hmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/hmp_impl.h"

/* As tools that look for it know it. */
#define PROMPT "(qemu) "

/* What is given back to the client: lines end as terminals want them. */
static void hmp_send(struct ctl_hmp *hmp, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;

		if (!ctl_out_write(&hmp->out, text + at, n) ||
		    (end && !ctl_out_write(&hmp->out, "\r\n", 2)))
			return;
		at += n + !!end;
	}
}

static void carry_out(struct ctl_hmp *hmp, const char *line)
{
	size_t len = 0;
	char *text = NULL;
	FILE *answer = open_memstream(&text, &len);

	if (!answer)
		return;
	ctl_hmp_execute(&hmp->qmp, &hmp->cpu, line, answer);
	if (!fclose(answer))
		hmp_send(hmp, text, len);
	free(text);
}

/* What the line calls */

static void line_write(void *arg, const char *bytes, size_t n)
{
	struct ctl_hmp *hmp = arg;

	(void)ctl_out_write(&hmp->out, bytes, n);
}

static const char *line_candidate(void *arg, const char *before, size_t i)
{
	const struct ctl_hmp *hmp = arg;

	return ctl_hmp_candidate(hmp->machine, before, i);
}

/* A key, and what its line asks for. */
static size_t hmp_take(void *arg, const uint8_t *bytes, size_t n)
{
	struct ctl_hmp *hmp = arg;
	const char *line = ctl_line_key(hmp->line, bytes[0]);

	if (line) {
		carry_out(hmp, line);
		ctl_line_begin(hmp->line);
	}
	return 1;
}

/* The user of the back-end */

static size_t hmp_room(void *arg)
{
	return ctl_input_room(&((struct ctl_hmp *)arg)->input);
}

static void hmp_receive(void *arg, const uint8_t *bytes, size_t len)
{
	ctl_input_receive(&((struct ctl_hmp *)arg)->input, bytes, len);
}

static void hmp_opened(void *arg)
{
	struct ctl_hmp *hmp = arg;
	struct json_object *version = ctl_qmp_version();
	char greeting[128];

	ctl_out_forget(&hmp->out);
	ctl_input_forget(&hmp->input);
	ctl_line_forget(hmp->line);
	snprintf(greeting, sizeof(greeting),
		 "QEMU %d.%d.%d monitor (%s) - type 'help' for more information\n",
		 (int)ctl_hmp_number(version, "qemu.major"),
		 (int)ctl_hmp_number(version, "qemu.minor"),
		 (int)ctl_hmp_number(version, "qemu.micro"), ctl_hmp_text(version, "package"));
	json_object_put(version);
	hmp_send(hmp, greeting, strlen(greeting));
	ctl_line_begin(hmp->line);
}

/* What the client said last is still done. */
static void hmp_closed(void *arg)
{
	struct ctl_hmp *hmp = arg;

	ctl_out_forget(&hmp->out);
	if (hmp->input.n)
		ctl_input_go_on(&hmp->input);
}

static void hmp_drained(void *arg)
{
	struct ctl_hmp *hmp = arg;

	ctl_out_go_on(&hmp->out);
	ctl_input_drained(&hmp->input);
}

int ctl_hmp_init(struct ctl_hmp *hmp, struct machine *machine, struct ui_vnc *vnc,
		 struct chardev *chardev, struct error *err)
{
	const struct ctl_line_user user = { .write = line_write,
					    .candidate = line_candidate,
					    .arg = hmp };
	int ret;

	*hmp = (struct ctl_hmp){ .machine = machine, .chardev = chardev };
	ctl_qmp_init_inner(&hmp->qmp, machine, vnc);
	ctl_out_init(&hmp->out, chardev, CTL_HMP_OUT_MAX);
	ret = ctl_line_open(&hmp->line, PROMPT, &user, err);
	if (ret)
		return ret;
	ctl_input_init(&hmp->input, machine, chardev, &hmp->out,
		       &(struct ctl_input_user){ .take = hmp_take, .arg = hmp });
	chardev_set_user(chardev, &(struct chardev_user){
					  .room = hmp_room,
					  .receive = hmp_receive,
					  .opened = hmp_opened,
					  .closed = hmp_closed,
					  .drained = hmp_drained,
					  .arg = hmp,
				  });
	return 0;
}

void ctl_hmp_destroy(struct ctl_hmp *hmp)
{
	chardev_set_user(hmp->chardev, NULL);
	ctl_input_destroy(&hmp->input);
	ctl_line_close(hmp->line);
	ctl_out_destroy(&hmp->out);
}

/* QMP's way to it. */
bool ctl_qmp_human_monitor_command(struct ctl_qmp *qmp, struct json_object *arguments,
				   struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *index;
	const char *line;
	unsigned cpu = 0;
	size_t len = 0;
	char *text = NULL;
	FILE *answer;

	if (!ctl_qmp_need_text(arguments, "command-line", &line, err))
		return false;
	if (json_object_object_get_ex(arguments, "cpu-index", &index)) {
		int64_t number = json_object_get_int64(index);

		if (!json_object_is_type(index, json_type_int) || number < 0 ||
		    number >= machine_vcpus(qmp->machine))
			return ctl_qmp_fail(err, "Parameter 'cpu-index' expects a CPU number");
		cpu = (unsigned)number;
	}
	answer = open_memstream(&text, &len);
	if (!answer)
		return ctl_qmp_fail(err, "%s", strerror(errno));
	ctl_hmp_execute(qmp, &cpu, line, answer);
	if (!fclose(answer))
		*result = json_object_new_string_len(text, (int)len);
	free(text);
	return true;
}
