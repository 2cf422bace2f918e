// SPDX-License-Identifier: MIT
/*
 * RAM and firmware of the PC:
 *
 *	0          0xa0000      0x100000        below 4 GiB             4 GiB
 *	[ram_low  ][   hole    ][ram_middle    ]       [rom, to 4 GiB ][ram_high ...
 *	                 [rom_isa]
 *
 * The hole is where the host bridge shows RAM once firmware has asked for it (dev/i440fx.h); behind
 * it lie the last 128 KiB of the firmware.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "board/pc.h"

#define KIB(n)      (UINT64_C(n) << 10)
#define GIB(n)      (UINT64_C(n) << 30)
#define HOLE        UINT64_C(0xa0000)
#define HOLE_END    UINT64_C(0x100000)
#define ROM_ISA_MAX KIB(128)

static int map_host(uint8_t **out, uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}

/* A file in the folder, which no one else finds. The descriptor or -errno. */
static int make_file(const char *folder, uint64_t size)
{
	char path[PATH_MAX];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/coalport_mem.XXXXXX", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (!ftruncate(fd, (off_t)size))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* As QEMU does, not shared with anybody. */
static int map_file(struct pc *pc)
{
	int fd = make_file(pc->options.ram_folder, pc->options.ram);
	void *at;

	if (fd < 0)
		return fd;
	at = mmap(NULL, pc->options.ram, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
		  0);
	if (at != MAP_FAILED)
		pc->ram_host = at;
	else
		at = NULL;
	close(fd);
	return at ? 0 : -errno;
}

/* 0 or -errno; kernels before 5.14 do not know it, there each page is touched. */
static int populate(uint8_t *at, uint64_t size)
{
	if (!madvise(at, size, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (uint64_t i = 0; i < size; i += KIB(4))
		*(volatile uint8_t *)(at + i) = 0;
	return 0;
}

static int map_ram(struct pc *pc, struct error *err)
{
	const char *folder = pc->options.ram_folder;
	int ret = folder ? map_file(pc) : map_host(&pc->ram_host, pc->options.ram);

	if (ret && folder) {
		error_set(err, ret, "-mem-path %s: %s", folder, strerror(-ret));
		return ret;
	}
	if (!ret && pc->options.ram_populate) {
		ret = populate(pc->ram_host, pc->options.ram);
		if (ret)
			pc_memory_destroy(pc);
	}
	if (ret)
		error_set(err, ret, "-m: %" PRIu64 " MiB of guest memory: %s",
			  pc->options.ram >> 20, strerror(-ret));
	return ret;
}

static int rom_size_ok(uint64_t size, const char *path, struct error *err)
{
	if (size == 0)
		return error_set(err, -EINVAL, "%s: empty firmware image", path);
	if (size > PC_ROM_MAX)
		return error_set(err, -EFBIG,
				 "%s: firmware of %" PRIu64 " bytes is too large (at most 16 MiB)",
				 path, size);
	if (size % KIB(64))
		return error_set(err, -EINVAL,
				 "%s: firmware of %" PRIu64
				 " bytes is truncated or no firmware (want a multiple of 64 KiB)",
				 path, size);
	return 0;
}

static int load_bios(struct pc *pc, struct error *err)
{
	const char *path = pc->options.bios;
	uint8_t *image;
	size_t size;
	int ret = file_read_whole(path, PC_ROM_MAX, &image, &size);

	if (ret == -EINVAL)
		return error_set(err, ret, "%s: not a regular file", path);
	if (!ret || ret == -EFBIG) {
		int bad = rom_size_ok(size, path, err);

		if (bad) {
			free(image);
			return bad;
		}
	}
	if (ret)
		return error_set(err, ret,
				 "%s: %s (firmware; give its path with -bios, or its "
				 "folder with -L)",
				 path, strerror(-ret));
	pc->rom_size = size;
	ret = map_host(&pc->rom_host, size);
	if (ret)
		error_set(err, ret, "%s: %s", path, strerror(-ret));
	else
		memcpy(pc->rom_host, image, size);
	free(image);
	return ret;
}

static int load_rom(struct pc *pc, struct error *err)
{
	int ret;

	if (pc->options.bios)
		return load_bios(pc, err);
	if (!pc->options.rom)
		return 0;
	pc->rom_size = pc->options.rom_size;
	ret = map_host(&pc->rom_host, pc->rom_size);
	if (ret)
		return error_set(err, ret, "firmware: %s", strerror(-ret));
	memcpy(pc->rom_host, pc->options.rom, pc->rom_size);
	return 0;
}

static void place_ram(struct pc *pc, struct mem_region *root)
{
	uint64_t size = pc->options.ram;
	uint64_t below = size < PC_BELOW_4G ? size : PC_BELOW_4G;

	mem_region_init_ram(&pc->ram, "ram", pc->ram_host, size - 1);
	mem_region_init_alias(&pc->ram_low, "ram-low", &pc->ram, 0, HOLE - 1);
	mem_region_add(root, &pc->ram_low, 0, 0);
	if (below > HOLE_END) {
		mem_region_init_alias(&pc->ram_middle, "ram-middle", &pc->ram, HOLE_END,
				      below - HOLE_END - 1);
		mem_region_add(root, &pc->ram_middle, HOLE_END, 0);
	}
	if (size > below) {
		mem_region_init_alias(&pc->ram_high, "ram-high", &pc->ram, below, size - below - 1);
		mem_region_add(root, &pc->ram_high, GIB(4), 0);
	}
}

static void place_rom(struct pc *pc, struct mem_region *root)
{
	uint64_t isa = pc->rom_size < ROM_ISA_MAX ? pc->rom_size : ROM_ISA_MAX;

	if (!pc->rom_host)
		return;
	mem_region_init_rom(&pc->rom, "rom", pc->rom_host, pc->rom_size - 1);
	mem_region_add(root, &pc->rom, GIB(4) - pc->rom_size, 0);
	mem_region_init_alias(&pc->rom_isa, "rom-isa", &pc->rom, pc->rom_size - isa, isa - 1);
	mem_region_add(root, &pc->rom_isa, HOLE_END - isa, 0);
}

int pc_memory_init(struct pc *pc, struct error *err)
{
	struct mem_region *root = &pc->machine.map.root[MEM_SPACE_MEMORY];
	int ret = map_ram(pc, err);

	if (ret)
		return ret;
	ret = load_rom(pc, err);
	if (ret) {
		pc_memory_destroy(pc);
		return ret;
	}
	place_ram(pc, root);
	place_rom(pc, root);
	mem_region_init_container(&pc->pci_memory, "pci", UINT64_MAX);
	mem_region_add(root, &pc->pci_memory, 0, -1);
	return 0;
}

void pc_memory_destroy(struct pc *pc)
{
	if (pc->ram_host)
		munmap(pc->ram_host, pc->options.ram);
	if (pc->rom_host)
		munmap(pc->rom_host, pc->rom_size);
	pc->ram_host = pc->rom_host = NULL;
}
