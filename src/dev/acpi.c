// SPDX-License-Identifier: MIT
#include "dev/acpi.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/piix4_pm.h"

/* The compiler of ASL writes "unsigned char acpi_dsdt_aml_code[] = ...". */
static const
#include "acpi_dsdt.hex"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

#define HEADER_SIZE     36
#define HEADER_CHECKSUM 9
#define FACS_SIZE       64
#define FADT_SIZE       244
#define RSDP_SIZE       20
#define CPUS_MAX        255
#define MADT_MAX        (HEADER_SIZE + 8 + CPUS_MAX * 8 + 12 + 5 * 10 + 6)
#define TABLES_MAX                                                                                 \
	(FACS_SIZE + sizeof(acpi_dsdt_aml_code) + 16 + FADT_SIZE + MADT_MAX + HEADER_SIZE + 4 * 8)

/* Commands of the loader: 128 bytes each, little-endian (QEMU, hw/acpi/bios-linker-loader). */
#define COMMAND_SIZE         128
#define COMMANDS_MAX         16
#define COMMAND_NAME         56
#define COMMAND_ALLOCATE     1
#define COMMAND_ADD_POINTER  2
#define COMMAND_ADD_CHECKSUM 3
#define ZONE_HIGH            1
#define ZONE_FSEG            2

#define SCI_IRQ            PIIX4_PM_SCI_IRQ
#define LOCAL_APIC_ADDRESS 0xfee00000u
#define IO_APIC_ADDRESS    0xfec00000u

/* Fixed feature flags (table 5-6) */
#define FADT_WBINVD     0x001u
#define FADT_PROC_C1    0x004u
#define FADT_SLP_BUTTON 0x020u /* there is no sleep button */
#define FADT_RESET_REG  0x400u
/* Boot architecture flags (table 5-7) */
#define FADT_LEGACY_DEVICES 0x1u
#define FADT_8042           0x2u
#define FADT_NO_VGA         0x4u

	/* Grows from the front; the buffers are made for the most that fits in. */
	struct blob {
	uint8_t *bytes;
	uint32_t len, max;
};

struct build {
	struct blob tables, loader;
	uint8_t rsdp[RSDP_SIZE];
};

static uint8_t *blob_add(struct blob *blob, uint32_t len)
{
	uint8_t *at = blob->bytes + blob->len;

	assert(len <= blob->max - blob->len);
	memset(at, 0, len);
	blob->len += len;
	return at;
}

static uint8_t checksum(const uint8_t *bytes, uint32_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return (uint8_t)-sum;
}

/* Table 5-4. The checksum is made by checksum() or by the loader. */
static void header_put(uint8_t *table, const char *name, uint32_t len, uint8_t revision)
{
	memcpy(table, name, 4);
	le32_put(table + 4, len);
	table[8] = revision;
	memcpy(table + 10, "COALPTCOALPORT", 14);
	le32_put(table + 24, 1);
	memcpy(table + 28, "COAL", 4);
	le32_put(table + 32, 1);
}

/* A generic address (5.2.3.1) in the port space. */
static void port_put(uint8_t *at, uint16_t port, uint8_t bits)
{
	at[0] = 1;
	at[1] = bits;
	le64_put(at + 4, port);
}

static uint8_t *command_add(struct build *build, uint32_t command, const char *file)
{
	uint8_t *at = blob_add(&build->loader, COMMAND_SIZE);

	le32_put(at, command);
	memcpy(at + 4, file, strlen(file) + 1);
	return at + 4 + COMMAND_NAME;
}

static void allocate(struct build *build, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t *at = command_add(build, COMMAND_ALLOCATE, file);

	le32_put(at, align);
	at[4] = zone;
}

/* The offset of a table that stands at that place of a file becomes an address. */
static void add_pointer(struct build *build, const char *file, uint32_t offset, uint8_t size)
{
	uint8_t *at = command_add(build, COMMAND_ADD_POINTER, file);

	memcpy(at, TABLES_FILE, sizeof(TABLES_FILE));
	le32_put(at + COMMAND_NAME, offset);
	at[COMMAND_NAME + 4] = size;
}

static void add_checksum(struct build *build, const char *file, uint32_t offset, uint32_t start,
			 uint32_t len)
{
	uint8_t *at = command_add(build, COMMAND_ADD_CHECKSUM, file);

	le32_put(at, offset);
	le32_put(at + 4, start);
	le32_put(at + 8, len);
}

