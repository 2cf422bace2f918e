// SPDX-License-Identifier: MIT
/*
 * What a device finds on the PC: where its wires end, how it asks something of the machine, and the
 * back-ends by name.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "board/pc.h"

static void ask_reset(void *arg)
{
	struct pc *pc = arg;

	machine_request_reset(&pc->machine, MACHINE_BY_GUEST);
}

static void ask_shutdown(void *arg)
{
	struct pc *pc = arg;

	machine_request_shutdown(&pc->machine, MACHINE_BY_GUEST);
}

static void ask_exit(void *arg, uint32_t status)
{
	struct pc *pc = arg;

	machine_request_exit(&pc->machine, (int)(status & 0xff));
}

static void ask_sleep(void *arg, enum place_sleep kind)
{
	struct pc *pc = arg;

	machine_request_sleep(&pc->machine, kind == PLACE_SLEEP_TO_RAM);
}

static void ask_wake(void *arg)
{
	struct pc *pc = arg;

	machine_request_wake(&pc->machine);
}

static void ask_panic(void *arg)
{
	struct pc *pc = arg;

	machine_request_panic(&pc->machine);
}

static void ask_rtc_change(void *arg, int64_t offset)
{
	struct pc *pc = arg;

	machine_request_rtc_change(&pc->machine, offset);
}

static struct irq_line find_line(void *machine, unsigned line)
{
	return machine_irq_line(machine, line);
}

static void drain_waiting(void *machine)
{
	machine_drain(machine);
}

static struct chardev *find_chardev(void *arg, const char *id)
{
	const struct pc_options *options = &((struct pc *)arg)->options;

	for (size_t i = 0; i < options->chardevs_n; i++) {
		if (!strcmp(options->chardevs[i].id, id))
			return options->chardevs[i].chardev;
	}
	return NULL;
}

static int find_disk(void *arg, const char *id, struct place_disk *out)
{
	const struct pc_options *options = &((struct pc *)arg)->options;

	for (size_t i = 0; i < options->disks_n; i++) {
		const struct pc_disk *disk = &options->disks[i];

		if (strcmp(disk->id, id))
			continue;
		*out = (struct place_disk){ .name = disk->id,
					    .block = disk->block,
					    .readonly = disk->readonly,
					    .policy = disk->policy };
		return 0;
	}
	return -ENOENT;
}

/* It was ejected, and is not the caller's to close any more. */
static void forget_block(void *arg, struct block *block)
{
	struct pc *pc = arg;

	for (size_t i = 0; i < pc->options.disks_n; i++) {
		if (pc->options.disks[i].block == block)
			pc->options.disks[i].block = NULL;
	}
}

static bool find_file(void *arg, const char *name, char *out, size_t size)
{
	const struct pc_options *options = &((struct pc *)arg)->options;

	return options->find_file(options->find_file_arg, name, out, size);
}

static struct clock *choose_rtc_clock(struct pc *pc)
{
	struct clock *const clocks[] = {
		[PC_RTC_HOST] = &pc->machine.host,
		[PC_RTC_RT] = &pc->machine.monotonic,
		[PC_RTC_VM] = &pc->machine.vm,
	};
	bool manual = pc->machine.accel->ops->manual_clock;

	return clocks[manual ? PC_RTC_VM : pc->options.rtc_clock];
}

void pc_place_init(struct pc *pc)
{
	const struct rtc_base *base = &pc->options.rtc_base;
	struct mem_map *map = &pc->machine.map;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	pc->place = (struct place){
		.map = map,
		.memory = &map->root[MEM_SPACE_MEMORY],
		.ports = &map->root[MEM_SPACE_PORT],
		.pci_memory = &pc->pci_memory,
		.ram = &pc->ram,
		.loop = pc->machine.loop,
		.clock = &pc->machine.vm,
		.rtc_clock = choose_rtc_clock(pc),
		.rtc_seconds = rtc_base_start(base, now.tv_sec),
		.rtc_ns = base->kind == RTC_BASE_DATE ? 0 : (int32_t)now.tv_nsec,
		.irq_line = find_line,
		.irq_arg = &pc->machine,
		.msi = machine_msi_sink(&pc->machine),
		.input = &pc->machine.input,
		.screen = &pc->machine.screen,
		.elcr = !pc->machine.accel->ops->irqchip,
		.ask = { .arg = pc,
			 .reset = ask_reset,
			 .shutdown = ask_shutdown,
			 .exit = ask_exit,
			 .sleep = ask_sleep,
			 .wake = ask_wake,
			 .panic = ask_panic,
			 .rtc_change = ask_rtc_change },
		.drain = drain_waiting,
		.drain_arg = &pc->machine,
		.chardev = find_chardev,
		.disk = find_disk,
		.find_file = pc->options.find_file ? find_file : NULL,
		.arg = pc,
		.drives = &pc->machine.drives,
	};
	pc->machine.drives.release = forget_block;
	pc->machine.drives.release_arg = pc;
}
