// SPDX-License-Identifier: MIT
/* What the monitor tells: "info". */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "board/report.h"
#include "ctl/hmp_impl.h"
#include "dev/device.h"

/* From QMP's answers */

static void info_status(struct hmp_call *call)
{
	struct json_object *answer;
	const char *status;
	bool running;

	if (!ctl_hmp_ask(call, "query-status", NULL, &answer))
		return;
	status = ctl_hmp_text(answer, "status");
	running = ctl_hmp_bool(answer, "running");
	fprintf(call->out, "VM status: %s", running ? "running" : "paused");
	if (!running && strcmp(status, "paused") != 0)
		fprintf(call->out, " (%s)", status);
	fputc('\n', call->out);
	json_object_put(answer);
}

/* As the greeting has it: tools that read the answer of "info version" read that, in truth. */
static void info_version(struct hmp_call *call)
{
	struct json_object *version = ctl_qmp_version();

	fprintf(call->out, "%" PRId64 ".%" PRId64 ".%" PRId64 " (%s)\n",
		ctl_hmp_number(version, "qemu.major"), ctl_hmp_number(version, "qemu.minor"),
		ctl_hmp_number(version, "qemu.micro"), ctl_hmp_text(version, "package"));
	json_object_put(version);
}

static void info_name(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-name", NULL, &answer))
		return;
	if (ctl_hmp_member(answer, "name"))
		fprintf(call->out, "%s\n", ctl_hmp_text(answer, "name"));
	json_object_put(answer);
}

static void info_kvm(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-kvm", NULL, &answer))
		return;
	fprintf(call->out, "kvm support: %s\n",
		ctl_hmp_bool(answer, "enabled") ? "enabled" : "disabled");
	json_object_put(answer);
}

static void info_cpus(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-cpus-fast", NULL, &answer))
		return;
	for (size_t i = 0; i < json_object_array_length(answer); i++) {
		struct json_object *cpu = json_object_array_get_idx(answer, i);
		int64_t index = ctl_hmp_number(cpu, "cpu-index");

		fprintf(call->out, "%c CPU #%" PRId64 ": thread_id=%" PRId64 "\n",
			index == *call->cpu ? '*' : ' ', index, ctl_hmp_number(cpu, "thread-id"));
	}
	json_object_put(answer);
}

static void info_mice(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-mice", NULL, &answer))
		return;
	if (!json_object_array_length(answer))
		fputs("No mouse devices connected\n", call->out);
	for (size_t i = 0; i < json_object_array_length(answer); i++) {
		struct json_object *mouse = json_object_array_get_idx(answer, i);

		fprintf(call->out, "%c Mouse #%" PRId64 ": %s%s\n",
			ctl_hmp_bool(mouse, "current") ? '*' : ' ', ctl_hmp_number(mouse, "index"),
			ctl_hmp_text(mouse, "name"),
			ctl_hmp_bool(mouse, "absolute") ? " (absolute)" : "");
	}
	json_object_put(answer);
}

static void info_vnc(struct hmp_call *call)
{
	struct json_object *answer, *clients;

	if (!call->qmp->vnc) {
		fputs("None\n", call->out);
		return;
	}
	if (!ctl_hmp_ask(call, "query-vnc", NULL, &answer))
		return;
	fprintf(call->out, "default:\n  Server: %s:%s (%s)\n    Auth: %s (Sub: none)\n",
		ctl_hmp_text(answer, "host"), ctl_hmp_text(answer, "service"),
		ctl_hmp_text(answer, "family"), ctl_hmp_text(answer, "auth"));
	clients = ctl_hmp_member(answer, "clients");
	for (size_t i = 0; clients && i < json_object_array_length(clients); i++) {
		struct json_object *client = json_object_array_get_idx(clients, i);

		fprintf(call->out, "  Client: %s:%s (%s)\n", ctl_hmp_text(client, "host"),
			ctl_hmp_text(client, "service"), ctl_hmp_text(client, "family"));
	}
	json_object_put(answer);
}

