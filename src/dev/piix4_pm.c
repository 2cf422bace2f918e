// SPDX-License-Identifier: MIT
#include "dev/piix4_pm.h"

#include "dev/irq_router.h"
#include "dev/layer.h"

#define PMBASE           0x40
#define PMBASE_MASK      0xffc0u
#define PMREGMISC        0x80
#define PMREGMISC_ENABLE 0x01u

#define PORTS_SIZE  64
#define REG_STATUS  0x00
#define REG_ENABLE  0x02
#define REG_CONTROL 0x04
#define REG_TIMER   0x08

#define EVENT_TIMER        0x0001u
#define EVENT_BUS_MASTER   0x0010u
#define EVENT_GLOBAL       0x0020u
#define EVENT_POWER_BUTTON 0x0100u
#define EVENT_RTC          0x0400u
#define EVENT_WAKE         0x8000u
#define EVENTS_SCI         (EVENT_TIMER | EVENT_GLOBAL | EVENT_POWER_BUTTON | EVENT_RTC)
#define EVENTS_WAKE        (EVENT_POWER_BUTTON | EVENT_RTC)
#define EVENTS             (EVENTS_SCI | EVENT_BUS_MASTER | EVENT_WAKE)

#define CONTROL_SCI_EN         0x0001u
#define CONTROL_STORED         0x1c02u /* SUS_TYP and BM_RLD; GBL_RLS and SUS_EN read as 0 */
#define CONTROL_SUS_TYP(value) (((value) >> 10) & 7)
#define CONTROL_SUS_EN         0x2000u

#define TIMER_MASK 0xffffffu
#define TIMER_HALF 0x800000u /* the top bit toggles each time as many ticks have passed */

static const struct state_field piix4_pm_fields[] = {
	{ STATE_AT(struct piix4_pm, status), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix4_pm, enable), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix4_pm, control), .on_reset = STATE_CLEAR, .value = CONTROL_SCI_EN },
	{ STATE_AT(struct piix4_pm, gpe_enable), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix4_pm, toggle), .on_reset = STATE_KEEP },
	{ STATE_AT(struct piix4_pm, asleep), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix4_pm, woken), .on_reset = STATE_CLEAR, .value = 0 },
};

const struct state_table piix4_pm_state = {
	.name = "piix4-pm",
	.version = 1,
	.fields = piix4_pm_fields,
	.fields_n = sizeof(piix4_pm_fields) / sizeof(piix4_pm_fields[0]),
};

static const struct pci_id piix4_pm_id = {
	.vendor = 0x8086,
	.device = 0x7113,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.revision = 0x03,
	.subclass = 0x80,
	.class_code = 0x06,
	.interrupt_pin = 1,
};

/* Registers beyond the header (7.1): value after reset, bits that can be written. */
static const struct {
	uint8_t at, width;
	uint32_t value, writable;
} piix4_pm_registers[] = {
	{ PCI_COMMAND, 2, 0x0000, 0x0005 },
	{ PCI_STATUS, 2, 0x0280, 0 },
	{ PCI_INTERRUPT_LINE, 1, PIIX4_PM_SCI_IRQ, 0xff },
	{ PMBASE, 4, 0x00000001, PMBASE_MASK },
	/* APMC_EN: tells firmware that system management mode, which we lack, was set up already. */
	{ 0x58, 4, 0x02000000, 0xffffffff },
	{ PMREGMISC, 1, 0x00, 0x01 },
	{ 0x90, 4, 0x00000001, 0xfff0 }, /* SMBBA: taken in, but nothing is there */
	{ 0xd2, 1, 0x00, 0x0f }, /* SMBHSTCFG */
};

static uint64_t ticks_now(const struct piix4_pm *pm)
{
	uint64_t ns = (uint64_t)clock_now(pm->options.clock);
	uint64_t part = ns % NS_PER_SEC * PIIX4_PM_TIMER_HZ / NS_PER_SEC;

	return ns / NS_PER_SEC * PIIX4_PM_TIMER_HZ + part;
}

