// SPDX-License-Identifier: MIT
/*
 * The firmware configuration device under a guest that means ill: any port access, any DMA command
 * at any address. Whatever is asked, memory outside of RAM is not touched, read-only memory does
 * not change, and a command that stands in RAM is answered with success or the error bit.
 *
 * Input: operations of 1 byte (what) and up to 24 bytes of arguments.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/fw_cfg.h"

#define OPERATIONS_MAX 200
#define RAM_SIZE       0x10000
#define ROM_AT         UINT64_C(0xffff0000)
#define HIGH_AT        (UINT64_C(1) << 32)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint8_t ram_host[RAM_SIZE], rom_host[4096];

struct machine {
	struct mem_map map;
	struct fw_cfg fw_cfg;
	struct mem_region ram, rom, high, chip;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

/*
 *	0      64 KiB          ROM_AT  +4 KiB          HIGH_AT  +4 KiB  +8 KiB
 *	| ram  |  nothing      | rom   |  nothing      | ram    | chip   |
 */
static void make(struct machine *machine)
{
	struct mem_region *memory = &machine->map.root[MEM_SPACE_MEMORY];

	check(mem_map_init(&machine->map) == 0);
	fw_cfg_init(&machine->fw_cfg, &machine->map, &machine->map.root[MEM_SPACE_PORT]);
	check(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_NB_CPUS, 1, 2) == 0);
	check(fw_cfg_add_file(&machine->fw_cfg, "opt/short", "0123456789", 10) == 0);
	check(fw_cfg_add_file(&machine->fw_cfg, "opt/long", ram_host, 5000) == 0);
	check(fw_cfg_add_file(&machine->fw_cfg, "opt/empty", "", 0) == 0);
	memset(ram_host, 0, sizeof(ram_host));
	memset(rom_host, 0x90, sizeof(rom_host));
	mem_region_init_ram(&machine->ram, "ram", ram_host, RAM_SIZE - 1);
	mem_region_init_rom(&machine->rom, "rom", rom_host, 4095);
	mem_region_init_alias(&machine->high, "high", &machine->ram, 0x8000, 4095);
	mem_region_init_io(&machine->chip, "chip", 4095, NULL, 0, NULL, &machine->fw_cfg.lock);
	mem_region_add(memory, &machine->ram, 0, 0);
	mem_region_add(memory, &machine->rom, ROM_AT, 0);
	mem_region_add(memory, &machine->high, HIGH_AT, 0);
	mem_region_add(memory, &machine->chip, HIGH_AT + 4096, 0);
	mem_map_begin(&machine->map);
	check(mem_map_commit(&machine->map) == 0);
}

static void out(struct mem_view *ports, unsigned port, uint32_t value, unsigned width)
{
	mem_view_write(ports, port, value, width);
}

/* A whole command: placed at op[0..7], with op[8..23] as its words. */
static void command(struct machine *machine, struct mem_view *ports, const uint8_t *op)
{
	struct mem_view *memory = mem_map_view(&machine->map, MEM_SPACE_MEMORY);
	uint64_t at = le64_get(op), len = 4;
	bool in_ram;

	/* Most of them where something can happen. */
	if (!(op[7] & 0x80))
		at &= 0xffff;
	in_ram = mem_view_map(memory, at, &len, true) && len == 4;
	mem_view_write_bytes(memory, at, op + 8, 16);
	out(ports, 0x514, __builtin_bswap32((uint32_t)(at >> 32)), 4);
	out(ports, 0x518, __builtin_bswap32((uint32_t)at), 4);
	if (in_ram) {
		uint64_t addr = be64_get(op + 16), size = be32_get(op + 12);
		uint8_t answer[4];

		check(mem_view_read_bytes(memory, at, answer, sizeof(answer)));
		check(be32_get(answer) <= 1);
		/* Success says that all of it could be written. */
		if (be32_get(answer) == 0 && (be32_get(op + 8) & 2) && size)
			check(size <= RAM_SIZE && addr <= UINT64_MAX - size);
	}
	mem_view_unref(memory);
}

static size_t operate(struct machine *machine, const uint8_t *op, size_t size)
{
	struct mem_view *ports = mem_map_view(&machine->map, MEM_SPACE_PORT);
	unsigned width = 1u << (op[0] >> 4 & 3);
	size_t took = 1;

	switch (op[0] & 7) {
	case 0:
	case 1:
		if (size < 25)
			break;
		command(machine, ports, op + 1);
		took = 25;
		break;
	case 2:
		if (size < 3)
			break;
		out(ports, 0x510, le16_get(op + 1), 2);
		took = 3;
		break;
	case 3:
		mem_view_read(ports, 0x511, 1);
		break;
	case 4:
		if (size < 6)
			break;
		out(ports, 0x510 + op[1] % 14, le32_get(op + 2), width);
		took = 6;
		break;
	case 5:
		if (size < 2)
			break;
		mem_view_read(ports, 0x50e + op[1] % 16, width);
		took = 2;
		break;
	case 6:
		fw_cfg_reset(&machine->fw_cfg);
		break;
	default:
		break;
	}
	mem_view_unref(ports);
	return took;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct mem_view *ports;

	check(machine);
	make(machine);
	for (unsigned i = 0; i < OPERATIONS_MAX && size; i++) {
		size_t took = operate(machine, data, size);

		data += took;
		size -= took;
	}
	for (size_t i = 0; i < sizeof(rom_host); i++)
		check(rom_host[i] == 0x90);
	/* It still works. */
	ports = mem_map_view(&machine->map, MEM_SPACE_PORT);
	out(ports, 0x510, FW_CFG_SIGNATURE, 2);
	check(mem_view_read(ports, 0x511, 1) == 'Q');
	mem_view_unref(ports);
	fw_cfg_destroy(&machine->fw_cfg);
	mem_map_destroy(&machine->map);
	free(machine);
	return 0;
}