static void tell_medium(FILE *out, struct json_object *drive)
{
	struct json_object *medium = ctl_hmp_member(drive, "inserted");

	if (!medium) {
		fputs(": [not inserted]\n", out);
		return;
	}
	fprintf(out, " (%s): %s (%s%s)\n", ctl_hmp_text(medium, "node-name"),
		ctl_hmp_text(medium, "file"), ctl_hmp_text(medium, "drv"),
		ctl_hmp_bool(medium, "ro") ? ", read-only" : "");
}

static void info_block(struct hmp_call *call)
{
	const char *only = call->n ? call->args[0] : NULL;
	struct json_object *answer;
	unsigned told = 0;

	if (!ctl_hmp_ask(call, "query-block", NULL, &answer))
		return;
	for (size_t i = 0; i < json_object_array_length(answer); i++) {
		struct json_object *drive = json_object_array_get_idx(answer, i);
		const char *name = ctl_hmp_text(drive, "device");

		if (only && strcmp(only, name) != 0)
			continue;
		fprintf(call->out, "%s%s", told++ ? "\n" : "",
			*name ? name : ctl_hmp_text(drive, "qdev"));
		tell_medium(call->out, drive);
		fprintf(call->out, "    Attached to:      %s\n", ctl_hmp_text(drive, "qdev"));
		if (ctl_hmp_bool(drive, "removable"))
			fprintf(call->out, "    Removable device: %slocked, tray %s\n",
				ctl_hmp_bool(drive, "locked") ? "" : "not ",
				ctl_hmp_bool(drive, "tray_open") ? "open" : "closed");
		if (ctl_hmp_member(drive, "inserted"))
			fputs("    Cache mode:       writeback\n", call->out);
	}
	if (only && !told)
		fprintf(call->out, "Device '%s' not found\n", only);
	json_object_put(answer);
}

static void info_chardev(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-chardev", NULL, &answer))
		return;
	for (size_t i = 0; i < json_object_array_length(answer); i++) {
		struct json_object *chardev = json_object_array_get_idx(answer, i);

		fprintf(call->out, "%s: filename=%s\n", ctl_hmp_text(chardev, "label"),
			ctl_hmp_text(chardev, "filename"));
	}
	json_object_put(answer);
}

static void tell_bar(FILE *out, struct json_object *bar)
{
	uint64_t addr = (uint64_t)ctl_hmp_number(bar, "address");
	uint64_t last = addr + (uint64_t)ctl_hmp_number(bar, "size") - 1;
	int64_t number = ctl_hmp_number(bar, "bar");

	if (!strcmp(ctl_hmp_text(bar, "type"), "io"))
		fprintf(out, "      BAR%" PRId64 ": I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n",
			number, addr, last);
	else
		fprintf(out,
			"      BAR%" PRId64 ": %d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64
			"].\n",
			number, ctl_hmp_bool(bar, "mem_type_64") ? 64 : 32,
			ctl_hmp_bool(bar, "prefetch") ? " prefetchable" : "", addr, last);
}

static void tell_function(FILE *out, struct json_object *function)
{
	struct json_object *bars = ctl_hmp_member(function, "regions");
	const char *desc = ctl_hmp_text(function, "class_info.desc");

	fprintf(out, "  Bus  0, device %3" PRId64 ", function %" PRId64 ":\n    ",
		ctl_hmp_number(function, "slot"), ctl_hmp_number(function, "function"));
	if (*desc)
		fputs(desc, out);
	else
		fprintf(out, "Class %04" PRId64, ctl_hmp_number(function, "class_info.class"));
	fprintf(out, ": PCI device %04x:%04x\n", (unsigned)ctl_hmp_number(function, "id.vendor"),
		(unsigned)ctl_hmp_number(function, "id.device"));
	if (ctl_hmp_number(function, "id.subsystem-vendor"))
		fprintf(out, "      PCI subsystem %04x:%04x\n",
			(unsigned)ctl_hmp_number(function, "id.subsystem-vendor"),
			(unsigned)ctl_hmp_number(function, "id.subsystem"));
	if (ctl_hmp_member(function, "irq"))
		fprintf(out, "      IRQ %" PRId64 ", pin %c\n", ctl_hmp_number(function, "irq"),
			(char)('A' + ctl_hmp_number(function, "irq_pin") - 1));
	for (size_t i = 0; bars && i < json_object_array_length(bars); i++)
		tell_bar(out, json_object_array_get_idx(bars, i));
	fprintf(out, "      id \"%s\"\n", ctl_hmp_text(function, "qdev_id"));
}

