// SPDX-License-Identifier: MIT
/*
 * Power management function of the Intel 82371AB (PIIX4) at 00:01.3: the ACPI fixed registers at
 * PMBASE, the PM timer, sleep and power-off, and a general-purpose event block without events.
 * Source: Intel 290562, chapter 7; ACPI 4.8.
 *
 *	PMBASE + 0x00	PMSTS	16 bits, writing 1 clears
 *	PMBASE + 0x02	PMEN	16 bits
 *	PMBASE + 0x04	PMCNTRL	16 bits; SCI_EN reads 1 for ever (there is no legacy mode to leave)
 *	PMBASE + 0x08	PMTMR	24 bits at 3.579545 MHz, read-only
 *	0xafe0		GPE0 status (16 bits, always 0) and enable (16 bits)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/state.h"
#include "dev/irq.h"
#include "dev/pci.h"
#include "mem/region.h"

#define PIIX4_PM_TIMER_HZ 3579545
#define PIIX4_PM_GPE_PORT 0xafe0
#define PIIX4_PM_SCI_IRQ  9

/* SUS_TYP (7.2.3): what the guest asks for when it sets SUS_EN. Other types do nothing. */
enum piix4_sleep {
	PIIX4_SLEEP_OFF = 0, /* S5 */
	PIIX4_SLEEP_TO_RAM = 1, /* S3: only RAM and this chip's registers stay */
	PIIX4_SLEEP_STANDBY = 4, /* S1: everything stays */
};

struct piix4_pm_options {
	struct clock *clock; /* runs the PM timer */
	struct irq_line sci;
	/* Both with chip locks held: only to be noted down for later. */
	void (*sleep)(void *arg, enum piix4_sleep kind);
	void (*wake)(void *arg); /* an enabled event ends S1 or S3 */
	void *arg;
};

struct piix4_pm {
	struct device device;
	struct irq_source wire; /* as a device of a list */
	struct pci_function function;
	struct piix4_pm_options options;
	struct lock lock; /* LOCK_DEVICE: the state */
	struct timer timer; /* fires when TMR_STS is to raise the SCI */
	struct place *place; /* as a device of a list */
	struct mem_region ports, gpe_ports;
	struct mem_request request; /* PMBASE or its enable changed */
	/* State. */
	uint16_t status, enable, control;
	uint16_t gpe_enable;
	uint64_t toggle; /* tick at which the top bit of the timer toggles and sets TMR_STS */
	uint8_t asleep; /* the kind of sleep that an enabled event will end; 0: awake */
	uint8_t woken; /* from RAM: the reset that follows is part of waking and keeps the status */
};

/* Besides pci_function_state of .function. Follow a restore by piix4_pm_refresh(). */
extern const struct state_table piix4_pm_state;

/* "PIIX4_PM": provides the place's rtc_alarm. */
extern const struct device_type piix4_pm_type;

void piix4_pm_init(struct piix4_pm *pm, struct pci_bus *bus,
		   const struct piix4_pm_options *options);
void piix4_pm_destroy(struct piix4_pm *pm);
/* After pci_function_reset(). Keeps the status if the machine is just waking from sleep. */
void piix4_pm_reset(struct piix4_pm *pm);
/* The state was restored: the SCI and the timer follow it. */
void piix4_pm_refresh(struct piix4_pm *pm);

/* Somebody presses the power button. As the next. */
void piix4_pm_power_button(struct piix4_pm *pm);
/* The clock chip raised its alarm. Any thread; a chip of a layer below DEV_LAYER_POWER may call. */
void piix4_pm_rtc_alarm(struct piix4_pm *pm);
