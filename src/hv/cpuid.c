// SPDX-License-Identifier: MIT
#include "hv/cpuid.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

enum cpuid_register { EAX, EBX, ECX, EDX };

/* Where a word of feature bits is. */
enum cpuid_word {
	W_1_ECX,
	W_1_EDX,
	W_7_EBX,
	W_7_ECX,
	W_7_EDX,
	W_7_1_EAX,
	W_D_1_EAX,
	W_KVM_EAX,
	W_EXT_1_ECX,
	W_EXT_1_EDX,
	W_EXT_7_EDX,
	W_EXT_8_EBX,
	W_COUNT,
};

_Static_assert(W_COUNT == HV_CPUID_WORDS, "struct hv_cpu has a bit for every feature");

static const struct cpuid_place {
	uint32_t leaf, index;
	enum cpuid_register reg;
} words[W_COUNT] = {
	[W_1_ECX] = { 1, 0, ECX },
	[W_1_EDX] = { 1, 0, EDX },
	[W_7_EBX] = { 7, 0, EBX },
	[W_7_ECX] = { 7, 0, ECX },
	[W_7_EDX] = { 7, 0, EDX },
	[W_7_1_EAX] = { 7, 1, EAX },
	[W_D_1_EAX] = { 0xd, 1, EAX },
	[W_KVM_EAX] = { 0x40000001, 0, EAX },
	[W_EXT_1_ECX] = { 0x80000001, 0, ECX },
	[W_EXT_1_EDX] = { 0x80000001, 0, EDX },
	[W_EXT_7_EDX] = { 0x80000007, 0, EDX },
	[W_EXT_8_EBX] = { 0x80000008, 0, EBX },
};

