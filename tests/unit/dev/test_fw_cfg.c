// SPDX-License-Identifier: MIT
#include "pc_rig.h"

#include <errno.h>
#include <stdio.h>

#include "../mem/shadow.h"
#include "base/bytes.h"
#include "dev/fw_cfg.h"

#define SELECTOR 0x510
#define DATA     0x511
#define DMA_HIGH 0x514
#define DMA_LOW  0x518

#define COMMAND 0x1000 /* where the tests put a DMA command */
#define BUFFER  0x2000

struct machine {
	struct rig rig;
	struct fw_cfg fw_cfg;
	struct mem_region rom, chip;
	uint8_t *rom_host;
};

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct rig *rig = &machine->rig;

	rig_init(rig);
	fw_cfg_init(&machine->fw_cfg, &rig->map, &rig->map.root[MEM_SPACE_PORT]);
	machine->rom_host = aligned_alloc(4096, 4096);
	memset(machine->rom_host, 0, 4096);
	mem_region_init_rom(&machine->rom, "rom", machine->rom_host, 4095);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &machine->rom, 0xf0000000, 0);
	mem_region_init_io(&machine->chip, "chip", 4095, NULL, 0, NULL, &machine->fw_cfg.lock);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &machine->chip, 0xf0001000, 0);
	rig_publish(rig);
	assert_int_equal(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_RAM_SIZE, 0x123456789a, 8), 0);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	struct machine *machine = *state;

	fw_cfg_destroy(&machine->fw_cfg);
	rig_destroy(&machine->rig);
	free(machine->rom_host);
	free(machine);
	return 0;
}

static void read_item(struct rig *rig, unsigned key, void *out, size_t len)
{
	rig_out(rig, SELECTOR, key, 2);
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rig_in(rig, DATA, 1);
}

static void test_items(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	uint8_t bytes[12];

	read_item(rig, FW_CFG_SIGNATURE, bytes, 6);
	assert_memory_equal(bytes, "QEMU\0\0", 6); /* zeros behind the end */
	read_item(rig, FW_CFG_ID, bytes, 4);
	assert_int_equal(le32_get(bytes), 3);
	read_item(rig, FW_CFG_RAM_SIZE, bytes, 8);
	assert_int_equal(le64_get(bytes), 0x123456789a);
	read_item(rig, FW_CFG_RAM_SIZE | 0x4000, bytes, 8);
	assert_int_equal(le64_get(bytes), 0x123456789a);
	assert_int_equal(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1, 4), 0);
	read_item(rig, FW_CFG_IRQ0_OVERRIDE, bytes, 4);
	assert_int_equal(le32_get(bytes), 1);
	memset(bytes, 1, sizeof(bytes));
	for (unsigned key = 0x1a; key <= 0xffff; key += 0x1f3) {
		read_item(rig, key, bytes, 2);
		assert_int_equal(le16_get(bytes), 0);
	}
	assert_int_equal(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_FILE_FIRST, 1, 2), -EINVAL);
	assert_int_equal(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_FILE_DIR, 1, 2), -EINVAL);
	assert_int_equal(fw_cfg_add_int(&machine->fw_cfg, FW_CFG_ARCH + 0x20, 1, 2), -EINVAL);
}

static void test_widths(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	rig_out(rig, SELECTOR, FW_CFG_SIGNATURE, 2);
	assert_int_equal(rig_in(rig, SELECTOR, 1), 'Q'); /* both bytes are the data port */
	assert_int_equal(rig_in(rig, DATA, 1), 'E');
	assert_int_equal(rig_in(rig, SELECTOR, 2), 0);
	assert_int_equal(rig_in(rig, DATA, 1), 'M');
	rig_out(rig, DATA, 0x01, 1); /* writes to data, or bytes to the selector: nothing */
	rig_out(rig, SELECTOR, 0x01, 1);
	assert_int_equal(rig_in(rig, DATA, 1), 'U');
	fw_cfg_reset(&machine->fw_cfg);
	assert_int_equal(rig_in(rig, DATA, 1), 'Q');
}

static void test_zone(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	assert_int_equal(view->waits_n, 1);
	assert_int_equal(view->waits[0].range.first, 0x510);
	assert_int_equal(view->waits[0].range.last, 0x511);
	assert_true(view->waits[0].wait == MEM_LATCH);
	mem_view_unref(view);
}

