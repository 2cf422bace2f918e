// SPDX-License-Identifier: MIT
#include "ctl/qtest.h"
#include "rig.h"

struct fixture {
	struct rig rig;
	struct ctl_qtest qtest;
	char *log_text;
	size_t log_len;
	FILE *log;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->log = open_memstream(&f->log_text, &f->log_len);
	rig_make(&f->rig,
		 (struct pc_options){ .devices = &(struct device_spec){ "isa-serial", NULL },
				      .devices_n = 1 });
	rig_serve(&f->rig);
	assert_int_equal(ctl_qtest_init(&f->qtest, &f->rig.pc.machine, &f->rig.none.cpu,
					f->rig.chardev, f->log),
			 0);
	machine_continue(&f->rig.pc.machine);
	rig_connect(&f->rig);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ctl_qtest_destroy(&f->qtest);
	rig_end(&f->rig);
	fclose(f->log);
	free(f->log_text);
	free(f);
	return 0;
}

static void test_ports(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "outb 0x70 0x0d\n", "OK\n");
	rig_expect(&f->rig, "inb 0x71\n", "OK 0x0080\n");
	rig_expect(&f->rig, "outb 112 015\ninb 0x71\n", "OK\nOK 0x0080\n");
	rig_expect(&f->rig, "outl 0xcf8 0x80000000\ninl 0xcfc\ninw 0xcfc\ninb 0xcfd\n",
		   "OK\nOK 0x12378086\nOK 0x8086\nOK 0x0080\n");
	rig_expect(&f->rig, "outw 0x3fa 0xffff\ninb 0xffff\n", "OK\nOK 0x00ff\n");
	rig_expect(&f->rig, "inl 0xffff\n", "OK 0xffffffff\n");
}

static void test_memory(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "writeq 0x1000 0x1122334455667788\n", "OK\n");
	rig_expect(&f->rig, "readq 0x1000\n", "OK 0x1122334455667788\n");
	rig_expect(&f->rig, "readl 0x1000\n", "OK 0x0000000055667788\n");
	rig_expect(&f->rig, "readw 0x1006\nreadb 0x1007\n",
		   "OK 0x0000000000001122\nOK 0x0000000000000011\n");
	rig_expect(&f->rig, "writeb 0x1000 0x1ff\nwritew 0x1002 -1\nwritel 0x1004 1\n",
		   "OK\nOK\nOK\n");
	rig_expect(&f->rig, "read 0x1000 8\n", "OK 0xff77ffff01000000\n");
	rig_expect(&f->rig, "write 0x2000 4 0x0123AbcD\nread 0x2000 5\n", "OK\nOK 0x0123abcd00\n");
	/* Shorter data is filled up with zeroes, longer cut; half a byte does not count. */
	rig_expect(&f->rig, "write 0x2000 4 0x55667\nread 0x2000 4\n", "OK\nOK 0x55660000\n");
	rig_expect(&f->rig, "write 0x2000 1 0x9988\nread 0x2000 2\n", "OK\nOK 0x9966\n");
	rig_expect(&f->rig, "write 0x2000 1 0x\n", "ERR invalid argument size\n");
	rig_expect(&f->rig, "memset 0x3000 3 0x15a\nmemset 0x3000 0 1\nread 0x3000 4\n",
		   "OK\nOK\nOK 0x5a5a5a00\n");
	rig_expect(&f->rig, "readq 0xffffffffffffffff\nwriteq 0xffffffffffffffff 1\n",
		   "OK 0xffffffffffffffff\nOK\n");
}

static void test_base64(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "b64write 0x1000 5 aGVsbG8=\nread 0x1000 6\n",
		   "OK\nOK 0x68656c6c6f00\n");
	rig_expect(&f->rig, "b64read 0x1000 5\nb64read 0x1000 4\nb64read 0x1000 3\nb64read 0 0\n",
		   "OK aGVsbG8=\nOK aGVsbA==\nOK aGVs\nOK \n");
	/* Neither more than was said nor more than came. */
	rig_expect(&f->rig, "b64write 0x1000 2 WFhYWFg=\nread 0x1000 5\n", "OK\nOK 0x58586c6c6f\n");
	rig_expect(&f->rig, "b64write 0x1001 9 WVk=\nread 0x1000 5\n", "OK\nOK 0x5859596c6f\n");
	rig_expect(&f->rig, "b64write 0x1000 2 ==\n", "ERR invalid argument size\n");
}

