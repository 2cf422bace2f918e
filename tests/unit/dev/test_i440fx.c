// SPDX-License-Identifier: MIT
#include "pc_rig.h"

#include "dev/i440fx.h"

struct machine {
	struct rig rig;
	struct i440fx bridge;
	struct mem_region rom;
	uint8_t *rom_host;
	uint8_t control; /* the register at 0xcf9 */
	unsigned control_writes;
};

static uint8_t control_read(void *arg)
{
	return ((struct machine *)arg)->control;
}

static void control_write(void *arg, uint8_t value)
{
	struct machine *machine = arg;

	machine->control = value;
	machine->control_writes++;
}

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct rig *rig = &machine->rig;

	rig_init(rig);
	machine->rom_host = aligned_alloc(4096, 0x20000);
	memset(machine->rom_host, 0x90, 0x20000);
	mem_region_init_rom(&machine->rom, "rom", machine->rom_host, 0x1ffff);
	mem_region_add(&rig->map.root[MEM_SPACE_MEMORY], &machine->rom, 0xe0000, 0);
	i440fx_init(&machine->bridge, &rig->bus,
		    &(struct i440fx_options){
			    .memory = &rig->map.root[MEM_SPACE_MEMORY],
			    .ram = &rig->ram,
			    .reset_control = { control_read, control_write, machine },
		    });
	rig_publish(rig);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	struct machine *machine = *state;

	rig_destroy(&machine->rig);
	free(machine->rom_host);
	free(machine);
	return 0;
}

static void test_identity(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	rig_out(rig, 0xcf8, 0x80000000, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x12378086);
	rig_out(rig, 0xcf8, 0x80000008, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x06000002);
	rig_out(rig, 0xcf8, 0x8000002c, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x11001af4);
	rig_out(rig, 0xcf8, 0x80000004, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x02800006);
	rig_out(rig, 0xcf8, 0x80000070, 4);
	assert_int_equal(rig_in(rig, 0xcfe, 1), 0x02); /* SMRAM */
}

static void test_address(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	/* Reserved bits read as 0; a kernel's probe for this mechanism. */
	rig_out(rig, 0xcfb, 0x01, 1);
	rig_out(rig, 0xcf8, 0xffffffff, 4);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0x80fffffc);
	rig_out(rig, 0xcf8, 0x80000000, 4);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0x80000000);

	/* The lowest bits choose a byte if the port does not. */
	rig_out(rig, 0xcf8, 0x80000002, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 2), 0x1237);
	assert_int_equal(rig_in(rig, 0xcfe, 2), 0x1237);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x12378086);
	rig_out(rig, 0xcf8, 0x80000003, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 1), 0x12);
	assert_int_equal(rig_in(rig, 0xcfc, 2), 0x1237);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0x80000000);
	rig_out(rig, 0xcf8, 0x80000000, 4);

	/* Narrower accesses are no accesses to it. */
	rig_out(rig, 0xcf8, 0x55, 1);
	rig_out(rig, 0xcf8, 0x5555, 2);
	rig_out(rig, 0xcfa, 0x5555, 2);
	rig_out(rig, 0xcfb, 0x55, 1);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0x80000000);
	assert_int_equal(rig_in(rig, 0xcf8, 1), 0xff);
	assert_int_equal(rig_in(rig, 0xcf8, 2), 0xffff);
	assert_int_equal(rig_in(rig, 0xcfa, 2), 0xffff);
	assert_int_equal(rig_in(rig, 0xcfb, 1), 0xff);
	assert_int_equal(machine->control_writes, 0);
}

static void test_reset_control(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	rig_out(rig, 0xcf8, 0x80000604, 4); /* bits that would reset, were it bytes */
	assert_int_equal(machine->control_writes, 0);
	rig_out(rig, 0xcf9, 0x06, 1);
	assert_int_equal(machine->control_writes, 1);
	assert_int_equal(machine->control, 0x06);
	assert_int_equal(rig_in(rig, 0xcf9, 1), 0x06);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0x80000604);
}

static void test_one_zone(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;
	struct mem_view *view = mem_map_view(&rig->map, MEM_SPACE_PORT);

	assert_int_equal(view->waits_n, 1);
	assert_int_equal(view->waits[0].range.first, 0xcf8);
	assert_int_equal(view->waits[0].range.last, 0xcfb);
	assert_int_equal(view->waits[0].wait, 20 * NS_PER_MS);
	mem_view_unref(view);
}