/* Names that users of other monitors know; what is not here is passed on as the host has it. */
static const struct cpuid_flag {
	const char *name;
	uint8_t word, bit;
} flags[] = {
	{ "pni", W_1_ECX, 0 },
	{ "sse3", W_1_ECX, 0 },
	{ "pclmulqdq", W_1_ECX, 1 },
	{ "monitor", W_1_ECX, 3 },
	{ "ssse3", W_1_ECX, 9 },
	{ "fma", W_1_ECX, 12 },
	{ "cx16", W_1_ECX, 13 },
	{ "pdcm", W_1_ECX, 15 },
	{ "pcid", W_1_ECX, 17 },
	{ "sse4.1", W_1_ECX, 19 },
	{ "sse4-1", W_1_ECX, 19 },
	{ "sse4.2", W_1_ECX, 20 },
	{ "sse4-2", W_1_ECX, 20 },
	{ "x2apic", W_1_ECX, 21 },
	{ "movbe", W_1_ECX, 22 },
	{ "popcnt", W_1_ECX, 23 },
	{ "tsc-deadline", W_1_ECX, 24 },
	{ "aes", W_1_ECX, 25 },
	{ "xsave", W_1_ECX, 26 },
	{ "avx", W_1_ECX, 28 },
	{ "f16c", W_1_ECX, 29 },
	{ "rdrand", W_1_ECX, 30 },
	{ "hypervisor", W_1_ECX, 31 },
	{ "fpu", W_1_EDX, 0 },
	{ "vme", W_1_EDX, 1 },
	{ "de", W_1_EDX, 2 },
	{ "pse", W_1_EDX, 3 },
	{ "tsc", W_1_EDX, 4 },
	{ "msr", W_1_EDX, 5 },
	{ "pae", W_1_EDX, 6 },
	{ "mce", W_1_EDX, 7 },
	{ "cx8", W_1_EDX, 8 },
	{ "apic", W_1_EDX, 9 },
	{ "sep", W_1_EDX, 11 },
	{ "mtrr", W_1_EDX, 12 },
	{ "pge", W_1_EDX, 13 },
	{ "mca", W_1_EDX, 14 },
	{ "cmov", W_1_EDX, 15 },
	{ "pat", W_1_EDX, 16 },
	{ "pse36", W_1_EDX, 17 },
	{ "clflush", W_1_EDX, 19 },
	{ "mmx", W_1_EDX, 23 },
	{ "fxsr", W_1_EDX, 24 },
	{ "sse", W_1_EDX, 25 },
	{ "sse2", W_1_EDX, 26 },
	{ "ss", W_1_EDX, 27 },
	{ "ht", W_1_EDX, 28 },
	{ "fsgsbase", W_7_EBX, 0 },
	{ "tsc-adjust", W_7_EBX, 1 },
	{ "bmi1", W_7_EBX, 3 },
	{ "hle", W_7_EBX, 4 },
	{ "avx2", W_7_EBX, 5 },
	{ "smep", W_7_EBX, 7 },
	{ "bmi2", W_7_EBX, 8 },
	{ "erms", W_7_EBX, 9 },
	{ "invpcid", W_7_EBX, 10 },
	{ "rtm", W_7_EBX, 11 },
	{ "mpx", W_7_EBX, 14 },
	{ "avx512f", W_7_EBX, 16 },
	{ "avx512dq", W_7_EBX, 17 },
	{ "rdseed", W_7_EBX, 18 },
	{ "adx", W_7_EBX, 19 },
	{ "smap", W_7_EBX, 20 },
	{ "avx512ifma", W_7_EBX, 21 },
	{ "clflushopt", W_7_EBX, 23 },
	{ "clwb", W_7_EBX, 24 },
	{ "avx512cd", W_7_EBX, 28 },
	{ "sha-ni", W_7_EBX, 29 },
	{ "avx512bw", W_7_EBX, 30 },
	{ "avx512vl", W_7_EBX, 31 },
	{ "avx512vbmi", W_7_ECX, 1 },
	{ "umip", W_7_ECX, 2 },
	{ "pku", W_7_ECX, 3 },
	{ "waitpkg", W_7_ECX, 5 },
	{ "avx512vbmi2", W_7_ECX, 6 },
	{ "gfni", W_7_ECX, 8 },
	{ "vaes", W_7_ECX, 9 },
	{ "vpclmulqdq", W_7_ECX, 10 },
	{ "avx512vnni", W_7_ECX, 11 },
	{ "avx512bitalg", W_7_ECX, 12 },
	{ "avx512-vpopcntdq", W_7_ECX, 14 },
	{ "la57", W_7_ECX, 16 },
	{ "rdpid", W_7_ECX, 22 },
	{ "movdiri", W_7_ECX, 27 },
	{ "movdir64b", W_7_ECX, 28 },
	{ "fsrm", W_7_EDX, 4 },
	{ "md-clear", W_7_EDX, 10 },
	{ "serialize", W_7_EDX, 14 },
	{ "spec-ctrl", W_7_EDX, 26 },
	{ "stibp", W_7_EDX, 27 },
	{ "arch-capabilities", W_7_EDX, 29 },
	{ "ssbd", W_7_EDX, 31 },
	{ "avx-vnni", W_7_1_EAX, 4 },
	{ "avx512-bf16", W_7_1_EAX, 5 },
	{ "xsaveopt", W_D_1_EAX, 0 },
	{ "xsavec", W_D_1_EAX, 1 },
	{ "xgetbv1", W_D_1_EAX, 2 },
	{ "xsaves", W_D_1_EAX, 3 },
	{ "kvmclock", W_KVM_EAX, 3 },
	{ "kvm-nopiodelay", W_KVM_EAX, 1 },
	{ "kvm-asyncpf", W_KVM_EAX, 4 },
	{ "kvm-steal-time", W_KVM_EAX, 5 },
	{ "kvm-pv-eoi", W_KVM_EAX, 6 },
	{ "kvm-pv-unhalt", W_KVM_EAX, 7 },
	{ "kvm-pv-tlb-flush", W_KVM_EAX, 9 },
	{ "kvm-pv-ipi", W_KVM_EAX, 11 },
	{ "kvm-poll-control", W_KVM_EAX, 12 },
	{ "kvm-pv-sched-yield", W_KVM_EAX, 13 },
	{ "kvmclock-stable-bit", W_KVM_EAX, 24 },
	{ "lahf-lm", W_EXT_1_ECX, 0 },
	{ "svm", W_EXT_1_ECX, 2 },
	{ "cr8legacy", W_EXT_1_ECX, 4 },
	{ "abm", W_EXT_1_ECX, 5 },
	{ "sse4a", W_EXT_1_ECX, 6 },
	{ "misalignsse", W_EXT_1_ECX, 7 },
	{ "3dnowprefetch", W_EXT_1_ECX, 8 },
	{ "osvw", W_EXT_1_ECX, 9 },
	{ "topoext", W_EXT_1_ECX, 22 },
	{ "vmx", W_1_ECX, 5 },
	{ "syscall", W_EXT_1_EDX, 11 },
	{ "nx", W_EXT_1_EDX, 20 },
	{ "mmxext", W_EXT_1_EDX, 22 },
	{ "fxsr-opt", W_EXT_1_EDX, 25 },
	{ "pdpe1gb", W_EXT_1_EDX, 26 },
	{ "rdtscp", W_EXT_1_EDX, 27 },
	{ "lm", W_EXT_1_EDX, 29 },
	{ "invtsc", W_EXT_7_EDX, 8 },
	{ "clzero", W_EXT_8_EBX, 0 },
	{ "xsaveerptr", W_EXT_8_EBX, 2 },
	{ "ibpb", W_EXT_8_EBX, 12 },
	{ "amd-ssbd", W_EXT_8_EBX, 24 },
};

