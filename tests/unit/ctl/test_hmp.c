// SPDX-License-Identifier: MIT
#include "ctl/hmp.h"
#include "ctl/qmp_impl.h"
#include "rig.h"

#define GREETING  "QEMU 7.2.0 monitor (coalport) - type 'help' for more information\n"
#define PROMPT    "(qemu) "
#define UP        "\x1b[A"
#define TRY(name) "Try \"help " name "\" for more information\n"

struct fixture {
	struct rig rig;
	struct ctl_hmp hmp;
	char shown[1 << 16];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;

	assert_non_null(f);
	rig_make(&f->rig, (struct pc_options){ .machine = { .no_shutdown = true }, .name = "box" });
	rig_serve(&f->rig);
	if (ctl_hmp_init(&f->hmp, &f->rig.pc.machine, NULL, f->rig.chardev, &err)) {
		print_message("%s\n", err.text); /* libedit2 is not there */
		skip();
	}
	rig_connect(&f->rig);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ctl_hmp_destroy(&f->hmp);
	rig_end(&f->rig);
	free(f);
	return 0;
}

/* What came, as the terminal's lines: without movements of the cursor. */
static const char *shown(struct fixture *f)
{
	const char *heard = rig_hear(&f->rig);
	size_t n = 0;

	for (const char *at = heard; *at && n < sizeof(f->shown) - 1; at++) {
		if (at[0] == '\x1b' && at[1] == '[') {
			at += 2 + strspn(at + 2, "0123456789;");
			continue;
		}
		if (*at != '\r')
			f->shown[n++] = *at;
	}
	f->shown[n] = '\0';
	return f->shown;
}

static void greeted(struct fixture *f)
{
	assert_string_equal(shown(f), GREETING PROMPT);
}

/* Types a line; what is shown is the line, its answer and a prompt. */
static void answers(struct fixture *f, const char *line, const char *answer)
{
	char wanted[1 << 14];

	rig_say(&f->rig, line);
	rig_say(&f->rig, "\r");
	snprintf(wanted, sizeof(wanted), "%s\n%s%s", line, answer, PROMPT);
	assert_string_equal(shown(f), wanted);
}

struct row {
	const char *line, *answer;
};

static void test_commands(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "   ", "" },
		{ "info status", "VM status: paused (prelaunch)\n" },
		{ "cont", "" },
		{ "info status", "VM status: running\n" },
		{ "s", "" },
		{ "info status", "VM status: paused\n" },
		{ "  c", "" },
		{ "info name", "box\n" },
		{ "info version", "7.2.0 (coalport)\n" },
		{ "info kvm", "kvm support: disabled\n" },
		{ "info vnc", "None\n" },
		{ "info mice", "* Mouse #0: PS/2 Mouse\n" },
		{ "info network", "" },
		{ "info chardev", "" }, /* this machine was given none */
		{ "info balloon", "Error: No balloon device has been activated\n" },
		{ "info registers", "Error: No CPU available\n" },
		{ "info exits", "Error: Nothing is counted (-exits off, or no KVM)\n" },
		{ "info block sd9", "Device 'sd9' not found\n" },
		{ "info name x",
		  "info name: extraneous characters at the end of line\n" TRY("info name") },
		{ "info foo", "unknown command: 'info foo'\n" },
		{ "foo", "unknown command: 'foo'\n" },
		{ "help stop", "stop|s  -- stop emulation\n" },
		{ "? xp", "xp /fmt addr -- physical memory dump starting at 'addr'\n" },
		{ "help foo", "unknown command: 'foo'\n" },
		{ "help info kvm", "info kvm  -- show KVM information\n" },
		{ "cpu 0", "" },
		{ "cpu 1", "Error: invalid CPU index\n" },
		{ "cpu", "cpu: index expected\n" TRY("cpu") },
		{ "eject", "eject: block device name expected\n" TRY("eject") },
		{ "eject -f", "eject: block device name expected\n" TRY("eject") },
		{ "eject foo", "Error: Device 'foo' not found\n" },
		{ "change foo", "change: device and filename expected\n" TRY("change") },
		{ "change \"a b\" \"c\\\"d\"", "Error: Device 'a b' not found\n" },
		{ "change \"a b", "change: unterminated string\n" },
		{ "balloon 64", "Error: No balloon device has been activated\n" },
		{ "sendkey ctrl-alt-delete", "" },
		{ "sendkey a 1", "" },
		{ "sendkey 0x1e-<", "" },
		{ "sendkey ctrl-foo", "invalid parameter: foo\n" },
		{ "sendkey a-", "invalid parameter: \n" },
		{ "sendkey 0", "" }, /* the key of that name */
		{ "sendkey 0x0", "invalid parameter: 0x0\n" },
		{ "sendkey a x", "invalid parameter: x\n" },
		{ "sendkey a 99999999", "Error: Parameter 'hold-time' expects 0 to 60000 ms\n" },
		{ "screendump", "screendump: filename expected\n" TRY("screendump") },
		{ "system_powerdown", "" },
		{ "system_wakeup", "Error: Unable to wake up: guest is not in suspended state\n" },
		{ "a b c d e f g h i j", "a: extraneous characters at the end of line\n" },
	};
	struct fixture *f = *state;

	greeted(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		answers(f, rows[i].line, rows[i].answer);
}

