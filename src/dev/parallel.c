// SPDX-License-Identifier: MIT
#include "dev/parallel.h"

/* Control; bits 6 and 7 read as ones. */
#define CONTROL_STROBE    0x01u /* nStrobe is low: the data counts */
#define CONTROL_INIT      0x04u /* nInit is high: the printer is not being reset */
#define CONTROL_SELECT    0x08u /* nSelectIn is low: the printer listens */
#define CONTROL_INTERRUPT 0x10u /* an acknowledge interrupts */
#define CONTROL_INPUT     0x20u /* the data lines are not driven */
#define CONTROL_ONES      0xc0u

/* Status, as the cable's levels make it. */
#define STATUS_ERROR    0x08u /* there is none */
#define STATUS_SELECTED 0x10u
#define STATUS_ACK      0x40u /* nAck is high */
#define STATUS_READY    0x80u /* not busy */

#define LISTENS (CONTROL_INIT | CONTROL_SELECT)

static const struct state_field parallel_fields[] = {
	{ STATE_AT(struct parallel_state, data), .on_reset = STATE_CLEAR, .value = 0xff },
	{ STATE_AT(struct parallel_state, control), .on_reset = STATE_CLEAR,
	  .value = CONTROL_ONES | LISTENS },
	{ STATE_AT(struct parallel_state, busy), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct parallel_state, pending), .on_reset = STATE_CLEAR },
};

const struct state_table parallel_state_table = {
	.name = "parallel",
	.version = 1,
	.fields = parallel_fields,
	.fields_n = sizeof(parallel_fields) / sizeof(parallel_fields[0]),
};

static void parallel_update_irq(struct parallel *parallel)
{
	const struct parallel_state *s = &parallel->state;
	bool level = s->pending && s->control & CONTROL_INTERRUPT;

	if (level == parallel->level)
		return;
	parallel->level = level;
	irq_set(&parallel->options.irq, level);
}

/* nAck drops and rises, which is an edge, also for a guest that has not looked since the last one. */
static void acknowledge(struct parallel *parallel)
{
	parallel->state.busy = false;
	parallel->state.pending = false;
	parallel_update_irq(parallel);
	parallel->state.pending = true;
	parallel_update_irq(parallel);
}

static bool printer_has_room(const struct parallel *parallel)
{
	return !parallel->options.room || parallel->options.room(parallel->options.arg) > 0;
}

static uint64_t data_read(void *chip, uint64_t offset, unsigned width)
{
	const struct parallel_state *s = &((struct parallel *)chip)->state;

	return s->control & CONTROL_INPUT ? 0xff : s->data; /* a printer drives nothing */
}

static void data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct parallel *)chip)->state.data = (uint8_t)value;
}

static uint64_t status_read(void *chip, uint64_t offset, unsigned width)
{
	struct parallel *parallel = chip;
	const struct parallel_state *s = &parallel->state;
	uint8_t status = STATUS_ERROR | STATUS_SELECTED | STATUS_ACK;

	if (!s->busy && (s->control & LISTENS) == LISTENS)
		status |= STATUS_READY;
	parallel->state.pending = false;
	parallel_update_irq(parallel);
	return status;
}

static uint64_t control_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct parallel *)chip)->state.control;
}

static void control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct parallel *parallel = chip;
	struct parallel_state *s = &parallel->state;
	uint8_t before = s->control;
	bool strobed, was_strobed;

	s->control = (uint8_t)(value | CONTROL_ONES);
	if ((s->control & LISTENS) != LISTENS) {
		s->busy = false; /* and what it was at is gone */
		s->pending = false;
		parallel_update_irq(parallel);
		return;
	}
	strobed = s->control & CONTROL_STROBE;
	was_strobed = before & CONTROL_STROBE && (before & LISTENS) == LISTENS;
	/* One that does not wait for the printer loses the byte, as at a real one. */
	if (strobed && !was_strobed && !s->busy) {
		s->busy = true;
		if (parallel->options.send)
			parallel->options.send(parallel->options.arg, s->data);
	}
	if (!strobed && s->busy && printer_has_room(parallel))
		acknowledge(parallel);
	parallel_update_irq(parallel);
}

static const struct mem_port parallel_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = data_read,
	  .write = data_write,
	  .wait = MEM_LATCH,
	  .why = "parallel port: data that counts at the strobe",
	  .name = "data" },
	{ .at = 1, .len = 1, .read = status_read, .name = "status" },
	{ .at = 2, .len = 1, .read = control_read, .write = control_write, .name = "control" },
};

void parallel_init(struct parallel *parallel, const struct parallel_options *options)
{
	*parallel = (struct parallel){ .options = *options };
	lock_init(&parallel->lock, LOCK_DEVICE, options->name);
	mem_region_init_io(&parallel->region, options->name, PARALLEL_PORTS - 1, parallel_ports,
			   sizeof(parallel_ports) / sizeof(parallel_ports[0]), parallel,
			   &parallel->lock);
	state_reset(&parallel_state_table, &parallel->state);
}

void parallel_destroy(struct parallel *parallel)
{
	lock_destroy(&parallel->lock);
}

void parallel_reset(struct parallel *parallel)
{
	lock_take(&parallel->lock);
	state_reset(&parallel_state_table, &parallel->state);
	parallel_update_irq(parallel);
	lock_drop(&parallel->lock);
}

void parallel_restored(struct parallel *parallel)
{
	struct parallel_state *s = &parallel->state;

	lock_take(&parallel->lock);
	s->control |= CONTROL_ONES;
	parallel->level = s->pending && s->control & CONTROL_INTERRUPT;
	irq_set(&parallel->options.irq, parallel->level);
	/* What it waited for has been printed long since. */
	if (s->busy && !(s->control & CONTROL_STROBE) && printer_has_room(parallel))
		acknowledge(parallel);
	lock_drop(&parallel->lock);
}

void parallel_printed(struct parallel *parallel)
{
	lock_take(&parallel->lock);
	if (parallel->state.busy && !(parallel->state.control & CONTROL_STROBE) &&
	    printer_has_room(parallel))
		acknowledge(parallel);
	lock_drop(&parallel->lock);
}