/* The first time at which that many ticks have passed. */
static int64_t tick_time(uint64_t tick)
{
	uint64_t part = tick % PIIX4_PM_TIMER_HZ * NS_PER_SEC;

	return (int64_t)(tick / PIIX4_PM_TIMER_HZ * NS_PER_SEC +
			 (part + PIIX4_PM_TIMER_HZ - 1) / PIIX4_PM_TIMER_HZ);
}

/* TMR_STS is derived from the time, never ticked: up to date after this. */
static void status_refresh(struct piix4_pm *pm)
{
	if (ticks_now(pm) >= pm->toggle)
		pm->status |= EVENT_TIMER;
}

static void toggle_set(struct piix4_pm *pm)
{
	pm->toggle = (ticks_now(pm) | (TIMER_HALF - 1)) + 1;
}

/* The SCI and the timer follow status and enable. */
static void sci_refresh(struct piix4_pm *pm)
{
	bool level;

	status_refresh(pm);
	level = pm->status & pm->enable & EVENTS_SCI;
	if ((pm->enable & EVENT_TIMER) && !(pm->status & EVENT_TIMER))
		timer_arm(&pm->timer, tick_time(pm->toggle));
	else
		timer_disarm(&pm->timer);
	irq_set(&pm->options.sci, level);
}

static void timer_fired(void *arg)
{
	struct piix4_pm *pm = arg;

	lock_take(&pm->lock);
	sci_refresh(pm);
	lock_drop(&pm->lock);
}

/* Registers of 16 bits that may be read and written by bytes too. */
static uint64_t get_part(uint16_t value, uint64_t offset)
{
	return (uint64_t)value >> (8 * (offset & 1));
}

static uint16_t put_part(uint16_t old, uint64_t offset, uint64_t value, unsigned width)
{
	unsigned shift = offset & 1 ? 8 : 0;
	uint32_t mask = (width == 1 ? 0xffu : 0xffffu) << shift;

	return (uint16_t)((old & ~mask) | ((uint32_t)value << shift & mask));
}

static uint64_t piix4_pm_status_read(void *chip, uint64_t offset, unsigned width)
{
	struct piix4_pm *pm = chip;

	status_refresh(pm);
	return get_part(pm->status, offset);
}

static void piix4_pm_status_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct piix4_pm *pm = chip;
	uint16_t clear = put_part(0, offset, value, width);

	status_refresh(pm);
	if (clear & pm->status & EVENT_TIMER)
		toggle_set(pm);
	pm->status = (uint16_t)(pm->status & ~clear);
	sci_refresh(pm);
}

static uint64_t enable_read(void *chip, uint64_t offset, unsigned width)
{
	return get_part(((struct piix4_pm *)chip)->enable, offset);
}

static void enable_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct piix4_pm *pm = chip;

	pm->enable = put_part(pm->enable, offset, value, width) & EVENTS_SCI;
	sci_refresh(pm);
}

static void wake_if_due(struct piix4_pm *pm)
{
	if (!pm->asleep || !(pm->status & pm->enable & EVENTS_WAKE))
		return;
	pm->woken = pm->asleep == PIIX4_SLEEP_TO_RAM;
	pm->asleep = 0;
	pm->status |= EVENT_WAKE;
	if (pm->options.wake)
		pm->options.wake(pm->options.arg);
}

static uint64_t control_read(void *chip, uint64_t offset, unsigned width)
{
	return get_part(((struct piix4_pm *)chip)->control, offset);
}

static void control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct piix4_pm *pm = chip;
	uint16_t control = put_part(pm->control, offset, value, width);
	unsigned kind = CONTROL_SUS_TYP(control);

	pm->control = (control & CONTROL_STORED) | CONTROL_SCI_EN;
	if (!(control & CONTROL_SUS_EN))
		return;
	if (kind != PIIX4_SLEEP_OFF && kind != PIIX4_SLEEP_TO_RAM && kind != PIIX4_SLEEP_STANDBY)
		return;
	pm->asleep = (uint8_t)kind;
	if (pm->options.sleep)
		pm->options.sleep(pm->options.arg, (enum piix4_sleep)kind);
	wake_if_due(pm); /* an event that is pending already lets nobody sleep */
}

