// SPDX-License-Identifier: MIT
#include "dev/ps2/i8042.h"

#include "dev/irq_router.h"

/* Status register. */
#define STATUS_OUTPUT   0x01u /* a byte waits at I8042_DATA */
#define STATUS_SYSTEM   0x04u /* set by the self-test: not the first start */
#define STATUS_COMMAND  0x08u /* the last write was to I8042_COMMAND */
#define STATUS_UNLOCKED 0x10u /* the key of the case */
#define STATUS_MOUSE    0x20u /* the byte that waits is the mouse's */

/* Command byte. */
#define MODE_KEYBOARD_INTERRUPT 0x01u
#define MODE_MOUSE_INTERRUPT    0x02u
#define MODE_SYSTEM             0x04u
#define MODE_KEYBOARD_OFF       0x10u
#define MODE_MOUSE_OFF          0x20u
#define MODE_TRANSLATE          0x40u

/* Output port. */
#define PORT_NOT_RESET 0x01u
#define PORT_A20       0x02u
#define PORT_DEFAULT   0xcfu

#define RELEASE 0xf0u /* the keyboard's, before the code of a key that goes up */

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

static const struct state_field i8042_fields[] = {
	{ STATE_AT(struct i8042_state, status), .on_reset = STATE_CLEAR,
	  .value = STATUS_COMMAND | STATUS_UNLOCKED },
	{ STATE_AT(struct i8042_state, command_byte), .on_reset = STATE_CLEAR,
	  .value = MODE_KEYBOARD_INTERRUPT | MODE_MOUSE_INTERRUPT },
	{ STATE_AT(struct i8042_state, output_port), .on_reset = STATE_CLEAR,
	  .value = PORT_DEFAULT },
	{ STATE_AT(struct i8042_state, output), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, output_full), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, output_from), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, answer), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, answer_full), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, answer_from), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, releasing), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8042_state, awaiting), .on_reset = STATE_CLEAR },
};

const struct state_table i8042_state_table = {
	.name = "i8042",
	.version = 1,
	.fields = i8042_fields,
	.fields_n = sizeof(i8042_fields) / sizeof(i8042_fields[0]),
};

static void drive(const struct irq_line *irq, bool *is, bool level)
{
	if (level == *is)
		return;
	*is = level;
	irq_set(irq, level);
}

static void i8042_update_irq(struct i8042 *i8042)
{
	const struct i8042_state *s = &i8042->state;
	bool mouse = s->output_from == I8042_FROM_MOUSE;

	drive(&i8042->options.irq, &i8042->level,
	      s->output_full && !mouse && s->command_byte & MODE_KEYBOARD_INTERRUPT &&
		      !(s->command_byte & MODE_KEYBOARD_OFF));
	drive(&i8042->options.aux_irq, &i8042->aux_level,
	      s->output_full && mouse && s->command_byte & MODE_MOUSE_INTERRUPT);
}

/* The next byte of the keyboard as the guest gets it. */
static bool take_key(struct i8042 *i8042, uint8_t *byte)
{
	struct i8042_state *s = &i8042->state;

	while (ps2_keyboard_take(&i8042->keyboard, byte)) {
		if (!(s->command_byte & MODE_TRANSLATE))
			return true;
		if (*byte == RELEASE) {
			s->releasing = 0x80;
			continue;
		}
		*byte = ps2_translate(*byte) | s->releasing;
		s->releasing = 0;
		return true;
	}
	return false;
}

/* Takes the byte that comes next to where the guest reads it, if the one before is gone. */
static void i8042_advance(struct i8042 *i8042)
{
	struct i8042_state *s = &i8042->state;
	uint8_t byte;

	if (s->output_full) {
		i8042_update_irq(i8042);
		return;
	}
	/* Low in between, so that every byte is an edge. */
	i8042_update_irq(i8042);
	if (s->answer_full) {
		byte = s->answer;
		s->output_from = s->answer_from;
		s->answer_full = false;
	} else if (!(s->command_byte & MODE_KEYBOARD_OFF) && take_key(i8042, &byte)) {
		s->output_from = I8042_FROM_KEYBOARD;
	} else if (!(s->command_byte & MODE_MOUSE_OFF) && ps2_mouse_take(&i8042->mouse, &byte)) {
		s->output_from = I8042_FROM_MOUSE;
	} else {
		return;
	}
	s->output = byte;
	s->output_full = true;
	i8042_update_irq(i8042);
}

