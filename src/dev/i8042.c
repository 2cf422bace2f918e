// SPDX-License-Identifier: MIT
#include "dev/i8042.h"

#include "dev/irq_router.h"

/* Status register. */
#define STATUS_OUTPUT   0x01u /* a byte waits at I8042_DATA */
#define STATUS_SYSTEM   0x04u /* set by the self-test: not the first start */
#define STATUS_COMMAND  0x08u /* the last write was to I8042_COMMAND */
#define STATUS_UNLOCKED 0x10u /* the key of the case */
#define STATUS_TIMEOUT  0x40u /* the keyboard did not answer */

/* Command byte. */
#define MODE_KEYBOARD_INTERRUPT 0x01u
#define MODE_MOUSE_INTERRUPT    0x02u
#define MODE_SYSTEM             0x04u
#define MODE_KEYBOARD_OFF       0x10u
#define MODE_MOUSE_OFF          0x20u

/* Output port. */
#define PORT_NOT_RESET 0x01u
#define PORT_A20       0x02u
#define PORT_DEFAULT   0xcfu

enum command {
	READ_MODE = 0x20,
	WRITE_MODE = 0x60,
	MOUSE_OFF = 0xa7,
	MOUSE_ON = 0xa8,
	MOUSE_TEST = 0xa9,
	SELF_TEST = 0xaa,
	KEYBOARD_TEST = 0xab,
	KEYBOARD_OFF = 0xad,
	KEYBOARD_ON = 0xae,
	READ_INPUT_PORT = 0xc0,
	READ_OUTPUT_PORT = 0xd0,
	WRITE_OUTPUT_PORT = 0xd1,
	WRITE_OUTPUT = 0xd2, /* as if the keyboard had sent it */
	WRITE_MOUSE_OUTPUT = 0xd3,
	WRITE_MOUSE = 0xd4,
	A20_OFF = 0xdd,
	A20_ON = 0xdf,
	PULSE = 0xf0, /* and up: the low bits that are 0 are pulsed low */
};

#define SELF_TEST_PASSED 0x55
#define LINE_TEST_PASSED 0x00
#define INPUT_PORT       0x80 /* not locked */
#define NO_ANSWER        0xfe

static const struct state_field i8042_fields[] = {
	{ STATE_AT(struct i8042_state, status), .on_reset = STATE_CLEAR,
	  .value = STATUS_COMMAND | STATUS_UNLOCKED },
	{ STATE_AT(struct i8042_state, command_byte), .on_reset = STATE_CLEAR,
	  .value = MODE_KEYBOARD_INTERRUPT | MODE_MOUSE_INTERRUPT },
	{ STATE_AT(struct i8042_state, output_port), .on_reset = STATE_CLEAR,
	  .value = PORT_DEFAULT },
	{ STATE_AT(struct i8042_state, output), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, output_full), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, awaiting), .on_reset = STATE_CLEAR },
};

const struct state_table i8042_state_table = {
	.name = "i8042",
	.version = 1,
	.fields = i8042_fields,
	.fields_n = sizeof(i8042_fields) / sizeof(i8042_fields[0]),
};

static void i8042_update_irq(struct i8042 *i8042)
{
	const struct i8042_state *s = &i8042->state;
	bool level = s->output_full && s->command_byte & MODE_KEYBOARD_INTERRUPT &&
		     !(s->command_byte & MODE_KEYBOARD_OFF);

	if (level == i8042->level)
		return;
	i8042->level = level;
	irq_set(&i8042->options.irq, level);
}

/* The buffer holds one byte: what the guest has not read by then is lost. */
static void i8042_answer(struct i8042 *i8042, uint8_t byte)
{
	i8042->state.output = byte;
	i8042->state.output_full = true;
}

static void pull_reset(struct i8042 *i8042)
{
	if (i8042->options.reset)
		i8042->options.reset(i8042->options.arg);
}

static void set_output_port(struct i8042 *i8042, uint8_t value)
{
	i8042->state.output_port = value;
	if (!(value & PORT_NOT_RESET))
		pull_reset(i8042);
}

static uint64_t i8042_status_read(void *chip, uint64_t offset, unsigned width)
{
	struct i8042 *i8042 = chip;

	return i8042->state.status | (i8042->state.output_full ? STATUS_OUTPUT : 0);
}

