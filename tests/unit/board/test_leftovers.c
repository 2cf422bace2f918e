// SPDX-License-Identifier: MIT
/*
 * A hundred PCs, made, run and destroyed one after the other in one process and on one loop, leave
 * no descriptor, no thread, no clock and no task; and, as AddressSanitizer sees, no memory. Without
 * CPU, on a KVM that is only a model, and on the real one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cm.h"
#include "../hv/fake.h"
#include "board/accel_kvm.h"
#include "board/accel_none.h"
#include "board/pc.h"

#define MACHINES  100
#define ROM_SIZE  65536
#define DISK_SIZE (1 << 20)

struct rig {
	struct loop loop;
	struct loop_task quit;
	struct accel_none none;
	struct accel_kvm kvm;
	struct pc pc;
	char disk[40], output[40];
	uint8_t rom[ROM_SIZE];
	size_t fds, threads; /* there were before */
};

static size_t entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The model is for one thread, and has no vCPU that runs. */
struct shared_fake {
	struct hv_sys sys; /* first */
	struct fake_kvm fake;
	pthread_mutex_t mutex;
};

static struct shared_fake *shared(const struct hv_sys *sys)
{
	return (struct shared_fake *)(uintptr_t)sys;
}

static int shared_open(const struct hv_sys *sys, const char *path)
{
	return shared(sys)->fake.sys.open(&shared(sys)->fake.sys, path);
}

static void shared_close(const struct hv_sys *sys, int fd)
{
	shared(sys)->fake.sys.close(&shared(sys)->fake.sys, fd);
}

static int shared_ioctl(const struct hv_sys *sys, int fd, unsigned long request, uintptr_t arg)
{
	struct shared_fake *shared_fake = shared(sys);
	int ret;

	if (request == KVM_RUN) {
		sched_yield();
		return -EINTR;
	}
	pthread_mutex_lock(&shared_fake->mutex);
	ret = shared_fake->fake.sys.ioctl(&shared_fake->fake.sys, fd, request, arg);
	pthread_mutex_unlock(&shared_fake->mutex);
	return ret;
}

static int shared_mmap(const struct hv_sys *sys, int fd, size_t size, void **out)
{
	return shared(sys)->fake.sys.mmap(&shared(sys)->fake.sys, fd, size, out);
}

static void shared_munmap(const struct hv_sys *sys, void *at, size_t size)
{
	shared(sys)->fake.sys.munmap(&shared(sys)->fake.sys, at, size);
}

static void loop_ends(void *arg)
{
	loop_quit(arg);
}

static void make_file(char path[40], off_t size)
{
	int fd;

	strcpy(path, "/tmp/coalport-left-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int setup(void **state)
{
	/* hlt; jmp to it: at the reset vector */
	static const uint8_t rest[] = { 0xf4, 0xeb, 0xfd };
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(loop_init(&rig->loop), 0);
	rig->quit = (struct loop_task){ .run = loop_ends, .arg = &rig->loop };
	memcpy(rig->rom + ROM_SIZE - 16, rest, sizeof(rest));
	make_file(rig->disk, DISK_SIZE);
	make_file(rig->output, 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	loop_destroy(&rig->loop);
	unlink(rig->disk);
	unlink(rig->output);
	free(rig);
	return 0;
}

static void turn(struct rig *rig)
{
	loop_post(&rig->loop, &rig->quit);
	assert_int_equal(loop_run(&rig->loop), 0);
}

/* One of each kind of chip, run for a moment, and with something left to do. */
static void one_life(struct rig *rig, struct accel *accel)
{
	static const struct device_spec devices[] = {
		{ "isa-serial", "chardev=output" },
		{ "isa-serial", NULL },
		{ "isa-debug-exit", "iobase=0xf4,iosize=1" },
		{ "virtio-blk-pci", "drive=disk" },
	};
	static const struct pc_fw_cfg_item item = { .name = "opt/test", .string = "content" };
	struct pc_chardev output = { .id = "output" };
	struct pc_disk disk = { .id = "disk" };
	struct pc_options options = {
		.machine = { .loop = &rig->loop, .accel = accel, .no_shutdown = true },
		.ram = PC_RAM_MIN,
		.rom = rig->rom,
		.rom_size = ROM_SIZE,
		.devices = devices,
		.devices_n = sizeof(devices) / sizeof(devices[0]),
		.chardevs = &output,
		.chardevs_n = 1,
		.disks = &disk,
		.disks_n = 1,
		.fw_cfg = &item,
		.fw_cfg_n = 1,
	};
	const struct block_options block = { .path = rig->disk, .loop = &rig->loop };
	char why[BLOCK_WHY];
	const char *what;
	struct error err;

	assert_int_equal(block_open(&disk.block, &block, why), 0);
	assert_int_equal(
		chardev_open(&output.chardev, &rig->loop,
			     &(struct chardev_options){ .kind = CHARDEV_FILE, .path = rig->output },
			     &what),
		0);
	if (pc_create(&rig->pc, &options, &err))
		fail_msg("%s", err.text);
	machine_continue(&rig->pc.machine);
	turn(rig);
	machine_request_reset(&rig->pc.machine, MACHINE_BY_HOST);
	turn(rig);
	machine_stop(&rig->pc.machine);
	machine_continue(&rig->pc.machine);
	machine_request_reset(&rig->pc.machine, MACHINE_BY_GUEST);
	pc_destroy(&rig->pc);
	block_close(disk.block);
	chardev_destroy(output.chardev);
}

static void many_lives(struct rig *rig, struct accel *accel)
{
	/* What a library opens once and keeps is not of the machine. */
	one_life(rig, accel);
	rig->fds = entries("/proc/self/fd");
	rig->threads = entries("/proc/self/task");
	for (unsigned i = 0; i < MACHINES; i++) {
		one_life(rig, accel);
		assert_true(LIST_EMPTY(&rig->loop.clocks));
		assert_null(rig->loop.before);
		assert_false(loop_has_tasks(&rig->loop));
		assert_int_equal(entries("/proc/self/fd"), rig->fds);
		assert_int_equal(entries("/proc/self/task"), rig->threads);
	}
}

static void test_without_cpu(void **state)
{
	struct rig *rig = *state;

	accel_none_init(&rig->none, true);
	many_lives(rig, &rig->none.accel);
}

static void test_on_a_model(void **state)
{
	static struct shared_fake fake;
	struct rig *rig = *state;

	fake_init(&fake.fake);
	pthread_mutex_init(&fake.mutex, NULL);
	fake.sys = (struct hv_sys){
		.open = shared_open,
		.close = shared_close,
		.ioctl = shared_ioctl,
		.mmap = shared_mmap,
		.munmap = shared_munmap,
	};
	accel_kvm_init(&rig->kvm,
		       &(struct accel_kvm_options){
			       .hv = { .coalesce = true, .irqchip = true, .pit = true, .vcpus = 2 },
			       .sys = &fake.sys });
	many_lives(rig, &rig->kvm.accel);
	assert_int_equal(fake.fake.fds, 0);
	assert_int_equal(fake.fake.maps, 0);
	pthread_mutex_destroy(&fake.mutex);
}

static void test_on_kvm(void **state)
{
	struct rig *rig = *state;

	if (access("/dev/kvm", R_OK | W_OK))
		skip();
	accel_kvm_init(
		&rig->kvm,
		&(struct accel_kvm_options){
			.hv = { .coalesce = true, .irqchip = true, .pit = true, .vcpus = 2 } });
	many_lives(rig, &rig->kvm.accel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on_a_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on_kvm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
