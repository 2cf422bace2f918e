// SPDX-License-Identifier: MIT
#include "dev/serial.h"

#include <string.h>

/* Interrupt enable (8.6). */
#define IER_RX    0x01u
#define IER_TX    0x02u
#define IER_LINE  0x04u
#define IER_MODEM 0x08u
#define IER_MASK  0x0fu

/* Interrupt identification (8.5), highest priority first. */
#define IIR_LINE    0x06u
#define IIR_RX      0x04u
#define IIR_TIMEOUT 0x0cu
#define IIR_TX      0x02u
#define IIR_MODEM   0x00u
#define IIR_NONE    0x01u
#define IIR_FIFO    0xc0u

/* FIFO control (8.4). */
#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_KEPT     0xc9u /* enable, DMA mode, trigger level */

/* Line control (8.1). */
#define LCR_STOP_BITS 0x04u
#define LCR_PARITY    0x08u
#define LCR_BREAK     0x40u
#define LCR_DIVISOR   0x80u

/* Modem control (8.7). */
#define MCR_DTR      0x01u
#define MCR_RTS      0x02u
#define MCR_OUT1     0x04u
#define MCR_OUT2     0x08u
#define MCR_LOOPBACK 0x10u
#define MCR_MASK     0x1fu

/* Line status (8.3). */
#define LSR_DATA         0x01u
#define LSR_OVERRUN      0x02u
#define LSR_CHARACTER    (SERIAL_PARITY_ERROR | SERIAL_FRAMING_ERROR | SERIAL_BREAK)
#define LSR_INTERRUPTING (LSR_OVERRUN | LSR_CHARACTER)
#define LSR_TX_EMPTY     0x60u /* holding register and transmitter */
#define LSR_FIFO_ERROR   0x80u

/* Modem status (8.8). */
#define MSR_DCTS  0x01u
#define MSR_DDSR  0x02u
#define MSR_TERI  0x04u
#define MSR_DDCD  0x08u
#define MSR_LINES 0xf0u
#define MSR_DELTA 0x0fu

/* 1.8432 MHz through the fixed divider by 16. */
#define BAUD_BASE          115200
#define TIMEOUT_CHARACTERS 4 /* 8.11 */
#define DIVISOR_DEFAULT    12 /* 9600 baud; the real chip's is undefined */

static const struct state_field serial_fields[] = {
	{ STATE_AT(struct serial_state, interrupt_enable), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, fifo_control), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, line_control), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, modem_control), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, line_status), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, modem_status), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, modem_lines), .on_reset = STATE_KEEP },
	{ STATE_AT(struct serial_state, scratch), .on_reset = STATE_KEEP },
	{ STATE_AT(struct serial_state, divisor_low), .on_reset = STATE_KEEP },
	{ STATE_AT(struct serial_state, divisor_high), .on_reset = STATE_KEEP },
	{ STATE_AT(struct serial_state, rx_first), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, rx_count), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct serial_state, rx), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct serial_state, rx_error), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, transmit_pending), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, transmit_full), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, timeout_pending), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct serial_state, timeout_due), .on_reset = STATE_CLEAR,
	  .value = CLOCK_NEVER },
};

const struct state_table serial_state_table = {
	.name = "serial",
	.version = 1,
	.fields = serial_fields,
	.fields_n = sizeof(serial_fields) / sizeof(serial_fields[0]),
};

static unsigned capacity(const struct serial_state *s)
{
	return s->fifo_control & FCR_ENABLE ? SERIAL_FIFO : 1;
}

static unsigned trigger(const struct serial_state *s)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return s->fifo_control & FCR_ENABLE ? levels[s->fifo_control >> 6] : 1;
}

