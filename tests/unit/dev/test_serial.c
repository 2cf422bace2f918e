// SPDX-License-Identifier: MIT
/* The 16550A on a clock that moves when told. Section numbers are the PC16550D data sheet's. */
#include "chip.h"

#include <stdlib.h>
#include <string.h>

#include "dev/serial.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

#define FIFO_1  0x01
#define FIFO_4  0x41
#define FIFO_8  0x81
#define FIFO_14 0xc1

/* Four characters of 10 bits at 115200 baud. */
#define TIMEOUT_NS (INT64_C(4) * 10 * NS_PER_SEC / 115200)

struct bench {
	struct clock clock;
	struct serial serial;
	struct chip_wire wire;
	uint8_t sent[64];
	size_t sent_n;
	unsigned accepts;
	size_t line_room; /* what the other side takes */
};

static void take(void *arg, uint8_t byte)
{
	struct bench *bench = arg;

	assert_true(bench->sent_n < sizeof(bench->sent));
	bench->sent[bench->sent_n++] = byte;
}

static void accepts(void *arg)
{
	((struct bench *)arg)->accepts++;
}

static size_t room_of_line(void *arg)
{
	return ((struct bench *)arg)->line_room;
}

static void connect(struct bench *bench)
{
	bench->line_room = sizeof(bench->sent);
	struct serial_options options = {
		.name = "com1",
		.clock = &bench->clock,
		.irq = chip_line(&bench->wire),
		.send = take,
		.room = room_of_line,
		.accept = accepts,
		.arg = bench,
	};

	serial_init(&bench->serial, &options);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	clock_init(&bench->clock, CLOCK_KIND_MANUAL);
	connect(bench);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	serial_destroy(&bench->serial);
	clock_destroy(&bench->clock);
	free(bench);
	return 0;
}

static uint8_t in(struct bench *bench, uint64_t reg)
{
	return in8(&bench->serial.region, reg);
}

static void out(struct bench *bench, uint64_t reg, uint8_t value)
{
	out8(&bench->serial.region, reg, value);
}

static void receive(struct bench *bench, const char *text)
{
	serial_receive(&bench->serial, (const uint8_t *)text, strlen(text));
}

/* 115200 baud, 8N1. */
static void set_fastest(struct bench *bench)
{
	out(bench, LCR, 0x83);
	out(bench, DATA, 1);
	out(bench, IER, 0);
	out(bench, LCR, 0x03);
}

/* Table I: the registers after a master reset. */
static void test_after_reset(void **state)
{
	static const uint8_t expected[] = { 0x00, 0x00, 0x01, 0x00, 0x00, 0x60, 0xb0, 0x00 };
	struct bench *bench = *state;

	for (unsigned reg = 0; reg < SERIAL_PORTS; reg++)
		assert_int_equal(in(bench, reg), expected[reg]);

	set_fastest(bench);
	out(bench, SCR, 0xa5);
	out(bench, MCR, 0x0b);
	out(bench, FCR, FIFO_1);
	out(bench, IER, 0x0f);
	receive(bench, "x");
	assert_true(bench->wire.level);
	serial_reset(&bench->serial);
	assert_false(bench->wire.level);
	for (unsigned reg = 0; reg < SERIAL_PORTS - 1; reg++)
		assert_int_equal(in(bench, reg), expected[reg]);
	/* The scratch and the divisor are no part of a reset. */
	assert_int_equal(in(bench, SCR), 0xa5);
	out(bench, LCR, 0x80);
	assert_int_equal(in(bench, DATA), 1);
}

/* 8.2: the divisor latch hides the first two registers, and a 16-bit access writes both halves. */
static void test_divisor_latch(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x05);
	out(bench, LCR, 0x80);
	assert_int_equal(in(bench, DATA), 12);
	chip_write(&bench->serial.region, DATA, 0x1234, 2);
	assert_int_equal(in(bench, DATA), 0x34);
	assert_int_equal(in(bench, IER), 0x12);
	assert_int_equal(bench->sent_n, 0);
	out(bench, LCR, 0x03);
	assert_int_equal(in(bench, IER), 0x05);
}

static void test_kept_bits(void **state)
{
	struct bench *bench = *state;

	out(bench, SCR, 0x5a);
	assert_int_equal(in(bench, SCR), 0x5a);
	out(bench, IER, 0xf0);
	assert_int_equal(in(bench, IER), 0x00);
	out(bench, MCR, 0xff);
	assert_int_equal(in(bench, MCR), 0x1f);
	out(bench, LSR, 0xff);
	assert_int_equal(in(bench, LSR), 0x60);
	out(bench, MCR, 0);
	in(bench, MSR);
	out(bench, MSR, 0xff);
	assert_int_equal(in(bench, MSR), 0xb0);
}