static void test_memory(void **state)
{
	static const struct row rows[] = {
		{ "xp /4xb 0x1000", "0000000000001000: 0x01 0x80 0x41 0xff\n" },
		{ "xp 0x1000", "0000000000001000: 0xff418001\n" },
		{ "xp/2xh 4096", "0000000000001000: 0x8001 0xff41\n" },
		{ "xp /1xg 0x1000", "0000000000001000: 0x00000000ff418001\n" },
		{ "xp /4db 0x1000", "0000000000001000:   1 -128  65  -1\n" },
		{ "xp /4ub 0x1000", "0000000000001000:   1 128  65 255\n" },
		{ "xp /2oh 0x1000", "0000000000001000: 0100001 0177501\n" },
		{ "xp /4c 0x1000", "0000000000001000: '\\x01' '\\x80' 'A' '\\xff'\n" },
		{ "xp /5xw 0x0fff0",
		  "000000000000fff0: 0x00000000 0x00000000 0x00000000 0x00000000\n"
		  "0000000000010000: 0x00000000\n" },
		{ "xp /0xb 0", "" },
		/* A chip is not asked. */
		{ "xp 0xfee00000", "00000000fee00000: Cannot access memory\n" },
		{ "xp 0xffffffffffffffff", "ffffffffffffffff: Cannot access memory\n" },
		{ "xp 0x10000000000000000", "xp: the address is not a number\n" TRY("xp") },
		{ "xp -1", "xp: the address is not a number\n" TRY("xp") },
		{ "xp /x", "xp: address expected\n" TRY("xp") },
		{ "xp 0 0", "xp: one address expected\n" TRY("xp") },
		{ "xp", "xp: address expected\n" TRY("xp") },
		{ "xp /4q 0", "invalid char in format: 'q'\n" TRY("xp") },
		{ "x 0", "Error: No CPU available\n" },
	};
	struct fixture *f = *state;

	memcpy(f->rig.pc.ram_host + 0x1000, "\x01\x80\x41\xff", 4);
	greeted(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		answers(f, rows[i].line, rows[i].answer);
}

/* Types keys; of what is shown only the end is looked at. */
static void ends_with(struct fixture *f, const char *keys, const char *end)
{
	const char *text;

	rig_say(&f->rig, keys);
	text = shown(f);
	if (strlen(text) < strlen(end) || strcmp(text + strlen(text) - strlen(end), end) != 0)
		fail_msg("'%s' does not end with '%s'", text, end);
}

static void test_editing(void **state)
{
	struct fixture *f = *state;

	greeted(f);
	ends_with(f, "info nam\b\b\bkvx\x7fm\r", "kvm support: disabled\n" PROMPT);
	ends_with(f, UP UP UP UP "\r", "kvm support: disabled\n" PROMPT);
	ends_with(f, "kvm\x01info \r", "kvm support: disabled\n" PROMPT);
	ends_with(f, "name\x01\x0binfo name\r", "\nbox\n" PROMPT);
	ends_with(f, UP "\x05 x\r", TRY("info name") PROMPT);
	ends_with(f, "in\t na\t\r", "\nbox\n" PROMPT);
	ends_with(f, "help in\t kv\t\r", "info kvm  -- show KVM information\n" PROMPT);
	/* More than one: first what they share, then which there are. */
	ends_with(f, "s\t",
		  "\nscreendump\nsendkey\nstop\nsystem_powerdown\nsystem_reset\n"
		  "system_wakeup\n" PROMPT "s");
	ends_with(f, "y\t\t", "\nsystem_powerdown\nsystem_reset\nsystem_wakeup\n" PROMPT "system_");
	ends_with(f, "\x15info name\n", "\nbox\n" PROMPT);
	/* A key whose bytes come apart. */
	rig_say(&f->rig, "\x1b");
	rig_say(&f->rig, "[");
	ends_with(f, "A\r", "\nbox\n" PROMPT);
}

/* Its own commands, the end of input, signals: none of them is for a monitor. */
static void test_keys_of_the_editor(void **state)
{
	struct fixture *f = *state;

	greeted(f);
	rig_say(&f->rig, "\x04\x03\x1a\x1c\x13\x11\x1bx\x12\x16");
	shown(f);
	ends_with(f, "\x15info name\r", "\nbox\n" PROMPT);
}

static void test_a_line_without_end(void **state)
{
	struct fixture *f = *state;
	char keys[512];

	greeted(f);
	memset(keys, 'x', sizeof(keys));
	for (size_t i = 0; i < 4 * CTL_LINE_MAX / sizeof(keys); i++) {
		rig_say_bytes(&f->rig, keys, sizeof(keys));
		rig_hear(&f->rig);
	}
	rig_say(&f->rig, "x");
	assert_string_equal(rig_hear(&f->rig), "\a");
	ends_with(f, "\r", "x'\n" PROMPT);
	answers(f, "info name", "box\n");
}

static void test_any_bytes(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 1;
	char keys[64];

	greeted(f);
	for (unsigned i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizeof(keys); j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			keys[j] = (char)(seed >> 56);
			if (keys[j] == 'q') /* that is quit's */
				keys[j] = 'r';
		}
		rig_say_bytes(&f->rig, keys, sizeof(keys));
		rig_hear(&f->rig);
	}
	ends_with(f, "zzzzz\x15\rinfo name\r", "\nbox\n" PROMPT);
}

