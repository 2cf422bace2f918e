// SPDX-License-Identifier: MIT
#include "../../fuzz/json_strict.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "ctl/qmp.h"
#include "rig.h"

#define GREETING                                                                                   \
	"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7},"                   \
	"\"package\":\"coalport\"},\"capabilities\":[]}}\r\n"
#define EMPTY          "{\"return\":{}}\r\n"
#define FAILS(c, desc) "{\"error\":{\"class\":\"" c "\",\"desc\":\"" desc "\"}}\r\n"
#define GENERIC(desc)  FAILS("GenericError", desc)
#define BAD_JSON(desc) GENERIC("JSON parse error, " desc)

struct fixture {
	struct rig rig;
	struct ctl_qmp qmp;
};

static struct fixture *make(bool no_shutdown)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	rig_make(&f->rig, (struct pc_options){ .machine = { .no_shutdown = no_shutdown },
					       .name = "a \"name\"" });
	rig_serve(&f->rig);
	assert_int_equal(ctl_qmp_init(&f->qmp, &f->rig.pc.machine, NULL, f->rig.chardev), 0);
	rig_connect(&f->rig);
	return f;
}

static int setup(void **state)
{
	*state = make(true);
	return 0;
}

static int setup_ending(void **state)
{
	*state = make(false);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ctl_qmp_destroy(&f->qmp);
	rig_end(&f->rig);
	free(f);
	return 0;
}

static void negotiate(struct fixture *f)
{
	assert_string_equal(rig_hear(&f->rig), GREETING);
	rig_expect(&f->rig, "{'execute':'qmp_capabilities'}", EMPTY);
}

static void check_lines(const char *at)
{
	while (*at) {
		const char *end = strstr(at, "\r\n");

		assert_non_null(end);
		assert_true(json_is_strict(at, (size_t)(end - at)));
		at = end + 2;
	}
}

/* Says something and hears it with the times of events replaced by T. */
static void expect(struct fixture *f, const char *say, const char *hear)
{
	static char text[1 << 16];
	char *to = text;

	rig_say(&f->rig, say);
	check_lines(rig_hear(&f->rig));
	for (const char *at = f->rig.heard; *at && to < text + sizeof(text) - 1;) {
		static const char stamp[] = "{\"timestamp\":{\"seconds\":";

		if (strncmp(at, stamp, sizeof(stamp) - 1)) {
			*to++ = *at++;
			continue;
		}
		at = strchr(at, '}') + 1;
		*to++ = '{';
		*to++ = 'T';
	}
	*to = '\0';
	if (hear)
		assert_string_equal(text, hear);
}

static void test_negotiation(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(rig_hear(&f->rig), GREETING);
	expect(f, "{\"execute\":\"query-status\",\"id\":7}",
	       "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Expecting capabilities "
	       "negotiation with 'qmp_capabilities'\"},\"id\":7}\r\n");
	expect(f, "{'execute':'nothing'}",
	       FAILS("CommandNotFound", "The command nothing has not been found"));
	expect(f, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}",
	       GENERIC("Capability oob not available"));
	expect(f, "{'execute':'qmp_capabilities','arguments':{'enable':1}}",
	       GENERIC("Invalid parameter type for 'enable', expected: array"));
	machine_continue(&f->rig.pc.machine);
	expect(f, "{'execute':'qmp_capabilities','arguments':{'enable':[]}}", EMPTY);
	expect(f, "{'execute':'qmp_capabilities'}",
	       FAILS("CommandNotFound",
		     "Capabilities negotiation is already complete, command ignored"));
}

