// SPDX-License-Identifier: MIT
/*
 * The wiring of the PC: which chip sits where, and what its lines are connected to.
 */
#include "board/pc.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define I8042_IRQ  1
#define RTC_IRQ    8
#define CLOCK_PORT 0x70 /* and the second bank at 0x72 */
#define DISK_FIRST 2 /* PCI device; 0 is the host bridge, 1 the chipset */

/* COM1 to COM4, as the BIOS numbers them. */
static const struct {
	uint16_t port;
	uint8_t irq;
	const char *name;
} pc_serials[PC_SERIALS] = {
	{ 0x3f8, 4, "com1" },
	{ 0x2f8, 3, "com2" },
	{ 0x3e8, 4, "com3" },
	{ 0x2e8, 3, "com4" },
};

/* Where the chips' wires end: small functions from a chip's callback to the machine. */

static void ask_reset(void *arg)
{
	struct pc *pc = arg;

	machine_request_reset(&pc->machine, MACHINE_BY_GUEST);
}

static void ask_exit(void *arg, uint32_t status)
{
	struct pc *pc = arg;

	machine_request_exit(&pc->machine, (int)(status & 0xff));
}

static void ask_sleep(void *arg, enum piix4_sleep kind)
{
	struct pc *pc = arg;

	if (kind == PIIX4_SLEEP_OFF)
		machine_request_shutdown(&pc->machine, MACHINE_BY_GUEST);
	else
		machine_request_sleep(&pc->machine, kind == PIIX4_SLEEP_TO_RAM);
}

static void ask_wake(void *arg)
{
	struct pc *pc = arg;

	machine_request_wake(&pc->machine);
}

static void panicked(void *arg, uint8_t events)
{
	struct pc *pc = arg;

	if (events & PVPANIC_PANICKED)
		machine_request_panic(&pc->machine);
}

static void clock_set_by_guest(void *arg, int64_t offset)
{
	struct pc *pc = arg;

	machine_request_rtc_change(&pc->machine, offset);
}

static void tell_alarm(void *arg)
{
	struct pc *pc = arg;

	piix4_pm_rtc_alarm(&pc->pm);
}

static void send_to_chardev(void *arg, uint8_t byte)
{
	chardev_write(arg, &byte, 1);
}

static void accept_from_chardev(void *arg)
{
	chardev_accept_input(arg);
}

static size_t serial_has_room(void *arg)
{
	return serial_room(arg);
}

static void serial_gets(void *arg, const uint8_t *bytes, size_t len)
{
	serial_receive(arg, bytes, len);
}

static void add_port(struct pc *pc, struct mem_region *region, uint64_t at)
{
	mem_region_add(&pc->machine.map.root[MEM_SPACE_PORT], region, at, 0);
}

/* Interrupt lines, PCI, and the three functions of the chipset. */
static void wire_chipset(struct pc *pc)
{
	struct mem_map *map = &pc->machine.map;
	struct irq_line sinks[IRQ_LINES];

	for (unsigned i = 0; i < IRQ_LINES; i++)
		sinks[i] = machine_irq_line(&pc->machine, i);
	irq_router_init(&pc->router, sinks);
	pci_bus_init(&pc->pci, map, &pc->pci_memory, &map->root[MEM_SPACE_PORT],
		     irq_router_intx(&pc->router), machine_msi_sink(&pc->machine));
	i440fx_init(&pc->bridge, &pc->pci,
		    &(struct i440fx_options){
			    .memory = &map->root[MEM_SPACE_MEMORY],
			    .ram = &pc->ram,
			    .reset_control = { .read = piix3_reset_control_read,
					       .write = piix3_reset_control_write,
					       .arg = &pc->isa },
		    });
	piix3_init(&pc->isa, &pc->pci,
		   &(struct piix3_options){
			   .router = &pc->router,
			   .reset = ask_reset,
			   .reset_arg = pc,
			   .elcr = !pc->machine.accel->ops->irqchip,
		   });
	piix4_pm_init(&pc->pm, &pc->pci,
		      &(struct piix4_pm_options){
			      .clock = &pc->machine.vm,
			      .sci = irq_router_connect(&pc->router, PIIX4_PM_SCI_IRQ),
			      .sleep = ask_sleep,
			      .wake = ask_wake,
			      .arg = pc,
		      });
}

