// SPDX-License-Identifier: MIT
/*
 * Coalescing is only a hint: a guest on a kernel that lacks a capability, or has no place for a
 * zone, says the same, and the report tells what traps and why. The kernel is the real one behind a
 * layer that lies about what it can do.
 *
 *	test_degraded ROM
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board/accel_kvm.h"
#include "board/pc.h"
#include "board/report.h"

#define SKIP     77
#define TEXT_MAX 8192

static const struct lie {
	const char *name;
	bool no_pio, no_mmio;
	unsigned places; /* zones that can be registered */
	unsigned traps; /* of the zones of a machine without options */
	bool nothing_waits;
	const char *why; /* in the report */
} lies[] = {
	{ "nothing is missing", .places = 1000 },
	/* All that may wait at some time; where the bus is full, all that waits always, and the serial data. */
	{ "no coalesced ports", .no_pio = true, .places = 1000, .traps = 30, .nothing_waits = true,
	  .why = "KVM_CAP_COALESCED_PIO" },
	{ "no coalescing", .no_mmio = true, .places = 1000, .traps = 30, .nothing_waits = true,
	  .why = "KVM_CAP_COALESCED_MMIO" },
	{ "six free places", .places = 6, .traps = 14, .why = "no free" },
	{ "no free place", .places = 0, .traps = 20, .nothing_waits = true, .why = "no free" },
};

/* The system layer that lies; struct hv_sys is its first member. */
struct liar {
	struct hv_sys sys;
	const struct lie *lie;
	unsigned *registered;
};

static int lying_ioctl(const struct hv_sys *sys, int fd, unsigned long request, uintptr_t arg)
{
	const struct liar *liar = (const struct liar *)sys;
	const struct hv_sys *host = hv_sys_host();

	if (request == KVM_CHECK_EXTENSION &&
	    ((liar->lie->no_pio && arg == KVM_CAP_COALESCED_PIO) ||
	     (liar->lie->no_mmio && arg == KVM_CAP_COALESCED_MMIO)))
		return 0;
	if (request == KVM_REGISTER_COALESCED_MMIO && (*liar->registered)++ >= liar->lie->places)
		return -ENOSPC;
	return host->ioctl(host, fd, request, arg);
}

static char *slurp(FILE *file, char text[TEXT_MAX])
{
	size_t n;

	rewind(file);
	n = fread(text, 1, TEXT_MAX - 1, file);
	text[n] = '\0';
	return text;
}

/* Ticks and dates are not the same in any two runs. */
static void hide_numbers(char *text)
{
	for (; *text; text++) {
		if (*text >= '0' && *text <= '9')
			*text = '#';
	}
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void run(const struct lie *lie, const char *rom, char said[TEXT_MAX], char told[TEXT_MAX])
{
	static struct loop loop;
	static struct accel_kvm kvm;
	static struct pc pc;
	char path[] = "/tmp/coalport-degraded-XXXXXX";
	unsigned registered = 0;
	struct liar liar = { .sys = *hv_sys_host(), .lie = lie, .registered = &registered };
	static const struct pc_fw_cfg_item item = { .name = "opt/org.coalport/guest",
						    .string = "seconds=1" };
	struct pc_chardev chardev = { .id = "console" };
	struct pc_options options = {
		.machine = { .loop = &loop, .accel = &kvm.accel, .no_reboot = true },
		.ram = PC_RAM_MIN,
		.bios = rom,
		.devices = &(struct device_spec){ "isa-serial", "chardev=console" },
		.devices_n = 1,
		.chardevs = &chardev,
		.chardevs_n = 1,
		.fw_cfg = &item,
		.fw_cfg_n = 1,
	};
	int fd = mkstemp(path);
	FILE *console = fd < 0 ? NULL : fdopen(fd, "r"), *report = tmpfile();
	const char *what = "";
	struct error err;

	liar.sys.ioctl = lying_ioctl;
	accel_kvm_init(&kvm,
		       &(struct accel_kvm_options){
			       .hv = { .coalesce = true, .irqchip = true, .pit = true, .vcpus = 1 },
			       .sys = &liar.sys });
	if (!console || !report || loop_init(&loop) ||
	    chardev_open(&chardev.chardev, &loop,
			 &(struct chardev_options){ .kind = CHARDEV_FILE, .path = path }, &what)) {
		fprintf(stderr, "%s: %s %s\n", path, what, strerror(errno));
		exit(1);
	}
	if (pc_create(&pc, &options, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	machine_continue(&pc.machine);
	if (machine_run(&pc.machine) || machine_report(&pc.machine, report, REPORT_TEXT)) {
		fprintf(stderr, "%s: the run failed\n", lie->name);
		exit(1);
	}
	pc_destroy(&pc);
	chardev_destroy(chardev.chardev);
	loop_destroy(&loop);
	slurp(console, said);
	slurp(report, told);
	fclose(console);
	fclose(report);
	unlink(path);
}

int main(int argc, char **argv)
{
	static char first[TEXT_MAX], said[TEXT_MAX], told[TEXT_MAX];
	unsigned bad = 0;

	if (argc != 2)
		return 2;
	if (access("/dev/kvm", R_OK | W_OK)) {
		printf("SKIP: /dev/kvm: %s\n", strerror(errno));
		return SKIP;
	}
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		unsigned traps;

		run(&lies[i], argv[1], said, told);
		hide_numbers(said);
		if (!i)
			memcpy(first, said, TEXT_MAX);
		traps = count(told, ") traps: ");
		printf("%s: %u zones trap\n", lies[i].name, traps);
		if (!strstr(said, "Switching the machine off") || strcmp(said, first) ||
		    traps != lies[i].traps || (lies[i].why && count(told, lies[i].why) != traps) ||
		    lies[i].nothing_waits != !!strstr(told, "left the kernel 0;")) {
			fprintf(stderr, "%s: the guest said\n%s\nthe report tells\n%s\n",
				lies[i].name, said, told);
			bad++;
		}
	}
	return bad ? 1 : 0;
}