static void test_large_block(void **state)
{
	struct fixture *f = *state;
	enum { SIZE = 300000 };
	char *text = malloc(2 * SIZE + 64), *at = text;
	size_t n = 0;

	assert_non_null(text);
	at += sprintf(at, "write 0x10000 0x%x 0x", SIZE);
	for (int i = 0; i < SIZE; i++)
		at += sprintf(at, "%02x", i * 7 & 0xff);
	*at++ = '\n';
	rig_say_bytes(&f->rig, text, (size_t)(at - text));
	assert_string_equal(rig_hear(&f->rig), "OK\n");
	/* The answer is larger than all buffers on the way, and none of it is dropped. */
	rig_say(&f->rig, "read 0x10000 300000\ninb 0x80\n");
	assert_int_equal(chardev_dropped(f->rig.chardev), 0);
	rig_hear(&f->rig);
	n = strlen(f->rig.heard);
	assert_int_equal(n, 6 + 2 * SIZE + strlen("OK 0x0000\n"));
	assert_memory_equal(f->rig.heard, "OK 0x", 5);
	assert_memory_equal(f->rig.heard + 5, at - 1 - 2 * SIZE, 2 * SIZE);
	free(text);
}

static void test_clock(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "clock_step\n",
		   "FAIL cannot advance clock to the next deadline because there is no pending "
		   "deadline\n");
	rig_expect(&f->rig, "clock_step 1000\n", "OK 1000\n");
	rig_expect(&f->rig, "clock_step 0x10\n", "OK 1016\n");
	rig_expect(&f->rig, "clock_step 0\nclock_step -5\n",
		   "FAIL could not advance time\nFAIL could not advance time\n");
	rig_expect(&f->rig, "clock_set 2000\nclock_set 2000\nclock_set 1999\n",
		   "OK 2000\nOK 2000\nFAIL 2000\n");
	machine_stop(&f->rig.pc.machine);
	rig_expect(&f->rig, "clock_step 5\nclock_set 3000\n",
		   "FAIL could not advance time\nFAIL 2000\n");
	machine_continue(&f->rig.pc.machine);
	rig_expect(&f->rig, "clock_set 3000\n", "OK 3000\n");
}

/* The periodic interrupt of the clock: seen by the client, and a deadline. */
static void test_interrupts(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "irq_intercept_in /nowhere\n", "FAIL Unknown device\n");
	rig_expect(&f->rig, "irq_intercept_in ioapic name\n",
		   "FAIL Interception of named in-GPIOs not yet supported\n");
	rig_expect(&f->rig, "irq_intercept_in ioapic\nirq_intercept_in /machine/i440fx/ioapic\n",
		   "OK\nOK\n");
	rig_expect(&f->rig, "outb 0x70 0x0a\noutb 0x71 0x2f\noutb 0x70 0x0b\noutb 0x71 0x42\n",
		   "OK\nOK\nOK\nOK\n");
	rig_say(&f->rig, "clock_step\n");
	assert_memory_equal(rig_hear(&f->rig), "IRQ raise 8\nOK ", 15);
	rig_expect(&f->rig, "outb 0x70 0x0c\n", "OK\n");
	rig_expect(&f->rig, "inb 0x71\n", "IRQ lower 8\nOK 0x00c0\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 5 1\n", "IRQ raise 5\nOK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 5 7\n", "OK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 5 0\n", "IRQ lower 5\nOK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 23 1\n", "IRQ raise 23\nOK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 24 1\n",
		   "FAIL Unknown interrupt line '24'\n");
	rig_expect(&f->rig, "set_irq_in ioapic other 1 1\nset_irq_in x unnamed-gpio-in 1 1\n",
		   "FAIL Unknown interrupt lines 'other'\nFAIL Unknown device\n");
}

static void test_outputs_are_silent(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "irq_intercept_out ioapic x\n", "FAIL No intercepts installed\n");
	rig_expect(&f->rig, "irq_intercept_out ioapic\n", "OK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 5 1\n", "OK\n");
}

/* The next command of the same packet sees the machine after the reset. */
static void test_reset_comes_first(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig,
		   "outb 0x70 0x0b\noutb 0x71 0x72\ninb 0x71\noutb 0xcf9 6\noutb 0x70 0xb\ninb "
		   "0x71\n",
		   "OK\nOK\nOK 0x0072\nOK\nOK\nOK 0x0002\n");
}

static void test_the_rest(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "endianness\nmodule_load display virtio\n", "OK little\nOK\n");
	rig_expect(&f->rig, "rtas a 1 2 3 4\n", "FAIL Unknown command 'rtas'\n");
	rig_expect(&f->rig, "\n inb 1\nINB 1\n",
		   "FAIL Unknown command ''\nFAIL Unknown command ''\nFAIL Unknown command "
		   "'INB'\n");
}

static void test_wrong_arguments(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "outb 1\ninb\nwrite 1 2\nclock_set\nset_irq_in ioapic x 1\n",
		   "FAIL Missing argument\nFAIL Missing argument\nFAIL Missing argument\n"
		   "FAIL Missing argument\nFAIL Missing argument\n");
	rig_expect(&f->rig, "inb \ninb 0x\ninb 12z\ninb 0x10000000000000000\n",
		   "FAIL Invalid number ''\nFAIL Invalid number '0x'\nFAIL Invalid number '12z'\n"
		   "FAIL Invalid number '0x10000000000000000'\n");
	rig_expect(&f->rig, "inb 65536\noutb -1 0\n",
		   "FAIL No such port '65536'\nFAIL No such port '-1'\n");
	rig_expect(&f->rig, "read 0 0\nread 0 0x1000001\nmemset 0 -1 0\n",
		   "FAIL Nothing to read\nFAIL Size too large '0x1000001'\nFAIL Size too large "
		   "'-1'\n");
	rig_expect(&f->rig, "write 0 2 0x1g\n", "FAIL Invalid data\n");
	rig_expect(&f->rig, "clock_step 9223372036854775808\nclock_step x\n",
		   "FAIL Invalid number '9223372036854775808'\nFAIL Invalid number 'x'\n");
}