static void test_ids_and_frames(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	/* Two in a line, one over several; any value is an id. */
	expect(f, "{'execute':'query-name','id':[1,{'a':null}]}{\"execute\":\"stop\",\"id\":\"x\"}",
	       "{\"return\":{\"name\":\"a \\\"name\\\"\"},\"id\":[1,{\"a\":null}]}\r\n"
	       "{\"return\":{},\"id\":\"x\"}\r\n");
	expect(f, "{ \"execute\"\n:\t\"stop\",\r\n", "");
	expect(f, "\"id\" : 18446744073709551615 }\n",
	       "{\"return\":{},\"id\":18446744073709551615}\r\n");
	for (const char *c = "{'execute':'st\\u006fp','id':'}'"; *c; c++) {
		rig_say_bytes(&f->rig, c, 1);
		assert_string_equal(rig_hear(&f->rig), "");
	}
	expect(f, "}", "{\"return\":{},\"id\":\"}\"}\r\n");
	expect(f, "{'execute':'none','id':null}",
	       "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command none has not been "
	       "found\"},\"id\":null}\r\n");
}

static void test_wrong_requests(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	expect(f, "[]", GENERIC("QMP input must be a JSON object"));
	expect(f, "12\n\"x\"\nnull\n",
	       GENERIC("QMP input must be a JSON object") GENERIC("QMP input must be a JSON object")
		       GENERIC("QMP input must be a JSON object"));
	expect(f, "{}", GENERIC("QMP input lacks member 'execute'"));
	expect(f, "{'execute':1}", GENERIC("QMP input member 'execute' must be a string"));
	expect(f, "{'execute':'stop','arguments':[]}",
	       GENERIC("QMP input member 'arguments' must be an object"));
	expect(f, "{'execute':'stop','exec-oob':'x'}",
	       GENERIC("QMP input member 'exec-oob' is unexpected"));
	expect(f, "{'execute':'stop','arguments':{'x':1},'id':3}",
	       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'x' is unexpected\"},"
	       "\"id\":3}\r\n");
	expect(f, "{'execute':'stop','arguments':{}}", EMPTY);
}

static void test_junk(void **state)
{
	struct fixture *f = *state;
	char nul[] = "{'execute'\0:'stop'}\n{'execute':'stop'}";
	char bits[] = "\x01\x80\xfe {\x02\n{'execute':'stop'}";

	negotiate(f);
	expect(f, "Hello {'execute':'stop'}\n", BAD_JSON("a stray character") EMPTY);
	expect(f, "hello {'execute':'stop'}\n", BAD_JSON("an unknown keyword") EMPTY);
	expect(f, "%%p 'x' ] {'execute':'stop'}\n", BAD_JSON("a stray character") EMPTY);
	expect(f, "{\x01{'execute':'stop'}", BAD_JSON("a stray character") EMPTY);
	expect(f, "{'bad \xff{'execute':'stop'}",
	       BAD_JSON("a control character in a string") EMPTY);
	expect(f, "{'execute':stop}{'execute':'stop'}", BAD_JSON("an unknown keyword") EMPTY);
	expect(f, "{'execute':'sto\n{'execute':'stop'}",
	       BAD_JSON("a control character in a string") EMPTY);
	expect(f, "{]}\n{'execute':'stop'}",
	       BAD_JSON("quoted object property name expected") BAD_JSON("a stray character")
		       EMPTY);
	expect(f, "}\n", BAD_JSON("a stray character"));
	rig_say_bytes(&f->rig, nul, sizeof(nul) - 1);
	assert_string_equal(rig_hear(&f->rig),
			    BAD_JSON("a stray character") BAD_JSON("a stray character") EMPTY);
	rig_say_bytes(&f->rig, bits, sizeof(bits) - 1);
	rig_hear(&f->rig);
	assert_non_null(strstr(f->rig.heard, EMPTY));
	/* 0xff gives up whatever was begun. */
	expect(f, "{'a':[\xff{'execute':'stop'}", BAD_JSON("a stray character") EMPTY);
	expect(f, "\xff\xff{'execute':'stop'}", EMPTY);
	/* No text that is not UTF-8 comes back. */
	rig_say(&f->rig, "{'execute':'\xc3\x28'}\n");
	assert_non_null(strstr(rig_hear(&f->rig), "JSON parse error"));
	expect(f, "{'execute':'\xc3\xa4'}",
	       FAILS("CommandNotFound", "The command \xc3\xa4 has not been found"));
}

