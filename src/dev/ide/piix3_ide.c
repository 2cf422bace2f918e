// SPDX-License-Identifier: MIT
/* The PCI function 01.1 (290550, 2.2), and what a machine does to it. */
#include <stdio.h>
#include <string.h>

#include "dev/ide/ide_impl.h"
#include "dev/irq_router.h"

#define IDE_DEVFN   PCI_DEVFN(1, 1)
#define MASTER_BAR  4
#define MASTER_SIZE 16u

static const struct state_field ide_channel_fields[] = {
	{ STATE_AT(struct ide_channel, control), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_channel, interrupt), .on_reset = STATE_CLEAR },
};

const struct state_table ide_channel_state = {
	.name = "ide-channel",
	.version = 1,
	.fields = ide_channel_fields,
	.fields_n = sizeof(ide_channel_fields) / sizeof(ide_channel_fields[0]),
};

#define CLEARED(member)                                                                            \
	{                                                                                          \
		STATE_AT(struct ide_drive, member), .on_reset = STATE_CLEAR                        \
	}

/* What follows from the drive's kind is set by ide_drive_default(). */
static const struct state_field ide_drive_fields[] = {
	CLEARED(features),
	CLEARED(count),
	CLEARED(lba_low),
	CLEARED(lba_mid),
	CLEARED(lba_high),
	CLEARED(device),
	CLEARED(previous_features),
	CLEARED(previous_count),
	CLEARED(previous_low),
	CLEARED(previous_mid),
	CLEARED(previous_high),
	CLEARED(error),
	CLEARED(status),
	CLEARED(phase),
	CLEARED(command),
	CLEARED(dma),
	CLEARED(extended),
	CLEARED(stable),
	CLEARED(at_sector),
	CLEARED(left),
	CLEARED(block_len),
	CLEARED(len),
	CLEARED(done),
	CLEARED(stop),
	/* A command fills what it shows of the buffer. */
	{ STATE_ARRAY_AT(struct ide_drive, data_words), .on_reset = STATE_KEEP },
	CLEARED(multiple),
	CLEARED(cylinders),
	CLEARED(heads),
	CLEARED(track_sectors),
	{ STATE_AT(struct ide_drive, transfer_mode), .on_reset = STATE_CLEAR, .value = 0x45 },
	{ STATE_AT(struct ide_drive, write_cache), .on_reset = STATE_CLEAR, .value = true },
	{ STATE_AT(struct ide_drive, smart), .on_reset = STATE_CLEAR, .value = true },
	CLEARED(standby),
	CLEARED(sense_key),
	CLEARED(asc),
	CLEARED(ascq),
	CLEARED(attention),
	CLEARED(attention_asc),
	CLEARED(attention_ascq),
	CLEARED(media_event),
	/* A disc that was taken out stays so. */
	{ STATE_AT(struct ide_drive, tray_open), .on_reset = STATE_KEEP },
	CLEARED(tray_locked),
	CLEARED(byte_limit),
};

const struct state_table ide_drive_state = {
	.name = "ide-drive",
	.version = 1,
	.fields = ide_drive_fields,
	.fields_n = sizeof(ide_drive_fields) / sizeof(ide_drive_fields[0]),
};

static const struct pci_id ide_id = {
	.vendor = 0x8086,
	.device = 0x7010,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.prog_if = 0x80, /* a bus master, both channels where they always were */
	.subclass = 0x01,
	.class_code = 0x01,
};

/* Registers beyond the header (2.2): value after reset, bits that can be written. */
static const struct {
	uint8_t at, width;
	uint16_t value, writable;
} ide_registers[] = {
	/* Bit 1 as QEMU has it: there is no memory to decode, but drivers look whether it stays. */
	{ PCI_COMMAND, 2, 0x0000, 0x0007 },
	{ PCI_STATUS, 2, 0x0280, 0 },
	{ PCI_CACHE_LINE, 2, 0x0000, 0xf000 },
	{ PCI_INTERRUPT_LINE, 1, 0x00, 0x00 },
	{ 0x40, 2, 0x0000, 0xf3ff }, /* IDETIM, primary; ports are decoded in any case */
	{ 0x42, 2, 0x0000, 0xf3ff }, /* IDETIM, secondary */
	{ 0x44, 1, 0x00, 0xff }, /* SIDETIM */
};

