// SPDX-License-Identifier: MIT
/*
 * A floppy controller with the DMA controllers, memory, two drives and disks that lie in memory, on a
 * clock that a test moves: all that a PC has of it, and no more. Disks are done with at once.
 */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "chip.h"
#include "dev/block.h"
#include "dev/floppy/fdc.h"
#include "mem/map.h"

#define FLOPPY_RIG_RAM  0x40000u
#define FLOPPY_RIG_DISK 1474560u

struct floppy_rig {
	struct loop loop;
	struct loop_task quit;
	struct clock clock;
	struct mem_map map;
	struct mem_region ram_region;
	uint8_t *ram;
	struct i8237 dma;
	struct fdc fdc;
	struct floppy_drive drives[2];
	struct block *block;
	uint8_t *disk;
	int error; /* of the disk: -errno for all that is asked of it */
	unsigned reads, writes, flushes;
	struct chip_wire wire;
};

static inline ssize_t floppy_rig_move(const struct block_file *file, const struct iovec *iov,
				      unsigned iov_n, uint64_t offset, bool write)
{
	struct floppy_rig *rig = file->arg;
	size_t done = 0;

	if (rig->error)
		return rig->error;
	for (unsigned i = 0; i < iov_n; i++) {
		uint8_t *at = rig->disk + offset + done;

		if (offset + done > FLOPPY_RIG_DISK ||
		    iov[i].iov_len > FLOPPY_RIG_DISK - offset - done)
			abort();
		if (write)
			memcpy(at, iov[i].iov_base, iov[i].iov_len);
		else
			memcpy(iov[i].iov_base, at, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	rig->reads += !write;
	rig->writes += write;
	return (ssize_t)done;
}

static inline ssize_t floppy_rig_read(const struct block_file *file, const struct iovec *iov,
				      unsigned iov_n, uint64_t offset)
{
	return floppy_rig_move(file, iov, iov_n, offset, false);
}

static inline ssize_t floppy_rig_write(const struct block_file *file, const struct iovec *iov,
				       unsigned iov_n, uint64_t offset)
{
	return floppy_rig_move(file, iov, iov_n, offset, true);
}

static inline int floppy_rig_flush(const struct block_file *file)
{
	((struct floppy_rig *)file->arg)->flushes++;
	return 0;
}

static inline void floppy_rig_quit(void *arg)
{
	loop_quit(arg);
}

/* Lets the loop do what is posted, and what that posts. */
static inline void floppy_rig_turn(struct floppy_rig *rig)
{
	while (loop_has_tasks(&rig->loop)) {
		loop_post(&rig->loop, &rig->quit);
		if (loop_run(&rig->loop))
			abort();
	}
}

/* A drive A with a disk of 1.44 MB, and an empty drive B. */
static inline void floppy_rig_make(struct floppy_rig *rig, bool readonly)
{
	static const struct block_system system = {
		.read = floppy_rig_read,
		.write = floppy_rig_write,
		.flush = floppy_rig_flush,
	};
	const struct block_file file = { .fd = -1,
					 .readonly = readonly,
					 .size = FLOPPY_RIG_DISK,
					 .sector = 512,
					 .name = "disk",
					 .arg = rig };
	const struct block_options options = { .engine = BLOCK_ENGINE_SYNC, .system = &system };

	memset(rig, 0, sizeof(*rig));
	if (loop_init(&rig->loop) || mem_map_init(&rig->map) ||
	    block_make(&rig->block, &file, &options))
		abort();
	rig->quit = (struct loop_task){ .run = floppy_rig_quit, .arg = &rig->loop };
	clock_init(&rig->clock, CLOCK_KIND_MANUAL);
	rig->ram = mmap(NULL, FLOPPY_RIG_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	rig->disk = calloc(1, FLOPPY_RIG_DISK);
	if (rig->ram == MAP_FAILED || !rig->disk)
		abort();
	mem_map_begin(&rig->map);
	mem_region_init_ram(&rig->ram_region, "ram", rig->ram, FLOPPY_RIG_RAM - 1);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &rig->ram_region, 0, 0);
	if (mem_map_commit(&rig->map))
		abort();
	i8237_init(&rig->dma, &rig->map);
	rig->fdc.check_rate = true;
	fdc_init(&rig->fdc, &(struct fdc_options){ .irq = chip_line(&rig->wire),
						   .dma = &rig->dma,
						   .clock = &rig->clock,
						   .loop = &rig->loop });
	for (int32_t i = 0; i < 2; i++) {
		rig->drives[i].unit = i;
		if (floppy_drive_init(&rig->drives[i], i ? NULL : rig->block) ||
		    fdc_plug(&rig->fdc, &rig->drives[i]))
			abort();
	}
}

static inline void floppy_rig_end(struct floppy_rig *rig)
{
	fdc_destroy(&rig->fdc);
	i8237_destroy(&rig->dma);
	block_close(rig->block);
	mem_map_begin(&rig->map);
	mem_region_remove(&rig->ram_region);
	if (mem_map_commit(&rig->map))
		abort();
	mem_map_destroy(&rig->map);
	clock_destroy(&rig->clock);
	loop_destroy(&rig->loop);
	munmap(rig->ram, FLOPPY_RIG_RAM);
	free(rig->disk);
}