/* What the interrupt identification register says of the cause, by priority (8.5, table IV). */
static uint8_t cause(const struct serial_state *s)
{
	if (s->interrupt_enable & IER_LINE && s->line_status & LSR_INTERRUPTING)
		return IIR_LINE;
	if (s->interrupt_enable & IER_RX && s->rx_count >= trigger(s))
		return IIR_RX;
	if (s->interrupt_enable & IER_RX && s->timeout_pending)
		return IIR_TIMEOUT;
	if (s->interrupt_enable & IER_TX && s->transmit_pending)
		return IIR_TX;
	if (s->interrupt_enable & IER_MODEM && s->modem_status & MSR_DELTA)
		return IIR_MODEM;
	return IIR_NONE;
}

static void serial_update_irq(struct serial *serial)
{
	bool level = cause(&serial->state) != IIR_NONE;

	if (level == serial->level)
		return;
	serial->level = level;
	irq_set(&serial->options.irq, level);
}

/* Four characters of the guest's format at the guest's rate, in ns. */
static int64_t timeout_ns(const struct serial_state *s)
{
	int divisor = s->divisor_low | s->divisor_high << 8;
	int bits = 1 + 5 + (s->line_control & 3) + !!(s->line_control & LCR_PARITY) + 1 +
		   !!(s->line_control & LCR_STOP_BITS);

	return TIMEOUT_CHARACTERS * bits * NS_PER_SEC * (divisor ? divisor : 1) / BAUD_BASE;
}

/* Starts over with every byte that comes or goes; only bytes in a FIFO can be waiting (8.11). */
static void restart_timeout(struct serial *serial)
{
	struct serial_state *s = &serial->state;

	s->timeout_pending = false;
	if (s->rx_count && s->fifo_control & FCR_ENABLE) {
		s->timeout_due = clock_now(serial->options.clock) + timeout_ns(s);
		timer_arm(&serial->timer, s->timeout_due);
	} else if (s->timeout_due != CLOCK_NEVER) {
		s->timeout_due = CLOCK_NEVER;
		timer_disarm(&serial->timer);
	}
}

static void timed_out(void *arg)
{
	struct serial *serial = arg;

	lock_take(&serial->lock);
	if (serial->state.timeout_due <= clock_now(serial->options.clock)) {
		serial->state.timeout_due = CLOCK_NEVER;
		serial->state.timeout_pending = true;
		serial_update_irq(serial);
	}
	lock_drop(&serial->lock);
}

/*
 * A byte that is sent is seen outside and nowhere else: not in the line status, since a look at that
 * delivers the byte first, nor in an interrupt, as long as that is off; enabling it raises it, and
 * drains before. Nor is the byte lost: room that the line status promised is still there a little
 * later. In loopback it comes in at once.
 */
static void serial_update_conditions(struct serial *serial)
{
	const struct serial_state *s = &serial->state;
	bool divisor = s->line_control & LCR_DIVISOR;
	bool polled = !(s->interrupt_enable & IER_TX) && !(s->modem_control & MCR_LOOPBACK);

	mem_condition_set(&serial->conditions[SERIAL_DATA_WAITS], divisor || polled);
	mem_condition_set(&serial->conditions[SERIAL_DIVISOR], divisor);
}

static size_t serial_space(const struct serial_state *s)
{
	if (s->modem_control & MCR_LOOPBACK)
		return 0;
	return capacity(s) - s->rx_count;
}

static void accept_if_room(struct serial *serial)
{
	if (!serial->held_back || !serial_space(&serial->state))
		return;
	serial->held_back = false;
	if (serial->options.accept)
		serial->options.accept(serial->options.arg);
}

/* The errors of a byte show in the line status when it is the next one to be read (8.3). */
static void show_errors(struct serial_state *s)
{
	if (s->rx_count) {
		s->line_status |= s->rx_error[s->rx_first];
		s->rx_error[s->rx_first] = 0;
	}
}

static void serial_push(struct serial_state *s, uint8_t byte, uint8_t errors)
{
	unsigned at;

	if (s->rx_count == capacity(s)) {
		s->line_status |= LSR_OVERRUN;
		if (s->fifo_control & FCR_ENABLE)
			return;
		s->rx_count = 0;
	}
	at = (s->rx_first + s->rx_count) % SERIAL_FIFO;
	s->rx[at] = byte;
	s->rx_error[at] = errors;
	s->rx_count++;
	show_errors(s);
}

