// SPDX-License-Identifier: MIT
/*
 * Two IDE channels on disks in memory whose requests are done at once, some RAM, and accesses as a
 * processor makes them. Nothing of it needs a test framework: the fuzzer uses it too.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/ide/ide.h"
#include "dev/pci.h"
#include "mem/map.h"

#define IDE_RIG_RAM 0x40000u
#ifndef IDE_RIG_SECTORS
#define IDE_RIG_SECTORS 2100u /* of a disk: two cylinders and some */
#endif
#define IDE_RIG_DISK   (IDE_RIG_SECTORS * 512)
#define IDE_RIG_CD     (40u * 2048)
#define IDE_RIG_MASTER 0xc000u
#define IDE_RIG_DEVFN  PCI_DEVFN(1, 1)

struct ide_rig_disk {
	uint8_t bytes[IDE_RIG_DISK];
	uint64_t size;
	int error; /* what the host says from sector .bad on; 0: nothing */
	uint64_t bad;
	unsigned flushes;
};

struct ide_rig {
	struct mem_map map;
	struct mem_region ram_region;
	struct pci_bus bus;
	struct ide ide;
	struct ide_rig_disk disks[3]; /* primary master and slave, secondary master: the CD-ROM */
	struct block *blocks[3];
	bool level[2];
	unsigned rises[2];
	uint8_t *ram;
	bool blank; /* disks hold zeroes: said before ide_rig_init(), which is quicker then */
};

static inline ssize_t ide_rig_move(const struct block_file *file, const struct iovec *iov,
				   unsigned iov_n, uint64_t offset, bool write)
{
	struct ide_rig_disk *disk = file->arg;
	size_t done = 0;

	for (unsigned i = 0; i < iov_n; i++) {
		size_t len = iov[i].iov_len;
		uint8_t *at = disk->bytes + offset + done;

		assert(offset + done <= disk->size && len <= disk->size - offset - done);
		if (disk->error && offset + done + len > disk->bad * 512)
			return disk->error;
		if (write)
			memcpy(at, iov[i].iov_base, len);
		else
			memcpy(iov[i].iov_base, at, len);
		done += len;
	}
	return (ssize_t)done;
}

static inline ssize_t ide_rig_disk_read(const struct block_file *file, const struct iovec *iov,
					unsigned iov_n, uint64_t offset)
{
	return ide_rig_move(file, iov, iov_n, offset, false);
}

static inline ssize_t ide_rig_disk_write(const struct block_file *file, const struct iovec *iov,
					 unsigned iov_n, uint64_t offset)
{
	return ide_rig_move(file, iov, iov_n, offset, true);
}

static inline int ide_rig_disk_flush(const struct block_file *file)
{
	struct ide_rig_disk *disk = file->arg;

	disk->flushes++;
	return disk->error;
}

/* To ones, so that it shows. */
static inline int ide_rig_disk_discard(const struct block_file *file, uint64_t offset, uint64_t len)
{
	struct ide_rig_disk *disk = file->arg;

	assert(offset <= disk->size && len <= disk->size - offset);
	if (!disk->error)
		memset(disk->bytes + offset, 0xff, len);
	return disk->error;
}

static inline enum irq_status ide_rig_irq(void *arg, unsigned line, bool level)
{
	struct ide_rig *rig = arg;

	rig->rises[line] += level && !rig->level[line];
	rig->level[line] = level;
	return IRQ_DELIVERED;
}

static inline void ide_rig_intx(void *arg, unsigned device, unsigned pin, bool level)
{
}

static inline void ide_rig_serve(struct ide_rig *rig)
{
	while (ide_serve(&rig->ide))
		;
}

static inline uint64_t ide_rig_in(struct ide_rig *rig, unsigned port, unsigned width)
{
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);
	uint64_t value = mem_view_read(view, port, width);

	mem_view_unref(view);
	ide_rig_serve(rig);
	return value;
}

