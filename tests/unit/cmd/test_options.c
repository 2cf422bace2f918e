// SPDX-License-Identifier: MIT
/*
 * The command line: every option, what it yields, and what is refused with which words. A command
 * line is written as one string, split at spaces ("~" stands for a space in a word).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/options.h"
#include "cmd/table.h"
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/ide/ide_drive.h"
#include "dev/serial_isa.h"
#include "dev/virtio_blk_pci.h"

#define MIB         (UINT64_C(1) << 20)
#define HOST_MEMORY (4096 * MIB)
#define WORDS_MAX   64

static struct cmd_options options;

static bool parse(const char *line)
{
	static char copy[4096];
	char *words[WORDS_MAX] = { (char *)"coalport" };
	char *save = NULL;
	int n = 1;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(n < WORDS_MAX);
		for (char *c = word; *c; c++) {
			if (*c == '~')
				*c = ' ';
		}
		words[n++] = word;
	}
	cmd_options_free(&options);
	/* What a field holds must come from the line, not from the one before. */
	memset(&options, 0xa5, sizeof(options));
	return cmd_options_parse(&options, n, words, HOST_MEMORY);
}

/* Device n of a type among those that the line asked for, as it would be made; NULL: there is none. */
static struct device *device(const struct device_type *type, size_t n)
{
	static struct device *made;
	const struct device_types types = {
		.types = board_device_types,
		.globals = options.pc.globals,
		.globals_n = options.pc.globals_n,
	};
	struct error err;

	device_free(made);
	made = NULL;
	for (size_t i = 0; !made && i < options.pc.devices_n; i++) {
		if (!strcmp(options.pc.devices[i].type, type->name) && !n--)
			made = device_new(&types, &options.pc.devices[i], &err);
	}
	return made;
}

static struct virtio_blk_pci *disk(size_t n)
{
	struct device *made = device(&virtio_blk_pci_type, n);

	assert_non_null(made);
	return (struct virtio_blk_pci *)made;
}

static const struct cmd_drive *drive_of(size_t n)
{
	const char *id = disk(n)->drive;

	for (size_t i = 0; i < options.drives_n; i++) {
		if (!strcmp(options.drives[i].id, id)) {
			assert_true(options.drives[i].used);
			return &options.drives[i];
		}
	}
	fail_msg("no drive %s", id);
	return NULL;
}

static const struct cmd_chardev *chardev_of(const char *id)
{
	for (size_t i = 0; i < options.chardevs_n; i++) {
		if (!strcmp(options.chardevs[i].id, id))
			return &options.chardevs[i];
	}
	fail_msg("no -chardev %s", id);
	return NULL;
}

/* How many devices of this type there are. */
static size_t count(const struct device_type *type)
{
	size_t n = 0;

	while (device(type, n))
		n++;
	return n;
}

static struct debugcon_options *debugcon(size_t n)
{
	return &((struct debugcon *)device(&debugcon_type, n))->options;
}

static struct debugexit_options *debugexit(size_t n)
{
	return &((struct debugexit *)device(&debugexit_type, n))->options;
}

static void good(const char *line)
{
	if (!parse(line))
		fail_msg("%s: refused: %s", line, options.error);
}

struct refusal {
	const char *line;
	const char *says;
};

static void check_refusals(const struct refusal *refusals, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parse(refusals[i].line))
			fail_msg("%s: accepted", refusals[i].line);
		if (strcmp(options.error, refusals[i].says))
			fail_msg("%s:\n  says   %s\n  wanted %s", refusals[i].line, options.error,
				 refusals[i].says);
	}
}
#define CHECK_REFUSALS(table) check_refusals(table, sizeof(table) / sizeof((table)[0]))

static void test_defaults(void **state)
{
	good("");
	assert_int_equal(options.action, CMD_RUN);
	assert_int_equal(options.accel, CMD_ACCEL_KVM);
	assert_int_equal(options.coalesce, CMD_COALESCE_ON);
	assert_int_equal(options.pc.ram, 128 * MIB);
	assert_null(options.bios);
	assert_null(options.pc.name);
	assert_null(options.pc.uuid);
	assert_int_equal(options.pc.rtc_base.kind, RTC_BASE_UTC);
	assert_int_equal(options.pc.rtc_clock, PC_RTC_HOST);
	assert_int_equal(options.pc.globals_n, 0);
	assert_int_equal(options.pc.devices_n, 1); /* COM1 */
	assert_int_equal(options.monitors_n + options.pc.fw_cfg_n + options.dirs_n, 0);
	assert_false(options.has_qtest);
	assert_null(options.qtest_log);
	assert_false(options.pc.machine.no_reboot || options.pc.machine.no_shutdown ||
		     options.paused || options.nodefaults);
	assert_null(options.pidfile);
	assert_null(options.log_file);
	assert_int_equal(options.exits, CMD_EXITS_NONE);
	assert_string_equal(options.error, "");
}

