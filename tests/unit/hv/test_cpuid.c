// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cpuid.h"

static void parsing(void **state)
{
	struct hv_cpu cpu;
	struct error err;

	assert_int_equal(hv_cpu_parse(&cpu, "host", &err), 0);
	for (size_t i = 0; i < HV_CPUID_WORDS; i++)
		assert_int_equal(cpu.on[i] | cpu.off[i], 0);
	assert_int_equal(hv_cpu_parse(&cpu, "max,+x2apic,-avx,sse4_1=off,sse4-2=on,aes", &err), 0);
	assert_int_equal(cpu.on[0], 1u << 21 | 1u << 20 | 1u << 25);
	assert_int_equal(cpu.off[0], 1u << 28 | 1u << 19);
	/* The last word counts. */
	assert_int_equal(hv_cpu_parse(&cpu, "host,+avx,-avx", &err), 0);
	assert_int_equal(cpu.on[0], 0);
	assert_int_equal(cpu.off[0], 1u << 28);
}

static void bad_values(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "qemu64", "-cpu: unknown model 'qemu64' (host or max)" },
		{ "", "-cpu: unknown model '' (host or max)" },
		{ "hos,+avx", "-cpu: unknown model 'hos' (host or max)" },
		{ "host,+turbo", "-cpu: unknown feature 'turbo'" },
		{ "host,", "-cpu: unknown feature ''" },
		{ "host,-", "-cpu: unknown feature ''" },
		{ "host,avx=maybe", "-cpu: 'maybe' is neither on nor off" },
		{ "host,+avx=on", "-cpu: unknown feature '+avx'" },
		{ "host,=", "-cpu: '' is neither on nor off" },
	};
	struct hv_cpu cpu;
	struct error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hv_cpu_parse(&cpu, bad[i].text, &err), -EINVAL);
		assert_string_equal(err.text, bad[i].message);
	}
}

static void every_name(void **state)
{
	struct hv_cpu cpu;
	struct error err;
	char text[64];
	size_t n = 0;

	for (const char *name; (name = hv_cpu_flag_name(n)); n++) {
		unsigned bits = 0;

		(void)snprintf(text, sizeof(text), "host,-%s", name);
		assert_int_equal(hv_cpu_parse(&cpu, text, &err), 0);
		for (size_t i = 0; i < HV_CPUID_WORDS; i++)
			bits += (unsigned)__builtin_popcount(cpu.off[i]);
		assert_int_equal(bits, 1);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(hv_cpu_flag_name(i), name);
	}
	assert_true(n > 100);
}

/* What a host might offer: two vendors' leaves at once. */
static struct kvm_cpuid2 *host(void)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0, .eax = 0xd },
		{ .function = 1, .ebx = 0x05400800, .ecx = 1u << 28 | 1u << 25, .edx = 1u << 28 },
		{ .function = 4, .index = 0, .eax = 0xfc03c121 },
		{ .function = 4, .index = 3, .eax = 0xfc03c163 },
		{ .function = 4, .index = 4, .eax = 0 },
		{ .function = 0xb, .index = 0, .eax = 1, .ebx = 2, .edx = 77 },
		{ .function = 0xb, .index = 1, .eax = 6, .ebx = 64, .edx = 77 },
		{ .function = 0x1f, .index = 0, .eax = 9 },
		{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
		{ .function = 0x40000001, .eax = 1u << 3 | 1u << 24 },
		{ .function = 0x80000001, .ecx = 3 },
		{ .function = 0x80000008, .ecx = 0x703f },
		{ .function = 0x8000001e, .eax = 9, .ebx = 0x109, .ecx = 3 },
	};
	size_t n = sizeof(entries) / sizeof(entries[0]);
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + (n + HV_CPUID_SPARE) * sizeof(entries[0]));

	memcpy(cpuid->entries, entries, sizeof(entries));
	cpuid->nent = (uint32_t)n;
	return cpuid;
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *cpuid, uint32_t function,
					   uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	}
	return NULL;
}