static inline void ide_rig_out(struct ide_rig *rig, unsigned port, uint64_t value, unsigned width)
{
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	mem_view_write(view, port, value, width);
	mem_view_unref(view);
	ide_rig_serve(rig);
}

static inline void ide_rig_in_string(struct ide_rig *rig, unsigned port, unsigned width, void *to,
				     size_t n)
{
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	mem_view_read_string(view, port, width, to, n);
	mem_view_unref(view);
	ide_rig_serve(rig);
}

static inline void ide_rig_out_string(struct ide_rig *rig, unsigned port, unsigned width,
				      const void *from, size_t n)
{
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	mem_view_write_string(view, port, width, from, n);
	mem_view_unref(view);
	ide_rig_serve(rig);
}

static inline void ide_rig_config(struct ide_rig *rig, unsigned offset, uint32_t value,
				  unsigned width)
{
	int err;

	pci_bus_write(&rig->bus, IDE_RIG_DEVFN, offset, value, width);
	err = mem_map_settle(&rig->map);
	assert(!err);
	(void)err;
}

static inline void ide_rig_init(struct ide_rig *rig)
{
	static const struct block_system system = {
		.read = ide_rig_disk_read,
		.write = ide_rig_disk_write,
		.flush = ide_rig_disk_flush,
		.discard = ide_rig_disk_discard,
	};
	static const enum ide_kind kinds[] = { IDE_DISK, IDE_DISK, IDE_CDROM };
	struct mem_region *ports = &rig->map.root[MEM_SPACE_PORT];
	struct mem_region *memory = &rig->map.root[MEM_SPACE_MEMORY];
	struct ide_options options = { .bus = &rig->bus, .map = &rig->map, .ports = ports };
	int err = mem_map_init(&rig->map);

	assert(!err);
	rig->ram = aligned_alloc(4096, IDE_RIG_RAM);
	assert(rig->ram);
	memset(rig->ram, 0, IDE_RIG_RAM);
	mem_region_init_ram(&rig->ram_region, "ram", rig->ram, IDE_RIG_RAM - 1);
	mem_region_add(memory, &rig->ram_region, 0, 0);
	pci_bus_init(&rig->bus, &rig->map, memory, ports,
		     (struct pci_intx_sink){ ide_rig_intx, NULL },
		     (struct msi_sink){ .send = NULL });
	for (unsigned i = 0; i < 2; i++)
		options.irq[i] = (struct irq_line){ ide_rig_irq, rig, i };
	ide_init(&rig->ide, &options);
	for (unsigned i = 0; i < 3; i++) {
		struct ide_rig_disk *disk = &rig->disks[i];
		struct block_file file = { .fd = -1, .name = "disk", .arg = disk };
		const struct block_options how = {
			.engine = BLOCK_ENGINE_SYNC,
			.system = &system,
		};
		struct ide_identity identity = { .kind = kinds[i] };

		disk->size = file.size = kinds[i] == IDE_CDROM ? IDE_RIG_CD : IDE_RIG_DISK;
		file.readonly = kinds[i] == IDE_CDROM;
		for (size_t at = 0; !rig->blank && at < disk->size; at++)
			disk->bytes[at] = (uint8_t)(at * 7 + (at >> 9) + i);
		err = block_make(&rig->blocks[i], &file, &how);
		assert(!err);
		identity.block = rig->blocks[i];
		ide_attach(&rig->ide, i / 2, i % 2, &identity);
	}
	mem_map_begin(&rig->map);
	err = mem_map_commit(&rig->map);
	assert(!err);
	ide_rig_config(rig, PCI_BAR(4), IDE_RIG_MASTER, 4);
	ide_rig_config(rig, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
	(void)err;
}

static inline void ide_rig_destroy(struct ide_rig *rig)
{
	for (unsigned i = 0; i < 3; i++) {
		ide_detach(&rig->ide, i / 2, i % 2);
		block_close(rig->blocks[i]);
	}
	ide_destroy(&rig->ide);
	pci_bus_destroy(&rig->bus);
	mem_map_destroy(&rig->map);
	free(rig->ram);
}