/* What json-c would take, and hand back in the id. */
static void test_words_that_json_has_not(void **state)
{
	static const struct {
		const char *id, *error;
	} bad[] = {
		{ "NaN", "an unknown keyword" },
		{ "Infinity", "an unknown keyword" },
		{ "-Infinity", "a malformed number" },
		{ "[nan]", "an unknown keyword" },
		{ "True", "an unknown keyword" },
		{ "nulls", "an unknown keyword" },
		{ "1/*2*/", "a stray character" },
		{ "[1,]", "a comma before a closing bracket" },
		{ "18446744073709551616", "an integer beyond 64 bits" },
		{ "-9223372036854775809", "an integer beyond 64 bits" },
		{ "01", "a malformed number" },
		{ "-01", "a malformed number" },
		{ "-", "a malformed number" },
		{ "1.", "a malformed number" },
		{ ".5", "a stray character" },
		{ "1e", "a malformed number" },
		{ "1e+", "a malformed number" },
		{ "+1", "a stray character" },
		{ "'\\x'", "an unknown escape in a string" },
		{ "'\\u12g4'", "an unknown escape in a string" },
		{ "'a\\u0000'", "U+0000 in a string" },
		{ "'\\ud800'", "half of a surrogate pair in a string" },
		{ "'\\ud800\\u0041'", "half of a surrogate pair in a string" },
		{ "'\\ud800\\ud800'", "half of a surrogate pair in a string" },
		{ "'\\udc00'", "half of a surrogate pair in a string" },
		{ "'\xc0\x80'", "a string that is not UTF-8" },
		{ "'\xc1\xbf'", "a string that is not UTF-8" },
		{ "'\xe0\x9f\xbf'", "a string that is not UTF-8" },
		{ "'\xed\xa0\x80'", "a string that is not UTF-8" },
		{ "'\xf0\x8f\xbf\xbf'", "a string that is not UTF-8" },
		{ "'\xf4\x90\x80\x80'", "a string that is not UTF-8" },
		{ "'\xf5\x80\x80\x80'", "a string that is not UTF-8" },
		{ "'\x80'", "a string that is not UTF-8" },
		{ "'\xc3'", "a string that is not UTF-8" },
		{ "{'\xed\xb0\x80':1}", "a string that is not UTF-8" },
	};
	struct fixture *f = *state;
	char say[128], hear[128];

	negotiate(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(say, sizeof(say), "{'execute':'stop','id':%s}\n{'execute':'stop'}",
			 bad[i].id);
		snprintf(hear, sizeof(hear), BAD_JSON("%s") EMPTY, bad[i].error);
		expect(f, say, hear);
	}
	/* A name that is another one up to its NUL. */
	expect(f, "{'execute':'stop\\u0000x'}", BAD_JSON("U+0000 in a string"));
}

static void test_words_at_the_edge(void **state)
{
	static const char *const good[] = {
		"18446744073709551615",
		"-9223372036854775808",
		"0",
		"1e400",
		"-0.5e-1",
		"[true,false,null,[],{}]",
		"\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\"",
		"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
		"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
	};
	struct fixture *f = *state;
	char say[128], hear[128];

	negotiate(f);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(say, sizeof(say), "{'execute':'stop','id':%s}", good[i]);
		snprintf(hear, sizeof(hear), "{\"return\":{},\"id\":%s}\r\n", good[i]);
		expect(f, say, hear);
	}
	expect(f, "{'execute':'stop','id':'\\ud83d\\uDE00'}",
	       "{\"return\":{},\"id\":\"\xf0\x9f\x98\x80\"}\r\n");
}

/* The command line may call a machine anything. */
static void test_name_that_is_no_text(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	f->rig.pc.machine.options.name = "\xff";
	expect(f, "{'execute':'query-name'}", "{\"return\":{\"name\":\"\xef\xbf\xbd\"}}\r\n");
	f->rig.pc.machine.options.name = "a\xed\xa0\x80z\xc3\xa4\xc3";
	expect(f, "{'execute':'query-name'}",
	       "{\"return\":{\"name\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa4"
	       "\xef\xbf\xbd\"}}\r\n");
}