static void test_bad_bytes(void **state)
{
	struct fixture *f = *state;
	char junk[] = "\0\xff\x01inb\nendianness\0x\ninb\0 1\n";

	/* A NUL ends the line's text, not the line. */
	rig_say_bytes(&f->rig, junk, sizeof(junk) - 1);
	assert_string_equal(rig_hear(&f->rig),
			    "FAIL Unknown command ''\nOK little\nFAIL Missing argument\n");
	/* A line in many pieces. */
	for (const char *c = "endianness"; *c; c++) {
		rig_say_bytes(&f->rig, c, 1);
		assert_string_equal(rig_hear(&f->rig), "");
	}
	rig_expect(&f->rig, "\n", "OK little\n");
}

static void test_overlong_line(void **state)
{
	struct fixture *f = *state;
	static char block[1 << 16];
	uint64_t n;

	memset(block, 'a', sizeof(block));
	for (n = 0; n <= CTL_QTEST_LINE_MAX; n += sizeof(block))
		rig_say_bytes(&f->rig, block, sizeof(block));
	rig_expect(&f->rig, "\nendianness\n", "FAIL Line too long\nOK little\n");
	assert_true(f->qtest.line_room <= 1 << 16);
}

static void test_clients_one_after_the_other(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, "outb 0x70 0x20\noutb 0x71 0x5a\nirq_intercept_in ioapic\n",
		   "OK\nOK\nOK\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 3 1\nendian", "IRQ raise 3\nOK\n");
	rig_leave(&f->rig);
	assert_false(f->rig.pc.machine.ended);
	rig_connect(&f->rig);
	/* Half a line is forgotten, the machine is not. */
	rig_expect(&f->rig, "inb 0x71\n", "OK 0x005a\n");
	rig_expect(&f->rig, "set_irq_in ioapic unnamed-gpio-in 3 0\n", "OK\n");
}

static void test_log(void **state)
{
	struct fixture *f = *state;
	const char *at;

	rig_expect(&f->rig, "inb 0x80\n", "OK 0x0000\n");
	rig_leave(&f->rig);
	fflush(f->log);
	at = f->log_text;
	assert_memory_equal(at, "[I 0.00", 7);
	at = strstr(at, "] OPENED\n[R +0.");
	assert_non_null(at);
	at = strstr(at, "] inb 0x80\n[S +0.");
	assert_non_null(at);
	at = strstr(at, "] OK 0x0000\n[I +0.");
	assert_non_null(at);
	at = strstr(at, "] CLOSED\n");
	assert_non_null(at);
	assert_string_equal(at, "] CLOSED\n");
}

/* A program that only has this one client ends with it, after what the client said last. */
static void test_end_of_the_only_client(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ctl_qtest qtest;
	struct rig rig;
	const char *what;
	int fd;

	rig_make(&rig, (struct pc_options){ 0 });
	strcpy(rig.dir, "/tmp/coalport-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.dir);
	strcpy(addr.sun_path, rig.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(
		chardev_open(&rig.chardev, &rig.loop,
			     &(struct chardev_options){ .kind = CHARDEV_SOCKET, .path = rig.path },
			     &what),
		0);
	rig.client = accept(fd, NULL, NULL);
	assert_int_equal(ctl_qtest_init(&qtest, &rig.pc.machine, &rig.none.cpu, rig.chardev, NULL),
			 0);
	machine_continue(&rig.pc.machine);
	assert_int_equal(write(rig.client, "outb 0x70 5\noutb 0xcf9 6\noutb 0x70 7\n", 37), 37);
	close(rig.client);
	rig.client = -1;
	assert_int_equal(machine_run(&rig.pc.machine), 0);
	assert_int_equal(rig.pc.rtc->state.index[0], 7);
	ctl_qtest_destroy(&qtest);
	close(fd);
	unlink(rig.path);
	rig_end(&rig);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_ports),
		TEST(test_memory),
		TEST(test_base64),
		TEST(test_large_block),
		TEST(test_clock),
		TEST(test_interrupts),
		TEST(test_outputs_are_silent),
		TEST(test_reset_comes_first),
		TEST(test_the_rest),
		TEST(test_wrong_arguments),
		TEST(test_bad_bytes),
		TEST(test_overlong_line),
		TEST(test_clients_one_after_the_other),
		TEST(test_log),
		cmocka_unit_test(test_end_of_the_only_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