static void test_files(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	struct fw_cfg *fw_cfg = &machine->fw_cfg;
	char name[FW_CFG_NAME_MAX + 2];
	uint8_t directory[4 + 64 * 3], bytes[8];

	assert_int_equal(fw_cfg_add_file(fw_cfg, "opt/b", "bbb", 3), 0);
	assert_int_equal(fw_cfg_add_file(fw_cfg, "etc/a", "aa", 2), 0);
	assert_int_equal(fw_cfg_add_file(fw_cfg, "opt/c", "", 0), 0);
	read_item(rig, FW_CFG_FILE_DIR, directory, sizeof(directory));
	assert_int_equal(be32_get(directory), 3);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = { "etc/a", "opt/b", "opt/c" };
		const uint8_t *entry = directory + 4 + 64 * i;

		assert_string_equal((const char *)entry + 8, names[i]);
		assert_int_equal(be32_get(entry), (i + 2) % 4 == 0 ? 0 : i + 2);
		assert_int_equal(be16_get(entry + 4), FW_CFG_FILE_FIRST + i);
		assert_int_equal(be16_get(entry + 6), 0);
	}
	read_item(rig, FW_CFG_FILE_FIRST + 1, bytes, 4);
	assert_memory_equal(bytes, "bbb\0", 4);
	assert_int_equal(fw_cfg_find(fw_cfg, "etc/a")->len, 2);
	assert_null(fw_cfg_find(fw_cfg, "etc/b"));

	assert_int_equal(fw_cfg_add_file(fw_cfg, "opt/b", "x", 1), -EEXIST);
	assert_int_equal(fw_cfg_add_file(fw_cfg, "", "x", 1), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[FW_CFG_NAME_MAX + 1] = '\0';
	assert_int_equal(fw_cfg_add_file(fw_cfg, name, "x", 1), -ENAMETOOLONG);
	name[FW_CFG_NAME_MAX] = '\0';
	assert_int_equal(fw_cfg_add_file(fw_cfg, name, "x", 1), 0);
	for (unsigned i = 4; i < FW_CFG_FILES; i++) {
		snprintf(name, sizeof(name), "more/%u", i);
		assert_int_equal(fw_cfg_add_file(fw_cfg, name, name, 6), 0);
	}
	assert_int_equal(fw_cfg_add_file(fw_cfg, "one too many", "x", 1), -ENOSPC);
	read_item(rig, FW_CFG_FILE_FIRST + FW_CFG_FILES, bytes, 1);
	assert_int_equal(bytes[0], 0);
}

/* Starts a command and returns what is in its control word afterwards. */
static uint32_t dma(struct rig *rig, uint64_t at, uint32_t control, uint32_t len, uint64_t addr)
{
	uint8_t command[16];
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_MEMORY);

	be32_put(command, control);
	be32_put(command + 4, len);
	be64_put(command + 8, addr);
	mem_view_write_bytes(view, at, command, sizeof(command));
	if (at >> 32)
		rig_out(rig, DMA_HIGH, __builtin_bswap32((uint32_t)(at >> 32)), 4);
	rig_out(rig, DMA_LOW, __builtin_bswap32((uint32_t)at), 4);
	mem_view_read_bytes(view, at, command, 4);
	mem_view_unref(view);
	return be32_get(command);
}

static void test_dma_port(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	assert_int_equal(rig_in(rig, DMA_HIGH, 4), 0x554d4551); /* "QEMU" in memory order */
	assert_int_equal(rig_in(rig, DMA_LOW, 4), 0x47464320);
	assert_int_equal(rig_in(rig, DMA_LOW + 1, 1), 'C');
	assert_int_equal(rig_in(rig, DMA_LOW + 2, 2), 'F' | 'G' << 8);
	rig_out(rig, DMA_LOW, 0xff, 1);
}

static void test_dma(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	uint8_t *buffer = rig->host + BUFFER;

	assert_int_equal(fw_cfg_add_file(&machine->fw_cfg, "f", "0123456789", 10), 0);
	memset(buffer, 0xee, 32);
	assert_int_equal(dma(rig, COMMAND, 0x20 << 16 | 0x0a, 4, BUFFER), 0);
	assert_memory_equal(buffer, "0123\xee", 5);
	assert_int_equal(dma(rig, COMMAND, 0x04, 3, 0), 0);
	assert_int_equal(rig_in(rig, DATA, 1), '7');
	assert_int_equal(dma(rig, COMMAND, 0x02, 8, BUFFER), 0); /* to the end and on */
	assert_memory_equal(buffer, "89\0\0\0\0\0\0\xee", 9);
	assert_int_equal(dma(rig, COMMAND, 0x04, 0xffffffff, 0), 0);
	assert_int_equal(dma(rig, COMMAND, 0x02, 9, BUFFER), 0);
	assert_memory_equal(buffer, "\0\0\0\0\0\0\0\0\0\xee", 10);
	assert_int_equal(dma(rig, COMMAND, 0x20 << 16 | 0x08, 5, BUFFER), 0); /* select only */
	assert_int_equal(rig_in(rig, DATA, 1), '0');

	/* Nothing can be written, not even where it would fit. */
	assert_int_equal(dma(rig, COMMAND, 0x20 << 16 | 0x18, 10, BUFFER), 1);
	assert_int_equal(dma(rig, COMMAND, 0x7777 << 16 | 0x18, 1, BUFFER), 1);
	assert_int_equal(dma(rig, COMMAND, 0x20 << 16 | 0x0a, 10, BUFFER), 0);
	assert_memory_equal(buffer, "0123456789", 10);
}

