// SPDX-License-Identifier: MIT
#include "dev/ps2/mouse.h"

#define ACK         0xfa
#define TEST_PASSED 0xaa
#define RESEND      0xfe

enum command {
	SCALE_1 = 0xe6,
	SCALE_2 = 0xe7,
	SET_RESOLUTION = 0xe8,
	STATUS = 0xe9,
	STREAM_MODE = 0xea,
	READ_DATA = 0xeb,
	WRAP_END = 0xec,
	WRAP = 0xee,
	REMOTE_MODE = 0xf0,
	IDENTIFY = 0xf2,
	SET_RATE = 0xf3,
	ENABLE = 0xf4,
	DISABLE = 0xf5,
	SET_DEFAULTS = 0xf6,
	SEND_AGAIN = 0xfe,
	RESET = 0xff,
};

#define RATE_DEFAULT       100
#define RESOLUTION_DEFAULT 2

/* First byte of a packet. */
#define PACKET_ALWAYS     0x08u
#define PACKET_RIGHT_SIGN 0x10u
#define PACKET_UP_SIGN    0x20u

/* Second byte of the status: the first one of a packet has its buttons elsewhere. */
#define STATUS_REMOTE  0x40u
#define STATUS_ENABLED 0x20u
#define STATUS_SCALING 0x10u

/* What is not told yet is bounded: a person who moves on while nobody reads gets no further. */
#define MOTION_MAX 0xffff
/* The wheel's part of a packet. */
#define WHEEL_MAX 7
#define STEP_MAX  255

static const struct state_field mouse_fields[] = {
	{ STATE_AT(struct ps2_mouse, kind), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, reporting), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, remote), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, wrap), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, scaling), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, resolution), .on_reset = STATE_CLEAR,
	  .value = RESOLUTION_DEFAULT },
	{ STATE_AT(struct ps2_mouse, rate), .on_reset = STATE_CLEAR, .value = RATE_DEFAULT },
	{ STATE_ARRAY_AT(struct ps2_mouse, rates), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, awaiting), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, last), .on_reset = STATE_CLEAR, .value = TEST_PASSED },
	{ STATE_AT(struct ps2_mouse, buttons), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, told_buttons), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, right), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, down), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ps2_mouse, wheel), .on_reset = STATE_CLEAR },
};

const struct state_table ps2_mouse_state = {
	.name = "ps2-mouse",
	.version = 1,
	.fields = mouse_fields,
	.fields_n = sizeof(mouse_fields) / sizeof(mouse_fields[0]),
};

void ps2_mouse_init(struct ps2_mouse *mouse)
{
	state_reset(&ps2_mouse_state, mouse);
	ps2_queue_clear(&mouse->queue);
}

/* The buttons that a person holds stay held. */
static void set_defaults(struct ps2_mouse *mouse)
{
	mouse->reporting = false;
	mouse->scaling = false;
	mouse->remote = false;
	mouse->resolution = RESOLUTION_DEFAULT;
	mouse->rate = RATE_DEFAULT;
	mouse->right = mouse->down = mouse->wheel = 0;
}

static int32_t clamp(int32_t value, int32_t most)
{
	return value > most ? most : value < -most ? -most : value;
}

/* Takes the part out of *left that one packet can tell. */
static int32_t take_step(int32_t *left, int32_t most)
{
	int32_t step = clamp(*left, most);

	*left -= step;
	return step;
}

/* 2:1 scaling: small steps as the data sheet's table has them, the others doubled. */
static int32_t scaled(int32_t step)
{
	static const uint8_t small[] = { 0, 1, 1, 3, 6, 9 };
	int32_t size = step < 0 ? -step : step, to;

	to = size < (int32_t)sizeof(small) ? small[size] : 2 * size;
	return clamp(step < 0 ? -to : to, STEP_MAX);
}

/* A packet of what was not told yet. Returns its length. */
static size_t packet(struct ps2_mouse *mouse, uint8_t bytes[static 4], bool scale)
{
	int32_t right = take_step(&mouse->right, STEP_MAX);
	int32_t up = -take_step(&mouse->down, STEP_MAX);
	uint8_t buttons = mouse->buttons;
	int32_t wheel;

	if (scale) {
		right = scaled(right);
		up = scaled(up);
	}
	mouse->told_buttons = buttons;
	bytes[0] = (uint8_t)(PACKET_ALWAYS | (buttons & 7u) | (right < 0 ? PACKET_RIGHT_SIGN : 0) |
			     (up < 0 ? PACKET_UP_SIGN : 0));
	bytes[1] = (uint8_t)right;
	bytes[2] = (uint8_t)up;
	if (mouse->kind == PS2_MOUSE_PLAIN) {
		mouse->wheel = 0;
		return 3;
	}
	wheel = take_step(&mouse->wheel, WHEEL_MAX);
	bytes[3] = (uint8_t)wheel;
	if (mouse->kind == PS2_MOUSE_EXPLORER)
		bytes[3] = (uint8_t)((wheel & 0x0f) | (buttons & (INPUT_SIDE | INPUT_EXTRA)) << 1);
	return 4;
}

static bool has_news(const struct ps2_mouse *mouse)
{
	return mouse->right || mouse->down || (mouse->wheel && mouse->kind != PS2_MOUSE_PLAIN) ||
	       mouse->buttons != mouse->told_buttons;
}

/* Tells what there is room for. */
static void tell(struct ps2_mouse *mouse)
{
	if (!mouse->reporting || mouse->remote || mouse->wrap)
		return;
	while (has_news(mouse) && ps2_queue_room(&mouse->queue) >= 4) {
		uint8_t bytes[4];
		size_t n = packet(mouse, bytes, mouse->scaling);

		ps2_queue_put(&mouse->queue, bytes, n);
	}
}

