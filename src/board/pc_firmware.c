// SPDX-License-Identifier: MIT
/*
 * What firmware reads of the machine: CMOS bytes as the AT BIOS and SeaBIOS know them, the items of
 * the firmware configuration device, and the ACPI tables among these.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "board/pc.h"
#include "dev/acpi.h"
#include "dev/floppy/fdc.h"
#include "dev/ide/ide.h"
#include "dev/parallel_isa.h"
#include "dev/serial_isa.h"

#define PM_BASE   0x600
#define PCI_FIRST PC_BELOW_4G
#define E820_RAM  1
#define FILE_MAX  (64u << 20) /* of a -fw_cfg file */

/* How much of size lies above from, in the given unit, at most 0xffff. */
static unsigned above(uint64_t size, uint64_t from, uint64_t unit)
{
	uint64_t n = size > from ? (size - from) / unit : 0;

	return n > 0xffff ? 0xffff : (unsigned)n;
}

static void set_cmos16(struct rtc *rtc, unsigned index, unsigned value)
{
	rtc_set_cmos(rtc, index, (uint8_t)value);
	rtc_set_cmos(rtc, index + 1, (uint8_t)(value >> 8));
}

static const char *boot_order(const struct pc *pc)
{
	return pc->options.boot_order ? pc->options.boot_order : "cad";
}

/* What the firmware tries first, second and third: 0 for nothing, else a place in the letters, from 1. */
static unsigned boot_digit(const struct pc *pc, size_t place)
{
	const char *order = boot_order(pc);

	if (place >= strlen(order))
		return 0;
	return (unsigned)(strchr(PC_BOOT_LETTERS, order[place]) - PC_BOOT_LETTERS) + 1;
}

/* A disk of the first channel as a user type of the AT BIOS. */
static void set_ide_disk(struct rtc *rtc, unsigned unit, const struct disk_geometry *geometry)
{
	unsigned at = unit ? 0x24 : 0x1b;

	rtc_set_cmos(rtc, 0x19 + unit, 47);
	set_cmos16(rtc, at, geometry->cylinders);
	rtc_set_cmos(rtc, at + 2, geometry->heads);
	set_cmos16(rtc, at + 3, 0xffff); /* no write precompensation */
	rtc_set_cmos(rtc, at + 5, (uint8_t)(0xc0 | (geometry->heads > 8) << 3));
	set_cmos16(rtc, at + 6, geometry->cylinders); /* landing zone */
	rtc_set_cmos(rtc, at + 8, geometry->sectors);
}

static void set_ide_disks(struct pc *pc)
{
	unsigned types = 0, translations = 0;

	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		const struct ide_drive *drive =
			&pc->place.ide->channels[i / IDE_UNITS].drives[i % IDE_UNITS];

		if (drive->kind != IDE_DISK)
			continue;
		translations |= (unsigned)drive->geometry.translation << (2 * i);
		if (i >= IDE_UNITS)
			continue;
		types |= i ? 0x0fu : 0xf0u;
		set_ide_disk(pc->rtc, i, &drive->geometry);
	}
	rtc_set_cmos(pc->rtc, 0x12, (uint8_t)types);
	rtc_set_cmos(pc->rtc, 0x39, (uint8_t)translations);
}

void pc_cmos_init(struct pc *pc)
{
	struct rtc *rtc = pc->rtc;
	uint64_t ram = pc->options.ram;
	uint64_t low = ram < PC_BELOW_4G ? ram : PC_BELOW_4G;
	unsigned vcpus = machine_vcpus(&pc->machine);
	unsigned floppies = fdc_drives(pc->place.fdc);

	rtc_set_cmos(rtc, 0x0f, 0); /* shutdown status: a normal start */
	rtc_set_cmos(rtc, 0x10, fdc_cmos_types(pc->place.fdc));
	/* Equipment: a coprocessor, a PS/2 mouse, floppy drives. */
	rtc_set_cmos(rtc, 0x14, (uint8_t)(0x06 | (floppies ? (floppies - 1) << 6 | 0x01 : 0)));
	set_cmos16(rtc, 0x15, 640); /* KiB of base memory */
	set_cmos16(rtc, 0x17, above(low, 1 << 20, 1 << 10)); /* KiB above 1 MiB */
	set_cmos16(rtc, 0x30, above(low, 1 << 20, 1 << 10)); /* the same, as found by POST */
	set_cmos16(rtc, 0x34, above(low, 16 << 20, 64 << 10)); /* 64 KiB units above 16 MiB */
	rtc_set_cmos(rtc, 0x38, (uint8_t)(boot_digit(pc, 2) << 4 | 1)); /* no floppy check */
	rtc_set_cmos(rtc, 0x3d, (uint8_t)(boot_digit(pc, 1) << 4 | boot_digit(pc, 0)));
	set_ide_disks(pc);
	for (unsigned i = 0; i < 3; i++) /* 64 KiB units above 4 GiB */
		rtc_set_cmos(rtc, 0x5b + i, (uint8_t)((ram - low) >> (16 + 8 * i)));
	rtc_set_cmos(rtc, 0x5f, (uint8_t)(vcpus - 1));
	rtc_set_checksum(rtc);
}

