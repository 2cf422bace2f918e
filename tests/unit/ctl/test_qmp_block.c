// SPDX-License-Identifier: MIT
/* Drives by QMP: what QEMU 7.2 answers to the same, and what stops a machine and lets it go on. */
#include <errno.h>

#include "ctl/qmp.h"
#include "rig.h"

#define EMPTY          "{\"return\":{}}\r\n"
#define FAILS(c, desc) "{\"error\":{\"class\":\"" c "\",\"desc\":\"" desc "\"}}\r\n"
#define GENERIC(desc)  FAILS("GenericError", desc)
#define MOVED(name, id, open)                                                                      \
	"{T,\"event\":\"DEVICE_TRAY_MOVED\",\"data\":{\"device\":\"" name "\",\"tray-open\":" open \
	",\"id\":\"" id "\"}}\r\n"

enum { HD, CD, FD, DISKS };

static const struct {
	const char *id, *file;
	long size;
} images[DISKS] = { [HD] = { "hd0", "d.img", 1 << 20 },
		    [CD] = { "cd0", "a.iso", 1 << 20 },
		    [FD] = { "fd0", "f.img", 1440 << 10 } };

struct fixture {
	struct rig rig;
	struct ctl_qmp qmp;
	struct pc_disk disks[DISKS];
	char dir[32], home[256];
	int io_error; /* of the disk's host; 0: it does what is asked */
};
static struct fixture *fixture;

static ssize_t host_write(const struct block_file *file, const struct iovec *iov, unsigned iov_n,
			  uint64_t offset)
{
	if (fixture->io_error)
		return fixture->io_error;
	return block_host.write(file, iov, iov_n, offset);
}

static void make_file(const char *name, long size)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void open_disks(struct fixture *f)
{
	static struct block_system system;
	char why[BLOCK_WHY];

	system = block_host;
	system.write = host_write;
	for (unsigned i = 0; i < DISKS; i++) {
		const struct block_options options = {
			.path = images[i].file,
			.id = images[i].id,
			.readonly = i == CD,
			.engine = BLOCK_ENGINE_SYNC,
			.system = &system,
		};

		make_file(images[i].file, images[i].size);
		f->disks[i] = (struct pc_disk){ .id = images[i].id, .readonly = i == CD };
		if (block_open(&f->disks[i].block, &options, why))
			fail_msg("%s", why);
	}
}