/* Every string of up to three bytes, and of four that begin with 0xf0 or above, by two judges. */
static void test_utf8(void **state)
{
	char quoted[6] = { '"' };

	for (size_t n = 1; n <= 4; n++) {
		uint32_t last = n == 4 ? 0xffffffff : (1u << 8 * n) - 1;

		for (uint32_t i = n == 4 ? 0xf0000000 : 0;; i += n == 4 ? 0x1f : 1) {
			bool plain = true;

			for (size_t k = 0; k < n; k++) {
				uint8_t c = (uint8_t)(i >> 8 * (n - 1 - k));

				plain = plain && c >= ' ' && c != '"' && c != '\\';
				quoted[1 + k] = (char)c;
			}
			quoted[1 + n] = '"';
			if (plain)
				assert_int_equal(utf8_valid(quoted + 1, n),
						 json_is_strict(quoted, n + 2));
			if (last - i < 0x1f)
				break;
		}
	}
}

static void test_bounds(void **state)
{
	struct fixture *f = *state;
	static char block[1 << 16];
	size_t n;

	negotiate(f);
	/* As deep as it goes, and one deeper. */
	for (int depth = CTL_FRAME_DEPTH; depth <= CTL_FRAME_DEPTH + 1; depth++) {
		memset(block, '[', (size_t)depth);
		memset(block + depth, ']', (size_t)depth);
		memcpy(block + 2 * depth, "\n", 2);
		expect(f, block,
		       depth == CTL_FRAME_DEPTH ? GENERIC("QMP input must be a JSON object")
						: BAD_JSON("too many open brackets"));
	}
	rig_say(&f->rig, "{'execute':'");
	memset(block, 'x', sizeof(block));
	for (n = 0; n <= CTL_FRAME_MAX; n += sizeof(block))
		rig_say_bytes(&f->rig, block, sizeof(block));
	assert_string_equal(rig_hear(&f->rig), BAD_JSON("the text is too long"));
	expect(f, "\n{'execute':'stop'}", EMPTY);
	assert_true(f->qmp.frame.room <= 1 << 16);
	/* A long name is quoted in part, and no character cut in two. */
	memset(block, 0, 256);
	strcpy(block, "{'execute':'");
	for (n = 0; n < 40; n++)
		strcat(block, "\xc3\xa4");
	strcpy(block + strlen(block), "x'}");
	rig_say(&f->rig, block);
	rig_hear(&f->rig);
	assert_non_null(strstr(f->rig.heard, "\xc3\xa4 has not been found"));
	assert_null(strstr(f->rig.heard, "x has"));
}

static void test_queries(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	expect(f, "{'execute':'query-version'}",
	       "{\"return\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7},\"package\":"
	       "\"coalport\"}}\r\n");
	expect(f, "{'execute':'query-kvm'}",
	       "{\"return\":{\"enabled\":false,\"present\":true}}\r\n");
	rig_say(&f->rig, "{'execute':'query-commands'}");
	rig_hear(&f->rig);
	assert_non_null(strstr(f->rig.heard, "{\"name\":\"query-commands\"}"));
	assert_non_null(strstr(f->rig.heard, "{\"name\":\"__org.coalport_query-report\"}"));
	/* Without a CPU there is nothing to count. */
	expect(f, "{'execute':'query-stats','arguments':{'target':'vm'}}", "{\"return\":[]}\r\n");
	expect(f, "{'execute':'query-stats','arguments':{'target':'vcpu'}}", "{\"return\":[]}\r\n");
	expect(f, "{'execute':'__org.coalport_query-report'}",
	       GENERIC("Nothing is counted (-exits off, or no KVM)"));
	expect(f, "{'execute':'query-stats'}", GENERIC("Parameter 'target' is missing"));
	expect(f, "{'execute':'query-stats','arguments':{'target':2}}",
	       GENERIC("Invalid parameter type for 'target', expected: string"));
	expect(f, "{'execute':'query-stats','arguments':{'target':'x'}}",
	       GENERIC("Parameter 'target' does not accept value 'x'"));
	expect(f, "{'execute':'query-stats','arguments':{'target':'vm','providers':[{}]}}",
	       GENERIC("Parameter 'providers[].provider' is missing"));
	expect(f,
	       "{'execute':'query-stats','arguments':{'target':'vm','providers':[{'provider':"
	       "'kvm','x':1}]}}",
	       GENERIC("Parameter 'providers[].x' is unexpected"));
	expect(f, "{'execute':'query-stats','arguments':{'target':'vm','vcpus':[]}}",
	       GENERIC("Parameter 'vcpus' is unexpected"));
	expect(f,
	       "{'execute':'query-stats','arguments':{'target':'vm','providers':[{'provider':'x'}]}}",
	       GENERIC("Parameter 'provider' does not accept value 'x'"));
	expect(f, "{'execute':'query-stats-schemas'}", "{\"return\":[]}\r\n");
	expect(f, "{'execute':'query-stats-schemas','arguments':{'provider':1}}",
	       GENERIC("Invalid parameter type for 'provider', expected: string"));
	expect(f, "{'execute':'query-stats','arguments':{'target':'vcpu','vcpus':[1]}}",
	       GENERIC("Invalid parameter type for 'vcpus', expected: array"));
}