static size_t e820_entry(uint8_t *at, uint64_t base, uint64_t size)
{
	le_put(at, base, 8);
	le_put(at + 8, size, 8);
	le_put(at + 16, E820_RAM, 4);
	return 20;
}

static int add_e820(struct pc *pc)
{
	uint64_t ram = pc->options.ram;
	uint64_t low = ram < PC_BELOW_4G ? ram : PC_BELOW_4G;
	uint8_t table[40];
	size_t len = e820_entry(table, 0, low);

	if (ram > low)
		len += e820_entry(table + len, UINT64_C(1) << 32, ram - low);
	return fw_cfg_add_file(pc->fw_cfg, "etc/e820", table, (uint32_t)len);
}

/* What firmware can start from, in the list of lines that it tries from top to bottom. */
struct boot_entry {
	uint32_t index; /* those that have none: behind all others, as the order of kinds says */
	char path[64];
};

/* The place on the list decides among equals. */
static void sort_entries(struct boot_entry *entries, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct boot_entry entry = entries[i];
		size_t at = i;

		for (; at && entries[at - 1].index > entry.index; at--)
			entries[at] = entries[at - 1];
		entries[at] = entry;
	}
}

#define NO_INDEX UINT32_C(0x80000000)

static uint32_t boot_index(const struct pc *pc, const struct device *device, int32_t said)
{
	const char *order = boot_order(pc), *found;

	if (said >= 0)
		return (uint32_t)said;
	found = strchr(order, device->type->boot_kind);
	return NO_INDEX + (uint32_t)(found ? found - order : (ptrdiff_t)strlen(order));
}

static int add_boot_order(struct pc *pc)
{
	struct boot_entry *entries = NULL;
	const struct device *device;
	struct arena arena = { 0 };
	size_t n = 0, used = 0;
	int ret = -ENOMEM;
	char *order;

	TAILQ_FOREACH(device, &pc->devices, next)
	{
		if (!device->type->boot)
			continue;
		entries = arena_grow(&arena, entries, n, sizeof(*entries));
		if (!entries)
			goto out;
		entries[n].index = boot_index(
			pc, device,
			device->type->boot(device, entries[n].path, sizeof(entries[n].path)));
		n++;
	}
	ret = 0;
	if (!n)
		goto out;
	sort_entries(entries, n);
	ret = -ENOMEM;
	order = arena_alloc(&arena, n * (sizeof(entries->path) + 1) + sizeof("HALT"));
	if (!order)
		goto out;
	for (size_t i = 0; i < n; i++)
		used += (size_t)sprintf(order + used, "%s\n", entries[i].path);
	if (pc->options.boot_strict)
		used += (size_t)sprintf(order + used, "HALT");
	ret = fw_cfg_add_file(pc->fw_cfg, "bootorder", order, (uint32_t)used + 1);
out:
	arena_free(&arena);
	return ret;
}

/* Behind the machine's own: one that has such a name already is the user's mistake. */
static int add_item(struct pc *pc, const struct pc_fw_cfg_item *item, const void *data,
		    uint32_t len, struct error *err)
{
	int ret = fw_cfg_add_file(pc->fw_cfg, item->name, data, len);

	if (ret == -EEXIST)
		return error_set(err, ret, "-fw_cfg name=%s: there is one already", item->name);
	if (ret)
		return error_set(err, ret, "-fw_cfg name=%s: %s", item->name, strerror(-ret));
	return 0;
}

