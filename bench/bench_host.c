// SPDX-License-Identifier: MIT
#include "bench_host.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_child.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

/* A file's first line, or what stands behind "key :" in it. */
static const struct host_file {
	const char *name, *path, *key;
} host_files[] = {
	{ "CPU", "/proc/cpuinfo", "model name" },
	{ "microcode", "/proc/cpuinfo", "microcode" },
	{ "processors online", "/sys/devices/system/cpu/online", NULL },
	{ "frequency governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL },
	{ "memory", "/proc/meminfo", "MemTotal" },
	{ "kernel", "/proc/sys/kernel/osrelease", NULL },
	{ "clock source", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	  NULL },
	{ "load average", "/proc/loadavg", NULL },
	{ "kvm.halt_poll_ns", "/sys/module/kvm/parameters/halt_poll_ns", NULL },
	{ "kvm_intel.nested", "/sys/module/kvm_intel/parameters/nested", NULL },
	{ "kvm_intel.ept", "/sys/module/kvm_intel/parameters/ept", NULL },
	{ "kvm_intel.enable_apicv", "/sys/module/kvm_intel/parameters/enable_apicv", NULL },
	{ "kvm_amd.nested", "/sys/module/kvm_amd/parameters/nested", NULL },
	{ "kvm_amd.npt", "/sys/module/kvm_amd/parameters/npt", NULL },
	{ "kvm_amd.avic", "/sys/module/kvm_amd/parameters/avic", NULL },
};

struct host_list {
	struct bench_fact *at;
	size_t n;
};

static void add(struct host_list *list, const char *name, const char *value)
{
	struct bench_fact *fact = &list->at[list->n];

	if (!*value || list->n == BENCH_FACTS_MAX)
		return;
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	snprintf(fact->value, sizeof(fact->value), "%s", value);
	list->n++;
}

/* The line's text, or what is behind the key's colon; NULL: another key's. */
static const char *value_in(char *line, const char *key)
{
	char *at = line;

	line[strcspn(line, "\n")] = '\0';
	if (key) {
		if (strncmp(line, key, strlen(key)))
			return NULL;
		at = strchr(line, ':');
		if (!at)
			return NULL;
		at++;
	}
	return at + strspn(at, " \t");
}

/* value becomes "" if the file does not tell. */
static void read_value(const char *root, const char *path, const char *key,
		       char value[BENCH_FACT_TEXT])
{
	const char *found = NULL;
	char name[512], line[8192];
	FILE *file;

	value[0] = '\0';
	snprintf(name, sizeof(name), "%s%s", root, path);
	file = fopen(name, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		found = value_in(line, key);
		if (found)
			snprintf(value, BENCH_FACT_TEXT, "%s", found);
		if (!key)
			break;
	}
	if (file)
		fclose(file);
}

/* The flag that hypervisors show to their guests (CPUID 1, ECX bit 31). */
static void add_virtual(struct host_list *list, const char *root)
{
	char name[512], line[8192];
	const char *told = "";
	FILE *file;

	snprintf(name, sizeof(name), "%s/proc/cpuinfo", root);
	file = fopen(name, "re");
	while (file && !*told && fgets(line, sizeof(line), file)) {
		const char *flags = value_in(line, "flags");

		if (flags)
			told = strstr(flags, " hypervisor") ? "a virtual machine itself"
							    : "bare metal, as far as its CPU tells";
	}
	if (file)
		fclose(file);
	add(list, "host is", told);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bench_fact *)a)->name, ((const struct bench_fact *)b)->name);
}

static void add_mitigations(struct host_list *list, const char *root)
{
	size_t first = list->n;
	struct dirent *entry;
	char path[512], value[BENCH_FACT_TEXT];
	DIR *folder;

	snprintf(path, sizeof(path), "%s" VULNERABILITIES, root);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), VULNERABILITIES "/%.64s", entry->d_name);
		read_value(root, path, NULL, value);
		if (strcmp(value, "Not affected") != 0)
			add(list, entry->d_name, value);
	}
	if (folder)
		closedir(folder);
	qsort(list->at + first, list->n - first, sizeof(*list->at), by_name);
}

/* What a program says of its version, on its first line. */
static void add_version(struct host_list *list, const char *name, const char *command)
{
	FILE *said = popen(command, "re");
	char line[BENCH_FACT_TEXT] = "";

	if (!said)
		return;
	if (!fgets(line, sizeof(line), said))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (pclose(said) == 0)
		add(list, name, line);
}

size_t bench_host(struct bench_fact facts[BENCH_FACTS_MAX], const char *root)
{
	struct host_list list = { .at = facts };
	char value[BENCH_FACT_TEXT];
	time_t now = time(NULL);
	struct tm parts;

	for (size_t i = 0; i < sizeof(host_files) / sizeof(host_files[0]); i++) {
		read_value(root, host_files[i].path, host_files[i].key, value);
		add(&list, host_files[i].name, value);
	}
	add_virtual(&list, root);
	add_mitigations(&list, root);
	if (*root)
		return list.n;
	add(&list, "coalport", BENCH_VERSION);
	if (bench_has(BENCH_QEMU))
		add_version(&list, "QEMU", "qemu-system-x86_64 --version 2>/dev/null");
	if (gmtime_r(&now, &parts) && strftime(value, sizeof(value), "%Y-%m-%d %H:%M UTC", &parts))
		add(&list, "date", value);
	return list.n;
}

struct json_object *bench_host_object(const struct bench_fact *facts, size_t n)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		json_object_object_add(object, facts[i].name,
				       json_object_new_string(facts[i].value));
	return object;
}

static const char *fact_of(const struct bench_fact *facts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(facts[i].name, name))
			return facts[i].value;
	}
	return "unknown";
}

void bench_host_line(char *out, size_t size, const struct bench_fact *facts, size_t n)
{
	const char *cpu = fact_of(facts, n, "CPU");

	snprintf(out, size, "%s%s (%s), processors %s, Linux %s", cpu,
		 strstr(cpu, "TCG") ? ", emulated: times say nothing" : "",
		 fact_of(facts, n, "host is"), fact_of(facts, n, "processors online"),
		 fact_of(facts, n, "kernel"));
}