#define STATUS(running, status)                                                                    \
	"{\"return\":{\"running\":" running ",\"singlestep\":false,\"status\":\"" status "\"}}\r\n"
#define EVENT(name)            "{T,\"event\":\"" name "\"}\r\n"
#define EVENT_DATA(name, data) "{T,\"event\":\"" name "\",\"data\":{" data "}}\r\n"
#define BY_HOST(name, reason)  EVENT_DATA(name, "\"guest\":false,\"reason\":\"" reason "\"")
#define BY_GUEST(name, reason) EVENT_DATA(name, "\"guest\":true,\"reason\":\"" reason "\"")
#define QUERY_STATUS           "{'execute':'query-status'}"

/* What a machine is made of, in QEMU's forms. */
static void test_devices(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	expect(f, "{'execute':'qom-list-types','arguments':{'implements':'pci-device'}}",
	       "{\"return\":[{\"name\":\"i440FX\",\"parent\":\"pci-device\"},"
	       "{\"name\":\"PIIX3\",\"parent\":\"pci-device\"},"
	       "{\"name\":\"PIIX4_PM\",\"parent\":\"pci-device\"},"
	       "{\"name\":\"piix3-ide\",\"parent\":\"pci-device\"},"
	       "{\"name\":\"virtio-blk-pci\",\"parent\":\"pci-device\"},"
	       "{\"name\":\"VGA\",\"parent\":\"pci-device\"}]}\r\n");
	expect(f,
	       "{'execute':'qom-list-types','arguments':{'implements':'object','abstract':true}}"
	       "{'execute':'stop'}",
	       NULL);
	assert_non_null(strstr(f->rig.heard, "[{\"name\":\"object\",\"abstract\":true},"
					     "{\"name\":\"device\",\"parent\":\"object\","));
	assert_non_null(strstr(f->rig.heard, "{\"name\":\"irq-router\",\"parent\":\"device\"}"));
	expect(f, "{'execute':'qom-list-types','arguments':{'implements':'isa-serial'}}",
	       "{\"return\":[{\"name\":\"isa-serial\",\"parent\":\"isa-device\"}]}\r\n");
	expect(f, "{'execute':'qom-list-types','arguments':{'implements':'nothing'}}",
	       "{\"return\":[]}\r\n");
	expect(f, "{'execute':'qom-list-types','arguments':{'abstract':1}}",
	       GENERIC("Invalid parameter type for 'abstract', expected: boolean"));
	expect(f, "{'execute':'device-list-properties','arguments':{'typename':'pvpanic'}}",
	       "{\"return\":[{\"name\":\"ioport\",\"type\":\"uint16\","
	       "\"description\":\"where it is (default 0x505)\",\"default-value\":1285},"
	       "{\"name\":\"id\",\"type\":\"str\",\"description\":\"its name\"}]}\r\n");
	expect(f, "{'execute':'device-list-properties','arguments':{'typename':'vga'}}",
	       FAILS("DeviceNotFound", "Device 'vga' not found"));
	expect(f, "{'execute':'device-list-properties'}",
	       GENERIC("Parameter 'typename' is missing"));
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	struct machine *machine = &f->rig.pc.machine;

	negotiate(f);
	expect(f, QUERY_STATUS, STATUS("false", "prelaunch"));
	expect(f, "{'execute':'cont'}", EVENT("RESUME") EMPTY);
	expect(f, "{'execute':'cont'}" QUERY_STATUS, EMPTY STATUS("true", "running"));
	expect(f, "{'execute':'stop'}{'execute':'stop'}" QUERY_STATUS,
	       EVENT("STOP") EMPTY EMPTY STATUS("false", "paused"));
	expect(f, "{'execute':'cont'}{'execute':'system_reset'}" QUERY_STATUS,
	       EVENT("RESUME") EMPTY EMPTY BY_HOST("RESET", "host-qmp-system-reset")
		       STATUS("true", "running"));
	expect(f, "{'execute':'system_powerdown'}", EVENT("POWERDOWN") EMPTY);

	machine_request_sleep(machine, false);
	expect(f, "{'execute':'cont'}" QUERY_STATUS,
	       EVENT("SUSPEND") EMPTY STATUS("false", "suspended"));
	expect(f, "{'execute':'system_wakeup'}", EMPTY EVENT("WAKEUP"));
	expect(f, "{'execute':'system_wakeup'}",
	       GENERIC("Unable to wake up: guest is not in suspended state"));
	machine_request_rtc_change(machine, -3600);
	expect(f, "", EVENT_DATA("RTC_CHANGE", "\"offset\":-3600,\"qom-path\":\"/machine/rtc\""));
	machine_request_reset(machine, MACHINE_BY_GUEST);
	expect(f, "", BY_GUEST("RESET", "guest-reset"));

	machine_request_shutdown(machine, MACHINE_BY_GUEST);
	expect(f, QUERY_STATUS "{'execute':'cont'}",
	       BY_GUEST("SHUTDOWN", "guest-shutdown") EVENT("STOP") STATUS("false", "shutdown")
		       GENERIC("Resetting the Virtual Machine is required"));
	expect(f, "{'execute':'system_reset'}" QUERY_STATUS "{'execute':'cont'}",
	       EMPTY BY_HOST("RESET", "host-qmp-system-reset") STATUS("false", "paused")
		       EVENT("RESUME") EMPTY);
	/* A guest's panic, as -no-shutdown has it. */
	machine_request_panic(machine);
	expect(f, QUERY_STATUS,
	       EVENT_DATA("GUEST_PANICKED", "\"action\":\"pause\"") EVENT("STOP")
		       STATUS("false", "guest-panicked"));
	expect(f, "{'execute':'cont'}" QUERY_STATUS,
	       EVENT("RESUME") EMPTY STATUS("true", "running"));
	machine->options.panic = MACHINE_PANIC_RUN;
	machine_request_panic(machine);
	expect(f, QUERY_STATUS,
	       EVENT_DATA("GUEST_PANICKED", "\"action\":\"run\"") STATUS("true", "running"));
}

