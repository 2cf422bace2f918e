// SPDX-License-Identifier: MIT
#include "dev/serial_isa.h"

#include <errno.h>

#include "dev/irq_router.h"

/* As the BIOS numbers them. */
static const struct {
	uint16_t port;
	uint8_t irq;
	const char *name;
} serial_isa_places[SERIAL_ISA_MAX] = {
	{ 0x3f8, 4, "com1" },
	{ 0x2f8, 3, "com2" },
	{ 0x3e8, 4, "com3" },
	{ 0x2e8, 3, "com4" },
};

static void serial_isa_send(void *arg, uint8_t byte)
{
	chardev_write(arg, &byte, 1);
}

static size_t serial_isa_line_room(void *chardev)
{
	return chardev_room(chardev);
}

static void serial_isa_accept(void *arg)
{
	chardev_accept_input(arg);
}

static size_t serial_isa_room(void *arg)
{
	return serial_room(arg);
}

static void serial_isa_receive(void *arg, const uint8_t *bytes, size_t len)
{
	serial_receive(arg, bytes, len);
}

static void serial_isa_broke(void *arg)
{
	serial_receive_error(arg, 0, SERIAL_BREAK | SERIAL_FRAMING_ERROR);
}

static void serial_isa_drained(void *serial)
{
	serial_sent(serial);
}

/* Gives it a number that no other port of the machine has. */
static int serial_isa_number(struct serial_isa *isa, struct place *place, struct error *err)
{
	if (isa->index < 0) {
		for (isa->index = 0; place->serials >> isa->index & 1;)
			isa->index++;
		if (isa->index >= SERIAL_ISA_MAX)
			return error_set(err, -ENOSPC, "isa-serial: more than %d serial ports",
					 SERIAL_ISA_MAX);
	}
	if (place->serials >> isa->index & 1)
		return error_set(err, -EBUSY, "isa-serial: index=%d: another port has it",
				 (int)isa->index);
	place->serials |= 1u << isa->index;
	return 0;
}

static int serial_isa_create(struct device *device, struct place *place, struct error *err)
{
	struct serial_isa *isa = (struct serial_isa *)device;
	struct serial_options options = { .clock = place->clock };
	int ret;

	if (isa->chardev_id) {
		isa->chardev = place->chardev(place->arg, isa->chardev_id);
		if (!isa->chardev)
			return error_set(err, -ENOENT,
					 "isa-serial: chardev=%s: there is no such back-end",
					 isa->chardev_id);
		options.send = serial_isa_send;
		options.room = serial_isa_line_room;
		options.accept = serial_isa_accept;
		options.arg = isa->chardev;
	}
	ret = serial_isa_number(isa, place, err);
	if (ret)
		return ret;
	isa->place = place;
	isa->port = isa->port < 0 ? serial_isa_places[isa->index].port : isa->port;
	isa->irq = isa->irq < 0 ? serial_isa_places[isa->index].irq : isa->irq;
	options.name = serial_isa_places[isa->index].name;
	options.irq = irq_router_connect(place->router, (unsigned)isa->irq, &isa->wire);
	serial_init(&isa->serial, &options);
	mem_region_add(place->ports, &isa->serial.region, (uint64_t)isa->port, 0);
	if (isa->chardev)
		chardev_set_user(isa->chardev, &(struct chardev_user){
						       .room = serial_isa_room,
						       .receive = serial_isa_receive,
						       .drained = serial_isa_drained,
						       .broke = serial_isa_broke,
						       .arg = &isa->serial,
					       });
	return 0;
}

uint8_t serial_isa_standard(const struct serial_isa *isa)
{
	return isa->port == serial_isa_places[isa->index].port &&
			       isa->irq == serial_isa_places[isa->index].irq
		       ? (uint8_t)(1u << isa->index)
		       : 0;
}

static void serial_isa_reset(struct device *device)
{
	serial_reset(&((struct serial_isa *)device)->serial);
}

static void serial_isa_restored(struct device *device)
{
	serial_restored(&((struct serial_isa *)device)->serial);
}

static void serial_isa_destroy(struct device *device)
{
	struct serial_isa *isa = (struct serial_isa *)device;

	if (isa->chardev)
		chardev_set_user(isa->chardev, &(struct chardev_user){ 0 });
	serial_destroy(&isa->serial);
	isa->place->serials &= ~(1u << isa->index);
}

static const struct prop serial_isa_props[] = {
	{ "chardev", PROP_CHARDEV, PROP_AT(struct serial_isa, chardev_id), .form = "chardev=ID",
	  .help = "the -chardev behind it (default none: what is sent is lost)" },
	{ "index", PROP_NUMBER, PROP_AT(struct serial_isa, index), .max = SERIAL_ISA_MAX - 1,
	  .value = -1, .form = "index=N",
	  .help = "0 for COM1 to 3 for COM4 (default the first that is free)" },
	{ "iobase", PROP_NUMBER, PROP_AT(struct serial_isa, port), .max = 0xfff8, .value = -1,
	  .form = "iobase=PORT", .help = "its first port (default as the index says)" },
	{ "irq", PROP_NUMBER, PROP_AT(struct serial_isa, irq), .max = IRQ_ISA_LINES - 1,
	  .value = -1, .form = "irq=N", .help = "its interrupt (default as the index says)" },
	{ 0 },
};

const struct device_type serial_isa_type = {
	.name = "isa-serial",
	.about = "a serial port with a 16550A",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_INPUT,
	.user = true,
	.size = sizeof(struct serial_isa),
	.props = serial_isa_props,
	.create = serial_isa_create,
	.reset = serial_isa_reset,
	.state =
		(const struct device_part[]){
			DEVICE_PART(serial_state_table, struct serial_isa, serial.state), { 0 } },
	.restored = serial_isa_restored,
	.destroy = serial_isa_destroy,
};
