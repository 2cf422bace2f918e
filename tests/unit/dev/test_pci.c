// SPDX-License-Identifier: MIT
#include "pc_rig.h"

#include <errno.h>

#define DEVFN PCI_DEVFN(5, 0)
#define OTHER PCI_DEVFN(5, 1)

static const struct pci_id id = {
	.vendor = 0x1234,
	.device = 0x5678,
	.subsystem_vendor = 0xabcd,
	.subsystem = 0xef01,
	.revision = 7,
	.prog_if = 1,
	.subclass = 2,
	.class_code = 3,
	.interrupt_pin = 1,
};

struct card {
	struct rig rig;
	struct pci_function function, other;
	struct mem_region port, mem32, mem64;
	unsigned written_at, written_width, writes, replaced;
};

static void on_written(void *chip, unsigned offset, unsigned width)
{
	struct card *card = chip;

	card->written_at = offset;
	card->written_width = width;
	card->writes++;
}

static bool on_read(void *chip, unsigned offset, unsigned width, uint32_t *value)
{
	*value = 0xfeedc0de;
	return offset == 0xf0;
}

static void on_replaced(void *chip)
{
	((struct card *)chip)->replaced++;
}

static int setup(void **state)
{
	struct card *card = calloc(1, sizeof(*card));

	rig_init(&card->rig);
	mem_region_init_io(&card->port, "port", 31, NULL, 0, card, NULL);
	mem_region_init_io(&card->mem32, "mem32", 0xfff, NULL, 0, card, NULL);
	mem_region_init_io(&card->mem64, "mem64", 0x3fff, NULL, 0, card, NULL);
	pci_function_init(&card->function, &card->rig.bus, DEVFN, "card", &id, card);
	pci_function_init(&card->other, &card->rig.bus, OTHER, "other", &id, card);
	pci_bar_init(&card->function, 0, PCI_BAR_PORT, 32, &card->port);
	pci_bar_init(&card->function, 1, PCI_BAR_MEM32, 0x1000, &card->mem32);
	pci_bar_init(&card->function, 4, PCI_BAR_MEM64, 0x4000, &card->mem64);
	pci_function_add(&card->function);
	pci_function_add(&card->other);
	card->function.config_written = on_written;
	card->function.config_read = on_read;
	card->function.config_replaced = on_replaced;
	rig_publish(&card->rig);
	*state = card;
	return 0;
}

static int teardown(void **state)
{
	struct card *card = *state;

	rig_destroy(&card->rig);
	free(card);
	return 0;
}

static uint32_t get(struct card *card, unsigned offset, unsigned width)
{
	return rig_config_read(&card->rig, DEVFN, offset, width);
}

static void put(struct card *card, unsigned offset, uint32_t value, unsigned width)
{
	rig_config_write(&card->rig, DEVFN, offset, value, width);
}

static void test_absent(void **state)
{
	struct rig *rig = &((struct card *)*state)->rig;

	assert_int_equal(rig_config_read(rig, PCI_DEVFN(6, 0), 0, 4), 0xffffffff);
	assert_int_equal(rig_config_read(rig, PCI_DEVFN(6, 0), 0, 2), 0xffff);
	assert_int_equal(rig_config_read(rig, PCI_DEVFN(6, 0), 3, 1), 0xff);
	rig_config_write(rig, PCI_DEVFN(6, 0), 4, 0xffff, 2);
}