static void test_data(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	rig_out(rig, 0xcf8, 0x80000058, 4);
	assert_int_equal(rig_in(rig, 0xcfc, 1), 0x10);
	rig_out(rig, 0xcfd, 0x33, 1); /* PAM0 */
	rig_out(rig, 0xcfe, 0xffff, 2);
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0x33333010);
	assert_int_equal(rig_in(rig, 0xcfd, 2), 0x3330); /* unaligned: two bytes */
	assert_int_equal(rig_in(rig, 0xcfe, 2), 0x3333);

	rig_out(rig, 0xcf8, 0x00000000, 4); /* not enabled */
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0xffffffff);
	rig_out(rig, 0xcf8, 0x80010000, 4); /* bus 1 */
	assert_int_equal(rig_in(rig, 0xcfc, 4), 0xffffffff);
	rig_out(rig, 0xcfc, 0, 4);
	rig_out(rig, 0xcf8, 0x80002000, 4); /* nothing at device 4 */
	assert_int_equal(rig_in(rig, 0xcfc, 2), 0xffff);
}

/*
 *	0xc0000          0xe0000          0xf0000        0xfffff
 *	|12 parts of 16 KiB, PAM1-PAM6    | PAM0, 64 KiB |
 *	 nothing below   | ROM below                     |
 */
static void test_pam(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	for (unsigned part = 1; part <= I440FX_PAM_PARTS; part++) {
		unsigned at = I440FX_PAM + part / 2, shift = 4 * (part & 1);
		uint32_t first = part == 1 ? 0xf0000 : 0xc0000 + (part - 2) * 0x4000;
		uint32_t last = first + (part == 1 ? 0xffff : 0x3fff);
		uint64_t below = first >= 0xe0000 ? 0x90 : 0xff;
		uint8_t old = (uint8_t)rig_config_read(rig, 0, at, 1);

		for (uint32_t addr = first; addr <= last; addr += last - first) {
			memset(rig->host + first, 0, last - first + 1);
			assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, addr, 1), below);
			rig_write(rig, MEM_SPACE_MEMORY, addr, 0x11, 1);
			assert_int_equal(rig->host[addr], 0);

			rig_config_write(rig, 0, at, old | 3u << shift, 1); /* RAM */
			assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, addr, 1), 0);
			rig_write(rig, MEM_SPACE_MEMORY, addr, 0x22, 1);
			assert_int_equal(rig->host[addr], 0x22);

			rig_config_write(rig, 0, at, old | 1u << shift, 1); /* read only */
			rig_write(rig, MEM_SPACE_MEMORY, addr, 0x33, 1);
			assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, addr, 1), 0x22);

			rig_config_write(rig, 0, at, old | 2u << shift, 1); /* write only */
			assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, addr, 1), below);
			rig_config_write(rig, 0, at, old, 1);
			assert_int_equal(rig_read(rig, MEM_SPACE_MEMORY, addr, 1), below);
		}
		/* The neighbours did not move: the next part is still as it was. */
		rig_config_write(rig, 0, at, old | 3u << shift, 1);
		assert_ptr_not_equal(rig_region(rig, MEM_SPACE_MEMORY, first - 1), &rig->ram);
		if (last < 0xfffff)
			assert_ptr_not_equal(rig_region(rig, MEM_SPACE_MEMORY, last + 1),
					     &rig->ram);
		rig_config_write(rig, 0, at, old, 1);
	}
}

static void test_pam_at_once(void **state)
{
	struct machine *machine = *state;
	struct rig *rig = &machine->rig;

	rig_out(rig, 0xcf8, 0x80000058, 4);
	rig_out(rig, 0xcfc, 0x33333310, 4);
	rig_out(rig, 0xcf8, 0x8000005c, 4);
	rig_out(rig, 0xcfc, 0x33333333, 4);
	for (uint32_t addr = 0xc0000; addr <= 0xfffff; addr += 0x4000)
		assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, addr), &rig->ram);
	pci_all_reset(&rig->bus);
	i440fx_reset(&machine->bridge);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xc0000));
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xfffff), &machine->rom);
	assert_int_equal(rig_in(rig, 0xcf8, 4), 0);
}

static void test_smram(void **state)
{
	struct rig *rig = &((struct machine *)*state)->rig;

	rig_config_write(rig, 0, I440FX_SMRAM, 0x48, 1);
	assert_int_equal(rig_config_read(rig, 0, I440FX_SMRAM, 1), 0x4a);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xa0000), &rig->ram);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xbffff), &rig->ram);
	rig_config_write(rig, 0, I440FX_SMRAM, 0x58, 1); /* locked: closed, and stays so */
	assert_int_equal(rig_config_read(rig, 0, I440FX_SMRAM, 1), 0x1a);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xa0000));
	rig_config_write(rig, 0, I440FX_SMRAM, 0x48, 1);
	assert_int_equal(rig_config_read(rig, 0, I440FX_SMRAM, 1), 0x1a);
	pci_all_reset(&rig->bus);
	rig_config_write(rig, 0, I440FX_SMRAM, 0x48, 1);
	assert_int_equal(rig_config_read(rig, 0, I440FX_SMRAM, 1), 0x4a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_zone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pam, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pam_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smram, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