/* Where the value of a name stands in the DSDT: Name (NAME, <constant of that encoding>). */
static uint8_t *dsdt_value(uint8_t *dsdt, const char *name, uint8_t encoding)
{
	uint8_t wanted[6] = { 0x08, 0, 0, 0, 0, encoding };
	uint8_t *at;

	memcpy(wanted + 1, name, 4);
	at = memmem(dsdt, sizeof(acpi_dsdt_aml_code), wanted, sizeof(wanted));
	assert(at);
	return at + sizeof(wanted);
}

static uint32_t dsdt_add(struct build *build, const struct acpi_options *options)
{
	uint32_t len = sizeof(acpi_dsdt_aml_code), at = build->tables.len;
	uint8_t *dsdt = blob_add(&build->tables, len);

	memcpy(dsdt, acpi_dsdt_aml_code, len);
	le32_put(dsdt_value(dsdt, "PMIN", 0x0c), options->pci_first);
	le64_put(dsdt_value(dsdt, "PMXB", 0x0e), options->pci64_first);
	le64_put(dsdt_value(dsdt, "PMXL", 0x0e), options->pci64_size);
	*dsdt_value(dsdt, "COMS", 0x0a) = options->serial_ports;
	*dsdt_value(dsdt, "LPTS", 0x0a) = options->parallel_ports;
	if (!options->suspend)
		dsdt_value(dsdt, "_S3_", 0x12)[-5] = 'X';
	dsdt[HEADER_CHECKSUM] = 0;
	dsdt[HEADER_CHECKSUM] = checksum(dsdt, len);
	return at;
}

/* 5.2.9 */
static uint32_t facs_add(struct build *build)
{
	uint32_t at = build->tables.len;
	uint8_t *facs = blob_add(&build->tables, FACS_SIZE);

	memcpy(facs, "FACS", 4);
	le32_put(facs + 4, FACS_SIZE);
	facs[32] = 1;
	return at;
}

/*
 * 5.2.8. No SMI_CMD: there is no system management mode, so the machine is in ACPI mode from the
 * start and SCI_EN is always set.
 */
static uint32_t fadt_add(struct build *build, const struct acpi_options *options, uint32_t facs,
			 uint32_t dsdt)
{
	uint32_t at = build->tables.len;
	uint8_t *fadt = blob_add(&build->tables, FADT_SIZE);
	uint16_t pm = options->pm_base;

	header_put(fadt, "FACP", FADT_SIZE, 3);
	le32_put(fadt + 36, facs);
	le32_put(fadt + 40, dsdt);
	fadt[45] = 1; /* a desktop */
	le16_put(fadt + 46, SCI_IRQ);
	le32_put(fadt + 56, pm); /* PM1a events */
	le32_put(fadt + 64, pm + 4u); /* PM1a control */
	le32_put(fadt + 76, pm + 8u); /* PM timer */
	le32_put(fadt + 80, PIIX4_PM_GPE_PORT);
	fadt[88] = 4;
	fadt[89] = 2;
	fadt[91] = 4;
	fadt[92] = 4;
	le16_put(fadt + 96, 0xfff); /* no C2 */
	le16_put(fadt + 98, 0xfff); /* no C3 */
	fadt[106] = options->rtc_day_alarm;
	fadt[107] = options->rtc_month_alarm;
	fadt[108] = options->rtc_century;
	le16_put(fadt + 109, FADT_LEGACY_DEVICES | FADT_8042 | FADT_NO_VGA);
	le32_put(fadt + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RESET_REG);
	port_put(fadt + 116, 0xcf9, 8);
	fadt[128] = 0x06; /* hard, now */
	le64_put(fadt + 140, dsdt);
	port_put(fadt + 148, pm, 32);
	port_put(fadt + 172, (uint16_t)(pm + 4), 16);
	port_put(fadt + 208, (uint16_t)(pm + 8), 32);
	port_put(fadt + 220, PIIX4_PM_GPE_PORT, 32);
	add_pointer(build, TABLES_FILE, at + 36, 4);
	add_pointer(build, TABLES_FILE, at + 40, 4);
	add_pointer(build, TABLES_FILE, at + 140, 8);
	add_checksum(build, TABLES_FILE, at + HEADER_CHECKSUM, at, FADT_SIZE);
	return at;
}

/* 5.2.10.8: an ISA interrupt that is not the GSI of its number, or not edge-triggered active-high. */
static void override_add(struct build *build, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	uint8_t *entry = blob_add(&build->tables, 10);

	entry[0] = 2;
	entry[1] = 10;
	entry[3] = irq;
	le32_put(entry + 4, gsi);
	le16_put(entry + 8, flags);
}