static void clear_rx(struct serial *serial)
{
	serial->state.rx_first = 0;
	serial->state.rx_count = 0;
	memset(serial->state.rx_error, 0, sizeof(serial->state.rx_error));
	restart_timeout(serial);
}

/* Takes over the lines' levels, from outside or looped back, and notes what changed (8.8). */
static void update_modem(struct serial_state *s)
{
	uint8_t before = s->modem_status, now = s->modem_lines, changed;

	if (s->modem_control & MCR_LOOPBACK)
		now = (uint8_t)((s->modem_control & MCR_RTS ? SERIAL_CTS : 0) |
				(s->modem_control & MCR_DTR ? SERIAL_DSR : 0) |
				(s->modem_control & MCR_OUT1 ? SERIAL_RI : 0) |
				(s->modem_control & MCR_OUT2 ? SERIAL_DCD : 0));
	changed = (uint8_t)((before ^ now) & MSR_LINES);
	s->modem_status = (uint8_t)((before & MSR_DELTA) | now);
	if (changed & SERIAL_CTS)
		s->modem_status |= MSR_DCTS;
	if (changed & SERIAL_DSR)
		s->modem_status |= MSR_DDSR;
	if (changed & before & SERIAL_RI) /* only the end of ringing */
		s->modem_status |= MSR_TERI;
	if (changed & SERIAL_DCD)
		s->modem_status |= MSR_DDCD;
}

static bool divisor_shown(const struct serial_state *s)
{
	return s->line_control & LCR_DIVISOR;
}

static uint64_t serial_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	uint8_t byte;

	if (divisor_shown(s))
		return s->divisor_low;
	byte = s->rx[s->rx_first]; /* with nothing there: the last one once more */
	if (!s->rx_count)
		return byte;
	if (--s->rx_count)
		s->rx_first = (uint8_t)((s->rx_first + 1) % SERIAL_FIFO);
	show_errors(s);
	restart_timeout(serial);
	serial_update_irq(serial);
	accept_if_room(serial);
	return byte;
}

/* A guest that finds the transmitter empty may fill the whole FIFO without looking again. */
static bool line_has_room(const struct serial *serial)
{
	return !serial->options.room || serial->options.room(serial->options.arg) >= SERIAL_FIFO;
}

/* The transmitter is empty again, unless the other side is slow; in loopback there is none. */
static void transmit_done(struct serial *serial)
{
	bool loopback = serial->state.modem_control & MCR_LOOPBACK;

	serial->state.transmit_full = !loopback && !line_has_room(serial);
	serial->state.transmit_pending = !serial->state.transmit_full;
	serial_update_irq(serial);
}

static void serial_data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;

	if (divisor_shown(s)) {
		s->divisor_low = (uint8_t)value;
		return;
	}
	/* The register is full for a moment: the line drops and rises, which is an edge. */
	s->transmit_pending = false;
	serial_update_irq(serial);
	if (s->modem_control & MCR_LOOPBACK) {
		serial_push(s, (uint8_t)value, 0);
		restart_timeout(serial);
	} else if (serial->options.send) {
		serial->options.send(serial->options.arg, (uint8_t)value);
	}
	transmit_done(serial);
}

static uint64_t interrupt_enable_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;

	return divisor_shown(&serial->state) ? serial->state.divisor_high
					     : serial->state.interrupt_enable;
}

static void interrupt_enable_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	uint8_t enabled;

	if (divisor_shown(s)) {
		s->divisor_high = (uint8_t)value;
		return;
	}
	/* Enabling the transmitter's interrupt while it is empty interrupts; drivers begin so. */
	enabled = (uint8_t)(value & ~s->interrupt_enable);
	s->interrupt_enable = value & IER_MASK;
	serial_update_conditions(serial);
	if (enabled & IER_TX && !s->transmit_full)
		s->transmit_pending = true;
	serial_update_irq(serial);
}