static int setup(void **state)
{
	static const struct device_spec devices[] = {
		{ "ide-hd", "id=d0,drive=hd0,bus=ide.0,unit=0" },
		{ "ide-cd", "id=c0,drive=cd0,bus=ide.1,unit=0" },
		{ "floppy", "id=fl0,drive=fd0" },
		{ "ide-cd", "bus=ide.1,unit=1" },
	};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fixture = f;
	assert_non_null(getcwd(f->home, sizeof(f->home)));
	strcpy(f->dir, "/tmp/coalport-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chdir(f->dir), 0);
	make_file("b.iso", 1 << 19);
	make_file("f2.img", 720 << 10);
	make_file("odd.img", 4096);
	make_file("half.img", 100);
	open_disks(f);
	rig_make(&f->rig,
		 (struct pc_options){
			 .devices = devices, .devices_n = 4, .disks = f->disks, .disks_n = DISKS });
	rig_serve(&f->rig);
	assert_int_equal(ctl_qmp_init(&f->qmp, &f->rig.pc.machine, NULL, f->rig.chardev), 0);
	rig_connect(&f->rig);
	(void)rig_hear(&f->rig);
	rig_expect(&f->rig, "{'execute':'qmp_capabilities'}", EMPTY);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const more[] = { "b.iso", "f2.img", "odd.img", "half.img" };
	struct fixture *f = *state;

	ctl_qmp_destroy(&f->qmp);
	rig_end(&f->rig);
	for (unsigned i = 0; i < DISKS; i++) {
		block_close(f->disks[i].block);
		unlink(images[i].file);
	}
	for (unsigned i = 0; i < 4; i++)
		unlink(more[i]);
	assert_int_equal(chdir(f->home), 0);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* What is heard, with times of events as T and numbers of nodes as N. */
static const char *plain(const char *at)
{
	static const char stamp[] = "{\"timestamp\":{\"seconds\":", node[] = "#block";
	static char text[1 << 16];
	char *to = text;

	while (*at && to < text + sizeof(text) - 1) {
		if (!strncmp(at, stamp, sizeof(stamp) - 1)) {
			at = strchr(at, '}') + 1;
			*to++ = '{';
			*to++ = 'T';
		} else if (!strncmp(at, node, sizeof(node) - 1)) {
			at += sizeof(node) - 1;
			at += strspn(at, "0123456789");
			*to++ = 'N';
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
	return text;
}

static void expect(struct fixture *f, const char *say, const char *hear)
{
	rig_say(&f->rig, say);
	assert_string_equal(plain(rig_hear(&f->rig)), hear);
}

static void expect_in(struct fixture *f, const char *say, const char *part)
{
	rig_say(&f->rig, say);
	if (!strstr(plain(rig_hear(&f->rig)), part))
		fail_msg("no %s in %s", part, f->rig.heard);
}

static void test_query(void **state)
{
	struct fixture *f = *state;

	/* Member by member as QEMU's, whose order is its own. */
	expect_in(f, "{'execute':'query-block'}",
		  "{\"io-status\":\"ok\",\"device\":\"cd0\",\"locked\":false,\"removable\":true,"
		  "\"inserted\":{\"iops\":0,\"iops_rd\":0,\"iops_wr\":0,\"bps\":0,\"bps_rd\":0,"
		  "\"bps_wr\":0,\"write_threshold\":0,\"detect_zeroes\":\"off\",\"image\":{"
		  "\"virtual-size\":1048576,\"filename\":\"a.iso\",\"format\":\"raw\","
		  "\"actual-size\":0,\"dirty-flag\":false},\"ro\":true,\"node-name\":\"N\","
		  "\"backing_file_depth\":0,\"drv\":\"raw\",\"encrypted\":false,\"cache\":{"
		  "\"no-flush\":false,\"direct\":false,\"writeback\":true},\"file\":\"a.iso\"},"
		  "\"qdev\":\"c0\",\"tray_open\":false,\"type\":\"unknown\"}");
	/* A drive that nobody named, and empty. */
	expect_in(f, "{'execute':'query-block'}",
		  "{\"io-status\":\"ok\",\"device\":\"\",\"locked\":false,\"removable\":true,"
		  "\"qdev\":\"/machine/unattached/device[3]\",\"tray_open\":false,"
		  "\"type\":\"unknown\"}]");
}

static void test_wrong_requests(void **state)
{
	static const struct {
		const char *say, *hear;
	} rows[] = {
		{ "{'execute':'eject','arguments':{'device':'no'}}",
		  FAILS("DeviceNotFound", "Device 'no' not found") },
		{ "{'execute':'eject','arguments':{'device':''}}",
		  FAILS("DeviceNotFound", "Device '' not found") },
		{ "{'execute':'eject'}", GENERIC("Need exactly one of 'device' and 'id'") },
		{ "{'execute':'eject','arguments':{'device':'cd0','id':'c0'}}",
		  GENERIC("Need exactly one of 'device' and 'id'") },
		{ "{'execute':'eject','arguments':{'id':'d0'}}",
		  GENERIC("Device 'd0' is not removable") },
		{ "{'execute':'eject','arguments':{'id':7}}",
		  GENERIC("Invalid parameter type for 'id', expected: string") },
		{ "{'execute':'blockdev-open-tray','arguments':{'id':'c0','force':3}}",
		  GENERIC("Invalid parameter type for 'force', expected: boolean") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0'}}",
		  GENERIC("Parameter 'filename' is missing") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'b.iso',"
		  "'format':'foo'}}",
		  GENERIC("Unknown driver 'foo'") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'b.iso',"
		  "'read-only-mode':'x'}}",
		  GENERIC("Parameter 'read-only-mode' does not accept value 'x'") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'/none'}}",
		  GENERIC("/none: No such file or directory") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'d.img'}}",
		  GENERIC("d.img: locked by another process (is it open in another machine?)") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'fl0','filename':"
		  "'odd.img'}}",
		  GENERIC("odd.img: 4096 bytes: no floppy disk has this size (160, 180, 320, 360, "
			  "720, 1200, 1440 or 2880 KiB; truncate -s makes it so)") },
		{ "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':"
		  "'half.img'}}",
		  GENERIC("half.img: 100 bytes is not a multiple of 512 (is it a raw image, all of "
			  "it?)") },
		{ "{'execute':'device_del','arguments':{'id':'no'}}",
		  FAILS("DeviceNotFound", "Device 'no' not found") },
		{ "{'execute':'device_del','arguments':{'id':'c0'}}",
		  GENERIC("Bus 'ide.1' does not support hotplugging") },
		{ "{'execute':'device_del','arguments':{'id':'fl0'}}",
		  GENERIC("Device 'floppy' does not support hotplugging") },
		{ "{'execute':'device_del'}", GENERIC("Parameter 'id' is missing") },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(f, rows[i].say, rows[i].hear);
	/* Nothing of it moved anything. */
	expect_in(f, "{'execute':'query-block'}", "\"file\":\"a.iso\"");
	expect_in(f, "{'execute':'query-block'}", "\"file\":\"f.img\"");
}

static void test_trays(void **state)
{
	struct fixture *f = *state;

	expect(f, "{'execute':'eject','arguments':{'device':'cd0'}}",
	       MOVED("cd0", "c0", "true") EMPTY);
	assert_null(f->disks[CD].block);
	expect_in(f, "{'execute':'query-block'}", "\"qdev\":\"c0\",\"tray_open\":true");
	expect(f, "{'execute':'eject','arguments':{'id':'c0'}}", EMPTY);
	expect(f, "{'execute':'blockdev-open-tray','arguments':{'id':'c0'}}", EMPTY);
	expect(f, "{'execute':'blockdev-close-tray','arguments':{'id':'c0'}}",
	       MOVED("cd0", "c0", "false") EMPTY);
	expect(f, "{'execute':'blockdev-close-tray','arguments':{'id':'c0'}}", EMPTY);
	/* Its lock is gone with it: somebody else may write to it. */
	expect(f,
	       "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'a.iso',"
	       "'read-only-mode':'read-write'}}",
	       MOVED("cd0", "c0", "true") MOVED("cd0", "c0", "false") EMPTY);
	expect_in(f, "{'execute':'query-block'}", "\"ro\":false");
	expect(f,
	       "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'b.iso',"
	       "'format':'raw','read-only-mode':'read-only'}}",
	       MOVED("cd0", "c0", "true") MOVED("cd0", "c0", "false") EMPTY);
	expect_in(f, "{'execute':'query-block'}", "\"virtual-size\":524288,\"filename\":\"b.iso\"");
	/* A floppy drive has no tray. */
	expect(f, "{'execute':'blockdev-open-tray','arguments':{'id':'fl0'}}", EMPTY);
	expect(f,
	       "{'execute':'blockdev-change-medium','arguments':{'id':'fl0','filename':'f2.img'}}",
	       EMPTY);
	assert_null(f->disks[FD].block);
	expect_in(f, "{'execute':'query-block'}", "\"file\":\"f2.img\"},\"qdev\":\"fl0\"");
	expect(f, "{'execute':'eject','arguments':{'device':'fd0'}}", EMPTY);
	/* By the path that query-block tells. */
	expect(f, "{'execute':'eject','arguments':{'id':'/machine/unattached/device[3]'}}",
	       MOVED("", "/machine/unattached/device[3]", "true") EMPTY);
}

static void out(struct fixture *f, unsigned port, unsigned value, unsigned width)
{
	soft_cpu_write(&f->rig.none.cpu, MEM_SPACE_PORT, port, value, width);
}

/* A packet command without data to the CD-ROM of the second channel. */
static void send_packet(struct fixture *f, const uint8_t packet[12])
{
	out(f, 0x176, 0xa0, 1);
	out(f, 0x177, 0xa0, 1);
	for (unsigned i = 0; i < 12; i += 2)
		out(f, 0x170, packet[i] | (unsigned)packet[i + 1] << 8, 2);
	rig_spin(&f->rig);
}

static void test_locked_tray(void **state)
{
	struct fixture *f = *state;

	expect_in(f, "{'execute':'cont'}", EMPTY);
	send_packet(f, (const uint8_t[12]){ 0x1e, 0, 0, 0, 1 });
	expect_in(f, "{'execute':'query-block'}", "\"device\":\"cd0\",\"locked\":true");
	expect(f, "{'execute':'eject','arguments':{'id':'c0'}}",
	       GENERIC("Device 'c0' is locked and force was not specified, wait for tray to open "
		       "and try again"));
	expect(f, "{'execute':'blockdev-change-medium','arguments':{'id':'c0','filename':'b.iso'}}",
	       GENERIC("Device 'c0' is locked and force was not specified, wait for tray to open "
		       "and try again"));
	/* It has been asked for: that is enough here. */
	expect(f, "{'execute':'blockdev-open-tray','arguments':{'id':'c0'}}", EMPTY);
	expect_in(f, "{'execute':'query-block'}",
		  "\"file\":\"a.iso\"},\"qdev\":\"c0\",\"tray_open\":false");
	/* The guest lets it go, and opens the tray itself. */
	send_packet(f, (const uint8_t[12]){ 0x1e });
	send_packet(f, (const uint8_t[12]){ 0x1b, 0, 0, 0, 2 });
	assert_string_equal(plain(rig_hear(&f->rig)), MOVED("cd0", "c0", "true"));
	send_packet(f, (const uint8_t[12]){ 0x1b, 0, 0, 0, 3 });
	assert_string_equal(plain(rig_hear(&f->rig)), MOVED("cd0", "c0", "false"));
	send_packet(f, (const uint8_t[12]){ 0x00 }); /* hears of it */
	send_packet(f, (const uint8_t[12]){ 0x1e, 0, 0, 0, 1 });
	expect(f, "{'execute':'eject','arguments':{'id':'c0','force':true}}",
	       MOVED("cd0", "c0", "true") EMPTY);
	expect_in(f, "{'execute':'query-block'}", "\"device\":\"cd0\",\"locked\":false");
}

/* Two sectors from number 3 on, of that byte. */
static void write_disk(struct fixture *f, uint8_t byte)
{
	out(f, 0x1f2, 2, 1);
	out(f, 0x1f3, 3, 1);
	out(f, 0x1f4, 0, 1);
	out(f, 0x1f5, 0, 1);
	out(f, 0x1f6, 0xe0, 1);
	out(f, 0x1f7, 0x30, 1);
	for (unsigned i = 0; i < 512; i++)
		out(f, 0x1f0, byte * 0x101u, 2);
	rig_spin(&f->rig);
}

static uint8_t disk_status(struct fixture *f)
{
	return (uint8_t)soft_cpu_read(&f->rig.none.cpu, MEM_SPACE_PORT, 0x3f6, 1);
}

#define IO_ERROR(action, nospace, reason)                                                          \
	"{T,\"event\":\"BLOCK_IO_ERROR\",\"data\":{\"device\":\"hd0\",\"node-name\":\"N\","        \
	"\"operation\":\"write\",\"action\":\"" action "\",\"nospace\":" nospace                   \
	",\"reason\":\"" reason "\"}}\r\n"
#define STATUS(running, status)                                                                    \
	"{\"return\":{\"running\":" running ",\"singlestep\":false,\"status\":\"" status "\"}}\r\n"

/* No room: the machine stops, whatever is asked of it; room again: it goes on, and nothing is lost. */
static void test_no_space(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[1024];
	int fd;

	expect_in(f, "{'execute':'cont'}", EMPTY);
	f->io_error = -ENOSPC;
	write_disk(f, 0x77);
	assert_string_equal(
		plain(rig_hear(&f->rig)),
		IO_ERROR("stop", "true", "No space left on device") "{T,\"event\":\"STOP\"}\r\n");
	expect(f, "{'execute':'query-status'}", STATUS("false", "io-error"));
	expect_in(f, "{'execute':'query-block'}", "{\"io-status\":\"nospace\",\"device\":\"hd0\"");
	/* Still none. */
	rig_say(&f->rig, "{'execute':'cont'}");
	assert_non_null(strstr(plain(rig_hear(&f->rig)), "\"action\":\"stop\""));
	expect(f, "{'execute':'query-status'}", STATUS("false", "io-error"));
	f->io_error = 0;
	expect(f, "{'execute':'cont'}", "{T,\"event\":\"RESUME\"}\r\n" EMPTY);
	expect(f, "{'execute':'query-status'}", STATUS("true", "running"));
	expect_in(f, "{'execute':'query-block'}", "{\"io-status\":\"ok\",\"device\":\"hd0\"");
	assert_int_equal(disk_status(f), 0x50);
	fd = open("d.img", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 3 * 512), sizeof(bytes));
	close(fd);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0x77);
	/* What is not for want of room is the guest's to hear. */
	f->io_error = -EIO;
	write_disk(f, 0x11);
	assert_int_equal(disk_status(f), 0x51);
	expect(f, "{'execute':'query-status'}", STATUS("true", "running"));
}

/* A reset lets go of what is kept. */
static void test_reset_of_kept(void **state)
{
	struct fixture *f = *state;

	expect_in(f, "{'execute':'cont'}", EMPTY);
	f->io_error = -ENOSPC;
	write_disk(f, 0x77);
	(void)rig_hear(&f->rig);
	expect_in(f, "{'execute':'system_reset'}", EMPTY);
	(void)rig_hear(&f->rig);
	expect(f, "{'execute':'query-status'}", STATUS("false", "paused"));
	expect_in(f, "{'execute':'cont'}", EMPTY);
	expect(f, "{'execute':'query-status'}", STATUS("true", "running"));
	assert_int_equal(block_in_flight(f->disks[HD].block), 0);
	assert_int_equal(disk_status(f) & 0x80, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_query),       TEST(test_wrong_requests), TEST(test_trays),
		TEST(test_locked_tray), TEST(test_no_space),       TEST(test_reset_of_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
