// SPDX-License-Identifier: MIT
/*
 * The bus master (SFF-8038i; 290550, 2.7): a list in memory of pieces of memory, each
 *
 *	 0	address, bit 0 is 0
 *	 4	bytes, an even number; 0 means 64 KiB
 *	 6	0x8000: the last one
 *
 * which the guest may have made of anything. Only RAM is touched; what a piece of a transfer costs is
 * bounded by its length, because every descriptor has at least two bytes.
 */
#include <string.h>

#include "base/bytes.h"
#include "dev/ide/ide_impl.h"

#define DESCRIPTOR_LEN 8u
#define PIECE_MAX      0x10000u
#define LAST           0x80000000u

enum { COMMAND = 0, STATUS = 2, TABLE = 4 };

static const struct state_field ide_bus_master_fields[] = {
	{ STATE_AT(struct ide_bus_master, command), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, status), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, table), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, entry), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, at), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, left), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct ide_bus_master, last), .on_reset = STATE_CLEAR },
};

const struct state_table ide_bus_master_state = {
	.name = "ide-bus-master",
	.version = 1,
	.fields = ide_bus_master_fields,
	.fields_n = sizeof(ide_bus_master_fields) / sizeof(ide_bus_master_fields[0]),
};

void ide_master_start(struct ide_bus_master *master)
{
	master->entry = master->table;
	master->left = 0;
	master->last = false;
	master->status |= IDE_MASTER_ACTIVE;
}

/*
 * A driver that stops the engine in the middle of a command gets it stopped when the command is over: what
 * the drive has begun comes to its end, and "active" says so.
 */
void ide_master_stop(struct ide_channel *channel)
{
	struct ide_bus_master *master = &channel->master;

	if (master->command & IDE_MASTER_START)
		return;
	for (unsigned i = 0; i < IDE_UNITS; i++) {
		const struct ide_drive *drive = &channel->drives[i];

		if (drive->dma && (drive->phase == IDE_READING || drive->phase == IDE_WRITING ||
				   drive->phase == IDE_TRIMMING))
			return;
	}
	master->status &= (uint8_t)~IDE_MASTER_ACTIVE;
}

/* All of it lies in RAM that has one place in the host's memory, or nothing is copied. */
static bool copy(const struct mem_view *view, uint32_t addr, void *data, uint32_t len,
		 bool to_memory)
{
	for (uint32_t done = 0; done < len;) {
		uint64_t more = len - done;
		uint8_t *host;

		if (addr > UINT32_MAX - done)
			return false;
		host = mem_view_map(view, addr + done, &more, to_memory);
		if (!host)
			return false;
		if (to_memory) {
			memcpy(host, (uint8_t *)data + done, more);
			mem_view_wrote(view, addr + done, more);
		} else {
			memcpy((uint8_t *)data + done, host, more);
		}
		done += (uint32_t)more;
	}
	return true;
}

static bool next_piece(struct ide_bus_master *master, const struct mem_view *view)
{
	uint8_t bytes[DESCRIPTOR_LEN];
	uint32_t flags;

	if (!copy(view, master->entry, bytes, sizeof(bytes), false))
		return false;
	master->entry += DESCRIPTOR_LEN;
	flags = le32_get(bytes + 4);
	master->at = le32_get(bytes) & ~1u;
	master->left = flags & (PIECE_MAX - 2);
	if (master->left == 0)
		master->left = PIECE_MAX;
	master->last = flags & LAST;
	return true;
}

static enum ide_moved move(struct ide_bus_master *master, const struct mem_view *view,
			   uint8_t *data, uint32_t len, bool to_memory)
{
	while (len > 0) {
		uint32_t more;

		if (master->left == 0 && master->last)
			return IDE_MOVED_SHORT;
		if (master->left == 0 && !next_piece(master, view))
			return IDE_MOVED_FAULT;
		more = len < master->left ? len : master->left;
		if (!copy(view, master->at, data, more, to_memory))
			return IDE_MOVED_FAULT;
		master->at += more;
		master->left -= more;
		data += more;
		len -= more;
	}
	return IDE_MOVED;
}

enum ide_moved ide_master_move(struct ide_channel *channel, uint8_t *data, uint32_t len,
			       bool to_memory)
{
	struct mem_view *view;
	enum ide_moved moved;

	/* It reaches no memory: what is for memory gets lost, but no disk is written from nothing. */
	if (!pci_is_master(&channel->ide->function))
		return to_memory ? IDE_MOVED : IDE_MOVED_FAULT;
	view = mem_map_view(channel->ide->map, MEM_SPACE_MEMORY);
	moved = move(&channel->master, view, data, len, to_memory);
	mem_view_unref(view);
	return moved;
}

/* Registers: eight ports of each channel. */

static struct ide_channel *master_channel(void *chip, uint64_t offset)
{
	return &((struct ide *)chip)->channels[offset / 8];
}

static uint64_t master_command_read(void *chip, uint64_t offset, unsigned width)
{
	return master_channel(chip, offset)->master.command;
}

static void master_command_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ide_channel *channel = master_channel(chip, offset);
	struct ide_bus_master *master = &channel->master;
	bool was = master->command & IDE_MASTER_START;

	master->command = (uint8_t)value & (IDE_MASTER_START | IDE_MASTER_TO_MEMORY);
	if (!(value & IDE_MASTER_START)) {
		ide_master_stop(channel);
	} else if (!was) {
		ide_master_start(master);
		ide_master_started(channel);
	}
}

static uint64_t master_status_read(void *chip, uint64_t offset, unsigned width)
{
	return master_channel(chip, offset)->master.status;
}

/* Interrupt and error are cleared by ones; they move no line. */
static void master_status_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct ide_bus_master *master = &master_channel(chip, offset)->master;
	uint8_t cleared = (uint8_t)value & (IDE_MASTER_INTERRUPT | IDE_MASTER_ERROR);

	master->status &= (uint8_t) ~(cleared | IDE_MASTER_CAPABLE);
	master->status |= (uint8_t)value & IDE_MASTER_CAPABLE;
}

static uint64_t master_table_read(void *chip, uint64_t offset, unsigned width)
{
	return master_channel(chip, offset)->master.table;
}

static void master_table_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	master_channel(chip, offset)->master.table = (uint32_t)value & ~3u;
}

#define MASTER_PORTS(base)                                                                         \
	{ .at = (base) + COMMAND,                                                                  \
	  .len = 1,                                                                                \
	  .read = master_command_read,                                                             \
	  .write = master_command_write,                                                           \
	  .name = "bus master command" },                                                          \
		{ .at = (base) + STATUS,                                                           \
		  .len = 1,                                                                        \
		  .read = master_status_read,                                                      \
		  .write = master_status_write,                                                    \
		  .wait = MEM_LATCH,                                                               \
		  .why = "clears bits that only its own read shows",                               \
		  .name = "bus master status" },                                                   \
	{                                                                                          \
		.at = (base) + TABLE, .len = 4, .widths = MEM_W4, .merge = true,                   \
		.read = master_table_read, .write = master_table_write, .wait = MEM_LATCH,         \
		.why = "looked at when the bus master is started",                                 \
		.name = "descriptor table pointer"                                                 \
	}

const struct mem_port ide_master_ports[] = { MASTER_PORTS(0), MASTER_PORTS(8) };
const size_t ide_master_ports_n = sizeof(ide_master_ports) / sizeof(ide_master_ports[0]);
