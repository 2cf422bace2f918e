// SPDX-License-Identifier: MIT
/* What a client says of waiting, what it hears, and what becomes of the writes. */
#include "rig.h"

#include "ctl/qmp.h"

#define RETURN(text) "{\"return\":" text "}\r\n"
#define EMPTY        RETURN("{}")
#define FAILS(text)  "{\"error\":{\"class\":\"GenericError\",\"desc\":\"" text "\"}}\r\n"
#define ADD(args)    "{'execute':'__org.coalport_coalesce-add','arguments':{" args "}}"
#define DEL(args)    "{'execute':'__org.coalport_coalesce-del','arguments':{" args "}}"
#define RESET(args)  "{'execute':'__org.coalport_coalesce-reset','arguments':{" args "}}"
#define LIST         "{'execute':'__org.coalport_coalesce-list'}"

struct fixture {
	struct rig rig;
	struct ctl_qmp qmp;
};

static void make(void **state, bool coalesce)
{
	struct fixture *f = calloc(1, sizeof(*f));

	rig_make_so(&f->rig, (struct pc_options){ .machine.no_shutdown = true }, coalesce);
	rig_serve(&f->rig);
	assert_int_equal(ctl_qmp_init(&f->qmp, &f->rig.pc.machine, NULL, f->rig.chardev), 0);
	rig_connect(&f->rig);
	rig_expect(
		&f->rig, "",
		"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7},\"package\":"
		"\"coalport\"},\"capabilities\":[]}}\r\n");
	rig_expect(&f->rig, "{'execute':'qmp_capabilities'}", EMPTY);
	*state = f;
}

static int setup(void **state)
{
	make(state, true);
	return 0;
}

