// SPDX-License-Identifier: MIT
/* Plays firmware: carries out the loader's script and then reads the tables as a kernel would. */
#include "pc_rig.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/acpi.h"

#define PLACE      0x7fe0000u /* where "etc/acpi/tables" goes */
#define RSDP_PLACE 0xf5a00u

struct machine {
	struct mem_map map;
	struct fw_cfg fw_cfg;
	uint8_t *tables, *rsdp;
	uint32_t tables_len;
};

static const struct acpi_options options = {
	.cpus = 3,
	.rtc_day_alarm = 0x0d,
	.rtc_month_alarm = 0x0e,
	.rtc_century = 0x32,
	.pm_base = 0x600,
	.pci_first = 0xc0000000,
	.pci64_first = UINT64_C(0x4000000000),
	.pci64_size = UINT64_C(0x1000000000),
	.serial_ports = 0x5,
};

static uint8_t sum(const uint8_t *bytes, uint32_t len)
{
	uint8_t value = 0;

	while (len--)
		value = (uint8_t)(value + *bytes++);
	return value;
}

static uint8_t *file_copy(struct machine *machine, const char *name, uint32_t *len)
{
	const struct fw_cfg_item *item = fw_cfg_find(&machine->fw_cfg, name);
	uint8_t *copy;

	assert_non_null(item);
	copy = malloc(item->len);
	memcpy(copy, item->data, item->len);
	*len = item->len;
	return copy;
}

static uint8_t *loader_file(struct machine *machine, const uint8_t *name)
{
	if (!strcmp((const char *)name, "etc/acpi/rsdp"))
		return machine->rsdp;
	assert_string_equal((const char *)name, "etc/acpi/tables");
	return machine->tables;
}

static void run_loader(struct machine *machine, const uint8_t *script, uint32_t len)
{
	assert_int_equal(len % 128, 0);
	for (const uint8_t *at = script; at < script + len; at += 128) {
		const uint8_t *rest = at + 4 + 56;
		uint8_t *file = loader_file(machine, at + 4), *field;
		uint64_t value = 0;

		switch (le32_get(at)) {
		case 1: /* the RSDP below 1 MiB, the FACS's alignment */
			assert_int_equal(rest[4], file == machine->rsdp ? 2 : 1);
			assert_int_equal(le32_get(rest), file == machine->rsdp ? 16 : 64);
			break;
		case 2:
			assert_ptr_equal(loader_file(machine, rest), machine->tables);
			field = file + le32_get(rest + 56);
			value = le_get(field, rest[60]);
			assert_true(value < machine->tables_len);
			le_put(field, value + PLACE, rest[60]);
			break;
		case 3:
			field = file + le32_get(rest);
			assert_int_equal(*field, 0);
			*field = (uint8_t)-sum(file + le32_get(rest + 4), le32_get(rest + 8));
			break;
		default:
			fail_msg("command %u", le32_get(at));
		}
	}
}

static struct machine *machine_make(const struct acpi_options *with)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	uint8_t *script;
	uint32_t len;

	assert_int_equal(mem_map_init(&machine->map), 0);
	fw_cfg_init(&machine->fw_cfg, &machine->map, &machine->map.root[MEM_SPACE_PORT]);
	assert_int_equal(acpi_add_tables(&machine->fw_cfg, with), 0);
	machine->rsdp = file_copy(machine, "etc/acpi/rsdp", &len);
	assert_int_equal(len, 20);
	machine->tables = file_copy(machine, "etc/acpi/tables", &machine->tables_len);
	script = file_copy(machine, "etc/table-loader", &len);
	run_loader(machine, script, len);
	free(script);
	return machine;
}

static void machine_free(struct machine *machine)
{
	free(machine->tables);
	free(machine->rsdp);
	fw_cfg_destroy(&machine->fw_cfg);
	mem_map_destroy(&machine->map);
	free(machine);
}

static int setup(void **state)
{
	*state = machine_make(&options);
	return 0;
}

static int teardown(void **state)
{
	machine_free(*state);
	return 0;
}

static uint8_t *table_at(struct machine *machine, uint64_t addr)
{
	assert_in_range(addr, PLACE, PLACE + machine->tables_len - 8);
	return machine->tables + (addr - PLACE);
}

/* A table by its address, name and checksum checked. */
static uint8_t *table(struct machine *machine, uint64_t addr, const char *name)
{
	uint8_t *at = table_at(machine, addr);

	assert_memory_equal(at, name, 4);
	assert_true(le32_get(at + 4) <= machine->tables_len - (addr - PLACE));
	assert_int_equal(sum(at, le32_get(at + 4)), 0);
	return at;
}

static uint8_t *find(struct machine *machine, const char *name)
{
	uint8_t *rsdt = table(machine, le32_get(machine->rsdp + 16), "RSDT");

	for (uint32_t i = 36; i < le32_get(rsdt + 4); i += 4)
		if (!memcmp(table_at(machine, le32_get(rsdt + i)), name, 4))
			return table(machine, le32_get(rsdt + i), name);
	fail_msg("no %s", name);
	return NULL;
}

static void test_root(void **state)
{
	struct machine *machine = *state;
	uint8_t *rsdt;

	assert_memory_equal(machine->rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(machine->rsdp, 20), 0);
	assert_int_equal(machine->rsdp[15], 0);
	rsdt = table(machine, le32_get(machine->rsdp + 16), "RSDT");
	assert_int_equal(le32_get(rsdt + 4), 36 + 2 * 4);
}