static void info_pci(struct hmp_call *call)
{
	struct json_object *answer;

	if (!ctl_hmp_ask(call, "query-pci", NULL, &answer))
		return;
	for (size_t i = 0; i < json_object_array_length(answer); i++) {
		struct json_object *devices =
			ctl_hmp_member(json_object_array_get_idx(answer, i), "devices");

		for (size_t j = 0; j < json_object_array_length(devices); j++)
			tell_function(call->out, json_object_array_get_idx(devices, j));
	}
	json_object_put(answer);
}

/* From the lists themselves */

static void tell_properties(FILE *out, const struct device *device, int indent)
{
	struct props props = device_props(device->type);
	const struct prop *row;

	for (size_t i = 0; (row = props_row(&props, i)); i++) {
		const char *text;

		if (!row->help || !strcmp(row->name, "id") || row->kind == PROP_ONLY)
			continue;
		fprintf(out, "%*s%s = ", indent, "", row->name);
		if (prop_is_text(row)) {
			text = prop_text(row, device);
			fprintf(out, "\"%s\"\n", text ? text : "");
		} else if (row->kind == PROP_BOOL) {
			fprintf(out, "%s\n", prop_number(row, device) ? "true" : "false");
		} else if (row->kind == PROP_WORD) {
			fprintf(out, "\"%s\"\n", row->words[prop_number(row, device)]);
		} else {
			fprintf(out, "%" PRId64 " (0x%" PRIx64 ")\n", prop_number(row, device),
				(uint64_t)prop_number(row, device));
		}
	}
}

static void info_qtree(struct hmp_call *call)
{
	const struct device_list *devices = call->qmp->machine->devices;
	const struct device *device;

	for (enum device_bus bus = 0; bus < DEVICE_BUSES; bus++) {
		const char *name = device_bus_name(bus);

		fprintf(call->out, "bus: %s\n", name ? name : "none");
		if (!devices)
			continue;
		TAILQ_FOREACH(device, devices, next)
		{
			if (device->type->bus != bus)
				continue;
			fprintf(call->out, "  dev: %s, id \"%s\"\n", device->type->name,
				device->id ? device->id : "");
			tell_properties(call->out, device, 4);
		}
	}
}

static const char *kind_of(const struct mem_region *region)
{
	switch (region->kind) {
	case MEM_RAM:
		return "ram";
	case MEM_ROM:
		return "rom";
	case MEM_CONTAINER:
	case MEM_IO:
	case MEM_ALIAS:
		break;
	}
	return "i/o";
}

/* A region and what is in it, at first. */
static void tell_region(FILE *out, const struct mem_region *region, uint64_t first, int indent)
{
	fprintf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): ", indent, "", first,
		first + region->last, region->priority, kind_of(region));
	if (region->kind == MEM_ALIAS)
		fprintf(out, "alias %s @%s %016" PRIx64 "-%016" PRIx64, region->name,
			region->target->name, region->target_offset,
			region->target_offset + region->last);
	else
		fputs(region->name, out);
	fprintf(out, "%s\n", region->enabled ? "" : " [disabled]");
	for (const struct mem_region *child = region->children; child; child = child->next)
		tell_region(out, child, first + child->offset, indent + 2);
}