#define FLAGS_N (sizeof(flags) / sizeof(flags[0]))

const char *hv_cpu_flag_name(size_t i)
{
	return i < FLAGS_N ? flags[i].name : NULL;
}

/* Both spellings of a name are known: sse4_1 and sse4-1. */
static bool same_name(const char *name, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '\0' || name[i] != (text[i] == '_' ? '-' : text[i]))
			return false;
	}
	return name[len] == '\0';
}

static const struct cpuid_flag *find_flag(const char *text, size_t len)
{
	for (size_t i = 0; i < FLAGS_N; i++) {
		if (same_name(flags[i].name, text, len))
			return &flags[i];
	}
	return NULL;
}

/* One wish: +flag, -flag, flag, flag=on, flag=off. */
static int parse_wish(struct hv_cpu *cpu, const char *text, size_t len, struct error *err)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const struct cpuid_flag *flag;
	bool on = true;

	if (equals) {
		size_t value_len = len - name_len - 1;

		on = value_len == 2 && memcmp(equals + 1, "on", 2) == 0;
		if (!on && !(value_len == 3 && memcmp(equals + 1, "off", 3) == 0))
			return error_set(err, -EINVAL, "-cpu: '%.*s' is neither on nor off",
					 (int)value_len, equals + 1);
	} else if (len > 0 && (text[0] == '+' || text[0] == '-')) {
		on = text[0] == '+';
		text++;
		name_len--;
	}
	flag = find_flag(text, name_len);
	if (!flag)
		return error_set(err, -EINVAL, "-cpu: unknown feature '%.*s'", (int)name_len, text);
	cpu->on[flag->word] &= ~(UINT32_C(1) << flag->bit);
	cpu->off[flag->word] &= ~(UINT32_C(1) << flag->bit);
	(on ? cpu->on : cpu->off)[flag->word] |= UINT32_C(1) << flag->bit;
	return 0;
}

int hv_cpu_parse(struct hv_cpu *cpu, const char *text, struct error *err)
{
	size_t len = strcspn(text, ",");
	int error;

	*cpu = (struct hv_cpu){ .on = { 0 } };
	if (!same_name("host", text, len) && !same_name("max", text, len))
		return error_set(err, -EINVAL, "-cpu: unknown model '%.*s' (host or max)", (int)len,
				 text);
	for (text += len; *text == ','; text += len) {
		text++;
		len = strcspn(text, ",");
		error = parse_wish(cpu, text, len, err);
		if (error)
			return error;
	}
	return 0;
}

static struct kvm_cpuid_entry2 *find_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	}
	return NULL;
}

static uint32_t *entry_register(struct kvm_cpuid_entry2 *entry, enum cpuid_register reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	case EDX:
		break;
	}
	return &entry->edx;
}

static void set_bit(uint32_t *word, unsigned bit, bool on)
{
	*word = on ? *word | UINT32_C(1) << bit : *word & ~(UINT32_C(1) << bit);
}