static void test_quit(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	machine_continue(&f->rig.pc.machine);
	expect(f, "{'execute':'quit'}", EVENT("RESUME") EMPTY BY_HOST("SHUTDOWN", "host-qmp-quit"));
	assert_true(f->rig.pc.machine.ended);
	assert_int_equal(f->rig.pc.machine.status, 0);
}

static void test_panic_ends(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	machine_continue(&f->rig.pc.machine);
	machine_request_panic(&f->rig.pc.machine);
	expect(f, "",
	       EVENT("RESUME") EVENT_DATA("GUEST_PANICKED", "\"action\":\"poweroff\"") EVENT("STOP")
		       BY_GUEST("SHUTDOWN", "guest-panic"));
	assert_true(f->rig.pc.machine.ended);
}

static void test_no_reboot(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	f->rig.pc.machine.options.no_reboot = true;
	machine_request_reset(&f->rig.pc.machine, MACHINE_BY_GUEST);
	expect(f, "", BY_GUEST("SHUTDOWN", "guest-reset"));
	assert_true(f->rig.pc.machine.ended);
}

static void test_clients_one_after_the_other(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	rig_say(&f->rig, "{'execute':'sto");
	rig_leave(&f->rig);
	machine_continue(&f->rig.pc.machine);
	rig_connect(&f->rig);
	/* Half a request is forgotten; events of the time between, and negotiation, are not inherited. */
	assert_string_equal(rig_hear(&f->rig), GREETING);
	machine_stop(&f->rig.pc.machine);
	expect(f, "{'execute':'stop'}",
	       FAILS("CommandNotFound",
		     "Expecting capabilities negotiation with 'qmp_capabilities'"));
	/* What a client says last is done, whether it waits for the answer or not. */
	rig_say(&f->rig, "{'execute':'qmp_capabilities'}");
	assert_int_equal(write(f->rig.client, "{'execute':'cont'}", 18), 18);
	rig_leave(&f->rig);
	assert_int_equal(f->rig.pc.machine.state, MACHINE_RUNNING);
}

