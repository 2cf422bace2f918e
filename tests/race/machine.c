// SPDX-License-Identifier: MIT
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void check(bool good, const char *what, const char *why)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

bool machine_possible(void)
{
	static const struct hv_options plain = { .vcpus = 1 };
	struct error err;
	struct hv_vm vm;

	if (hv_vm_create(&vm, hv_sys_host(), &plain, &err)) {
		printf("SKIP: %s\n", err.text);
		return false;
	}
	hv_vm_destroy(&vm);
	return true;
}

static void on_halted(void *arg, unsigned vcpu)
{
	sem_post(&((struct machine *)arg)->halted);
}

static void on_reset(void *arg)
{
	sem_post(&((struct machine *)arg)->reset);
}

static void on_failed(void *arg, const char *message)
{
	struct machine *machine = arg;

	error_set(&machine->failure, 0, "%s", message);
	machine->failed = true;
	for (unsigned i = 0; i < machine->vm.options.vcpus; i++)
		sem_post(&machine->halted);
}

void machine_init(struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	sem_init(&machine->halted, 0, 0);
	sem_init(&machine->reset, 0, 0);
	check(mem_map_init(&machine->map) == 0, "mem_map_init", "no memory");
	machine->memory =
		mmap(NULL, MACHINE_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(machine->memory != MAP_FAILED, "mmap", strerror(errno));
	mem_region_init_ram(&machine->ram, "ram", machine->memory, MACHINE_RAM - 1);
	mem_region_init_io(&machine->hole, "hole", 0x5ffff, NULL, 0, NULL, NULL);
	mem_map_begin(&machine->map);
	mem_region_add(&machine->map.root[MEM_SPACE_MEMORY], &machine->ram, 0, 0);
	mem_region_add(&machine->map.root[MEM_SPACE_MEMORY], &machine->hole, 0xa0000, 1);
	check(mem_map_commit(&machine->map) == 0, "mem_map_commit", "no memory");
}

void machine_create(struct machine *machine, const struct hv_options *options)
{
	struct hv_options mine = *options;
	struct error err;

	mine.events = (struct hv_events){
		.halted = on_halted,
		.reset = on_reset,
		.failed = on_failed,
		.arg = machine,
	};
	check(hv_vm_create(&machine->vm, hv_sys_host(), &mine, &err) == 0, "hv_vm_create",
	      err.text);
	check(hv_vm_attach(&machine->vm, &machine->map, &err) == 0, "hv_vm_attach", err.text);
	machine->made = true;
}

void machine_start(struct machine *machine, const uint8_t *code, const uint8_t *end)
{
	struct error err;

	memcpy(machine->memory + GUEST_CODE, code, (size_t)(end - code));
	for (unsigned i = 0; i < machine->vm.options.vcpus; i++) {
		struct hv_entry entry = {
			.mode = HV_REAL,
			.rip = GUEST_CODE,
			.rsp = 0x8000 + 0x400 * i,
			.rbx = i,
		};

		check(hv_vcpu_set_entry(&machine->vm, i, &entry, &err) == 0, "hv_vcpu_set_entry",
		      err.text);
	}
	check(hv_vcpus_start(&machine->vm, false, &err) == 0, "hv_vcpus_start", err.text);
}

void machine_wait_halted(struct machine *machine, unsigned n)
{
	while (n--) {
		while (sem_wait(&machine->halted) < 0) {
		}
	}
}

void machine_destroy(struct machine *machine)
{
	if (machine->made)
		hv_vm_destroy(&machine->vm);
	mem_map_destroy(&machine->map);
	munmap(machine->memory, MACHINE_RAM);
	sem_destroy(&machine->halted);
	sem_destroy(&machine->reset);
}