static void wire_rtc(struct pc *pc)
{
	static const size_t clocks[] = {
		[PC_RTC_HOST] = offsetof(struct machine, host),
		[PC_RTC_RT] = offsetof(struct machine, monotonic),
		[PC_RTC_VM] = offsetof(struct machine, vm),
	};
	bool manual = pc->machine.accel->ops->manual_clock;
	char *clock = (char *)&pc->machine + clocks[manual ? PC_RTC_VM : pc->options.rtc_clock];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	rtc_init(&pc->rtc,
		 &(struct rtc_options){
			 .clock = (struct clock *)clock,
			 .irq = irq_router_connect(&pc->router, RTC_IRQ),
			 .start_seconds = rtc_base_start(&pc->options.rtc_base, now.tv_sec),
			 .start_ns = pc->options.rtc_base.kind == RTC_BASE_DATE
					     ? 0
					     : (int32_t)now.tv_nsec,
			 .lost_ticks = pc->options.rtc_slew ? RTC_SLEW : RTC_DISCARD,
			 .time_set = clock_set_by_guest,
			 .alarm = tell_alarm,
			 .arg = pc,
		 });
	add_port(pc, &pc->rtc.bank0, CLOCK_PORT);
	add_port(pc, &pc->rtc.bank1, CLOCK_PORT + 2);
}

static void wire_serials(struct pc *pc)
{
	for (size_t i = 0; i < PC_SERIALS; i++) {
		struct chardev *chardev = pc->options.serials[i].chardev;
		struct serial *serial = &pc->serials[i];

		if (!pc->options.serials[i].present)
			continue;
		serial_init(serial,
			    &(struct serial_options){
				    .name = pc_serials[i].name,
				    .clock = &pc->machine.vm,
				    .irq = irq_router_connect(&pc->router, pc_serials[i].irq),
				    .send = chardev ? send_to_chardev : NULL,
				    .accept = chardev ? accept_from_chardev : NULL,
				    .arg = chardev,
			    });
		add_port(pc, &serial->region, pc_serials[i].port);
		if (chardev)
			chardev_set_user(chardev, &(struct chardev_user){
							  .room = serial_has_room,
							  .receive = serial_gets,
							  .arg = serial,
						  });
	}
}

static void wire_small_chips(struct pc *pc)
{
	i8042_init(&pc->i8042, &(struct i8042_options){
				       .irq = irq_router_connect(&pc->router, I8042_IRQ),
				       .reset = ask_reset,
				       .arg = pc,
			       });
	add_port(pc, &pc->i8042.data, I8042_DATA);
	add_port(pc, &pc->i8042.command, I8042_COMMAND);
	port92_init(&pc->port92, &(struct port92_options){ .reset = ask_reset, .arg = pc });
	add_port(pc, &pc->port92.region, PORT92_AT);
	post_init(&pc->post, &(struct post_options){ 0 });
	add_port(pc, &pc->post.region, POST_AT);
	pvpanic_init(&pc->pvpanic, &(struct pvpanic_options){ .event = panicked, .arg = pc });
	add_port(pc, &pc->pvpanic.region, PVPANIC_AT);
	for (size_t i = 0; i < pc->options.debugcons_n; i++) {
		debugcon_init(
			&pc->debugcons[i],
			&(struct debugcon_options){
				.send = pc->options.debugcons[i].chardev ? send_to_chardev : NULL,
				.arg = pc->options.debugcons[i].chardev,
			});
		add_port(pc, &pc->debugcons[i].region, pc->options.debugcons[i].port);
	}
	for (size_t i = 0; i < pc->options.debugexits_n; i++) {
		debugexit_init(&pc->debugexits[i], &(struct debugexit_options){
							   .size = pc->options.debugexits[i].size,
							   .exit = ask_exit,
							   .arg = pc,
						   });
		add_port(pc, &pc->debugexits[i].region, pc->options.debugexits[i].port);
	}
}

unsigned pc_disk_device(size_t i)
{
	return DISK_FIRST + (unsigned)i;
}

static void drain_waiting(void *machine)
{
	machine_drain(machine);
}

static int wire_disks(struct pc *pc, struct error *err)
{
	for (size_t i = 0; i < pc->options.disks_n; i++) {
		const struct pc_disk *disk = &pc->options.disks[i];
		int ret = virtio_blk_init(&pc->disks[i],
					  &(struct virtio_blk_options){
						  .bus = &pc->pci,
						  .devfn = (uint8_t)(pc_disk_device(i) << 3),
						  .map = &pc->machine.map,
						  .loop = pc->machine.loop,
						  .drain = drain_waiting,
						  .drain_arg = &pc->machine,
						  .block = disk->block,
						  .serial = disk->serial,
					  });

		if (ret) {
			while (i--)
				virtio_blk_destroy(&pc->disks[i]);
			return error_set(err, ret, "virtio-blk-pci: %s", strerror(-ret));
		}
	}
	return 0;
}