/* Sampling rates 200, 100, 80 and 200, 200, 80, one after the other, ask for the extensions. */
static void set_rate(struct ps2_mouse *mouse, uint8_t rate)
{
	if (rate == 80 && mouse->rates[1] == 200) {
		if (mouse->rates[0] == 100)
			mouse->kind = PS2_MOUSE_WHEEL;
		else if (mouse->rates[0] == 200)
			mouse->kind = PS2_MOUSE_EXPLORER;
	}
	mouse->rates[1] = mouse->rates[0];
	mouse->rates[0] = rate;
	mouse->rate = rate;
}

static void tell_status(struct ps2_mouse *mouse)
{
	uint8_t buttons = mouse->buttons;

	ps2_queue_reply(
		&mouse->queue,
		(uint8_t)((mouse->remote ? STATUS_REMOTE : 0) |
			  (mouse->reporting ? STATUS_ENABLED : 0) |
			  (mouse->scaling ? STATUS_SCALING : 0) | (buttons & INPUT_LEFT ? 4 : 0) |
			  (buttons & INPUT_MIDDLE ? 2 : 0) | (buttons & INPUT_RIGHT ? 1 : 0)));
	ps2_queue_reply(&mouse->queue, mouse->resolution);
	ps2_queue_reply(&mouse->queue, mouse->rate);
}

/* What was asked for goes behind the acknowledgement, into the place of packets: it may be one byte too long for an answer. */
static void tell_data(struct ps2_mouse *mouse)
{
	uint8_t bytes[4];
	size_t n;

	ps2_queue_clear(&mouse->queue);
	ps2_queue_reply(&mouse->queue, ACK);
	n = packet(mouse, bytes, false);
	ps2_queue_put(&mouse->queue, bytes, n);
}

static void command(struct ps2_mouse *mouse, uint8_t byte)
{
	struct ps2_queue *queue = &mouse->queue;

	switch (byte) {
	case SEND_AGAIN:
		ps2_queue_reply(queue, mouse->last);
		return;
	case READ_DATA:
		tell_data(mouse);
		return;
	case SCALE_1:
	case SCALE_2:
		mouse->scaling = byte == SCALE_2;
		break;
	case SET_RESOLUTION:
	case SET_RATE:
		mouse->awaiting = byte;
		break;
	case STREAM_MODE:
	case REMOTE_MODE:
		mouse->remote = byte == REMOTE_MODE;
		break;
	case WRAP:
	case WRAP_END:
		mouse->wrap = byte == WRAP;
		break;
	case ENABLE:
	case DISABLE:
		mouse->reporting = byte == ENABLE;
		break;
	case SET_DEFAULTS:
	case RESET:
		set_defaults(mouse);
		ps2_queue_clear(queue);
		break;
	case STATUS:
	case IDENTIFY:
		break;
	default:
		ps2_queue_reply(queue, RESEND);
		return;
	}
	ps2_queue_reply(queue, ACK);
	if (byte == STATUS) {
		tell_status(mouse);
	} else if (byte == IDENTIFY) {
		ps2_queue_reply(queue, mouse->kind);
	} else if (byte == RESET) {
		mouse->kind = PS2_MOUSE_PLAIN;
		ps2_queue_reply(queue, TEST_PASSED);
		ps2_queue_reply(queue, PS2_MOUSE_PLAIN);
	}
}

void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t byte)
{
	uint8_t awaiting = mouse->awaiting;

	ps2_queue_begin_reply(&mouse->queue);
	mouse->awaiting = 0;
	if (mouse->wrap && byte != WRAP_END && byte != RESET) {
		ps2_queue_reply(&mouse->queue, byte);
		return;
	}
	if (byte == RESET)
		mouse->wrap = false;
	if (awaiting == SET_RATE) {
		set_rate(mouse, byte);
		ps2_queue_reply(&mouse->queue, ACK);
	} else if (awaiting == SET_RESOLUTION) {
		mouse->resolution = byte & 3;
		ps2_queue_reply(&mouse->queue, ACK);
	} else {
		command(mouse, byte);
	}
}

void ps2_mouse_motion(struct ps2_mouse *mouse, const struct input_motion *motion)
{
	mouse->buttons = (uint8_t)motion->buttons & 0x1f;
	mouse->right = clamp(mouse->right + clamp(motion->right, MOTION_MAX), MOTION_MAX);
	mouse->down = clamp(mouse->down + clamp(motion->down, MOTION_MAX), MOTION_MAX);
	mouse->wheel = clamp(mouse->wheel + clamp(motion->wheel, MOTION_MAX), MOTION_MAX);
	tell(mouse);
}

bool ps2_mouse_take(struct ps2_mouse *mouse, uint8_t *byte)
{
	if (!ps2_queue_take(&mouse->queue, byte))
		return false;
	mouse->last = *byte;
	tell(mouse);
	return true;
}

void ps2_mouse_restored(struct ps2_mouse *mouse)
{
	ps2_queue_restored(&mouse->queue);
	if (mouse->kind != PS2_MOUSE_WHEEL && mouse->kind != PS2_MOUSE_EXPLORER)
		mouse->kind = PS2_MOUSE_PLAIN;
	mouse->right = clamp(mouse->right, MOTION_MAX);
	mouse->down = clamp(mouse->down, MOTION_MAX);
	mouse->wheel = clamp(mouse->wheel, MOTION_MAX);
}
