// SPDX-License-Identifier: MIT
#include "dev/i8237.h"

#include <assert.h>
#include <string.h>

#include "dev/layer.h"

#define PORTS 16 /* registers of a controller */

/* Mode register. */
#define MODE_TRANSFER(mode) ((mode) >> 2 & 3u)
#define MODE_AUTO           0x10u
#define MODE_DOWN           0x20u
#define MODE_CASCADE        0xc0u

#define COMMAND_DISABLE 0x04u

#define HIGH_PAGE_BITS 0x7fu

/* Registers from 8 on. */
enum i8237_register {
	STATUS_COMMAND = 8,
	REQUEST,
	MASK_ONE,
	MODE,
	CLEAR_FLIP_FLOP,
	MASTER_CLEAR,
	CLEAR_MASK,
	MASK_ALL,
};

/* The place of a channel's page register from 0x80 on; channel 4 has what is there for refresh. */
static const uint8_t page_of[I8237_CHANNELS] = { 7, 3, 1, 2, 15, 11, 9, 10 };

static const struct state_field i8237_fields[] = {
	{ STATE_ARRAY_AT(struct i8237_state, base_address), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, base_count), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, address), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, count), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, mode), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, page), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, high_page), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, command), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct i8237_state, flip_flop), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8237_state, mask), .on_reset = STATE_CLEAR, .value = 0xff },
	{ STATE_AT(struct i8237_state, reached), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8237_state, asked), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct i8237_state, wanted), .on_reset = STATE_CLEAR },
};

const struct state_table i8237_state_table = {
	.name = "i8237",
	.version = 1,
	.fields = i8237_fields,
	.fields_n = sizeof(i8237_fields) / sizeof(i8237_fields[0]),
};

/* Channels */

static bool is_wide(unsigned channel)
{
	return channel >= 4;
}

/* Whether the channel would move something for a device that goes in this direction. */
static bool lets(const struct i8237_state *s, unsigned channel, enum i8237_direction direction)
{
	uint8_t mode = s->mode[channel];

	if (s->mask >> channel & 1 || s->command[channel / 4] & COMMAND_DISABLE ||
	    (mode & MODE_CASCADE) == MODE_CASCADE)
		return false;
	return MODE_TRANSFER(mode) == I8237_VERIFY || direction == I8237_VERIFY ||
	       MODE_TRANSFER(mode) == (unsigned)direction;
}

/* Bits 16 and up do not count: an address that runs over begins anew in its 64 KiB, or 128. */
static uint64_t address_of(const struct i8237_state *s, unsigned channel)
{
	unsigned place = page_of[channel];
	uint64_t high = (uint64_t)(s->high_page[place] & HIGH_PAGE_BITS) << 24;

	if (is_wide(channel))
		return high | (uint64_t)(s->page[place] & 0xfe) << 16 |
		       (uint64_t)s->address[channel] << 1;
	return high | (uint64_t)s->page[place] << 16 | s->address[channel];
}

/* Units that lie side by side in memory from the current address on, in the order they are moved. */
static uint32_t run_length(const struct i8237_state *s, unsigned channel, uint32_t units)
{
	uint32_t until_wrap = 0x10000 - s->address[channel];

	if (s->mode[channel] & MODE_DOWN)
		return 1;
	return units < until_wrap ? units : until_wrap;
}

static void copy(const struct mem_view *view, enum i8237_direction direction, uint64_t addr,
		 uint8_t *buffer, uint64_t len)
{
	while (len) {
		uint64_t part = len;
		uint8_t *host = mem_view_map(view, addr, &part, direction == I8237_WRITE);

		if (!host) {
			part = 1;
			if (direction == I8237_READ)
				*buffer = 0xff;
		} else if (direction == I8237_READ) {
			memcpy(buffer, host, part);
		} else {
			memcpy(host, buffer, part);
			mem_view_wrote(view, addr, part);
		}
		addr += part;
		buffer += part;
		len -= part;
	}
}

static void note_waiting(struct i8237 *dma)
{
	mem_condition_set(&dma->conditions[I8237_NOBODY_WAITS], !dma->state.wanted);
}

/* Terminal count (8237A, "Transfer Types" and "Autoinitialize"). */
static void end_channel(struct i8237_state *s, unsigned channel)
{
	s->reached |= (uint8_t)(1u << channel);
	s->asked &= (uint8_t) ~(1u << channel);
	if (s->mode[channel] & MODE_AUTO) {
		s->address[channel] = s->base_address[channel];
		s->count[channel] = s->base_count[channel];
	} else {
		s->mask |= (uint8_t)(1u << channel);
	}
}

