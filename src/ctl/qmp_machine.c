// SPDX-License-Identifier: MIT
/* What the machine is made of while it runs: its vCPUs and what is on the PCI bus, as QEMU tells them. */
#include <stdio.h>
#include <unistd.h>

#include "ctl/qmp_impl.h"
#include "dev/pci_describe.h"

void ctl_qmp_vcpu_path(char path[CTL_QMP_VCPU_PATH_SIZE], unsigned vcpu)
{
	snprintf(path, CTL_QMP_VCPU_PATH_SIZE, "/machine/vcpu[%u]", vcpu);
}

bool ctl_qmp_query_cpus_fast(struct ctl_qmp *qmp, struct json_object *arguments,
			     struct json_object **result, struct ctl_qmp_error *err)
{
	*result = json_object_new_array();
	for (unsigned i = 0; i < machine_vcpus(qmp->machine); i++) {
		struct json_object *cpu = json_object_new_object(),
				   *props = json_object_new_object();
		int thread = machine_vcpu_thread(qmp->machine, i);
		char path[CTL_QMP_VCPU_PATH_SIZE];

		/* Each a package of its own, as -smp N makes them. */
		ctl_qmp_put(props, "core-id", json_object_new_int(0));
		ctl_qmp_put(props, "thread-id", json_object_new_int(0));
		ctl_qmp_put(props, "socket-id", json_object_new_int((int)i));
		ctl_qmp_vcpu_path(path, i);
		ctl_qmp_put(cpu, "cpu-index", json_object_new_int((int)i));
		ctl_qmp_put(cpu, "qom-path", json_object_new_string(path));
		ctl_qmp_put(cpu, "thread-id", json_object_new_int(thread ? thread : (int)getpid()));
		ctl_qmp_put(cpu, "target", json_object_new_string("x86_64"));
		ctl_qmp_put(cpu, "props", props);
		ctl_qmp_append(*result, cpu);
	}
	return true;
}

/* What QEMU calls the classes that our devices are of (PCI Code and ID Assignment, 1). */
static const char *class_name(uint16_t class)
{
	static const struct {
		uint16_t class;
		const char *name;
	} names[] = {
		{ 0x0100, "SCSI controller" },
		{ 0x0101, "IDE controller" },
		{ 0x0180, "Storage controller" },
		{ 0x0200, "Ethernet controller" },
		{ 0x0300, "VGA controller" },
		{ 0x0600, "Host bridge" },
		{ 0x0601, "ISA bridge" },
		{ 0x0680, "Bridge" },
		{ 0x0780, "Communication controller" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].class == class)
			return names[i].name;
	}
	return NULL;
}

static struct json_object *region_object(const struct pci_bar_info *bar)
{
	struct json_object *region = json_object_new_object();
	bool memory = bar->kind != PCI_BAR_PORT;

	ctl_qmp_put(region, "bar", json_object_new_int((int)bar->index));
	ctl_qmp_put(region, "type", json_object_new_string(memory ? "memory" : "io"));
	ctl_qmp_put(region, "address",
		    json_object_new_int64(bar->mapped ? (int64_t)bar->addr : -1));
	ctl_qmp_put(region, "size", json_object_new_int64((int64_t)bar->size));
	if (memory) {
		ctl_qmp_put(region, "prefetch", json_object_new_boolean(bar->prefetch));
		ctl_qmp_put(region, "mem_type_64",
			    json_object_new_boolean(bar->kind == PCI_BAR_MEM64));
	}
	return region;
}

static struct json_object *function_object(const struct pci_function_info *info)
{
	uint16_t class = (uint16_t)(info->id.class_code << 8 | info->id.subclass);
	struct json_object *object = json_object_new_object(), *part = json_object_new_object();

	ctl_qmp_put(object, "bus", json_object_new_int(0));
	ctl_qmp_put(object, "slot", json_object_new_int(info->devfn >> 3));
	ctl_qmp_put(object, "function", json_object_new_int(info->devfn & 7));
	if (class_name(class))
		ctl_qmp_put(part, "desc", json_object_new_string(class_name(class)));
	ctl_qmp_put(part, "class", json_object_new_int(class));
	ctl_qmp_put(object, "class_info", part);
	part = json_object_new_object();
	ctl_qmp_put(part, "device", json_object_new_int(info->id.device));
	ctl_qmp_put(part, "vendor", json_object_new_int(info->id.vendor));
	ctl_qmp_put(part, "subsystem", json_object_new_int(info->id.subsystem));
	ctl_qmp_put(part, "subsystem-vendor", json_object_new_int(info->id.subsystem_vendor));
	ctl_qmp_put(object, "id", part);
	if (info->id.interrupt_pin)
		ctl_qmp_put(object, "irq", json_object_new_int(info->interrupt_line));
	ctl_qmp_put(object, "irq_pin", json_object_new_int(info->id.interrupt_pin));
	ctl_qmp_put(object, "qdev_id", json_object_new_string(info->device_id));
	part = json_object_new_array();
	for (unsigned i = 0; i < info->bars_n; i++)
		ctl_qmp_append(part, region_object(&info->bars[i]));
	ctl_qmp_put(object, "regions", part);
	return object;
}

bool ctl_qmp_query_pci(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *bus = json_object_new_object(), *devices = json_object_new_array();
	struct pci_bus *pci = qmp->machine->pci;

	*result = json_object_new_array();
	for (unsigned devfn = 0; pci && devfn < PCI_FUNCTIONS; devfn++) {
		struct pci_function_info info;

		if (pci_bus_describe(pci, (uint8_t)devfn, &info))
			ctl_qmp_append(devices, function_object(&info));
	}
	ctl_qmp_put(bus, "bus", json_object_new_int(0));
	ctl_qmp_put(bus, "devices", devices);
	ctl_qmp_append(*result, bus);
	return true;
}