/* 5.2.10.4 */
static uint32_t madt_add(struct build *build, const struct acpi_options *options)
{
	static const uint8_t level_irqs[] = { 5, SCI_IRQ, 10, 11 }; /* SCI and what PIRQs go to */
	uint32_t at = build->tables.len, len;
	uint8_t *madt = blob_add(&build->tables, HEADER_SIZE + 8), *entry;

	le32_put(madt + 36, LOCAL_APIC_ADDRESS);
	le32_put(madt + 40, 1); /* there are 8259s as well */
	for (unsigned i = 0; i < options->cpus; i++) {
		entry = blob_add(&build->tables, 8);
		entry[1] = 8;
		entry[2] = (uint8_t)i;
		entry[3] = (uint8_t)i;
		le32_put(entry + 4, 1);
	}
	entry = blob_add(&build->tables, 12);
	entry[0] = 1;
	entry[1] = 12;
	le32_put(entry + 4, IO_APIC_ADDRESS);
	override_add(build, 0, 2, 0);
	for (size_t i = 0; i < sizeof(level_irqs); i++)
		override_add(build, level_irqs[i], level_irqs[i], 0x000d); /* level, active-high */
	entry = blob_add(&build->tables, 6); /* NMI at LINT1 of every processor */
	entry[0] = 4;
	entry[1] = 6;
	entry[2] = 0xff;
	entry[5] = 1;
	len = build->tables.len - at;
	header_put(madt, "APIC", len, 1);
	madt[HEADER_CHECKSUM] = checksum(madt, len);
	return at;
}

/* 5.2.7 */
static uint32_t rsdt_add(struct build *build, const uint32_t *tables, uint32_t n)
{
	uint32_t at = build->tables.len, len = HEADER_SIZE + 4 * n;
	uint8_t *rsdt = blob_add(&build->tables, len);

	header_put(rsdt, "RSDT", len, 1);
	for (uint32_t i = 0; i < n; i++) {
		le32_put(rsdt + HEADER_SIZE + 4 * i, tables[i]);
		add_pointer(build, TABLES_FILE, at + HEADER_SIZE + 4 * i, 4);
	}
	add_checksum(build, TABLES_FILE, at + HEADER_CHECKSUM, at, len);
	return at;
}

/* 5.2.5, the first version: RSDT only. */
static void rsdp_put(struct build *build, uint32_t rsdt)
{
	memcpy(build->rsdp, "RSD PTR ", 8);
	memcpy(build->rsdp + 9, "COALPT", 6);
	le32_put(build->rsdp + 16, rsdt);
	add_pointer(build, RSDP_FILE, 16, 4);
	add_checksum(build, RSDP_FILE, 8, 0, RSDP_SIZE);
}

static void build_all(struct build *build, const struct acpi_options *options)
{
	uint32_t facs, dsdt, tables[2];

	allocate(build, RSDP_FILE, 16, ZONE_FSEG);
	allocate(build, TABLES_FILE, 64, ZONE_HIGH); /* the FACS asks for 64 and comes first */
	facs = facs_add(build);
	dsdt = dsdt_add(build, options);
	blob_add(&build->tables, -build->tables.len & 15);
	tables[0] = fadt_add(build, options, facs, dsdt);
	tables[1] = madt_add(build, options);
	rsdp_put(build, rsdt_add(build, tables, 2));
}

int acpi_add_tables(struct fw_cfg *fw_cfg, const struct acpi_options *options)
{
	uint8_t *bytes = malloc(TABLES_MAX + COMMANDS_MAX * COMMAND_SIZE);
	struct build build = {
		.tables = { .bytes = bytes, .max = TABLES_MAX },
		.loader = { .bytes = bytes ? bytes + TABLES_MAX : NULL,
			    .max = COMMANDS_MAX * COMMAND_SIZE },
	};
	int r = -ENOMEM;

	assert(options->cpus >= 1 && options->cpus <= CPUS_MAX);
	if (!bytes)
		return r;
	build_all(&build, options);
	r = fw_cfg_add_file(fw_cfg, TABLES_FILE, build.tables.bytes, build.tables.len);
	if (!r)
		r = fw_cfg_add_file(fw_cfg, RSDP_FILE, build.rsdp, sizeof(build.rsdp));
	if (!r)
		r = fw_cfg_add_file(fw_cfg, LOADER_FILE, build.loader.bytes, build.loader.len);
	free(bytes);
	return r;
}