/* The controller has one byte to say: what it said before and nobody took is gone. */
static void i8042_answer(struct i8042 *i8042, enum i8042_from from, uint8_t byte)
{
	i8042->state.answer = byte;
	i8042->state.answer_from = (uint8_t)from;
	i8042->state.answer_full = true;
}

static void i8042_say(struct i8042 *i8042, uint8_t byte)
{
	i8042_answer(i8042, I8042_FROM_CONTROLLER, byte);
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

	return i8042->state.status | (i8042->state.output_full ? STATUS_OUTPUT : 0) |
	       (i8042->state.output_full && i8042->state.output_from == I8042_FROM_MOUSE
			? STATUS_MOUSE
			: 0);
}

static void command_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct i8042 *i8042 = chip;
	struct i8042_state *s = &i8042->state;

	s->status |= STATUS_COMMAND;
	s->awaiting = 0;
	switch (value) {
	case READ_MODE:
		i8042_say(i8042, s->command_byte);
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
		i8042_say(i8042, SELF_TEST_PASSED);
		break;
	case MOUSE_TEST:
	case KEYBOARD_TEST:
		i8042_say(i8042, LINE_TEST_PASSED);
		break;
	case KEYBOARD_OFF:
		s->command_byte |= MODE_KEYBOARD_OFF;
		break;
	case KEYBOARD_ON:
		s->command_byte &= (uint8_t)~MODE_KEYBOARD_OFF;
		break;
	case READ_INPUT_PORT:
		i8042_say(i8042, INPUT_PORT);
		break;
	case READ_OUTPUT_PORT:
		i8042_say(i8042, s->output_port);
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
	i8042_advance(i8042);
}

static uint64_t i8042_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct i8042 *i8042 = chip;
	uint8_t byte = i8042->state.output; /* with nothing there: the last one once more */

	i8042->state.output_full = false;
	i8042_advance(i8042);
	return byte;
}

static void i8042_show_lights(struct i8042 *i8042)
{
	if (i8042->options.input)
		atomic_store_explicit(&i8042->options.input->lights, i8042->keyboard.lights,
				      memory_order_relaxed);
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
		i8042_answer(i8042, I8042_FROM_KEYBOARD, byte);
		break;
	case WRITE_MOUSE_OUTPUT:
		i8042_answer(i8042, I8042_FROM_MOUSE, byte);
		break;
	case WRITE_MOUSE: /* which this switches on, as does writing to the keyboard */
		s->command_byte &= (uint8_t)~MODE_MOUSE_OFF;
		ps2_mouse_write(&i8042->mouse, byte);
		break;
	default:
		s->command_byte &= (uint8_t)~MODE_KEYBOARD_OFF;
		ps2_keyboard_write(&i8042->keyboard, byte);
		i8042_show_lights(i8042);
		break;
	}
	i8042_advance(i8042);
}

static const struct mem_port data_ports[] = {
	{ .at = 0, .len = 1, .read = i8042_data_read, .write = i8042_data_write, .name = "data" },
};

static const struct mem_port command_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = i8042_status_read,
	  .write = command_write,
	  .name = "status/command" },
};

/* What a person does. */

static void i8042_key(void *arg, enum ps2_key key, bool down)
{
	struct i8042 *i8042 = arg;

	lock_take(&i8042->lock);
	ps2_keyboard_key(&i8042->keyboard, key, down);
	i8042_advance(i8042);
	lock_drop(&i8042->lock);
}