static void one_processor(void **state)
{
	static const struct hv_cpu cpu;
	struct hv_cpuid_place place = { .vcpus = 1, .irqchip = true, .tsc_deadline = true };
	struct kvm_cpuid2 *cpuid = host();

	assert_null(hv_cpuid_fit(cpuid, &cpu, &place));
	assert_int_equal(leaf(cpuid, 1, 0)->ebx, 0x00010800);
	assert_int_equal(leaf(cpuid, 1, 0)->ecx,
			 1u << 31 | 1u << 28 | 1u << 25 | 1u << 24 | 1u << 21);
	assert_int_equal(leaf(cpuid, 1, 0)->edx, 0); /* no HTT */
	assert_int_equal(leaf(cpuid, 4, 0)->eax, 0x00000121);
	assert_int_equal(leaf(cpuid, 4, 3)->eax, 0x00000163);
	assert_int_equal(leaf(cpuid, 0xb, 0)->ebx, 1);
	assert_int_equal(leaf(cpuid, 0xb, 1)->eax, 0);
	assert_int_equal(leaf(cpuid, 0xb, 1)->ebx, 1);
	assert_null(leaf(cpuid, 0x1f, 0));
	assert_int_equal(leaf(cpuid, 0x40000001, 0)->eax, 1u << 3 | 1u << 24);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx, 1);
	assert_int_equal(leaf(cpuid, 0x80000008, 0)->ecx, 0);
	free(cpuid);
}

static void three_processors(void **state)
{
	static const struct hv_cpu cpu;
	struct kvm_cpuid2 *cpuid;

	for (unsigned id = 0; id < 3; id++) {
		struct hv_cpuid_place place = { .id = id, .vcpus = 3 };

		cpuid = host();
		assert_null(hv_cpuid_fit(cpuid, &cpu, &place));
		assert_int_equal(leaf(cpuid, 1, 0)->ebx, 0x00040800 | id << 24);
		assert_int_equal(leaf(cpuid, 1, 0)->ecx & (1u << 24 | 1u << 21), 0);
		assert_int_equal(leaf(cpuid, 1, 0)->edx, 1u << 28);
		assert_int_equal(leaf(cpuid, 4, 3)->eax >> 14, 3u << 12 | 3);
		assert_int_equal(leaf(cpuid, 0xb, 0)->edx, id);
		assert_int_equal(leaf(cpuid, 0xb, 1)->eax, 2);
		assert_int_equal(leaf(cpuid, 0xb, 1)->ebx, 3);
		assert_int_equal(leaf(cpuid, 0x80000008, 0)->ecx, 0x2002);
		assert_int_equal(leaf(cpuid, 0x8000001e, 0)->eax, id);
		free(cpuid);
	}
}

static void wishes(void **state)
{
	struct hv_cpuid_place place = { .vcpus = 1, .irqchip = true };
	struct kvm_cpuid2 *cpuid = host();
	struct hv_cpu cpu;
	struct error err;

	assert_int_equal(hv_cpu_parse(&cpu, "host,-avx,-kvmclock,+aes,-x2apic", &err), 0);
	assert_null(hv_cpuid_fit(cpuid, &cpu, &place));
	assert_int_equal(leaf(cpuid, 1, 0)->ecx, 1u << 31 | 1u << 25);
	assert_int_equal(leaf(cpuid, 0x40000001, 0)->eax, 1u << 24);
	free(cpuid);

	cpuid = host();
	assert_int_equal(hv_cpu_parse(&cpu, "host,+aes,+avx512f", &err), 0);
	assert_string_equal(hv_cpuid_fit(cpuid, &cpu, &place), "avx512f");
	free(cpuid);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing),          cmocka_unit_test(bad_values),
		cmocka_unit_test(every_name),       cmocka_unit_test(one_processor),
		cmocka_unit_test(three_processors), cmocka_unit_test(wishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