static void test_header(void **state)
{
	struct card *card = *state;

	assert_int_equal(get(card, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(get(card, PCI_REVISION, 4), 0x03020107);
	assert_int_equal(get(card, PCI_SUBSYSTEM_VENDOR, 4), 0xef01abcd);
	assert_int_equal(get(card, PCI_INTERRUPT_PIN, 1), 1);
	put(card, PCI_VENDOR_ID, 0, 4);
	assert_int_equal(get(card, PCI_VENDOR_ID, 2), 0x1234);
	put(card, PCI_INTERRUPT_LINE, 0xff0b, 2);
	assert_int_equal(get(card, PCI_INTERRUPT_LINE, 2), 0x010b);
	put(card, PCI_COMMAND, 0xffff, 2);
	assert_int_equal(get(card, PCI_COMMAND, 2), 0x0507);
	assert_int_equal(get(card, 0xf0, 4), 0xfeedc0de);
	assert_int_equal(get(card, 0xf0, 1), 0xde);
}

static void test_write_one_clears(void **state)
{
	struct card *card = *state;

	card->function.config[PCI_STATUS + 1] = 0xf9;
	put(card, PCI_STATUS, 0x2800, 2);
	assert_int_equal(get(card, PCI_STATUS, 2), 0xd100);
	put(card, PCI_COMMAND, 0xffff0000, 4); /* both registers at once */
	assert_int_equal(get(card, PCI_STATUS, 2), 0);
}

static void test_hook(void **state)
{
	struct card *card = *state;

	put(card, PCI_LATENCY, 1, 1);
	assert_int_equal(card->written_at, PCI_LATENCY);
	assert_int_equal(card->written_width, 1);
	assert_int_equal(card->writes, 1);
	pci_all_reset(&card->rig.bus);
	assert_int_equal(card->replaced, 1);
	assert_int_equal(card->writes, 1);
}

static void test_sizing(void **state)
{
	struct card *card = *state;

	for (unsigned i = 0; i < PCI_BARS; i++)
		put(card, PCI_BAR(i), 0xffffffff, 4);
	assert_int_equal(get(card, PCI_BAR(0), 4), 0xffffffe1);
	assert_int_equal(get(card, PCI_BAR(1), 4), 0xfffff000);
	assert_int_equal(get(card, PCI_BAR(2), 4), 0);
	assert_int_equal(get(card, PCI_BAR(4), 4), 0xffffc004);
	assert_int_equal(get(card, PCI_BAR(5), 4), 0xffffffff);
}

static void test_places(void **state)
{
	struct card *card = *state;
	struct rig *rig = &card->rig;

	put(card, PCI_BAR(0), 0xc000, 4);
	put(card, PCI_BAR(1), 0xfe000000, 4);
	put(card, PCI_BAR(4), 0x4000, 4);
	put(card, PCI_BAR(5), 0x80, 4);
	assert_null(rig_region(rig, MEM_SPACE_PORT, 0xc000));
	put(card, PCI_COMMAND, PCI_COMMAND_IO, 2);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, 0xc000), &card->port);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, 0xc01f), &card->port);
	assert_null(rig_region(rig, MEM_SPACE_PORT, 0xc020));
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000000));
	put(card, PCI_COMMAND, PCI_COMMAND_MEMORY, 1);
	assert_null(rig_region(rig, MEM_SPACE_PORT, 0xc000));
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000fff), &card->mem32);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0x8000004000), &card->mem64);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0x8000007fff), &card->mem64);

	/* A move by one byte of the address. */
	put(card, PCI_BAR(1) + 3, 0xfd, 1);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000000));
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xfd000000), &card->mem32);

	/* Sized while enabled: neither place shows it, nor RAM's. */
	put(card, PCI_BAR(1), 0xffffffff, 4);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xfffff000));
	put(card, PCI_BAR(1), 0, 4);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0), &rig->ram);
	put(card, PCI_BAR(4), 0xffffffff, 4);
	put(card, PCI_BAR(5), 0xffffffff, 4);
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, UINT64_MAX));
	put(card, PCI_BAR(1), 0xfe000000, 4);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000000), &card->mem32);

	/* Ports end at 64 KiB. */
	put(card, PCI_COMMAND, PCI_COMMAND_IO, 2);
	put(card, PCI_BAR(0), 0x1c000, 4);
	assert_null(rig_region(rig, MEM_SPACE_PORT, 0xc000));
	put(card, PCI_BAR(0), 0xffe0, 4);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_PORT, 0xffff), &card->port);
}

static void test_reset(void **state)
{
	struct card *card = *state;
	struct rig *rig = &card->rig;

	put(card, PCI_BAR(1), 0xfe000000, 4);
	put(card, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	assert_true(pci_is_master(&card->function));
	assert_false(pci_is_master(&card->other));
	pci_all_reset(&rig->bus);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_int_equal(get(card, PCI_COMMAND, 2), 0);
	assert_int_equal(get(card, PCI_BAR(1), 4), 0);
	assert_false(pci_is_master(&card->function));
	assert_null(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000000));
}

