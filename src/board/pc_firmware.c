// SPDX-License-Identifier: MIT
/*
 * What firmware reads of the machine: CMOS bytes as the AT BIOS and SeaBIOS know them, the items of
 * the firmware configuration device, and the ACPI tables among these.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "board/pc.h"
#include "dev/acpi.h"

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

void pc_cmos_init(struct pc *pc)
{
	struct rtc *rtc = &pc->rtc;
	uint64_t ram = pc->options.ram;
	uint64_t low = ram < PC_BELOW_4G ? ram : PC_BELOW_4G;
	unsigned vcpus = machine_vcpus(&pc->machine);

	rtc_set_cmos(rtc, 0x0f, 0); /* shutdown status: a normal start */
	rtc_set_cmos(rtc, 0x10, 0); /* no floppy drives */
	rtc_set_cmos(rtc, 0x12, 0); /* no IDE disks */
	rtc_set_cmos(rtc, 0x14, 0x02); /* equipment: a coprocessor */
	set_cmos16(rtc, 0x15, 640); /* KiB of base memory */
	set_cmos16(rtc, 0x17, above(low, 1 << 20, 1 << 10)); /* KiB above 1 MiB */
	set_cmos16(rtc, 0x30, above(low, 1 << 20, 1 << 10)); /* the same, as found by POST */
	set_cmos16(rtc, 0x34, above(low, 16 << 20, 64 << 10)); /* 64 KiB units above 16 MiB */
	rtc_set_cmos(rtc, 0x38,
		     0x31); /* boot order: hard disk only, in the upper half; no floppy check */
	rtc_set_cmos(rtc, 0x3d, 0x02); /* ... first device: hard disk */
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
	return fw_cfg_add_file(&pc->fw_cfg, "etc/e820", table, (uint32_t)len);
}

/* The disks in the order in which firmware shall try them, as paths of Open Firmware. */
static int add_boot_order(struct pc *pc)
{
	const struct pc_options *options = &pc->options;
	char order[PC_DISKS_MAX * 40] = "";
	size_t used = 0;
	bool done[PC_DISKS_MAX] = { false };

	for (size_t n = 0; n < options->disks_n; n++) {
		size_t best = options->disks_n;

		for (size_t i = 0; i < options->disks_n; i++) {
			if (!done[i] && (best == options->disks_n ||
					 (uint32_t)options->disks[i].bootindex <
						 (uint32_t)options->disks[best].bootindex))
				best = i;
		}
		done[best] = true;
		used += (size_t)snprintf(order + used, sizeof(order) - used,
					 "/pci@i0cf8/scsi@%x/disk@0,0\n", pc_disk_device(best));
	}
	if (!used)
		return 0;
	return fw_cfg_add_file(&pc->fw_cfg, "bootorder", order, (uint32_t)used + 1);
}

static int add_file(struct pc *pc, const struct pc_fw_cfg_item *item, struct error *err)
{
	/* Without waiting for a writer, should it be a FIFO. */
	int fd = open(item->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;
	size_t len = 0;
	int ret = 0;

	if (fd < 0)
		return error_set(err, -errno, "-fw_cfg %s: %s: %s", item->name, item->file,
				 strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		ret = error_set(err, -EINVAL,
				"-fw_cfg %s: %s: not a regular file of at most 64 MiB", item->name,
				item->file);
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data) {
		ret = error_set(err, -ENOMEM, "-fw_cfg %s: out of memory", item->name);
		goto out;
	}
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, data + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = error_set(err, n ? -errno : -EIO, "-fw_cfg %s: %s: %s", item->name,
					item->file, n ? strerror(errno) : "file became shorter");
			goto out;
		}
		len += (size_t)n;
	}
	ret = fw_cfg_add_file(&pc->fw_cfg, item->name, data, (uint32_t)len);
	if (ret)
		error_set(err, ret, "-fw_cfg %s: %s", item->name, strerror(-ret));
out:
	free(data);
	close(fd);
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
		ret = fw_cfg_add_file(&pc->fw_cfg, item->name, item->string,
				      (uint32_t)strlen(item->string));
		if (ret)
			return error_set(err, ret, "-fw_cfg %s: %s", item->name, strerror(-ret));
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
	int ret = fw_cfg_add(&pc->fw_cfg, FW_CFG_UUID,
			     pc->options.uuid ? pc->options.uuid : no_uuid, sizeof(no_uuid));

	for (size_t i = 0; !ret && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ret = fw_cfg_add_int(&pc->fw_cfg, numbers[i].key, numbers[i].value,
				     numbers[i].width);
	return ret;
}

static int firmware_add_waits(struct pc *pc)
{
	uint8_t bytes[4];
	int ret = 0;

	if (pc->options.boot_menu_wait >= 0) {
		le16_put(bytes, (uint16_t)pc->options.boot_menu_wait);
		ret = fw_cfg_add_file(&pc->fw_cfg, "etc/boot-menu-wait", bytes, 2);
	}
	if (!ret && pc->options.boot_fail_wait_given) {
		le32_put(bytes, (uint32_t)pc->options.boot_fail_wait);
		ret = fw_cfg_add_file(&pc->fw_cfg, "etc/boot-fail-wait", bytes, 4);
	}
	return ret;
}

int pc_fw_cfg_init(struct pc *pc, struct error *err)
{
	const struct acpi_options acpi = {
		.cpus = machine_vcpus(&pc->machine),
		.rtc_day_alarm = RTC_DAY_ALARM,
		.rtc_month_alarm = RTC_MONTH_ALARM,
		.rtc_century = RTC_CENTURY,
		.pm_base = PM_BASE,
		.pci_first = PCI_FIRST,
	};
	int ret;

	fw_cfg_init(&pc->fw_cfg, &pc->machine.map, &pc->machine.map.root[MEM_SPACE_PORT]);
	ret = add_users(pc, err);
	if (ret)
		goto failed;
	ret = add_numbers(pc);
	if (!ret)
		ret = add_e820(pc);
	if (!ret)
		ret = add_boot_order(pc);
	if (!ret)
		ret = firmware_add_waits(pc);
	if (!ret)
		ret = acpi_add_tables(&pc->fw_cfg, &acpi);
	if (!ret)
		return 0;
	error_set(err, ret, "firmware configuration: %s", strerror(-ret));
failed:
	fw_cfg_destroy(&pc->fw_cfg);
	return ret;
}
