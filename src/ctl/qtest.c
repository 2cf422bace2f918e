// SPDX-License-Identifier: MIT
#include "ctl/qtest.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ctl/qtest_impl.h"

#define LINE_KEPT (1u << 16)
#define OUT_MAX   (4 * CTL_QTEST_DATA_MAX)
#define REPLY_MAX 256

/* The log: "[R +seconds] line" for what came, "[S +seconds] line" for what went. */

static double elapsed(struct ctl_qtest *qtest)
{
	return (double)(clock_now(&qtest->log_clock) - qtest->opened_at) / (double)NS_PER_SEC;
}

static void log_line(struct ctl_qtest *qtest, char direction, const char *text, size_t len)
{
	if (!qtest->log || !qtest->opened)
		return;
	fprintf(qtest->log, "[%c +%.6f] ", direction, elapsed(qtest));
	fwrite(text, 1, len, qtest->log);
}

void ctl_qtest_note(struct ctl_qtest *qtest, const char *format, ...)
{
	char text[REPLY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line(qtest, 'S', text, strlen(text));
}

void ctl_qtest_send(struct ctl_qtest *qtest, const char *text, size_t len)
{
	log_line(qtest, 'S', text, len);
	ctl_out_write(&qtest->out, text, len);
}

void ctl_qtest_sendf(struct ctl_qtest *qtest, const char *format, ...)
{
	char text[REPLY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctl_qtest_send(qtest, text, strlen(text));
}

/* With the interrupt router's lock held. */
static void irq_changed(void *arg, unsigned line, bool level)
{
	struct ctl_qtest *qtest = arg;
	uint32_t bit = UINT32_C(1) << line;

	if (!qtest->intercepts || qtest->intercepts_out || level == !!(qtest->levels & bit))
		return;
	qtest->levels ^= bit;
	ctl_qtest_sendf(qtest, "IRQ %s %u\n", level ? "raise" : "lower", line);
}

/* Lines out of bytes */

static void execute(struct ctl_qtest *qtest)
{
	if (qtest->overlong) {
		ctl_qtest_sendf(qtest, "FAIL Line too long\n");
	} else {
		qtest->line[qtest->line_n] = '\n';
		log_line(qtest, 'R', qtest->line, qtest->line_n + 1);
		qtest->line[qtest->line_n] = '\0';
		ctl_qtest_execute(qtest, qtest->line);
	}
	qtest->overlong = false;
	qtest->line_n = 0;
	array_trim(qtest->line, &qtest->line_room, LINE_KEPT);
}

static bool qtest_make_room(struct ctl_qtest *qtest, size_t len)
{
	if (len > CTL_QTEST_LINE_MAX - qtest->line_n)
		return false;
	/* One more for the end. */
	return array_reserve(qtest->line, qtest->line_n + len + 1, &qtest->line_room);
}

/* Up to the end of a line. */
static size_t qtest_take(void *arg, const uint8_t *bytes, size_t n)
{
	struct ctl_qtest *qtest = arg;
	const uint8_t *end = memchr(bytes, '\n', n);

	if (end)
		n = (size_t)(end - bytes);
	if (qtest->overlong || !qtest_make_room(qtest, n)) {
		qtest->overlong = true;
	} else {
		memcpy(qtest->line + qtest->line_n, bytes, n);
		qtest->line_n += n;
	}
	if (end)
		execute(qtest);
	return n + !!end;
}

static void qtest_emptied(void *arg)
{
	struct ctl_qtest *qtest = arg;

	if (!qtest->opened && !chardev_serves(qtest->chardev))
		machine_request_exit(qtest->machine, 0);
	else
		chardev_accept_input(qtest->chardev);
}

/* The user of the back-end */

static size_t qtest_room(void *arg)
{
	return ctl_input_room(&((struct ctl_qtest *)arg)->input);
}

static void qtest_receive(void *arg, const uint8_t *bytes, size_t len)
{
	ctl_input_receive(&((struct ctl_qtest *)arg)->input, bytes, len);
}

static void qtest_opened(void *arg)
{
	struct ctl_qtest *qtest = arg;

	ctl_input_forget(&qtest->input);
	qtest->line_n = 0;
	qtest->overlong = false;
	qtest->levels = 0;
	ctl_out_forget(&qtest->out);
	qtest->opened = true;
	qtest->opened_at = clock_now(&qtest->log_clock);
	if (qtest->log)
		fprintf(qtest->log, "[I %.6f] OPENED\n", elapsed(qtest));
}

static void qtest_closed(void *arg)
{
	struct ctl_qtest *qtest = arg;

	if (qtest->log)
		fprintf(qtest->log, "[I +%.6f] CLOSED\n", elapsed(qtest));
	qtest->opened = false;
	ctl_out_forget(&qtest->out);
	/* What was said before is still done; then, if nobody can come any more, that was all. */
	ctl_input_go_on(&qtest->input);
}

static void qtest_drained(void *arg)
{
	struct ctl_qtest *qtest = arg;

	ctl_out_go_on(&qtest->out);
	ctl_input_drained(&qtest->input);
}

int ctl_qtest_init(struct ctl_qtest *qtest, struct machine *machine, struct soft_cpu *cpu,
		   struct chardev *chardev, FILE *log)
{
	assert(machine->accel->ops->manual_clock);
	*qtest = (struct ctl_qtest){
		.machine = machine,
		.cpu = cpu,
		.chardev = chardev,
		.log = log,
	};
	ctl_input_init(&qtest->input, machine, chardev, &qtest->out,
		       &(struct ctl_input_user){
			       .take = qtest_take, .emptied = qtest_emptied, .arg = qtest });
	clock_init(&qtest->log_clock, CLOCK_KIND_MONOTONIC);
	ctl_out_init(&qtest->out, chardev, OUT_MAX);
	for (unsigned i = 0; i < IRQ_LINES; i++)
		qtest->irqs[i] = machine_irq_input(machine, i);
	machine_watch_irqs(machine, irq_changed, qtest);
	chardev_set_user(chardev, &(struct chardev_user){
					  .room = qtest_room,
					  .receive = qtest_receive,
					  .opened = qtest_opened,
					  .closed = qtest_closed,
					  .drained = qtest_drained,
					  .arg = qtest,
				  });
	return 0;
}

void ctl_qtest_destroy(struct ctl_qtest *qtest)
{
	chardev_set_user(qtest->chardev, NULL);
	machine_watch_irqs(qtest->machine, NULL, NULL);
	ctl_input_destroy(&qtest->input);
	ctl_out_destroy(&qtest->out);
	clock_destroy(&qtest->log_clock);
	free(qtest->line);
}