static void test_machine(void **state)
{
	static const struct {
		const char *line;
		enum cmd_coalesce coalesce;
		enum cmd_accel accel;
	} rows[] = {
		{ "-M pc", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "-machine pc", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "--machine type=pc,coalesce=off", CMD_COALESCE_OFF, CMD_ACCEL_KVM },
		{ "-M pc,coalesce=list", CMD_COALESCE_LIST, CMD_ACCEL_KVM },
		{ "-M pc,coalesce=off -M pc", CMD_COALESCE_OFF, CMD_ACCEL_KVM },
		{ "-M coalesce=off -M coalesce=on", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "-machine accel=qtest", CMD_COALESCE_ON, CMD_ACCEL_QTEST },
		{ "-M pc -accel qtest", CMD_COALESCE_ON, CMD_ACCEL_QTEST },
		{ "-machine pc,accel=qtest -accel qtest", CMD_COALESCE_ON, CMD_ACCEL_QTEST },
		{ "-M pc,accel=kvm,usb=off,vmport=off,hpet=off,smm=off,graphics=off,acpi=on",
		  CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "-M pc,kernel-irqchip=on -M kernel_irqchip=on", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "-accel accel=kvm", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		{ "-enable-kvm", CMD_COALESCE_ON, CMD_ACCEL_KVM },
		/* Several are QEMU's list of preferences. */
		{ "-accel qtest -accel kvm", CMD_COALESCE_ON, CMD_ACCEL_QTEST },
		{ "-accel kvm -accel qtest", CMD_COALESCE_ON, CMD_ACCEL_KVM },
	};
	static const struct refusal bad[] = {
		{ "-M q35", "-M: type=q35: not offered (only pc)" },
		{ "-machine pc,coalesce=maybe",
		  "-machine: coalesce=maybe: not offered (only on, off, list)" },
		{ "-M pc,usb=on", "-M: usb=on: not offered (only off)" },
		{ "-M pc,mem-merge=on",
		  "-M: mem-merge: unknown property (there are: type, coalesce, accel)" },
		{ "-M pc,coalesce", "-M: coalesce: needs a value (coalesce=on|off|list)" },
		{ "-M", "-M: needs a value ([type=]pc[,PROP=VALUE...])" },
		{ "-accel tcg", "-accel: accel=tcg: not offered (only kvm, qtest)" },
		{ "-accel kvm,kernel-irqchip=off",
		  "-accel: kernel-irqchip: unknown property (there are: accel, coalesced)" },
		{ "-accel kvm,coalesced=on",
		  "-accel: coalesced is for qtest (see -machine coalesce)" },
		{ "-M accel=qtest -accel kvm", "-accel: -machine accel= says otherwise" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(rows[i].line);
		if (options.coalesce != rows[i].coalesce || options.accel != rows[i].accel)
			fail_msg("%s: coalesce %d, accel %d", rows[i].line, options.coalesce,
				 options.accel);
	}
	CHECK_REFUSALS(bad);
}

static void test_cpu(void **state)
{
	static const struct refusal bad[] = {
		{ "-cpu qemu64", "-cpu: unknown model 'qemu64' (host or max)" },
		{ "--cpu hos", "--cpu: unknown model 'hos' (host or max)" },
		{ "-cpu host,+teleport", "-cpu: unknown feature 'teleport'" },
		{ "-cpu host,avx=maybe", "-cpu: 'maybe' is neither on nor off" },
		{ "-cpu", "-cpu: needs a value (host|max[,+FLAG][,-FLAG][,FLAG=on|off])" },
	};
	struct hv_cpu want;
	struct error err;

	memset(&want, 0, sizeof(want));
	good("-cpu host");
	assert_memory_equal(&options.cpu, &want, sizeof(want));
	good("-cpu host,+x2apic,-avx,pcid=off");
	assert_int_equal(hv_cpu_parse(&want, "host,+x2apic,-avx,pcid=off", &err), 0);
	assert_memory_equal(&options.cpu, &want, sizeof(want));
	CHECK_REFUSALS(bad);
}

static void test_memory(void **state)
{
	static const struct {
		const char *line;
		uint64_t bytes;
	} rows[] = {
		{ "-m 64", 64 * MIB },         { "-m 64M", 64 * MIB },
		{ "-m 64m", 64 * MIB },        { "-m 1G", 1024 * MIB },
		{ "-m size=2g", 2048 * MIB },  { "-m 1", MIB },
		{ "-m 1024k", MIB },           { "-m 1048576b", MIB },
		{ "-m 1.5G", 1536 * MIB },     { "-m 0x10", 16 * MIB },
		{ "-m 4096", HOST_MEMORY },    { "-m 64 -m 32", 32 * MIB },
		{ "-m 1048577b", MIB + 8192 }, { "-m 1.00000000000000000000001M", MIB },
	};
	static const struct refusal bad[] = {
		{ "-m 0", "-m: 0: less than 1 MiB" },
		{ "-m 1023k", "-m: 1023k: less than 1 MiB" },
		{ "-m 0.9", "-m: 0.9: less than 1 MiB" },
		{ "-m -5", "-m: -5: not a size (64, 64M, 1.5G)" },
		{ "-m +5", "-m: +5: not a size (64, 64M, 1.5G)" },
		{ "-m ~5", "-m:  5: not a size (64, 64M, 1.5G)" },
		{ "-m 64X", "-m: 64X: not a size (64, 64M, 1.5G)" },
		{ "-m 64MB", "-m: 64MB: not a size (64, 64M, 1.5G)" },
		{ "-m lots", "-m: lots: not a size (64, 64M, 1.5G)" },
		{ "-m 1.", "-m: 1.: not a size (64, 64M, 1.5G)" },
		{ "-m 0x", "-m: 0x: not a size (64, 64M, 1.5G)" },
		{ "-m 4097", "-m: 4097: more than this host has (4096 MiB)" },
		{ "-m 16E", "-m: 16E: not a size (64, 64M, 1.5G)" },
		{ "-m 99999999999999999999",
		  "-m: 99999999999999999999: not a size (64, 64M, 1.5G)" },
		{ "-m 17592186044416", "-m: 17592186044416: not a size (64, 64M, 1.5G)" },
		{ "-m 15.9999999999E", "-m: 15.9999999999E: more than this host has (4096 MiB)" },
		{ "-m 64,slots=2", "-m: slots: unknown property (there are: size)" },
		{ "-m", "-m: needs a value ([size=]N)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(rows[i].line);
		if (options.pc.ram != rows[i].bytes)
			fail_msg("%s: %llu", rows[i].line, (unsigned long long)options.pc.ram);
	}
	CHECK_REFUSALS(bad);
}

static void test_memory_of_host(void **state)
{
	char *words[] = { (char *)"coalport", (char *)"-m", (char *)"1023G" };

	cmd_options_free(&options);
	assert_false(cmd_options_parse(&options, 3, words, 0));
	assert_non_null(strstr(options.error, "more than this host has"));
	cmd_options_free(&options);
	words[2] = (char *)"1024G";
	assert_true(cmd_options_parse(&options, 3, words, UINT64_MAX));
	cmd_options_free(&options);
	words[2] = (char *)"1025G";
	assert_false(cmd_options_parse(&options, 3, words, UINT64_MAX));
	assert_string_equal(options.error, "-m: 1025G: more than a PC has (1048576 MiB)");
}

static void test_drive(void **state)
{
	static const struct refusal bad[] = {
		{ "-drive file=a,if=scsi",
		  "-drive: if=scsi: not offered (only ide, virtio, none, floppy)" },
		{ "-drive file=a,if=virtio,index=0",
		  "-drive: index=, bus= and unit= are for if=ide and if=floppy" },
		{ "-drive file=a,if=floppy,index=2",
		  "-drive: index=2: a floppy drive is 0 (A) or 1 (B)" },
		{ "-drive file=a,if=floppy,id=x -device floppy,drive=x",
		  "-device: drive=x: has if=floppy, which makes its own device" },
		{ "-global kvm-pit.lost_tick_policy=slew",
		  "-global: kvm-pit.lost_tick_policy=slew: not offered (only delay, discard)" },
		{ "-drive file=a,if=virtio,format=luks",
		  "-drive: format=luks: not a format of disk images (raw, qcow2, ...)" },
		{ "-drive if=virtio", "-drive: needs file=PATH" },
		{ "-drive file=,if=virtio", "-drive: file: needs a value (file=PATH)" },
		{ "-drive file,if=virtio", "-drive: file: needs a value (file=PATH)" },
		{ "-drive a.img",
		  "-drive: a.img: unknown property (there are: file, format, if, media, index, bus, unit, id, readonly, cache, rerror, werror)" },
		{ "-drive file=a,if=virtio,snapshot=on",
		  "-drive: snapshot: unknown property (there are: file, format, if, media, index, bus, unit, id, readonly, cache, rerror, werror)" },
		{ "-drive file=a,rerror=enospc",
		  "-drive: rerror=enospc: not offered (only auto, report, ignore, stop)" },
		{ "-drive file=a,if=floppy,werror=stop",
		  "-drive: rerror= and werror= are not for floppy disks" },
		{ "-drive if=floppy,format=raw", "-drive: format=raw: there is no file=" },
		{ "-drive file=a,if=virtio,readonly=yes",
		  "-drive: readonly=yes: not offered (only off, on)" },
		{ "-drive file=a,if=virtio,id=1x",
		  "-drive: id=1x: not a name (a letter, then letters, digits, - . _)" },
		{ "-drive file=a,if=none,id=x -drive file=b,if=none,id=x",
		  "-drive: id=x: there is one already" },
		{ "disk.img",
		  "disk.img: not an option (a disk is -drive file=PATH,format=raw,if=virtio)" },
	};

	good("-drive file=disk.qcow2,format=qcow2,if=virtio");
	assert_string_equal(options.drives[0].format, "qcow2");
	good("-drive file=disk.img,format=raw,if=virtio");
	assert_int_equal(count(&virtio_blk_pci_type), 1);
	assert_string_equal(drive_of(0)->file, "disk.img");
	assert_null(disk(0)->device.id);
	assert_null(disk(0)->serial);
	assert_int_equal(disk(0)->bootindex, -1);
	assert_int_equal(disk(0)->slot.devfn, -1);
	assert_false(drive_of(0)->readonly);

	good("-drive if=virtio,file=a,,b=,,,,,readonly=on,id=d0 -drive file=c,if=virtio,readonly");
	assert_int_equal(count(&virtio_blk_pci_type), 2);
	assert_string_equal(drive_of(0)->file, "a,b=,,");
	assert_true(drive_of(0)->readonly);
	assert_string_equal(drive_of(0)->id, "d0");
	assert_string_equal(drive_of(1)->file, "c");
	assert_true(drive_of(1)->readonly);

	good("-drive file=a,if=virtio,readonly=on,readonly=off");
	assert_false(drive_of(0)->readonly);
	good("-drive file=a,if=none,id=unused");
	assert_int_equal(count(&virtio_blk_pci_type), 0);
	CHECK_REFUSALS(bad);
}

static void expect_ide(const struct device_type *type, size_t n, int channel, int unit)
{
	const struct ide_unit *made = (const struct ide_unit *)device(type, n);

	assert_non_null(made);
	assert_int_equal(made->channel, channel);
	assert_int_equal(made->unit, unit);
}

static void test_ide(void **state)
{
	static const struct refusal bad[] = {
		{ "-drive if=ide", "-drive: needs file=PATH" },
		{ "-drive file=a,if=virtio,media=cdrom",
		  "-drive: media=cdrom: a virtio disk is none" },
		{ "-drive file=a,if=virtio,index=1",
		  "-drive: index=, bus= and unit= are for if=ide and if=floppy" },
		{ "-drive file=a,index=1,unit=1", "-drive: index= and bus=,unit= say the same" },
		{ "-drive file=a,index=4", "-drive: index=4: not a number from 0 to 3" },
		{ "-hda a -drive file=b,bus=0,unit=0",
		  "-drive: another -drive is there on the IDE channels (there are four places)" },
		{ "-hda a -drive file=b,if=none,id=ide0-hd0",
		  "-drive: id=ide0-hd0: there is one already" },
		{ "-hdc a -cdrom b",
		  "-cdrom: another -drive is there on the IDE channels (there are four places)" },
		{ "-device ide-hd", "-device: ide-hd: needs drive=ID" },
		{ "-device ide-hd,drive=x,cyls=5,secs=63",
		  "-device: ide-hd: cyls=, heads= and secs= belong together" },
		{ "-device ide-hd,drive=x,bios-chs-trans=lba",
		  "-device: ide-hd: bios-chs-trans= needs cyls=, heads=, secs=" },
		{ "-device ide-hd,drive=x,bus=ide.2",
		  "-device: bus=ide.2: not offered (only ide.0, ide.1)" },
		{ "-device ide-cd,ver=123456789",
		  "-device: ver=123456789: longer than 8 characters" },
		{ "-hda a -device ide-hd,drive=ide0-hd0",
		  "-device: drive=ide0-hd0: has if=ide, which makes its own device" },
	};

	good("-hda a -drive file=b -cdrom c,d -drive media=cdrom,bus=1 -device ide-hd,drive=x "
	     "-drive file=e,if=none,id=x");
	assert_int_equal(count(&ide_hd_type), 3);
	expect_ide(&ide_hd_type, 0, 0, 0);
	expect_ide(&ide_hd_type, 1, 0, 1);
	expect_ide(&ide_hd_type, 2, -1, -1); /* wherever there is room when it is made */
	assert_int_equal(count(&ide_cd_type), 2);
	expect_ide(&ide_cd_type, 0, 1, 0);
	expect_ide(&ide_cd_type, 1, 1, 1);
	assert_false(options.drives[0].readonly);
	assert_string_equal(options.drives[2].file, "c,d");
	assert_true(options.drives[2].readonly);
	assert_null(options.drives[3].file);
	good("-nodefaults -fdb b -fda a -drive file=c,if=virtio");
	assert_int_equal(options.pc.devices_n, 3);
	assert_string_equal(options.pc.devices[0].type, "floppy");
	assert_string_equal(options.pc.devices[0].props, "drive=floppy1,unit=1");
	assert_string_equal(options.pc.devices[1].props, "drive=floppy0,unit=0");
	assert_string_equal(options.pc.devices[2].type, "virtio-blk-pci");
	assert_string_equal(options.pc.devices[2].props, "drive=virtio0");
	good("-nodefaults -drive file=a,if=virtio -drive file=b,if=virtio,werror=stop,rerror=ignore "
	     "-drive file=c,if=none,media=cdrom -drive if=floppy -drive if=none,id=x");
	assert_string_equal(options.drives[1].id, "virtio1");
	assert_int_equal(options.drives[1].werror, BLOCK_ACTION_STOP);
	assert_int_equal(options.drives[1].rerror, BLOCK_ACTION_IGNORE);
	assert_string_equal(options.drives[2].id, "none0");
	assert_string_equal(options.drives[3].id, "floppy0");
	assert_true(options.drives[3].used);
	assert_false(options.drives[4].used);
	good("-hdd a -boot dc");
	expect_ide(&ide_hd_type, 0, 1, 1);
	assert_string_equal(options.pc.boot_order, "dc");
	CHECK_REFUSALS(bad);
}

static void test_device_disk(void **state)
{
	static const struct refusal bad[] = {
		{ "-device virtio-blk-pci", "-device: virtio-blk-pci: needs drive=ID" },
		{ "-device virtio-blk-pci,drive=x",
		  "-device: drive=x: there is no -drive with this id" },
		{ "-drive file=a,if=virtio,id=x -device virtio-blk-pci,drive=x",
		  "-device: drive=x: has if=virtio, which makes its own device" },
		{ "-drive file=a,if=none,id=x -device virtio-blk-pci,drive=x -device virtio-blk-pci,drive=x",
		  "-device: drive=x: another device shows it" },
		{ "-drive file=a,if=none,id=x -device virtio-blk-pci,drive=x,serial=123456789012345678901",
		  "-device: serial=123456789012345678901: longer than 20 characters" },
		{ "-drive file=a,if=none,id=x -device virtio-blk-pci,drive=x,bootindex=-2",
		  "-device: bootindex=-2: not a number from 0 to 2147483647" },
		{ "-device virtio-blk-pci,drive=x,bootindex=1 -device virtio-blk-pci,drive=y,bootindex=1",
		  "-device: bootindex=1: another device has it" },
		{ "-device virtio-blk-pci,drive=x,id=d -device virtio-blk-pci,drive=y,id=d",
		  "-device: id=d: there is one already" },
		{ "-device virtio-blk-pci,drive=x,id=,", "-device: id: needs a value (id=ID)" },
		{ "-device virtio-blk-pci,vectors=2",
		  "-device: vectors: unknown property (there are: drive, serial, bootindex, rerror, werror, addr, multifunction, id)" },
		{ "-device e1000", "-device: e1000: unknown device (see -device help)" },
		{ "-device drive=x",
		  "-device: needs the name of a device first (see -device help)" },
		{ "-device", "-device: needs a value (DEVICE[,PROP=VALUE...])" },
	};

	/* The drive may come later; devices are given their slots before drives with if=virtio. */
	good("-drive file=second,if=virtio -device virtio-blk-pci,drive=x,id=d,serial=S-1,bootindex=3 "
	     "-drive file=first,if=none,id=x,readonly=on");
	assert_int_equal(count(&virtio_blk_pci_type), 2);
	assert_string_equal(drive_of(0)->file, "first");
	assert_string_equal(disk(0)->device.id, "d");
	assert_string_equal(disk(0)->serial, "S-1");
	assert_int_equal(disk(0)->bootindex, 3);
	assert_true(drive_of(0)->readonly);
	assert_string_equal(drive_of(1)->file, "second");
	good("-drive file=a,if=none,id=x -device driver=virtio-blk-pci,drive=x");
	assert_string_equal(drive_of(0)->id, "x");
	CHECK_REFUSALS(bad);
}

static void test_debug_devices(void **state)
{
	static const struct refusal bad[] = {
		{ "-device isa-debug-exit,iobase=0x10000",
		  "-device: iobase=0x10000: not a number from 0 to 65535" },
		{ "-device isa-debug-exit,iobase=-1",
		  "-device: iobase=-1: not a number from 0 to 65535" },
		{ "-device isa-debug-exit,iobase=0xf4x",
		  "-device: iobase=0xf4x: not a number from 0 to 65535" },
		{ "-device isa-debug-exit,iosize=0",
		  "-device: iosize=0: not a number from 1 to 256" },
		{ "-device isa-debug-exit,iobase=0xffff",
		  "-device: iobase=0xffff,iosize=2: ends behind the last port" },
		{ "-device isa-debug-exit,exit=1",
		  "-device: exit: unknown property (there are: iobase, iosize, id)" },
		{ "-device isa-debugcon", "-device: isa-debugcon: needs chardev=ID" },
		{ "-device isa-debugcon,chardev=x",
		  "-device: x: there is no -chardev with this id" },
		{ "-global isa-debugcon.iobase=x",
		  "-global: isa-debugcon.iobase=x: not a number from 0 to 65535" },
		{ "-global isa-debugcon.x=1",
		  "-global: isa-debugcon.x: unknown property (there are: iobase, chardev, id)" },
		{ "-global isa-debugcon.iobase",
		  "-global: isa-debugcon.iobase: needs DEVICE.PROP=VALUE" },
		{ "-device PIIX3", "-device: PIIX3: part of every machine, not one to add" },
		{ "-device virtio-blk-pci,bus=pci.1,drive=x",
		  "-device: bus=pci.1: not offered (only pci.0)" },
		{ "-global driver=a,property=b", "-global: needs driver=, property= and value=" },
		{ "-debugcon udp:1",
		  "-debugcon: udp:1: not offered (only stdio, mon:stdio, pty, file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID, null, none)" },
	};

	good("-device isa-debug-exit");
	assert_int_equal(count(&debugexit_type), 1);
	assert_int_equal(debugexit(0)->port, 0x501);
	assert_int_equal(debugexit(0)->size, 2);
	good("-device isa-debug-exit,iobase=0xf4,iosize=0x04 -device isa-debug-exit,iobase=65535,iosize=1");
	assert_int_equal(debugexit(0)->port, 0xf4);
	assert_int_equal(debugexit(0)->size, 4);
	assert_int_equal(debugexit(1)->port, 0xffff);

	good("-debugcon file:out,put -global isa-debugcon.iobase=0x402");
	assert_int_equal(count(&debugcon_type), 1);
	assert_int_equal(debugcon(0)->port, 0x402);
	assert_string_equal(chardev_of(debugcon(0)->chardev)->options.path, "out,put");
	good("-debugcon null");
	assert_int_equal(debugcon(0)->port, 0xe9);
	good("-debugcon none");
	assert_int_equal(count(&debugcon_type), 0);
	good("-chardev null,id=a -chardev null,id=b -device isa-debugcon,chardev=a,iobase=0x403 "
	     "-device isa-debugcon,chardev=b -global driver=isa-debugcon,property=iobase,value=1026");
	assert_int_equal(debugcon(0)->port, 0x403);
	assert_string_equal(debugcon(0)->chardev, "a");
	assert_int_equal(debugcon(1)->port, 0x402);
	assert_string_equal(debugcon(1)->chardev, "b");
	CHECK_REFUSALS(bad);
}

static void test_chardev(void **state)
{
	static const struct {
		const char *line;
		struct chardev_options what;
	} rows[] = {
		{ "-chardev null,id=c", { .kind = CHARDEV_NULL } },
		{ "-chardev backend=null,id=c", { .kind = CHARDEV_NULL } },
		{ "-chardev file,id=c,path=p", { .kind = CHARDEV_FILE, .path = "p" } },
		{ "-chardev file,path=p,,q,append=off,id=c",
		  { .kind = CHARDEV_FILE, .path = "p,q" } },
		{ "-chardev stdio,id=c", { .kind = CHARDEV_STDIO, .signals = true } },
		{ "-chardev stdio,id=c,signal=off", { .kind = CHARDEV_STDIO } },
		{ "-chardev stdio,id=c,nosignal", { .kind = CHARDEV_STDIO } },
		{ "-chardev stdio,id=c,mux=on", { .kind = CHARDEV_STDIO, .escape = true } },
		{ "-chardev stdio,id=c,mux,signal",
		  { .kind = CHARDEV_STDIO, .escape = true, .signals = true } },
		{ "-chardev socket,id=c,path=p", { .kind = CHARDEV_SOCKET, .path = "p" } },
		{ "-chardev socket,id=c,path=p,server=on,wait=off",
		  { .kind = CHARDEV_SOCKET, .path = "p", .server = true } },
		{ "-chardev socket,id=c,path=p,server",
		  { .kind = CHARDEV_SOCKET, .path = "p", .server = true, .wait = true } },
		{ "-chardev socket,id=c,path=p,server,nowait",
		  { .kind = CHARDEV_SOCKET, .path = "p", .server = true } },
	};
	static const struct refusal bad[] = {
		{ "-chardev null", "-chardev: needs id=ID" },
		{ "-chardev id=c",
		  "-chardev: needs a back-end (null, stdio, file, socket, pty, pipe, ringbuf)" },
		{ "-chardev vc,id=c",
		  "-chardev: backend=vc: not offered (only null, stdio, file, socket, pty, pipe, ringbuf)" },
		{ "-chardev file,id=c", "-chardev: file: needs path=PATH" },
		{ "-chardev file,id=c,path=p,append=on",
		  "-chardev: append=on: not offered (only off)" },
		{ "-chardev file,id=c,path=p,server=on",
		  "-chardev: server: unknown property of file" },
		{ "-chardev socket,id=c",
		  "-chardev: socket: needs path=PATH, host=HOST or fd=N, one of them" },
		{ "-chardev socket,id=c,path=p,wait=off", "-chardev: wait: only with server=on" },
		{ "-chardev socket,id=c,host=h", "-chardev: host: needs port=N" },
		{ "-chardev null,id=c,path=p", "-chardev: path: unknown property of null" },
		{ "-chardev null,id=c -chardev null,id=c", "-chardev: id=c: there is one already" },
		{ "-chardev null,id=a/b",
		  "-chardev: id=a/b: not a name (a letter, then letters, digits, - . _)" },
		{ "-chardev stdio,id=a -chardev stdio,id=b",
		  "-chardev: stdio is in use by another option" },
		{ "-chardev socket,id=c,path=123456789/123456789/123456789/123456789/123456789/"
		  "123456789/123456789/123456789/123456789/123456789/12345678",
		  "-chardev: 123456789/123456789/123456789/123456789/...: too long for a Unix socket (at most 107 bytes)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct chardev_options *want = &rows[i].what, *got;

		good(rows[i].line);
		got = &options.chardevs[0].options;
		assert_string_equal(options.chardevs[0].id, "c");
		assert_false(options.chardevs[0].used);
		if (got->kind != want->kind || got->server != want->server ||
		    got->wait != want->wait || got->signals != want->signals ||
		    got->escape != want->escape || !got->path != !want->path ||
		    (got->path && strcmp(got->path, want->path)))
			fail_msg("%s: kind %d path %s server %d wait %d signals %d escape %d",
				 rows[i].line, got->kind, got->path ? got->path : "-", got->server,
				 got->wait, got->signals, got->escape);
	}
	good("-chardev socket,id=c,path=123456789/123456789/123456789/123456789/123456789/"
	     "123456789/123456789/123456789/123456789/123456789/1234567");
	CHECK_REFUSALS(bad);
}

/* What COM1+port is connected to; NULL: the port is not there. */
static const struct chardev_options *serial(int port)
{
	for (size_t n = 0;; n++) {
		struct serial_isa *isa = (struct serial_isa *)device(&serial_isa_type, n);

		if (!isa)
			return NULL;
		if (isa->index == port) {
			assert_true(chardev_of(isa->chardev_id)->used);
			return &chardev_of(isa->chardev_id)->options;
		}
	}
}

static int serial_kind(int port)
{
	return serial(port) ? (int)serial(port)->kind : -1;
}

static void test_serial(void **state)
{
	static const struct {
		const char *line;
		int com1, com2; /* enum chardev_kind, -1: not there */
		bool signals, escape; /* of COM1 */
	} rows[] = {
		{ "", CHARDEV_STDIO, -1, false, true },
		{ "-nographic", CHARDEV_STDIO, -1, false, true },
		{ "-nographic -monitor none", CHARDEV_STDIO, -1, true, false },
		{ "-nographic -qmp none", CHARDEV_STDIO, -1, true, false },
		{ "-display none", CHARDEV_NULL, -1, false, false },
		{ "-display curses", CHARDEV_NULL, -1, false, false },
		{ "-display none -nographic", CHARDEV_STDIO, -1, false, true },
		{ "-qmp stdio", CHARDEV_NULL, -1, false, false },
		{ "-nodefaults", -1, -1, false, false },
		{ "-nodefaults -nographic", -1, -1, false, false },
		{ "-serial none", -1, -1, false, false },
		{ "-serial none -serial null", -1, CHARDEV_NULL, false, false },
		{ "-serial stdio", CHARDEV_STDIO, -1, true, false },
		{ "-serial mon:stdio", CHARDEV_STDIO, -1, false, true },
		{ "-nodefaults -serial stdio", CHARDEV_STDIO, -1, true, false },
		{ "-serial file:a -serial unix:b,server,nowait", CHARDEV_FILE, CHARDEV_SOCKET,
		  false, false },
		{ "-serial chardev:c -chardev null,id=c", CHARDEV_NULL, -1, false, false },
	};
	static const struct refusal bad[] = {
		{ "-serial vc",
		  "-serial: vc: not offered (only stdio, mon:stdio, pty, file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID, null, none)" },
		{ "-serial file:", "-serial: file: needs a path" },
		{ "-serial unix:", "-serial: needs a value" },
		{ "-serial unix:p,nodelay=on", "-serial: nodelay: only with host=HOST" },
		{ "-serial unix:p,id=x", "-serial: p,id=x: the address is said already" },
		{ "-serial unix:p,mux=on", "-serial: mux: unknown property of socket" },
		{ "-serial stdio -serial stdio", "-serial: stdio is in use by another option" },
		{ "-serial mon:stdio -qmp stdio", "-qmp: stdio is in use by another option" },
		{ "-serial chardev:c", "-serial: c: there is no -chardev with this id" },
		{ "-chardev null,id=c -serial chardev:c --qmp chardev:c",
		  "--qmp: c: this -chardev has a user already" },
		{ "-serial null -serial null -serial null -serial null -serial null",
		  "-serial: more than 4 serial ports" },
		{ "-serial", "-serial: needs a value (DEV)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(rows[i].line);
		if (serial_kind(0) != rows[i].com1 || serial_kind(1) != rows[i].com2)
			fail_msg("%s: COM1 %d, COM2 %d", rows[i].line, serial_kind(0),
				 serial_kind(1));
		if (serial_kind(0) >= 0) {
			const struct chardev_options *com1 = serial(0);

			if (com1->signals != rows[i].signals || com1->escape != rows[i].escape)
				fail_msg("%s: signals %d, escape %d", rows[i].line, com1->signals,
					 com1->escape);
		}
	}
	good("-serial file:a,b=c");
	assert_string_equal(serial(0)->path, "a,b=c");
	good("-serial unix:a,,b,server=on,wait=off");
	assert_string_equal(serial(0)->path, "a,b");
	assert_true(serial(0)->server);
	assert_false(serial(0)->wait);
	CHECK_REFUSALS(bad);
}

static const struct cmd_chardev *monitor(size_t i)
{
	return &options.chardevs[options.monitors[i].chardev];
}

static void test_monitors(void **state)
{
	static const struct refusal bad[] = {
		{ "-mon chardev=c,mode=control", "-mon: c: there is no -chardev with this id" },
		{ "-mon chardev=c", "-mon: c: there is no -chardev with this id" },
		{ "-mon mode=control", "-mon: needs chardev=ID" },
		{ "-mon c,mode=raw", "-mon: mode=raw: not offered (only readline, control)" },
		{ "-mon c,mode=control,pretty=on",
		  "-mon: pretty: unknown property (there are: chardev, mode)" },
		{ "-monitor stdio -serial stdio", "-serial: stdio is in use by another option" },
		{ "-qmp udp:localhost:4444",
		  "-qmp: udp:localhost:4444: not offered (only stdio, mon:stdio, pty, file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID, null, none)" },
	};

	good("-qmp unix:/run/q,server=on,wait=off -monitor none");
	assert_int_equal(options.monitors_n, 1);
	assert_string_equal(monitor(0)->options.path, "/run/q");
	assert_true(monitor(0)->options.server);
	good("-mon c,mode=control -chardev socket,path=q,id=c -qmp stdio");
	assert_int_equal(options.monitors_n, 2);
	assert_string_equal(monitor(0)->id, "c");
	assert_int_equal(monitor(1)->options.kind, CHARDEV_STDIO);
	assert_true(options.monitors[0].control && options.monitors[1].control);
	good("-mon c -chardev socket,path=q,id=c -monitor stdio -mon d,mode=readline -chardev null,id=d");
	assert_int_equal(options.monitors_n, 3);
	assert_string_equal(monitor(0)->id, "c");
	assert_int_equal(monitor(1)->options.kind, CHARDEV_STDIO);
	for (size_t i = 0; i < 3; i++)
		assert_false(options.monitors[i].control);
	CHECK_REFUSALS(bad);
}

/* The line with which libqtest starts a program. */
static void test_qtest(void **state)
{
	static const struct refusal bad[] = {
		{ "-qtest stdio", "-qtest: needs -accel qtest" },
		{ "-qtest null -qtest null -accel qtest", "-qtest: only once" },
	};

	good("-qtest unix:/tmp/qtest-1.sock -qtest-log /dev/null "
	     "-chardev socket,path=/tmp/qtest-1.qmp,id=char0 -mon chardev=char0,mode=control "
	     "-display none -audio none -machine pc -accel qtest");
	assert_int_equal(options.accel, CMD_ACCEL_QTEST);
	assert_string_equal(options.chardevs[options.qtest].options.path, "/tmp/qtest-1.sock");
	assert_int_equal(options.chardevs[options.qtest].options.kind, CHARDEV_SOCKET);
	assert_false(options.chardevs[options.qtest].options.server);
	assert_string_equal(options.qtest_log, "/dev/null");
	assert_int_equal(options.monitors_n, 1);
	assert_string_equal(monitor(0)->options.path, "/tmp/qtest-1.qmp");
	assert_false(monitor(0)->options.server);
	assert_int_equal(serial_kind(0), CHARDEV_NULL);

	good("-qtest stdio -machine accel=qtest -qtest-log x -qtest-log none -audiodev none,id=a0 -display none");
	assert_null(options.qtest_log);
	good("-accel qtest -qtest chardev:c -chardev stdio,id=c");
	assert_int_equal(options.qtest, 0);
	CHECK_REFUSALS(bad);
}

static void test_rtc(void **state)
{
	static const struct {
		const char *line;
		struct {
			enum rtc_base_kind base;
			enum pc_rtc_clock clock;
			bool slew;
			int64_t date;
		} rtc;
	} rows[] = {
		{ "-rtc base=utc", { .base = RTC_BASE_UTC } },
		{ "-rtc base=localtime", { .base = RTC_BASE_LOCALTIME } },
		{ "-rtc base=1970-01-01", { .base = RTC_BASE_DATE, .date = 0 } },
		{ "-rtc base=1969-12-31T23:59:59", { .base = RTC_BASE_DATE, .date = -1 } },
		{ "-rtc base=2006-06-17T16:01:21", { .base = RTC_BASE_DATE, .date = 1150560081 } },
		{ "-rtc base=2000-02-29T23:59:59", { .base = RTC_BASE_DATE, .date = 951868799 } },
		{ "-rtc base=2000-03-01", { .base = RTC_BASE_DATE, .date = 951868800 } },
		{ "-rtc base=2099-12-31", { .base = RTC_BASE_DATE, .date = INT64_C(4102358400) } },
		{ "-rtc clock=vm", { .clock = PC_RTC_VM } },
		{ "-rtc clock=rt,driftfix=slew", { .clock = PC_RTC_RT, .slew = true } },
		{ "-rtc driftfix=slew -rtc clock=host", { .slew = true } },
		{ "-rtc driftfix=slew,driftfix=none", { .slew = false } },
		{ "-global mc146818rtc.lost_tick_policy=slew", { .slew = true } },
		{ "-global driver=mc146818rtc,property=lost_tick_policy,value=slew",
		  { .slew = true } },
		{ "-rtc driftfix=slew -global mc146818rtc.lost_tick_policy=discard",
		  { .slew = false } },
	};
	static const struct refusal bad[] = {
		{ "-rtc base=2001-02-29", "-rtc: base=2001-02-29: there is no such date or time" },
		{ "-rtc base=2001-2-9",
		  "-rtc: base=2001-2-9: expected utc, localtime, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS" },
		{ "-rtc base=2001-02-09T24:00:00",
		  "-rtc: base=2001-02-09T24:00:00: there is no such date or time" },
		{ "-rtc base=2001-02-09T12:00",
		  "-rtc: base=2001-02-09T12:00: expected utc, localtime, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS" },
		{ "-rtc base=2001-13-01", "-rtc: base=2001-13-01: there is no such date or time" },
		{ "-rtc base=2001-00-01", "-rtc: base=2001-00-01: there is no such date or time" },
		{ "-rtc base=2100-02-29", "-rtc: base=2100-02-29: there is no such date or time" },
		{ "-rtc base=now",
		  "-rtc: base=now: expected utc, localtime, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS" },
		{ "-rtc clock=tsc", "-rtc: clock=tsc: not offered (only host, rt, vm)" },
		{ "-rtc driftfix=gradual",
		  "-rtc: driftfix=gradual: not offered (only none, slew)" },
		{ "-rtc utc", "-rtc: utc: unknown property (there are: base, clock, driftfix)" },
		{ "-global mc146818rtc.lost_tick_policy=delay",
		  "-global: mc146818rtc.lost_tick_policy=delay: not offered (only discard, slew)" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pc_options *pc = &options.pc;
		bool slew;

		good(rows[i].line);
		slew = pc->globals_n && !strcmp(pc->globals[pc->globals_n - 1].value, "slew");
		if (pc->rtc_base.kind != rows[i].rtc.base || pc->rtc_clock != rows[i].rtc.clock ||
		    slew != rows[i].rtc.slew || pc->rtc_base.seconds != rows[i].rtc.date)
			fail_msg("%s: base %d clock %d slew %d date %lld", rows[i].line,
				 pc->rtc_base.kind, pc->rtc_clock, slew,
				 (long long)pc->rtc_base.seconds);
	}
	CHECK_REFUSALS(bad);
}

static void test_fw_cfg(void **state)
{
	static const struct refusal bad[] = {
		{ "-fw_cfg opt/a", "-fw_cfg: needs string=TEXT or file=PATH, one of them" },
		{ "-fw_cfg opt/a,string=x,file=y",
		  "-fw_cfg: needs string=TEXT or file=PATH, one of them" },
		{ "-fw_cfg string=x", "-fw_cfg: needs name=NAME" },
		{ "-fw_cfg name=,string=x", "-fw_cfg: name: needs a value ([name=]NAME)" },
		{ "-fw_cfg opt/a,gen_id=x",
		  "-fw_cfg: gen_id: unknown property (there are: name, string, file)" },
		{ "-fw_cfg opt/a,string=1 -fw_cfg opt/a,string=2",
		  "-fw_cfg: name=opt/a: there is one already" },
		{ "-fw_cfg opt/4567890123456789012345678901234567890123456789012345,string=x",
		  "-fw_cfg: name=opt/4567890123456789012345678901234567890123456789012345: longer than 55 characters" },
	};

	good("-fw_cfg name=opt/a,string=x,,y -fw_cfg opt/b,file=f -fw_cfg opt/c,string= "
	     "-fw_cfg opt/456789012345678901234567890123456789012345678901234,string=x");
	assert_int_equal(options.pc.fw_cfg_n, 4);
	assert_string_equal(options.pc.fw_cfg[0].name, "opt/a");
	assert_string_equal(options.pc.fw_cfg[0].string, "x,y");
	assert_null(options.pc.fw_cfg[0].file);
	assert_string_equal(options.pc.fw_cfg[1].file, "f");
	assert_null(options.pc.fw_cfg[1].string);
	assert_string_equal(options.pc.fw_cfg[2].string, "");
	CHECK_REFUSALS(bad);
}

static void test_names(void **state)
{
	static const uint8_t uuid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	static const struct refusal bad[] = {
		{ "-uuid 00112233-4455-6677-8899-aabbccddeef",
		  "-uuid: 00112233-4455-6677-8899-aabbccddeef: not a UUID" },
		{ "-uuid 00112233-4455-6677-8899-aabbccddeefff",
		  "-uuid: 00112233-4455-6677-8899-aabbccddeefff: not a UUID" },
		{ "-uuid 00112233x4455-6677-8899-aabbccddeeff",
		  "-uuid: 00112233x4455-6677-8899-aabbccddeeff: not a UUID" },
		{ "-uuid 0011223g-4455-6677-8899-aabbccddeeff",
		  "-uuid: 0011223g-4455-6677-8899-aabbccddeeff: not a UUID" },
		{ "-name x,foo=y",
		  "-name: foo: unknown property (there are: guest, process, debug-threads)" },
	};

	good("-name vm~1 -uuid 00112233-4455-6677-8899-aaBBccddeeff");
	assert_string_equal(options.pc.name, "vm 1");
	assert_memory_equal(options.pc.uuid, uuid, sizeof(uuid));
	good("-name a -name guest=b,,c");
	assert_string_equal(options.pc.name, "b,c");
	CHECK_REFUSALS(bad);
}

static void test_running(void **state)
{
	static const struct refusal bad[] = {
		{ "-exits xml", "-exits: form=xml: not offered (only none, text, json, off)" },
		{ "-exits file=x", "-exits: needs text or json" },
		{ "-accel qtest -exits text",
		  "-exits: there is no processor to leave the kernel (-accel qtest)" },
		{ "-pidfile", "-pidfile: needs a value (FILE)" },
		{ "-D", "-D: needs a value (FILE)" },
		{ "-display gtk", "-display: gtk: not offered (only none, curses, vnc=ADDRESS)" },
		{ "-display vnc=x", "-display: x: not an address ([HOST]:D, unix:PATH or none)" },
		{ "-vnc :x", "-vnc: :x: the display is a number from 0 to 59635" },
		{ "-vnc :59636", "-vnc: :59636: the display is a number from 0 to 59635" },
		{ "-vnc unix:", "-vnc: unix: needs a path" },
		{ "-vnc unix:x,to=3", "-vnc: to=3: not with unix:" },
		{ "-vnc :5,to=4", "-vnc: to=4: is below the display" },
		{ "-vnc unix:x,websocket=on", "-vnc: websocket: not with unix:" },
		{ "-vnc :0,websocket=0", "-vnc: websocket=0: neither on, off nor a port" },
		{ "-vnc password=on", "-vnc: needs an address ([HOST]:D, unix:PATH or none)" },
		{ "-vga cirrus", "-vga: cirrus: not offered (only std, none)" },
		{ "-audio alsa", "-audio: alsa: not offered (only none, driver=none)" },
		{ "-audiodev pa,id=x", "-audiodev: driver=pa: not offered (only none)" },
		{ "-net user", "-net: user: not offered (only none)" },
		{ "-boot x", "-boot: order=x: not offered (only letters of acdn)" },
		{ "-boot aa", "-boot: order=aa: a is there twice" },
		{ "-boot menu=maybe", "-boot: menu=maybe: not offered (only off, on)" },
		{ "-boot reboot-timeout=-2",
		  "-boot: reboot-timeout=-2: not a number from -1 to 65535" },
		{ "-boot splash-time=65536",
		  "-boot: splash-time=65536: not a number from 0 to 65535" },
		{ "-smp 2", "-smp: cpus=2: not offered (only 1)" },
		{ "-smp 1,maxcpus=4", "-smp: maxcpus=4: not offered (only 1)" },
		{ "-boot foo=on",
		  "-boot: foo: unknown property (there are: order, strict, menu, splash-time, reboot-timeout)" },
		{ "-foo", "-foo: unknown option (see coalport -help)" },
		{ "--foo", "--foo: unknown option (see coalport -help)" },
		{ "---S", "---S: unknown option (see coalport -help)" },
		{ "-s", "-s: unknown option (see coalport -help)" },
		{ "-drives", "-drives: unknown option (see coalport -help)" },
		{ "-m=64", "-m=64: unknown option (see coalport -help)" },
		{ "-", "-: unknown option (see coalport -help)" },
		{ "--", "--: unknown option (see coalport -help)" },
		{ "-\033[2J\n", "-?[2J?: unknown option (see coalport -help)" },
	};

	good("-S -no-reboot -no-shutdown -nodefaults -pidfile p -D l -exits text -bios b -L d1 -L d2");
	assert_true(options.paused && options.pc.machine.no_reboot &&
		    options.pc.machine.no_shutdown && options.nodefaults);
	assert_string_equal(options.pidfile, "p");
	assert_string_equal(options.log_file, "l");
	assert_string_equal(options.bios, "b");
	assert_int_equal(options.dirs_n, 2);
	assert_string_equal(options.dirs[0], "d1");
	assert_string_equal(options.dirs[1], "d2");
	assert_int_equal(options.exits, CMD_EXITS_TEXT);
	assert_null(options.exits_file);
	good("-pidfile a,b -pidfile c,,d -exits json,file=e,,f");
	assert_string_equal(options.pidfile, "c,,d");
	assert_int_equal(options.exits, CMD_EXITS_JSON);
	assert_string_equal(options.exits_file, "e,f");
	assert_false(options.pc.boot_menu || options.pc.boot_fail_wait_given);
	assert_int_equal(options.pc.boot_menu_wait, -1);
	good("-boot menu=on,splash-time=12 -boot reboot-timeout=-1 -smp 1 -smp cpus=1,cores=1");
	assert_true(options.pc.boot_menu && options.pc.boot_fail_wait_given);
	assert_int_equal(options.pc.boot_fail_wait, -1);
	assert_int_equal(options.pc.boot_menu_wait, 12);
	good("-display none -vga none -audio none -audio driver=none -parallel none -nic none -net none "
	     "-no-user-config -boot c -boot order=c,menu=off");
	assert_true(options.no_display);
	CHECK_REFUSALS(bad);
}

static void test_graphics(void **state)
{
	good("-drive file=d,if=virtio -vga none -vga std -nodefaults");
	assert_int_equal(options.pc.devices_n, 2);
	/* First, so that it has the place that it has in QEMU. */
	assert_string_equal(options.pc.devices[0].type, "VGA");
	good("-vga std -vga none -nodefaults");
	assert_int_equal(options.pc.devices_n, 0);
	good("-vga std -nodefaults -device VGA,vgamem_mb=32");
	assert_int_equal(options.pc.devices_n, 1);
	assert_string_equal(options.pc.devices[0].props, "vgamem_mb=32");
	/* Somebody is to see it. */
	good("-vnc :1 -nodefaults");
	assert_int_equal(options.pc.devices_n, 1);
	assert_string_equal(options.pc.devices[0].type, "VGA");
	good("-vnc :1 -vga none -nodefaults");
	assert_int_equal(options.pc.devices_n, 0);
	good("-display curses -nodefaults");
	assert_int_equal(options.pc.devices_n, 1);
	assert_string_equal(options.pc.devices[0].type, "VGA");
	good("-display curses -vga none -nodefaults");
	assert_int_equal(options.pc.devices_n, 0);
}

static void test_actions(void **state)
{
	static const struct {
		const char *line;
		enum cmd_action action;
		const char *prints;
	} rows[] = {
		{ "-help", CMD_HELP, "-drive file=PATH" },
		{ "-h", CMD_HELP, "usage: coalport" },
		{ "--help -nonsense", CMD_HELP, "isa-debug-exit" },
		{ "-version", CMD_VERSION, "coalport version " },
		{ "-M help", CMD_LIST_MACHINES, "\npc " },
		{ "-cpu help", CMD_LIST_CPUS, " x2apic" },
		{ "-accel ?", CMD_LIST_ACCELS, "\nqtest\n" },
		{ "-device help", CMD_LIST_DEVICES,
		  "Storage devices:\nname \"ide-hd\", bus IDE, desc \"an IDE disk" },
		{ "-device ?", CMD_LIST_DEVICES,
		  "\n\nMisc devices:\nname \"isa-debugcon\", bus ISA" },
		{ "-device isa-serial,help", CMD_LIST_PROPS,
		  "isa-serial options:\n  chardev=<str>          - the -chardev behind it" },
		{ "-help", CMD_HELP, "mc146818rtc.lost_tick_policy=discard|slew" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		good(rows[i].line);
		assert_int_equal(options.action, rows[i].action);
		cmd_options_print(&options, out);
		fclose(out);
		if (!strstr(text, rows[i].prints))
			fail_msg("%s prints:\n%s", rows[i].line, text);
		free(text);
	}
}

/* Every option and every property that is shown stands in the help and in the man page. */
static void test_help_is_whole(void **state)
{
	char *texts[2] = { NULL, NULL };
	size_t len;

	good("-help");
	for (int i = 0; i < 2; i++) {
		FILE *out = open_memstream(&texts[i], &len);

		if (i)
			cmd_options_man(out);
		else
			cmd_options_print(&options, out);
		fclose(out);
	}
	for (const struct cmd_option *row = cmd_option_table; row->name; row++) {
		char name[64];

		assert_true(row->form == NULL || *row->form);
		assert_true(strlen(row->help) > 5);
		snprintf(name, sizeof(name), "-%s", row->name);
		if (!strstr(texts[0], name))
			fail_msg("%s is not in -help", name);
		for (const struct prop *prop = row->props ? row->props->table : NULL;
		     prop && prop->name; prop++) {
			if (prop->help && !strstr(texts[0], prop->form))
				fail_msg("%s is not in -help", prop->form);
		}
		for (const struct cmd_option *other = cmd_option_table; other < row; other++)
			assert_string_not_equal(other->name, row->name);
	}
	assert_non_null(strstr(texts[1], "\\fB\\-no\\-shutdown\\fR\n"));
	assert_non_null(strstr(texts[1], "\\fB\\-M\\fR, \\fB\\-machine\\fR [type=]pc"));
	for (const char *line = texts[1]; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		/* Only our own requests begin with a dot. */
		if (*line == '.')
			assert_true(!strncmp(line, ".TP\n", 4) || !strncmp(line, ".S", 2) ||
				    !strncmp(line, ".RS\n", 4) || !strncmp(line, ".RE\n", 4));
	}
	free(texts[0]);
	free(texts[1]);
}

static void test_bounds(void **state)
{
	static char words[40][64];
	char *argv[80] = { (char *)"coalport" };
	static char huge[1 << 20];
	int n = 1;

	for (int i = 0; i < 39; i++) {
		snprintf(words[i], sizeof(words[i]), "file=%d,if=virtio", i);
		argv[n++] = (char *)"-drive";
		argv[n++] = words[i];
	}
	cmd_options_free(&options);
	assert_true(cmd_options_parse(&options, n, argv, HOST_MEMORY));
	assert_int_equal(count(&virtio_blk_pci_type), 39);
	assert_string_equal(drive_of(38)->file, "38");

	memset(huge, 'x', sizeof(huge) - 1);
	argv[1] = (char *)"-bios";
	argv[2] = huge;
	cmd_options_free(&options);
	assert_true(cmd_options_parse(&options, 3, argv, HOST_MEMORY));
	assert_string_equal(options.bios, huge);
	cmd_options_free(&options);
	argv[1] = huge;
	huge[0] = '-';
	assert_false(cmd_options_parse(&options, 2, argv, HOST_MEMORY));
	assert_true(strlen(options.error) < CMD_ERROR_MAX);
	assert_non_null(strstr(options.error, "unknown option"));
}

static void curses(void **state)
{
	static const struct refusal bad[] = {
		{ "-display curses -serial stdio",
		  "-display curses: stdio is in use by another option" },
		{ "-serial mon:stdio -display curses",
		  "-display curses: stdio is in use by another option" },
		{ "-qmp stdio -display curses",
		  "-display curses: stdio is in use by another option" },
		{ "-display curses -nographic", "-display curses: not with -nographic" },
		{ "-display curses,charset=CP437",
		  "-display: curses,charset=CP437: not offered (only none, curses, vnc=ADDRESS)" },
	};

	good("-display curses -vnc :1 -serial null");
	assert_true(options.curses_wanted && options.vnc_wanted && !options.no_display);
	assert_int_equal(options.chardevs[options.curses].options.kind, CHARDEV_STDIO);
	assert_true(options.chardevs[options.curses].options.escape);
	assert_false(options.chardevs[options.curses].options.signals);
	assert_true(options.chardevs[options.curses].used);
	/* The last one counts. */
	good("-display none -display curses");
	assert_true(options.curses_wanted && !options.no_display);
	good("-display curses -display none");
	assert_true(!options.curses_wanted && options.no_display);
	CHECK_REFUSALS(bad);
}

static void vnc(void **state)
{
	good("-vnc :3");
	assert_true(options.vnc_wanted && !options.no_display);
	assert_null(options.vnc.host);
	assert_null(options.vnc.path);
	assert_int_equal(options.vnc.display, 3);
	assert_int_equal(options.vnc.to, 3);
	assert_false(options.vnc.password || options.vnc.websocket);
	good("-display vnc=[::1]:59635,password,to=59635,websocket=80,share=ignore");
	assert_true(options.vnc_wanted && options.vnc.password && options.vnc.websocket);
	assert_string_equal(options.vnc.host, "::1");
	assert_int_equal(options.vnc.display, 59635);
	assert_int_equal(options.vnc.websocket_port, 80);
	good("-vnc localhost:0,to=9,websocket=on");
	assert_string_equal(options.vnc.host, "localhost");
	assert_int_equal(options.vnc.to, 9);
	assert_true(options.vnc.websocket && !options.vnc.websocket_port);
	good("-vnc unix:a/b,password=off,websocket=off");
	assert_string_equal(options.vnc.path, "a/b");
	assert_false(options.vnc.password || options.vnc.websocket);
	good("-vnc :3 -vnc none");
	assert_false(options.vnc_wanted);
}

static void test_console_of_firmware(void **state)
{
	good("-nographic");
	assert_true(options.nographic && options.no_display);
	good("-display none");
	assert_true(!options.nographic && options.no_display);
	good("");
	assert_true(!options.nographic && !options.no_display);
}

static void test_action_option(void **state)
{
	good("-action panic=none,reboot=shutdown -accel qtest,coalesced=on -device pvpanic");
	assert_int_equal(options.pc.machine.panic, MACHINE_PANIC_RUN);
	assert_true(options.pc.machine.no_reboot);
	assert_false(options.pc.machine.no_shutdown);
	assert_true(options.qtest_coalesced);
	good("-no-reboot -action reboot=reset -action shutdown=pause -device pvpanic,ioport=0x505");
	assert_int_equal(options.pc.machine.panic, MACHINE_PANIC_SHUTDOWN);
	assert_false(options.pc.machine.no_reboot);
	assert_true(options.pc.machine.no_shutdown);
	assert_false(options.qtest_coalesced);
	assert_int_equal(count(&debugexit_type), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_of_host),
		cmocka_unit_test(test_drive),
		cmocka_unit_test(test_ide),
		cmocka_unit_test(test_device_disk),
		cmocka_unit_test(test_debug_devices),
		cmocka_unit_test(test_chardev),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_qtest),
		cmocka_unit_test(test_rtc),
		cmocka_unit_test(test_fw_cfg),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_graphics),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_action_option),
		cmocka_unit_test(test_console_of_firmware),
		cmocka_unit_test(test_help_is_whole),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(curses),
		cmocka_unit_test(vnc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