static void test_save_restore(void **state)
{
	struct card *card = *state;
	struct rig *rig = &card->rig;
	uint8_t saved[512];

	assert_true(state_size(&pci_function_state) <= sizeof(saved));
	put(card, PCI_BAR(1), 0xfe000000, 4);
	put(card, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	state_save(&pci_function_state, &card->function, saved);
	pci_all_reset(&rig->bus);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	state_restore(&pci_function_state, &card->function, saved);
	pci_all_refresh(&rig->bus);
	assert_int_equal(mem_map_settle(&rig->map), 0);
	assert_ptr_equal(rig_region(rig, MEM_SPACE_MEMORY, 0xfe000000), &card->mem32);
	assert_true(pci_is_master(&card->function));
}

/* Where a device goes that says so, or not; and why it may not go there. */
static void test_slots(void **state)
{
	static const struct {
		struct pci_slot wish;
		int ret;
		uint8_t devfn;
		const char *says;
	} rows[] = {
		{ { .devfn = -1 }, 0, PCI_DEVFN(0, 0), NULL },
		{ { .devfn = PCI_DEVFN(0x1f, 7) }, 0, PCI_DEVFN(0x1f, 7), NULL },
		{ { .devfn = DEVFN },
		  -EBUSY,
		  DEVFN,
		  "PCI: slot 5 function 0 not available for new, in use by card" },
		{ { .devfn = DEVFN | 2 },
		  -EBUSY,
		  DEVFN | 2,
		  "PCI: slot 5 function 0 already occupied by card, new function new cannot be exposed "
		  "to guest (it wants multifunction=on)" },
		{ { .devfn = PCI_DEVFN(7, 0) },
		  -EBUSY,
		  PCI_DEVFN(7, 0),
		  "PCI: 7.0 indicates single function, but 7.3 is already populated by seventh" },
		{ { .devfn = PCI_DEVFN(7, 0), .multifunction = true }, 0, PCI_DEVFN(7, 0), NULL },
	};
	struct card *card = *state;
	struct pci_bus *bus = &card->rig.bus;
	struct pci_function seventh, more[PCI_SLOTS];
	struct error err;
	uint8_t devfn;

	pci_function_init(&seventh, bus, PCI_DEVFN(7, 3), "seventh", &id, card);
	pci_function_add(&seventh);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(pci_bus_choose(bus, &rows[i].wish, "new", &devfn, &err),
				 rows[i].ret);
		assert_int_equal(devfn, rows[i].devfn);
		if (rows[i].ret)
			assert_string_equal(err.text, rows[i].says);
	}
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		if (slot == 5 || slot == 7)
			continue;
		assert_int_equal(pci_bus_choose(bus, &rows[0].wish, "new", &devfn, &err), 0);
		assert_int_equal(devfn, PCI_DEVFN(slot, 0));
		pci_function_init(&more[slot], bus, devfn, "more", &id, card);
		pci_function_add(&more[slot]);
	}
	assert_int_equal(pci_bus_choose(bus, &rows[0].wish, "new", &devfn, &err), -ENOSPC);
	assert_string_equal(err.text, "PCI: no slot/function available for new, all in use");
}

static void test_capabilities(void **state)
{
	struct card *card = *state;
	unsigned a = pci_capability_add(&card->function, 0x09, 17);
	unsigned b = pci_capability_add(&card->function, 0x11, 12);
	unsigned seen = 0;

	assert_true(b >= a + 17 && b % 4 == 0);
	assert_true(get(card, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES);
	for (unsigned at = get(card, PCI_CAPABILITIES, 1); at; at = get(card, at + 1, 1)) {
		assert_true(at == a ? get(card, at, 1) == 0x09
				    : at == b && get(card, at, 1) == 0x11);
		seen++;
	}
	assert_int_equal(seen, 2);
	put(card, a, 0xffff, 2);
	assert_int_equal(get(card, a, 1), 0x09);
	pci_all_reset(&card->rig.bus);
	assert_int_equal(get(card, b, 1), 0x11);
}

static void test_intx(void **state)
{
	struct card *card = *state;
	struct rig *rig = &card->rig;

	irq_router_set_route(&rig->router, 0, 11); /* (5 - 1 + 0) mod 4 */
	pci_intx_set(&card->function, true);
	assert_true(rig->level[11]);
	assert_int_equal(get(card, PCI_STATUS, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	assert_int_equal(get(card, PCI_STATUS, 1), PCI_STATUS_INTX);
	assert_int_equal(get(card, PCI_COMMAND, 4) >> 16 & PCI_STATUS_INTX, PCI_STATUS_INTX);

	/* The disable bit takes the pin down, not the status; the level comes back with it. */
	put(card, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
	assert_false(rig->level[11]);
	assert_int_equal(get(card, PCI_STATUS, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	put(card, PCI_COMMAND, 0, 2);
	assert_true(rig->level[11]);

	/* The other function of the device holds the same pin. */
	pci_intx_set(&card->other, true);
	pci_intx_set(&card->function, false);
	assert_true(rig->level[11]);
	assert_int_equal(get(card, PCI_STATUS, 2) & PCI_STATUS_INTX, 0);
	pci_intx_set(&card->other, false);
	assert_false(rig->level[11]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_one_clears, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hook, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_restore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intx, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