/* Every chip as after the reset line was pulled; vCPUs stand still, waiting writes are delivered. */
static void reset_chips(void *arg)
{
	struct pc *pc = arg;

	for (size_t i = 0; i < pc->options.disks_n; i++)
		virtio_blk_reset(&pc->disks[i]);
	pci_bus_reset(&pc->pci);
	i440fx_reset(&pc->bridge);
	piix3_reset(&pc->isa);
	piix4_pm_reset(&pc->pm);
	rtc_reset(&pc->rtc);
	for (size_t i = 0; i < PC_SERIALS; i++) {
		if (pc->options.serials[i].present)
			serial_reset(&pc->serials[i]);
	}
	i8042_reset(&pc->i8042);
	port92_reset(&pc->port92);
	post_reset(&pc->post);
	fw_cfg_reset(&pc->fw_cfg);
}

static void quiesce_disks(void *arg)
{
	struct pc *pc = arg;

	for (size_t i = 0; i < pc->options.disks_n; i++)
		virtio_blk_quiesce(&pc->disks[i]);
}

static void unquiesce_disks(void *arg)
{
	struct pc *pc = arg;

	for (size_t i = 0; i < pc->options.disks_n; i++)
		virtio_blk_resume(&pc->disks[i]);
}

static struct irq_line connect_irq(void *arg, unsigned line)
{
	struct pc *pc = arg;

	return irq_router_connect(&pc->router, line);
}

static void press_power_button(void *arg)
{
	struct pc *pc = arg;

	piix4_pm_power_button(&pc->pm);
}

static void destroy_chips(struct pc *pc)
{
	for (size_t i = 0; i < pc->options.debugcons_n; i++)
		debugcon_destroy(&pc->debugcons[i]);
	post_destroy(&pc->post);
	port92_destroy(&pc->port92);
	i8042_destroy(&pc->i8042);
	for (size_t i = 0; i < PC_SERIALS; i++) {
		if (pc->options.serials[i].chardev)
			chardev_set_user(pc->options.serials[i].chardev,
					 &(struct chardev_user){ 0 });
		if (pc->options.serials[i].present)
			serial_destroy(&pc->serials[i]);
	}
	rtc_destroy(&pc->rtc);
	piix4_pm_destroy(&pc->pm);
	piix3_destroy(&pc->isa);
	pci_bus_destroy(&pc->pci);
	irq_router_destroy(&pc->router);
}

static int pc_build(struct pc *pc, struct error *err)
{
	int ret;

	wire_chipset(pc);
	wire_rtc(pc);
	wire_serials(pc);
	wire_small_chips(pc);
	pc_cmos_init(pc);
	ret = pc_fw_cfg_init(pc, err);
	if (ret)
		goto no_fw_cfg;
	ret = wire_disks(pc, err);
	if (ret)
		goto no_disks;
	return 0;

no_disks:
	fw_cfg_destroy(&pc->fw_cfg);
no_fw_cfg:
	destroy_chips(pc);
	return ret;
}

/* The reverse of pc_build(), the accelerator gone. */
static void pc_take_apart(struct pc *pc)
{
	for (size_t i = 0; i < pc->options.disks_n; i++)
		virtio_blk_destroy(&pc->disks[i]);
	fw_cfg_destroy(&pc->fw_cfg);
	destroy_chips(pc);
}

int pc_create(struct pc *pc, const struct pc_options *options, struct error *err)
{
	struct machine_options machine = options->machine;
	int ret;

	*pc = (struct pc){ .options = *options };
	machine.reset = reset_chips;
	machine.power_button = press_power_button;
	machine.quiesce = quiesce_disks;
	machine.unquiesce = unquiesce_disks;
	machine.irq_input = connect_irq;
	machine.name = options->name;
	machine.board = pc;
	ret = machine_init(&pc->machine, &machine, err);
	if (ret)
		return ret;
	ret = pc_memory_init(pc, err);
	if (ret)
		goto no_memory;
	mem_map_begin(&pc->machine.map);
	ret = pc_build(pc, err);
	if (mem_map_commit(&pc->machine.map) && !ret) {
		pc_take_apart(pc);
		ret = error_set(err, -ENOMEM, "address map: out of memory");
	}
	if (ret)
		goto no_chips;
	ret = machine_start(&pc->machine, err);
	if (ret)
		goto no_start;
	return 0;

no_start:
	machine_detach(&pc->machine);
	pc_take_apart(pc);
no_chips:
	machine_detach(&pc->machine);
	pc_memory_destroy(pc);
no_memory:
	machine_destroy(&pc->machine);
	return ret;
}

void pc_destroy(struct pc *pc)
{
	machine_detach(&pc->machine);
	pc_take_apart(pc);
	pc_memory_destroy(pc);
	machine_destroy(&pc->machine);
}
