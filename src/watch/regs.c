// SPDX-License-Identifier: MIT
#include "watch/regs.h"

#define PORT(first, last, part, ...)                                                               \
	{                                                                                          \
		WATCH_SPACE_PORT, first, last, part,                                               \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define MEM(first, last, part, ...)                                                                \
	{                                                                                          \
		WATCH_SPACE_MEMORY, first, last, part,                                             \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* Intel 8237A data sheet and, for where a PC has its two, Intel 82371AB (PIIX4). */
#define DMA_CHANNEL(port, step, part, n)                                                           \
	PORT(port, port, part, "address " n),                                                      \
		PORT((port) + (step), (port) + (step), part, "count " n)
#define DMA_COMMANDS(base, step, part)                                                             \
	PORT(base, base, part, "status", "command"),                                               \
		PORT((base) + 1 * (step), (base) + 1 * (step), part, "request"),                   \
		PORT((base) + 2 * (step), (base) + 2 * (step), part, "mask one"),                  \
		PORT((base) + 3 * (step), (base) + 3 * (step), part, "mode"),                      \
		PORT((base) + 4 * (step), (base) + 4 * (step), part, "clear flip-flop"),           \
		PORT((base) + 5 * (step), (base) + 5 * (step), part, "temporary", "master clear"), \
		PORT((base) + 6 * (step), (base) + 6 * (step), part, "clear mask"),                \
		PORT((base) + 7 * (step), (base) + 7 * (step), part, "mask all")

/* National PC16550D data sheet, "Summary of registers"; DLAB is not known here. */
#define UART(base, part)                                                                           \
	PORT(base, base, part, "RBR (DLL)", "THR (DLL)"),                                          \
		PORT((base) + 1, (base) + 1, part, "IER (DLM)"),                                   \
		PORT((base) + 2, (base) + 2, part, "IIR", "FCR"),                                  \
		PORT((base) + 3, (base) + 3, part, "LCR"),                                         \
		PORT((base) + 4, (base) + 4, part, "MCR"),                                         \
		PORT((base) + 5, (base) + 5, part, "LSR"),                                         \
		PORT((base) + 6, (base) + 6, part, "MSR"),                                         \
		PORT((base) + 7, (base) + 7, part, "SCR")

/* ATA/ATAPI-4, "Interface register definitions and descriptions". */
#define IDE(base, part)                                                                            \
	PORT(base, base, part, "data"), PORT((base) + 1, (base) + 1, part, "error", "features"),   \
		PORT((base) + 2, (base) + 2, part, "sector count"),                                \
		PORT((base) + 3, (base) + 3, part, "LBA low"),                                     \
		PORT((base) + 4, (base) + 4, part, "LBA mid"),                                     \
		PORT((base) + 5, (base) + 5, part, "LBA high"),                                    \
		PORT((base) + 6, (base) + 6, part, "device"),                                      \
		PORT((base) + 7, (base) + 7, part, "status", "command")

/* IEEE 1284 and the IBM PC's printer adapter. */
#define PARALLEL(base, part)                                                                       \
	PORT(base, base, part, "data"), PORT((base) + 1, (base) + 1, part, "status"),              \
		PORT((base) + 2, (base) + 2, part, "control")

/* Intel SDM volume 3, table "Local APIC register address map". */
#define LAPIC(offset, ...) MEM(0xfee00000 + (offset), 0xfee00003 + (offset), "LAPIC", __VA_ARGS__)

/* The first row that has the address counts. PIIX4 is the Intel 82371AB data sheet. */
static const struct watch_reg regs[] = {
	DMA_CHANNEL(0x00, 1, "8237 DMA", "0"),
	DMA_CHANNEL(0x02, 1, "8237 DMA", "1"),
	DMA_CHANNEL(0x04, 1, "8237 DMA", "2"),
	DMA_CHANNEL(0x06, 1, "8237 DMA", "3"),
	DMA_COMMANDS(0x08, 1, "8237 DMA"),
	/* Intel 8259A data sheet; ICW1 and OCW2, OCW3 differ by value. */
	PORT(0x20, 0x20, "8259 PIC 1", "IRR/ISR", "ICW1/OCW2/OCW3"),
	PORT(0x21, 0x21, "8259 PIC 1", "mask", "mask/ICW2-4"),
	/* Intel 8254 data sheet. */
	PORT(0x40, 0x40, "8254 PIT", "counter 0"),
	PORT(0x41, 0x41, "8254 PIT", "counter 1"),
	PORT(0x42, 0x42, "8254 PIT", "counter 2"),
	PORT(0x43, 0x43, "8254 PIT", "mode"),
	/* Intel 8042; the PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device". */
	PORT(0x60, 0x60, "i8042", "output buffer", "data"),
	/* PIIX4, "NMI registers": NMI status and control. */
	PORT(0x61, 0x61, "port B", "NMI status, speaker"),
	PORT(0x64, 0x64, "i8042", "status", "command"),
	/* Motorola MC146818A data sheet; the second bank: PIIX4, "Real time clock registers". */
	PORT(0x70, 0x70, "mc146818rtc", "index"),
	PORT(0x71, 0x71, "mc146818rtc", "data"),
	PORT(0x72, 0x72, "mc146818rtc", "index of bank 2"),
	PORT(0x73, 0x73, "mc146818rtc", "data of bank 2"),
	/* QEMU's option ROM for the local APIC (hw/i386/kvmvapic.c). */
	PORT(0x7e, 0x7e, "kvmvapic", "setup"),
	/* The IBM PC AT's manufacturing port; Linux writes it to wait (arch/x86/include/asm/io.h). */
	PORT(0x80, 0x80, "POST", "code, io delay"),
	/* PIIX4, "DMA registers": low page; the others are spare ones. */
	PORT(0x81, 0x81, "DMA page", "2"),
	PORT(0x82, 0x82, "DMA page", "3"),
	PORT(0x83, 0x83, "DMA page", "1"),
	PORT(0x84, 0x86, "DMA page", "spare"),
	PORT(0x87, 0x87, "DMA page", "0"),
	PORT(0x88, 0x88, "DMA page", "spare"),
	PORT(0x89, 0x89, "DMA page", "6"),
	PORT(0x8a, 0x8a, "DMA page", "7"),
	PORT(0x8b, 0x8b, "DMA page", "5"),
	PORT(0x8c, 0x8e, "DMA page", "spare"),
	PORT(0x8f, 0x8f, "DMA page", "refresh"),
	/* PS/2 Hardware Interface Technical Reference, "System control port A". */
	PORT(0x92, 0x92, "port A", "A20, fast reset"),
	PORT(0xa0, 0xa0, "8259 PIC 2", "IRR/ISR", "ICW1/OCW2/OCW3"),
	PORT(0xa1, 0xa1, "8259 PIC 2", "mask", "mask/ICW2-4"),
	/* PIIX4, "Advanced power management registers". */
	PORT(0xb2, 0xb2, "APM", "control (SMI)"),
	PORT(0xb3, 0xb3, "APM", "status"),
	DMA_CHANNEL(0xc0, 2, "8237 DMA 2", "4"),
	DMA_CHANNEL(0xc4, 2, "8237 DMA 2", "5"),
	DMA_CHANNEL(0xc8, 2, "8237 DMA 2", "6"),
	DMA_CHANNEL(0xcc, 2, "8237 DMA 2", "7"),
	DMA_COMMANDS(0xd0, 2, "8237 DMA 2"),
	/* Bochs' and QEMU's debug console (hw/char/debugcon.c). */
	PORT(0xe9, 0xe9, "debug console", "data"),
	PORT(0xed, 0xed, "io delay", "port 0xed"),
	PORT(0xf0, 0xf0, "coprocessor", "IGNNE#"),
	/* QEMU's default for isa-debug-exit in kvm-unit-tests. */
	PORT(0xf4, 0xf4, "isa-debug-exit", "code"),
	IDE(0x170, "IDE secondary"),
	IDE(0x1f0, "IDE primary"),
	/* The game control adapter of the IBM PC. */
	PORT(0x201, 0x201, "game port", "position", "trigger"),
	PARALLEL(0x278, "LPT2"),
	UART(0x2e8, "COM4"),
	UART(0x2f8, "COM2"),
	/* NE2000 at QEMU's first default; National DP8390D, "Register address assignments". */
	PORT(0x300, 0x300, "NE2000", "command"),
	PORT(0x301, 0x30f, "NE2000", "register of its page"),
	PORT(0x310, 0x317, "NE2000", "remote DMA"),
	PORT(0x318, 0x31f, "NE2000", "reset"),
	PORT(0x376, 0x376, "IDE secondary", "alternate status", "device control"),
	PARALLEL(0x378, "LPT1"),
	/* IBM VGA Technical Reference, "VGA Function Registers"; MDA and CGA share the CRT controller. */
	PORT(0x3b4, 0x3b4, "VGA", "CRTC index (mono)"),
	PORT(0x3b5, 0x3b5, "VGA", "CRTC data (mono)"),
	PORT(0x3ba, 0x3ba, "VGA", "input status 1 (mono)", "feature control (mono)"),
	PORT(0x3c0, 0x3c0, "VGA", "attribute index", "attribute index/data"),
	PORT(0x3c1, 0x3c1, "VGA", "attribute data"),
	PORT(0x3c2, 0x3c2, "VGA", "input status 0", "miscellaneous output"),
	PORT(0x3c3, 0x3c3, "VGA", "enable"),
	PORT(0x3c4, 0x3c4, "VGA", "sequencer index"),
	PORT(0x3c5, 0x3c5, "VGA", "sequencer data"),
	PORT(0x3c6, 0x3c6, "VGA", "DAC mask"),
	PORT(0x3c7, 0x3c7, "VGA", "DAC state", "DAC read index"),
	PORT(0x3c8, 0x3c8, "VGA", "DAC write index"),
	PORT(0x3c9, 0x3c9, "VGA", "DAC data"),
	PORT(0x3ca, 0x3ca, "VGA", "feature control"),
	PORT(0x3cc, 0x3cc, "VGA", "miscellaneous output"),
	PORT(0x3ce, 0x3ce, "VGA", "graphics index"),
	PORT(0x3cf, 0x3cf, "VGA", "graphics data"),
	PORT(0x3d4, 0x3d4, "VGA", "CRTC index"),
	PORT(0x3d5, 0x3d5, "VGA", "CRTC data"),
	PORT(0x3da, 0x3da, "VGA", "input status 1", "feature control"),
	UART(0x3e8, "COM3"),
	/* Intel 82078 data sheet. */
	PORT(0x3f0, 0x3f0, "floppy", "status A"),
	PORT(0x3f1, 0x3f1, "floppy", "status B"),
	PORT(0x3f2, 0x3f2, "floppy", "digital output"),
	PORT(0x3f3, 0x3f3, "floppy", "tape drive"),
	PORT(0x3f4, 0x3f4, "floppy", "main status", "data rate"),
	PORT(0x3f5, 0x3f5, "floppy", "FIFO"),
	/* One port with two owners: the floppy's disk change and the disk's control. */
	PORT(0x3f6, 0x3f6, "IDE primary", "alternate status", "device control"),
	PORT(0x3f7, 0x3f7, "floppy", "digital input", "configuration"),
	UART(0x3f8, "COM1"),
	/* SeaBIOS's and OVMF's debug output (QEMU docs, -device isa-debugcon). */
	PORT(0x402, 0x402, "debug console", "firmware's"),
	/* PIIX4, "Interrupt controller registers": edge or level. */
	PORT(0x4d0, 0x4d0, "8259 PIC 1", "ELCR"),
	PORT(0x4d1, 0x4d1, "8259 PIC 2", "ELCR"),
	/* QEMU docs/specs/pvpanic.rst and fw_cfg.rst. */
	PORT(0x505, 0x505, "pvpanic", "events"),
	PORT(0x510, 0x510, "fw_cfg", "selector"),
	PORT(0x511, 0x511, "fw_cfg", "data"),
	PORT(0x514, 0x517, "fw_cfg", "DMA address high"),
	PORT(0x518, 0x51b, "fw_cfg", "DMA address low"),
	/* PIIX4, "Power management I/O space registers", at the base that SeaBIOS sets. */
	PORT(0x600, 0x601, "ACPI PM", "PM1 status"),
	PORT(0x602, 0x603, "ACPI PM", "PM1 enable"),
	PORT(0x604, 0x605, "ACPI PM", "PM1 control"),
	PORT(0x608, 0x60b, "ACPI PM", "timer"),
	PORT(0x628, 0x62b, "ACPI PM", "global control"),
	/* PIIX4, "SMBus I/O space registers", at the base that SeaBIOS sets. */
	PORT(0x700, 0x700, "SMBus", "host status"),
	PORT(0x701, 0x701, "SMBus", "slave status"),
	PORT(0x702, 0x702, "SMBus", "host control"),
	PORT(0x703, 0x703, "SMBus", "host command"),
	PORT(0x704, 0x704, "SMBus", "host address"),
	PORT(0x705, 0x706, "SMBus", "host data"),
	PORT(0x707, 0x707, "SMBus", "block data"),
	/* QEMU docs/specs/acpi_cpu_hotplug.rst, acpi_pci_hotplug.rst; acpi_mem_hotplug.rst. */
	PORT(0xa00, 0xa17, "memory hotplug", "registers"),
	PORT(0xae0, 0xaef, "PCI hotplug", "registers"),
	PORT(0xaf00, 0xaf1f, "CPU hotplug", "registers"),
	PORT(0xafe0, 0xafe3, "GPE", "status, enable"),
	/* PCI Local Bus 3.0, 3.2.2.3.2; the byte 0xcf9 is the reset control of PIIX3 and PIIX4. */
	PORT(0xcf8, 0xcf8, "PCI config", "address"),
	PORT(0xcf9, 0xcf9, "PIIX", "reset control"),
	PORT(0xcfa, 0xcfb, "PCI config", "address"),
	PORT(0xcfc, 0xcff, "PCI config", "data"),
	/* VMware's backdoor, as QEMU has it (hw/i386/vmport.c), and the VBE display interface. */
	PORT(0x5658, 0x5658, "vmport", "command"),
	PORT(0x1ce, 0x1ce, "VGA", "VBE index"),
	PORT(0x1cf, 0x1d0, "VGA", "VBE data"),

	/* IBM VGA Technical Reference, "Video memory". */
	MEM(0xa0000, 0xbffff, "VGA", "window"),
	MEM(0xfec00000, 0xfec0000f, "IOAPIC", "index"), /* Intel 82093AA */
	MEM(0xfec00010, 0xfec0001f, "IOAPIC", "data"),
	MEM(0xfec00040, 0xfec00043, "IOAPIC", "EOI"),
	MEM(0xfed00000, 0xfed00007, "HPET", "capabilities"), /* IA-PC HPET 1.0a */
	MEM(0xfed00010, 0xfed00017, "HPET", "configuration"),
	MEM(0xfed00020, 0xfed00027, "HPET", "interrupt status"),
	MEM(0xfed000f0, 0xfed000f7, "HPET", "main counter"),
	MEM(0xfed00100, 0xfed003ff, "HPET", "timers"),
	LAPIC(0x020, "ID"),
	LAPIC(0x030, "version"),
	LAPIC(0x080, "TPR"),
	LAPIC(0x0b0, "EOI"),
	LAPIC(0x0d0, "LDR"),
	LAPIC(0x0e0, "DFR"),
	LAPIC(0x0f0, "SVR"),
	LAPIC(0x280, "ESR"),
	LAPIC(0x300, "ICR low"),
	LAPIC(0x310, "ICR high"),
	LAPIC(0x320, "LVT timer"),
	LAPIC(0x350, "LVT LINT0"),
	LAPIC(0x360, "LVT LINT1"),
	LAPIC(0x370, "LVT error"),
	LAPIC(0x380, "initial count"),
	LAPIC(0x390, "current count"),
	LAPIC(0x3e0, "divide"),
	MEM(0xfee00000, 0xfee00fff, "LAPIC", "registers"),
};

const struct watch_reg *watch_reg_find(enum watch_space space, uint64_t addr)
{
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (regs[i].space == space && addr >= regs[i].first && addr <= regs[i].last)
			return &regs[i];
	return NULL;
}

const char *watch_reg_side(const struct watch_reg *reg, bool write)
{
	return reg->names[write && reg->names[1]];
}