static void test_fadt(void **state)
{
	struct machine *machine = *state;
	const uint8_t *fadt = find(machine, "FACP"), *facs;

	assert_int_equal(le32_get(fadt + 4), 244);
	facs = table_at(machine, le32_get(fadt + 36));
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(le32_get(fadt + 36) % 64, 0);
	table(machine, le32_get(fadt + 40), "DSDT");
	assert_int_equal(le64_get(fadt + 140), le32_get(fadt + 40));
	assert_int_equal(le16_get(fadt + 46), 9); /* SCI */
	assert_int_equal(le32_get(fadt + 48), 0); /* SMI_CMD */
	assert_int_equal(le32_get(fadt + 56), 0x600);
	assert_int_equal(le32_get(fadt + 64), 0x604);
	assert_int_equal(le32_get(fadt + 76), 0x608);
	assert_int_equal(fadt[106], 0x0d);
	assert_int_equal(fadt[107], 0x0e);
	assert_int_equal(fadt[108], 0x32);
	assert_true(le32_get(fadt + 112) & 1u << 10);
	assert_int_equal(fadt[116], 1);
	assert_int_equal(le64_get(fadt + 120), 0xcf9);
	assert_int_equal(fadt[128] & 0x04, 0x04);
	assert_int_equal(le64_get(fadt + 212), 0x608);
}

static void test_madt(void **state)
{
	const uint8_t *madt = find(*state, "APIC"), *end = madt + le32_get(madt + 4);
	unsigned cpus = 0, io_apics = 0, timers = 0, levels = 0;

	for (const uint8_t *at = madt + 44; at < end; at += at[1]) {
		assert_true(at[1] >= 6 && at + at[1] <= end);
		switch (at[0]) {
		case 0:
			assert_int_equal(at[3], cpus);
			assert_int_equal(le32_get(at + 4), 1);
			cpus++;
			break;
		case 1:
			assert_int_equal(le32_get(at + 4), 0xfec00000);
			assert_int_equal(le32_get(at + 8), 0);
			io_apics++;
			break;
		case 2:
			if (at[3] == 0) {
				assert_int_equal(le32_get(at + 4), 2);
				timers++;
			} else {
				assert_int_equal(le32_get(at + 4), at[3]);
				assert_int_equal(le16_get(at + 8), 0xd);
				levels |= 1u << at[3];
			}
			break;
		default:
			assert_int_equal(at[0], 4);
		}
	}
	assert_int_equal(cpus, 3);
	assert_int_equal(io_apics, 1);
	assert_int_equal(timers, 1);
	assert_int_equal(levels, 1u << 5 | 1u << 9 | 1u << 10 | 1u << 11);
}

static uint8_t *dsdt(struct machine *machine)
{
	return table(machine, le32_get(find(machine, "FACP") + 40), "DSDT");
}

static void *dsdt_find(struct machine *machine, const void *what, size_t len)
{
	uint8_t *at = dsdt(machine);

	return memmem(at, le32_get(at + 4), what, len);
}

static void test_dsdt(void **state)
{
	static const char s5[] = "\x08_S5_\x12\x06\x04\0\0\0";
	uint8_t *value;

	/* Power-off stands first, where small parsers find it. */
	assert_memory_equal(dsdt(*state) + 36, s5, sizeof(s5) - 1);
	value = dsdt_find(*state, "\x08PMIN\x0c", 6);
	assert_int_equal(le32_get(value + 6), options.pci_first);
	value = dsdt_find(*state, "\x08PMXB\x0e", 6);
	assert_true(le64_get(value + 6) == options.pci64_first);
	value = dsdt_find(*state, "\x08PMXL\x0e", 6);
	assert_true(le64_get(value + 6) == options.pci64_size);
	assert_null(dsdt_find(*state, "_S3_", 4));
}

static void test_suspend(void **state)
{
	struct acpi_options with = options;
	struct machine *machine;

	with.suspend = true;
	with.cpus = 255;
	machine = machine_make(&with);
	assert_non_null(dsdt_find(machine, "\x08_S3_\x12\x06\x04\x01\x01", 9));
	find(machine, "APIC");
	machine_free(machine);
}

/* The compiler's own disassembler understands what the patched table says. */
static void test_disassembles(void **state)
{
	uint8_t *at = dsdt(*state);
	char folder[] = "/tmp/coalport-acpi-XXXXXX", command[256], line[256];
	bool found = false;
	FILE *file;

	if (system("command -v iasl >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "%s/dsdt.aml", folder);
	file = fopen(command, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, le32_get(at + 4), file), le32_get(at + 4));
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof(command), "cd %s && iasl -d dsdt.aml >/dev/null 2>&1", folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/dsdt.dsl", folder);
	file = fopen(command, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "Name (PMIN, 0xC0000000)"))
			found = true;
	fclose(file);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	assert_true(found);
}

/* What the interpreter of the reference implementation says of a port: a device that is there is 0xf. */
static bool port_is_there(const char *folder, unsigned port)
{
	char command[256], line[256];
	bool found = false;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "acpiexec -b 'evaluate \\_SB.PCI0.ISA.COM%u._STA' %s/dsdt.aml 2>&1", port, folder);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		if (strstr(line, "[Integer] = 000000000000000F"))
			found = true;
	}
	pclose(pipe);
	return found;
}

static void test_serial_ports(void **state)
{
	uint8_t *at = dsdt(*state);
	char folder[] = "/tmp/coalport-acpi-XXXXXX", name[64];
	FILE *file;

	if (system("command -v acpiexec >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/dsdt.aml", folder);
	file = fopen(name, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, le32_get(at + 4), file), le32_get(at + 4));
	assert_int_equal(fclose(file), 0);
	for (unsigned port = 1; port <= 4; port++)
		assert_int_equal(port_is_there(folder, port),
				 options.serial_ports >> (port - 1) & 1);
	unlink(name);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_madt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dsdt, setup, teardown),
		cmocka_unit_test(test_suspend),
		cmocka_unit_test_setup_teardown(test_disassembles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_serial_ports, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