static void ide_drive_default(struct ide_drive *drive)
{
	state_reset(&ide_drive_state, drive);
	drive->cylinders = drive->geometry.cylinders;
	drive->heads = drive->geometry.heads;
	drive->track_sectors = drive->geometry.sectors;
	ide_signature(drive);
	ide_packet_reset(drive);
}

static struct ide_drive *ide_drive_at(struct ide *ide, unsigned i)
{
	return &ide->channels[i / IDE_UNITS].drives[i % IDE_UNITS];
}

static void ide_task(void *arg)
{
	(void)ide_serve(arg); /* what is wanted by then has posted the task again */
}

void ide_init(struct ide *ide, const struct ide_options *options)
{
	struct pci_function *function = &ide->function;

	ide->map = options->map;
	ide->loop = options->loop;
	ide->task = (struct loop_task){ .run = ide_task, .arg = ide };
	lock_init(&ide->lock, LOCK_DEVICE, "piix3-ide");
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *channel = &ide->channels[i];

		channel->ide = ide;
		channel->irq = options->irq[i];
		ide_channel_init(channel, options->ports, i);
		for (unsigned unit = 0; unit < IDE_UNITS; unit++) {
			channel->drives[unit].channel = channel;
			channel->drives[unit].unit = unit;
			ide_drive_default(&channel->drives[unit]);
		}
	}
	pci_function_init(function, options->bus, IDE_DEVFN, "piix3-ide", &ide_id, ide);
	for (size_t i = 0; i < sizeof(ide_registers) / sizeof(ide_registers[0]); i++)
		pci_config_init(function, ide_registers[i].at, ide_registers[i].width,
				ide_registers[i].value, ide_registers[i].writable);
	mem_region_init_io(&ide->master_ports, "IDE bus master", MASTER_SIZE - 1, ide_master_ports,
			   ide_master_ports_n, ide, &ide->lock);
	pci_bar_init(function, MASTER_BAR, PCI_BAR_PORT, MASTER_SIZE, &ide->master_ports);
	pci_function_add(function);
}

void ide_destroy(struct ide *ide)
{
	if (ide->loop)
		loop_unpost(ide->loop, &ide->task);
	lock_destroy(&ide->lock);
}

static void copy_text(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text);
}

void ide_attach(struct ide *ide, unsigned channel, unsigned unit,
		const struct ide_identity *identity)
{
	struct ide_drive *drive = &ide->channels[channel].drives[unit];
	bool packet = identity->kind == IDE_CDROM;
	uint8_t mbr[DISK_MBR_LEN];

	drive->kind = identity->kind;
	drive->block = identity->block;
	drive->tray_moved = identity->tray_moved;
	drive->tray_moved_arg = identity->tray_moved_arg;
	drive->sectors = drive->block ? block_size(drive->block) / ide_sector_len(drive) : 0;
	drive->geometry = identity->geometry;
	if (!packet && drive->geometry.heads == 0) {
		/* A disk that cannot be read has no partitions: the guest will see that for itself. */
		if (block_peek(drive->block, mbr, sizeof(mbr)))
			memset(mbr, 0, sizeof(mbr));
		drive->geometry = disk_geometry_guess(mbr, drive->sectors);
	}
	if (identity->serial)
		copy_text(drive->serial, sizeof(drive->serial), identity->serial);
	else
		(void)snprintf(drive->serial, sizeof(drive->serial), "CP%05u",
			       channel * IDE_UNITS + unit + 1);
	copy_text(drive->version, sizeof(drive->version),
		  identity->version ? identity->version : "1.0");
	copy_text(drive->model, sizeof(drive->model),
		  identity->model ? identity->model
		  : packet        ? "COALPORT DVD-ROM"
				  : "COALPORT DISK");
	ide_drive_default(drive);
}

/* Whatever it is at ends without an answer. Loop's thread, no lock held. */
static void ide_drive_cancel(struct ide_drive *drive)
{
	if (drive->block)
		block_cancel(drive->block);
	drive->wanted = false;
}