/* Two instances: an event goes to both. */
static void test_two_monitors(void **state)
{
	struct fixture *f = *state, *other = make(true);
	struct machine_event stop = { .kind = MACHINE_EVENT_STOP };

	negotiate(f);
	negotiate(other);
	machine_unobserve(&other->rig.pc.machine, &other->qmp.observer);
	machine_observe(&f->rig.pc.machine, &other->qmp.observer);
	machine_continue(&f->rig.pc.machine);
	expect(f, "", EVENT("RESUME"));
	expect(other, "", EVENT("RESUME"));
	machine_unobserve(&f->rig.pc.machine, &other->qmp.observer);
	machine_observe(&other->rig.pc.machine, &other->qmp.observer);
	other->qmp.observer.event(&other->qmp, &stop);
	expect(other, "", EVENT("STOP"));
	teardown((void **)&other);
}

/* A client that does not read: events pile up to a bound, its commands wait, and nothing is cut. */
static void test_deaf_client(void **state)
{
	struct fixture *f = *state;
	struct machine *machine = &f->rig.pc.machine;
	size_t lines = 0;
	const char *heard;

	negotiate(f);
	for (int i = 0; i < 40000; i++) {
		machine_continue(machine);
		machine_stop(machine);
	}
	assert_true(f->qmp.events_dropped > 0);
	assert_true(f->qmp.out.n - f->qmp.out.at <= CTL_QMP_OUT_MAX);
	rig_say(&f->rig, "{'execute':'query-kvm'}");
	assert_true(ctl_out_waits(&f->qmp.out));
	assert_true(machine->state == MACHINE_PAUSED);
	do {
		heard = rig_hear(&f->rig);
		for (const char *at = heard; *at; lines++) {
			assert_true(!strncmp(at, "{\"timestamp\"", 12) ||
				    !strncmp(at, "{\"return\":{\"enabled\"", 20));
			at = strstr(at, "\r\n");
			assert_non_null(at);
			at += 2;
		}
	} while (!strstr(heard, "\"enabled\""));
	assert_int_equal(lines, 80000 - f->qmp.events_dropped + 1);
	assert_int_equal(chardev_dropped(f->rig.chardev), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define END(f)  cmocka_unit_test_setup_teardown(f, setup_ending, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation),
		TEST(test_ids_and_frames),
		TEST(test_wrong_requests),
		TEST(test_junk),
		TEST(test_words_that_json_has_not),
		TEST(test_words_at_the_edge),
		TEST(test_name_that_is_no_text),
		cmocka_unit_test(test_utf8),
		TEST(test_bounds),
		TEST(test_queries),
		TEST(test_devices),
		TEST(test_life),
		TEST(test_quit),
		END(test_panic_ends),
		END(test_no_reboot),
		TEST(test_clients_one_after_the_other),
		TEST(test_two_monitors),
		TEST(test_deaf_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