static int setup_off(void **state)
{
	make(state, false);
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

/* True if a byte written to the port waits. */
static bool waits(struct fixture *f, uint16_t port)
{
	struct soft_cpu *cpu = &f->rig.none.cpu;
	uint64_t before = cpu->coalesced;

	soft_cpu_write(cpu, MEM_SPACE_PORT, port, 0, 1);
	soft_cpu_drain(cpu);
	return cpu->coalesced != before;
}

static void test_add_and_del(void **state)
{
	struct fixture *f = *state;
	struct rig *rig = &f->rig;

	assert_true(waits(f, 0x70));
	assert_false(waits(f, 0x2340));
	rig_expect(rig, LIST, RETURN("[]"));
	rig_expect(rig, DEL("'first':112"), EMPTY);
	assert_false(waits(f, 0x70));
	rig_expect(rig, ADD("'space':'port','first':9024,'size':4,'deadline-us':1000"), EMPTY);
	assert_true(waits(f, 0x2340));
	assert_true(waits(f, 0x2343));
	assert_false(waits(f, 0x2344));
	rig_expect(rig, LIST,
		   RETURN("[{\"space\":\"port\",\"first\":112,\"last\":112,\"state\":\"exits\","
			  "\"trap\":\"the user said that it exits\",\"user\":true},"
			  "{\"space\":\"port\",\"first\":9024,\"last\":9027,\"wait_ns\":1000000,"
			  "\"state\":\"active\",\"user\":true}]"));
	rig_expect(rig, ADD("'first':112,'last':112"), EMPTY);
	assert_true(waits(f, 0x70));
	rig_expect(rig, RESET("'first':112"), RETURN("{\"taken-back\":1}"));
	rig_expect(rig, RESET("'first':112"), FAILS("nothing is said of 0x70"));
	assert_true(waits(f, 0x70));
	rig_expect(rig, RESET(""), RETURN("{\"taken-back\":1}"));
	assert_false(waits(f, 0x2340));
	rig_expect(rig, LIST, RETURN("[]"));
}

/* It is the machine's, not the guest's: a reset leaves it, and so does a client that leaves. */
static void test_survives(void **state)
{
	struct fixture *f = *state;
	struct rig *rig = &f->rig;

	rig_expect(rig, ADD("'first':9024"), EMPTY);
	rig_expect(rig, DEL("'first':112"), EMPTY);
	machine_continue(&rig->pc.machine);
	machine_request_reset(&rig->pc.machine, MACHINE_BY_HOST);
	rig_spin(rig);
	rig_leave(rig);
	assert_true(waits(f, 0x2340));
	assert_false(waits(f, 0x70));
}

/* Writes that wait are delivered before their zone goes. */
static void test_waiting_write(void **state)
{
	struct fixture *f = *state;
	struct soft_cpu *cpu = &f->rig.none.cpu;

	soft_cpu_write(cpu, MEM_SPACE_PORT, 0x70, 0x42, 1);
	soft_cpu_write(cpu, MEM_SPACE_PORT, 0x71, 0x5a, 1);
	soft_cpu_write(cpu, MEM_SPACE_PORT, 0x70, 0x43, 1);
	soft_cpu_write(cpu, MEM_SPACE_PORT, 0x70, 0x42, 1);
	assert_int_equal(cpu->waiting, 2);
	rig_expect(&f->rig, DEL("'first':112"), EMPTY);
	assert_int_equal(cpu->waiting, 0);
	assert_int_equal(soft_cpu_read(cpu, MEM_SPACE_PORT, 0x71, 1), 0x5a);
}

static void test_force(void **state)
{
	struct fixture *f = *state;
	struct rig *rig = &f->rig;

	/* A byte of memory, which nobody hears of. */
	soft_cpu_write(&rig->none.cpu, MEM_SPACE_PORT, 0x70, 0x40, 1);
	rig_say(rig, ADD("'first':113"));
	assert_non_null(strstr(rig_hear(rig), "has an effect now"));
	assert_false(waits(f, 0x71));
	rig_expect(rig, ADD("'first':113,'force':true"), EMPTY);
	assert_true(waits(f, 0x71));
	rig_say(rig, LIST);
	assert_non_null(strstr(rig_hear(rig), "\"user\":true,\"forced\":true"));
	/* Memory of the guest is never. */
	rig_say(rig, ADD("'space':'mmio','first':4096,'force':true"));
	assert_non_null(strstr(rig_hear(rig), "has memory of the guest"));
}

static void test_bad_arguments(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[][2] = {
		{ ADD(""), FAILS("Parameter 'first' is missing") },
		{ ADD("'last':4"), FAILS("Parameter 'first' is missing") },
		{ ADD("'first':'x'"), FAILS("Parameter 'first' expects a number from 0 on") },
		{ ADD("'first':-1"), FAILS("Parameter 'first' expects a number from 0 on") },
		{ ADD("'first':1.5"), FAILS("Parameter 'first' expects a number from 0 on") },
		{ ADD("'first':1,'last':2,'size':2"),
		  FAILS("Parameters 'last' and 'size' exclude each other") },
		{ ADD("'first':1,'size':0"), FAILS("Parameter 'size' is out of range") },
		{ ADD("'first':1,'size':4294967296"), FAILS("Parameter 'size' is out of range") },
		{ ADD("'space':'mmio','first':18446744073709551615,'size':2"),
		  FAILS("Parameter 'size' is out of range") },
		{ ADD("'first':3,'last':2"), FAILS("0x3-0x2 is no range of ports") },
		{ DEL("'first':65536"), FAILS("0x10000 is no range of ports") },
		{ ADD("'first':1,'space':'io'"),
		  FAILS("Parameter 'space' is \\\"port\\\" or \\\"mmio\\\"") },
		{ ADD("'first':1,'space':1"),
		  FAILS("Parameter 'space' is \\\"port\\\" or \\\"mmio\\\"") },
		{ ADD("'first':1,'deadline-us':0"),
		  FAILS("Parameter 'deadline-us' is from 1 to 60000000") },
		{ ADD("'first':1,'deadline-us':60000001"),
		  FAILS("Parameter 'deadline-us' is from 1 to 60000000") },
		{ ADD("'first':1,'force':1"), FAILS("Parameter 'force' expects true or false") },
		{ DEL("'first':1,'force':true"), FAILS("Parameter 'force' is unexpected") },
		{ RESET("'size':1"), FAILS("Parameter 'first' is missing") },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		rig_expect(&f->rig, bad[i][0], bad[i][1]);
	rig_expect(&f->rig, LIST, RETURN("[]"));
}

/* Where no write can wait nothing is added, and what exits may be said all the same. */
static void test_off(void **state)
{
	struct fixture *f = *state;

	rig_expect(&f->rig, ADD("'first':112"), FAILS("0x70: no write of this machine waits"));
	rig_expect(&f->rig, ADD("'first':112,'size':2"),
		   FAILS("0x70-0x71: no write of this machine waits"));
	rig_expect(&f->rig, DEL("'first':112"), EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_and_del, setup, teardown),
		cmocka_unit_test_setup_teardown(test_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_force, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off, setup_off, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