/* Bits an APIC id needs to number n cores. */
static uint32_t id_bits(unsigned n)
{
	uint32_t bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static void fit_leaf_1(struct kvm_cpuid_entry2 *entry, const struct hv_cpuid_place *place)
{
	set_bit(&entry->ecx, 21, place->irqchip);
	set_bit(&entry->ecx, 24, place->irqchip && place->tsc_deadline);
	set_bit(&entry->ecx, 31, true);
	set_bit(&entry->edx, 28, place->vcpus > 1);
	entry->ebx = (entry->ebx & 0xffffu) | (1u << id_bits(place->vcpus)) << 16 | place->id << 24;
}

/* Intel's leaf 4 and AMD's 0x8000001d: caches are a core's own up to level 2, shared above. */
static void fit_cache(struct kvm_cpuid_entry2 *entry, const struct hv_cpuid_place *place)
{
	uint32_t level = entry->eax >> 5 & 7u;
	uint32_t sharing = level < 3 ? 0 : (1u << id_bits(place->vcpus)) - 1;
	uint32_t cores = entry->function == 4 ? (1u << id_bits(place->vcpus)) - 1 : 0;

	if ((entry->eax & 0x1fu) == 0)
		return; /* no more caches */
	entry->eax = (entry->eax & 0x3fffu) | sharing << 14 | (cores & 0x3fu) << 26;
}

/* Drops the host's topology leaves and describes one package of single-threaded cores. */
static void fit_topology(struct kvm_cpuid2 *cpuid, const struct hv_cpuid_place *place)
{
	uint32_t kept = 0;
	bool had = false;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		uint32_t leaf = cpuid->entries[i].function;

		had = had || leaf == 0xb;
		if (leaf != 0xb && leaf != 0x1f)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
	if (!had)
		return;
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = 0xb,
		.index = 0,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = 0, /* shift from a thread's id to its core's */
		.ebx = 1,
		.ecx = 0 | 1 << 8, /* level type: thread */
		.edx = place->id,
	};
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = 0xb,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = id_bits(place->vcpus),
		.ebx = place->vcpus,
		.ecx = 1 | 2 << 8, /* level type: core */
		.edx = place->id,
	};
}

static void fit_entry(struct kvm_cpuid_entry2 *entry, const struct hv_cpuid_place *place)
{
	switch (entry->function) {
	case 1:
		fit_leaf_1(entry, place);
		break;
	case 4:
	case 0x8000001d:
		fit_cache(entry, place);
		break;
	case 0x80000001:
		set_bit(&entry->ecx, 1, place->vcpus > 1); /* CmpLegacy */
		break;
	case 0x80000008:
		entry->ecx =
			place->vcpus > 1 ? (place->vcpus - 1) | id_bits(place->vcpus) << 12 : 0;
		break;
	case 0x8000001e:
		entry->eax = place->id;
		entry->ebx = place->id & 0xffu;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

static const char *apply_wishes(struct kvm_cpuid2 *cpuid, const struct hv_cpu *cpu)
{
	const char *missing = NULL;

	for (unsigned w = 0; w < W_COUNT; w++) {
		struct kvm_cpuid_entry2 *entry = find_entry(cpuid, words[w].leaf, words[w].index);
		uint32_t *word = entry ? entry_register(entry, words[w].reg) : NULL;
		uint32_t lacking = cpu->on[w] & ~(word ? *word : 0);

		for (size_t i = 0; !missing && i < FLAGS_N; i++) {
			if (flags[i].word == w && (lacking >> flags[i].bit & 1))
				missing = flags[i].name;
		}
		if (word)
			*word &= ~cpu->off[w];
	}
	return missing;
}

const char *hv_cpuid_fit(struct kvm_cpuid2 *cpuid, const struct hv_cpu *cpu,
			 const struct hv_cpuid_place *place)
{
	assert(place->vcpus > 0 && place->id < place->vcpus);
	for (uint32_t i = 0; i < cpuid->nent; i++)
		fit_entry(&cpuid->entries[i], place);
	fit_topology(cpuid, place);
	return apply_wishes(cpuid, cpu);
}