static void command_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct i8042 *i8042 = chip;
	struct i8042_state *s = &i8042->state;

	s->status |= STATUS_COMMAND;
	s->awaiting = 0;
	switch (value) {
	case READ_MODE:
		i8042_answer(i8042, s->command_byte);
		break;
	case WRITE_MODE:
	case WRITE_OUTPUT_PORT:
	case WRITE_OUTPUT:
	case WRITE_MOUSE_OUTPUT:
	case WRITE_MOUSE:
		s->awaiting = (uint8_t)value;
		break;
	case MOUSE_OFF:
		s->command_byte |= MODE_MOUSE_OFF;
		break;
	case MOUSE_ON:
		s->command_byte &= (uint8_t)~MODE_MOUSE_OFF;
		break;
	case SELF_TEST:
		s->status |= STATUS_SYSTEM;
		i8042_answer(i8042, SELF_TEST_PASSED);
		break;
	case MOUSE_TEST:
	case KEYBOARD_TEST:
		i8042_answer(i8042, LINE_TEST_PASSED);
		break;
	case KEYBOARD_OFF:
		s->command_byte |= MODE_KEYBOARD_OFF;
		break;
	case KEYBOARD_ON:
		s->command_byte &= (uint8_t)~MODE_KEYBOARD_OFF;
		break;
	case READ_INPUT_PORT:
		i8042_answer(i8042, INPUT_PORT);
		break;
	case READ_OUTPUT_PORT:
		i8042_answer(i8042, s->output_port);
		break;
	case A20_OFF:
		s->output_port &= (uint8_t)~PORT_A20;
		break;
	case A20_ON:
		s->output_port |= PORT_A20;
		break;
	default:
		if (value >= PULSE && !(value & PORT_NOT_RESET))
			pull_reset(i8042);
		break;
	}
	i8042_update_irq(i8042);
}

static uint64_t i8042_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct i8042 *i8042 = chip;

	i8042->state.output_full = false;
	i8042->state.status &= (uint8_t)~STATUS_TIMEOUT;
	i8042_update_irq(i8042);
	return i8042->state.output; /* with nothing there: the last one once more */
}

static void i8042_data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct i8042 *i8042 = chip;
	struct i8042_state *s = &i8042->state;
	uint8_t byte = (uint8_t)value, command = s->awaiting;

	s->status &= (uint8_t)~STATUS_COMMAND;
	s->awaiting = 0;
	switch (command) {
	case WRITE_MODE:
		s->command_byte = byte;
		if (byte & MODE_SYSTEM)
			s->status |= STATUS_SYSTEM;
		else
			s->status &= (uint8_t)~STATUS_SYSTEM;
		break;
	case WRITE_OUTPUT_PORT:
		set_output_port(i8042, byte);
		break;
	case WRITE_OUTPUT:
	case WRITE_MOUSE_OUTPUT:
		i8042_answer(i8042, byte);
		break;
	default: /* to the keyboard, which this switches on, or to the mouse */
		if (!command)
			s->command_byte &= (uint8_t)~MODE_KEYBOARD_OFF;
		s->status |= STATUS_TIMEOUT;
		i8042_answer(i8042, NO_ANSWER);
		break;
	}
	i8042_update_irq(i8042);
}

static const struct mem_port data_ports[] = {
	{ .at = 0, .len = 1, .read = i8042_data_read, .write = i8042_data_write },
};

static const struct mem_port command_ports[] = {
	{ .at = 0, .len = 1, .read = i8042_status_read, .write = command_write },
};

void i8042_init(struct i8042 *i8042, const struct i8042_options *options)
{
	*i8042 =
		(struct i8042){ .device = i8042->device, .wire = i8042->wire, .options = *options };
	lock_init(&i8042->lock, LOCK_DEVICE, "i8042");
	mem_region_init_io(&i8042->data, "i8042-data", 0, data_ports, 1, i8042, &i8042->lock);
	mem_region_init_io(&i8042->command, "i8042-command", 0, command_ports, 1, i8042,
			   &i8042->lock);
	state_reset(&i8042_state_table, &i8042->state);
}

void i8042_destroy(struct i8042 *i8042)
{
	lock_destroy(&i8042->lock);
}

void i8042_reset(struct i8042 *i8042)
{
	lock_take(&i8042->lock);
	state_reset(&i8042_state_table, &i8042->state);
	i8042_update_irq(i8042);
	lock_drop(&i8042->lock);
}

void i8042_restored(struct i8042 *i8042)
{
	lock_take(&i8042->lock);
	i8042->level = !i8042->level; /* whatever the line was, it is driven anew */
	i8042_update_irq(i8042);
	lock_drop(&i8042->lock);
}

static int i8042_create(struct device *device, struct place *place, struct error *err)
{
	struct i8042 *i8042 = (struct i8042 *)device;
	struct i8042_options options = { .reset = place->ask.reset, .arg = place->ask.arg };

	options.irq = irq_router_connect(place->router, I8042_IRQ, &i8042->wire);
	i8042_init(i8042, &options);
	mem_region_add(place->ports, &i8042->data, I8042_DATA, 0);
	mem_region_add(place->ports, &i8042->command, I8042_COMMAND, 0);
	return 0;
}

static void i8042_pull(struct device *device)
{
	i8042_reset((struct i8042 *)device);
}

static void i8042_follow(struct device *device)
{
	i8042_restored((struct i8042 *)device);
}

static void i8042_end(struct device *device)
{
	i8042_destroy((struct i8042 *)device);
}

const struct device_type i8042_type = {
	.name = "i8042",
	.about = "the keyboard controller, with nothing plugged in",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_INPUT,
	.size = sizeof(struct i8042),
	.create = i8042_create,
	.reset = i8042_pull,
	.state = (const struct device_part[]){ DEVICE_PART(i8042_state_table, struct i8042, state),
					       { 0 } },
	.restored = i8042_follow,
	.destroy = i8042_end,
};
