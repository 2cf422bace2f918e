// SPDX-License-Identifier: MIT
/* The registers of a channel (ATA-6, 7). What is written reaches both drives, what is read is the selected one's. */
#include <string.h>

#include "base/bytes.h"
#include "dev/ide/ide_impl.h"

struct ide_drive *ide_selected(struct ide_channel *channel)
{
	return &channel->drives[channel->drives[0].device & IDE_DEVICE_DEV ? 1 : 0];
}

/* Device 0 answers for a device 1 that is not there, with a status of 0 (ATA-6, 9.16.1). */
static struct ide_drive *answering(struct ide_channel *channel)
{
	struct ide_drive *drive = ide_selected(channel);

	return drive->kind == IDE_NONE ? &channel->drives[0] : drive;
}

void ide_line_update(struct ide_channel *channel)
{
	bool level = channel->interrupt && !(channel->control & IDE_CONTROL_NIEN);

	if (level == channel->level)
		return;
	channel->level = level;
	if (level)
		channel->master.status |= IDE_MASTER_INTERRUPT;
	irq_set(&channel->irq, level);
}

void ide_interrupt(struct ide_channel *channel)
{
	channel->interrupt = true;
	ide_line_update(channel);
}

void ide_signature(struct ide_drive *drive)
{
	bool packet = drive->kind == IDE_CDROM;

	drive->count = 1;
	drive->lba_low = 1;
	drive->lba_mid = packet ? 0x14 : 0;
	drive->lba_high = packet ? 0xeb : 0;
	drive->device &= IDE_DEVICE_DEV;
	drive->error = 1; /* passed; device 1, too, or not there */
	drive->status = packet ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC;
	if (drive->kind == IDE_NONE)
		drive->status = 0;
}

static bool is_there(const struct ide_channel *channel)
{
	return channel->drives[0].kind != IDE_NONE || channel->drives[1].kind != IDE_NONE;
}

/* All but the one for data and the last. */
static uint64_t ide_task_read(void *chip, uint64_t offset, unsigned width)
{
	struct ide_channel *channel = chip;
	const struct ide_drive *drive = answering(channel);
	bool previous = channel->control & IDE_CONTROL_HOB;

	if (!is_there(channel))
		return 0;
	switch (offset) {
	case IDE_FEATURES:
		return drive->error;
	case IDE_COUNT:
		return previous ? drive->previous_count : drive->count;
	case IDE_LBA_LOW:
		return previous ? drive->previous_low : drive->lba_low;
	case IDE_LBA_MID:
		return previous ? drive->previous_mid : drive->lba_mid;
	case IDE_LBA_HIGH:
		return previous ? drive->previous_high : drive->lba_high;
	default:
		return ide_selected(channel)->device | IDE_DEVICE_OBS;
	}
}

static void shift(uint8_t *now, uint8_t *previous, uint8_t value)
{
	*previous = *now;
	*now = value;
}

static void drive_write(struct ide_drive *drive, uint64_t offset, uint8_t value)
{
	switch (offset) {
	case IDE_FEATURES:
		shift(&drive->features, &drive->previous_features, value);
		break;
	case IDE_COUNT:
		shift(&drive->count, &drive->previous_count, value);
		break;
	case IDE_LBA_LOW:
		shift(&drive->lba_low, &drive->previous_low, value);
		break;
	case IDE_LBA_MID:
		shift(&drive->lba_mid, &drive->previous_mid, value);
		break;
	case IDE_LBA_HIGH:
		shift(&drive->lba_high, &drive->previous_high, value);
		break;
	default:
		drive->device = value;
		break;
	}
}

/*
 * Latches: they start nothing and move no line, not even the one that selects a drive, because the
 * interrupt is the channel's. A drive that is at work takes nothing but the selection.
 */
static void ide_task_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ide_channel *channel = chip;

	channel->control &= (uint8_t)~IDE_CONTROL_HOB;
	for (unsigned i = 0; i < IDE_UNITS; i++) {
		if (offset == IDE_DEVICE || channel->drives[i].phase == IDE_IDLE)
			drive_write(&channel->drives[i], offset, (uint8_t)value);
	}
}

static uint8_t status_of(struct ide_channel *channel)
{
	return ide_selected(channel)->status;
}

static uint64_t ide_status_read(void *chip, uint64_t offset, unsigned width)
{
	struct ide_channel *channel = chip;

	channel->interrupt = false;
	ide_line_update(channel);
	return status_of(channel);
}

static uint64_t ide_alternate_read(void *chip, uint64_t offset, unsigned width)
{
	return status_of(chip);
}

static void ide_command_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ide_channel *channel = chip;

	channel->control &= (uint8_t)~IDE_CONTROL_HOB;
	channel->interrupt = false;
	ide_line_update(channel);
	ide_command(ide_selected(channel), (uint8_t)value);
}