static struct i8237_moved move(struct i8237 *dma, unsigned channel, enum i8237_direction direction,
			       uint8_t *buffer, size_t len)
{
	struct i8237_state *s = &dma->state;
	struct mem_view *view = mem_map_view(dma->map, MEM_SPACE_MEMORY);
	bool moves = direction != I8237_VERIFY && MODE_TRANSFER(s->mode[channel]) != I8237_VERIFY;
	unsigned shift = is_wide(channel);
	uint32_t left = s->count[channel] + 1u;
	uint32_t units = len >> shift < left ? (uint32_t)(len >> shift) : left;
	struct i8237_moved moved = { .len = (size_t)units << shift, .ended = units == left };

	/* Who checks and is not given anything sees ones. */
	if (!moves && direction == I8237_READ)
		memset(buffer, 0xff, moved.len);
	while (units) {
		uint32_t run = run_length(s, channel, units);

		if (moves)
			copy(view, direction, address_of(s, channel), buffer, run << shift);
		buffer += (size_t)run << shift;
		if (s->mode[channel] & MODE_DOWN)
			s->address[channel]--;
		else
			s->address[channel] = (uint16_t)(s->address[channel] + run);
		s->count[channel] = (uint16_t)(s->count[channel] - run);
		units -= run;
	}
	if (moved.ended)
		end_channel(s, channel);
	mem_view_unref(view);
	return moved;
}

struct i8237_moved i8237_transfer(struct i8237 *dma, unsigned channel,
				  enum i8237_direction direction, uint8_t *buffer, size_t len)
{
	struct i8237_moved moved = { 0 };

	assert(channel < I8237_CHANNELS);
	lock_take(&dma->lock);
	if (lets(&dma->state, channel, direction)) {
		moved = move(dma, channel, direction, buffer, len);
		dma->state.wanted &= (uint8_t) ~(1u << channel);
	} else {
		dma->state.wanted |= (uint8_t)(1u << channel);
	}
	note_waiting(dma);
	lock_drop(&dma->lock);
	return moved;
}

size_t i8237_left(struct i8237 *dma, unsigned channel)
{
	size_t left;

	lock_take(&dma->lock);
	left = (dma->state.count[channel] + (size_t)1) << is_wide(channel);
	lock_drop(&dma->lock);
	return left;
}

void i8237_withdraw(struct i8237 *dma, unsigned channel)
{
	lock_take(&dma->lock);
	dma->state.wanted &= (uint8_t) ~(1u << channel);
	note_waiting(dma);
	lock_drop(&dma->lock);
}

/* Something that held devices back has changed: each that waits may try again. */
static void let_try(struct i8237 *dma, unsigned controller)
{
	for (unsigned channel = 4 * controller; channel < 4 * controller + 4; channel++) {
		if (dma->state.wanted >> channel & 1 && !(dma->state.mask >> channel & 1) &&
		    dma->users[channel].ready)
			dma->users[channel].ready(dma->users[channel].arg);
	}
}

void i8237_connect(struct i8237 *dma, unsigned channel, void (*ready)(void *arg), void *arg)
{
	assert(channel < I8237_CHANNELS);
	lock_take(&dma->lock);
	dma->users[channel].ready = ready;
	dma->users[channel].arg = arg;
	lock_drop(&dma->lock);
}

/* Registers */

/* Two handlers for each: the second controller's registers are two ports apart. */
struct place_in_chip {
	unsigned controller, number;
};

static struct place_in_chip find_register(uint64_t offset, unsigned controller)
{
	return (struct place_in_chip){ controller, (unsigned)(offset >> controller) % PORTS };
}

static uint8_t bits_of(uint8_t all, unsigned controller)
{
	return all >> (4 * controller) & 0xf;
}

static void set_bits(uint8_t *all, unsigned controller, uint64_t bits)
{
	uint8_t mask = (uint8_t)(0xfu << 4 * controller);

	*all = (uint8_t)((*all & ~mask) | (bits << 4 * controller & mask));
}

/* The half of a word that comes next. */
static unsigned next_shift(struct i8237_state *s, unsigned controller)
{
	unsigned shift = s->flip_flop[controller] ? 8 : 0;

	s->flip_flop[controller] = !s->flip_flop[controller];
	return shift;
}

static uint8_t channel_read(struct i8237 *dma, struct place_in_chip at)
{
	struct i8237_state *s = &dma->state;
	unsigned channel = 4 * at.controller + at.number / 2;
	uint16_t word = at.number & 1 ? s->count[channel] : s->address[channel];

	return (uint8_t)(word >> next_shift(s, at.controller));
}