static uint64_t timer_read(void *chip, uint64_t offset, unsigned width)
{
	return ticks_now(chip) & TIMER_MASK;
}

static const struct mem_port pm_ports[] = {
	{ REG_STATUS, 2, MEM_W1 | MEM_W2, .read = piix4_pm_status_read,
	  .write = piix4_pm_status_write, .name = "PM1 status" },
	{ REG_ENABLE, 2, MEM_W1 | MEM_W2, .read = enable_read, .write = enable_write,
	  .name = "PM1 enable" },
	{ REG_CONTROL, 2, MEM_W1 | MEM_W2, .read = control_read, .write = control_write,
	  .name = "PM1 control" },
	{ REG_TIMER, 4, MEM_W4, .read = timer_read, .name = "PM timer" },
};

static uint64_t gpe_status_read(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static uint64_t gpe_enable_read(void *chip, uint64_t offset, unsigned width)
{
	return get_part(((struct piix4_pm *)chip)->gpe_enable, offset);
}

static void gpe_enable_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct piix4_pm *pm = chip;

	pm->gpe_enable = put_part(pm->gpe_enable, offset, value, width);
}

static const struct mem_port gpe_ports[] = {
	{ 0, 2, MEM_W1 | MEM_W2, .read = gpe_status_read, .name = "GPE0 status" },
	{ 2, 2, MEM_W1 | MEM_W2, .read = gpe_enable_read, .write = gpe_enable_write,
	  .name = "GPE0 enable" },
};

static void ports_place(struct piix4_pm *pm)
{
	uint32_t base = pci_config_get(&pm->function, PMBASE, 4) & PMBASE_MASK;
	uint32_t misc = pci_config_get(&pm->function, PMREGMISC, 1);

	pm->request.enabled = (misc & PMREGMISC_ENABLE) && base != 0;
	if (pm->request.enabled)
		pm->request.offset = base;
	mem_map_request(pm->function.bus->map, &pm->request);
}

static void piix4_pm_config_written(void *chip, unsigned offset, unsigned width)
{
	if ((offset < PMBASE + 4 && offset + width > PMBASE) ||
	    (offset <= PMREGMISC && offset + width > PMREGMISC))
		ports_place(chip);
}

static void piix4_pm_config_replaced(void *chip)
{
	ports_place(chip);
}

void piix4_pm_init(struct piix4_pm *pm, struct pci_bus *bus, const struct piix4_pm_options *options)
{
	struct pci_function *function = &pm->function;

	*pm = (struct piix4_pm){ .device = pm->device, .wire = pm->wire, .options = *options };
	lock_init_layer(&pm->lock, LOCK_DEVICE, DEV_LAYER_POWER, "piix4-pm");
	timer_init(&pm->timer, options->clock, timer_fired, pm);
	state_reset(&piix4_pm_state, pm);
	toggle_set(pm);
	pci_function_init(function, bus, PCI_DEVFN(1, 3), "piix4-pm", &piix4_pm_id, pm);
	for (size_t i = 0; i < sizeof(piix4_pm_registers) / sizeof(piix4_pm_registers[0]); i++)
		pci_config_init(function, piix4_pm_registers[i].at, piix4_pm_registers[i].width,
				piix4_pm_registers[i].value, piix4_pm_registers[i].writable);
	function->config_written = piix4_pm_config_written;
	function->config_replaced = piix4_pm_config_replaced;
	mem_region_init_io(&pm->ports, "PIIX4_PM", PORTS_SIZE - 1, pm_ports,
			   sizeof(pm_ports) / sizeof(pm_ports[0]), pm, &pm->lock);
	mem_region_set_enabled(&pm->ports, false);
	mem_region_add(bus->ports, &pm->ports, 0, 0);
	pm->request.region = &pm->ports;
	mem_region_init_io(&pm->gpe_ports, "PIIX4_PM", 3, gpe_ports,
			   sizeof(gpe_ports) / sizeof(gpe_ports[0]), pm, &pm->lock);
	mem_region_add(bus->ports, &pm->gpe_ports, PIIX4_PM_GPE_PORT, 0);
	pci_function_add(function);
}