static void test_sends(void **state)
{
	struct bench *bench = *state;

	out(bench, DATA, 'h');
	out(bench, DATA, 'i');
	assert_int_equal(bench->sent_n, 2);
	assert_memory_equal(bench->sent, "hi", 2);
	assert_int_equal(in(bench, LSR), 0x60);
	assert_int_equal(bench->wire.calls, 0);
}

/* 8.5: the interrupt of the empty transmitter ends with reading its cause or writing a byte. */
static void test_transmit_interrupt(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x02);
	assert_int_equal(bench->wire.rises, 1);
	assert_int_equal(in(bench, IIR), 0x02);
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, IIR), 0x01);

	/* Enabling what is enabled is nothing new; off and on again is. */
	out(bench, IER, 0x02);
	assert_false(bench->wire.level);
	out(bench, IER, 0x00);
	out(bench, IER, 0x02);
	assert_int_equal(bench->wire.rises, 2);

	/* Each byte is an edge of its own, even when the cause was not read. */
	out(bench, DATA, 'a');
	assert_int_equal(bench->wire.rises, 3);
	out(bench, DATA, 'b');
	assert_int_equal(bench->wire.rises, 4);
	assert_int_equal(in(bench, IIR), 0x02);
	assert_false(bench->wire.level);
}

static void test_receive_without_fifo(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x01);
	assert_int_equal(serial_room(&bench->serial), 1);
	receive(bench, "a");
	assert_int_equal(serial_room(&bench->serial), 0);
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, IIR), 0x04);
	assert_int_equal(in(bench, LSR), 0x61);
	assert_int_equal(in(bench, DATA), 'a');
	assert_int_equal(bench->accepts, 1);
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, LSR), 0x60);
	/* Without a FIFO there is no character timeout. */
	receive(bench, "b");
	in(bench, DATA);
	assert_int_equal(clock_next_due(&bench->clock), CLOCK_NEVER);
}

/* 8.4, 8.11: the trigger levels. */
static void test_trigger_levels(void **state)
{
	static const struct {
		uint8_t fifo, level;
	} cases[] = { { FIFO_1, 1 }, { FIFO_4, 4 }, { FIFO_8, 8 }, { FIFO_14, 14 } };
	struct bench *bench = *state;

	out(bench, IER, 0x01);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out(bench, FCR, cases[i].fifo | 0x02);
		assert_int_equal(in(bench, IIR), 0xc1);
		for (unsigned n = 1; n < cases[i].level; n++) {
			receive(bench, "x");
			assert_false(bench->wire.level);
		}
		receive(bench, "x");
		assert_true(bench->wire.level);
		assert_int_equal(in(bench, IIR), 0xc4);
		in(bench, DATA);
		assert_false(bench->wire.level);
	}
}

/* 8.11: bytes below the trigger level interrupt after four characters without a byte either way. */
static void test_character_timeout(void **state)
{
	struct bench *bench = *state;

	set_fastest(bench);
	out(bench, FCR, FIFO_14);
	out(bench, IER, 0x01);
	receive(bench, "abc");
	clock_step(&bench->clock, TIMEOUT_NS - 1);
	assert_false(bench->wire.level);
	receive(bench, "d"); /* starts it over */
	clock_step(&bench->clock, TIMEOUT_NS - 1);
	assert_false(bench->wire.level);
	clock_step(&bench->clock, 1);
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, IIR), 0xcc);
	assert_true(bench->wire.level); /* only reading data ends it */
	assert_int_equal(in(bench, DATA), 'a');
	assert_false(bench->wire.level);
	clock_step(&bench->clock, TIMEOUT_NS);
	assert_int_equal(in(bench, IIR), 0xcc);
	for (const char *c = "bcd"; *c; c++)
		assert_int_equal(in(bench, DATA), *c);
	assert_int_equal(in(bench, IIR), 0xc1);
	assert_int_equal(clock_next_due(&bench->clock), CLOCK_NEVER);

	/* A timer that fires late or early, as one on another thread may, means nothing by itself. */
	bench->serial.timer.fire(bench->serial.timer.arg);
	receive(bench, "e");
	bench->serial.timer.fire(bench->serial.timer.arg);
	assert_false(bench->wire.level);
}