static void tell_flat(FILE *out, struct mem_map *map, enum mem_space space)
{
	struct mem_view *view = mem_map_view(map, space);

	for (size_t i = 0; i < view->sections_n; i++) {
		const struct mem_section *section = &view->sections[i];

		fprintf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio 0, %s): %s",
			section->range.first, section->range.last,
			section->readonly ? "rom" : kind_of(section->region),
			section->region->name);
		if (section->offset)
			fprintf(out, " @%016" PRIx64, section->offset);
		fputc('\n', out);
	}
	mem_view_unref(view);
}

static void info_mtree(struct hmp_call *call)
{
	static const char *const names[MEM_SPACES] = {
		[MEM_SPACE_MEMORY] = "memory", [MEM_SPACE_PORT] = "I/O"
	};
	struct mem_map *map = &call->qmp->machine->map;
	bool flat = call->n && !strcmp(call->args[0], "-f");
	int ret = 0;

	if (call->n && !flat) {
		fprintf(call->out, "info mtree: unsupported option %s\n", call->args[0]);
		return;
	}
	for (enum mem_space space = 0; space < MEM_SPACES && !ret; space++) {
		fprintf(call->out, "%saddress-space: %s\n", space ? "\n" : "", names[space]);
		if (flat) {
			tell_flat(call->out, map, space);
			continue;
		}
		/* Nobody changes the tree meanwhile. */
		mem_map_begin(map);
		tell_region(call->out, &map->root[space], 0, 2);
		ret = mem_map_commit(map);
	}
	if (ret)
		fprintf(call->out, "Error: %s\n", strerror(-ret));
}

/* There is none. */
static void info_network(struct hmp_call *call)
{
}

static void info_balloon(struct hmp_call *call)
{
	ctl_hmp_balloon(call);
}

/* This program's own */

static void info_exits(struct hmp_call *call)
{
	int ret = machine_report(call->qmp->machine, call->out, REPORT_TEXT);

	if (ret == -ENOTSUP)
		fputs("Error: Nothing is counted (-exits off, or no KVM)\n", call->out);
	else if (ret)
		fprintf(call->out, "Error: %s\n", strerror(-ret));
}

static void info_coalesce(struct hmp_call *call)
{
	int ret = machine_list_waits(call->qmp->machine, call->out);

	if (ret)
		fprintf(call->out, "Error: %s\n", strerror(-ret));
}

const struct hmp_command ctl_hmp_infos[] = {
	{ "balloon", NULL, "", "show balloon information", info_balloon, 0, 0, NULL },
	{ "block", NULL, "[device]", "show info of one block device or all block devices",
	  info_block, 0, 1, NULL },
	{ "chardev", NULL, "", "show the character devices", info_chardev, 0, 0, NULL },
	{ "coalesce", NULL, "", "show which writes may wait in the kernel, and why", info_coalesce,
	  0, 0, NULL },
	{ "cpus", NULL, "", "show infos for each CPU", info_cpus, 0, 0, NULL },
	{ "exits", NULL, "", "show which accesses left the kernel, and what that cost", info_exits,
	  0, 0, NULL },
	{ "kvm", NULL, "", "show KVM information", info_kvm, 0, 0, NULL },
	{ "mice", NULL, "", "show which guest mouse is receiving events", info_mice, 0, 0, NULL },
	{ "mtree", NULL, "[-f]", "show memory tree (-f: dump flat view for address spaces)",
	  info_mtree, 0, 1, NULL },
	{ "name", NULL, "", "show the current VM name", info_name, 0, 0, NULL },
	{ "network", NULL, "", "show the network state", info_network, 0, 0, NULL },
	{ "pci", NULL, "", "show PCI info", info_pci, 0, 0, NULL },
	{ "qtree", NULL, "", "show device tree", info_qtree, 0, 0, NULL },
	{ "registers", NULL, "", "show the CPU registers", ctl_hmp_info_registers, 0, 0, NULL },
	{ "status", NULL, "", "show the current VM status (running|paused)", info_status, 0, 0,
	  NULL },
	{ "version", NULL, "", "show the version of QEMU", info_version, 0, 0, NULL },
	{ "vnc", NULL, "", "show the vnc server status", info_vnc, 0, 0, NULL },
	{ 0 },
};