void ide_detach(struct ide *ide, unsigned channel, unsigned unit)
{
	struct ide_drive *drive = &ide->channels[channel].drives[unit];

	ide_drive_cancel(drive);
	if (drive->block) {
		block_set_error(drive->block, NULL, NULL);
		block_resume(drive->block);
	}
	drive->kind = IDE_NONE;
	drive->block = NULL;
	drive->tray_open = false;
	drive->tray_moved = NULL;
}

void ide_reset(struct ide *ide)
{
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++)
		ide_drive_cancel(ide_drive_at(ide, i));
	lock_take(&ide->lock);
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++)
		ide_drive_default(ide_drive_at(ide, i));
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		state_reset(&ide_channel_state, &ide->channels[i]);
		state_reset(&ide_bus_master_state, &ide->channels[i].master);
		ide_line_update(&ide->channels[i]);
	}
	lock_drop(&ide->lock);
}

void ide_quiesce(struct ide *ide)
{
	ide->paused = true;
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		if (ide_drive_at(ide, i)->block)
			block_pause(ide_drive_at(ide, i)->block);
	}
}

void ide_resume(struct ide *ide)
{
	ide->paused = false;
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		if (ide_drive_at(ide, i)->block)
			block_resume(ide_drive_at(ide, i)->block);
	}
}

/* What a drive asked its disk for, it asks again: the state says what. */
void ide_restored(struct ide *ide)
{
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++)
		ide_drive_cancel(ide_drive_at(ide, i));
	lock_take(&ide->lock);
	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		struct ide_drive *drive = ide_drive_at(ide, i);

		if (drive->block && drive->status & IDE_STATUS_BSY)
			ide_want(drive);
	}
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *channel = &ide->channels[i];

		/* Whatever the line was, it is driven anew. */
		channel->level = channel->interrupt && !(channel->control & IDE_CONTROL_NIEN);
		irq_set(&channel->irq, channel->level);
	}
	lock_drop(&ide->lock);
}

static int piix3_ide_create(struct device *device, struct place *place, struct error *err)
{
	struct ide *ide = (struct ide *)device;
	struct ide_options options = {
		.bus = place->pci,
		.map = place->map,
		.ports = place->ports,
		.loop = place->loop,
	};

	for (unsigned i = 0; i < IDE_CHANNELS; i++)
		options.irq[i] = irq_router_connect(place->router, 14 + i, &ide->wire[i]);
	ide_init(ide, &options);
	place->ide = ide;
	return 0;
}

/* The drives first: nothing of theirs may reach memory while the bus takes the function back. */
static void piix3_ide_reset(struct device *device)
{
	ide_reset((struct ide *)device);
	pci_function_reset(&((struct ide *)device)->function);
}

static void piix3_ide_quiesce(struct device *device)
{
	ide_quiesce((struct ide *)device);
}

static void piix3_ide_resume(struct device *device)
{
	ide_resume((struct ide *)device);
}

static void piix3_ide_restored(struct device *device)
{
	pci_function_refresh(&((struct ide *)device)->function);
	ide_restored((struct ide *)device);
}

static void piix3_ide_destroy(struct device *device)
{
	ide_destroy((struct ide *)device);
}

#define CHANNEL_PARTS(i)                                                                           \
	DEVICE_PART(ide_channel_state, struct ide, channels[i]),                                   \
		DEVICE_PART(ide_bus_master_state, struct ide, channels[i].master),                 \
		DEVICE_PART(ide_drive_state, struct ide, channels[i].drives[0]),                   \
		DEVICE_PART(ide_drive_state, struct ide, channels[i].drives[1])

const struct device_type piix3_ide_type = {
	.name = "piix3-ide",
	.about = "two IDE channels at 01.1",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_STORAGE,
	.size = sizeof(struct ide),
	.create = piix3_ide_create,
	.reset = piix3_ide_reset,
	.quiesce = piix3_ide_quiesce,
	.resume = piix3_ide_resume,
	.state =
		(const struct device_part[]){ DEVICE_PART(pci_function_state, struct ide, function),
					      CHANNEL_PARTS(0),
					      CHANNEL_PARTS(1),
					      { 0 } },
	.restored = piix3_ide_restored,
	.destroy = piix3_ide_destroy,
};