/* The next command sees a machine that was reset. */
static void test_order(void **state)
{
	struct fixture *f = *state;
	struct soft_cpu *cpu = &f->rig.none.cpu;

	greeted(f);
	answers(f, "cont", "");
	soft_cpu_write(cpu, MEM_SPACE_PORT, 0x92, 2, 1);
	ends_with(f, "system_reset\rinfo status\r", "VM status: running\n" PROMPT);
	assert_int_equal(soft_cpu_read(cpu, MEM_SPACE_PORT, 0x92, 1) & 2, 0);
	ends_with(f, "q\rinfo status\r", PROMPT);
	assert_true(f->rig.pc.machine.ended);
}

static void test_clients(void **state)
{
	struct fixture *f = *state;

	greeted(f);
	answers(f, "info kvm", "kvm support: disabled\n");
	rig_say(&f->rig, "half a li");
	rig_leave(&f->rig);
	rig_connect(&f->rig);
	greeted(f);
	/* What somebody else typed is nobody's business. */
	ends_with(f, UP "info name\r", "\nbox\n" PROMPT);
	rig_say(&f->rig, "stop\r");
	rig_leave(&f->rig);
	assert_int_equal(f->rig.pc.machine.state, MACHINE_PAUSED);
}

static void test_lists(void **state)
{
	struct fixture *f = *state;
	const char *text;

	greeted(f);
	rig_say(&f->rig, "info pci\r");
	text = shown(f);
	assert_non_null(strstr(text, "  Bus  0, device   1, function 1:\n"
				     "    IDE controller: PCI device 8086:7010\n"));
	assert_non_null(strstr(text, "      BAR4: I/O at 0xffffffffffffffff [0x000e].\n"));
	rig_say(&f->rig, "info qtree\r");
	text = shown(f);
	assert_non_null(strstr(text, "bus: ISA\n  dev: "));
	assert_non_null(strstr(text, "  dev: mc146818rtc, id \"\"\n    iobase = 112 (0x70)\n"
				     "    lost_tick_policy = \"discard\"\n"));
	rig_say(&f->rig, "info mtree\r");
	text = shown(f);
	assert_non_null(strstr(text, "address-space: memory\n  0000000000000000-ffffffffffffffff "
				     "(prio 0, i/o): memory\n"));
	assert_non_null(strstr(text, "\naddress-space: I/O\n"));
	rig_say(&f->rig, "info mtree -f\r");
	text = shown(f);
	assert_non_null(strstr(text, "  0000000000000000-000000000009ffff (prio 0, ram): ram\n"));
	rig_say(&f->rig, "info coalesce\r");
	assert_non_null(strstr(shown(f), "0x70"));
	rig_say(&f->rig, "help\r");
	text = shown(f);
	assert_non_null(strstr(text, "\nquit|q  -- quit the emulator\n"));
}

/* QMP's way to the same. */
static void test_by_qmp(void **state)
{
	static const struct row rows[] = {
		{ "{'execute':'human-monitor-command','arguments':{'command-line':'info name'}}",
		  "{ \"return\": \"box\\n\" }" },
		{ "{'execute':'human-monitor-command','arguments':{'command-line':'cpu 0','cpu-index':0}}",
		  "{ \"return\": \"\" }" },
		{ "{'execute':'human-monitor-command','arguments':{'command-line':'x 0','cpu-index':1}}",
		  "{ \"error\": { \"class\": \"GenericError\", \"desc\": \"Parameter 'cpu-index' expects a CPU number\" } }" },
		{ "{'execute':'human-monitor-command','arguments':{'command-line':1}}",
		  "{ \"error\": { \"class\": \"GenericError\", \"desc\": \"Invalid parameter type for 'command-line', expected: string\" } }" },
		{ "{'execute':'human-monitor-command'}",
		  "{ \"error\": { \"class\": \"GenericError\", \"desc\": \"Parameter 'command-line' is missing\" } }" },
	};
	struct fixture *f = *state;
	struct ctl_qmp qmp;

	ctl_qmp_init_inner(&qmp, &f->rig.pc.machine, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *request = json_tokener_parse(rows[i].line);
		struct json_object *answer = ctl_qmp_execute(&qmp, request);

		assert_string_equal(json_object_to_json_string(answer), rows[i].answer);
		json_object_put(answer);
		json_object_put(request);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_commands),
		TEST(test_memory),
		TEST(test_editing),
		TEST(test_keys_of_the_editor),
		TEST(test_a_line_without_end),
		TEST(test_any_bytes),
		TEST(test_order),
		TEST(test_clients),
		TEST(test_lists),
		TEST(test_by_qmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