static void ide_control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ide_channel *channel = chip;
	bool began = value & IDE_CONTROL_SRST, was = channel->control & IDE_CONTROL_SRST;

	channel->control = (uint8_t)value & (IDE_CONTROL_NIEN | IDE_CONTROL_SRST | IDE_CONTROL_HOB);
	if (began && !was) {
		channel->interrupt = false;
		for (unsigned i = 0; i < IDE_UNITS; i++)
			ide_drive_reset(&channel->drives[i]);
	} else if (was && !began) {
		/* Device 0 is selected, and the devices are ready as soon as the disks are. */
		for (unsigned i = 0; i < IDE_UNITS; i++) {
			if (channel->drives[i].phase == IDE_IDLE)
				ide_signature(&channel->drives[i]);
			channel->drives[i].device = 0;
		}
	}
	ide_line_update(channel);
}

/* Data, as a string: what one instruction moves. */

static void ide_data_read_string(void *chip, uint64_t offset, unsigned width, void *out, size_t n)
{
	struct ide_drive *drive = ide_selected(chip);
	size_t len = n * width;
	uint8_t *to = out;

	while (len > 0 && drive->phase == IDE_DATA_IN) {
		size_t more = drive->stop - drive->done;

		more = len < more ? len : more;
		memcpy(to, drive->data + drive->done, more);
		drive->done += (uint32_t)more;
		to += more;
		len -= more;
		if (drive->done == drive->stop)
			ide_block_moved(drive);
	}
	memset(to, 0, len);
}

static void ide_data_write_string(void *chip, uint64_t offset, unsigned width, const void *in,
				  size_t n)
{
	struct ide_drive *drive = ide_selected(chip);
	const uint8_t *from = in;
	size_t len = n * width;

	while (len > 0 && (drive->phase == IDE_DATA_OUT || drive->phase == IDE_PACKET)) {
		size_t more = drive->stop - drive->done;

		more = len < more ? len : more;
		memcpy(drive->data + drive->done, from, more);
		drive->done += (uint32_t)more;
		from += more;
		len -= more;
		if (drive->done == drive->stop)
			ide_block_moved(drive);
	}
}

static uint64_t ide_data_read(void *chip, uint64_t offset, unsigned width)
{
	uint8_t bytes[4];

	ide_data_read_string(chip, offset, width, bytes, 1);
	return le_get(bytes, width);
}

static void ide_data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	uint8_t bytes[4];

	le_put(bytes, value, width);
	ide_data_write_string(chip, offset, width, bytes, 1);
}

/*
 * A region of its own, of which only the first byte is not hidden by the registers behind it: a wider
 * access goes by its first address. Were it one table with theirs, none of them could wait.
 *
 *	0x1f0	0x1f1 .. 0x1f6	0x1f7
 *	data .. ..
 *		[   waits    ]	command
 */
static const struct mem_port ide_data_ports[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W4 | MEM_W2,
	  .read = ide_data_read,
	  .write = ide_data_write,
	  .read_string = ide_data_read_string,
	  .write_string = ide_data_write_string,
	  .name = "data" },
};

static const struct mem_port ide_task_ports[] = {
	{ .at = IDE_FEATURES,
	  .len = IDE_COMMAND,
	  .read = ide_task_read,
	  .write = ide_task_write,
	  .wait = MEM_LATCH,
	  .why = "a parameter of the next command, or which drive gets it",
	  .name = "task file" },
	{ .at = IDE_COMMAND,
	  .len = 1,
	  .read = ide_status_read,
	  .write = ide_command_write,
	  .name = "command/status" },
};

static const struct mem_port ide_control_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = ide_alternate_read,
	  .write = ide_control_write,
	  .name = "device control/alternate status" },
};

void ide_channel_init(struct ide_channel *channel, struct mem_region *ports, unsigned index)
{
	static const uint16_t data_at[IDE_CHANNELS] = { 0x1f0, 0x170 };
	static const uint16_t control_at[IDE_CHANNELS] = { 0x3f6, 0x376 };
	static const char *const names[IDE_CHANNELS] = { "IDE primary", "IDE secondary" };
	struct ide *ide = channel->ide;

	mem_region_init_io(&channel->data_port, names[index], 3, ide_data_ports, 1, channel,
			   &ide->lock);
	mem_region_init_io(&channel->task_ports, names[index], IDE_COMMAND, ide_task_ports, 2,
			   channel, &ide->lock);
	mem_region_init_io(&channel->control_port, names[index], 0, ide_control_ports, 1, channel,
			   &ide->lock);
	mem_region_add(ports, &channel->data_port, data_at[index], 0);
	mem_region_add(ports, &channel->task_ports, data_at[index] + 1u, 1);
	mem_region_add(ports, &channel->control_port, control_at[index], 0);
}
