// SPDX-License-Identifier: MIT
/*
 * What holds for every device that there is: after a reset its state is that of a machine just made,
 * and a saved machine that is restored is the same machine. And what a board refuses to make.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/pci.h"
#include "pc_bench.h"

#define STEPS       30000
#define DISK_SIZE   (64u << 10)
#define FLOPPY_SIZE (360u << 10)

#define DISKS          4
#define IDE_DISK_PLACE 2 /* the one that is written to */

/* One device of every type that can be added. */
static const struct device_spec everything[] = {
	{ "isa-serial", "chardev=serial" },
	{ "isa-serial", NULL },
	{ "isa-parallel", NULL },
	{ "isa-parallel", "irq=5" },
	{ "isa-debugcon", "chardev=debug" },
	{ "isa-debug-exit", "iobase=0x501" },
	{ "pvpanic", NULL },
	{ "ide-hd", "drive=ide,bus=ide.1,bootindex=2" },
	{ "ide-cd", NULL },
	{ "virtio-blk-pci", "drive=disk,bootindex=3" },
	{ "virtio-blk-pci", "drive=other,addr=1f.0,bootindex=1" },
	{ "floppy", "drive=floppy" },
	{ "floppy", NULL },
};

struct scene {
	struct pc_bench bench;
	struct chardev *chardevs[2];
	struct block *blocks[DISKS];
	char path[DISKS][40];
};

static void make_image(char path[40], off_t size)
{
	int fd;

	strcpy(path, "/tmp/coalport-devices-XXXXXX");
	fd = mkstemp(path);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static struct scene *scene_make(const struct device_spec *devices, size_t n)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct pc_chardev chardevs[2] = { { .id = "serial" }, { .id = "debug" } };
	struct pc_disk disks[DISKS] = {
		{ .id = "disk" }, { .id = "other" }, { .id = "ide" }, { .id = "floppy" }
	};
	struct loop *loop = &scene->bench.loop;
	char why[BLOCK_WHY];
	const char *what;

	assert_non_null(scene);
	/* Back-ends want a loop before the machine has it. */
	assert_int_equal(loop_init(loop), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct chardev_options null = { .kind = CHARDEV_NULL };

		assert_int_equal(chardev_open(&scene->chardevs[i], loop, &null, &what), 0);
		chardevs[i].chardev = scene->chardevs[i];
	}
	for (size_t i = 0; i < DISKS; i++) {
		const struct block_options disk = { .path = scene->path[i],
						    .readonly = i < IDE_DISK_PLACE,
						    .loop = loop };

		make_image(scene->path[i], i < DISKS - 1 ? DISK_SIZE : FLOPPY_SIZE);
		assert_int_equal(block_open(&scene->blocks[i], &disk, why), 0);
		disks[i].block = scene->blocks[i];
	}
	pc_bench_make_on(&scene->bench, (struct pc_options){ .devices = devices,
							     .devices_n = n,
							     .chardevs = chardevs,
							     .chardevs_n = 2,
							     .disks = disks,
							     .disks_n = DISKS });
	return scene;
}

static void scene_end(struct scene *scene)
{
	pc_destroy(&scene->bench.pc);
	for (size_t i = 0; i < DISKS; i++) {
		block_close(scene->blocks[i]);
		unlink(scene->path[i]);
	}
	for (size_t i = 0; i < 2; i++)
		chardev_destroy(scene->chardevs[i]);
	loop_destroy(&scene->bench.loop);
	free(scene);
}

static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A register of a PCI function, any of those that there are. */
static void dirty_config(struct pc_bench *bench, uint64_t random)
{
	static const uint8_t functions[] = { 0x00, 0x08, 0x0b, 0x10, 0xf8 };
	uint64_t at = (uint64_t)functions[random % sizeof(functions)] << 8 | (random >> 8 & 0xfc);

	pc_bench_out(bench, 0xcf8, UINT64_C(0x80000000) | at, 4);
	pc_bench_out(bench, 0xcfc, random >> 16, 4);
}

#define BARS UINT64_C(0xe0000000)