static int add_file(struct pc *pc, const struct pc_fw_cfg_item *item, struct error *err)
{
	uint8_t *data;
	size_t len;
	int ret = file_read_whole(item->file, FILE_MAX, &data, &len);

	if (ret == -EINVAL || ret == -EFBIG)
		return error_set(err, ret, "-fw_cfg %s: %s: not a regular file of at most 64 MiB",
				 item->name, item->file);
	if (ret)
		return error_set(err, ret, "-fw_cfg %s: %s: %s", item->name, item->file,
				 strerror(-ret));
	ret = add_item(pc, item, data, (uint32_t)len, err);
	free(data);
	return ret;
}

static int add_users(struct pc *pc, struct error *err)
{
	for (size_t i = 0; i < pc->options.fw_cfg_n; i++) {
		const struct pc_fw_cfg_item *item = &pc->options.fw_cfg[i];
		int ret;

		if (item->file) {
			ret = add_file(pc, item, err);
			if (ret)
				return ret;
			continue;
		}
		ret = add_item(pc, item, item->string, (uint32_t)strlen(item->string), err);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_numbers(struct pc *pc)
{
	static const uint8_t no_uuid[16];
	unsigned vcpus = machine_vcpus(&pc->machine);
	const struct {
		unsigned key, width;
		uint64_t value;
	} numbers[] = {
		{ FW_CFG_RAM_SIZE, 8, pc->options.ram },
		{ FW_CFG_NOGRAPHIC, 2, pc->options.serial_console },
		{ FW_CFG_NB_CPUS, 2, vcpus },
		{ FW_CFG_MAX_CPUS, 2, vcpus },
		{ FW_CFG_BOOT_MENU, 2, pc->options.boot_menu },
		{ FW_CFG_IRQ0_OVERRIDE, 4, 1 },
	};
	int ret = fw_cfg_add(pc->fw_cfg, FW_CFG_UUID, pc->options.uuid ? pc->options.uuid : no_uuid,
			     sizeof(no_uuid));

	for (size_t i = 0; !ret && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ret = fw_cfg_add_int(pc->fw_cfg, numbers[i].key, numbers[i].value,
				     numbers[i].width);
	return ret;
}

static int firmware_add_waits(struct pc *pc)
{
	uint8_t bytes[4];
	int ret = 0;

	if (pc->options.boot_menu_wait >= 0) {
		le16_put(bytes, (uint16_t)pc->options.boot_menu_wait);
		ret = fw_cfg_add_file(pc->fw_cfg, "etc/boot-menu-wait", bytes, 2);
	}
	if (!ret && pc->options.boot_fail_wait_given) {
		le32_put(bytes, (uint32_t)pc->options.boot_fail_wait);
		ret = fw_cfg_add_file(pc->fw_cfg, "etc/boot-fail-wait", bytes, 4);
	}
	return ret;
}

/* A bit for each of COM1 to COM4 that is there, where the ACPI tables say that it is. */
static uint8_t serial_ports(const struct pc *pc)
{
	const struct device *device;
	uint8_t ports = 0;

	TAILQ_FOREACH(device, &pc->devices, next)
	{
		if (device->type == &serial_isa_type)
			ports |= serial_isa_standard((const struct serial_isa *)device);
	}
	return ports;
}

/* The same for LPT1 to LPT3. */
static uint8_t parallel_ports(const struct pc *pc)
{
	const struct device *device;
	uint8_t ports = 0;

	TAILQ_FOREACH(device, &pc->devices, next)
	{
		if (device->type == &parallel_isa_type)
			ports |= parallel_isa_standard((const struct parallel_isa *)device);
	}
	return ports;
}

static int add_machine(struct pc *pc)
{
	const struct acpi_options acpi = {
		.cpus = machine_vcpus(&pc->machine),
		.rtc_day_alarm = RTC_DAY_ALARM,
		.rtc_month_alarm = RTC_MONTH_ALARM,
		.rtc_century = RTC_CENTURY,
		.pm_base = PM_BASE,
		.pci_first = PCI_FIRST,
		.serial_ports = serial_ports(pc),
		.parallel_ports = parallel_ports(pc),
	};
	int ret = add_numbers(pc);

	if (!ret)
		ret = add_e820(pc);
	if (!ret)
		ret = add_boot_order(pc);
	if (!ret)
		ret = firmware_add_waits(pc);
	if (!ret)
		ret = acpi_add_tables(pc->fw_cfg, &acpi);
	return ret;
}

int pc_fw_cfg_fill(struct pc *pc, struct error *err)
{
	int ret = add_machine(pc);

	if (ret)
		return error_set(err, ret, "firmware configuration: %s", strerror(-ret));
	return add_users(pc, err);
}