void piix4_pm_destroy(struct piix4_pm *pm)
{
	timer_disarm(&pm->timer);
	lock_destroy(&pm->lock);
}

void piix4_pm_reset(struct piix4_pm *pm)
{
	uint16_t kept;

	lock_take(&pm->lock);
	kept = pm->woken ? pm->status : 0;
	state_reset(&piix4_pm_state, pm);
	pm->status = kept;
	toggle_set(pm);
	sci_refresh(pm);
	lock_drop(&pm->lock);
}

void piix4_pm_refresh(struct piix4_pm *pm)
{
	lock_take(&pm->lock);
	sci_refresh(pm);
	lock_drop(&pm->lock);
}

static void event(struct piix4_pm *pm, uint16_t bit)
{
	lock_take(&pm->lock);
	pm->status |= bit;
	wake_if_due(pm);
	sci_refresh(pm);
	lock_drop(&pm->lock);
}

void piix4_pm_power_button(struct piix4_pm *pm)
{
	event(pm, EVENT_POWER_BUTTON);
}

void piix4_pm_rtc_alarm(struct piix4_pm *pm)
{
	event(pm, EVENT_RTC);
}

static void piix4_pm_ask_sleep(void *arg, enum piix4_sleep kind)
{
	const struct place_ask *ask = &((struct piix4_pm *)arg)->place->ask;

	if (kind == PIIX4_SLEEP_OFF)
		ask->shutdown(ask->arg);
	else
		ask->sleep(ask->arg,
			   kind == PIIX4_SLEEP_TO_RAM ? PLACE_SLEEP_TO_RAM : PLACE_SLEEP_STANDBY);
}

static void piix4_pm_ask_wake(void *arg)
{
	const struct place_ask *ask = &((struct piix4_pm *)arg)->place->ask;

	ask->wake(ask->arg);
}

/* The clock's lock is held here; ours is of a higher layer. */
static void piix4_pm_take_alarm(void *arg)
{
	piix4_pm_rtc_alarm(arg);
}

static int piix4_pm_create(struct device *device, struct place *place, struct error *err)
{
	struct piix4_pm *pm = (struct piix4_pm *)device;
	struct piix4_pm_options options = {
		.clock = place->clock,
		.sleep = piix4_pm_ask_sleep,
		.wake = piix4_pm_ask_wake,
		.arg = pm,
	};

	options.sci = irq_router_connect(place->router, PIIX4_PM_SCI_IRQ, &pm->wire);
	piix4_pm_init(pm, place->pci, &options);
	pm->place = place;
	place->rtc_alarm = (struct place_alarm){ .ring = piix4_pm_take_alarm, .arg = pm };
	return 0;
}

static void piix4_pm_pull(struct device *device)
{
	struct piix4_pm *pm = (struct piix4_pm *)device;

	pci_function_reset(&pm->function);
	piix4_pm_reset(pm);
}

static void piix4_pm_follow(struct device *device)
{
	struct piix4_pm *pm = (struct piix4_pm *)device;

	pci_function_refresh(&pm->function);
	piix4_pm_refresh(pm);
}

static void piix4_pm_end(struct device *device)
{
	piix4_pm_destroy((struct piix4_pm *)device);
}

const struct device_type piix4_pm_type = {
	.name = "PIIX4_PM",
	.about = "power management at 01.3",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct piix4_pm),
	.create = piix4_pm_create,
	.reset = piix4_pm_pull,
	.state = (const struct device_part[]){ DEVICE_PART(pci_function_state, struct piix4_pm,
							   function),
					       DEVICE_PART_SELF(piix4_pm_state),
					       { 0 } },
	.restored = piix4_pm_follow,
	.destroy = piix4_pm_end,
};