/* Base and current registers are loaded together, byte by byte. */
static void channel_write(struct i8237 *dma, struct place_in_chip at, uint8_t value)
{
	struct i8237_state *s = &dma->state;
	unsigned channel = 4 * at.controller + at.number / 2;
	uint16_t *base = at.number & 1 ? &s->base_count[channel] : &s->base_address[channel];
	uint16_t *current = at.number & 1 ? &s->count[channel] : &s->address[channel];
	unsigned shift = next_shift(s, at.controller);
	uint16_t keep = (uint16_t)(0xff00u >> shift), set = (uint16_t)(value << shift);

	*base = (*base & keep) | set;
	*current = (*current & keep) | set;
}

static uint8_t control_read(struct i8237 *dma, struct place_in_chip at)
{
	struct i8237_state *s = &dma->state;
	uint8_t value;

	switch (at.number) {
	case STATUS_COMMAND:
		value = (uint8_t)(bits_of(s->asked | s->wanted, at.controller) << 4 |
				  bits_of(s->reached, at.controller));
		set_bits(&s->reached, at.controller, 0);
		return value;
	case MASK_ALL:
		return bits_of(s->mask, at.controller);
	default:
		return 0;
	}
}

static void master_clear(struct i8237_state *s, unsigned controller)
{
	s->command[controller] = 0;
	s->flip_flop[controller] = 0;
	set_bits(&s->reached, controller, 0);
	set_bits(&s->asked, controller, 0);
	set_bits(&s->mask, controller, 0xf);
}

static void set_one(uint8_t *all, unsigned controller, uint8_t value)
{
	uint8_t bit = (uint8_t)(1u << (4 * controller + (value & 3)));

	*all = value & 4 ? *all | bit : *all & (uint8_t)~bit;
}

static void control_write(struct i8237 *dma, struct place_in_chip at, uint8_t value)
{
	struct i8237_state *s = &dma->state;

	switch (at.number) {
	case STATUS_COMMAND:
		s->command[at.controller] = value;
		break;
	case REQUEST:
		set_one(&s->asked, at.controller, value);
		break;
	case MASK_ONE:
		set_one(&s->mask, at.controller, value);
		break;
	case MODE:
		s->mode[4 * at.controller + (value & 3)] = value & (uint8_t)~3u;
		break;
	case CLEAR_FLIP_FLOP:
		s->flip_flop[at.controller] = 0;
		break;
	case MASTER_CLEAR:
		master_clear(s, at.controller);
		break;
	case CLEAR_MASK:
		set_bits(&s->mask, at.controller, 0);
		break;
	default:
		set_bits(&s->mask, at.controller, value);
		break;
	}
	let_try(dma, at.controller);
}

static uint64_t read_register(struct i8237 *dma, struct place_in_chip at)
{
	return at.number < STATUS_COMMAND ? channel_read(dma, at) : control_read(dma, at);
}

static void write_register(struct i8237 *dma, struct place_in_chip at, uint64_t value)
{
	if (at.number < STATUS_COMMAND)
		channel_write(dma, at, (uint8_t)value);
	else
		control_write(dma, at, (uint8_t)value);
}

static uint64_t first_read(void *chip, uint64_t offset, unsigned width)
{
	return read_register(chip, find_register(offset, 0));
}

static void first_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	write_register(chip, find_register(offset, 0), value);
}

static uint64_t second_read(void *chip, uint64_t offset, unsigned width)
{
	return read_register(chip, find_register(offset, 1));
}

static void second_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	write_register(chip, find_register(offset, 1), value);
}

static uint64_t page_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct i8237 *)chip)->state.page[offset + 1];
}

static void page_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct i8237 *)chip)->state.page[offset + 1] = (uint8_t)value;
}

static uint64_t high_page_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct i8237 *)chip)->state.high_page[offset + 1];
}

static void high_page_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct i8237 *)chip)->state.high_page[offset + 1] = (uint8_t)value;
}

static const char i8237_latches[] = "only says where and how much the next transfer moves";
static const char i8237_gates[] = "lets or holds back devices, none of which waits";