/* Firmware gives both disks their addresses and lets them work. */
static void place_bars(struct pc_bench *bench)
{
	static const uint8_t functions[] = { 0x10, 0xf8 };

	for (size_t i = 0; i < sizeof(functions); i++) {
		uint64_t at = UINT64_C(0x80000000) | (uint64_t)functions[i] << 8;

		pc_bench_out(bench, 0xcf8, at | 0x10, 4);
		pc_bench_out(bench, 0xcfc, BARS + i * 0x10000, 4);
		pc_bench_out(bench, 0xcf8, at | 0x04, 4);
		pc_bench_out(bench, 0xcfc, 0x6, 2);
	}
}

/* A register of one of the disks. */
static void dirty_disk(struct pc_bench *bench, uint64_t random)
{
	static const uint16_t windows[] = { 0x0000, 0x0000, 0x1000, 0x3000, 0x4000 };
	uint64_t at =
		BARS + (random & 1) * 0x10000 + windows[(random >> 1) % 5] + (random >> 4 & 0x3f);

	soft_cpu_write(&bench->none.cpu, MEM_SPACE_MEMORY, at, random >> 32,
		       1u << (random >> 10) % 3);
}

/* What the guest may do to all chips, but for ending the machine (isa-debug-exit). */
static void dirty(struct pc_bench *bench, uint64_t seed)
{
	static const struct {
		uint16_t at, len;
	} places[] = {
		{ 0x00, 16 }, { 0x81, 15 },  { 0xc0, 32 },   { 0x481, 15 },  { 0x3f0, 8 },
		{ 0x60, 5 },  { 0x70, 4 },   { 0x80, 1 },    { 0x92, 1 },    { 0xe9, 1 },
		{ 0x2f8, 8 }, { 0x3f8, 8 },  { 0x4d0, 2 },   { 0x505, 1 },   { 0x510, 12 },
		{ 0xcf8, 8 }, { 0xafe0, 4 }, { 0xb000, 64 }, { 0xc000, 64 }, { 0x1f0, 8 },
		{ 0x170, 8 }, { 0x3f6, 1 },  { 0x376, 1 },   { 0x378, 3 },   { 0x278, 3 },
	};

	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t random = next_random(&seed),
			 i = random % (sizeof(places) / sizeof(places[0]));
		uint64_t port = places[i].at + (random >> 8) % places[i].len;
		unsigned width = 1u << (random >> 16) % 3;

		if (random >> 24 & 1)
			pc_bench_out(bench, port, random >> 32, width);
		else if (random >> 25 & 1)
			dirty_config(bench, random >> 26);
		else
			pc_bench_in(bench, port, width);
		if (!(random >> 40 & 63))
			place_bars(bench);
		dirty_disk(bench, next_random(&seed));
		if (!(random >> 44 & 31))
			machine_step_clock(&bench->pc.machine, (int64_t)(random >> 40));
		pc_bench_turn(bench);
		machine_continue(&bench->pc.machine);
	}
}

/* A field that a reset gives a value: in the whole of configuration space the bus does. */
static bool is_cleared(const struct device_part *part, const struct state_field *field)
{
	return field->on_reset == STATE_CLEAR || part->table == &pci_function_state;
}

static void check_part(const struct device *is, const struct device *wanted,
		       const struct device_part *part)
{
	for (size_t f = 0; f < part->table->fields_n; f++) {
		const struct state_field *field = &part->table->fields[f];
		size_t at = part->at + field->offset;

		if (is_cleared(part, field) &&
		    memcmp((const char *)is + at, (const char *)wanted + at,
			   field->size * field->count))
			fail_msg("%s: %s.%s is not what it was at the start", is->type->name,
				 part->table->name, field->name);
	}
}

static void test_reset_equals_start(void **state)
{
	const size_t n = sizeof(everything) / sizeof(everything[0]);
	struct scene *fresh = scene_make(everything, n);
	bool differed = false;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct scene *used = scene_make(everything, n);
		const struct device *is, *wanted = TAILQ_FIRST(&fresh->bench.pc.devices);

		dirty(&used->bench, seed);
		TAILQ_FOREACH(is, &used->bench.pc.devices, next)
		{
			struct device_difference where;

			differed |= device_differs(is, wanted, &where);
			wanted = TAILQ_NEXT(wanted, next);
		}
		pc_bench_reset(&used->bench);
		wanted = TAILQ_FIRST(&fresh->bench.pc.devices);
		TAILQ_FOREACH(is, &used->bench.pc.devices, next)
		{
			for (const struct device_part *part = is->type->state; part && part->table;
			     part++)
				check_part(is, wanted, part);
			wanted = TAILQ_NEXT(wanted, next);
		}
		scene_end(used);
	}
	assert_true(differed); /* or nothing was shown */
	scene_end(fresh);
}