static void i8042_motion(void *arg, const struct input_motion *motion)
{
	struct i8042 *i8042 = arg;

	lock_take(&i8042->lock);
	ps2_mouse_motion(&i8042->mouse, motion);
	i8042_advance(i8042);
	lock_drop(&i8042->lock);
}

void i8042_init(struct i8042 *i8042, const struct i8042_options *options)
{
	*i8042 = (struct i8042){ .device = i8042->device,
				 .wire = i8042->wire,
				 .aux_wire = i8042->aux_wire,
				 .options = *options };
	lock_init(&i8042->lock, LOCK_DEVICE, "i8042");
	mem_region_init_io(&i8042->data, "i8042", 0, data_ports, 1, i8042, &i8042->lock);
	mem_region_init_io(&i8042->command, "i8042", 0, command_ports, 1, i8042, &i8042->lock);
	state_reset(&i8042_state_table, &i8042->state);
	ps2_keyboard_init(&i8042->keyboard);
	ps2_mouse_init(&i8042->mouse);
	if (!options->input)
		return;
	options->input->key = i8042_key;
	options->input->motion = i8042_motion;
	options->input->arg = i8042;
}

void i8042_destroy(struct i8042 *i8042)
{
	if (i8042->options.input)
		*i8042->options.input = (struct input){ 0 };
	lock_destroy(&i8042->lock);
}

/* The reset line of the PC reaches the controller; keyboard and mouse it finds as at power-on. */
void i8042_reset(struct i8042 *i8042)
{
	lock_take(&i8042->lock);
	state_reset(&i8042_state_table, &i8042->state);
	ps2_keyboard_init(&i8042->keyboard);
	ps2_mouse_init(&i8042->mouse);
	i8042_show_lights(i8042);
	i8042_update_irq(i8042);
	lock_drop(&i8042->lock);
}

/* What came from who knows where is a state that could be. */
static void make_sound(struct i8042_state *s)
{
	s->status &= (uint8_t) ~(STATUS_OUTPUT | STATUS_MOUSE);
	if (s->output_from > I8042_FROM_MOUSE)
		s->output_from = I8042_FROM_CONTROLLER;
	if (s->answer_from > I8042_FROM_MOUSE)
		s->answer_from = I8042_FROM_CONTROLLER;
}

void i8042_restored(struct i8042 *i8042)
{
	lock_take(&i8042->lock);
	make_sound(&i8042->state);
	ps2_keyboard_restored(&i8042->keyboard);
	ps2_mouse_restored(&i8042->mouse);
	i8042_show_lights(i8042);
	/* Whatever the lines were, they are driven anew. */
	i8042->level = i8042->aux_level = false;
	irq_set(&i8042->options.irq, false);
	irq_set(&i8042->options.aux_irq, false);
	i8042_advance(i8042);
	lock_drop(&i8042->lock);
}

static int i8042_create(struct device *device, struct place *place, struct error *err)
{
	struct i8042 *i8042 = (struct i8042 *)device;
	struct i8042_options options = { .reset = place->ask.reset, .arg = place->ask.arg };

	options.irq = irq_router_connect(place->router, I8042_IRQ, &i8042->wire);
	options.aux_irq = irq_router_connect(place->router, I8042_AUX_IRQ, &i8042->aux_wire);
	options.input = place->input;
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
	.about = "the keyboard controller with a keyboard and a mouse",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_INPUT,
	.size = sizeof(struct i8042),
	.create = i8042_create,
	.reset = i8042_pull,
	.state =
		(const struct device_part[]){
			DEVICE_PART(i8042_state_table, struct i8042, state),
			DEVICE_PART(ps2_keyboard_state, struct i8042, keyboard),
			DEVICE_PART(ps2_queue_state, struct i8042, keyboard.queue),
			DEVICE_PART(ps2_mouse_state, struct i8042, mouse),
			DEVICE_PART(ps2_queue_state, struct i8042, mouse.queue),
			{ 0 },
		},
	.restored = i8042_follow,
	.destroy = i8042_end,
};