/* A slow line waits longer, a divisor of 0 is no division by it. */
static void test_timeout_follows_rate(void **state)
{
	struct bench *bench = *state;

	out(bench, FCR, FIFO_14);
	out(bench, LCR, 0x1f); /* 8 bits, parity, 2 stop bits: 12 in all */
	receive(bench, "a");
	assert_int_equal(clock_next_due(&bench->clock), INT64_C(4) * 12 * NS_PER_SEC * 12 / 115200);
	out(bench, LCR, 0x80);
	out(bench, DATA, 0);
	out(bench, LCR, 0x03);
	receive(bench, "b");
	assert_int_equal(clock_next_due(&bench->clock), TIMEOUT_NS);
}

/* 8.5, table IV: four levels. Everything is pending at once and is taken off from the top. */
static void test_priorities(void **state)
{
	struct bench *bench = *state;

	set_fastest(bench);
	out(bench, FCR, FIFO_1);
	out(bench, IER, 0x0f);
	serial_set_modem(&bench->serial, SERIAL_CTS);
	serial_receive_error(&bench->serial, 'x', SERIAL_PARITY_ERROR);
	assert_int_equal(bench->wire.rises, 1);
	assert_int_equal(in(bench, IIR), 0xc6);
	assert_int_equal(in(bench, LSR), 0xe5);
	assert_int_equal(in(bench, IIR), 0xc4);
	assert_int_equal(in(bench, DATA), 'x');
	assert_int_equal(in(bench, IIR), 0xc2);
	assert_int_equal(in(bench, IIR), 0xc0);
	assert_int_equal(in(bench, MSR), 0x1a);
	assert_int_equal(in(bench, IIR), 0xc1);
	assert_false(bench->wire.level);
	/* The line never dropped in between. */
	assert_int_equal(bench->wire.rises, 1);
}

/* 8.3, OE: without FIFO the old byte is lost, with it the new one. */
static void test_overrun(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x04);
	receive(bench, "ab");
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, LSR), 0x63);
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, LSR), 0x61);
	assert_int_equal(in(bench, DATA), 'b');

	out(bench, FCR, FIFO_14);
	assert_int_equal(serial_room(&bench->serial), SERIAL_FIFO);
	receive(bench, "0123456789abcdef!");
	assert_int_equal(in(bench, LSR), 0x63);
	for (const char *c = "0123456789abcdef"; *c; c++)
		assert_int_equal(in(bench, DATA), *c);
	assert_int_equal(in(bench, LSR), 0x60);
}

/* 8.3: an error shows when its byte is the next to be read; bit 7 tells of those that follow. */
static void test_errors_in_fifo(void **state)
{
	struct bench *bench = *state;

	out(bench, FCR, FIFO_14);
	out(bench, IER, 0x04);
	receive(bench, "a");
	serial_receive_error(&bench->serial, 'b', SERIAL_FRAMING_ERROR);
	serial_receive_error(&bench->serial, 0, SERIAL_BREAK);
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, LSR), 0xe1);
	assert_int_equal(in(bench, DATA), 'a');
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, LSR), 0xe9);
	assert_int_equal(in(bench, LSR), 0xe1);
	assert_int_equal(in(bench, DATA), 'b');
	assert_int_equal(in(bench, LSR), 0xf1);
	assert_int_equal(in(bench, LSR), 0x61);
	assert_int_equal(in(bench, DATA), 0);
	assert_int_equal(in(bench, LSR), 0x60);
}

/* 8.7, LOOP: what is sent comes back, the outside is cut off. */
static void test_loopback_data(void **state)
{
	struct bench *bench = *state;

	out(bench, MCR, 0x10);
	assert_int_equal(serial_room(&bench->serial), 0);
	receive(bench, "z");
	out(bench, DATA, 0x42);
	assert_int_equal(bench->sent_n, 0);
	assert_int_equal(in(bench, LSR), 0x61);
	assert_int_equal(in(bench, DATA), 0x42);
	/* A break that begins is received; one that goes on is not received again. */
	out(bench, LCR, 0x43);
	out(bench, LCR, 0x43);
	assert_int_equal(in(bench, LSR), 0x79);
	assert_int_equal(in(bench, DATA), 0);
	assert_int_equal(in(bench, LSR), 0x60);
	assert_int_equal(bench->accepts, 0);
	out(bench, MCR, 0x00);
	assert_int_equal(bench->accepts, 1);
	assert_int_equal(serial_room(&bench->serial), 1);
}