static void test_dma_high(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	struct mem_region alias;

	mem_region_init_alias(&alias, "above", &rig->ram, 0, RIG_RAM - 1);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &alias, UINT64_C(5) << 32, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(
		dma(rig, (UINT64_C(5) << 32) + COMMAND, 0x0a, 4, (UINT64_C(5) << 32) + BUFFER), 0);
	assert_memory_equal(rig->host + BUFFER, "QEMU", 4);
	/* The upper half is forgotten afterwards. */
	rig->host[BUFFER] = 0;
	assert_int_equal(dma(rig, COMMAND, 0x0a, 4, BUFFER), 0);
	assert_memory_equal(rig->host + BUFFER, "QEMU", 4);
	mem_map_begin(&rig->map);
	mem_region_remove(&alias);
	assert_int_equal(mem_map_commit(&rig->map), 0);
}

static void test_dma_hostile(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	const uint32_t read = 0x0a;

	/* Data to nowhere, to ROM, to a chip, across the end of RAM and of the address space. */
	assert_int_equal(dma(rig, COMMAND, read, 4, 0x80000000), 1);
	assert_int_equal(dma(rig, COMMAND, read, 4, 0xf0000000), 1);
	assert_int_equal(dma(rig, COMMAND, read, 4, 0xf0001000), 1);
	assert_int_equal(dma(rig, COMMAND, read, 4, RIG_RAM - 2), 1);
	assert_int_equal(dma(rig, COMMAND, read, 4, UINT64_MAX - 1), 1);
	assert_int_equal(dma(rig, COMMAND, read, 0xffffffff, BUFFER), 1);
	assert_int_equal(dma(rig, COMMAND, read, 0xffffffff, UINT64_MAX), 1);
	/* The command itself: nowhere; in ROM (read, but the answer is lost); half of it in RAM. */
	rig_out(rig, DMA_HIGH, 0xffffffff, 4);
	rig_out(rig, DMA_LOW, 0xffffffff, 4);
	rig_out(rig, DMA_LOW, __builtin_bswap32(0xf0001000), 4);
	be32_put(machine->rom_host, read);
	be32_put(machine->rom_host + 4, 4);
	be64_put(machine->rom_host + 8, BUFFER);
	rig_out(rig, DMA_LOW, __builtin_bswap32(0xf0000000), 4);
	assert_memory_equal(rig->host + BUFFER, "QEMU", 4);
	assert_int_equal(be32_get(machine->rom_host), read);
	rig_out(rig, DMA_LOW, __builtin_bswap32(RIG_RAM - 8), 4);
	assert_int_equal(be32_get(rig->host + RIG_RAM - 8), 1);
}

/* Zeros are handed out up to a bound, however much memory there is. */
static void test_dma_fill(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	const uint32_t size = FW_CFG_FILL_MAX + (1 << 20);
	uint8_t *host = aligned_alloc(4096, size);
	struct mem_region big;

	assert_non_null(host);
	mem_region_init_ram(&big, "big", host, size - 1);
	mem_map_begin(&rig->map);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &big, 0x10000000, 0);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	assert_int_equal(dma(rig, COMMAND, 0x0a, 4 + FW_CFG_FILL_MAX, 0x10000000), 0);
	assert_int_equal(dma(rig, COMMAND, 0x0a, 5 + FW_CFG_FILL_MAX, 0x10000000), 1);
	mem_map_begin(&rig->map);
	mem_region_remove(&big);
	assert_int_equal(mem_map_commit(&rig->map), 0);
	free(host);
}

/* All that it writes it says that it wrote: data, zeros behind it, the answer. */
static void test_dma_is_told(void **state)
{
	static const struct {
		uint32_t control, len;
		uint64_t addr;
	} commands[] = {
		{ 0x0a, 4, BUFFER },
		{ 0x0a, 9000, 0xa0000 - 2 }, /* RAM ends: an error */
		{ 0x20 << 16 | 0x0a, 10, BUFFER + 100 },
		{ 0x20 << 16 | 0x0a, 5000, BUFFER + 1000 }, /* to the end and on */
		{ 0x04, 3, 0 },
		{ 0x10, 1, BUFFER },
	};
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	struct shadow shadow;

	assert_int_equal(fw_cfg_add_file(&machine->fw_cfg, "f", "0123456789", 10), 0);
	memset(rig->host, 0xee, RIG_RAM);
	shadow_begin(&shadow, &rig->map, rig->host, RIG_RAM);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		(void)dma(rig, COMMAND, commands[i].control, commands[i].len, commands[i].addr);
		shadow_check(&shadow);
	}
	/* The command itself is at the end of RAM. */
	(void)dma(rig, RIG_RAM - 4, 0x0a, 4, BUFFER);
	shadow_end(&shadow);
	assert_int_equal(rig->host[BUFFER], 'Q');
	assert_int_equal(rig->host[BUFFER + 1010], 0);
}

static void test_restore(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;
	uint8_t saved[32];

	assert_true(state_size(&fw_cfg_state) <= sizeof(saved));
	rig_out(rig, SELECTOR, FW_CFG_SIGNATURE, 2);
	rig_in(rig, DATA, 1);
	state_save(&fw_cfg_state, &machine->fw_cfg, saved);
	rig_out(rig, SELECTOR, FW_CFG_RAM_SIZE, 2);
	state_restore(&fw_cfg_state, &machine->fw_cfg, saved);
	assert_int_equal(rig_in(rig, DATA, 1), 'E');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_high, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_fill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