static uint64_t interrupt_id_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	uint8_t id = cause(s);

	if (id == IIR_TX) {
		s->transmit_pending = false;
		serial_update_irq(serial);
	}
	return s->fifo_control & FCR_ENABLE ? id | IIR_FIFO : id;
}

static void fifo_control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	uint8_t before = s->fifo_control;

	s->fifo_control = value & FCR_KEPT;
	/* The other bits count only together with the enabling one. */
	if ((before ^ s->fifo_control) & FCR_ENABLE || (value & FCR_ENABLE && value & FCR_CLEAR_RX))
		clear_rx(serial);
	serial_update_irq(serial);
	accept_if_room(serial);
}

static uint64_t line_control_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;

	return serial->state.line_control;
}

static void line_control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	bool breaks = value & LCR_BREAK && !(s->line_control & LCR_BREAK);

	s->line_control = (uint8_t)value;
	serial_update_conditions(serial);
	if (breaks && s->modem_control & MCR_LOOPBACK) {
		serial_push(s, 0, SERIAL_BREAK | SERIAL_FRAMING_ERROR);
		restart_timeout(serial);
		serial_update_irq(serial);
	}
}

static uint64_t modem_control_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;

	return serial->state.modem_control;
}

static void modem_control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;

	serial->state.modem_control = value & MCR_MASK;
	serial_update_conditions(serial);
	update_modem(&serial->state);
	serial_update_irq(serial);
	accept_if_room(serial);
}

static uint64_t line_status_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;
	struct serial_state *s = &serial->state;
	uint8_t status = s->line_status;

	if (!s->transmit_full)
		status |= LSR_TX_EMPTY;
	if (s->rx_count)
		status |= LSR_DATA;
	if (s->fifo_control & FCR_ENABLE) {
		/* Some byte in the FIFO has an error; the first one's is in line_status by now. */
		bool error = s->line_status & LSR_CHARACTER;

		for (unsigned i = 0; i < SERIAL_FIFO; i++)
			error |= s->rx_error[i] != 0;
		if (error)
			status |= LSR_FIFO_ERROR;
	}
	s->line_status = 0;
	serial_update_irq(serial);
	return status;
}

static uint64_t modem_status_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;
	uint8_t status = serial->state.modem_status;

	serial->state.modem_status &= MSR_LINES;
	serial_update_irq(serial);
	return status;
}

static uint64_t scratch_read(void *chip, uint64_t offset, unsigned width)
{
	struct serial *serial = chip;

	return serial->state.scratch;
}

static void scratch_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct serial *serial = chip;

	serial->state.scratch = (uint8_t)value;
}

/*
 * The two status registers take writes in the chip's own test only. 20 ms for what is sent: text that
 * a person reads.
 */
static const struct mem_port serial_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = serial_data_read,
	  .write = serial_data_write,
	  .wait = MEM_DEADLINE(20 * NS_PER_MS),
	  .when = MEM_WHEN(SERIAL_DATA_WAITS),
	  .why = "serial data: text for the host",
	  .name = "RBR/THR/DLL" },
	{ .at = 1,
	  .len = 1,
	  .read = interrupt_enable_read,
	  .write = interrupt_enable_write,
	  .wait = MEM_LATCH,
	  .when = MEM_WHEN(SERIAL_DIVISOR),
	  .why = "serial divisor: only sets a rate",
	  .name = "IER/DLM" },
	{ .at = 2,
	  .len = 1,
	  .read = interrupt_id_read,
	  .write = fifo_control_write,
	  .name = "IIR/FCR" },
	{ .at = 3,
	  .len = 1,
	  .read = line_control_read,
	  .write = line_control_write,
	  .name = "LCR" },
	{ .at = 4,
	  .len = 1,
	  .read = modem_control_read,
	  .write = modem_control_write,
	  .name = "MCR" },
	{ .at = 5, .len = 1, .read = line_status_read, .name = "LSR" },
	{ .at = 6, .len = 1, .read = modem_status_read, .name = "MSR" },
	{ .at = 7,
	  .len = 1,
	  .read = scratch_read,
	  .write = scratch_write,
	  .wait = MEM_LATCH,
	  .why = "serial scratch register: only read back",
	  .name = "SCR" },
};