/* 8.7, 8.8: in loopback the outputs are the inputs, and their changes interrupt. */
static void test_loopback_modem(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x08);
	out(bench, MCR, 0x10);
	assert_true(bench->wire.level); /* CTS, DSR and DCD went off */
	assert_int_equal(in(bench, MSR), 0x0b);
	assert_false(bench->wire.level);
	out(bench, MCR, 0x11); /* DTR */
	assert_int_equal(in(bench, MSR), 0x22);
	out(bench, MCR, 0x13); /* RTS */
	assert_int_equal(in(bench, MSR), 0x31);
	out(bench, MCR, 0x17); /* OUT1: the beginning of ringing is no event */
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, MSR), 0x70);
	out(bench, MCR, 0x1b); /* its end is; OUT2 is DCD */
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, MSR), 0xbc);
	assert_int_equal(in(bench, MSR), 0xb0);
	/* The same lines outside: no change. */
	out(bench, MCR, 0x0b);
	assert_int_equal(in(bench, MSR), 0xb0);
}

/* 8.4 */
static void test_fifo_control(void **state)
{
	struct bench *bench = *state;

	/* Nothing of it counts without the enabling bit. */
	receive(bench, "a");
	out(bench, FCR, 0xc2);
	assert_int_equal(in(bench, IIR), 0x01);
	assert_int_equal(in(bench, DATA), 'a');

	/* Switching either way empties it. */
	receive(bench, "b");
	out(bench, FCR, FIFO_1);
	assert_int_equal(in(bench, IIR), 0xc1);
	assert_int_equal(in(bench, LSR), 0x60);
	receive(bench, "cd");
	out(bench, FCR, FIFO_4); /* another level does not */
	assert_int_equal(in(bench, DATA), 'c');
	out(bench, FCR, FIFO_4 | 0x04); /* nor clearing the other FIFO */
	assert_int_equal(in(bench, LSR), 0x61);
	out(bench, FCR, FIFO_4 | 0x02);
	assert_int_equal(in(bench, LSR), 0x60);
	receive(bench, "e");
	out(bench, FCR, 0);
	assert_int_equal(in(bench, LSR), 0x60);
	assert_int_equal(in(bench, IIR), 0x01);
}

/* Who was told that there is no room is told once when there is. */
static void test_room(void **state)
{
	struct bench *bench = *state;

	out(bench, FCR, FIFO_8);
	receive(bench, "0123456789abcdef");
	in(bench, DATA);
	assert_int_equal(bench->accepts, 0); /* nobody asked */
	receive(bench, "g");
	assert_int_equal(serial_room(&bench->serial), 0);
	in(bench, DATA);
	in(bench, DATA);
	assert_int_equal(bench->accepts, 1);
	assert_int_equal(serial_room(&bench->serial), 2);
	receive(bench, "hi");
	assert_int_equal(serial_room(&bench->serial), 0);
	serial_reset(&bench->serial);
	assert_int_equal(bench->accepts, 2);
}

/* A saved chip goes on in another one: its bytes, its timer, its line. */
static void test_save_restore(void **state)
{
	struct bench *bench = *state, *other = calloc(1, sizeof(*other));
	uint8_t *saved = malloc(state_size(&serial_state_table));

	set_fastest(bench);
	out(bench, FCR, FIFO_14);
	out(bench, IER, 0x05);
	receive(bench, "ab");
	serial_receive_error(&bench->serial, 'c', SERIAL_PARITY_ERROR);
	state_save(&serial_state_table, &bench->serial.state, saved);

	clock_init(&other->clock, CLOCK_KIND_MANUAL);
	connect(other);
	state_restore(&serial_state_table, &other->serial.state, saved);
	serial_restored(&other->serial);
	assert_false(other->wire.level);
	clock_step(&other->clock, TIMEOUT_NS);
	assert_true(other->wire.level);
	assert_int_equal(in(other, IIR), 0xcc);

	state_save(&serial_state_table, &other->serial.state, saved);
	bench->wire = (struct chip_wire){ 0 };
	state_restore(&serial_state_table, &bench->serial.state, saved);
	serial_restored(&bench->serial);
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, DATA), 'a');
	assert_int_equal(in(bench, DATA), 'b');
	assert_int_equal(in(bench, LSR), 0xe5);
	assert_int_equal(in(bench, DATA), 'c');

	serial_destroy(&other->serial);
	clock_destroy(&other->clock);
	free(other);
	free(saved);
}

