// SPDX-License-Identifier: MIT
/* What rounds come to, against tables of binomial intervals; and a host described by files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "bench_figures.h"
#include "bench_host.h"

static void check(size_t n, double median, double low, double high, double percent)
{
	double values[100];
	struct bench_figure figure;

	/* 1 to n, in no order. */
	for (size_t i = 0; i < n; i++)
		values[i] = (double)(1 + (i * 37) % n);
	figure = bench_figure(values, n);
	assert_int_equal(figure.n, n);
	assert_true(figure.median == median);
	assert_true(figure.low == low);
	assert_true(figure.high == high);
	if (fabs(100 * figure.confidence - percent) > 0.005)
		fail_msg("%zu: %.3f %%, not %.3f", n, 100 * figure.confidence, percent);
}

/* Confidences are 1 - 2 P(B < k) for B binomial with n and 1/2. */
static void test_intervals(void **state)
{
	check(1, 1, 1, 1, 0);
	check(2, 1.5, 1, 2, 50);
	check(3, 2, 1, 3, 75);
	check(5, 3, 1, 5, 93.75);
	check(6, 3.5, 1, 6, 96.875);
	check(8, 4.5, 1, 8, 99.219);
	check(9, 5, 2, 8, 96.094);
	check(10, 5.5, 2, 9, 97.852);
	check(11, 6, 2, 10, 98.828);
	check(20, 10.5, 6, 15, 95.861);
	check(100, 50.5, 40, 61, 96.480);
}

static void test_none(void **state)
{
	assert_int_equal(bench_figure(NULL, 0).n, 0);
	assert_int_equal(bench_ratio(NULL, NULL, 0).n, 0);
}

/* Round by round: the second host was twice as slow in the second round, for both. */
static void test_ratio(void **state)
{
	const double of[] = { 10, 20, 10 }, to[] = { 5, 10, 5 };
	struct bench_figure figure = bench_ratio(of, to, 3);

	assert_true(figure.median == 2 && figure.low == 2 && figure.high == 2);
}

static void put(const char *root, const char *path, const char *text)
{
	char name[256];
	FILE *file;

	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		snprintf(name, sizeof(name), "%s%.*s", root, (int)(slash - path), path);
		mkdir(name, 0755);
	}
	snprintf(name, sizeof(name), "%s%s", root, path);
	file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *fact(const struct bench_fact *facts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(facts[i].name, name))
			return facts[i].value;
	}
	return NULL;
}

static void test_host_line(void **state)
{
	const struct bench_fact facts[] = { { "kernel", "6.1.0" },
					    { "CPU", "QEMU TCG CPU version 2.5+" },
					    { "host is", "a virtual machine itself" } };
	struct json_object *object = bench_host_object(facts, 3);
	char line[160], cut[8];

	bench_host_line(line, sizeof(line), facts, 3);
	assert_string_equal(line, "QEMU TCG CPU version 2.5+, emulated: times say nothing "
				  "(a virtual machine itself), processors unknown, Linux 6.1.0");
	bench_host_line(line, sizeof(line), facts, 1);
	assert_string_equal(line, "unknown (unknown), processors unknown, Linux 6.1.0");
	bench_host_line(cut, sizeof(cut), facts, 3);
	assert_string_equal(cut, "QEMU TC");
	assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			    "{\"kernel\":\"6.1.0\",\"CPU\":\"QEMU TCG CPU version 2.5+\","
			    "\"host is\":\"a virtual machine itself\"}");
	json_object_put(object);
}

static void test_host(void **state)
{
	struct bench_fact facts[BENCH_FACTS_MAX];
	char root[] = "/tmp/coalport-bench-XXXXXX", command[64];
	size_t n;

	assert_non_null(mkdtemp(root));
	assert_int_equal(bench_host(facts, root), 0);
	put(root, "/proc/cpuinfo",
	    "processor\t: 0\nmodel name\t: A CPU @ 2.5GHz: fast\nmicrocode\t: 0x1\n"
	    "flags\t\t: fpu vme hypervisor lm\n\nprocessor\t: 1\nmodel name\t: Another\n");
	put(root, "/proc/sys/kernel/osrelease", "6.1.0\n");
	put(root, "/sys/module/kvm_amd/parameters/npt", "Y\n");
	put(root, "/sys/devices/system/cpu/vulnerabilities/spectre_v2", "Mitigation: Retpolines\n");
	put(root, "/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
	put(root, "/sys/devices/system/cpu/vulnerabilities/l1tf", "Vulnerable");
	n = bench_host(facts, root);
	assert_string_equal(fact(facts, n, "CPU"), "A CPU @ 2.5GHz: fast");
	assert_string_equal(fact(facts, n, "microcode"), "0x1");
	assert_string_equal(fact(facts, n, "kernel"), "6.1.0");
	assert_string_equal(fact(facts, n, "kvm_amd.npt"), "Y");
	assert_string_equal(fact(facts, n, "host is"), "a virtual machine itself");
	assert_string_equal(fact(facts, n, "l1tf"), "Vulnerable");
	assert_string_equal(fact(facts, n, "spectre_v2"), "Mitigation: Retpolines");
	assert_null(fact(facts, n, "meltdown"));
	assert_null(fact(facts, n, "kvm_intel.nested"));
	assert_int_equal(n, 7);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intervals), cmocka_unit_test(test_none),
		cmocka_unit_test(test_ratio),     cmocka_unit_test(test_host_line),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