void serial_init(struct serial *serial, const struct serial_options *options)
{
	*serial = (struct serial){ .options = *options };
	lock_init(&serial->lock, LOCK_DEVICE, options->name);
	timer_init(&serial->timer, options->clock, timed_out, serial);
	mem_region_init_io(&serial->region, options->name, SERIAL_PORTS - 1, serial_ports,
			   sizeof(serial_ports) / sizeof(serial_ports[0]), serial, &serial->lock);
	serial->region.conditions = serial->conditions;
	serial->region.conditions_n = SERIAL_CONDITIONS;
	mem_condition_init(&serial->conditions[SERIAL_DATA_WAITS],
			   "the transmit interrupt and loopback are off", true);
	mem_condition_init(&serial->conditions[SERIAL_DIVISOR], "the divisor is shown", false);
	serial->state.modem_lines = SERIAL_CTS | SERIAL_DSR | SERIAL_DCD;
	serial->state.divisor_low = DIVISOR_DEFAULT;
	state_reset(&serial_state_table, &serial->state);
	serial->state.modem_status = serial->state.modem_lines;
}

void serial_destroy(struct serial *serial)
{
	timer_disarm(&serial->timer);
	lock_destroy(&serial->lock);
}

void serial_reset(struct serial *serial)
{
	lock_take(&serial->lock);
	state_reset(&serial_state_table, &serial->state);
	serial->state.modem_status = serial->state.modem_lines;
	serial->state.transmit_full = !line_has_room(serial);
	timer_disarm(&serial->timer);
	serial_update_conditions(serial);
	serial_update_irq(serial);
	accept_if_room(serial);
	lock_drop(&serial->lock);
}

void serial_restored(struct serial *serial)
{
	struct serial_state *s = &serial->state;

	lock_take(&serial->lock);
	/* Whatever the bytes came from: no index may lead out of the FIFO. */
	s->rx_first %= SERIAL_FIFO;
	if (s->rx_count > capacity(s))
		s->rx_count = (uint8_t)capacity(s);
	serial_update_conditions(serial);
	timer_disarm(&serial->timer);
	if (s->timeout_due != CLOCK_NEVER)
		timer_arm(&serial->timer, s->timeout_due);
	serial->level = cause(s) != IIR_NONE;
	irq_set(&serial->options.irq, serial->level);
	serial->held_back = true; /* nobody knows any more */
	accept_if_room(serial);
	lock_drop(&serial->lock);
	/* Whoever is on the other side now may have room. */
	serial_sent(serial);
}

void serial_sent(struct serial *serial)
{
	lock_take(&serial->lock);
	if (serial->state.transmit_full)
		transmit_done(serial);
	lock_drop(&serial->lock);
}

size_t serial_room(struct serial *serial)
{
	size_t bytes;

	lock_take(&serial->lock);
	bytes = serial_space(&serial->state);
	if (!bytes)
		serial->held_back = true;
	lock_drop(&serial->lock);
	return bytes;
}

static void serial_take(struct serial *serial, const uint8_t *bytes, size_t len, uint8_t errors)
{
	lock_take(&serial->lock);
	if (!(serial->state.modem_control & MCR_LOOPBACK)) {
		for (size_t i = 0; i < len; i++)
			serial_push(&serial->state, bytes[i], errors);
		restart_timeout(serial);
		serial_update_irq(serial);
	}
	lock_drop(&serial->lock);
}

void serial_receive(struct serial *serial, const uint8_t *bytes, size_t len)
{
	serial_take(serial, bytes, len, 0);
}

void serial_receive_error(struct serial *serial, uint8_t byte, uint8_t errors)
{
	serial_take(serial, &byte, 1, errors & LSR_CHARACTER);
}

void serial_set_modem(struct serial *serial, uint8_t lines)
{
	lock_take(&serial->lock);
	serial->state.modem_lines = lines & MSR_LINES;
	update_modem(&serial->state);
	serial_update_irq(serial);
	lock_drop(&serial->lock);
}