/* 8.3: the holding register stays full while the other side takes nothing; its interrupt comes after. */
static void test_slow_line(void **state)
{
	struct bench *bench = *state;

	out(bench, IER, 0x02);
	assert_int_equal(in(bench, IIR), 0x02);
	/* Room for one FIFO is what a driver may fill without looking again. */
	bench->line_room = SERIAL_FIFO;
	out(bench, DATA, 'a');
	assert_int_equal(in(bench, LSR), 0x60);
	assert_int_equal(in(bench, IIR), 0x02);
	bench->line_room = SERIAL_FIFO - 1;
	out(bench, DATA, 'b');
	assert_int_equal(bench->sent_n, 2);
	assert_int_equal(in(bench, LSR), 0x00);
	assert_false(bench->wire.level);
	assert_int_equal(in(bench, IIR), 0x01);
	/* Enabling the interrupt anew does not make it empty. */
	out(bench, IER, 0x00);
	out(bench, IER, 0x02);
	assert_false(bench->wire.level);
	serial_sent(&bench->serial);
	assert_int_equal(in(bench, LSR), 0x00);
	bench->line_room = SERIAL_FIFO;
	serial_sent(&bench->serial);
	assert_int_equal(in(bench, LSR), 0x60);
	assert_true(bench->wire.level);
	assert_int_equal(in(bench, IIR), 0x02);
	/* That it has room is no event for a transmitter that was empty. */
	serial_sent(&bench->serial);
	assert_int_equal(in(bench, IIR), 0x01);
}

/* In loopback the other side does not matter; a reset looks at it, and so does a restored chip. */
static void test_slow_line_and_others(void **state)
{
	struct bench *bench = *state;

	bench->line_room = 0;
	serial_reset(&bench->serial);
	assert_int_equal(in(bench, LSR), 0x00);
	out(bench, MCR, 0x10);
	out(bench, DATA, 'a');
	assert_int_equal(in(bench, LSR), 0x61);
	out(bench, MCR, 0x00);
	out(bench, DATA, 'b');
	assert_int_equal(in(bench, LSR), 0x01);
	bench->line_room = SERIAL_FIFO;
	serial_restored(&bench->serial);
	assert_int_equal(in(bench, LSR), 0x61);
}

static bool holds(struct bench *bench, enum serial_condition which)
{
	return atomic_load(&bench->serial.conditions[which].holds);
}

/* What is sent may wait only as long as no interrupt and no loopback tells of it; or it is no data. */
static void test_what_may_wait(void **state)
{
	static const struct {
		uint8_t enable, line, modem;
		bool data, divisor;
	} cases[] = {
		{ 0x00, 0x03, 0x0b, true, false },  { 0x0d, 0x03, 0x0b, true, false },
		{ 0x02, 0x03, 0x0b, false, false }, { 0x02, 0x83, 0x0b, true, true },
		{ 0x00, 0x03, 0x1b, false, false }, { 0x0f, 0x80, 0x10, true, true },
		{ 0x0f, 0x00, 0x10, false, false },
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *saved = malloc(state_size(&serial_state_table));

		out(bench, LCR, 0x03);
		out(bench, IER, cases[i].enable);
		out(bench, MCR, cases[i].modem);
		out(bench, LCR, cases[i].line);
		assert_int_equal(holds(bench, SERIAL_DATA_WAITS), cases[i].data);
		assert_int_equal(holds(bench, SERIAL_DIVISOR), cases[i].divisor);

		state_save(&serial_state_table, &bench->serial.state, saved);
		serial_reset(&bench->serial);
		assert_true(holds(bench, SERIAL_DATA_WAITS));
		assert_false(holds(bench, SERIAL_DIVISOR));
		state_restore(&serial_state_table, &bench->serial.state, saved);
		serial_restored(&bench->serial);
		assert_int_equal(holds(bench, SERIAL_DATA_WAITS), cases[i].data);
		assert_int_equal(holds(bench, SERIAL_DIVISOR), cases[i].divisor);
		free(saved);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_after_reset),
		TEST(test_divisor_latch),
		TEST(test_kept_bits),
		TEST(test_sends),
		TEST(test_transmit_interrupt),
		TEST(test_receive_without_fifo),
		TEST(test_trigger_levels),
		TEST(test_character_timeout),
		TEST(test_timeout_follows_rate),
		TEST(test_priorities),
		TEST(test_overrun),
		TEST(test_errors_in_fifo),
		TEST(test_loopback_data),
		TEST(test_loopback_modem),
		TEST(test_fifo_control),
		TEST(test_room),
		TEST(test_save_restore),
		TEST(test_slow_line),
		TEST(test_slow_line_and_others),
		TEST(test_what_may_wait),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