/* Saved, made anew, restored: the same bytes come out again, and the same registers are read. */
static void test_restored_is_the_same(void **state)
{
	const size_t n = sizeof(everything) / sizeof(everything[0]);
	struct scene *from = scene_make(everything, n), *to = scene_make(everything, n);
	struct device_list *a = &from->bench.pc.devices, *b = &to->bench.pc.devices;
	size_t size = device_list_size(a);
	uint8_t *saved = malloc(size);
	const struct device *x, *y;

	dirty(&from->bench, 7);
	machine_stop(&from->bench.pc.machine);
	machine_stop(&to->bench.pc.machine);
	assert_int_equal(device_list_size(b), size);
	device_list_save(a, saved);
	device_list_restore(b, saved);
	assert_int_equal(mem_map_settle(&to->bench.pc.machine.map), 0);
	for (x = TAILQ_FIRST(a), y = TAILQ_FIRST(b); x; x = TAILQ_NEXT(x, next)) {
		struct device_difference where;

		/* The clock's times are on another machine's clock, register by register below. */
		if (x->type != &rtc_type && device_differs(x, y, &where))
			fail_msg("%s: %s[%zu]", x->type->name, where.field->name, where.index);
		y = TAILQ_NEXT(y, next);
	}
	for (unsigned i = 0x10; i < 0x80; i++)
		if (i != 0x37)
			assert_int_equal(from->bench.pc.rtc->state.ram[0][i],
					 to->bench.pc.rtc->state.ram[0][i]);
	free(saved);
	scene_end(from);
	scene_end(to);
}

static void test_boot_order(void **state)
{
	static const struct device_spec two[] = {
		{ "virtio-blk-pci", "drive=disk" },
		{ "virtio-blk-pci", "drive=other,addr=1f,bootindex=1" },
	};
	struct scene *scene = scene_make(two, 2);
	const struct fw_cfg_item *item = fw_cfg_find(scene->bench.pc.fw_cfg, "bootorder");

	assert_non_null(item);
	assert_string_equal(item->data,
			    "/pci@i0cf8/scsi@1f/disk@0,0\n/pci@i0cf8/scsi@2/disk@0,0\n");
	scene_end(scene);
}

/* A board refuses with a line that says what is wrong, and nothing is left behind. */
static void test_refusals(void **state)
{
	static const struct {
		struct device_spec devices[2];
		const char *says;
	} rows[] = {
		{ { { "isa-serial", "index=1" }, { "isa-serial", "index=1" } },
		  "isa-serial: index=1: another port has it" },
		{ { { "isa-serial", "chardev=no" } },
		  "isa-serial: chardev=no: there is no such back-end" },
		{ { { "isa-parallel", "index=2" }, { "isa-parallel", "index=2" } },
		  "isa-parallel: index=2: another port has it" },
		{ { { "virtio-blk-pci", "drive=no" } },
		  "virtio-blk-pci: drive=no: there is no such disk" },
		{ { { "vga", NULL } }, "vga: unknown device (see -device help)" },
	};
	struct pc_bench *bench = calloc(1, sizeof(*bench));
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pc_options options = { .devices = rows[i].devices,
					      .devices_n = rows[i].devices[1].type ? 2 : 1 };

		assert_true(pc_bench_try(bench, options, &err) < 0);
		assert_string_equal(err.text, rows[i].says);
	}
	assert_true(pc_bench_try(bench, (struct pc_options){ .ram = PC_RAM_MAX + 4096 }, &err) < 0);
	assert_string_equal(err.text, "-m: 1048576 MiB of guest memory: a PC has 1 to 1048576 MiB");
	free(bench);
}

static void test_fw_cfg_twice(void **state)
{
	const struct pc_fw_cfg_item item = { .name = "etc/e820", .string = "x" };
	struct pc_bench *bench = calloc(1, sizeof(*bench));
	struct error err;

	assert_int_equal(
		pc_bench_try(bench, (struct pc_options){ .fw_cfg = &item, .fw_cfg_n = 1 }, &err),
		-EEXIST);
	assert_string_equal(err.text, "-fw_cfg name=etc/e820: there is one already");
	free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_equals_start),
		cmocka_unit_test(test_restored_is_the_same),
		cmocka_unit_test(test_boot_order),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_fw_cfg_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