/* size: ports that a register has. */
#define CONTROLLER(read_it, write_it, size)                                                        \
	{                                                                                          \
		{ .at = 0,                                                                         \
		  .len = 8 * (size),                                                               \
		  .read = (read_it),                                                               \
		  .write = (write_it),                                                             \
		  .wait = MEM_LATCH,                                                               \
		  .why = i8237_latches,                                                            \
		  .name = "address/count" },                                                       \
			{ .at = STATUS_COMMAND * (size),                                           \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .when = MEM_WHEN(I8237_NOBODY_WAITS),                                    \
			  .why = i8237_gates,                                                      \
			  .name = "status/command" },                                              \
			{ .at = REQUEST * (size),                                                  \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .why = "a request by software is only shown",                            \
			  .name = "request" },                                                     \
			{ .at = MASK_ONE * (size),                                                 \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .when = MEM_WHEN(I8237_NOBODY_WAITS),                                    \
			  .why = i8237_gates,                                                      \
			  .name = "mask" },                                                        \
			{ .at = MODE * (size),                                                     \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .when = MEM_WHEN(I8237_NOBODY_WAITS),                                    \
			  .why = i8237_gates,                                                      \
			  .name = "mode" },                                                        \
			{ .at = CLEAR_FLIP_FLOP * (size),                                          \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .why = i8237_latches,                                                    \
			  .name = "clear flip-flop" },                                             \
			{ .at = MASTER_CLEAR * (size),                                             \
			  .len = (size),                                                           \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .why = "holds all devices back",                                         \
			  .name = "master clear" },                                                \
			{ .at = CLEAR_MASK * (size),                                               \
			  .len = 2 * (size),                                                       \
			  .read = (read_it),                                                       \
			  .write = (write_it),                                                     \
			  .wait = MEM_LATCH,                                                       \
			  .when = MEM_WHEN(I8237_NOBODY_WAITS),                                    \
			  .why = i8237_gates,                                                      \
			  .name = "mask of all" },                                                 \
	}

static const struct mem_port first_ports[] = CONTROLLER(first_read, first_write, 1);
static const struct mem_port second_ports[] = CONTROLLER(second_read, second_write, 2);

static const struct mem_port page_ports[] = {
	{ .at = 0,
	  .len = I8237_PAGES - 1,
	  .read = page_read,
	  .write = page_write,
	  .wait = MEM_LATCH,
	  .why = i8237_latches,
	  .name = "page" },
};

static const struct mem_port high_page_ports[] = {
	{ .at = 0,
	  .len = I8237_PAGES - 1,
	  .read = high_page_read,
	  .write = high_page_write,
	  .wait = MEM_LATCH,
	  .why = i8237_latches,
	  .name = "high page" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void i8237_init(struct i8237 *dma, struct mem_map *map)
{
	*dma = (struct i8237){ .device = dma->device, .map = map };
	lock_init_layer(&dma->lock, LOCK_DEVICE, DEV_LAYER_DMA, "i8237");
	mem_region_init_io(&dma->ports[0], "dma1", PORTS - 1, first_ports, COUNT(first_ports), dma,
			   &dma->lock);
	mem_region_init_io(&dma->ports[1], "dma2", 2 * PORTS - 1, second_ports, COUNT(second_ports),
			   dma, &dma->lock);
	mem_region_init_io(&dma->pages, "dma pages", I8237_PAGES - 2, page_ports, 1, dma,
			   &dma->lock);
	mem_region_init_io(&dma->high_pages, "dma high pages", I8237_PAGES - 2, high_page_ports, 1,
			   dma, &dma->lock);
	mem_condition_init(&dma->conditions[I8237_NOBODY_WAITS], "no device waits for a channel",
			   true);
	for (unsigned i = 0; i < 2; i++) {
		dma->ports[i].conditions = dma->conditions;
		dma->ports[i].conditions_n = I8237_CONDITIONS;
	}
	state_reset(&i8237_state_table, &dma->state);
}

void i8237_destroy(struct i8237 *dma)
{
	lock_destroy(&dma->lock);
}

void i8237_reset(struct i8237 *dma)
{
	lock_take(&dma->lock);
	state_reset(&i8237_state_table, &dma->state);
	note_waiting(dma);
	lock_drop(&dma->lock);
}

/* The device */

static int i8237_create(struct device *device, struct place *place, struct error *err)
{
	struct i8237 *dma = (struct i8237 *)device;

	i8237_init(dma, place->map);
	mem_region_add(place->ports, &dma->ports[0], 0x00, 0);
	mem_region_add(place->ports, &dma->ports[1], 0xc0, 0);
	mem_region_add(place->ports, &dma->pages, 0x81, 0);
	mem_region_add(place->ports, &dma->high_pages, 0x481, 0);
	place->dma = dma;
	return 0;
}

static void i8237_pull(struct device *device)
{
	i8237_reset((struct i8237 *)device);
}

static void i8237_follow(struct device *device)
{
	struct i8237 *dma = (struct i8237 *)device;

	lock_take(&dma->lock);
	note_waiting(dma);
	lock_drop(&dma->lock);
}

static void i8237_end(struct device *device)
{
	i8237_destroy((struct i8237 *)device);
}

const struct device_type i8237_type = {
	.name = "i8257",
	.about = "the two DMA controllers",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct i8237),
	.create = i8237_create,
	.reset = i8237_pull,
	.state = (const struct device_part[]){ DEVICE_PART(i8237_state_table, struct i8237, state),
					       { 0 } },
	.restored = i8237_follow,
	.destroy = i8237_end,
};
